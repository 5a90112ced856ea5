"""Types of values as people write them in config and persona files."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, TypeVar, dataclass_transform
from unicodedata import normalize

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def strict(cls: type[T]) -> type[T]:
    """A frozen dataclass that is filled from a file or the command line: a key that it does not have is a mistake."""
    cls.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[attr-defined]
    return dataclass(frozen=True, slots=True)(cls)


def _lines(value: object) -> object:
    """One text, a list of texts, or either per language → {language or "": (text, …)}."""
    by_language = value if isinstance(value, dict) else {"": value}
    return {language: (texts,) if isinstance(texts, str) else texts for language, texts in by_language.items()}


def _wording(value: object) -> object:
    """One text, or one per language → {language or "": text}; nothing where it is empty."""
    if isinstance(value, str):
        return {"": value} if value else {}
    if isinstance(value, dict) or value is None:
        return value
    raise ValueError(f"{value!r}: should be a text, or one per language; a number goes in quotes")


def in_seconds(value: object) -> object:
    """10, "10s" or "2m" → seconds."""
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*(s|m)?", value.strip()) if isinstance(value, str) else None
    if isinstance(value, str) and not found:
        raise ValueError(f"{value[:60]!r}: should be a time: 10 (seconds), 10s or 2m")
    return float(found[1]) * (60 if found[2] == "m" else 1) if found else value


def _mood_range(value: object) -> object:
    """0-30 → (0, 30)."""
    found = re.fullmatch(r"(\d{1,9})\s*[-–]\s*(\d{1,9})", value.strip()) if isinstance(value, str) else None
    return (int(found[1]), int(found[2])) if found else value


def _phrase(text: str) -> str:
    """Refuses a phrase that holds no word to look for, and one that any number would match."""
    for word in text.split():
        if "|" in word and not all(any(map(str.isalnum, choice)) for choice in word.split("|")):
            raise ValueError(f"{text!r}: a word is missing beside |, which stands between two words: a|b")
    if not any(map(str.isalnum, text)) and not {"##", "?"} & set(text.split()):
        what = "any number would do: say which words stand beside it" if "#" in text else "there is no word in it"
        raise ValueError(f"{text!r}: {what}")
    return text


def name_of(text: str) -> str:
    """The name in Unicode's NFC, the form in which all names are compared."""
    return normalize("NFC", text)


def _names(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Text = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
_Written = str | list[str] | dict[str, str | list[str]]
Lines = Annotated[dict[str, tuple[Text, ...]], BeforeValidator(_lines, json_schema_input_type=_Written)]
"""Texts by base language tag; "" holds those that serve every language."""
Phrases = Annotated[
    dict[str, tuple[Annotated[Text, AfterValidator(_phrase)], ...]],
    BeforeValidator(_lines, json_schema_input_type=_Written),
]
"""Phrases to listen for, by language as in `Lines`. An empty list turns off those of the language's common cue."""
Wording = Annotated[dict[str, Text], BeforeValidator(_wording, json_schema_input_type=str | dict[str, str] | None)]
"""One text by base language tag; "" is the one that serves every language."""
Id = Annotated[Text, AfterValidator(name_of)]
"""A name by which something is referred to; in NFC, so that equal names are equal texts."""
Names = Annotated[tuple[Id, ...], BeforeValidator(_names, json_schema_input_type=str | list[str])]
Seconds = Annotated[float, Field(gt=0, le=3600), BeforeValidator(in_seconds, json_schema_input_type=float | str)]
Mood = Annotated[int, Field(ge=0, le=100)]
Factor = Annotated[float, Field(gt=0, le=10)]
MoodChange = Annotated[int, Field(ge=-100, le=100)]
MoodRange = Annotated[tuple[Mood, Mood], BeforeValidator(_mood_range, json_schema_input_type=str | tuple[int, int])]
