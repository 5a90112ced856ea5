"""The persona's voice, and her words in step with it."""

from __future__ import annotations

from collections.abc import Callable

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.io import AudioOutput, TextOutput
from livekit.agents.voice.transcription import TranscriptSynchronizer

from . import private

BITRATE = 80_000
"""Bits a second of a voice, at most. Below some 72,000, libopus takes three times the CPU for it (a SILK encoder), also
while nobody speaks: 1.9 % of a core instead of 0.6 %. On the wire, where LiveKit sends all twice against loss, it is
about twice that while a voice speaks, and next to nothing while it is silent."""


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
