"""A spec → the parts of a LiveKit session: any `livekit.plugins.*` by its name, imported when a spec names it."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast, get_type_hints

from livekit.agents import llm, stt, tts, vad
from livekit.agents.voice.turn import TurnHandlingOptions
from pydantic import ConfigDict, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError

from .errors import NotOffered, SpecError, suggest
from .groups import ROOT
from .persona import said_in
from .spec import Part, SessionSpec

PLACES: dict[str, tuple[type, str]] = {
    "realtime": (llm.RealtimeModel, "RealtimeModel"),
    "stt": (stt.STT, "STT"),
    "llm": (llm.LLM, "LLM"),
    "tts": (tts.TTS, "TTS"),
    "detector": (vad.VAD, "VAD"),
}
"""What each key of a model or VAD file must be, and the name that LiveKit's plugins give to that class."""

OWN = {"offline": "runtime.offline", "inference": "livekit.agents.inference"}
"""The plugins that are not below `livekit.plugins`."""


class InPlace(Executor):
    """Runs what it is given at once.

    The local VAD takes 0.03 ms for 32 ms of audio. To hand that to a thread of its own and back, as it does by itself,
    costs more: with twelve calls in one process 0.9 % of a core a call.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done = Future[Any]()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done


@dataclass(frozen=True, slots=True)
class Parts:
    """What a session is made of. `model` is a realtime model or an LLM; what a call does not need is None."""

    model: llm.RealtimeModel | llm.LLM[Any]
    stt: stt.STT[Any] | None
    tts: tts.TTS[Any] | None
    vad: vad.VAD | None
    turn_handling: TurnHandlingOptions


def build(spec: SessionSpec, *, audio: bool, env: Mapping[str, str] = os.environ) -> Parts:
    """New parts for one call. Without `audio` (a typed call) nothing that hears or speaks is built.

    Raises:
        SpecError: a plugin, option or secret is missing or wrong.
    """
    check_secrets(spec, env)
    model = spec.model
    thinks = _make(spec, "realtime" if model.realtime else "llm", env)
    if not audio:
        detection = "realtime_llm" if model.realtime else "manual"
        handling: dict[str, Any] = {"turn_detection": detection, "interruption": {"mode": "vad"}}
        return Parts(thinks, None, None, None, cast(TurnHandlingOptions, handling))
    check_audio(spec)
    return Parts(
        model=thinks,
        stt=_make(spec, "stt", env) if model.stt else None,
        tts=_make(spec, "tts", env) if model.tts else None,
        vad=_make(spec, "detector", env) if spec.vad.detector else None,
        turn_handling=cast(TurnHandlingOptions, spec.vad.turn_handling),
    )


def check(spec: SessionSpec) -> None:
    """Checks every part that the spec names, without secrets and without building any.

    Raises:
        SpecError: a plugin is not installed, or an option is none of its class's.
    """
    for place, part in _parts(spec).items():
        if part:
            _arguments(spec, place, part, _class(spec, place, part), None)
    check_audio(spec)


def check_secrets(spec: SessionSpec, env: Mapping[str, str]) -> None:
    """Raises a SpecError that says which of the model's secrets are not set, and where to get them."""
    missing = [
        f"{name} is not set (get it from {source})" for name, source in spec.model.secrets.items() if not env.get(name)
    ]
    if missing:
        raise SpecError(f"model={spec.choices['model']}: {'; '.join(missing)}. Put it in the environment or in .env")


def check_audio(spec: SessionSpec) -> None:
    """Raises a SpecError when the spec's parts cannot hear or cannot speak."""
    chosen = f"model={spec.choices['model']}"
    if spec.model.realtime:
        return
    missing = [place for place in ("stt", "tts") if not _parts(spec)[place]]
    if missing:
        raise SpecError(f"{chosen} has no {' and no '.join(missing)}: it can be typed to, but not spoken with")
    if not spec.vad.detector:
        raise NotOffered(
            f"vad={spec.choices['vad']} leaves turns to the model, and {chosen} does not detect them; use vad=silero"
        )


def instructions(spec: SessionSpec) -> str:
    """What the model is told, to the letter: the persona's prose, then the language's part, then the runtime's."""
    parts = [spec.persona.prose, spec.language.instructions]
    if opening := said_in(spec.persona.front.opening, spec.language.base):
        parts.append(f"You called, so you speak first. Your opening line is:\n{opening[0]}")
    else:
        parts.append("You called, so you speak first: say in a sentence or two why you are calling.")
    outcomes = [
        f"- {ending.name}{': ' + ending.means if ending.means else ''}" for ending in spec.persona.front.endings
    ]
    parts.append(
        "When the call is over for you, say your last words and, in the same turn, call the tool `end_call`, which"
        " hangs up. Never speak of it." + ("\nIts outcome is one of:\n" + "\n".join(outcomes) if outcomes else "")
    )
    return "\n\n".join(part if part is spec.persona.prose else part.strip() for part in parts if part.strip())


def _parts(spec: SessionSpec) -> dict[str, Part | None]:
    model = spec.model
    return {
        "realtime": model.realtime,
        "stt": model.stt,
        "llm": model.llm,
        "tts": model.tts,
        "detector": spec.vad.detector,
    }


def _make(spec: SessionSpec, place: str, env: Mapping[str, str]) -> Any:
    part = _parts(spec)[place]
    if part is None:
        raise SpecError(f"model={spec.choices['model']} has neither `realtime` nor `llm`: nothing can answer")
    made = _class(spec, place, part)
    arguments = _arguments(spec, place, part, made, env)
    try:
        return made(**arguments)
    except ImportError as error:
        raise SpecError(f"{_where(spec, place)}: {error}") from None
    except Exception as error:  # whatever a plugin's constructor raises is about what the config gave it
        raise SpecError(f"{_where(spec, place)}: {part.plugin} refused its options: {error}") from error


def _where(spec: SessionSpec, place: str) -> str:
    group = "vad" if place == "detector" else "model"
    return f"{group}={spec.choices[group]}: {place}"


def _class(spec: SessionSpec, place: str, part: Part) -> Callable[..., Any]:
    where = _where(spec, place)
    if not re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*", part.plugin):
        raise SpecError(
            f"{where}.plugin: {part.plugin!r} is not the name of a LiveKit plugin, such as openai or deepgram"
        )
    name = OWN.get(part.plugin, f"livekit.plugins.{part.plugin}")
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        package = f"livekit-plugins-{part.plugin.partition('.')[0].replace('_', '-')}"
        if error.name and not name.startswith(error.name):
            raise NotOffered(f"{where}: plugin {part.plugin} needs {error.name}, which is not installed") from None
        raise NotOffered(f"{where}: plugin {part.plugin} is not installed; {_how_to_install(package)}") from None
    base, usual = PLACES[place]
    wanted = part.type or usual
    if wanted == "RealtimeModel" and not hasattr(module, wanted):
        module = getattr(module, "realtime", module)
    found = getattr(module, wanted, None)
    if not (inspect.isclass(found) and issubclass(found, base)):
        able = [key for key, value in vars(module).items() if inspect.isclass(value) and issubclass(value, base)]
        raise SpecError(f"{where}: plugin {part.plugin} has no {wanted} for this place{suggest(wanted, able)}")
    return found


def _how_to_install(package: str) -> str:
    """The extra that brings the package, if this project has one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project.get("optional-dependencies", {})
    extra = next(
        (name for name, packages in extras.items() if any(p.startswith(f"{package}>") for p in packages)), None
    )
    return f"install it with: uv sync --extra {extra}" if extra else f"install it with: uv add {package}"


def _arguments(
    spec: SessionSpec, place: str, part: Part, made: Callable[..., Any], env: Mapping[str, str] | None
) -> dict[str, Any]:
    """The options as the class's own signature wants them. Without `env`, secrets are only checked for their form."""
    where = f"{_where(spec, place)}.options"
    known = {name: p for name, p in inspect.signature(made).parameters.items() if p.kind != p.VAR_POSITIONAL}
    open_ended = any(p.kind == p.VAR_KEYWORD for p in known.values())
    hints = _hints(made)
    arguments: dict[str, Any] = {}
    for name, value in part.options.items():
        if name not in known and not open_ended:
            public = [option for option in known if not option.startswith("_") and option != "spec"]
            raise SpecError(f"{where}.{name}: {part.plugin} has no such option{suggest(name, public)}")
        if isinstance(value, str) and value.startswith("env:"):
            arguments[name] = _secret(f"{where}.{name}", value, env) if env is not None else ""
        else:
            arguments[name] = _converted(f"{where}.{name}", value, hints.get(name))
    if part.plugin == "inference":
        arguments["executor"] = InPlace()
    if part.plugin == "offline":  # the offline parts answer from the persona itself, and listen for its phrases
        from .offline.listening import phrases

        given: dict[str, Callable[[], Any]] = {"spec": lambda: spec, "phrases": lambda: phrases(spec)}
        arguments |= {name: make() for name, make in given.items() if name in known and name not in arguments}
    return arguments


def _secret(where: str, value: str, env: Mapping[str, str]) -> str:
    """`env:NAME`, or `env:NAME:-default` as shells write it."""
    name, has_default, default = value.removeprefix("env:").partition(":-")
    found = env.get(name) or default
    if not found and not has_default:
        raise SpecError(f"{where}: {name} is not set. Put it in the environment or in .env")
    return found


def _hints(made: Callable[..., Any]) -> dict[str, Any]:
    """The types of the options; one that only a type checker can resolve is left to the constructor to judge."""
    hints: dict[str, Any] = {}
    for name, annotation in inspect.get_annotations(made.__init__).items():
        one = type(name, (), {"__annotations__": {name: annotation}})
        with suppress(NameError):
            hints |= get_type_hints(one, made.__init__.__globals__)
    return hints


def _converted(where: str, value: object, hint: Any) -> object:
    """The value as the option's type annotation says, where it says so: a mapping becomes the plugin's own options
    object, text that is no number is refused for one that should be."""
    if hint is None:
        return value
    try:
        adapter = TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
    except (PydanticSchemaGenerationError, PydanticUserError):
        try:
            adapter = TypeAdapter(hint)
        except (PydanticSchemaGenerationError, PydanticUserError, NameError):
            return value
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        reasons = {mistake["msg"] for mistake in error.errors(include_url=False) if "NotGiven" not in mistake["msg"]}
        raise SpecError(f"{where}: {value!r}: {'; or '.join(sorted(reasons))}") from None
