"""A spec → the parts of a LiveKit session: any `livekit.plugins.*` by its name, imported when a spec names it."""

from __future__ import annotations

import inspect
import json
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from livekit.agents import llm, stt, tts, vad
from livekit.agents.voice.turn import TurnHandlingOptions

from ..errors import NotOffered, SpecError, extra_command, suggest
from ..redaction import redacted
from ..spec.session_spec import OWN_MODULES, Part, SessionSpec
from ..spec.settings import check_key
from .detector import InlineExecutor, sharing
from .options import converted, hints_of, resolved
from .plugins import import_plugin

PLACES: dict[str, tuple[type, str]] = {
    "realtime": (llm.RealtimeModel, "RealtimeModel"),
    "stt": (stt.STT, "STT"),
    "llm": (llm.LLM, "LLM"),
    "tts": (tts.TTS, "TTS"),
    "detector": (vad.VAD, "VAD"),
    "listener": (llm.LLM, "LLM"),
    "judge": (llm.LLM, "LLM"),
}
"""What the part in each place must be, and the name that LiveKit's plugins give to that class."""
SPOKEN = ("stt", "tts", "detector")
"""The places that a typed call has no use for."""
BESIDE = ("listener", "judge")
"""The places of models beside the one that plays the persona."""
_KEYS = {"detector": ("vad", "detector"), "listener": ("listening", "llm"), "judge": ("judge", "llm")}
"""The group and the key that name the part in a place; the place itself in `model`, if it is not here."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a call is made of. `model` is a realtime model or an LLM; `listener` finds cues in what the trainee meant;
    what a call does not need is None."""

    model: llm.RealtimeModel | llm.LLM[Any]
    stt: stt.STT[Any] | None
    tts: tts.TTS[Any] | None
    vad: vad.VAD | None
    turn_handling: TurnHandlingOptions
    listener: llm.LLM[Any] | None = None


def build(
    spec: SessionSpec, *, audio: bool, env: Mapping[str, str] = os.environ, kept: Mapping[str, Any] | None = None
) -> Parts:
    """Parts for one call: new ones, but for those that are `kept`, by place. Without `audio` (a typed call) nothing
    that hears or speaks is built. Raises SpecError where a plugin, option or secret is missing or wrong."""
    check_secrets(spec, env)
    kept = kept or {}

    def part(place: str) -> Any:
        return kept[place] if place in kept else make(spec, place, env)

    if not audio:
        detection = "realtime_llm" if spec.model.realtime else "manual"
        handling: dict[str, Any] = {"turn_detection": detection, "interruption": {"mode": "vad"}}
        return Parts(part(_thinks(spec)), None, None, None, cast(TurnHandlingOptions, handling), part("listener"))
    check_audio(spec)
    return Parts(
        model=part(_thinks(spec)),
        stt=part("stt"),
        tts=part("tts"),
        vad=part("detector"),
        turn_handling=cast(TurnHandlingOptions, spec.vad.turn_handling),
        listener=part("listener"),
    )


def _thinks(spec: SessionSpec) -> str:
    if spec.model.realtime is None and spec.model.llm is None:
        raise SpecError(f"model={spec.choices['model']} has neither `realtime` nor `llm`: nothing can answer")
    return "realtime" if spec.model.realtime else "llm"


def check(spec: SessionSpec, *, audio: bool) -> None:
    """Checks every part that the spec names, without secrets or building any; without `audio` (a typed call) what hears
    and speaks may not be installed here. Raises SpecError for a plugin that is not, or an option that there is not."""
    lacking: dict[str, str] = {}
    for place, part in spec.parts.items():
        try:
            if part:
                _arguments(spec, place, part, _class(spec, place, part), None)
        except NotOffered as error:
            if part and (audio or place not in SPOKEN):
                lacking.setdefault(part.plugin, str(error))
    if lacking:
        raise NotOffered("; ".join(lacking.values()))
    if audio:
        check_audio(spec)


def plugin_modules(spec: SessionSpec, *, audio: bool) -> set[str]:
    """The modules of the parts that a call is built from."""
    unused = () if audio else SPOKEN
    return {part.module for place, part in spec.parts.items() if part and place not in unused}


def inputs(spec: SessionSpec, place: str) -> dict[str, Any] | None:
    """All that the part in this place is made from; None where there is none. Equal inputs make equal parts."""
    part = spec.parts[place]
    if part is None:
        return None
    given = _given(spec, part, _class(spec, place, part)) if part.plugin == "offline" else {}
    if "spec" in given:
        given["spec"] = spec.arc  # the offline parts read no more of it
    return {"plugin": part.plugin, "type": part.type, **given, **part.options}


def differing_inputs(old: SessionSpec, new: SessionSpec, place: str) -> set[str]:
    """The names of what the part in this place is made from otherwise in one spec than in the other."""
    before, after = inputs(old, place) or {}, inputs(new, place) or {}
    return before.keys() ^ after.keys() | {name for name in before.keys() & after.keys() if before[name] != after[name]}


def check_secrets(spec: SessionSpec, env: Mapping[str, str]) -> None:
    """Raises a SpecError that says which secrets of a group are not set, and where to get them; or which are none."""
    for group, secrets in spec.secrets.items():
        missing = [f"{name} is not set (get it from {source})" for name, source in secrets.items() if not env.get(name)]
        if missing:
            chosen = f"{group}={spec.choices[group]}"
            raise SpecError(f"{chosen}: {'; '.join(missing)}. Put it in the environment or in .env")
        for name in secrets:
            check_key(name, env[name])


def check_audio(spec: SessionSpec) -> None:
    """Raises a SpecError when the spec's parts cannot hear or cannot speak."""
    chosen = f"model={spec.choices['model']}"
    if spec.model.realtime:
        return
    missing = [place for place in ("stt", "tts") if not spec.parts[place]]
    if missing:
        raise SpecError(f"{chosen} has no {' and no '.join(missing)}: it can be typed to, but not spoken with")
    assert spec.model.stt
    check_extras(spec, "stt", "tts")
    cannot_hear = getattr(_class(spec, "stt", spec.model.stt), "cannot_hear", None)
    if cannot_hear and (why := cannot_hear(spec.language.base, spec.model.stt.options)):
        raise NotOffered(
            f"{chosen} does not hear language={spec.choices['language']}: {why}; or choose another model, or type to it"
            " (console.audio=false, rehearse.audio=false)"
        )
    if not spec.vad.detector:
        raise NotOffered(
            f"vad={spec.choices['vad']} leaves turns to the model, and {chosen} does not detect them; use vad=silero"
        )


def check_extras(spec: SessionSpec, *places: str) -> None:
    """Raises a SpecError when the part in a place (`stt` or `tts`) is not known, or which extras are not installed that
    calls of this spec need there."""
    lacking: dict[str, str] = {}
    for place in places:
        part = spec.parts[place]
        assert part
        package, extra = getattr(_class(spec, place, part), "NEEDS", ("", ""))
        if package and not find_spec(package):
            lacking[extra] = f'{"hears" if place == "stt" else "speaks"} with the "{extra}" extra alone'
    if not lacking:
        return
    embedder = spec.listening.embedder
    if "stt" in places and embedder and not find_spec(embedder):  # which alone would be no reason not to begin
        lacking["meaning"] = 'understands what is meant with the "meaning" extra alone'
    raise NotOffered(f"model={spec.choices['model']} {', '.join(lacking.values())}: {extra_command(*lacking)}")


def fetch(spec: SessionSpec, tell: Callable[[str], None]) -> None:
    """Fetches what a spoken call needs and this machine lacks: a model that hears. Blocks; `tell` is given a line
    before. Raises SpecError where it cannot be had."""
    part = spec.model.stt
    if part and (ahead := getattr(_class(spec, "stt", part), "fetch", None)):
        try:
            ahead(part.options, tell)
        except ValueError as error:
            raise SpecError(f"{key_of(spec, 'stt')}: {error}") from None


def make(spec: SessionSpec, place: str, env: Mapping[str, str] = os.environ) -> Any:
    """A new part for this place, if the spec has one. Raises SpecError where a plugin, option or secret is wrong."""
    part = spec.parts[place]
    if part is None:
        return None
    made = _class(spec, place, part)
    arguments = _arguments(spec, place, part, made, env)
    if place == "detector":
        made = sharing(made)
    try:
        return made(**arguments)
    except ImportError as error:
        raise SpecError(f"{key_of(spec, place)}: {error}") from None
    except Exception as error:  # whatever a plugin's constructor raises is about what the config gave it
        raise SpecError(f"{key_of(spec, place)}: {part.plugin} refused its options: {redacted(str(error))}") from error


def can_tune(part: Any, old: SessionSpec, new: SessionSpec, place: str) -> bool:
    """Whether a part that runs can itself be given what differs between two specs: its `update_options` takes it."""
    before, after = inputs(old, place), inputs(new, place)
    if part is None or before is None or after is None or not hasattr(part, "update_options"):
        return False
    able = inspect.signature(part.update_options).parameters.keys()
    return differing_inputs(old, new, place) <= able & after.keys()


def tune(part: Any, old: SessionSpec, new: SessionSpec, place: str) -> None:
    """Gives a part that runs what differs between two specs."""
    named = new.parts[place]
    assert named
    arguments = _arguments(new, place, named, _class(new, place, named), os.environ)
    differing = differing_inputs(old, new, place) & arguments.keys()
    part.update_options(**{name: arguments[name] for name in differing})


def address_of(part: object, spec: SessionSpec) -> str:
    """The address that the spec gives the session's part of this class; "" where it leaves it to the plugin."""
    bases = {place: base for place, (base, _) in PLACES.items() if place not in BESIDE}
    parts = (spec.parts[place] for place, base in bases.items() if isinstance(part, base))
    options = [option for part in parts if part for option in part.options.values()]
    options += [inner for option in options if isinstance(option, Mapping) for inner in option.values()]
    return next((option for option in options if isinstance(option, str) and "://" in option), "")


def part_name(part: Any) -> str:
    """A part as a person reads it in an error: its class and its plugin, "RealtimeModel (google)"."""
    module, _, kind = str(getattr(part, "label", f"{type(part).__module__}.{type(part).__name__}")).rpartition(".")
    found = re.match(r"livekit\.plugins\.(\w+)", module)
    plugin = found[1] if found else next((name for name, own in OWN_MODULES.items() if module.startswith(own)), "")
    return f"{kind} ({plugin})" if plugin else kind


def key_of(spec: SessionSpec, place: str) -> str:
    """Where a part is named, as a user would look for it: "listening=model: llm"."""
    group, key = _KEYS.get(place, ("model", place))
    return f"{group}={spec.choices[group]}: {key}"


def _class(spec: SessionSpec, place: str, part: Part) -> Callable[..., Any]:
    named = key_of(spec, place)
    if not re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*", part.plugin):
        raise SpecError(
            f"{named}.plugin: {part.plugin!r} is not the name of a LiveKit plugin, such as openai or deepgram"
        )
    name = part.module
    try:
        module = import_plugin(name)
    except ModuleNotFoundError as error:
        package = f"livekit-plugins-{part.plugin.partition('.')[0].replace('_', '-')}"
        if error.name and not name.startswith(error.name):
            raise NotOffered(f"{named}: plugin {part.plugin} needs {error.name}, which is not installed") from None
        raise NotOffered(f"{named}: plugin {part.plugin} is not installed; {_how_to_install(package)}") from None
    base, usual = PLACES[place]
    wanted = part.type or usual
    if wanted == "RealtimeModel" and not hasattr(module, wanted):
        module = getattr(module, "realtime", module)
    found = getattr(module, wanted, None)
    if not (inspect.isclass(found) and issubclass(found, base)):
        able = [key for key, value in vars(module).items() if inspect.isclass(value) and issubclass(value, base)]
        raise SpecError(f"{named}: plugin {part.plugin} has no {wanted} for this place{suggest(wanted, able)}")
    return found


def _how_to_install(package: str) -> str:
    """The command that installs a package: by the extra that brings it, if this project has one."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project.get("optional-dependencies", {})
    for extra, packages in extras.items():
        if any(re.split(r"[^\w.-]", wanted, maxsplit=1)[0] == package for wanted in packages):
            return f"install it with: {extra_command(extra)}"
    return f"install it with: uv add {package} (pip: pip install {package})"


def _arguments(
    spec: SessionSpec, place: str, part: Part, made: Callable[..., Any], env: Mapping[str, str] | None
) -> dict[str, Any]:
    """The options as the class's own signature wants them. Without `env`, secrets are only checked for their form."""
    at = f"{key_of(spec, place)}.options"
    known = {name: p for name, p in inspect.signature(made).parameters.items() if p.kind != p.VAR_POSITIONAL}
    open_ended = any(p.kind == p.VAR_KEYWORD for p in known.values())
    hints = hints_of(made)
    arguments: dict[str, Any] = {}
    for name, value in part.options.items():
        if name not in known and not open_ended:
            public = [option for option in known if not option.startswith("_") and option != "spec"]
            raise SpecError(f"{at}.{name}: {part.plugin} has no such option{suggest(name, public)}")
        given = resolved(f"{at}.{name}", value, env)
        if not (isinstance(value, str) and value.startswith("env:")):
            given = converted(f"{at}.{name}", given, hints.get(name))
        elif given.startswith("{"):  # a key that is an object: Google's service account
            given = json.loads(given)
        arguments[name] = given
    if place == "detector" and part.plugin == "inference":
        arguments["executor"] = InlineExecutor()
    return {**_given(spec, part, made), **arguments}


def _given(spec: SessionSpec, part: Part, made: Callable[..., Any]) -> dict[str, Any]:
    """Arguments that an offline part gets beside its options, if it takes them: the `spec` to answer from, and the
    `vocabulary` of names and numbers to expect."""
    if part.plugin != "offline":
        return {}
    given: dict[str, Callable[[SessionSpec], Any]] = {"spec": lambda spec: spec, "vocabulary": _vocabulary}
    wanted = inspect.signature(made).parameters
    return {name: make(spec) for name, make in given.items() if name in wanted}


def _vocabulary(spec: SessionSpec) -> list[str]:
    from ..offline.stt import vocabulary

    return vocabulary(spec)
