"""The store of specs: finds the one for some options, and gives calls each edit of theirs once a file is saved."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path

from ..call.plugins import register_in_this_loop
from ..config.groups import CONF, file_of, personas_folder
from ..errors import SpecError, shown_path
from ..events import Change, How
from ..spec.session_spec import AnyEdit, Edit, FaultyEdit, SessionSpec
from ..spec.settings import Settings
from .composer import Choices, Composer, is_ours, is_persona, is_settings_file, one_line, problem_of
from .snapshot import SavedFiles
from .watch import RETRY, saves

logger = logging.getLogger(__name__)

KEPT = 512
"""Specs that are kept although no call subscribes to them; those that were asked for longest ago go first."""

GATHER = 0.2
"""Seconds without a save after which the training lead is told of those before, in one line."""

SHOWN = 3
"""Files, or mistakes, that such a line names; of more it says how many."""

PROGRAM_FIELDS = dict.fromkeys(("routing", "rooms", "reload", "record", "seed"), How.NEXT_CALL)
"""When what the program itself is told takes effect; whatever is not named here, with a restart."""

Say = Callable[[str], None]
"""Takes a line for the training lead."""
Renewed = Callable[[float, bool], None]
"""Told of each save, once all that it touches was checked: its Unix time, and whether any file is wrong."""
Subscriber = Callable[[AnyEdit], None]
"""Takes a call's spec and each later edit of it."""


@dataclass(slots=True)
class _Entry:
    """The last good spec for some choices, why there is no newer one, and the calls that run on it.

    `generation` is that of the files which it was last composed from, with or without success.
    """

    spec: SessionSpec
    generation: int
    error: str = ""
    subscribers: list[Subscriber] = field(default_factory=list)


class SpecStore:
    """Gives out specs, and each later edit of them.

    Each save that is noticed begins a new generation of the files that it touches. An entry that was composed from an
    older one is stale: at once composed anew if a call subscribes to it, else when it is asked for.

    Args:
        overrides: the command line's own; no edit overrides them.
        settings: the program's, as they are now.
        audio: whether calls are spoken here, so that specs must be able to hear and speak.
        since: Unix time before which everything in the files is known: what was saved later is an edit.
    """

    def __init__(self, overrides: Sequence[str], settings: Settings, *, audio: bool, since: float) -> None:
        self._composer = Composer(overrides, audio=audio)
        self._since = since
        self._entries: dict[Choices, _Entry] = {}
        self._composing: dict[Choices, asyncio.Future[SessionSpec]] = {}
        self._generation = 0
        self._persona_generations: dict[Path, int] = {}
        self._conf_generation = 0
        self._unchecked: deque[Path | Choices] = deque()
        self._published, self._save_came = asyncio.Event(), asyncio.Event()
        self._published.set()  # all calls have their edits
        self._saved_at = since
        self._untold: SavedFiles | None = None
        """What the training lead was not told of yet."""
        self._live: set[Path] = set()
        """Of that, the persona files of calls that are on, which tell of it themselves."""
        self.settings = settings
        self.problems: dict[str, str] = {}
        """What is wrong with the files as they are now, by persona file; with the program's own, by "settings"."""

    async def find(self, choices: Mapping[str, str]) -> SessionSpec:
        """The spec for these options by group, in the command line's place, as the files are now; the last good one
        where they are faulty. Raises SpecError where there never was a good one."""
        asked = frozenset(choices.items())
        while (entry := self._entries.get(asked)) is None or not self._is_fresh(entry):
            composing = self._composing.get(asked) or self._compose_in_thread(asked)
            await asyncio.wait([composing])
            if asked not in self._entries:
                composing.result()  # raises what is wrong
        self._entries[asked] = self._entries.pop(asked)  # the latest asked for comes last
        return entry.spec

    def put(self, choices: Mapping[str, str], spec: SessionSpec) -> None:
        """Keeps a spec that was composed elsewhere."""
        asked = frozenset(choices.items())
        if not self._generation:
            self._composer.remember(asked, spec)
        self._add(asked, _Entry(spec, self._generation))

    @property
    def specs(self) -> list[SessionSpec]:
        """All specs that the next call would get as they are. Stale ones are not among them."""
        return [entry.spec for entry in self._entries.values() if self._is_fresh(entry)]

    def check(self, spec: SessionSpec) -> None:
        """Raises a SpecError for a spec that cannot be used here."""
        self._composer.check(spec)

    def subscribe(self, choices: Mapping[str, str], subscriber: Subscriber) -> Callable[[], None]:
        """Gives a call its spec at once and every later edit; returns what ends that. Only after `find` or `put`."""
        entry = self._entries[frozenset(choices.items())]
        entry.subscribers.append(subscriber)
        subscriber(Edit(entry.spec))
        return lambda: entry.subscribers.remove(subscriber)

    async def watch(
        self,
        say: Say,
        renewed: Renewed = lambda at, wrong: None,
        *,
        stock: Iterable[str] = (),
        check: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        """Watches the files for ever, whatever happens to one of them or in a callback.

        Calls get their edits first, then all else that was saved is checked.

        Args:
            say: takes lines for the training lead.
            renewed: told of each save, as `Renewed` says.
            stock: personas that rooms will ask for; composed first, when there is nothing to do for calls.
            check: called in a thread after each save; returns lines on what is wrong with the files taken together.
        """

        say = partial(_call_back, "a line could not be shown", say)
        self._saved_at = time.time()
        self._unchecked.extend(frozenset({("persona", name)}) for name in stock)
        unread: asyncio.Queue[SavedFiles] = asyncio.Queue()

        def count() -> None:
            if not self._unchecked:
                _call_back("an edit could not be counted", renewed, self._saved_at, bool(self._wrong()))

        register_in_this_loop()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch_files(unread, say))
            tasks.create_task(self._check_rest(count, say, check))
            while True:
                saved = await unread.get()
                while not unread.empty():  # what was saved while specs were composed is one edit
                    saved = _merged(saved, unread.get_nowait())
                self._published.clear()
                try:
                    await self._publish(saved)
                except Exception as error:  # one save must not end the watching
                    logger.exception("a save could not be handled")
                    say(f"a save could not be handled ({one_line(error)}); the files are watched as before")
                self._saved_at, self._untold = saved.at, _merged(self._untold, saved)
                count()
                self._published.set()
                self._save_came.set()

    async def _check_rest(self, count: Callable[[], None], say: Say, check: Callable[[], Iterable[str]]) -> None:
        """Checks what no call subscribes to, one file or spec at a time and not while calls get their edits; then says
        what was saved, and what is wrong."""
        while True:
            await self._published.wait()
            self._save_came.clear()
            try:
                if self._unchecked:
                    await self._check(self._unchecked.popleft(), say)
                    count()
                elif self._untold is None:
                    await self._save_came.wait()
                else:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(GATHER):
                            await self._save_came.wait()
                            continue  # that one is told of too
                    saved, live = self._untold, self._live
                    self._untold, self._live = None, set()
                    for line in await asyncio.to_thread(self._report, saved, live, check):
                        say(line)
            except Exception as error:
                logger.exception("a file could not be checked")
                say(f"a file could not be checked ({one_line(error)})")

    async def _watch_files(self, unread: asyncio.Queue[SavedFiles], say: Say) -> None:
        """Passes on what is saved; begins anew where that fails."""
        since = self._since
        while True:
            try:
                # In a thread, as it reads every file.
                known = [file_of(entry.spec.choices["persona"]) for entry in self._entries.values()]
                watched = await asyncio.to_thread(saves, [CONF, personas_folder()], is_ours, say, since, known)
                async with aclosing(watched):
                    async for saved in watched:
                        since = saved.at
                        unread.put_nowait(saved)
            except Exception as error:
                logger.exception("the files could not be watched")
                say(f"the files could not be watched ({one_line(error)}); trying again in {RETRY:g} s")
            await asyncio.sleep(RETRY)

    async def _publish(self, saved: SavedFiles) -> None:
        """Gives every call what the save makes of its spec, and notes what else is to be checked."""
        touched = saved.changed | saved.same  # a file may have been read halfway, though it ended as it was
        program: tuple[Change, ...] = ()
        faulty = ""
        if any(is_settings_file(path) for path in touched):
            try:
                new = await asyncio.to_thread(self._composer.read_settings)
                program, self.settings = tuple(_changes(self.settings, new)), new
                self.problems.pop("settings", None)
            except SpecError as error:  # then conf/ stays as it was for everybody
                self.problems["settings"] = faulty = str(error)
        self._begin_generation(touched, conf=not faulty)
        files = tuple(sorted(shown_path(path) for path in touched))
        live: set[Path] = set()
        for asked, entry in list(self._entries.items()):
            if not entry.subscribers:
                continue
            if not faulty:
                await self.find(dict(asked))
            persona = file_of(entry.spec.choices["persona"])
            live.add(persona)
            edit: AnyEdit = (
                FaultyEdit(faulty or entry.error, at=saved.at, files=files)
                if faulty or entry.error
                else Edit(entry.spec, at=saved.at, files=files, program=program)
            )
            for subscriber in list(entry.subscribers):
                _call_back("a call did not take an edit", subscriber, edit)
        self._unchecked.extendleft(path for path in touched - live if is_persona(path))
        # The latest asked for first.
        idle = [asked for asked, entry in self._entries.items() if not (entry.subscribers or self._is_fresh(entry))]
        self._unchecked.extend(reversed(idle))
        self._live |= live

    def _begin_generation(self, touched: Iterable[Path], *, conf: bool) -> None:
        self._generation += 1
        for path in touched:
            if is_persona(path):
                self.problems.pop(str(path), None)
                self._persona_generations[path] = self._generation
            elif conf and self._conf_generation < self._generation:
                self._conf_generation = self._generation
                self._composer.forget()

    async def _check(self, what: Path | Choices, say: Say) -> None:
        """Notes what is wrong with a persona file, or with a spec that no call subscribes to.

        After an edit of conf/ one spec of each combination of options is composed, which finds whatever is wrong with
        it; the others stay stale.
        """
        if isinstance(what, Path):
            if problem := await asyncio.to_thread(problem_of, what):
                self.problems[str(what)] = problem
            return
        entry = self._entries.get(what)
        if entry is None:
            try:
                await self.find(dict(what))
            except SpecError as error:
                named = ", ".join(f"{group}={option}" for group, option in sorted(what))
                say(f"{named}: {error}; no room gets this persona until it is put right")
            return
        if entry.subscribers or self._is_fresh(entry):
            return
        persona = file_of(entry.spec.choices["persona"])
        if not await asyncio.to_thread(persona.exists):
            self._entries.pop(what, None)
        elif (
            entry.error
            or entry.generation < self._persona_generations.get(persona, 0)
            or not self._composer.has_tried(what, entry.spec)
        ):
            await self.find(dict(what))

    def _is_fresh(self, entry: _Entry) -> bool:
        """Whether an entry was composed from the files as they are; a faulty one is tried again after every save."""
        if entry.error:
            return entry.generation == self._generation
        persona = file_of(entry.spec.choices["persona"])
        return entry.generation >= max(self._conf_generation, self._persona_generations.get(persona, 0))

    def _compose_in_thread(self, asked: Choices) -> asyncio.Future[SessionSpec]:
        """Begins to bring an entry up to date; whoever asks meanwhile shares that."""
        generation, entry = self._generation, self._entries.get(asked)

        def keep(composing: asyncio.Future[SessionSpec]) -> None:
            del self._composing[asked]
            if composing.cancelled():
                return
            entry = self._entries.get(asked)
            if error := composing.exception():
                if entry:
                    entry.error, entry.generation = str(error), generation
                return
            spec = composing.result()
            if entry:
                entry.spec, entry.error, entry.generation = spec, "", generation
            else:
                self._add(asked, _Entry(spec, generation))

        composing = asyncio.get_running_loop().run_in_executor(
            None, self._composer.compose, asked, entry.spec if entry else None
        )
        composing.add_done_callback(keep)
        self._composing[asked] = composing
        return composing

    def _add(self, asked: Choices, entry: _Entry) -> None:
        self._entries[asked] = entry
        idle = [asked for asked, entry in self._entries.items() if not entry.subscribers]
        for asked in idle[:-KEPT]:
            del self._entries[asked]

    def _errors(self) -> dict[Path, str]:
        """Why there is no newer spec, by persona file."""
        return {file_of(entry.spec.choices["persona"]): entry.error for entry in self._entries.values() if entry.error}

    def _wrong(self) -> str:
        """What is wrong with the files, or nothing."""
        return next(iter((*self.problems.values(), *self._errors().values())), "")

    def _report(self, saved: SavedFiles, live: set[Path], check: Callable[[], Iterable[str]]) -> list[str]:
        """What became of files that no call subscribes to, in one line, as calls that are on say themselves what they
        got; and what the check of all files says."""
        told = sorted(path for path in saved.changed if path not in live and (is_persona(path) or not live))
        there = [path for path in told if path.exists()]
        gone = [path for path in told if path not in there]
        errors = self._errors()
        found = [
            self.problems.get(str(path)) or errors.get(path) if is_persona(path) else self._wrong() for path in there
        ]
        wrong = list(dict.fromkeys(filter(None, found)))
        parts = []
        if there:
            verdict = _listed(wrong, "; ") if wrong else f"the next call has {'it' if len(there) == 1 else 'them'}"
            parts.append(f"{_named(there)} saved: {verdict}")
        if gone:
            are, them = ("is", "it") if len(gone) == 1 else ("are", "them")
            parts.append(f"{_named(gone)} {are} gone: no further call has {them}")
        return [*filter(None, ["; ".join(parts)]), *check()]


def _merged(one: SavedFiles | None, other: SavedFiles) -> SavedFiles:
    if one is None:
        return other
    changed = one.changed | other.changed
    return SavedFiles(max(one.at, other.at), changed, (one.same | other.same) - changed)


def _changes(old: Settings, new: Settings) -> Iterable[Change]:
    for name in (f.name for f in fields(Settings)):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            how = PROGRAM_FIELDS.get(name, How.RESTART)
            yield Change(name, str(before)[:200], str(after)[:200], how)


def _named(paths: Sequence[Path]) -> str:
    """One path as it is, several by their number and the first of them."""
    names = [shown_path(path) for path in paths]
    return names[0] if len(names) == 1 else f"{len(names)} files ({_listed(names, ', ')})"


def _listed(texts: Sequence[str], between: str) -> str:
    more = len(texts) - SHOWN
    return between.join(texts[:SHOWN]) + (f"{between}and {more} more" if more > 0 else "")


def _call_back(what: str, callback: Callable[..., object], *arguments: object) -> None:
    """Calls back; an exception of the callback is logged with `what`, and goes no further."""
    try:
        callback(*arguments)
    except Exception:
        logger.exception(what)
