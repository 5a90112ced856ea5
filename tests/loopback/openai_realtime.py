"""OpenAI's Realtime API over a WebSocket, as LiveKit's plugin speaks it.

What the real service does and this one does too: one answer at a time; a new voice is refused once audio was
spoken, and the whole `session.update` with it; the instructions of a `response.create` stand for that answer.

    python -m tests.loopback.openai_realtime --port 0
"""

import argparse
import asyncio
import base64
import json
from itertools import count
from typing import Any

from aiohttp import web

from . import Fault, Json, ToolCall, Turn, openai_error, run_alone
from .audio import Ear
from .realtime import PIECE, Connection, RealtimeServer, words


def merged(old: Json, new: Json) -> Json:
    """The old settings with the new ones laid over, at every depth."""
    both = old | new
    return both | {
        key: merged(old[key], new[key])
        for key in old.keys() & new.keys()
        if isinstance(old[key], dict) and isinstance(new[key], dict)
    }


def text_of(item: Json) -> str:
    """What an item says, whatever its kind."""
    if item["type"] != "message":
        return str(item.get("output") or item.get("arguments"))
    return "".join(part.get("text") or part.get("transcript") or "" for part in item["content"])


class OpenAIConnection(Connection):
    """One session: its settings as they stand (`session`) and the conversation's items."""

    server: "OpenAIRealtimeServer"

    def __init__(self, server: "OpenAIRealtimeServer", request: web.Request, fault: Fault | None) -> None:
        super().__init__(server, request, fault)
        self.session: Json = {"type": "realtime", "model": self.query.get("model")}
        self.session["audio"] = {"input": {}, "output": {}}
        self.items: list[Json] = []
        self.errors: list[Json] = []
        """The errors that were sent."""
        self.has_spoken = False
        self._params: Json = {}
        self._why_cancelled = "client_cancelled"
        self._ear = Ear(24_000)

    @property
    def key(self) -> str:
        """The API key that the client sent."""
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    @property
    def instruction(self) -> str:
        """The instruction in force: of the answer being given, or else of the session."""
        return str(self._params.get("instructions") or self.session.get("instructions") or "")

    @property
    def voice(self) -> str:
        """The voice of the session."""
        return str(self.session["audio"]["output"].get("voice", ""))

    @property
    def history(self) -> list[tuple[str, str]]:
        """(role, text) of every item."""
        return [(item.get("role", "tool"), text_of(item)) for item in self.items]

    def event(self, type_: str, **fields: Any) -> Json:
        """An event with an id of its own."""
        return {"type": type_, "event_id": self.server.new_id("event"), **fields}

    def emit(self, type_: str, **fields: Any) -> None:
        """Send one event."""
        self.send(self.event(type_, **fields))

    def error(self, code: str, message: str, event_id: str | None = None) -> None:
        """Send an error event; `event_id` is the client's event that it answers."""
        error = {"type": "invalid_request_error", "code": code, "message": message, "event_id": event_id}
        self.errors.append(error)
        self.emit("error", error=error)

    def opened(self) -> None:
        self.greet(self.event("session.created", session=self.session))

    def handle(self, message: Json) -> None:
        event_id = message.get("event_id")
        match message:
            case {"type": "session.update", "session": session}:
                self._update(session, event_id)
            case {"type": "conversation.item.create", "item": item}:
                self._create(item, message.get("previous_item_id"), event_id)
            case {"type": "conversation.item.delete", "item_id": item_id}:
                self._delete(item_id, event_id)
            case {"type": "conversation.item.truncate"}:
                fields = {key: message[key] for key in ("item_id", "content_index", "audio_end_ms")}
                self.emit("conversation.item.truncated", **fields)
            case {"type": "response.create"}:
                self._respond(message.get("response") or {}, event_id)
            case {"type": "response.cancel"}:
                if not self.stop_speaking():
                    self.error("response_cancel_not_active", "Cancellation failed: no active response found")
            case {"type": "input_audio_buffer.append", "audio": audio}:
                self._hear(base64.b64decode(audio))
            case {"type": "input_audio_buffer.commit"}:
                self._commit(self.server.new_id("item"))
            case {"type": "input_audio_buffer.clear"}:
                self.emit("input_audio_buffer.cleared")

    def _refused(self, given: Json, event_id: str | None) -> bool:
        refused = self.server.refuses is not None and self.server.refuses in json.dumps(given)
        if refused:
            self.error("invalid_value", "not this", event_id)
        return refused

    def _update(self, session: Json, event_id: str | None) -> None:
        if self.server.complains_first:
            self.error("unknown_item", "No such item", "event_of_another")
            self.error("server_error", "Something went wrong")
        if self._refused(session, event_id):
            return
        session = {key: value for key, value in session.items() if value is not None}
        voice = session.get("audio", {}).get("output", {}).get("voice", self.voice)
        if self.has_spoken and voice != self.voice:
            text = "Cannot update a conversation's voice if assistant audio is present."
            return self.error("cannot_update_voice", text, event_id)
        self.session = merged(self.session, session)
        self.emit("session.updated", session=self.session)

    def _index(self, item_id: str | None) -> int | None:
        return next((n for n, item in enumerate(self.items) if item["id"] == item_id), None)

    def _create(self, item: Json, previous: str | None, event_id: str | None) -> None:
        if self._refused(item, event_id):
            return
        if self._index(item.get("id")) is not None:
            text = f"Item with ID '{item['id']}' already exists."
            return self.error("item_create_duplicate_item_id", text, event_id)
        index = self._index(previous)
        at = 0 if previous == "root" else len(self.items) if index is None else index + 1
        self._add({"id": self.server.new_id("item"), "status": "completed"} | item, at)

    def _add(self, item: Json, at: int | None = None) -> None:
        at = len(self.items) if at is None else at
        previous = self.items[at - 1]["id"] if at else None
        self.items.insert(at, item)
        self.emit("conversation.item.added", previous_item_id=previous, item=item)

    def _delete(self, item_id: str, event_id: str | None) -> None:
        index = self._index(item_id)
        if index is None:
            return self.error("item_delete_invalid_item_id", f"No item {item_id!r}", event_id)
        del self.items[index]
        self.emit("conversation.item.deleted", item_id=item_id)

    def _hear(self, pcm: bytes) -> None:
        detection = self.session["audio"]["input"].get("turn_detection")
        if detection is None:
            return
        change = self._ear.hear(pcm)
        if change == "started":
            self._spoken_item = self.server.new_id("item")
            self.emit("input_audio_buffer.speech_started", item_id=self._spoken_item, audio_start_ms=0)
            if detection.get("interrupt_response") is not False:
                self._why_cancelled = "turn_detected"
                self.stop_speaking()
        elif change == "stopped":
            self.emit("input_audio_buffer.speech_stopped", item_id=self._spoken_item, audio_end_ms=0)
            self._commit(self._spoken_item)
            if detection.get("create_response") is not False:
                self._respond({}, None)

    def _commit(self, item_id: str) -> None:
        heard = self.server.transcript()
        self.emit("input_audio_buffer.committed", item_id=item_id)
        part = {"type": "input_audio", "transcript": None}
        self._add({"id": item_id, "type": "message", "role": "user", "content": [part]})
        part["transcript"] = heard
        if self.session["audio"]["input"].get("transcription"):
            kind = "conversation.item.input_audio_transcription"
            where = {"item_id": item_id, "content_index": 0}
            for word in words(heard):
                self.emit(f"{kind}.delta", delta=word, **where)
            usage = {"type": "duration", "seconds": 1}
            self.emit(f"{kind}.completed", transcript=heard, usage=usage, **where)

    def _respond(self, params: Json, event_id: str | None) -> None:
        if self.answering:
            text = "Conversation already has an active response in progress"
            return self.error("conversation_already_has_active_response", text, event_id)
        self._params = params
        new: list[str] = []
        for role, text in reversed(self.history):
            if role == "assistant":
                break
            new.insert(0, text)
        self.take_turn(self._answer(" ".join(new)))

    async def _answer(self, heard: str) -> None:
        response: Json = {"id": self.server.new_id("resp"), "status": "in_progress"}
        response |= {"metadata": self._params.get("metadata"), "output": [], "status_details": None}
        turn = Turn(heard, self.server.reply(self, heard))
        self.speaking = True
        self.emit("response.created", response=response)
        try:
            if text := turn.said.text if isinstance(turn.said, ToolCall) else turn.said:
                await self._speak(text, response["id"])
            if isinstance(turn.said, ToolCall):
                self._call(turn.said, response["id"])
            response |= {"status": "completed"}
        except asyncio.CancelledError:
            turn.interrupted = True
            details = {"type": "cancelled", "reason": self._why_cancelled}
            response |= {"status": "cancelled", "status_details": details}
            raise
        finally:
            usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
            self.emit("response.done", response=response | {"usage": usage})
            self.speaking = False
            self._params = {}
            self._why_cancelled = "client_cancelled"
            self.turns.append(turn)
            self.server.changed()

    async def _speak(self, text: str, response_id: str) -> None:
        part: Json = {"type": "output_audio", "transcript": ""}
        audible = "audio" in self.session.get("output_modalities", ["audio"])
        if not audible:
            part = {"type": "output_text", "text": ""}
        item: Json = {"id": self.server.new_id("item"), "type": "message", "role": "assistant", "content": []}
        whole = {"response_id": response_id, "output_index": 0}
        where = whole | {"item_id": item["id"], "content_index": 0}
        self.emit("response.output_item.added", item=item | {"status": "in_progress"}, **whole)
        self._add(item)
        shown = {"type": "audio" if audible else "text"}
        self.emit("response.content_part.added", part=shown, **where)
        item["content"] = [part]
        try:
            for word in words(text):
                part["transcript" if audible else "text"] += word
                if audible:
                    self.has_spoken = True
                    self.emit("response.output_audio_transcript.delta", delta=word, **where)
                    self.emit("response.output_audio.delta", delta=PIECE, **where)
                else:
                    self.emit("response.output_text.delta", delta=word, **where)
                self.server.changed()
                await self.server.may_speak.wait()
            item["status"] = "completed"
        except asyncio.CancelledError:
            item["status"] = "incomplete"
            raise
        finally:
            self.emit("response.content_part.done", part=part, **where)
            self.emit("response.output_item.done", item=item, **whole)

    def _call(self, call: ToolCall, response_id: str) -> None:
        item = {"id": self.server.new_id("item"), "type": "function_call", "status": "completed"}
        item |= {"call_id": self.server.new_id("call"), "name": call.name}
        item["arguments"] = json.dumps(call.arguments)
        whole = {"response_id": response_id, "output_index": 0}
        self.emit("response.output_item.added", item=item | {"arguments": ""}, **whole)
        self._add(item)
        done = {"item_id": item["id"], "call_id": item["call_id"], "arguments": item["arguments"]}
        self.emit("response.function_call_arguments.done", **done, **whole)
        self.emit("response.output_item.done", item=item, **whole)


class OpenAIRealtimeServer(RealtimeServer[OpenAIConnection]):
    """OpenAI's Realtime API. `environment` points a client process at it."""

    kind = OpenAIConnection

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._ids = count(1)
        self.refuses: str | None = None
        """Text that no instructions and no item may hold."""
        self.complains_first = False
        """Whether a `session.update` is preceded by errors that have nothing to do with it."""

    def new_id(self, kind: str) -> str:
        """An identifier never given before."""
        return f"{kind}_{next(self._ids)}"

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/v1/realtime", self.accept)]

    def refusal(self, status: int) -> Json:
        return openai_error(status)

    @property
    def base_url(self) -> str:
        """For `base_url` or OPENAI_BASE_URL."""
        return f"{self.origin}/v1"

    @property
    def environment(self) -> dict[str, str]:
        """What a client process needs in its environment to come here."""
        return {"OPENAI_API_KEY": "loopback", "OPENAI_BASE_URL": self.base_url}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    alone = OpenAIRealtimeServer(port=parser.parse_args().port)
    asyncio.run(run_alone(alone, base_url=lambda: alone.base_url))
