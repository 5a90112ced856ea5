"""Specs by what was asked for, kept in step with the files that they are made from."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from ..call import build
from ..config.compose import compose_config, read_settings, reread, resolve
from ..config.groups import CONF, GROUPS, PROGRAM_GROUPS, file_of, personas_folder
from ..config.mistakes import readable_errors
from ..config.persona_file import read_persona
from ..errors import SpecError, shown_path
from ..events import Change, How
from ..spec.persona import NAME
from ..spec.session_spec import AnyEdit, Edit, FaultyEdit, SessionSpec
from ..spec.settings import Settings
from .watch import Saved, saves

logger = logging.getLogger(__name__)

KEPT = 64
"""Specs that are kept ready although no call follows them."""

PROGRAM_FIELDS = {"routing": How.NEXT_CALL, "rooms": How.NEXT_CALL, "reload": How.NEXT_CALL}
"""When what the program itself is told takes effect; whatever is not named here, with a restart."""

Renewed = Callable[[float, bool], None]
"""Told of each save of the files: its Unix time, and whether any file is wrong since."""
Take = Callable[[AnyEdit], None]


@dataclass(slots=True)
class _Entry:
    """What was asked for once: its last good spec, why there is no newer one, and the calls that follow it."""

    spec: SessionSpec
    error: str = ""
    followers: list[Take] = field(default_factory=list)


class SpecStore:
    """Gives out specs, and each later edit of them.

    Args:
        overrides: the command line's own; no edit overrides them.
        settings: the program's, as they are now.
        audio: whether calls are spoken here, so that specs must be able to hear and speak.
        since: Unix time before which everything in the files is known: what was saved later is an edit.
    """

    def __init__(self, overrides: Sequence[str], settings: Settings, *, audio: bool, since: float) -> None:
        self._overrides = list(overrides)
        self._audio = audio
        self._since = since
        self._entries: dict[frozenset[tuple[str, str]], _Entry] = {}
        self._composing: dict[frozenset[tuple[str, str]], asyncio.Future[SessionSpec]] = {}
        self.settings = settings
        self.problems: dict[str, str] = {}
        """What is wrong with the files as they are now, by persona file; with the program's own, by "settings"."""

    async def find(self, choices: Mapping[str, str]) -> SessionSpec:
        """The spec for these options by group, in the command line's place; composed if nobody asked for it before.

        Raises:
            SpecError: there is none, and never was a good one.
        """
        asked = frozenset(choices.items())
        if asked not in self._entries:
            if asked not in self._composing:  # rooms that open at once share one composing
                composing = asyncio.get_running_loop().run_in_executor(None, self._compose, choices)
                composing.add_done_callback(lambda _: self._composing.pop(asked))
                self._composing[asked] = composing
            spec = await asyncio.shield(self._composing[asked])
            if asked not in self._entries:
                self.put(choices, spec)
        self._entries[asked] = self._entries.pop(asked)  # the latest asked for comes last
        return self._entries[asked].spec

    async def stock(self, personas: Iterable[str], say: Callable[[str], None]) -> None:
        """Composes what rooms will ask for before they do; says which personas no room can have."""
        for name in personas:
            try:
                await self.find({"persona": name})
            except SpecError as error:
                say(f"{error}; no room gets this persona until it is put right")

    def put(self, choices: Mapping[str, str], spec: SessionSpec) -> None:
        """Keeps a spec that was composed elsewhere."""
        self._entries[frozenset(choices.items())] = _Entry(spec)
        idle = [asked for asked, entry in self._entries.items() if not entry.followers]
        for asked in idle[:-KEPT]:
            del self._entries[asked]

    @property
    def specs(self) -> list[SessionSpec]:
        """All last good specs."""
        return [entry.spec for entry in self._entries.values()]

    def follow(self, choices: Mapping[str, str], take: Take) -> Callable[[], None]:
        """Gives a call its spec at once and every later edit as it comes; returns what ends that, after `find`."""
        entry = self._entries[frozenset(choices.items())]
        entry.followers.append(take)
        take(Edit(entry.spec))
        return lambda: entry.followers.remove(take)

    async def keep(self, say: Callable[[str], None], renewed: Renewed = lambda at, wrong: None) -> None:
        """Watches the files for ever. `say` gets lines for the training lead."""
        unread: asyncio.Queue[Saved] = asyncio.Queue()
        watched = saves([CONF, personas_folder()], is_ours, say)  # which reports what is saved from here on
        if missed := _saved_between(self._since, time.time()):
            unread.put_nowait(Saved(time.time(), missed, frozenset()))

        async def read() -> None:
            async for saved in watched:
                unread.put_nowait(saved)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(read())
            while True:
                saved = await unread.get()
                while not unread.empty():  # what was saved while specs were composed is one edit
                    saved = _together(saved, unread.get_nowait())
                renewed(saved.at, await self._renew(saved, say))

    async def _renew(self, saved: Saved, say: Callable[[str], None]) -> bool:
        """Gives every call what the save makes of its spec; returns whether any file is wrong."""
        files = tuple(sorted(shown_path(path) for path in saved.changed | saved.same))
        program: tuple[Change, ...] = ()
        problem = ""
        touched = saved.changed | saved.same  # what ends with the bytes it had may have been read halfway
        if any(_is_programs(path) for path in touched):
            try:
                program = await asyncio.to_thread(self._renew_settings)
                self.problems.pop("settings", None)
            except SpecError as error:
                self.problems["settings"] = problem = str(error)
        for path in touched:
            await asyncio.to_thread(self._look_at, path)
        for asked in [asked for asked, entry in self._entries.items() if not entry.followers and _gone(entry.spec)]:
            del self._entries[asked]
        followed: set[Path] = set()
        for asked, entry in list(self._entries.items()):
            edit = await self._edited(dict(asked), entry, touched, problem)
            edit = replace(edit, at=saved.at, files=files)
            if isinstance(edit, FaultyEdit):
                entry.error = edit.error
            else:
                entry.spec, entry.error = edit.spec, ""
                edit = replace(edit, program=program)
            if entry.followers:
                followed |= {file_of(entry.spec.choices["persona"])}
            for take in list(entry.followers):
                try:
                    take(edit)
                except Exception:  # one call that cannot be told must not keep the others from being told
                    logger.exception("a call did not take an edit")
        errors = {
            file_of(entry.spec.choices["persona"]): entry.error for entry in self._entries.values() if entry.error
        }
        wrong = next((error for error in (*self.problems.values(), *errors.values())), "")
        # Calls that are on say themselves what they got.
        for path in sorted(
            path for path in saved.changed if path not in followed and (is_persona(path) or not followed)
        ):
            if path.exists():
                own = self.problems.get(str(path)) or errors.get(path) if is_persona(path) else wrong
                say(f"{shown_path(path)} saved: {own or 'the next call has it'}")
            else:
                say(f"{shown_path(path)} is gone: no further call has it")
        return bool(wrong)

    def _look_at(self, path: Path) -> None:
        """Notes what is wrong with a persona that nobody may have asked for yet."""
        self.problems.pop(str(path), None)
        if is_persona(path) and path.exists():
            try:
                read_persona(path)
            except SpecError as error:
                self.problems[str(path)] = str(error)

    async def _edited(self, choices: dict[str, str], entry: _Entry, touched: frozenset[Path], problem: str) -> AnyEdit:
        """What a save makes of one spec."""
        if problem:
            return FaultyEdit(problem)
        try:
            persona = file_of(entry.spec.choices["persona"])
            if not persona.exists():
                raise SpecError("this file is gone", file=persona)
            if not entry.error and all(is_persona(path) for path in touched):
                if persona not in touched:
                    return Edit(entry.spec)
                if spec := await asyncio.to_thread(reread, entry.spec):
                    return Edit(spec)
            return Edit(await asyncio.to_thread(self._compose, choices))
        except SpecError as error:
            return FaultyEdit(str(error))
        except Exception as error:  # a mistake of ours must end neither the watching nor a call
            logger.exception("composing failed")
            return FaultyEdit(f"{type(error).__name__}: {error}")

    def _compose(self, choices: Mapping[str, str]) -> SessionSpec:
        overrides = self._with(choices)
        with readable_errors(overrides):
            cfg = compose_config(overrides)
            spec = resolve(cfg, cfg.hydra)
        self.check(spec)
        return spec

    def check(self, spec: SessionSpec) -> None:
        """Raises a SpecError for a spec that cannot be used here."""
        build.check_secrets(spec, os.environ)
        if self._audio:
            build.check(spec)

    def _with(self, choices: Mapping[str, str]) -> list[str]:
        kept = [override for override in self._overrides if override.partition("=")[0] not in choices]
        return [*kept, *(f"{group}={option}" for group, option in choices.items())]

    def _renew_settings(self) -> tuple[Change, ...]:
        """Takes over what the files tell the program itself; returns what changed."""
        with readable_errors(self._overrides):
            new = read_settings(compose_config(self._overrides))
        old, self.settings = self.settings, new
        return tuple(_changes(old, new))


def is_persona(path: Path) -> bool:
    """Whether a file is a persona's."""
    return path.parent == personas_folder() and path.suffix == ".md" and bool(NAME.fullmatch(path.stem))


def is_ours(path: Path) -> bool:
    """Whether a file is one that specs or settings are made from."""
    if path.parent.parent == CONF and path.suffix == ".yaml":
        return path.parent.name in (*GROUPS, *PROGRAM_GROUPS) and bool(NAME.fullmatch(path.stem))
    if path.parent == CONF / "language" and path.suffix == ".md":
        return True
    return path == CONF / "config.yaml" or is_persona(path)


def _gone(spec: SessionSpec) -> bool:
    """Whether the persona's file is not there any more."""
    return not file_of(spec.choices["persona"]).exists()


def _is_programs(path: Path) -> bool:
    """Whether a file tells the program itself something."""
    return path == CONF / "config.yaml" or path.parent.name in PROGRAM_GROUPS


def _saved_between(since: float, until: float) -> frozenset[Path]:
    files = (file for folder in (CONF, personas_folder()) for file in folder.rglob("*") if is_ours(file))
    return frozenset(file for file in files if file.is_file() and since <= file.stat().st_ctime < until)


def _together(one: Saved, other: Saved) -> Saved:
    changed = one.changed | other.changed
    return Saved(max(one.at, other.at), changed, (one.same | other.same) - changed)


def _changes(old: Settings, new: Settings) -> Iterable[Change]:
    for name in (f.name for f in fields(Settings)):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            how = PROGRAM_FIELDS.get(name, How.RESTART)
            yield Change(name, str(before)[:200], str(after)[:200], how)
