"""Speech-to-text by pocketsphinx, in this process: English, and the phrases it was told to listen for.

The wheel on PyPI, in the "voice" extra, carries an English model and no other.
"""

from __future__ import annotations

import asyncio
import difflib
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents import APIConnectOptions, stt, utils
from livekit.agents.language import LanguageCode
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr

from ..errors import extra_command

logger = logging.getLogger(__name__)

_RATE = 16_000
_STEP = _RATE // 50 * 2  # bytes in 20 ms: the decoder holds the GIL, for 0.6 ms a step at most
_NEAR = 0.85  # how alike, by difflib, a phrase and what was heard of it must be

# Measured with 17 phrases in 7 of espeak's voices (119 utterances, and 56 of two phrases) and 70 utterances of
# other sentences. Beams wider than the default: 116 heard to the word instead of 111, 7 or 8 of the others taken
# for a phrase instead of 6. A search for the best path would take none of them, but hears 111 and 40 pairs, not
# 116 and 52, costs three times as much, blocks for up to 107 ms at the end, and hung on a loop over the words.
_SEARCH = {"beam": 1e-56, "pbeam": 1e-56, "wbeam": 1e-34, "bestpath": False, "loglevel": "FATAL"}
_GRAMMAR = "#JSGF V1.0; grammar g; public <said> = <phrase> | <phrase> <said>; <phrase> = %s;"


class _Ear:
    """A decoder and the phrases that it listens for. It hears one utterance at a time."""

    def __init__(self) -> None:
        sphinx = _pocketsphinx()
        model = sphinx.get_model_path("en-us")
        dictionary = f"{model}/cmudict-en-us.dict"
        self._decoder: Any = sphinx.Decoder(hmm=f"{model}/en-us", dict=dictionary, lm=None, **_SEARCH)
        self._decoder.add_jsgf_string("level", _GRAMMAR % "a")
        self._level: str = self._decoder.get_cmn()
        self._known: dict[str, str] = {}  # as the grammar has it -> as it was given
        self.phrases: tuple[str, ...] = ()

    def listen_for(self, phrases: tuple[str, ...]) -> None:
        """Listen for these phrases instead, but for those that have a word without a known pronunciation."""
        known: dict[str, str] = {}
        for phrase in phrases:
            words = re.findall(r"\w+(?:'\w+)*", phrase.lower().replace("’", "'"))
            missing = [word for word in words if self._decoder.lookup_word(word) is None]
            if missing:
                logger.debug("not listening for %r: no pronunciation of %s", phrase, ", ".join(missing))
            elif words:
                known.setdefault(" ".join(words), phrase)
        if known:
            self._decoder.add_jsgf_string("phrases", _GRAMMAR % " | ".join(known))
        self._known, self.phrases = known, phrases

    async def hear(self, audio: bytes) -> tuple[str, float]:
        """The phrases in the audio (16 bit, 16 kHz, mono) and how alike they are to it, 0 to 1."""
        if not self._known:
            return "", 0.0
        # The decoder evens out voice and line by a running mean that starts a long way off: two passes over
        # one word, an eighth of the cost each, bring it near. The start keeps out what was heard before.
        self._decoder.set_cmn(self._level)
        await self._decode(audio, "level")
        await self._decode(audio, "level")
        heard = await self._decode(audio, "phrases")

        known = "|".join(re.escape(phrase) for phrase in sorted(self._known, key=len, reverse=True))
        whole = re.compile(rf"(?<!\S)(?:{known})(?!\S)")
        if heard and not whole.sub("", heard).strip():
            return " ".join(self._known[phrase] for phrase in whole.findall(heard)), 1.0
        for near in difflib.get_close_matches(heard, self._known, n=1, cutoff=_NEAR):
            return self._known[near], difflib.SequenceMatcher(None, heard, near).ratio()
        return "", 0.0

    async def _decode(self, audio: bytes, search: str) -> str:
        """What the grammar makes of the audio; what it had begun to, where it does not get to an end."""
        self._decoder.activate_search(search)
        self._decoder.start_utt()
        try:
            for start in range(0, len(audio), _STEP):
                self._decoder.process_raw(audio[start : start + _STEP])
                await asyncio.sleep(0)
            begun = self._decoder.hyp()
        finally:
            self._decoder.end_utt()
        heard = self._decoder.hyp() or begun
        return heard.hypstr if heard else ""


_idle: list[_Ear] = []
"""The ears of this process that hear nobody at the moment, whichever call used them last. One takes 24 MB and 0.1 s to
make, which a call that is silent need not pay, and which calls on other threads need not pay again."""


@contextmanager
def _ear(phrases: tuple[str, ...]) -> Iterator[_Ear]:
    """An ear for one utterance."""
    try:
        ear = _idle.pop()
    except IndexError:  # not a check before: another thread may take the last one between the two
        ear = _Ear()
    try:
        if ear.phrases != phrases:
            ear.listen_for(phrases)
        yield ear
    finally:
        _idle.append(ear)


def _pocketsphinx() -> Any:
    try:
        return import_module("pocketsphinx")
    except ImportError as error:
        raise ImportError(f'offline speech needs the "voice" extra: {extra_command("voice")}') from error


class STT(stt.STT[str]):
    """Hears known English phrases, one or several in a breath, and is mostly deaf to all else.

    Not streaming: an AgentSession that has a VAD hands over one utterance at a time.

    Args:
        phrases: what may be said; a transcript repeats them as they are written here. One that has a word
            the dictionary lacks (a name, a number in digits) is not listened for.
        language: a BCP 47 tag of English.

    Raises ValueError, one line, for another language; ImportError without the "voice" extra.
    """

    LANGUAGES = ("en",)
    NEEDS = ("pocketsphinx", "voice")
    """A package, and the extra that brings it."""
    """Base subtags; `build` refuses a call in any other before it begins."""

    def __init__(self, *, phrases: Sequence[str], language: str = "en") -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))
        self._language = LanguageCode(language)
        if self._language.language not in self.LANGUAGES:
            raise ValueError(f"offline STT hears English alone, as pocketsphinx does, not {language!r}")
        _pocketsphinx()
        self.update_options(phrases=phrases)

    @property
    def model(self) -> str:
        return "pocketsphinx"

    @property
    def provider(self) -> str:
        return "offline"

    def update_options(self, *, phrases: Sequence[str]) -> None:
        """Listen for these phrases instead, from the next utterance on."""
        self._phrases = tuple(phrases)

    async def _recognize_impl(
        self,
        buffer: utils.AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.SpeechEvent:
        with _ear(self._phrases) as ear:
            text, confidence = await ear.hear(_convert(buffer))
        data = stt.SpeechData(self._language, text, confidence=confidence)
        return stt.SpeechEvent(
            type=stt.SpeechEventType.FINAL_TRANSCRIPT,
            request_id=utils.shortuuid(),
            alternatives=[data] if text else [],  # for LiveKit's StreamAdapter: nothing was said
        )


def _convert(buffer: utils.AudioBuffer) -> bytes:
    """The frames as one run of 16 bit samples, 16 kHz, mono."""
    frame = utils.merge_frames(buffer)
    channels = np.frombuffer(frame.data, np.int16).reshape(-1, frame.num_channels)
    audio: bytes = channels.mean(axis=1).astype(np.int16).tobytes()
    if frame.sample_rate == _RATE:
        return audio
    resampler = rtc.AudioResampler(frame.sample_rate, _RATE)
    frames = [*resampler.push(bytearray(audio)), *resampler.flush()]
    return b"".join(frame.data.tobytes() for frame in frames)
