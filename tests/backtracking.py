"""Counts the steps that a pattern costs, as a clock would, but the same on every machine.

`re` says nothing of its work. Its own parser does say what a pattern is made of, and a backtracking matcher of that is
small: this one tries what `re` tries, without the shortcuts that make `re` faster by a factor.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any

import pytest

_sre = importlib.import_module("re._parser")  # private to Python, and the only place that knows how a pattern reads
LIMIT = 1_000_000
"""Steps after which a count is given up: a pattern that needs more on a few kilobytes is not linear."""

Then = Callable[[int], int | None]


@lru_cache(maxsize=1024)
def _parsed(pattern: re.Pattern[str]) -> Any:
    return _plain(_sre.parse(pattern.pattern, pattern.flags & ~re.UNICODE))


def _plain(value: Any) -> Any:
    """The parser's tree with plain names."""
    if isinstance(value, _sre.SubPattern):
        return [_plain(item) for item in value]
    if isinstance(value, list | tuple):
        return tuple(map(_plain, value))
    return str(value) if isinstance(value, _NAMED) and value.name not in _COUNTS else value


_NAMED = type(_sre.MAXREPEAT)
_COUNTS = ("MAXREPEAT",)


@dataclass
class Steps:
    """A count."""

    taken: int = 0

    def take(self, steps: int = 1) -> None:
        self.taken += steps
        if self.taken > LIMIT:
            raise AssertionError(f"more than {LIMIT} steps")


class Matcher:
    """One pattern on one text."""

    def __init__(self, pattern: re.Pattern[str], text: str, steps: Steps) -> None:
        self.text = text
        self.flags = pattern.flags
        self.ignore_case = int(pattern.flags & re.IGNORECASE)
        self.tree = _parsed(pattern)
        self.steps = steps

    def match(self, at: int) -> int | None:
        """The end of the match that begins here."""
        return self._run(self.tree, 0, at, lambda end: end)

    def finds(self) -> Iterator[tuple[int, int]]:
        """All matches, one after the other, as `finditer` has them."""
        at = 0
        while at <= len(self.text):
            self.steps.take()
            end = self.match(at)
            if end is not None:
                yield at, end
            at = end if end is not None and end > at else at + 1

    def _run(self, tree: Any, i: int, at: int, then: Then) -> int | None:
        if i == len(tree):
            return then(at)
        self.steps.take()
        name, value = tree[i]
        if self._is_single(tree[i]):
            return self._run(tree, i + 1, at + 1, then) if self._fits(tree[i], at) else None
        following: Then = lambda end: self._run(tree, i + 1, end, then)  # noqa: E731
        match name:
            case "AT":
                return following(at) if self._stands(value, at) else None
            case "SUBPATTERN":
                return self._run(value[3], 0, at, following)
            case "BRANCH":
                ends = (self._run(branch, 0, at, following) for branch in value[1])
                return next((end for end in ends if end is not None), None)
            case "ATOMIC_GROUP":
                end = self._run(value, 0, at, lambda end: end)
                return None if end is None else following(end)
            case "ASSERT" | "ASSERT_NOT":
                start = at if value[0] > 0 else at - _width(value[1])
                found = start >= 0 and self._run(value[1], 0, start, lambda end: end) is not None
                return following(at) if found == (name == "ASSERT") else None
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                least, most, body = value
                if len(body) == 1 and self._is_single(body[0]):
                    return self._repeat_single(name, least, int(most), body[0], at, following)
                return self._repeat(name, least, int(most), body, 0, at, following)
        raise NotImplementedError(name)

    def _repeat_single(self, name: str, least: int, most: int, item: Any, at: int, then: Then) -> int | None:
        fits = 0
        while fits < most and self._fits(item, at + fits):
            fits += 1
        if name == "POSSESSIVE_REPEAT":
            self.steps.take(fits)
            return then(at + fits) if fits >= least else None
        counts = range(fits, least - 1, -1) if name == "MAX_REPEAT" else range(least, fits + 1)
        self.steps.take(fits if name == "MAX_REPEAT" else 0)
        for count in counts:
            self.steps.take()
            if (end := then(at + count)) is not None:
                return end
        return None

    def _repeat(self, name: str, least: int, most: int, body: Any, done: int, at: int, then: Then) -> int | None:
        def again() -> int | None:
            if done >= most:
                return None
            return self._run(
                body,
                0,
                at,
                lambda end: self._repeat(name, least, most, body, done + 1, end, then) if end > at else None,
            )

        if name == "POSSESSIVE_REPEAT":
            while done < most and (end := self._run(body, 0, at, lambda end: end)) is not None and end > at:
                done, at = done + 1, end
            return then(at) if done >= least else None
        if name == "MIN_REPEAT":
            end = then(at) if done >= least else None
            return again() if end is None else end
        end = again()
        return then(at) if end is None and done >= least else end

    @staticmethod
    def _is_single(item: Any) -> bool:
        return item[0] in _SINGLE

    def _fits(self, item: Any, at: int) -> bool:
        return at < len(self.text) and _fits(item, self.text[at], self.ignore_case)

    def _stands(self, what: str, at: int) -> bool:
        text, end = self.text, len(self.text)
        match what:
            case "AT_BEGINNING":
                return at == 0 or bool(self.flags & re.MULTILINE and text[at - 1] == "\n")
            case "AT_END_STRING":
                return at == end
            case "AT_END":
                return at in (end, end - 1 if text.endswith("\n") else end) or bool(
                    self.flags & re.MULTILINE and text[at] == "\n"
                )
        words = [0 <= place < end and _is_word(text[place]) for place in (at - 1, at)]
        return (words[0] != words[1]) == (what == "AT_BOUNDARY")


def _width(tree: Any) -> int:
    """The characters that a pattern for looking back takes: always as many."""
    return sum(_width(value[3]) if name == "SUBPATTERN" else name in _SINGLE for name, value in tree)


_SINGLE = {"LITERAL", "NOT_LITERAL", "ANY", "IN"}
"""What takes one character."""


@lru_cache(maxsize=100_000)
def _fits(item: Any, character: str, ignore_case: int) -> bool:
    forms = {character, character.lower(), character.upper()} if ignore_case else {character}
    codes = [ord(form) for form in forms if len(form) == 1]
    name, value = item
    if name == "ANY":
        return character != "\n"
    if name != "IN":
        return bool(name == "LITERAL") == (value in codes)
    negated: bool = value[0][0] == "NEGATE"
    return any(_in(part, code) for part in value for code in codes) != negated


def _in(part: Any, code: int) -> bool:
    match part:
        case ("LITERAL", value):
            return bool(code == value)
        case ("RANGE", (first, last)):
            return bool(first <= code <= last)
        case ("CATEGORY", kind):
            is_in = {"SPACE": str.isspace, "DIGIT": str.isdecimal, "WORD": _is_word}[kind.rpartition("_")[2]](chr(code))
            return is_in != ("_NOT_" in kind)
    return False


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


class Counted:
    """A compiled pattern that answers as it does, and counts."""

    def __init__(self, pattern: re.Pattern[str], steps: Steps) -> None:
        self._pattern = pattern
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> Any:
            text = arguments[-1]
            matcher = Matcher(self._pattern, text, self._steps)
            answer = getattr(self._pattern, name)(*arguments)
            if name in ("match", "fullmatch"):
                matcher.match(0)
            else:
                found = next(matcher.finds(), None) if name == "search" else list(matcher.finds())
                if name == "search":
                    assert (answer.span() if answer else None) == found, (self._pattern.pattern, text)
            return answer

        return call


@contextmanager
def counted(*modules: ModuleType) -> Iterator[Steps]:
    """Counts the steps of all patterns of these modules, compiled ones and those that they give to `re`."""
    steps = Steps()

    class Re(ModuleType):
        """`re`, as those modules see it."""

        def __getattr__(self, name: str) -> Any:
            if name not in ("search", "match", "fullmatch", "split", "findall", "finditer", "sub"):
                return getattr(re, name)

            def call(pattern: str, *arguments: Any, flags: int = 0) -> Any:
                return getattr(Counted(re.compile(pattern, flags), steps), name)(*arguments)

            return call

    with pytest.MonkeyPatch.context() as patch:
        for module in modules:
            for name, value in list(vars(module).items()):
                if isinstance(value, re.Pattern):
                    patch.setattr(module, name, Counted(value, steps))
                elif value is re:
                    patch.setattr(module, name, Re("re"))
        yield steps
