"""What one turn of the trainee holds, clause by clause: cues, each with the words that show it, and facts asked for.

Phrases come first; where none is found, and there are examples with vectors, a clause is heard by what it means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import lru_cache

from ..events import Found
from ..spec.persona import CommonCue, FrontMatter
from .asked_facts import asks_anew, facts_asked, may_ask
from .clauses import Clause, asks, asks_for, clauses, is_denied_after
from .figures import confirmed_in, examples_of, figures, is_no_code, lacks, numbers_told
from .meaning import Meaning
from .phrases import Match, Phrase, PhraseIndex, has_number, matches, plain, words_at
from .promises import is_hedged, is_name
from .questions import bare, is_of_another

SURE = 0.97
"""How near a question must come to an example of a fact to ask for it, whatever phrases it holds."""
SHORT = 16
"""Characters of a clause that says too little ("would you?", "that's you") to ask for a fact, or to anger, by that."""
_SORRY = (CommonCue.APOLOGY, CommonCue.OWNERSHIP, CommonCue.REFUSAL)  # what is shown by regretting something said
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
    """What one turn held: cues, facts asked for, asked for again or read back, and what denies cues found before."""

    findings: tuple[Finding, ...] = ()
    asked: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    confirmed: tuple[str, ...] = ()
    taken_back: tuple[Finding, ...] = ()

    @property
    def cues(self) -> tuple[str, ...]:
        """The names of the cues."""
        return tuple(finding.name for finding in self.findings)


def deeds(front: FrontMatter, deed: str) -> tuple[Finding, ...]:
    """The cues for something that was done and not said."""
    return tuple(Finding(name, Found.DEED) for name, cue in front.cues.items() if cue.on == deed)


def listen(front: FrontMatter, told: Set[str], text: str, meaning: Meaning | None = None) -> Utterance:
    """What is found in a turn, where the facts `told` were asked for before; without `meaning` by phrases alone.

    Each clause is judged by itself: it shows one cue that angers at most, asks for one fact at most, and promises
    nothing that it only asks about, denies, or offers in a way that the persona refuses. A cue for nothing that the
    persona knows is found only where nothing else is: the one with the longest phrase for it, else the first that needs
    none.
    """
    said = plain(text)
    parts = clauses(text)
    if not parts:
        return Utterance(deeds(front, "silence"))
    lexicon = lexicon_of(front)
    phrased = [_by_phrases(lexicon, clause) for clause in parts]
    heard = [_by_meaning(lexicon, one, meaning) for one in phrased]
    heard = [_refusing(lexicon, one, heard[:place], meaning) for place, one in enumerate(heard)]
    supposed = (name for one in heard if one.clause.supposes for name in one.facts if name in told)
    confirmed = tuple(dict.fromkeys((*confirmed_in(front, said), *supposed)))
    wanted = list(dict.fromkeys(name for one in heard for name in one.facts if name not in confirmed))
    anew = {name for one in heard for name in one.facts if asks_anew(one.clause)}
    again = tuple(name for name in wanted if name in told and name not in anew)
    asked = tuple(name for name in wanted if name not in told)[:ANSWERS]
    found = {finding.name: finding for finding in reversed([*_agreed(front, heard)])}
    found = _stood_in(lexicon, found, text, parts, meaning)
    if any(name in one.facts for one in phrased for name in again):
        found |= {finding.name: finding for finding in deeds(front, "repeated_question")}
    if not found and not wanted and not confirmed:
        spared = any(one.spares for one in heard)
        able = {name for name in lexicon.nothing if not (spared and front.cues[name].change < 0)}
        by_phrase = (_by_phrase(name, match, text) for name, match in for_nothing(front, said))
        others = (Finding(name, Found.DEED) for name in lexicon.nothing if not front.cues[name].hear)
        fits = (finding for finding in (*by_phrase, *others) if finding.name in able)
        found |= {finding.name: finding for finding in [next(fits, None)] if finding}
    findings = tuple([found[name] for name in front.cues if name in found])
    taken_back = {denial.name: denial for one in heard for denial in one.taken_back(front)}
    return Utterance(findings, asked, again, confirmed, tuple(taken_back.values()))


@dataclass(frozen=True, slots=True)
class _Heard:
    """What one clause holds: facts that it asks for, and cues. `said` are the cues whose phrases it holds, `denied`
    what denies others, if it refuses; `denies_anger` that it denies what would anger."""

    clause: Clause
    facts: tuple[str, ...]
    findings: tuple[Finding, ...]
    said: Mapping[str, Match]
    denied: tuple[Finding, ...]
    denies_anger: bool

    @property
    def spares(self) -> bool:
        """Whether it denies what would anger, or says it of another."""
        return self.denies_anger or self.clause.harmless

    def taken_back(self, front: FrontMatter) -> tuple[Finding, ...]:
        """What denies cues that may have been found before."""
        return self.denied if any(front.cues[finding.name].is_refused for finding in self.findings) else ()


@dataclass(frozen=True, slots=True, eq=False)
class _Lexicon:
    """What a front matter listens for, made once: phrases of cues for what is said, of facts, and of cues that are for
    `nothing`; those cues that give `numbers` or `times`, as their examples show; what an ending waits for
    (`awaited`), or an objective is met by: they count even where they do not move her."""

    front: FrontMatter
    phrases: PhraseIndex
    numbers: frozenset[str]
    times: frozenset[str]
    awaited: frozenset[str]
    nothing: tuple[str, ...]


@lru_cache(maxsize=64)
def lexicon_of(front: FrontMatter) -> _Lexicon:
    """Puts in order what is listened for: a tenth of a second that the first turn would wait for otherwise."""
    numbers_told(front)  # looked up as each turn is heard
    cues = front.cues.items()
    gives = {name: figures(examples_of(cue)) for name, cue in cues}
    endings = (name for ending in front.endings for name in ending.awaited)
    nothing = tuple(name for name, cue in cues if cue.on == "nothing")
    return _Lexicon(
        front,
        PhraseIndex(
            {name: cue.hear for name, cue in cues if not cue.on},
            {name: fact.hear for name, fact in front.facts.items()},
            {name: cue.hear for name, cue in cues if cue.on == "nothing"},
        ),
        frozenset(name for name, (number, _) in gives.items() if number),
        frozenset(name for name, (_, time) in gives.items() if time),
        frozenset([*endings, *(name for objective in front.objectives for name in objective.met)]),
        nothing,
    )


@lru_cache(maxsize=8)
def _able(lexicon: _Lexicon, said: str) -> list[dict[str, list[Phrase]]]:
    """The phrases that a text may hold: most turns are one clause, and looked at as both."""
    return lexicon.phrases.able(said)


@lru_cache(maxsize=1024)
def _by_phrases(lexicon: _Lexicon, clause: Clause) -> _Heard:
    """A clause by its phrases alone; it is looked at more than once until its meaning is known."""
    front = lexicon.front
    cues, facts, _ = _able(lexicon, clause.said)
    able = [] if clause.reports else [(name, cues[name]) for name in cues if name in _SORRY or not clause.regrets]
    said = {
        name: match
        for name, phrases in able
        if (match := _said(lexicon, name, phrases, clause))
        and not ("##" in match.phrase and is_no_code(front, clause.said[match.start : match.end], clause))
        and not (name in lexicon.numbers and not has_number(clause.said))
    }
    findings = tuple(_by_phrase(name, match, clause.text) for name, match in _one_that_angers(front, said))
    unsaid = ((name, phrases) for name, phrases in able if clause.negated and name not in said)
    denied = [name for name, phrases in unsaid if _denies(phrases, clause)]
    denials = tuple(Finding(name, Found.PHRASE, clause.text) for name in denied if front.cues[name].change > 0)
    denies_anger = any(front.cues[name].change < 0 for name in denied)
    return _Heard(clause, facts_asked(facts, clause), findings, said, denials, denies_anger)


def _refusing(lexicon: _Lexicon, heard: _Heard, before: list[_Heard], meaning: Meaning | None) -> _Heard:
    """The same, where it is but a denial ("but I won't") of what was promised before it and is waited for."""
    front = lexicon.front
    if not heard.clause.refuses or CommonCue.REFUSAL not in front.cues:
        return heard
    promises = [one.clause for one in before if one.clause.unkept and heard.clause.sentence - one.clause.sentence < 2]
    said = {
        name: match.phrase
        for clause in promises
        for name, phrases in _able(lexicon, clause.said)[0].items()
        if (match := next(matches(phrases, clause.said), None))
    }
    said = {near.name: near.example for one in promises if meaning and (near := meaning.of(one, False))} | said
    denied = {n: by for n, by in said.items() if front.cues[n].change > 0 and n in lexicon.awaited}
    if not denied:
        return heard
    found = Finding(CommonCue.REFUSAL, Found.PHRASE, heard.clause.text, next(iter(denied.values())))
    return replace(
        heard, findings=(found,), denied=tuple(Finding(name, Found.PHRASE, heard.clause.text) for name in denied)
    )


def _by_meaning(lexicon: _Lexicon, heard: _Heard, meaning: Meaning | None) -> _Heard:
    """The same with what the clause means, where its phrases leave that open."""
    front, clause, said = lexicon.front, heard.clause, heard.said
    said_most = any(clause.is_mostly(said[one.name]) for one in heard.findings if front.cues[one.name].change)
    # What others did is no cue, but one may ask for it; and who asks in a fact's own words asks for no other.
    if meaning is None or said_most or (clause.reports and not clause.asks):
        return heard
    near = meaning.of(clause, may_ask(clause))
    if near is None or (near.fact and is_of_another(near.name, clause.said)):
        return heard
    if near.fact:
        angers = any(front.cues[finding.name].change < 0 for finding in heard.findings)
        doubtful = heard.facts or angers or CommonCue.PROBLEM in said or len(clause.said) < SHORT
        known = near.name in heard.facts or (doubtful and near.nearness < SURE)
        return heard if known else replace(heard, facts=(near.name,))
    if heard.facts or clause.reports or (clause.regrets and near.name not in _SORRY):
        return heard
    cue = front.cues[near.name]
    if (
        near.name not in said
        and _counts(lexicon, near.name, clause, is_hedged(plain(near.example)))
        and not lacks(front, clause, number=near.name in lexicon.numbers, time=near.name in lexicon.times)
        and not (clause.past and near.name in lexicon.times)
        and not (near.name == CommonCue.INSULT and not clause.at_her)
        and not (near.name == CommonCue.GOODBYE and cue.change >= 0 and near.nearness < SURE)
        and not (cue.change < 0 and (heard.spares or (len(clause.said) < SHORT and near.nearness < SURE)))
    ):
        changes = {one.name: front.cues[one.name].change for one in heard.findings if one.name != CommonCue.APOLOGY}
        angering = (said[name] for name, change in changes.items() if change < 0)
        angered = any(3 * (match.end - match.start) > len(clause.said) for match in angering)
        if not any(changes.values()) or (cue.change > 0 and not angered):
            found = Finding(near.name, Found.MEANING, clause.text, near.example, near.nearness)
            return replace(heard, findings=(*heard.findings, found))
    return heard


def _said(lexicon: _Lexicon, name: str, phrases: Iterable[Phrase], clause: Clause) -> Match | None:
    """That of these phrases of a cue which a clause holds, and does not take back."""
    change = lexicon.front.cues[name].change
    calms = change > 0
    for match in matches(phrases, clause.said):
        past = (calms or name in lexicon.times) and clause.past
        if not match.negated and (past or is_denied_after(clause.said, match.end)):
            continue
        if calms and is_name(clause.said, match.start, match.end):
            continue
        if _counts(
            lexicon,
            name,
            clause,
            denies=(match.negated or (change < 0 and is_hedged(clause.said[match.start : match.end])))
            and not is_hedged(f"{clause.said[: match.start]} {clause.said[match.end :]}"),
        ):
            return match
    return None


def _denies(phrases: Iterable[Phrase], clause: Clause) -> bool:
    """Whether a clause that denies holds one of these phrases: "I can't refund you"."""
    return any(phrase.find_in(clause.said, denied=True) for phrase in phrases if not phrase.negated)


def _counts(lexicon: _Lexicon, name: str, clause: Clause, denies: bool) -> bool:
    """Whether a clause of its kind can show this cue: what is asked about is not promised, what the persona is asked
    whether she would like is not done to her. What `denies` by itself ("I can't tell you") is not taken back by it.
    That goes for all that moves her, is `awaited`, or stands for something; no question gives a time."""
    cue, awaited = lexicon.front.cues[name], name in lexicon.awaited
    done = bool(cue.means) and not cue.change and not is_shown_by(lexicon, name, asks_for)
    asked = (cue.change > 0 or done or name in lexicon.times) and clause.asks
    offered = (cue.change or awaited or done) and (clause.offers or (not denies and clause.hedged))
    if (cue.change < 0 and clause.harmless) or ((cue.change > 0 or awaited or done) and clause.unkept):
        return False
    return not (asked or offered) or is_shown_by(lexicon, name, asks)


@lru_cache(maxsize=1024)
def is_shown_by(lexicon: _Lexicon, name: str, asking: Callable[[str], bool]) -> bool:
    """Whether a cue is shown by what asks, as a third or more of its examples do."""
    examples = examples_of(lexicon.front.cues[name])
    return bool(examples) and 3 * sum(map(asking, examples)) >= len(examples)


def _one_that_angers(front: FrontMatter, said: dict[str, Match]) -> Iterator[tuple[str, Match]]:
    """Of the cues that anger, the one that says most: with the longest phrase, else the worst."""
    angering = [name for name in said if front.cues[name].change < 0]
    first = max(angering, key=lambda name: (said[name].words, -front.cues[name].change), default=None)
    yield from ((name, match) for name, match in said.items() if name not in angering or name == first)


def _by_phrase(name: str, match: Match, text: str) -> Finding:
    """What a phrase shows that this text of the trainee's holds."""
    return Finding(name, Found.PHRASE, words_at(text, match.start, match.end), match.phrase)


def _agreed(front: FrontMatter, heard: Sequence[_Heard]) -> Iterator[Finding]:
    """The findings of a turn, without what is promised (who says sorry promises nothing) in the same sentence as
    something that the persona refuses, or is refused later."""
    shown = [(one, front.cues[finding.name]) for one in heard for finding in one.findings]
    alone = [one for one, cue in shown if cue.is_refused and one.said.keys().isdisjoint(cue.unless or ())]
    refused = {one.clause.sentence for one in alone}
    for place, one in enumerate(heard):
        later = {denial.name for other in heard[place + 1 :] for denial in other.taken_back(front)}
        for finding in one.findings:
            if (
                front.cues[finding.name].change <= 0
                or finding.name == CommonCue.APOLOGY
                or (one.clause.sentence not in refused and finding.name not in later)
            ):
                yield finding


def _stood_in(
    lexicon: _Lexicon, found: dict[str, Finding], text: str, parts: Sequence[Clause], meaning: Meaning | None
) -> dict[str, Finding]:
    """The findings, with a cue that stands in for one of them (a hold that is explained) where the turn as a whole,
    not a single clause, shows it."""
    known = lexicon.front.cues
    for name in [name for name in found if known[name].change < 0]:
        for other in known[name].unless or ():
            if other not in known or other in found or known[other].change > 0:
                continue
            cues, _, nothing = _able(lexicon, said := plain(text))
            if match := next(matches((cues | nothing).get(other, ()), said), None):
                found[other] = _by_phrase(other, match, text)
            elif meaning and len(parts) > 1 and (near := meaning.rather(parts, other, name)):
                found[other] = Finding(other, Found.MEANING, text.strip(), near.example, near.nearness)
    return found


def for_nothing(front: FrontMatter, said: str) -> list[tuple[str, Match]]:
    """The cues for nothing that the persona knows which a text holds phrases of: first one that it begins with, else
    that with the longest."""
    *_, able = _able(lexicon_of(front), said)
    begin = said.find(bare(said))

    def weight(match: Match) -> tuple[bool, int]:
        return match.start == begin, match.end - match.start

    best = ((name, max(matches(phrases, said), key=weight, default=None)) for name, phrases in able.items())
    return sorted(((name, match) for name, match in best if match), key=lambda one: weight(one[1]), reverse=True)
