"""Where a persona's facts say otherwise than its prose: the model reads the prose, the offline model the facts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

from ..spec.persona import Fact, Persona
from .phrases import plain
from .prose import items
from .topics import content_words

TEXT_LIMIT = 64 * 1024
"""Characters of prose, and of what one fact says, that are compared."""
ITEM_LIMIT = 300
"""`Key: value` items of the prose, and facts, that are compared: each fact is held against each item."""

_NUMBER = re.compile(r"(?:[A-Za-z]{1,12}-?|[$€£฿]\s?)?\d{1,20}(?:[.,-]\d{1,20}){0,4}")
_OTHER_DIGIT = re.compile(r"(?![0-9])\d")
_NAME = re.compile(r"(?<![\w'’])[A-Z][^\W\d_]{1,40}")
_GENERIC = frozenset("number no id code name full current type".split())
"""Words that a key has beside the name of what it is about."""


@dataclass(frozen=True, slots=True)
class _Item:
    """A `Key: value` line of the prose; `strange` is what of its value no fact says."""

    row: str
    value: str
    key: frozenset[str]
    about: frozenset[str]
    strange: tuple[str, ...]


def disagreements(persona: Persona) -> list[str]:
    """A line for each fact that says otherwise than the prose, where an edit of one was forgotten in the other.

    Only what is certain counts. Under a key that is the fact's own name (`Tier` for `tier`, `Account number` for
    `account`) fact and prose must each have a number or name that the other lacks. Elsewhere the fact's must be nowhere
    in the prose and the prose's in no fact, both of one form (CUST-2847 and CUST-9999), and under a key that shares a
    word with what the fact is asked by, or, for a code, anywhere.
    """
    if not persona.front.facts:
        return []
    text = _digits(persona.prose[:TEXT_LIMIT])
    facts = list(persona.front.facts.items())[:ITEM_LIMIT]
    says = [_digits(" ".join(chain.from_iterable(fact.say.values()))[:TEXT_LIMIT]) for _, fact in facts]
    written, told = _words(text), _words(" ".join(says))
    rows = [
        _Item(f"`{key}: {value}`", value, frozenset(plain(key).split()), content_words(key), _lacking(value, told))
        for key, value in islice(chain.from_iterable(map(items, persona.sections)), ITEM_LIMIT)
    ]
    codes = tuple(other for other in _lacking(text, told) if other[0].isalpha() and other[-1].isdecimal())
    found = (
        (name, _disagreement(name, fact, said, rows, written, codes))
        for (name, fact), said in zip(facts, says, strict=True)
    )
    return [f"facts.{name}: the fact says {pair[0]}, and the prose says {pair[1]}" for name, pair in found if pair]


def _disagreement(
    name: str, fact: Fact, says: str, rows: list[_Item], written: frozenset[str], codes: tuple[str, ...]
) -> tuple[str, str] | None:
    """What the fact says, and what of the prose says otherwise."""
    own = frozenset(plain(name.replace("_", " ")).split())
    for item in rows:
        if own in (item.key, item.key - _GENERIC):
            said, theirs = _lacking(says, _words(_digits(item.value))), _lacking(item.value, _words(says))
            if pair := next((s for s in said if any(s[-1].isdecimal() == t[-1].isdecimal() for t in theirs)), None):
                return pair, item.row
    mine = _by_form(_lacking(says, written))
    if not mine:
        return None
    asked = content_words(" ".join(chain.from_iterable(fact.hear.values())).replace("|", " "))
    for item in rows:
        forms = set(map(_form, item.strange)) if not asked.isdisjoint(item.about) else set()
        if alike := next((token for form, token in mine.items() if form in forms), None):
            return alike, item.row
    for code in codes:
        if alike := mine.get(_form(code)):
            return alike, code
    return None


def _lacking(text: str, words: frozenset[str]) -> tuple[str, ...]:
    """The numbers, codes and names of a text that are not among these words of another."""
    text = _digits(text)
    numbers = (number for number in _NUMBER.findall(text) if not _words(number) <= words)
    return (*numbers, *(name for name in _names(text) if name.casefold() not in words))


def _names(text: str) -> Iterator[str]:
    """The words with a capital letter, but for those that only begin a sentence."""
    for sentence in re.split(r"[.!?]\s", text):
        found = _NAME.findall(sentence)
        begins = len(sentence.split(None, 3)) > 2 and bool(found) and sentence.lstrip().startswith(found[0])
        yield from found[begins:]


def _by_form(tokens: tuple[str, ...]) -> dict[str, str]:
    """The first number or code of each form."""
    found: dict[str, str] = {}
    for token in tokens:
        if token[-1].isdecimal():
            found.setdefault(_form(token), token)
    return found


def _form(token: str) -> str:
    """CUST-0 for any such code, $0.0 for any such amount; as many 0 as there are digits for a bare number."""
    return re.sub(r"\d" if token[0].isdecimal() else r"\d+", "0", token)


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\d+|[^\W\d_]+", re.sub(r"(?<=\d),(?=\d)", "", text.casefold())))


def _digits(text: str) -> str:
    """The text with Thai and other digits as 0-9."""
    return text if text.isascii() else _OTHER_DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), text)
