"""Models that all calls share: one copy in LiveKit's inference process, or without a worker in this one."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, ClassVar, Protocol

from livekit.agents import get_job_context

logger = logging.getLogger(__name__)

SECONDS = 10.0
"""How long an answer may take: where LiveKit's inference process has died, none would ever come."""
START_SECONDS = 60.0
"""The same for what is asked ahead of time, as that process may still be starting."""


class SharedModel(Protocol):
    """A model that works on bytes, in the form that LiveKit runs in its inference process. The class must be found by
    its name in its module, and be made without arguments."""

    INFERENCE_METHOD: ClassVar[str]
    """What it is called between processes."""

    def initialize(self) -> None:
        """Gets ready. A worker takes no rooms before: what takes long is begun here, and awaited in `run`."""

    def run(self, data: bytes) -> bytes | None:
        """What the model makes of this. Runs on several threads at once."""


async def infer(model: type[SharedModel], data: bytes, seconds: float | None = None) -> bytes:
    """What the one copy of a model makes of this: the worker's, in a job; elsewhere one that this process holds, on a
    thread. The event loop is never held up. Raises RuntimeError where the model failed, or the worker was started
    without it, and TimeoutError where it took longer than so many `seconds` (without: `SECONDS`)."""
    job = get_job_context(required=False)
    async with asyncio.timeout(seconds or SECONDS):
        if job is None:
            return await _infer_here(model, data)
        answer = await job.inference_executor.do_inference(model.INFERENCE_METHOD, data)
        return _checked(model, answer)


async def _infer_here(model: type[SharedModel], data: bytes) -> bytes:
    return _checked(model, await asyncio.get_running_loop().run_in_executor(_THREADS, _here(model).run, data))


def _checked(model: type[SharedModel], answer: bytes | None) -> bytes:
    if answer is None:
        raise RuntimeError(f"inference of {model.INFERENCE_METHOD} gave nothing")
    return answer


async def infer_with_fallback(model: type[SharedModel], data: bytes, seconds: float | None = None) -> bytes:
    """As `infer`; where the worker's copy does not answer, this process holds one of its own from then on: a call goes
    on. Raises RuntimeError for a model that fails here too."""
    if get_job_context(required=False) is None:
        return await infer(model, data, seconds)
    if model.INFERENCE_METHOD not in _MODELS:
        try:
            return await infer(model, data, seconds)
        except (RuntimeError, TimeoutError, OSError) as error:
            logger.warning("%s does not answer (%s): this process goes on by itself", model.INFERENCE_METHOD, error)
    return await _infer_here(model, data)


def infer_ahead(model: type[SharedModel], data: bytes) -> None:
    """Has a model loaded beside what goes on; what fails will fail again, and be told, when it is needed."""

    def done(task: asyncio.Task[bytes]) -> None:
        _AHEAD.discard(task)
        if not task.cancelled():
            task.exception()

    task = asyncio.ensure_future(infer_with_fallback(model, data, START_SECONDS))
    _AHEAD.add(task)
    task.add_done_callback(done)


_AHEAD: set[asyncio.Task[bytes]] = set()


def pack(facts: Mapping[str, Any], data: bytes = b"") -> bytes:
    """A few facts and bytes as what goes between processes."""
    return json.dumps(facts).encode() + b"\n" + data


def unpack(message: bytes) -> tuple[dict[str, Any], bytes]:
    """What `pack` was given."""
    head, _, data = message.partition(b"\n")
    return json.loads(head), data


_MODELS: dict[str, SharedModel] = {}
"""The models that this process holds itself."""
_LOCK = Lock()
_THREADS = ThreadPoolExecutor(2, thread_name_prefix="inference")


def _here(model: type[SharedModel]) -> SharedModel:
    with _LOCK:
        if model.INFERENCE_METHOD not in _MODELS:
            made = _MODELS[model.INFERENCE_METHOD] = model()
            made.initialize()
        return _MODELS[model.INFERENCE_METHOD]
