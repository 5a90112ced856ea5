# Everything a developer runs. `just --list` shows it.

# Talk to a persona in this terminal, e.g. `just run persona=sarah_thompson language=th`.
run *overrides:
    uv run python -m runtime {{overrides}}

# Check every config and persona file.
check:
    uv run python -m runtime mode=check

test *arguments:
    uv run --extra dev pytest {{arguments}}

lint:
    uv run --extra dev ruff check .
    uv run --extra dev ruff format --check .

types:
    uv run --extra dev mypy

# Print the figures as ratios to what a user would write by hand.
bench:
    uv run --extra dev python -m tests.benchmarks

# All that a change must pass.
all:
    .ci/run
