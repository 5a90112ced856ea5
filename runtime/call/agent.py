"""The persona as a LiveKit agent: what she is told, what she hears and speaks with, and how she hangs up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from livekit.agents import Agent, RunContext, function_tool
from livekit.agents.llm import ChatContext, Tool, Toolset
from livekit.agents.types import NOT_GIVEN

from ..spec.prompt import instructions
from ..spec.session_spec import SessionSpec
from .build import Parts

HangUp = Callable[[RunContext[None], str], Awaitable[None]]
"""Ends the call from within; gets the name of the ending, or what the model made of it."""


class PersonaAgent(Agent):
    """One persona with the parts of one spec. All parts are the agent's own, so that another one can take over whole.

    `entered` is set once the agent has taken over.
    """

    def __init__(
        self, spec: SessionSpec, parts: Parts, tools: list[Tool | Toolset], history: ChatContext | None = None
    ) -> None:
        super().__init__(
            instructions=instructions(spec),
            chat_ctx=history or NOT_GIVEN,
            tools=tools,
            llm=parts.model,
            stt=parts.stt,
            tts=parts.tts,
            vad=parts.vad,
            turn_handling=parts.turn_handling,
        )
        self.entered = asyncio.Event()

    async def on_enter(self) -> None:
        """The agent has taken over."""
        self.entered.set()


def end_call(spec: SessionSpec, hang_up: HangUp) -> Tool:
    """The tool by which the persona hangs up."""
    endings = [ending.name for ending in spec.arc.front.endings]

    async def end(context: RunContext[None], outcome: str) -> None:
        await hang_up(context, outcome)

    return function_tool(
        end,
        name="end_call",
        description=f"Hangs up. `outcome` says how the call ended: {', '.join(endings) or 'in your words'}.",
    )
