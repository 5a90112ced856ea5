"""Saved files → new specs, for every call that follows them."""
