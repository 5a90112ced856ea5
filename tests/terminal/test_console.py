"""The call in a terminal: a real one, with a screen, and pipes."""

import os
import pty
import re
import select
import shutil
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
def terminal(command: list[str], environment: dict[str, str], cwd: Path, *arguments: str) -> Iterator[Terminal]:
    keyboard, inside = pty.openpty()
    termios.tcsetwinsize(inside, (40, 100))
    process = subprocess.Popen(
        [*command, *arguments],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        env={"TERM": "xterm-256color", **environment, "TZ": "UTC"},
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


def shell(line: str, environment: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["bash", "-c", line], env=environment, cwd=cwd, capture_output=True, timeout=60)


def prompted(text: str) -> bool:
    return "Sarah Thompson (angry): " in text and "\n>" in text


def test_a_typed_call_on_a_terminal(command: list[str], environment: dict[str, str], here: Path) -> None:
    """She speaks first; what is typed shows as it is typed, then stands above the answer; /end closes the call."""
    with terminal(command, environment, here) as screen:
        opened = screen.until(prompted)
        assert "Sarah Thompson: connecting …".encode() in screen.written and "connecting" not in opened
        assert "Sarah Thompson  model offline · voice bright_female" in opened
        screen.press("what is your accoumt\x7f\x7fnt number?")
        screen.until(lambda text: "> what is your account number?" in text)
        screen.press("\r")
        answered = screen.until(lambda text: "CUST-2847" in text and text.rstrip().endswith(">"))
        assert answered.index("You: what is your account number?") < answered.index("CUST-2847")
        screen.press("/end\r")
        ended = screen.until(lambda text: "Call ended: the trainee hung up. 1 turn" in text)
        assert ended.count("CUST-2847") == 1
        assert screen.wait() == 0


@pytest.mark.parametrize("keys", ["\x03", "\x04"], ids=["Ctrl-C", "Ctrl-D"])
def test_keys_that_end_things_end_the_call(
    keys: str, command: list[str], environment: dict[str, str], here: Path
) -> None:
    """Ctrl-C and Ctrl-D hang up, with a summary and no traceback."""
    with terminal(COMMAND if keys == "\x03" else command, environment, here) as screen:  # a terminal's own Ctrl-C
        screen.until(prompted)
        screen.press(keys)
        assert "Traceback" not in screen.until(lambda text: "Call ended: the trainee hung up" in text)
        assert screen.wait() == 0


def test_thai_is_typed_and_answered(command: list[str], environment: dict[str, str], here: Path) -> None:
    """Thai letters with their marks are echoed, deleted and answered like any other.

    Read as written: the emulator of these tests draws no mark that stands on a letter.
    """
    with terminal(command, environment, here, "language=th") as screen:
        screen.until(lambda text: "\n>" in text and "Sarah Thompson (angry)" in text)
        screen.press("ขอเลขบัญชีหน่อยค่ะะ\x7f\r")
        screen.until(lambda _: b"CUST-2847" in screen.written)
        assert "หน่อยค่ะ".encode() in screen.written
        screen.press("/end\r")
        assert screen.wait() == 0


def test_a_line_typed_before_the_call_is_ready_is_kept(
    command: list[str], environment: dict[str, str], here: Path
) -> None:
    """What is typed while the program still starts is a turn once it has."""
    with terminal(command, environment, here) as screen:
        screen.press("what is your account number?\r/end\r")
        screen.until(
            lambda text: "You: what is your account number?" in text and "Call ended: the trainee hung up" in text
        )
        assert screen.wait() == 0


def test_a_terminal_that_can_only_print(command: list[str], environment: dict[str, str], here: Path) -> None:
    """With TERM=dumb lines are typed and printed; /end ends the program though the terminal could still be read."""
    with terminal(command, environment | {"TERM": "dumb"}, here) as screen:
        screen.until(lambda text: "Sarah Thompson: connecting" in text)
        screen.press("what is your account number?\n")
        screen.until(lambda text: "CUST-2847" in text)
        screen.press("/end\n")
        screen.until(lambda text: "Call ended: the trainee hung up. 1 turn" in text)
        assert screen.wait() == 0
        assert b"\x1b" not in screen.written


def test_input_after_the_end_is_left_unread(run: Run) -> None:
    """Once she has hung up nothing is answered any more: her last words, the summary, exit code 0."""
    done = run("record=off", stdin="shut up idiot\nshut up idiot\nare you there?\nhello?\n")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    said, ended, *score = lines[[line.startswith("Call ended") for line in lines].index(True) - 1 :]
    assert score[0].startswith("Score:") and score[-1].startswith("No report")
    assert said.endswith("Goodbye.")
    assert ended.startswith("Call ended: walked out (customer not satisfied). 2 turns")


def test_a_call_ends_with_its_score_and_leaves_its_folder(run: Run, here: Path) -> None:
    """The score, a sentence for each objective missed, and where the report is; `record=off` leaves nothing, and tells
    the score."""
    done = run(stdin="calm down\nI am so sorry, this is our mistake\n")
    assert (done.code, done.err) == (0, "")
    *_, report = lines = done.out.splitlines()
    assert "Score: 0 of 100 (pass mark 70), not passed." in lines
    assert any("“calm down” cost you “De-escalation”" in line for line in lines)
    assert "<!doctype html>" in (here / report.removeprefix("Report: ")).read_text()
    shutil.rmtree(here / "sessions")
    off = run("record=off", stdin="calm down\nI am so sorry, this is our mistake\n").out.splitlines()
    assert off[-1] == "No report: this call was not recorded."
    told, told_off = (
        [re.sub(r"\d+:\d\d", "M:SS", line) for line in out if line.startswith(("Score", "  "))] for out in (lines, off)
    )
    assert told == told_off
    assert not (here / "sessions").exists()


def test_a_folder_that_cannot_be_written_is_one_line_and_the_call_goes_on(run: Run, here: Path) -> None:
    """A file lies where the folders should."""
    (here / "sessions").write_text("")
    done = run(stdin="hello\n")
    assert (done.code, done.err) == (0, "")
    assert done.out.count("this call is not recorded any further") == 1
    assert "Score: 0 of 100" in done.out
    assert "Call ended: the trainee hung up. 1 turn" in done.out


def test_a_pipe_that_stays_open_does_not_hold_the_program(
    command: list[str], environment: dict[str, str], here: Path
) -> None:
    """/end ends the program while whoever writes to its input goes on."""
    process = subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-1, env=environment, cwd=here)
    assert process.stdin and process.stdout and process.stderr
    process.stdin.write(b"hello\n/end\n")
    process.stdin.flush()
    assert process.wait(timeout=DEADLINE) == 0
    assert "Call ended: the trainee hung up. 1 turn" in process.stdout.read().decode()
    assert process.stderr.read() == b""
    for stream in (process.stdin, process.stdout, process.stderr):
        stream.close()


@pytest.mark.parametrize(
    ("stdin", "turns"), [("<&-", 0), ("< /dev/null", 0), ("< lines", 2), ("< fifo & cat lines > fifo; wait $!", 2)]
)
def test_whatever_input_is(stdin: str, turns: int, command: list[str], environment: dict[str, str], here: Path) -> None:
    """Closed, nothing, a file, a named pipe: the call is held with the lines that there are."""
    (here / "lines").write_text("hello\nwhat is your account number?")
    os.mkfifo(here / "fifo")
    done = shell(f"{' '.join(map(repr, command))} {stdin}", environment, here)
    assert (done.returncode, done.stderr) == (0, b"")
    assert f"Call ended: the trainee hung up. {turns} turns" in done.stdout.decode()


@pytest.mark.parametrize(("encoding", "thai"), [("cp874", "สวัสดีค่ะ"), ("latin-1", "?????????")])
def test_no_line_is_lost_to_an_encoding(
    encoding: str, thai: str, command: list[str], environment: dict[str, str], here: Path
) -> None:
    """What the output's encoding lacks is replaced, and that is said once; every line is there."""
    env = environment | {"PYTHONIOENCODING": encoding}
    spoken = f"{thai} x\n{thai} ♥\n".encode(encoding, "replace")
    arguments = [*command, "language=th", "record=off"]
    done = subprocess.run(arguments, input=spoken, env=env, cwd=here, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    shown = done.stdout.decode(encoding).splitlines()
    assert "voice bright_female" in shown[1]
    assert [line[9:] for line in shown if line[9:].startswith("You:")] == [f"You: {thai} x", f"You: {thai} ?"]
    ended = "จบสาย: ผู้ฝึกวางสาย 2 ตา".encode(encoding, "replace").decode(encoding)
    assert sum(line.startswith(ended) for line in shown) == 1
    assert sum("lacks some characters" in line for line in shown) == (encoding == "latin-1")


@pytest.mark.parametrize("mode", ["console", "prompt"])
def test_a_full_disk_is_one_line(mode: str, command: list[str], environment: dict[str, str], here: Path) -> None:
    """What cannot be written ends the program with one line and exit code 1; a call is hung up."""
    with open("/dev/full", "wb") as full:
        arguments = [*command, f"mode={mode}"]
        process = subprocess.Popen(arguments, stdin=-1, stdout=full, stderr=-1, env=environment, cwd=here)
    assert process.stdin and process.stderr
    assert process.wait(timeout=DEADLINE) == 1
    assert process.stderr.read() == b"error: standard output: No space left on device\n"
    process.stdin.close()
    process.stderr.close()


def test_a_closed_output_is_one_line(command: list[str], environment: dict[str, str], here: Path) -> None:
    """A call that nobody could see is not begun."""
    done = shell(f"{' '.join(map(repr, command))} >&-", environment, here)
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: standard output is closed") and done.stderr.count(b"\n") == 1


def test_piped_lines_are_a_whole_conversation(run: Run) -> None:
    """Each line waits for the answer to the one before; the output is plain, and its end closes the call."""
    done = run("record=off", stdin="hello\r\n\n  what is your account number?  \n")
    assert (done.code, done.err) == (0, "")
    assert "\x1b" not in done.out
    call, _, score = done.out.partition("Score: ")
    assert score
    lines = [line[9:] for line in call.splitlines()[2:]]
    assert [line.partition(":")[0] for line in lines] == [
        "Sarah Thompson (angry)",
        "You",
        "Sarah Thompson (angry)",
        "You",
        "Sarah Thompson (angry)",
        "d",
    ]
    assert lines[3] == "You: what is your account number?"


def test_a_piped_line_is_one_turn_however_long(run: Run) -> None:
    """It is cut as any typed turn is, and a line says so."""
    done = run("record=off", stdin=f"{'I am so sorry. ' * 16_000}\nhello\n")
    assert (done.code, done.err) == (0, "")
    assert "a typed turn of 239,999 characters is cut after 4,000" in done.out
    assert ". 2 turns, " in done.out


def test_end_and_bytes_that_are_no_text(run: Run) -> None:
    """/end hangs up before the input does, and bytes that are not UTF-8 are no reason to stop."""
    done = run(stdin=b"caf\xe9\n/end\nnever said\n")
    assert done.code == 0
    assert "caf\ufffd" in done.out
    assert "never said" not in done.out


def test_a_reader_that_leaves_is_no_error(environment: dict[str, str], here: Path) -> None:
    """`| head -1` ends the program without a traceback."""
    done = shell(f"{' '.join(map(repr, COMMAND))} < /dev/null | head -1; exit ${{PIPESTATUS[0]}}", environment, here)
    assert done.stderr.decode() == ""
    assert done.stdout.count(b"\n") == 1
    assert done.returncode == 1, "what was left unread was not shown"


def test_sigterm_hangs_up(command: list[str], environment: dict[str, str], here: Path) -> None:
    """A process that is told to stop closes its call first."""
    process = subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-1, env=environment, cwd=here)
    assert process.stdout is not None
    for line in process.stdout:
        if b"Sarah Thompson (angry)" in line:
            process.send_signal(signal.SIGTERM)
            break
    out, err = process.communicate(timeout=DEADLINE)
    assert b"Call ended: the trainee hung up" in out
    assert (process.returncode, err) == (0, b"")


def test_speaking_without_a_device_says_what_to_do(run: Run) -> None:
    """A machine without PortAudio or devices gets one line, before the call starts."""
    done = run("console.audio=true")
    if done.code == 0:
        pytest.skip("this machine has a microphone and speakers")
    assert done.code == 2
    assert done.err.startswith("error: console.audio=true")
    assert done.err.count("\n") == 1


def test_a_line_that_looks_like_a_command_is_not_said_to_her(run: Run) -> None:
    """It is told with the command that there is."""
    out = run(stdin="/help me\nhello\n/end\n").out
    assert "/help: no such command, and nothing was said; /end hangs up" in out
    assert "You: /help" not in out and "You: hello" in out
