"""What one turn of the trainee holds, found by phrases: cues, each with the words that show it, and facts asked for."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from functools import lru_cache

from ..events import Found
from ..spec.persona import Fact, FrontMatter
from .phrases import find_any, heard_any, plain, words_at

ANSWERS = 3
"""Facts that a person answers in one breath; those asked beyond are neither answered nor counted as told."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A cue that was found in a turn.

    `words` are the trainee's own, to the letter ("" of a deed); `by` is the phrase or example that they matched, or
    the model that judged, and `nearness` how near, or how sure it was (0-1), where that is known.
    """

    name: str
    found: Found
    words: str = ""
    by: str = ""
    nearness: float | None = None


@dataclass(frozen=True, slots=True)
class Utterance:
    """What one turn of the trainee held: cues, and facts asked for, asked for again or read back for confirmation."""

    findings: tuple[Finding, ...] = ()
    asked: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    confirmed: tuple[str, ...] = ()

    @property
    def cues(self) -> tuple[str, ...]:
        """The names of the cues."""
        return tuple(finding.name for finding in self.findings)


def deeds(front: FrontMatter, deed: str) -> tuple[Finding, ...]:
    """The cues for something that was done and not said."""
    return tuple(Finding(name, Found.DEED) for name, cue in front.cues.items() if cue.on == deed)


def listen(front: FrontMatter, told: Set[str], text: str) -> Utterance:
    """What the phrases of the front matter find in a turn, where the facts `told` were asked for before.

    A cue for nothing that the persona knows is found only where nothing else is: the first that has a phrase for it,
    else the first that needs none.
    """
    said = plain(text)
    if not said.strip(",? "):
        return Utterance(deeds(front, "silence"))
    wanted = [name for name, fact in front.facts.items() if heard_any(fact.hear, said)]
    confirmed = tuple(name for name, fact in front.facts.items() if _read_back(fact, said, name in wanted))
    wanted = [name for name in wanted if name not in confirmed]
    again = tuple(name for name in wanted if name in told)
    asked = tuple(name for name in wanted if name not in told)[:ANSWERS]
    found = {name: _find(front, name, said, text) for name, cue in front.cues.items() if not cue.on}
    found |= {finding.name: finding for finding in deeds(front, "repeated_question") if again}
    if not any(found.values()) and not wanted and not confirmed:
        nothing = [name for name, cue in front.cues.items() if cue.on == "nothing"]
        nothing.sort(key=lambda name: not front.cues[name].hear)
        fits = (_find(front, name, said, text) or _needs_no_phrase(front, name) for name in nothing)
        found |= {finding.name: finding for finding in [next(filter(None, fits), None)] if finding}
    return Utterance(tuple(finding for name in front.cues if (finding := found.get(name))), asked, again, confirmed)


def _find(front: FrontMatter, name: str, said: str, text: str) -> Finding | None:
    found = find_any(front.cues[name].hear, said)
    return found and Finding(name, Found.PHRASE, words_at(text, found[1], found[2]), found[0])


def _needs_no_phrase(front: FrontMatter, name: str) -> Finding | None:
    return None if front.cues[name].hear else Finding(name, Found.DEED)


def _read_back(fact: Fact, said: str, asked: bool) -> bool:
    """Whether the trainee says the answer's numbers: then it is confirmed, not asked for. Numbers that say little
    by themselves ("3") count only in what sounds like a question for this fact."""
    words = set(said.split())
    for numbers in (_numbers(line) for lines in fact.say.values() for line in lines):
        if numbers and numbers <= words and (asked or sum(map(len, numbers)) > 2):
            return True
    return False


@lru_cache(maxsize=4096)
def _numbers(line: str) -> frozenset[str]:
    return frozenset(word for word in plain(line).split() if any(map(str.isdecimal, word)))
