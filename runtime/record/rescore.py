"""A call scored again, with the persona as it is now or by a judge: what changed, and why. Pure."""

from __future__ import annotations

from ..arc.listener import Finding, listen
from ..arc.machine import ArcMachine
from ..events import CueFound, CueTakenBack, EndingReached, Event, Found, Heard, MoodMoved, PhaseMoved
from ..spec.persona import Arc, FrontMatter
from .call_log import CallLog
from .score import Judged, Scorecard
from .texts import points


def listened(log: CallLog, persona: FrontMatter, language: str) -> CallLog:
    """The call with the cues that this persona's phrases find in what the trainee said, and the mood that follows. What
    was found otherwise, by meaning or by a model, counts as before, where the persona still has the cue."""
    arc = ArcMachine(Arc(persona, language), log.zero)
    otherwise: dict[int, list[Finding]] = {}
    for cue in log.of(CueFound):
        if cue.found in (Found.MEANING, Found.MODEL):
            finding = Finding(cue.name, cue.found, cue.words, cue.by, cue.nearness)
            otherwise.setdefault(cue.turn, []).append(finding)
    events: list[Event] = []
    for event in log.events:
        if isinstance(event, CueFound | CueTakenBack | MoodMoved | PhaseMoved):
            continue
        events.append(event)
        if isinstance(event, Heard):
            decided = arc.heard(listen(persona, arc.state.told, event.text), event.at)
            late = arc.found(otherwise.get(event.turn, ()), arc.state.turns, event.at)
            events += [one for one in (*decided, *late) if not isinstance(one, EndingReached)]
    return CallLog(events)


def changes(before: Scorecard, after: Scorecard) -> list[str]:
    """What another scoring of the same call has changed, and why: a line each."""
    lines = []
    if before.score != after.score or before.passed != after.passed:
        lines.append(f"score {points(before.score, before.passed)} → {points(after.score, after.passed)}")
    if before.pass_mark != after.pass_mark:
        lines.append(f"pass mark {before.pass_mark} → {after.pass_mark}")
    old = {one.name: one for one in before.objectives}
    for one in after.objectives:
        was = old.pop(one.name, None)
        if was is None:
            lines.append(f"{one.name}: new, {one.result}")
            continue
        if was.weight != one.weight or was.blocker != one.blocker:
            lines.append(f"{one.name}: weight {_weight(was)} → {_weight(one)}")
        if was.result != one.result:
            lines.append(f"{one.name}: {was.result} → {one.result} ({one.reason or one.by or one.told})")
    lines += [f"{name}: no objective any more (was {was.result})" for name, was in old.items()]
    return lines


def _weight(judged: Judged) -> str:
    return f"{judged.weight}{', blocker' if judged.blocker else ''}"
