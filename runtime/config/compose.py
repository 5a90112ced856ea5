"""What the user asked for, on the command line and in files → one checked `SessionSpec`."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar
from unicodedata import normalize

import hydra
from hydra.conf import HydraConf
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.plugins.sweeper import Sweeper
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import InterpolationKeyError, OmegaConfBaseException

from ..arc.complete import make_arc
from ..arc.difficulty import at_difficulty
from ..errors import NotOffered, SpecError, suggest
from ..spec.persona import NO_NAME, Cue, FrontMatter, Persona, is_name
from ..spec.session_spec import Language, SessionSpec
from ..spec.settings import Settings
from .command_line import parsed, spelled
from .groups import (
    ALL_GROUPS,
    CONF,
    GROUPS,
    SHAPES,
    check_choices,
    chosen,
    config_values,
    file_of,
    options,
    persona_node,
    prices,
    read_conf,
    usual_options,
)
from .mistakes import check_persona, readable_errors
from .persona_file import examine_persona, read_persona, revision_of, unknown_cues
from .validation import Place, shape_at, validated
from .yaml_file import Node, line_of, read_bytes

T = TypeVar("T")


def compose(overrides: Sequence[str]) -> SessionSpec:
    """The spec for these overrides, as on the command line. Where they only choose options the files alone make it, in
    a thirtieth of Hydra's time. Raises SpecError for whatever is wrong with them or with a file that they name."""
    return combine_chosen(overrides) or compose_by_hydra(overrides)


def compose_by_hydra(overrides: Sequence[str]) -> SessionSpec:
    """As `compose`, and whatever the overrides do."""
    with readable_errors(overrides):
        cfg = compose_config(overrides)
        return resolve(cfg, cfg.hydra)


def program_config(overrides: Sequence[str]) -> DictConfig:
    """As `compose_config`, but for those of Hydra's own keys that nobody reads; in a quarter of the time where the
    overrides only choose options and set keys. Raises what Hydra raises."""
    return combine_config(overrides) or compose_config(overrides)


def compose_config(overrides: Sequence[str]) -> DictConfig:
    """The whole config for these overrides, Hydra's own node included. Raises what Hydra raises."""
    if not GlobalHydra.instance().is_initialized():
        hydra.initialize_config_dir(str(CONF), version_base="1.3", job_name="runtime")
    return hydra.compose("config", list(map(spelled, overrides)), return_hydra_config=True)


def resolve(cfg: DictConfig, hydra_node: DictConfig | None = None) -> SessionSpec:
    """The spec for a composed config. `hydra_node` is its `hydra` node; inside `@hydra.main` Hydra itself knows it.
    Raises SpecError, with file and line, for a value that the schema does not allow."""
    node = hydra_node if hydra_node is not None else HydraConfig.get()
    for override in node.overrides.task:
        if override.lstrip("+~").startswith("persona."):
            raise SpecError(
                f"{override}: a persona is edited in its file; the command line chooses one by persona=NAME"
            )
    choices = {group: normalize("NFC", str(node.runtime.choices.get(group, ""))) for group in GROUPS}
    check_persona(choices["persona"])
    for group, name in choices.items():
        if not is_name(name):
            raise SpecError(f"{group}={name}: {NO_NAME}{suggest(name, options(group))}")
    check_choices(read_persona(file_of(choices["persona"]))[0])
    overridden = [override.partition("=")[0].lstrip("+") for override in node.overrides.task]
    return _spec(cfg, choices, overridden)


def reread(spec: SessionSpec) -> SessionSpec | None:
    """The spec with its persona as its file is now, without composing; None where the persona chooses other options
    than before, so that it must be composed. Raises SpecError for whatever is wrong with the file."""
    persona, revision = read_persona(file_of(spec.choices["persona"]))
    if chosen(persona) != chosen(spec.persona):
        return None
    groups = {group: getattr(spec, group) for group in SHAPES}
    return _assembled(groups, persona, revision, spec.choices)


def arc_front_now(choices: Mapping[str, str]) -> tuple[FrontMatter | None, list[str]]:
    """What the persona of a recorded call's choices would be scored by now, or None, and those of the choices that are
    there no more. Raises SpecError for whatever is wrong with a file."""
    made = {group: choices[group] for group in ("persona", "language", "difficulty") if group in choices}
    gone = [f"{group}={option}" for group, option in made.items() if option not in options(group)]
    if gone or not {"persona", "language"} <= made.keys():
        return None, gone
    return compose([f"{group}={option}" for group, option in made.items()]).arc.front, []


def _spec(cfg: DictConfig, choices: dict[str, str], overridden: Sequence[str]) -> SessionSpec:
    persona, revision = read_persona(file_of(choices["persona"]))
    groups = {group: _checked(shape, group, choices, cfg, overridden) for group, shape in SHAPES.items()}
    return _assembled(groups, persona, revision, choices)


def _assembled(groups: dict[str, Any], persona: Persona, revision: str, choices: dict[str, str]) -> SessionSpec:
    language: Language = groups["language"]
    for path, what in _unusable_keys(persona, language.customer):
        node = examine_persona(read_bytes(Path(persona.file)), Path(persona.file)).node
        raise SpecError(what, file=persona.file, line=line_of(node, path) if node else None)
    hashed = groups | {"language": replace(language, customer=FrontMatter())}
    content: dict[str, Any] = {group: asdict(value) for group, value in hashed.items()}
    content |= {"persona": [choices["persona"], revision], "customer": _revision(language.customer)}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
    arc = make_arc(persona, language.customer, language.base)
    arc = at_difficulty(arc, groups["difficulty"], persona.front.levels.get(choices["difficulty"]))
    arc = replace(arc, embedder=groups["listening"].embedder)
    return SessionSpec(persona=persona, arc=arc, choices=choices, revision=digest, **groups)


def _unusable_keys(persona: Persona, customer: FrontMatter) -> Iterator[tuple[Place, str]]:
    """As `dead_keys`, and places that name a cue which there is not. `customer` is that of the call's language."""
    front = persona.front
    known = frozenset([*customer.cues, *customer.named_cues, *front.cues])
    if any(unknown_cues(front, known)):
        known |= common_cues()
    yield from dead_keys(front, frozenset([*customer.cues, *customer.named_cues]))
    yield from unknown_cues(front, known)


def dead_keys(front: FrontMatter, common: frozenset[str]) -> Iterator[tuple[Place, str]]:
    """Keys of the front matter that do nothing, each with what is wrong: a cue that nothing could find and that is no
    language's common cue (those that are known first are `common`), and keys that only a language's customer has."""
    what = "only a language's customer has this key"
    if front.named_cues:
        yield ("named_cues",), f"named_cues: {what}; a persona lists a common cue among its `cues`"
    if front.called:
        yield ("called",), f"called: {what}; a persona that is called has `calls: false`"
    bare = {
        name: "nothing stands here" if cue == Cue() else "nothing could find it, as it has neither `like` nor `hear`"
        for name, cue in front.cues.items()
        if name not in common and not (cue.like or cue.hear or cue.on or cue.told or cue.means)
    }
    if bare:
        common |= common_cues()
    for name, why in bare.items():
        if name not in common:
            yield ("cues", name), f"cues.{name}: {why}, and no common cue has this name{suggest(name, common)}"


def common_cues() -> frozenset[str]:
    """The names of all languages' common cues."""
    names: set[str] = set()
    for option in options("language"):
        with suppress(SpecError):  # a language that is broken is told of where it is spoken
            value, node = read_conf(file := CONF / "language" / f"{option}.yaml")
            if isinstance(name := value.get("customer"), str):
                common = _customer(name, "customer", file, node)
                names |= {*common.cues, *common.named_cues}
    return frozenset(names)


@lru_cache(maxsize=16)
def _revision(customer: FrontMatter) -> str:
    """Kept, as it has hundreds of phrases and hardly ever changes."""
    return revision_of(repr(customer).encode())


_combining = Lock()  # as a node is part of one config at a time
_nodes: dict[Path, tuple[Any, DictConfig]] = {}
"""The node that `combine` has made of each file of conf/, with the file's content."""
_alone: dict[Path, tuple[Any, Any]] = {}
"""What a file of conf/ is once it is checked, with its content, where no other file has a part in that."""


def combine_chosen(overrides: Sequence[str]) -> SessionSpec | None:
    """The spec for these overrides; None where they or a file of conf/ do more than choose options, or where something
    is wrong, which Hydra tells."""
    with suppress(SpecError):
        if choices := _only_chosen(overrides):
            return combine({group: choices[group] for group in GROUPS})
    return None


def combine_config(overrides: Sequence[str]) -> DictConfig | None:
    """The config for these overrides as far as this program reads it; None where they or a file of conf/ do more than
    choose options and set keys that a file has, or where something is wrong, which Hydra tells."""
    with suppress(SpecError, OmegaConfBaseException):
        if (choices := _only_chosen(overrides)) is None:
            return None
        values = {key: value for key, value in config_values().items() if key not in ("defaults", "hydra")}
        files = {group: CONF / group / f"{option}.yaml" for group, option in choices.items() if group != "persona"}
        cfg = OmegaConf.create(values | {group: read_conf(file)[0] for group, file in files.items()})
        cfg.persona = persona_node(choices["persona"])
        OmegaConf.set_struct(cfg, True)
        for override in map(parsed, told := list(map(spelled, overrides))):
            if override.is_sweep_override() or override.key_or_group.startswith("hydra"):
                return None
            if override.key_or_group not in choices:
                value, add = override.value(), override.is_force_add()
                OmegaConf.update(cfg, override.key_or_group, value, merge=True, force_add=add)
        node = OmegaConf.structured(HydraConf)
        node.overrides.task, node.runtime.choices = told, choices
        with open_dict(cfg):
            cfg.hydra = node
        return cfg
    return None


def _only_chosen(overrides: Sequence[str]) -> dict[str, str] | None:
    """The option of each group; None where these overrides or a file of conf/ do more to groups than choose options.
    Raises SpecError where something is wrong."""
    groups = set(ALL_GROUPS)
    said: dict[str, str] = {}
    for override in overrides:
        key, _, value = override.partition("=")
        if key in groups and key not in said:
            said[key] = normalize("NFC", value)
            continue
        plain = re.fullmatch(r"(?:\+\+)?(([^\W_]\w*)[\w.]*)", key)
        if not plain or plain[1] in groups or plain[2] in GROUPS:
            return None
    usual = {group: option for group, option in usual_options().items() if not group.startswith("override hydra/")}
    others = [name for name in config_values().get("defaults") or () if isinstance(name, str) and name != "_self_"]
    if others or usual.keys() != groups or not all(map(is_name, said.values())) or config_values().keys() & groups:
        return None
    persona = read_persona(file_of((usual | said)["persona"]))[0]
    check_choices(persona)
    choices = usual | chosen(persona) | said
    files = [CONF / group / f"{choices[group]}.yaml" for group in groups - {"persona"}]
    more = any("defaults" in read_conf(file)[0] or b"@package" in read_bytes(file) for file in files)
    return None if more else choices


def combine(choices: dict[str, str]) -> SessionSpec:
    """The spec for one option of each group, straight from the files. Raises SpecError as `compose` does."""
    with _combining:
        files = {group: CONF / group / f"{choices[group]}.yaml" for group in GROUPS if group != "persona"}
        contents = {file: read_conf(file)[0] for file in files.values()}
        # A file's node is made once, and moves from one config to the next: to make it is most of the work.
        cfg = OmegaConf.create(flags={"no_deepcopy_set_nodes": True})
        for group, file in files.items():
            if _nodes.get(file, (None, None))[0] is not contents[file]:  # the same text is parsed once
                _nodes[file] = contents[file], OmegaConf.create(contents[file])
            cfg[group] = _nodes[file][1]
        groups: dict[str, Any] = {}
        for group, shape in SHAPES.items():
            content = contents[file := files[group]]
            known, groups[group] = _alone.get(file, (None, None))
            if known is not content:
                groups[group] = _checked(shape, group, choices, cfg, ())
                if shape is not Language and "${" not in str(content):
                    _alone[file] = content, groups[group]
    return _assembled(groups, *read_persona(file_of(choices["persona"])), choices)


def _checked(shape: type[T], group: str, choices: dict[str, str], cfg: DictConfig, overridden: Sequence[str]) -> T:
    """One group of the config as its dataclass."""
    file = CONF / group / f"{choices[group]}.yaml"
    _, node = read_conf(file)
    try:
        value = OmegaConf.to_container(cfg[group], resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise _unresolved(error, file, choices) from None
    at = group if any(key.startswith(f"{group}.") for key in overridden) else ""  # then the file may not be to blame
    where: tuple[Path | None, Node | None] = (None, None) if at else (file, node)
    if shape is Language and isinstance(value, dict) and isinstance(name := value.get("customer"), str):
        value["customer"] = _customer(name, f"{at}.customer".strip("."), *where)
    if at:
        try:
            json.dumps(value, ensure_ascii=False, default=str).encode()
        except UnicodeEncodeError as error:
            given = error.object[max(0, error.start - 20) : error.end]
            raise SpecError(f"{at}: {given!r}: what the command line says is not UTF-8 text") from None
    return validated(shape, value, *where, at)


def _customer(name: str, key: str, file: Path | None, node: Node | None) -> FrontMatter:
    """What any customer says in a language: the front matter of the file that the language's own one names."""
    folder = CONF / "language"
    names = sorted(found.name for found in folder.glob("*.md"))
    if name not in names:
        line = line_of(node, ["customer"]) if node else None
        raise SpecError(f"{key}: there is no {name!r} in conf/language{suggest(name, names)}", file=file, line=line)
    return read_persona(folder / name)[0].front


def _unresolved(error: OmegaConfBaseException, file: Path, choices: dict[str, str]) -> SpecError:
    """A value of the file that refers to something that is not there."""
    key = error.full_key or ""
    found = re.search(r"voice\.names\.([\w.]+)", str(error))
    if isinstance(error, InterpolationKeyError) and found:
        plugin, voice = found[1], choices["voice"]
        voices = {name: read_conf(CONF / "voice" / f"{name}.yaml")[0] for name in options("voice")}
        able = [name for name, content in voices.items() if plugin in (content.get("names") or {})]
        return NotOffered(
            f"voice={voice} has no name for {plugin}, which model={choices['model']} needs;"
            f" voices that have one: {', '.join(able) or 'none'}"
            f" (or add `{plugin}: NAME` to the names in conf/voice/{voice}.yaml)"
        )
    return SpecError(f"{key}: {str(error).splitlines()[0]}", file=file)


def read_settings(cfg: DictConfig) -> Settings:
    """The part of the config that no group holds. Raises SpecError for an unknown key or a wrong value."""
    try:
        own = {key: cfg[key] for key in cfg if key not in (*GROUPS, "hydra")}
        values = {
            key: OmegaConf.to_container(v, resolve=True) if OmegaConf.is_config(v) else v for key, v in own.items()
        }
    except OmegaConfBaseException as error:
        raise SpecError(f"{error.full_key}: {str(error).splitlines()[0]}") from None
    try:
        settings = validated(Settings, values)
    except SpecError:
        _blame_file(cfg)
        raise
    return replace(settings, record=replace(settings.record, prices=prices()))


def _blame_file(cfg: DictConfig) -> None:
    """Raises a SpecError for the file that alone makes the settings wrong; returns where that is the command line."""
    choices = cfg.hydra.runtime.choices if "hydra" in cfg else {}
    parts = {group: CONF / group / f"{choices.get(group)}.yaml" for group in ALL_GROUPS if group not in GROUPS}
    for group, file in parts.items():
        if file.exists():
            value, node = read_conf(file)
            validated(shape_at(Settings, (group,)), value, file, node)
    value, node = read_conf(file := CONF / "config.yaml")
    validated(Settings, {key: value[key] for key in value if key not in ("defaults", "hydra")}, file, node)


_check_batch = Sweeper.validate_batch_is_legal


def _check_quickly(self: Sweeper, batch: Sequence[Sequence[str]]) -> None:
    """Hydra composes each job of a sweep before the first begins, and once more: the first time only those that
    `combine_config` leaves to it, as others are known to be fine."""
    _check_batch(self, [job for job in batch if combine_config(job) is None])


Sweeper.validate_batch_is_legal = _check_quickly  # type: ignore[method-assign]
