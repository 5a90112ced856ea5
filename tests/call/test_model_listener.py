"""A model that listens beside the call: what it finds counts only with the trainee's own words."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from livekit.agents import APIError

from runtime.call import model_listener as module
from runtime.call.build import check_secrets
from runtime.call.model_listener import read_findings
from runtime.errors import SpecError
from runtime.events import CueFound, Failure, Found, Heard, How, MoodMoved, Said
from tests.composed import compose
from tests.held import Held, held
from tests.loopback import Conversation, Fault, Refuse, Reply, Stall, ToolCall
from tests.loopback.openai_http import Chat, OpenAIHTTPServer

ARC = """---
opening: I was billed twice.
mood: 40
cues:
  ownership: {means: takes responsibility, mood: 30, hear: [my mistake]}
  blame: {means: blames the customer, mood: -10, hear: [your fault]}
  late: {mood: -1, hear: [late]}
endings:
  - {name: resolved, when: [ownership], mood: 90, passed: true, say: Thank you. Goodbye.}
  - {name: had_enough, below: 25, means: she has had enough}
---
# Persona: Ann"""
Write = Callable[[str, str], Path]
LISTENING = ("persona=ann", "listening=model")


@pytest.fixture(autouse=True)
def ann(use_personas: Write) -> None:
    """A persona whose cues say what they mean, but for one."""
    use_personas("ann", ARC)


def finding(cue: str, words: str, probability: float = 0.9) -> dict[str, Any]:
    return {"cue": cue, "words": words, "probability": probability}


def listener(*answers: list[dict[str, Any]]) -> Reply:
    """A model that submits these findings, turn by turn; to the persona's requests it says a line."""
    left = iter(answers)

    def reply(conversation: Conversation, heard: str) -> str | ToolCall:
        assert isinstance(conversation, Chat)
        if not is_listeners(conversation):
            return "And now?"
        return ToolCall("submit_findings", {"findings": next(left, [])})

    return reply


def is_listeners(chat: Chat) -> bool:
    return any(tool["function"]["name"] == "submit_findings" for tool in chat.body.get("tools", ()))


def asked_for(chat: Chat) -> list[str]:
    """The cues that a request asks for."""
    tool = chat.body["tools"][0]["function"]
    return list(tool["parameters"]["properties"]["findings"]["items"]["properties"]["cue"]["enum"])


def cues(line: Held) -> list[CueFound]:
    """The cues found so far, without those of any customer."""
    return [cue for cue in line.of(CueFound) if cue.name in ("ownership", "blame", "late")]


async def found(line: Held, number: int = 1) -> CueFound:
    """The cue of that number, once it was found."""
    await line.until(lambda: len(cues(line)) >= number)
    return cues(line)[number - 1]


async def test_what_was_meant_counts_with_the_words_that_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """No phrase matches; the model's finding moves the persona and names model, turn and words."""
    reply = listener([finding("ownership", "that one is on us", 0.876)])
    async with (
        OpenAIHTTPServer(reply=reply) as server,
        held("offline", server, monkeypatch, *LISTENING, audio=False) as line,
    ):
        await line.call.type("Well, that one is on us.")
        cue = await found(line)
        assert (cue.name, cue.turn, cue.found, cue.mood) == ("ownership", 1, Found.MODEL, 30)
        assert (cue.words, cue.by, cue.nearness) == ("that one is on us", "gpt-4.1-mini", 0.88)
        assert (line.of(MoodMoved)[-1].why, line.of(MoodMoved)[-1].after) == (("ownership",), 70)
        (asked,) = server.chats
        assert asked.history == [
            (
                "user",
                "Cues:\n- ownership: takes responsibility\n- blame: blames the customer\n\n"
                "The turn:\nCUSTOMER: I was billed twice.\nTRAINEE: Well, that one is on us.",
            )
        ]


async def test_a_thai_call_is_listened_to_in_thai(monkeypatch: pytest.MonkeyPatch, use_personas: Write) -> None:
    """The model reads what cues mean in Thai, and the trainee's Thai words prove what it finds."""
    use_personas("ann", ARC.replace("takes responsibility", "{en: takes responsibility, th: รับผิดชอบ}"))
    reply = listener([finding("ownership", "ทางเราจะจัดการให้เอง")])
    async with (
        OpenAIHTTPServer(reply=reply) as server,
        held("offline", server, monkeypatch, *LISTENING, "language=th", audio=False) as line,
    ):
        await line.call.type("เรื่องนี้ทางเราจะจัดการให้เองค่ะ")
        cue = await found(line)
        assert (cue.name, cue.found, cue.words) == ("ownership", Found.MODEL, "ทางเราจะจัดการให้เอง")
        (asked,) = server.chats
        (_, material) = asked.history[0]
        assert "- ownership: รับผิดชอบ\n" in material and "TRAINEE: เรื่องนี้ทางเราจะจัดการให้เองค่ะ" in material


@pytest.mark.parametrize(
    "void",
    [
        finding("ownership", "I take full responsibility"),
        finding("ownership", "that ONE is on us"),
        finding("ownership", "I was billed twice"),
        finding("ownership", "hat one is on us"),
        finding("ownership", ""),
        finding("ownership", "that one is on us", 0.5),
        finding("late", "that one is on us"),
        finding("invented", "that one is on us"),
    ],
    ids=["invented", "altered", "the customer's", "cut", "none", "unlikely", "not asked for", "no cue of hers"],
)
async def test_a_finding_without_the_trainees_own_words_is_void(
    monkeypatch: pytest.MonkeyPatch, void: dict[str, Any]
) -> None:
    """Nothing of it counts; the next turn is read as ever."""
    reply = listener([void], [finding("blame", "you did it")])
    async with (
        OpenAIHTTPServer(reply=reply) as server,
        held("offline", server, monkeypatch, *LISTENING, audio=False) as line,
    ):
        await line.call.type("Well, that one is on us.")
        await line.call.type("But you did it.")
        cue = await found(line)
        assert (cue.name, cue.turn) == ("blame", 2)
        assert not line.of(Failure)


async def test_a_cue_that_can_do_nothing_more_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns that follow fast are read one after the other; what calms once, and what a phrase has found, is left out,
    and a turn for which nothing is left costs nothing."""
    reply = listener([finding("ownership", "on us")], [finding("blame", "you did it")])
    async with (
        OpenAIHTTPServer(reply=reply) as server,
        held("offline", server, monkeypatch, *LISTENING, audio=False) as line,
    ):
        server.may_speak.clear()
        for text in ("That one is on us.", "But you did it.", "It is your fault."):
            await line.call.type(text)
        server.may_speak.set()
        await found(line, 3)
        assert [(c.name, c.turn, c.found.value) for c in cues(line)] == [
            ("blame", 3, "phrase"),
            ("ownership", 1, "model"),
            ("blame", 2, "model"),
        ]
        assert [asked_for(chat) for chat in server.chats] == [["ownership", "blame"], ["blame"]]


@pytest.mark.parametrize(("needed", "reason", "satisfied"), [(90, "trainee_left", None), (60, "resolved", True)])
async def test_what_the_trainee_said_last_counts_although_they_hung_up_before_it_was_read(
    needed: int, reason: str, satisfied: bool | None, monkeypatch: pytest.MonkeyPatch, use_personas: Write
) -> None:
    """And what it brings about: who has given all that she called for, and hangs up, has satisfied her."""
    monkeypatch.setattr(module, "LAST_SECONDS", 60)
    use_personas("ann", ARC.replace("mood: 90", f"mood: {needed}"))
    async with (
        OpenAIHTTPServer(reply=listener([finding("ownership", "on us")])) as server,
        held("offline", server, monkeypatch, *LISTENING, audio=False) as line,
    ):
        server.may_speak.clear()
        await line.call.type("That one is on us.")
        await server.until(lambda: len(server.chats) == 1)
        line.call.hang_up()
        server.may_speak.set()
        ended = await line.ended()
        assert [cue.name for cue in cues(line)] == ["ownership"]
        assert (ended.reason, ended.satisfied) == (reason, satisfied)
        assert len(line.of(Said)) == 2


async def test_the_reply_waits_for_no_listener_and_the_end_of_the_call_not_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A model that never answers is asked beside the call, and is let go with it."""
    monkeypatch.setattr(module, "LAST_SECONDS", 0)
    async with (
        OpenAIHTTPServer(on_chat=[Stall(None)]) as server,
        held("offline", server, monkeypatch, *LISTENING, audio=False) as line,
    ):
        assert await line.call.type("It was my mistake.")
        assert [cue.found for cue in cues(line)] == [Found.PHRASE]
        assert len(line.of(Said)) == 2
        await server.until(lambda: len(server.chats) == 1)
        line.call.hang_up()
        assert (await line.ended()).reason == "trainee_left"


async def test_a_listener_that_fails_is_one_line_and_the_phrases_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first failure is told, and how often it failed once a turn is read again."""
    faults: list[Fault | None] = [Refuse(401), Refuse(401), None]
    reply = listener([finding("ownership", "on us")])
    async with (
        OpenAIHTTPServer(reply=reply, on_chat=faults) as server,
        held("offline", server, monkeypatch, *LISTENING, audio=False) as line,
    ):
        for number, text in enumerate(("You are late.", "Late again.", "That is on us."), start=1):
            await line.call.type(text)
            await server.until(lambda number=number: len(server.chats) == number)  # type: ignore[misc]
        await found(line, 3)
        assert [(cue.name, cue.found.value) for cue in cues(line)] == [
            ("late", "phrase"),
            ("late", "phrase"),
            ("ownership", "model"),
        ]
        assert [(failure.source, failure.times) for failure in line.of(Failure)] == [
            ("listening, LLM (openai)", 1),
            ("listening, LLM (openai)", 2),
        ]
        assert all(failure.recoverable for failure in line.of(Failure))


async def test_an_ending_that_the_listener_brings_about_ends_the_call(
    monkeypatch: pytest.MonkeyPatch, use_personas: Write
) -> None:
    """It has its turn answered, says the ending's line, and hangs up."""
    reply = listener([finding("ownership", "on us")])
    use_personas("ann", ARC.replace("mood: 90", "mood: 60"))
    async with (
        OpenAIHTTPServer(reply=reply) as server,
        held("openai_pipeline", server, monkeypatch, *LISTENING, audio=False) as line,
    ):
        await line.call.begin_turn("That one is on us.")
        ended = await line.ended()
        assert (ended.reason, ended.satisfied) == ("resolved", True)
        assert line.of(Said)[-1].text == "Thank you. Goodbye."


async def test_an_ending_without_a_line_gets_last_words_after_the_answer(
    monkeypatch: pytest.MonkeyPatch, use_personas: Write
) -> None:
    """The answer that was on its way when the ending came about was not asked to be her last words."""
    reply = listener([finding("blame", "you did it")])
    use_personas("ann", ARC.replace("-10", "-20"))
    async with (
        OpenAIHTTPServer(reply=reply) as server,
        held("openai_pipeline", server, monkeypatch, *LISTENING, audio=False) as line,
    ):
        server.may_speak.clear()
        await line.call.begin_turn("But you did it.")
        await server.until(lambda: len(server.chats) == 2)
        server.may_speak.set()
        assert (await line.ended()).reason == "had_enough"
        hers = [chat for chat in server.chats if not is_listeners(chat)]
        assert "Say your last words now" in hers[-1].instruction


async def test_an_edit_changes_who_listens_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """From phrases to a model and back, in place; the model that plays the persona is not touched."""
    reply = listener([finding("ownership", "on us")])
    async with (
        OpenAIHTTPServer(reply=reply) as server,
        held("offline", server, monkeypatch, "persona=ann", "listening=phrases", audio=False) as line,
    ):
        await line.call.type("That one is on us.")
        line.edit(compose(["persona=ann", "listening=model"]))
        receipt = await line.receipt()
        assert (receipt.how, receipt.after_reply) == (How.IN_PLACE, False)
        assert {"listening", "listening.llm.plugin"} <= {change.field for change in receipt.changes}
        await line.call.type("Really, that is on us.")
        assert (await found(line)).turn == 2
        line.edit(compose(["persona=ann", "listening=phrases"]))
        assert (await line.receipt(2)).how is How.IN_PLACE
        await line.call.type("But you did it.")
        assert len(line.of(Heard)) == 3 and len(server.chats) == 1


@pytest.mark.parametrize(
    "submitted", [None, [], "none", {}, {"findings": None}, {"findings": {}}, {"findings": "ownership"}]
)
def test_what_is_no_list_of_findings_is_a_failure(submitted: object) -> None:
    """Models submit anything."""
    with pytest.raises(APIError, match="no findings"):
        read_findings(submitted, {"ownership"})


@pytest.mark.parametrize(
    "one",
    [
        None,
        "ownership",
        {},
        finding("ownership", "x", 1.1),
        finding("ownership", "x", float("nan")),
        finding("ownership", "x") | {"words": None},
        finding("ownership", "x") | {"cue": ["ownership"]},
        finding("ownership", "x") | {"probability": "1"},
    ],
    ids=json.dumps,
)
def test_what_is_no_finding_is_left_out(one: object) -> None:
    """The others of the list still count."""
    found = read_findings({"findings": [one, finding("blame", "x")]}, {"ownership", "blame"})
    assert list(found) == ["blame"]


def test_a_listeners_secret_is_asked_for_before_anything_starts() -> None:
    """The line names the group."""
    spec = compose(["persona=ann", "listening=model"])
    with pytest.raises(SpecError, match="listening=model: OPENAI_API_KEY is not set"):
        check_secrets(spec, {})
