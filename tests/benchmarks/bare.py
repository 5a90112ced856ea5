"""The same call as a user would write it by hand: one AgentSession, one agent, input by line, output by print.

Run by the memory benchmark: `python -m tests.benchmarks.bare`.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from livekit.agents import Agent, AgentSession, ConversationItemAddedEvent
from livekit.agents.llm import ChatMessage

from runtime.arc.complete import make_arc
from runtime.config.persona_file import read_persona
from runtime.offline.llm import LLM

ROOT = Path(__file__).parents[2]


async def main() -> None:
    """Holds the call until input ends."""
    persona, _ = read_persona(ROOT / "personas/sarah_thompson.md")
    customer, _ = read_persona(ROOT / "conf/language/en.customer.md")
    spec: Any = SimpleNamespace(arc=make_arc(persona, customer.front, "en"))
    session: AgentSession[None] = AgentSession(llm=LLM(spec=spec), turn_handling={"turn_detection": "manual"})

    @session.on("conversation_item_added")
    def show(event: ConversationItemAddedEvent) -> None:
        if isinstance(event.item, ChatMessage) and event.item.role == "assistant":
            print(f"{persona.name}: {event.item.text_content}", flush=True)

    await session.start(Agent(instructions=persona.prose))
    await session.say(persona.front.opening["en"][0])
    lines: asyncio.Queue[str] = asyncio.Queue()
    asyncio.get_running_loop().add_reader(sys.stdin, lambda: lines.put_nowait(sys.stdin.readline()))
    while line := await lines.get():
        await session.generate_reply(user_input=line.strip())
    await session.aclose()


if __name__ == "__main__":
    asyncio.run(main())
