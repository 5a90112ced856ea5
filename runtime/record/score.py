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
from .texts import clock, texts_in

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
    """The scorecard that `card_to_json` wrote.

    Raises:
        ValueError: it is none.
    """
    return _SCORECARD.validate_json(text)


def score(
    log: CallLog,
    persona: FrontMatter,
    language: str,
    verdicts: Mapping[str, Verdict] | None = None,
    judge: str = "",
) -> Scorecard:
    """The scorecard of a call for this persona.

    Args:
        language: the base tag of the call's language, for the sentences.
        verdicts: a judge's, by objective; without them cues decide. An objective that they leave out is unclear.
        judge: the judge's model.
    """
    judged = tuple(
        _by_cues(objective, log, persona, language)
        if verdicts is None
        else _by_judge(objective, log, verdicts.get(worded_in(objective.name, language)), judge, language)
        for objective in persona.objectives
    )
    total = sum(judged.weight for judged in judged)
    met = sum(one.weight for one in judged if one.result is Result.MET)
    unclear = sum(one.weight for one in judged if one.result is Result.UNCLEAR)
    points = round(100 * met / total) if total and not log.broken_off else None
    most = round(100 * (met + unclear) / total) if total else None
    passed, why = _outcome(log, persona, judged, points, most)
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
        reason=_reason(why, name, log, persona, judged, language),
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


def _reason(why: str, name: str, log: CallLog, persona: FrontMatter, judged: Sequence[Judged], language: str) -> str:
    """The sentence that says why a call passed or not: which blockers failed, or what the nearest ending that passes
    still waited for."""
    words = texts_in(language)
    blockers = "”, “".join(one.name for one in judged if one.blocker and one.result is Result.NOT_MET)
    if why == "ending" and (waited := min((_waited(e, log, persona, language) for e in _passing(persona)), key=len)):
        return words["waited"].format(name=name, missing="; ".join(waited))
    return words[why].format(name=name, blocker=blockers)


def _passing(persona: FrontMatter) -> list[Ending]:
    return [ending for ending in persona.endings if ending.passed]


def _waited(ending: Ending, log: CallLog, persona: FrontMatter, language: str) -> list[str]:
    """What an ending still waited for when the call was over: its cues in words, and the mood."""
    found = {cue.name for cue in log.of(CueFound)} - log.taken_back.keys()
    missing = [meaning(persona, name, language) for name in ending.lacking(found)]
    moods = [moved.after for _, moved in log.mood] or [said.mood for said in log.of(Said) if said.mood is not None]
    if moods and (mood := moods[-1]) < ending.mood:
        missing.append(texts_in(language)["mood_waited"].format(mood=mood, needed=ending.mood))
    return missing


def _outcome(
    log: CallLog, persona: FrontMatter, judged: Sequence[Judged], points: int | None, most: int | None
) -> tuple[bool | None, str]:
    """Whether the call passed, and the text that says why."""
    satisfied = log.ending[1]
    if log.broken_off:
        return None, log.broken_off
    blockers = {one.result for one in judged if one.blocker}
    if Result.NOT_MET in blockers:
        return False, "blocker"
    if _passing(persona) and not satisfied:
        return False, "ending"
    if points is None or most is None:
        return (satisfied, "passed" if satisfied else "ending") if satisfied is not None else (None, "no_objectives")
    if most < persona.pass_mark:
        return False, "score"
    if points < persona.pass_mark or Result.UNCLEAR in blockers:
        return None, "unclear"
    return True, "passed"


def _by_cues(objective: Objective, log: CallLog, persona: FrontMatter, language: str) -> Judged:
    """An objective by what the listener found: ruled out by one cue, else met by one that was not taken back. One that
    no cue can meet is met where nothing rules it out. What a call that was broken off does not show is unclear."""
    cues = log.of(CueFound)
    against: Sequence[CueFound | CueTakenBack]
    if against := [cue for cue in cues if cue.name in objective.ruled_out]:
        told = _told_of("ruled_out", objective, against[0], log, persona, language)
        return _judged(objective, Result.NOT_MET, against, log, persona, language, told)
    if in_favour := [cue for cue in cues if cue.name in objective.met and cue.name not in log.taken_back]:
        return _judged(objective, Result.MET, in_favour, log, persona, language)
    if against := [denial for name, denial in log.taken_back.items() if name in objective.met]:
        told = _told_of("took_back", objective, against[0], log, persona, language)
        return _judged(objective, Result.NOT_MET, against, log, persona, language, told)
    if log.broken_off:
        return _judged(objective, Result.UNCLEAR, [], log, persona, language)
    if objective.met:
        told = _told_missing(objective, persona, language)
        return _judged(objective, Result.NOT_MET, [], log, persona, language, told)
    if not objective.by_absence:
        return _judged(objective, Result.UNCLEAR, [], log, persona, language)
    return _judged(objective, Result.MET if log.turns else Result.NOT_MET, [], log, persona, language)


def _judged(
    objective: Objective,
    result: Result,
    cues: Sequence[CueFound | CueTakenBack],
    log: CallLog,
    persona: FrontMatter,
    language: str,
    told: str = "",
) -> Judged:
    evidence = []
    for cue in cues:
        if line := log.turns.get(cue.turn):
            sentence = sentence_of(line.event.text, cue.words)
            evidence.append(Quote(cue.turn, sentence, round(line.at, 1), cue.words))
    return Judged(
        name=worded_in(objective.name, language),
        weight=objective.weight,
        blocker=objective.blocker,
        result=result,
        evidence=tuple(evidence),
        by="; ".join(dict.fromkeys(how_found(cue, persona, language) for cue in cues)),
        told=told,
    )


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


def _told_of(
    how: str, objective: Objective, cue: CueFound | CueTakenBack, log: CallLog, persona: FrontMatter, language: str
) -> str:
    """The sentence for an objective that something said has ruled out, or taken back."""
    line, texts = log.turns.get(cue.turn), texts_in(language)
    words = sentence_of(line.event.text, cue.words) if line else cue.words
    at = clock(line.at if line else log.second(cue))
    name, means = worded_in(objective.name, language), meaning(persona, cue.name, language)
    return texts[how].format(at=at, words=done(words, language), objective=name, means=means)


def done(words: str, language: str) -> str:
    """What the trainee said, in quotation marks, or, without words, that it was their silence."""
    return f"“{words}”" if words else texts_in(language)["your_silence"]


def _told_missing(objective: Objective, persona: FrontMatter, language: str) -> str:
    """The sentence for an objective that nothing met: the persona's own, else what was to be heard."""
    if own := said_in(objective.missed, language):
        return own[0]
    means = " / ".join(meaning(persona, name, language) for name in objective.met)
    return texts_in(language)["missing"].format(objective=worded_in(objective.name, language), means=means)


def meaning(persona: FrontMatter, cue: str, language: str) -> str:
    """What a cue stands for, in the words of the persona's file; its name where the file says nothing."""
    known = persona.cues.get(cue)
    return (worded_in(known.means, language) if known else "") or cue.replace("_", " ")


def _by_judge(objective: Objective, log: CallLog, verdict: Verdict | None, judge: str, language: str) -> Judged:
    """An objective by a judge's verdict, which is void where a quote is not the trainee's own words, or where it
    quotes nothing that only words can show."""
    name = worded_in(objective.name, language)
    unclear = Judged(name, objective.weight, objective.blocker, Result.UNCLEAR, by=judge)
    if verdict is None:
        return replace(unclear, reason=texts_in(language)["no_verdict"])
    if not verdict.quotes and verdict.result is _to_be_proved(objective, log):
        return replace(unclear, reason=texts_in(language)["unproved"])
    evidence = [verbatim(quote, log) for quote in verdict.quotes]
    quotes = tuple(_in_its_sentence(quote, log) for quote in evidence if quote)
    if len(quotes) < len(evidence):
        return replace(unclear, reason=texts_in(language)["void"])
    own = said_in(objective.missed, language)
    told = (own[0] if own else verdict.reason or name) if verdict.result is Result.NOT_MET else ""
    return replace(unclear, result=verdict.result, evidence=quotes, reason=verdict.reason, told=told)


def _to_be_proved(objective: Objective, log: CallLog) -> Result:
    """The verdict that takes a quote: that an objective was met; of one that no cue can meet, that it was not, as long
    as the trainee spoke and no cue was found that rules it out."""
    innocent = objective.by_absence and log.turns and not any(c.name in objective.ruled_out for c in log.of(CueFound))
    return Result.NOT_MET if innocent else Result.MET


def _in_its_sentence(quote: Quote, log: CallLog) -> Quote:
    """A quote as the trainee's whole sentence, where it stands in one to the letter."""
    text = log.turns[quote.turn].event.text
    return replace(quote, text=sentence_of(text, quote.text), words=quote.text) if quote.text in text else quote


def verbatim(quote: Quote, log: CallLog) -> Quote | None:
    """The quote with its second, if it stands word for word in that turn of the trainee's; else None."""
    line = log.turns.get(quote.turn)
    if line is None or not is_verbatim(quote.text, line.event.text):
        return None
    return Quote(quote.turn, " ".join(quote.text.split()), round(line.at, 1))
