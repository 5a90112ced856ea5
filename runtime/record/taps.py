"""Taps on a session's audio: pass on, each with its time, what the trainee says and what of the persona is played."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from livekit import rtc
from livekit.agents.voice.io import AudioInput, AudioOutput, AudioOutputCapabilities

from ..call.voice import samples_of

RATE = 24_000
"""Samples a second of a recording: all that a telephone voice has, and what most voices are made at."""
TICK_SECONDS = 0.2
"""How often what was played is told, and what has settled is written."""
STALL_SECONDS = 1.5
"""How long a microphone that has stopped is waited for; then it is silence."""
TOLERANCE_SECONDS = 0.1
"""How far audio may come from where it is expected and still be taken to follow on."""
CATCH_UP_SECONDS = 0.3
"""Audio that was held up comes at once when it comes; what stays late for longer has a gap before it."""
TRAINEE, PERSONA = 0, 1

Place = Callable[[int, float, bytes, int], None]
"""Takes audio of one side that belongs at a moment (Unix time): 16-bit mono PCM, and its rate."""


class RecordedInput(AudioInput):
    """The trainee's audio on its way to the session, told as it comes.

    Frames follow on one another; what a busy process takes late is placed where it belongs. It is the source of
    `call.audio_input.TraineeAudio`, so that audio which that one gives again after an edit is recorded once.
    """

    def __init__(self, source: AudioInput, place: Place) -> None:
        super().__init__(label="recorder", source=source)
        self._source = source
        self._place = place
        self._next: float | None = None
        self._late_since: float | None = None

    async def __anext__(self) -> rtc.AudioFrame:
        frame = await self._source.__anext__()
        at = self._begin(time.time(), frame.duration)
        self._next = at + frame.duration
        self._place(TRAINEE, at, samples_of(frame), frame.sample_rate)
        return frame

    def _begin(self, now: float, duration: float) -> float:
        """When a frame that came now was begun to be spoken."""
        came = now - duration
        late = came - self._next if self._next is not None else None
        if late is None or self._next is None or late > STALL_SECONDS or late < -TOLERANCE_SECONDS:
            self._late_since = None
            return came
        if late <= TOLERANCE_SECONDS:
            self._late_since = None
        elif self._late_since is None:
            self._late_since = now
        elif now - self._late_since > CATCH_UP_SECONDS:
            self._late_since = None
            return came
        return self._next


@dataclass(slots=True)
class _Segment:
    """A line of the persona's on its way to be played. `anchor` is when what is left of it begins to play (Unix time),
    None while nothing plays; `offset` how many of its bytes did."""

    pcm: bytearray = field(default_factory=bytearray)
    rate: int = RATE
    anchor: float | None = None
    offset: int = 0
    closed: bool = False
    cut: bool = False

    @property
    def second(self) -> int:
        return 2 * self.rate


class RecordedOutput(AudioOutput):
    """The persona's audio on its way to be played, told as it is played: with its pauses, and as far as it came.

    The room tells of a line only once it is over, so it is taken to be played from its start on without a break, and is
    put right by what the room says at its end.
    """

    def __init__(self, output: AudioOutput, place: Place) -> None:
        super().__init__(
            label="recorder",
            next_in_chain=output,
            capabilities=AudioOutputCapabilities(pause=output.can_pause),
            sample_rate=output.sample_rate,
        )
        self._place = place
        self._segments: deque[_Segment] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._paused = False

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        if not self._segments or self._segments[-1].closed:
            self._segments.append(_Segment())
        segment = self._segments[-1]
        if segment.anchor is not None and not self._paused and self._played(segment) >= len(segment.pcm):
            self._advance()
            segment.anchor = time.time()  # it had run dry
        segment.rate = frame.sample_rate
        segment.pcm += samples_of(frame)
        assert self.next_in_chain is not None
        await self.next_in_chain.capture_frame(frame)
        await super().capture_frame(frame)

    def flush(self) -> None:
        super().flush()
        if self._segments:
            self._segments[-1].closed = True
        if self.next_in_chain:
            self.next_in_chain.flush()

    def clear_buffer(self) -> None:
        self._advance()
        for segment in self._segments:
            segment.cut = True
        if self.next_in_chain:
            self.next_in_chain.clear_buffer()

    def pause(self) -> None:
        self._advance()
        self._paused = True
        super().pause()

    def resume(self) -> None:
        self._paused = False
        if self._segments and self._segments[0].anchor is not None:
            self._segments[0].anchor = time.time()
        super().resume()

    def on_playback_started(self, *, created_at: float) -> None:
        super().on_playback_started(created_at=created_at)
        if self._segments and self._segments[0].anchor is None:
            self._segments[0].anchor = created_at
            self._tick()

    def on_playback_finished(
        self, *, playback_position: float, interrupted: bool, synchronized_transcript: str | None = None
    ) -> None:
        super().on_playback_finished(
            playback_position=playback_position,
            interrupted=interrupted,
            synchronized_transcript=synchronized_transcript,
        )
        if self._segments:
            segment = self._segments.popleft()
            self._tell(segment, 2 * round(playback_position * segment.rate))
            if self._segments and self._segments[0].anchor is not None:
                self._tick()

    def stop(self) -> None:
        """Tells what was played by now, and no more."""
        self._advance()
        self._segments.clear()
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _played(self, segment: _Segment) -> int:
        """Bytes that have been played by now."""
        if segment.anchor is None:
            return segment.offset
        return segment.offset + 2 * round((time.time() - segment.anchor) * segment.rate)

    def _tick(self) -> None:
        """Tells what has been played, again and again while anything plays."""
        if self._timer:
            self._timer.cancel()
        self._timer = None
        self._advance()
        if self._segments:
            self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    def _advance(self) -> None:
        segment = self._segments[0] if self._segments else None
        if segment and segment.anchor is not None and not self._paused and not segment.cut:
            self._tell(segment, min(self._played(segment), len(segment.pcm)))

    def _tell(self, segment: _Segment, until: int) -> None:
        """Tells what was played up to that byte; what was told beyond it is taken back."""
        if segment.anchor is None:
            segment.anchor = time.time() - until / segment.second
        begin, until = min(segment.offset, until), min(until, len(segment.pcm))
        if until < segment.offset:
            taken_back = bytes(segment.offset - until)
            self._place(PERSONA, segment.anchor - len(taken_back) / segment.second, taken_back, segment.rate)
        elif until > begin:
            self._place(PERSONA, segment.anchor, bytes(segment.pcm[begin:until]), segment.rate)
            segment.anchor += (until - begin) / segment.second
            segment.offset = until
