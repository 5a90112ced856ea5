"""The report of a sweep: one HTML file that gives the answer first, then the spread, then the calls that explain it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup

from ..config.groups import prices_date
from ..record.folder import REPORT
from ..record.templates import HERE as CALL_REPORT
from ..record.templates import csp_hash, html_templates
from .answer import Answer, Column, Combination, Comparison
from .sweep import Row, found_by_sweeper
from .wording import bounded, cell, compared, counted, ended_by, groups, heading, name, number, said

HERE = Path(__file__).parent
PLOTTED = ("score", "latency")
"""The columns that are drawn."""


@dataclass(frozen=True, slots=True)
class Strip:
    """One combination in a plot: its calls as dots, and the mean with its bounds; in per cent of the width."""

    label: str
    dots: tuple[float, ...]
    mean: float
    low: float
    high: float
    told: str


@dataclass(frozen=True, slots=True)
class Plot:
    """One column of all combinations, from 0 to `most`."""

    title: str
    most: str
    strips: tuple[Strip, ...]


class SweepPage:
    """What the template asks of a sweep."""

    def __init__(self, sweep: Path, answer: Answer, comparison: Comparison | None) -> None:
        self.name = sweep.name
        self._found = found_by_sweeper(sweep)
        self.answer = answer
        self.compared = list(compared(answer, comparison)) if comparison else []
        self.prices_date = prices_date()

    @property
    def when(self) -> str:
        """The day and the time of the sweep, where its folder tells."""
        found = re.match(r"(\d{4}-\d\d-\d\d)-(\d\d)(\d\d)\d\d", self.name)
        return f"{found[1]} {found[2]}:{found[3]}" if found else self.name

    @cached_property
    def said(self) -> list[str]:
        """The answer in sentences."""
        found = [self._found] if self._found else []
        return [*found, *said(self.answer)] or ["one combination: what its calls showed is below"]

    @cached_property
    def groups(self) -> list[tuple[list[str], list[list[str]]]]:
        """What each option of each group showed, with its columns' names."""
        return list(groups(self.answer))

    def cell(self, one: Combination, column: Column) -> str:
        """A column of a combination."""
        return cell(one, column, self.answer).rstrip("*")

    def heading(self, column: Column) -> str:
        """A column's name."""
        return heading(column)

    def is_best(self, one: Combination, column: Column) -> bool:
        """Whether it is surely the best in this column."""
        return self.answer.best(column) is one

    def worded(self, one: Combination) -> str:
        """The combination's name."""
        return name(one, self.answer)

    def ended_by(self, one: Combination) -> str:
        """How its calls ended."""
        return ended_by(one)

    def phases(self, one: Combination) -> str:
        """The phases that its calls came through."""
        return counted(one.phases)

    def link(self, row: Row) -> str:
        """Where a call's own report is, as seen from this page."""
        return quote(f"{row.folder}/{REPORT}")

    @property
    def plots(self) -> Iterator[Plot]:
        """The spread of each combination."""
        for column in self.answer.columns:
            told = column.key == "score" or any(
                any(s.values) for one in self.answer.combinations if (s := one.spread(column))
            )
            if column.key in PLOTTED and told and len(self.answer.combinations) > 1:
                yield self._plot(column)

    def _plot(self, column: Column) -> Plot:
        found = [(one, spread) for one in self.answer.combinations if (spread := one.spread(column))]
        values = [value for _, spread in found for value in spread.values]
        most = max([*values, 100 if column.key == "score" else 0]) or 1

        def place(value: float) -> float:
            return round(100 * min(most, max(0.0, value)) / most, 2)

        strips = []
        for one, spread in found:
            margin = spread.margin or 0
            strip = Strip(
                label=name(one, self.answer),
                dots=tuple(map(place, spread.values)),
                mean=place(spread.mean),
                low=place(spread.mean - margin),
                high=place(spread.mean + margin),
                told=bounded(spread, column),
            )
            strips.append(strip)
        return Plot(column.title, number(most, column), tuple(strips))


def sweep_report(sweep: Path, answer: Answer, comparison: Comparison | None = None) -> str:
    """The report as HTML."""
    style = "\n".join(file.read_text(encoding="utf-8") for file in (CALL_REPORT / "report.css", HERE / "report.css"))
    policy = f"default-src 'none'; style-src {csp_hash(style)}; base-uri 'none'; form-action 'none'"
    template = html_templates(HERE).get_template("report.html.jinja")
    page = SweepPage(sweep, answer, comparison)
    return template.render(page=page, answer=answer, style=Markup(style), policy=policy)
