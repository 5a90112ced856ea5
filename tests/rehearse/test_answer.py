"""What a sweep says: the spread of each combination, the best where that is sure, and what is worse than before."""

from pathlib import Path

import pytest

from runtime.errors import SpecError
from runtime.rehearse.answer import COLUMNS, Answer, Spread, compare
from runtime.rehearse.report import SweepPage
from runtime.rehearse.sweep import Outcome, Row, from_csv, to_csv
from runtime.rehearse.wording import said
from runtime.spec.settings import Limits

from .jobs import measured

SCORE, LATENCY = (next(column for column in COLUMNS if column.key == key) for key in ("score", "latency"))


def rows(model: str, *, of: str = "score", values: list[float], **shown: object) -> list[Row]:
    return [
        Row(
            {"model": model, "persona": "sarah"},
            repeat,
            f"calls/{model}/{repeat}",
            measures=measured(**{of: value, **shown}),
        )
        for repeat, value in enumerate(values, 1)
    ]


def test_the_margin_is_students_with_95_per_cent() -> None:
    """As in the tables: five values with a deviation of 1 have a mean that is known to 2.776 / √5."""
    spread = Spread((1.0, 2.0, 3.0, 4.0, 5.0))
    assert spread.margin == pytest.approx(2.776 * 1.5811 / 5**0.5, rel=1e-3)
    assert Spread((1.0,)).margin is None


def test_there_is_a_best_only_where_the_bounds_do_not_overlap() -> None:
    """More is better of a score, less of a latency; one call a combination says nothing."""
    clear = Answer([*rows("a", values=[80, 81, 82]), *rows("b", values=[60, 61, 62])])
    assert (best := clear.best(SCORE)) and best.key["model"] == "a"
    assert Answer([*rows("a", values=[80, 40, 82]), *rows("b", values=[60, 61, 62])]).best(SCORE) is None
    assert Answer([*rows("a", values=[80]), *rows("b", values=[60])]).best(SCORE) is None
    fast = Answer([*rows("a", of="latency", values=[1, 1.1]), *rows("b", of="latency", values=[0.2, 0.21])])
    assert (best := fast.best(LATENCY)) and best.key["model"] == "b" and fast.best(SCORE) is None
    near = Answer([*rows("a", of="latency", values=[1, 1.1]), *rows("b", of="latency", values=[0.8, 0.9])])
    assert near.best(LATENCY) is None  # of two calls the bounds are wide


def test_combinations_are_told_apart_by_what_differs() -> None:
    """The rest is said once."""
    answer = Answer([*rows("a", values=[80]), *rows("b", values=[60])])
    assert answer.keys == ["model"] and answer.same == {"persona": "sarah"}


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    """A line a job, with what a spreadsheet would take for a formula made harmless; another file is refused."""
    written = [
        *rows("=cmd()", values=[80], breaks=('0:01 said, "that": x', "0:02 y"), cost=None),
        Row({"model": "b", "persona": "sarah"}, 1, "calls/b/1", Outcome.FAILED, "-refused"),
    ]
    file = tmp_path / "results.csv"
    file.write_text(to_csv(written))
    assert from_csv(file) == written and "\n'=cmd()," in file.read_text()
    file.write_text("a,b\n1,2\n")
    with pytest.raises(SpecError, match=r"results\.csv: not the results of a sweep"):
        from_csv(file)


@pytest.mark.parametrize(
    ("shown", "worse"),
    [
        ({"score": 76}, []),
        ({"score": 74}, ["score"]),
        ({"latency": 1.2}, []),
        ({"latency": 1.3}, ["latency"]),
        ({"latency": 0.5, "score": 100}, []),
        ({"breaks": ("0:01 x",)}, ["breaks"]),
    ],
)
def test_what_is_worse_than_the_limits_allow_is_a_regression(shown: dict[str, object], worse: list[str]) -> None:
    """Five points, a quarter of the latency, no break; what has become better is no regression."""
    before = Answer(rows("a", values=[80, 80]))
    after = Answer([Row(row.combination, row.repeat, row.folder, measures=measured(**shown)) for row in before.rows])
    found = compare(before, after, Limits())
    assert [difference.column for difference in found if difference.worse] == worse
    assert compare(before, before, Limits()) == []


def test_more_failures_than_before_are_a_regression() -> None:
    """Counted a call, as two sweeps may have different numbers of repeats."""
    before = Answer(rows("a", values=[80, 80]))
    after = Answer([before.rows[0], Row(before.rows[1].combination, 2, "", Outcome.FAILED, "refused")])
    (difference,) = compare(before, after, Limits())
    assert difference.worse and (difference.before, difference.after) == (0, 0.5)
    assert not compare(before, after, Limits(failures=0.5))[0].worse


def test_what_surely_differs_is_said_of_each_group_that_was_swept() -> None:
    """Good trainees always do better than poor ones, whoever calls: no one combination is best, one trainee is."""
    found = [
        Row(
            {"persona": who, "trainee": trainee},
            n,
            f"calls/{who}-{trainee}/{n}",
            measures=measured(score=value, latency=0),
        )
        for who in ("sarah", "david")
        for trainee, value in (("good", 90), ("poor", 20))
        for n in (1, 2)
    ]
    lines = list(said(Answer(found)))
    assert "best score of trainee: good, 90 ± 0 on average (95 %)" in lines
    assert not any("of persona" in line or "none is surely" in line for line in lines)
    titles = [plot.title for plot in SweepPage(Path("2026-01-01-000000"), Answer(found), ()).plots]
    assert titles == ["score"]  # a latency that took no time is not drawn
