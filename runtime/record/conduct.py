"""How a call was held: who talked how much, interruptions, silences, pace, latency, and what it cost. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles

from ..events import CueFound, Said, Speaker
from ..spec.persona import CommonCue, Emotion
from ..spec.settings import Prices
from ..spec.writing_system import THAI_TEXT, thai_share
from .call_log import CallLog, Line

SILENCE_SECONDS = 3.0
"""A pause that is longer is a silence."""
CALM = (Emotion.NEUTRAL, Emotion.SATISFIED, Emotion.HAPPY)
APOLOGIES = (CommonCue.APOLOGY, CommonCue.OWNERSHIP)
"""The cues of any customer by which a trainee says sorry."""


@dataclass(frozen=True, slots=True)
class Silence:
    """A pause of more than three seconds, and whose turn it was to speak."""

    at: float
    seconds: float
    whose: str


@dataclass(frozen=True, slots=True)
class Conduct:
    """How the call was held. Seconds into the call and shares (0-1); None where it did not come to that, or nobody
    knows. `talk_by` says whether the share is of `time` or of `characters`, `pace_in` whether `words` or `characters` a
    minute are counted, as Thai has no spaces between words. `cost` is in dollars; None where a model has no price."""

    seconds: float
    turns: int
    talk_share: float | None
    talk_by: str
    interrupted_her: int
    interrupted_by_her: int
    silences: tuple[Silence, ...]
    pace: int | None
    pace_in: str
    to_apology: float | None
    to_calm: float | None
    latency_p50: float | None
    latency_p95: float | None
    cost: float | None = None


def conduct(log: CallLog) -> Conduct:
    """How the call was held."""
    trainee = [line for line in log.lines if line.speaker == "operator"]
    hers = [line for line in log.lines if line.speaker == "customer"]
    share, by = _talk_share(trainee, hers)
    its_pace, pace_in = pace(trainee)
    p50, p95 = latency(log, digits=2)
    return Conduct(
        seconds=round(log.length, 1),
        turns=len(trainee),
        talk_share=share,
        talk_by=by,
        interrupted_her=sum(line.event.interrupted for line in hers if isinstance(line.event, Said)),
        interrupted_by_her=sum(any(her.at < line.end - 0.3 and her.at > line.at for her in hers) for line in trainee),
        silences=tuple(silences(log)),
        pace=its_pace,
        pace_in=pace_in,
        to_apology=_first([log.at(cue, cue.turn) for cue in log.of(CueFound) if cue.name in APOLOGIES]),
        to_calm=_first([at for at, moved in log.mood if moved.emotion in CALM]),
        latency_p50=p50,
        latency_p95=p95,
        cost=cost(log.ended.usage, log.header.prices) if log.ended else None,
    )


def latency(log: CallLog, *, digits: int) -> tuple[float | None, float | None]:
    """How long the persona took to answer: the p50 and the p95 of her turns (interpolated) in seconds, rounded to so
    many digits; None where no turn tells."""
    taken = [said.latency for said in log.of(Said) if said.latency is not None]
    cuts = quantiles(taken, n=20, method="inclusive") if len(taken) > 1 else taken * 19
    return (round(cuts[9], digits), round(cuts[18], digits)) if cuts else (None, None)


def _first(times: Sequence[float]) -> float | None:
    return round(min(times), 1) if times else None


def _talk_share(trainee: Sequence[Line], hers: Sequence[Line]) -> tuple[float | None, str]:
    both = [*trainee, *hers]
    if both and all(line.seconds is not None for line in both):
        mine, total, by = sum(line.seconds or 0 for line in trainee), sum(line.seconds or 0 for line in both), "time"
    else:
        mine = sum(len(line.event.text) for line in trainee)
        total, by = sum(len(line.event.text) for line in both), "characters"
    return (round(mine / total, 2) if total else None), by


def pace(lines: Iterable[Line]) -> tuple[int | None, str]:
    """How many words a minute are said in these lines, or in Thai how many characters, and which of the two."""
    timed = [line for line in lines if line.seconds]
    text = " ".join(line.event.text for line in timed)
    thai = thai_share(text) > 0.5
    letters = [c for c in text if c.isalnum() or THAI_TEXT.match(c)]
    count = sum(not unicodedata.combining(c) and unicodedata.category(c) != "Mn" for c in letters)
    minutes = sum(line.seconds or 0 for line in timed) / 60
    unit = "characters" if thai else "words"
    return (round((count if thai else len(text.split())) / minutes) if minutes else None), unit


def silences(log: CallLog) -> list[Silence]:
    """The pauses of a spoken call, between one line and the next."""
    if not log.spoken:
        return []
    found = []
    for before, after in zip(log.lines, log.lines[1:], strict=False):
        seconds = after.at - before.end
        if before.seconds is not None and after.event.start is not None and seconds > SILENCE_SECONDS:
            whose: Speaker = "operator" if before.speaker == "customer" else "customer"  # a clock of hers may break it
            found.append(Silence(round(before.end, 1), round(seconds, 1), whose))
    return found


def cost(usage: Sequence[Mapping[str, object]], prices: Prices) -> float | None:
    """Dollars that a call cost; None where a model that was used, or a kind of token of it, has no price."""
    total = 0.0
    for used in usage:
        if used.get("provider") == "offline":
            continue
        counts = {key: float(value) for key, value in used.items() if isinstance(value, int | float)}
        price = prices.get(str(used.get("model", "")))
        billed = _billed(counts, price) if price else {}
        if price is None or any(count and kind not in price for kind, count in billed.items()):
            return None
        total += sum(count * price.get(kind, 0.0) for kind, count in billed.items())
    return round(total, 6) if usage else None


def _billed(counts: Mapping[str, float], price: Mapping[str, float]) -> dict[str, float]:
    """What is paid for, by the names of `conf/prices.yaml`: millions of characters where those have a price, else
    minutes of audio where those have one, else millions of tokens of each kind."""
    if "characters" in price:
        return {"characters": counts.get("characters_count", 0.0) / 1e6}
    if "minutes" in price:
        return {"minutes": counts.get("audio_duration", 0.0) / 60}
    audio_in, audio_out = (counts.get(f"{way}_audio_tokens", 0.0) for way in ("input", "output"))
    cached = counts.get("input_cached_tokens", 0.0)
    cached_audio = counts.get("input_cached_audio_tokens", 0.0)
    tokens = {
        "input": counts.get("input_tokens", 0.0) - audio_in - (cached - cached_audio),
        "cached_input": cached,
        "audio_input": audio_in - cached_audio,
        "output": counts.get("output_tokens", 0.0) - audio_out,
        "audio_output": audio_out,
    }
    return {kind: max(0.0, count) / 1e6 for kind, count in tokens.items()}
