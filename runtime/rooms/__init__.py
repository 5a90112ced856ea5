"""LiveKit rooms → calls: the worker, its jobs, and the link between them."""
