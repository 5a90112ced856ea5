"""How hard a persona is to win over, put into the arc of a call."""

from __future__ import annotations

from dataclasses import fields, replace
from math import copysign

from ..spec.persona import Arc, Difficulty, Ending


def at_difficulty(arc: Arc, difficulty: Difficulty, own: Difficulty | None = None) -> Arc:
    """The arc of a persona that is so hard to win over; what her `own` front matter says of this difficulty wins."""
    if own:
        said = {field.name: value for field in fields(own) if (value := getattr(own, field.name)) not in (None, ())}
        difficulty = replace(difficulty, **said)
    front = arc.front

    def felt(change: int) -> int:
        factor = (difficulty.gains if change > 0 else difficulty.losses) or 1
        return change and int(copysign(max(1, min(100, round(abs(change) * factor))), change))

    def wait(seconds: float | None) -> float | None:
        return seconds and seconds * (difficulty.patience or 1)

    def asking(ending: Ending) -> Ending:
        if not ending.passed:
            return replace(ending, after=wait(ending.after))
        more = (name for name in difficulty.owed if name in front.cues and name not in ending.awaited)
        when = (*(name for name in ending.when if name not in difficulty.waived), *more)
        demand = (difficulty.demand or 0) if ending.mood else 0
        return replace(ending, after=wait(ending.after), when=when, mood=_points(ending.mood + demand))

    return replace(
        arc,
        front=replace(
            front,
            mood=_points(front.start_mood + (difficulty.mood or 0)),
            cues={name: replace(cue, mood=felt(cue.change)) for name, cue in front.cues.items()},
            timers=tuple(
                replace(timer, after=wait(timer.after), silence=wait(timer.silence), mood=felt(timer.mood))
                for timer in front.timers
            ),
            endings=tuple(map(asking, front.endings)),
        ),
    )


def _points(mood: int) -> int:
    return max(0, min(100, mood))
