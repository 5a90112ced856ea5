"""What the scripted customer says next: what was heard in the turn, against the lines that were not said yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..arc.clauses import Clause, asks, clauses
from ..arc.listener import for_nothing, is_shown_by, lexicon_of
from ..arc.machine import ArcState, Lack, fold, lack, start, step
from ..arc.meaning import Meaning
from ..arc.phrases import plain
from ..arc.questions import (
    is_choice,
    is_open,
    is_wish,
    opens,
    requests,
    supposes_who,
)
from ..arc.topics import content_words, is_about, shared, topic_words
from ..spec.persona import Arc, CommonCue, Topic
from .suppositions import Knowledge, figures_in, names_one

GREETINGS = 3
"""Turns in which a greeting is one: later it is the same word for goodbye."""
_YES_OR_NO = (CommonCue.FAVOUR_ASKED, CommonCue.AGREEMENT_ASKED, CommonCue.YES_NO_QUESTION)
_PLACES: dict[str, int] = {CommonCue.ANYTHING_ELSE: 0, CommonCue.GREETING: 2}
"""Which small talk of a turn is answered first, others at 1: to "anything else?" she does not say what it is about."""
_UNKNOWN = (CommonCue.UNKNOWN_QUESTION, CommonCue.YES_NO_QUESTION, CommonCue.ASKED_OF_HER)
_NEVER_BY_TOPIC = ("name", "secret", "card")
LAST_RESORT = ("…", "Hm?")
"""For a persona that has nothing to say at all."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A spoken line, and the ending that it brings about."""

    text: str
    ending: str | None = None


def opening(arc: Arc, said: Sequence[str]) -> Reply:
    """The customer's first line; in a call that is on, one that asks whether anyone is there."""
    speaker = _Speaker(arc, start(arc.front), said)
    first = [] if said else [arc.said(arc.front.opening), arc.lines(CommonCue.PROBLEM)]
    return Reply(speaker.line_of(first or [arc.lines(CommonCue.SILENCE)]))


def reply(arc: Arc, turns: Sequence[str], said: Sequence[str], meaning: Meaning | None = None) -> Reply:
    """The answer to the last of the trainee's turns, given everything said so far on both sides, and what the trainee's
    clauses mean, where that is known."""
    before = fold(arc.front, turns[:-1], meaning)
    state = step(arc.front, before, turns[-1], meaning)
    speaker = _Speaker(arc, state, said, turns)
    if not state.ending:
        return Reply(speaker.answer(turns[-1]))
    if before.ending:
        return Reply(speaker.line_of([arc.afterwards]))
    return Reply(speaker.line_of([arc.said(state.ending.say)]), state.ending.name)


class _Speaker:
    """Picks lines in the order of the arc, none twice while others are left."""

    def __init__(self, arc: Arc, state: ArcState, said: Sequence[str], turns: Sequence[str] = ()) -> None:
        self.arc = arc
        self.state = state
        self.said = said
        self.turns = turns
        self.knowledge = Knowledge(arc, said, turns)

    def answer(self, text: str) -> str:
        """The answer to a turn that ends nothing."""
        if line := next(filter(None, (self._fresh(topic.say) for topic in self._events(text))), None):
            return line
        reaction = self._reaction()
        parts = [*reaction, *self._facts(text)]
        question = self._question(text)
        free = not (self.state.last.asked or self.state.last.again or self._angering())
        beside = self._heard_beside(text) if parts and free and not question else []
        parts += beside
        if not (parts or question) or (not self.state.last.asked and CommonCue.PARDON in self.state.last.cues):
            parts = self._small_talk(text)
        if question:
            known = self._known(question)
            parts = [*parts, known] if known else parts or self._small_talk(text)
        if free and not beside and (parts == reaction or self._calming()) and (ask := self._ask()):
            parts = [*parts, ask]
        if parts and " ".join(parts) not in self.said[-1:]:
            return " ".join(parts)
        return self.line_of([self._on_topic(question.text), self._for_question(question)] if question else [])

    def line_of(self, pools: Iterable[Sequence[str]]) -> str:
        """A line of the first pool that has one left; when all are used up, the one said longest ago."""
        pools = [*pools, *self._always()]
        fresh = next((line for pool in pools if (line := self._fresh(pool))), None)
        if fresh:
            return fresh
        last = self.said[-1] if self.said else ""
        lines = [line for pool in pools for line in pool if line != last] or [
            line for line in LAST_RESORT if line != last
        ]
        return min(lines, key=self._last_time)

    def _always(self) -> Iterator[Sequence[str]]:
        """What can be said at any time: the lines of this mood, first the persona's own, then of the moods nearest."""
        if self._is_settled():
            yield self.arc.lines(CommonCue.SETTLED)
        mood = self.state.mood
        own, common = (
            sorted(phases, key=lambda phase: abs(sum(phase.mood) / 2 - mood))
            for phases in (self.arc.front.phases, self.arc.phases)
        )
        current = [self.state.phase] if self.state.phase else []
        yield from (self.arc.said(phase.say) for phase in (*current, *common[:1]))
        yield self.arc.lines(CommonCue.STILL_HERE)
        yield from (self.arc.said(phase.say) for phase in (*own[:2], *common[:2]))

    def _fresh(self, pool: Sequence[str]) -> str | None:
        return next((line for line in pool if self._last_time(line) < 0), None)

    def _last_time(self, line: str) -> int:
        """The last of the customer's turns that had this line (or its start, if it was cut off); -1 for none."""
        first = line if len(line) < 16 else line[:32]
        had = (
            i
            for i, said in enumerate(self.said)
            if (first in said if len(line) >= 16 else said.startswith(first) or said.endswith(first))
            or (len(said) > 4 and line.startswith(said))
        )
        return max(had, default=-1)

    def _angering(self) -> list[str]:
        cues = self.arc.front.cues
        names = [name for name in self.state.last.cues if cues[name].change < 0 and cues[name].on != "nothing"]
        names = [name for name in names if name != CommonCue.PARDON] or names
        return sorted(names, key=lambda name: cues[name].change)

    def _calming(self) -> list[str]:
        cues = self.arc.front.cues
        names = [name for name in self.state.last.cues if cues[name].change > 0 and self.state.met[name] == 1]
        return sorted(names, key=lambda name: -cues[name].change)

    def _reaction(self) -> list[str]:
        """A line for what angers most, else for what calms most, also where it has before."""
        if angering := self._angering():
            return [self.line_of(self.arc.lines(name) for name in angering)]
        again = (name for name in self.state.last.cues if self.arc.front.cues[name].change > 0)
        fresh = (self._fresh(self.arc.lines(name)) for name in self._calming() or again)
        return [line for line in fresh if line][:1]

    def _facts(self, text: str) -> list[str]:
        """Answers to what was asked; to someone who angers at the same time, or leaves the choice, one at most."""
        last = self.state.last
        either = any(is_choice(one.said) for one in clauses(text) if requests(one.said))
        names = sorted(last.asked, key=self.arc.evasive.__contains__) if either else list(last.asked)
        if "secret" in names:  # nor anything else to who asks for it
            names = [] if self._angering() else ["secret"]
        most = 1 if either or self._angering() else None
        asked = [self._answered(name) for name in names[:most]]
        asked += [self._shortly(name) for name in last.again[:2]]
        supposed = [one for one in clauses(text) if one.supposes]
        if last.confirmed and not asked and not self._reaction():
            wrong = next(filter(None, map(self._put_right, supposed)), None)
            asked = [wrong or self._fresh(self.arc.lines(CommonCue.CONFIRMED)) or ""]
        return [line for line in asked if line]

    def _answered(self, name: str) -> str:
        """The answer to a fact that was asked for; of one kept back, the line that evades it."""
        by_topic = name in self.arc.evasive and name not in _NEVER_BY_TOPIC  # the prose may call it by another name
        if by_topic and (line := self._fresh(self._on_topic(self.turns[-1].replace("number", "")))):
            return line
        if name in self.state.told:
            return self._fresh(self._fact(name)) or self._shortly(name)
        guarded = self.arc.said(self.arc.front.facts[name].guarded)
        return min(guarded, key=self._last_time, default="")

    def _fact(self, name: str) -> tuple[str, ...]:
        return self.arc.said(self.arc.front.facts[name].say)

    def _shortly(self, name: str) -> str:
        return min(self._fact(name), key=len, default="")

    def _small_talk(self, text: str) -> list[str]:
        lines = self._heard_lines(text)
        if lines == self.arc.lines(CommonCue.PROBLEM):
            lines = self._on_topic(text, least=2) or (self.arc.story if self._fresh(self.arc.story) else lines)
        elif asked := next((one for one in clauses(text) if one.asks and lines), None):
            lines = self._on_topic(asked.text) or lines  # what she knows, before what anybody says to such a question
        line = self._fresh(lines)
        if line and CommonCue.PARDON in self.state.last.cues:
            return [line, self._once_more()]
        return [line] if line else []

    def _heard_beside(self, text: str) -> list[str]:
        """A line for what the last clause asks by a cue that moves nothing, where the reaction is to another."""
        asking, cues, lexicon = clauses(text)[-1], self.arc.front.cues, lexicon_of(self.arc.front)
        found = [one.name for one in self.state.last.findings if asking.asks and one.words and one.words in asking.text]
        able = (name for name in found if not (cues[name].change or cues[name].on) and is_shown_by(lexicon, name, asks))
        return [line for name in able if (line := self._fresh(self._as_it_stands(name)))][:1]

    def _question(self, text: str) -> Clause | None:
        """The last clause that asks her for something which nothing that was heard in it answers yet: one that the turn
        does not leave behind where something else is answered."""
        last, parts = self.state.last, clauses(text)
        if last.asked or last.again or last.confirmed or self._angering():
            return None
        able = [one for one in parts if one.asks or one.supposes or self._asks_to_agree(one)]
        asking = able[-1] if able else None
        if asking and not opens(asking.said):
            # "Would you switch it on, and see what comes?" is one thing.
            begun = (one for one in able if one.sentence == asking.sentence)
            asking = next((one for one in begun if opens(one.said) or self._asks_to_agree(one)), asking)
        if asking and asking.supposes:  # and not only by "is that right?"
            asking = next(one for one in able if one.sentence == asking.sentence and one.supposes)
        cues = self.arc.front.cues
        answered = {*self._calming(), *(name for name in last.cues if cues[name].change <= 0 and self.arc.lines(name))}
        answered -= {CommonCue.CONFIRMED} if asking and asking.supposes else set()
        found = [one for one in last.findings if one.name in answered and cues[one.name].on != "nothing"]
        if asking is None:
            return None
        whole = [one for one in parts if asking.sentence == one.sentence and (asking.chooses or one.chooses)]
        if any(one.words and one.words in clause.text for one in found for clause in whole or [asking]):
            return None
        later = " ".join(one.text for one in parts[parts.index(asking) + 1 :])
        if any(one.words and one.words in later for one in found if one.name == CommonCue.PROBLEM):
            return None
        return None if self._calming() and asking.sentence < parts[-1].sentence else asking

    def _asks_to_agree(self, clause: Clause) -> bool:
        """Whether a clause asks her for a favour, for leave, or to agree."""
        return next(iter(self._kinds(clause)), "") in (CommonCue.FAVOUR_ASKED, CommonCue.AGREEMENT_ASKED)

    def _kinds(self, clause: Clause) -> list[str]:
        """The cues for nothing known that a clause shows; none for what is answered with yes or no where it leaves a
        choice, or asks who or what."""
        if clause.depends and self.arc.lines(CommonCue.CONDITION_ASKED):
            return [CommonCue.CONDITION_ASKED]
        if clause.chooses:
            thai = not clause.said.isascii()
            told = CommonCue.UNSURE if thai and figures_in(clause.text) else CommonCue.UNKNOWN_QUESTION
            wished = any(is_wish(one.said) for one in clauses("".join(self.turns[-1:])) if one.asks)
            return [CommonCue.PREFERENCE_ASKED if wished else told]
        kinds = [name for name, _ in for_nothing(self.arc.front, clause.said)]
        if clause.offers and kinds[:1] == [CommonCue.YES_NO_QUESTION]:
            kinds = [CommonCue.AGREEMENT_ASKED]
        return [name for name in kinds if name not in _YES_OR_NO] if is_open(clause.said) else kinds

    def _known(self, question: Clause) -> str | None:
        """The answer to a question that no fact answers: a line of the prose about it, else one for its kind."""
        # One word in common is worth less than what is owed.
        able = not (question.depends or self._is_answered_by_yes(question) or self._asks_to_agree(question))
        least = 2 if self._ask() else 1
        topic = self._on_topic(question.text, least) if able else self._against(question)
        lines = self._for_question(question)
        if self._calming() and lines in map(self.arc.lines, _UNKNOWN):
            lines = ()  # that she does not know is no answer to what is done for her
        again = None if able else min(lines, key=self._last_time, default=None)
        found = (one.name for one in self.state.last.findings if one.words == question.text)
        met = (self._fresh(self.arc.lines(name)) for name in found if self.arc.front.cues[name].change > 0)
        first = self._chosen(question) or next(filter(None, met), None) or self._fresh(topic)
        return first or self._fresh(lines) or again

    def _chosen(self, question: Clause) -> str | None:
        """Of a question that leaves the choice of two things, a short line of a fact that names one of them."""
        text = " ".join(one.text for one in clauses(self.turns[-1]) if one.sentence == question.sentence)
        if not question.chooses or is_wish(plain(text)):
            return None
        facts = self.arc.front.facts
        told = (n for n in facts if n not in self.arc.evasive and (not facts[n].mood or n in self.state.told))
        return next((line for line in map(self._shortly, told) if names_one(text, line)), None)

    def _against(self, question: Clause) -> tuple[str, ...]:
        """A line of the prose against what she is asked to do, or to agree to."""
        lines = self._on_topic(question.text) if self._asks_to_agree(question) else ()
        return tuple(line for line in lines if not question.negated and any(one.negated for one in clauses(line)))

    def _for_question(self, question: Clause) -> tuple[str, ...]:
        """Lines for a question of its kind: whether what is but supposed is so, else those of the cue for it."""
        supposed = self._whether_so(question) if self._is_answered_by_yes(question) else ()
        return supposed or next(filter(None, map(self.arc.lines, self._kinds(question))), ())

    def _is_answered_by_yes(self, clause: Clause) -> bool:
        """Whether a clause is answered by yes or no: it supposes something, takes up a few of her words, or asks what
        she has told."""
        if clause.supposes or not clause.said.isascii() or clause.depends:
            return clause.supposes
        kind, words = next(iter(self._kinds(clause)), ""), content_words(clause.text)
        if kind in (CommonCue.YES_NO_QUESTION, CommonCue.ASKED_OF_HER):
            return self.knowledge.is_told_in(clause) or bool(words and self._put_right(clause) is not None)
        few = kind == CommonCue.UNKNOWN_QUESTION and not opens(clause.said) and len(clause.said.split()) < 7
        return few and bool(figures_in(clause.text) or (words and words <= self.knowledge.spoken_of()))

    def _whether_so(self, supposed: Clause) -> tuple[str, ...]:
        """Yes, no, or neither, to what a clause supposes of her."""
        if wrong := self._put_right(supposed):
            return (wrong,)
        if self.knowledge.is_so(supposed) is None and (about := supposes_who(supposed.said)):
            no = min(self.arc.lines(CommonCue.DENIED), key=self._last_time, default="")
            more = {"name": self._shortly("name"), "call": self._fresh(self.arc.lines(CommonCue.PROBLEM))}
            return (" ".join(filter(None, (no, more.get(about)))),)
        if self.knowledge.is_unheard_of(supposed) and not figures_in(supposed.text):
            return self.arc.lines(CommonCue.DENIED)
        unsure = self.arc.lines(CommonCue.UNSURE) if self.knowledge.is_so(supposed) is None else ()
        return unsure or self.arc.lines(CommonCue.CONFIRMED)

    def _put_right(self, supposed: Clause) -> str | None:
        """No to what is supposed wrongly, and how it is where a fact tells of the same."""
        no = min(self.arc.lines(CommonCue.DENIED), key=self._last_time, default="")
        if not no or self.knowledge.is_so(supposed) is not False:
            return None
        name, right = self.knowledge.nearest(supposed)
        if right and name not in self.state.told and self.arc.front.facts[name].mood:
            return min(self.arc.said(self.arc.front.facts[name].guarded), key=self._last_time, default=no)
        return f"{no} {right}" if right else no

    def _once_more(self) -> str:
        """What was said last, if it was short; else what it is all about."""
        last = self.said[-1] if self.said else ""
        return last if 0 < len(last) <= 100 else self.line_of([self.arc.story, self.arc.lines(CommonCue.PROBLEM)])

    def _heard_lines(self, text: str) -> tuple[str, ...]:
        """Lines for the first of the cues just heard that has one left, but for those that calmed before."""
        for name in sorted(self.state.last.cues, key=lambda one: _PLACES.get(one, 1)):
            cue = self.arc.front.cues[name]
            lines = self._as_it_stands(name)
            if name in (CommonCue.GOT_IT, CommonCue.WAITED) and self._in_passing(name, text):
                continue
            turns = self.state.turns
            if (name == CommonCue.GREETING and turns > GREETINGS) or (name == CommonCue.WAITED and turns == 1):
                continue
            if cue.change <= 0 and cue.on != "nothing" and self._fresh(lines):
                return lines
        return ()

    def _as_it_stands(self, name: str) -> tuple[str, ...]:
        """The lines of a cue; asked what else she needs, what is owed; where all is done that she called for, what she
        says then."""
        more = name == CommonCue.ANYTHING_ELSE
        if more and (ask := self._ask()):
            return (ask,)
        done = self._is_settled() and (more or name in (CommonCue.PROBLEM, CommonCue.WANT))
        return (self.arc.lines(CommonCue.SETTLED) if done else ()) or self.arc.lines(name)

    def _is_settled(self) -> bool:
        """Whether an ending waits for nothing but a goodbye, after something else that was done."""
        gaps = (lack(self.state, one) for one in self.arc.front.endings if len(one.when) > 1 and one.below is None)
        return any(gap == Lack((CommonCue.GOODBYE,)) for gap in gaps)

    def _in_passing(self, name: str, text: str) -> bool:
        """Whether the words of a cue are but a small part of a turn that says something else besides."""
        words = next((finding.words for finding in self.state.last.findings if finding.name == name), "")
        return 0 < len(words) * 4 < len(text)

    def _on_topic(self, text: str, least: int = 1) -> tuple[str, ...]:
        """The line of the prose that shares most words with a question, `least` at least; one said before is said to be
        so."""
        words = topic_words(text)
        able = (topic for topic in self.arc.topics if topic.words and not topic.event and not _is_in(topic.say, text))
        alike = [(shared(words, topic), topic) for topic in able]
        # Named in all its words, however few, it is meant.
        near = [(by, topic) for by, topic in alike if by >= least or (by and topic.words <= words)]
        near.sort(key=lambda one: -one[0])
        about = [topic for by, topic in near if by == near[0][0]]
        if fresh := [topic.say for topic in about if self._fresh(topic.say)]:
            return fresh[0]
        again = self._fresh(self.arc.lines(CommonCue.AS_SAID))
        return tuple(f"{again} {line}" for topic in about[:1] for line in topic.say if again)

    def _events(self, text: str) -> Iterator[Topic]:
        """What the prose has for an event that a turn is."""
        return (topic for topic in self.arc.topics if topic.event and is_about(text, topic.words))

    def _ask(self) -> str | None:
        """How the customer asks for what an ending still waits for, once a part of it was met."""
        front, met = self.arc.front, self.state.met
        for ending in front.endings:
            if not ending.passed or not any(met.get(name) for name in ending.awaited):
                continue
            gap = lack(self.state, ending)
            missing = list(gap.cues if gap else ()) or [
                name
                for name, cue in front.cues.items()
                if cue.change > 0 and not met.get(name) and not any(met.get(other) for other in cue.unless or ())
            ]
            for name in missing:
                if ask := self._fresh(self.arc.said(front.cues[name].ask)):
                    return ask
        return None


def _is_in(say: Sequence[str], text: str) -> bool:
    """Whether a turn has all of a line in it, which would tell nothing."""
    return any(plain(line).strip(", ") in plain(text) for line in say)
