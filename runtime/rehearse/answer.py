"""The answer of a sweep, from its rows: each combination with the spread over its repeats, the best of each column as
far as that can be said, and what is worse than in an earlier sweep. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from statistics import fmean, median, stdev
from typing import TypeVar

from ..config.groups import GROUPS
from ..spec.settings import Limits
from .measures import Measures
from .sweep import Outcome, Row

STUDENT = (12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
"""Student's t for 95 % with 1, 2 … 15 degrees of freedom; beyond, 1.96 + 2.4 / degrees is within 0.02 of it."""


@dataclass(frozen=True, slots=True)
class Spread:
    """What the repeats of one combination showed in one column. `low` and `high` are the bounds of the mean with 95 %
    confidence, by Student's t; None of fewer than two values."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return fmean(self.values)

    @property
    def middle(self) -> float:
        return median(self.values)

    @property
    def margin(self) -> float | None:
        """How far the true mean may be from this one, with 95 % confidence."""
        degrees = len(self.values) - 1
        if degrees < 1:
            return None
        student = STUDENT[degrees - 1] if degrees <= len(STUDENT) else 1.96 + 2.4 / degrees
        return student * stdev(self.values) / sqrt(len(self.values))


@dataclass(frozen=True, slots=True)
class Column:
    """Something that is compared: what it is called, how it is read from one call, and whether more is better."""

    key: str
    title: str
    of: Callable[[Measures], float | None]
    more_is_better: bool
    digits: int = 0
    unit: str = ""


COLUMNS = (
    Column("score", "score", lambda m: m.score, True),
    Column("passed", "passed", lambda m: None if m.passed is None else 100 * m.passed, True, unit="%"),
    Column("first_audio", "first word", lambda m: m.first_audio, False, 2, "s"),
    Column("latency", "latency", lambda m: m.latency, False, 2, "s"),
    Column("latency_high", "p95", lambda m: m.latency_high, False, 2, "s"),
    Column("heard_right", "heard right", lambda m: m.heard_right, True, unit="%"),
    Column("pace", "trainee words/min", lambda m: m.pace, False),
    Column("her_pace", "persona words/min", lambda m: m.her_pace, False),
    Column("breaks", "breaks", lambda m: len(m.breaks), False, 1),
    Column("tokens", "tokens", lambda m: (m.input_tokens or 0) + (m.output_tokens or 0) or None, False),
    Column("cost", "cost", lambda m: m.cost, False, 4, "$"),
)
NO_BEST = ("tokens", "pace", "her_pace")
"""Columns in which neither more nor less is better."""


@dataclass(frozen=True)
class Combination:
    """All jobs of one combination."""

    key: Mapping[str, str]
    rows: tuple[Row, ...]

    @cached_property
    def held(self) -> list[Measures]:
        """What the calls showed that were held."""
        return [row.measures for row in self.rows if row.measures]

    def spread(self, column: Column) -> Spread | None:
        """What the calls showed in this column; None where none showed anything."""
        values = tuple(value for measured in self.held if (value := column.of(measured)) is not None)
        return Spread(values) if values else None

    def of(self, outcome: Outcome) -> list[Row]:
        """The jobs of which this became."""
        return [row for row in self.rows if row.outcome is outcome]

    @property
    def failed(self) -> int:
        return len(self.of(Outcome.FAILED))

    @property
    def endings(self) -> list[tuple[str, int]]:
        """How the calls ended, and how many so."""
        return Counter(measured.ending for measured in self.held).most_common()

    @property
    def phases(self) -> list[tuple[str, int]]:
        """Phases that were reached, in their order, and by how many calls."""
        return list(Counter(phase for measured in self.held for phase in measured.phases).items())

    @property
    def breaks(self) -> list[tuple[Row, str]]:
        """Where the persona fell out of her role, each with its job."""
        return [(row, broken) for row in self.rows if row.measures for broken in row.measures.breaks]


T = TypeVar("T")


def surely_best(found: Sequence[tuple[T, Spread]], column: Column) -> T | None:
    """Whose spread is best in a column; None where that cannot be said, as another one's bounds overlap with its own,
    or there are too few calls for any."""
    if len(found) < 2 or column.key in NO_BEST:
        return None
    sign = -1 if column.more_is_better else 1
    (best, its), *others = sorted(found, key=lambda entry: sign * entry[1].mean)
    if its.margin is None or any(other.margin is None for _, other in others):
        return None
    clear = all(sign * its.mean + its.margin < sign * other.mean - (other.margin or 0) for _, other in others)
    return best if clear else None


class Answer:
    """What a sweep says."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows: Sequence[Row] = tuple(rows)
        by_key: dict[tuple[tuple[str, str], ...], list[Row]] = {}
        for row in self.rows:
            by_key.setdefault(tuple(row.combination.items()), []).append(row)
        self.combinations = [Combination(dict(key), tuple(found)) for key, found in by_key.items()]

    @cached_property
    def keys(self) -> list[str]:
        """By what the combinations differ, but for what a persona has chosen for itself; of one alone the persona."""
        differing = [key for key in self._options if len(self._options[key]) > 1]
        pairs = {key: {(one.key.get("persona"), one.key.get(key)) for one in self.combinations} for key in differing}
        personas = len(self._options.get("persona", ()))
        found = [key for key in differing if key == "persona" or len(pairs[key]) > personas or personas < 2]
        return found or ["persona"]

    @cached_property
    def same(self) -> dict[str, str]:
        """What all combinations have in common."""
        return {key: found[0] for key, found in self._options.items() if len(found) == 1 and key not in self.keys}

    @cached_property
    def _options(self) -> dict[str, list[str]]:
        keys = dict.fromkeys(key for one in self.combinations for key in one.key)
        return {key: list(dict.fromkeys(one.key.get(key, "") for one in self.combinations)) for key in keys}

    @cached_property
    def columns(self) -> list[Column]:
        """The columns in which any call showed anything; the cost where any call had one."""
        found = {column: [spread for one in self.combinations if (spread := one.spread(column))] for column in COLUMNS}
        free = [column for column in COLUMNS if column.key == "cost" and not any(any(s.values) for s in found[column])]
        return [column for column in COLUMNS if found[column] and column not in free]

    def best(self, column: Column) -> Combination | None:
        return surely_best([(one, spread) for one in self.combinations if (spread := one.spread(column))], column)

    def options(self, key: str, column: Column) -> dict[str, Spread]:
        """What each option of a group showed in a column, whatever the others were, the best first; nothing where no
        calls differ in that group alone.

        Only combinations that all options have are counted, and what the other groups do to a call is taken out of the
        spread: each value is shifted by how far the mean of its likes is from that of all (Cousineau 2005, with the
        correction of Morey 2008). A model is then told from another though good trainees and poor ones called both.
        """
        alike: dict[tuple[str, ...], dict[str, Spread]] = {}
        for one in self.combinations:
            if spread := one.spread(column):
                others = tuple(one.key.get(name, "") for name in self.keys if name != key)
                alike.setdefault(others, {})[one.key.get(key, "")] = spread
        names = list(dict.fromkeys(name for spreads in alike.values() for name in spreads))
        whole = [spreads for spreads in alike.values() if len(spreads) == len(names)]
        if len(names) < 2 or not whole:
            return {}
        middles = [fmean(spread.mean for spread in spreads.values()) for spreads in whole]
        correction = sqrt(len(names) / (len(names) - 1)) if len(whole) > 1 else 1
        found = {}
        for name in names:
            values = [v - middle for spreads, middle in zip(whole, middles, strict=True) for v in spreads[name].values]
            mean = fmean(values)
            found[name] = Spread(tuple(fmean(middles) + mean + correction * (value - mean) for value in values))
        return dict(sorted(found.items(), key=lambda entry: entry[1].mean, reverse=column.more_is_better))

    @property
    def failed(self) -> list[Row]:
        return [row for row in self.rows if row.outcome is Outcome.FAILED]

    @property
    def mixed(self) -> list[Row]:
        """A call of each persona, model and so on whose files were edited during the sweep: its calls are not alike."""
        alike: dict[tuple[tuple[str, str], ...], dict[str, Row]] = {}
        for row in self.rows:
            called = tuple((key, value) for key, value in row.combination.items() if key.partition(".")[0] in GROUPS)
            if row.revision:
                alike.setdefault(called, {}).setdefault(row.revision, row)
        return [next(iter(found.values())) for found in alike.values() if len(found) > 1]

    @property
    def skipped(self) -> dict[str, int]:
        """Why combinations cannot be, and how many jobs that was."""
        return dict(Counter(row.reason for row in self.rows if row.outcome is Outcome.SKIPPED))

    @property
    def done(self) -> int:
        return sum(row.outcome is Outcome.DONE for row in self.rows)


@dataclass(frozen=True, slots=True)
class Difference:
    """What has changed between two sweeps in one column of one combination, and whether it is `worse` than allowed."""

    key: Mapping[str, str]
    column: str
    before: float
    after: float
    worse: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """A sweep beside an earlier one: how many of its `all` combinations that one has too (`both`), how many of that
    one's it has not (`left_out`), and what has changed in those of both, the worse first."""

    all: int
    both: int
    left_out: int
    differences: tuple[Difference, ...]

    @property
    def worse(self) -> list[Difference]:
        """What is worse than allowed."""
        return [difference for difference in self.differences if difference.worse]


def compare(before: Answer, after: Answer, limits: Limits) -> Comparison:
    """What has changed in the combinations that both sweeps have."""
    earlier = {tuple(sorted(one.key.items())): one for one in before.combinations}
    both = [(then, one) for one in after.combinations if (then := earlier.get(tuple(sorted(one.key.items()))))]
    found = [difference for then, one in both for difference in _differences(then, one, limits)]
    left_out = len(earlier) - len(both)
    return Comparison(len(after.combinations), len(both), left_out, tuple(sorted(found, key=lambda one: not one.worse)))


def _differences(then: Combination, now: Combination, limits: Limits) -> Iterable[Difference]:
    columns = {column.key: column for column in COLUMNS}
    for key in ("score", "passed", "latency", "breaks"):
        old, new = then.spread(columns[key]), now.spread(columns[key])
        if old and new and old.mean != new.mean:
            worse = old.mean - new.mean if columns[key].more_is_better else new.mean - old.mean
            most = getattr(limits, key) * (old.mean if key == "latency" else 1)
            yield Difference(now.key, columns[key].title, old.mean, new.mean, worse > most + 1e-9)
    old_share, new_share = (one.failed / len(one.rows) for one in (then, now))
    if old_share != new_share:
        yield Difference(now.key, "failures", old_share, new_share, new_share - old_share > limits.failures + 1e-9)
