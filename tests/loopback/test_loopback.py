"""The loopback servers, driven by the real plugins: what is on the wire, and what happens when it breaks."""

import asyncio
import json
import sys
from collections.abc import Callable
from itertools import repeat
from typing import Any

import aiohttp
import pytest
from google.genai import types
from livekit import rtc
from livekit.agents import APIConnectionError, APIConnectOptions, APIStatusError, CloseReason, function_tool
from livekit.agents.llm import RealtimeError
from livekit.plugins import google, openai
from openai import AsyncOpenAI

from tests.loopback import Close, Conversation, Drop, Fault, Garbage, GoAway, Refuse, Stall, ToolCall
from tests.loopback.audio import tone
from tests.loopback.client import call
from tests.loopback.gemini import GeminiServer
from tests.loopback.openai_http import OpenAIHTTPServer
from tests.loopback.openai_realtime import OpenAIRealtimeServer

# google-genai 3.4 deprecates an option that the plugin uses
pytestmark = pytest.mark.filterwarnings("ignore:Setting `LiveConnectConfig.generation_config`:DeprecationWarning")

SARAH = "You are Sarah.\nYou were billed twice."
BILL = "You are Bill."
AT_ONCE = APIConnectOptions(max_retry=2, retry_interval=0.01, timeout=5)
Skip = Callable[[float], None]


@pytest.fixture
async def skip(monkeypatch: pytest.MonkeyPatch) -> Skip:
    """Move the event loop's clock on: what waits for that long stops waiting."""
    loop = asyncio.get_running_loop()

    def move(seconds: float) -> None:
        now = loop.time
        monkeypatch.setattr(loop, "time", lambda: now() + seconds)

    return move


def gemini(server: GeminiServer, **options: Any) -> google.realtime.RealtimeModel:
    http = types.HttpOptions(base_url=server.base_url, async_client_args={"ssl": server.ssl_context})
    return google.realtime.RealtimeModel(
        api_key="secret", http_options=http, conn_options=AT_ONCE, **{"voice": "Kore"} | options
    )


def realtime(server: OpenAIRealtimeServer, **options: Any) -> openai.realtime.RealtimeModel:
    return openai.realtime.RealtimeModel(
        api_key="secret", base_url=server.base_url, voice="marin", conn_options=AT_ONCE, **options
    )


Realtime = tuple[type[GeminiServer], Any] | tuple[type[OpenAIRealtimeServer], Any]
both = pytest.mark.parametrize(
    ("kind", "model"), [(GeminiServer, gemini), (OpenAIRealtimeServer, realtime)], ids=["gemini", "openai"]
)


@function_tool
async def balance(account: str) -> str:
    """The balance of an account."""
    return f"{account} owes 40 dollars"


def asks_for_balance(conversation: Conversation, heard: str) -> str | ToolCall:
    """Looks the balance up, and then says what it was told."""
    if conversation.history[-1][0] == "tool":
        return f"I see: {heard}"
    return ToolCall("balance", {"account": "A1"})


# ---------------------------------------------------------------- both realtime models


@both
async def test_two_turns_in_writing_are_answered_and_heard(kind: Any, model: Any) -> None:
    async with kind() as server, call(SARAH, llm=model(server)) as running:
        assert await running.ask("hello there") == "You are Sarah. | hello there"
        assert await running.ask("goodbye") == "You are Sarah. | goodbye"
        connection = await server.answered(2)
        assert connection.history == running.transcript
        assert connection.key == "secret"
        assert running.speaker.heard == pytest.approx(11 * 0.06)
    assert len(server.connections) == 1


@both
async def test_what_is_spoken_is_transcribed_and_answered(kind: Any, model: Any) -> None:
    async with kind(hears=["I want a refund"]) as server, call(SARAH, llm=model(server)) as running:
        running.microphone.say()
        await running.until(lambda: len(running.transcript) == 2)
        assert running.transcript == [
            ("user", "I want a refund"),
            ("assistant", "You are Sarah. | I want a refund"),
        ]


@both
async def test_speech_cuts_an_answer_off(kind: Any, model: Any) -> None:
    async with (
        kind(hears=["stop it"]) as server,
        call(SARAH, llm=model(server), aec_warmup_duration=None) as running,
    ):
        server.may_speak.clear()
        speech = running.session.generate_reply(user_input="go on")
        connection = await server.connected(1)
        await server.until(lambda: connection.speaking)
        running.microphone.say()
        await server.answered(1)
        server.may_speak.set()
        await speech
        assert speech.interrupted
        await server.answered(2)
        assert [turn.interrupted for turn in connection.turns] == [True, False]
        assert connection.turns[1].heard.endswith("stop it")


@both
async def test_a_tool_is_called_and_its_answer_comes_back(kind: Any, model: Any) -> None:
    async with kind(reply=asks_for_balance) as server, call(SARAH, [balance], llm=model(server)) as running:
        await running.ask("what do I owe?")
        connection = await server.answered(2)
        await running.until(lambda: running.transcript[-1] == ("assistant", connection.turns[1].said))
        assert connection.turns[0].said == ToolCall("balance", {"account": "A1"})
        assert "A1 owes 40 dollars" in connection.turns[1].heard


@both
async def test_a_stalled_service_fails_the_speech_and_raises_no_error(kind: Any, model: Any, skip: Skip) -> None:
    async with kind(on_turn=[Stall()]) as server, call(SARAH, llm=model(server)) as running:
        speech = running.session.generate_reply(user_input="hello")
        connection = await server.answered(1)
        skip(10)
        await speech
        assert isinstance(speech.exception(), RealtimeError)
        assert running.errors == [] and not connection.closed


# ---------------------------------------------------------------- Gemini


async def test_gemini_gets_what_the_persona_asks_for() -> None:
    async with GeminiServer() as server:
        model = gemini(server, model="gemini-2.5-flash-test", language="th-TH", temperature=0.4)
        async with call(SARAH, [balance], llm=model):
            connection = await server.connected(1)
            assert connection.instruction == SARAH
            assert connection.voice == "Kore"
            assert connection.language == "th-TH"
            assert connection.setup["model"] == "models/gemini-2.5-flash-test"
            assert connection.setup["generationConfig"]["responseModalities"] == ["AUDIO"]
            assert connection.setup["generationConfig"]["temperature"] == 0.4
            (tool,) = connection.setup["tools"]
            assert tool["functionDeclarations"][0]["name"] == "balance"


@pytest.mark.parametrize(
    "fault",
    [Refuse(401), Refuse(429), Close(1008), Drop(), Garbage()],
    ids=lambda fault: type(fault).__name__,
)
async def test_gemini_that_cannot_be_reached_ends_the_session(fault: Fault) -> None:
    async with GeminiServer(on_connect=[fault]) as server, call(SARAH, llm=gemini(server)) as running:
        await running.until(lambda: running.closed is not None)
        assert running.closed and running.closed.reason == CloseReason.ERROR
        assert [recoverable for _, recoverable in running.problems] == [False]
    assert len(server.connections) + len(server.refused) == 1


@pytest.mark.parametrize("fault", [Close(1011), Close(1008), Drop(), Garbage()], ids=str)
async def test_gemini_reconnects_but_the_turn_is_lost(fault: Fault, skip: Skip) -> None:
    async with GeminiServer(on_turn=[None, fault]) as server, call(SARAH, llm=gemini(server)) as running:
        await running.ask("first")
        speech = running.session.generate_reply(user_input="lost")
        connection = await server.connected(2)
        skip(5)
        await speech
        assert isinstance(speech.exception(), RealtimeError)
        assert [recoverable for _, recoverable in running.problems] == [True]
        assert connection.handle_given == "handle-1"
        assert await running.ask("still there?") == "You are Sarah. | lost still there?"
        assert connection.history[:2] == [("user", "first"), ("assistant", "You are Sarah. | first")]


async def test_gemini_refused_when_it_reconnects_ends_the_session() -> None:
    plan: dict[str, Any] = {"on_connect": [None, Refuse(429)], "on_turn": [Close(1011)]}
    async with GeminiServer(**plan) as server, call(SARAH, llm=gemini(server)) as running:
        assert await running.ask("hello") == ""
        await running.until(lambda: running.closed is not None)
        assert running.problems == [("APIError", True), ("InvalidStatus", False)]


async def test_gemini_closing_with_1007_ends_the_session() -> None:
    async with GeminiServer(on_turn=[Close(1007)]) as server, call(SARAH, llm=gemini(server)) as running:
        assert await running.ask("hello") == ""
        await running.until(lambda: running.closed is not None)
        assert running.problems == [("APIError", False)]


async def test_gemini_that_goes_away_is_followed_without_an_error() -> None:
    async with GeminiServer() as server, call(SARAH, llm=gemini(server)) as running:
        await running.ask("first")
        server.connections[0].inject(GoAway(50))
        connection = await server.connected(2)
        assert connection.handle_given == "handle-1"
        await running.ask("second")
        assert [text for role, text in connection.history if role == "user"] == ["first", "second"]
        assert running.errors == []


async def test_gemini_that_goes_away_while_it_speaks_is_cut_off_and_recorded_as_whole() -> None:
    async with GeminiServer() as server, call(SARAH, llm=gemini(server)) as running:
        server.may_speak.clear()
        speech = running.session.generate_reply(user_input="go on and on")
        connection = await server.connected(1)
        await server.until(lambda: connection.speaking)
        connection.inject(GoAway(50))
        await server.connected(2)
        await speech
        assert running.transcript[-1] == ("assistant", "You")
        assert not speech.interrupted and running.errors == []


async def test_gemini_tells_turns_by_activity_when_it_is_told_to() -> None:
    off = types.RealtimeInputConfig(automatic_activity_detection=types.AutomaticActivityDetection(disabled=True))
    async with (
        GeminiServer(hears=["hello"]) as server,
        call(SARAH, llm=gemini(server, realtime_input_config=off)) as running,
    ):
        session = running.session.current_agent.realtime_llm_session
        assert isinstance(session, google.realtime.realtime_api.RealtimeSession)
        session.start_user_activity()
        session.generate_reply()
        connection = await server.answered(1)
        assert connection.count("realtime_input") == 2
        assert connection.turns[0].heard == "hello"


async def test_gemini_keeps_its_instruction_until_it_is_set_up_again() -> None:
    async with GeminiServer() as server, call(SARAH, llm=gemini(server)) as running:
        await running.ask("hello")
        await running.session.current_agent.update_instructions(BILL)
        assert await running.ask("who are you?") == "You are Sarah. | who are you?"
        assert ("assistant", BILL) in server.connections[0].history


@pytest.mark.parametrize("obeyed", [True, False])
async def test_gemini_set_up_again_with_a_handle(obeyed: bool) -> None:
    server = GeminiServer(resumes_with_new_instruction=obeyed)
    async with server, call(SARAH, llm=gemini(server)) as running:
        await running.ask("hello")
        await running.session.current_agent.update_instructions(BILL)
        session = running.session.current_agent.realtime_llm_session
        assert isinstance(session, google.realtime.realtime_api.RealtimeSession)
        session.update_options(voice="Puck")
        connection = await server.connected(2)
        assert connection.voice == "Puck" and connection.handle_given
        assert connection.setup["systemInstruction"]["parts"] == [{"text": BILL}]
        assert (await running.ask("who are you?")).startswith(BILL if obeyed else "You are Sarah.")


async def test_gemini_runs_alone_and_is_found_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.loopback.gemini", "--port", "0", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout
        facts = json.loads(await process.stdout.readline())
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", facts["base_url"])
        monkeypatch.setenv("SSL_CERT_FILE", facts["ca_file"])
        monkeypatch.setenv("GOOGLE_API_KEY", "secret")
        async with call(SARAH, llm=google.realtime.RealtimeModel()) as running:
            assert await running.ask("hello") == "You are Sarah. | hello"
    finally:
        process.terminate()
        await process.communicate()


# ---------------------------------------------------------------- OpenAI Realtime


async def test_openai_realtime_gets_what_the_persona_asks_for() -> None:
    async with (
        OpenAIRealtimeServer() as server,
        call(SARAH, [balance], llm=realtime(server, model="gpt-realtime-test", speed=1.1)) as running,
    ):
        await running.ask("hello")
        connection = await server.answered(1)
        assert connection.query == {"model": "gpt-realtime-test"}
        assert connection.session["instructions"] == SARAH
        assert connection.session["output_modalities"] == ["audio"]
        assert connection.session["audio"]["output"]["speed"] == 1.1
        assert connection.session["tools"][0]["name"] == "balance"
        assert connection.voice == "marin"


async def test_openai_realtime_obeys_a_new_instruction_on_the_same_socket() -> None:
    async with OpenAIRealtimeServer() as server, call(SARAH, llm=realtime(server)) as running:
        await running.ask("hello")
        await running.session.current_agent.update_instructions(BILL)
        assert await running.ask("who are you?") == "You are Bill. | who are you?"
    assert len(server.connections) == 1


async def test_openai_realtime_refuses_another_voice_once_it_has_spoken() -> None:
    async with OpenAIRealtimeServer() as server, call(SARAH, llm=realtime(server)) as running:
        session = running.session.current_agent.realtime_llm_session
        assert isinstance(session, openai.realtime.RealtimeSession)
        session.update_options(voice="cedar")
        await running.ask("hello")
        assert server.connections[0].voice == "cedar" and running.errors == []
        session.update_options(voice="alloy")
        await running.ask("and now?")
        assert server.connections[0].voice == "cedar"
        assert running.problems == [("APIError", True)]
        assert server.connections[0].errors[0]["code"] == "cannot_update_voice"


@pytest.mark.parametrize("fault", [Close(1011), Close(1008), Drop()], ids=str)
async def test_openai_realtime_reconnects_but_the_turn_is_lost(fault: Fault) -> None:
    server = OpenAIRealtimeServer(on_turn=[None, fault])
    async with server, call(SARAH, llm=realtime(server)) as running:
        await running.ask("first")
        with pytest.raises(RealtimeError, match="reconnection"):
            await running.ask("lost")
        assert running.problems == [("APIConnectionError", True)]
        assert await running.ask("still there?") == "You are Sarah. | lost still there?"
        assert server.connections[1].instruction == SARAH
        assert server.connections[1].history[0] == ("user", "first")


async def test_openai_realtime_is_tried_again_even_with_a_wrong_key() -> None:
    server = OpenAIRealtimeServer(on_connect=[Refuse(401)])
    async with server, call(SARAH, llm=realtime(server)) as running:
        assert await running.ask("hello") == "You are Sarah. | hello"
        assert running.problems == [("APIConnectionError", True)]
    assert server.refused == [401]


async def test_openai_realtime_out_of_credit_is_not_tried_again() -> None:
    async with OpenAIRealtimeServer() as server, call(SARAH, llm=realtime(server)) as running:
        server.may_speak.clear()
        speech = running.session.generate_reply(user_input="hello")
        connection = await server.connected(1)
        await server.until(lambda: connection.speaking)
        connection.error("insufficient_quota", "You exceeded your current quota")
        await speech
        assert running.problems == [("APIError", False)]
    assert len(server.connections) == 1 and running.closed is None


@pytest.mark.parametrize(
    ("on_connect", "on_turn", "last"),
    [
        ([None] + [Refuse(429)] * 3, [Close(1011)], "APIConnectionError"),
        ([], [Garbage()], "JSONDecodeError"),
    ],
    ids=["out of retries", "garbage"],
)
async def test_openai_realtime_that_fails_for_good_never_says_close(
    on_connect: list[Fault], on_turn: list[Fault], last: str
) -> None:
    """The plugin's `aclose` raises the error again, inside the session's own closing."""
    server = OpenAIRealtimeServer(on_connect=on_connect, on_turn=on_turn)
    async with server, call(SARAH, llm=realtime(server)) as running:
        assert await running.ask("hello") == ""
        await running.until(lambda: running.problems[-1:] == [(last, False)])
    assert running.closed is None


# ---------------------------------------------------------------- OpenAI over HTTP


def pipeline(server: OpenAIHTTPServer) -> dict[str, Any]:
    where: dict[str, Any] = {"base_url": server.base_url, "api_key": "secret"}
    return {
        "llm": openai.LLM(model="gpt-loopback", temperature=0.3, **where),
        "tts": openai.TTS(model="tts-loopback", voice="nova", response_format="pcm", **where),
    }


async def test_openai_http_answers_and_speaks() -> None:
    async with OpenAIHTTPServer() as server, call(SARAH, **pipeline(server)) as running:
        assert await running.ask("hello there") == "You are Sarah. | hello there"
        assert await running.ask("goodbye") == "You are Sarah. | goodbye"
        chat = server.chats[-1]
        assert (chat.key, chat.instruction, chat.body["model"]) == ("secret", SARAH, "gpt-loopback")
        assert chat.body["temperature"] == 0.3
        assert chat.history == running.transcript[:-1]
        speech = server.speeches[-1]
        assert (speech.body["voice"], speech.body["input"]) == ("nova", "You are Sarah. | goodbye")
        assert running.speaker.heard > 0.3


@pytest.mark.parametrize("audio", ["wav", "mp3"])
async def test_openai_http_speaks_wav_when_it_is_not_asked_for_pcm(audio: str) -> None:
    async with OpenAIHTTPServer() as server:
        tts = openai.TTS(base_url=server.base_url, api_key="secret", response_format=audio)
        frame = await tts.synthesize("one two three").collect()
        assert frame.duration == pytest.approx(0.18, abs=0.02)
        await tts.aclose()


async def test_openai_http_calls_a_tool() -> None:
    server = OpenAIHTTPServer(reply=asks_for_balance)
    async with server, call(SARAH, [balance], **pipeline(server)) as running:
        assert "A1 owes 40 dollars" in await running.ask("what do I owe?")
        assert server.chats[0].body["tools"][0]["function"]["name"] == "balance"


@pytest.mark.parametrize("part", ["chat", "speech"])
@pytest.mark.parametrize("fault", [Refuse(429), Refuse(500), Drop(), Garbage()], ids=str)
async def test_openai_http_is_asked_again_after_a_fault(part: str, fault: Fault) -> None:
    server = OpenAIHTTPServer(**{f"on_{part}": [fault]})  # type: ignore[arg-type]
    async with server, call(SARAH, **pipeline(server)) as running:
        assert await running.ask("hello") == "You are Sarah. | hello"
        assert [recoverable for _, recoverable in running.problems] == [True]


async def test_openai_http_that_stalls_is_asked_again_when_time_is_up(skip: Skip) -> None:
    server = OpenAIHTTPServer(on_chat=[Stall()])
    async with server, call(SARAH, **pipeline(server)) as running:
        speech = running.session.generate_reply(user_input="hello")
        await server.until(lambda: len(server.chats) == 1)
        skip(10)
        await speech
        assert running.transcript[-1] == ("assistant", "You are Sarah. | hello")
        assert running.problems == [("APITimeoutError", True)]


async def test_openai_http_that_refuses_a_chat_ends_the_session_at_the_fourth() -> None:
    server = OpenAIHTTPServer(on_chat=[Refuse(401)] * 4)
    async with server, call(SARAH, **pipeline(server)) as running:
        for _ in range(3):
            with pytest.raises(APIStatusError, match="401"):
                await running.ask("hello")
        assert await running.ask("hello") == ""
        await running.until(lambda: running.closed is not None)
        assert running.problems == [("APIStatusError", False)] * 4


async def test_openai_http_that_refuses_to_speak_leaves_the_speech_empty_and_without_an_exception() -> None:
    server = OpenAIHTTPServer(on_speech=[Refuse(401)])
    async with server, call(SARAH, **pipeline(server)) as running:
        assert await running.ask("hello") == ""
        assert running.problems == [("APIStatusError", False)]
        assert running.transcript == [("user", "hello")]
        assert await running.ask("still there?") == "You are Sarah. | hello still there?"


@pytest.mark.parametrize("fault", [Refuse(401), Drop()], ids=str)
async def test_openai_http_that_does_not_transcribe_raises(fault: Fault) -> None:
    async with OpenAIHTTPServer(on_transcription=repeat(fault)) as server:
        client = AsyncOpenAI(base_url=server.base_url, api_key="secret", max_retries=0)
        stt = openai.STT(client=client)
        with pytest.raises((APIStatusError, APIConnectionError)):
            await stt.recognize(rtc.AudioFrame(tone(0.5), 24_000, 1, 12_000), conn_options=AT_ONCE)
        await stt.aclose()
        await client.close()


async def test_openai_http_transcribes() -> None:
    async with OpenAIHTTPServer(hears=["I want a refund"]) as server:
        client = AsyncOpenAI(base_url=server.base_url, api_key="secret")
        stt = openai.STT(client=client, model="stt-loopback", language="th")
        event = await stt.recognize(rtc.AudioFrame(tone(0.5), 24_000, 1, 12_000))
        assert event.alternatives[0].text == "I want a refund"
        assert server.transcriptions[0].fields["model"] == "stt-loopback"
        assert server.transcriptions[0].fields["language"] == "th"
        assert server.transcriptions[0].audio.startswith(b"RIFF")
        await stt.aclose()
        await client.close()


async def test_openai_http_lists_its_models() -> None:
    async with (
        OpenAIHTTPServer() as server,
        aiohttp.ClientSession() as session,
        session.get(f"{server.base_url}/models") as response,
    ):
        assert [model["id"] for model in (await response.json())["data"]] == ["gpt-loopback"]
