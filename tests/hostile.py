"""Persona files that were built to be slow or to break something, the same ones for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable

KIB = 1024
Build = Callable[[random.Random, int], str]


def hostile_personas(count: int, seed: int = 11) -> dict[str, bytes]:
    """So many files by name, of 64 to 256 KiB, each of another kind than the one before."""
    chance = random.Random(seed)
    kinds = list(KINDS.items())
    files = {}
    for i in range(count):
        name, build = kinds[i % len(kinds)]
        size = chance.randint(64 * KIB, 256 * KIB - 64)
        files[f"h{i:03}_{name}"] = build(chance, size).encode()[:size].decode("utf-8", "ignore").encode()
    return files


def _front(inside: str) -> str:
    return f"---\n{inside}\n---\n# Persona: Hostile\nYou are hostile.\n"


def _filled(start: str, unit: str, end: str = "") -> Build:
    """The unit again and again, as prose."""
    return lambda chance, size: start + unit * ((size - len(start) - len(end)) // len(unit.encode())) + end


def _yaml(start: str, unit: str, end: str = "") -> Build:
    """The unit again and again, inside front matter."""
    return lambda chance, size: _front(start + unit * ((size - 100 - len(start)) // len(unit.encode())) + end)


def _numbered(start: str, unit: str, end: str = "") -> Build:
    """The unit again and again with another number each time, inside front matter."""

    def build(chance: random.Random, size: int) -> str:
        return _front(start + "".join(unit.format(i) for i in range((size - 200) // (len(unit.encode()) + 4))) + end)

    return build


def _noise(letters: str) -> Build:
    """Any of these characters, as prose."""
    return lambda chance, size: "# Persona: Noise\n" + "".join(chance.choices(letters, k=size // 3))


def _broken(chance: random.Random, size: int) -> str:
    """A little of everything, as front matter."""
    parts = [
        "cues: ",
        "{",
        "}",
        "[",
        "]",
        "\n",
        "  ",
        "- ",
        "a: ",
        '"',
        "'",
        ",",
        "| ",
        "> ",
        "&x ",
        "*x ",
        "# ",
        "\t",
        "?",
    ]
    return _front("name: x\n" + "".join(chance.choices(parts, k=size // 3)))


KINDS: dict[str, Build] = {
    "heading_spaces": lambda chance, size: "# Persona: X\n" + ("# a" + " " * (size // 9) + "b\nHello.\n") * 8,
    "one_heading": lambda chance, size: "# Persona: X\n# a" + " " * (size - 40) + "b\nHello.",
    "blank_lines": _filled("# Persona\n", "\n", "x"),
    "name_stars": _filled("# Profile\n", "*- ", "name"),
    "rules": _filled("x\n", "---\n", "x"),
    "rules_above": _filled("", "---\n", "x"),
    "rule_words": _filled("---\nname: x\n", "--- x\n", "x"),
    "headings": _filled("", "# a\n"),
    "phases": _filled("# Persona: P\n", '## Phase 1\n"I want it now!" she says.\n'),
    "fences": _filled("", "```\n# a\n"),
    "items": _filled("# Profile\n", "- Key of mine: 12345\n"),
    "colons": _filled("# Profile\n", ":" * 59 + " "),
    "pipes": _filled("# Profile\n", "|"),
    "quotes": _filled("# Scenario\n", '"'),
    "quote_dots": _filled("# Scenario\n", '"you say ... '),
    "brackets": _filled("# Scenario\nKey: ", "(["),
    "one_line": _filled("# Scenario\n", "You are angry and you said she never. "),
    "codes": _filled("---\nfacts: {a: {hear: a, say: CUST-1}}\n---\n", "A-B-1-"),
    "thai": _filled("# สถานการณ์\n", "ไม่ได้คืนเงินให้คุณ"),
    "combining": _filled("# Persona: X\n", "e\u0301\u0301\u0301\u0301"),
    "nbsp": _filled("# Persona: X\n#", "\u00a0\u3000\u2003"),
    "line_ends": _filled("# Persona: X\n", "\u2028\x0b\x0c\x85"),
    "deep_flow": _yaml("cues: ", "{a: "),
    "deep_list": _yaml("scenarios: ", "["),
    "deep_dashes": _yaml("scenarios:\n", "- "),
    "commas": _yaml("scenarios: [", "a,", "]"),
    "open_list": _yaml("scenarios: [a", ",b"),
    "scalar": _yaml('opening: "', "Hello there, ", '"'),
    "open_quote": _yaml('opening: "', "Hello there, "),
    "literal": _yaml("opening: |\n", "  x\n\n\n"),
    "escapes": _yaml('opening: "', "\\u0e01", '"'),
    "long_key": _yaml("", "k", ": 1"),
    "spaces": _yaml("timers: [{after: 5", " ", "x}]"),
    "range": _yaml("phases: [{name: a, mood: '3", " ", "x'}]"),
    "digits": _yaml("mood: ", "9"),
    "comments": _yaml("name: x\n", "# name: y\n"),
    "anchors": _yaml("name: x\nopening: ", "&a "),
    "tabs": _yaml("name: x\n", "\t\t\n", "\ta: 1"),
    "directives": _yaml("", "%YAML 1.1\n"),
    "keys": _numbered("", "key{}: 1\n"),
    "same_key": _yaml("", "name: x\n"),
    "cues": _numbered("cues:\n", "  cue{}: {{mood: 5, hear: [a]}}\n"),
    "wrong_cues": _numbered("cues:\n", "  cue{}: {{mod: 5}}\n"),
    "unknown_cues": _numbered("endings: [{name: e, when: [", "c{}, ", "]}]"),
    "many_lines": _numbered("opening:\n", '  - "I have called {} times and nothing happened, nothing at all"\n'),
    "wrong_lines": _numbered("opening:\n", "  - [{}, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]\n"),
    "languages": _numbered("opening: {\n", "  l{}: [Hello there to all of you],\n", "}"),
    "scenarios": _numbered("scenarios: [", "'*a*b*c*d*e*f*g*{}*',\n", "]"),
    "long_name": _yaml("language: ", "englisch"),
    "phases_overlap": _numbered("phases:\n", "  - {{name: p{}, mood: 0-99}}\n"),
    "facts": _numbered("facts:\n", "  f{0}: {{hear: [what is it], say: [It is {0} and CUST-{0}]}}\n"),
    "broken": _broken,
    "noise": _noise("ab \n#*-:|\"'`~()[]{}.?!12กข"),
    "unicode": _noise("😀\u200b\u200d\ufeffกิ์é漢あ\u202e\u0300 \n#"),
}
