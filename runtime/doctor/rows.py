"""What a check says of each thing that it looks at, and how it is printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console

from ..errors import NotOffered, SpecError
from ..terminal.view import plain_rows, table

CheckResult = tuple[str, str, str]
"""A mark (✓ fine, ✗ not fine, ! doubtful, – not installed or not asked), what was checked, and how it is."""


def print_results(rows: Sequence[CheckResult], neither: str) -> int:
    """Prints what is fine (✓), not fine (✗), doubtful (!) and `neither` (–); returns the exit code: 1 with any ✗."""
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(table("", ("", "what", "how it is"), rows))
    else:
        for line in plain_rows(rows):
            print(line)
    marks = Counter(mark for mark, _, _ in rows)
    doubtful = f", {marks['!']} to look at" if marks["!"] else ""
    print(f"{marks['✓']} fine, {marks['–']} {neither}{doubtful}, {marks['✗']} not fine")
    return 1 if marks["✗"] else 0


def rows_of(what: str, examine: Callable[[], object]) -> Iterator[CheckResult]:
    """How something is: a row where it is fine, else one for each mistake in it."""
    try:
        yield "✓", what, str(examine())
    except SpecError as error:
        yield from ((mark_of(one), what, str(one)) for one in (error, *error.others))


def mistakes_of(what: str, examine: Callable[[], object]) -> Iterator[CheckResult]:
    """A row for each mistake in something; none where all is well."""
    return (row for row in rows_of(what, examine) if row[0] != "✓")


def mark_of(error: SpecError) -> str:
    """How a row is marked that an error is told in."""
    return "–" if isinstance(error, NotOffered) else "✗"
