"""The life of a call in a room: trainees who drop out and come back, who never come, who speak up and interrupt."""

import pytest
from livekit import api

from tests.caller import calling, calling_elsewhere, room_of
from tests.worker import Worker, agents, empty, line_of, server_api, serving


async def test_a_trainee_who_lost_the_connection_returns_to_the_same_call(
    livekit_url: str, environment: dict[str, str]
) -> None:
    """Within the grace period the call goes on: the trainee is heard and hears; one who stays away ends it."""
    returns, stays_away = room_of("returns"), room_of("away")
    options = ("rooms.grace=8", "worker.idle_processes=2")
    async with serving(livekit_url, environment, *options) as worker:
        async with calling_elsewhere(livekit_url, returns) as lost, calling_elsewhere(livekit_url, stays_away) as gone:
            await lost.hears()
            await gone.hears()
            lost.process.kill()
            gone.process.kill()
            await line_of(worker, "[returns]", "connection is lost; waiting 8 s")
        async with calling(livekit_url, returns) as back:
            await line_of(worker, "[returns]", "the trainee is back")
            customer = (await agents(livekit_url, returns))[0]
            assert customer in back.there
            await back.say("I am so sorry. I take responsibility.")
            await line_of(worker, "[returns]", "Trainee: ", "responsibility")
            await back.hears()
            await line_of(worker, "[away]", "Call ended: trainee_lost")
            await empty(livekit_url, stays_away)
            assert await agents(livekit_url, returns) == [customer]


@pytest.mark.asyncio(loop_scope="session")
async def test_a_trainee_who_joins_again_is_in_the_same_call(livekit: str, worker: Worker) -> None:
    """The same identity from another client (a page loaded again) takes the first one's place, and is heard."""
    room = room_of("reloads")
    async with calling(livekit, room) as first:
        await first.hears()
        customer = (await agents(livekit, room))[0]
        async with calling(livekit, room) as second:
            await line_of(worker, "[reloads]", "the trainee is back")
            assert customer in second.there
            await second.hears()
            await second.say("I am so sorry. I take responsibility.")
            await line_of(worker, "[reloads]", "Trainee: ", "responsibility")
            await second.hears()
            assert await agents(livekit, room) == [customer]
        assert "trainee_left" in await line_of(worker, "[reloads]", "Call ended")


async def test_a_customer_whom_nobody_calls_leaves(livekit_url: str, environment: dict[str, str]) -> None:
    """A room that the trainee never enters is left after `empty_timeout`, and the log says that nobody came."""
    room = room_of()
    async with serving(livekit_url, environment, "rooms.empty_timeout=1") as worker, server_api(livekit_url) as server:
        await server.room.create_room(api.CreateRoomRequest(name=room))
        assert "nobody_came" in await worker.until("Call ended")
        await empty(livekit_url, room)


@pytest.mark.asyncio(loop_scope="session")
async def test_a_trainee_who_speaks_up_cuts_the_customer_short(livekit: str, worker: Worker) -> None:
    """Her line ends where she was cut, as it was spoken; the trainee's words come next, and then her answer to them."""
    async with calling(livekit, room_of("cuts")) as caller:
        await caller.hears()
        await caller.say("I am so sorry. I take responsibility.")
        await caller.reads(3)
        opening, said, answer = caller.texts[:3]
        assert opening.startswith("customer: Finally!") and not opening.endswith("do about it?")
        assert said.startswith("operator: ") and "responsibility" in said
        assert answer.startswith("customer: ")
        assert "—" in await line_of(worker, "[cuts]", "Finally!")
