"""Edits of a call that is on: what the model was given, on the wire, and what the receipt says of it."""

import asyncio
import gc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runtime.arc.briefing import instructions
from runtime.call import build
from runtime.call.realtime import Acknowledgement
from runtime.events import Ended, Failure, Heard, How, Reload, Said
from runtime.spec.session_spec import SessionSpec
from runtime.spec.settings import ReloadMode
from tests.caller import RATE as SPEECH_RATE
from tests.caller import speech
from tests.composed import compose
from tests.held import Held, held, passing, rewritten
from tests.loopback import Close, Refuse, Stall
from tests.loopback.audio import silence
from tests.loopback.gemini import GeminiServer
from tests.loopback.openai_http import OpenAIHTTPServer
from tests.loopback.openai_realtime import OpenAIRealtimeServer

OLD = "Sarah Thompson"
NEW = "# Persona: Sarah\nYour dog is called Biscuit."


def obeys(conversation: Any, heard: str) -> str:
    """Says whether the instruction that is in force holds the new fact, and what was heard."""
    return f"{'Biscuit' if 'Biscuit' in conversation.instruction else 'no dog'}, {heard}"


SERVERS: dict[str, Callable[..., Any]] = {
    "gemini_realtime": GeminiServer,
    "openai_realtime": OpenAIRealtimeServer,
    "openai_pipeline": OpenAIHTTPServer,
}
WAYS = {"gemini_realtime": How.SWAPPED, "openai_realtime": How.IN_PLACE, "openai_pipeline": How.IN_PLACE}
models = pytest.mark.parametrize("model", SERVERS)
realtime = pytest.mark.parametrize("model", ["gemini_realtime", "openai_realtime"])


def heard(line: Held) -> list[str]:
    return [event.text for event in line.of(Heard)]


@models
async def test_the_next_reply_obeys_the_new_text(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an edit the model answers under the new instruction and not the old, knows what was said, and the first
    line under the revision is marked."""
    async with SERVERS[model](reply=obeys) as server, held(model, server, monkeypatch) as line:
        await line.call.type("hello")
        assert await line.answer(2) == "no dog, hello"
        spec = line.write(NEW)
        receipt = await line.receipt()
        assert (receipt.how, receipt.before, receipt.after) == (WAYS[model], line.spec.revision, spec.revision)
        assert "+Your dog is called Biscuit." in receipt.changes[0].new
        await line.call.type("and now")
        assert await line.answer(3) == "Biscuit, and now"
        marked = [(said.revision, said.since_save_ms is not None) for said in line.of(Said)]
        assert marked == [(line.spec.revision, False), (line.spec.revision, False), (spec.revision, True)]
        assert not line.of(Failure)


async def test_gemini_gets_a_new_session_with_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more connection, with the new system instruction and everything said before; the old one is closed."""
    async with GeminiServer(reply=obeys) as server, held("gemini_realtime", server, monkeypatch) as line:
        await line.call.type("hello")
        spec = line.write(NEW)
        await line.receipt()
        old, new = server.connections
        assert new.instruction == instructions(spec)
        assert OLD not in new.instruction
        assert new.history[-2:] == [("user", "hello"), ("assistant", "no dog, hello")]
        assert not new.turns  # no second greeting
        await server.until(lambda: old.closed)


@pytest.mark.parametrize("vad", ["vad=none", "vad=silero"])
@realtime
async def test_a_new_voice_is_one_new_session(model: str, vad: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A voice is swapped in by a session that knows the conversation; however turns are detected it is one only."""
    async with SERVERS[model](reply=obeys) as server, held(model, server, monkeypatch, vad) as line:
        await line.call.type("hello")
        line.edit(compose([f"model={model}", vad, "voice=firm_male"]))
        receipt = await line.receipt()
        assert receipt.how is How.SWAPPED, receipt.reason
        assert len(server.connections) == 2
        assert server.connections[1].voice in ("Orus", "cedar")
        await line.call.type("still there?")
        assert await line.answer(3) == "no dog, still there?"
        assert [text for _, text in server.connections[1].history if text][-4:-2] == ["hello", "no dog, hello"]
        assert len(server.connections) == 2


@realtime
async def test_a_refused_session_never_touches_the_call(
    model: str, monkeypatch: pytest.MonkeyPatch, skip: Callable[[float], None]
) -> None:
    """A provider that does not take the new session: the edit is rejected, and the call goes on as it was."""
    async with SERVERS[model](reply=obeys, on_connect=[None, *[Refuse(401)] * 9]) as server:
        async with held(model, server, monkeypatch) as line:
            line.edit(compose([f"model={model}", "vad=none", "voice=firm_male"]))
            await server.until(lambda: bool(server.refused))
            await passing(skip, lambda: bool(line.of(Reload)))
            receipt = await line.receipt()
            assert receipt.how is How.REJECTED
            assert "401" in receipt.reason and "the call is as it was" in receipt.reason
            await line.call.type("hello")
            assert await line.answer(2) == "no dog, hello"
            assert not line.of(Ended)


@realtime
async def test_applied_is_said_only_when_the_provider_has_it(
    model: str, monkeypatch: pytest.MonkeyPatch, skip: Callable[[float], None]
) -> None:
    """A provider that never acknowledges gets no receipt that says applied."""
    async with SERVERS[model](reply=obeys, on_connect=[None, Stall()]) as server:
        async with held(model, server, monkeypatch) as line:
            line.edit(compose([f"model={model}", "vad=none", "voice=firm_male"]))
            await server.connected(2)
            assert not line.of(Reload)
            await passing(skip, lambda: bool(line.of(Reload)))
            assert (await line.receipt()).how is How.REJECTED


@models
async def test_a_turn_typed_right_after_an_edit_is_answered(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns just before and just after an edit are both answered, once, and stay in the history."""
    async with SERVERS[model](reply=obeys) as server, held(model, server, monkeypatch) as line:
        before = asyncio.ensure_future(line.call.type("before"))
        await asyncio.sleep(0)
        line.write(NEW)
        await before
        after = asyncio.ensure_future(line.call.type("after"))
        await line.receipt()
        await after
        await line.until(lambda: heard(line) == ["before", "after"])
        assert [said.text.split(", ")[1] for said in line.of(Said)[1:]] == ["before", "after"]


@realtime
async def test_a_spoken_turn_during_a_swap_is_answered(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the trainee says while an edit is being applied is heard whole by the session that takes over."""
    async with SERVERS[model](reply=obeys, hears=["I am so sorry"]) as server:
        async with held(model, server, monkeypatch) as line:
            line.edit(rewritten(compose([f"model={model}", "vad=none", "voice=firm_male"]), NEW))
            line.microphone.say()
            assert (await line.receipt()).how is How.SWAPPED
            await line.until(lambda: len(line.of(Said)) == 2 and heard(line) == ["I am so sorry"])


async def test_nothing_is_swapped_in_mid_sentence_where_nobody_tells_that_somebody_speaks(
    monkeypatch: pytest.MonkeyPatch, skip: Callable[[float], None]
) -> None:
    """Gemini detects turns itself and tells nothing of them: the sound does, pauses between words included. The edit
    waits for the answer to the whole sentence, which the old session has heard, and then the receipt is true."""
    sentence = await speech("I have got your account in front of me now and I can see the second payment.")
    async with GeminiServer(reply=obeys, hears=["all of it"]) as server:
        async with held("gemini_realtime", server, monkeypatch) as line:
            half = len(sentence) // 4 * 2
            line.microphone.pick_up(sentence[:half], SPEECH_RATE)
            await line.microphone.heard()
            line.write(NEW)
            line.microphone.pick_up(sentence[half:], SPEECH_RATE)
            await line.microphone.heard()
            for _ in range(20):
                skip(0.1)
                await asyncio.sleep(0)
            assert not line.of(Reload) and len(server.connections) == 1
            line.microphone.pick_up(silence(2, SPEECH_RATE), SPEECH_RATE)
            assert await line.answer(2) == "no dog, all of it"
            assert (await line.receipt()).how is How.SWAPPED
            assert [event.text for event in line.of(Heard)] == ["all of it"]
            await line.call.type("and now")
            assert await line.answer(3) == "Biscuit, and now"


@realtime
async def test_an_edit_waits_for_the_line_that_is_being_said(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the persona speaks nothing is swapped; her line stays whole, and in the history of the new session."""
    async with SERVERS[model](reply=obeys) as server, held(model, server, monkeypatch) as line:
        server.may_speak.clear()
        turn = asyncio.ensure_future(line.call.type("go on"))
        await server.until(lambda: any(connection.speaking for connection in server.connections))
        line.edit(rewritten(compose([f"model={model}", "vad=none", "voice=firm_male"]), NEW))
        await line.call.opened()
        assert not line.of(Reload)
        server.may_speak.set()
        await turn
        assert (await line.receipt()).how is How.SWAPPED
        assert line.of(Said)[1].text == "no dog, go on"
        assert not line.of(Said)[1].interrupted
        texts = [text for _, text in server.connections[1].history]
        assert texts[-2:] == ["go on", "no dog, go on"]


async def test_a_pipelines_prompt_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply being spoken is finished under the old text, and the receipt comes meanwhile and says so."""
    async with OpenAIHTTPServer(reply=obeys) as server, held("openai_pipeline", server, monkeypatch) as line:
        server.may_speak.clear()
        turn = asyncio.ensure_future(line.call.type("go on"))
        await server.until(lambda: len(server.chats) == 1)
        line.write(NEW)
        receipt = await line.receipt()
        assert (receipt.how, receipt.after_reply) == (How.IN_PLACE, True)
        server.may_speak.set()
        await turn
        line.write(f"{NEW} You like tea.")
        receipt = await line.receipt(2)
        assert (receipt.how, receipt.after_reply) == (How.IN_PLACE, False)
        await line.call.type("and now")
        assert [said.text for said in line.of(Said)[1:]] == ["no dog, go on", "Biscuit, and now"]


async def test_a_pipelines_voice_changes_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next line is spoken in the new voice, by the same pipeline."""
    async with OpenAIHTTPServer(reply=obeys) as server, held("openai_pipeline", server, monkeypatch) as line:
        line.edit(compose(["model=openai_pipeline", "voice=firm_male"]))
        receipt = await line.receipt()
        assert (receipt.how, receipt.changes[0].field) == (How.IN_PLACE, "voice")
        await line.call.type("hello")
        assert [speech.body["voice"] for speech in server.speeches][-1] == "cedar"


@pytest.mark.parametrize(
    ("one", "other"), [("gemini_realtime", "openai_pipeline"), ("openai_pipeline", "gemini_realtime")]
)
async def test_a_realtime_model_and_a_pipeline_take_over_from_each_other(
    one: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model edit from one kind to the other keeps the call, its history and its next turn."""
    async with SERVERS[one](reply=obeys) as first, SERVERS[other](reply=obeys) as second:
        for name, value in second.environment.items():
            monkeypatch.setenv(name, value)
        async with held(one, first, monkeypatch, "vad=silero") as line:
            await line.call.type("hello")
            line.edit(compose([f"model={other}", "vad=silero"]))
            receipt = await line.receipt()
            assert receipt.how is How.SWAPPED, receipt.reason
            await line.call.type("are you still there?")
            assert await line.answer(3) == "no dog, are you still there?"
            told = second.chats[-1].history if other == "openai_pipeline" else second.connections[-1].history
            assert ("assistant", "no dog, hello") in [(role, text) for role, text in told]
            assert not line.of(Failure)


@models
async def test_the_newest_of_several_edits_takes_effect(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Edits that come while the persona speaks each end in one receipt; the last of them is what the model gets."""
    async with SERVERS[model](reply=obeys) as server, held(model, server, monkeypatch) as line:
        server.may_speak.clear()
        turn = asyncio.ensure_future(line.call.type("go on"))
        await line.until(lambda: bool(line.of(Heard)) or model == "openai_pipeline")
        for number in range(5):
            line.write(f"{NEW} Number {number}.")
        line.edit(error="a file:3: broken")
        last = line.write(f"{NEW} Number 5.")
        server.may_speak.set()
        await turn
        receipts = [await line.receipt(number) for number in range(1, 8)]
        way, none = WAYS[model], How.SUPERSEDED
        pipeline = [way, way, way, way, way, How.REJECTED, way]
        realtime = [none, none, none, none, How.REJECTED, none, way]
        assert [receipt.how for receipt in receipts] == (pipeline if "pipeline" in model else realtime)
        assert receipts[-1].after == last.revision
        await line.call.type("and now")
        assert (await line.answer(3)).startswith("Biscuit")


@pytest.mark.parametrize(("mode", "how"), [(ReloadMode.FROZEN, How.FROZEN), (ReloadMode.NEXT_CALL, How.NEXT_CALL)])
async def test_a_call_that_is_not_live_says_so(mode: ReloadMode, how: How, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an exam, and where edits wait for the next call, the spec stays and each edit has its receipt."""
    async with GeminiServer(reply=obeys) as server, held("gemini_realtime", server, monkeypatch, reload=mode) as line:
        spec = line.write(NEW)
        receipt = await line.receipt()
        assert (receipt.how, receipt.before, receipt.after) == (how, line.spec.revision, spec.revision)
        await line.call.type("hello")
        assert await line.answer(2) == "no dog, hello"


@models
async def test_a_bad_edit_leaves_the_call_alone(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rejected edit, and one that changes nothing, have their receipts; the next good one applies."""
    async with SERVERS[model](reply=obeys) as server, held(model, server, monkeypatch) as line:
        line.edit(error="personas/x.md:7: broken YAML")
        line.edit(line.spec)
        line.write(NEW)
        hows = [(await line.receipt(number)).how for number in (1, 2, 3)]
        assert hows == [How.REJECTED, How.UNCHANGED, WAYS[model]]
        assert line.of(Reload)[0].reason == "personas/x.md:7: broken YAML"


@models
async def test_what_goes_wrong_while_a_call_is_changed_leaves_it_as_it_was(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part that cannot be made, and a spec that no plugin takes, are rejected; the call answers as before."""
    async with SERVERS[model](reply=obeys) as server, held(model, server, monkeypatch) as line:
        part = line.spec.model.realtime or line.spec.model.llm
        assert part
        bad = replace(part, options={**part.options, "temperature": "warm"})
        model_of = line.spec.model
        wrong_model = replace(model_of, realtime=bad) if model_of.realtime else replace(model_of, llm=bad)
        wrong = replace(rewritten(line.spec, NEW), model=wrong_model)
        line.edit(wrong)
        receipt = await line.receipt()
        assert receipt.how is How.REJECTED
        assert "temperature" in receipt.reason
        await line.call.type("hello")
        assert await line.answer(2) == "no dog, hello"


async def test_turn_handling_changes_by_an_agent_that_keeps_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline's new turn handling needs a new agent, but neither a new model nor a new voice."""
    async with OpenAIHTTPServer(reply=obeys) as server, held("openai_pipeline", server, monkeypatch) as line:
        made: list[str] = []
        make = build.make

        def noted(spec: SessionSpec, place: str, *env: Any) -> Any:
            made.append(place)
            return make(spec, place, *env)

        monkeypatch.setattr(build, "make", noted)
        line.edit(compose(["model=openai_pipeline", "+vad.turn_handling.endpointing.min_delay=0.3"]))
        receipt = await line.receipt()
        assert receipt.how is How.SWAPPED, receipt.reason
        assert not made
        await line.call.type("hello")
        assert await line.answer(2) == "no dog, hello"


async def test_a_session_that_nobody_took_does_not_stay_open(
    monkeypatch: pytest.MonkeyPatch, skip: Callable[[float], None]
) -> None:
    """What was opened for an edit that was not accepted in time is closed when the edit is rejected."""
    async with GeminiServer(reply=obeys, on_connect=[None, Stall()]) as server:
        async with held("gemini_realtime", server, monkeypatch) as line:
            line.write(NEW)
            await server.connected(2)
            await passing(skip, lambda: bool(line.of(Reload)))
            assert line.of(Reload)[0].how is How.REJECTED
            await server.until(lambda: server.connections[1].closed)
            assert not server.connections[0].closed


async def test_edits_leave_no_listeners_behind(
    monkeypatch: pytest.MonkeyPatch, use_personas: Callable[[str, str], Path]
) -> None:
    """After ten edits of a prompt that is changed in place nothing listens to the session for any of them."""
    use_personas("ann", "# Persona: Ann")  # without an arc, of which the model would be told meanwhile
    async with OpenAIRealtimeServer(reply=obeys) as server:
        async with held("openai_realtime", server, monkeypatch, "persona=ann") as line:
            for number in range(10):
                line.write(f"{NEW} {number}")
                assert (await line.receipt(number + 1)).how is How.IN_PLACE
            gc.collect()
            assert not [one for one in gc.get_objects() if type(one) is Acknowledgement]


async def test_a_prompt_that_is_refused_leaves_the_tools_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """An edit of endings that the provider refuses leaves prompt and tool as they were."""
    async with OpenAIRealtimeServer(reply=obeys) as server, held("openai_realtime", server, monkeypatch) as line:
        front = replace(line.spec.persona.front, endings=())
        spec = rewritten(replace(line.spec, persona=replace(line.spec.persona, front=front)), NEW)
        server.refuses = "Biscuit"
        line.edit(spec)
        receipt = await line.receipt()
        assert receipt.how is How.REJECTED and "not this" in receipt.reason
        await line.call.type("hello")
        assert await line.answer(2) == "no dog, hello"
        assert "resolved" in str(server.connections[0].session["tools"])


async def talk(line: Held, turns: int) -> None:
    """So many turns of the trainee, each of them answered."""
    for number in range(turns):
        await line.call.type(f"turn {number}")


async def test_a_history_that_is_refused_leaves_the_call_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gemini takes the setup and closes when the history comes: the edit is rejected, the old session answers on."""
    async with GeminiServer(reply=obeys) as server, held("gemini_realtime", server, monkeypatch) as line:
        await line.call.type("hello")
        server.takes = 0
        line.write(NEW)
        receipt = await line.receipt()
        assert receipt.how is How.REJECTED and "1007" in receipt.reason and "the call is as it was" in receipt.reason
        assert not server.connections[0].closed
        server.takes = 9
        await line.call.type("still there?")
        assert await line.answer(3) == "no dog, still there?"
        assert len(server.connections) == 2


async def test_a_history_that_is_too_long_for_a_swap_is_shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    """The new session knows the later part of a long call, and the next swap does not begin with all of it again."""
    async with GeminiServer(reply=obeys) as server, held("gemini_realtime", server, monkeypatch) as line:
        await talk(line, 6)
        server.takes = 7
        line.write(NEW)
        assert (await line.receipt()).how is How.SWAPPED
        assert [text for _, text in server.connections[-1].history] == [
            *("turn 3", "no dog, turn 3", "turn 4", "no dog, turn 4", "turn 5", "no dog, turn 5")
        ]
        server.takes = 100
        await line.call.type("and now")
        assert await line.answer(8) == "Biscuit, and now"
        assert not line.of(Failure)


async def test_a_session_that_has_used_up_its_context_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Close 1007 in a long call: another session goes on with the later half of what was said, and answers."""
    async with GeminiServer(reply=obeys) as server, held("gemini_realtime", server, monkeypatch) as line:
        await talk(line, 6)
        server.connections[0].inject(Close(1007))
        await server.connected(2)
        await line.until(lambda: bool(line.of(Failure)))
        await server.until(lambda: len(server.connections[1].history) == 6)
        turn = asyncio.ensure_future(line.call.type("still there?"))
        await line.until(lambda: line.of(Said)[-1].text == "no dog, still there?")
        await turn
        assert all(failure.recoverable for failure in line.of(Failure))
        assert not line.of(Ended)


@pytest.mark.parametrize("code", [1007, 1008, 1011])
async def test_a_session_that_ends_right_after_it_took_over(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that cannot come back gives the call back to the old prompt, and the receipt says so; one that can connects
    again, and the receipt says that it was swapped. Either way the call is answered."""
    async with GeminiServer(reply=obeys) as server, held("gemini_realtime", server, monkeypatch) as line:
        await line.call.type("hello")
        line.write(NEW)
        await server.until(lambda: server.connections[0].closed)
        server.connections[1].inject(Close(code))
        receipt = await line.receipt()
        assert receipt.how is (How.REJECTED if code == 1007 else How.SWAPPED), receipt.reason
        await server.connected(3)
        await line.call.type("and now")
        expected = "no dog, and now" if code == 1007 else "Biscuit, and now"
        await line.until(lambda: line.of(Said)[-1].text == expected)
        assert not line.of(Ended)


async def test_openai_refuses_a_line_of_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that did not take all that was said is not swapped in."""
    async with OpenAIRealtimeServer(reply=obeys) as server, held("openai_realtime", server, monkeypatch) as line:
        await line.call.type("hello")
        server.refuses = "hello"
        line.edit(compose(["model=openai_realtime", "vad=none", "voice=firm_male"]))
        receipt = await line.receipt()
        assert receipt.how is How.REJECTED and "not this" in receipt.reason
        assert not server.connections[0].closed
        server.refuses = None
        await line.call.type("still there?")
        assert await line.answer(3) == "no dog, still there?"


async def test_an_error_about_something_else_refuses_no_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors that answer another message, or none, come before OpenAI's acknowledgement: the prompt is in force."""
    async with OpenAIRealtimeServer(reply=obeys) as server, held("openai_realtime", server, monkeypatch) as line:
        server.complains_first = True
        line.write(NEW)
        assert (await line.receipt()).how is How.IN_PLACE
        await line.call.type("and now")
        assert await line.answer(2) == "Biscuit, and now"


def opening(conversation: Any, heard: str) -> str:
    """Says the opening line that the instruction holds."""
    return str(conversation.instruction.partition("opening line is:\n")[2].splitlines()[0])


@models
async def test_an_edit_before_the_trainee_has_joined_reaches_the_opening(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The persona says the opening line that is in force when the trainee comes."""
    async with SERVERS[model](reply=opening) as server:
        async with held(model, server, monkeypatch, opened=False, joined=False) as line:
            front = replace(line.spec.persona.front, opening={"en": ("Where is my parcel?",)})
            whole = replace(line.spec.arc.front, opening=front.opening)
            persona, arc = replace(line.spec.persona, front=front), replace(line.spec.arc, front=whole)
            line.edit(replace(line.spec, persona=persona, arc=arc, revision="before"))
            line.join.set()
            receipt = await line.receipt()
            assert receipt.how is WAYS[model]
            assert await line.answer(1) == "Where is my parcel?"
            assert line.of(Said)[0].revision == "before"
            assert len(line.of(Said)) == 1


async def test_a_fact_that_says_otherwise_than_the_new_prose_is_told_in_the_receipt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The prompt has the new account number and the facts have the old one: it is told once, and not again."""
    async with OpenAIHTTPServer(reply=obeys) as server, held("openai_pipeline", server, monkeypatch) as line:
        prose = line.spec.persona.prose
        line.write(prose.replace("CUST-2847", "CUST-9999"))
        assert any("CUST-2847" in warning for warning in (await line.receipt()).warnings)
        line.write(prose.replace("CUST-2847", "CUST-9999") + "\nYou like tea.")
        assert not (await line.receipt(2)).warnings
