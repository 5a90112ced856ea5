"""Standard input: a keyboard, a pipe, a file, or nothing at all; and the line that a trainee types during a call."""

from __future__ import annotations

import asyncio
import codecs
import os
import re
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

END = "/end"
"""What is typed, as a line of its own, to hang up."""


def is_terminal() -> bool:
    """Whether somebody types."""
    return sys.stdin is not None and sys.stdin.isatty()


@contextmanager
def one_by_one(wanted: bool) -> Iterator[None]:
    """While it is entered, a terminal gives each key as it is pressed, without echo, if that is `wanted`. Ctrl-C stays
    a signal; what was typed before is kept."""
    if not wanted or not is_terminal():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin, termios.TCSADRAIN)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


async def read() -> bytes:
    """What comes next, as soon as there is something; empty at the end.

    Without a thread: one that is still reading when the program ends aborts it. The terminal is not made non-blocking,
    as whoever started the program reads from it too.
    """
    if sys.stdin is None:  # it was closed
        return b""
    source = sys.stdin.fileno()
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_reader(source, ready.set)
    except PermissionError:  # a regular file is always ready, and cannot be waited for
        pass
    else:
        try:
            await ready.wait()
        finally:
            loop.remove_reader(source)
    try:
        return os.read(source, 4096)
    except OSError:  # the terminal is gone
        return b""


_SEQUENCE = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|O[A-Z]|\[?[0-9;?]*$|[^\[O])")
"""An escape sequence that a key sends, or the beginning of one."""


class LineEditor:
    """A line of text with a cursor, and the lines before it. Knows no terminal: bytes come in by `feed`."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self.text = ""
        self.cursor = 0
        self.ended = False
        self._decode = codecs.getincrementaldecoder(encoding)(errors="replace").decode
        self._pending = ""
        self._history: list[str] = []
        self._shown = 0

    def feed(self, data: bytes) -> list[str]:
        """Takes what the keyboard sent and returns the lines that it finished. Ctrl-D on an empty line ends input."""
        keys = self._pending + self._decode(data)
        self._pending = ""
        lines = []
        while keys and not self.ended:
            sequence = _SEQUENCE.match(keys)
            if sequence and sequence.end() == len(keys) and not re.search(r"[@-Z\\^-~]$", keys[1:].lstrip("[")):
                self._pending = keys
                break
            key = sequence[0] if sequence else keys[0]
            keys = keys[len(key) :]
            if key in "\r\n":
                lines.append(self._finish())
            else:
                self._press(key)
        return lines

    def _finish(self) -> str:
        line, self.text, self.cursor = self.text, "", 0
        if line.strip():
            self._history.append(line)
        self._shown = len(self._history)
        return line

    def _press(self, key: str) -> None:
        before, after = self.text[: self.cursor], self.text[self.cursor :]
        match key:
            case "\x7f" | "\x08":
                before = before[:-1]
            case "\x1b[3~":
                after = after[1:]
            case "\x04":
                self.ended = not self.text
                after = after[1:]
            case "\x15":
                before = ""
            case "\x0b":
                after = ""
            case "\x17":
                before = re.sub(r"\S*\s*$", "", before)
            case "\x1b[D" | "\x1bOD" | "\x02":
                before, after = before[:-1], before[-1:] + after
            case "\x1b[C" | "\x1bOC" | "\x06":
                before, after = before + after[:1], after[1:]
            case "\x1b[H" | "\x1bOH" | "\x1b[1~" | "\x01":
                before, after = "", before + after
            case "\x1b[F" | "\x1bOF" | "\x1b[4~" | "\x05":
                before, after = before + after, ""
            case "\x1b[A" | "\x1bOA" | "\x1b[B" | "\x1bOB":
                step = -1 if key.endswith("A") else 1
                self._shown = max(0, min(len(self._history), self._shown + step))
                before, after = (self._history[self._shown] if self._shown < len(self._history) else ""), ""
            case _ if key.isprintable():
                before += key
        self.text, self.cursor = before + after, len(before)
