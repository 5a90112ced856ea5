"""What a clause means: which example of a cue or fact it is nearest to, by vectors that come from outside.

Pure: a vector stands for a text, and a small angle between two for a like meaning. Such vectors hardly tell "this is
your fault" from "this is not your fault", so a clause that denies or asks is nearer to examples that do so too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from ..spec.persona import FrontMatter
from .clauses import Clause, asks, is_negated, is_undone
from .phrases import plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Vector: TypeAlias = "NDArray[np.float32]"
Vectors: TypeAlias = "Callable[[str], Vector | None]"
"""The vector of a text, of length 1; None where there is none yet."""

NEAR = 0.9
"""How near to an example a clause must be: cosines of multilingual-e5 lie between 0.7 and 1."""
MARGIN = 0.005
"""How much nearer than to what is no cue."""
DENIES = 0.06
"""How much further away an example is that denies where the clause does not, or the other way round."""
ASKS = 0.03
"""The same for questions."""

JUDGED = 1000
"""Clauses of which a bank remembers what they mean."""


@dataclass(frozen=True, slots=True)
class Example:
    """What a trainee may say for a cue (of this persona, or `idle`: of others), for a `fact`, or for nothing ("")."""

    text: str
    name: str
    fact: bool = False
    idle: bool = False


@dataclass(frozen=True, slots=True)
class Nearest:
    """The cue or fact that a clause is nearest to, its example, and how near that is (0-1)."""

    name: str
    example: str
    nearness: float
    fact: bool


@lru_cache(maxsize=64)
def examples(front: FrontMatter, language: str) -> tuple[Example, ...]:
    """All that a clause in this language is compared with. Common cues that the persona has not listed are compared
    too, so that what they stand for is not taken for something else."""
    return tuple(_examples(front, language))


def _examples(front: FrontMatter, language: str) -> Iterator[Example]:
    for name, cue in front.cues.items():
        yield from (Example(text, name) for text in _in(cue.like, language))
    for name, fact in front.facts.items():
        yield from (Example(text, name, fact=True) for text in _in(fact.like, language))
    for name, cue in front.named_cues.items():
        yield from (Example(text, name, idle=True) for text in _in(cue.like, language))
    yield from (Example(text, "") for text in _in(front.neutral, language))


def _in(lines: dict[str, tuple[str, ...]], language: str) -> tuple[str, ...]:
    return (*lines.get(language, ()), *lines.get("", ()))


@dataclass(frozen=True, slots=True, eq=False)
class Bank:
    """Examples with their vectors, a row each, and what each of them does."""

    examples: tuple[Example, ...]
    rows: NDArray[np.float32]
    denies: NDArray[np.bool_]
    asks: NDArray[np.bool_]
    neutral: NDArray[np.bool_]
    facts: NDArray[np.bool_]
    done: NDArray[np.bool_]
    """Something is done that calms: no clause means it that says that it was not done."""
    judged: dict[tuple[Clause, bool], Nearest | None] = field(default_factory=dict)
    """What clauses were found to mean: each is asked for several times a turn."""


def make_bank(front: FrontMatter, language: str, vectors: Vectors) -> Bank | None:
    """The bank of those examples that have a vector; None where no cue has one."""
    known = [
        (example, vector) for example in examples(front, language) if (vector := vectors(example.text)) is not None
    ]
    if not any(example.name for example, _ in known):
        return None
    import numpy as np  # a quarter of the time that the program takes to start; most calls compare no meanings

    texts = [example.text for example, _ in known]
    return Bank(
        tuple(example for example, _ in known),
        np.stack([vector for _, vector in known]),
        np.array([is_negated(plain(text)) for text in texts]),
        np.array([asks(text) for text in texts]),
        np.array([not example.name for example, _ in known]),
        np.array([example.fact for example, _ in known]),
        np.array([_calms(front, example) and not is_undone(plain(example.text)) for example, _ in known]),
    )


def _calms(front: FrontMatter, example: Example) -> bool:
    cue = None if example.fact or example.idle else front.cues.get(example.name)
    return cue is not None and cue.change > 0


def nearest(bank: Bank, clause: Clause, vector: Vector, facts: bool = True) -> Nearest | None:
    """The cue, or with `facts` the fact, that a clause means; None where it is near to none, or nearer to what is
    none."""
    cosines = bank.rows @ vector
    scores = cosines - DENIES * (bank.denies != clause.negated) - ASKS * (bank.asks != clause.asks)
    if not facts:
        scores[bank.facts] = -1.0
    if clause.undone:
        scores[bank.done] = -1.0
    best = int(scores.argmax())
    example = bank.examples[best]
    if not example.name or example.idle or scores[best] < NEAR:
        return None
    if scores[best] < scores.max(where=bank.neutral, initial=-1.0) + MARGIN:
        return None
    return Nearest(example.name, example.text, round(float(cosines[best]), 2), example.fact)


class Meaning:
    """What the clauses of one turn mean, compared with the examples of a bank, as far as there are vectors.

    `lacking` collects the texts that would have been looked at and have no vector yet.
    """

    def __init__(self, bank: Bank, vectors: Vectors) -> None:
        self._bank = bank
        self._vectors = vectors
        self.lacking: list[str] = []

    def of(self, clause: Clause, facts: bool = True) -> Nearest | None:
        """What a clause means, a fact that it asks for only with `facts`; None where that is nothing, or not known."""
        judged, key = self._bank.judged, (clause, facts)
        if key not in judged and (vector := self._vector(clause.text)) is not None:
            if len(judged) >= JUDGED:
                judged.clear()
            judged[key] = nearest(self._bank, clause, vector, facts)
        return judged.get(key)

    def nearly(self, clause: Clause, found: Set[str]) -> Nearest | None:
        """The cue or fact that a clause comes nearest to of those that were not found, however far that is."""
        vector = self._vectors(clause.text)
        if vector is None:
            return None
        cosines = self._bank.rows @ vector
        able = [i for i, one in enumerate(self._bank.examples) if one.name and not one.idle and one.name not in found]
        best = max(able, key=lambda i: cosines[i], default=None)
        if best is None:
            return None
        example = self._bank.examples[best]
        return Nearest(example.name, example.text, round(float(cosines[best]), 2), example.fact)

    def rather(self, text: str, name: str, than: str) -> Nearest | None:
        """The example of one cue, where a text of several clauses is nearer to it than to any of another."""
        vector = self._vector(text)
        if vector is None:
            return None
        best = {name: (0.0, ""), than: (0.0, "")}
        for example, cosine in zip(self._bank.examples, self._bank.rows @ vector, strict=True):
            if example.name in best and not example.fact:
                best[example.name] = max(best[example.name], (float(cosine), example.text))
        nearness, like = best[name]
        return Nearest(name, like, round(nearness, 2), False) if nearness > best[than][0] else None

    def _vector(self, text: str) -> Vector | None:
        vector = self._vectors(text)
        if vector is None:
            self.lacking.append(text)
        return vector
