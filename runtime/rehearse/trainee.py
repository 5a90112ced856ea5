"""What the trainee of a rehearsal says next, by a script or by a language model that plays one, and in which voice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from livekit.agents.llm import LLM, ChatContext

from ..arc.phrases import heard_any, plain
from ..call.build import check, check_audio, check_extras, check_secrets, make
from ..errors import NotOffered, SpecError
from ..spec.session_spec import Language, Model, Part, SessionSpec
from ..spec.trainee import Script, Trainee

HANGS_UP = "(hangs up)"
"""What a simulated trainee says to end the call."""


class ScriptedCaller:
    """Says the lines of a script, each once. A line that waits for what the persona says comes as soon as she has said
    it, before those whose turn it is."""

    def __init__(self, script: Script) -> None:
        self._left = list(script)

    async def say(self, heard: str) -> str | None:
        """What is said to what was `heard` since the last turn; None hangs up."""
        said = plain(heard)
        due = next((line for line in self._left if line.when and heard_any({"": line.when}, said)), None)
        line = due or next((line for line in self._left if not line.when), None)
        if line is None:
            return None
        self._left.remove(line)
        return line.say


class SimulatedCaller:
    """A language model in the trainee's place. It knows what a trainee would: the language and what was said."""

    def __init__(self, llm: LLM[Any], trainee: Trainee, language: Language) -> None:
        self._llm = llm
        self._history = ChatContext.empty()
        told = [
            "You are a call-centre agent in training, on the telephone with a customer. Say what the agent says next, "
            f"and nothing else: one turn, spoken words only, in {language.name}. Never speak as the customer.",
            trainee.character,
            f"How well you do it: {trainee.skill}" if trainee.skill else "",
            f"When the call is over for you, answer {HANGS_UP}",
        ]
        self._history.add_message(role="system", content="\n\n".join(filter(None, told)))

    async def say(self, heard: str) -> str | None:
        """As of `ScriptedCaller`."""
        self._history.add_message(role="user", content=heard or "(silence)")
        said = (await self._llm.chat(chat_ctx=self._history).collect()).text.strip()
        self._history.add_message(role="assistant", content=said)
        return said.replace(HANGS_UP, "").strip() or None


# ---------------------------------------------------------------- the trainee's parts


def check_spoken(trainee: Trainee, spec: SessionSpec, name: str) -> None:
    """Raises NotOffered where this trainee and this persona cannot speak with each other on this machine."""
    try:
        check_audio(spec)
    except SpecError as error:
        raise NotOffered(str(error)) from None
    with _named(name):
        check_extras(_parts(trainee, spec, name), "tts")


def check_parts(trainee: Trainee, spec: SessionSpec, name: str) -> None:
    """Raises a SpecError where a plugin, an option or a secret of the trainee's own parts is missing or wrong."""
    with _named(name):
        own = _parts(trainee, spec, name)
        check_secrets(own, os.environ)
        check(own, audio=False)


def part_of(trainee: Trainee, spec: SessionSpec, name: str, place: str) -> Any:
    """The language model that plays the trainee (`llm`), or their voice (`tts`). Raises SpecError where its plugin, an
    option or a secret is missing or wrong."""
    with _named(name):
        own = _parts(trainee, spec, name)
        check_secrets(own, os.environ)
        return make(own, place)


def _parts(trainee: Trainee, spec: SessionSpec, name: str) -> SessionSpec:
    """A spec whose model is the trainee's. Without a voice of their own it is an offline one that is not hers."""
    hers = spec.model.tts.options if spec.model.tts and spec.model.tts.plugin == "offline" else {}
    other = {"voice": "heart+m3", "pitch": 32} if "heart" in str(hers.get("voice")) else {"voice": "heart+f2"}
    tts = trainee.tts or Part("offline", {**other, "speed": 155, "language": spec.language.tag})
    model = Model(llm=trainee.llm, tts=tts, secrets=trainee.secrets)
    return replace(spec, model=model, choices={**spec.choices, "model": name})


@contextmanager
def _named(name: str) -> Iterator[None]:
    """What is wrong with a part is said of the trainee."""
    try:
        yield
    except SpecError as error:
        raise type(error)(str(error).replace(f"model={name}", f"trainee={name}")) from None
