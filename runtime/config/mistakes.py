"""What Hydra and OmegaConf raise → one line that says what the user can do about it."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any, get_type_hints

import yaml
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.types import Transformer
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from omegaconf.errors import ValidationError as OmegaConfValidationError

from ..errors import NotOffered, SpecError, extra_command, suggest
from ..spec.persona import NO_NAME, FrontMatter, is_name
from .command_line import parsed, spelled, values
from .groups import (
    ALL_GROUPS,
    CONF,
    file_of,
    keys_below,
    keys_called,
    misnamed,
    options,
    read_conf,
    type_of,
)
from .validation import validated
from .yaml_file import line_of

EXTRAS = {
    "hydra/launcher": {"joblib": "sweep", "submitit_local": "sweep", "submitit_slurm": "sweep"},
    "hydra/sweeper": {"optuna": "optuna"},
}
"""Options of Hydra's groups, each with the extra that brings it."""
OTHER_HYDRA_GROUPS = tuple(f"hydra/{name}" for name in "env help hydra_help hydra_logging job_logging output".split())
"""Groups of Hydra's with which nobody has much to do here."""


@contextmanager
def readable_errors(overrides: Sequence[str]) -> Iterator[None]:
    """Raises a `SpecError` for whatever goes wrong inside while these overrides are composed."""
    try:
        yield
    except (HydraException, OmegaConfBaseException, OSError, yaml.YAMLError, ValueError) as error:
        causes: list[BaseException] = [error]
        while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None:
            if isinstance(cause, SpecError):
                raise cause from None
            causes.append(cause)
        find_mistake(overrides)
        for cause in causes:
            if isinstance(cause, OmegaConfValidationError) and cause.object_type and cause.full_key:
                shape: Any = get_type_hints(cause.object_type).get(str(cause.key))
                for override in map(parsed, overrides):
                    if shape and override.key_or_group == cause.full_key:
                        validated(shape, override.value(), at=cause.full_key)
            if not isinstance(cause, OmegaConfBaseException) or not isinstance(node := cause.parent_node, DictConfig):
                continue
            if cause.key not in node:  # of Hydra's own config
                known = [str(name) for name in node if name != "_target_"]
                other = "; hydra/launcher=joblib has some" if str(cause.full_key).startswith("hydra.launcher.") else ""
                what = f"there is no key {cause.key!r} here{suggest(cause.key, known)}{other}"
                raise SpecError(f"{cause.full_key}: {what}") from None
        said = (str(e).strip().partition("\n")[0] for e in causes[:2])
        raise SpecError(" ".join(dict.fromkeys(said))) from None


def find_mistake(overrides: Sequence[str]) -> None:
    """Raises a `SpecError` for the first mistake that can be named; returns when there is none."""
    primary, node = read_conf(CONF / "config.yaml")
    for file in sorted(CONF.glob("*/*.yaml")):
        read_conf(file)
    known = [*ALL_GROUPS, *(key for key in primary if key != "defaults")]
    chosen = {}
    lines = {}
    for i, default in enumerate(primary["defaults"]):
        for group, name in default.items() if isinstance(default, dict) else ():
            chosen[group], lines[group] = name, line_of(node, ["defaults", i, group])
            if group not in ALL_GROUPS and not group.startswith("override "):
                what = f"defaults: there is no group {group!r}{suggest(group, ALL_GROUPS)}"
                raise SpecError(what, file=CONF / "config.yaml", line=lines[group])
    for text in overrides:
        override = parsed(spelled(text))
        key = override.key_or_group
        top = key.partition(".")[0]
        if key.startswith("hydra/"):
            _check_hydra(key, text, [] if override.is_delete() else values(override))
            continue
        if top not in known:
            raise SpecError(f"{text}: there is no group or key {top!r}{_elsewhere(top) or suggest(top, known)}")
        if key in ALL_GROUPS:
            begun = key == "persona" and "mode=new" in overrides  # then it need not be there
            for name in [] if override.is_delete() or begun else values(override):
                _check_option(key, name)
                chosen[key] = name
                lines.pop(key, None)
        elif top == "persona":
            raise SpecError(f"{text}: a persona is edited in its file; the command line chooses one by persona=NAME")
        elif top != "hydra" and not override.is_add() and not override.is_force_add():
            tree = primary if top not in ALL_GROUPS else {top: read_conf(CONF / top / f"{chosen[top]}.yaml")[0]}
            _check_key(tree, key, text)
    for group in ALL_GROUPS:
        if group not in chosen:
            raise SpecError(f"defaults: no {group} is chosen", file=CONF / "config.yaml")
        try:
            _check_option(group, chosen[group])
        except SpecError as error:
            if group == "persona" or group not in lines:
                raise
            raise SpecError(f"defaults: {error}", file=CONF / "config.yaml", line=lines[group]) from None


def check_values(overrides: Sequence[str]) -> None:
    """Raises a `SpecError` for the first option or value of a sweep that there can be none of, whatever else a
    combination has; what only their files tell is found as each is called."""
    find_mistake(overrides)
    for override in map(parsed, map(spelled, overrides)):
        if override.is_sweep_override() and override.is_discrete_sweep() and (shape := type_of(override.key_or_group)):
            for text in override.sweep_iterator(transformer=Transformer.encode):
                if "${" not in (value := str(text)):
                    validated(shape, parsed(f"{override.key_or_group}={value}").value(), at=override.key_or_group)


def _elsewhere(name: str) -> str:
    """Where a key is that stands alone: below a group or another key, or in a persona's file."""
    places = keys_called(name)
    meant = f"; did you mean {' or '.join(places)}?" if places else ""
    in_file = name in (part.name for part in fields(FrontMatter))
    return meant + (f"; a persona's own {name} is edited in its file" if in_file else "")


def _check_hydra(group: str, text: str, names: Sequence[str]) -> None:
    """Raises a SpecError for an option of a group of Hydra's that is not there, or is not installed."""
    if group.startswith(("hydra/sweeper/", *OTHER_HYDRA_GROUPS)):
        return
    if group not in EXTRAS:
        raise SpecError(f"{text}: Hydra has no group {group!r}{suggest(group, [*EXTRAS, *OTHER_HYDRA_GROUPS])}")
    there = {file.removesuffix(".yaml") for file in ConfigStore.instance().list(group) if file.endswith(".yaml")}
    for name in names:
        if name not in there and name in EXTRAS[group]:
            raise NotOffered(f"{text}: this is not installed: {extra_command(EXTRAS[group][name])}")
        if name not in there:
            raise SpecError(f"{text}: there is no such {group}{suggest(name, {*there, *EXTRAS[group]})}")


def _check_option(group: str, name: str) -> None:
    if group == "persona":
        check_persona(name)
    elif name not in options(group):
        raise SpecError(f"{group}={name}: there is no such {group}{suggest(name, options(group))}")


def check_named(overrides: Sequence[str]) -> None:
    """Raises a `SpecError` for the first persona of these overrides that there is not."""
    for override in map(parsed, map(spelled, overrides)):
        for name in values(override) if override.key_or_group == "persona" and not override.is_delete() else ():
            check_persona(name)


def check_persona(name: str) -> None:
    """Raises a `SpecError` for a name that no persona has, with the files that are none because of their name."""
    if not is_name(name) or not os.path.lexists(file_of(name)):  # why a dangling link is none, its reader says
        names = options("persona")
        unread = ""
        for file, why in misnamed().items():
            if difflib.SequenceMatcher(a=name, b=file.partition(".")[0]).ratio() > 0.5:
                unread = f"; {file} is not read: {why}"
        what = "there is no such persona" if is_name(name or "x") or unread else NO_NAME
        raise SpecError(f"persona={name}: {what}{suggest(name, names)}{unread}")


def _check_key(tree: Any, key: str, text: str) -> None:
    above = ""
    for step in key.split("."):
        if not isinstance(tree, dict) or step not in tree:
            known = keys_below(above)
            if step in known:
                raise SpecError(f"{text}: no key stands below {step!r} here; to add one write +{text}")
            add = "" if known else f"; to add one write +{text}"
            choices = {*known, *(tree if isinstance(tree, dict) else ())}
            raise SpecError(f"{text}: there is no key {step!r} here{suggest(step, choices)}{add}")
        tree = tree[step]
        above = f"{above}.{step}".strip(".")
