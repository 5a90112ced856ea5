"""The report of a sweep: one HTML file that gives the answer first, then the spread, then the calls that explain it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup

from ..config.groups import prices_date
from ..record.folder import REPORT
from ..record.templates import HERE as CALL_REPORT
from ..record.templates import csp_hash, html_templates
from .answer import Answer, Column, Combination, Comparison, Spread
from .sweep import found_by_sweeper
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


def plots(answer: Answer) -> Iterator[Plot]:
    """The spread of each combination, in the columns that are drawn and in which any call showed anything."""
    for column in answer.columns if len(answer.combinations) > 1 else ():
        found = [(one, spread) for one in answer.combinations if (spread := one.spread(column))]
        if column.key in PLOTTED and (column.key == "score" or any(any(spread.values) for _, spread in found)):
            yield _plot(column, found, answer)


def _plot(column: Column, found: Sequence[tuple[Combination, Spread]], answer: Answer) -> Plot:
    values = [value for _, spread in found for value in spread.values]
    most = max([*values, 100 if column.key == "score" else 0]) or 1

    def place(value: float) -> float:
        return round(100 * min(most, max(0.0, value)) / most, 2)

    strips = []
    for one, spread in found:
        margin = spread.margin or 0
        strip = Strip(
            label=name(one, answer),
            dots=tuple(map(place, spread.values)),
            mean=place(spread.mean),
            low=place(spread.mean - margin),
            high=place(spread.mean + margin),
            told=bounded(spread, column),
        )
        strips.append(strip)
    return Plot(column.title, number(most, column), tuple(strips))


def _when(sweep: str) -> str:
    """The day and the time of a sweep, where its folder's name tells; else that name."""
    found = re.match(r"(\d{4}-\d\d-\d\d)-(\d\d)(\d\d)\d\d", sweep)
    return f"{found[1]} {found[2]}:{found[3]}" if found else sweep


def sweep_report(sweep: Path, answer: Answer, comparison: Comparison | None = None) -> str:
    style = "\n".join(file.read_text(encoding="utf-8") for file in (CALL_REPORT / "report.css", HERE / "report.css"))
    policy = f"default-src 'none'; style-src {csp_hash(style)}; base-uri 'none'; form-action 'none'"
    best = found_by_sweeper(sweep)
    sentences = [*([best] if best else []), *said(answer)]
    return (
        html_templates(HERE)
        .get_template("report.html.jinja")
        .render(
            answer=answer,
            when=_when(sweep.name),
            said=sentences or ["one combination: what its calls showed is below"],
            groups=list(groups(answer)),
            compared=list(compared(answer, comparison)) if comparison else [],
            plots=list(plots(answer)),
            prices_date=prices_date(),
            cell=cell,
            counted=counted,
            ended_by=ended_by,
            heading=heading,
            name=name,
            link=lambda row: quote(f"{row.folder}/{REPORT}"),
            style=Markup(style),
            policy=policy,
        )
    )
