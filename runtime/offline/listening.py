"""What the offline ear listens for: the phrases of a persona's file, spelled out."""

from __future__ import annotations

from functools import lru_cache
from itertools import islice, product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..spec.persona import Cue, Fact, FrontMatter
    from ..spec.session_spec import SessionSpec

EACH = 6
"""Wordings of one phrase. Its alternatives multiply; the recogniser does best with few."""


def phrases(spec: SessionSpec) -> list[str]:
    """What a trainee may say in the call's language, in the order of the file. Phrases with numbers are left out."""
    return _phrases(spec.arc.front, spec.arc.language)


@lru_cache(maxsize=16)
def _phrases(front: FrontMatter, language: str) -> list[str]:
    found: dict[str, None] = {}
    sources: list[Cue | Fact] = [*front.cues.values(), *front.facts.values()]
    for source in sources:
        for phrase in (*source.hear.get(language, ()), *source.hear.get("", ())):
            words = [word.split("|") for word in phrase.split() if word != "?"]
            if any("#" in word for choices in words for word in choices):
                continue
            found |= {" ".join(said).replace("-", " "): None for said in islice(product(*words), EACH)}
    return list(found)
