"""Private names of LiveKit: each is there and does what it is used for, and without it the slow way is taken."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from livekit import rtc
from livekit.agents.ipc import inference_proc_executor, proc_pool
from livekit.agents.voice import audio_recognition
from livekit.agents.voice.transcription import TranscriptSynchronizer, _speaking_rate
from livekit.plugins import openai
from livekit.rtc import _ffi_client as ffi
from openai import AsyncClient

from runtime.call import private
from runtime.call.voice import Words
from tests.caller import calling
from tests.loopback.audio import silence, tone
from tests.loopback.client import Speaker

RATE = 24_000


@pytest.fixture(autouse=True)
def afresh() -> Iterator[None]:
    """Nothing was looked up or warned of yet."""
    for cached in (private._pauses, private._warn):
        cached.cache_clear()
    yield
    for cached in (private._pauses, private._warn):
        cached.cache_clear()


@pytest.fixture
def warned(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """The warnings of these uses."""
    texts: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: texts.append(record.getMessage())  # type: ignore[method-assign]
    private.logger.addHandler(handler)
    yield texts
    private.logger.removeHandler(handler)


def synchronizer() -> TranscriptSynchronizer:
    """Words in step with a voice, as LiveKit does it."""
    words = Words(lambda text: None, lambda: None)
    return TranscriptSynchronizer(next_in_chain_audio=Speaker(), next_in_chain_text=words)


async def test_the_native_library_keeps_its_log(
    livekit_url: str, monkeypatch: pytest.MonkeyPatch, warned: list[str]
) -> None:
    """None of the thousands of lines of a join is handed to Python."""
    monkeypatch.setenv("RUST_LOG", "off")
    private.keep_native_log()
    handed: list[Any] = []
    monkeypatch.setattr(ffi, "to_python_level", handed.append)
    async with calling(livekit_url, "a room"):
        pass
    assert len(handed) < 20  # but for what was on its way
    assert not warned


def test_without_its_name_the_native_library_hands_its_log_on(
    monkeypatch: pytest.MonkeyPatch, warned: list[str]
) -> None:
    """Calls go on, dearer."""
    monkeypatch.setenv("RUST_LOG", "off")
    monkeypatch.delattr(ffi, "FfiClient")
    private.keep_native_log()
    assert "joining a room costs more" in warned[0]


async def test_words_are_kept_in_step_by_pauses(monkeypatch: pytest.MonkeyPatch, warned: list[str]) -> None:
    """Two seconds of voice and two of nothing: words come in the first, and none in the second, without a spectrum."""
    monkeypatch.setattr(np.fft, "rfft", lambda *_, **__: pytest.fail("a spectrum was made"))
    both = synchronizer()
    private.skip_spectra(both)
    stream = both._opts.speaking_rate_detector.stream()
    pcm = tone(2, RATE) + silence(2, RATE)
    for start in range(0, len(pcm), 4800):
        stream.push_frame(rtc.AudioFrame(pcm[start : start + 4800], RATE, 1, 2400))
    stream.end_input()
    rates = {round(event.timestamp, 1): event.speaking_rate async for event in stream}
    await stream.aclose()
    await both.aclose()
    assert {rate for at, rate in rates.items() if at < 1.4} == {1.0}
    assert {rate for at, rate in rates.items() if at > 2.6} == {0.0}
    assert not warned


@pytest.mark.parametrize(
    ("owner", "name"),
    [(_speaking_rate.SpeakingRateStream, "_spectral_flux"), (_speaking_rate, "SpeakingRateDetector")],
)
async def test_without_their_names_words_are_kept_in_step_by_spectra(
    owner: object, name: str, monkeypatch: pytest.MonkeyPatch, warned: list[str]
) -> None:
    """LiveKit's own detector stays."""
    both = synchronizer()
    own = both._opts.speaking_rate_detector
    monkeypatch.delattr(owner, name)
    private.skip_spectra(both)
    assert both._opts.speaking_rate_detector is own
    assert "keeping words in step with the voice costs more" in warned[0]
    await both.aclose()


async def test_a_recognizer_is_told_from_the_rest_of_a_call(warned: list[str]) -> None:
    """Where a recognizer is set up, and nowhere else."""
    assert not private.in_recognizer()
    audio_recognition._STTPipelineContextVar.set(None)  # type: ignore[arg-type]
    assert not private.in_recognizer()
    audio_recognition._STTPipelineContextVar.set(object())  # type: ignore[arg-type]
    assert private.in_recognizer()
    assert not warned


def test_without_its_name_each_recognizer_has_its_own_detector(
    monkeypatch: pytest.MonkeyPatch, warned: list[str]
) -> None:
    """The voice is detected twice."""
    monkeypatch.delattr(audio_recognition, "_STTPipelineContextVar")
    assert not private.in_recognizer()
    assert not private.in_recognizer()
    assert len(warned) == 1 and "detected twice" in warned[0]


async def test_openais_recognizer_leaves_no_connection_open() -> None:
    """Its client is closed with it, and a part without one is left as it is."""
    client = AsyncClient(api_key="not-a-real-key")
    recognizer = openai.STT(client=client)
    await recognizer.aclose()
    await private.close_connections(recognizer)
    assert client.is_closed()
    await private.close_connections(object())


async def test_a_worker_does_not_wait_for_its_models_to_start(warned: list[str]) -> None:
    """They start once it is registered; it is healthy meanwhile, and who asks is answered once they are there."""
    up = asyncio.Event()
    closed: list[bool] = []

    class Executor:
        """LiveKit's, as it is called by a worker."""

        async def start(self) -> None:
            await up.wait()

        async def initialize(self) -> None: ...

        async def do_inference(self, method: str, data: bytes) -> bytes:
            assert up.is_set()
            return data

        def is_alive(self) -> bool:
            return not closed

        async def aclose(self) -> None:
            closed.append(True)

    beside = private._models_later(Executor)()
    beside.registered = asyncio.Event()
    await beside.start()
    await beside.initialize()
    beside.registered.set()
    asked = asyncio.ensure_future(beside.do_inference("a model", b"something"))
    await asyncio.sleep(0)
    assert beside.is_alive() and not asked.done()
    up.set()
    assert await asked == b"something"
    await beside.aclose()
    assert not beside.is_alive() and not warned


async def test_a_worker_does_not_wait_for_the_threads_of_its_calls(
    monkeypatch: pytest.MonkeyPatch, warned: list[str]
) -> None:
    """They are made once it is registered; while they are, it is not closed, as LiveKit could not."""
    made, done = asyncio.Event(), asyncio.Event()
    order: list[str] = []

    class Pool:
        async def start(self) -> None:
            made.set()
            await done.wait()
            order.append("made")

        async def aclose(self) -> None:
            order.append("closed")

    monkeypatch.setattr(proc_pool, "ProcPool", Pool)
    for registered in (asyncio.Event(), asyncio.Event()):
        private.make_threads_after(registered)
    pool = proc_pool.ProcPool()  # type: ignore[call-arg]
    await pool.start()
    await asyncio.sleep(0)
    assert not made.is_set()
    registered.set()
    await made.wait()
    closing = asyncio.ensure_future(pool.aclose())
    await asyncio.sleep(0)
    done.set()
    await closing
    assert order == ["made", "closed"] and not warned


@pytest.mark.parametrize(
    ("module", "name", "start_after"),
    [
        (proc_pool, "ProcPool", private.make_threads_after),
        (inference_proc_executor, "InferenceProcExecutor", private.start_models_after),
    ],
)
def test_without_its_name_a_worker_waits_for_what_its_calls_need(
    module: ModuleType,
    name: str,
    start_after: Callable[[asyncio.Event], None],
    monkeypatch: pytest.MonkeyPatch,
    warned: list[str],
) -> None:
    """As LiveKit has it: the threads that are kept ready, and the models."""
    own = getattr(module, name)
    monkeypatch.setattr(module, name, own)  # as it is again afterwards
    for _ in range(2):
        start_after(asyncio.Event())
    assert getattr(module, name).__mro__.count(own) == 1 and not warned
    monkeypatch.delattr(module, name)
    start_after(asyncio.Event())
    assert "registers later" in warned[0]


async def test_models_that_do_not_start_are_told(warned: list[str]) -> None:
    """The worker goes on, not healthy; who asks is told so, and goes on without."""

    class Executor:
        async def start(self) -> None:
            raise OSError("no more processes")

        async def initialize(self) -> None: ...

        async def do_inference(self) -> None: ...

        def is_alive(self) -> None: ...

        async def aclose(self) -> None: ...

    beside = private._models_later(Executor)()
    beside.registered = asyncio.Event()
    beside.registered.set()
    await beside.start()
    with pytest.raises(OSError, match="no more processes"):
        await beside.do_inference("a model", b"something")
    assert not beside.is_alive()
    assert "no more processes" in warned[0]


def test_a_preloaded_module_that_is_gone_is_said(monkeypatch: pytest.MonkeyPatch, warned: list[str]) -> None:
    """Python's fork server skips it in silence."""
    private.check_preloaded()
    assert not warned
    monkeypatch.setattr(private, "PRELOADED", ("livekit.agents.ipc._gone",))
    private.check_preloaded()
    assert "_gone" in warned[0] and "more memory" in warned[0]
