"""Every use of a private name of LiveKit, with what it saves. Where a name is gone, a warning says so and the slow way
is taken.

Figures are of 2 cores and LiveKit Agents 1.8.9 with `livekit` 1.2.1, process and thread executor, each with and without
in turns. A join is the CPU from a trainee's joining to the end of the opening line (0.68 s, thread 0.42 s), a silent
call takes 4.5 % of a core (thread 3.0 %). LiveKit is imported only when something here is used: the process that jobs
are forked from reads `PRELOADED` first.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import os
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from livekit.agents.voice.transcription import TranscriptSynchronizer

logger = logging.getLogger(__name__)

PRELOADED = ("livekit.agents.ipc._preload", "livekit.agents.ipc._preload_freeze")
"""What LiveKit imports, in this order and last, in the process that jobs are forked from; the second one keeps what was
imported shared between them. Without: 73 MiB a call instead of 42, and 0.9 s a join instead of 0.7."""


def check_preloaded() -> None:
    """Warns of a name of `PRELOADED` that is gone: nobody else says so."""
    for name in PRELOADED:
        if find_spec(name) is None:
            _warn(name, "calls take more memory and start more slowly")


def keep_native_log() -> None:
    """Loads LiveKit's native library, which takes a moment. Where RUST_LOG is set (by `log=quiet` to off), the library
    keeps its log to itself.

    Otherwise it hands each line to Python, 2,700 while a room is joined, where all but warnings are dropped: 0.03 s of
    a join, thread 0.18 s.
    """
    try:
        from livekit import rtc
        from livekit.rtc import _ffi_client as ffi

        library = ffi.FfiClient.instance._ffi_lib
        if os.environ.get("RUST_LOG"):
            library.livekit_ffi_initialize(ffi.ffi_event_callback, False, b"python", rtc.__version__.encode("ascii"))
    except (ImportError, AttributeError):
        _warn("livekit.rtc._ffi_client", "joining a room costs more")


def register_runner(model: type[Any]) -> None:
    """Has LiveKit's inference process, which a worker starts, hold a model of the form that its plugins for turn
    detection have (`offline.inference.SharedModel`). To be called on the main thread. Without it calls listen by their
    phrases, and hear only by services."""
    try:
        from livekit.agents.inference_runner import _InferenceRunner
    except ImportError:
        _warn("livekit.agents.inference_runner._InferenceRunner", "calls cannot share a model")
        return
    if model.INFERENCE_METHOD not in _InferenceRunner.registered_runners:
        _InferenceRunner.register_runner(model)


def start_models_after(registered: asyncio.Event) -> None:
    """Has LiveKit's inference process, which holds the models of a worker's calls, start once the worker is registered;
    what a call asks of it meanwhile is answered when it is up.

    The worker registers only then otherwise: with threads after 12 s instead of 6 on a busy machine.
    """
    _replace("livekit.agents.ipc.inference_proc_executor", "InferenceProcExecutor", _models_later, registered)


def make_threads_after(registered: asyncio.Event) -> None:
    """Has LiveKit make the threads that are kept ready for calls once the worker is registered; a call that comes
    meanwhile gets the first that is ready.

    The worker registers only then otherwise, 0.15 of 1.9 s later: the first thread imports what calls need.
    """
    _replace("livekit.agents.ipc.proc_pool", "ProcPool", _threads_later, registered)


def _replace(module_name: str, name: str, later: Callable[[Any], Any], registered: asyncio.Event) -> None:
    """Puts in the place of a part of LiveKit's worker, once, what `later` makes of it."""
    try:
        module = import_module(module_name)
        if not hasattr(part := getattr(module, name), "_begin"):
            part = later(part)
            setattr(module, name, part)
        part.registered = registered
    except (ImportError, AttributeError):
        _warn(f"{module_name}.{name}", "a worker registers later")


def _later(part: Any, *used: str) -> Any:
    """A part of a worker, with these methods beside, that starts once the worker is registered."""
    for name in ("start", "aclose", *used):
        getattr(part, name)  # or else this is an AttributeError

    class Later(part):  # type: ignore[misc]
        registered: asyncio.Event

        async def start(self) -> None:
            self._begun = asyncio.create_task(self._begin())
            self._begun.add_done_callback(_tell_failure)

        async def _begin(self) -> None:
            await self.registered.wait()
            await super().start()

        async def aclose(self) -> None:
            self._begun.cancel()
            await super().aclose()

    return Later


def _threads_later(pool: Any) -> Any:
    class Later(_later(pool)):  # type: ignore[misc]
        async def aclose(self) -> None:
            if self.registered.is_set():  # LiveKit cannot close a thread that it is making
                await asyncio.wait([self._begun])
            await super().aclose()

    return Later


def _models_later(executor: Any) -> Any:
    class Later(_later(executor, "initialize", "do_inference", "is_alive")):  # type: ignore[misc]
        async def _begin(self) -> None:
            await super()._begin()
            await super().initialize()

        async def initialize(self) -> None:
            """`_begin` sees to it."""

        async def do_inference(self, method: str, data: bytes) -> bytes | None:
            await asyncio.shield(self._begun)
            return await super().do_inference(method, data)  # type: ignore[no-any-return]

        def is_alive(self) -> bool:
            begun = self._begun
            return not begun.done() or (not begun.cancelled() and not begun.exception() and super().is_alive())

    return Later


def _tell_failure(begun: asyncio.Task[None]) -> None:
    if not begun.cancelled() and (error := begun.exception()):
        logger.warning("what a worker keeps ready for its calls did not start: %s", error)


def in_recognizer() -> bool:
    """Whether a speech recognizer is being set up in this task, which makes a voice detector of its own; False where
    that cannot be told.

    One detector for both saves 0.4 % of a core in a silent call, of 3.4 %.
    """
    try:
        from livekit.agents.voice.audio_recognition import _STTPipelineContextVar as recognizing
    except ImportError:
        _warn("livekit.agents.voice.audio_recognition._STTPipelineContextVar", "each voice is detected twice")
        return False
    return recognizing.get(None) is not None


def skip_spectra(both: TranscriptSynchronizer) -> None:
    """Has words timed by the pauses of a voice alone.

    LiveKit also estimates from the spectrum how fast is spoken: 80 ms for five seconds of speech, a sixth of a join,
    while the other calls of the process wait.
    """
    try:
        both._opts.speaking_rate_detector = _pauses()
    except (ImportError, AttributeError):
        _warn("livekit.agents.voice.transcription._speaking_rate", "keeping words in step with the voice costs more")


@functools.cache
def _pauses() -> Any:
    from livekit.agents.voice.transcription import _speaking_rate as rate

    if not hasattr(rate.SpeakingRateStream, "_spectral_flux"):
        raise AttributeError("_spectral_flux")

    class Stream(rate.SpeakingRateStream):
        def _spectral_flux(self, audio: Any, sample_rate: int) -> float:
            return 1.0

    class Detector(rate.SpeakingRateDetector):
        def stream(self) -> rate.SpeakingRateStream:
            return Stream(self, self._opts)

    return Detector()


async def close_connections(part: Any) -> None:
    """Closes what OpenAI's speech-to-text leaves open when it is closed: one connection a call, for good."""
    client = getattr(part, "_client", None)
    if inspect.iscoroutinefunction(getattr(client, "close", None)):
        await client.close()  # type: ignore[union-attr]


@functools.cache
def _warn(name: str, consequence: str) -> None:
    logger.warning("this version of LiveKit has no %s: %s", name, consequence)
