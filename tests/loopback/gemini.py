"""Gemini Live (BidiGenerateContent) over a TLS WebSocket, as google-genai and LiveKit's plugin speak it.

What the real service does and this one does too: a system instruction is fixed when the socket is set up; a
later `model` turn joins the history and replaces nothing; a turn of another role ends the session (1007); any
client content cuts off the answer being spoken; a history that is too long (`takes`) ends the session too, after a good
setup; a resumption handle brings the history back. Whether a changed instruction that comes with a handle is obeyed is
not known: here it is not, unless `resumes_with_new_instruction` is set.

    python -m tests.loopback.gemini --port 0
"""

import argparse
import asyncio
import base64
import json
import ssl
from collections.abc import Iterable
from itertools import count
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from aiohttp import web

from . import Close, Fault, Faults, Json, Refuse, ToolCall, Turn, plan, run_alone
from .audio import Ear
from .realtime import PIECE, Connection, RealtimeServer, words
from .tls import server_context, write_certificate

PATH = "/ws/google.ai.generativelanguage.{version}.GenerativeService.BidiGenerateContent"
PLACEHOLDER = "."
"""What LiveKit's plugin sends as a user turn to ask a 2.5 model for a reply."""


def camel(message: Any) -> Any:
    """The message with camel-case keys: the SDK mixes both. What a tool said is left alone."""
    if isinstance(message, list):
        return [camel(item) for item in message]
    if not isinstance(message, dict):
        return message
    return {
        "".join(part.capitalize() if n else part for n, part in enumerate(key.split("_"))): (
            value if key == "response" else camel(value)
        )
        for key, value in message.items()
    }


class GeminiConnection(Connection):
    """One session; `setup` is its first message, in camel case."""

    server: "GeminiServer"

    def __init__(self, server: "GeminiServer", request: web.Request, fault: Fault | None) -> None:
        super().__init__(server, request, fault)
        self.setup: Json = {}
        self.instruction = ""
        self.history: list[tuple[str, str]] = []
        self._unanswered = 0
        self._ear = Ear(16_000)

    @property
    def key(self) -> str:
        """The API key that the client sent."""
        return self.headers.get("x-goog-api-key", "")

    @property
    def voice(self) -> str:
        """The prebuilt voice asked for."""
        return str(self._speech_config["voiceConfig"]["prebuiltVoiceConfig"]["voiceName"])

    @property
    def language(self) -> str:
        """The language code asked for, or nothing."""
        return str(self._speech_config.get("languageCode", ""))

    @property
    def handle_given(self) -> str:
        """The resumption handle that the client came with, or nothing."""
        return str(self.setup.get("sessionResumption", {}).get("handle", ""))

    @property
    def _speech_config(self) -> Json:
        return dict(self.setup["generationConfig"]["speechConfig"])

    def handle(self, message: Json) -> None:
        match camel(message):
            case {"setup": setup}:
                self._set_up(setup)
            case {"clientContent": content}:
                self._client_content(content)
            case {"realtimeInput": {"audio": {"data": data}}}:
                self._hear(base64.b64decode(data, altchars=b"-_"))  # as google-genai writes it
            case {"realtimeInput": {"text": text}}:
                self._user_says(text)
            case {"realtimeInput": {"activityStart": _}}:
                self._interrupt()
            case {"realtimeInput": {"activityEnd": _}}:
                self._user_says(self.server.transcript(), transcribed=True)
            case {"toolResponse": {"functionResponses": responses}}:
                text = json.dumps([response["response"] for response in responses])
                self.history.append(("tool", text))
                self.take_turn(self._answer(text))

    def _set_up(self, setup: Json) -> None:
        self.setup = setup
        parts = setup.get("systemInstruction", {}).get("parts", [])
        self.instruction = "".join(part["text"] for part in parts)
        if self.handle_given:
            if self.handle_given not in self.server.saved:
                return self.inject(Close(1008, "BidiGenerateContent session not found"))
            instruction, history = self.server.saved[self.handle_given]
            self.history = list(history)
            if not self.server.resumes_with_new_instruction:
                self.instruction = instruction
            self._unanswered = len(self.history)
        self.greet({"setupComplete": {}})

    def _client_content(self, content: Json) -> None:
        self._interrupt()
        for turn in content.get("turns", []):
            if turn.get("role") not in ("user", "model"):
                return self.inject(Close(1007, "Request contains an invalid argument."))
            text = "".join(part.get("text", "") for part in turn["parts"])
            if text != PLACEHOLDER:
                self.history.append(("user" if turn["role"] == "user" else "assistant", text))
            if len(self.history) > self.server.takes:
                return self.inject(Close(1007, "Request contains an invalid argument."))
            if turn["role"] == "model" and not content.get("turnComplete"):  # history, told again
                self._unanswered = len(self.history)
        if content.get("turnComplete"):
            new = self.history[self._unanswered :]
            self.take_turn(self._answer(" ".join(text for role, text in new if role == "user")))

    def _hear(self, pcm: bytes) -> None:
        detection = self.setup.get("realtimeInputConfig", {}).get("automaticActivityDetection", {})
        if detection.get("disabled"):
            return
        match self._ear.hear(pcm):
            case "started":
                self._interrupt()
            case "stopped":
                self._user_says(self.server.transcript(), transcribed=True)

    def _user_says(self, text: str, transcribed: bool = False) -> None:
        self.history.append(("user", text))
        self.take_turn(self._answer(text, transcribed))

    def _interrupt(self) -> None:
        if self.stop_speaking():
            self.send({"serverContent": {"interrupted": True}})
            self.send({"serverContent": {"turnComplete": True}})

    async def _answer(self, heard: str, transcribed: bool = False) -> None:
        if transcribed and "inputAudioTranscription" in self.setup:
            for word in words(heard):
                self.send({"serverContent": {"inputTranscription": {"text": word}}})
        turn = Turn(heard, self.server.reply(self, heard))
        try:
            if isinstance(turn.said, ToolCall):
                call = {"name": turn.said.name, "args": turn.said.arguments}
                call["id"] = f"call-{next(self.server.ids)}"
                self.send({"toolCall": {"functionCalls": [call]}})
            else:
                await self._speak(turn.said)
                self.history.append(("assistant", turn.said))
                self._remember()
        except asyncio.CancelledError:
            turn.interrupted = True
            raise
        finally:
            self.speaking = False
            self._unanswered = len(self.history)
            self.turns.append(turn)
            self.server.changed()

    async def _speak(self, text: str) -> None:
        audible = "AUDIO" in self.setup["generationConfig"].get("responseModalities", [])
        for word in words(text):
            part: Json = {"text": word}
            if audible:
                part = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": PIECE}}
                if "outputAudioTranscription" in self.setup:
                    self.send({"serverContent": {"outputTranscription": {"text": word}}})
            self.send({"serverContent": {"modelTurn": {"role": "model", "parts": [part]}}})
            self.speaking = True
            self.server.changed()
            await self.server.may_speak.wait()
        self.send({"serverContent": {"generationComplete": True}})
        usage = {"promptTokenCount": 10, "responseTokenCount": len(text), "totalTokenCount": 10 + len(text)}
        self.send({"serverContent": {"turnComplete": True}, "usageMetadata": usage})

    def _remember(self) -> None:
        """Hand out a handle with which the conversation so far can be taken up again."""
        if "sessionResumption" in self.setup:
            handle = f"handle-{next(self.server.ids)}"
            self.server.saved[handle] = (self.instruction, tuple(self.history))
            self.send({"sessionResumptionUpdate": {"newHandle": handle, "resumable": True}})


class GeminiServer(RealtimeServer[GeminiConnection]):
    """The Gemini Live API. `environment` points a client process at it; `ssl_context` a client here."""

    scheme = "https"
    kind = GeminiConnection

    def __init__(
        self,
        *,
        resumes_with_new_instruction: bool = False,
        takes: float = inf,
        models: Iterable[str] = (),
        on_models: Faults = (),
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.models = list(models)
        self.faults_on_models = plan(on_models)
        self.resumes_with_new_instruction = resumes_with_new_instruction
        self.takes = takes
        """Turns that fit into a session's context."""
        self.ids = count(1)
        self.saved: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {}
        """Instruction and history by resumption handle."""

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(PATH, self.accept),
            web.get("/v1beta/models", self._models),
            web.get("/v1beta/models/{name}", self._models),
        ]

    async def _models(self, request: web.Request) -> web.StreamResponse:
        if isinstance(fault := next(self.faults_on_models), Refuse):
            return web.json_response(self.refusal(fault.status), status=fault.status)
        known = [{"name": f"models/{name}"} for name in self.models]
        if "name" not in request.match_info:
            return web.json_response({"models": known})
        found = next((model for model in known if model["name"] == f"models/{request.match_info['name']}"), None)
        return web.json_response(found or self.refusal(404), status=200 if found else 404)

    def tls(self) -> ssl.SSLContext:
        return server_context(*self._files)

    def refusal(self, status: int) -> Json:
        error: Json = {"code": status, "message": f"refused with {status}", "status": "REFUSED"}
        if status == 400:  # how the real service answers a key that it does not know
            error["details"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]
        return {"error": error}

    async def __aenter__(self) -> Self:
        self._folder = TemporaryDirectory(prefix="loopback-")
        self._files = write_certificate(Path(self._folder.name))
        return await super().__aenter__()

    async def __aexit__(self, *exc: object) -> None:
        await super().__aexit__(*exc)
        self._folder.cleanup()

    @property
    def base_url(self) -> str:
        """For `http_options.base_url` or GOOGLE_GEMINI_BASE_URL."""
        return self.origin

    @property
    def ca_file(self) -> Path:
        """The certificate that a client must trust."""
        return self._files[0]

    @property
    def ssl_context(self) -> ssl.SSLContext:
        """For `http_options.async_client_args["ssl"]`."""
        return ssl.create_default_context(cafile=self.ca_file)

    @property
    def environment(self) -> dict[str, str]:
        """What a client process needs in its environment to come here."""
        return {
            "GOOGLE_API_KEY": "loopback",
            "GOOGLE_GEMINI_BASE_URL": self.base_url,
            "SSL_CERT_FILE": str(self.ca_file),
        }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    alone = GeminiServer(port=parser.parse_args().port)
    asyncio.run(run_alone(alone, base_url=lambda: alone.base_url, ca_file=lambda: str(alone.ca_file)))
