"""The schema of every config group, and `compose`: what the user asked for → one checked `SessionSpec`."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationKeyError, OmegaConfBaseException
from pydantic import AfterValidator, ConfigDict

from .errors import NotOffered, SpecError, suggest
from .groups import CONF, GROUPS, chosen, file_of, options, read_conf
from .mistakes import readable_errors
from .persona import NAME, FrontMatter, Persona, read_persona
from .redaction import SECRET
from .validation import validated

T = TypeVar("T")

_STRICT = ConfigDict(extra="forbid")


def _no_secrets(options: dict[str, Any]) -> dict[str, Any]:
    """Options whose name says secret must be `env:NAME`, so that no spec, log or event can hold one."""
    for name, value in options.items():
        if SECRET.search(name) and not (isinstance(value, str) and value.startswith("env:")):
            raise ValueError(f"{name} is a secret: write env:NAME, and set NAME in the environment or in .env")
        if isinstance(value, dict):
            _no_secrets(value)
    return options


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a call: `plugin: deepgram` is `livekit.plugins.deepgram`, `options` go to its class.

    `type` names the class where it is not the usual one for its place (STT, LLM, TTS, RealtimeModel, VAD).
    """

    __pydantic_config__ = _STRICT
    plugin: str
    options: Annotated[dict[str, Any], AfterValidator(_no_secrets)] = field(default_factory=dict)
    type: str | None = None

    @property
    def module(self) -> str:
        """The Python module that the plugin is."""
        return _OWN.get(self.plugin, f"livekit.plugins.{self.plugin}")


_OWN = {"offline": "runtime.offline", "inference": "livekit.agents.inference"}
"""The plugins that are not below `livekit.plugins`."""


@dataclass(frozen=True, slots=True)
class Model:
    """What thinks and speaks: one realtime model, or speech-to-text, a language model and text-to-speech.

    `secrets` are environment variables that must be set, each with where to get it.
    """

    __pydantic_config__ = _STRICT
    realtime: Part | None = None
    stt: Part | None = None
    llm: Part | None = None
    tts: Part | None = None
    secrets: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Voice:
    """A character, with the name that each plugin has for it."""

    __pydantic_config__ = _STRICT
    names: dict[str, str]
    description: str = ""


@dataclass(frozen=True, slots=True)
class Language:
    """What a call is held in: `tag` is BCP 47 ("th-TH"), `base` its language alone ("th").

    `went_dead` is what the trainee reads when a call cannot go on; `customer` is what any customer says in it, for
    what a persona leaves open: the front matter of `conf/customer/OPTION.md`, where there is one.
    """

    __pydantic_config__ = _STRICT
    tag: str
    base: str
    name: str
    instructions: str = ""
    went_dead: str = "(The line went dead.)"
    customer: FrontMatter = field(default_factory=FrontMatter)


@dataclass(frozen=True, slots=True)
class Vad:
    """How turns are told apart: a voice activity detector (None leaves it to the model) and LiveKit's
    `TurnHandlingOptions`."""

    __pydantic_config__ = _STRICT
    detector: Part | None = None
    turn_handling: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SessionSpec:
    """All that a call is made from. `choices` are the options taken, by group; `revision` a hash of the content."""

    model: Model
    voice: Voice
    persona: Persona
    language: Language
    vad: Vad
    choices: dict[str, str]
    revision: str

    def __hash__(self) -> int:
        return hash(self.revision)

    @property
    def parts(self) -> dict[str, Part | None]:
        """The parts that the spec names, by place."""
        model = self.model
        return {
            "realtime": model.realtime,
            "stt": model.stt,
            "llm": model.llm,
            "tts": model.tts,
            "detector": self.vad.detector,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Edit:
    """A save, as it reaches a call: the spec that it makes, or the `error` that stands in its way.

    `at` is the Unix time of the save, `files` what was saved, as a user would type them, and `program` what changed of
    the program's own settings, each with `field`, `old`, `new` and `how`.
    """

    spec: SessionSpec | None
    at: float = field(default_factory=time.time)
    files: tuple[str, ...] = ()
    error: str = ""
    program: tuple[dict[str, str], ...] = ()


def compose(overrides: Sequence[str]) -> SessionSpec:
    """The spec for these overrides, as they would stand on the command line.

    Raises:
        SpecError: for whatever is wrong with them or with a file that they name.
    """
    with readable_errors(overrides):
        cfg = compose_config(overrides)
        return resolve(cfg, cfg.hydra)


def compose_config(overrides: Sequence[str]) -> DictConfig:
    """The whole config for these overrides, Hydra's own node included. Raises what Hydra raises."""
    if not GlobalHydra.instance().is_initialized():
        hydra.initialize_config_dir(str(CONF), version_base="1.3", job_name="runtime")
    return hydra.compose("config", list(overrides), return_hydra_config=True)


def resolve(cfg: DictConfig, hydra_node: DictConfig | None = None) -> SessionSpec:
    """The spec for a composed config. `hydra_node` is its `hydra` node; inside `@hydra.main` Hydra itself knows it.

    Raises:
        SpecError: for a value that the schema does not allow; names the file and the line.
    """
    node = hydra_node if hydra_node is not None else HydraConfig.get()
    for override in node.overrides.task:
        if override.lstrip("+~").startswith("persona."):
            raise SpecError(
                f"{override}: a persona is edited in its file; the command line chooses one by persona=NAME"
            )
    choices = {group: str(node.runtime.choices.get(group, "")) for group in GROUPS}
    for group, name in choices.items():
        if not NAME.fullmatch(name):
            raise SpecError(f"{group}={name}: this is not a name{suggest(name, options(group))}")
    overridden = [override.partition("=")[0].lstrip("+") for override in node.overrides.task]
    return _spec(cfg, choices, overridden)


def reread(spec: SessionSpec, file: Path | None = None) -> SessionSpec | None:
    """The spec with its persona as the file (its own, or another) is now, without composing; None where that would not
    do, as the persona chooses other options than before.

    Raises:
        SpecError: for whatever is wrong with the file.
    """
    persona, revision = read_persona(file or file_of(spec.choices["persona"]))
    if chosen(persona) != chosen(spec.persona):
        return None
    groups = {group: getattr(spec, group) for group in _SHAPES}
    return _assembled(groups, persona, revision, spec.choices)


def _spec(cfg: DictConfig, choices: dict[str, str], overridden: Sequence[str]) -> SessionSpec:
    persona, revision = read_persona(file_of(choices["persona"]))
    groups: dict[str, Any] = {
        group: _checked(shape, group, choices, cfg, overridden) for group, shape in _SHAPES.items()
    }
    return _assembled(groups, persona, revision, choices)


_SHAPES: dict[str, type[Any]] = {"model": Model, "voice": Voice, "language": Language, "vad": Vad}


def _assembled(groups: dict[str, Any], persona: Persona, revision: str, choices: dict[str, str]) -> SessionSpec:
    groups = groups | {"language": replace(groups["language"], customer=FrontMatter())}
    content: dict[str, Any] = {group: asdict(value) for group, value in groups.items()}
    content["persona"] = [choices["persona"], revision]
    if (file := CONF / "customer" / f"{choices['language']}.md").is_file():
        customer, content["customer"] = read_persona(file)
        groups["language"] = replace(groups["language"], customer=customer.front)
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
    return SessionSpec(persona=persona, choices=choices, revision=digest, **groups)


def combine(choices: dict[str, str]) -> SessionSpec:
    """The spec for one option of each group, straight from the files: `compose` without overrides, much faster.

    Raises:
        SpecError: as `compose` does.
    """
    files = {group: CONF / group / f"{choices[group]}.yaml" for group in GROUPS if group != "persona"}
    cfg = OmegaConf.create({group: read_conf(file)[0] for group, file in files.items()})
    return _spec(cfg, choices, ())


def _checked(shape: type[T], group: str, choices: dict[str, str], cfg: DictConfig, overridden: Sequence[str]) -> T:
    """One group of the config as its dataclass."""
    file = CONF / group / f"{choices[group]}.yaml"
    _, node = read_conf(file)
    try:
        value = OmegaConf.to_container(cfg[group], resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise _unresolved(error, file, choices) from None
    if any(key.startswith(f"{group}.") for key in overridden):
        return validated(shape, value, at=group)
    return validated(shape, value, file, node)


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
