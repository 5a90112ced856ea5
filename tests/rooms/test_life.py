"""The life of a call in a room: trainees who drop out and come back, who never come, who speak up and interrupt."""

import json

import pytest
from livekit import api

from tests.caller import calling, calling_elsewhere, room_of, watching
from tests.worker import LONG, Worker, agents, server_api, serving


async def test_a_trainee_who_lost_the_connection_returns_to_the_same_call(
    livekit_url: str, environment: dict[str, str]
) -> None:
    """Within the grace period the call goes on: the trainee is heard and hears; one who stays away ends it."""
    returns, stays_away = room_of("returns"), room_of("away")
    options = ("rooms.grace=8", "worker.idle_processes=2")
    async with serving(livekit_url, environment, *options) as worker, watching(livekit_url, stays_away) as observer:
        async with calling_elsewhere(livekit_url, returns, stays_away) as both:
            both.kill()
            await worker.until("[returns]", "connection is lost; waiting 8 s")
        async with calling(livekit_url, returns) as back:
            await worker.until("[returns]", "the trainee is back")
            customer = (await agents(livekit_url, returns))[0]
            assert customer in back.there
            await worker.hears(back, "returns")
            await back.hears()
            await worker.until("[away]", "Call ended: the trainee's connection was lost")
            await observer.sees_the_customer_leave()
            assert await agents(livekit_url, returns) == [customer]


@pytest.mark.asyncio(loop_scope="session")
async def test_a_trainee_who_joins_again_is_in_the_same_call(livekit: str, worker: Worker) -> None:
    """The same identity from another client (a page loaded again) takes the first one's place, and is heard."""
    room = room_of("reloads")
    async with calling(livekit, room) as first:
        await first.hears()
        customer = (await agents(livekit, room))[0]
        async with calling(livekit, room) as second:
            await worker.until("[reloads]", "the trainee is back")
            assert customer in second.there
            await second.hears()
            await worker.hears(second, "reloads")
            await second.hears()
            assert await agents(livekit, room) == [customer]
        assert "the trainee hung up" in await worker.until("[reloads]", "Call ended")


@pytest.mark.asyncio(loop_scope="session")
async def test_a_trainee_on_whom_she_hangs_up_reads_the_score_before_the_room_is_left(
    livekit_of_processes: str, processes: Worker
) -> None:
    """As data: the score of the scorecard in the session folder, and the same verdict as the log's. Whoever listens
    besides reads that the call is over."""
    room = room_of("insults")
    async with calling(livekit_of_processes, room) as seen:
        await seen.hears()
        async with calling(livekit_of_processes, room, "lead", microphone=False) as lead:
            for _ in range(2):
                await seen.types("You are an idiot.")
            await seen.until(lambda: seen.scorecard is not None, 40)
            await lead.reads_line("(The call is over, and the room is closed.)")
    assert not any("room is closed" in line["text"] for line in seen.lines)
    ended = await processes.until("[insults]", "Call ended: walked out (customer not satisfied)")
    assert "passed" not in ended
    assert "not passed." in await processes.until("[insults]", "Score: ")
    (file,) = processes.home.glob("sessions/*/*-insults/scorecard.json")
    card = json.loads(file.read_bytes())
    assert seen.scorecard is not None
    assert {key: seen.scorecard[key] for key in ("score", "passMark", "passed")} == {
        "score": card["score"],
        "passMark": card["pass_mark"],
        "passed": False,
    }
    told = [one["told"] for one in card["objectives"] if one["result"] == "not met"]
    assert sorted(seen.scorecard["missed"]) == sorted(told)


async def test_a_customer_whom_nobody_calls_leaves(livekit_url: str, environment: dict[str, str]) -> None:
    """A room that the trainee never enters is left after `empty_timeout`, and the log says that nobody came."""
    room = room_of()
    async with serving(livekit_url, environment, "rooms.empty_timeout=1") as worker, server_api(livekit_url) as server:
        await server.room.create_room(api.CreateRoomRequest(name=room))
        async with watching(livekit_url, room) as observer:
            assert "nobody came" in await worker.until("Call ended")
            await observer.sees_the_customer_leave()


@pytest.mark.asyncio(loop_scope="session")
async def test_a_trainee_who_speaks_up_cuts_the_customer_short(livekit: str, worker: Worker) -> None:
    """Her line ends where she was cut, as it was spoken; the trainee's words come next, and then her answer to them."""
    async with calling(livekit, room_of("cuts", LONG)) as caller:
        await caller.hears()
        await worker.hears(caller, "cuts")
        await caller.reads(3)
        opening, said, answer = caller.texts[:3]
        assert opening.startswith("customer: Finally!") and not opening.endswith("do about it?")
        assert said.startswith("operator: ")
        assert answer.startswith("customer: ")
        assert "—" in await worker.until("[cuts]", "Finally!")
