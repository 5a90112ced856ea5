"""Thirty sentences of a call-centre agent, by two voices: which cues the offline model hears of them, what it makes of
noise, and in a room of a real LiveKit server how long after the end of a sentence the customer is heard. Takes about
three minutes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median
from typing import Any

import numpy as np
from livekit import rtc

from runtime.arc.complete import make_arc
from runtime.arc.listener import listen
from runtime.config.compose import compose
from runtime.offline.stt import STT, vocabulary
from runtime.offline.tts import TTS
from tests.caller import RATE, Caller, calling, room_of, speech

from .loopback import available, livekit_server, ours, persona_folder, worker
from .measure import Row, print_table, progress

VOICES = ("heart+f3", "m3")
SAID = (
    "I am so sorry about that, Sarah.",
    "I apologize for the trouble.",
    "I take full responsibility for this.",
    "That's our mistake.",
    "We made an error in your bill.",
    "I will refund the full amount today.",
    "I have issued a refund of $148.51.",
    "I've put the money back on your card.",
    "It will be there by Friday.",
    "You will have it tomorrow.",
    "Your case number is 55821.",
    "The reference number is 4471.",
    "I understand how frustrating this must be.",
    "I can see why you are upset.",
    "Thank you for being a loyal customer.",
    "Can you hold for two minutes while I check your bill?",
    "Please hold.",
    "I will transfer you to another department.",
    "Let me get my supervisor.",
    "You should have read the contract.",
    "That is your fault.",
    "There is nothing I can do.",
    "I can't give you a refund.",
    "Goodbye, have a nice day.",
    "Don't worry, you did nothing wrong.",
    "May I have your account number, please?",
    "Let me look at your bill.",
    "How can I help you today?",
    "I can see two charges in March.",
    "What is your date of birth?",
)
ASKED = ("What is your account number?", "How much is the bill?", "When did you call us before?", "What is your name?")
CALLS = 8


def rows() -> list[Row]:
    """What is heard, what noise becomes, how soon she answers, and memory."""
    found = asyncio.run(_heard())
    if available():
        found += asyncio.run(_in_rooms())
    return found


async def _heard() -> list[Row]:
    spec = compose([])
    arc = make_arc(spec.persona, spec.language.customer, "en")
    recogniser = STT(vocabulary=vocabulary(spec))
    typed = {said: set(listen(arc.front, set(), said).cues) for said in SAID}
    right: dict[str, int] = {}
    wrong: list[str] = []
    seconds = []
    known = [said for said in SAID if typed[said]]
    for voice in VOICES:
        for said in SAID:
            frame = await TTS(voice=voice).synthesize(said).collect()
            pause = bytes(frame.sample_rate)
            data = pause + frame.data.tobytes() + pause
            began = time.process_time()
            event = await recogniser.recognize(rtc.AudioFrame(data, frame.sample_rate, 1, len(data) // 2))
            seconds.append(time.process_time() - began)
            text = event.alternatives[0].text if event.alternatives else ""
            found = listen(arc.front, set(), text).findings
            cues = {finding.name for finding in found}
            right[voice] = right.get(voice, 0) + bool(cues & typed[said])
            if made_up := {finding.name for finding in found if finding.words} - typed[said]:
                wrong.append(f"{voice}: {said!r} → {text!r}: {', '.join(made_up)}")
            if not cues & typed[said] and typed[said]:
                progress(f"missed ({voice}): {said!r} → {text!r}")
    for line in wrong:
        progress(f"wrong: {line}")
    turns = [await recogniser.recognize(_noise(seed)) for seed in range(20)]
    return [
        *(
            Row(f"cues missed of {len(known)}, {voice}", len(known) - heard, "", goal=len(known) * 0.2)
            for voice, heard in right.items()
        ),
        Row("utterances with a cue that was not said", len(wrong), "", goal=1),
        Row("turns made of a minute of noise", sum(bool(turn.alternatives) for turn in turns), "", goal=0),
        Row("CPU of an utterance", median(seconds) * 1000, "ms"),
    ]


def _noise(seed: int) -> rtc.AudioFrame:
    """Three seconds of clicks, coughs and hiss, never the same."""
    random = np.random.default_rng(seed)
    sound = random.normal(0, random.choice([0, 20, 300, 2000]), 48_000)
    sound[random.integers(0, 48_000, random.integers(0, 12))] += 20_000
    at = np.arange(4_000) / 16_000
    for start in random.integers(0, 44_000, random.integers(0, 4)):
        burst = np.convolve(random.normal(0, 1, 4_000), np.ones(6) / 6, "same")
        sound[start : start + 4_000] += burst * np.exp(-at * 14) * 12_000
    data = sound.clip(-32768, 32767).astype(np.int16).tobytes()
    return rtc.AudioFrame(data, 16_000, 1, 48_000)


async def _in_rooms() -> list[Row]:
    with persona_folder() as folder, livekit_server() as url:
        command = [*ours(folder, "process", 1), "personas_dir=personas", "persona=sarah_thompson"]
        with worker(command, url) as serving:
            before = serving.memory()
            async with calling(url, room_of("speech")) as seen:
                await seen.hears(60)
                await _silence(seen, 2)
                answers = [await _answered(seen, question) for question in ASKED]
                for line in seen.texts:
                    progress(line)
            one = await _memory(serving, url, 1)
            many = await _memory(serving, url, CALLS)
    heard = [seconds for seconds in answers if seconds is not None]
    return [
        Row("turns without an answer", answers.count(None), "", goal=0),
        Row("end of speech → first audio", median(heard or [99]), "s", goal=1.0),
        Row("memory of a worker that waits", before, "MiB"),
        Row("memory of a worker with one call", one, "MiB"),
        Row(f"memory of a worker with {CALLS} calls", many, "MiB"),
    ]


async def _memory(serving: Any, url: str, calls: int) -> float:
    async with _all_calling(url, calls):
        await asyncio.sleep(8)
        return float(serving.memory())


@asynccontextmanager
async def _all_calling(url: str, calls: int) -> AsyncIterator[None]:
    if not calls:
        yield
        return
    async with calling(url, room_of(f"memory{calls}")) as seen:
        await seen.hears(60)
        async with _all_calling(url, calls - 1):
            yield


async def _silence(seen: Caller, seconds: float) -> None:
    """Returns once she has said nothing for so long."""
    while True:
        try:
            await seen.hears(seconds)
        except TimeoutError:
            return


async def _answered(seen: Caller, question: str) -> float | None:
    """Seconds from the end of the question to the first of her voice; None without one in ten."""
    length = len(await speech(question)) / 2 / RATE
    began = time.monotonic()
    saying = asyncio.ensure_future(seen.say(question))
    try:
        await seen.hears(length + 10)
    except TimeoutError:
        return None
    finally:
        answered = time.monotonic() - began - length
        await saying
    await _silence(seen, 2)
    return answered


if __name__ == "__main__":
    print_table(rows())
