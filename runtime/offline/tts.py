"""Text-to-speech by espeak-ng, in this process: no key, no network, over a hundred languages.

The library and its data come from PyPI's `espeakng-loader`, in the "voice" extra.
"""

from __future__ import annotations

import asyncio
import ctypes
import difflib
import functools
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import accumulate
from pathlib import Path
from typing import Any

from livekit.agents import APIConnectOptions, APIError, tts, utils
from livekit.agents.language import LanguageCode
from livekit.agents.tokenize import BufferedSentenceStream, SentenceStream, SentenceTokenizer, blingfire
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS as _CONNECT

from ..errors import extra_command

# From espeak-ng's speak_lib.h, 1.52. Only synchronous output hands over its audio on the calling thread. The
# pause at the end keeps sentences apart; without it dots alone make no audio, for LiveKit a failure.
_SYNCHRONOUS_OUTPUT, _DONT_EXIT, _SPEED, _PITCH, _UTF8_END_PAUSE = 2, 0x8000, 1, 3, 0x1001
_CHUNK_MS = 100

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
    voice: str  # an espeak-ng variant
    language: str  # a BCP 47 tag
    speed: int  # words a minute
    pitch: int


class _Engine:
    """The espeak-ng library, one a process. Make it and speak with it only while holding `_LOCK`."""

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
        if voice.voice not in self.variants:
            raise _unknown("voice", voice.voice, self.variants)
        code = LanguageCode(voice.language)
        for tag in (code.lower(), code.language):
            if language := self.languages.get(_NAMES.get(tag, tag)):
                return f"{language}+{voice.voice}"
        raise _unknown("language", voice.language, [*self.languages])

    def speak(self, text: str, voice: _Voice, emit: Callable[[bytes], bool]) -> None:
        """Hand the text's audio (16 bit, mono) to `emit` chunk by chunk until it answers False. Blocks.

        Raises APIError when the library refuses.
        """
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
    """espeak-ng as a LiveKit TTS, streaming clause by clause.

    Args:
        voice: an espeak-ng variant: f1 to f5, m1 to m8 and others.
        language: a BCP 47 tag; a region without a voice of its own is spoken as its base language.
        speed: words a minute; espeak-ng takes it to within 80 and 450.
        pitch: 0 to 99.

    Raises ValueError, one line, for what espeak-ng does not have; ImportError without the "voice" extra.
    """

    NEEDS = ("espeakng_loader", "voice")
    """A package, and the extra that brings it."""

    def __init__(self, *, voice: str = "f3", language: str = "en", speed: int = 175, pitch: int = 50) -> None:
        with _LOCK:
            self._engine = _load()
        self._voice = _Voice(voice, language, speed, pitch)
        self._engine.name(self._voice)
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=True, aligned_transcript=True),
            sample_rate=self._engine.sample_rate,
            num_channels=1,
        )
        self._clauses = tts.StreamAdapter(tts=self, sentence_tokenizer=_ClauseTokenizer())

    @property
    def model(self) -> str:
        return "espeak-ng"

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
        changed = replace(self._voice, **changes)
        self._engine.name(changed)
        self._voice = changed

    def synthesize(self, text: str, *, conn_options: APIConnectOptions = _CONNECT) -> tts.ChunkedStream:
        return _Utterance(self, text, conn_options)

    def stream(self, *, conn_options: APIConnectOptions = _CONNECT) -> tts.SynthesizeStream:
        return self._clauses.stream(conn_options=conn_options)


class _Utterance(tts.ChunkedStream):
    def __init__(self, speaker: TTS, text: str, conn_options: APIConnectOptions) -> None:
        super().__init__(tts=speaker, input_text=text, conn_options=conn_options)
        self._engine, self._voice = speaker._engine, speaker._voice

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        rate, loop, stopped = self._engine.sample_rate, asyncio.get_running_loop(), threading.Event()
        output_emitter.initialize(
            request_id=utils.shortuuid(), sample_rate=rate, num_channels=1, mime_type=f"audio/pcm;rate={rate}"
        )

        def emit(audio: bytes) -> bool:
            if not stopped.is_set():
                loop.call_soon_threadsafe(output_emitter.push, audio)
            return not stopped.is_set()

        def speak() -> None:
            with _LOCK:
                if not stopped.is_set():
                    self._engine.speak(self.input_text, self._voice, emit)

        try:
            await asyncio.to_thread(speak)
        finally:
            stopped.set()  # cancelled: the thread ends with its next chunk
        output_emitter.flush()
