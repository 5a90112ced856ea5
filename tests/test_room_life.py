"""The life of a call in a room: trainees who drop out and come back, who never come, who speak up and interrupt."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from livekit import api

from tests.caller import KEY, SECRET, calling, calling_elsewhere
from tests.test_rooms import Worker, agents, livekit_url, serving, watching

__all__ = ["livekit_url"]


def room_of(user: str = "abc123") -> str:
    """A room of the Axtra Console, of now."""
    return f"axtra-billing-dispute-01-{user}-{time.time_ns() // 10**6}"


@asynccontextmanager
async def server_api(url: str) -> AsyncIterator[api.LiveKitAPI]:
    async with api.LiveKitAPI(url.replace("ws", "http", 1), KEY, SECRET) as server:
        yield server


async def line_of(worker: Worker, *texts: str) -> str:
    """The worker's first line that holds all these texts."""
    while not (found := [line for line in worker.lines if all(text in line for text in texts)]):
        seen = len(worker.lines)
        worker.lines.append("")  # what is asked for is a line that has not come
        await worker.next_line() if hasattr(worker, "next_line") else None
        assert len(worker.lines) > seen
    return found[0]


async def test_a_trainee_who_lost_the_connection_returns_to_the_same_call(
    livekit_url: str, environment: dict[str, str]
) -> None:
    """Within the grace period the call goes on: the trainee is heard and hears; one who stays away ends it."""
    returns, stays_away = room_of("returns"), room_of("away")
    options = ("rooms.grace=15", "worker.idle_processes=2")
    async with serving(livekit_url, environment, *options) as worker:
        async with calling_elsewhere(livekit_url, returns) as lost, calling_elsewhere(livekit_url, stays_away) as gone:
            await lost.hears()
            await gone.hears()
            lost.process.kill()
            gone.process.kill()
            await worker.until("[returns]")
            while "[returns]" not in await worker.until("connection is lost; waiting 15 s"):
                worker.lines = [line for line in worker.lines if "[away]" not in line]
        async with calling(livekit_url, returns) as back:
            await worker.until("the trainee is back")
            customer = (await agents(livekit_url, returns))[0]
            assert customer in back.there
            await back.say("I am so sorry. I take responsibility.")
            await heard(worker, "")
            await back.hears()
            assert "[away]" in await worker.until("Call ended: trainee_lost")
            assert await agents(livekit_url, stays_away) == []
            assert await agents(livekit_url, returns) == [customer]


async def test_a_trainee_who_joins_again_is_in_the_same_call(livekit_url: str, environment: dict[str, str]) -> None:
    """The same identity from another client (a page loaded again) takes the first one's place, and is heard."""
    room = room_of()
    async with serving(livekit_url, environment) as worker, calling(livekit_url, room) as first:
        await first.hears()
        customer = (await agents(livekit_url, room))[0]
        async with calling(livekit_url, room) as second:
            await worker.until("the trainee is back")
            assert customer in second.there
            await second.hears()
            await second.say("I am so sorry. I take responsibility.")
            await heard(worker, "")
            await second.hears()
            assert await agents(livekit_url, room) == [customer]
        assert "trainee_left" in await worker.until("Call ended")


async def test_a_customer_whom_nobody_calls_leaves(livekit_url: str, environment: dict[str, str]) -> None:
    """A room that the trainee never enters is left after `empty_timeout`, and the log says that nobody came."""
    room = room_of()
    async with serving(livekit_url, environment, "rooms.empty_timeout=1") as worker, server_api(livekit_url) as server:
        async with watching(livekit_url, room) as left:
            assert "nobody_came" in await worker.until("Call ended")
            assert (await left.get()).startswith("customer-")
        await server.room.delete_room(api.DeleteRoomRequest(room=room))


async def test_a_trainee_who_speaks_up_cuts_the_customer_short(livekit_url: str, environment: dict[str, str]) -> None:
    """Her line ends where she was cut, as it was spoken; the trainee's words come next, and then her answer to them."""
    room = room_of()
    async with serving(livekit_url, environment) as worker, calling(livekit_url, room) as caller:
        await caller.hears()
        await caller.say("I am so sorry. I take responsibility.")
        await caller.until(lambda: len(caller.lines) >= 3, 30)
        opening, said, answer = caller.texts[:3]
        assert opening.startswith("customer: Finally!") and not opening.endswith("do about it?")
        assert said.startswith("operator: ") and "responsibility" in said
        assert answer.startswith("customer: ")
        assert "—" in await worker.until("Finally!")
