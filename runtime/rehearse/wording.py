"""How a sweep's answer is worded, on a terminal and in its report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter

from .answer import COLUMNS, Answer, Column, Combination, Comparison, Difference, Spread, surely_best
from .sweep import NAMING_GROUPS, Row

AVERAGED = ("passed", "breaks")
"""Columns of which the middle value would say little."""
TOLD = tuple(column for column in COLUMNS if column.key in ("score", "latency"))
"""Columns that are told of each option of a group."""
CHOSEN = ("model", "voice")
"""Groups of which a sweep is to find the best."""
PACES = ("pace", "her_pace")
"""Columns that count characters where a language has no spaces between words."""


def title(answer: Answer) -> str:
    """What all combinations have in common."""
    return ", ".join(f"{key}={value}" for key, value in answer.same.items() if key in NAMING_GROUPS or "." in key)


def cell(one: Combination, column: Column, answer: Answer) -> str:
    """A column of one combination: the middle of its calls and how far they spread; `*` marks what is surely best."""
    spread = one.spread(column)
    if spread is None:
        return "unknown" if column.key == "cost" and one.held else "–"
    characters = column.key in PACES and any(measured.pace_in == "characters" for measured in one.held)
    return spread_text(spread, column) + (" char." if characters else "") + ("*" if answer.best(column) is one else "")


def spread_text(spread: Spread, column: Column) -> str:
    """`85 (80–100)`: the middle value, and the least and the most where they differ; the unit is the column's."""
    low, high = (_digits(value, column) for value in (min(spread.values), max(spread.values)))
    middle = _digits(spread.mean if column.key in AVERAGED else spread.middle, column)
    return middle if low == high or column.key == "passed" else f"{middle} ({low}–{high})"


def number(value: float, column: Column) -> str:
    """A value with its unit."""
    return f"${_digits(value, column)}" if column.unit == "$" else f"{_digits(value, column)} {column.unit}".strip()


def _digits(value: float, column: Column) -> str:
    rounded = round(value, column.digits)
    whole = not rounded or (column.key == "breaks" and value == rounded == int(rounded))
    return str(int(rounded)) if whole else f"{rounded:.{column.digits}f}"


def heading(column: Column) -> str:
    return f"{column.title} {column.unit}".strip()


def ended_by(one: Combination) -> str:
    """How its calls ended, and how many so; of a combination without any what became of its jobs."""
    if not one.held and one.rows:
        return str(one.rows[0].outcome)
    return counted(one.endings)


def name(one: Combination | Difference, answer: Answer) -> str:
    """A combination, by what tells it from the others."""
    return " ".join(filter(None, (one.key.get(key, "") for key in answer.keys)))


def compared(answer: Answer, comparison: Comparison) -> Iterator[str]:
    """How a sweep stands beside an earlier one, and then what has changed in which combination."""
    if not comparison.both:
        yield "✗ nothing is compared: the earlier sweep has none of these combinations"
        return
    worse = len({name(difference, answer) for difference in comparison.worse})
    more, left_out = comparison.all - comparison.both, comparison.left_out
    compared = f"{comparison.both} combination{'' if comparison.both == 1 else 's'} beside the earlier sweep"
    is_worse = f"{worse} are worse" if worse > 1 else f"{worse or 'none'} is worse"
    yield (
        f"{compared}: {is_worse}"
        + (f"; it lacks the other {more}" if more else "")
        + (f"; {left_out} of its own {'is' if left_out == 1 else 'are'} not called here" if left_out else "")
    )
    units = {column.title: f" {column.unit}".rstrip() for column in COLUMNS}
    for difference in comparison.differences:
        mark = "✗ worse" if difference.worse else "changed"
        unit = units.get(difference.column, "")
        before, after = f"{difference.before:.4g}{unit}", f"{difference.after:.4g}{unit}"
        yield f"{mark}: {name(difference, answer)}: {difference.column} {before} → {after}"


def counted(counts: Sequence[tuple[str, int]]) -> str:
    """`resolved 4, walked_out 1`; of one call that ended so `resolved`."""
    return ", ".join(name if sum(map(itemgetter(1), counts)) == 1 else f"{name} {count}" for name, count in counts)


def said(answer: Answer) -> Iterator[str]:
    """What the table says, in sentences: what is best in each column and how sure, what was skipped and what failed."""
    for column in answer.columns if len(answer.combinations) > 1 else ():
        if best := answer.best(column):
            spread = best.spread(column)
            assert spread
            yield f"best {column.title}: {name(best, answer)}, {_sure(spread, column)}"
    grouped = list(_of_groups(answer))
    yield from grouped
    held = [one for one in answer.combinations if one.held]
    if len(held) > 1 and all(len(one.held) < 2 for one in held):
        yield "one call a combination: which is best takes more, such as rehearse.repeats=5"
    elif len(held) > 1 and not grouped and not any(map(answer.best, answer.columns)):
        yield "none is surely the best in any column: their bounds overlap, or all are alike"
    for row in answer.mixed:
        yield (
            f"! {row.name}: its files were edited meanwhile, so its calls are of several revisions; the same command"
            " with rehearse.resume=true holds the earlier ones again"
        )
    for reason, count in answer.skipped.items():
        yield f"– {count} skipped: {reason}"
    reasons: dict[str, list[Row]] = {}
    for row in answer.failed:
        reasons.setdefault(row.reason, []).append(row)
    for reason, found in reasons.items():
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        yield f"✗ failed: {found[0].name}{more}: {reason}"


def groups(answer: Answer) -> Iterator[tuple[list[str], list[list[str]]]]:
    """For each group that was swept, model and voice first, the names of the columns and a line for each option: how
    many calls were held, and the mean with its 95 % bounds, whatever the other groups were, with how many calls are in
    it where those are not all; `*` marks what is surely best. Nothing where one group alone was swept: the combinations
    are its options."""
    for key in sorted(answer.keys, key=lambda key: key not in CHOSEN) if len(answer.keys) > 1 else ():
        found = {column: spreads for column in TOLD if (spreads := answer.options(key, column))}
        if not found:
            continue
        lines = []
        for option in dict.fromkeys(option for spreads in found.values() for option in spreads):
            calls = sum(len(one.held) for one in answer.combinations if one.key.get(key, "") == option)
            lines.append([option, str(calls), *(_mean(found[column], option, column, calls) for column in found)])
        yield [key, "calls", *(column.title for column in found)], lines


def _mean(spreads: Mapping[str, Spread], option: str, column: Column, calls: int) -> str:
    if option not in spreads:
        return "–"
    best = surely_best(list(spreads.items()), column) == option
    of = len(spreads[option].values)
    return (
        bounded(spreads[option], column) + (f" ({of} of {calls} calls)" if of != calls else "") + ("*" if best else "")
    )


def bounded(spread: Spread, column: Column) -> str:
    """The mean with its unit, and its 95 % margin: `85 ± 3`; where all calls were alike, the mean alone."""
    mean, off = _digits(spread.mean, column), _digits(spread.margin or 0, column)
    margin = f" ± {off}" if float(off) else ""
    return f"${mean}{margin}" if column.unit == "$" else f"{mean}{margin} {column.unit}".strip()


def _sure(spread: Spread, column: Column) -> str:
    told = bounded(spread, column)
    return f"{told} on average" + (" (95 %)" if "±" in told else "")


def _of_groups(answer: Answer) -> Iterator[str]:
    """What is surely best of each group that was swept, and where that cannot be said of one that is to be chosen."""
    for key in answer.keys if len(answer.keys) > 1 else ():
        found = {column: spreads for column in answer.columns if (spreads := answer.options(key, column))}
        best = {column: surely_best(list(spreads.items()), column) for column, spreads in found.items()}
        for column, option in best.items():
            if option:
                yield f"best {column.title} of {key}: {option}, {_sure(found[column][option], column)}"
        if key in CHOSEN and found and not any(best.values()):
            yield f"no {key} is surely the best: their bounds overlap, or all are alike"
