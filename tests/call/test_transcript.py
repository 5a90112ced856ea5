"""The lines of a call as the session reports them."""

from types import SimpleNamespace
from typing import Any

import pytest
from livekit.agents.llm import ChatMessage

from runtime.call.transcript import Transcript
from runtime.events import Event, Interim, Said
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

    def says(self, text: str) -> None:
        """Reports a line of the customer's."""
        item = ChatMessage(role="assistant", content=[text], interrupted=True)
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
