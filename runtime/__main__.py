"""The command line: Hydra in, one mode out; every error is one readable line and exit code 2."""

from __future__ import annotations

import gc
import os
import signal
import sys
from importlib.util import find_spec

if __name__ == "__main__":
    if find_spec("hydra") is None:  # any other python than the environment's
        readme = "python3 -m pip install -qqq -t .tools uv && .tools/bin/uv run --extra meaning python -m runtime"
        print(
            f"error: {sys.executable} lacks the program's packages. Run, as README.md says: {readme}", file=sys.stderr
        )
        sys.exit(2)
    gc.disable()  # what the start imports and composes stays: to scan it takes a twentieth of the start
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        # Until a mode runs there is nothing to tidy up: Ctrl-C ends the program without a traceback of its imports.
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))

import asyncio
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from .config.command_line import check_counts, complete, first_of, load_dotenv, parts_of, read_arguments, sweep_options
from .config.compose import arc_front_now, compose, compose_config, program_config, read_settings, resolve
from .config.groups import CONF
from .config.mistakes import check_named, readable_errors
from .errors import SpecError, exits, shown_path, suggest
from .redaction import clean
from .spec.session_spec import SessionSpec
from .spec.settings import LIVEKIT_VARIABLES, Mode, Settings, livekit_url, missing_variables
from .terminal.output import set_up_logging, standard_output

STARTED = time.time()
"""Unix time of the program's start: a file that is saved later is an edit."""


def run(cfg: DictConfig) -> float | None:
    """Does what `mode` says with the composed config, once for each job of a sweep. A rehearsal's score is what
    sweepers that look for the best are told."""
    with exits():
        return do(cfg)


start = hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(run)
"""Hydra's own command line, for sweeps, `--cfg` and the like. Other processes find `run` by its name."""


def do(cfg: DictConfig) -> float | None:
    """Does what `mode` says. Returns the score of a sweep's job, and None of any other mode."""
    settings = read_settings(cfg)
    set_up_logging(settings.log)
    swept = HydraConfig.get().mode is RunMode.MULTIRUN
    command = MODES[mode := _mode(settings.mode, swept)]
    if not command.needs_spec and mode not in (Mode.NEW, Mode.HISTORY):
        check_named(_overrides())
    spec = partial(resolve, cfg)
    if command.run is _rehearse and swept:
        return _rehearse_one(settings, spec)
    arguments = (settings, spec if command.run is _rehearse else spec()) if command.needs_spec else (settings,)
    gc.enable()
    _take_interrupts()
    if code := command.run(*arguments):
        raise SystemExit(code)
    return None


def _take_interrupts() -> None:
    """From now on Ctrl-C raises KeyboardInterrupt, which each mode handles by itself."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _mode(mode: Mode, swept: bool) -> Mode:
    """The mode that runs: the one that was chosen, or what `auto` stands for here (with -m, `rehearse`). Raises
    SpecError where -m was given and the mode cannot be swept."""
    if mode is Mode.AUTO:
        mode = Mode.REHEARSE if swept else Mode.CONSOLE if missing_variables(os.environ) else Mode.SERVE
    if swept and not MODES[mode].sweeps:
        able = ", ".join(mode for mode, command in MODES.items() if command.sweeps)
        raise SpecError(f"mode={mode} runs once: leave out -m, which sweeps with mode={able}")
    return mode


def _why(settings: Settings) -> str:
    """The line that says why `auto` calls here or serves rooms; empty where a mode was chosen."""
    if settings.mode is not Mode.AUTO:
        return ""
    if missing := missing_variables(os.environ):
        return f"mode=auto: {', '.join(missing)} not set, so the call is in this terminal"
    return f"mode=auto: {', '.join(LIVEKIT_VARIABLES)} are set, so rooms are served"


def _check(settings: Settings, *known: SpecError) -> int:
    gc.disable()  # it would scan all that is imported again and again, and free nothing
    from .doctor.check import check_all

    return check_all(settings.routing, known)


def _examine(settings: Settings, spec: SessionSpec) -> int:
    from .doctor.examine import examine

    try:
        code = examine(settings, spec, _overrides())
    except KeyboardInterrupt:
        code = 130
    sys.stdout.flush()
    # LiveKit's library still calls back from threads of its own, and aborts when Python is taken down under them.
    os._exit(code)


def _print_prompt(settings: Settings, spec: SessionSpec) -> int:
    from .arc.briefing import prompt

    print(prompt(spec.seeded(settings.seed or 0)))
    return 0


def _print_plan(settings: Settings, spec: SessionSpec) -> int:
    from .terminal.preview import show_plan

    show_plan(spec, settings, _overrides())
    return 0


def _try(settings: Settings, spec: SessionSpec) -> int:
    from .terminal.sentences import try_sentences

    return try_sentences(spec, settings)


def _begin_persona(settings: Settings) -> int:
    from .config.scaffold import schema, write_persona

    language = HydraConfig.get().runtime.choices["language"]
    print(clean(shown_path(write_persona(_named(), language))) if settings.mode is Mode.NEW else schema())
    return 0


def _render_reports(settings: Settings) -> int:
    from .record.folder import render

    return _with_each_folder(settings, lambda folder: [shown_path(render(folder))])


def _with_each_folder(settings: Settings, work: Callable[[Path], list[str]]) -> int:
    """Prints what a work says of each session folder that was named. One that is damaged is a line on stderr."""
    from .record.upkeep import folders_below

    code = 0
    for folder in folders_below(settings.folder):
        try:
            for line in work(folder):
                print(clean(line))
        except Exception as error:  # a damaged folder raises anything
            why = str(error) if isinstance(error, SpecError) else f"{shown_path(folder)}: damaged: {error}"
            print(f"error: {clean(why)}", file=sys.stderr)
            code = 2
    return code


def _score_again(settings: Settings) -> int:
    """Scores session folders again by the personas as they are now (or as recorded, where a file is gone)."""
    from .record.folder import read_folder
    from .record.upkeep import score_again

    judge = compose(_overrides()) if HydraConfig.get().runtime.choices["judge"] != "none" else None
    if judge:
        from .call.build import check_secrets

        check_secrets(judge, os.environ)

    def again(folder: Path) -> list[str]:
        front, gone = arc_front_now(read_folder(folder).choices)
        lines = [f"{one}: not there any more, so scored as recorded" for one in gone]
        return [f"{shown_path(folder)}: {line}" for line in (*lines, *asyncio.run(score_again(folder, front, judge)))]

    return _with_each_folder(settings, again)


def _forget(settings: Settings) -> int:
    from .history.index import Index
    from .record.upkeep import forget, users

    if persona := _named():
        raise SpecError(f"persona={persona}: mode=forget deletes all that is kept of a user, whoever called")
    gone, held = forget(settings.record, user := settings.user or "")
    if not (Index(settings).forget(user) or gone or held):
        raise SpecError(f"user={user}: nothing is kept of this user{suggest(user, users(settings.record))}")
    print(f"{len(gone)} session folder{'s' if len(gone) != 1 else ''} deleted")
    for folder in held:
        print(clean(f"{shown_path(folder)}: not deleted, as its call is on or the system does not allow it"))
    return 1 if held else 0


def _show_history(settings: Settings) -> int:
    from .terminal.history import show_history

    gc.disable()  # it would scan all sessions again and again and free nothing: a fifth of the time of many
    show_history(settings, _named())
    return 0


def _call(settings: Settings, spec: SessionSpec) -> int:
    gc.disable()  # while LiveKit is imported
    from .events import FAILED, Notice
    from .terminal.keyboard import one_by_one
    from .terminal.view import view

    with view(settings.lines) as shown, one_by_one(shown.live):
        if why := _why(settings):
            shown.show(Notice(text=why))
        shown.connecting(spec.persona.name)  # before LiveKit is imported, which takes seconds
        from .call.build import check_audio, check_secrets, fetch

        check_secrets(spec, os.environ)
        if settings.console.audio:
            check_audio(spec)
            fetch(spec, lambda line: shown.show(Notice(text=line)))
        from .files.store import SpecStore
        from .terminal.console import call_here

        gc.freeze()  # what is imported stays: to scan it takes a tenth of a second of a call
        gc.enable()
        store = SpecStore(_overrides(), settings, audio=settings.console.audio, since=STARTED)
        return 1 if call_here(spec, store, shown).reason in FAILED else 0


def _serve(settings: Settings, spec: SessionSpec) -> int:
    if missing := missing_variables(os.environ):
        raise SpecError(f"mode=serve: {', '.join(missing)} not set. Put them in the environment or in .env")
    livekit_url(os.environ)
    if settings.worker is None:
        raise SpecError("mode=serve needs worker=development or worker=production")
    gc.disable()  # it would scan all that is imported and free nothing: 0.4 of 3.1 s of CPU
    from .rooms.forkserver import prepare

    prepare(settings.worker, spec)
    from .call.build import check_audio, fetch
    from .events import Notice
    from .files.store import SpecStore
    from .rooms.worker import serve
    from .terminal.view import view

    gc.freeze()
    gc.enable()
    with view(settings.lines, timed=True) as shown:
        if why := _why(settings):
            shown.show(Notice(text=why))
        store = SpecStore(_overrides(), settings, audio=True, since=STARTED)
        check_audio(spec)
        fetch(spec, lambda line: shown.show(Notice(text=line)))
        asyncio.run(serve(store, settings.worker, spec, shown.show, live=shown.live))
    return 0


def _replay(settings: Settings) -> int:
    from .terminal.preview import show_replay

    return show_replay(settings, HydraConfig.get().runtime.choices["persona"], named=_named() is not None)


def _rehearse(settings: Settings, spec: Callable[[], SessionSpec]) -> int:
    """Rehearses one combination, and shows the answer."""
    from .rehearse.combination import check_combination
    from .terminal.rehearsal import show_rehearsal

    check_combination(settings, HydraConfig.get().runtime.choices, spec())

    def run(folder: Path) -> None:
        _rehearse_one(replace(settings, rehearse=replace(settings.rehearse, dir=str(folder))), spec)

    return show_rehearsal(settings, _overrides(), settings.rehearse.repeats, run)


def _rehearse_one(settings: Settings, spec: Callable[[], SessionSpec]) -> float:
    """Holds the calls of one job of a sweep, which may run in any process; returns its score."""
    from .rehearse.combination import rehearse

    sweep, choices = Path(settings.rehearse.dir or ""), HydraConfig.get().runtime.choices
    return rehearse(settings, choices, _overrides(), spec, sweep, lambda line: print(clean(line), file=sys.stderr))


def _sweep(arguments: Namespace) -> int | None:
    """Rehearses all combinations, each a job of Hydra's, and shows the answer; the exit code, None in other modes."""
    with readable_errors(arguments.overrides):
        first, jobs = first_of(arguments.overrides)
        settings = read_settings(cfg := compose_config(first))
        check_named(arguments.overrides)  # else each of its jobs would only fail
        GlobalHydra.instance().clear()  # `hydra.main` begins anew
        if _mode(settings.mode, swept=True) is not Mode.REHEARSE:
            return None
        from .rehearse.combination import check_swept
        from .terminal.rehearsal import show_rehearsal

        check_swept(arguments.overrides)
        check_counts(cfg.hydra)
        known = not any(said.startswith("hydra/sweeper=") for said in first)  # else how many the sweeper tries
        parts = parts_of(cfg.hydra.launcher, jobs, settings.rehearse.repeats) if known else 1

        def swept(folder: Path) -> None:
            sys.argv += sweep_options(first, folder, parts)
            with readable_errors(arguments.overrides):
                start()

        if "hydra/launcher=joblib" in first:
            from .rehearse.workers import use_forks

            use_forks()
        gc.freeze()
        gc.enable()
        _take_interrupts()
        return show_rehearsal(settings, arguments.overrides, jobs * settings.rehearse.repeats if known else None, swept)


@dataclass(frozen=True, slots=True)
class Command:
    """The function that runs a mode and returns the exit code; whether it takes a spec too, and may be swept by -m."""

    run: Callable[..., int]
    needs_spec: bool = True
    sweeps: bool = True


MODES = {
    Mode.CONSOLE: Command(_call, sweeps=False),
    Mode.SERVE: Command(_serve, sweeps=False),
    Mode.CHECK: Command(_check, needs_spec=False, sweeps=False),
    Mode.DOCTOR: Command(_examine, sweeps=False),
    Mode.PROMPT: Command(_print_prompt),
    Mode.PLAN: Command(_print_plan),
    Mode.REPORT: Command(_render_reports, needs_spec=False, sweeps=False),
    Mode.SCORE: Command(_score_again, needs_spec=False, sweeps=False),
    Mode.FORGET: Command(_forget, needs_spec=False, sweeps=False),
    Mode.TRY: Command(_try, sweeps=False),
    **dict.fromkeys((Mode.NEW, Mode.SCHEMA), Command(_begin_persona, needs_spec=False, sweeps=False)),
    Mode.HISTORY: Command(_show_history, needs_spec=False, sweeps=False),
    Mode.REHEARSE: Command(_rehearse),
    Mode.REPLAY: Command(_replay, needs_spec=False, sweeps=False),
}
"""The command of each mode; `auto` is one of the first two, and with -m `rehearse`."""


def _overrides() -> list[str]:
    """The overrides of the command line, or of this job of a sweep."""
    return [str(override) for override in HydraConfig.get().overrides.task]


def _named() -> str | None:
    """The persona that the command line names; None where it names none."""
    named = any(override.startswith("persona=") for override in _overrides())
    return HydraConfig.get().runtime.choices["persona"] if named else None


def main() -> None:
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach us instead of being printed with a traceback
    with exits(), standard_output():
        if not CONF.is_dir():
            raise SpecError(f"{CONF} is not there: the program runs from a checkout (uv run, or pip install -e .)")
        load_dotenv(Path(".env"))
        arguments, sys.argv[1:] = read_arguments(sys.argv[1:])
        if arguments.shell_completion and (known := complete(arguments.overrides)):
            print(known)
            return
        asks_hydra = arguments.help or arguments.hydra_help or arguments.cfg or arguments.info or arguments.run
        if arguments.multirun and not asks_hydra and (code := _sweep(arguments)) is not None:
            raise SystemExit(code)
        try:
            with readable_errors(arguments.overrides):
                if sys.argv[1:] == arguments.overrides and "hydra." not in " ".join(arguments.overrides):
                    # A plain run: `hydra.main` would compose everything twice, the first time to learn that it is one.
                    cfg = program_config(arguments.overrides)
                    HydraConfig.instance().set_config(cfg)
                    do(cfg)
                else:
                    start()
        except SpecError as error:
            if "mode=check" not in arguments.overrides or not error.file:
                raise
            raise SystemExit(_check(Settings(), error)) from None  # it tells of this file and goes on with the others


if __name__ == "__main__":
    main()
