"""Rehearsals with the providers' protocols, against servers on loopback with latency and failures of the test's own."""

from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from runtime.config.compose import compose_config, read_settings
from runtime.events import Heard, Said
from runtime.record.folder import SCORECARD, read_folder
from runtime.record.score import card_from_json
from runtime.rehearse.job import hold, hold_in_loop
from runtime.rehearse.sweep import Outcome
from runtime.rehearse.trainee import HANGS_UP
from runtime.spec.trainee import ScriptLine
from tests.loopback import Refuse, Server, Stall
from tests.loopback.gemini import GeminiServer
from tests.loopback.openai_http import OpenAIHTTPServer
from tests.loopback.openai_realtime import OpenAIRealtimeServer

from .jobs import job

LATE = 2.0
"""Seconds that a server takes until it answers a turn."""
SCRIPT = tuple(ScriptLine(say=text) for text in ("Hello?", "I understand.", "Goodbye."))


def line(conversation: object, heard: str) -> str:
    return "I see."


SERVERS: list[tuple[str, type[Server], str]] = [
    ("openai_pipeline", OpenAIHTTPServer, "on_chat"),
    ("openai_realtime", OpenAIRealtimeServer, "on_turn"),
    ("gemini_realtime", GeminiServer, "on_turn"),
]


@pytest.mark.parametrize(("model", "kind", "faults"), SERVERS, ids=[name for name, *_ in SERVERS])
async def test_a_models_latency_is_what_the_trainee_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, kind: type[Server], faults: str
) -> None:
    """From the end of a turn to her first word, of each turn of a typed call: where every other turn is late, it is as
    late as the server was within 5 %, beside what any turn takes on this machine."""
    options: dict[str, Any] = {"reply": line, faults: [None, Stall(LATE)] * 10}
    async with kind(**options) as server:
        for name, value in server.environment.items():  # type: ignore[attr-defined]
            monkeypatch.setenv(name, value)
        asked = job(tmp_path / "call", f"model={model}", "vad=none", "listening=phrases")
        row = await hold_in_loop(replace(asked, script=2 * SCRIPT))
    assert row.outcome is Outcome.DONE and row.measures, row
    assert row.measures.turns == 6 and row.measures.input_tokens
    opening, *latencies = [said.latency for said in read_folder(tmp_path / "call").log.of(Said)]
    shown = sorted(latency for latency in latencies if latency is not None)
    assert opening is None and len(shown) == 6
    assert row.measures.latency == pytest.approx(median(shown), abs=1e-4)
    assert shown[3] - shown[0] == pytest.approx(LATE, rel=0.05)


async def test_a_model_that_refuses_is_a_failed_call_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that fails and recovers is a call that was held, with its failures counted."""
    async with OpenAIHTTPServer(reply=line, on_chat=[Refuse(401)] * 50) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        row = await hold_in_loop(replace(job(tmp_path / "refused", "model=openai_pipeline"), script=SCRIPT))
    assert row.outcome is Outcome.FAILED and "401" in row.reason
    async with OpenAIHTTPServer(reply=line, on_chat=[None, Refuse(500)]) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        row = await hold_in_loop(replace(job(tmp_path / "recovered", "model=openai_pipeline"), script=SCRIPT))
    assert row.outcome is Outcome.DONE and row.measures and row.measures.failures == 1


def test_a_secret_that_is_not_set_is_a_failed_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says which, and where to get it."""
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    row = hold(job(tmp_path / "call", "model=gemini_realtime"))
    assert row.outcome is Outcome.FAILED and "GOOGLE_API_KEY is not set (get it from" in row.reason


async def test_a_call_tells_its_cost_by_the_price_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In its scorecard and in the sweep's row; its folder keeps the prices that it is by."""
    settings = read_settings(compose_config([]))
    async with OpenAIHTTPServer(reply=line) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        asked = job(tmp_path / "call", "model=openai_pipeline", "listening=phrases")
        row = await hold_in_loop(replace(asked, script=SCRIPT, record=settings.record))
    assert row.measures and row.measures.cost and row.measures.cost > 0
    kept = read_folder(tmp_path / "call")
    assert card_from_json((tmp_path / "call" / SCORECARD).read_bytes()).conduct.cost == row.measures.cost
    assert kept.log.header.prices == settings.record.prices != {}


async def test_a_language_model_may_be_the_trainee(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told who it is and what was said, says one turn after the other, and hangs up with a word of its own."""
    said = iter(["I am sorry, this is our mistake.", "I am refunding you.", f"Goodbye. {HANGS_UP}", HANGS_UP])
    async with OpenAIHTTPServer(reply=lambda conversation, heard: next(said)) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        row = await hold_in_loop(job(tmp_path / "call", trainee="simulated"))
    assert row.outcome is Outcome.DONE and row.measures and row.measures.turns == 3, row
    first = server.chats[0]
    assert "three weeks" in first.instruction and "in English" in first.instruction and "billed twice" in first.heard
    turns = [heard.text for heard in read_folder(tmp_path / "call").log.of(Heard)]
    assert turns == ["I am sorry, this is our mistake.", "I am refunding you.", "Goodbye."]
