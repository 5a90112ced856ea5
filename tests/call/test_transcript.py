"""The lines of a call as the session reports them."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from livekit.agents.llm import ChatMessage

from runtime.call.transcript import HOLD_SECONDS, Transcript
from runtime.events import Event, Heard, Interim, Said
from tests.composed import compose
from tests.rooms.test_screen import shown

OPENING = "Do not you dare transfer me. I have been billed twice for one month. What are you going to"


class Session:
    """A session in which the test says what happens."""

    agent_state = "speaking"
    current_speech = None

    def __init__(self) -> None:
        self.handlers: dict[str, Any] = {}
        self.on = self.handlers.__setitem__
        self.output: Any = SimpleNamespace(transcription=None)
        self.input = SimpleNamespace(audio=None)

    def says(self, text: str, role: Literal["assistant", "user"] = "assistant") -> None:
        """Reports a line of the customer's, or of the trainee's."""
        item = ChatMessage(role=role, content=[text], interrupted=role == "assistant")
        self.handlers["conversation_item_added"](SimpleNamespace(item=item))


@pytest.mark.parametrize("late", [" do", " do about", ""])
async def test_a_line_that_is_cut_is_not_begun_again_by_a_word_that_comes_after_it(
    late: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LiveKit reports a line that is cut before the last word of it has come: each sentence is sent once, in order."""
    monkeypatch.setattr("runtime.call.transcript.INTERIM_SECONDS", 0)
    told: list[Event] = []
    session = Session()
    arc: Any = SimpleNamespace(
        state=SimpleNamespace(emotion=SimpleNamespace(value="angry"), mood=30, phase=None), replied=None
    )
    nothing: Any = SimpleNamespace()
    Transcript(session, compose([]), told.append, nothing, arc, nothing, nothing)  # type: ignore[arg-type]
    words = session.output.transcription
    for word in OPENING.split():
        await words.capture_text(f"{word} ")
    session.says(OPENING)
    await words.capture_text(late)
    assert isinstance(told[-1], Said)
    assert await shown(*told) == [
        "Do not you dare transfer me.",
        "I have been billed twice for one month.",
        "What are you going to",
    ]
    words.flush()
    await words.capture_text(OPENING[:6])
    assert isinstance(told[-1], Interim), "the next line may be the same"


async def test_an_answer_waits_until_the_words_that_it_answers_are_understood(skip: Callable[[float], None]) -> None:
    """However long that takes: a realtime model answers what is still being understood."""
    told: list[Event] = []
    session = Session()
    understood = asyncio.Event()
    understanding = asyncio.ensure_future(understood.wait())
    state = SimpleNamespace(emotion=SimpleNamespace(value="angry"), mood=30, phase=None)
    arc: Any = SimpleNamespace(state=state, replied=None, heard=lambda *_: (), carry_out=lambda _: None)
    hearing: Any = SimpleNamespace(begin=lambda _: understanding)
    quiet: Any = SimpleNamespace(heard=lambda *_: None)
    Transcript(session, compose([]), told.append, quiet, arc, quiet, hearing)  # type: ignore[arg-type]
    session.says("I am sorry.", "user")
    session.says("And my money?")
    for _ in range(3):
        skip(HOLD_SECONDS + 1)
        for _ in range(3):
            await asyncio.sleep(0)
    assert told == []
    understood.set()
    await understanding
    await asyncio.sleep(0)
    assert [event.text for event in told if isinstance(event, Heard | Said)] == ["I am sorry.", "And my money?"]
