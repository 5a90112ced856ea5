"""What transcript, scorecard, report and the terminal's score say to a trainee, in the language of the call:
`texts.LANGUAGE.toml`, a file for each language.

What an engineer or a training lead reads stays English: what the call ran on, with its failures, edits and tools, the
terminal's lines while a call is on, and what `mode=history`, `mode=score` and a worker print.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path


def texts_in(language: str) -> Mapping[str, str]:
    """The texts of a language (its base tag, or its name in English); English where there are none."""
    return _texts().get(language, _texts()["en"])


@cache
def _texts() -> Mapping[str, Mapping[str, str]]:
    found: dict[str, Mapping[str, str]] = {}
    for file in Path(__file__).parent.glob("texts.*.toml"):
        texts = tomllib.loads(file.read_text(encoding="utf-8"))
        found |= dict.fromkeys((file.suffixes[0].lstrip("."), texts["in_english"]), texts)
    return found


def verdict(passed: bool | None) -> str:
    """Whether a call passed, in a word or two of English."""
    return texts_in("en")[f"score_{passed}"]


@lru_cache(maxsize=1024)
def ended(reason: str, name: str, language: str) -> str:
    """How a call with this persona ended, in words; an ending of hers that says no more than its name, by that."""
    words = texts_in(language).get(f"reason_{reason}")
    return words.format(name=name) if words else reason.replace("_", " ")


def points(score: int | None, passed: bool | None) -> str:
    """`85 (passed)`."""
    return f"{'–' if score is None else score} ({verdict(passed)})"


@lru_cache(maxsize=4096)
def minutes(seconds: float) -> str:
    """`1:02`: minutes and seconds. Moments are known to a tenth: 59.96 s is 1:00 wherever it is told."""
    whole = int(round(seconds, 1))
    return f"{whole // 60}:{whole % 60:02}"
