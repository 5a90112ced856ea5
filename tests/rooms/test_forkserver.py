"""The process that job processes are forked from: what it imports, and how it ends."""

import os
import socket
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from runtime.call.private import PRELOADED
from runtime.errors import SpecError
from runtime.rooms.forkserver import modules, private_folder
from tests.composed import compose


@pytest.mark.parametrize("model", ["offline", "gemini_realtime", "openai_pipeline"])
def test_every_module_that_is_preloaded_is_there(model: str) -> None:
    """A name that has gone, of ours or of LiveKit's own preloading, would be skipped in silence."""
    for name in (*modules(compose([f"model={model}"])), *PRELOADED):
        assert find_spec(name), name


HEAPS = """
import re, threading
from runtime.rooms.forkserver import share_heap
share_heap()
over = threading.Event()
def allocate():
    kept.append([bytes(2000) for _ in range(2000)])
    over.wait()
kept, threads = [], [threading.Thread(target=allocate) for _ in range(8)]
[thread.start() for thread in threads]
while len(kept) < 8: pass
starts = [int(line.split("-")[0], 16) for line in open("/proc/self/maps") if " rw-p 00000000 00:00 0" in line]
print(sum(start % 2**26 == 0 for start in starts))
over.set()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's heaps")
def test_threads_share_their_heaps() -> None:
    """A thread's own, 64 MiB apart, would keep what it has let go of."""
    run = subprocess.run([sys.executable, "-c", HEAPS], capture_output=True, text=True, check=True)
    assert int(run.stdout) <= 1


def test_sockets_have_a_place_however_long_the_name_of_the_folder_for_temporary_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A socket's own name may have 107 bytes, and multiprocessing puts its folder and its socket below this one."""
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    folder = private_folder.__wrapped__()
    (folder / "pymp-12345678").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "pymp-12345678" / "listener-12345678"))
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    with pytest.raises(SpecError, match=r"^/nonexistent: no place for a worker's sockets: No such file or directory; "):
        private_folder.__wrapped__()


WORKER_THAT_STARTS_A_CHILD = """
import multiprocessing, sys, time
from types import SimpleNamespace
from runtime.rooms import forkserver
from runtime.spec.settings import Executor

SPEC = SimpleNamespace(parts={}, listening=SimpleNamespace(embedder=None))

def hang():
    forkserver.LEAVE_SECONDS = 0
    print("hangs", flush=True)
    time.sleep(1000)

if __name__ == "__main__":
    preload = multiprocessing.set_forkserver_preload
    multiprocessing.set_forkserver_preload = lambda names: preload(names[:1])  # LiveKit is not needed here
    forkserver.prepare(SimpleNamespace(executor=Executor.PROCESS), SPEC)
    multiprocessing.get_context("forkserver").Process(target=hang).start()
    time.sleep(1000)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="jobs are forked on Linux alone")
def test_a_child_that_hangs_ends_with_a_killed_worker(tmp_path: Path) -> None:
    """kill -9 of the worker: a child that waits for something of its own ends all the same, and with it the process
    that it was forked from and the private folder."""
    script = tmp_path / "worker.py"
    script.write_text(WORKER_THAT_STARTS_A_CHILD)
    with tempfile.TemporaryDirectory() as temporary:  # whose path is short enough for a socket
        environment = os.environ | {"TMPDIR": temporary, "PYTHONPATH": os.getcwd()}
        with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, env=environment) as worker:
            assert worker.stdout
            said, made = worker.stdout.readline(), os.listdir(temporary)
            worker.kill()
            assert said == b"hangs\n" and made
            assert worker.stdout.read() == b""  # which ends with the last process that could write there
        assert os.listdir(temporary) == []
