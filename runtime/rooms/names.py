"""The names of the Axtra Console's rooms, and of customers in them. A room's name is hostile input: whoever can open a
room chooses it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..spec.fields import name_of

PREFIX = "axtra-"
IDENTITY = "customer-"
"""How the identity of each customer in a room begins; the job's id follows."""
ROOM_MADE = "customer.room_made"
"""Attribute of a customer: when the room was made that it was called to (Unix time of the server, in ms)."""

_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


@dataclass(frozen=True, slots=True)
class RoomName:
    """`axtra-{scenario}-{user}-{timestamp}` (Unix time in ms); all empty for a name that only begins like that."""

    scenario: str = ""
    user: str = ""
    timestamp: int = 0


def parse_room(name: str) -> RoomName | None:
    """The parts of a room's name, read from the right; None for a room that is none of ours.

    Scenario ids may hold dashes, and both ids may be UUIDs; a user id that is no UUID holds no dash.
    """
    if len(name) > 256 or not name.startswith(PREFIX):
        return None
    # The last UUID wins over the last word: the greedy scenario gives up only what the user id needs.
    for user in (_UUID, "[^-]+"):
        found = re.fullmatch(rf"{PREFIX}(.+)-({user})-(\d{{1,16}})", name, re.ASCII)
        if found and found[1].strip("-"):
            return RoomName(name_of(found[1]), name_of(found[2]), int(found[3]))
    return RoomName()
