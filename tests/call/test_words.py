"""Words in step with a voice."""

from livekit import rtc

from runtime.call.words import Pauses
from tests.loopback.audio import silence, tone

RATE = 24_000


async def test_a_pause_is_told_from_speech() -> None:
    """Two seconds of voice and two of nothing: words come in the first, and none in the second."""
    stream = Pauses().stream()
    pcm = tone(2, RATE) + silence(2, RATE)
    for start in range(0, len(pcm), 4800):
        stream.push_frame(rtc.AudioFrame(pcm[start : start + 4800], RATE, 1, 2400))
    stream.end_input()
    rates = {round(event.timestamp, 1): event.speaking_rate async for event in stream}
    await stream.aclose()
    assert {rate for at, rate in rates.items() if at < 1.4} == {1.0}
    assert {rate for at, rate in rates.items() if at > 2.6} == {0.0}
