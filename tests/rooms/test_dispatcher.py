"""Rooms that get no customer say so, each with a line; without a server."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runtime.events import Ended, Event, Notice
from runtime.files.snapshot import SavedFiles
from runtime.files.store import SpecStore
from runtime.rooms import dispatcher
from runtime.rooms.dispatcher import Dispatcher
from runtime.rooms.names import parse_room
from runtime.spec.settings import Rooms, Routing, Settings, Transcripts, Unmatched
from tests.composed import compose

Write = Callable[[str, str], Path]


class Request:
    """LiveKit's request to take a room, and what became of it."""

    id = "AJ_1"

    def __init__(self, room: str, metadata: str = "") -> None:
        self.room = SimpleNamespace(name=room, creation_time_ms=0, creation_time=1)
        self.job = SimpleNamespace(metadata=metadata)
        self.answer = ""

    async def accept(self, **_: object) -> None:
        self.answer = "accepted"

    async def reject(self, *, terminate: bool) -> None:
        assert not terminate  # it is left to other workers
        self.answer = "rejected"


async def asked(request: Any, settings: Settings) -> list[str]:
    """What is told of a room that a worker with these settings is asked to take."""
    told: list[Event] = []
    store = SpecStore(["persona=ann"], settings, audio=True, since=time.time())
    store.put({"persona": "ann"}, compose(["persona=ann"]))
    async with asyncio.TaskGroup() as tasks:
        await Dispatcher(store, "ann", {}, told.append, tasks).on_request(request)
    assert all(event.room == request.room.name for event in told)
    return [event.text for event in told if isinstance(event, Notice)]


@pytest.mark.parametrize("room", ["axtra-unknown-ann-1", "axtra-test"])
async def test_a_room_that_is_rejected_says_so(room: str, use_personas: Write) -> None:
    """routing.unmatched=reject: with the reason, and what would have been taken."""
    use_personas("ann", "Hi.")
    request = Request(room)
    why, left = await asked(request, Settings(routing=Routing(unmatched=Unmatched.REJECT)))
    assert request.answer == "rejected"
    assert "no persona answers" in why and "left alone (routing.unmatched: reject)" in left


async def test_a_language_that_the_model_cannot_hear_says_so(use_personas: Write) -> None:
    """Whether the persona speaks it or the job asks for it."""
    use_personas("ann", "Hi.")
    use_personas("somchai", "---\nscenarios: [thai-01]\nlanguage: th\n---\nHi.")
    for request in (Request("axtra-thai-01-ann-1"), Request("axtra-x-ann-1", '{"persona": "ann", "language": "th"}')):
        (line,) = await asked(request, Settings())
        assert request.answer == "rejected"
        assert "persona=" in line and "hears English alone" in line and "the room is left alone" in line


async def test_a_room_of_others_is_left_to_them_without_a_word(use_personas: Write) -> None:
    """It is nobody's mistake."""
    use_personas("ann", "Hi.")
    request = Request("someone-elses")
    assert await asked(request, Settings()) == []
    assert request.answer == "rejected"


async def test_a_call_that_does_not_begin_says_so(
    use_personas: Write, monkeypatch: pytest.MonkeyPatch, skip: Callable[[float], None]
) -> None:
    """A room that was taken, and whose job LiveKit then gave away or could not start."""
    use_personas("ann", "---\nscenarios: [x]\n---\nHi.")
    request: Any = Request("axtra-x-ann-1")
    told: list[Event] = []
    store = SpecStore(["persona=ann"], Settings(), audio=True, since=time.time())
    async with asyncio.TaskGroup() as tasks:
        await Dispatcher(store, "ann", {}, told.append, tasks).on_request(request)
    assert request.answer == "accepted" and told == []
    skip(dispatcher.READY_SECONDS + 1)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [event.user for event in told if isinstance(event, Notice)] == ["ann"]


async def test_an_edit_after_a_calls_end_is_none_of_its_own(use_personas: Write) -> None:
    """Its job may take a while to go: meanwhile what is saved is told as of files that no call has."""
    file = use_personas("ann", "---\nscenarios: [x]\n---\nHi.")
    sent: list[object] = []
    connection: Any = SimpleNamespace(open=lambda settings: None, send=sent.append)
    request: Any = Request("axtra-x-ann-1")
    store = SpecStore(["persona=ann"], Settings(), audio=True, since=time.time())
    async with asyncio.TaskGroup() as tasks:
        calls = Dispatcher(store, "ann", {}, lambda event: None, tasks)
        await calls.on_request(request)
        on_event = await calls.on_job(request.id, connection)
        assert len(sent) == 1
        on_event(Ended(reason="trainee_left"))
        await store._publish(SavedFiles(time.time(), frozenset({file}), frozenset()))
        assert len(sent) == 1
        on_event(None)
        assert calls.calls == {}


async def test_a_room_whose_call_was_lost_is_not_offered_again(
    use_personas: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server may not tell for a moment that it was given to a worker: no second customer comes."""
    use_personas("ann", "---\nscenarios: [x]\n---\nHi.")
    request: Any = Request("axtra-x-ann-1")
    connection: Any = SimpleNamespace(open=lambda settings: None, send=lambda edit: None)
    offered: list[str] = []
    removed: list[str] = []

    async def without_customer() -> dict[str, bool]:
        return {request.room.name: False, "axtra-x-bob-2": False}

    async def offer(room: str) -> None:
        offered.append(room)

    async def remove(room: str, *_: object) -> None:
        removed.append(room)

    monkeypatch.setattr(dispatcher, "rooms_without_customer", without_customer)
    monkeypatch.setattr(dispatcher, "offer_again", offer)
    monkeypatch.setattr(dispatcher, "remove_customer", remove)
    store = SpecStore(["persona=ann"], Settings(), audio=True, since=time.time())
    async with asyncio.TaskGroup() as tasks:
        calls = Dispatcher(store, "ann", {}, lambda event: None, tasks)
        await calls.on_request(request)
        (await calls.on_job(request.id, connection))(None)
        await calls.serve_missed_rooms(0)
    assert removed == [request.room.name] and offered == ["axtra-x-bob-2"]


@pytest.mark.parametrize(
    ("room", "wanted", "given"),
    [
        ("axtra-x-ann-1", Transcripts.AUTO, Transcripts.DATA),
        ("axtra-test", Transcripts.AUTO, Transcripts.STREAM),
        ("axtra-test", Transcripts.BOTH, Transcripts.BOTH),
    ],
)
def test_transcripts_are_chosen_by_the_kind_of_room(room: str, wanted: Transcripts, given: Transcripts) -> None:
    """The console draws data messages and streams both: it gets one of them; other pages draw streams."""
    name = parse_room(room)
    assert name is not None
    assert dispatcher._for_room(Rooms(transcripts=wanted), name).transcripts is given
