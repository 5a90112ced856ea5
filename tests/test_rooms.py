"""Rooms of a real LiveKit server become calls: the real command as a worker, a real client as the trainee."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from livekit import api, rtc

from runtime.spec import compose
from tests.conftest import COMMAND
from tests.livekit_server import KEY, SECRET


class Worker:
    """The real command serving rooms, and the lines that it has printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def until(self, text: str) -> str:
        """The first line that holds this text, once it is there."""
        assert self.process.stdout
        async with asyncio.timeout(60):
            while not (found := [line for line in self.lines if text in line]):
                line = await self.process.stdout.readline()
                assert line, "\n".join(self.lines)
                self.lines.append(line.decode().rstrip())
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
        if process.returncode is None:
            process.terminate()
            process.terminate()
        await process.communicate()


@dataclass
class Trainee:
    """What a client in a room saw and heard."""

    room: rtc.Room = field(default_factory=rtc.Room)
    lines: list[dict[str, Any]] = field(default_factory=list)
    streams: list[str] = field(default_factory=list)
    first_audio: float | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, condition: Callable[[], object], seconds: float = 40) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def trainee(url: str, name: str, who: str = "Ann Lee") -> AsyncIterator[Trainee]:
    """Joins, publishes a silent microphone, listens and reads, as the Axtra Console's page does."""
    seen = Trainee()
    began = time.monotonic()
    grants = api.VideoGrants(room_join=True, room=name)
    token = api.AccessToken(KEY, SECRET).with_identity(who).with_grants(grants).to_jwt()

    async def listen(track: rtc.Track) -> None:
        async for event in rtc.AudioStream(track, sample_rate=16_000, num_channels=1):
            loud = np.abs(np.frombuffer(event.frame.data, dtype=np.int16)).max() > 500
            if loud and seen.first_audio is None:
                seen.first_audio = time.monotonic() - began
                seen.changed.set()

    def note(add: Callable[[Any], Any]) -> Callable[..., None]:
        def on(first: Any, *_: Any) -> None:
            add(first)
            seen.changed.set()

        return on

    async with asyncio.TaskGroup() as tasks:
        listening: list[asyncio.Task[None]] = []

        async def read(reader: rtc.TextStreamReader) -> None:
            seen.streams.append(await reader.read_all())
            seen.changed.set()

        seen.room.on("data_received", note(lambda packet: seen.lines.append(json.loads(packet.data))))
        seen.room.on("track_subscribed", note(lambda track: listening.append(tasks.create_task(listen(track)))))
        seen.room.on("participant_connected", note(lambda _: None))
        seen.room.on("participant_disconnected", note(lambda _: None))
        seen.room.register_text_stream_handler(
            "lk.transcription", lambda reader, _: listening.append(tasks.create_task(read(reader)))
        )
        await seen.room.connect(url, token)
        source = rtc.AudioSource(48_000, 1)
        microphone = rtc.LocalAudioTrack.create_audio_track("microphone", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await seen.room.local_participant.publish_track(microphone, options)
        try:
            yield seen
        finally:
            await seen.room.disconnect()
            for task in listening:
                task.cancel()


async def agents(url: str, room: str) -> list[str]:
    """Identities of the agents in a room, as the server knows them."""
    async with api.LiveKitAPI(url.replace("ws", "http", 1), KEY, SECRET) as server:
        there = await server.room.list_participants(api.ListParticipantsRequest(room=room))
        return [p.identity for p in there.participants if p.identity.startswith("customer-")]


async def test_a_trainee_hears_the_opening_and_reads_it_once(livekit_url: str, environment: dict[str, str]) -> None:
    """The customer speaks first; her whole line comes once, with her emotion, and is in the log under the user's id."""
    room = f"axtra-billing-dispute-01-abc123-{time.time_ns() // 10**6}"
    async with serving(livekit_url, environment) as worker, trainee(livekit_url, room) as seen:
        await seen.until(lambda: seen.lines)
        assert seen.first_audio is not None
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
    room = f"axtra-billing-dispute-01-abc123-{time.time_ns() // 10**6}"
    async with serving(livekit_url, environment, f"worker.executor={executor}") as worker:
        async with watching(livekit_url, room) as left:
            async with trainee(livekit_url, room) as seen:
                await seen.until(lambda: seen.first_audio)
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
    ours = f"axtra-billing-dispute-01-abc123-{time.time_ns() // 10**6}"
    async with serving(livekit_url, environment), trainee(livekit_url, "someone-elses"):
        async with trainee(livekit_url, ours) as seen:
            await seen.until(lambda: seen.first_audio)
        assert await agents(livekit_url, "someone-elses") == []


async def test_other_clients_get_text_streams(livekit_url: str, environment: dict[str, str]) -> None:
    """transcripts=stream sends LiveKit's own streams, and no data message."""
    room = f"axtra-billing-dispute-01-abc123-{time.time_ns() // 10**6}"
    async with serving(livekit_url, environment, "rooms.transcripts=stream"), trainee(livekit_url, room) as seen:
        await seen.until(lambda: seen.streams)
        assert seen.streams[0].split()[0] == "Finally!"
        assert not seen.lines


async def test_a_room_nobody_claims_says_which_line_to_add(livekit_url: str, environment: dict[str, str]) -> None:
    """The customer of the command line answers, and the log holds the line that would tie the scenario to one."""
    room = f"axtra-3f2504e0-4f89-11d3-9a0c-0305e82c3301-abc123-{time.time_ns() // 10**6}"
    async with serving(livekit_url, environment) as worker, trainee(livekit_url, room) as seen:
        await seen.until(lambda: seen.first_audio)
        line = await worker.until("no persona answers scenario")
        assert '`scenarios: ["3f2504e0-4f89-11d3-9a0c-0305e82c3301"]`' in line


async def test_a_killed_job_is_known_at_once_and_others_go_on(livekit_url: str, environment: dict[str, str]) -> None:
    """kill -9 of one call's process ends that call as lost, and no other."""
    rooms = [f"axtra-billing-dispute-01-user{i}-{time.time_ns() // 10**6}" for i in range(2)]
    async with serving(livekit_url, environment, "worker.idle_processes=2") as worker:
        async with trainee(livekit_url, rooms[0]) as one, trainee(livekit_url, rooms[1]) as two:
            await one.until(lambda: one.first_audio)
            await two.until(lambda: two.first_audio)
            await kill_one_job(worker.process.pid)
            assert "Call ended: lost" in await worker.until("lost")
            async with asyncio.timeout(40):
                while not (one.lines or two.lines):
                    await asyncio.wait(
                        [asyncio.ensure_future(seen.changed.wait()) for seen in (one, two)],
                        return_when=asyncio.FIRST_COMPLETED,
                    )


async def kill_one_job(worker: int) -> None:
    """Kills the process below a worker that holds a call: the one with a UDP socket open."""
    import psutil

    jobs = [p for p in psutil.Process(worker).children(recursive=True) if p.net_connections("udp")]
    jobs[0].kill()
