"""Providers that fail while a call is on: real plugins, servers on loopback, time that can be skipped."""

import asyncio
import re

import pytest

from runtime.call.realtime import refuses_history
from runtime.call.watchdog import Watchdog
from runtime.events import Ended, Event, Failure, Heard, Recovered, Said, to_json
from tests.caller import RATE, speech
from tests.held import Skip, held, passing
from tests.livekit_server import free_port
from tests.loopback import Close, Drop, Garbage, GoAway, Refuse, Stall
from tests.loopback.audio import silence
from tests.loopback.gemini import GeminiServer
from tests.loopback.openai_http import OpenAIHTTPServer
from tests.loopback.openai_realtime import OpenAIRealtimeServer

REALTIME = {"gemini_realtime": GeminiServer, "openai_realtime": OpenAIRealtimeServer}


@pytest.mark.parametrize("model", REALTIME)
async def test_a_spoken_turn_is_heard_before_it_is_answered(
    model: str, monkeypatch: pytest.MonkeyPatch, skip: Skip
) -> None:
    """The trainee's line stands before the answer to it, once, however late its transcript comes or it is judged; and
    no second answer is waited for."""
    async with REALTIME[model](reply=lambda c, h: f"reply to {h[-20:]}", hears=["I am so sorry"]) as server:
        async with held(model, server, monkeypatch) as line:
            line.microphone.say()
            await line.until(lambda: len(line.of(Said)) == 2)
            lines = [event for event in line.events if isinstance(event, Heard | Said)]
            assert [type(event) for event in lines] == [Said, Heard, Said]
            assert [event.text for event in lines[1:]] == ["I am so sorry", "reply to I am so sorry"]
            skip(12.1)
            for _ in range(20):
                await asyncio.sleep(0)
            assert not line.of(Failure)


@pytest.mark.parametrize("model", REALTIME)
@pytest.mark.parametrize("fault", [Close(1011), Close(1008), Drop()], ids=str)
async def test_a_turn_lost_with_the_connection_is_answered_all_the_same(
    model: str, fault: Close | Drop, monkeypatch: pytest.MonkeyPatch, skip: Skip
) -> None:
    """A connection that breaks instead of answering is back by itself, and the lost answer is asked for again."""
    async with REALTIME[model](reply=lambda c, h: "here I am", hears=["hello"], on_turn=[None, fault]) as server:
        async with held(model, server, monkeypatch) as line:
            line.microphone.say()
            await line.until(lambda: any(f.source != "reply" for f in line.of(Failure)))
            await server.connected(2)
            skip(2.1)
            await line.until(lambda: len(line.of(Said)) == 2)
            told = [type(event) for event in line.events if isinstance(event, Failure | Recovered | Said)]
            assert told[0] is told[-1] is Said and told[-2] is Recovered and set(told[1:-2]) == {Failure}
            assert not line.of(Ended)


@pytest.mark.parametrize("model", REALTIME)
async def test_a_model_that_stalls_is_asked_again(model: str, monkeypatch: pytest.MonkeyPatch, skip: Skip) -> None:
    """A model that hears and says nothing is asked again after the answer timeout."""
    async with REALTIME[model](reply=lambda c, h: "here I am", hears=["hello"], on_turn=[None, Stall()]) as server:
        async with held(model, server, monkeypatch) as line:
            await line.call.begin_turn("hello")
            await line.until(lambda: bool(line.of(Heard)))
            skip(12.1)
            await line.until(lambda: any("asked again" in failure.reason for failure in line.of(Failure)))
            assert not line.of(Ended)


@pytest.mark.parametrize("model", REALTIME)
async def test_a_refused_connection_ends_the_call_clearly(
    model: str, monkeypatch: pytest.MonkeyPatch, skip: Skip
) -> None:
    """A key that the provider refuses ends the call with a failure that says so, and the reason `error`."""
    async with REALTIME[model](on_connect=[Refuse(401)] * 10) as server:
        async with held(model, server, monkeypatch, opened=False) as line:
            await passing(skip, lambda: any(not failure.recoverable for failure in line.of(Failure)))
            ended = await line.ended()
            assert ended.reason == "error"
            assert not line.of(Failure)[-1].recoverable


async def test_garbage_from_gemini_is_survived(monkeypatch: pytest.MonkeyPatch, skip: Skip) -> None:
    """A frame that is not JSON costs the connection, not the call."""
    async with GeminiServer(reply=lambda c, h: "here I am", hears=["hello"], on_turn=[None, Garbage()]) as server:
        async with held("gemini_realtime", server, monkeypatch) as line:
            line.microphone.say()
            await server.connected(2)
            skip(2.1)
            await line.until(lambda: len(line.of(Said)) == 2)


async def test_the_end_of_a_gemini_connection_is_survived_by_resumption(monkeypatch: pytest.MonkeyPatch) -> None:
    """GoAway, the ten-minute cap's notice, leads to a new connection that continues the old one by its handle."""
    async with GeminiServer(reply=lambda c, h: "here I am", hears=["hello", "again"]) as server:
        async with held("gemini_realtime", server, monkeypatch) as line:
            server.connections[0].inject(GoAway(1))
            await server.connected(2)
            line.microphone.say()
            await line.until(lambda: len(line.of(Said)) == 2)
            assert server.connections[1].handle_given
            assert server.connections[1].instruction == server.connections[0].instruction
            assert not line.of(Ended)


async def test_a_policy_violation_ends_the_call_clearly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Close 1007, which Gemini does not let one come back from, ends the call with a failure and a reason."""
    async with GeminiServer(reply=lambda c, h: "here I am", hears=["hello"], on_turn=[None, Close(1007)]) as server:
        async with held("gemini_realtime", server, monkeypatch) as line:
            line.microphone.say()
            assert (await line.ended()).reason == "error"
            assert not line.of(Failure)[-1].recoverable


async def test_an_opening_that_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch, skip: Skip) -> None:
    """A realtime model that does not speak first is asked a second time."""
    async with GeminiServer(reply=lambda c, h: "I called you!", on_turn=[Stall(1)]) as server:
        async with held("gemini_realtime", server, monkeypatch, opened=False) as line:
            await server.until(lambda: any(c.faults for c in server.connections))
            skip(5.1)
            await line.until(lambda: any(f.source == "opening" for f in line.of(Failure)))
            await line.until(lambda: bool(line.of(Said)))
            assert line.of(Recovered)


@pytest.mark.parametrize(
    ("model", "option"),
    [
        ("openai_pipeline", "+model.llm.options.base_url=env:AWAY"),
        ("openai_pipeline", "+model.stt.options.base_url=env:AWAY"),
        ("openai_pipeline", "+model.tts.options.base_url=env:AWAY"),
        ("openai_realtime", "+model.realtime.options.base_url=http://127.0.0.1:9/v1"),
        ("gemini_realtime", "+model.realtime.options.http_options={base_url:'env:AWAY'}"),
    ],
    ids=["llm", "stt", "tts", "openai_realtime", "gemini_realtime"],
)
async def test_a_server_that_is_away_is_told_once_with_its_address(
    model: str, option: str, monkeypatch: pytest.MonkeyPatch, skip: Skip
) -> None:
    """One line says who does not answer, where, and what to do; then only how often, and never that she is back where
    nothing was heard of her. No user or key of the address."""
    away = f"http://user:pass-word@127.0.0.1:{free_port()}/v1?key=also-secret"
    monkeypatch.setenv("AWAY", away)
    opens = "llm" in option or "stt" in option
    async with OpenAIHTTPServer() as server:
        monkeypatch.setenv("GOOGLE_API_KEY", "loopback")
        async with held(model, server, monkeypatch, option, opened=opens) as line:
            if "llm" in option:
                await line.call.begin_turn("hello")
            elif "stt" in option:
                line.microphone.pick_up(await speech("I have got your account in front of me now."), RATE)
                line.microphone.pick_up(silence(1.5, RATE), RATE)
            await line.until(lambda: bool(line.of(Failure)), timeout=20)
            await passing(skip, lambda: bool(line.of(Ended)))
    away_lines = [failure for failure in line.of(Failure) if "nothing answers there" in failure.reason]
    assert all(
        re.search(
            r"^(http://)?127\.0\.0\.1:\d+: connection refused: nothing answers there\. Start the server", f.reason
        )
        for f in away_lines
    )
    written = "".join(map(to_json, line.events))
    assert "pass-word" not in written and "also-secret" not in written
    told = [failure for failure in away_lines if failure.times == 1]
    assert len(told) == 1 or (len(told) == 2 and not told[1].recoverable)
    assert sum(failure.times > 1 for failure in away_lines) <= 1
    assert len(line.of(Failure)) <= 4 and not line.of(Recovered)
    assert not re.search("Connection error|Errno", written)


async def test_failures_of_a_kind_are_counted(skip: Skip) -> None:
    """Told when it first happens, and how often it did once she speaks again; another trouble is told anew."""
    events: list[Event] = []
    watchdog = Watchdog(12, events.append, lambda: None, lambda _: None, lambda: None)
    for number in range(9):
        watchdog.fail("LLM (openai)", f"overloaded, request req_{number:08x}")
    watchdog.fail("TTS (openai)", "another")
    watchdog.hear()
    failures = [(event.reason[:10], event.times) for event in events if isinstance(event, Failure)]
    assert failures == [("overloaded", 1), ("another", 1), ("overloaded", 9)]
    assert isinstance(events[-1], Recovered)
    watchdog.fail("TTS (openai)", "another")
    for number in range(100):
        watchdog.fail("LLM (openai)", "".join(chr(ord("a") + number % 26) for _ in range(number + 1)))
    watchdog.close()
    assert len([event for event in events if isinstance(event, Failure)]) < 20


async def test_a_cough_is_not_asked_about(skip: Skip) -> None:
    """Sound of which a recognizer makes nothing is owed no answer: nobody is asked again, and the call goes on."""
    told: list[object] = []
    watchdog = Watchdog(12, told.append, lambda: told.append("asked again"), told.append, lambda: None)
    for _ in range(3):
        watchdog.expect(perhaps=True)
        assert watchdog.expecting
        skip(12.1)
        await passing(skip, lambda: not watchdog.expecting)
    assert told == []
    watchdog.expect()
    skip(12.1)
    await passing(skip, lambda: "asked again" in told)
    watchdog.close()


def test_nothing_that_fails_once_the_call_is_over_is_told() -> None:
    """Neither what fails then, nor that it would have been mended."""
    events: list[Event] = []
    watchdog = Watchdog(12, events.append, lambda: None, lambda _: None, lambda: None)
    watchdog.fail("LLM (openai)", "overloaded")
    watchdog.close()
    before = len(events)
    watchdog.fail("LLM (openai)", "overloaded")
    watchdog.hear()
    watchdog.fail_for_good("LLM (openai)", "overloaded")
    assert len(events) == before


def test_a_port_is_no_close_code() -> None:
    """Gemini refuses a history with 1007; a server that is away at a port of such digits refuses nothing."""
    assert refuses_history(RuntimeError("received 1007 (invalid frame payload data)"))
    assert not refuses_history(OSError("Connect call failed ('127.0.0.1', 51007)"))
