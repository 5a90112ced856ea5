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

from . import private

_subscribers = ContextVar[list[aio.Chan[VADEvent]]]("subscribers")
"""The streams that get the events of the detector of this task's call."""


class InlineExecutor(Executor):
    """Runs a function at once, in the calling thread. For `loop.run_in_executor` alone, which returns the asyncio
    future that `submit` gives it as it is.

    The local VAD takes 0.03 ms for 32 ms of audio. To hand that to a thread of its own and back, as it does by itself,
    costs more than that: a seventh of a join.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        done = asyncio.get_running_loop().create_future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done


def share_detector() -> None:
    """Lets all detectors that are made from now on in this task and its child tasks work as one: the session's detects
    the voice, and that of the call's speech recognizer is given its events.

    LiveKit detects a trainee's voice twice otherwise, the second time for a recognizer that takes whole utterances.
    """
    _subscribers.set([])


@functools.cache
def sharing(detector: type[VAD]) -> type[VAD]:
    """The class of a detector, changed so that a call has only one at work."""

    class Shared(detector):  # type: ignore[misc, valid-type]
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self._subscribers = _subscribers.get(None)

        def stream(self) -> VADStream:
            if self._subscribers is None:
                return super().stream()  # type: ignore[no-any-return]
            if private.in_recognizer():
                return _Subscriber(self, self._subscribers)
            return _Publisher(super().stream(), self._subscribers)  # type: ignore[return-value]

    return Shared


class _Publisher:
    """A detector's stream that tells its subscribers where speech begins and ends."""

    def __init__(self, stream: VADStream, subscribers: list[aio.Chan[VADEvent]]) -> None:
        self._stream = stream
        self._subscribers = subscribers

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __aiter__(self) -> _Publisher:
        return self

    async def __anext__(self) -> VADEvent:
        event = await anext(self._stream)
        if event.type is not VADEventType.INFERENCE_DONE:
            for subscriber in self._subscribers:
                subscriber.send_nowait(event)
        return event


class _Subscriber(VADStream):
    """A detector's stream that detects nothing itself: it gives what the call's publisher has detected."""

    def __init__(self, detector: VAD, subscribers: list[aio.Chan[VADEvent]]) -> None:
        self._events = aio.Chan[VADEvent]()
        self._subscribers = subscribers
        super().__init__(detector)

    async def _main_task(self) -> None:
        self._subscribers.append(self._events)
        try:
            async for event in self._events:
                self._event_ch.send_nowait(event)
        finally:
            self._subscribers.remove(self._events)

    def push_frame(self, frame: rtc.AudioFrame) -> None:
        """Does nothing: the publisher gets the same audio."""

    def end_input(self) -> None:
        super().end_input()
        self._events.close()
