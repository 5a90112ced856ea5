"""The processes in which joblib holds the calls of a sweep: forks of this one, so that all that is imported here, which
takes a new process seconds, is there."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from threading import Thread, current_thread, main_thread
from typing import Any

from joblib import cpu_count, register_parallel_backend, wrap_non_picklable_objects
from joblib.parallel import ParallelBackendBase


class Forks(ParallelBackendBase):  # type: ignore[misc]
    """A backend of joblib's whose workers are forks, gone once this process is.

    A worker that is killed ends the sweep with `concurrent.futures.BrokenExecutor`.
    """

    supports_retrieve_callback = True

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """How many workers that is; -1 is one a core."""
        return max(1, n_jobs if n_jobs and n_jobs > 0 else cpu_count() + 1 + (n_jobs or 0))

    def configure(self, n_jobs: int = 1, parallel: object = None, **_: object) -> int:
        """Called by joblib before the first job; returns the number of workers."""
        self.parallel = parallel
        workers = self.effective_n_jobs(n_jobs)
        self._pool = ProcessPoolExecutor(workers, multiprocessing.get_context("fork"), _begin)
        return workers

    def submit(self, func: Callable[[], Any], callback: Callable[[Future[Any]], None] | None = None) -> Future[Any]:
        """Has a batch of jobs run. The first one starts the workers."""
        with _signals_held():
            future = self._pool.submit(_run, _packed(func))
        if callback:
            future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, out: Future[Any]) -> Any:
        return out.result()

    def terminate(self) -> None:
        """Called by joblib after the last job."""
        self._pool.shutdown(cancel_futures=True)

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Called by joblib in place of `terminate` where something was raised, such as by Ctrl-C."""
        for worker in multiprocessing.active_children():
            worker.kill()
        self.terminate()


@contextmanager
def _signals_held() -> Iterator[None]:
    """Has Ctrl-C and SIGTERM wait for what is done in it: one that comes while processes fork is lost, or leaves a pool
    that is half begun and cannot be ended. Python handles signals in the main thread alone."""
    came: list[int] = []
    held = (signal.SIGINT, signal.SIGTERM) if current_thread() is main_thread() else ()
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in held}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
        for one in came:
            signal.raise_signal(one)


def _packed(value: Any) -> Any:
    """Something of Hydra's as it can be sent: pickle alone refuses it."""
    return wrap_non_picklable_objects(value, keep_wrapper=False)


def _run(func: Callable[[], Any]) -> Any:
    """What a batch of jobs returned, without the configs that Hydra has put into it, of which a sweeper asks nothing.

    What is longer than 16 KiB is sent in two parts, and who waits for the second waits for ever where a worker was
    killed between them: this process too could still write it.
    """
    returned = func()
    for job in returned:
        job.cfg = job.hydra_cfg = None
    return _packed(returned)


def _begin() -> None:
    """What a worker does first: it leaves Ctrl-C and the screen to its parent process, and ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
    Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)


def use_forks() -> None:
    """Has `hydra/launcher=joblib` use forks, where that is safe: whatever is set, it asks joblib for `loky` by name."""
    if sys.platform == "linux":
        register_parallel_backend("loky", Forks)
