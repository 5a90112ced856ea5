"""This machine's microphone and speakers as the two ends of a call, by LiveKit's `MediaDevices` (PortAudio)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.io import AudioInput, AudioOutput, AudioOutputCapabilities

from ..call.voice import keep_in_step
from ..errors import SpecError

SAMPLE_RATE = 48_000
QUEUE_MS = 100
"""Audio handed on before it is heard: how late a barge-in or a pause takes hold."""


@asynccontextmanager
async def devices(session: AgentSession[None]) -> AsyncIterator[None]:
    """Attaches microphone and speakers to a session that has not started, with echo cancelled.

    Raises:
        SpecError: PortAudio is missing, or there is no microphone or no speaker.
    """
    try:
        media = rtc.MediaDevices(input_sample_rate=SAMPLE_RATE, output_sample_rate=SAMPLE_RATE)
        microphone = media.open_input()
    except OSError as error:
        raise SpecError(
            f"console.audio=true needs PortAudio: {error}. Install it (Debian: apt install libportaudio2;"
            " macOS: brew install portaudio), or type: console.audio=false"
        ) from None
    except Exception as error:  # sounddevice's own errors; importing it to name them may fail for want of PortAudio
        raise SpecError(f"console.audio=true: no microphone could be opened: {error}") from None
    speaker = Speaker()
    try:
        player = media.open_output()
        await player.add_track(rtc.LocalAudioTrack.create_audio_track("speaker", speaker.source))
        await player.start()
    except Exception as error:
        await microphone.aclose()
        raise SpecError(f"console.audio=true: no speaker could be opened: {error}") from None
    keep_in_step(session, speaker)
    session.input.audio = Microphone(microphone.source)
    try:
        yield
    finally:
        await player.aclose()
        await microphone.aclose()


class Microphone(AudioInput):
    """What a source captures, 10 ms at a time."""

    def __init__(self, source: rtc.AudioSource) -> None:
        super().__init__(label="microphone")
        track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
        self._stream = rtc.AudioStream(track, sample_rate=SAMPLE_RATE, num_channels=1)

    async def __anext__(self) -> rtc.AudioFrame:
        return (await anext(self._stream)).frame


class Speaker(AudioOutput):
    """Plays into a source. Knows what was heard when the trainee cuts in."""

    def __init__(self) -> None:
        super().__init__(label="speaker", capabilities=AudioOutputCapabilities(pause=True), sample_rate=SAMPLE_RATE)
        self.source = rtc.AudioSource(SAMPLE_RATE, 1, queue_size_ms=QUEUE_MS)
        self._pushed = 0.0
        self._interrupted = asyncio.Event()
        self._unpaused = asyncio.Event()
        self._unpaused.set()
        self._played: asyncio.Task[None] | None = None

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if not self._pushed:
            self._interrupted.clear()
            self.on_playback_started(created_at=time.time())
        self._pushed += frame.duration
        await self._unpaused.wait()
        if not self._interrupted.is_set():
            await self.source.capture_frame(frame)

    def flush(self) -> None:
        super().flush()
        if self._pushed:
            self._played = asyncio.create_task(self._report_played())

    def clear_buffer(self) -> None:
        if self._pushed:
            self._pushed -= self.source.queued_duration
            self._interrupted.set()
            self._unpaused.set()
            self.source.clear_queue()

    def pause(self) -> None:
        super().pause()
        self._unpaused.clear()

    def resume(self) -> None:
        super().resume()
        self._unpaused.set()

    async def _report_played(self) -> None:
        await self.source.wait_for_playout()
        position, self._pushed = self._pushed, 0.0
        self.on_playback_finished(playback_position=position, interrupted=self._interrupted.is_set())
