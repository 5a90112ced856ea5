"""What a clause means: the cue or fact whose examples it is most like, by vectors that come from outside.

Pure: a vector stands for a text, and a small angle between two for a like meaning. How much a clause is like a cue is
learned from all examples at once (kernel ridge regression: 1 at the cue's own, 0 at those of others), so that one odd
example does not decide. Such vectors hardly tell "this is your fault" from "this is not your fault": a clause that
denies or asks is less like an example that does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from ..spec.persona import FrontMatter
from .clauses import Clause, asks, is_negated
from .phrases import plain
from .promises import is_undone

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Vector: TypeAlias = "NDArray[np.float32]"
Vectors: TypeAlias = "Callable[[str], Vector | None]"
"""The vector of a text, of length 1; None where there is none yet."""

SHARPNESS = 8.0
"""How fast likeness falls with the distance of two vectors (1 - cosine; multilingual-e5's lie between 0 and 0.3)."""
RIDGE = 0.05
"""How far a cue's examples may be overruled by those around them."""
LIKELY = 0.2
"""How much a clause must be like a cue: 1 is as much as the cue's own examples."""
MARGIN, NARROW = 0.1, 0.04
"""How much more than like what else this persona listens for, or what is none; the second where a cue has too few
examples to be much like anything, or where both calm. Than a cue that the persona has not listed it must only be
likelier."""
FEW = 30
"""So many are too few."""
SURER = 0.07
"""How much clearer still a cue must be that angers: a kind trainee who is taken to have blamed her loses more than one
who blames gets away with, once."""
ASKED = 0.15
"""How much a question must be like a fact's, of which there are two or three, and no less than like anything else: an
answer too many does little harm. What is no question must be like it as a cue is."""
SAME = 0.99
"""How near a clause must come to an example to be that, whatever others say: who adds one is heard by it."""
DENIES = 0.6
"""What is left of the likeness where one of two denies and the other does not."""
ASKS = 0.7
"""The same for questions."""

BLOCK = 256
"""Rows of a kernel that are solved at a time."""
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
    """Examples with their vectors, a row each, and what is learned from them."""

    examples: tuple[Example, ...]
    rows: NDArray[np.float32]
    denies: NDArray[np.bool_]
    asks: NDArray[np.bool_]
    done: NDArray[np.bool_]
    """Something is done that calms: no clause means it that says that it was not done."""
    meanings: tuple[Example, ...]
    """One example of each cue and fact, and of what is none."""
    facts: NDArray[np.bool_]
    """Which of the `meanings` are facts."""
    idle: NDArray[np.bool_]
    """Which of them are of other personas."""
    changes: NDArray[np.int_]
    """What each of them does to the mood."""
    margins: NDArray[np.float64]
    """How much more than like another a clause must be like each of the `meanings`."""
    meaning: NDArray[np.intp]
    """Which of the `meanings` each example has."""
    weights: NDArray[np.float32]
    """What being like an example (a row each) says for each of the `meanings`."""
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

    rows = np.stack([vector for _, vector in known])
    said = [plain(example.text) for example, _ in known]
    denies = np.array([is_negated(text) for text in said])
    asking = np.array([asks(example.text) for example, _ in known])
    undone = np.array([is_undone(text) for text in said])
    meanings = {(example.name, example.fact): example for example, _ in known}
    number = {key: i for i, key in enumerate(meanings)}
    changes = np.array([_change(front, example) for example in meanings.values()])
    meaning = np.array([number[example.name, example.fact] for example, _ in known])
    kernel = _likeness(rows @ rows.T, denies != denies[:, None], asking != asking[:, None])
    kernel[np.diag_indices_from(kernel)] += RIDGE
    each = np.eye(len(meanings), dtype=np.float32)[meaning]
    return Bank(
        tuple(example for example, _ in known),
        rows,
        denies,
        asking,
        np.array([_change(front, example) > 0 for example, _ in known]) & ~undone,
        tuple(meanings.values()),
        np.array([example.fact for example in meanings.values()]),
        np.array([example.idle for example in meanings.values()]),
        changes,
        np.where(np.bincount(meaning) >= FEW, MARGIN, NARROW) + SURER * (changes < 0),
        meaning,
        solve(kernel, each),
    )


def solve(kernel: NDArray[np.float32], wanted: NDArray[np.float32]) -> NDArray[np.float32]:
    """The weights by which a kernel (symmetric, positive definite) gives what is wanted: by blocked Cholesky, in the
    place of both. `numpy.linalg.solve` takes three times as long and four times the memory, in double precision."""
    import numpy as np

    size = len(kernel)
    blocks = [slice(start, min(start + BLOCK, size)) for start in range(0, size, BLOCK)]
    inverses = []
    for at in blocks:
        inverses.append(np.linalg.inv(np.linalg.cholesky(kernel[at, at])))
        kernel[at.stop :, at] = kernel[at.stop :, at] @ inverses[-1].T
        for column in blocks[len(inverses) :]:
            kernel[column.start :, column] -= kernel[column.start :, at] @ kernel[column, at].T
    for at, inverse in zip(blocks, inverses, strict=True):
        wanted[at] = inverse @ wanted[at]
        wanted[at.stop :] -= kernel[at.stop :, at] @ wanted[at]
    for at, inverse in reversed([*zip(blocks, inverses, strict=True)]):
        wanted[at] = inverse.T @ (wanted[at] - kernel[at.stop :, at].T @ wanted[at.stop :])
    return wanted


def _likeness(cosines: NDArray[np.float32], denies: NDArray[np.bool_], asks: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How alike texts are (0-1), by the cosines of their vectors, and by whether one alone `denies` or `asks`. It is
    written in the place of the cosines: those of all examples with each other are 16 MB."""
    import numpy as np

    np.minimum(cosines, 1, out=cosines)
    cosines -= 1
    cosines *= SHARPNESS
    np.exp(cosines, out=cosines)
    np.multiply(cosines, DENIES, out=cosines, where=denies)
    np.multiply(cosines, ASKS, out=cosines, where=asks)
    return cosines


def _change(front: FrontMatter, example: Example) -> int:
    cue = None if example.fact or example.idle else front.cues.get(example.name)
    return cue.change if cue else 0


def _scores(bank: Bank, clause: Clause, vector: Vector) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How near a clause is to each of the examples, and how much it is like each of the meanings."""
    cosines = bank.rows @ vector
    likeness = _likeness(cosines.copy(), bank.denies != clause.negated, bank.asks != clause.asks)
    return cosines, likeness @ bank.weights


def nearest(bank: Bank, clause: Clause, vector: Vector, facts: bool = True) -> Nearest | None:
    """The cue, or with `facts` the fact, that a clause means, with its nearest example; None where it is like none, or
    like what is none."""
    cosines, scores = _scores(bank, clause, vector)
    same = int(cosines.argmax())
    if cosines[same] >= SAME:
        scores[bank.meaning[same]] += 1
    if not facts:
        scores[bank.facts] = 0
    for first in scores.argsort()[::-1]:
        best = int((cosines * (bank.meaning == first)).argmax())
        if not (clause.undone and bank.done[best]) and not (clause.harmless and bank.changes[first] < 0):
            break
        scores[first] = 0
    import numpy as np

    meaning = bank.meanings[first]
    kin = (bank.changes > 0) & (bank.changes[first] > 0)
    rivals = ~bank.idle
    rivals[first] = False
    second = scores.max(where=rivals, initial=0.0)
    likely = LIKELY + SURER * (bank.changes[first] < 0)
    clear = (scores + np.where(kin, NARROW, bank.margins[first])).max(where=rivals, initial=likely)
    least = max(ASKED, second) if meaning.fact and clause.asks else clear
    if not meaning.name or meaning.idle or scores[first] < least:
        return None
    return Nearest(meaning.name, bank.examples[best].text, round(float(cosines[best]), 2), meaning.fact)


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
        try:
            return judged[key]
        except KeyError:
            if (vector := self._vector(clause.text)) is None:
                return None
        if len(judged) >= JUDGED:  # calls in other threads use the same bank, so nothing here is read again
            judged.clear()
        judged[key] = found = nearest(self._bank, clause, vector, facts)
        return found

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

    def rather(self, parts: Sequence[Clause], name: str, than: str) -> Nearest | None:
        """The example of one cue, where a text of several clauses is nearer to it than to any of another. A text's
        vector is that of its clauses together: one made of the whole text would be waited for after those."""
        vectors = [vector for part in parts if (vector := self._vector(part.text)) is not None]
        if len(vectors) < len(parts):
            return None
        total = sum(vectors[1:], vectors[0])
        cosines = self._bank.rows @ (total / (total @ total) ** 0.5)
        best = {name: (0.0, ""), than: (0.0, "")}
        for example, cosine in zip(self._bank.examples, cosines, strict=True):
            if example.name in best and not example.fact:
                best[example.name] = max(best[example.name], (float(cosine), example.text))
        nearness, like = best[name]
        return Nearest(name, like, round(nearness, 2), False) if nearness > best[than][0] else None

    def _vector(self, text: str) -> Vector | None:
        vector = self._vectors(text)
        if vector is None:
            self.lacking.append(text)
        return vector
