"""Numbers and times in a turn: those that a cue needs to be shown, and those that the persona has told herself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from functools import lru_cache

from ..spec.persona import Cue, Fact, FrontMatter
from .clauses import Clause
from .patterns import Alternatives
from .phrases import find_all, has_number, has_time, numbers_in, plain

_TELEPHONE = Alternatives(
    r"\b(?:mobile|phone|telephone|cell|landline|direct|whatsapp|extension)(?: number| line| is)\b(?!.*\bcase\b)|"
    r"\b(?:ring|call|reach|text) (?:me|us) (?:\w+ ){0,2}(?:on|at)\b"
)


def lacks(front: FrontMatter, clause: Clause, *, number: bool, time: bool) -> bool:
    """Whether a clause lacks the number or the time that a cue gives: it has none, or the number is what the persona
    tells about herself."""
    if number and numbers_in(clause.said):
        return is_no_code(front, clause.said, clause)
    return (number and not has_number(clause.said)) or (time and not has_time(clause.said))


def examples_of(cue: Cue) -> tuple[str, ...]:
    return tuple(text for texts in cue.like.values() for text in texts)


def is_no_code(front: FrontMatter, said: str, clause: Clause) -> bool:
    """Whether all numbers that a text of a clause holds are those that the persona tells about herself, or of a
    telephone."""
    return numbers_in(said) <= numbers_told(front)[0] or bool(_TELEPHONE.search(clause.said))


@lru_cache(maxsize=1024)
def figures(examples: tuple[str, ...]) -> tuple[bool, bool]:
    """Whether most of these examples hold a number, and whether most hold a number or a time."""
    return _most(examples, has_number, 0.7), _most(examples, has_time, 0.8)


def _most(texts: Sequence[str], holds: Callable[[str], bool], share: float) -> bool:
    """Whether more than this share of some texts holds something; looks at no more of them than it takes to deny it."""
    left = len(texts)
    for text in texts:
        left -= not holds(plain(text))
        if left / len(texts) <= share:
            return False
    return bool(texts)


def confirmed_in(front: FrontMatter, said: str) -> tuple[str, ...]:
    """The facts whose answer's numbers the trainee says: those are confirmed, not asked for. Numbers that say little by
    themselves ("3") count only in what sounds like a question for this fact."""
    if not (words := numbers_in(said)):
        return ()
    hers, facts = numbers_told(front)
    if words.isdisjoint(hers):
        return ()
    return tuple(name for name, numbers in facts.items() if _read_back(front.facts[name], numbers, words, said))


def _read_back(fact: Fact, answers: Iterable[frozenset[str]], words: Set[str], said: str) -> bool:
    for numbers in answers:
        if numbers <= words and (sum(map(len, numbers)) > 2 or next(find_all(fact.hear, said), None)):
            return True
    return False


@lru_cache(maxsize=64)
def numbers_told(front: FrontMatter) -> tuple[frozenset[str], dict[str, tuple[frozenset[str], ...]]]:
    """All numbers that the persona tells about herself; and by answer, of each fact that has any."""
    answers = {
        name: tuple(filter(None, (numbers_in(plain(line)) for lines in fact.say.values() for line in lines)))
        for name, fact in front.facts.items()
    }
    return frozenset().union(*(numbers for each in answers.values() for numbers in each)), answers
