"""Realtime sessions that are opened ahead: one takes over a call only when it has shown that it can."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from livekit.agents import APIConnectionError
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
SETTLE_SECONDS = 0.5
"""How long a session must last after it was told the history. Gemini acknowledges its setup alone, and closes the
connection a moment later if it does not take the rest."""
PROOF_SECONDS = 1.0
"""How long it must last after it has taken over."""


class NotAccepted(Exception):
    """The provider did not take what it was given; the text says why, as far as it said so.

    `of_history` tells that it refused what was said so far, which a shorter history may mend.
    """

    def __init__(self, reason: str, *, of_history: bool = False) -> None:
        super().__init__(reason)
        self.of_history = of_history


def refuses_history(error: BaseException) -> bool:
    """Whether this is how Gemini says that a conversation is too long for it, or not to its liking: close code 1007."""
    return getattr(error, "code", None) == 1007 or re.search(r"\b1007\b", str(error)) is not None


class PreparedModel(RealtimeModel):
    """A realtime model whose next session is opened ahead, so that a refused one never touches the call, and an
    accepted one takes over within milliseconds."""

    def __init__(self, model: RealtimeModel) -> None:
        super().__init__(capabilities=model.capabilities)
        self._inner = model
        self._ready: RealtimeSession[Any] | None = None
        self._acknowledged: Acknowledgement | None = None

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
        Raises NotAccepted where it refused, or did not answer in time; the session is closed then."""
        disabled = detects_turns_itself(self._inner, parts)
        session = self._ready = self._inner.session(turn_detection_disabled=disabled)
        accepted = self._acknowledged = Acknowledgement(session, instructions, history=True)
        # Before the plugin's own task gets to run: Google's would connect without them, and then once more.
        await session.update_instructions(instructions)
        await session.update_tools(ToolContext(list(tools)).flatten())
        telling = asyncio.ensure_future(session.update_chat_ctx(history))
        try:
            await accepted.wait()
            await telling
            await accepted.wait(0 if accepted.acknowledges else SETTLE_SECONDS)
        except BaseException:
            await self._close_session()
            raise
        finally:
            telling.cancel()

    async def catch_up(self, history: ChatContext) -> bool:
        """Tells the open session what was said since. Whether it is still up."""
        assert self._ready and self._acknowledged
        await self._ready.update_chat_ctx(history)
        return self._acknowledged.up

    async def proven(self) -> None:
        """Returns once the session that took over has lasted for a while. Raises NotAccepted where it did not."""
        assert self._acknowledged
        self._acknowledged.begin_again()
        try:
            await self._acknowledged.wait(PROOF_SECONDS)
        finally:
            self._acknowledged.close()

    def session(self, *, turn_detection_disabled: bool = False) -> RealtimeSession[Any]:
        """The session that is open; any further one is a new one."""
        session, self._ready = self._ready, None
        return session or self._inner.session(turn_detection_disabled=turn_detection_disabled)

    async def _close_session(self) -> None:
        if self._acknowledged:
            self._acknowledged.close()
        if self._ready:
            await self._ready.aclose()
            self._ready = None

    async def aclose(self) -> None:
        """Closes the model, and the session if nobody took it."""
        await self._close_session()
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
    """Knows whether a realtime session is up, with these instructions. Made before they are sent.

    OpenAI answers with the session as it is now, and names the message that an error is about; with any other plugin
    the connection counts, as google-genai connects by sending the whole setup and waiting for its acknowledgement.

    Args:
        history: whether the session is told a history, whose refusal is a refusal of the session.
    """

    def __init__(self, session: RealtimeSession[Any], instructions: str, *, history: bool = False) -> None:
        self._session = session
        self._instructions = instructions
        self._history = history
        self._trouble = ""
        self._refused: NotAccepted | None = None
        self._sent: dict[str, str] = {}
        self._changed = asyncio.Event()
        self.up = False
        self.begin_again()
        self.acknowledges = type(session).__module__.endswith("openai")
        self._listeners: dict[str, Callable[[Any], None]] = {"error": self._on_error}
        if self.acknowledges:
            self._listeners["openai_client_event_queued"] = self._on_openai_sent
            self._listeners["openai_server_event_received"] = self._on_openai
        else:
            self._listeners["metrics_collected"] = self._on_metrics
        for event, listener in self._listeners.items():
            session.on(event, listener)

    def begin_again(self) -> None:
        """Counts how long the session lasts from now on."""
        self._since = asyncio.get_running_loop().time()

    def close(self) -> None:
        """Takes no more notice of the session."""
        for event, listener in self._listeners.items():
            self._session.off(event, listener)
        self._listeners = {}

    async def wait(self, seconds: float = 0) -> None:
        """Returns once the session has been up for so many seconds. Raises NotAccepted where it was not so in time."""
        try:
            async with asyncio.timeout(ACKNOWLEDGE_SECONDS):
                while (left := self._left(seconds)) is None or left > 0:
                    self._changed.clear()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(left):
                            await self._changed.wait()
        except TimeoutError:
            why = f": {self._trouble}" if self._trouble else ""
            raise NotAccepted(f"the provider did not accept it in {ACKNOWLEDGE_SECONDS:g} s{why}") from None

    def _left(self, seconds: float) -> float | None:
        """Seconds until the session has been up for so many; None while it is not up."""
        if self._refused:
            raise self._refused
        return self._since + seconds - asyncio.get_running_loop().time() if self.up else None

    def _set(self, up: bool, refused: NotAccepted | None = None) -> None:
        if up and not self.up:
            self.begin_again()
        self.up = up
        self._refused = self._refused or refused
        self._changed.set()

    def _refuse(self, reason: str, of_history: bool) -> None:
        self._set(False, NotAccepted(f"the provider refused it: {reason}", of_history=of_history))

    def _on_error(self, error: RealtimeModelError) -> None:
        self._trouble = " ".join(str(error.error).split())[:300] or type(error.error).__name__
        if not error.recoverable:
            self._refuse(self._trouble, refuses_history(error.error))
        elif not self.acknowledges or isinstance(error.error, APIConnectionError):
            self._set(False)  # the plugin connects again by itself

    def _on_metrics(self, metrics: RealtimeModelMetrics) -> None:
        if metrics.acquire_time:
            self._set(True)

    def _on_openai_sent(self, event: Any) -> None:
        if isinstance(event, dict) and event.get("event_id"):
            self._sent[event["event_id"]] = event["type"]

    def _on_openai(self, event: dict[str, Any]) -> None:
        if event.get("type") == "session.updated":
            told = event.get("session", {}).get("instructions", self._instructions)
            if told.strip() == self._instructions.strip():
                self._set(True)
        elif event.get("type") == "error":
            error = event.get("error", {})
            about = self._sent.get(error.get("event_id") or "")
            of_history = about == "conversation.item.create" and error.get("code") != "item_create_duplicate_item_id"
            if about == "session.update" or (of_history and self._history):
                self._refuse(str(error.get("message", "error")), of_history)
