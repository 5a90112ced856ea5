"""`mode=try`: what the persona makes of sentences: cues, mood, her answer, and what was nearly heard."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from ..arc.clauses import clauses
from ..arc.machine import ArcState, count, start, step
from ..arc.meaning import Meaning, Nearest
from ..arc.phrases import held_by, plain
from ..events import Found
from ..offline.embedding import is_installed, understood
from ..offline.reply import opening, reply
from ..redaction import clean
from ..spec.persona import Arc
from ..spec.session_spec import SessionSpec
from ..spec.settings import OutputFormat, Settings, TryScope
from .keyboard import END, is_terminal
from .output import Output

HINTS = {
    TryScope.FRESH: f"each sentence is a call of its own (sentences=call: all are one); {END} ends",
    TryScope.CALL: f"all sentences are one call (sentences=fresh: each is one of its own); {END} ends",
}
"""What a person who types sentences is told first."""
LINE_LIMIT = 100_000
"""Characters of a line that are read as one: some input has no end of a line."""


@dataclass(frozen=True, slots=True)
class TriedCue:
    """A cue that a sentence holds: the trainee's own words, the phrase or example that they matched, how near (0-1),
    and what it does to the mood."""

    cue: str
    found: str
    words: str
    by: str
    nearness: float | None
    mood: int


@dataclass(frozen=True, slots=True)
class Tried:
    """What the persona made of one sentence. `nearest` is the example that the rest of it nearly reached."""

    text: str
    cues: tuple[TriedCue, ...]
    facts: tuple[str, ...]
    before: int
    mood: int
    emotion: str
    answer: str
    ending: str | None
    nearest: dict[str, object] | None


def try_sentences(spec: SessionSpec, settings: Settings) -> int:
    """Prints what becomes of each line of standard input, at once; the exit code."""
    if spec.arc.embedder and not is_installed(spec.arc.embedder):
        print(f"{spec.arc.embedder} is not installed: phrases alone are heard", file=sys.stderr)
    turns: list[str] = []
    first = opening(spec.arc, []).text
    said, state = [first], start(spec.arc.front)
    with asyncio.Runner() as runner:  # the embedder answers in one event loop
        for text in _typed(settings.sentences):
            if settings.sentences is TryScope.FRESH:
                turns, said, state = [], [first], start(spec.arc.front)
            turns.append(text)
            meaning = runner.run(understood(spec.arc, text))
            tried, state = _tried(spec.arc, state, turns, said, meaning)
            said.append(tried.answer)
            print(
                json.dumps(asdict(tried), ensure_ascii=False) if settings.lines is OutputFormat.JSON else _shown(tried)
            )
            sys.stdout.flush()
            if isinstance(sys.stdout, Output) and sys.stdout.lost:
                break  # nobody reads on
    return 0


def _typed(scope: TryScope) -> Iterator[str]:
    """The lines of standard input until `/end`, asked for where a person types them."""
    if is_terminal():
        print(HINTS[scope])
    while sys.stdin:  # else it was closed
        if is_terminal():
            print("> ", end="", flush=True)
        # Bytes that are no text are no reason to stop.
        line = sys.stdin.readline(LINE_LIMIT).encode(errors="replace").decode()
        if not line:
            return
        if (text := line.strip()) == END:
            return
        if text:
            yield text


def _tried(
    arc: Arc, before: ArcState, turns: list[str], said: list[str], meaning: Meaning | None
) -> tuple[Tried, ArcState]:
    state = step(arc.front, before, turns[-1], meaning)
    counted = count(arc.front, before, state.last.findings)
    cues = tuple(TriedCue(one.name, one.found.value, one.words, one.by, one.nearness, mood) for one, mood in counted)
    answer = reply(arc, turns, said, meaning)
    facts = *state.last.asked, *state.last.again
    near = _nearest_miss(turns[-1], {*(cue.cue for cue in cues), *facts}, meaning)
    tried = Tried(
        text=turns[-1],
        cues=cues,
        facts=facts,
        before=before.mood,
        mood=state.mood,
        emotion=state.emotion.value,
        answer=answer.text,
        ending=answer.ending,
        nearest={"cue": near.name, "example": near.example, "nearness": near.nearness} if near else None,
    )
    return tried, state


def _nearest_miss(text: str, found: set[str], meaning: Meaning | None) -> Nearest | None:
    missed = (meaning.nearly(clause, found) for clause in clauses(text)) if meaning else ()
    return max(filter(None, missed), key=lambda near: near.nearness, default=None)


def _shown(tried: Tried) -> str:
    lines = []
    for cue in tried.cues:
        by = held_by(cue.by, cue.words) if cue.found == Found.PHRASE else cue.by
        how = f"{cue.found} {by!r}" if by != plain(cue.words) else cue.found
        how += f", {cue.nearness:.2f}" if cue.nearness is not None else ""
        lines.append(f"  {cue.cue} {cue.mood:+}" + (f": “{cue.words}” ({how})" if cue.words else f" ({cue.found})"))
    lines += [f"  asks for {fact}" for fact in tried.facts]
    if near := tried.nearest:
        lines.append(f"  nearly {near['cue']}: {near['example']!r}, {near['nearness']:.2f}")
    lines.append(f"  mood {tried.before} → {tried.mood} ({tried.emotion})")
    ending = f" [{tried.ending}]" if tried.ending else ""
    said = [] if is_terminal() else [tried.text]  # else it stands there as it was typed
    return "\n".join(map(clean, [*said, *lines, f"  “{tried.answer}”{ending}"]))
