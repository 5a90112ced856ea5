"""YAML in, checked dataclasses out, and every mistake as one line that says where it is and what would do."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from ..errors import SpecError, suggest

T = TypeVar("T")


@dataclass(slots=True)
class Node:
    """Where a value of a YAML text stands: its line, and the nodes of what it holds, by key or index."""

    line: int
    children: dict[int | str, Node] = field(default_factory=dict)


_DEPTH_LIMIT = 32
_PLAIN: list[tuple[re.Pattern[str], Callable[[str], object]]] = [
    (re.compile(r"|~|null|Null|NULL"), lambda text: None),
    (re.compile(r"true|True|TRUE|false|False|FALSE"), lambda text: text.lower() == "true"),
    (re.compile(r"[-+]?[0-9]{1,18}"), int),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    (re.compile(r"\.inf"), lambda text: float("inf")),
]
"""What unquoted text stands for, as YAML 1.2 has it: `on`, `no` and dates are text."""


def load_yaml(text: str, file: Path, first_line: int = 1) -> tuple[Any, Node | None]:
    """A YAML text as plain values, and as nodes, which know their lines, counted from `first_line`.

    There are no aliases (a few lines of them can stand for gigabytes), no tags and no repeated keys.

    Raises:
        SpecError: names the file and the line.
    """
    try:
        events = yaml.parse(text, Loader=_LOADER)
        value, node = _Builder(events, first_line).document()
        repr(value).encode()  # a lone surrogate ("\ud800") could be neither logged nor sent
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "not YAML"
        raise SpecError(f"broken YAML: {problem}", file=file, line=first_line + (mark.line if mark else 0)) from None
    except yaml.reader.ReaderError as error:
        line = first_line + text.encode().count(b"\n", 0, error.position)
        raise SpecError(f"broken YAML: {error.reason}", file=file, line=line) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SpecError(f"broken YAML: {error}", file=file, line=first_line) from None
    return value, node


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Builder:
    """Parser events → values and nodes."""

    def __init__(self, events: Iterable[yaml.Event], first_line: int) -> None:
        self._events = iter(events)
        self._first_line = first_line

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
        if depth > _DEPTH_LIMIT:
            raise _mistake("nested too deep", event)
        if isinstance(event, yaml.AliasEvent):
            raise _mistake("aliases (*name) are not allowed", event)
        if getattr(event, "tag", None) not in (None, "!"):
            raise _mistake("tags (!name) are not allowed", event)
        node = Node(self._line(event))
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(node, depth), node
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(node, depth), node
        if not isinstance(event, yaml.ScalarEvent):
            raise _mistake("a value should stand here", event)
        return _scalar(event), node

    def _line(self, event: yaml.Event) -> int:
        return self._first_line + (event.start_mark.line if event.start_mark else 0)

    def _mapping(self, node: Node, depth: int) -> dict[Any, Any]:
        values: dict[Any, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise _mistake("a key is a single word or text", event)
            key, line = event.value, self._line(event)
            if key in values:
                raise _mistake(f"the key {key!r} is here twice", event)
            values[key], child = self._value(next(self._events), depth + 1)
            node.children[key] = Node(line, child.children)
        return values

    def _sequence(self, node: Node, depth: int) -> list[Any]:
        values: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            value, node.children[len(values)] = self._value(event, depth + 1)
            values.append(value)
        return values


def _scalar(event: yaml.ScalarEvent) -> object:
    if event.implicit[0]:
        for pattern, convert in _PLAIN:
            if pattern.fullmatch(event.value):
                return convert(event.value)
    return event.value


def _mistake(problem: str, event: yaml.Event) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)  # type: ignore[arg-type]


def line_of(node: Node, path: Iterable[int | str]) -> int:
    """The line on which the value (or, where it is missing, its parent) at this path of keys stands."""
    for step in path:
        if step not in node.children:
            break
        node = node.children[step]
    return node.line


_adapters: dict[Any, TypeAdapter[Any]] = {}


def validated(
    shape: type[T],
    value: object,
    file: Path | str | None = None,
    node: Node | None = None,
    at: str = "",
) -> T:
    """The value as an instance of a dataclass, checked in every key.

    `file` and `node` say where the value was written; `at` is put before the key, for a value that
    is part of a larger one.

    Raises:
        SpecError: says key and value of the first mistake, and what would have been right.
    """
    if shape not in _adapters:
        _adapters[shape] = TypeAdapter(shape)
    try:
        return cast(T, _adapters[shape].validate_python(value))
    except ValidationError as error:
        mistake = error.errors(include_url=False)[0]
    path = tuple(step for step in mistake["loc"] if step != "[key]")
    key = ".".join(filter(None, [at, *map(str, path)]))
    if mistake["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        parent = _shape_at(shape, path[:-1])
        known = [f.name for f in fields(parent)] if is_dataclass(parent) else []
        what = f"no such key{suggest(path[-1], known)}"
    elif mistake["type"] in ("missing", "missing_argument"):
        what = "this key is missing"
    elif mistake["type"] == "value_error":
        what = str(mistake["ctx"]["error"])
    elif mistake["type"] == "dataclass_type" or isinstance(mistake["input"], dict | list):
        what = f"{mistake['msg'][0].lower()}{mistake['msg'][1:]}"
    elif mistake["type"] in ("enum", "literal_error"):
        choices = [choice.strip("' ") for choice in mistake["ctx"]["expected"].replace(" or ", ",").split(",")]
        what = f"{mistake['input']!r} is not one of them{suggest(mistake['input'], choices)}"
    else:
        what = f"{mistake['input']!r}: {mistake['msg'][0].lower()}{mistake['msg'][1:]}"
    line = line_of(node, path) if node is not None else None
    raise SpecError(f"{key}: {what}" if key else what, file=file, line=line)


def _shape_at(shape: Any, path: tuple[int | str, ...]) -> Any:
    """The type of what stands at a path of keys inside a value of this type; None where there is no telling."""
    while get_origin(shape) is Annotated:
        shape = get_args(shape)[0]
    if get_origin(shape) in (Union, types.UnionType):
        shape = next((arg for arg in get_args(shape) if arg is not type(None)), None)
        return _shape_at(shape, path)
    if not path:
        return shape
    if is_dataclass(shape) and isinstance(shape, type):
        return _shape_at(get_type_hints(shape, include_extras=True).get(str(path[0])), path[1:])
    if get_origin(shape) in (dict, tuple, list):
        inner = get_args(shape)
        return _shape_at(inner[1] if get_origin(shape) is dict else inner[0], path[1:])
    return None
