"""Trainees with silent microphones, in a process of their own: `python -m tests.benchmarks.trainees`.

One JSON object a line comes in, `{"join": ROOM, "url": URL, "noise": …}` or `{"leave": true}` (all of them), and one
goes out, `{"room": ROOM, "seconds": …}` from joining to the first audible sound, or `{"left": true}`.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

import numpy as np
from livekit import api, rtc

from runtime.call import private
from runtime.call.voice import publish_options
from tests.livekit_server import KEY, SECRET

from .measure import ROOT, environment

LOUD = 500
"""Of a 16 bit sample: above what a codec makes of silence."""
_numbers = count()


class Trainees:
    """The driver's end: trainees who join, hear and leave."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._heard: dict[str, float] = {}
        self._left = False
        self._pending = b""

    def join(self, url: str, *, noise: bool = False) -> str:
        """One trainee joins a new room of the server there; returns the room at once. With `noise` the microphone hears
        a quiet room, else nothing at all."""
        room = f"axtra-benchmark-{next(_numbers)}-u{time.time_ns() % 10**6}-{time.time_ns() // 10**6}"
        self._send({"join": room, "url": url, "noise": noise})
        return room

    def heard(self, rooms: Sequence[str], seconds: float = 30) -> list[float | None]:
        """Seconds from joining to the first sound in each room; None in one that stayed silent for so long."""
        deadline = time.monotonic() + seconds
        while set(rooms) - set(self._heard) and time.monotonic() < deadline:
            self._receive(deadline)
        return [self._heard.get(room) for room in rooms]

    def leave(self) -> None:
        """All leave; returns when they have."""
        self._left = False
        self._send({"leave": True})
        deadline = time.monotonic() + 30
        while not self._left and time.monotonic() < deadline:
            self._receive(deadline)

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()

    def _receive(self, deadline: float) -> None:
        assert self._process.stdout
        output = self._process.stdout.fileno()
        if not select.select([output], [], [], max(0, deadline - time.monotonic()))[0]:
            return
        data = os.read(output, 65536)
        if not data:
            raise RuntimeError(f"the trainees' process ended with {self._process.wait()}")
        *lines, self._pending = (self._pending + data).split(b"\n")
        for message in map(json.loads, lines):
            if "left" in message:
                self._left = True
            elif "room" in message:
                self._heard[message["room"]] = message["seconds"]


@contextmanager
def trainees() -> Iterator[Trainees]:
    """A process of trainees, until the end of the context."""
    command = [sys.executable, "-m", "tests.benchmarks.trainees"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    try:
        assert process.stdout
        process.stdout.readline()  # it has imported what it needs
        yield Trainees(process)
    finally:
        process.kill()
        process.communicate()


async def _trainee(url: str, room: str, noise: bool, leave: asyncio.Event) -> None:
    """Joins, publishes a microphone that hears nobody and listens until the first sound, as the Axtra Console's page
    does."""
    client = rtc.Room()
    heard = asyncio.Event()
    began = time.monotonic()
    listening: list[asyncio.Task[None]] = []

    async def listen(track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=16_000, num_channels=1)
        async for event in stream:
            if np.abs(np.frombuffer(event.frame.data, dtype=np.int16)).max() > LOUD:
                break
        if not heard.is_set():
            heard.set()
            print(json.dumps({"room": room, "seconds": time.monotonic() - began}), flush=True)
        await stream.aclose()  # the rest of the call costs this process as little as can be

    def on_track(track: rtc.Track, *_: object) -> None:
        listening.append(asyncio.ensure_future(listen(track)))

    client.on("track_subscribed", on_track)
    token = api.AccessToken(KEY, SECRET).with_identity(f"Trainee {room}")
    token = token.with_grants(api.VideoGrants(room_join=True, room=room))
    await client.connect(url, token.to_jwt())
    source = rtc.AudioSource(48_000, 1)
    microphone = rtc.LocalAudioTrack.create_audio_track("microphone", source)
    await client.local_participant.publish_track(microphone, publish_options())
    if noise:
        listening.append(asyncio.create_task(_make_noise(source)))
    await leave.wait()
    for task in listening:
        task.cancel()
    await client.disconnect()
    await source.aclose()


async def _make_noise(source: rtc.AudioSource) -> None:
    frame = rtc.AudioFrame(np.random.default_rng(0).integers(-20, 20, 480, np.int16).tobytes(), 48_000, 1, 480)
    while True:
        await source.capture_frame(frame)


async def _main() -> None:
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    os.environ["RUST_LOG"] = "off"
    private.keep_native_log()
    print(json.dumps({"ready": True}), flush=True)
    leave, calls = asyncio.Event(), set[asyncio.Task[None]]()
    while line := await lines.readline():
        message = json.loads(line)
        if "join" in message:
            calls.add(asyncio.create_task(_trainee(message["url"], message["join"], message["noise"], leave)))
            continue
        leave.set()
        for failed in await asyncio.gather(*calls, return_exceptions=True):
            if failed is not None:
                print(f"a trainee failed: {failed!r}", file=sys.stderr)
        print(json.dumps({"left": True}), flush=True)
        leave, calls = asyncio.Event(), set()


if __name__ == "__main__":
    asyncio.run(_main())
