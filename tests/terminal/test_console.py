"""The call in a terminal: a real one, with a screen, and pipes."""

import os
import pty
import select
import signal
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyte
import pytest

from tests.conftest import COMMAND, Run

DEADLINE = 40.0
"""Seconds within which anything awaited has happened, on a busy machine."""


class Terminal:
    """The command on a pseudo-terminal of 100 columns, with its screen."""

    def __init__(self, process: subprocess.Popen[bytes], keyboard: int) -> None:
        self.process = process
        self.keyboard = keyboard
        self.screen = pyte.Screen(100, 40)
        self._stream = pyte.ByteStream(self.screen)
        self.written = b""

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def until(self, condition: Callable[[str], bool]) -> str:
        """Reads what the program writes until the screen is as wanted."""
        end = time.monotonic() + DEADLINE
        while not condition(self.text):
            ready, _, _ = select.select([self.keyboard], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"not within {DEADLINE} s; the screen:\n{self.text}"
            try:
                data = os.read(self.keyboard, 65536)
                self.written += data
                self._stream.feed(data)
            except OSError:  # the program has closed its terminal
                assert condition(self.text), self.text
        return self.text

    def press(self, keys: str) -> None:
        os.write(self.keyboard, keys.encode())

    def wait(self) -> int:
        return self.process.wait(timeout=DEADLINE)


@contextmanager
def terminal(environment: dict[str, str], cwd: Path, *arguments: str) -> Iterator[Terminal]:
    keyboard, inside = pty.openpty()
    termios.tcsetwinsize(inside, (40, 100))
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        env={**environment, "TERM": "xterm-256color", "TZ": "UTC"},
        cwd=cwd,
        start_new_session=True,
        preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),  # makes it the controlling terminal
    )
    before = termios.tcgetattr(inside)
    try:
        shown = Terminal(process, keyboard)
        yield shown
        assert termios.tcgetattr(inside)[3] == before[3], "the terminal is left as it was found"
    finally:
        process.kill()
        process.wait()
        os.close(keyboard)
        os.close(inside)


def prompted(text: str) -> bool:
    return "What are you going to do about it?" in text.replace("\n", " ") and "\n>" in text


def test_a_typed_call_on_a_terminal(environment: dict[str, str], here: Path) -> None:
    """She speaks first; what is typed shows as it is typed, then stands above the answer; /end closes the call."""
    with terminal(environment, here) as screen:
        opened = screen.until(prompted)
        assert "Sarah Thompson  model offline · voice bright_female" in opened
        screen.press("what is your accoumt\x7f\x7fnt number?")
        screen.until(lambda text: "> what is your account number?" in text)
        screen.press("\r")
        answered = screen.until(lambda text: "CUST-2847" in text and text.rstrip().endswith(">"))
        assert answered.index("You: what is your account number?") < answered.index("CUST-2847")
        screen.press("/end\r")
        ended = screen.until(lambda text: "Call ended: trainee_left. 1 turn" in text)
        assert ended.count("CUST-2847") == 1
        assert screen.wait() == 0


@pytest.mark.parametrize("keys", ["\x03", "\x04"], ids=["Ctrl-C", "Ctrl-D"])
def test_keys_that_end_things_end_the_call(keys: str, environment: dict[str, str], here: Path) -> None:
    """Ctrl-C and Ctrl-D hang up, with a summary and no traceback."""
    with terminal(environment, here) as screen:
        screen.until(prompted)
        screen.press(keys)
        assert "Traceback" not in screen.until(lambda text: "Call ended: trainee_left" in text)
        assert screen.wait() == 0


def test_thai_is_typed_and_answered(environment: dict[str, str], here: Path) -> None:
    """Thai letters with their marks are echoed, deleted and answered like any other.

    Read as written: the emulator of these tests draws no mark that stands on a letter.
    """
    with terminal(environment, here, "language=th") as screen:
        screen.until(lambda text: "\n>" in text and "Sarah Thompson (angry)" in text)
        screen.press("ขอเลขบัญชีหน่อยค่ะะ\x7f\r")
        screen.until(lambda _: b"CUST-2847" in screen.written)
        assert "หน่อยค่ะ".encode() in screen.written
        screen.press("/end\r")
        assert screen.wait() == 0


def test_piped_lines_are_a_whole_conversation(run: Run) -> None:
    """Each line waits for the answer to the one before; the output is plain, and its end closes the call."""
    done = run(stdin="hello\r\n\n  what is your account number?  \n")
    assert (done.code, done.err) == (0, "")
    assert "\x1b" not in done.out
    lines = [line[9:] for line in done.out.splitlines()[2:]]
    assert [line.partition(":")[0] for line in lines] == [
        "Sarah Thompson (angry)",
        "You",
        "Sarah Thompson (angry)",
        "You",
        "Sarah Thompson (angry)",
        "d",
    ]
    assert lines[3] == "You: what is your account number?"


def test_end_and_bytes_that_are_no_text(run: Run) -> None:
    """/end hangs up before the input does, and bytes that are not UTF-8 are no reason to stop."""
    done = run(stdin=b"caf\xe9\n/end\nnever said\n")
    assert done.code == 0
    assert "caf\ufffd" in done.out
    assert "never said" not in done.out


def test_a_reader_that_leaves_is_no_error(environment: dict[str, str], here: Path) -> None:
    """`| head -1` ends the program without a traceback."""
    shell = f"{' '.join(map(repr, COMMAND))} < /dev/null | head -1"
    done = subprocess.run(["bash", "-c", shell], env=environment, cwd=here, capture_output=True, timeout=60)
    assert done.stderr.decode() == ""
    assert done.stdout.count(b"\n") == 1


def test_sigterm_hangs_up(environment: dict[str, str], here: Path) -> None:
    """A process that is told to stop closes its call first."""
    process = subprocess.Popen(COMMAND, stdin=-1, stdout=-1, stderr=-1, env=environment, cwd=here)
    assert process.stdout is not None
    for line in process.stdout:
        if b"What are you going to do" in line:
            process.send_signal(signal.SIGTERM)
            break
    out, err = process.communicate(timeout=DEADLINE)
    assert b"Call ended: trainee_left" in out
    assert (process.returncode, err) == (0, b"")


def test_speaking_without_a_device_says_what_to_do(run: Run) -> None:
    """A machine without PortAudio or devices gets one line, before the call starts."""
    done = run("console.audio=true")
    if done.code == 0:
        pytest.skip("this machine has a microphone and speakers")
    assert done.code == 2
    assert done.err.startswith("error: console.audio=true")
    assert done.err.count("\n") == 1
