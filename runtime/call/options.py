"""Options as config files write them → values of the types that a plugin's class wants, secrets put in."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, get_type_hints

from pydantic import ConfigDict, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError

from ..errors import SpecError
from ..redaction import note_secret
from ..spec.settings import check_key


def secret(where: str, value: str, env: Mapping[str, str]) -> str:
    """The value of `env:NAME`, or of `env:NAME:-default` as shells write it. Raises SpecError where NAME is not set and
    there is no default, or what it holds is no key."""
    name, has_default, default = value.removeprefix("env:").partition(":-")
    if found := env.get(name):
        check_key(name, found)
        note_secret(name, found)
    found = found or default
    if not found and not has_default:
        raise SpecError(f"{where}: {name} is not set. Put it in the environment or in .env")
    return found


def resolved(where: str, value: object, env: Mapping[str, str] | None) -> Any:
    """The value with what NAME holds for every `env:NAME` in it, however deep; without `env`, with nothing for it.
    Raises SpecError where a NAME is not set and there is no default."""
    match value:
        case str() if value.startswith("env:"):
            return secret(where, value, env) if env is not None else ""
        case dict():
            return {key: resolved(f"{where}.{key}", inner, env) for key, inner in value.items()}
        case list():
            return [resolved(f"{where}[{i}]", inner, env) for i, inner in enumerate(value)]
    return value


@lru_cache(maxsize=64)
def hints_of(made: Callable[..., Any]) -> dict[str, Any]:
    """The types of the options; one that only a type checker can resolve is left to the constructor to judge."""
    hints: dict[str, Any] = {}
    for name, annotation in inspect.get_annotations(made.__init__).items():
        one = type(name, (), {"__annotations__": {name: annotation}})
        with suppress(NameError):
            hints |= get_type_hints(one, made.__init__.__globals__)
    return hints


def converted(where: str, value: object, hint: Any) -> object:
    """The value as the option's type annotation says, where it says so: a mapping becomes the plugin's own options
    object, text that is no number is refused for one that should be."""
    adapter = None if hint is None else _adapter(hint)
    if adapter is None:
        return value
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        reasons = {mistake["msg"] for mistake in error.errors(include_url=False) if "NotGiven" not in mistake["msg"]}
        raise SpecError(f"{where}: {value!r}: {'; or '.join(sorted(reasons))}") from None


@lru_cache(maxsize=512)
def _adapter(hint: Any) -> TypeAdapter[Any] | None:
    """What checks values of a type; None where pydantic does not know it."""
    with suppress(PydanticSchemaGenerationError, PydanticUserError):
        return TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
    with suppress(PydanticSchemaGenerationError, PydanticUserError, NameError):
        return TypeAdapter(hint)
    return None
