"""The command line: Hydra in, one mode out; every error is one readable line and exit code 2."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from .config.completion import BASH
from .config.compose import read_settings, resolve
from .config.dotenv import load_dotenv
from .config.groups import CONF, use_folder
from .config.mistakes import readable_errors
from .errors import SpecError
from .redaction import Formatter
from .spec.session_spec import SessionSpec
from .spec.settings import LIVEKIT_VARIABLES, Log, Mode, Settings
from .terminal.output import standard_output

STARTED = time.time()
"""What is saved later than this is an edit."""


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def run(cfg: DictConfig) -> None:
    """Does what `mode` says with the composed config, once for each job of a sweep."""
    with exits():
        do(cfg)


def do(cfg: DictConfig) -> None:
    """Does what `mode` says."""
    settings = read_settings(cfg)
    _set_up_logging(settings.log)
    mode, why = settings.mode, ""
    if mode is Mode.AUTO:
        mode, why = _choose_mode()
    if mode is Mode.CHECK:
        from .doctor.check import check_all

        raise SystemExit(check_all(settings.routing))
    spec = resolve(cfg)
    if mode is Mode.DOCTOR:
        from .doctor.examine import examine

        if HydraConfig.get().mode is RunMode.MULTIRUN:
            raise SpecError("mode=doctor examines one choice at a time: leave out -m")
        code = examine(settings, spec, _overrides())
        sys.stdout.flush()
        # LiveKit's library still calls back from threads of its own, and aborts when Python is taken down under them.
        os._exit(code)
    if mode is Mode.PROMPT:
        from .spec.prompt import instructions

        sys.stdout.write(instructions(spec) + "\n")
    elif mode is Mode.PLAN:
        from .terminal.preview import show_plan

        show_plan(spec, settings, _overrides())
    elif mode is Mode.SERVE:
        _serve(settings, spec, why)
    else:
        _call(settings, spec, why)


def _call(settings: Settings, spec: SessionSpec, why: str) -> None:
    from .events import Notice
    from .terminal.keyboard import one_by_one
    from .terminal.view import view

    with view(settings.lines) as shown, one_by_one(shown.live):
        if why:
            shown.show(Notice(text=why))
        shown.connecting(spec.persona.name)  # before LiveKit is imported, which takes seconds
        from .call.build import check_audio, check_secrets

        check_secrets(spec, os.environ)
        if settings.console.audio:
            check_audio(spec)
        from .files.store import SpecStore
        from .terminal.console import call_here

        gc.freeze()  # what is imported stays: to look through it takes a tenth of a second of a call
        store = SpecStore(_overrides(), settings, audio=settings.console.audio, since=STARTED)
        if call_here(spec, store, shown).reason == "error":
            raise SystemExit(1)


def _serve(settings: Settings, spec: SessionSpec, why: str) -> None:
    missing = [name for name in LIVEKIT_VARIABLES if not os.environ.get(name)]
    if missing:
        raise SpecError(f"mode=serve: {', '.join(missing)} not set. Put them in the environment or in .env")
    if settings.worker is None:
        raise SpecError("mode=serve needs worker=development or worker=production")
    gc.disable()  # it looks in vain through what is imported, again and again: 0.4 of 3.1 s of CPU
    from .rooms.forkserver import prepare

    prepare(settings.worker, spec)
    from .events import Notice
    from .files.store import SpecStore
    from .rooms.worker import serve
    from .terminal.view import view

    gc.freeze()
    gc.enable()
    with view(settings.lines) as shown:
        if why:
            shown.show(Notice(text=why))
        store = SpecStore(_overrides(), settings, audio=True, since=STARTED)
        asyncio.run(serve(store, settings.worker, spec, shown.show))


def _overrides() -> list[str]:
    """What the command line says, once for each job of a sweep."""
    return [str(override) for override in HydraConfig.get().overrides.task]


def _set_up_logging(log: Log) -> None:
    handler = logging.NullHandler() if log is Log.QUIET else logging.StreamHandler()
    handler.setFormatter(Formatter("%(name)s: %(message)s"))
    level = "CRITICAL" if log is Log.QUIET else log.upper()
    logging.basicConfig(level=level, handlers=[handler], force=True)
    if log is Log.QUIET:
        os.environ.setdefault("RUST_LOG", "off")  # LiveKit's native library


def _choose_mode() -> tuple[Mode, str]:
    missing = [name for name in LIVEKIT_VARIABLES if not os.environ.get(name)]
    if missing:
        return Mode.CONSOLE, f"mode=auto: {', '.join(missing)} not set, so the call is in this terminal"
    return Mode.SERVE, f"mode=auto: {', '.join(LIVEKIT_VARIABLES)} are set, so rooms are served"


@contextmanager
def exits() -> Iterator[None]:
    """Turns what the user got wrong into one line on stderr and exit code 2."""
    try:
        yield
    except SpecError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except BaseExceptionGroup as group:
        refused, others = group.split(SpecError)
        if refused is None or others is not None:
            raise
        with exits():
            raise _first(refused) from None


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def main() -> None:
    """The program."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach us instead of being printed with a traceback
    completing = "-sc" in sys.argv or "--shell-completion" in sys.argv
    if completing and "install=bash" in sys.argv:
        print(BASH)
        return
    overrides = [argument for argument in sys.argv[1:] if not argument.startswith("-") and not completing]
    with exits(), standard_output():
        if not CONF.is_dir():
            raise SpecError(f"{CONF} is not there: the program runs from a checkout (uv run, or pip install -e .)")
        load_dotenv(Path(".env"))
        for override in overrides:
            if override.startswith("personas_dir="):
                use_folder(Path(override.partition("=")[2]))
        with readable_errors(overrides):
            run()


if __name__ == "__main__":
    main()
