"""What reaches the trainee's screen, without a room."""

import asyncio
import json
from typing import Any

import pytest

from runtime.events import Ended, Event, Heard, Interim, Said, Scored
from runtime.rooms.screen import ARRIVE_SECONDS, MESSAGE_CHARACTERS, Screen, split_sentences
from runtime.spec.settings import Transcripts

OPENING = "Finally! I have been billed twice. Again! This is the second time in three months. What will you do?"


class Room:
    """A room that keeps what is published in it."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.streams: list[str] = []
        self.read_by: list[list[str] | None] = []
        self.local_participant = self

    async def publish_data(self, line: bytes, *, destination_identities: list[str], **_: object) -> None:
        self.lines.append(json.loads(line))
        self.read_by.append(destination_identities)

    async def send_text(self, text: str, *, destination_identities: list[str] | None, **_: object) -> None:
        self.streams.append(text)
        self.read_by.append(destination_identities)


def words(line: str, *, settled: bool = True) -> list[Event]:
    """A line as it is spoken, word by word."""
    ends = [at for at, character in enumerate(f"{line} ") if character == " "]
    return [Interim(speaker="customer", text=line[:end], emotion="angry", settled=settled) for end in ends]


def said(line: str, *, interrupted: bool = False) -> Said:
    return Said(text=line, revision="r", emotion="angry", interrupted=interrupted)


async def shown(*events: Event, transcripts: Transcripts = Transcripts.DATA) -> list[str]:
    """The texts that these events bring to the screen, in order."""
    room = Room()
    screen = Screen(room, transcripts)  # type: ignore[arg-type]
    screen.went_dead_line = "(dead)"
    async with screen.sending():
        for event in events:
            screen.show(event)
    return [line["text"] for line in room.lines]


async def test_sentences_come_as_they_are_spoken_each_once() -> None:
    """The whole line brings only what is left of it."""
    before = await shown(*words(OPENING))
    assert before == split_sentences(OPENING)[:-1]
    assert await shown(*words(OPENING), said(OPENING)) == split_sentences(OPENING)
    assert " ".join(split_sentences(OPENING)) == OPENING


async def test_an_interruption_shows_nothing_that_was_never_said() -> None:
    """The rest of a line that is cut short ends where she was cut."""
    spoken = OPENING[:60]
    assert spoken.endswith("second")
    lines = await shown(*words(spoken), said(spoken, interrupted=True))
    assert " ".join(lines) == spoken


async def test_a_line_without_words_on_the_way_comes_whole() -> None:
    """So does one whose words differ from the line in the end; a line that never became whole is forgotten."""
    assert await shown(said("I see. Go on then, please.")) == ["I see. Go on then, please."]
    lines = await shown(*words("This will never be reported. Not at all."), said("Who are you? I asked first."))
    assert lines == ["This will never be reported.", "Who are you? I asked first."]


async def test_the_same_line_twice_is_shown_twice() -> None:
    """Each of them sentence by sentence."""
    assert await shown(*words(OPENING), said(OPENING), *words(OPENING), said(OPENING)) == 2 * split_sentences(OPENING)


async def test_a_line_reported_after_the_next_one_has_begun_is_whole() -> None:
    """As one is that was cut short."""
    first, second = "I have waited long enough. And I", "You keep talking over me now. Stop it, will you?"
    lines = await shown(*words(first), *words(second), said(first, interrupted=True), said(second))
    assert sorted(lines) == sorted(split_sentences(first) + split_sentences(second))


async def test_an_answer_waits_for_the_turn_that_it_answers() -> None:
    """Where the transcript of a turn comes after the answer to it, the answer is shown after it, whole."""
    heard = Heard(text="hello", revision="r", emotion="angry")
    assert await shown(*words(OPENING, settled=False), heard, said(OPENING)) == ["hello", OPENING]


async def test_streams_are_not_doubled_by_sentences() -> None:
    """LiveKit's own streams bring the words; transcripts=both adds whole lines, transcripts=stream none."""
    assert await shown(*words(OPENING), said(OPENING), transcripts=Transcripts.BOTH) == [OPENING]
    assert await shown(*words(OPENING), said(OPENING), transcripts=Transcripts.STREAM) == []


async def test_the_line_goes_dead_once() -> None:
    """However often that is said."""
    assert await shown(Ended(reason="lost"), Ended(reason="error")) == ["(dead)"]


@pytest.mark.parametrize(("transcripts", "read"), [("data", ["(closed)"]), ("stream", []), ("both", ["(closed)"])])
async def test_that_the_call_is_over_is_told_to_the_others_alone(transcripts: str, read: list[str]) -> None:
    """The trainee reads the score. A line that everybody may read names nobody."""
    room = Room()
    screen = Screen(room, Transcripts(transcripts))  # type: ignore[arg-type]
    async with screen.sending():
        screen.show(Ended(reason="resolved", satisfied=True))
        screen.show_closed("(closed)", ["lead"])
    assert [line["text"] for line in room.lines] == read
    assert room.streams == ([] if transcripts == "data" else ["(closed)"])
    assert room.read_by and all(whom == ["lead"] for whom in room.read_by)
    screen = Screen(room, Transcripts.BOTH)  # type: ignore[arg-type]
    screen.went_dead_line = "(dead)"
    room.read_by.clear()
    async with screen.sending():
        screen.show_went_dead()
    assert room.read_by == [[], None]


async def test_what_is_told_last_has_time_to_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who leaves at once takes the line along that says why."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    await shown(said("Hello."))
    assert waited == []
    await shown(Ended(reason="error"))
    assert waited == [ARRIVE_SECONDS]


async def test_nothing_is_said_on_a_line_that_went_dead() -> None:
    """Not even what she was saying then, which is told once she is cut."""
    events = (*words(OPENING), Ended(reason="lost"), said(OPENING, interrupted=True))
    assert await shown(*events) == [*split_sentences(OPENING)[:-1], "(dead)"]


async def test_the_score_is_a_message_that_livekit_takes() -> None:
    """However much was missed; with the score's own words."""
    missed = ("you never gave a date", *("ก" * 2_000 for _ in range(40)))
    room = Room()
    screen = Screen(room)  # type: ignore[arg-type]
    async with screen.sending():
        screen.show(Scored(score=20, pass_mark=70, passed=False, missed=missed, folder="x"))
    (card,) = room.lines
    assert len(json.dumps(card, ensure_ascii=False).encode()) < 15 * 1024
    assert card.pop("missed")[0] == "you never gave a date"
    assert card == {"type": "scorecard", "score": 20, "passMark": 70, "passed": False}


async def test_what_one_message_cannot_hold_is_cut() -> None:
    """LiveKit would send nothing of it."""
    (line,) = await shown(said("ก" * 20_000))
    assert len(line) == MESSAGE_CHARACTERS and line.endswith("…")


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", []),
        ("Mr. Smith paid $1.50. He has a receipt.", ["Mr. Smith paid $1.50.", "He has a receipt."]),
        ("ฉันโทรมายี่สิบสามครั้งแล้ว คุณจะทำอย่างไรกับเรื่องนี้", ["ฉันโทรมายี่สิบสามครั้งแล้ว", "คุณจะทำอย่างไรกับเรื่องนี้"]),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    """In English by punctuation; in Thai, which has none, by spaces."""
    assert split_sentences(text) == sentences


async def test_a_sender_that_was_cancelled_does_not_hold_up_the_end() -> None:
    """LiveKit cancels all tasks of a job whose worker is gone, also the one that sends."""
    room = Room()
    screen = Screen(room)  # type: ignore[arg-type]
    with pytest.raises(asyncio.CancelledError):
        async with screen.sending():
            screen.show(said("Goodbye."))
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            asyncio.current_task().cancel()  # type: ignore[union-attr]
            await asyncio.sleep(0)
    assert [line["text"] for line in room.lines] == ["Goodbye."]
