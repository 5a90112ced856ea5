"""A trainee who speaks, hears and reads, in a room of a real LiveKit server; in this process or in one of its own.

    python -m tests.caller URL ROOM…

joins each room, prints a line once a voice was heard in all, and stays until its standard input ends.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
from livekit import api, rtc

from runtime.offline.tts import TTS
from tests.livekit_server import KEY, SECRET
from tests.loopback import Watched

RATE = 48_000
SORRY = "I am so sorry. I take responsibility."
"""What a trainee says whose words a test asks for."""
LOUD = 500
"""Amplitude from which a sample is somebody's voice."""


def room_of(user: str = "abc123", scenario: str = "billing-dispute-01") -> str:
    """A room of the Axtra Console, of now."""
    return f"axtra-{scenario}-{user}-{time.time_ns() // 10**6}"


def is_customer(identity: str) -> bool:
    """Whether a participant is one of ours."""
    return identity.startswith("customer-")


def token(room: str, who: str, *, hidden: bool = False) -> str:
    grants = api.VideoGrants(room_join=True, room=room, hidden=hidden)
    return api.AccessToken(KEY, SECRET).with_identity(who).with_grants(grants).to_jwt()


async def speech(text: str, voice: str = "m3") -> bytes:
    """A voice saying this in English: 16-bit mono PCM at `RATE`."""
    async with TTS(voice=voice).synthesize(text) as stream:
        frame = await stream.collect()
    resampler = rtc.AudioResampler(frame.sample_rate, RATE)
    frames = [*resampler.push(bytearray(frame.data.tobytes())), *resampler.flush()]
    return b"".join(frame.data.tobytes() for frame in frames)


class Caller(Watched):
    """What a trainee has read (`lines`, as the Axtra Console gets them; `scorecard`) and heard (`voiced`: frames)."""

    def __init__(self) -> None:
        super().__init__()
        self.room = rtc.Room()
        self.lines: list[dict[str, Any]] = []
        self.scorecard: dict[str, Any] | None = None
        self.streams: list[str] = []
        """The text streams that LiveKit sent, each once it was whole."""
        self.voiced = 0
        self.there: set[str] = set()
        """Identities of the others in the room."""
        self.left: dict[str, rtc.DisconnectReason.ValueType | None] = {}
        """Those who were, and why they are no longer."""
        self.disconnected: rtc.DisconnectReason.ValueType | None = None
        self._microphone = rtc.AudioSource(RATE, 1, queue_size_ms=60_000)
        self._published: rtc.LocalTrackPublication | None = None

    @property
    def texts(self) -> list[str]:
        """The turns on the screen, each with its speaker: the sentences of one turn are lines of their own."""
        turns: list[str] = []
        for who, lines in groupby(self.lines, key=itemgetter("speaker")):
            turns.append(f"{who}: {' '.join(line['text'] for line in lines)}")
        return turns

    async def say(self, text: str, voice: str = "m3") -> None:
        """Speaks, in English; returns when all of it has been sent, and a second of silence."""
        await self.send(await speech(text, voice) + bytes(2 * RATE))

    async def send(self, pcm: bytes) -> None:
        """Sends sound: 16-bit mono PCM at `RATE`; returns when all of it has been sent. Begins once somebody listens:
        what is sent before is lost."""
        assert self._published
        await self._published.wait_for_subscription()
        step = RATE // 100 * 2
        for start in range(0, len(pcm) - step + 1, step):
            await self._microphone.capture_frame(rtc.AudioFrame(pcm[start : start + step], RATE, 1, RATE // 100))
        await self._microphone.wait_for_playout()

    async def types(self, text: str) -> None:
        """Types a line once something has been said; returns when she has answered it."""
        await self.reads(1, 40)
        before = len(self.lines)
        await self.room.local_participant.send_text(text, topic="lk.chat")
        await self.is_answered(before)

    async def is_answered(self, before: int) -> None:
        """Returns once a line of the customer's follows one of the trainee's that came after so many lines."""

        def answered() -> bool:
            speakers = [line["speaker"] for line in self.lines[before:]]
            return "operator" in speakers and "customer" in speakers[speakers.index("operator") :]

        await self.until(answered, 40)

    async def hears(self, seconds: float = 20) -> None:
        """Returns once a voice is heard from now on."""
        before = self.voiced
        await self.until(lambda: self.voiced > before, seconds)

    async def reads(self, turns: int, seconds: float = 30) -> None:
        """Returns once so many turns are on the screen, of the last of them at least a sentence."""
        await self.until(lambda: len(self.texts) >= turns, seconds)

    async def reads_to(self, end: str | tuple[str, ...], seconds: float = 40) -> None:
        """Returns once the last line on the screen ends like this."""
        await self.until(lambda: bool(self.lines) and self.lines[-1]["text"].endswith(end), seconds)

    async def reads_line(self, text: str, seconds: float = 40) -> None:
        """Returns once a line on the screen holds this: not the last one, where whoever waits is spoken to again."""
        await self.until(lambda: any(text in line["text"] for line in self.lines), seconds)

    def got(self, message: dict[str, Any]) -> None:
        if message["type"] == "scorecard":
            assert self.there, "the customer has left the room"
            self.scorecard = message
        else:
            self.lines.append(message)

    async def sees_the_customer_leave(self) -> None:
        """Returns once no customer is in the room: one who left, or who has closed the room too. One whom the server
        has given up, which it does after some twenty seconds, did not."""
        await self.until(lambda: any(map(is_customer, self.left)) or self.disconnected is not None, 60)
        reasons = {reason for who, reason in self.left.items() if is_customer(who)}
        if self.disconnected is None or reasons:
            left = {rtc.DisconnectReason.CLIENT_INITIATED, rtc.DisconnectReason.ROOM_DELETED}
            assert reasons and reasons <= left, reasons
        else:
            assert self.disconnected == rtc.DisconnectReason.ROOM_DELETED

    def has_heard(self) -> bool:
        """Whether a voice was heard since joining."""
        return self.voiced > 0

    async def listen(self, track: rtc.Track) -> None:
        async for event in rtc.AudioStream(track, sample_rate=16_000, num_channels=1, frame_size_ms=50):
            if np.abs(np.frombuffer(event.frame.data, dtype=np.int16)).max() > LOUD:
                self.voiced += 1
                self.changed()

    async def read(self, reader: rtc.TextStreamReader) -> None:
        self.streams.append(await reader.read_all())
        self.changed()

    def note(self, add: Callable[[Any], Any]) -> Callable[..., None]:
        """An event handler that does this with the event's first argument."""

        def on(first: Any, *_: Any) -> None:
            add(first)
            self.changed()

        return on

    async def publish(self) -> None:
        microphone = rtc.LocalAudioTrack.create_audio_track("microphone", self._microphone)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        self._published = await self.room.local_participant.publish_track(microphone, options)


@asynccontextmanager
async def calling(
    url: str, room: str, who: str = "Ann Lee", *, microphone: bool = True, hidden: bool = False
) -> AsyncIterator[Caller]:
    """Joins, publishes a microphone, listens and reads, and hangs up at the end. Who is `hidden` is in the room for
    nobody else."""
    caller = Caller()
    async with asyncio.TaskGroup() as tasks:
        listening: list[asyncio.Task[None]] = []

        def listen(track: rtc.Track) -> None:
            listening.append(tasks.create_task(caller.listen(track)))

        def left(other: rtc.RemoteParticipant) -> None:
            caller.there.discard(other.identity)
            caller.left[other.identity] = other.disconnect_reason

        def gone(reason: rtc.DisconnectReason.ValueType) -> None:
            caller.disconnected = reason

        caller.room.on("data_received", caller.note(lambda packet: caller.got(json.loads(packet.data))))
        caller.room.on("track_subscribed", caller.note(listen))
        caller.room.register_text_stream_handler(
            "lk.transcription", lambda reader, _: listening.append(tasks.create_task(caller.read(reader)))
        )
        caller.room.on("participant_connected", caller.note(lambda other: caller.there.add(other.identity)))
        caller.room.on("participant_disconnected", caller.note(left))
        caller.room.on("disconnected", caller.note(gone))
        await caller.room.connect(url, token(room, who, hidden=hidden))
        caller.there |= set(caller.room.remote_participants)
        if microphone:
            await caller.publish()
        try:
            yield caller
        finally:
            async with asyncio.timeout(30):
                await caller.room.disconnect()
            for task in listening:
                task.cancel()


def watching(url: str, room: str) -> AbstractAsyncContextManager[Caller]:
    """Somebody whom nobody sees, to see who comes and goes."""
    return calling(url, room, "Observer", microphone=False, hidden=True)


@asynccontextmanager
async def calling_elsewhere(url: str, *rooms: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Joins rooms from a process of its own, which may be killed, once a voice has been heard in each."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.caller", url, *rooms, stdin=-1, stdout=-1
    )
    try:
        assert process.stdout
        assert await process.stdout.readline() == b"heard\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _alone(url: str, *rooms: str) -> None:
    async with AsyncExitStack() as stack:
        callers = [await stack.enter_async_context(calling(url, room)) for room in rooms]
        await asyncio.gather(*(caller.until(caller.has_heard, 60) for caller in callers))
        print("heard", flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_alone(*sys.argv[1:]))
