"""Spoken rehearsals: the trainee's lines are said and heard, the persona's are heard back. In real time, so short."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from runtime.config.validation import validated
from runtime.errors import NotOffered, SpecError
from runtime.events import AudioStarted, CueFound, Heard, Said
from runtime.record.folder import AUDIO, read_folder
from runtime.rehearse.job import Job, hold_in_loop
from runtime.rehearse.sweep import Outcome
from runtime.rehearse.trainee import check_spoken
from runtime.spec.session_spec import Model, Part
from runtime.spec.settings import Band, LineQuality, Settings
from runtime.spec.trainee import ScriptLine
from tests.conftest import Run
from tests.loopback import Server, Stall
from tests.loopback.gemini import GeminiServer
from tests.loopback.openai_http import OpenAIHTTPServer
from tests.loopback.openai_realtime import OpenAIRealtimeServer

from .jobs import job

LATE = 0.5
pytestmark = pytest.mark.usefixtures("brisk")
PAUSE = 0.3
"""Seconds of silence by which the servers on loopback tell that a turn is over."""
SENTENCE = "I am so sorry, this is our mistake and nobody else's, I will see to it now."


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trainee who speaks as soon as she has finished."""
    monkeypatch.setattr("runtime.rehearse.job.PAUSE_SECONDS", 0.3)


def spoken(folder: Path, *overrides: str, says: str = SENTENCE, voice: str = "", **more: Any) -> Job:
    """A spoken call of one line, said by the voice at this address where one is given."""
    asked = job(folder, *overrides)
    options = {"base_url": voice, "api_key": "env:OPENAI_API_KEY", "response_format": "pcm"}
    trainee = replace(asked.trainee, tts=Part("openai", options)) if voice else asked.trainee
    return replace(asked, audio=True, script=(ScriptLine(say=says),), trainee=trainee, **more)


@pytest.mark.parametrize(
    ("model", "kind"), [("openai_realtime", OpenAIRealtimeServer), ("gemini_realtime", GeminiServer)]
)
async def test_a_models_latency_is_what_a_trainee_who_speaks_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, kind: type[Server]
) -> None:
    """From their last sound to her first, on a line with noise and losses, said by any plugin's voice; the folder has
    both voices."""
    options: Any = {"on_turn": [None, Stall(LATE)], "hears": [SENTENCE], "reply": lambda *_: "I see."}
    async with kind(**options) as server, OpenAIHTTPServer() as voice:
        for name, value in {"OPENAI_API_KEY": "loopback", **server.environment}.items():  # type: ignore[attr-defined]
            monkeypatch.setenv(name, value)
        line = LineQuality(noise=30, band=Band.PHONE, loss=0.05)
        asked = spoken(tmp_path / "call", f"model={model}", "vad=none", voice=voice.base_url, line=line)
        row = await hold_in_loop(asked)
    assert [said.body["input"] for said in voice.speeches] == [SENTENCE]
    assert row.outcome is Outcome.DONE and row.measures, row
    assert row.measures.turns == 1 and row.measures.first_audio is not None
    assert row.measures.latency and PAUSE + LATE <= row.measures.latency < PAUSE + LATE + 2
    assert row.measures.pace and row.measures.her_pace and row.measures.heard_right == 100
    log = read_folder(tmp_path / "call").log
    assert [heard.text for heard in log.of(Heard)] == [SENTENCE]
    assert log.first(AudioStarted) and (tmp_path / "call" / AUDIO).stat().st_size > 1000
    assert [said.latency is None for said in log.of(Said)] == [True, False]


async def test_offline_the_trainee_is_really_heard_and_she_is(
    tmp_path: Path, use_personas: Callable[[str, str], Path]
) -> None:
    """One voice says the line, Whisper hears it, another voice answers: what she says moves with what was heard."""
    for package, extra in (("espeakng_loader", "voice"), ("faster_whisper", "hearing")):
        pytest.importorskip(package, reason=f'needs the "{extra}" extra: uv sync --extra {extra}')
    use_personas("bill", "---\nopening: {en: Yes?}\n---\n# Persona: Bill\nYou were billed twice.\n")
    asked = spoken(tmp_path / "call", "persona=bill", "listening=phrases", says="I am so sorry, this is our mistake.")
    row = await hold_in_loop(asked)
    assert row.outcome is Outcome.DONE and row.measures, row
    log = read_folder(tmp_path / "call").log
    (heard,) = log.of(Heard)
    assert "sorry" in heard.text and heard.seconds and 1 < heard.seconds < 6
    assert log.of(CueFound) and len(log.of(Said)) > 1
    assert row.measures.latency and row.measures.pace and row.measures.her_pace
    assert row.measures.heard_right and row.measures.heard_right > 60
    levels = loudest(tmp_path / "call" / AUDIO)
    assert min(levels) > 0.03, "both sides are heard"


def loudest(file: Path) -> list[float]:
    """The loudest sample of each side of a recording, 0 to 1."""
    with av.open(file) as container:
        sides = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    return list(np.abs(sides).max(axis=1))


def test_what_cannot_be_spoken_is_said_before_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that does not hear the language, a voice or an ear that is not installed."""
    thai = job(tmp_path, "language=th")
    with pytest.raises(NotOffered, match=r"model=offline does not hear language=th: .*tiny\.en hears English alone"):
        check_spoken(thai.trainee, thai.spec, "good")
    gemini = job(tmp_path, "model=gemini_realtime", "vad=none")
    check_spoken(gemini.trainee, gemini.spec, "good")
    monkeypatch.setattr("runtime.call.build.find_spec", lambda name: None)
    with pytest.raises(NotOffered, match='trainee=good speaks with the "voice" extra alone: uv sync --extra voice'):
        check_spoken(gemini.trainee, gemini.spec, "good")
    typed = replace(gemini.spec, model=Model(llm=Part("openai")))
    with pytest.raises(NotOffered, match="has no stt and no tts: it can be typed to, but not spoken with"):
        check_spoken(gemini.trainee, typed, "good")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"loss": 1.5}, "rehearse.line.loss: 1.5"),
        ({"noise": 200}, "rehearse.line.noise: 200"),
        ({"band": "phon"}, "rehearse.line.band: 'phon'.*phone"),
        ({"hiss": 1}, "rehearse.line.hiss: no such key"),
    ],
)
def test_a_line_that_cannot_be_is_a_mistake_in_one_line(given: dict[str, object], said: str) -> None:
    """It says key, value and what would do."""
    with pytest.raises(SpecError, match=said):
        validated(Settings, {"rehearse": {"line": given}})


def test_what_a_line_does_is_of_spoken_calls_alone(run: Run, here: Path) -> None:
    """A typed call of a sweep is skipped, and says why, rather than held on a line that it has not."""
    done = run("-m", "rehearse.line.noise=null,10")
    assert done.code == 0 and "– 1 skipped: rehearse.line is of spoken calls alone: rehearse.audio=true" in done.out
