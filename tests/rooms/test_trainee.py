"""Who the trainee in a room is, and rooms that would get nobody."""

import pytest
from livekit import api

from tests.caller import calling, room_of
from tests.worker import Worker, agents, server_api

pytestmark = pytest.mark.asyncio(loop_scope="session")
LAST = "What are you going to do about it?"
SORRY = "I am so sorry. I take responsibility."


async def test_the_trainee_is_the_first_with_a_microphone(livekit: str, worker: Worker) -> None:
    """A supervisor without one who came sooner hears the call, and leaves without ending it."""
    room = room_of("mic")
    async with calling(livekit, room, "Supervisor", microphone=False) as supervisor:
        async with calling(livekit, room) as trainee:
            await trainee.hears()
            await supervisor.hears()
            await trainee.say(SORRY)
            await worker.until("[mic]", "Trainee: ", "responsibility")
            await supervisor.room.disconnect()
            await trainee.until(lambda: "Supervisor" not in trainee.there)
            turns = len(trainee.texts)
            await trainee.say("What is your account number?")
            await trainee.reads(turns + 2)
            assert await agents(livekit, room)
        assert "trainee_left" in await worker.until("[mic]", "Call ended")


async def test_someone_alone_without_a_microphone_is_spoken_to_until_one_with_a_microphone_comes(
    livekit: str, worker: Worker
) -> None:
    """The opening is said to them, and the call goes over to the trainee who comes later, and ends with that one."""
    room = room_of("late")
    async with calling(livekit, room, "Supervisor", microphone=False) as supervisor:
        await worker.until("[late]", "microphone has not come")
        await supervisor.reads_to(LAST)
        async with calling(livekit, room) as trainee:
            await trainee.say(SORRY)
            await worker.until("[late]", "Trainee: ", "responsibility")
        assert "trainee_left" in await worker.until("[late]", "Call ended")


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
