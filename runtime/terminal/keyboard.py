"""Standard input: a keyboard, a pipe, a file, or nothing at all."""

from __future__ import annotations

import asyncio
import os
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
