"""A fork of the server stands for the command: what it is given and what it leaves are those of a process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import COMMAND

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the real command is run here")


@pytest.mark.parametrize("arguments", [["mode=chek"], ["mode=prompt"], ["--help"]], ids=" ".join)
def test_a_fork_prints_and_ends_as_the_real_command_does(
    arguments: list[str], command: list[str], environment: dict[str, str], here: Path
) -> None:
    """To the letter, with the same exit code."""
    forked, real = (
        subprocess.run([*program, *arguments], env=environment, cwd=here, capture_output=True, stdin=-3)
        for program in (command, COMMAND)
    )
    assert (forked.returncode, forked.stdout, forked.stderr) == (real.returncode, real.stdout, real.stderr)


SHOWN = """
import os, signal, sys, time
umask = os.umask(0)
streams = [f and (f.encoding, f.errors, f.line_buffering, f.isatty()) for f in (sys.stdin, sys.stdout, sys.stderr)]
print(sys.argv[1:], os.getcwd(), sorted(os.environ.items()), oct(umask), streams, time.tzname, sys.flags)
print(sys.path, [n for n in sorted(os.listdir("/proc/self/fd"), key=int) if os.path.exists(f"/proc/self/fd/{n}")])
print({n: signal.getsignal(n) for n in signal.valid_signals()}, signal.pthread_sigmask(0, ()), sys.warnoptions)
print(os.getsid(0) == os.getpid(), __name__, __file__, "runtime.errors" in sys.modules)
sys.exit(41)
"""


@pytest.mark.parametrize("leads", [False, True])
def test_a_fork_is_given_all_that_is_its_callers(
    leads: bool, command: list[str], environment: dict[str, str], tmp_path: Path
) -> None:
    """Arguments, folder, environment, umask, streams, signals, path, flags: as a program in place of `runtime` finds
    them."""
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime" / "__main__.py").write_text(SHOWN)
    guard = environment["PYTHONPATH"].split(os.pathsep)[0]
    env = environment | {"PYTHONPATH": f"{guard}:{tmp_path}", "TZ": "Asia/Bangkok", "PYTHONIOENCODING": "cp874:strict"}
    lines = "umask 027; trap '' HUP; exec \"$@\" a 'b c' <&-"
    forked, real = (
        subprocess.run(
            ["bash", "-c", lines, "-", *program], env=env, cwd=tmp_path, capture_output=True, start_new_session=leads
        )
        for program in (command, COMMAND)
    )
    assert forked.stdout.decode().splitlines() == real.stdout.decode().splitlines()
    assert (forked.returncode, forked.stderr) == (41, b"") == (real.returncode, real.stderr)


SIGNALS = "import os, signal, sys; print(flush=True); sys.stdin.read()"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_a_signal_to_the_caller_is_the_forks(
    number: signal.Signals, command: list[str], environment: dict[str, str], tmp_path: Path
) -> None:
    """Ended by a signal, a fork is gone, and its caller is ended by the same."""
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime" / "__main__.py").write_text(SIGNALS)
    guard = environment["PYTHONPATH"].split(os.pathsep)[0]
    env = environment | {"PYTHONPATH": f"{guard}:{tmp_path}"}
    with subprocess.Popen(command, env=env, cwd=tmp_path, stdin=-1, stdout=-1, stderr=-3) as process:
        assert process.stdout and process.stdin
        process.stdout.readline()
        process.send_signal(number)
        assert process.wait(timeout=30) == -number
        assert process.stdout.read() == b""  # once the fork has closed it


def test_what_only_a_new_interpreter_can_follow_is_refused(
    command: list[str], environment: dict[str, str], tmp_path: Path
) -> None:
    """A variable for Python itself, and a `sitecustomize` of a test's own."""
    own = tmp_path / "sitecustomize.py"
    own.touch()
    path = os.pathsep.join([environment["PYTHONPATH"], str(tmp_path)])
    for variable, said in (({"PYTHONUTF8": "1"}, "PYTHONUTF8=1"), ({"PYTHONPATH": path}, str(own))):
        done = subprocess.run(command, env=environment | variable, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (1, f"{said}: this needs the real command\n")
