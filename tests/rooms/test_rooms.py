"""Rooms of a real LiveKit server become calls: the real command as a worker, a real client as the trainee."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from livekit import api, rtc

from runtime.config.compose import compose
from tests.caller import calling, room_of
from tests.conftest import COMMAND, stopped
from tests.livekit_server import KEY, SECRET


class Worker:
    """The real command serving rooms, and the lines that it has printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def until(self, text: str) -> str:
        """The first line that holds this text, once it is there."""
        assert self.process.stdout
        try:
            async with asyncio.timeout(60):
                while not (found := [line for line in self.lines if text in line]):
                    line = await self.process.stdout.readline()
                    assert line, "\n".join(self.lines)
                    self.lines.append(line.decode().rstrip())
        except TimeoutError:
            pytest.fail("\n".join([f"no {text!r} in:", *self.lines]))
        return found[0]


@asynccontextmanager
async def serving(url: str, environment: dict[str, str], *options: str) -> AsyncIterator[Worker]:
    keys = {"LIVEKIT_URL": url, "LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": SECRET}
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *options, stdin=-3, stdout=-1, stderr=-2, env=environment | keys, start_new_session=True
    )
    worker = Worker(process)
    try:
        await worker.until("registered with ws://127.0.0.1")
        yield worker
    finally:
        await stopped(process)


async def agents(url: str, room: str) -> list[str]:
    """Identities of the agents in a room, as the server knows them."""
    async with api.LiveKitAPI(url.replace("ws", "http", 1), KEY, SECRET) as server:
        there = await server.room.list_participants(api.ListParticipantsRequest(room=room))
        return [p.identity for p in there.participants if p.identity.startswith("customer-")]


async def test_a_trainee_hears_the_opening_and_reads_it_once(livekit_url: str, environment: dict[str, str]) -> None:
    """The customer speaks first; her whole line comes once, with her emotion, and is in the log under the user's id."""
    room = room_of()
    async with serving(livekit_url, environment) as worker, calling(livekit_url, room) as seen:
        await seen.until(lambda: bool(seen.lines), 40)
        assert seen.voiced
        assert seen.lines == [
            {
                "type": "transcript",
                "speaker": "customer",
                "text": compose([]).persona.front.opening["en"][0],
                "emotion": "angry",
            }
        ]
        assert not seen.streams
        assert "[abc123]" in await worker.until("Sarah Thompson (angry)")


@pytest.mark.parametrize("executor", ["process", "thread"])
async def test_the_customer_leaves_when_the_trainee_does(
    executor: str, livekit_url: str, environment: dict[str, str]
) -> None:
    """Within two seconds of the trainee's hanging up nobody of ours is left in the room."""
    room = room_of()
    async with serving(livekit_url, environment, f"worker.executor={executor}") as worker:
        async with watching(livekit_url, room) as left:
            async with calling(livekit_url, room) as seen:
                await seen.hears(40)
                customer = (await agents(livekit_url, room))[0]
            async with asyncio.timeout(2):
                while await left.get() != customer:
                    pass
        assert "trainee_left" in await worker.until("Call ended")


@asynccontextmanager
async def watching(url: str, room: str) -> AsyncIterator[asyncio.Queue[str]]:
    """Watches a room unseen; gives the identity of everyone who leaves it."""
    grants = api.VideoGrants(room_join=True, room=room, hidden=True, can_publish=False)
    token = api.AccessToken(KEY, SECRET).with_identity("watcher").with_grants(grants).to_jwt()
    left: asyncio.Queue[str] = asyncio.Queue()
    watcher = rtc.Room()
    watcher.on("participant_disconnected", lambda participant: left.put_nowait(participant.identity))
    await watcher.connect(url, token)
    try:
        yield left
    finally:
        await watcher.disconnect()


async def test_rooms_of_others_are_left_alone(livekit_url: str, environment: dict[str, str]) -> None:
    """A room that is not named as ours gets no customer, and the next one that is gets one."""
    ours = room_of()
    async with serving(livekit_url, environment), calling(livekit_url, "someone-elses"):
        async with calling(livekit_url, ours) as seen:
            await seen.hears(40)
        assert await agents(livekit_url, "someone-elses") == []


async def test_other_clients_get_text_streams(livekit_url: str, environment: dict[str, str]) -> None:
    """transcripts=stream sends LiveKit's own streams, and no data message."""
    room = room_of()
    async with serving(livekit_url, environment, "rooms.transcripts=stream"), calling(livekit_url, room) as seen:
        await seen.until(lambda: bool(seen.streams), 40)
        assert seen.streams[0].split()[0] == "Finally!"
        assert not seen.lines


async def test_a_room_nobody_claims_says_which_line_to_add(livekit_url: str, environment: dict[str, str]) -> None:
    """The customer of the command line answers, and the log holds the line that would tie the scenario to one."""
    room = room_of().replace("billing-dispute-01", "3f2504e0-4f89-11d3-9a0c-0305e82c3301")
    async with serving(livekit_url, environment) as worker, calling(livekit_url, room) as seen:
        await seen.hears(40)
        line = await worker.until("no persona answers scenario")
        assert '`scenarios: ["3f2504e0-4f89-11d3-9a0c-0305e82c3301"]`' in line


async def test_a_killed_job_is_known_at_once_and_others_go_on(livekit_url: str, environment: dict[str, str]) -> None:
    """kill -9 of one call's process ends that call as lost, and no other."""
    rooms = [room_of(f"user{i}") for i in range(2)]
    async with serving(livekit_url, environment, "worker.idle_processes=2") as worker:
        async with calling(livekit_url, rooms[0]) as one, calling(livekit_url, rooms[1]) as two:
            await one.hears(40)
            await two.hears(40)
            await kill_one_job(worker.process.pid)
            assert "Call ended: lost" in await worker.until("lost")
            both = [asyncio.ensure_future(caller.reads(1, 40)) for caller in (one, two)]
            await asyncio.wait(both)  # the one is told that the line went dead, the other hears the opening to its end
            assert sum(line["text"].startswith("Finally!") for line in (*one.lines, *two.lines)) == 1


async def kill_one_job(worker: int) -> None:
    """Kills the process below a worker that holds a call: the one with a UDP socket open."""
    import psutil

    jobs = [p for p in psutil.Process(worker).children(recursive=True) if p.net_connections("udp")]
    jobs[0].kill()
