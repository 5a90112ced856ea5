"""How a sweep's answer is worded, on a terminal and in its report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from .answer import Answer, Column, Combination, Difference, Spread
from .sweep import NAMED, Row

AVERAGED = ("passed", "breaks")
"""Columns of which the middle value would say little."""
PACES = ("pace", "her_pace")
"""Columns that count characters where a language has no spaces between words."""


def title(answer: Answer) -> str:
    """What all combinations have in common."""
    return ", ".join(f"{key}={value}" for key, value in answer.same.items() if key in NAMED)


def cell(one: Combination, column: Column, answer: Answer) -> str:
    """A column of one combination: the middle of its calls and how far they spread; `*` marks what is surely best."""
    spread = one.spread(column)
    if spread is None:
        return "unknown" if column.key == "cost" and one.held else "–"
    characters = column.key in PACES and any(measured.pace_in == "characters" for measured in one.held)
    return shown(spread, column) + (" char." if characters else "") + ("*" if answer.best(column) is one else "")


def shown(spread: Spread, column: Column) -> str:
    """`85 (80–100)`: the middle value, and the least and the most where they differ; the unit is the column's."""
    low, high = (_digits(value, column) for value in (min(spread.values), max(spread.values)))
    middle = _digits(spread.mean if column.key in AVERAGED else spread.middle, column)
    return middle if low == high or column.key == "passed" else f"{middle} ({low}–{high})"


def number(value: float, column: Column) -> str:
    """A value with its unit."""
    return f"${_digits(value, column)}" if column.unit == "$" else f"{_digits(value, column)} {column.unit}".strip()


def _digits(value: float, column: Column) -> str:
    return f"{value:.{column.digits}f}" if value else "0"


def heading(column: Column) -> str:
    """A column's name, with its unit."""
    return f"{column.title} {column.unit}".strip()


def ended_by(one: Combination) -> str:
    """How its calls ended, and how many so; of a combination without any what became of its jobs."""
    if not one.held and one.rows:
        return str(one.rows[0].outcome)
    return counted(one.endings)


def name(one: Combination | Difference, answer: Answer) -> str:
    """A combination, by what tells it from the others."""
    return " ".join(filter(None, (one.key.get(key, "") for key in answer.keys)))


def changed(answer: Answer, difference: Difference) -> str:
    """What has changed in a combination since the earlier sweep."""
    mark = "✗ worse" if difference.worse else "  changed"
    before, after = f"{difference.before:.4g}", f"{difference.after:.4g}"
    return f"{mark}: {name(difference, answer)}: {difference.column} {before} → {after}"


def counted(counts: Sequence[tuple[str, int]]) -> str:
    """`resolved 4, walked_out 1`."""
    return ", ".join(name if len(counts) == 1 else f"{name} {count}" for name, count in counts)


def said(answer: Answer) -> Iterator[str]:
    """What the table says, in sentences: what is best in each column and how sure, what was skipped and what failed."""
    for column in answer.columns if len(answer.combinations) > 1 else ():
        if best := answer.best(column):
            spread = best.spread(column)
            assert spread
            mean, margin = number(spread.mean, column), number(spread.margin or 0, column)
            yield f"best {column.title}: {name(best, answer)}, {mean} ± {margin} on average (95 %)"
    grouped = list(_of_groups(answer))
    yield from grouped
    held = [one for one in answer.combinations if one.held]
    if len(held) > 1 and all(len(one.held) < 2 for one in held):
        yield "one call a combination: which is best takes more, such as rehearse.repeats=5"
    elif len(held) > 1 and not grouped and not any(map(answer.best, answer.columns)):
        yield "none is surely the best in any column: their bounds overlap, or all are alike"
    for reason, count in answer.skipped.items():
        yield f"– {count} skipped: {reason}"
    reasons: dict[str, list[Row]] = {}
    for row in answer.failed:
        reasons.setdefault(row.reason, []).append(row)
    for reason, found in reasons.items():
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        yield f"✗ failed: {found[0].name}{more}: {reason}"


def _of_groups(answer: Answer) -> Iterator[str]:
    """What is surely best of each group that was swept, over all that the others were."""
    for key in answer.keys if len(answer.keys) > 1 else ():
        alone = Answer([replace(row, combination={key: row.combination.get(key, "")}) for row in answer.rows])
        for column in alone.columns:
            if (best := alone.best(column)) and (spread := best.spread(column)):
                mean, margin = number(spread.mean, column), number(spread.margin or 0, column)
                yield f"best {column.title} of {key}: {best.key[key]}, {mean} ± {margin} on average (95 %)"
