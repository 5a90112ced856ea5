"""A call in this terminal, and what is shown of calls."""
