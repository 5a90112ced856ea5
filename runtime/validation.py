"""YAML in, checked dataclasses out, and every mistake as one line that says where it is and what would do."""

from __future__ import annotations

import types
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from .errors import SpecError, suggest

T = TypeVar("T")


class _Loader(yaml.SafeLoader):
    """Safe YAML without aliases (a few lines of them can stand for gigabytes) and without repeated keys."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases (*name) are not allowed", problem_mark=event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key.value!r} is here twice", problem_mark=key.start_mark)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else "")
        return super().construct_mapping(node, deep)


def load_yaml(text: str, file: Path, first_line: int = 1) -> tuple[Any, yaml.Node | None]:
    """A YAML text as plain values, and as nodes, which know their lines.

    Raises:
        SpecError: names the file and the line, counted from `first_line`.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        value = loader.construct_document(node) if node is not None else None
        repr(value).encode()  # a lone surrogate ("\ud800") could be neither logged nor sent
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "not YAML"
        raise SpecError(f"broken YAML: {problem}", file=file, line=first_line + (mark.line if mark else 0)) from None
    except yaml.reader.ReaderError as error:
        line = first_line + text.count("\n", 0, error.position)
        raise SpecError(f"broken YAML: {error.reason}", file=file, line=line) from None
    except RecursionError:
        raise SpecError("broken YAML: nested too deep", file=file, line=first_line) from None
    except (yaml.YAMLError, ValueError, OverflowError, TypeError) as error:
        raise SpecError(f"broken YAML: {error}", file=file, line=first_line) from None
    return value, node


def line_of(node: yaml.Node | None, path: tuple[int | str, ...], first_line: int) -> int:
    """The line on which the value (or, where it is missing, its parent) at this path of keys stands."""
    line = first_line
    for step in path:
        found: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value == str(step):
                    line, found = first_line + key.start_mark.line, value
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            found = node.value[step]
            line = first_line + found.start_mark.line
        if found is None:
            break
        node = found
    return line


_adapters: dict[Any, TypeAdapter[Any]] = {}


def validated(
    shape: type[T],
    value: object,
    file: Path | str | None = None,
    node: yaml.Node | None = None,
    first_line: int = 1,
    at: str = "",
) -> T:
    """The value as an instance of a dataclass, checked in every key.

    `file`, `node` and `first_line` say where the value was written; `at` is put before the key, for a value that
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
    line = line_of(node, path, first_line) if node is not None else None
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
