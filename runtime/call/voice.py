"""The persona's voice, and her words in step with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import numpy as np
from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities, TextOutput
from livekit.agents.voice.transcription import TranscriptSynchronizer

from . import private

BITRATE = 80_000
"""Bits a second of a voice, at most. Below some 72,000, libopus takes three times the CPU for it (a SILK encoder), also
while nobody speaks: 1.9 % of a core instead of 0.6 %. On the wire, where LiveKit sends all twice against loss, it is
about twice that while a voice speaks, and next to nothing while it is silent."""

QUEUE_MS = 100
"""Audio handed on before it is heard: how late a barge-in or a pause takes hold."""


def samples_of(frame: rtc.AudioFrame, rate: int | None = None) -> bytes:
    """A sound's 16-bit samples as one voice, at so many a second (None: as it is)."""
    voices = bytes(frame.data)
    if frame.num_channels > 1:
        voices = np.frombuffer(voices, np.int16).reshape(-1, frame.num_channels).mean(axis=1).astype(np.int16).tobytes()
    if rate in (None, frame.sample_rate):
        return voices
    resampler = rtc.AudioResampler(frame.sample_rate, rate)
    return b"".join(bytes(piece.data) for piece in (*resampler.push(bytearray(voices)), *resampler.flush()))


class Words(TextOutput):
    """The persona's words as they are said. Gives the whole line so far, again with each word."""

    def __init__(self, on_word: Callable[[str], None], on_line_over: Callable[[], None]) -> None:
        super().__init__(label="words", next_in_chain=None)
        self._on_word = on_word
        self._on_line_over = on_line_over
        self._line = ""

    async def capture_text(self, text: str) -> None:
        self._line += text
        self._on_word(self._line)

    def flush(self) -> None:
        self._line = ""
        self._on_line_over()


def publish_options() -> rtc.TrackPublishOptions:
    """How a voice is published in a room."""
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    options.audio_encoding.max_bitrate = BITRATE
    return options


def keep_in_step(session: AgentSession[None], voice: AudioOutput) -> None:
    """Sends a session's voice to this output, and its words to where they go already, as they are spoken.

    Without it words run ahead of the voice, and a line that was cut short would show what was never said.
    """
    words = session.output.transcription
    if words is None:
        session.output.audio = voice
        return
    both = TranscriptSynchronizer(next_in_chain_audio=voice, next_in_chain_text=words)
    private.skip_spectra(both)
    both.rotate_segment()  # the first line too
    session.output.audio, session.output.transcription = both.audio_output, both.text_output


class SourceOutput(AudioOutput):
    """Plays into a LiveKit audio source, in real time. Knows what was heard when the trainee cuts in."""

    def __init__(self, sample_rate: int) -> None:
        super().__init__(label="speaker", capabilities=AudioOutputCapabilities(pause=True), sample_rate=sample_rate)
        self.source = rtc.AudioSource(sample_rate, 1, queue_size_ms=QUEUE_MS)
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
