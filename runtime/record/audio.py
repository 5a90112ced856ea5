"""Both voices of a call as one stereo file: the trainee on the left as heard, the persona on the right as played.

LiveKit's own recorder holds a quarter of a megabyte, and a line until it was played, before it writes: a killed call
would leave minutes of nothing. This one writes a fifth of a second at a time.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import threading
import time
from array import array
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import av
from livekit.agents import AgentSession

from ..events import AudioStarted, Event, Notice
from .folder import AUDIO
from .taps import RATE, STALL_SECONDS, TICK_SECONDS, TOLERANCE_SECONDS, TRAINEE, RecordedInput, RecordedOutput

logger = logging.getLogger(__name__)

BIT_RATE = 40_000
ENCODER = "lowdelay"
"""The encoder of Opus that is made for any sound. With "audio" libopus takes a line on which nobody speaks for speech,
and three times the CPU for it: 2.0 % of a core a call instead of 0.7 %; a voice sounds, and costs, the same."""
SETTLE_SECONDS = 0.4
"""How long audio may take from its moment to the writer: longer than a frame, and than an interruption is told."""
WAITING_LIMIT = 3000
"""Pieces of audio that wait for a disk that does not take them; what comes beyond is dropped."""
CLOSE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Placed:
    """Audio of one side that belongs at a moment (Unix time): 16-bit mono."""

    side: int
    at: float
    pcm: bytes
    rate: int


class AudioRecorder:
    """Records a session's two sides into `audio.ogg` of a session folder, on a thread of its own.

    Args:
        folder: the call's folder, once it is there.
        emit: takes the event that the recording has begun, and the one line that says why it went no further; the
            latter on the recording thread.
    """

    def __init__(self, folder: Future[Path], emit: Callable[[Event], None]) -> None:
        self._folder = folder
        self._emit = emit
        self._waiting: queue.SimpleQueue[Placed | None] = queue.SimpleQueue()
        self._done: Future[None] = Future()
        self._closing = threading.Event()
        self._output: RecordedOutput | None = None

    def attach(self, session: AgentSession[None]) -> None:
        """Wraps a session's audio, which is where it will be and has not been started, and begins to record."""
        assert session.input.audio and session.output.audio
        zero = time.time()
        session.input.audio = RecordedInput(session.input.audio, self.place)
        session.output.audio = self._output = RecordedOutput(session.output.audio, self.place)
        self._emit(AudioStarted(at=zero))
        threading.Thread(target=self._run, args=(zero,), daemon=True, name="audio recorder").start()

    def place(self, side: int, at: float, pcm: bytes, rate: int) -> None:
        """Takes audio; never waits, never raises."""
        if pcm and not self._done.done() and self._waiting.qsize() < WAITING_LIMIT:
            self._waiting.put(Placed(side, at, pcm, rate))

    async def close(self) -> None:
        """Writes what is left, and ends the file."""
        if self._output is None:
            return
        self._output.stop()
        self._waiting.put(None)
        self._closing.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.shield(asyncio.wrap_future(self._done))

    def _run(self, zero: float) -> None:
        try:
            self._write(self._folder.result() / AUDIO, zero)
        except Exception as error:
            if not self._folder.done() or not self._folder.exception():  # or the folder has said so
                logger.exception("the audio is not recorded any further")
                reason = error.strerror if isinstance(error, OSError) and error.strerror else error
                with suppress(Exception):  # the call may be over
                    self._emit(Notice(text=f"this call's audio is not recorded any further: {reason}"))
        finally:
            self._done.set_result(None)

    def _write(self, file: Path, zero: float) -> None:
        options = {"flush_packets": "1", "page_duration": str(round(TICK_SECONDS * 1e6))}
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb", buffering=0) as out, av.open(out, "w", format="ogg", options=options) as container:
            stream = container.add_stream("libopus", rate=RATE, layout="stereo", options={"application": ENCODER})
            stream.bit_rate = BIT_RATE
            timeline = Timeline(zero)
            more = True
            while more:
                now, more = self._take(timeline)
                if frame := timeline.settled(now, last=not more):
                    container.mux(stream.encode(frame))
            container.mux(stream.encode(None))

    def _take(self, timeline: Timeline) -> tuple[float, bool]:
        """Places, once a tick, all that waits then: to wake for each piece costs as much as to encode it. Returns when
        nothing waited any more, and whether more may come."""
        self._closing.wait(TICK_SECONDS)
        while True:
            now = time.time()
            try:
                placed = self._waiting.get_nowait()
            except queue.Empty:
                return now, True
            if placed is None:
                return now, False
            timeline.place(placed)


class Timeline:
    """Two sides on one line of time from `zero` (Unix time) on: silence but for what was placed; the latest counts."""

    def __init__(self, zero: float) -> None:
        self._zero = zero
        self._cursor = 0
        self._sides = (_Side(), _Side())

    def place(self, placed: Placed) -> None:
        """Puts audio where it belongs; what belongs before what is written already is dropped."""
        self._sides[placed.side].place(round((placed.at - self._zero) * RATE), placed, self._cursor)

    def settled(self, now: float, *, last: bool = False) -> av.AudioFrame | None:
        """The audio since the last time that nothing will change any more; with `last` all that there is."""
        elapsed = now - self._zero
        heard = self._sides[TRAINEE].next / RATE
        until = elapsed if last else min(elapsed - SETTLE_SECONDS, max(heard, elapsed - STALL_SECONDS))
        count = round(until * RATE) - self._cursor
        if count <= 0:
            return None
        both = array("h", bytes(4 * count))
        for channel, side in enumerate(self._sides):
            both[channel::2] = side.take(count)
        frame = av.AudioFrame(format="s16", layout="stereo", samples=count)
        frame.planes[0].update(both.tobytes())
        frame.sample_rate = RATE
        frame.pts = self._cursor
        self._cursor += count
        return frame


class _Side:
    """One voice: samples that are not written yet, from the timeline's cursor on."""

    def __init__(self) -> None:
        self._samples = array("h")
        self._resampler: av.AudioResampler | None = None
        self._rate = 0
        self.next = 0
        """The sample after the last that was placed: where audio that follows on belongs."""

    def place(self, start: int, placed: Placed, cursor: int) -> None:
        follows = abs(start - self.next) <= TOLERANCE_SECONDS * RATE
        samples = self._resampled(placed, fresh=not follows)
        if follows:
            start = self.next
        self.next = start + len(samples)
        offset = start - cursor
        if offset < 0:
            samples, offset = samples[-offset:], 0
        if not samples:
            return
        if offset > len(self._samples):
            self._samples.extend(array("h", bytes(2 * (offset - len(self._samples)))))
        self._samples[offset : offset + len(samples)] = samples

    def take(self, count: int) -> array[int]:
        taken, self._samples = self._samples[:count], self._samples[count:]
        taken.extend(array("h", bytes(2 * (count - len(taken)))))
        return taken

    def _resampled(self, placed: Placed, *, fresh: bool) -> array[int]:
        samples = array("h", placed.pcm)
        if placed.rate == RATE:
            return samples
        if fresh or self._resampler is None or placed.rate != self._rate:
            self._resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
            self._rate = placed.rate
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(samples))
        frame.planes[0].update(placed.pcm)
        frame.sample_rate = placed.rate
        made = array("h")
        for piece in self._resampler.resample(frame):
            made.frombytes(bytes(piece.planes[0])[: 2 * piece.samples])
        return made
