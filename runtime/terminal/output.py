"""Standard output as a user may have set it up: with an encoding that lacks characters, a reader that leaves, a full
disk. Nothing that is written to it raises."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from ..errors import SpecError
from ..redaction import Formatter
from ..spec.settings import Log

_PLAIN = {"—": "-", "–": "-", "…": "...", "·": "-", "→": "->", "↻": "~", "↔": "<->", "≤": "<=", "’": "'", "‘": "'"}
_PLAIN |= {"“": '"', "”": '"', "\u00a0": " ", "✓": "+", "✗": "x"}
_PLAIN |= dict(zip("▁▂▃▄▅▆▇█", "12345678", strict=True))
"""What stands in for a character of this program's own, or of typography. Any other is shown as a question mark."""


class Output(io.TextIOWrapper):
    """A text stream that replaces what its encoding lacks, and drops what cannot be written.

    `lost` is the first error of writing. One line on stderr says so, unless the reader of a pipe has left, which is no
    error of anybody's.
    """

    def __init__(self, stream: BinaryIO, encoding: str, *, line_buffering: bool) -> None:
        super().__init__(stream, encoding=encoding, errors="replace", line_buffering=line_buffering)
        self.lost: OSError | None = None
        self._then: Callable[[], None] | None = None
        self._lacking = self._noted = False

    def write(self, text: str) -> int:
        try:
            text.encode(self.encoding)
        except UnicodeEncodeError:
            text = "".join(map(self._shown, text))
        try:
            return super().write(text)
        except OSError as error:
            self._lose(error)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._lose(error)

    def note(self) -> str:
        """The line that says that characters were replaced by question marks; given once, and empty if none were."""
        if not self._lacking or self._noted:
            return ""
        self._noted = True
        return f"the encoding here, {self.encoding}, lacks some characters: each is shown as ?"

    def _lose(self, error: OSError) -> None:
        if isinstance(error, BrokenPipeError):  # nothing will ever be read: what is still to come is not tried
            self.discard()
        if self.lost is None:
            self.lost = error
            if not isinstance(error, BrokenPipeError):
                print(f"error: standard output: {error.strerror}", file=sys.stderr)
            if self._then:
                self._then()

    def when_lost(self, then: Callable[[], None]) -> None:
        """Sets what is called when text is lost for the first time; it is called now if that has happened."""
        self._then = then
        if self.lost:
            then()

    def _shown(self, character: str) -> str:
        try:
            character.encode(self.encoding)
        except UnicodeEncodeError:
            self._lacking |= character not in _PLAIN
            return _PLAIN.get(character, "?")
        return character

    def discard(self) -> None:
        """Throws away what is not written yet, and whatever comes."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


@contextmanager
def standard_output() -> Iterator[Output]:
    """Makes `sys.stdout` an `Output` for as long as the program runs. Exit code 1 if some of it was lost. Raises
    SpecError where standard output is closed."""
    if not isinstance(sys.stdout, io.TextIOWrapper):  # None
        raise SpecError("standard output is closed: nothing could be shown. Send it to /dev/null if that is meant")
    before = sys.stdout
    sys.stdout = output = Output(before.detach(), before.encoding, line_buffering=before.line_buffering)
    try:
        yield output
    finally:
        output.flush()
        if note := output.note():
            print(note, file=sys.stderr)
        if output.lost:
            output.discard()
    if output.lost:
        raise SystemExit(1)


def set_up_logging(log: Log) -> None:
    """Where the libraries' own lines go: to stderr from this level on, without secrets, or nowhere."""
    handler = logging.NullHandler() if log is Log.QUIET else logging.StreamHandler()
    handler.setFormatter(Formatter("%(name)s: %(message)s"))
    level = "CRITICAL" if log is Log.QUIET else log.upper()
    logging.basicConfig(level=level, handlers=[handler], force=True)
    if log is Log.QUIET:
        os.environ.setdefault("RUST_LOG", "off")  # LiveKit's native library
