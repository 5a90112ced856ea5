"""Speech without a key or a network: what hibari and espeak-ng say, what Whisper hears, and a call between."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import Agent, AgentSession, TurnHandlingOptions, inference, llm, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS
from livekit.agents.voice import io

from runtime.errors import extra_command
from runtime.offline import inference as models
from runtime.offline import tts as speech
from runtime.offline.normalization import normalized
from runtime.offline.stt import STT, is_speech, joined
from runtime.offline.tts import RATE, TTS, Hibari

pytest.importorskip("espeakng_loader", reason='needs the "voice" extra: uv sync --extra voice')
pytest.importorskip("hibari", reason='needs the "voice" extra: uv sync --extra voice')
pytest.importorskip("faster_whisper", reason='needs the "hearing" extra: uv sync --extra hearing')

HEART = "heart+f3"

PHRASES = [
    "i am so sorry",
    "i take full responsibility",
    "may i have your account number",
    "i will refund the full amount today",
    "your case number is one two three",
    "thank you for calling how can i help you",
    "i understand how frustrating this must be",
    "let me check that for you",
    "could you please repeat that",
    "i am going to transfer you to a supervisor",
    "the refund will arrive within five business days",
    "is there anything else i can help you with",
    "that is not my fault",
    "please hold for a moment",
    "what is your date of birth",
]
THAI = ["ฉันถูกเรียกเก็บเงินสองครั้งในเดือนนี้ ", "และฉันโทรมาแล้วสามครั้งแต่ไม่มีใครช่วย ", "ฉันต้องการเงินคืน"]


async def say(text: str, **options: Any) -> rtc.AudioFrame:
    """The text as one frame: 16 bit, mono, 24 kHz."""
    return await TTS(**options).synthesize(text).collect()


def pad(frame: rtc.AudioFrame, before: float = 0.5, after: float = 0.4) -> rtc.AudioFrame:
    """The frame with seconds of silence around it, as a VAD hands over an utterance."""
    silence = [bytes(int(frame.sample_rate * seconds) * 2) for seconds in (before, after)]
    data = silence[0] + frame.data.tobytes() + silence[1]
    return rtc.AudioFrame(data, frame.sample_rate, 1, len(data) // 2)


async def hear(stt: STT, frame: rtc.AudioFrame) -> str:
    """What the STT makes of the frame; "" when it makes nothing of it."""
    event = await stt.recognize(frame)
    return event.alternatives[0].text if event.alternatives else ""


def measure_loudness(frame: rtc.AudioFrame) -> float:
    return float(np.sqrt(np.mean(np.square(np.frombuffer(frame.data, np.int16), dtype=np.float64))))


@pytest.mark.parametrize(
    ("language", "text", "shortest", "longest"),
    [
        ("en", "I have been billed twice, and nobody calls me back.", 2.0, 5.0),
        ("en-US", "Hello.", 0.5, 1.5),
        ("en-GB", "I have been billed twice, and nobody calls me back.", 2.0, 5.0),
        ("th", "สวัสดีค่ะ ฉันถูกเรียกเก็บเงินสองครั้ง", 2.0, 6.0),
        ("th-TH", "".join(THAI), 5.0, 14.0),
    ],
)
async def test_speech_is_audible_and_of_a_plausible_length(
    language: str, text: str, shortest: float, longest: float
) -> None:
    """Every language speaks 16 bit mono at 24 kHz, for about as long as a person would."""
    tts = TTS(language=language)
    frame = await tts.synthesize(text).collect()
    assert (frame.sample_rate, frame.num_channels) == (tts.sample_rate, tts.num_channels) == (RATE, 1)
    assert shortest < frame.duration < longest
    assert measure_loudness(frame) > 500


@pytest.mark.parametrize("text", ["...", "😊", "—", "\u200b", "a\0b", "\ud800"])
@pytest.mark.parametrize("voice", ["f3", HEART])
async def test_odd_text_is_not_a_failure(text: str, voice: str) -> None:
    """LiveKit takes an utterance without audio for an error: even dots alone make a pause."""
    assert (await say(text, voice=voice)).duration > 0.1


def test_nothing_is_no_failure_of_the_human_voice() -> None:
    """Which is how a call has it loaded before its first line."""
    assert Hibari().run(models.pack({"voice": "heart", "speed": 1.0, "pitch": 50}, b"")) == b""


async def test_voices_that_speak_at_once_do_not_mix() -> None:
    """espeak's state is global; every utterance keeps its own voice, speed and words all the same."""
    options = [{"voice": voice, "speed": speed} for voice, speed in (("f1", 150), ("m1", 175), ("f3", 200))]
    wanted = [(phrase, options[i % 3]) for i, phrase in enumerate(PHRASES)]
    alone = [await say(phrase, **option) for phrase, option in wanted]
    together = await asyncio.gather(*(say(phrase, **option) for phrase, option in wanted))
    for one, other in zip(alone, together, strict=True):
        assert one.duration == pytest.approx(other.duration, abs=0.15)
        assert measure_loudness(one) == pytest.approx(measure_loudness(other), rel=0.05)


async def test_an_utterance_can_be_cancelled() -> None:
    """Closing a stream midway stops the synthesis, and the next utterance is whole."""
    whole = await say(PHRASES[0])
    tts = TTS()
    async with tts.synthesize("You have charged me twice. " * 2000) as stream:
        first = await anext(stream)
    assert 0 < first.frame.duration < 1
    after = await tts.synthesize(PHRASES[0]).collect()
    assert after.duration == pytest.approx(whole.duration, abs=0.15)


async def test_new_options_hold_from_the_next_utterance() -> None:
    """What is being said is said to its end as it began."""
    tts = TTS(speed=120)
    slow = await tts.synthesize(PHRASES[3]).collect()
    running = tts.synthesize(PHRASES[3])
    tts.update_options(speed=240)
    assert (await running.collect()).duration == pytest.approx(slow.duration, abs=0.15)
    fast = await tts.synthesize(PHRASES[3]).collect()
    assert fast.duration < slow.duration * 0.75
    tts.update_options(voice="m7", language="th-TH", pitch=20)
    assert (await tts.synthesize(THAI[0]).collect()).duration > 1


async def test_a_lower_pitch_makes_the_same_human_voice_another_ones() -> None:
    """As long, and heard as well: all of it lies lower."""
    own, low = await say(PHRASES[3], voice=HEART), await say(PHRASES[3], voice=HEART, pitch=32)
    assert low.duration == pytest.approx(own.duration, rel=0.15)
    assert brightness(low) / brightness(own) == pytest.approx(0.82, abs=0.12)
    assert (await hear(STT(), pad(low))).lower().strip(".") == PHRASES[3]


def brightness(frame: rtc.AudioFrame) -> float:
    """Where the middle of a voice's power lies, in Hz."""
    power = np.square(np.abs(np.fft.rfft(np.frombuffer(frame.data, np.int16).astype(float))))
    middle = np.searchsorted(np.cumsum(power), power.sum() / 2)
    return float(np.fft.rfftfreq(frame.samples_per_channel, 1 / frame.sample_rate)[middle])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"voice": "f9"}, "offline TTS has no voice 'f9'; nearest: f5, f4, f3"),
        ({"language": "ptt-BR"}, "offline TTS has no language 'ptt-BR'; nearest: pt-br"),
        ({"language": "0"}, "offline TTS has no language '0'; choose one of af, am, an, "),
    ],
)
def test_an_unknown_voice_or_language_names_the_nearest(options: dict[str, Any], message: str) -> None:
    """The error is one readable line; where nothing is near, it lists the choices."""
    with pytest.raises(ValueError) as error:
        TTS(**options)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


async def test_a_rejected_update_changes_nothing() -> None:
    """A TTS whose update was refused speaks on as before."""
    tts = TTS()
    with pytest.raises(ValueError):
        tts.update_options(voice="f9", speed=300)
    frame = await tts.synthesize(PHRASES[3]).collect()
    assert frame.duration == pytest.approx((await say(PHRASES[3])).duration, abs=0.15)


@pytest.mark.parametrize(
    ("language", "pieces"),
    [("en", ["I have been billed twice this month. ", "Nobody has called me back."]), ("th", THAI)],
)
async def test_a_reply_is_heard_before_it_is_written_to_its_end(language: str, pieces: list[str]) -> None:
    """A Thai reply has no full stop: LiveKit's own sentences would hold it until the model is done."""
    async with TTS(language=language).stream() as stream:
        for piece in pieces:
            for letter in piece:
                stream.push_text(letter)
        first = await anext(stream)  # the input has not ended
        stream.end_input()
        rest = [event.frame async for event in stream]
    assert 0 < first.frame.duration < 1
    assert sum(frame.duration for frame in rest) > 2


@pytest.mark.parametrize(
    "text",
    [
        "".join(THAI),
        "ฉันถูกเรียกเก็บเงินค่าบริการสองครั้งและฉันโทรมาแล้วสามครั้งแต่ไม่มีใครช่วยฉันได้เลยฉันต้องการเงินคืนเดี๋ยวนี้",
        "ฉันซื้อ iPhone 15 Pro ไปเมื่อวานนี้ แล้วมันเสีย Are you there? Dr. Smith paid $4.50. Yes!",
        "You have charged me twice. Nobody calls me back! " * 4,
        "ๆ" * 200,
    ],
)
async def test_clauses_are_short_in_thai_and_lose_nothing(text: str) -> None:
    """Joined, the clauses are the text; one of Thai runs to about 100 characters at most."""
    clauses = speech._ClauseTokenizer().tokenize(text)
    assert "".join(clauses) == text
    if any("เ" <= letter <= "ไ" for letter in text):
        assert len(clauses) > 1
        assert max(map(len, clauses)) < 100


async def test_english_is_spoken_by_hibari_and_thai_by_espeak() -> None:
    """One voice has a name in each; an edit of voice or language holds from the next utterance, at the same rate."""
    tts = TTS(voice=HEART)
    assert tts.model == "hibari heart"
    human = await tts.synthesize("I have been billed twice.").collect()
    tts.update_options(language="th-TH")
    assert tts.model == "espeak-ng"
    thai = await tts.synthesize(THAI[0]).collect()
    tts.update_options(language="en", voice="m3")
    assert tts.model == "espeak-ng"
    robot = await tts.synthesize("I have been billed twice.").collect()
    assert human.sample_rate == thai.sample_rate == robot.sample_rate == RATE
    assert human.data.tobytes() != robot.data.tobytes()


async def test_nobody_waits_for_silence_before_a_voice() -> None:
    """hibari begins with 0.2 to 0.3 s of it."""
    said = await TTS(voice=HEART).synthesize("I have been billed twice.").collect()
    loud = np.abs(np.frombuffer(said.data, np.int16)) > 500
    assert 0 < loud.argmax() / RATE < 0.1
    assert said.duration > 1


async def test_what_hibari_cannot_read_espeak_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dots alone, and letters that are not Latin."""
    asked: list[object] = []

    async def infer(*given: object) -> bytes:
        asked.append(given)
        return bytes(2 * RATE)

    monkeypatch.setattr(models, "infer_with_fallback", infer)
    tts = TTS(voice=HEART)
    for text in ("...", THAI[0], "😊"):
        assert (await tts.synthesize(text).collect()).duration > 0.1
        assert asked == []
    await tts.synthesize("Hello.").collect()
    assert len(asked) == 1


@pytest.mark.parametrize(("voice", "language"), [("f3", "en"), (HEART, "th"), ("heart+m3", "fr")])
def test_a_voice_that_is_not_asked_for_is_not_missed(
    voice: str, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without hibari what espeak-ng speaks anyway is spoken without a word about it."""
    monkeypatch.setattr("runtime.offline.tts.find_spec", lambda name: None)
    assert TTS(voice=voice, language=language).notice == ""


async def test_without_hibari_espeak_speaks_and_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A voice that is not on this machine takes nobody's call away."""
    monkeypatch.setattr("runtime.offline.tts.find_spec", lambda name: None if name == "hibari" else find_spec(name))
    tts = TTS(voice=HEART)
    assert tts.notice.startswith("the voice heart needs hibari-tts: uv sync --extra voice")
    assert tts.notice.endswith("espeak-ng speaks in its place")
    assert (await tts.synthesize("Hello.").collect()).duration > 0.3


async def test_a_voice_that_fails_is_spoken_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever hibari trips over, the trainee hears the sentence."""

    async def fail(*_: object) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(models, "infer_with_fallback", fail)
    assert (await TTS(voice=HEART).synthesize("Hello.").collect()).duration > 0.3


def test_a_voice_to_fetch_says_how() -> None:
    """Of hibari's voices one comes with the package."""
    assert "fenrir is not on this machine; hibari --voice fenrir Hello fetches it" in TTS(voice="fenrir+m3").notice
    with pytest.raises(ValueError, match="offline TTS has no voice 'hart'; nearest: heart"):
        TTS(voice="hart+f3")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("It is CUST-2847.", "It is C U S T, 2 8 4 7."),
        ("Order TX-9981-B, ref ACC-001", "Order T X, 9 9 8 1, B, ref A. C C, 0 0 1"),
        ("You took $148.51, not $74.", "You took 148 dollars and 51 cents, not 74 dollars."),
        ("$0.99, $1, $1,204.50", "99 cents, 1 dollar, 1,204 dollars and 50 cents"),
        ("Call 555-0142 or (555) 010-2847.", "Call 5 5 5, 0 1 4 2 or 5 5 5, 0 1 0, 2 8 4 7."),
        ("My case number is 44712, the card ends in 4421.", "My case number is 4 4 7 1 2, the card ends in 4 4 2 1."),
        ("In 2024 I paid 1500 for 128GB, COVID-19, 12B.", "In 2024 I paid 1500 for 128GB, COVID-19, 12B."),
        ("On 03/15/2024 or 2024-03-15, 24/7, 10-15 days", "On 03/15/2024 or 2024-03-15, 24/7, 10-15 days"),
        ("1,000,000 people, 23 calls, 0.99", "1,000,000 people, 23 calls, 0.99"),
    ],
)
def test_codes_and_numbers_are_said_as_a_person_would(written: str, said: str) -> None:
    """Codes letter by letter and digit by digit, money by its name; dates and plain numbers are the voice's own."""
    assert normalized(written, "en") == said


def test_thai_money_and_telephone_numbers() -> None:
    """Money by its Thai name, telephone numbers by digits."""
    said = normalized("คืนเงิน $148.51 หรือ ฿1,200 โทร 081-234-5678", "th")
    assert said == "คืนเงิน 148 ดอลลาร์ 51 เซนต์ หรือ 1,200 บาท โทร 0 8 1, 2 3 4, 5 6 7 8"


HEARD = [
    (HEART, "I take full responsibility for this.", "i take full responsibility for this"),
    (HEART, "Is your account number CUST-2847?", "is your account number cust-2847"),
    (HEART, "Don't worry, you did nothing wrong.", "don't worry you did nothing wrong"),
    ("m3", "Thank you for calling, how can I help you?", "thank you for calling how can i help you"),
    ("m3", "Hello.", "hello"),
    (HEART, "No.", "no"),
]


@pytest.mark.parametrize(("voice", "said", "heard"), HEARD)
async def test_free_speech_is_heard(voice: str, said: str, heard: str) -> None:
    """What is said need be in nobody's list. `python -m tests.benchmarks speech` has thirty sentences."""
    stt = STT(vocabulary=["Sarah Thompson", "CUST-2847"])
    got = await hear(stt, pad(await say(said, voice=voice)))
    assert "".join(letter for letter in got.lower() if letter not in ",.?") == heard


def noises() -> dict[str, np.ndarray[Any, Any]]:
    """What is no speech, 16 kHz: silence, hiss, hum, clicks, a cough, a tone."""
    rng = np.random.default_rng(1)
    time = np.arange(32_000) / 16_000
    clicks, cough = np.zeros(32_000), np.zeros(32_000)
    clicks[rng.integers(0, 32_000, 12)] = 20_000
    burst = np.convolve(rng.normal(0, 1, 4_000), np.ones(6) / 6, "same") * np.exp(-time[:4_000] * 14)
    for start in (4_000, 12_000, 20_000):
        cough[start : start + 4_000] = burst * 12_000
    hum = 3_000 * np.sin(2 * np.pi * 50 * time)
    hiss = {f"hiss {loud}": rng.normal(0, loud, 32_000) for loud in (30, 1_000, 8_000)}
    tone = 8_000 * np.sin(2 * np.pi * 440 * time)
    return {"silence": np.zeros(32_000), "hum": hum, "clicks": clicks, "cough": cough, "tone": tone, **hiss}


@pytest.mark.parametrize("vocabulary", [[], ["Sarah Thompson", "CUST-2847", "$148.51"]])
async def test_noise_and_silence_are_nothing(vocabulary: list[str]) -> None:
    """Whisper makes sentences of noise; none becomes a trainee's turn."""
    stt = STT(vocabulary=vocabulary)
    for name, noise in noises().items():
        data = noise.clip(-32768, 32767).astype(np.int16).tobytes()
        assert await hear(stt, rtc.AudioFrame(data, 16_000, 1, len(data) // 2)) == "", name
    assert await hear(stt, rtc.AudioFrame(b"", 16_000, 1, 0)) == ""


@pytest.mark.parametrize(
    ("text", "log_prob", "no_speech", "said"),
    [
        ("I am sorry.", -0.2, 0.3, True),
        ("Thank you.", -0.2, 0.1, True),
        ("Thank you.", -0.7, 0.1, False),
        ("Thanks for watching!", -0.7, 0.1, False),
        ("CUST-2847.", -0.2, 0.1, True),
        ("Sarah Thompson. CUST-2847.", -0.8, 0.1, False),
        ("I am sorry.", -1.4, 0.1, False),
        ("I am sorry.", -0.7, 0.9, False),
        ("no no no no no no no no no", -0.1, 0.1, False),
        (" . . . ", -0.1, 0.1, False),
    ],
)
def test_what_whisper_makes_up_is_told_from_what_was_said(
    text: str, log_prob: float, no_speech: float, said: bool
) -> None:
    """By how sure it is, by repetition, and by words that it writes under silence."""
    heard = {"text": text, "log_prob": log_prob, "no_speech": no_speech}
    assert is_speech(heard, ["Sarah Thompson", "CUST-2847"]) is said


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("It's C-U-S-T-2847.", "It's CUST-2847."),
        ("case number 5-5-821.", "case number 55821."),
        ("It is 2 0 9 3 1, okay?", "It is 20931, okay?"),
        ("a refund of $148 and $51 cents today", "a refund of $148.51 today"),
        ("between 2, 3 days at 9.30", "between 2, 3 days at 9.30"),
        ("I am sure", "I am sure"),
    ],
)
def test_spelled_codes_are_put_together(heard: str, written: str) -> None:
    """A code that was said sign by sign is read as a code."""
    assert joined(heard) == written


async def test_any_rate_and_channels_are_heard_and_utterances_at_once() -> None:
    """One model hears several calls at once; one that is cancelled leaves it free."""
    stt = STT()
    mono = pad(await say(PHRASES[0]))
    data = np.repeat(np.frombuffer(mono.data, np.int16), 2).tobytes()
    stereo = rtc.AudioFrame(data, mono.sample_rate, 2, mono.samples_per_channel)
    cancelled = asyncio.ensure_future(hear(stt, mono))
    other = asyncio.ensure_future(hear(stt, pad(await say(PHRASES[7], voice=HEART))))
    await utils.aio.cancel_and_wait(cancelled)
    first, second = await asyncio.gather(hear(stt, stereo), other)
    assert (first.lower().strip(".,!"), second.lower().strip(".,!")) == (PHRASES[0], PHRASES[7])


def test_a_model_of_english_alone_refuses_other_languages_and_says_what_to_set(tmp_path: Path) -> None:
    """Whether a model knows more than English is known before it is loaded, in a folder too."""
    with pytest.raises(ValueError, match=r"tiny\.en hears English alone: set model\.stt\.options\.model"):
        STT(language="th-TH")
    assert STT.cannot_hear("th", {"model": "small"}) == ""
    (tmp_path / "vocabulary.txt").write_text("word\n" * 51_865)
    assert STT.cannot_hear("th", {"model": str(tmp_path)}) == ""


def test_a_model_that_is_not_here_is_fetched_or_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a call, with a line before the first byte; a name that is none is told at once."""
    told: list[str] = []
    asked: list[tuple[str, bool]] = []

    def download(model: str, local_files_only: bool = False) -> str:
        asked.append((model, local_files_only))
        raise OSError("no network")

    monkeypatch.setattr("faster_whisper.utils.download_model", download)
    with pytest.raises(
        ValueError, match=r"small is not here and cannot be fetched \(OSError; is there a network\?\): set model to a"
    ):
        STT.fetch({"model": "small"}, told.append)
    assert (told, asked) == (["fetching Whisper's model small, once"], [("small", True), ("small", False)])
    STT.fetch({}, told.append)
    with pytest.raises(FileNotFoundError, match="small is not on this machine"):
        STT(model="small")
    assert len(told) == 1
    monkeypatch.undo()
    with pytest.raises(ValueError, match="model 'smal' is neither a folder nor one of Whisper's"):
        STT(model="smal")
    with pytest.raises(ValueError, match="holds no model of Whisper's"):
        STT(model=str(Path(__file__).parent))


def test_a_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """No library is needed to import the modules, and what is missing is one command."""
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    monkeypatch.setattr("runtime.offline.stt.find_spec", lambda name: None)
    monkeypatch.setattr(speech, "_load", speech._Engine)
    for make, does, extra in ((TTS, "speech", "voice"), (STT, "hearing", "hearing")):
        with pytest.raises(ImportError) as error:
            make()
        assert str(error.value) == f'offline {does} needs the "{extra}" extra: {extra_command(extra)}'


class Echo(llm.LLM[Any]):
    """Answers with what it was told, word by word."""

    def chat(self, *, chat_ctx: llm.ChatContext, **_: Any) -> llm.LLMStream:
        return EchoStream(self, chat_ctx=chat_ctx, tools=[], conn_options=DEFAULT_API_CONNECT_OPTIONS)


class EchoStream(llm.LLMStream):
    async def _run(self) -> None:
        said = [message.text_content or "" for message in self.chat_ctx.messages() if message.role == "user"]
        for word in f"You said: {said[-1]}. What happens now?".split(" "):
            delta = llm.ChoiceDelta(role="assistant", content=f"{word} ")
            self._event_ch.send_nowait(llm.ChatChunk(id="echo", delta=delta))


class Microphone(io.AudioInput):
    """Plays frames as fast as they are taken, and then is quiet."""

    def __init__(self) -> None:
        super().__init__(label="microphone")
        self.frames: utils.aio.Chan[rtc.AudioFrame] = utils.aio.Chan()

    async def __anext__(self) -> rtc.AudioFrame:
        return await self.frames.recv()


class Speaker(io.AudioOutput):
    """Keeps what it is given; it takes no time to play."""

    def __init__(self) -> None:
        super().__init__(label="speaker", capabilities=io.AudioOutputCapabilities(pause=True))
        self.frames: list[rtc.AudioFrame] = []
        self.played = asyncio.Event()

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        self.frames.append(frame)

    def flush(self) -> None:
        super().flush()
        duration = sum(frame.duration for frame in self.frames)
        self.on_playback_finished(playback_position=duration, interrupted=False)
        self.played.set()

    def clear_buffer(self) -> None: ...


async def split(frame: rtc.AudioFrame) -> AsyncIterator[rtc.AudioFrame]:
    """The frame in frames of 20 ms, as a microphone gives them."""
    stream = utils.audio.AudioByteStream(frame.sample_rate, 1, frame.sample_rate // 50)
    for part in stream.push(frame.data.tobytes()):
        yield part


async def test_a_whole_call_between_the_parts() -> None:
    """A spoken phrase goes through VAD, our STT, a model and our TTS, and comes back as speech."""
    session: AgentSession[None] = AgentSession(
        stt=STT(),
        vad=inference.VAD(),
        llm=Echo(),
        tts=TTS(voice="m1"),
        turn_handling=TurnHandlingOptions(
            turn_detection="vad",
            interruption={"mode": "vad"},
            endpointing={"min_delay": 0.1, "max_delay": 0.5},
        ),
    )
    microphone, speaker = Microphone(), Speaker()
    session.input.audio, session.output.audio = microphone, speaker
    failures: list[object] = []
    session.on("error", failures.append)
    await session.start(Agent(instructions="Echo."))
    async for part in split(pad(await say(PHRASES[1]), before=0.5, after=1.5)):
        microphone.frames.send_nowait(part)
    async with asyncio.timeout(10):
        await speaker.played.wait()
    await session.aclose()

    assert failures == []
    said = [message.text_content for message in session.history.messages() if message.role == "user"]
    assert [str(text).lower().strip(".") for text in said] == [PHRASES[1]]
    answer = rtc.combine_audio_frames(speaker.frames)
    assert answer.sample_rate == RATE
    assert 2 < answer.duration < 6
    assert measure_loudness(answer) > 500


def test_onnx_runtime_tells_its_maker_nothing() -> None:
    """Its usage data is switched off before anything of ours can load it."""
    code = "import os, runtime.offline; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1\n"
