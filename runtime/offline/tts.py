"""Text-to-speech without a key or a network: English in a human voice by hibari, all else by espeak-ng.

Both come with the "voice" extra: PyPI's `hibari-tts`, which holds one American woman's voice, and `espeakng-loader`,
which holds espeak-ng and over a hundred languages.
"""

from __future__ import annotations

import asyncio
import ctypes
import difflib
import functools
import logging
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from livekit import rtc
from livekit.agents import APIConnectOptions, APIError, tts, utils
from livekit.agents.language import LanguageCode
from livekit.agents.tokenize import BufferedSentenceStream, SentenceStream, SentenceTokenizer, blingfire
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS as _CONNECT

from ..errors import extra_command
from . import inference
from .normalization import normalized

logger = logging.getLogger(__name__)

RATE = 24_000
"""Samples a second of all that is said: hibari's own, and what LiveKit sends to a room."""

# From espeak-ng's speak_lib.h, 1.52. Only synchronous output hands over its audio on the calling thread. The
# pause at the end keeps sentences apart; without it dots alone make no audio, for LiveKit a failure.
_SYNCHRONOUS_OUTPUT, _DONT_EXIT, _SPEED, _PITCH, _UTF8_END_PAUSE = 2, 0x8000, 1, 3, 0x1001
_CHUNK_MS = 100
_LEAD = 0.05
"""Seconds of silence that are left before an utterance of hibari, which begins with 0.2 to 0.3."""
_AUDIBLE = 0.005  # of full scale
_USUAL_SPEED = 175  # words a minute of either voice, about
_OWN_PITCH = 50

_LOCK = threading.Lock()  # the library's state is global: every call into it holds this
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)

# What people call a language -> what espeak-ng calls it; its own "en" is British.
_NAMES = {"en": "en-us", "en-gb": "en", "zh": "cmn", "no": "nb"}

# Thai has no full stop: a space ends a clause, and a run without one may be cut before a leading vowel, where
# a syllable begins. Text without Thai is one clause, whatever its length.
_CLAUSE = re.compile(
    r".{20,59}?\s+(?=[ก-ฮเ-ไ]) | .{60,}?(?:\s+(?=[ก-ฮเ-ไ]) | (?=[เ-ไ])) | .+\Z", re.DOTALL | re.VERBOSE
)


@dataclass(frozen=True)
class _Voice:
    voice: str  # an espeak-ng variant, or one of hibari's voices and such a variant: heart+f3
    language: str  # a BCP 47 tag
    speed: int  # words a minute
    pitch: int

    @property
    def human(self) -> str:
        """The name of hibari's voice; "" where espeak-ng is asked for."""
        return self.voice.rpartition("+")[0]

    @property
    def variant(self) -> str:
        """The name of espeak-ng's."""
        return self.voice.rpartition("+")[2]

    @property
    def base(self) -> str:
        """The language without its region."""
        return LanguageCode(self.language).language


class _Engine:
    """The espeak-ng library, one a process. Make it only while holding `_LOCK`."""

    def __init__(self) -> None:
        try:
            loader = import_module("espeakng_loader")
        except ImportError as error:
            raise ImportError(f'offline speech needs the "voice" extra: {extra_command("voice")}') from error
        data = Path(loader.get_data_path())
        self.variants = sorted(file.name for file in (data / "voices/!v").iterdir())
        files = sorted(file.name for file in (data / "lang").rglob("*") if file.is_file())
        self.languages = {name.lower(): name for name in files}
        self._store = ctypes.CDLL(loader.get_library_path())
        initialize = self._store.espeak_Initialize
        self.sample_rate: int = initialize(_SYNCHRONOUS_OUTPUT, _CHUNK_MS, bytes(data), _DONT_EXIT)
        if self.sample_rate <= 0:
            raise RuntimeError(f"espeak-ng does not start with its data in {data}")
        self._emit: Callable[[bytes], bool] = bool
        self._callback = _Callback(self._receive)  # kept: the library holds no reference
        self._store.espeak_SetSynthCallback(self._callback)

    def name(self, voice: _Voice) -> str:
        """What espeak-ng calls it: its name for the tag, or else for the base subtag, and the variant.

        Raises ValueError, one line, when espeak-ng has no such voice.
        """
        if voice.variant not in self.variants:
            raise _unknown("voice", voice.variant, self.variants)
        code = LanguageCode(voice.language)
        for tag in (code.lower(), code.language):
            if language := self.languages.get(_NAMES.get(tag, tag)):
                return f"{language}+{voice.variant}"
        raise _unknown("language", voice.language, [*self.languages])

    def speak(self, text: str, voice: _Voice, emit: Callable[[bytes], bool]) -> None:
        """Hand the text's audio (16 bit, mono, 24 kHz) to `emit` chunk by chunk until it answers False. Blocks.

        Raises APIError when the library refuses.
        """
        if voice.base == "en" and find_spec("hibari"):  # espeak-ng reads 3/15/2024 as a fraction
            text = import_module("hibari.g2p.normalize").normalize(text) or text
        resampler = rtc.AudioResampler(self.sample_rate, RATE)

        def resampled(audio: bytes) -> bool:
            return emit(b"".join(bytes(frame.data) for frame in resampler.push(bytearray(audio))))

        with _LOCK:
            if emit(b""):
                self._speak(text, voice, resampled)
        emit(b"".join(bytes(frame.data) for frame in resampler.flush()))

    def _speak(self, text: str, voice: _Voice, emit: Callable[[bytes], bool]) -> None:
        self._emit = emit
        name = self.name(voice)
        espeak, data = self._store, text.replace("\0", " ").encode(errors="replace")
        if (
            espeak.espeak_SetVoiceByName(name.encode())
            or espeak.espeak_SetParameter(_SPEED, voice.speed, 0)
            or espeak.espeak_SetParameter(_PITCH, voice.pitch, 0)
            or espeak.espeak_Synth(data, ctypes.c_size_t(len(data) + 1), 0, 1, 0, _UTF8_END_PAUSE, None, None)
        ):
            raise APIError(f"espeak-ng could not speak {text!r} as {name}", retryable=False)

    def _receive(self, samples: int | None, count: int, _events: int | None) -> int:
        """The library's callback: 0 goes on, 1 stops."""
        return int(bool(samples and count) and not self._emit(ctypes.string_at(samples or 0, count * 2)))


_load = functools.cache(_Engine)
_LATIN = re.compile(r"[A-Za-z0-9]")
_OTHER = re.compile(r"[^\W\d_a-zA-Z\u00c0-\u024f]")  # a letter that hibari spells at random


class Hibari:
    """hibari's voices, each loaded once."""

    INFERENCE_METHOD: ClassVar[str] = "voice_persona_hibari"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._load = functools.cache(_load_hibari)

    def initialize(self) -> None:
        """Begins to load the voice that the package holds: that takes a second."""
        if find_spec("hibari"):
            threading.Thread(target=self._speaker, args=("heart",), daemon=True).start()

    def _speaker(self, voice: str) -> Any:
        with self._lock:
            return self._load(voice)

    def run(self, data: bytes) -> bytes:
        """Text → audio (16 bit, mono, 24 kHz), in 15 ms a second of speech."""
        options, text = inference.unpack(data)
        higher = 1 + (options["pitch"] - _OWN_PITCH) / 100
        audio = self._speaker(options["voice"])(text.decode(), speed=options["speed"] / higher, seed=0)
        if higher != 1:  # played slower, all that is in a voice is lower, as of somebody who is larger
            audio = np.interp(np.arange(0, len(audio), higher), np.arange(len(audio)), audio)
        (audible,) = np.nonzero(np.abs(audio) > _AUDIBLE)
        if len(audible):  # of a mark alone nothing is said
            audio = audio[max(0, int(audible[0]) - int(_LEAD * RATE)) :]
        samples: bytes = (audio.clip(-1, 1) * 32767).astype(np.int16).tobytes()
        return samples


class HibariOnDemand(Hibari):
    """The same, loaded when somebody first speaks with one: most workers with another voice never need these 250 MB."""

    def initialize(self) -> None:
        """Nothing is loaded yet."""


def _load_hibari(voice: str) -> Any:
    path = import_module("hibari.voices").voice_path(voice, download_missing=False)
    speaker = import_module("hibari").Hibari(voice, model=path)
    speaker("Hello.")  # its tables of words are read with the first
    return speaker


def _why_not_human(voice: _Voice) -> str:
    """Why espeak-ng speaks in the place of the voice that was asked for; "" when it does not."""
    if not voice.human or voice.base != "en":
        return ""
    if find_spec("hibari") is None:
        return f"the voice {voice.human} needs hibari-tts: {extra_command('voice')}"
    voices = import_module("hibari.voices")
    if voice.human not in voices.VOICES:
        raise _unknown("voice", voice.human, list(voices.VOICES))
    try:
        voices.voice_path(voice.human, download_missing=False)
    except FileNotFoundError:
        return f"the voice {voice.human} is not on this machine; hibari --voice {voice.human} Hello fetches it"
    return ""


def _unknown(kind: str, value: str, choices: list[str]) -> ValueError:
    near = difflib.get_close_matches(value.lower(), choices, n=3, cutoff=0.5)
    hint = f"nearest: {', '.join(near)}" if near else f"choose one of {', '.join(choices)}"
    return ValueError(f"offline TTS has no {kind} {value!r}; {hint}")


class _ClauseTokenizer(SentenceTokenizer):
    """LiveKit's sentences, and in them Thai clauses: its tokenizer takes a Thai reply for one sentence."""

    def __init__(self) -> None:
        self._sentences = blingfire.SentenceTokenizer(retain_format=True)

    def tokenize(self, text: str, *, language: str | None = None) -> list[str]:
        return [clause for sentence in self._sentences.tokenize(text) for clause in _CLAUSE.findall(sentence)]

    def stream(self, *, language: str | None = None) -> SentenceStream:
        return BufferedSentenceStream(tokenizer=self._locate, min_token_len=1, min_ctx_len=10)

    def _locate(self, text: str) -> list[tuple[str, int, int]]:
        """Each clause with where it starts and ends: nothing is lost between two."""
        clauses = self.tokenize(text)
        ends = accumulate(map(len, clauses))
        return [(clause, end - len(clause), end) for clause, end in zip(clauses, ends, strict=True)]


class TTS(tts.TTS[str]):
    """A voice as a LiveKit TTS, streaming clause by clause.

    Args:
        voice: one of hibari's voices for English and an espeak-ng variant (f1 to f5, m1 to m8 and others) for all
            else, as in heart+f3; or a variant alone, for English too.
        language: a BCP 47 tag; a region without a voice of its own is spoken as its base language.
        speed: words a minute; espeak-ng takes it to within 80 and 450.
        pitch: 0 to 99; 50 is the voice's own.

    Raises ValueError, one line, for a voice or language that there is not; ImportError without the "voice" extra.
    """

    NEEDS = ("espeakng_loader", "voice")
    """A package, and the extra that brings it."""

    def __init__(
        self, *, voice: str = "f3", language: str = "en", speed: int = _USUAL_SPEED, pitch: int = _OWN_PITCH
    ) -> None:
        with _LOCK:
            self._engine = _load()
        self._use(_Voice(voice, language, speed, pitch))
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=True, aligned_transcript=True), sample_rate=RATE, num_channels=1
        )
        self._clauses = tts.StreamAdapter(tts=self, sentence_tokenizer=_ClauseTokenizer())

    def _use(self, voice: _Voice) -> None:
        self._engine.name(voice)
        self.notice = _why_not_human(voice)
        """What the trainee's side should know before the call, in one line; "" where there is nothing."""
        if self.notice:
            self.notice += "; espeak-ng speaks in its place"
        self.voice = voice

    @property
    def human(self) -> bool:
        """Whether hibari speaks, and not espeak-ng."""
        return bool(self.voice.human) and self.voice.base == "en" and not self.notice

    @property
    def model(self) -> str:
        return f"hibari {self.voice.human}" if self.human else "espeak-ng"

    @property
    def provider(self) -> str:
        return "offline"

    def update_options(
        self,
        *,
        voice: str | None = None,
        language: str | None = None,
        speed: int | None = None,
        pitch: int | None = None,
    ) -> None:
        """Change what is given, from the next utterance on. Raises ValueError as the constructor does."""
        given = {"voice": voice, "language": language, "speed": speed, "pitch": pitch}
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        self._use(replace(self.voice, **changes))

    def prewarm(self) -> None:
        """Has the voice loaded by the time that it speaks."""
        if self.human:
            inference.infer_ahead(
                Hibari, inference.pack({"voice": self.voice.human, "speed": 1.0, "pitch": _OWN_PITCH})
            )

    def synthesize(self, text: str, *, conn_options: APIConnectOptions = _CONNECT) -> tts.ChunkedStream:
        return _Utterance(self, text, conn_options)

    def stream(self, *, conn_options: APIConnectOptions = _CONNECT) -> tts.SynthesizeStream:
        return self._clauses.stream(conn_options=conn_options)


class _Utterance(tts.ChunkedStream):
    def __init__(self, speaker: TTS, text: str, conn_options: APIConnectOptions) -> None:
        super().__init__(tts=speaker, input_text=text, conn_options=conn_options)
        self._engine, self._voice, self._human = speaker._engine, speaker.voice, speaker.human

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        loop, stopped = asyncio.get_running_loop(), threading.Event()
        output_emitter.initialize(
            request_id=utils.shortuuid(), sample_rate=RATE, num_channels=1, mime_type=f"audio/pcm;rate={RATE}"
        )

        text = normalized(self.input_text, self._voice.base)
        if self._human and _LATIN.search(text) and not _OTHER.search(text) and (audio := await self._ask_hibari(text)):
            output_emitter.push(audio)
            output_emitter.flush()
            return

        def emit(audio: bytes) -> bool:
            if audio and not stopped.is_set():
                loop.call_soon_threadsafe(output_emitter.push, audio)
            return not stopped.is_set()

        def speak() -> None:
            self._engine.speak(text, self._voice, emit)

        try:
            await asyncio.to_thread(speak)
        finally:
            stopped.set()  # cancelled: the thread ends with its next chunk
        output_emitter.flush()

    async def _ask_hibari(self, text: str) -> bytes:
        """The text's audio; nothing where hibari fails, as espeak-ng does not."""
        voice = self._voice
        options = {"voice": voice.human, "speed": voice.speed / _USUAL_SPEED, "pitch": voice.pitch}
        try:
            return await inference.infer_with_fallback(Hibari, inference.pack(options, text.encode(errors="replace")))
        except Exception:
            logger.exception("hibari failed; espeak-ng speaks in its place")
            return b""
