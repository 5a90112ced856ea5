"""What a model says in one turn: how long it may be, and text that no server would take."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.call.turn import CHARACTERS_PER_SECOND, REPEATED, SurrogateJoiner, TurnLimit, without_surrogates
from runtime.events import Notice, Said, ToolCalled, to_json
from tests.held import held
from tests.loopback import ToolCall
from tests.loopback.gemini import GeminiServer
from tests.loopback.openai_http import OpenAIHTTPServer
from tests.loopback.openai_realtime import OpenAIRealtimeServer

TALK = " ".join(f"This is sentence number {n}, and it says something new." for n in range(400))


def said(text: str, seconds: float = 20) -> tuple[str, TurnLimit]:
    limit = TurnLimit(seconds)
    return "".join(limit.take(piece) for piece in text), limit


def test_a_turn_ends_at_a_sentence() -> None:
    """After so many seconds' worth of text the sentence is finished, and nothing after it is said."""
    kept, limit = said(TALK)
    assert kept.endswith("something new.") and TALK.startswith(kept)
    assert 20 <= len(kept) / CHARACTERS_PER_SECOND <= 25
    assert "20 s" in limit.why


@pytest.mark.parametrize("text", ["คำ " * 500, "คำ" * 500])
def test_a_turn_without_sentences_ends_all_the_same(text: str) -> None:
    """Between words, or phrases in Thai, if no sentence ends in time; anywhere if there is no space either."""
    text = "".join(f"{word}{n}" for n, word in enumerate(text.split("ำ")))
    kept, _ = said(text)
    assert 20 <= len(kept) / CHARACTERS_PER_SECOND <= 31


def test_a_model_that_repeats_itself_is_stopped() -> None:
    """The third time is the last, also where no limit is set; memory does not grow with what was said."""
    sentence = "I want my money back right now. "
    kept, limit = said("Well. " + sentence * 100, seconds=0)
    assert kept.count(sentence.strip()) == 3 and limit.why == "repeated itself"
    endless = TurnLimit(0)
    for n in range(2000):
        endless.take(f"A new sentence, number {n * 7919}. ")
    assert not endless.over
    assert len(endless._latest) <= 3 * REPEATED.stop


def test_people_repeat_themselves_too() -> None:
    """Short exclamations, and a sentence said twice, are no fault."""
    text = "No. No. No! I said no. I want my money back. I want my money back. Do you hear me?"
    assert said(text)[0] == text


@given(st.text(st.characters(exclude_categories=[])), st.data())
def test_text_in_pieces_is_mended(text: str, data: Any) -> None:
    """However a text is cut, even within a character, it comes whole; a half alone becomes the replacement."""
    units = text.encode("utf-16-le", "surrogatepass")
    pieces, start = [], 0
    while start < len(units):
        end = start + 2 * data.draw(st.integers(1, 3))
        pieces.append(units[start:end].decode("utf-16-le", "surrogatepass"))
        start = end
    mending = SurrogateJoiner()
    mended = "".join(map(mending.take, pieces))
    mended.encode()
    assert without_surrogates(text).startswith(mended) and len(without_surrogates(text)) - len(mended) <= 1


@pytest.mark.parametrize("audio", [True, False], ids=["spoken", "typed"])
async def test_a_pipeline_that_never_stops_is_cut_off(audio: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Her turn ends at a sentence, and the request with it; the next turn is answered."""
    async with OpenAIHTTPServer(reply=lambda c, h: TALK) as server:
        async with held("openai_pipeline", server, monkeypatch, audio=audio) as line:
            for turn in (1, 2):
                await line.call.begin_turn("hello")
                text = await line.answer(turn + 1)
                assert 20 <= len(text) / CHARACTERS_PER_SECOND <= 25 and text.endswith("something new.")
                assert not line.of(Said)[-1].interrupted
                assert len(line.of(Notice)) == turn and "went on for more than 20 s" in line.of(Notice)[-1].text
                await server.until(lambda: server.chats[-1].cut_off, timeout=20)


async def test_she_hangs_up_although_she_went_on_for_too_long_first(
    monkeypatch: pytest.MonkeyPatch, use_personas: Callable[[str, str], Path]
) -> None:
    """A tool call that comes after the end of the turn is taken; what else comes there is not said."""
    use_personas("ann", "---\nopening: Hi.\n---\n# Persona: Ann")
    too_much = TALK[: 25 * CHARACTERS_PER_SECOND]
    async with OpenAIHTTPServer(reply=lambda c, h: ToolCall("end_call", {"outcome": "tired"}, too_much)) as server:
        async with held("openai_pipeline", server, monkeypatch, "persona=ann", audio=False) as line:
            await line.call.begin_turn("goodbye")
            assert (await line.ended()).reason == "hung_up"
            assert len(await line.answer(2)) < len(too_much)
            assert [called.arguments for called in line.of(ToolCalled)] == [{"outcome": "tired"}]


async def test_a_realtime_model_that_never_stops_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is interrupted at the limit, at the end of a sentence, and answers the next turn."""
    replies = iter(["hello", TALK, "I am done."])
    async with OpenAIRealtimeServer(reply=lambda c, h: next(replies)) as server:
        async with held("openai_realtime", server, monkeypatch) as line:
            await line.call.begin_turn("hello")
            assert len(await line.answer(2)) < len(TALK)
            assert line.of(Said)[1].interrupted
            assert "its turn was ended" in line.of(Notice)[0].text
            await line.call.begin_turn("and now?")
            assert await line.answer(3) == "I am done."


async def test_a_realtime_model_that_is_cut_off_hangs_up_in_a_later_turn(
    monkeypatch: pytest.MonkeyPatch, use_personas: Callable[[str, str], Path]
) -> None:
    """What it would have called after the cut it never calls, as its answer is cancelled: the line of the cut says so.
    It may call it when it is answered again."""
    use_personas("ann", "# Persona: Ann")
    hang_up = {"outcome": "hung_up"}
    replies = iter(["hello", ToolCall("end_call", hang_up, TALK), ToolCall("end_call", hang_up, "Goodbye.")])
    async with OpenAIRealtimeServer(reply=lambda c, h: next(replies)) as server:
        async with held("openai_realtime", server, monkeypatch, "persona=ann") as line:
            await line.call.begin_turn("hello")
            await line.answer(2)
            assert "its turn was ended, and with it any call to hang up" in line.of(Notice)[0].text
            assert not line.of(ToolCalled)
            await line.call.begin_turn("and now?")
            assert (await line.ended()).reason == "hung_up"
            assert [called.arguments for called in line.of(ToolCalled)] == [hang_up]


async def test_half_a_character_poisons_no_later_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lone surrogate in a reply, or in what the trainee said, is mended before anything else gets it; a character
    that comes in two halves is one."""
    replies = iter(["Well \ud83d then, \ud83d\ude00", "Fine."])
    async with OpenAIHTTPServer(reply=lambda c, h: next(replies)) as server:
        async with held("openai_pipeline", server, monkeypatch, audio=False) as line:
            await line.call.begin_turn("hello \udead")
            assert await line.answer(2) == "Well \ufffd then, \U0001f600"
            await line.call.begin_turn("again")
            assert await line.answer(3) == "Fine."
            assert server.chats[1].history[-3:] == [
                ("user", "hello \ufffd"),
                ("assistant", "Well \ufffd then, \U0001f600"),
                ("user", "again"),
            ]
            for event in line.events:
                to_json(event).encode()


async def test_half_a_character_in_a_realtime_transcript(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a realtime model wrote down of either side is mended in the history too, which its next session is told."""
    async with GeminiServer(reply=lambda c, h: "Yes \ud83d.", hears=["no \udead"]) as server:
        async with held("gemini_realtime", server, monkeypatch) as line:
            line.microphone.say()
            await line.answer(2)
            for item in line.session.history.items:
                json.dumps(item.model_dump(mode="json"), ensure_ascii=False).encode()
