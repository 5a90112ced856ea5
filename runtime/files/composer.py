"""Composes specs: the options that were asked for → a spec, from the files as they are now."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..call import build
from ..config.compose import compose, program_config, read_settings, reread
from ..config.groups import CONF, GROUPS, PROGRAM_GROUPS, chosen, file_of, personas_folder
from ..config.mistakes import readable_errors
from ..config.persona_file import read_persona
from ..errors import SpecError
from ..spec.persona import is_name
from ..spec.session_spec import SessionSpec
from ..spec.settings import Settings

logger = logging.getLogger(__name__)

Choices = frozenset[tuple[str, str]]
"""The options that are asked for, by group. Each takes the place of the command line's."""


class Composer:
    """Makes specs. Personas that choose the same options are composed once: of the others only the file is read.

    Args:
        overrides: the command line's own; no edit overrides them.
        audio: whether calls are spoken here, so that specs must be able to hear and speak.
    """

    def __init__(self, overrides: Sequence[str], *, audio: bool) -> None:
        self._overrides = list(overrides)
        self._audio = audio
        self.forget()

    def forget(self) -> None:
        """Forgets all that was composed, as conf/ has changed."""
        # New ones, as a thread may still add to the old.
        self._composed: dict[Choices, list[SessionSpec]] = {}
        self._tried: set[tuple[Choices, Choices]] = set()

    def remember(self, asked: Choices, spec: SessionSpec) -> None:
        """Takes a spec that was composed elsewhere."""
        self._composed.setdefault(_but_persona(asked), []).append(spec)
        self._tried.add(_combination(asked, spec))

    def has_tried(self, asked: Choices, spec: SessionSpec) -> bool:
        """Whether a spec with all of this one's options was composed, with or without success."""
        return _combination(asked, spec) in self._tried

    def compose(self, asked: Choices, last: SessionSpec | None = None) -> SessionSpec:
        """The spec for these options as the files are now; may run in any thread. `last` is the last good one for them.
        Raises SpecError for whatever is wrong, and nothing else."""
        composed, tried = self._composed, self._tried
        try:
            if last and not file_of(last.choices["persona"]).exists():
                raise SpecError("this file is gone", file=file_of(last.choices["persona"]))
            if last:
                tried.add(_combination(asked, last))
            name = dict(asked).get("persona") or (last and last.choices["persona"])
            for other in list(composed.get(_but_persona(asked), ())) if name else ():
                if spec := reread(replace(other, choices=other.choices | {"persona": name or ""})):
                    return spec
            overrides = self._with(dict(asked))
            spec = compose(overrides)
            self.check(spec)
        except SpecError:
            raise
        except Exception as error:  # a mistake of ours, or of a plugin's, must end neither the watching nor a call
            logger.exception("composing failed")
            raise SpecError(one_line(error)) from error
        composed.setdefault(_but_persona(asked), []).append(spec)
        tried.add(_combination(asked, spec))
        return spec

    def check(self, spec: SessionSpec) -> None:
        """Raises a SpecError for a spec that cannot be used here."""
        build.check_secrets(spec, os.environ)
        if self._audio:
            build.check(spec, audio=True)

    def _with(self, choices: Mapping[str, str]) -> list[str]:
        kept = [override for override in self._overrides if override.partition("=")[0] not in choices]
        return [*kept, *(f"{group}={option}" for group, option in choices.items())]

    def read_settings(self) -> Settings:
        """What the files tell the program itself. Raises SpecError for an unknown key or a wrong value."""
        with readable_errors(self._overrides):
            return read_settings(program_config(self._overrides))


def is_persona(path: Path) -> bool:
    return path.parent == personas_folder() and path.suffix == ".md" and is_name(path.stem)


def is_ours(path: Path) -> bool:
    """Whether a file is one that specs or settings are made from."""
    if path.parent.parent == CONF and path.suffix == ".yaml":
        return path.parent.name in (*GROUPS, *PROGRAM_GROUPS) and is_name(path.stem)
    if path.parent == CONF / "language" and path.suffix == ".md":
        return True
    return path == CONF / "config.yaml" or is_persona(path)


def is_settings_file(path: Path) -> bool:
    """Whether a file tells the program itself something."""
    return path == CONF / "config.yaml" or path.parent.name in PROGRAM_GROUPS


def _but_persona(asked: Choices) -> Choices:
    """The choices with the persona's name left blank, so that those for two personas are equal."""
    return frozenset((group, "" if group == "persona" else option) for group, option in asked)


def _combination(asked: Choices, spec: SessionSpec) -> tuple[Choices, Choices]:
    """What a spec's options follow from, beside the files in conf/: the choices asked for, and the persona's own."""
    return _but_persona(asked), frozenset(chosen(spec.persona).items())


def problem_of(persona: Path) -> str:
    """What is wrong with a persona's file, if it is there."""
    try:
        if persona.exists():
            read_persona(persona)
    except SpecError as error:
        return str(error)
    return ""


def one_line(error: Exception) -> str:
    """An error of ours or of a library's, with its type."""
    return " ".join(f"{type(error).__name__}: {error}".split())
