"""Counts the steps that a pattern costs, as a clock would, but the same on every machine.

`re` says nothing of its work. Its own parser does say what a pattern is made of, and a backtracking matcher of that is
small: this one tries what `re` tries, without the shortcuts that make `re` faster by a factor.
"""

from __future__ import annotations

import cProfile
import importlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import groupby
from types import ModuleType
from typing import Any

import pytest

_sre = importlib.import_module("re._parser")  # private to Python, and the only place that knows how a pattern reads
LIMIT = 1_000_000
"""Steps after which a count is given up: a pattern that needs more on a few kilobytes is not linear."""

Then = Callable[[int], int | None]
"""What follows: takes where it begins, and gives the end of the match, or None."""


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
        self.steps = steps
        self._node = _compiled(pattern)

    def match(self, at: int) -> int | None:
        """The end of the match that begins here."""
        return self._node(self, at, _as_it_is)

    def finds(self) -> Iterator[tuple[int, int]]:
        """All matches, one after the other, as `finditer` has them."""
        at = 0
        while at <= len(self.text):
            self.steps.take()
            end = self._node(self, at, _as_it_is)
            if end is not None:
                yield at, end
            at = end if end is not None and end > at else at + 1


def _as_it_is(end: int) -> int:
    return end


Node = Callable[[Matcher, int, Then], int | None]
"""A part of a pattern: tries to match here, and then what follows."""


@lru_cache(maxsize=1024)
def _compiled(pattern: re.Pattern[str]) -> Node:
    return _sequence(_plain(_sre.parse(pattern.pattern, pattern.flags & ~re.UNICODE)), pattern.flags)


def _sequence(tree: Any, flags: int) -> Node:
    """One part after the other; parts of one character together, as most are."""
    nodes: list[Node] = []
    for single, items in groupby(tree, key=_is_single):
        parts = list(items)
        nodes += [_singles(parts, flags)] if single else [_node(part, flags) for part in parts]
    if not nodes:
        return lambda matcher, at, then: then(at)
    return reduce(lambda rest, first: _followed(first, rest), reversed(nodes[:-1]), nodes[-1])


def _followed(first: Node, rest: Node) -> Node:
    return lambda matcher, at, then: first(matcher, at, lambda end: rest(matcher, end, then))


def _singles(items: list[Any], flags: int) -> Node:
    first, *others = [_Characters(item, flags) for item in items]

    def run(matcher: Matcher, at: int, then: Then) -> int | None:
        text, steps = matcher.text, matcher.steps
        steps.taken += 1
        if at >= len(text) or not first[text[at]]:
            return None
        for fitting in others:
            at += 1
            steps.take()
            if at >= len(text) or not fitting[text[at]]:
                return None
        return then(at + 1)

    return run


def _node(item: Any, flags: int) -> Node:
    name, value = item
    match name:
        case "AT":
            multiline = bool(flags & re.MULTILINE)
            return _counted(lambda matcher, at, then: then(at) if _stands(value, matcher.text, at, multiline) else None)
        case "SUBPATTERN":
            return _counted(_sequence(value[3], flags))
        case "BRANCH":
            return _branch([_sequence(branch, flags) for branch in value[1]])
        case "ATOMIC_GROUP":
            return _counted(_atomic(_sequence(value, flags)))
        case "ASSERT" | "ASSERT_NOT":
            back = 0 if value[0] > 0 else _width(value[1])
            return _counted(_assertion(_sequence(value[1], flags), back, wanted=name == "ASSERT"))
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            least, most, body = value
            if len(body) == 1 and _is_single(body[0]):
                return _counted(_repeat_single(name, least, int(most), _Characters(body[0], flags)))
            return _counted(_repeat(name, least, int(most), _sequence(body, flags)))
    return _unknown(name)


def _unknown(name: str) -> Node:
    def run(matcher: Matcher, at: int, then: Then) -> int | None:
        raise NotImplementedError(name)

    return run


def _counted(node: Node) -> Node:
    def run(matcher: Matcher, at: int, then: Then) -> int | None:
        matcher.steps.taken += 1
        return node(matcher, at, then)

    return run


def _branch(branches: list[Node]) -> Node:
    def run(matcher: Matcher, at: int, then: Then) -> int | None:
        matcher.steps.taken += 1
        for branch in branches:
            if (end := branch(matcher, at, then)) is not None:
                return end
        return None

    return run


def _atomic(body: Node) -> Node:
    def run(matcher: Matcher, at: int, then: Then) -> int | None:
        end = body(matcher, at, _as_it_is)
        return None if end is None else then(end)

    return run


def _assertion(body: Node, back: int, wanted: bool) -> Node:
    def run(matcher: Matcher, at: int, then: Then) -> int | None:
        found = at >= back and body(matcher, at - back, _as_it_is) is not None
        return then(at) if found == wanted else None

    return run


def _repeat_single(name: str, least: int, most: int, fitting: _Characters) -> Node:
    def run(matcher: Matcher, at: int, then: Then) -> int | None:
        fits, steps = 0, matcher.steps
        while fits < most and at + fits < len(matcher.text) and fitting[matcher.text[at + fits]]:
            fits += 1
        if name == "POSSESSIVE_REPEAT":
            steps.take(fits)
            return then(at + fits) if fits >= least else None
        counts = range(fits, least - 1, -1) if name == "MAX_REPEAT" else range(least, fits + 1)
        steps.take(fits if name == "MAX_REPEAT" else 0)
        for count in counts:
            steps.take()
            if (end := then(at + count)) is not None:
                return end
        return None

    return run


def _repeat(name: str, least: int, most: int, body: Node) -> Node:
    def run(matcher: Matcher, at: int, then: Then, done: int = 0) -> int | None:
        matcher.steps.take(0)  # what goes on for ever is given up here

        def again() -> int | None:
            if done >= most:
                return None
            return body(matcher, at, lambda end: run(matcher, end, then, done + 1) if end > at else None)

        if name == "MIN_REPEAT":
            end = then(at) if done >= least else None
            return again() if end is None else end
        end = again()
        return then(at) if end is None and done >= least else end

    def possess(matcher: Matcher, at: int, then: Then) -> int | None:
        done = 0
        while done < most and (end := body(matcher, at, _as_it_is)) is not None and end > at:
            done, at = done + 1, end
        return then(at) if done >= least else None

    return possess if name == "POSSESSIVE_REPEAT" else run


def _stands(what: str, text: str, at: int, multiline: bool) -> bool:
    end = len(text)
    match what:
        case "AT_BEGINNING":
            return at == 0 or (multiline and text[at - 1] == "\n")
        case "AT_END_STRING":
            return at == end
        case "AT_END":
            return at in (end, end - 1 if text.endswith("\n") else end) or (multiline and text[at] == "\n")
    words = [0 <= place < end and _is_word(text[place]) for place in (at - 1, at)]
    return (words[0] != words[1]) == (what == "AT_BOUNDARY")


def _is_single(item: Any) -> bool:
    return item[0] in _SINGLE


def _width(tree: Any) -> int:
    """The characters that a pattern for looking back takes: always as many."""
    return sum(_width(value[3]) if name == "SUBPATTERN" else name in _SINGLE for name, value in tree)


_SINGLE = {"LITERAL", "NOT_LITERAL", "ANY", "IN"}
"""What takes one character."""


class _Characters(dict[str, bool]):
    """Whether a part of one character takes a character, for those that were asked for."""

    def __init__(self, item: Any, flags: int) -> None:
        self._item = item
        self._ignore_case = bool(flags & re.IGNORECASE)

    def __missing__(self, character: str) -> bool:
        self[character] = fits = _fits(self._item, character, self._ignore_case)
        return fits


def _fits(item: Any, character: str, ignore_case: bool) -> bool:
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


def calls_of(work: Callable[[], object]) -> int:
    """The calls of all functions, Python's and those of C, that this work makes."""
    profile = cProfile.Profile()
    profile.runcall(work)
    return sum(function.callcount for function in profile.getstats())


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
