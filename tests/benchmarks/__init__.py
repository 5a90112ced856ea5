"""Programs that print figures as ratios to what a user would write by hand: `python -m tests.benchmarks [NAME …]`.

Each module here that has a `rows()` is one; a new one is found by itself.
"""
