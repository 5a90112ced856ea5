"""Prose and words that were built to be slow: twice as much takes twice the steps, counted and not timed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runtime.arc import complete, identity, markup, phrases, prose, quoted_lines, topics
from runtime.arc.listener import listen
from runtime.config.persona_file import read_persona
from runtime.spec import sections
from runtime.spec.persona import Cue, FrontMatter, Persona
from runtime.spec.sections import find_sections
from tests.backtracking import Counted, Matcher, Steps, calls_of, counted

ROOT = Path(__file__).parents[2]
CUSTOMERS = {base: read_persona(ROOT / f"conf/language/{base}.customer.md")[0].front for base in ("en", "th")}
UNITS = [
    *(
        '"',
        "“",
        "‘",
        "(",
        "[(",
        "（do not ",
        "- a: ",
        "a: b\n",
        "- key %d: value\n",
        "# x\n",
        "| a ",
        "a | ",
        "```\n",
        ":",
    ),
    *(
        "she is ",
        '"a" ',
        '"Well, I said no." ',
        "ถ้า",
        "**",
        "*",
        ">",
        "- ",
        "1.",
        "If agent says ",
        "theysay",
        "word  ",
    ),
    *("never ", "พนักงาน", "พนักงานพูด", "เพศ ", "เพศ  :", "คุณ ", "X ", "\t", " ", "a. ", "……", "\n", "_", "\\", "é"),
    *(
        '- If asked: "Well, I told you."\n',
        '## Phase 1\n- "Well, I told you."\n',
        "# Closing\n- a b: c d e\n",
        "\u0e49",
    ),
    '- If the agent says "word %d": "Well, I told you."\n',
    *(
        "<!--",
        "/*",
        "<a>",
        "<a b",
        "</a>",
        "<a>b</a>",
        "Agent: ",
        "Agent: a\n",
        "Agent: a\nAnn: b\n",
        '{"a": "b", ',
        "[",
        "{",
    ),
    *('"[a', '"*a', "You are Ann ", "Your name is ", "gender: ", "【", "「"),
]
"""What a hostile file repeats; %d is another number each time."""
SPACES = [
    "# a",
    "# a b:",
    "- key",
    "key |",
    "- key: (a)",
    "word",
    "She says word",
    "“",
    "เพศ",
    '"Well, you" then',
    "- key: (",
    "Agent",
    "Agent:",
    "<a",
    "```",
    '"*a',
]
"""What is followed by spaces without end, and then by something else."""


def repeated(unit: str, size: int) -> str:
    """A unit over and over, up to about so many characters."""
    times = size // len(unit) + 1
    return "".join(unit % i for i in range(times)) if "%d" in unit else unit * times


def written(prose: str) -> Persona:
    """The persona of this prose, whatever a file may hold at most."""
    return Persona("x", "X", "x.md", prose, find_sections(prose), FrontMatter())


def hostile(unit: str, size: int) -> Persona:
    half = repeated(unit, size // 2)
    text = f"# Persona: X\n# Scenario\n{half}\n# Profile\n{half}\n## Phase 1\n{half}"
    return written(text)


def spaced(start: str, size: int) -> Persona:
    row = start + " " * size + "b"
    return written(f"# Persona: X\n{row}\n# Profile\n{row}\n## Phase 1\n{row}")


def made(persona: Persona, base: str) -> None:
    complete.make_arc.__wrapped__(persona, CUSTOMERS[base], base)


def grows_linearly(count: Callable[[int], int], size: int) -> None:
    """Four times as much takes about four times as many steps, and not sixteen times. What is looked at from several
    places is bounded by some hundred characters, which the smaller size does not reach everywhere."""
    few, many = count(size), count(4 * size)
    assert many < 9 * few, f"{few} steps for {size} characters, {many} for {4 * size}"


@pytest.mark.parametrize(("build", "what"), [*((hostile, unit) for unit in UNITS), *((spaced, row) for row in SPACES)])
def test_reading_prose_takes_steps_in_step_with_its_length(build: Callable[[str, int], Persona], what: str) -> None:
    """Sections, items, quotes and sentences are found without going back over what was seen."""
    base = "th" if any("\u0e00" <= character <= "\u0eff" for character in what) else "en"

    def count(size: int) -> int:
        with counted(prose, complete, identity, markup, quoted_lines, sections, topics) as steps:
            persona = build(what, size)
            find_sections(persona.prose)
            made(persona, base)
        return steps.taken

    grows_linearly(count, 300)


@pytest.mark.parametrize("unit", UNITS)
def test_a_persona_of_64_kib_makes_as_many_calls_as_it_is_long(unit: str) -> None:
    """What is compared with all that is known already is bounded: four times the prose makes four times the calls."""

    def count(size: int) -> int:
        persona = hostile(unit, size)
        return calls_of(lambda: made(persona, "en"))

    grows_linearly(count, 6_000)


@pytest.mark.parametrize(
    "unit", ["a ", "refund ", "ก", "ไม่", "1", "?,", "’", "\u0e49", "ﷺ", "a refund ", "12345", "ก 1"]
)
def test_listening_takes_steps_in_step_with_the_turn(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long turn against phrases that are built to backtrack; beyond two minutes of speech nothing is listened to."""
    steps = Steps()
    monkeypatch.setattr(phrases, "_compiled", lambda part: Counted(re.compile(part), steps))

    def count(size: int) -> int:
        steps.taken = 0
        text = phrases.plain(repeated(unit, size)[:size])
        for phrase in ("a|refund|ก|1 " * 5 + "b", "# b", "## b", "ก # b", "a a a a b"):
            phrases.phrase_pattern(phrase).find_in(text)
        return steps.taken

    grows_linearly(count, phrases.TEXT_LIMIT // 16)
    assert count(20 * phrases.TEXT_LIMIT) == count(2 * phrases.TEXT_LIMIT)


def test_of_ten_thousand_phrases_those_are_looked_for_that_a_turn_can_hold() -> None:
    """A file full of phrases costs a turn no more than those that begin with one of its words."""
    looked: list[str] = []
    many = tuple(f"word{i} again" for i in range(10_000))
    front = FrontMatter(cues={"many": Cue(hear={"": many})})

    def find_in(phrase: phrases.Phrase, text: str) -> None:
        looked.append(phrase.written)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(phrases.Phrase, "find_in", find_in)
        assert not phrases.heard_any(front.cues["many"].hear, phrases.plain("again and again, word7 and word8"))
    assert looked == ["word7 again", "word8 again"]


def test_no_turn_waits_for_a_pattern_of_her_phrases() -> None:
    """They are compiled when she is got ready to listen, before the first turn."""
    front = FrontMatter(cues={"sorry": Cue(hear={"": ("so-very sorry", "ขอโทษ จริง")})})
    listen(front, frozenset(), "ready")
    compiled = phrases._compiled.cache_info().misses
    assert listen(front, frozenset(), "I am so very sorry.").cues == ("sorry",)
    assert listen(front, frozenset(), "ขอโทษจริง ๆ").cues == ("sorry",)
    assert phrases._compiled.cache_info().misses == compiled


@given(
    st.sampled_from([r"(a|b)*c", r"a*?b\b", r"^ *+x?$", r"(?<!a)b{2,3}", r"(?:ab)++c|[^a\s]+", r"(?=a)\w+\d"]),
    st.text("abcx1 \n", max_size=12),
)
@example(r"(?:ab)++c|[^a\s]+", "abab")
def test_the_counter_finds_what_re_finds(pattern: str, text: str) -> None:
    """The steps that are counted are those of the same matches."""
    compiled = re.compile(pattern, re.MULTILINE)
    assert list(Matcher(compiled, text, Steps()).finds()) == [found.span() for found in compiled.finditer(text)]


def test_the_counter_tells_a_quadratic_pattern() -> None:
    """The heading of before: a text that is twice as long takes four times the steps."""

    def count(size: int) -> int:
        steps = Steps()
        Counted(re.compile(r"^#[ ]*([^#\s].*?)[ ]*#*[ ]*$"), steps).search("# a" + " " * size + "b")
        return steps.taken

    with pytest.raises(AssertionError, match="steps"):
        grows_linearly(count, 30)
