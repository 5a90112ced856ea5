"""What a sweep says: the spread of each combination, the best where that is sure, and what is worse than before."""

import codecs
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from runtime.errors import SpecError
from runtime.rehearse.answer import COLUMNS, Answer, Spread, compare, surely_best
from runtime.rehearse.report import plots, sweep_report
from runtime.rehearse.sweep import Outcome, Row, from_csv, to_csv
from runtime.rehearse.wording import bounded, compared, groups, said
from runtime.spec.settings import Limits
from runtime.terminal.rehearsal import cells

from .jobs import measured

SCORE, LATENCY, BREAKS, COST = (
    next(column for column in COLUMNS if column.key == key) for key in ("score", "latency", "breaks", "cost")
)


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
    called = {"model": "b", "persona": "สมชาย", "seed": "7", "folder": "x", "user": "'=a'"}
    written = [
        *rows("=cmd()", values=[80], breaks=('0:01 said, "that": x', "0:02 y"), cost=None),
        Row(called, 2, "calls/b/1", Outcome.FAILED, "-refused", seed=8, revision="1e5"),
    ]
    written[:-1] = [replace(row, combination=dict.fromkeys(called, "") | row.combination) for row in written[:-1]]
    file = tmp_path / "results.csv"
    file.write_text(to_csv(written))
    assert from_csv(file) == written and "\n'=cmd()," in file.read_text()
    assert file.read_bytes().startswith(codecs.BOM_UTF8)  # or Excel on Windows shows no Thai
    file.write_text(to_csv(written).removeprefix("\ufeff"))
    assert from_csv(file) == written
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
        ({"score": 76, "passed": False}, ["passed"]),
    ],
)
def test_what_is_worse_than_the_limits_allow_is_a_regression(shown: dict[str, object], worse: list[str]) -> None:
    """Five points, a quarter of the latency, no break; what has become better is no regression."""
    before = Answer(rows("a", values=[80, 80]))
    after = Answer([Row(row.combination, row.repeat, row.folder, measures=measured(**shown)) for row in before.rows])
    found = compare(before, after, Limits())
    assert [difference.column for difference in found.worse] == worse
    assert compare(before, before, Limits()).differences == ()


def test_fewer_calls_that_pass_are_a_regression_whatever_the_score() -> None:
    """A score may stay within its limit and fall below what passes."""
    before = Answer(rows("a", values=[100, 100]))
    after = Answer([before.rows[0], *rows("a", values=[95, 95], passed=False)[1:]])
    assert [each.column for each in compare(before, after, Limits()).worse] == ["passed"]
    lines = list(compared(before, compare(before, after, Limits())))
    assert "✗ worse: sarah: passed 100 % → 50 %" in lines and "changed: sarah: score 100 → 97.5" in lines
    assert not compare(before, after, Limits(passed=50)).worse
    assert not compare(after, before, Limits()).worse


def test_more_failures_than_before_are_a_regression() -> None:
    """Counted a call, as two sweeps may have different numbers of repeats."""
    before = Answer(rows("a", values=[80, 80]))
    after = Answer([before.rows[0], Row(before.rows[1].combination, 2, "", Outcome.FAILED, "refused")])
    (difference,) = compare(before, after, Limits()).differences
    assert difference.worse and (difference.before, difference.after) == (0, 0.5)
    assert not compare(before, after, Limits(failures=0.5)).worse


def test_a_comparison_says_so_where_nothing_became_worse_or_nothing_was_there_to_compare() -> None:
    """A CI that compares nothing would be green for ever."""
    before, other = Answer(rows("a", values=[80, 80])), Answer(rows("b", values=[80, 80]))
    both = Answer([*before.rows, *other.rows])
    assert list(compared(before, compare(before, before, Limits()))) == [
        "1 combination beside the earlier sweep: none is worse"
    ]
    (line,) = compared(both, compare(before, both, Limits()))
    assert line == "1 combination beside the earlier sweep: none is worse; it lacks the other 1"
    (line,) = compared(before, compare(both, before, Limits()))
    assert line == "1 combination beside the earlier sweep: none is worse; 1 of its own is not called here"
    (line,) = compared(other, compare(before, other, Limits()))
    assert line.startswith("✗ nothing is compared")


def test_a_persona_without_objectives_is_worse_where_fewer_calls_pass() -> None:
    """There is no score to fall."""
    before = Answer(rows("a", values=[1, 1], of="passed", score=None))
    after = Answer(rows("a", values=[1, 0], of="passed", score=None))
    assert [difference.column for difference in compare(before, after, Limits()).worse] == ["passed"]


def test_calls_that_were_all_alike_have_no_bounds() -> None:
    """`50 ± 0` would say that something is sure that nothing has been tried about."""
    alike = Answer([*rows("a", values=[50, 50]), *rows("b", values=[20, 20])])
    assert bounded(Spread((50, 50)), SCORE) == "50" and bounded(Spread((50, 50.001)), SCORE) == "50"
    assert bounded(Spread((50, 60)), SCORE) == "55 ± 64"
    assert next(said(alike)) == "best score: a, 50 on average"


def test_no_mean_is_below_nothing() -> None:
    """Nor is what is next to nothing `-0`, in whatever unit; and digits that a column does not have are none."""
    assert [bounded(Spread((-1e-9, 1e-10)), column) for column in (SCORE, LATENCY, BREAKS, COST)] == [
        "0",
        "0 s",
        "0",
        "$0",
    ]
    assert bounded(Spread((1, 1)), BREAKS) == "1" and bounded(Spread((1, 2)), BREAKS) == "1.5 ± 6.4"
    assert bounded(Spread((-0.04, 0.02)), BREAKS) == "0 ± 0.4" and bounded(Spread((0.04, 0.04)), BREAKS) == "0"


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_a_terminal_shows_what_it_has_room_for_and_names_the_rest(width: int) -> None:
    """The ending and the score before all else; a pipe gets everything."""
    answer = Answer([*rows("a", values=[50, 60]), *rows("b", values=[20, 20], phases=("Opening", "Calm"))])
    every, _, none = cells(answer, None)
    names, lines, left_out = cells(answer, width)
    assert none == [] and "failed" in every and sorted([*names, *left_out, "failed"]) == sorted(every)
    assert names == [name for name in every if name in names] and "ended by" in names
    for line in lines:
        assert sum(2 + max(map(cell_len, column)) for column in zip(names, line, strict=True)) <= width
    assert ("score" in names) and (width < 200 or not left_out) and (width > 80 or left_out)


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
    assert "best score of trainee: good, 90 on average" in lines
    assert not any("of persona" in line or "none is surely" in line for line in lines)
    titles = [plot.title for plot in plots(Answer(found))]
    assert titles == ["score"]  # a latency that took no time is not drawn


def test_what_a_persona_chose_for_itself_tells_no_combinations_apart() -> None:
    """Its own voice is no choice of the sweep's, unless the command line gave it others too."""
    pairs = [("sarah", "bright"), ("david", "young"), ("niran", "young")]
    keys = [{"persona": who, "voice": voice, "trainee": to} for who, voice in pairs for to in ("good", "poor")]
    assert Answer(Row(key, 1, "", measures=measured()) for key in keys).keys == ["persona", "trainee"]
    keys.append({"persona": "sarah", "voice": "firm", "trainee": "good"})
    answer = Answer(Row(key, 1, "", measures=measured()) for key in keys)
    assert answer.keys == ["persona", "voice", "trainee"] and answer.same == {}


def called(scores: dict[tuple[str, str], list[float]]) -> Answer:
    """Calls of these scores, by model and trainee."""
    return Answer(
        Row({"model": model, "trainee": trainee}, n, f"calls/{model}-{trainee}/{n}", measures=measured(score=value))
        for (model, trainee), values in scores.items()
        for n, value in enumerate(values, 1)
    )


def test_a_model_is_told_from_another_whoever_called_both() -> None:
    """Good and poor trainees differ by far more than models do: compared are calls that differ in the model alone."""
    answer = called(
        {
            ("a", "good"): [90, 92, 91],
            ("a", "poor"): [20, 22, 21],
            ("b", "good"): [80, 82, 81],
            ("b", "poor"): [10, 12, 11],
        }
    )
    found = answer.options("model", SCORE)
    assert [(name, spread.mean) for name, spread in found.items()] == [("a", 56), ("b", 46)]
    assert surely_best(list(found.items()), SCORE) == "a" and found["a"].margin == pytest.approx(1.33, abs=0.05)
    (names, lines), trainees = groups(answer)
    assert names == ["model", "calls", "score", "latency"] and lines[0] == ["a", "6", "56 ± 1*", "1.00 s"]
    assert trainees[1][0][:3] == ["good", "6", "86 ± 1*"]


def test_an_option_is_best_only_where_that_is_sure() -> None:
    """What helps one trainee and harms another is no better than the other; the report and the table say so."""
    answer = called(
        {("a", "good"): [90, 91], ("a", "poor"): [10, 11], ("b", "good"): [70, 71], ("b", "poor"): [29, 30]}
    )
    assert surely_best(list(answer.options("model", SCORE).items()), SCORE) is None
    assert "no model is surely the best: their bounds overlap, or all are alike" in list(said(answer))
    page = sweep_report(Path("2026-01-01-000000"), answer)
    assert page.index("<h2>The answer") < page.index(">a</th><td>4</td><td>50 ± ") < page.index("<h2>Combinations")


def test_options_are_told_of_with_the_calls_that_their_numbers_are_of() -> None:
    """A persona without objectives has no score: its calls are counted, and are in no mean of scores."""
    unscored = [
        replace(row, measures=measured(score=None)) for row in called({("c", "good"): [0], ("c", "poor"): [0]}).rows
    ]
    scored = called({("a", "good"): [90], ("a", "poor"): [10], ("c", "fair"): [50], ("a", "fair"): [50]}).rows
    models, trainees = groups(Answer([*scored, *unscored]))
    assert [line[:2] for line in models[1]] == [["a", "3"], ["c", "3"]]
    assert trainees[1][0] == ["good", "2", "90 (1 of 2 calls)", "1.00 s"]


def test_calls_of_files_that_were_edited_meanwhile_are_told_of() -> None:
    """Good trainees called another revision than poor ones did: they cannot be compared."""
    edited = [
        replace(row, revision="old" if row.combination["trainee"] == "good" else "new")
        for row in called({("a", "good"): [90, 91], ("a", "poor"): [10, 11]}).rows
    ]
    (line,) = [line for line in said(Answer(edited)) if line.startswith("!")]
    assert "a" in line and "edited meanwhile" in line and "rehearse.resume=true" in line
    same = [replace(row, revision="old") for row in edited]
    assert not [line for line in said(Answer(same)) if line.startswith("!")]


def test_options_are_compared_in_what_all_of_them_have_called() -> None:
    """A voice that a model lacks is no reason to call the model better; an option without any call is none."""
    answer = called({("a", "good"): [90, 91], ("a", "poor"): [10, 11], ("b", "good"): [80, 81]})
    assert [spread.mean for spread in answer.options("model", SCORE).values()] == [90.5, 80.5]
    assert called({("a", "good"): [90, 91], ("b", "poor"): [10, 11]}).options("model", SCORE) == {}
