"""What files hold, and which of them were saved between two scans. A file event only says that it is time to scan."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SETTLE = 0.1
"""Seconds that a file must stay empty, missing or unreadable to be so: until then it may be halfway through a save."""

READ_LIMIT = 1024 * 1024
"""Bytes of a file that are compared. A larger file also differs when its stat does."""

CLOCK_STEP = 2.0
"""Seconds of the coarsest timestamps (FAT's). A file that was read sooner than that after it changed may have changed
again without a trace in its stat, so it is read again."""

LATE = 0.01
"""Seconds that the kernel's clock for files is behind the one for programs."""

Identity = tuple[int, int]
"""A folder's device and number."""


@dataclass(frozen=True, slots=True)
class SavedFiles:
    """Files that were saved at about the same time.

    `at`: Unix time of the save, in seconds. `changed` holds files whose bytes differ from before (new, deleted and
    renamed ones too), `same` those that were saved, moved away and back, or given other permissions, with the bytes
    they had. Whoever reads a file may meet it halfway through its next save, which may well be one of the same bytes:
    a reader that reads again at each report, of either kind, ends with what the file holds.
    """

    at: float
    changed: frozenset[Path]
    same: frozenset[Path]


@dataclass(frozen=True, slots=True)
class _FileState:
    """A file as it was read: its content (a hash, or one of the below), its stat just before, and when that was."""

    content: bytes
    signature: tuple[int, ...] = (0,)
    read_at: float = 0.0

    @property
    def moved_at(self) -> float:
        """When it was last written, renamed or given other permissions: its ctime, which no program can set."""
        return self.signature[-1] / 1e9


_UNREADABLE = b"unreadable"
_EMPTY = b"empty"
_ABSENT = _FileState(b"absent")
_MAY_BE_HALFWAY = {_UNREADABLE, _EMPTY, _ABSENT.content}


@dataclass(frozen=True, slots=True)
class _Unsettled:
    """A file that is empty, missing or unreadable, maybe only halfway through a save: which of these, since when
    (`time.monotonic`), and the Unix time of the save."""

    content: bytes
    since: float
    at: float


class Snapshot:
    """The files below some folders, as they were last seen. `scan` may run in any thread, in one at a time."""

    def __init__(self, folders: Sequence[Path], is_ours: Callable[[Path], bool]) -> None:
        self.folders = folders
        self.found_folders: Mapping[Path, Identity | None] = {}
        """What the folders were at the last scan (None: not there), and those below them."""
        self.scan_seconds = 0.0
        """What the last scan took of a core."""
        self._is_ours = is_ours
        self._known: dict[str, Path | None] = {}
        self._unsettled: dict[Path, _Unsettled] = {}
        self._scanned = time.time()
        self._states = {path: _state_of(path, _ABSENT) for path in self._files()}

    def saved_since(self, since: float, known: Iterable[Path]) -> SavedFiles | None:
        """The files that were saved at this Unix time or later, and those that were known then and are gone."""
        times = {path: state.moved_at for path, state in self._states.items() if state.moved_at >= since}
        times |= {path: self._scanned for path in known if self._states.get(path, _ABSENT) is _ABSENT}
        return SavedFiles(max(times.values()), frozenset(times), frozenset()) if times else None

    def settles_in(self) -> float | None:
        """Seconds until a file that is held back has settled; None when there is none."""
        if not self._unsettled:
            return None
        return max(0.0, min(hold.since for hold in self._unsettled.values()) + SETTLE - time.monotonic())

    def scan(self) -> SavedFiles | None:
        """What was saved since the last scan, but for files that may be halfway through a save."""
        before, self._scanned, began = self._scanned, time.time(), time.thread_time()
        unsettled: dict[Path, _Unsettled] = {}
        changed: dict[Path, float] = {}
        same: dict[Path, float] = {}
        files = self._files()
        for path in files | self._states.keys():
            old = self._states.get(path, _ABSENT)
            new = _state_of(path, old) if path in files else _ABSENT
            hold = self._unsettled.get(path)
            if new is old and not hold:
                continue
            now = time.time()
            at = new.moved_at if before - LATE <= new.moved_at <= now else now
            if new.content in _MAY_BE_HALFWAY and new.content != old.content:
                if not hold or hold.content != new.content:
                    hold = _Unsettled(new.content, time.monotonic(), at)
                if time.monotonic() < hold.since + SETTLE:
                    unsettled[path] = hold
                    continue
                at = hold.at
            if new.content != old.content:
                changed[path] = at
            elif new.signature != old.signature or hold:
                same[path] = at
            self._states[path] = new
            if new is _ABSENT:
                del self._states[path]
        self._unsettled = unsettled
        self.scan_seconds = time.thread_time() - began
        times = changed | same
        return SavedFiles(max(times.values()), frozenset(changed), frozenset(same)) if times else None

    def _files(self) -> set[Path]:
        """The files that are ours. Sets `found_folders` too."""
        # By name, kept from scan to scan: to make and compare thousands of paths takes longer than to list them.
        known: dict[str, Path | None] = {}
        found_folders: dict[Path, Identity | None] = dict.fromkeys(self.folders)
        for folder in self.folders:
            seen: set[Identity] = set()
            places = [folder]
            while places:
                place = places.pop()
                try:
                    status = os.stat(place)
                    identity = status.st_dev, status.st_ino
                    if identity in seen:
                        continue
                    with os.scandir(place) as found:
                        entries = list(found)
                except OSError:
                    continue
                seen.add(identity)
                found_folders[place] = identity
                for entry in entries:
                    if not _is_folder(entry):
                        known[entry.path] = self._ours(entry.path)
                    elif not entry.name.startswith("."):
                        # Links last, so that a folder that is reached both ways goes by its own name.
                        places.insert(0 if entry.is_symlink() else len(places), Path(entry.path))
        self.found_folders, self._known = found_folders, known
        return {path for path in known.values() if path}

    def _ours(self, name: str) -> Path | None:
        if name in self._known:
            return self._known[name]
        path = Path(name)
        return path if self._is_ours(path) else None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _state_of(path: Path, old: _FileState) -> _FileState:
    """The file's state now. It is `old` itself, without reading the file again, where the stat is the same and `old`
    was read more than `CLOCK_STEP` after the file changed."""
    try:
        status = os.stat(path)
    except OSError:
        return _ABSENT
    if not stat.S_ISREG(status.st_mode):
        return _ABSENT
    if _signature(status) == old.signature and old.read_at > old.moved_at + CLOCK_STEP:
        return old
    now = time.time()
    try:
        # O_NONBLOCK: a pipe that has just taken the file's place would block.
        with open(path, "rb", buffering=0, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            status = os.fstat(file.fileno())
            data = file.read(min(status.st_size, READ_LIMIT) + 1) or b""  # no more: the memory for it is taken at once
    except FileNotFoundError:
        return _ABSENT
    except OSError:
        return _FileState(_UNREADABLE, _signature(status), now)
    if len(data) > READ_LIMIT:
        data = data[:READ_LIMIT] + b"%d %d" % (status.st_size, status.st_mtime_ns)
    return _FileState(hashlib.sha256(data).digest() if data else _EMPTY, _signature(status), now)


def _signature(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
