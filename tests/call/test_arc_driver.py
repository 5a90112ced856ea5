"""The arc of a call that is on: clocks, briefings, and an ending that code decides."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.events import ClockFired, CueFound, Ended, EndingReached, Heard, How, MoodMoved, Said, ToolCalled
from tests.caller import RATE, speech
from tests.composed import compose
from tests.held import Skip, held, passing
from tests.loopback import Conversation, Stall, ToolCall
from tests.loopback.audio import silence
from tests.loopback.gemini import GeminiServer
from tests.loopback.openai_http import OpenAIHTTPServer
from tests.loopback.openai_realtime import OpenAIRealtimeServer

PERSONA = """---
opening: I was billed twice.
mood: 50
cues: {late: {hear: [late], mood: 1}}
endings: [{name: done, when: [late]}]
timers:
  - {silence: 0.3s, say: I am still here.}
  - {silence: 0.1s, mood: -40, say: Anyone there?}
---
Hi."""


async def test_silence_counts_from_the_end_of_the_opening(
    monkeypatch: pytest.MonkeyPatch, use_personas: Callable[[str, str], Path]
) -> None:
    """Nothing is asked before the opening is over; then each timer says its own line at its own time, and moves her."""
    use_personas("ann", PERSONA)
    async with (
        OpenAIHTTPServer() as server,
        held("openai_pipeline", server, monkeypatch, "persona=ann", opened=False) as line,
    ):
        assert await line.answer(1) == "I was billed twice."
        assert await line.answer(2) == "Anyone there?"
        assert await line.answer(3) == "I am still here."
        emotions = [said.emotion for said in line.of(Said)]
        assert emotions[0] != emotions[2]


async def test_no_clock_talks_into_a_turn_that_is_being_recognized(
    monkeypatch: pytest.MonkeyPatch, use_personas: Callable[[str, str], Path], skip: Skip
) -> None:
    """However long the recognizer takes. Where it hears no words, the silence counts from the end of the sound."""
    use_personas("ann", "---\nopening: Hi.\ntimers: [{silence: 6s, say: Are you there?}]\n---\n# Persona: Ann")
    async with (
        OpenAIHTTPServer(on_transcription=[Stall()]) as server,
        held("openai_pipeline", server, monkeypatch, "persona=ann") as line,
    ):
        line.microphone.pick_up(await speech("I have got your account in front of me now."), RATE)
        line.microphone.pick_up(silence(1.5, RATE), RATE)
        await server.until(lambda: bool(server.transcriptions))
        await line.until(lambda: line.session.user_state == "listening")
        passed = asyncio.Event()
        asyncio.get_running_loop().call_later(7, passed.set)
        skip(7)
        await passed.wait()
        assert not line.of(ClockFired)
        await passing(skip, lambda: bool(line.of(ClockFired)))
        assert await line.answer(2) == "Are you there?"


ARC = """---
opening: I was billed twice.
mood: 40
cues:
  refund: {means: promises the refund, mood: 30, hear: [refund]}
  faulted: {mood: -20, hear: [your fault]}
phases: [{name: cross, mood: 0-59, emotion: angry}, {name: calm, mood: 60-100, emotion: satisfied}]
endings: [{name: resolved, when: [refund], mood: 60, passed: true, say: Thank you. Goodbye.}]
---
# Persona: Ann"""


@pytest.fixture
def ann(use_personas: Callable[[str, str], Path]) -> str:
    """A persona with an arc of her own."""
    use_personas("ann", ARC)
    return "persona=ann"


async def test_a_model_that_gives_in_at_once_hangs_up_nothing(monkeypatch: pytest.MonkeyPatch, ann: str) -> None:
    """Whatever the trainee says, `end_call` before the ending's cues tells the model what is owed; the call goes on."""

    def reply(conversation: Conversation, heard: str) -> str | ToolCall:
        refused = conversation.history[-1][0] == "tool"
        return "All right, I am still here." if refused else ToolCall("end_call", {"outcome": "resolved"})

    async with OpenAIHTTPServer(reply=reply) as server, held("openai_pipeline", server, monkeypatch, ann) as line:
        for number, text in enumerate(["Hello.", "Please.", "I am so nice."], start=2):
            assert await line.call.begin_turn(text)
            assert await line.answer(number) == "All right, I am still here."
        called = line.of(ToolCalled)
        assert len(called) == 3 and all("promises the refund" in call.result for call in called)
        assert not line.of(EndingReached) and not line.of(Ended)
        told = [chat.instruction.count("Where the call stands") for chat in server.chats]
        assert told == [1] * 6, "after the tool it is told of the state once, not once more"


async def test_the_arc_ends_the_call_with_its_own_line(monkeypatch: pytest.MonkeyPatch, ann: str) -> None:
    """With the ending's cues met its line is said in place of a reply, and nothing more is asked of the model."""
    async with OpenAIHTTPServer() as server, held("openai_pipeline", server, monkeypatch, ann) as line:
        assert await line.call.type("You will get a refund.")
        ended = await line.ended()
        assert (ended.reason, ended.satisfied) == ("resolved", True)
        decided = [e.kind for e in line.events if isinstance(e, Heard | CueFound | MoodMoved | EndingReached)]
        assert [*dict.fromkeys(decided)] == ["heard", "cue", "mood", "ending"]
        assert [said.text for said in line.of(Said)] == ["I was billed twice.", "Thank you. Goodbye."]
        assert line.of(CueFound)[0].words.casefold() == "refund"
        assert not server.chats


async def test_a_pipelines_model_is_told_the_state_with_each_reply(monkeypatch: pytest.MonkeyPatch, ann: str) -> None:
    """The note is of the state after the turn that is answered, and each line says under which it was written."""
    async with OpenAIHTTPServer() as server, held("openai_pipeline", server, monkeypatch, ann) as line:
        await line.call.type("That is your fault.")
        assert "Your mood is 20 of 100 (angry), phase: cross." in server.chats[0].instruction
        assert "promises the refund" in server.chats[0].instruction
        await line.call.type("Hm.")
        assert server.chats[1].instruction.count("Where the call stands") == 1
        assert [(said.mood, said.told) for said in line.of(Said)] == [(40, ""), (20, "told"), (20, "told")]


async def test_openai_realtime_is_told_between_turns(monkeypatch: pytest.MonkeyPatch, ann: str) -> None:
    """Its instructions hold the state of the call, of before the turn that it answers by itself."""
    async with OpenAIRealtimeServer() as server, held("openai_realtime", server, monkeypatch, ann) as line:
        connection = server.connections[0]
        await server.until(lambda: "Your mood is 40" in connection.instruction)
        await line.call.type("That is your fault.")
        await server.until(lambda: "Your mood is 20" in connection.instruction)
        await line.call.type("Hm.")
        assert [said.told for said in line.of(Said)][1:] == ["told", "told"]
        assert connection.instruction.startswith("# Persona: Ann")


async def test_gemini_is_not_told_and_the_line_says_so(monkeypatch: pytest.MonkeyPatch, ann: str) -> None:
    """Its system instruction cannot be changed, and nothing else that it takes is sure to be heeded."""
    async with GeminiServer() as server, held("gemini_realtime", server, monkeypatch, ann) as line:
        await line.call.type("That is your fault.")
        assert [(said.mood, said.told) for said in line.of(Said)][1] == (40, "not told")


async def test_a_call_has_its_limit(monkeypatch: pytest.MonkeyPatch, use_personas: Callable[[str, str], Path]) -> None:
    """Once it is reached she says that ending's line and hangs up, although nobody said a word."""
    use_personas(
        "ann", "---\nopening: Hi.\nendings: [{name: late, after: 0.2s, say: I have to go.}]\n---\n# Persona: Ann"
    )
    async with OpenAIHTTPServer() as server, held("openai_pipeline", server, monkeypatch, "persona=ann") as line:
        ended = await line.ended()
        assert (ended.reason, ended.satisfied) == ("late", False)
        assert line.of(Said)[-1].text == "I have to go."


async def test_a_cue_that_was_met_may_be_edited_away(
    monkeypatch: pytest.MonkeyPatch, use_personas: Callable[[str, str], Path], ann: str
) -> None:
    """The next reply is briefed without it, and the state that it led to stays."""
    async with OpenAIHTTPServer() as server, held("openai_pipeline", server, monkeypatch, ann) as line:
        await line.call.type("That is your fault.")
        use_personas("ann", ARC.replace("  faulted: {mood: -20, hear: [your fault]}\n", ""))
        line.edit(compose([ann, "model=openai_pipeline"]))
        await line.receipt()
        await line.call.type("Hm.")
        assert "Your mood is 18 of 100" in server.chats[1].instruction  # common cues anger, now that none of hers does
        assert "faulted" not in server.chats[1].instruction


async def test_a_clock_that_runs_is_edited_in_place(
    monkeypatch: pytest.MonkeyPatch, use_personas: Callable[[str, str], Path]
) -> None:
    """Its seconds are other ones at once, counted from the start that it had."""
    text = "---\nopening: Hi.\ntimers: [{{after: {0}s, say: My time is up.}}]\n---\n# Persona: Ann"
    use_personas("ann", text.format(600))
    async with OpenAIHTTPServer() as server, held("openai_pipeline", server, monkeypatch, "persona=ann") as line:
        use_personas("ann", text.format(0.2))
        line.edit(compose(["persona=ann", "model=openai_pipeline"]))
        receipt = await line.receipt()
        assert (receipt.how, receipt.changes[0].field) == (How.IN_PLACE, "persona.timers.0.after")
        assert await line.answer(2) == "My time is up."
