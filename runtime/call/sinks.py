"""Where a call's events go: any number of sinks, each apart from the others, and no event without bounds."""

from __future__ import annotations

import json
import logging
from dataclasses import fields, replace
from typing import Any

from ..events import KINDS, Change, Emit, Event

logger = logging.getLogger(__name__)

TEXT_LIMIT = 100_000
"""Characters of one text of an event, such as a line: hours of speech. A provider may send far more."""
LISTED_LIMIT = 4_000
"""Characters of each text in a list of an event."""
LIST_LIMIT = 200
"""Entries of a list of an event, such as the files of an edit."""
CUT = " … (cut: too long)"
"""The end of a text that was cut."""
_BOUNDED = ("int", "float", "bool", "Literal", "Speaker")
_UNBOUNDED = {
    kind: [field.name for field in fields(kind) if not str(field.type).startswith(_BOUNDED)] for kind in KINDS.values()
}
"""The fields of each kind of event that may be long: those that are no number and no choice."""


def fan_out(*sinks: Emit, room: str = "", user: str = "") -> Emit:
    """One sink that gives each event, in order, to all of these, with texts of bounded length.

    A sink that raises is reported in the log; the other sinks get the event all the same. `room` and `user`, where they
    are given, are set on each event.
    """
    give = safe(*sinks)

    def emit(event: Event) -> None:
        locate(event, room, user)
        give(shortened(event))

    return emit


def locate(event: Event, room: str, user: str) -> None:
    """Says of an event, which no sink has yet, where it is from. It is not copied: there are ten in a turn."""
    if room:
        object.__setattr__(event, "room", room)
    if user:
        object.__setattr__(event, "user", user)


def safe(*sinks: Emit) -> Emit:
    """One sink that gives each event to these, in order; what one of them raises goes to the log."""

    def emit(event: Event) -> None:
        for sink in sinks:
            try:
                sink(event)
            except Exception:
                logger.exception("a sink failed on an event of kind %s", event.kind)

    return emit


def shortened(event: Event) -> Event:
    """The event with its overlong texts and lists cut, each with a mark; usually the event itself."""
    long: dict[str, Any] = {}
    for name in _UNBOUNDED[type(event)]:
        value = getattr(event, name)
        if isinstance(value, str):
            if len(value) > TEXT_LIMIT:
                long[name] = value[:TEXT_LIMIT] + CUT
        elif not value:
            continue
        elif isinstance(value, (list, tuple)):
            cut = type(value)(_cut(entry) for entry in value[:LIST_LIMIT])
            if cut != value:
                long[name] = cut
        elif isinstance(value, dict):
            long[name] = _cut(value)
    return replace(event, **long) if long else event


def _cut(entry: Any) -> Any:
    if isinstance(entry, Change):
        if max(len(entry.old), len(entry.new)) > LISTED_LIMIT:
            return replace(entry, old=_cut(entry.old), new=_cut(entry.new))
        return entry
    if isinstance(entry, dict):
        try:
            short = len(json.dumps(entry)) <= LISTED_LIMIT
        except (RecursionError, TypeError, ValueError):  # a provider's arguments may be nested without end
            short = False
        return entry if short else {"": CUT}
    return entry[:LISTED_LIMIT] + CUT if isinstance(entry, str) and len(entry) > LISTED_LIMIT else entry
