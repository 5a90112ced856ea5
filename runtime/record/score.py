"""The scorecard of a call: each objective with the trainee's own words as evidence, and how the call was held. Pure:
the same events and the same persona give the same scorecard."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from pydantic import TypeAdapter

from ..arc.quotes import is_verbatim
from ..events import CueFound, CueTakenBack, Found, Said, Scored
from ..spec.persona import Ending, FrontMatter, Objective, said_in, worded_in
from .call_log import CallLog
from .conduct import Conduct, conduct
from .texts import minutes, texts_in

VERSION = 1
"""The version of `scorecard.json`, whose `language` is the base tag of what its texts are in."""
_SENTENCE = re.compile(r"\S.*?(?:[.!?…]+[\"”’)]*(?=\s)|\n|$)", re.DOTALL)
"""Thai ends no sentence with a sign: there it is the whole turn."""


class Result(StrEnum):
    """What became of an objective, or of the call."""

    MET = "met"
    NOT_MET = "not met"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Quote:
    """The trainee's own sentence: `turn` counts from 1, `at` is the second of the call at which that turn began,
    `words` what of the text made a cue."""

    turn: int
    text: str
    at: float = 0.0
    words: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge says of one objective. `quotes` are what the judge claims that the trainee said."""

    result: Result
    reason: str = ""
    quotes: tuple[Quote, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """One objective and what became of it. `by` says who judged: `cue NAME (found how: phrase or example)`, or the
    judge's model; `told` is the sentence for the trainee where it was missed."""

    name: str
    weight: int
    blocker: bool
    result: Result
    evidence: tuple[Quote, ...] = ()
    by: str = ""
    reason: str = ""
    told: str = ""


@dataclass(frozen=True, slots=True)
class Scorecard:
    """`score` (0-100) is None where the persona has no objectives, or the call was broken off. `passed` is None where
    that cannot be said: the call was broken off, or objectives that are unclear decide. `why` is a key of the report's
    texts, `reason` the sentence for it in the call's language."""

    persona: str
    revision: str
    score: int | None
    pass_mark: int
    passed: bool | None
    why: str
    ending: str
    objectives: tuple[Judged, ...]
    conduct: Conduct
    judge: str = ""
    version: int = field(default=VERSION)
    language: str = "en"
    reason: str = ""

    @property
    def missed(self) -> tuple[Judged, ...]:
        """The objectives that were not met, the heaviest first."""
        missed = [judged for judged in self.objectives if judged.result is Result.NOT_MET]
        return tuple(sorted(missed, key=lambda judged: (not judged.blocker, -judged.weight)))


_SCORECARD = TypeAdapter(Scorecard)


def card_to_json(card: Scorecard) -> bytes:
    """The scorecard as JSON; the same bytes for the same card."""
    return _SCORECARD.dump_json(card, indent=2) + b"\n"


def card_from_json(text: bytes) -> Scorecard:
    """The scorecard that `card_to_json` wrote. Raises ValueError where it is none."""
    return _SCORECARD.validate_json(text)


def score(
    log: CallLog, persona: FrontMatter, language: str, verdicts: Mapping[str, Verdict] | None = None, judge: str = ""
) -> Scorecard:
    """The scorecard of a call for this persona.

    Args:
        language: the base tag of the call's language, for the sentences.
        verdicts: a judge's, by objective; without them cues decide. An objective that they leave out is unclear.
        judge: the judge's model.
    """
    scorer = _Scorer(log, persona, language, texts_in(language))
    judged = tuple(
        scorer.by_cues(objective)
        if verdicts is None
        else scorer.by_judge(objective, verdicts.get(worded_in(objective.name, language)), judge)
        for objective in persona.objectives
    )
    total = sum(judged.weight for judged in judged)
    met = sum(one.weight for one in judged if one.result is Result.MET)
    unclear = sum(one.weight for one in judged if one.result is Result.UNCLEAR)
    points = round(100 * met / total) if total and not log.broken_off else None
    most = round(100 * (met + unclear) / total) if total else None
    passed, why = scorer.outcome(judged, points, most)
    started = log.started
    name = started.persona if started else persona.name or ""
    return Scorecard(
        persona=name,
        revision=started.revision if started else "",
        score=points,
        pass_mark=persona.pass_mark,
        passed=passed,
        why=why,
        ending=log.ending[0],
        objectives=judged,
        conduct=conduct(log),
        judge=judge if verdicts is not None else "",
        language=language,
        reason=scorer.reason(why, name, judged),
    )


def scored(card: Scorecard, folder: str) -> Scored:
    """The event that tells a call's score, and the folder in which all of it lies ("": nowhere)."""
    missed = tuple(judged.told or judged.name for judged in card.missed)
    return Scored(
        score=card.score,
        pass_mark=card.pass_mark,
        passed=card.passed,
        missed=missed,
        why="" if card.passed or card.why == "score" else card.reason,
        folder=folder,
        language=card.language,
    )


@dataclass(frozen=True, slots=True)
class _Scorer:
    """What a call is scored by; `words` are the texts of its language."""

    log: CallLog
    persona: FrontMatter
    language: str
    words: Mapping[str, str]

    def reason(self, why: str, name: str, judged: Sequence[Judged]) -> str:
        """Why a call passed or not, in a sentence: failed blockers, or what the nearest good ending waited for."""
        blockers = "”, “".join(one.name for one in judged if one.blocker and one.result is Result.NOT_MET)
        if why == "ending" and (waited := min(map(self._waited, self._passing()), key=len)):
            return self.words["waited"].format(name=name, missing="; ".join(waited))
        return self.words[why].format(name=name, blocker=blockers)

    def _passing(self) -> list[Ending]:
        return [ending for ending in self.persona.endings if ending.passed]

    def _waited(self, ending: Ending) -> list[str]:
        """What an ending still waited for when the call was over: its cues in words, and the mood."""
        log = self.log
        found = {cue.name for cue in log.of(CueFound)} - log.taken_back.keys()
        missing = list(map(self._meaning, ending.lacking(found)))
        moods = [moved.after for _, moved in log.mood] or [said.mood for said in log.of(Said) if said.mood is not None]
        if moods and (mood := moods[-1]) < ending.mood:
            missing.append(self.words["mood_waited"].format(mood=mood, needed=ending.mood))
        return missing

    def outcome(self, judged: Sequence[Judged], points: int | None, most: int | None) -> tuple[bool | None, str]:
        """Whether the call passed, and the text that says why."""
        satisfied = self.log.ending[1]
        if self.log.broken_off:
            return None, self.log.broken_off
        blockers = {one.result for one in judged if one.blocker}
        if Result.NOT_MET in blockers:
            return False, "blocker"
        if self._passing() and not satisfied:
            return False, "ending"
        if points is None or most is None:
            return satisfied, "no_objectives" if satisfied is None else "passed" if satisfied else "ending"
        if most < self.persona.pass_mark:
            return False, "score"
        if points < self.persona.pass_mark or Result.UNCLEAR in blockers:
            return None, "unclear"
        return True, "passed"

    def by_cues(self, objective: Objective) -> Judged:
        """An objective by what the listener found: ruled out by one cue, else met by one that was not taken back, or by
        none where none can meet it. What a call that was broken off does not show is unclear."""
        cues, taken_back = self.log.of(CueFound), self.log.taken_back
        if against := [cue for cue in cues if cue.name in objective.ruled_out]:
            return self._judged(objective, Result.NOT_MET, against, self._told_of("ruled_out", objective, against[0]))
        if in_favour := [cue for cue in cues if cue.name in objective.met and cue.name not in taken_back]:
            return self._judged(objective, Result.MET, in_favour)
        if denials := [denial for name, denial in taken_back.items() if name in objective.met]:
            return self._judged(objective, Result.NOT_MET, denials, self._told_of("took_back", objective, denials[0]))
        if self.log.broken_off:
            return self._judged(objective, Result.UNCLEAR)
        if objective.met:
            return self._judged(objective, Result.NOT_MET, told=self._told_missing(objective))
        if not objective.by_absence:
            return self._judged(objective, Result.UNCLEAR)
        return self._judged(objective, Result.MET if self.log.turns else Result.NOT_MET)

    def _judged(
        self, objective: Objective, result: Result, cues: Sequence[CueFound | CueTakenBack] = (), told: str = ""
    ) -> Judged:
        evidence = []
        for cue in cues:
            if line := self.log.turns.get(cue.turn):
                sentence = sentence_of(line.event.text, cue.words)
                evidence.append(Quote(cue.turn, sentence, round(line.at, 1), cue.words))
        return Judged(
            name=worded_in(objective.name, self.language),
            weight=objective.weight,
            blocker=objective.blocker,
            result=result,
            evidence=tuple(evidence),
            by="; ".join(dict.fromkeys(how_found(cue, self.persona, self.language) for cue in cues)),
            told=told,
        )

    def _told_of(self, how: str, objective: Objective, cue: CueFound | CueTakenBack) -> str:
        """The sentence for an objective that something said has ruled out, or taken back."""
        line = self.log.turns.get(cue.turn)
        words = sentence_of(line.event.text, cue.words) if line else cue.words
        at = minutes(line.at if line else self.log.second(cue))
        name, means = worded_in(objective.name, self.language), self._meaning(cue.name)
        return self.words[how].format(at=at, words=in_quotes(words, self.language), objective=name, means=means)

    def _told_missing(self, objective: Objective) -> str:
        """The sentence for an objective that nothing met: the persona's own, else what was to be heard."""
        if own := said_in(objective.missed, self.language):
            return own[0]
        means = " / ".join(map(self._meaning, objective.met))
        return self.words["missing"].format(objective=worded_in(objective.name, self.language), means=means)

    def _meaning(self, cue: str) -> str:
        return meaning(self.persona, cue, self.language)

    def by_judge(self, objective: Objective, verdict: Verdict | None, judge: str) -> Judged:
        """An objective by a judge's verdict, which is void where a quote is not the trainee's own words, or where it
        quotes nothing that only words can show."""
        name = worded_in(objective.name, self.language)
        unclear = Judged(name, objective.weight, objective.blocker, Result.UNCLEAR, by=judge)
        if verdict is None:
            return replace(unclear, reason=self.words["no_verdict"])
        if not verdict.quotes and verdict.result is self._to_be_proved(objective):
            return replace(unclear, reason=self.words["unproved"])
        evidence = [verbatim(quote, self.log) for quote in verdict.quotes]
        quotes = tuple(self._in_its_sentence(quote) for quote in evidence if quote)
        if len(quotes) < len(evidence):
            return replace(unclear, reason=self.words["void"])
        own = said_in(objective.missed, self.language)
        told = (own[0] if own else verdict.reason or name) if verdict.result is Result.NOT_MET else ""
        return replace(unclear, result=verdict.result, evidence=quotes, reason=verdict.reason, told=told)

    def _to_be_proved(self, objective: Objective) -> Result:
        """The verdict that takes a quote: that an objective was met; of one that no cue can meet, that it was not, as
        long as the trainee spoke and no cue was found that rules it out."""
        ruled_out = any(cue.name in objective.ruled_out for cue in self.log.of(CueFound))
        return Result.NOT_MET if objective.by_absence and self.log.turns and not ruled_out else Result.MET

    def _in_its_sentence(self, quote: Quote) -> Quote:
        """A quote as the trainee's whole sentence, where it stands in one to the letter."""
        text = self.log.turns[quote.turn].event.text
        return replace(quote, text=sentence_of(text, quote.text), words=quote.text) if quote.text in text else quote


def sentence_of(text: str, words: str) -> str:
    """The sentence of a turn in which these words stand; the whole turn where they stand in none, or in several."""
    sentences = (sentence.strip() for sentence in _SENTENCE.findall(text))
    return next((sentence for sentence in sentences if words and words in sentence), text.strip())


def how_found(cue: CueFound | CueTakenBack, persona: FrontMatter | None = None, language: str = "en") -> str:
    """`ownership (phrase: my mistake)`: a cue, and what it was found by, or that it was taken back."""
    words = texts_in(language)
    name = named(cue.name, persona, language)
    if isinstance(cue, CueTakenBack):
        return words["taken_back"].format(cue=name, turn=cue.turn)
    near = f", {cue.nearness:.2f}" if cue.nearness is not None else ""
    by = f": {' '.join(map(_few, cue.by.split()))}" if cue.by else ""
    return name if cue.found is Found.DEED else f"{name} ({words[f'by_{cue.found}']}{by}{near})"


def named(cue: str, persona: FrontMatter | None, language: str) -> str:
    """A cue as it is told: by its name, which is English, and in another language by what it means."""
    return meaning(persona, cue, language) if persona and language != "en" else cue.replace("_", " ")


def _few(word: str) -> str:
    """A word of a phrase with its alternatives, of many the first two: `will/shall/…`."""
    either = word.split("|")
    return "/".join(either if len(either) <= 3 else [*either[:2], "…"])


def in_quotes(words: str, language: str) -> str:
    """What the trainee said, in quotation marks, or, without words, that it was their silence."""
    return f"“{words}”" if words else texts_in(language)["your_silence"]


def meaning(persona: FrontMatter, cue: str, language: str) -> str:
    """What a cue stands for, in the words of the persona's file; its name where the file says nothing."""
    known = persona.cues.get(cue)
    return (worded_in(known.means, language) if known else "") or cue.replace("_", " ")


def verbatim(quote: Quote, log: CallLog) -> Quote | None:
    """The quote with its second, if it stands word for word in that turn of the trainee's; else None."""
    line = log.turns.get(quote.turn)
    if line is None or not is_verbatim(quote.text, line.event.text):
        return None
    return Quote(quote.turn, " ".join(quote.text.split()), round(line.at, 1))
