"""Plain values → checked dataclasses; every mistake is one line that says where it is and what would do."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from ..errors import MISTAKES, SpecError, first_of, is_near, suggest
from .yaml_file import Node, cited, line_of

T = TypeVar("T")

_adapters: dict[Any, TypeAdapter[Any]] = {}


def validated(
    shape: type[T], value: object, file: Path | str | None = None, node: Node | None = None, at: str = ""
) -> T:
    """The value as an instance of a dataclass, checked in every key.

    `file` and `node` say where the value was written; `at` is put before the key, for a value that
    is part of a larger one.

    Raises SpecError with key and value of the first mistake, and what would have been right; it knows the others.
    """
    result, details = _tried(shape, value)
    if details:
        raise first_of(_mistake(shape, detail, file, node, at) for detail in details)
    return cast(T, result)


Place = tuple[int | str, ...]
"""Where a value stands: the keys and indices that lead to it."""


def sifted(shape: type[T], value: Any, file: Path, node: Node) -> tuple[T | None, list[SpecError], list[Place]]:
    """What is right of a value, as an instance, with what is wrong and from where it was taken out: of `value` and
    `node` too. None where no instance is left."""
    mistakes: list[SpecError] = []
    out: list[Place] = []
    while True:
        result, details = _tried(shape, value)
        if not out:
            mistakes = [_mistake(shape, detail, file, node, "") for detail in islice(details, MISTAKES)]
        taken = _take_out(value, node, [detail["loc"] for detail in details])
        if not taken:
            return result, mistakes, out
        out += taken


def _take_out(value: Any, node: Node, paths: Iterable[Place]) -> list[Place]:
    """Deletes what stands at these paths, as far as there is something; the paths of what was deleted."""
    found: dict[int, tuple[Any, Node, set[Any]]] = {}
    taken = []
    for path in paths:
        at, below, way = value, node, list[tuple[Any, Node, int | str]]()
        for step in path:
            if not (step in at if isinstance(at, dict) else isinstance(at, list) and step in range(len(at))):
                break
            way.append((at, below, step))
            at, below = at[step], below.children[step]
        if way:
            held, under, step = way[-1]
            found.setdefault(id(held), (held, under, set()))[2].add(step)
            taken.append(path[: len(way)])
    for held, under, steps in found.values():
        kept = {step: child for step, child in under.children.items() if step not in steps}
        under.children = dict(enumerate(kept.values())) if isinstance(held, list) else kept
        for step in sorted(steps, reverse=True):
            del held[step]
    return taken


def _tried(shape: type[T], value: object) -> tuple[T | None, list[Any]]:
    """The instance, or None and pydantic's account of each mistake that no other one explains."""
    if shape not in _adapters:
        _adapters[shape] = TypeAdapter(shape)
    try:
        return cast(T, _adapters[shape].validate_python(value)), []
    except ValidationError as error:
        return None, list(_unexplained(error.errors(include_url=False)))


def _unexplained(details: Sequence[Any]) -> Iterator[Any]:
    """These mistakes, but for a key that is missing as it is misspelt, and a list that is empty as its entries are
    wrong."""
    unknown: dict[Place, list[str]] = {}
    above: set[Place] = set()
    for detail in details:
        *parent, step = detail["loc"] or ("",)
        above.update(tuple(parent[:i]) for i in range(len(parent) + 1))
        if detail["type"] in _UNKNOWN:
            unknown.setdefault(tuple(parent), []).append(step)
    for detail in details:
        *parent, step = detail["loc"] or ("",)
        beside = unknown.get(tuple(parent), [])[:MISTAKES] if detail["type"] in _MISSING else ()
        if not any(is_near(one, step) for one in beside) and not (
            detail["type"] == "too_short" and detail["loc"] in above
        ):
            yield detail


def _mistake(shape: Any, detail: Mapping[str, Any], file: Path | str | None, node: Node | None, at: str) -> SpecError:
    path = tuple(step for step in detail["loc"] if step != "[key]")
    # As written, but for spaces that nobody sees: "\u00a0mood" is no "mood".
    steps = (text[:60] if (text := str(step)).isprintable() else repr(text[:60]) for step in path)
    key = ".".join(filter(None, [at, *steps]))
    what = _what(shape, path, detail)
    line = line_of(node, path) if node is not None else None
    return SpecError(f"{key}: {what}" if key else what, file=file, line=line)


_MISSING = ("missing", "missing_argument")
_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")
_SHOULD_BE = {
    "string_type": "should be a text",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "should be a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "should be a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "should be a boolean: true or false"),
    **dict.fromkeys(("tuple_type", "list_type"), "should be a list: [a, b], or a line `- a` for each"),
    "too_short": "should have at least one entry",
    **dict.fromkeys(("dict_type", "dataclass_type"), "should hold `key: value` lines"),
}


def _what(shape: Any, path: tuple[int | str, ...], detail: Mapping[str, Any]) -> str:
    kind, value = detail["type"], detail["input"]
    if kind in _UNKNOWN:
        parent = shape_at(shape, path[:-1])
        return f"no such key{suggest(path[-1], [f.name for f in fields(parent)] if is_dataclass(parent) else [])}"
    if kind in _MISSING:
        return "this key is missing"
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    if kind in ("enum", "literal_error"):
        choices = [choice.strip("' ") for choice in detail["ctx"]["expected"].replace(" or ", ",").split(",")]
        return f"{cited(value)} is not one of them{suggest(value, choices)}"
    what = _SHOULD_BE.get(kind) or f"{detail['msg'][0].lower()}{detail['msg'][1:]}"
    if kind == "dataclass_type" and is_dataclass(inner := shape_at(shape, path)):
        what += f" ({', '.join(f.name for f in fields(inner))})"
    if kind == "dataclass_type" and isinstance(value, str) and ":" in value.strip(":"):
        what += "; after a colon comes a space"
    if kind == "string_type" and isinstance(value, dict):
        what += "; one with a colon in it goes in quotes"
    if value is None:
        return f"nothing stands here: it {what}"
    return what if isinstance(value, dict | list) else f"{cited(value)}: {what}"


def shape_at(shape: Any, path: tuple[int | str, ...]) -> Any:
    """The type of what stands at a path of keys inside a value of this type; None where there is no telling."""
    while get_origin(shape) is Annotated:
        shape = get_args(shape)[0]
    if get_origin(shape) in (Union, types.UnionType):
        shape = next((arg for arg in get_args(shape) if arg is not type(None)), None)
        return shape_at(shape, path)
    if not path:
        return shape
    if is_dataclass(shape) and isinstance(shape, type):
        return shape_at(get_type_hints(shape, include_extras=True).get(str(path[0])), path[1:])
    if get_origin(shape) in (dict, tuple, list):
        inner = get_args(shape)
        return shape_at(inner[1] if get_origin(shape) is dict else inner[0], path[1:])
    return None
