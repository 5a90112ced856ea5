"""A rehearsal as it goes on, and its answer: a bar and a table on a terminal, lines in a pipe."""

from __future__ import annotations

import math
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from ..errors import SpecError, exits, not_there, shown_path
from ..record.folder import write_private
from ..record.texts import points
from ..redaction import clean
from ..rehearse.answer import Answer, Comparison, compare
from ..rehearse.combination import command_of, fixed_of
from ..rehearse.report import sweep_report
from ..rehearse.sweep import (
    CALLS,
    REPORT,
    RESULTS,
    ROW,
    Outcome,
    Row,
    found_by_sweeper,
    from_csv,
    holding,
    open_sweep,
    read_row,
    rows,
    running,
    to_csv,
    writing,
)
from ..rehearse.wording import cell, compared, counted, ended_by, groups, heading, name, said, title
from ..spec.settings import Settings
from .view import table

LOOK_SECONDS = 0.25
"""How often the folder of a sweep is looked at."""
TYPED, SPOKEN = "calls", "spoken calls, in real time"
RUNNING_SHOWN = 4
"""Calls that are on and shown with their turns."""
FIRST = ("ended by", "score", "failed", "passed %", "latency s", "breaks", "cost $", "first word s", "calls")
"""The columns that a narrow terminal shows before others, in this order."""
MARKS = {Outcome.DONE: "✓", Outcome.FAILED: "✗", Outcome.SKIPPED: "–"}


def show_rehearsal(settings: Settings, overrides: Sequence[str], total: int | None, run: Callable[[Path], None]) -> int:
    """Shows a sweep while it runs, and then its answer, which it writes into the folder too; returns the exit code: 1
    where a job failed, its process was killed or something is worse than `rehearse.compare` allows. A sweep that ends
    before its time is answered by what there is, with the command that goes on: 2 where something in it cannot be used,
    130 after Ctrl-C, 143 after SIGTERM.

    Args:
        overrides: the command, by which a sweep is known that is to be resumed.
        total: how many jobs there are; None where only the sweeper knows.
        run: holds all the calls; takes the sweep's folder.
    """
    asked = settings.rehearse
    earlier = Answer(_earlier(asked.compare)) if asked.compare else None
    sweep = open_sweep(settings.record.dir, asked.dir, command_of(overrides), fixed_of(overrides), resume=asked.resume)
    console = Console(highlight=False)
    before = rows(sweep) if asked.resume else []
    watch = _Watch(console, sweep, total, before, SPOKEN if asked.audio else TYPED)
    with holding(sweep):
        stopped, code, broken = _run_sweep(watch, lambda: run(sweep))
    answer = Answer(rows(sweep))
    comparison = compare(earlier, answer, asked.limits) if earlier else None
    if answer.rows or not stopped:
        try:
            with writing(sweep):
                write_private(sweep / RESULTS, to_csv(answer.rows))
                write_private(sweep / REPORT, sweep_report(sweep, answer, comparison))
        except SpecError as error:
            broken = broken or error
        show_answer(console, answer, comparison)
        if watch.again:
            again = f"calls held again, as files of theirs were edited since: {watch.again}"
            console.print(Text(again), soft_wrap=True)
        if found := found_by_sweeper(sweep):
            console.print(Text(clean(found)), soft_wrap=True)
        if not isinstance(broken, SpecError):
            print(f"\n{clean(shown_path(sweep / REPORT))}", flush=True)
    if stopped:
        more = f"{stopped}: {answer.done} of {total or '?'} done; go on with {_resumed(overrides, sweep)}"
        print(clean(more), file=sys.stderr)
    if broken and code != 2:  # else it was told what is wrong
        raise broken
    if stopped:
        return code
    worse = comparison and (comparison.worse or not comparison.both)
    return 1 if answer.failed or worse or not answer.done else 0


def _run_sweep(watch: _Watch, run: Callable[[], None]) -> tuple[str, int, Exception | None]:
    """Holds all the calls. Of what ended them before their time ("": nothing): what that was, the exit code, and the
    error of which nobody was told yet."""
    try:
        with exits(), _watching(watch):
            run()
    except SystemExit as error:  # one line has told of a mistake, or the user has ended it
        code = 128 + signal.SIGTERM if watch.terminated else error.code
        return "stopped", code if isinstance(code, int) else 1, None
    except BrokenExecutor:
        return "a process of the sweep was killed", 1, None
    except Exception as error:
        return "stopped", 0, error
    return "", 0, None


def _resumed(overrides: Sequence[str], sweep: Path) -> str:
    """The command that goes on with a sweep that was stopped."""
    flags = [flag for flag in sys.argv[1:] if flag in ("-m", "--multirun")]
    kept = [said for said in overrides if not said.startswith(("rehearse.resume=", "rehearse.dir="))]
    more = ["rehearse.resume=true", f"rehearse.dir={shown_path(sweep)}"]
    return shlex.join(["python", "-m", "runtime", *flags, *kept, *more])


def _earlier(named: str) -> Sequence[Row]:
    if not os.path.lexists(folder := Path(named)):
        raise not_there("rehearse.compare", folder)
    return from_csv(folder / RESULTS if folder.is_dir() else folder)


# ---------------------------------------------------------------- while it runs


@contextmanager
def _watching(watch: _Watch) -> Iterator[None]:
    """Shows the progress of the jobs while it is entered; SIGTERM is Ctrl-C meanwhile, which cancels a call that is
    on: an exception out of the signal's handler could leave it half closed. That holds where Ctrl-C was ignored too,
    as it is in the background of a script."""
    over = threading.Event()
    thread = threading.Thread(target=watch.run, args=(over,), daemon=True, name="rehearsal")
    before_it = signal.signal(signal.SIGTERM, watch.terminate)
    if ignored := signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        signal.signal(signal.SIGTERM, before_it or signal.SIG_DFL)
        if ignored:
            signal.signal(signal.SIGINT, signal.SIG_IGN)


class _Watch:
    """Looks at a sweep's folder again and again, as calls may be held by other processes. `before` are the jobs that
    were done when a sweep is gone on with."""

    def __init__(self, console: Console, sweep: Path, total: int | None, before: Sequence[Row], what: str) -> None:
        self._console = console
        self._sweep = sweep
        self._total = total
        self._before = {row.folder for row in before if row.outcome is not Outcome.FAILED}
        self._done = set(self._before)
        self._written = {row.folder: _written(sweep / row.folder / ROW) for row in before}
        self._told: set[str] = set()
        self.again = 0
        self.terminated = False
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
        )
        self._task = self._bar.add_task(what, total=total, completed=len(self._done))

    def terminate(self, *_: object) -> None:
        """A handler of SIGTERM."""
        self.terminated = True
        signal.raise_signal(signal.SIGINT)

    def run(self, over: threading.Event) -> None:
        """Looks at the folder until the sweep is `over`, and once more."""
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
            written = _written(file)
            if self._written.get(place) != written and (row := read_row(file.parent)):
                self._written[place] = written
                self._done.add(place)
                self.again += place in self._before
                self._tell(row)
        self._bar.update(self._task, completed=len(self._done))

    def _running(self) -> list[Text]:
        calls = list(running(self._sweep))
        lines = [f"  {name}: turn {turns + 1}" for name, turns in calls[:RUNNING_SHOWN]]
        more = [f"  and {len(calls) - RUNNING_SHOWN} more"] if len(calls) > RUNNING_SHOWN else []
        return [Text(clean(line), style="dim") for line in [*lines, *more]]

    def _tell(self, row: Row) -> None:
        """A line for each job in a pipe; on a terminal for each reason why some were not held, which is told once."""
        known = row.outcome is Outcome.DONE or row.reason in self._told
        if known and self._console.is_terminal:
            return
        outcome = f"{row.outcome}, as before" if known and row.measures is None else _outcome(row)
        self._told.add(row.reason)
        count = f"{len(self._done)}/{self._total or '?'} "
        style = {Outcome.DONE: "", Outcome.FAILED: "red", Outcome.SKIPPED: "yellow"}[row.outcome]
        self._console.print(
            Text(clean(f"{MARKS[row.outcome]} {count}{row.name}: {outcome}"), style=style), soft_wrap=True
        )


def _outcome(row: Row) -> str:
    if row.measures is None:
        return f"{row.outcome}: {row.reason}"
    shown = row.measures
    turns = "1 turn" if shown.turns == 1 else f"{shown.turns} turns"
    return f"{shown.ending}, {points(shown.score, shown.passed)}, {turns}"


def _written(row: Path) -> tuple[int, int] | None:
    """By what a row is told from one that was written in its place; None where there is none."""
    try:
        known = row.stat()
    except OSError:
        return None
    return known.st_ino, known.st_mtime_ns


# ---------------------------------------------------------------- the answer


def show_answer(console: Console, answer: Answer, comparison: Comparison | None) -> None:
    """Prints what each option showed, the table, what is best, what failed, and what is worse than before."""
    for names, lines in groups(answer):
        if console.is_terminal:
            console.print(table("", names, lines), "")
        else:
            print(*("\t".join(map(clean, line)) for line in [names, *lines]), sep="\n")
    if answer.combinations and console.is_terminal:
        console.print(Text(clean(title(answer)), style="italic"), soft_wrap=True)
        names, lines, left_out = cells(answer, console.width)
        console.print(table("", names, lines))
        if left_out:
            console.print(Text(f"in a wider terminal and in {RESULTS}: {', '.join(left_out)}", style="dim"))
    elif answer.combinations:
        names, lines, _ = cells(answer, None)
        print(title(answer), *("\t".join(line) for line in [names, *lines]), sep="\n")
    for line in said(answer):
        console.print(Text(clean(line)), soft_wrap=True)
    for line in compared(answer, comparison) if comparison else ():
        console.print(Text(clean(line), style="red" if line.startswith("✗") else ""), soft_wrap=True)


def cells(answer: Answer, width: int | None) -> tuple[list[str], list[list[str]], list[str]]:
    """The names of the columns and a line for each combination, for a terminal of this width (None: all of them), and
    the names of those for which there is no room."""
    ones = answer.combinations
    columns = {"calls": [str(len(one.held)) for one in ones]}
    columns |= {heading(column): [cell(one, column, answer) for one in ones] for column in answer.columns}
    columns |= {"ended by": list(map(ended_by, ones)), "phases": [counted(one.phases) for one in ones]}
    if width is None or any(one.failed for one in ones):
        columns["failed"] = [str(one.failed or "–") for one in ones]
    key = " ".join(answer.keys), [name(one, answer) for one in ones]
    left, fits = math.inf if width is None else width - _wide(*key), set()
    for column in sorted(columns, key=lambda column: FIRST.index(column) if column in FIRST else len(FIRST)):
        if (taken := _wide(column, columns[column])) <= left or column == FIRST[0]:
            left -= taken
            fits.add(column)
    shown = dict([key, *((column, columns[column]) for column in columns if column in fits)])
    lines = [list(map(clean, line)) for line in zip(*shown.values(), strict=True)]
    return list(shown), lines, [column for column in columns if column not in fits]


def _wide(column: str, values: Sequence[str]) -> int:
    """How wide a column of a table is in a terminal, with the gap beside it."""
    return 2 + max(map(cell_len, (column, *values)))
