"""Session folders after their call: finished where it was killed, scored again, deleted when old or forgotten."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from livekit.agents.utils import http_context

from ..errors import SpecError, not_there, shown_path
from ..events import Emit, Notice
from ..spec.persona import FrontMatter
from ..spec.session_spec import SessionSpec
from ..spec.settings import Record
from .folder import (
    EVENTS,
    REPORT,
    SCORECARD,
    SPEC,
    finish,
    folders,
    locked,
    owner,
    persona_and_user,
    read_card,
    read_folder,
    read_spec,
    render,
    safe_name,
    scored_by,
    write_private,
)
from .judge import JUDGE_SECONDS, judged
from .rescore import changes, listened
from .score import card_to_json, score

logger = logging.getLogger(__name__)

EVERY_SECONDS = 3600.0
"""How often a worker looks after the folders."""


def folders_below(folder: str | None) -> list[Path]:
    """The session folders that were named: this one or all below it, in order. Raises SpecError where there is none."""
    if folder is None:
        raise SpecError("folder is not given: folder=DIR names a session folder, or one that holds some")
    if not os.path.lexists(folder):
        raise not_there("folder", folder)
    found = sorted(file.parent for file in Path(folder).rglob(EVENTS) if file.is_file())
    if not found:
        raise SpecError(f"folder={folder}: no session folder is there: it would hold {EVENTS}")
    return found


async def look_after(record: Record, emit: Emit) -> None:
    """Finishes folders whose call was killed and deletes what is too old: at once, and again each hour. Runs for ever,
    beside the calls and on a thread; what goes wrong is a line."""
    while record.enabled:
        for line in await asyncio.to_thread(tidy, record):
            emit(Notice(text=line))
        await asyncio.sleep(EVERY_SECONDS)


def tidy(record: Record) -> list[str]:
    """Finishes and deletes what is due; a line for each folder that was finished or could not be, one for what went."""
    lines = []
    try:
        for folder in folders(record):
            if line := _finish_killed(folder):
                lines.append(line)
        if gone := delete_old(record):
            lines.append(
                f"{gone} session folder{'s' if gone != 1 else ''} older than {record.retention_days} days deleted"
            )
    except OSError as error:
        lines.append(f"{shown_path(record.dir)}: {error.strerror}")
    return lines


def _finish_killed(folder: Path) -> str:
    """Finishes a folder that no call holds any more and that lacks its report, or, where `mode=report` has made that
    alone, its scorecard; nothing where a call holds it, or there is nothing to finish from."""
    try:
        if all((folder / name).exists() for name in (REPORT, SCORECARD)):
            return ""
        with locked(folder / EVENTS):
            cut_off = finish(folder).ending == "cut_off"
    except (BlockingIOError, FileNotFoundError, PermissionError, SpecError):
        return ""  # its call is on, or has not begun to write; it is another's; or not one event was written
    except Exception as error:  # one folder must not keep the others from being finished
        logger.exception("a session folder could not be finished")
        return f"{shown_path(folder)}: could not be finished: {error}"
    return f"{shown_path(folder)}: finished from its events{', as its call was cut off' if cut_off else ''}"


def delete_old(record: Record, today: date | None = None) -> int:
    """Deletes the folders of days that `retention_days` leaves behind; how many."""
    if record.retention_days is None:
        return 0
    first_kept = ((today or date.today()) - timedelta(days=record.retention_days)).isoformat()
    old = (folder for folder in folders(record) if folder.parent.name < first_kept)
    return sum(_delete(folder) for folder in old if _is_ours(folder))


def _is_ours(folder: Path) -> bool:
    """Whether it is a call's, and lets us in: what else lies in the record's folder is never deleted."""
    try:
        return any((folder / name).is_file() for name in (EVENTS, SPEC)) or not any(folder.iterdir())
    except PermissionError:
        return False


def forget(record: Record, user: str) -> tuple[list[Path], list[Path]]:
    """Deletes every folder of this trainee: what was deleted, and what could not be, as a call in it is on or the
    system does not allow it. Raises SpecError where no user was named."""
    if not user.strip():
        raise SpecError("mode=forget needs user=NAME: whose session folders are to be deleted")
    owners = {folder: owner(folder) for folder in folders(record) if _is_ours(folder)}
    theirs = [folder for folder, whose in owners.items() if _is_of(folder, whose, user)]
    gone = [folder for folder in theirs if _delete(folder)]
    shut = [folder for folder in folders(record) if not os.access(folder, os.X_OK) and _is_of(folder, None, user)]
    return gone, [folder for folder in theirs if folder not in gone] + shut


def users(record: Record) -> set[str]:
    """Whose session folders there are."""
    return {one for one in map(owner, folders(record)) if one is not None}


async def score_again(folder: Path, persona: FrontMatter | None = None, spec: SessionSpec | None = None) -> list[str]:
    """Scores a call again: with this persona in place of the one that called, by the judge of a spec or else by cues.
    Writes the scorecard and the report; what has changed and why, a line each. Raises SpecError where it is no session
    folder, and OSError where it cannot be written."""
    kept = read_folder(folder)
    try:
        before = read_card(folder)
    except (OSError, ValueError):
        before = score(kept.log, kept.front, kept.language)
    if persona is None and not read_spec(folder, kept.log):
        render(folder, kept, before)
        return [f"nothing has changed, as {SPEC} is not there, or cannot be read: it says what the call is scored by"]
    if persona and (persona := scored_by(persona)) != kept.front:
        kept = replace(kept, front=persona, log=listened(kept.log, persona, kept.language))
    async with http_context.open():  # what plugins connect by
        made = await judged(kept, spec, JUDGE_SECONDS) if spec else None
    card = score(kept.log, kept.front, kept.language, made.verdicts if made else None, made.model if made else "")
    write_private(folder / SCORECARD, card_to_json(card))
    render(folder, kept, card)
    failed = [made.failed] if made and made.failed else []
    return failed + (changes(before, card) or ["nothing has changed"])


def _is_of(folder: Path, owner: str | None, user: str) -> bool:
    """Whether a folder is this user's; where its owner is not known, by its name."""
    if owner is not None:
        return owner == user
    whose = persona_and_user(folder)
    if persona := read_spec(folder).get("choices", {}).get("persona"):
        return whose == f"{safe_name(str(persona))}-{safe_name(user)}"
    return whose.endswith(f"-{safe_name(user)}")


def _delete(folder: Path) -> bool:
    try:
        with locked(folder / EVENTS):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass  # what is no file nobody writes to
    try:
        shutil.rmtree(folder)
    except OSError:
        logger.info("a session folder could not be deleted", exc_info=True)
        return False
    with suppress(OSError):  # not empty yet
        folder.parent.rmdir()
    return True
