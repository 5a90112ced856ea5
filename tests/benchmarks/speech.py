"""Thirty sentences of a call-centre agent, by two voices: which cues the offline model hears of them, by itself and in
a call in a room of a real LiveKit server, what it makes of noise, and how long after the end of a sentence the customer
is heard. Takes about ten minutes."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import yaml
from livekit import rtc

from runtime.arc.complete import make_arc
from runtime.arc.listener import listen
from runtime.arc.machine import fold
from runtime.config.compose import compose
from runtime.config.groups import use_folder
from runtime.offline.embedding import vectors_of
from runtime.offline.stt import STT, vocabulary
from runtime.offline.tts import TTS
from runtime.spec.persona import Arc
from tests.caller import RATE, Caller, calling, room_of, speech

from .cues import CUES, prepare
from .loopback import available, livekit_server, ours, persona_folder, worker
from .measure import ROOT, Row, print_table, progress

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
        found += asyncio.run(_in_calls())
    return found


async def _heard() -> list[Row]:
    spec = compose([])
    arc = make_arc(spec.persona, spec.language.customer, "en")
    recogniser = STT(vocabulary=vocabulary(spec))
    typed = {said: CUES & set(listen(arc.front, set(), said).cues) for said in SAID}
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
            if made_up := CUES & {finding.name for finding in found if finding.words} - typed[said]:
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


def _listening_customer(folder: Path) -> Arc:
    """Writes `benchmark.md` there, a Sarah who says little and stays, whatever she is told; her arc."""
    front, prose = (ROOT / "personas/sarah_thompson.md").read_text(encoding="utf-8")[3:].split("---", 1)
    fields = yaml.safe_load(front)
    for left_out in ("scenarios", "timers", "phases", "objectives"):
        del fields[left_out]
    fields["opening"] = "Yes?"
    fields["endings"] = [
        {"name": "cancelled", "when": ["cancel"], "means": "no sentence here is about it", "say": "Bye."}
    ]
    fields["cues"] = {name: {**(cue or {}), "say": "I see."} for name, cue in fields["cues"].items()}
    (folder / "benchmark.md").write_text(f"---\n{yaml.safe_dump(fields)}---{prose}", encoding="utf-8")
    use_folder(folder)
    try:
        return compose(["persona=benchmark"]).arc
    finally:
        use_folder(ROOT / "personas")


async def _in_calls() -> list[Row]:
    """The sentences as turns of a call, one call a voice, and a minute of noise at the end."""
    with tempfile.TemporaryDirectory() as name, livekit_server() as url:
        folder = Path(name)
        arc = _listening_customer(folder)
        await prepare({"en": arc}, (("en", said) for said in SAID))
        meaning = vectors_of(str(arc.embedder)).meaning(arc)
        meant = {said: CUES & set(fold(arc.front, [said], meaning).last.cues) for said in SAID}
        known = sum(map(bool, meant.values()))
        found: list[Row] = []
        with worker([*ours(folder, "thread", 0), f"record.dir={folder}"], url):
            for user, voice in enumerate(VOICES):
                async with calling(url, room_of(f"voice{user}")) as seen:
                    await seen.hears(60)
                    missed, wrong = 0, 0
                    for said in SAID:
                        turns, cues = await _heard_as(seen, folder, user, said, voice)
                        missed += bool(meant[said]) and not meant[said] & cues
                        wrong += bool(cues - meant[said])
                        if cues != meant[said]:
                            progress(f"{voice}: {said!r} → {turns}: {cues}, not {meant[said]}")
                    before, _ = _turns(folder, user)
                    for seed in range(20):
                        await seen.send(_resampled(_noise(seed)))
                    after, _ = _turns(folder, user)
                    found += [
                        Row(f"in a call: cues missed of {known}, {voice}", missed, "", goal=known * 0.2),
                        Row(f"in a call: sentences with a cue that was not said, {voice}", wrong, "", goal=1),
                        Row(
                            f"in a call: turns made of a minute of noise, {voice}", len(after) - len(before), "", goal=0
                        ),
                    ]
    return found


async def _heard_as(seen: Caller, folder: Path, user: int, said: str, voice: str) -> tuple[list[str], set[str]]:
    """What became of a sentence in a call: the turns that were heard, and their cues."""
    turns, cues = _turns(folder, user)
    await seen.say(said, voice)
    with suppress(TimeoutError):
        await seen.hears(8)
    await _silence(seen, 2)
    all_turns, all_cues = _turns(folder, user)
    return all_turns[len(turns) :], set(all_cues[len(cues) :])


def _turns(folder: Path, user: int) -> tuple[list[str], list[str]]:
    """What was heard in a user's call so far: the trainee's turns, and the cues in them."""
    (events,) = folder.glob(f"*/*-voice{user}/events.jsonl")
    told = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
    cues = [one["name"] for one in told if one["kind"] == "cue" and one["name"] in CUES]
    return [one["text"] for one in told if one["kind"] == "heard"], cues


def _resampled(frame: rtc.AudioFrame) -> bytes:
    resampler = rtc.AudioResampler(frame.sample_rate, RATE)
    return b"".join(bytes(one.data) for one in [*resampler.push(frame), *resampler.flush()])


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
