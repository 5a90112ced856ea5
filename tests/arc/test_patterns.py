"""A pattern of many alternatives finds what it would find if they were tried one after the other."""

from __future__ import annotations

import importlib
import re
import unicodedata
from typing import Any

import pytest

from runtime.arc import clauses, listener, promises
from runtime.arc.patterns import Alternatives

_sre = importlib.import_module("re._parser")  # private to Python, and the only place that knows how a pattern reads
ALL = {
    f"{module.__name__.rpartition('.')[2]}.{name}": value
    for module in (clauses, listener, promises)
    for name, value in vars(module).items()
    if isinstance(value, Alternatives)
}


def needs_more_than_ascii(tree: Any) -> bool:
    """Whether whatever this part of a pattern takes holds a character beyond ASCII."""
    return any(_needs(str(kind), value) for kind, value in tree)


def _needs(kind: str, value: Any) -> bool:
    match kind:
        case "LITERAL":
            return bool(value > 127)
        case "IN":
            return all(str(one) == "LITERAL" and character > 127 for one, character in value)
        case "SUBPATTERN":
            return needs_more_than_ascii(value[3])
        case "BRANCH":
            return all(map(needs_more_than_ascii, value[1]))
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            return bool(value[0]) and needs_more_than_ascii(value[2])
    return False


@pytest.mark.parametrize("pattern", ALL.values(), ids=ALL)
def test_what_is_not_looked_for_in_ascii_cannot_be_there(pattern: Alternatives) -> None:
    """Each alternative with Thai in it needs some of it: a text of ASCII alone need not be looked through for it."""
    assert [one for one in pattern.thai if not needs_more_than_ascii(_sre.parse(one))] == []


@pytest.mark.parametrize(
    ("written", "text", "found"),
    [
        (r"\bone\b|\btwo|three", "a one", "one"),
        (r"\bone\b|\btwo|three", "bone, twofold", "two"),
        (r"\bone\b|\btwo|three", "someone, twothree", "two"),
        (r"\bone\b|\btwo|three", "bone, xtwo", None),
        (r"a(?:b|c)|[|)]d|\|e", "x|d", "|d"),
        (r"a(?:b|c)|[|)]d|\|e", "ac", "ac"),
        (r"a(?:b|c)|[]|]d|\(e", "x(e", "(e"),
        (r"no|ไม่", "ไม่ no", "no"),
        (r"no|ไม่", "ไม่", "ไม่"),
        (r"no|ทำ", unicodedata.normalize("NFKC", "ทำ"), unicodedata.normalize("NFKC", "ทำ")),
        (r"ไม่", "not", None),
    ],
)
def test_each_alternative_is_found(written: str, text: str, found: str | None) -> None:
    """Grouped by how they begin, and by script, they find what they say: in a group or a set, `|` divides nothing."""
    pattern = Alternatives(written)
    match = pattern.search(text)
    assert (match and match[0]) == found
    assert bool(re.compile(unicodedata.normalize("NFKC", written)).search(text)) == (match is not None)
    assert [one[0] for one in pattern.finditer(text)][:1] == ([found] if found else [])
