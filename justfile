# Everything a developer runs. `just --list` shows it.

# Talk to a persona in this terminal, e.g. `just run persona=sarah_thompson language=th`.
run *overrides:
    uv run python -m runtime {{overrides}}

# Check every config and persona file.
check:
    uv run python -m runtime mode=check

test *arguments:
    uv run pytest {{arguments}}

lint:
    uv run ruff check .
    uv run ruff format --check .

types:
    uv run mypy

# Print the figures as ratios to what a user would write by hand.
bench:
    uv run python -m tests.benchmarks

# All that a change must pass.
all: lint types test check
