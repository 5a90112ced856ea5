"""What the trainee of a rehearsal says next: by a script, or by a language model that plays one."""

from __future__ import annotations

from typing import Any, Protocol

from livekit.agents.llm import LLM, ChatContext

from ..arc.phrases import heard_any, plain
from ..spec.session_spec import Language
from ..spec.trainee import Script, Trainee

HANGS_UP = "(hangs up)"
"""What a simulated trainee says to end the call."""


class Caller(Protocol):
    """A trainee in one call."""

    async def say(self, heard: str) -> str | None:
        """What is said to what was `heard` since the last turn; None hangs up."""

    async def aclose(self) -> None:
        """The call is over."""


class ScriptedCaller:
    """Says the lines of a script, each once. A line that waits for what the persona says comes as soon as she has said
    it, before those whose turn it is."""

    def __init__(self, script: Script) -> None:
        self._left = list(script)

    async def say(self, heard: str) -> str | None:
        said = plain(heard)
        due = next((line for line in self._left if line.when and heard_any({"": line.when}, said)), None)
        line = due or next((line for line in self._left if not line.when), None)
        if line is None:
            return None
        self._left.remove(line)
        return line.say

    async def aclose(self) -> None:
        pass


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
        self._history.add_message(role="user", content=heard or "(silence)")
        said = (await self._llm.chat(chat_ctx=self._history).collect()).text.strip()
        self._history.add_message(role="assistant", content=said)
        words = said.replace(HANGS_UP, "").strip()
        return words or None

    async def aclose(self) -> None:
        await self._llm.aclose()
