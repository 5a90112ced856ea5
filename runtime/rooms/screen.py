"""A call's lines on the trainee's screen: the data messages that the Axtra Console draws, or LiveKit's text streams."""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from livekit import rtc
from livekit.agents.tokenize.blingfire import SentenceTokenizer
from livekit.agents.types import ATTRIBUTE_TRANSCRIPTION_FINAL, TOPIC_TRANSCRIPTION

from ..events import FAILED, Ended, Event, Heard, Interim, Said, Scored
from ..spec.settings import Transcripts
from ..spec.writing_system import THAI

TOPIC = "transcript"
MESSAGE_CHARACTERS = 4_000
"""Characters of one message at most: LiveKit takes 15 KiB, and a Thai letter has three bytes."""
SENTENCES, SENTENCE_CHARACTERS = 10, 400
"""Sentences for what was missed that a scorecard has, and characters of each, at most."""
SEND_SECONDS = 3.0
"""Seconds that may be taken to send what is left at the end of a call."""
SHORTEST = 20
"""Characters of a sentence that is sent by itself; a shorter one is sent with the next."""
ARRIVE_SECONDS = 0.5
"""Seconds that the room is kept for what is told last to arrive: the score, or that the line went dead. LiveKit says
when a message is sent, not when it is there."""


class Screen:
    """Sends the call's lines, each once, in order. What it cannot send is dropped: it never touches the call.

    A line of the customer's is sent sentence by sentence, as they are spoken. Text streams are LiveKit's own work, but
    for `went_dead_line`, what the trainee reads when the call cannot go on, and `show_closed`.
    """

    def __init__(self, room: rtc.Room, transcripts: Transcripts = Transcripts.DATA) -> None:
        self.went_dead_line = ""
        self._room = room
        self._transcripts = transcripts
        self._sentences = Sentences()
        self._told_last = False
        self._dead = False
        self._lines: asyncio.Queue[tuple[bytes | str, list[str]] | None] = asyncio.Queue()
        """Each with the identities of those for whom it is; none stand for everybody."""

    def show(self, event: Event) -> None:
        """Takes one event of the call, and sends what is for the trainee. Nothing comes once the line went dead."""
        if self._dead:
            return
        match event:
            case Interim(speaker="customer", text=text, emotion=emotion, settled=True):
                if self._transcripts is Transcripts.DATA:
                    for sentence in self._sentences.spoken(text):
                        self._put(customer_line(sentence, emotion))
            case Said(text=text, emotion=emotion):
                if rest := self._sentences.rest(text):
                    self._put(customer_line(rest, emotion))
            case Heard(text=text):
                self._put(
                    _encoded({"type": "transcript", "speaker": "operator", "text": _cut(text, MESSAGE_CHARACTERS)})
                )
            case Scored():
                self._told_last = True
                self._put(_encoded(scorecard(event)))
            case Ended(reason=reason) if reason in FAILED:
                self.show_went_dead()

    def show_went_dead(self) -> None:
        """Tells the trainee, once, that the call cannot go on."""
        self._dead = True
        self._write(self.went_dead_line)
        self.went_dead_line = ""

    def show_closed(self, line: str, others: list[str]) -> None:
        """Tells these others in the room, who hear and read the call, that it is over."""
        self._write(line, others)

    def _write(self, line: str, whom: list[str] | None = None) -> None:
        """Puts a line that nobody speaks on the screen."""
        if line:
            self._told_last = True
            self._put(customer_line(line), whom)
            if self._transcripts is not Transcripts.DATA:
                self._lines.put_nowait((line, whom or []))

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Sends while it is open, and at the end what is left."""
        async with asyncio.TaskGroup() as tasks:
            sender = tasks.create_task(self._send())
            try:
                yield
            finally:
                self._lines.put_nowait(None)
                await asyncio.wait([sender], timeout=SEND_SECONDS)
                if sender.cancelled():  # LiveKit cancels all tasks of a job whose worker is gone
                    with suppress(TimeoutError):
                        async with asyncio.timeout(SEND_SECONDS):
                            await self._send()
                sender.cancel()
                if self._told_last:
                    await asyncio.sleep(ARRIVE_SECONDS)

    def _put(self, message: bytes, whom: list[str] | None = None) -> None:
        if self._transcripts is not Transcripts.STREAM:
            self._lines.put_nowait((message, whom or []))

    async def _send(self) -> None:
        while next_line := await self._lines.get():
            line, whom = next_line
            with suppress(Exception):  # a room that is gone, or full: the events have the line all the same
                ours = self._room.local_participant  # there is none before the room is joined
                if isinstance(line, bytes):
                    await ours.publish_data(line, reliable=True, destination_identities=whom, topic=TOPIC)
                else:
                    final = {ATTRIBUTE_TRANSCRIPTION_FINAL: "true"}
                    await ours.send_text(
                        line, topic=TOPIC_TRANSCRIPTION, attributes=final, destination_identities=whom or None
                    )


class Sentences:
    """Splits a customer's lines into sentences as they are spoken, and gives each once: with each word those that are
    complete, with the whole line (of one that is cut short, what was spoken of it) the rest."""

    def __init__(self) -> None:
        self._line = ""
        self._given: deque[str] = deque()
        """What has been given of each line that is not whole yet, without spaces; the latest line comes last."""
        self._at = 0

    def spoken(self, so_far: str) -> Iterator[str]:
        """The sentences that have ended since the last call: the ones after which the next one has begun."""
        if not self._given or not so_far.startswith(self._line):
            self._given.append("")
            self._at = 0
        self._line = so_far
        if not _ENDS.search(so_far, self._at + SHORTEST - 1):
            return
        *over, _ = split_sentences(so_far[self._at :]) or [""]
        for sentence in over:
            self._at = so_far.index(sentence, self._at) + len(sentence)
            self._given[-1] += _letters(sentence)
            yield sentence

    def rest(self, line: str) -> str:
        """What has not been given of a whole line."""
        whole = _letters(line)
        while self._given and not whole.startswith(self._given[0]):
            self._given.popleft()  # a line that never became whole
        given = len(self._given.popleft()) if self._given else 0
        if not self._given:
            self._line = ""
        for at, character in enumerate(line):
            if given == 0:
                return line[at:].strip()
            given -= not character.isspace()
        return ""


def _letters(text: str) -> str:
    return "".join(text.split())


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, none of them very short. A space ends one in Thai, which has no full stop."""
    return [part.strip() for sentence in _TOKENIZER.tokenize(text) for part in _THAI.findall(sentence)]


_TOKENIZER = SentenceTokenizer(min_sentence_len=SHORTEST)
_ENDS = re.compile(rf"(?:[^\w\s,'’{THAI}-]|\n|[{THAI}](?=\s))\s*\S")
"""Where a sentence may have ended and the next begun. A line without one is not given to the tokenizer, which is half
of what a word costs."""
_THAI = re.compile(rf".{{{SHORTEST},}}?[{THAI}](?=\s+[{THAI}])|.+", re.DOTALL)


def customer_line(text: str, emotion: str = "neutral") -> bytes:
    """A line of the customer's as the Axtra Console reads it."""
    text = _cut(text, MESSAGE_CHARACTERS)
    return _encoded({"type": "transcript", "speaker": "customer", "text": text, "emotion": emotion})


def scorecard(event: Scored) -> dict[str, Any]:
    """The score as the trainee's screen gets it."""
    return {
        "type": "scorecard",
        "score": event.score,
        "passMark": event.pass_mark,
        "passed": event.passed,
        "missed": [_cut(sentence, SENTENCE_CHARACTERS) for sentence in event.missed[:SENTENCES]],
    }


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"


def _encoded(message: dict[str, Any]) -> bytes:
    return _encode(message).encode(errors="replace")


_encode = json.JSONEncoder(ensure_ascii=False).encode
