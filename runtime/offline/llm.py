"""A language model that is a script: the persona's file answers, without a key and without a network."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from livekit.agents import llm
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, APIConnectOptions, NotGivenOr
from livekit.agents.utils import shortuuid

from .embedding import meaning_of
from .reply import Reply, opening, reply

if TYPE_CHECKING:
    from ..spec.persona import Arc
    from ..spec.session_spec import SessionSpec

END_CALL = "end_call"
"""The function tool that hangs up; its one argument, `outcome`, is the name of the ending."""

_COMBINING_LETTERS = "\u0e30-\u0e3a\u0e45-\u0e4e\u0300-\u036f"
_PIECE = re.compile(
    rf"\s*(?:[\u0e00-\u0eff\u3040-\u9fff][{_COMBINING_LETTERS}]*){{1,6}}|\s*[^\s\u0e00-\u0eff\u3040-\u9fff]+|\s+$"
)


class LLM(llm.LLM[Any]):
    """A scripted customer. It keeps no state: every answer follows from the chat context and the arc alone.

    Args:
        spec: whose arc is played.
        pace: seconds between words.
    """

    def __init__(self, *, spec: SessionSpec, pace: float = 0.005) -> None:
        super().__init__()
        self.arc = spec.arc
        self.pace = pace

    @property
    def model(self) -> str:
        return "script"

    @property
    def provider(self) -> str:
        return "offline"

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        parallel_tool_calls: NotGivenOr[bool] = NOT_GIVEN,
        tool_choice: NotGivenOr[llm.ToolChoice] = NOT_GIVEN,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> llm.LLMStream:
        return _Stream(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _Stream(llm.LLMStream):
    _llm: LLM

    async def _run(self) -> None:
        answer = next_line(self._llm.arc, self._chat_ctx)
        request = shortuuid("offline_")
        pieces = list(split_for_streaming(answer.text))
        for i, piece in enumerate(pieces):
            if i and self._llm.pace:
                await asyncio.sleep(self._llm.pace)
            delta = llm.ChoiceDelta(role="assistant", content=piece)
            self._event_ch.send_nowait(llm.ChatChunk(id=request, delta=delta))
        if answer.ending and END_CALL in llm.ToolContext(self._tools).function_tools:
            call = llm.FunctionToolCall(
                name=END_CALL, arguments=json.dumps({"outcome": answer.ending}), call_id=shortuuid("call_")
            )
            delta = llm.ChoiceDelta(role="assistant", tool_calls=[call])
            self._event_ch.send_nowait(llm.ChatChunk(id=request, delta=delta))
        prompt = sum(len((message.text_content or "").split()) for message in self._chat_ctx.messages())
        usage = llm.CompletionUsage(
            completion_tokens=len(pieces), prompt_tokens=prompt, total_tokens=prompt + len(pieces)
        )
        self._event_ch.send_nowait(llm.ChatChunk(id=request, usage=usage))


def next_line(arc: Arc, history: llm.ChatContext) -> Reply:
    """What the customer says after this history.

    Turns of the trainee that got no answer in between are one turn. Without one to answer (a reply was asked for by
    instructions) the customer opens the call, or asks whether anyone is there; after a tool's result, nothing.
    """
    turns: list[str] = []
    said: list[str] = []
    waiting = False
    for item in history.items:
        if item.type != "message" or item.role not in ("user", "assistant"):
            continue
        text = (item.text_content or "").strip()
        if item.role == "assistant":
            said += [text] if text else []
            waiting = False
        elif waiting:
            turns[-1] = f"{turns[-1]} {text}"
        else:
            turns.append(text)
            waiting = True
    if waiting:
        return reply(arc, turns, said, meaning_of(arc))
    if history.items and history.items[-1].type == "function_call_output":
        return Reply("")
    return opening(arc, said)


def split_for_streaming(text: str) -> Iterator[str]:
    """The text word by word; where words are not spaced, a few characters at a time, marks with their letters."""
    end = 0
    for piece in _PIECE.finditer(text):
        yield text[end : piece.end()]
        end = piece.end()
    if end < len(text):
        yield text[end:]
