"""A rehearsal as it goes on, and its answer: a bar and a table on a terminal, lines in a pipe."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from ..errors import shown_path
from ..record.folder import write_private
from ..redaction import clean
from ..rehearse.answer import Answer, Column, Combination, Difference, Spread, compare
from ..rehearse.sweep import CALLS, NAMED, REPORT, RESULTS, ROW, Outcome, Row, from_csv, read_row, rows, running, to_csv
from ..spec.settings import Rehearse
from .view import table

LOOK_SECONDS = 0.25
"""How often the folder of a sweep is looked at."""
RUNNING_SHOWN = 4
"""Calls that are on and shown with their turns."""
WIDE, FULL = 100, 150
"""Columns of a terminal from which on more, and all, is shown."""
NARROW_COLUMNS = ("score", "latency", "breaks")
WIDE_COLUMNS = (*NARROW_COLUMNS, "passed", "first_audio", "latency_high", "cost")
MARKS = {Outcome.DONE: "✓", Outcome.FAILED: "✗", Outcome.SKIPPED: "–"}


def show_rehearsal(asked: Rehearse, sweep: Path, total: int | None, run: Callable[[], object]) -> int:
    """Shows a sweep while it runs, and then its answer, which it writes into the folder too; returns the exit code: 1
    where a job failed or something is worse than `rehearse.compare` allows, 130 where the user stopped it.

    Args:
        total: how many jobs there are; None where only the sweeper knows.
    """
    earlier = Answer(_earlier(asked.compare)) if asked.compare else None
    stopped = False
    console = Console(highlight=False)
    before = set() if not asked.resume else {row.folder for row in rows(sweep)}
    with _watching(console, sweep, total, before):
        try:
            run()
        except KeyboardInterrupt:
            stopped = True
    answer = Answer(rows(sweep))
    differences = compare(earlier, answer, asked.limits) if earlier else []
    write_answer(sweep, answer, differences)
    show_answer(console, answer, differences)
    print(f"\n{clean(shown_path(sweep / REPORT))}")
    if stopped:
        print("stopped: the same command with rehearse.resume=true goes on", file=sys.stderr)
        return 130
    worse = any(difference.worse for difference in differences)
    return 1 if answer.failed or worse or not answer.done else 0


def _earlier(named: str) -> Sequence[Row]:
    folder = Path(named)
    return from_csv(folder / RESULTS if folder.is_dir() else folder)


def write_answer(sweep: Path, answer: Answer, differences: Sequence[Difference]) -> None:
    """Writes `results.csv` and `report.html`."""
    write_private(sweep / RESULTS, to_csv(answer.rows))


# ---------------------------------------------------------------- while it runs


@contextmanager
def _watching(console: Console, sweep: Path, total: int | None, before: set[str]) -> Iterator[None]:
    """Shows what becomes of the jobs, as their folders tell it: whoever holds the calls, here or elsewhere."""
    over = threading.Event()
    watch = _Watch(console, sweep, total, before)
    thread = threading.Thread(target=watch.run, args=(over,), daemon=True, name="rehearsal")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class _Watch:
    """Looks at the folder again and again."""

    def __init__(self, console: Console, sweep: Path, total: int | None, before: set[str]) -> None:
        self._console = console
        self._sweep = sweep
        self._total = total
        self._done = before
        self._told: dict[str, int] = {}
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
        )
        self._task = self._bar.add_task("calls", total=total, completed=len(before))

    def run(self, over: threading.Event) -> None:
        """Until it is over, and once more."""
        if not self._console.is_terminal:
            while not over.wait(LOOK_SECONDS):
                self._look()
            self._look()
            return
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            while not over.wait(LOOK_SECONDS):
                self._look()
                live.update(Group(self._bar, *self._running()), refresh=True)
            self._look()

    def _look(self) -> None:
        for file in sorted(self._sweep.glob(f"{CALLS}/*/*/{ROW}")):
            place = str(file.parent.relative_to(self._sweep))
            if place not in self._done and (row := read_row(file.parent)):
                self._done.add(place)
                self._tell(row)
        self._bar.update(self._task, completed=len(self._done))

    def _running(self) -> list[Text]:
        calls = list(running(self._sweep))
        lines = [f"  {name}: turn {turns + 1}" for name, turns in calls[:RUNNING_SHOWN]]
        more = [f"  and {len(calls) - RUNNING_SHOWN} more"] if len(calls) > RUNNING_SHOWN else []
        return [Text(clean(line), style="dim") for line in [*lines, *more]]

    def _tell(self, row: Row) -> None:
        """A line for each job in a pipe; on a terminal for those that were not held, and a reason only once."""
        held = row.outcome is Outcome.DONE
        if held and self._console.is_terminal:
            return
        self._told[row.reason] = self._told.get(row.reason, 0) + 1
        if not held and self._told[row.reason] > 1:
            return
        count = f"{len(self._done)}/{self._total or '?'} "
        style = {Outcome.DONE: "", Outcome.FAILED: "red", Outcome.SKIPPED: "yellow"}[row.outcome]
        self._console.print(
            Text(clean(f"{MARKS[row.outcome]} {count}{row.name}: {_outcome(row)}"), style=style), soft_wrap=True
        )


def _outcome(row: Row) -> str:
    if row.measures is None:
        return f"{row.outcome}: {row.reason}"
    shown = row.measures
    verdict = {True: "passed", False: "not passed", None: "not decided"}[shown.passed]
    return f"{shown.ending}, {'–' if shown.score is None else shown.score} ({verdict}), {shown.turns} turns"


# ---------------------------------------------------------------- the answer


def show_answer(console: Console, answer: Answer, differences: Sequence[Difference]) -> None:
    """Prints the table, what is best, what failed, and what is worse than before."""
    if answer.combinations and console.is_terminal:
        console.print(table(title(answer), *cells(answer, console.width)))
    elif answer.combinations:
        names, lines = cells(answer, FULL)
        print(title(answer), *("\t".join(line) for line in [names, *lines]), sep="\n")
    for line in said(answer):
        console.print(Text(clean(line)), soft_wrap=True)
    for difference in differences:
        name = " ".join(difference.key.get(key, "") for key in answer.keys)
        mark = "✗ worse" if difference.worse else "  changed"
        line = f"{mark}: {name}: {difference.column} {difference.before:.4g} → {difference.after:.4g}"
        console.print(Text(clean(line), style="red" if difference.worse else ""), soft_wrap=True)


def cells(answer: Answer, width: int) -> tuple[list[str], list[list[str]]]:
    """The names of the columns, and a line for each combination, for a terminal of this width."""
    keys = [[key] for key in answer.keys] if width >= WIDE else [answer.keys]
    shown = NARROW_COLUMNS if width < WIDE else WIDE_COLUMNS
    columns = [column for column in answer.columns if width >= FULL or column.key in shown]
    names = [" ".join(group) for group in keys]
    names += [
        "calls",
        *(column.title for column in columns),
        "ended by",
        *(["phases"] if width >= FULL else []),
        "failed",
    ]
    lines = []
    for one in answer.combinations:
        line = [" ".join(one.key.get(key, "") for key in group) for group in keys]
        line += [str(len(one.held)), *(cell(one, column, answer) for column in columns), counted(one.endings)]
        line += [counted(one.phases)] if width >= FULL else []
        lines.append([clean(text) for text in [*line, str(one.failed) if one.failed else "–"]])
    return names, lines


def title(answer: Answer) -> str:
    """What all combinations have in common."""
    return ", ".join(f"{key}={value}" for key, value in answer.same.items() if key in NAMED)


def cell(one: Combination, column: Column, answer: Answer) -> str:
    """A column of one combination: the middle of its calls and how far they spread; `*` marks what is surely best."""
    spread = one.spread(column)
    if spread is None:
        return "unknown" if column.key == "cost" and one.held else "–"
    return shown(spread, column) + ("*" if answer.best(column) is one else "")


def shown(spread: Spread, column: Column) -> str:
    """`85 (80–100)`: the middle value, and the least and the most where they differ."""
    low, high = min(spread.values), max(spread.values)
    middle = _number(spread.mean if column.key in ("passed", "breaks") else spread.middle, column)
    if column.key == "passed" or _number(low, column) == _number(high, column):
        return middle
    return f"{middle} ({_number(low, column)}–{_number(high, column)})"


def _number(value: float, column: Column) -> str:
    text = f"{value:.{column.digits}f}" if value else "0"
    return f"${text}" if column.unit == "$" else f"{text}{column.unit if column.unit != 's' else ' s'}"


def counted(counts: Sequence[tuple[str, int]]) -> str:
    """`resolved 4, walked_out 1`."""
    return ", ".join(name if len(counts) == 1 else f"{name} {count}" for name, count in counts)


def said(answer: Answer) -> Iterator[str]:
    """What the table says, in sentences: what is best in each column and how sure, what was skipped and what failed."""
    for column in answer.columns if len(answer.combinations) > 1 else ():
        if best := answer.best(column):
            spread = best.spread(column)
            assert spread
            name = " ".join(best.key.get(key, "") for key in answer.keys)
            margin = _number(spread.margin or 0, column)
            yield f"best {column.title}: {name}, {_number(spread.mean, column)} ± {margin} on average (95 %)"
    for reason, count in answer.skipped.items():
        yield f"– {count} skipped: {reason}"
    reasons: dict[str, list[Row]] = {}
    for row in answer.failed:
        reasons.setdefault(row.reason, []).append(row)
    for reason, found in reasons.items():
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        yield f"✗ failed: {found[0].name}{more}: {reason}"
