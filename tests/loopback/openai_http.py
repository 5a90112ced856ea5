"""OpenAI's HTTP API, as much of it as LiveKit's plugins ask for: chat, speech, transcriptions, models.

Any audio format but PCM is answered with a WAV file that says so, which the plugin decodes.

    python -m tests.loopback.openai_http --port 0
"""

import argparse
import asyncio
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count

from aiohttp import web

from . import (
    Close,
    Drop,
    Fault,
    Faults,
    Garbage,
    GoAway,
    Json,
    Refuse,
    Reply,
    Server,
    Stall,
    ToolCall,
    Turn,
    canary,
    openai_error,
    plan,
    run_alone,
)
from .audio import tone, wav
from .realtime import words

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


@dataclass
class Chat:
    """A request to /chat/completions."""

    key: str
    body: Json
    turn: Turn | None = field(default=None)
    """The answer, once it was sent whole."""
    cut_off: bool = False
    """The client left before that."""
    voice: str = ""

    @property
    def instruction(self) -> str:
        """The system messages."""
        return "\n".join(text for role, text in self._messages if role in ("system", "developer"))

    @property
    def history(self) -> list[tuple[str, str]]:
        """(role, text) of the other messages."""
        return [message for message in self._messages if message[0] not in ("system", "developer")]

    @property
    def _messages(self) -> list[tuple[str, str]]:
        return [(message["role"], self._text(message.get("content"))) for message in self.body["messages"]]

    @staticmethod
    def _text(content: str | list[Json] | None) -> str:
        if isinstance(content, str):
            return content
        return "".join(part.get("text", "") for part in content or [])

    @property
    def heard(self) -> str:
        """What was said since the last answer."""
        new: list[str] = []
        for role, text in reversed(self.history):
            if role == "assistant":
                break
            new.insert(0, text)
        return " ".join(new)


@dataclass
class Speech:
    """A request to /audio/speech."""

    key: str
    body: Json


@dataclass
class Transcription:
    """A request to /audio/transcriptions: its form fields and the WAV file."""

    key: str
    fields: dict[str, str]
    audio: bytes


class OpenAIHTTPServer(Server):
    """OpenAI over HTTP. `hears` are the transcripts to answer with, `models` are listed; a fault plan for each path."""

    def __init__(
        self,
        *,
        reply: Reply = canary,
        hears: Iterable[str] = (),
        on_chat: Faults = (),
        on_speech: Faults = (),
        on_transcription: Faults = (),
        on_models: Faults = (),
        models: Iterable[str] = ("gpt-loopback",),
        port: int = 0,
    ) -> None:
        super().__init__(reply=reply, port=port)
        self.hears = iter(hears)
        self.faults_on_chat = plan(on_chat)
        self.faults_on_speech = plan(on_speech)
        self.faults_on_transcription = plan(on_transcription)
        self.faults_on_models = plan(on_models)
        self.models = list(models)
        self.asked_for_models: list[str] = []
        """The key of each request to /models."""
        self.chats: list[Chat] = []
        self.speeches: list[Speech] = []
        self.transcriptions: list[Transcription] = []
        self._ids = count(1)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v1/models", self._models),
            web.get("/v1/models/{name:.+}", self._models),
            web.post("/v1/chat/completions", self._chat),
            web.post("/v1/audio/speech", self._speech),
            web.post("/v1/audio/transcriptions", self._transcription),
        ]

    @property
    def base_url(self) -> str:
        """For `base_url` or OPENAI_BASE_URL."""
        return f"{self.origin}/v1"

    @property
    def environment(self) -> dict[str, str]:
        """What a client process needs in its environment to come here."""
        return {"OPENAI_API_KEY": "loopback", "OPENAI_BASE_URL": self.base_url}

    async def _fault(self, faults: Iterator[Fault | None], request: web.Request) -> web.Response | None:
        """Let the next fault happen; None if the request is to be answered after all."""
        self.changed()
        match next(faults):
            case Refuse(status):
                return web.json_response(openai_error(status), status=status)
            case Garbage(text):
                return web.Response(text=f"data: {text}\n\n", content_type="text/event-stream")
            case Stall(None):
                await self.over.wait()
                return web.Response()
            case Stall(float() | int() as seconds):
                await asyncio.sleep(seconds)
            case Drop() | Close() | GoAway():
                assert request.transport
                request.transport.abort()
                return web.Response()
        return None

    async def _models(self, request: web.Request) -> web.StreamResponse:
        key = key_of(request)
        self.asked_for_models.append(key)
        fault = next(self.faults_on_models)
        if fault == Refuse(401):  # the real service repeats the key's ends
            wrong = {"message": f"Incorrect API key provided: {key}.", "code": "invalid_api_key", "type": "refused"}
            return web.json_response({"error": wrong}, status=401)
        if response := await self._fault(iter([fault]), request):
            return response
        known = [{"id": name, "object": "model"} for name in self.models]
        if "name" not in request.match_info:
            return web.json_response({"object": "list", "data": known})
        found = next((model for model in known if model["id"] == request.match_info["name"]), None)
        return web.json_response(found or openai_error(404), status=200 if found else 404)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        chat = Chat(key_of(request), await request.json())
        self.chats.append(chat)
        if response := await self._fault(self.faults_on_chat, request):
            return response
        said = self.reply(chat, chat.heard)
        if not chat.body.get("stream"):
            message = self._call(said) if isinstance(said, ToolCall) else {"content": said}
            choice = {"index": 0, "message": {"role": "assistant"} | message, "finish_reason": "stop"}
            return web.json_response(self._envelope(chat, [choice]) | {"usage": USAGE})
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        spoken = [{"content": word} for word in words(said.text if isinstance(said, ToolCall) else said)]
        spoken += [self._call(said)] if isinstance(said, ToolCall) else []
        try:
            for delta in spoken:
                await self._event(stream, self._envelope(chat, [{"index": 0, "delta": delta}]))
                await asyncio.sleep(0)  # a model does not answer all at once
                await self.may_speak.wait()
        except ConnectionError:
            chat.cut_off = True
            self.changed()
            return stream
        reason = "tool_calls" if isinstance(said, ToolCall) else "stop"
        await self._event(stream, self._envelope(chat, [{"index": 0, "delta": {}, "finish_reason": reason}]))
        await self._event(stream, self._envelope(chat, []) | {"usage": USAGE})
        await stream.write(b"data: [DONE]\n\n")
        chat.turn = Turn(chat.heard, said)
        self.changed()
        return stream

    @staticmethod
    async def _event(stream: web.StreamResponse, data: Json) -> None:
        await stream.write(f"data: {json.dumps(data)}\n\n".encode())

    def _envelope(self, chat: Chat, choices: list[Json]) -> Json:
        kind = "chat.completion.chunk" if chat.body.get("stream") else "chat.completion"
        envelope = {"id": f"chat-{len(self.chats)}", "object": kind, "created": 0}
        return envelope | {"model": chat.body["model"], "choices": choices}

    def _call(self, call: ToolCall) -> Json:
        tool_call: Json = {"index": 0, "id": f"call-{next(self._ids)}", "type": "function"}
        tool_call["function"] = {"name": call.name, "arguments": json.dumps(call.arguments)}
        return {"tool_calls": [tool_call]}

    async def _speech(self, request: web.Request) -> web.StreamResponse:
        speech = Speech(key_of(request), await request.json())
        self.speeches.append(speech)
        if response := await self._fault(self.faults_on_speech, request):
            return response
        pcm = tone(0.06 * max(1, len(words(speech.body["input"]))))
        if speech.body.get("response_format") == "pcm":
            return web.Response(body=pcm, content_type="audio/pcm")
        return web.Response(body=wav(pcm), content_type="audio/wav")

    async def _transcription(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        file = form["file"]
        assert isinstance(file, web.FileField)
        self.transcriptions.append(Transcription(key_of(request), fields, file.file.read()))
        if response := await self._fault(self.faults_on_transcription, request):
            return response
        return web.json_response({"text": next(self.hears, "(speech)")})


def key_of(request: web.Request) -> str:
    """The API key that the client sent."""
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    alone = OpenAIHTTPServer(port=parser.parse_args().port)
    asyncio.run(run_alone(alone, base_url=lambda: alone.base_url))
