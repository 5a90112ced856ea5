"""Two specs → what differs between them, and how a call that is on can have it. Pure."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any

from ..arc.briefing import instructions
from ..events import Change, How
from ..spec.persona import worded_in
from ..spec.session_spec import SessionSpec
from .build import PLACES, SPOKEN, differing_inputs

DIFF_LINES = 6
"""Lines of prose that a receipt shows of those that went, and of those that came."""
VALUE_CHARACTERS = 160
"""Characters that it shows of a value, or of a line."""
CHANGES = 24
"""Fields that it shows."""


@dataclass(frozen=True, slots=True)
class Way:
    """How something is applied, and whether that waits until nobody speaks or is about to."""

    how: How
    waits: bool = False


AT_ONCE = Way(How.IN_PLACE)
WHEN_QUIET = Way(How.IN_PLACE, waits=True)
SWAP = Way(How.SWAPPED, waits=True)
NEXT_CALL = Way(How.NEXT_CALL)
NOTHING = Way(How.UNCHANGED)


class ModelKind(StrEnum):
    """Models by what they let one change while they are in a call."""

    PIPELINE = "pipeline"
    OPENAI = "OpenAI Realtime"
    REALTIME = "realtime"


@dataclass(frozen=True, slots=True)
class EditRule:
    """One thing that an edit can change: what it is, and how each kind of model takes it."""

    what: str
    ways: dict[ModelKind, Way]


def _each(what: str, pipeline: Way, openai: Way, realtime: Way) -> EditRule:
    """A row of the table, with the way of each kind of model in turn."""
    return EditRule(what, {ModelKind.PIPELINE: pipeline, ModelKind.OPENAI: openai, ModelKind.REALTIME: realtime})


TABLE: dict[str, EditRule] = {
    # A pipeline sends its prompt with every reply. OpenAI takes a new one by session.update, which cuts off an answer
    # that is being spoken. Gemini keeps its first system instruction whatever the plugin's update_instructions says
    # (the new text only joins the history), so only a new session is certain; so it is for models we do not know.
    "prompt": _each("the prompt: prose, language instructions, endings", AT_ONCE, WHEN_QUIET, SWAP),
    # An LLM is asked anew for each reply. A realtime model's options are those that its session began with; OpenAI
    # refuses another voice once it has spoken.
    "model": _each("the model's own options, a realtime model's voice", AT_ONCE, SWAP, SWAP),
    "kind": _each("realtime model ↔ pipeline", SWAP, SWAP, SWAP),
    "tts": _each("text-to-speech: voice, language, options", AT_ONCE, AT_ONCE, AT_ONCE),
    # What was half heard would be lost with the recogniser or detector that heard it.
    "stt": _each("speech-to-text", WHEN_QUIET, WHEN_QUIET, WHEN_QUIET),
    "detector": _each("voice activity detector", WHEN_QUIET, WHEN_QUIET, WHEN_QUIET),
    # Read when an agent takes over; a realtime model settles at its start who detects turns.
    "turn_handling": _each("turn handling", SWAP, SWAP, SWAP),
    # Each turn is read for itself.
    "listener": _each("the model that listens", AT_ONCE, AT_ONCE, AT_ONCE),
    # One call is judged by the model that it began with.
    "judge": _each("the model that judges", NEXT_CALL, NEXT_CALL, NEXT_CALL),
    "lines": _each("cues, facts, phases, timers, difficulty, turn_seconds", AT_ONCE, AT_ONCE, AT_ONCE),
    # These have happened, unless the trainee has not joined yet.
    "start": _each("name, scenarios, opening line, first mood", NEXT_CALL, NEXT_CALL, NEXT_CALL),
    "unused": _each("what this call does not use", NOTHING, NOTHING, NOTHING),
}
"""The one place that says what reaches a call that is on, and how."""

_WEIGHT = (How.UNCHANGED, How.NEXT_CALL, How.IN_PLACE, How.SWAPPED)
_FIELDS = {
    field: row
    for row, names in {
        "prompt": "persona.prose persona.endings persona.not_for_model persona.calls language.instructions "
        "language.customer.endings language.customer.called.endings",
        "start": "persona.name persona.scenarios persona.opening persona.mood difficulty.mood "
        "language.customer.opening language.customer.mood "
        "language.customer.called.opening language.customer.called.mood",
        "lines": "persona language difficulty model.turn_seconds",
        "model": "model.realtime model.llm",
        "stt": "model.stt",
        "tts": "model.tts",
        "detector": "vad.detector",
        "turn_handling": "vad.turn_handling",
        "listener": "listening",
        "judge": "judge",
    }.items()
    for field in names.split()
}
"""The row of a field, by the longest beginning that is here; `unused` without one."""
_SPOKEN = (*SPOKEN, "turn_handling")
"""Rows that a typed call has no use for."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a call comes from one spec to another.

    `prompt` and `tools` say whether the model is told anew, `parts` which parts change while they run, `swap` whether
    an agent with a session of its own takes over, and `waits` whether it is done when nobody speaks.
    """

    changes: tuple[Change, ...]
    how: How
    prompt: bool
    tools: bool
    parts: tuple[str, ...]
    swap: bool
    waits: bool


def kind_of(spec: SessionSpec) -> ModelKind:
    """The column of the table that the spec's model is in."""
    if spec.model.realtime is None:
        return ModelKind.PIPELINE
    return ModelKind.OPENAI if spec.model.realtime.plugin == "openai" else ModelKind.REALTIME


def in_force(old: SessionSpec, new: SessionSpec, *, begun: bool = True) -> SessionSpec:
    """The new spec as a call has it that runs on the old one: what only the beginning of a call reads stays as it was,
    once that is over (`begun`)."""
    if not begun:
        return new.seeded(old.arc.seed)
    was = old.arc.front
    front = replace(new.arc.front, name=was.name, scenarios=was.scenarios, opening=was.opening, mood=was.mood)
    front = was if front == was else front  # what is kept by it is found without comparing all of it
    persona = replace(new.persona, front=replace(new.persona.front, opening=old.persona.front.opening))
    arc = replace(new.arc, front=front, seed=old.arc.seed)
    return replace(new, persona=persona, arc=arc, judge=old.judge)


@lru_cache(maxsize=16)
def plan(old: SessionSpec, edited: SessionSpec, *, audio: bool, begun: bool = True) -> Plan:
    """What differs, and how a call on the old spec can have the edited one; `begun`: the persona has begun to speak."""
    kind = kind_of(old)
    new = in_force(old, edited, begun=begun)
    used = (place for place in PLACES if place != "judge" and (audio or place not in SPOKEN))
    parts = tuple(place for place in used if differing_inputs(old, new, place))
    prompt = instructions(old) != instructions(new)
    tools = _endings(old) != _endings(new)
    rows = {_row_of_place(place, old, new) for place in parts}
    if prompt or tools:
        rows.add("prompt")
    if (old.model.realtime is None) != (new.model.realtime is None):
        rows.add("kind")
    if audio and old.vad.turn_handling != new.vad.turn_handling:
        rows.add("turn_handling")
    ways = [TABLE[row].ways[kind] for row in rows]
    changes = tuple(_changes(old, edited, kind, rows, audio))
    if not begun:
        changes = tuple(replace(c, how=How.IN_PLACE) if _row_of(c.field) == "start" else c for c in changes)
    swap = any(way.how is How.SWAPPED for way in ways)
    how = max([*(way.how for way in ways), *(change.how for change in changes)], key=_WEIGHT.index, default=NOTHING.how)
    chosen = (
        Change(group, option, new.choices[group], how)
        for group, option in old.choices.items()
        if option != new.choices[group]
    )
    changes = (*chosen, *changes)
    if len(changes) > CHANGES:
        more = Change("…", "", f"{len(changes) - CHANGES} more fields", how)
        changes = (*changes[:CHANGES], more)
    return Plan(
        changes=changes,
        how=how,
        prompt=prompt,
        tools=tools,
        parts=parts,
        swap=swap,
        waits=any(way.waits for way in ways),
    )


def _row_of_place(place: str, old: SessionSpec, new: SessionSpec) -> str:
    if place == "stt" and differing_inputs(old, new, place) == {"vocabulary"}:
        return "lines"  # it is told what to expect, from the next utterance on
    if place == "detector" and (old.vad.detector is None) != (new.vad.detector is None):
        return "turn_handling"  # whether there is one decides who detects turns
    return "model" if place in ("realtime", "llm") else place


def _endings(spec: SessionSpec) -> list[str]:
    return [ending.name for ending in spec.arc.front.endings]


def _changes(old: SessionSpec, new: SessionSpec, kind: ModelKind, rows: set[str], audio: bool) -> Iterator[Change]:
    for top, was, becomes in _differing(old, new):
        if top == "persona.prose":
            yield Change(top, "", _prose_diff(str(was), str(becomes)), TABLE["prompt"].ways[kind].how)
            continue
        before, after = dict(_leaves(top, was)), dict(_leaves(top, becomes))
        for name in [*before, *(name for name in after if name not in before)]:
            if before.get(name) == after.get(name):
                continue
            row = _row_of(name)
            if row == "prompt" and row not in rows:
                row = "lines"  # an ending's words and conditions are none of the model's
            if row in _SPOKEN and not audio:
                row = "unused"
            if row == "model" and "kind" in rows:
                row = "kind"
            shown = _around_difference(_text(before.get(name)), _text(after.get(name)))
            yield Change(name, *shown, TABLE[row].ways[kind].how)


def _differing(old: SessionSpec, new: SessionSpec) -> Iterator[tuple[str, Any, Any]]:
    """The fields of groups and persona that differ, named as the files name them."""
    pairs: list[tuple[str, str, Any, Any]] = [
        (f"persona.{name}", name, old.persona, new.persona) for name in ("prose", "name")
    ]
    for group in ("model", "voice", "language", "vad", "listening", "judge", "difficulty"):
        one, other = getattr(old, group), getattr(new, group)
        pairs += [(f"{group}.{field.name}", field.name, one, other) for field in fields(one)]
    front = (field.name for field in fields(old.persona.front) if field.name not in _CHOSEN)
    pairs += [(f"persona.{name}", name, old.persona.front, new.persona.front) for name in front]
    for label, name, one, other in pairs:
        if getattr(one, name) != getattr(other, name):
            yield label, getattr(one, name), getattr(other, name)


_CHOSEN = ("name", "language", "voice", "model", "difficulty")
"""Front matter that shows as what it chooses, and the name, which may come from the prose."""


def _row_of(name: str) -> str:
    steps = name.split(".")
    beginnings = (".".join(steps[:length]) for length in range(len(steps), 0, -1))
    return next((_FIELDS[beginning] for beginning in beginnings if beginning in _FIELDS), "unused")


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(f"{name}.{key}" if key else name, inner)
    elif isinstance(value, (list, tuple)) and any(is_dataclass(inner) or isinstance(inner, dict) for inner in value):
        for i, inner in enumerate(value):
            yield from _leaves(f"{name}.{_name(inner) or i}", inner)
    elif value not in (None, "", [], ()):
        yield name, value


def _name(value: Any) -> str:
    """What an entry of a list is called, where it has a name."""
    name = getattr(value, "name", "")
    return worded_in(name, "en") if isinstance(name, dict) else name


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "–" if value is None else json.dumps(value, ensure_ascii=False)


def _around_difference(old: str, new: str) -> tuple[str, str]:
    """Both texts, cut to the part where they begin to differ."""
    same = next((i for i, (was, becomes) in enumerate(zip(old, new, strict=False)) if was != becomes), len(old))
    start = 0 if max(len(old), len(new)) <= VALUE_CHARACTERS else max(0, same - VALUE_CHARACTERS // 4)
    return _cut(old, start), _cut(new, start)


def _cut(text: str, start: int) -> str:
    shown = f"…{text[start + 1 :]}" if start else text
    return shown if len(shown) <= VALUE_CHARACTERS else f"{shown[: VALUE_CHARACTERS - 1]}…"


def _prose_diff(old: str, new: str) -> str:
    """The lines that go (-) and come (+), shortened."""
    gone, come = old.splitlines(), new.splitlines()
    lines: list[str] = []
    for kind, i, i_end, j, j_end in difflib.SequenceMatcher(None, gone, come).get_opcodes():
        if kind != "equal":
            pairs = [
                _around_difference(was, becomes) for was, becomes in zip(gone[i:i_end], come[j:j_end], strict=False)
            ]
            lines += [f"-{was}" for was, _ in pairs] + [f"-{_cut(line, 0)}" for line in gone[i + len(pairs) : i_end]]
            lines += [f"+{new}" for _, new in pairs] + [f"+{_cut(line, 0)}" for line in come[j + len(pairs) : j_end]]
    shown: list[str] = []
    left = {"-": DIFF_LINES, "+": DIFF_LINES}
    for line in lines:
        left[line[0]] -= 1
        if left[line[0]] >= 0:
            shown.append(line)
    more = len(lines) - len(shown)
    return "\n".join([*shown, f"… {more} more lines"] if more else shown)
