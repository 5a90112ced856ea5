"""A realtime session that is open, and knows the conversation, before the call is handed to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from livekit.agents.llm import (
    ChatContext,
    RealtimeModel,
    RealtimeModelError,
    RealtimeSession,
    Tool,
    ToolContext,
    Toolset,
)
from livekit.agents.metrics import RealtimeModelMetrics

from .build import Parts

ACKNOWLEDGE_SECONDS = 10.0
"""How long a provider may take to accept a session."""


class NotAccepted(Exception):
    """The provider did not take what it was given; the text says why, as far as it said so."""


class PreparedModel(RealtimeModel):
    """A realtime model whose next session is opened ahead, so that a refused one never touches the call, and an
    accepted one takes over within milliseconds."""

    def __init__(self, model: RealtimeModel) -> None:
        super().__init__(capabilities=model.capabilities)
        self._inner = model
        self._ready: RealtimeSession[Any] | None = None

    @property
    def label(self) -> str:
        return self._inner.label

    @property
    def model(self) -> str:
        return self._inner.model

    @property
    def provider(self) -> str:
        return self._inner.provider

    async def open(
        self, instructions: str, history: ChatContext, tools: Sequence[Tool | Toolset], parts: Parts
    ) -> None:
        """Opens the session for a call with these parts; returns once the provider has accepted it with all of this.

        Raises:
            NotAccepted: it refused, or did not answer in time.
        """
        disabled = detects_turns_itself(self._inner, parts)
        session = self._ready = self._inner.session(turn_detection_disabled=disabled)
        accepted = Acknowledgement(session, instructions)
        # Before the plugin's own task gets to run: Google's would connect without them, and then once more.
        await session.update_instructions(instructions)
        await session.update_tools(ToolContext(list(tools)).flatten())
        telling = asyncio.ensure_future(session.update_chat_ctx(history))
        try:
            await accepted.wait()
            await telling
        finally:
            telling.cancel()

    async def catch_up(self, history: ChatContext) -> None:
        """Tells the open session what was said since."""
        if self._ready:
            await self._ready.update_chat_ctx(history)

    def session(self, *, turn_detection_disabled: bool = False) -> RealtimeSession[Any]:
        """The session that is open; any further one is a new one."""
        session, self._ready = self._ready, None
        return session or self._inner.session(turn_detection_disabled=turn_detection_disabled)

    async def aclose(self) -> None:
        """Closes the model, and the session if nobody took it."""
        if self._ready:
            await self._ready.aclose()
            self._ready = None
        await self._inner.aclose()


def detects_turns_itself(model: RealtimeModel, parts: Parts) -> bool:
    """Whether LiveKit will detect turns in place of the model, as it decides when an agent starts."""
    able = model.capabilities
    if not able.turn_detection or not able.can_disable_turn_detection:
        return False
    detection = parts.turn_handling.get("turn_detection")
    if detection in ("realtime_llm", "manual"):
        return detection == "manual"
    return parts.vad is not None and (detection == "vad" or "mode" in parts.turn_handling.get("interruption", {}))


class Acknowledgement:
    """Waits for the provider to accept a session with these instructions. Made before they are sent.

    OpenAI answers with the session as it is now; with any other plugin the connection counts, as google-genai
    connects by sending the whole setup and waiting for its acknowledgement.
    """

    def __init__(self, session: RealtimeSession[Any], instructions: str) -> None:
        self._instructions = instructions
        self._trouble = ""
        self._answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._session = session
        openai = type(session).__module__.endswith("openai")
        answers = (
            ("openai_server_event_received", self._on_openai) if openai else ("metrics_collected", self._on_metrics)
        )
        self._listeners: list[tuple[Any, Callable[[Any], None]]] = [("error", self._on_error), answers]
        for event, listener in self._listeners:
            session.on(event, listener)

    async def wait(self) -> None:
        """Returns once it is accepted.

        Raises:
            NotAccepted: it was refused, or not answered in time.
        """
        try:
            async with asyncio.timeout(ACKNOWLEDGE_SECONDS):
                await self._answer
        except TimeoutError:
            why = f": {self._trouble}" if self._trouble else ""
            raise NotAccepted(f"the provider did not accept it in {ACKNOWLEDGE_SECONDS:g} s{why}") from None
        finally:
            for event, listener in self._listeners:
                self._session.off(event, listener)

    def _settle(self, error: str = "") -> None:
        if not self._answer.done():
            if error:
                self._answer.set_exception(NotAccepted(f"the provider refused it: {error}"))
            else:
                self._answer.set_result(None)

    def _on_error(self, error: RealtimeModelError) -> None:
        self._trouble = " ".join(str(error.error).split())[:300] or type(error.error).__name__
        if not error.recoverable:  # otherwise the plugin tries again
            self._settle(self._trouble)

    def _on_metrics(self, metrics: RealtimeModelMetrics) -> None:
        if metrics.acquire_time:
            self._settle()

    def _on_openai(self, event: dict[str, Any]) -> None:
        if event.get("type") == "session.updated":
            told = event.get("session", {}).get("instructions", self._instructions)
            if told.strip() == self._instructions.strip():
                self._settle()
        elif event.get("type") == "error":
            self._settle(str(event.get("error", {}).get("message", "error")))
