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
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from livekit.agents import APIConnectOptions, APIError, tokenize, tts, utils
from livekit.agents.language import LanguageCode
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS

# From espeak-ng's speak_lib.h, 1.52. Synchronous output is the one mode that hands over audio from the calling thread.
_SYNCHRONOUS_OUTPUT, _DONT_EXIT, _SPEED, _PITCH, _UTF8_END_PAUSE = 2, 0x8000, 1, 3, 0x1001
_CHUNK = 100  # milliseconds of audio a callback
_SPEEDS, _PITCHES = range(80, 451), range(100)  # what espeak-ng takes without clipping

_LOCK = threading.Lock()  # the library's state is global: every call into it holds this
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)

# Thai has no full stop: a space ends a clause, and a run without one may be cut before a leading vowel, where a
# syllable begins. Text without Thai is one clause, whatever its length.
_CLAUSE = re.compile(
    r".{20,59}?\s+(?=[ก-ฮเ-ไ]) | .{60,}?(?:\s+(?=[ก-ฮเ-ไ]) | (?=[เ-ไ])) | .+\Z",
    re.DOTALL | re.VERBOSE,
)


class _ListedVoice(ctypes.Structure):
    """The head of `espeak_VOICE`; `languages` is a list of (priority byte, tag, NUL), closed by a NUL."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.POINTER(ctypes.c_char)),
        ("identifier", ctypes.c_char_p),
    )


@dataclass(frozen=True)
class _Voice:
    language: str  # a BCP 47 tag
    variant: str
    speed: int  # words a minute
    pitch: int


class _Engine:
    """The espeak-ng library, one a process. Make and call it only with `_LOCK` held."""

    def __init__(self) -> None:
        try:
            loader = import_module("espeakng_loader")
        except ImportError as error:
            raise ImportError('offline speech needs the "voice" extra: uv sync --extra voice') from error
        data = loader.get_data_path()
        self._library = ctypes.CDLL(loader.get_library_path())
        self.sample_rate: int = self._library.espeak_Initialize(
            _SYNCHRONOUS_OUTPUT, _CHUNK, data.encode(), _DONT_EXIT
        )
        if self.sample_rate <= 0:
            raise RuntimeError(f"espeak-ng does not start with its data in {data}")
        self._library.espeak_Synth.argtypes = (
            *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int),
            *(ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p),
        )
        self._emit: Callable[[bytes], bool] = lambda _: False
        self._callback = _Callback(self._receive)  # kept: the library holds no reference
        self._library.espeak_SetSynthCallback(self._callback)
        self.variants = sorted(path.name for path in Path(data, "voices", "!v").iterdir())
        self.languages = self._list_languages()

    def _list_languages(self) -> dict[str, str]:
        """Language tag, in lower case -> the identifier of the first voice that speaks it."""
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_ListedVoice))
        languages: dict[str, str] = {}
        for pointer in self._library.espeak_ListVoices(None):
            if not pointer:
                break
            address = ctypes.cast(pointer.contents.languages, ctypes.c_void_p).value or 0
            while (entry := ctypes.string_at(address)) != b"":
                languages.setdefault(entry[1:].decode().lower(), pointer.contents.identifier.decode())
                address += len(entry) + 1
        return languages

    def find_language(self, tag: str) -> str:
        """The identifier of the voice for a BCP 47 tag: its own, or that of its base subtag.

        Raises ValueError when no voice speaks it.
        """
        code = LanguageCode(tag)
        for known in (code.lower(), {"en": "en-us", "zh": "cmn"}.get(code.language, code.language)):
            if known in self.languages and known != "en":  # plain "en" is British here
                return self.languages[known]
        raise _unknown("language", tag, sorted(self.languages))

    def check(self, voice: _Voice) -> _Voice:
        """The same voice. Raises ValueError, one line, when espeak-ng has no such voice."""
        self.find_language(voice.language)
        if voice.variant not in self.variants:
            raise _unknown("voice", voice.variant, self.variants)
        for name, value, allowed in (("speed", voice.speed, _SPEEDS), ("pitch", voice.pitch, _PITCHES)):
            if value not in allowed:
                raise ValueError(f"offline TTS: {name} {value} is not {allowed[0]} to {allowed[-1]}")
        return voice

    def speak(self, text: str, voice: _Voice, emit: Callable[[bytes], bool]) -> None:
        """Hand the text's audio (16 bit, mono) to `emit` chunk by chunk until it answers False. Blocks.

        Raises APIError when the library refuses.
        """
        name = f"{self.find_language(voice.language)}+{voice.variant}"
        data = text.replace("\0", " ").encode(errors="replace")
        self._emit = emit
        if (
            self._library.espeak_SetVoiceByName(name.encode())
            or self._library.espeak_SetParameter(_SPEED, voice.speed, 0)
            or self._library.espeak_SetParameter(_PITCH, voice.pitch, 0)
            or self._library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8_END_PAUSE, None, None)
        ):
            raise APIError(f"espeak-ng could not speak {text!r} as {name}", retryable=False)

    def _receive(self, samples: int | None, count: int, _events: int | None) -> int:
        """The library's callback: 0 goes on, 1 stops."""
        return int(bool(samples and count) and not self._emit(ctypes.string_at(samples or 0, count * 2)))


_load = functools.cache(_Engine)


def _unknown(kind: str, value: str, choices: Iterable[str]) -> ValueError:
    choices = list(choices)
    near = difflib.get_close_matches(value.lower(), choices, n=3, cutoff=0.5)
    hint = f"nearest: {', '.join(near)}" if near else f"choose one of {', '.join(choices)}"
    return ValueError(f"offline TTS has no {kind} {value!r}; {hint}")


class _ClauseTokenizer(tokenize.SentenceTokenizer):
    """LiveKit's own sentences, and within them Thai clauses: its tokenizer holds a Thai reply until the end."""

    def __init__(self) -> None:
        self._sentences = tokenize.blingfire.SentenceTokenizer(retain_format=True)

    def _split(self, text: str) -> list[tuple[str, int, int]]:
        clauses: list[tuple[str, int, int]] = []
        end = 0
        for sentence in self._sentences.tokenize(text):
            for clause in _CLAUSE.findall(sentence):
                start, end = end, end + len(clause)
                clauses.append((clause, start, end))
        return clauses

    def tokenize(self, text: str, *, language: str | None = None) -> list[str]:
        return [clause for clause, _, _ in self._split(text)]

    def stream(self, *, language: str | None = None) -> tokenize.SentenceStream:
        return tokenize.BufferedSentenceStream(tokenizer=self._split, min_token_len=1, min_ctx_len=10)


class TTS(tts.TTS):
    def __init__(self, *, voice: str = "f3", language: str = "en", speed: int = 175, pitch: int = 50) -> None:
        """
        Args:
            voice: an espeak-ng variant: f1 to f5, m1 to m8 and others.
            language: a BCP 47 tag; a region without a voice of its own is spoken as its base language.
            speed: words a minute, 80 to 450.
            pitch: 0 to 99.

        Raises ValueError, one line, for a value that espeak-ng does not have; ImportError without the "voice" extra.
        """
        with _LOCK:
            self._engine = _load()
            self._voice = self._engine.check(_Voice(language, voice, speed, pitch))
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
        now = self._voice
        self._voice = self._engine.check(
            _Voice(
                language=now.language if language is None else language,
                variant=now.variant if voice is None else voice,
                speed=now.speed if speed is None else speed,
                pitch=now.pitch if pitch is None else pitch,
            )
        )

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        return _Utterance(self, text, conn_options)

    def stream(
        self, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.SynthesizeStream:
        return self._clauses.stream(conn_options=conn_options)


class _Utterance(tts.ChunkedStream):
    def __init__(self, speaker: TTS, text: str, conn_options: APIConnectOptions) -> None:
        super().__init__(tts=speaker, input_text=text, conn_options=conn_options)
        self._engine, self._voice = speaker._engine, speaker._voice

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        rate = self._engine.sample_rate
        output_emitter.initialize(
            request_id=utils.shortuuid(), sample_rate=rate, num_channels=1, mime_type="audio/pcm"
        )
        loop = asyncio.get_running_loop()
        stopped = threading.Event()
        audible = False

        def emit(audio: bytes) -> bool:
            nonlocal audible
            if stopped.is_set():
                return False
            audible = True
            loop.call_soon_threadsafe(output_emitter.push, audio)
            return True

        def speak() -> None:
            with _LOCK:
                if not stopped.is_set():
                    self._engine.speak(self._input_text, self._voice, emit)

        try:
            await asyncio.to_thread(speak)
        finally:
            stopped.set()  # cancelled: the thread ends with its next chunk
        if not audible:  # an emoji or dots alone: LiveKit takes no audio for a failure
            output_emitter.push(bytes(rate // 10 * 2))
        output_emitter.flush()
