"""A persona file: what its prose and its front matter become, and what is said about one that cannot be used."""

import json
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runtime.config.groups import ROOT, read_conf
from runtime.config.persona_file import HEADING_LIMIT, examine_persona, parse_persona, read_persona
from runtime.config.scaffold import schema
from runtime.config.yaml_file import SIZE_LIMIT, load_yaml
from runtime.errors import MISTAKES, SpecError
from runtime.spec.persona import Emotion, said_in, worded_in
from runtime.spec.sections import SECTION_KINDS, find_sections

FILE = Path("/personas/bill_jones.md")


def refusal(front: str, prose: str = "prose\n") -> tuple[int | None, str]:
    """The line and the text of the error that this front matter is refused with."""
    with pytest.raises(SpecError) as caught:
        parse_persona(f"---\n{front}---\n{prose}".encode(), FILE)
    line, text = caught.value.line, str(caught.value)
    assert "\n" not in text
    where = f"{FILE}:{line}: " if line else f"{FILE}: "
    assert text.startswith(where)
    return line, text.removeprefix(where)


# ---------------------------------------------------------------- whatever the bytes

HEADS = ["---\n", "---\r\n", "--- \n", "\ufeff---\n", ""]
SNIPPETS = [
    "name: Bill",
    "cues: {a: {mood: 5, hear: [x]}}",
    "endings: [{name: e, when: [a]}]",
    "a: &x [*x]",
    "? [k]",
    "!!python/object/apply:os.system [ls]",
    "%YAML 1.9",
    "- - - -",
    "'",
    '"\\ud800"',
    "{{{{",
    "mood: 1e999",
    "mood: 0x7fffffffffffffffff",
    "mood: 2024-13-45",
    "timers: [{after: 9e99s}]",
    "<<: {a: b}",
    "opening: {1: [x]}",
    "\x00",
    "---",
    "...",
    "#Persona: x",
]
front_matter = st.builds(
    lambda head, lines, end: head + "\n".join(lines) + end,
    st.sampled_from(HEADS),
    st.lists(st.sampled_from(SNIPPETS) | st.text(max_size=20), max_size=6),
    st.sampled_from(["\n---\nprose", "\n---", "\r\n---\r\n", ""]),
)


@settings(max_examples=500)
@given(st.binary() | st.text().map(str.encode) | front_matter.map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"---\n" + b"[" * 100_000 + b"\n---\nprose")
@example(b"---\n" + b"{a: " * 5_000 + b"\n---\nprose")
@example(b"---\n" + b"- " * 100_000 + b"\n---\nprose")
@example(b"---\nmood: " + b"9" * 5_000 + b"\n---\nprose")
@example(b"---\nname: !!timestamp 2024-13-45\n---\nprose")
@example(b"---\nname: !!binary '%%'\n---\nprose")
@example(b"---\nname: .nan\nmood: .inf\n---\nprose")
@example(b"---\n? {a: b}\n: c\n---\nprose")
@example(b"---\na: b\n--- c\n---\nprose")
def test_any_bytes_are_a_persona_or_a_spec_error(data: bytes) -> None:
    """Nothing but `SpecError` comes of any bytes, its text is one printable line, and prose is never lost."""
    try:
        persona = parse_persona(data, FILE)
    except SpecError as error:
        assert str(error).isprintable() and str(FILE) in str(error)
    else:
        assert data.decode("utf-8-sig").endswith(persona.prose) and persona.prose.strip()
        assert persona.name.strip()


HARD = ["${HOME}", "${oc.env:GOOGLE_API_KEY}", "???", "---", "key: value", "- item", "$149.99", "{{x}}", "\\${a}"]
prose_lines = st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"])) | st.sampled_from(HARD), min_size=1)


@given(lines=prose_lines, end=st.sampled_from(["\n", "\r\n"]), head=st.sampled_from(["", "name: Bill\n"]))
@example(lines=["😀 สวัสดีค่ะ ดิฉัน", "---", "# Persona: ${oc.env:HOME}", "???"], end="\r\n", head="")
def test_prose_under_front_matter_is_kept_to_the_letter(lines: list[str], end: str, head: str) -> None:
    """Rules, interpolations, YAML-looking lines, CRLF, emoji and Thai all come out as they went in."""
    prose = "x" + end.join(lines)
    assert parse_persona(f"\ufeff---{end}{head}---{end}{prose}".encode(), FILE).prose == prose


@given(lines=prose_lines, end=st.sampled_from(["\n", "\r\n"]))
def test_prose_alone_is_kept_to_the_letter(lines: list[str], end: str) -> None:
    """A file without front matter is its prose, but for a byte order mark."""
    prose = "# Persona: Bill" + end + end.join(lines)
    assert parse_persona(f"\ufeff{prose}".encode(), FILE).prose == prose
    assert parse_persona(prose.encode(), FILE).prose == prose


@pytest.mark.parametrize(
    "prose",
    [
        "---\n# Persona: Bill Jones\n---\nYou are Bill.\n",
        "---\nYou are Bill, and you wait.\n",
        "----\nname: x\n----\n",
    ],
)
def test_a_rule_at_the_top_of_prose_is_no_front_matter(prose: str) -> None:
    """A `---` that only rules off prose belongs to the prose."""
    assert parse_persona(prose.encode(), FILE).prose == prose


# ---------------------------------------------------------------- the format people already have

PLAIN = """#Persona: Somchai Jaidee

#Profile Data
Name: Somchai Jaidee
Account: TH-1001

#Scenario Context
His router is broken.

#Emotional State & Behavior Rules
##Phase 1: Opening
Angry.
##Phase 4: Resolution Acceptance
Calm.

#Hobbies
Fishing.

#Test Objectives
- empathy

#Constraints
Speak only Thai.

#Closing Script (positive)
Thank you.
"""


@pytest.mark.parametrize("spaced", [False, True], ids=["#Heading", "# Heading"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_the_plain_format_is_found_section_by_section(spaced: bool, end: str) -> None:
    """Every heading of the field is known with and without a space; one that is not is kept as `other`."""
    text = PLAIN.replace("#P", "# P").replace("#S", "# S").replace("#C", "# C") if spaced else PLAIN
    persona = parse_persona(text.replace("\n", end).encode(), FILE)
    assert [(section.kind, section.level) for section in persona.sections] == [
        ("persona", 1),
        ("profile", 1),
        ("scenario", 1),
        ("behavior", 1),
        ("phase", 2),
        ("phase", 2),
        ("other", 1),
        ("objectives", 1),
        ("constraints", 1),
        ("closing", 1),
    ]
    assert persona.name == "Somchai Jaidee"
    assert {s.title: s.text for s in persona.sections}["Hobbies"] == "Fishing."
    assert persona.sections[1].text.split() == ["Name:", "Somchai", "Jaidee", "Account:", "TH-1001"]


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("ข้อมูลลูกค้า", "profile"),
        ("สถานการณ์", "scenario"),
        ("ระยะที่ 2: ไม่พอใจ", "phase"),
        ("ข้อจำกัด", "constraints"),
        ("BEHAVIOUR RULES", "behavior"),
        ("Zusammenfassung", "other"),
    ],
)
def test_headings_are_known_in_the_languages_that_they_are_written_in(heading: str, kind: str) -> None:
    """Thai and English headings have the same kinds; any other language's sections are kept under their titles."""
    (section,) = find_sections(f"#{heading}\ntext")
    assert (section.title, section.kind, section.text) == (heading, kind, "text")
    assert kind == "other" or kind in SECTION_KINDS


def test_text_above_the_first_heading_is_a_section_without_a_title() -> None:
    """What stands before any heading is not lost."""
    sections = find_sections("You are Bill.\n\n# Profile\nOld.\n")
    assert [(s.title, s.level, s.text) for s in sections] == [("", 0, "You are Bill."), ("Profile", 1, "Old.")]


def test_prose_without_any_heading_is_one_section() -> None:
    """A persona can be a single paragraph."""
    persona = parse_persona(b"You are Bill and you are cross.", FILE)
    assert [s.text for s in persona.sections] == ["You are Bill and you are cross."]


def test_a_heading_inside_a_fence_is_text() -> None:
    """Lines of a code block are not taken for headings, in either kind of fence."""
    sections = find_sections("# Profile\n```\n# not a heading\n```\n~~~\n## nor this\n~~~\n# Constraints\nshort\n")
    assert [s.title for s in sections] == ["Profile", "Constraints"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("#Persona: Bill Jones\n", "Bill Jones"),
        ("# Persona： สมชาย ใจดี\n", "สมชาย ใจดี"),
        ("# Profile\n- **Name:** Ann Lee\n", "Ann Lee"),
        ("# Profile\nFull name: Ann Lee\n", "Ann Lee"),
        ("# Persona\nangry\n", "Bill Jones"),
        ("---\nname: Zoe\n---\n# Persona: Bill\n", "Zoe"),
    ],
)
def test_the_name_is_found_where_people_write_it(text: str, name: str) -> None:
    """The front matter's name, the heading's, the profile's, and at last the file's own name in words."""
    assert parse_persona(text.encode(), FILE).name == name


# ---------------------------------------------------------------- front matter


def test_front_matter_is_read_into_what_code_must_know() -> None:
    """Units, ranges, and one text in place of a list or of one per language are all understood."""
    front = parse_persona(
        """---
name: Bill
language: th
opening: {en: Hello., th: [สวัสดี, หวัดดี]}
mood: 15
facts: {account: {hear: [account], say: A-1}}
cues:
  sorry: {mood: +20, hear: "sorry", say: [Good.]}
  hold: {on: silence, mood: -5, unless: sorry}
timers: [{after: 20s, unless: sorry}, {silence: 2m}, {after: 1.5}]
phases: [{name: Opening, mood: 0-30, emotion: angry, say: No.}]
endings: [{name: resolved, when: sorry, mood: 70, passed: true}]
objectives: [{name: De-escalation, weight: 25, met: sorry, ruled_out: [hold]}]
---
prose""".encode(),
        FILE,
    ).front
    assert (front.name, front.language, front.mood) == ("Bill", "th", 15)
    assert front.opening == {"en": ("Hello.",), "th": ("สวัสดี", "หวัดดี")}
    assert front.facts["account"].say == {"": ("A-1",)}
    assert front.cues["sorry"].mood == 20 and front.cues["sorry"].hear == {"": ("sorry",)}
    assert front.cues["hold"].on == "silence" and front.cues["hold"].unless == ("sorry",)
    assert [(t.after, t.silence) for t in front.timers] == [(20, None), (None, 120), (1.5, None)]
    assert front.phases[0].mood == (0, 30) and front.phases[0].emotion is Emotion.ANGRY
    assert front.endings[0].when == ("sorry",) and front.endings[0].passed
    assert front.objectives[0].met == ("sorry",) and front.objectives[0].ruled_out == ("hold",)


def test_words_that_older_yaml_takes_for_something_else_are_words() -> None:
    """`on`, `no`, `yes`, dates and times of day are what they look like to the person who wrote them."""
    front = parse_persona(
        b"---\nname: No\ncues: {yes: {hear: [off, 2024-01-01, 10:30], on: nothing}}\n---\nx", FILE
    ).front
    assert front.name == "No"
    assert front.cues["yes"].hear == {"": ("off", "2024-01-01", "10:30")} and front.cues["yes"].on == "nothing"


def test_a_text_is_found_for_a_language_or_else_for_every_one_or_else_for_any() -> None:
    """Lines fall back from the language asked for to those without one, and then to any there are."""
    assert said_in({"th": ("ค่ะ",), "en": ("yes",)}, "en") == ("yes",)
    assert said_in({"": ("hm",), "en": ("yes",)}, "th") == ("hm",)
    assert said_in({"en": ("yes",)}, "th") == ("yes",)
    assert said_in({}, "th") == ()


def test_what_a_trainee_reads_of_an_objective_may_be_worded_per_language() -> None:
    """As one text, or as one for each language; a text for no language serves all."""
    front = parse_persona(
        b"""---
cues: {sorry: {means: says sorry}, hold: {means: {en: waits, th: "\xe0\xb8\xa3\xe0\xb8\xad"}}, none: {means: ""}}
phases: [{name: {en: Calm, de: Ruhig}, mood: 0-9}]
objectives: [{name: {de: Beruhigen}, met: sorry}]
---
prose""",
        FILE,
    ).front
    means = {name: cue.means for name, cue in front.cues.items()}
    assert [worded_in(means[name], "th") for name in means] == ["says sorry", "รอ", ""]
    assert worded_in(front.phases[0].name, "th") == "Calm"
    assert worded_in(front.objectives[0].name, "th") == "Beruhigen"


def test_front_matter_with_nothing_in_it_is_no_mistake() -> None:
    """Comments alone, or nothing, between the rules."""
    assert parse_persona(b"---\n# later\n---\nprose", FILE).prose == "prose"
    assert parse_persona(b"---\n---\nprose", FILE).prose == "prose"


SCHEMA_MISTAKES = [
    ("name: Bill\nmod: 5\n", 3, "no such key; did you mean mood?"),
    ("mood: 101\n", 2, "mood: 101: input should be less than or equal to 100"),
    ("mood: calm\n", 2, "mood: 'calm'"),
    ("cues:\n  sorry:\n    moood: 5\n", 4, "cues.sorry.moood: no such key; did you mean mood?"),
    ("cues:\n  a: {}\n  sorry:\n    mood: -200\n", 5, "cues.sorry.mood: -200"),
    ("cues:\n  a:\n    on: repeated\n", 4, "did you mean repeated_question?"),
    ("phases:\n  - name: a\n    mood: 0-30\n  - name: b\n    mood: 0-300\n", 6, "phases.1.mood"),
    ("phases:\n  - {name: a, mood: 0-9, emotion: angri}\n", 3, "did you mean angry?"),
    ("objectives:\n  - name: {en: }\n", 3, "objectives.0.name.en: nothing stands here"),
    ("objectives:\n  - name: ''\n", 3, "objectives.0.name: "),
    ("cues:\n  a:\n    means: 5\n", 4, "cues.a.means: 5: should be a text, or"),
    ("phases:\n  - mood: 0-9\n", 3, "phases.0.name: this key is missing"),
    ("timers:\n  - after: soon\n", 3, "timers.0.after: 'soon': should be a time: 10 (seconds), 10s or 2m"),
    ("timers:\n  - say: Hm\n", 3, "timers.0: no time is said"),
    ("timers:\n  - after: 0s\n", 3, "timers.0.after"),
    ("scenarios: one\n", 2, "scenarios"),
    ("name: ''\n", 2, "name: ''"),
    ("name: [a]\n", 2, "name"),
    ("cues: [a]\n", 2, "cues"),
    (
        "facts:\n  age: {say: a}\ncues:\n  old: {told: ages}\n",
        5,
        "cues.old.told: no fact is called 'ages'; did you mean age?",
    ),
    (
        "objectives:\n  - {name: {en: Date, th: วัน}, met: [deadline]}\n  - {name: {en: Day, th: วัน}, met: [refund]}\n",
        4,
        "objectives.1.name: 'วัน': another one is called so",
    ),
    (
        "objectives:\n  - {name: Date, met: [deadline],\n     ruled_out: [deadline]}\n",
        4,
        "objectives.0: deadline meets it and rules it out",
    ),
    (
        "endings:\n  - {name: over, when: [refund], passed: true}\n  - {name: over, below: 5}\n",
        4,
        "endings.1.name: 'over': another one so called counts otherwise",
    ),
    ("- a\n- b\n", 2, "`key: value` lines"),
    ("just words\n", 2, "`key: value` lines"),
]


@pytest.mark.parametrize(("front", "line", "said"), SCHEMA_MISTAKES)
def test_a_mistake_in_front_matter_is_named_with_its_line(front: str, line: int, said: str) -> None:
    """Every wrong key, value and name of a cue says on which line it stands and what would do."""
    found, text = refusal(front)
    assert said in text and found == line


BROKEN_YAML = [
    ("name: Bill\nname: Bob\n", 3, "the key 'name' is here twice"),
    ("name: Bill\ncues:\n  a: {mood: 1}\n  a: {mood: 2}\n", 5, "the key 'a' is here twice"),
    ("a: &x [lol, lol]\nb: [*x, *x]\n", 3, "aliases"),
    ("a: &a [x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n", 3, "aliases"),
    ("name: Bill\ncues: [a\n", None, "broken YAML"),
    ('name: "\\ud800"\n', None, "broken YAML"),
    ("name: Bill\nmood: \x07\n", 3, "broken YAML"),
    ("name: !!python/name:os.system\n", 2, "tags"),
    ("\tname: Bill\n", 2, "broken YAML"),
    ("cues: " + "{a: " * 200 + "}" * 200 + "\n", 2, "nested too deep"),
    ("name: " + "[" * 200 + "]" * 200 + "\n", 2, "nested too deep"),
]


@pytest.mark.parametrize(("front", "line", "said"), BROKEN_YAML, ids=[said for *_, said in BROKEN_YAML])
def test_broken_yaml_is_named_with_its_line(front: str, line: int | None, said: str) -> None:
    """Repeated keys, aliases, tags, control characters and brackets without end: one line each, and the line number."""
    found, text = refusal(front)
    assert said in text
    assert found is not None and (line is None or found == line)


IN_WORDS = [
    ("\tmood: 3\n", 2, "a tab stands at the start of this line: indent with spaces"),
    ("name: Bill\n\tmood: 3\n", 3, "a tab stands at the start of this line"),
    ("cues:\n  a:\n    say:\n\t- x\n", 5, "a tab stands at the start of this line"),
    ("name: @bill\n", 2, "a text cannot start with @: put it in quotes"),
    ("name: `x`\n", 2, "a text cannot start with `: put it in quotes"),
    ("name: %x\n", 2, "a text cannot start with %: put it in quotes"),
    ("%x: 3\n", 2, "a line cannot start with %"),
    ("name: *bold*\n", 2, "a text cannot start with *: put it in quotes"),
    ("name: & co\n", 2, "a text cannot start with &: put it in quotes"),
    ("name: !important\n", 2, "a text that starts with ! goes in quotes"),
    ("name: ? x\n", 2, "a text cannot start with ?: put it in quotes"),
    ("opening: > hello\n", 2, "a text that starts with them goes in quotes"),
    ("opening: Listen: I want\n", 2, "a text with a colon in it goes in quotes"),
    ("opening:\n  - Listen: I want\n", 3, "opening.0: should be a text; one with a colon in it goes in quotes"),
    ('name: "Bill\nmood: 3\n', 2, "the quotation mark that opens here is never closed"),
    ("name: 'Bill\nmood: 3\n", 2, "the quotation mark that opens here is never closed"),
    ("opening: 'I'm angry'\n", 2, "between single quotes, an apostrophe is written twice"),
    ('opening: "I" am\n', 2, 'nothing can follow the closing ": put the whole text in quotes'),
    ("name: “Bill”\n", 2, "“ is part of the text here, and no quotation mark"),
    ("scenarios: [“a”, b]\n", 2, "“ is part of the text here"),
    ("name:Bill\nmood:3\n", 2, "with a space after the colon"),
    ("name: Bill\nmood:3\n", 3, "a space is missing after the colon"),
    ("mood:3\nname: Bill\n", 2, "a space is missing after the colon"),
    ("cues:\n  a:\n    mood:3\n", 3, "after a colon comes a space"),
    ("cues:\n  a:\n    mood:3\n    say: x\n", 4, "a space is missing after the colon"),
    ("name: Bill\nmood 3\nopening: x\n", 3, "the colon is missing"),
    ("name = Bill\nmood: 3\n", 2, "the colon is missing"),
    ("name: Bill\n  mood: 3\n", 3, "this line is indented further than the key that it belongs to"),
    ("cues:\n    a: {}\n  b: {}\n", 4, "this line is not indented like the keys that it belongs to"),
    ("cues:\n  - a\n  b: {}\n", 4, "does not start with `- `"),
    ("scenarios: - a\n", 2, "a list starts on the line below its key, or is written [a, b]"),
    ("scenarios: – a\n", 2, "should be a list: [a, b], or a line `- a` for each"),
    ("scenarios: [a, b\nmood: 3\n", 2, "the [ that opens here is never closed"),
    ("cues: {a: {mood: 3}\nmood: 3\n", 2, "the { that opens here is never closed"),
    ("cues: {a: {mood: 3}}}\nmood: 3\n", 2, "a } too many"),
    ("timers: [{after: 3} {after: 4}]\n", 2, "a comma is missing"),
    ('opening: "a \\ud800"\n', 2, "is half of one, or none: write the character itself"),
    ('opening: "C:\\path"\n', 2, r"between double quotes, \ is written \\"),
    ("name: a\x07\n", 2, "the character U+0007 is not allowed here: delete it"),
    ("name: x\nname: y\n", 3, "the key 'name' is here twice, first in line 2"),
    ("name: x\n\u00a0mood: 3\n", 3, r"'\xa0mood': no such key; did you mean mood?"),
    ("cues:\n  sorry:\n  mood: 5\n", 4, "cues.mood: 5: should hold `key: value` lines"),
    ("facts:\n  name:\n  say: Ann\n", 3, "facts.name: nothing stands here: it should hold `key: value` lines"),
]


@pytest.mark.parametrize(("front", "line", "said"), IN_WORDS, ids=[front for front, *_ in IN_WORDS])
def test_what_yaml_does_not_take_is_said_in_a_writers_words(front: str, line: int, said: str) -> None:
    """The line is the one to mend, and the text says how: no word of a parser's."""
    found, text = refusal(front)
    assert said in text and found == line
    assert not re.search("token|mapping|scalar|scanning|parsing|expected|context", text)


def test_all_mistakes_of_a_front_matter_are_found_at_once() -> None:
    """Neither broken YAML in one entry nor a wrong value in another hides what is wrong with the rest."""
    front = 'name: "Bill\nmood: high\ncues:\n  a: {mod: 3}\n  b: {mood: 300}\nendings: [{name: e, when: [c]}]\nfoo: 1\n'
    reading = examine_persona(f"---\n{front}---\nprose".encode(), FILE, frozenset())
    assert reading.persona is None
    assert [mistake.line for mistake in reading.mistakes] == [2, 3, 5, 6, 7, 8]
    many = "".join(f"key{i}: 1\n" for i in range(1000))
    assert len(examine_persona(f"---\n{many}---\nprose".encode(), FILE).mistakes) == MISTAKES


UNOPENED = [
    ("name: Bill\nmood: 3\n---\n# Persona: Bill\n", 1, "no --- stands in the line above it"),
    ("\n# by Ann\nname: Bill\ncues:\n  a: {}\n---\nYou are Bill.\n", 3, "no --- stands in the line above it"),
    ("\n---\nname: Bill\n---\nYou are Bill.\n", 2, "must be the first line of the file"),
    ("# a comment\n---\nname: Bill\n---\nYou are Bill.\n", 2, "must be the first line of the file"),
    ("# Persona: a heading\n---\nname: Bill\n---\nYou are Bill.\n", 2, "must be the first line of the file"),
    ("\ufeff\ufeff---\nname: Bill\n---\nYou are Bill.\n", 1, "must be the first line of the file"),
    (" ---\nname: Bill\n---\nYou are Bill.\n", 1, "must be the first line of the file"),
    ("—\nname: Bill\n—\nYou are Bill.\n", 1, "opens with three hyphens: write --- here"),
    ("—--\nname: Bill\n—-\nYou are Bill.\n", 1, "opens with three hyphens: write --- here"),
    ("```yaml\n---\nname: Bill\n---\n```\nYou are Bill.\n", 2, "must be the first line of the file"),
]


@pytest.mark.parametrize(("text", "line", "said"), UNOPENED)
def test_front_matter_that_no_rule_opens_in_the_first_line_is_no_prompt(text: str, line: int, said: str) -> None:
    """The first --- gone, or something before it: the model would be told YAML, and the persona would have no facts."""
    with pytest.raises(SpecError, match=said) as caught:
        parse_persona(text.encode(), FILE)
    assert caught.value.line == line


@pytest.mark.parametrize(
    "prose",
    [
        "# Persona: Bill\nname: Bill\n---\nYou are Bill.\n",
        "Name: Bill\nAge: 40\n---\nYou are Bill.\n",
        "name: Bill\nmood: bad\n\nYou are Bill.\n",
        "# Notes\n---\nYou are Bill.\nname: he has one\n---\n",
    ],
)
def test_prose_that_only_looks_like_front_matter_is_prose(prose: str) -> None:
    """A profile without any rule, or with one below its heading, is what people already write."""
    assert parse_persona(prose.encode(), FILE).prose == prose


def test_what_is_no_regular_file_is_named_and_never_waited_for(tmp_path: Path) -> None:
    """A pipe, a folder, a socket, a device, a link to one, to itself or to nothing: one line each."""
    file = tmp_path / "x.md"

    def said(reader: Callable[[Path], object]) -> str:
        with pytest.raises(SpecError) as caught:
            reader(file)
        file.unlink() if not file.is_dir() else file.rmdir()
        return str(caught.value).removeprefix(f"{file}: ")

    for reader in (read_persona, read_conf):
        os.mkfifo(file)
        assert said(reader) == "this is a pipe, not a file"
        file.mkdir()
        assert said(reader) == "this is a folder, not a file"
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(file))
        assert said(reader) == "this is a socket, not a file"
        file.symlink_to("/dev/zero")
        assert said(reader) == "this is a device, not a file"
        file.symlink_to(file)
        assert said(reader) == "cannot read this file: Too many levels of symbolic links"
        file.symlink_to("nothing")
        assert said(reader) == "cannot read this file: it is a link to a file that is not there"
        file.write_bytes(b"x" * (SIZE_LIMIT + 1))
        assert said(reader) == "this file is too large: it can have 512 KiB at most"
    real = tmp_path / "real.md"
    real.write_text("You are Bill.")
    file.symlink_to(real)
    assert read_persona(file)[0].prose == "You are Bill."


def test_front_matter_that_is_never_closed_is_named() -> None:
    """A forgotten `---` does not turn the front matter into prose."""
    with pytest.raises(SpecError, match=r"bill_jones\.md:1: the front matter that opens here is never closed"):
        parse_persona(b"---\nname: Bill\n# Persona: Bill\n", FILE)


@pytest.mark.parametrize("data", [b"", b"\n \t\r\n", b"---\nname: Bill\n---\n", "\ufeff".encode()])
def test_a_persona_without_prose_is_empty(data: bytes) -> None:
    """Prose is the prompt: without it there is no persona."""
    with pytest.raises(SpecError, match="empty"):
        parse_persona(data, FILE)


def test_text_that_is_not_utf8_is_named_with_its_line() -> None:
    """A file saved in another encoding says on which line the first such byte stands."""
    with pytest.raises(SpecError, match=r":3: not UTF-8"):
        parse_persona("# Persona: Bill\nfine\ncafé\n".encode("latin-1"), FILE)
    with pytest.raises(SpecError, match="not UTF-8"):
        parse_persona("# Persona: Bill".encode("utf-16"), FILE)


def test_a_file_far_larger_than_any_prompt_is_refused_and_one_just_below_the_limit_is_not() -> None:
    """The size limit counts bytes."""
    assert parse_persona(b"x" * SIZE_LIMIT, FILE).prose == "x" * SIZE_LIMIT
    with pytest.raises(SpecError, match="512 KiB at most"):
        parse_persona(b"x" * (SIZE_LIMIT + 1), FILE)


def test_a_file_of_nothing_but_headings_is_refused() -> None:
    """Each is a section, which is kept and looked through at every save."""
    assert parse_persona(b"# Phase\ntext\n" * HEADING_LIMIT, FILE).sections
    with pytest.raises(SpecError, match="more than 1000 headings are too many"):
        parse_persona(b"# Phase\ntext\n" * (HEADING_LIMIT + 1), FILE)


# ---------------------------------------------------------------- the personas of this project


@pytest.mark.parametrize("file", sorted((ROOT / "personas").glob("*.md")), ids=lambda file: file.stem)
def test_a_persona_of_this_project_holds_what_its_front_matter_promises(file: Path) -> None:
    """Every text that is there in one language is there in all the languages that the opening has."""
    data = file.read_bytes()
    persona = parse_persona(data, file)
    assert data.decode().endswith(persona.prose)
    spoken = set(persona.front.opening)
    front = persona.front
    texts: list[Any] = [*front.facts.values(), *front.cues.values(), *front.phases, *front.endings]
    assert texts
    for text in texts:
        assert not text.say or "" in text.say or set(text.say) == spoken, text
    assert yaml.safe_load(data.decode().split("\n---\n")[0].removeprefix("---\n"))["name"] == persona.name


@pytest.mark.parametrize(
    ("hear", "said"),
    [
        ('"#"', "hear.0: '#': any number would do"),
        ('"|"', "hear.0: '|': a word is missing beside |"),
        ('{en: ["a|"]}', "hear.en.0: 'a|': a word is missing beside |"),
        ('{en: [hi, "#|ten"]}', "hear.en.1: '#|ten': a word is missing beside |"),
        ('", …"', "hear.0: ', …': there is no word in it"),
    ],
)
def test_a_phrase_that_says_nothing_is_a_mistake(hear: str, said: str) -> None:
    """Nobody would ever hear it, or anything would do: file, line, key and value."""
    text = f"---\nmood: 3\ncues:\n  sorry: {{hear: {hear}}}\n---\nYou are Ann."
    (mistake,) = examine_persona(text.encode(), Path("ann.md")).mistakes
    assert str(mistake).startswith(f"ann.md:4: cues.sorry.{said}")


@pytest.mark.parametrize("hear", ['"# days"', '"##"', '"?"', "a|b", "ค่ะ", "{en: [hi], th: [สวัสดี]}"])
def test_a_phrase_that_says_something_is_none(hear: str) -> None:
    """Numbers with words beside them, codes, and question marks."""
    assert examine_persona(f"---\ncues: {{a: {{hear: {hear}}}}}\n---\nYou are Ann.".encode(), Path("ann.md")).persona


def test_names_are_the_same_however_their_letters_are_encoded() -> None:
    """A cue that is named in one code of é and referred to in the other, and a scenario."""
    cue, other = normalize("NFC", "café"), normalize("NFD", "café")
    front = f"scenarios: [{other}]\ncues: {{{other}: {{hear: hi}}}}\nendings: [{{name: e, when: [{cue}]}}]"
    persona = examine_persona(f"---\n{front}\n---\nYou are Ann.".encode(), Path("ann.md")).persona
    assert persona and persona.front.scenarios == (cue,) and persona.front.endings[0].when == tuple(persona.front.cues)


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x07", "\x7f", "\x93"])
@pytest.mark.parametrize("text", ["You are Ann.\nYou{} wait.\n", "---\nname: A{}nn\n---\nYou wait.\n"])
def test_a_character_that_nobody_sees_is_told_with_its_line(text: str, character: str) -> None:
    """In the prose too, which no YAML parser reads; tabs, and the line and page breaks of any system, may stand."""
    with pytest.raises(SpecError, match=rf"ann\.md:2: .*the character U\+{ord(character):04X} is not allowed here"):
        parse_persona(text.format(character).encode(), Path("ann.md"))
    for fine in "\t", "\r\n", "\x0b", "\x0c", "\x85", "\u2028", "\u200b", "\u202e":
        assert parse_persona(f"You are Ann.{fine}You wait.".encode(), Path("ann.md")).prose


# ---------------------------------------------------------------- the schema that editors check it by


SCAFFOLDS = sorted((ROOT / "runtime/config").glob("scaffold.*.md"))


@pytest.mark.parametrize("file", [*sorted((ROOT / "personas").glob("*.md")), *SCAFFOLDS])
def test_the_schema_takes_every_shipped_persona_and_the_scaffold(file: Path) -> None:
    errors = validate(file.read_text().split("---\n")[1])
    assert errors == []


def test_a_new_persona_has_the_same_keys_and_comments_in_each_language() -> None:
    """The texts alone are in the language: what explains a key is not forgotten in one of them."""
    fronts = (file.read_text().split("---\n")[1].splitlines() for file in SCAFFOLDS)
    english, thai = (
        [row.partition("#")[2] for row in rows if "#" in row and "language:" not in row] for rows in fronts
    )
    assert english == thai
    english, thai = (yaml.safe_load(file.read_text().split("---\n")[1]) for file in SCAFFOLDS)
    assert {**english, "language": "th"}.keys() == thai.keys()
    assert all(english[key].keys() == thai[key].keys() for key in ("facts", "cues"))


@pytest.mark.parametrize(
    "front",
    [
        "cues: {praise: {means: says something nice, on: nothing, told: gift, mood: +3}}",
        "cues: {praise: {means: {en: is nice}}, refund: }\nneutral: {en: [How do you do?]}",
        "objectives: [{name: Solves it, met: refund}, {name: {en: Empathy, th: ความเข้าใจ}, missed: no kind word}]",
        "phases: [{name: Angry, mood: 0-40, say: No.}]\ntimers: [{silence: 10s}, {after: 2, unless: [refund, hold]}]",
    ],
)
def test_the_schema_takes_what_the_runtime_takes(front: str) -> None:
    parse_persona(f"---\n{front}\nfacts: {{gift: {{say: It is.}}}}\n---\nprose\n".encode(), FILE)
    assert validate(front) == []


@pytest.mark.parametrize(
    "front",
    [
        "moood: 3",
        "mood: 300",
        "cues: {a: {mod: 3}}",
        "cues: {a: {means: [a]}}",
        "objectives: [{name: 3}]",
        "calls: maybe",
    ],
)
def test_the_schema_refuses_what_the_runtime_refuses(front: str) -> None:
    refusal(f"{front}\n")
    assert validate(front)


def validate(front: str) -> list[str]:
    """What an editor would mark in this front matter."""
    validator = pytest.importorskip("jsonschema_rs").validator_for(json.loads(schema()))
    return [error.message for error in validator.iter_errors(load_yaml(front, FILE)[0])]
