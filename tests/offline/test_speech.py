"""Speech without a key or a network: what espeak-ng says, what pocketsphinx hears, and a call between."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import Agent, AgentSession, TurnHandlingOptions, inference, llm, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS
from livekit.agents.voice import io

from runtime.errors import extra_command
from runtime.offline import tts as speech
from runtime.offline.stt import STT
from runtime.offline.tts import TTS

pytest.importorskip("espeakng_loader", reason='needs the "voice" extra: uv sync --extra voice')
pytest.importorskip("pocketsphinx", reason='needs the "voice" extra: uv sync --extra voice')

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
    """The text as one frame: 16 bit, mono, 22050 Hz."""
    return await TTS(**options).synthesize(text).collect()


def pad(frame: rtc.AudioFrame, before: float = 0.3, after: float = 0.3) -> rtc.AudioFrame:
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
    """Every language speaks 16 bit mono at 22050 Hz, for about as long as a person would."""
    tts = TTS(language=language)
    frame = await tts.synthesize(text).collect()
    assert (frame.sample_rate, frame.num_channels) == (tts.sample_rate, tts.num_channels) == (22050, 1)
    assert shortest < frame.duration < longest
    assert measure_loudness(frame) > 500


@pytest.mark.parametrize("text", ["...", "😊", "—", "\u200b", "a\0b", "\ud800"])
async def test_odd_text_is_not_a_failure(text: str) -> None:
    """LiveKit takes an utterance without audio for an error: even dots alone make a pause."""
    assert (await say(text)).duration > 0.1


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


async def test_known_phrases_are_recognised() -> None:
    """15 of 15 with this voice; over seven voices 97 % of 119 utterances."""
    stt = STT(phrases=PHRASES)
    heard = [await hear(stt, pad(await say(phrase))) for phrase in PHRASES]
    right = sum(said == got for said, got in zip(PHRASES, heard, strict=True))
    assert right / len(PHRASES) >= 0.8, dict(zip(PHRASES, heard, strict=True))


async def test_two_phrases_in_a_breath_are_both_heard() -> None:
    """A trainee does not stop after every phrase."""
    stt = STT(phrases=PHRASES)
    heard = await hear(stt, pad(await say(f"{PHRASES[0]}, {PHRASES[1]}", voice="m1")))
    assert heard == f"{PHRASES[0]} {PHRASES[1]}"


async def test_noise_silence_and_other_words_are_nothing() -> None:
    """What is no phrase is no transcript, and leaves the next utterance as easy to hear as before."""
    stt = STT(phrases=PHRASES)
    noise = np.random.default_rng(1).normal(0, 1, 48_000)
    for loudness in (0, 30, 1000, 8000):
        data = (noise * loudness).clip(-32768, 32767).astype(np.int16).tobytes()
        assert await hear(stt, rtc.AudioFrame(data, 16_000, 1, len(data) // 2)) == ""
    assert await hear(stt, rtc.AudioFrame(b"", 16_000, 1, 0)) == ""
    assert await hear(stt, pad(await say("my dog ate all of the cheese"))) == ""
    assert await hear(stt, pad(await say(PHRASES[0]))) == PHRASES[0]


async def test_phrases_are_returned_as_written_and_can_be_replaced() -> None:
    """Case and punctuation are the caller's; a phrase with an unknown word is left out, and none is fine."""
    stt = STT(phrases=["I’m so sorry!", "Your code is xyzzyq 42."], language="en-US")
    sorry = pad(await say("i'm so sorry"))
    assert await hear(stt, sorry) == "I’m so sorry!"
    stt.update_options(phrases=["Please hold for a moment."])
    assert await hear(stt, sorry) == ""
    assert await hear(stt, pad(await say("please hold for a moment"))) == "Please hold for a moment."
    stt.update_options(phrases=[])
    assert await hear(stt, sorry) == ""


async def test_any_rate_and_channels_are_heard_and_one_utterance_at_a_time() -> None:
    """Two utterances at once on one STT wait for each other; a cancelled one leaves the decoder free."""
    stt = STT(phrases=PHRASES)
    mono = pad(await say(PHRASES[0]))
    data = np.repeat(np.frombuffer(mono.data, np.int16), 2).tobytes()
    stereo = rtc.AudioFrame(data, mono.sample_rate, 2, mono.samples_per_channel)
    cancelled = asyncio.ensure_future(hear(stt, mono))
    other = asyncio.ensure_future(hear(stt, pad(await say(PHRASES[7]))))
    await utils.aio.cancel_and_wait(cancelled)
    assert [*await asyncio.gather(hear(stt, stereo), other)] == [PHRASES[0], PHRASES[7]]


def test_other_languages_are_refused() -> None:
    """The wheel carries an English model only, and the error says so in one line."""
    with pytest.raises(ValueError, match=r"offline STT hears English alone.*'th-TH'"):
        STT(phrases=PHRASES, language="th-TH")


def test_a_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither library is needed to import the modules, and what is missing is one command."""
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    monkeypatch.setattr(speech, "_load", speech._Engine)
    for make in (TTS, lambda: STT(phrases=PHRASES)):
        with pytest.raises(ImportError) as error:
            make()
        assert str(error.value) == f'offline speech needs the "voice" extra: {extra_command("voice")}'


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
        stt=STT(phrases=PHRASES),
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
    assert said == [PHRASES[1]]
    answer = rtc.combine_audio_frames(speaker.frames)
    assert answer.sample_rate == 22050
    assert 2 < answer.duration < 6
    assert measure_loudness(answer) > 500
