"""Rooms of a real LiveKit server become calls: the real command as a worker, a real client as the trainee."""

import asyncio

import pytest
from livekit import rtc

from tests.caller import calling, room_of, watching
from tests.composed import compose
from tests.worker import LONG, Worker, agents, kill_one_job, serving

ENDS = ("(The line went dead.)", "What are you going to do about it?")
"""How the lines on a screen end when nothing more is to come: of a call that was cut off, and of the opening."""


@pytest.mark.asyncio(loop_scope="session")
async def test_a_trainee_hears_the_opening_and_reads_it_once(livekit: str, worker: Worker) -> None:
    """The customer speaks first; each sentence comes once, as it is spoken, with her emotion; her whole line is in the
    log under the user's id."""
    async with calling(livekit, room_of("opening", LONG)) as seen:
        await seen.until(lambda: bool(seen.lines), 40)
        assert seen.voiced
        assert not any("[opening]" in line and "Finally!" in line for line in worker.lines)
        await seen.reads_to("What are you going to do about it?")
        assert len(seen.lines) > 2
        assert seen.texts == ["customer: " + compose([]).persona.front.opening["en"][0]]
        assert {(line["type"], line["emotion"]) for line in seen.lines} == {("transcript", "angry")}
        assert not seen.streams
        await worker.until("[opening]", "Sarah Thompson (angry)")


@pytest.mark.asyncio(loop_scope="session")
async def test_a_customer_in_a_thread_leaves_when_the_trainee_does(livekit: str, worker: Worker) -> None:
    """As one in a process does."""
    room = room_of("leaves")
    async with watching(livekit, room) as observer:
        async with calling(livekit, room) as seen:
            await seen.hears(40)
        await observer.sees_the_customer_leave()
    assert "the trainee hung up" in await worker.until("[leaves]", "Call ended")


@pytest.mark.asyncio(loop_scope="session")
async def test_the_customer_leaves_when_the_trainee_does(livekit_of_processes: str, processes: Worker) -> None:
    """Once the trainee has hung up nobody of ours stays in the room."""
    room = room_of("leaves")
    async with watching(livekit_of_processes, room) as observer:
        async with calling(livekit_of_processes, room) as seen:
            await seen.hears(40)
        await observer.sees_the_customer_leave()
    assert "the trainee hung up" in await processes.until("[leaves]", "Call ended")


@pytest.mark.asyncio(loop_scope="session")
async def test_rooms_of_others_are_left_alone(livekit: str, worker: Worker) -> None:
    """A room that is not named as ours gets no customer, and the next one that is gets one."""
    async with calling(livekit, "someone-elses"):
        async with calling(livekit, room_of("ours")) as seen:
            await seen.hears(40)
        assert await agents(livekit, "someone-elses") == []


async def test_other_clients_get_text_streams(livekit_url: str, environment: dict[str, str]) -> None:
    """transcripts=stream sends LiveKit's own streams, and no data message."""
    room = room_of()
    async with serving(livekit_url, environment, "rooms.transcripts=stream"), calling(livekit_url, room) as seen:
        await seen.until(lambda: bool(seen.streams), 40)
        assert seen.streams[0].split()[0] == "Finally!"
        assert not seen.lines


@pytest.mark.asyncio(loop_scope="session")
async def test_a_room_nobody_claims_says_which_line_to_add(livekit: str, worker: Worker) -> None:
    """The customer of the command line answers, and the log holds the line that would tie the scenario to one."""
    room = room_of(scenario="3f2504e0-4f89-11d3-9a0c-0305e82c3301")
    async with calling(livekit, room) as seen:
        await seen.hears(40)
        line = await worker.until("no persona answers scenario")
        assert '`scenarios: ["3f2504e0-4f89-11d3-9a0c-0305e82c3301"]`' in line


async def test_a_killed_job_is_known_at_once_in_its_room_and_others_go_on(
    livekit_url: str, environment: dict[str, str]
) -> None:
    """kill -9 of one call's process ends that call as lost, and no other: its trainee reads that the line went dead,
    and the customer is out of the room."""
    rooms = [room_of(f"user{i}") for i in range(2)]
    async with serving(livekit_url, environment, "worker.idle_processes=2") as worker:
        async with calling(livekit_url, rooms[0]) as one, calling(livekit_url, rooms[1]) as two:
            await one.hears(40)
            await two.hears(40)
            await kill_one_job(worker)
            assert "Call ended: the connection was lost" in await worker.until("lost")
            await asyncio.gather(*(caller.reads_to(ENDS) for caller in (one, two)))
            lost, other = sorted((one, two), key=lambda caller: caller.lines[-1]["text"])
            assert lost.lines[-1] == {
                "type": "transcript",
                "speaker": "customer",
                "text": "(The line went dead.)",
                "emotion": "neutral",
            }
            await lost.until(lambda: not lost.there)
            assert list(lost.left.values()) == [rtc.DisconnectReason.PARTICIPANT_REMOVED]  # and none that was given up
            assert lost.disconnected is None
            assert other.lines[-1]["text"].endswith("What are you going to do about it?") and other.there
