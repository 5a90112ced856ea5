"""A file's bytes → text → plain values, and the lines on which they stand; each mistake is one line in plain words."""

from __future__ import annotations

import os
import re
import stat
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..errors import SpecError

SIZE_LIMIT = 512 * 1024
"""Bytes of a file: a persona far beyond any model's prompt is a mistake or an attack. A language's customer has some
three thousand examples, and each letter of Thai has three bytes."""
VALUE_LIMIT = 10_000
"""Values of one YAML text, several times what a persona needs: each costs time and memory at every save."""
_DEPTH_LIMIT = 32
_SHOWN = 80
"""Characters of a wrong value that an error repeats."""

_KINDS: dict[Callable[[int], bool], str] = {
    stat.S_ISDIR: "a folder",
    stat.S_ISFIFO: "a pipe",
    stat.S_ISSOCK: "a socket",
}


def read_bytes(file: Path) -> bytes:
    """What a file holds; of one larger than `SIZE_LIMIT`, one byte more than that. It never waits for a writer. Raises
    SpecError where it is not there, cannot be read, or is no regular file but a folder, pipe, socket or device."""
    try:
        mode = os.stat(file).st_mode  # before it is opened: opening a device can already do something
        if stat.S_ISREG(mode):
            # O_NONBLOCK: a pipe that took the file's place just now would wait for somebody to write into it.
            with open(file, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as stream:
                mode = os.fstat(stream.fileno()).st_mode
                if stat.S_ISREG(mode):
                    return stream.read(SIZE_LIMIT + 1)
    except OSError as error:
        dangling = isinstance(error, FileNotFoundError) and file.is_symlink()
        reason = "it is a link to a file that is not there" if dangling else error.strerror or str(error)
        raise SpecError(f"cannot read this file: {reason}", file=file) from None
    what = next((what for is_kind, what in _KINDS.items() if is_kind(mode)), "a device")
    raise SpecError(f"this is {what}, not a file", file=file)


def decoded(data: bytes, file: Path) -> str:
    """The text that a file's bytes are, without a byte order mark. Raises SpecError where there are more than
    `SIZE_LIMIT`, or they are not UTF-8."""
    if len(data) > SIZE_LIMIT:
        raise SpecError(f"this file is too large: it can have {SIZE_LIMIT // 1024} KiB at most", file=file)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SpecError("not UTF-8 text: save the file as UTF-8", file=file, line=line) from None


@dataclass(slots=True)
class Node:
    """Where a value of a YAML text stands: its line, and the nodes of what it holds, by key or index."""

    line: int
    children: Mapping[int | str, Node] = field(default_factory=dict)


def line_of(node: Node, path: Iterable[int | str]) -> int:
    """The line on which the value (or, where it is missing, its parent) at this path of keys stands."""
    for step in path:
        if step in node.children:
            node = node.children[step]
        elif step != "":  # texts for every language need no key for it
            break
    return node.line


def cited(value: object) -> str:
    """A wrong value as an error repeats it: in quotes where it is text, and no more of it than one can read."""
    text = repr(value[: _SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= _SHOWN + 2 else f"{text[:_SHOWN]}…"


def load_yaml(text: str, file: Path, first_line: int = 1) -> tuple[Any, Node | None]:
    """A YAML text as plain values, and as nodes, which know their lines, counted from `first_line`.

    There are no aliases (a few lines of them can stand for gigabytes), no tags and no repeated keys.

    Raises SpecError with the file and the line.
    """
    try:
        return _Builder(yaml.parse(text, Loader=LOADER), first_line).document()
    except yaml.MarkedYAMLError as error:
        line, problem = _in_words(error, text)
        raise SpecError(f"broken YAML: {problem}", file=file, line=first_line + line) from None
    except yaml.reader.ReaderError as error:
        line = first_line + text.encode().count(b"\n", 0, error.position)
        code = error.character if isinstance(error.character, int) else ord(error.character)
        problem = f"the character U+{code:04X} is not allowed here: delete it"
        raise SpecError(f"broken YAML: {problem}", file=file, line=line) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SpecError(f"broken YAML: {error}", file=file, line=first_line) from None


LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Builder:
    """Parser events → values and nodes."""

    def __init__(self, events: Iterable[yaml.Event], first_line: int) -> None:
        self._events = iter(events)
        self._first_line = first_line
        self._left = VALUE_LIMIT

    def document(self) -> tuple[Any, Node | None]:
        next(self._events)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None, None
        value, node = self._value(next(self._events), 0)
        next(self._events)
        if not isinstance(end := next(self._events), yaml.StreamEndEvent):
            raise _mistake("a second document starts here", end)
        return value, node

    def _value(self, event: yaml.Event, depth: int) -> tuple[Any, Node]:
        self._left -= 1
        if self._left < 0:
            raise _mistake(f"more than {VALUE_LIMIT} values are too many", event)
        if depth > _DEPTH_LIMIT:
            raise _mistake("nested too deep", event)
        if isinstance(event, yaml.ScalarEvent) and event.tag in _UNTAGGED:  # most of them
            return _scalar(event), Node(self._line(event), _NOTHING)
        if isinstance(event, yaml.AliasEvent):
            raise _mistake("aliases (*name) are not allowed; a text that starts with * goes in quotes", event)
        if getattr(event, "tag", None) not in _UNTAGGED:
            raise _mistake("tags (!name) are not allowed; a text that starts with ! goes in quotes", event)
        line = self._line(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(line, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(line, depth)
        raise _mistake("a value should stand here", event)

    def _line(self, event: yaml.Event) -> int:
        return self._first_line + (event.start_mark.line if event.start_mark else 0)

    def _mapping(self, line: int, depth: int) -> tuple[dict[Any, Any], Node]:
        values: dict[Any, Any] = {}
        nodes: dict[int | str, Node] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise _mistake("a key is a single word or text", event)
            key, key_line = event.value, self._line(event)
            if key in values:
                raise _mistake(f"the key {cited(key)} is here twice, first in line {nodes[key].line}", event)
            values[key], child = self._value(next(self._events), depth + 1)
            nodes[key] = Node(key_line, child.children)
        return values, Node(line, nodes)

    def _sequence(self, line: int, depth: int) -> tuple[list[Any], Node]:
        values: list[Any] = []
        nodes: dict[int | str, Node] = {}
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            value, nodes[len(values)] = self._value(event, depth + 1)
            values.append(value)
        return values, Node(line, nodes)


_UNTAGGED = (None, "!")
_NOTHING: Mapping[int | str, Node] = types.MappingProxyType({})
_PLAIN: list[tuple[re.Pattern[str], Callable[[str], object]]] = [
    (re.compile(r"|~|null|Null|NULL"), lambda text: None),
    (re.compile(r"true|True|TRUE|false|False|FALSE"), lambda text: text.lower() == "true"),
    (re.compile(r"[-+]?[0-9]{1,18}"), int),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    (re.compile(r"\.inf"), lambda text: float("inf")),
]
"""What unquoted text stands for, as YAML 1.2 has it: `on`, `no` and dates are text."""
_PLAIN_STARTS = frozenset(["", *"~nNtTfF0123456789+-."])
_CURLY = frozenset("“”„‟‘")
_HALF = re.compile("[\ud800-\udfff]")


def _scalar(event: yaml.ScalarEvent) -> object:
    text: str = event.value
    if event.implicit[0]:
        if text[:1] in _CURLY:
            raise _mistake(f'{text[0]} is part of the text here, and no quotation mark: write " instead', event)
        if text[:1] in _PLAIN_STARTS:
            for pattern, convert in _PLAIN:
                if pattern.fullmatch(text):
                    return convert(text)
    elif _HALF.search(text):
        raise _mistake("half of a surrogate pair is no character", event)
    return text


def _mistake(problem: str, event: yaml.Event) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)  # type: ignore[arg-type]


_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""What YAML's parser counts as the end of a line."""
_PAIR = re.compile(r"[ \t]*(?:- )*(?:\"[^\"]*\"|'[^']*'|[^\s:\"'][^:]*):(?:[ \t]|$)")
"""A line that starts with a key, the colon and the space after it."""
_UNSPACED = re.compile(r"[ \t]*(?:- )*\w+:\S")


def _in_words(error: yaml.MarkedYAMLError, text: str) -> tuple[int, str]:
    """Which line (from 0) is to blame where YAML's parser gave up, and what to do about it."""
    problem, context = error.problem or error.context or "not YAML", error.context or ""
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return 0, problem
    rows = _LINE_END.split(text)
    row = rows[mark.line] if mark.line < len(rows) else ""
    before, character = row[: mark.column], row[mark.column : mark.column + 1]
    opened = error.context_mark.line if error.context_mark else mark.line
    if "tab character" in problem or ("start any token" in problem and character == "\t"):
        return mark.line, "a tab stands at the start of this line: indent with spaces"
    if "start any token" in problem:
        return mark.line, f"a text cannot start with {character}: put it in quotes"
    if "directive" in context:
        return opened, "a line cannot start with %: put the text in quotes"
    if "invalid Unicode" in problem:
        half = r"\u and \U name a whole character each, and this is half of one, or none: write the character itself"
        return mark.line, half
    if "quoted scalar" in context:
        if "escape" in problem or "hexdecimal" in problem:
            return mark.line, r"between double quotes, \ is written \\; between single quotes it stays as it is"
        return opened, "the quotation mark that opens here is never closed"
    if "anchor" in context or "alias" in context:
        return opened, f"a text cannot start with {'*' if 'alias' in context else '&'}: put it in quotes"
    if "block scalar" in context:
        return opened, "after | or > the text starts on the next line; a text that starts with them goes in quotes"
    if "flow" in context or (mark.line == len(rows) - 1 and "node content" in problem):
        name = "[" if "sequence" in context else "{" if "mapping" in context else "bracket"
        return _bracket(rows, mark.line, opened, name)
    if "simple key" in context:
        return opened, no_pair(rows[opened])
    if "mapping values" in problem:
        return _colon(rows, mark.line, before)
    if "expected key" in problem and character in ("]", "}"):
        return mark.line, f"a {character} too many"
    if "expected key" in problem and (end := before.rstrip()[-1:]) and end in "\"']}":
        quote = " (between single quotes, an apostrophe is written twice)" if end == "'" else ""
        return mark.line, f"nothing can follow the closing {end}: put the whole text in quotes{quote}"
    if "expected key" in problem or "document start" in problem:
        return mark.line, "this line is not indented like the keys that it belongs to"
    if "'-' indicator" in problem:
        return mark.line, "this line is indented like the list above it, but does not start with `- `"
    if "block sequence" in problem:
        return mark.line, "a list starts on the line below its key, or is written [a, b]"
    if "mapping keys" in problem:
        return mark.line, "a text cannot start with ?: put it in quotes"
    if "node content" in problem:
        return mark.line, "a value is missing here"
    return mark.line, problem


def _bracket(rows: list[str], line: int, opened: int, bracket: str) -> tuple[int, str]:
    if line >= len(rows) - 1 or (line > opened and re.match(r"\w+[ \t]*:", rows[line])):
        return opened, f"the {bracket} that opens here is never closed"
    return line, f"a comma is missing or too many here, or the {bracket} is not closed"


def no_pair(row: str) -> str:
    """What is wrong with a line that should be `key: value`."""
    if _UNSPACED.match(row):
        return "a space is missing after the colon: `key: value`"
    return "this line is no `key: value`: the colon is missing"


def _colon(rows: list[str], line: int, before: str) -> tuple[int, str]:
    """A colon that ends no key: one inside a text, or one whose line is not where its key belongs."""
    if ": " in before:
        return line, "a text with a colon in it goes in quotes"
    above = next((i for i in range(line - 1, -1, -1) if rows[i].strip() and rows[i].lstrip()[:1] != "#"), None)
    if above is not None and not _PAIR.match(rows[above]):
        return above, no_pair(rows[above])
    return line, "this line is indented further than the key that it belongs to, or the text above it goes in quotes"
