"""Who the trainee in a room is, and rooms that would get nobody."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit import api, rtc

from runtime.events import ROOM_TAKEN, Event, Notice
from runtime.rooms.names import ROOM_MADE
from runtime.rooms.participant import LinkedParticipant, RoomTaken
from runtime.spec.settings import Rooms
from tests.caller import SORRY, calling, room_of
from tests.worker import Worker, agents, server_api

pytestmark = pytest.mark.asyncio(loop_scope="session")
LAST = "What are you going to do about it?"


async def test_the_trainee_is_the_first_with_a_microphone(livekit: str, worker: Worker) -> None:
    """A supervisor without one who came sooner hears the call, and leaves without ending it."""
    room = room_of("mic")
    async with calling(livekit, room, "Supervisor", microphone=False) as supervisor:
        async with calling(livekit, room) as trainee:
            await trainee.hears()
            await supervisor.hears()
            await worker.hears(trainee, "mic")
            await supervisor.room.disconnect()
            await trainee.until(lambda: "Supervisor" not in trainee.there)
            await trainee.types("What is your account number?")
            await trainee.reads_line("CUST-2847")
            assert await agents(livekit, room)
        assert "the trainee hung up" in await worker.until("[mic]", "Call ended")


async def test_someone_alone_without_a_microphone_is_spoken_to_until_one_with_a_microphone_comes(
    livekit: str, worker: Worker
) -> None:
    """The opening is said to them, and the call goes over to the trainee who comes later, and ends with that one."""
    room = room_of("late")
    async with calling(livekit, room, "Supervisor", microphone=False) as supervisor:
        await worker.until("[late]", "microphone has not come")
        await supervisor.reads_to(LAST)
        async with calling(livekit, room) as trainee:
            await worker.hears(trainee, "late")
        assert "the trainee hung up" in await worker.until("[late]", "Call ended")


async def test_a_room_that_is_left_and_joined_again_at_once_has_a_customer(livekit: str, worker: Worker) -> None:
    """LiveKit sends a customer to a room once: the old room is closed, and joining opens a new one. Whoever joined
    while it was closed is out of it at once, rather than alone in it."""
    room = room_of("again")
    async with calling(livekit, room) as trainee:
        await trainee.hears()
    for _ in range(5):
        async with calling(livekit, room) as trainee:
            await trainee.until(lambda: bool(trainee.voiced) or trainee.disconnected is not None)
            if trainee.voiced:
                return
    pytest.fail("nobody came")


async def test_a_second_customer_leaves_with_a_line(livekit: str, worker: Worker) -> None:
    """The first one goes on, and the trainee hears one voice."""
    room = room_of("two")
    async with calling(livekit, room) as trainee, server_api(livekit) as server:
        await trainee.hears()
        (first,) = await agents(livekit, room)
        await server.agent_dispatch.create_dispatch(api.CreateAgentDispatchRequest(room=room))
        assert first in await worker.until("[two]", "the room has a customer already")
        await trainee.until(lambda: trainee.there == {first})
        await trainee.reads_to(LAST)
        assert len(trainee.texts) == 1


async def test_of_two_customers_at_the_same_moment_one_stays(livekit: str, worker: Worker) -> None:
    """The other leaves with a line that names it, and the trainee hears one voice."""
    for user in ("pair", "twins"):
        room = room_of(user)
        async with server_api(livekit) as server:
            await server.room.create_room(api.CreateRoomRequest(name=room))
            one = api.CreateAgentDispatchRequest(room=room)
            await asyncio.gather(*(server.agent_dispatch.create_dispatch(one) for _ in range(2)))
            async with calling(livekit, room) as trainee:
                await worker.until(f"[{user}]", "the room has a customer already")
                await trainee.reads_to(LAST)
                await trainee.until(lambda: len(trainee.there) == 1)
                (stays,) = trainee.there  # LiveKit itself has sent one too: of three, one may give way to the second
                await worker.until(f"[{user}]", f"already, {stays}; this one leaves")
                assert len(trainee.texts) == 1


class Customer:
    """One of several customers, with the part of a room that it sees."""

    def __init__(self, job: str, joined: int, made: int = 1) -> None:
        self.participant = cast(
            Any,
            SimpleNamespace(
                identity=f"customer-{job}",
                joined_at=datetime.fromtimestamp(joined, UTC),
                kind=rtc.ParticipantKind.PARTICIPANT_KIND_AGENT,
                track_publications={},
                attributes={ROOM_MADE: str(made)},
            ),
        )
        self.handlers: dict[str, Any] = {}
        self.hung_up: list[str] = []
        self.told: list[Event] = []
        self.room = SimpleNamespace(
            local_participant=self.participant, remote_participants={}, on=self.handlers.__setitem__
        )
        context: Any = SimpleNamespace(room=self.room, connect=self._connect)
        call: Any = SimpleNamespace(hang_up=self.hung_up.append)
        self.trainee = LinkedParticipant(context, call, Rooms(empty_timeout=5), self.told.append, lambda session: None)

    async def _connect(self, **_: object) -> None:
        pass

    def sees(self, other: Any) -> None:
        """The other participant is in the room, as far as this one is told."""
        self.room.remote_participants[other.identity] = other
        if connected := self.handlers.get("participant_connected"):
            connected(other)


@pytest.mark.parametrize("joined", [(1, 2), (2, 1), (1, 1)], ids=["first", "second", "together"])
@pytest.mark.parametrize("sight", ["both", "one", "other", "later"])
async def test_of_two_customers_exactly_one_stays_whichever_sees_the_other_first(
    joined: tuple[int, int], sight: str
) -> None:
    """The one that the server let in first, whether they find each other there, or one is told of the other later."""
    customers = [Customer("AJ_a", joined[0]), Customer("AJ_b", joined[1])]
    one, other = customers

    async def stays(customer: Customer) -> bool:
        rival = (other if customer is one else one).participant
        if customer in early:
            customer.sees(rival)
        async with customer.trainee.connecting():
            pass
        coming = asyncio.ensure_future(customer.trainee.wait_for_trainee())
        await asyncio.sleep(0)
        if customer not in early:
            customer.sees(rival)
        kind = rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD
        customer.sees(SimpleNamespace(identity="ann", kind=kind, track_publications={}))
        try:
            await coming
        except RoomTaken:
            return False
        return not customer.hung_up

    early: Sequence[Customer] = {"both": customers, "one": [one], "other": [other], "later": []}[sight]
    stayed = [customer for customer in customers if await stays(customer)]
    assert stayed == [other if joined == (2, 1) else one]
    gone = next(customer for customer in customers if customer not in stayed)
    assert gone.hung_up == [ROOM_TAKEN] and not stayed[0].hung_up
    assert [event.text for event in gone.told if isinstance(event, Notice)] == [
        f"the room has a customer already, {stayed[0].participant.identity}; this one leaves"
    ]


async def test_a_customer_who_comes_back_to_a_server_that_began_anew_goes_on_and_the_new_one_leaves() -> None:
    """The call that is on is the trainee's, though its customer has joined the new room after the other."""
    old, new = Customer("AJ_b", 1, made=1), Customer("AJ_a", 5, made=5)
    for customer in (old, new):
        async with customer.trainee.connecting():
            pass
    old.participant.joined_at = datetime.fromtimestamp(9, UTC)
    old.room.remote_participants[new.participant.identity] = new.participant
    old.handlers["reconnected"]()
    assert not old.hung_up
    new.sees(old.participant)
    assert new.hung_up == [ROOM_TAKEN]
    new.handlers["reconnected"]()
    assert new.hung_up == [ROOM_TAKEN], "once"


async def test_a_customer_who_comes_back_and_finds_an_earlier_one_leaves() -> None:
    """Nothing but its own return tells it."""
    late, early = Customer("AJ_b", 9), Customer("AJ_a", 5)
    async with late.trainee.connecting():
        pass
    late.room.remote_participants[early.participant.identity] = early.participant
    late.handlers["reconnected"]()
    assert late.hung_up == [ROOM_TAKEN]


async def test_a_turn_that_is_typed_is_answered(livekit: str, worker: Worker) -> None:
    """As LiveKit's own front ends send it (`lk.chat`), from somebody without a microphone, in a room that is not named
    as the console names them: her lines come as text streams there."""
    room = f"axtra-{room_of('typed').rpartition('-')[2]}"
    async with calling(livekit, room, microphone=False) as trainee:
        await worker.until(room, "axtra-{scenario}-{user}-{timestamp}")
        await trainee.until(lambda: any(LAST in stream for stream in trainee.streams), 40)
        await trainee.room.local_participant.send_text(SORRY, topic="lk.chat")
        await worker.until(room, "Trainee: ", SORRY)
        await trainee.until(lambda: len(trainee.streams) > 1)
        assert not trainee.lines


async def test_a_turn_that_is_typed_in_the_consoles_room_is_a_line_on_the_screen(livekit: str, worker: Worker) -> None:
    """Her answer too; the log says how LiveKit's own front ends would show it."""
    async with calling(livekit, room_of("chat")) as trainee:
        await trainee.reads_to(LAST)
        await trainee.room.local_participant.send_text(f"  {SORRY}\n", topic="lk.chat")
        await trainee.reads(3)
        assert trainee.texts[1] == f"operator: {SORRY}"
        await worker.until("[chat]", "rooms.transcripts=stream")
