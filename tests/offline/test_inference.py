"""Models that calls share."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import ClassVar

import pytest

from runtime.call import private
from runtime.offline import inference
from runtime.offline.inference import infer, infer_with_fallback


class Upper:
    """A model that answers in capitals, from a thread of its own."""

    INFERENCE_METHOD: ClassVar[str] = "test_upper"
    made: ClassVar[int] = 0

    def initialize(self) -> None:
        type(self).made += 1

    def run(self, data: bytes) -> bytes | None:
        assert threading.current_thread() is not threading.main_thread()
        return data.upper() or None


class Stuck(Upper):
    """A model that answers once it is let go."""

    INFERENCE_METHOD: ClassVar[str] = "test_stuck"
    go: ClassVar[threading.Event] = threading.Event()

    def run(self, data: bytes) -> bytes | None:
        self.go.wait()
        return data


async def test_without_a_worker_this_process_holds_one_copy_of_a_model() -> None:
    """Whoever asks gets the same one, off the event loop; one that gives nothing is an error."""
    answers = await asyncio.gather(*(infer(Upper, word) for word in (b"one", b"two", b"three")))
    assert answers == [b"ONE", b"TWO", b"THREE"] and Upper.made == 1
    with pytest.raises(RuntimeError):
        await infer(Upper, b"")


async def test_a_model_that_does_not_answer_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when LiveKit's inference process has died."""
    monkeypatch.setattr(inference, "SECONDS", 0.01)
    try:
        with pytest.raises(TimeoutError):
            await infer(Stuck, b"")
    finally:
        Stuck.go.set()


class Alone(Upper):
    """A model that the worker does not have."""

    INFERENCE_METHOD: ClassVar[str] = "test_alone"
    made: ClassVar[int] = 0


async def test_a_call_goes_on_by_itself_where_the_workers_copy_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked in vain once, and not again."""
    asked: list[str] = []

    async def do_inference(method: str, data: bytes) -> bytes:
        asked.append(method)
        raise RuntimeError("unknown")

    job = SimpleNamespace(inference_executor=SimpleNamespace(do_inference=do_inference))
    monkeypatch.setattr(inference, "get_job_context", lambda required: job)
    assert [await infer_with_fallback(Alone, word) for word in (b"one", b"two")] == [b"ONE", b"TWO"]
    assert (asked, Alone.made) == (["test_alone"], 1)


def test_a_model_is_shared_by_livekits_own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker starts its inference process with it; to share it twice is no mistake."""
    from livekit.agents.inference_runner import _InferenceRunner

    registered: dict[str, type] = {}
    monkeypatch.setattr(_InferenceRunner, "registered_runners", registered)
    private.register_runner(Upper)
    private.register_runner(Upper)
    assert registered == {"test_upper": Upper}
