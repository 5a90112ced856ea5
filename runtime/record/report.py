"""The report of a call: one HTML file, for the trainee, the training lead and the engineer, in this order."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..events import (
    ClockFired,
    CueFound,
    CueTakenBack,
    EndingReached,
    Event,
    Failure,
    Notice,
    Recovered,
    Reload,
    Said,
    ToolCalled,
)
from ..spec.persona import FrontMatter, worded_in
from .call_log import CallLog, Line
from .score import Quote, Result, Scorecard, how_found, in_quotes, meaning, sentence_of
from .templates import load_template
from .texts import ended, minutes, texts_in

ADVICE = 3
"""Things to do differently that are told, at most."""
WORTH_TELLING = -8
"""A cue that costs this much mood is worth telling although no objective hangs on it."""
ROWS = 4
"""Rows of marks, so that marks of one moment do not lie on one another."""
NEAR, NEAR_ON_A_PHONE = 2.4, 5.0
"""Per cent of the plot's width that one mark takes: of a long call's, which is wider than a phone; of a short one's."""
LONG = 240.0
"""Seconds from which a call is a long one."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An earlier call of the same trainee with the same persona."""

    date: str
    score: int | None
    passed: bool | None


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment on the time line: `kind` is its shape, `what` tells it, `line` is the transcript's line to go to, and
    `plays` the second to play from: what words did is seen where they were over, and heard from where they began."""

    at: float
    kind: str
    what: str
    line: int
    plays: float
    row: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words of a line, and what they did where they made a cue: -1 where they took one back."""

    text: str
    cue: str = ""
    mood: int = 0


@dataclass(frozen=True, slots=True)
class TranscriptRow:
    """A line of the transcript, or (without a speaker) something that happened between two."""

    number: int
    at: float
    end: float
    speaker: str
    emotion: str
    pieces: tuple[Piece, ...]
    notes: tuple[str, ...] = ()
    moved: bool = False
    cut: bool = False
    kind: str = ""


def report(
    log: CallLog,
    card: Scorecard,
    persona: FrontMatter,
    language: str,
    choices: Mapping[str, str],
    *,
    audio: str = "",
    earlier: Sequence[Attempt] = (),
) -> str:
    """The report as HTML.

    Args:
        audio: the address of the call's audio as seen from the report; empty where there is none.
    """
    words = texts_in(language)
    page = Page(log, card, persona, language, choices)
    template, headers = load_template()
    return template.render(page=page, card=card, log=log, words=words, audio=audio, earlier=earlier, **headers)


class Page:
    """What the template asks of a call."""

    def __init__(
        self, log: CallLog, card: Scorecard, persona: FrontMatter, language: str, choices: Mapping[str, str]
    ) -> None:
        self.log, self.card, self.persona, self.choices = log, card, persona, choices
        self.words = texts_in(language)
        self.call_language = language
        self.language = language if self.words is not texts_in("en") else "en"
        self.name = card.persona
        self.user = log.user or self.words["somebody"]
        self.date = time.strftime("%Y-%m-%d %H:%M", time.localtime(log.zero))
        self.length = max(log.length, 1.0)
        self.numbers = {id(line): number for number, line in enumerate(log.lines)}

    def worded(self, wording: Mapping[str, str]) -> str:
        """A text of the persona's file in the call's language."""
        return worded_in(wording, self.call_language)

    def say(self, text: str, **values: object) -> str:
        """A text of the report's language, with these in it."""
        blocker = next((one.name for one in self.card.missed if one.blocker), "")
        return self.words[text].format(**{"name": self.name, "user": self.user, "blocker": blocker} | values)

    def marked(self, quote: Quote) -> Iterable[tuple[str, bool]]:
        """A quote in pieces, and whether each is what made the cue."""
        before, words, after = quote.text.partition(quote.words) if quote.words else (quote.text, "", "")
        return ((text, text is words) for text in (before, words, after) if text)

    @property
    def verdict(self) -> str:
        """passed, not_passed or not_decided."""
        return {True: "passed", False: "not_passed", None: "not_decided"}[self.card.passed]

    @property
    def ending(self) -> str:
        """How the call ended, in words."""
        name = self.card.ending
        meant = next((ending.means for ending in self.persona.endings if ending.name == name), None)
        return self.worded(meant) if meant else ended(name, self.name, self.call_language)

    @property
    def difficulty(self) -> str:
        """How hard she was to win over: the difficulty chosen, and the mood that she began in."""
        chosen = self.choices.get("difficulty", "")
        mood = self.log.mood[0][1].before if self.log.mood else self.persona.start_mood
        level = self.words.get(f"level_{chosen}", chosen)
        return " · ".join(filter(None, (level, self.say("mood_at", mood=mood))))

    @property
    def advice(self) -> list[tuple[str, float | None]]:
        """What to do differently, at most three things, each with its second where it has one."""
        told: list[tuple[str, float | None]] = []
        for judged in self.card.missed:
            told.append((judged.told or judged.name, judged.evidence[0].at if judged.evidence else None))
        used = {quote.turn for judged in self.card.missed for quote in judged.evidence}
        costly = [cue for cue in self.log.of(CueFound) if cue.mood <= WORTH_TELLING and cue.turn not in used]
        for cue in sorted(costly, key=lambda cue: cue.mood):
            line = self.log.turns.get(cue.turn)
            at = line.at if line else self.log.second(cue)
            words = in_quotes(sentence_of(line.event.text, cue.words) if line else cue.words, self.call_language)
            told.append((self.say("worst", at=minutes(at), words=words, means=self._means(cue), mood=cue.mood), at))
        first = {at: text for text, at in reversed(told)}  # of one moment the first
        unique = [(text, at) for text, at in told if at is None or first[at] == text]
        return unique[:ADVICE]

    def _means(self, cue: CueFound) -> str:
        return meaning(self.persona, cue.name, self.call_language)

    def _found(self, cue: CueFound | CueTakenBack) -> str:
        return how_found(cue, self.persona, self.call_language)

    def _is_told(self, cue: CueFound) -> bool:
        """Whether a cue matters to a trainee: it moved her, or it means something. A greeting is only answered."""
        return bool(cue.mood) or cue.name not in self.persona.cues or bool(self.persona.cues[cue.name].means)

    @property
    def sum(self) -> tuple[str, int, int]:
        """`25 + 0 + 20`, what was met, and the whole."""
        judged = self.card.objectives
        points = [one.weight if one.result is Result.MET else 0 for one in judged]
        return " + ".join(map(str, points)), sum(points), sum(one.weight for one in judged)

    def percent(self, at: float) -> float:
        """A second as per cent of the plot's width."""
        return round(100 * min(at, self.length) / self.length, 2)

    @property
    def is_long(self) -> bool:
        """Whether the plot is wider than a phone."""
        return self.length > LONG

    @property
    def ticks(self) -> list[float]:
        """Seconds to write under the plot."""
        step = next((step for step in (10, 15, 30, 60, 120, 300, 600) if self.length / step <= 8), 1200)
        return [float(at) for at in range(0, int(self.length) + 1, step) if at < self.length * 0.97]

    @property
    def mood_path(self) -> str:
        """The mood as an SVG path in a box of 1000 by 100; empty where nothing is known of it."""
        moved = self.log.mood
        if not moved:
            return ""
        steps = (f"H{self.percent(at) * 10:g}V{100 - event.after}" for at, event in moved)
        return f"M0 {100 - moved[0][1].before}{''.join(steps)}H1000"

    @property
    def speech(self) -> list[tuple[str, float, float, int]]:
        """Who spoke when: speaker, start and width in per cent, and the line."""
        return [
            (line.speaker, self.percent(line.at), max(0.4, self.percent(line.end) - self.percent(line.at)), number)
            for number, line in enumerate(self.log.lines)
        ]

    @property
    def marks(self) -> list[Mark]:
        """All moments, in their order, spread over rows."""
        near = NEAR if self.is_long else NEAR_ON_A_PHONE
        taken = [-near] * ROWS
        spread = []
        for mark in sorted(self._moments(), key=lambda mark: mark.at):
            at = self.percent(mark.at)
            row = next((row for row in range(ROWS) if at - taken[row] >= near), taken.index(min(taken)))
            taken[row] = at
            spread.append(replace(mark, row=row))
        return spread

    def _moments(self) -> Iterable[Mark]:
        for number, line in enumerate(self.log.lines):
            for cue in filter(self._is_told, line.cues):
                words = f": “{cue.words}”" if cue.words else ""
                yield Mark(line.end, _shape(cue), f"{self._found(cue)} {cue.mood:+}{words}", number, line.at)
            for denial in line.taken_back:
                yield Mark(line.end, "back", f"{self._found(denial)}: “{denial.words}”", number, line.at)
            if isinstance(line.event, Said) and line.event.interrupted:
                at = next((next_.at for next_ in self.log.lines[number + 1 :] if next_.at < line.end), line.end)
                what = f"{self.say('interruption')}: {self.say('interrupted_her', n=1)}"
                yield Mark(at, "cut", what, number, line.at)
        for silence in self.card.conduct.silences:
            whose = self.say(f"whose_{silence.whose}")
            what = f"{self.say('silence')}: {self.say('seconds', n=f'{silence.seconds:g}')} ({whose})"
            yield Mark(silence.at, "silence", what, self.line_at(silence.at), silence.at)
        for event in self.log.events:
            if told := self._told(event):
                at = self.log.second(event)
                yield Mark(at, *told, self.line_at(at), at)

    def _told(self, event: Event, *, in_full: bool = False) -> tuple[str, str] | None:
        """The shape and the text of what happened between lines; None for what is told elsewhere. What providers and
        files say of themselves is English: a trainee with another language reads it only `in_full`, in the last part.
        """
        in_full = in_full or self.language == "en"
        match event:
            case ClockFired(clock=name, seconds=seconds, mood=mood):
                moved = f" {mood:+}" if mood else ""
                return "clock", f"{self.say('clock')}: {self.say(f'clock_{name}', seconds=f'{seconds:g}')}{moved}"
            case Reload():
                return "edit", f"{self.say('edit')}: {self.edit(event, in_full=in_full)}"
            case Failure(source=source, reason=reason, times=times):
                again = f" ({self.say('times', n=times)})" if times > 1 else ""
                return "failure", f"{self.say('failure')}{f': {source}: {reason}' if in_full else ''}{again}"
            case Recovered(gap_ms=ms):
                return "recovered", self.say("recovered", ms=ms)
            case EndingReached():
                return "ending", f"{self.say('ending_mark')}: {self.ending}"
            case CueFound(turn=0) if self._is_told(event):
                return _shape(event), f"{self._found(event)} {event.mood:+}"
        return None

    def edit(self, event: Reload, *, in_full: bool = True) -> str:
        """A receipt in one line; `in_full` with what it changed, and why not."""
        files = ", ".join(event.files) or event.after
        said = self.say("source_edit", files=files, how=self.say(f"how_{event.how}"), ms=event.ms)
        if not in_full:
            return said
        changed = "; ".join(f"{change.field}: {change.old} → {change.new}" for change in event.changes if change.old)
        reason = f" ({event.reason})" if event.reason else ""
        return said + reason + (f": {changed}" if changed else "")

    def begun(self, at: float) -> float:
        """When the line was begun that was the latest at this second."""
        return self.log.lines[self.line_at(at)].at if self.log.lines else at

    def line_at(self, at: float) -> int:
        """The last line that had begun by then."""
        return max((number for number, line in enumerate(self.log.lines) if line.at <= at), default=0)

    @property
    def rows(self) -> list[TranscriptRow]:
        """The transcript, with what happened between the lines."""
        rows = [self._row(number, line) for number, line in enumerate(self.log.lines)]
        for event in self.log.events:
            if (told := self._told(event)) and not isinstance(event, EndingReached):
                at = self.log.second(event)
                moved = isinstance(event, ClockFired | CueFound) and bool(event.mood)
                rows.append(TranscriptRow(-1, at, at, "", "", (Piece(told[1]),), moved=moved, kind=told[0]))
        return sorted(rows, key=lambda row: row.at)

    def _row(self, number: int, line: Line) -> TranscriptRow:
        event = line.event
        notes = [f"{self.say('cue')}: {self._found(cue)} {cue.mood:+}" for cue in line.cues if self._is_told(cue)]
        notes += [f"{self.say('cue')}: {self._found(denial)}" for denial in line.taken_back]
        if isinstance(event, Said) and event.told and event.mood is not None:
            notes.append(self.say(event.told, mood=event.mood, phase=event.phase))
        return TranscriptRow(
            number=number,
            at=line.at,
            end=line.end,
            speaker=line.speaker,
            emotion=self.words.get(event.emotion, event.emotion),
            pieces=tuple(pieces(event.text, (*line.cues, *line.taken_back))),
            notes=tuple(notes),
            moved=any(cue.mood for cue in line.cues) or bool(line.taken_back),
            cut=isinstance(event, Said) and event.interrupted,
        )

    @property
    def revisions(self) -> list[tuple[str, int]]:
        """Each revision, and how many of her lines were said under it."""
        return list(Counter(said.revision for said in self.log.of(Said)).items())

    @property
    def receipts(self) -> list[tuple[float, str]]:
        """The edits that reached the call."""
        return [(self.log.second(event), self.edit(event)) for event in self.log.of(Reload)]

    @property
    def troubles(self) -> list[tuple[float, str]]:
        """Failures, recoveries and notices."""
        found: list[tuple[float, str]] = []
        for event in self.log.events:
            if isinstance(event, Failure | Recovered) and (told := self._told(event, in_full=True)):
                found.append((self.log.second(event), told[1]))
            elif isinstance(event, Notice):
                found.append((self.log.second(event), event.text))
        return found

    @property
    def tools(self) -> list[tuple[float, str]]:
        """What the model called, and what it was told."""
        called = self.log.of(ToolCalled)
        given = [", ".join(f"{key}={value}" for key, value in event.arguments.items()) for event in called]
        return [(self.log.second(e), f"{e.name}({g}): {e.result}") for e, g in zip(called, given, strict=True)]

    @property
    def usage(self) -> list[str]:
        lines = []
        for used in self.log.ended.usage if self.log.ended else ():
            name = " ".join(str(used[key]) for key in ("provider", "model") if used.get(key))
            counts = (
                f"{key.replace('_', ' ')} {value:g}"
                for key, value in used.items()
                if isinstance(value, int | float) and value
            )
            lines.append(f"{name}: {', '.join(counts)}")
        return lines

    @property
    def cost(self) -> str:
        """What the call cost; nothing of one that used no service."""
        used = self.log.ended.usage if self.log.ended else ()
        if all(model.get("provider") == "offline" for model in used):
            return ""
        cost = self.card.conduct.cost
        return self.say("unknown") if cost is None else f"${cost:.4f}"


def _shape(cue: CueFound) -> str:
    """Which mark a cue has on the time line."""
    return "up" if cue.mood > 0 else "down" if cue.mood < 0 else "flat"


def pieces(text: str, cues: Sequence[CueFound | CueTakenBack]) -> Iterable[Piece]:
    """A line cut where words made a cue or took one back; of those that share words the first has them."""
    spans: list[tuple[int, int, CueFound | CueTakenBack]] = []
    for cue in cues:
        start = text.find(cue.words) if cue.words else -1
        if start >= 0 and all(start >= end or start + len(cue.words) <= begin for begin, end, _ in spans):
            spans.append((start, start + len(cue.words), cue))
    at = 0
    for start, end, cue in sorted(spans, key=lambda span: span[0]):
        if start > at:
            yield Piece(text[at:start])
        yield Piece(text[start:end], cue.name, cue.mood if isinstance(cue, CueFound) else -1)
        at = end
    if at < len(text) or not text:
        yield Piece(text[at:])
