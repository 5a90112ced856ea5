"""The persona's words as they are said: in step with her voice, where there is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from livekit.agents import AgentSession
from livekit.agents.voice.io import AudioOutput, TextOutput
from livekit.agents.voice.transcription import TranscriptSynchronizer
from livekit.agents.voice.transcription._speaking_rate import SpeakingRateDetector, SpeakingRateStream


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


class Pauses(SpeakingRateDetector):
    """Tells speech from pauses, which is what keeps words in step.

    LiveKit's own also estimates how fast is spoken from the spectrum, which takes 80 ms for five seconds of speech,
    while the other calls of the process wait.
    """

    def stream(self) -> SpeakingRateStream:
        return _Pauses(self, self._opts)


class _Pauses(SpeakingRateStream):
    def _spectral_flux(self, audio: Any, sample_rate: int) -> float:
        return 1.0


def keep_in_step(session: AgentSession[None], voice: AudioOutput) -> None:
    """Sends a session's voice to this output, and its words to where they go already, as they are spoken.

    Without it words run ahead of the voice, and a line that was cut short would show what was never said.
    """
    words = session.output.transcription
    if words is None:
        session.output.audio = voice
        return
    both = TranscriptSynchronizer(next_in_chain_audio=voice, next_in_chain_text=words)
    both._opts.speaking_rate_detector = Pauses()
    both.rotate_segment()  # the first line too
    session.output.audio, session.output.transcription = both.audio_output, both.text_output
