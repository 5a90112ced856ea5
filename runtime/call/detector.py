"""The local voice activity detector, made cheap for many calls in one process."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import ContextVar
from typing import Any

from livekit import rtc
from livekit.agents.utils import aio
from livekit.agents.vad import VAD, VADEvent, VADEventType, VADStream

try:
    from livekit.agents.voice.audio_recognition import _STTPipelineContextVar as _recognizing
except ImportError:  # private: without it each recognizer has a detector of its own
    _recognizing = ContextVar("recognizing")

_listeners = ContextVar[list[aio.Chan[VADEvent]]]("listeners")
"""Who overhears the detectors of a call."""


class InPlace(Executor):
    """Runs what it is given at once, for `run_in_executor` alone: it gives an asyncio future, which that awaits as it
    is.

    The local VAD takes 0.03 ms for 32 ms of audio. To hand that to a thread of its own and back, as it does by itself,
    costs more than that.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        done = asyncio.get_running_loop().create_future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done


def share_detector() -> None:
    """From here on in this task, and in those that it starts, detectors that are made are a call's: its recognizer
    overhears the one that tells its turns apart.

    LiveKit detects a trainee's voice twice otherwise, the second time for a recognizer that takes whole utterances:
    half of what a silent call costs Python.
    """
    _listeners.set([])


@functools.cache
def shareable(detector: type[VAD]) -> type[VAD]:
    """The class of a detector, for calls that share theirs."""

    class Shared(detector):  # type: ignore[misc, valid-type]
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self._listeners = _listeners.get(None)

        def stream(self) -> VADStream:
            if self._listeners is None:
                return super().stream()  # type: ignore[no-any-return]
            if _recognizing.get(None) is not None:
                return _Overhearing(self, self._listeners)
            return _Overheard(super().stream(), self._listeners)  # type: ignore[return-value]

    return Shared


class _Overheard:
    """A detector's stream that passes on where speech begins and ends."""

    def __init__(self, stream: VADStream, listeners: list[aio.Chan[VADEvent]]) -> None:
        self._stream = stream
        self._listeners = listeners

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __aiter__(self) -> _Overheard:
        return self

    async def __anext__(self) -> VADEvent:
        event = await anext(self._stream)
        if event.type is not VADEventType.INFERENCE_DONE:
            for listener in self._listeners:
                listener.send_nowait(event)
        return event


class _Overhearing(VADStream):
    """What another stream of the call detects, not detected again."""

    def __init__(self, detector: VAD, listeners: list[aio.Chan[VADEvent]]) -> None:
        self._overheard = aio.Chan[VADEvent]()
        self._listeners = listeners
        super().__init__(detector)

    async def _main_task(self) -> None:
        self._listeners.append(self._overheard)
        try:
            async for event in self._overheard:
                self._event_ch.send_nowait(event)
        finally:
            self._listeners.remove(self._overheard)

    def push_frame(self, frame: rtc.AudioFrame) -> None:
        """The other stream was given the same."""

    def end_input(self) -> None:
        super().end_input()
        self._overheard.close()
