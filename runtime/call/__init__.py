"""One call, start to end, and all that it needs to follow edits. Knows nothing of where it runs."""
