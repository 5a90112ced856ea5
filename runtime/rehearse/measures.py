"""What one rehearsed call shows, from its events, its scorecard and what the persona's file says. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from ..arc.listener import listen
from ..arc.phrases import heard_any, plain
from ..events import Failure, Heard, PhaseMoved, Said
from ..offline.embedding import meaning_of
from ..record.call_log import CallLog, Line
from ..record.conduct import latency, pace
from ..record.score import Scorecard
from ..record.texts import minutes
from ..spec.persona import Arc, Fact, said_in
from ..spec.writing_system import THAI, thai_share

SAYS_MACHINE = {
    "en": (
        "as an ai|chatbot|assistant",
        "im|am|being an-ai|a-chatbot|a-bot|a-robot|a-machine|a-program",
        "i am|im just|only|actually an-ai|a-bot|a-chatbot|a-computer|a-program|a-machine|a-language|a-virtual",
        "language-model",
        "artificial-intelligence",
        "virtual-assistant",
    ),
    "th": ("ปัญญาประดิษฐ์", "โมเดลภาษา", "เป็นเอไอ", "เป็น ai", "เป็นบอท", "เป็นแชทบอท", "เป็นหุ่นยนต์", "ผู้ช่วยเสมือน"),
}
"""How a persona gives away that a model plays her, by language. A negation in front defeats it."""
FOREIGN_SHARE, FOREIGN_LETTERS = 0.5, 12
"""A line of so many letters, more than this share of them in another script, is in another language."""
CODE_LENGTH = 3
"""Digits from which on an answer's numbers give it away."""
PLAIN_WORDS = 4
"""Words from which on an answer without numbers gives it away, to the letter."""


@dataclass(frozen=True, slots=True)
class Break:
    """The persona fell out of her role: how, when, and with which words."""

    what: str
    at: str
    words: str

    def __str__(self) -> str:
        return f"{self.at} {self.what}: {self.words}"


@dataclass(frozen=True, slots=True)
class Measures:
    """What one call shows. Seconds; None where it did not come to that, or nobody knows.

    `latency` is the p50 of its turns', `latency_high` the p95. `input_tokens` and
    `output_tokens` are of all models. `pace` and `her_pace` are what the trainee and she said a minute of their speech,
    in `pace_in`: words, or of Thai characters; `heard_right` is how much of what the trainee said arrived, in per cent.
    These are of a spoken call alone.
    """

    score: int | None
    passed: bool | None
    ending: str
    seconds: float
    turns: int
    first_audio: float | None
    latency: float | None
    latency_high: float | None
    phases: tuple[str, ...]
    breaks: tuple[str, ...]
    input_tokens: int | None
    output_tokens: int | None
    cost: float | None
    failures: int
    pace: int | None = None
    her_pace: int | None = None
    pace_in: str | None = None
    heard_right: float | None = None


def measures(log: CallLog, card: Scorecard, arc: Arc, spoken: Sequence[str] = ()) -> Measures:
    """What this call shows; `spoken` is what the trainee said, to the letter."""
    p50, p95 = latency(log, digits=4)
    first = log.ended.first_word if log.ended else None
    usage = log.ended.usage if log.ended else ()
    paces = {who: pace(line for line in log.lines if line.speaker == who) for who in ("operator", "customer")}
    return Measures(
        score=card.score,
        passed=card.passed,
        ending=card.ending,
        seconds=round(log.ended.seconds if log.ended else log.length, 3),
        turns=len(log.of(Heard)),
        first_audio=None if first is None else round(first, 4),
        latency=p50,
        latency_high=p95,
        phases=phases(log),
        breaks=tuple(map(str, breaks(log, arc))),
        input_tokens=_sum(usage, "input_tokens"),
        output_tokens=_sum(usage, "output_tokens"),
        cost=card.conduct.cost,
        failures=len(log.of(Failure)),
        pace=paces["operator"][0] if spoken else None,
        her_pace=paces["customer"][0] if spoken else None,
        pace_in=paces["customer"][1] if spoken else None,
        heard_right=heard_right(spoken, [heard.text for heard in log.of(Heard)]) if spoken else None,
    )


def _sum(usage: Sequence[Mapping[str, object]], key: str) -> int | None:
    counts = [value for used in usage if isinstance(value := used.get(key), int | float)]
    return int(sum(counts)) if counts else None


def heard_right(said: Sequence[str], heard: Sequence[str]) -> float:
    """How much of what was said and of what was heard is alike, in its order: per cent of words, of Thai characters."""
    one, other = (re.findall(rf"[{THAI}]|\w+", plain(" ".join(texts))) for texts in (said, heard))
    return round(100 * SequenceMatcher(None, one, other, autojunk=False).ratio(), 1)


def phases(log: CallLog) -> tuple[str, ...]:
    """The phases that the call came through, each once, in their order."""
    moved = log.of(PhaseMoved)
    first = [moved[0].before] if moved else [said.phase for said in log.of(Said)[:1]]
    return tuple(dict.fromkeys(filter(None, [*first, *(phase.after for phase in moved)])))


# ---------------------------------------------------------------- breaks


def breaks(log: CallLog, arc: Arc) -> Iterator[Break]:
    """Where the persona fell out of her role: her mood rose without a cue, she gave a fact that nobody had asked for,
    said that she is a machine, or spoke another language."""
    for at, moved in log.mood:
        if moved.after > moved.before and not moved.why:
            yield Break("mood rose without a cue", minutes(at), f"{moved.before} → {moved.after}")
    hidden, meaning = dict(arc.front.facts), meaning_of(arc)
    known = plain(" ".join(said_in(arc.front.opening, arc.language)))
    for line in log.lines:
        text = plain(line.event.text)
        if isinstance(line.event, Said):
            for name in [name for name, fact in hidden.items() if _gives(fact, text, known, arc.language)]:
                del hidden[name]
                yield _broken(f"gave {name} unasked", line)
            if heard_any(SAYS_MACHINE, text):
                yield _broken("said to be a machine", line)
            if _is_foreign(line.event.text, arc.language):
                yield _broken("spoke another language", line)
        else:
            known += f" {text}"
            asked = listen(arc.front, frozenset(), line.event.text, meaning).asked
            for name in [name for name in asked if name in hidden]:
                known += "".join(f" {plain(answer)}" for answer in said_in(hidden.pop(name).say, arc.language))


def _broken(what: str, line: Line) -> Break:
    return Break(what, minutes(line.at), line.event.text)


def _gives(fact: Fact, said: str, known: str, language: str) -> bool:
    """Whether a line gives an answer that was not said before by anybody: by its numbers, or to the letter."""
    words, before = set(said.split()), set(known.split())
    for answer in map(plain, said_in(fact.say, language)):
        numbers = {word for word in answer.split() if any(map(str.isdecimal, word))}
        if sum(c.isdecimal() for word in numbers for c in word) >= CODE_LENGTH:
            if numbers <= words and not numbers <= before:
                return True
        elif len(answer.split()) >= PLAIN_WORDS and answer.strip(" ,") in said:
            return True
    return False


def _is_foreign(text: str, language: str) -> bool:
    """Whether a line is in another script than the call's language. Languages that share one are not told apart."""
    foreign = 1 - thai_share(text) if language == "th" else thai_share(text)
    return sum(map(str.isalpha, text)) >= FOREIGN_LETTERS and foreign > FOREIGN_SHARE
