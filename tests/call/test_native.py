"""LiveKit's native library, which is not asked for what no call needs."""

import asyncio
from typing import Any

import pytest
from livekit import rtc
from livekit.rtc import _ffi_client as ffi

from runtime.call import native
from tests.caller import calling, token


async def test_it_keeps_its_log(livekit_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the thousands of lines of a join is handed to Python."""
    monkeypatch.setenv("RUST_LOG", "off")
    native.load()
    handed: list[Any] = []
    monkeypatch.setattr(ffi, "to_python_level", handed.append)
    async with calling(livekit_url, "a room"):
        pass
    assert len(handed) < 20  # but for what was on its way


async def test_rooms_do_not_wake_each_other(livekit_url: str) -> None:
    """A room gets its own events, and none of the frames that another room of this process plays."""
    room = rtc.Room()
    await room.connect(livekit_url, token("theirs", "customer"))
    native.unshare(room)
    joined = asyncio.Event()
    room.on("participant_connected", lambda _: joined.set())
    woken: list[str | None] = []
    put = room._ffi_queue.put_nowait

    def note(event: Any) -> None:
        woken.append(event.WhichOneof("message"))
        put(event)

    room._ffi_queue.put_nowait = note
    source = rtc.AudioSource(48_000, 1)
    async with calling(livekit_url, "another room") as other:
        track = rtc.LocalAudioTrack.create_audio_track("voice", source)
        await other.room.local_participant.publish_track(track, native.voice())
        woken.clear()
        for _ in range(5):
            await source.capture_frame(rtc.AudioFrame(bytes(960), 48_000, 1, 480))
        assert "capture_audio_frame" not in woken
        async with calling(livekit_url, "theirs", "Ann Lee"), asyncio.timeout(10):
            await joined.wait()
    await room.disconnect()
    await source.aclose()
