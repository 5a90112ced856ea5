"""The local voice activity detector of a call: there is one, and a recognizer hears what it hears."""

import pytest
from livekit.agents.vad import VAD

from runtime.events import Heard, Reload
from tests.caller import RATE, speech
from tests.composed import compose
from tests.held import Held, held
from tests.loopback.audio import silence
from tests.loopback.openai_http import OpenAIHTTPServer

WINDOW = 0.032
"""Seconds of audio that the detector takes at a time."""


async def said(line: Held, number: int) -> float:
    """The trainee speaks, and the recognizer has heard it as the call's line of that number; seconds of audio."""
    pcm = await speech("I have got your account in front of me now.") + silence(1.5, RATE)
    line.microphone.pick_up(pcm, RATE)
    await line.until(lambda: len(line.of(Heard)) == number)
    return len(pcm) / 2 / RATE


async def test_a_voice_is_detected_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """For turns and recognizer together, not for each of them, by the detector's own count."""
    async with OpenAIHTTPServer() as server, held("openai_pipeline", server, monkeypatch) as line:
        windows: list[int] = []
        detector = line.session.current_agent.vad
        assert isinstance(detector, VAD)
        detector.on("metrics_collected", lambda metrics: windows.append(metrics.inference_count))
        seconds = await said(line, 1)
        assert 0.5 * seconds / WINDOW < sum(windows) <= seconds / WINDOW


async def test_a_recognizer_hears_through_a_new_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recognizer outlives the detector that an edit replaces, and overhears the new one, also under another LLM."""
    quicker = ["model=openai_pipeline", "vad.detector.options.min_silence_duration=0.3"]
    async with OpenAIHTTPServer() as server, held("openai_pipeline", server, monkeypatch) as line:
        await said(line, 1)
        line.edit(compose(quicker))
        assert (await line.receipt()).after
        await said(line, 2)
        line.edit(compose([*quicker, "model.llm.options.temperature=0.5"]))
        await line.until(lambda: len(line.of(Reload)) == 2)
        await said(line, 3)
