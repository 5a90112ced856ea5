"""The facts that a clause asks for by phrases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .clauses import Clause
from .patterns import Alternatives
from .phrases import Match, Phrase, matches
from .questions import is_of_another, is_statement, joins, only_names, quotes_her, wants, withholds

_ANEW = Alternatives(r"\b(?:is|are|has|have)\b.*\bnow[ ,?]*$|ตอนนี้.*(?:แล้ว|หรือยัง)")


def asks_anew(clause: Clause) -> bool:
    """Whether a clause asks whether something told before has changed."""
    return bool(_ANEW.search(clause.said))


def may_ask(clause: Clause) -> bool:
    """Whether a clause can ask for something: not what only states, tells what others may ask for or she said, or that
    it is to be kept."""
    told = (is_statement(clause.said) and not wants(clause.said)) or withholds(clause.said) or clause.harmless
    return (clause.asks or not told) and not quotes_her(clause.said)


def facts_asked(able: Mapping[str, Iterable[Phrase]], clause: Clause) -> tuple[str, ...]:
    """The fact that a clause asks for: of those with a phrase in it the one whose phrase says most, closest; and others
    that it names beside it ("your name and the number of your account")."""
    if not able or not may_ask(clause):
        return ()
    asked = ((name, phrases) for name, phrases in able.items() if not is_of_another(name, clause.said))
    closest = {name: match for name, phrases in asked if (match := _closest(phrases, clause))}
    if not clause.asks and not wants(clause.said) and not only_names(clause.said):
        closest = {name: match for name, match in closest.items() if clause.is_mostly(match)}
    ranked = sorted(closest, key=lambda name: _weight(closest[name], clause), reverse=True)
    found: list[str] = []
    for name in ranked:
        if all(_is_beside(closest[name], closest[other], clause) for other in found):
            found.append(name)
    return tuple(sorted(found, key=lambda name: closest[name].start))


def _is_beside(one: Match, other: Match, clause: Clause) -> bool:
    """Whether two phrases of a clause name two things, with a word between that joins them."""
    first, second = sorted((one, other), key=lambda match: match.start)
    between = clause.said[first.end : second.start]
    joined = joins(between) or (not clause.said.isascii() and (between.startswith(" ") or not between))
    return first.end <= second.start and joined


def _closest(phrases: Iterable[Phrase], clause: Clause) -> Match | None:
    return max(matches(phrases, clause.said), key=lambda match: _weight(match, clause), default=None)


def _weight(match: Match, clause: Clause) -> tuple[int, int]:
    gaps = len(clause.said[match.start : match.end].split()) - match.words
    return match.words - max(0, gaps), match.end - match.start
