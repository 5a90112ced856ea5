"""A call to itself through the LiveKit server: is it there, does it take our key, and does it carry sound?"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

import aiohttp
import numpy as np
from livekit import api, rtc

from ..call.network import address, why_unreachable
from ..errors import NotOffered, SpecError
from ..spec.settings import LIVEKIT_VARIABLES, livekit_url, missing_variables

ROOM_PREFIX = "doctor-"
"""No worker of ours takes such a room."""
RATE = 48_000
HERTZ = 440
ASK_SECONDS = 8.0
JOIN_SECONDS = 12.0
"""A path for sound is found within 1 s where there is one, within 5 s through a relay."""
HEAR_SECONDS = 8.0
LEAVE_SECONDS = 3.0
HIGH_MS = 250
"""A round trip above which people begin to talk over each other."""
CLOCK_SECONDS = 60.0
"""What the server forgives a token that was made by another clock."""

NO_PATH = (
    "the server lets us in, but no path for sound was found (wait_pc_connection timed out): {cause}. LiveKit needs UDP"
    " to ports 50000-60000 or to the server's own rtc.udp_port (such as 7882), or TCP to 7881 or 443; a server behind"
    " NAT or in a container needs rtc.use_external_ip or rtc.node_ip"
)


@dataclass(frozen=True, slots=True)
class Server:
    """A LiveKit server, by its HTTP address and the one that was given, and how to be let in."""

    url: str
    given: str
    key: str = field(repr=False)
    secret: str = field(repr=False)

    @classmethod
    def named_by(cls, env: Mapping[str, str]) -> Server:
        """The server that LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET name. Raises NotOffered where none of
        them is set, and SpecError where some are missing, or the URL is none."""
        missing = missing_variables(env)
        if len(missing) == len(LIVEKIT_VARIABLES):
            raise NotOffered(
                f"{', '.join(LIVEKIT_VARIABLES)} are not set: calls are in the terminal. To serve rooms set them"
            )
        if missing:
            raise SpecError(f"{', '.join(missing)} not set. Put them in the environment or in .env")
        parts = livekit_url(env)
        url = parts._replace(scheme=parts.scheme.replace("ws", "http")).geturl().rstrip("/")
        return cls(url, address(parts.geturl()), env[LIVEKIT_VARIABLES[1]], env[LIVEKIT_VARIABLES[2]])

    async def answers(self) -> str:
        """Whether anything answers at the address. Raises SpecError if not."""
        async with self._client() as client:
            async with client.get(self.url, allow_redirects=False) as answer:
                if 300 <= answer.status < 400:
                    raise SpecError(f"{self.given} sends us elsewhere ({answer.status}): LIVEKIT_URL wants wss://")
                if answer.status >= 500:
                    raise SpecError(f"{self.given} answers {answer.status}: what is behind it is down")
        return f"{self.given} answers"

    async def round_trip(self) -> str:
        """How long a question to the server takes. Raises SpecError if that is too long for a conversation."""
        took = []
        async with self._client() as client:
            for _ in range(4):  # the first one opens the connection
                began = time.monotonic()
                async with client.get(self.url, allow_redirects=False) as answer:
                    await answer.read()
                took.append(time.monotonic() - began)
        ms = min(took[1:]) * 1000
        if ms > HIGH_MS:
            raise SpecError(
                f"a round trip takes {ms:.0f} ms, and a conversation wants less than {HIGH_MS}: use a LiveKit"
                " region near the trainees, and run this close to it; a VPN or a busy uplink adds to it"
            )
        return f"a round trip takes {ms:.1f} ms"

    async def lets_in(self) -> str:
        """Whether the server takes our key. Raises SpecError if not, with what is wrong: key, secret or clock."""
        token = self._token(f"{ROOM_PREFIX}key", "doctor")
        async with self._client() as client:
            # Where LiveKit's own clients ask why they were not let in.
            at, headers = f"{self.url}/rtc/validate", {"Authorization": f"Bearer {token}"}
            async with client.get(at, headers=headers, allow_redirects=False) as answer:
                status, text = answer.status, await answer.text(errors="replace")
                ahead = _ahead(answer.headers.get("Date"))
        clock = (
            f"this machine's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the server's: set it"
        )
        if status in (401, 403):  # the answer itself may repeat key and token: it is read, and never shown
            if abs(ahead) > CLOCK_SECONDS or "expired" in text or "not valid yet" in text:
                raise SpecError(f"key refused ({status}), as {clock}, for instance by NTP")
            if "invalid API key" in text:
                raise SpecError(
                    f"key refused ({status}): the server has no such LIVEKIT_API_KEY. Is it of this project?"
                )
            if "signature" in text:
                raise SpecError(f"key refused ({status}): LIVEKIT_API_SECRET is not the secret of this LIVEKIT_API_KEY")
            raise SpecError(f"key refused ({status}): check LIVEKIT_API_KEY and LIVEKIT_API_SECRET")
        if status != 200:
            raise SpecError(
                f"what answers at {self.given} is no LiveKit server ({status} to a question of LiveKit's): check"
                " LIVEKIT_URL, its port, and ws:// or wss://"
            )
        return "accepted" + (f", but {clock}" if abs(ahead) > CLOCK_SECONDS else "")

    async def carries_sound(self) -> str:
        """Whether a tone that one participant publishes is heard by another, in a room of their own, and how fast.
        Raises SpecError where they cannot join, or nothing is heard."""
        name = f"{ROOM_PREFIX}{secrets.token_hex(8)}"
        speaker, listener = rtc.Room(), rtc.Room()
        try:
            heard = _listen(listener)
            began = time.monotonic()
            await self._join(name, speaker, listener)
            joined = time.monotonic()
            async with _tone(speaker):
                try:
                    first = await asyncio.wait_for(heard, HEAR_SECONDS)
                except TimeoutError:
                    raise SpecError(
                        f"two participants are in a room, but no sound arrived within {HEAR_SECONDS:.0f} s: something"
                        " between here and the server lets the connection through and drops its UDP packets"
                    ) from None
                path = await _path(listener)
            return f"joined in {joined - began:.2f} s, a tone was heard {first - joined:.2f} s after that{path}"
        finally:
            await asyncio.gather(_leave(speaker), _leave(listener))
            await self._delete(name)

    async def _join(self, name: str, *rooms: rtc.Room) -> None:
        url = self.url.replace("http", "ws", 1)
        try:
            async with asyncio.timeout(JOIN_SECONDS):
                for number, room in enumerate(rooms, start=1):
                    await room.connect(url, self._token(name, f"doctor-{number}"))
        except (TimeoutError, rtc.ConnectError) as error:
            if isinstance(error, TimeoutError) or "wait_pc_connection" in str(error):
                raise SpecError(NO_PATH.format(cause=_why_no_path())) from None
            raise SpecError(
                "a room cannot be joined, though the key is accepted: a proxy on the way may not know WebSockets"
            ) from None

    async def _delete(self, name: str) -> None:
        with suppress(Exception):  # an empty room goes by itself after a while
            async with api.LiveKitAPI(self.url, self.key, self.secret, failover=False) as server:
                await server.room.delete_room(api.DeleteRoomRequest(room=name))

    def _token(self, room: str, identity: str) -> str:
        grants = api.VideoGrants(room_join=True, room=room)
        with warnings.catch_warnings():  # of a short secret, as a development server's: not what is asked here
            warnings.simplefilter("ignore")
            return api.AccessToken(self.key, self.secret).with_identity(identity).with_grants(grants).to_jwt()

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[aiohttp.ClientSession]:
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(ASK_SECONDS)) as client:
                yield client
        except (aiohttp.ClientError, OSError) as error:
            raise SpecError(f"{self.given}: {why_unreachable(error)}") from None


def _ahead(date: str | None) -> float:
    """Seconds that this machine's clock is ahead of a server's `Date`, which knows whole seconds only."""
    try:
        return time.time() - parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return 0.0


def _why_no_path() -> str:
    if all(name.startswith("lo") for _, name in socket.if_nameindex()):
        return "this machine has no network interface besides loopback"
    return "UDP is blocked, by a firewall, a VPN or a container's network"


def _listen(room: rtc.Room) -> asyncio.Future[float]:
    """When the tone was first heard in this room."""
    loop = asyncio.get_running_loop()
    heard: asyncio.Future[float] = loop.create_future()

    async def listen(track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1, frame_size_ms=20)
        try:
            async for event in stream:
                if _holds_tone(np.frombuffer(event.frame.data, dtype=np.int16)) and not heard.done():
                    heard.set_result(time.monotonic())
        finally:
            await stream.aclose()

    def subscribed(track: rtc.Track, *_: object) -> None:
        task = loop.create_task(listen(track))
        heard.add_done_callback(lambda _: task.cancel())  # the future owns it: heard, or no longer waited for

    room.on("track_subscribed", subscribed)
    return heard


def _holds_tone(samples: np.ndarray[tuple[int], np.dtype[np.int16]]) -> bool:
    """Whether most of the sound in these samples is the tone."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    bin_ = round(HERTZ * len(samples) / RATE)
    return bool(np.abs(samples).max(initial=0) > 500 and spectrum[bin_ - 1 : bin_ + 2].sum() > spectrum.sum() / 2)


@asynccontextmanager
async def _tone(room: rtc.Room) -> AsyncIterator[None]:
    """Publishes the tone while it is open."""
    source = rtc.AudioSource(RATE, 1)
    step = RATE // 50
    wave = (8000 * np.sin(2 * np.pi * HERTZ * np.arange(RATE) / RATE)).astype(np.int16)  # a whole second of cycles

    async def play() -> None:
        while True:
            for at in range(0, RATE, step):
                await source.capture_frame(rtc.AudioFrame(wave[at : at + step].tobytes(), RATE, 1, step))

    track = rtc.LocalAudioTrack.create_audio_track("tone", source)
    await room.local_participant.publish_track(track)
    async with asyncio.TaskGroup() as tasks:
        playing = tasks.create_task(play())
        try:
            yield
        finally:
            playing.cancel()
            await source.aclose()


async def _path(room: rtc.Room) -> str:
    """What the sound came over, as the connection's own statistics say."""
    counted = await room.get_rtc_stats()
    stats = [*counted.publisher_stats, *counted.subscriber_stats]  # one of them, by how the server connects
    ends = {s.local_candidate.rtc.id: s.local_candidate.candidate for s in stats if s.HasField("local_candidate")}
    pairs = (s.candidate_pair.candidate_pair for s in stats if s.HasField("candidate_pair"))
    pair = next((pair for pair in pairs if pair.nominated and pair.local_candidate_id in ends), None)
    if pair is None:
        return ""
    if (protocol := ends[pair.local_candidate_id].protocol) != "udp":
        return f", over {protocol.upper()}: UDP is blocked on the way, and sound will stutter whenever a packet is lost"
    return f", over UDP with a round trip of {pair.current_round_trip_time * 1000:.0f} ms"


async def _leave(room: rtc.Room) -> None:
    with suppress(Exception):
        await asyncio.wait_for(room.disconnect(), LEAVE_SECONDS)
