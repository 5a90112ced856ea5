"""What a call cost, by what its models used and the prices that its folder was made with. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..spec.settings import Prices


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
