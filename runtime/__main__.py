"""The command line: Hydra in, one mode out; every error is one readable line and exit code 2."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import hydra
from omegaconf import DictConfig
from rich.console import Console
from rich.logging import RichHandler

from . import spec as specs
from .dotenv import load_dotenv
from .errors import SpecError
from .groups import ROOT, use_folder
from .mistakes import readable_errors
from .spec import Log, Mode

LIVEKIT_VARIABLES = ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET")


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def run(cfg: DictConfig) -> None:
    """Does what `mode` says with the composed config."""
    settings = specs.settings(cfg)
    _set_up_logging(settings.log)
    mode, why = settings.mode, ""
    if mode is Mode.AUTO:
        mode, why = _choose_mode()
    if mode is Mode.CHECK:
        from .check import check_all

        raise SystemExit(check_all())
    spec = specs.resolve(cfg)
    if mode is Mode.PROMPT:
        from .build import instructions

        sys.stdout.write(instructions(spec) + "\n")
    elif mode is Mode.SERVE:
        raise SpecError(f"mode=serve{why}: serving LiveKit rooms is not built yet; use mode=console")
    else:
        from .build import check_audio, check_secrets

        check_secrets(spec, os.environ)
        if settings.console.audio:
            check_audio(spec)
        from .console import call_here

        if call_here(spec, audio=settings.console.audio, why=why).reason == "error":
            raise SystemExit(1)


def _set_up_logging(log: Log) -> None:
    handler = logging.NullHandler() if log is Log.QUIET else RichHandler(console=Console(stderr=True))
    level = "CRITICAL" if log is Log.QUIET else log.upper()
    logging.basicConfig(level=level, handlers=[handler], format="%(name)s: %(message)s", force=True)


def _choose_mode() -> tuple[Mode, str]:
    missing = [name for name in LIVEKIT_VARIABLES if not os.environ.get(name)]
    if missing:
        return Mode.CONSOLE, f"mode=auto: {', '.join(missing)} not set, so the call is in this terminal"
    return Mode.SERVE, " (chosen by mode=auto, as LiveKit's variables are set)"


def main() -> None:
    """The program. Exits with 2 after one line on stderr when the user's input cannot be used."""
    load_dotenv(Path(".env"))
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach us instead of being printed with a traceback
    overrides = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    try:
        for override in overrides:
            if override.startswith("personas_dir="):
                use_folder(Path(override.partition("=")[2]))
        with readable_errors(overrides):
            run()
    except SpecError as error:
        sys.exit(_refuse(error))
    except BaseExceptionGroup as group:
        refused, others = group.split(SpecError)
        if refused is None or others is not None:
            raise
        sys.exit(_refuse(_first(refused)))


def _first(group: BaseException) -> BaseException:
    return _first(group.exceptions[0]) if isinstance(group, BaseExceptionGroup) else group


def _refuse(error: BaseException) -> int:
    print(f"error: {error}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
