"""Files being saved, as an async iterator.

An event of the file system only starts a scan, which compares the files with those of the scan before. A scan is also
made once a second (more rarely where it takes long), for what events miss, and more often where there are no events.
"""

from __future__ import annotations

import asyncio
import math
import os
import re
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from watchfiles import Change, awatch

from ..errors import shown_path
from .snapshot import Identity, SavedFiles, Snapshot

STEP = 10
"""Milliseconds between two looks at the queue of file events. It decides how soon a save is noticed (18 ms at the
median; 9 with a step of 5) and what waiting costs (0.4 % of a core; 0.7), measured with watchfiles 1.3.0."""

DEBOUNCE = 50
"""Milliseconds at most that events which keep coming (a checkout of many files) are gathered into one save."""

SCAN = 1.0
"""Seconds between two scans when no event comes, at least."""

SCAN_SHARE = 0.005
"""What such scans may take of a core: where there are thousands of files they come more rarely."""

POLL = 0.25
"""Seconds between two scans where events cannot tell everything, at least."""

POLL_SHARE = 0.02
"""What those may take of a core."""

RETRY = 10.0
"""Seconds until file events are tried again where they failed."""

EVENTLESS = frozenset(
    "9p afs beegfs ceph cifs drvfs fuse gfs2 gpfs lustre ncpfs nfs nfs4 ocfs2 orangefs prl_fs smb3 smbfs vboxsf "
    "virtiofs vmhgfs".split()
)
"""File systems that others write to without this machine's kernel being told. All of `fuse.*` are too."""

MOUNTS = Path("/proc/self/mountinfo")


def saves(
    folders: Sequence[Path],
    is_ours: Callable[[Path], bool],
    say: Callable[[str], None] | None = None,
    since: float = math.inf,
    known: Iterable[Path] = (),
) -> AsyncGenerator[SavedFiles, None]:
    """Every save below the folders from this call on, until the iterator is closed; first, as one, those
    since the Unix time `since`, and the files that were `known` then and are gone.

    A folder may lie inside another, be a link, and come and go. Paths are `folder / …` as given; folders below it whose
    name begins with a dot are not entered. `is_ours` says which files count; it is called in a thread, where all
    reading is done. `say` is told, in one line each, where events are missing and which folder is gone or back. The
    iterator never ends by itself, and nothing in the file system makes it raise.
    """
    snapshot = Snapshot(folders, is_ours)
    return _saves(snapshot, snapshot.saved_since(since, known), say or (lambda line: None))


async def _saves(
    snapshot: Snapshot, missed: SavedFiles | None, say: Callable[[str], None]
) -> AsyncGenerator[SavedFiles, None]:
    if missed:
        yield missed
    trigger = _ScanTrigger(snapshot.folders, say)
    try:
        while True:
            saved = await asyncio.to_thread(snapshot.scan)
            await trigger.watch(snapshot.found_folders)
            if saved:
                yield saved
            await trigger.wait(snapshot.settles_in(), snapshot.scan_seconds)
    finally:
        await trigger.close()


class _ScanTrigger:
    """Tells when to scan the folders: at file events, and after some time without one, which is short where events
    cannot tell everything."""

    def __init__(self, folders: Sequence[Path], say: Callable[[str], None]) -> None:
        self._folders = folders
        self._say = say
        self._said: set[str] = set()
        self._gone: set[Path] = set()
        self._triggered = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._watched: Mapping[Path, Identity | None] = {}
        self._polled = False
        self._failed = ""
        self._retry_at = 0.0

    async def wait(self, limit: float | None, scan_seconds: float) -> None:
        """Returns when there is reason to scan, or after `limit` seconds. `scan_seconds` is what the last scan took."""
        pause = max(POLL, scan_seconds / POLL_SHARE) if self._polled else max(SCAN, scan_seconds / SCAN_SHARE)
        try:
            async with asyncio.timeout(pause if limit is None else min(limit, pause)):
                await self._triggered.wait()
        except TimeoutError:
            pass
        self._triggered.clear()

    async def watch(self, found: Mapping[Path, Identity | None]) -> None:
        """Watches what the folders are now, if that is not what is being watched."""
        retry = self._failed and time.monotonic() >= self._retry_at
        if self._task and not self._task.done() and found == self._watched and not retry:
            return
        failed = await self.close()
        # An error that came with a folder that went is no failure of the watcher.
        self._failed = failed if found == self._watched else ""
        self._retry_at = time.monotonic() + RETRY
        self._watched = found
        gone = {folder for folder in self._folders if not found[folder]}
        for folder in sorted(gone ^ self._gone):
            self._tell(f"{shown_path(folder)}: the folder is {'gone' if folder in gone else 'back'}")
        self._gone = gone
        reasons = await asyncio.to_thread(_why_polled, self._folders, self._failed)
        for folder, reason in reasons.items():
            line = f"{shown_path(folder)}: no file events there ({reason}), so it is read every {POLL:g} s"
            if reason and line not in self._said:
                self._said.add(line)
                self._tell(line)
        watched = [folder for folder, reason in reasons.items() if reason is None and folder not in gone]
        # When a link is pointed elsewhere, there is no event inside the folder that it leads to.
        self._polled = len(watched) < len(self._folders) or await asyncio.to_thread(_any_links, watched)
        places = [place for place in found if any(place.is_relative_to(folder) for folder in watched)]
        self._task = asyncio.create_task(self._wait_for_events(places))

    def _tell(self, line: str) -> None:
        self._say(line.encode(errors="backslashreplace").decode())  # a path is bytes, and need not be text

    async def close(self) -> str:
        """Ends the watch; returns the error that had ended it before, if one had."""
        if self._task is None:
            return ""
        self._task.cancel()
        (error,) = await asyncio.gather(self._task, return_exceptions=True)
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        return " ".join(str(error).split()) if isinstance(error, Exception) else ""

    async def _wait_for_events(self, folders: Sequence[Path]) -> None:
        """Triggers at each event, until a folder is deleted: a folder that takes its place, even with the same inode
        number, needs a new watch."""
        names = {str(folder) for folder in folders}
        try:
            # A scan once the watch has begun finds what was saved since the scan before.
            self._triggered.set()
            if not folders:
                await asyncio.Event().wait()  # for ever: there are no events to wait for
            async for changes in awatch(
                *folders,
                # All folders are given, those below too: the library would enter hidden ones, and any link.
                recursive=False,
                watch_filter=None,
                step=STEP,
                debounce=DEBOUNCE,
                rust_timeout=0,
                force_polling=False,
                ignore_permission_denied=True,
            ):
                self._triggered.set()
                if any(change is Change.deleted and path in names for change, path in changes):
                    return
        finally:
            self._triggered.set()


def _why_polled(folders: Sequence[Path], failed: str) -> dict[Path, str | None]:
    """Each folder with the reason why events tell nothing about it, or None."""
    forced = os.environ.get("WATCHFILES_FORCE_POLLING", "").lower() not in ("", "false", "disable", "disabled")
    reason = "WATCHFILES_FORCE_POLLING is set" if forced else failed
    return {folder: reason or _eventless(folder) for folder in folders}


def _any_links(folders: Iterable[Path]) -> bool:
    return any(os.path.realpath(folder) != os.path.abspath(folder) for folder in folders)


def _eventless(folder: Path) -> str | None:
    """The type of the file system that the folder is on, if others can write to it unseen."""
    try:
        mounts = list(_mounts())
    except OSError:  # not Linux
        return None
    real = Path(os.path.realpath(folder))
    above = [(len(point.parts), n, kind) for n, (point, kind) in enumerate(mounts) if real.is_relative_to(point)]
    kind = max(above, default=(0, 0, ""))[2]
    return kind if kind in EVENTLESS or kind.startswith("fuse.") else None


def _mounts() -> Iterator[tuple[Path, str]]:
    """Mount points and their file systems, in the order in which they were mounted (proc(5), mountinfo)."""
    for line in MOUNTS.read_bytes().splitlines():
        mount, _, system = line.partition(b" - ")
        point = re.sub(rb"\\([0-7]{3})", lambda code: bytes([int(code[1], 8)]), mount.split()[4])
        yield Path(os.fsdecode(point)), os.fsdecode(system.split()[0])
