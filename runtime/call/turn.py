"""What a model says in one turn: ended at a sentence when it goes on for too long or repeats itself, and mended where
it holds halves of characters."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable

from livekit.agents.llm import ChatItem, FunctionCall

from ..events import Emit, Notice

CHARACTERS_PER_SECOND = 15
"""Of speech: 150 words a minute, of six characters with their space; Thai is as fast, counted in its characters."""
REPEATED = range(12, 120)
"""Lengths, in characters, of a text that counts as a loop of the model when it comes three times without a break.
People repeat what is shorter ("No. No. No.")."""

TYPED_LIMIT = 4_000
"""Characters of a typed turn: some five minutes of speech."""


class TurnLimit:
    """Lets so many `seconds` of speech through, up to the end of a sentence; 0 is no limit.

    Without one for a quarter of that time more it ends between words (in Thai, between phrases), and for half of it
    anywhere. `over` says that the turn has come to its end, and `why`.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._characters = 0
        self._latest = ""
        self.why = ""

    @property
    def over(self) -> bool:
        """Nothing more of this turn is to be said."""
        return bool(self.why)

    @property
    def told(self) -> str:
        """What the training lead reads of a turn that was ended."""
        return f"the model {self.why}: its turn was ended"

    def take(self, text: str) -> str:
        """As much of the text as still belongs to the turn."""
        if self.over:
            return ""
        for index, character in enumerate(text):
            if self._ends_before(character):
                self.why = f"went on for more than {self._seconds:g} s (turn_seconds)"
            elif character.isspace() and self._repeats():
                self.why = "repeated itself"
            if self.over:
                return text[:index]
            self._characters += 1
            self._latest = (self._latest + character)[-3 * REPEATED.stop :]
        return text

    def _ends_before(self, character: str) -> bool:
        spoken = self._characters / CHARACTERS_PER_SECOND
        if not self._seconds or spoken < self._seconds:
            return False
        between = character.isspace()
        sentence = between and re.search(r"[.!?…。！？][\"'”’)]*$", self._latest[-4:]) is not None
        return sentence or (between and spoken > 1.25 * self._seconds) or spoken > 1.5 * self._seconds

    def _repeats(self) -> bool:
        said, shortest = self._latest, REPEATED.start
        # Looked at after each word: what ends in a repeated text has its last characters before, and most has not.
        return said[-shortest:] in said[:-shortest] and any(
            said.endswith(said[-length:] * 3) for length in REPEATED if 3 * length <= len(said)
        )


class SurrogateJoiner:
    """Mends text that comes in pieces: two halves of a character (surrogates) become the character, one alone the
    replacement character. A server refuses a lone half, and every later request would hold it."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-16-le")("replace").decode

    def take(self, text: str) -> str:
        """The next piece, as far as it is whole."""
        return self._decode(text.encode("utf-16-le", "surrogatepass"))


def without_surrogates(text: str) -> str:
    """The text without halves of characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def accept_typed(text: str, emit: Emit) -> str:
    """A typed turn as it is taken: whole characters, of a length that could have been spoken; what is cut is told."""
    if len(text) > TYPED_LIMIT:
        emit(Notice(text=f"a typed turn of {len(text):,} characters is cut after {TYPED_LIMIT:,}"))
    return without_surrogates(text[:TYPED_LIMIT])


def mend(history: Iterable[ChatItem]) -> None:
    """Mends what was said before, wherever it came from: a transcript, a tool call, a file."""
    for item in history:
        if item.type == "message":
            content = [without_surrogates(part) if isinstance(part, str) else part for part in item.content]
            if content != item.content:
                item.content = content
        elif isinstance(item, FunctionCall):
            item.arguments = without_surrogates(item.arguments)
