"""The one error a user's input can cause, and how the program exits by it."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from multiprocessing import parent_process
from pathlib import Path


class SpecError(Exception):
    """What the user gave cannot be used. Its text is one readable line.

    `file` and `line` say where, when a file is to blame; both are part of the text (`file:line: message`). `others` is
    what else is wrong there: whoever tells all that is wrong tells it too.
    """

    others: tuple[SpecError, ...] = ()

    def __init__(self, message: str, *, file: Path | str | None = None, line: int | None = None) -> None:
        self.file = shown_path(file) if file is not None else None
        self.line = line
        where = f"{self.file}:{line}: " if file is not None and line else f"{self.file}: " if file is not None else ""
        text = where + " ".join(message.split())
        super().__init__("".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text))


MISTAKES = 20
"""How many mistakes of one file are told at once."""


def first_of(mistakes: Iterable[SpecError]) -> SpecError:
    """The first of some mistakes in one place, which knows the others."""
    first, *others = islice(mistakes, MISTAKES)
    first.others = tuple(others)
    return first.with_traceback(None)


class NotOffered(SpecError):
    """Nothing is wrong with any file, but these options do not go together, or need a plugin that is not installed."""


def shown_path(path: Path | str) -> str:
    """The path as the user would type it: relative to the working folder when it lies below it."""
    path = Path(path)
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def extra_command(*extras: str) -> str:
    """How to install some of this project's extras beside what is installed already."""
    named = " ".join(f"--extra {extra}" for extra in extras)
    return f"uv sync {named} --inexact (pip: pip install -e '.[{','.join(extras)}]')"


_LENGTH, _NAMES = 64, 200
"""How much of a name, and how many names, are compared: the time grows with the square of a name's length."""


def suggest(wrong: object, choices: Iterable[str]) -> str:
    """'; did you mean X? choices: A, B, C': the tail of every message about a name that is not known."""
    known = sorted(choices)
    names = [name[:_LENGTH] for name in known[:_NAMES]]
    more = f" and {len(known) - _NAMES} more" if len(known) > _NAMES else ""
    return f"{_meant(wrong, names)} (choices: {', '.join(names) or 'none'}{more})"


def is_near(wrong: str, name: str) -> bool:
    """Whether a name that is not known could be meant for this one."""
    return bool(_meant(wrong, [name]))


def not_there(key: str, path: Path | str) -> SpecError:
    """The error for a file or folder that a key names and that is not there: with the nearest name in the same place,
    and without the others, of which there may be many."""
    path, names = Path(path), list[str]()
    with suppress(OSError):
        names = sorted(other.name for other in islice(path.parent.iterdir(), _NAMES))
    return SpecError(f"{key}={path}: there is no such file or folder{_meant(path.name, names, path.parent)}")


def _meant(wrong: object, names: Sequence[str], folder: Path = Path()) -> str:
    """'; did you mean X?', or nothing where no name is near."""
    said = str(wrong)[:_LENGTH].casefold()
    wholes = {name.casefold(): name for name in names}
    words = {word: name for name in names for word in re.split(r"[\W_]+", name.casefold())}
    close = [wholes[name] for name in difflib.get_close_matches(said, wholes, n=1, cutoff=0.5)]
    close = close or [words[word] for word in difflib.get_close_matches(said, words, n=1, cutoff=0.7)]
    close = close or [name for whole, name in wholes.items() if len(whole) > 1 and said.startswith(whole)]
    return f"; did you mean {folder / close[0]}?" if close else ""


class UntoldExit(SystemExit):
    """Exit code 2 of a process that another one has started. That one prints why: once, where many fail alike."""

    def __init__(self, why: str) -> None:
        super().__init__(2)
        self.why = why

    def __reduce__(self) -> tuple[type[UntoldExit], tuple[str]]:
        return UntoldExit, (self.why,)


@contextmanager
def exits() -> Iterator[None]:
    """Turns what the user got wrong into one line on stderr and exit code 2, and Ctrl-C into exit code 130. A process
    that multiprocessing has started leaves the line to the one that started it (`UntoldExit`)."""
    try:
        yield
    except UntoldExit as error:
        print(f"error: {error.why}", file=sys.stderr)
        raise SystemExit(error.code) from None
    except SystemExit:
        raise
    except BaseException as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, KeyboardInterrupt):
            cause = cause.__context__  # a library may raise an error of its own from the interrupt
        if cause is not None:
            raise SystemExit(130) from None
        if (refused := _refused(error)) is None:
            raise
        if parent_process() is not None:
            raise UntoldExit(str(refused)) from None
        print(f"error: {refused}", file=sys.stderr)
        raise SystemExit(2) from None


def _refused(error: BaseException) -> SpecError | None:
    """The user's mistake that an error is; of a group of nothing but mistakes the first. None for any other error."""
    if isinstance(error, BaseExceptionGroup):
        inner = list(map(_refused, error.exceptions))
        return inner[0] if all(inner) else None
    return error if isinstance(error, SpecError) else None
