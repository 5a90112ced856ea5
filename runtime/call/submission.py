"""A language model asked for one structured answer: it submits what a tool's schema describes."""

from __future__ import annotations

import json
from typing import Any

from livekit.agents.llm import LLM, ChatContext, function_tool
from livekit.agents.types import APIConnectOptions


async def submitted(
    llm: LLM[Any], instructions: str, material: str, schema: dict[str, Any], options: APIConnectOptions
) -> object:
    """What the model submits on this material: the arguments of its first call of the tool that `schema` (a function's
    raw schema) describes. They are as the model made them, and may be anything. Raises ValueError where it did not call
    the tool, or with something that is not JSON, and whatever a plugin raises that gets no answer."""

    async def submit(raw_arguments: dict[str, object]) -> None: ...

    context = ChatContext.empty()
    context.add_message(role="system", content=instructions)
    context.add_message(role="user", content=material)
    tool = function_tool(submit, raw_schema=schema)
    answer = await llm.chat(chat_ctx=context, tools=[tool], tool_choice="required", conn_options=options).collect()
    for call in answer.tool_calls:
        if call.name == schema["name"]:
            arguments: object = json.loads(call.arguments)
            return arguments
    raise ValueError(f"{schema['name']} was not called")
