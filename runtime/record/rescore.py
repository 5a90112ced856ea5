"""A call scored again, with the persona as it is now or by a judge: what changed, and why."""

from __future__ import annotations

from .score import Judged, Scorecard


def changes(before: Scorecard, after: Scorecard) -> list[str]:
    """What another scoring of the same call has changed, and why: a line each."""
    lines = []
    if before.score != after.score or before.passed != after.passed:
        lines.append(f"score {_points(before)} → {_points(after)}")
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


def _points(card: Scorecard) -> str:
    verdict = {True: "passed", False: "not passed", None: "not decided"}[card.passed]
    return f"{card.score if card.score is not None else '–'} ({verdict})"


def _weight(judged: Judged) -> str:
    return f"{judged.weight}{', blocker' if judged.blocker else ''}"
