"""Calls in rooms with the providers' real plugins, against servers on loopback that speak their protocols."""

from itertools import chain, repeat
from typing import Any

import pytest

from tests.caller import SORRY, calling, room_of
from tests.loopback import Refuse
from tests.loopback.gemini import GeminiServer
from tests.loopback.openai_http import OpenAIHTTPServer
from tests.loopback.openai_realtime import OpenAIRealtimeServer
from tests.worker import serving

PROVIDERS = [
    (GeminiServer, "model=gemini_realtime", "vad=none"),
    (OpenAIRealtimeServer, "model=openai_realtime", "vad=none"),
    (OpenAIHTTPServer, "model=openai_pipeline", "vad=silero"),
]


@pytest.mark.parametrize(("kind", "model", "vad"), PROVIDERS, ids=lambda value: str(value).removeprefix("model="))
async def test_a_spoken_turn_is_answered(
    kind: Any, model: str, vad: str, livekit_url: str, environment: dict[str, str]
) -> None:
    """The opening is heard; the trainee's words stand before the answer to them, on the screen and in the log."""
    said = chain(["I was billed twice!"], repeat("When is my refund?"))
    async with kind(reply=lambda c, h: next(said), hears=repeat(SORRY)) as server:
        options = (model, vad, "rooms.transcripts=data")
        async with serving(livekit_url, environment | server.environment, *options) as worker:
            async with calling(livekit_url, room_of()) as caller:
                await caller.hears(40)
                await caller.reads(1)
                await caller.say(SORRY)
                await caller.hears()
                await caller.reads(3)
                opening, heard, answer = caller.texts[:3]
                assert opening.startswith("customer: ")
                turns = heard.count(SORRY)  # where voice is detected here, a busy machine may take one turn for two
                assert turns >= 1 and heard == "operator: " + " ".join([SORRY] * turns)
                assert answer.startswith("customer: ") and answer != opening
            await worker.until("Call ended: the trainee hung up")


async def test_a_customer_who_cannot_speak_hangs_up(livekit_url: str, environment: dict[str, str]) -> None:
    """Speech that fails twice ends the call with a reason; the trainee reads that the line went dead, and stays."""
    room = room_of()
    async with OpenAIHTTPServer(on_speech=repeat(Refuse(401))) as server:
        options = ("model=openai_pipeline", "rooms.answer_timeout=3")
        async with serving(livekit_url, environment | server.environment, *options) as worker:
            async with calling(livekit_url, room) as caller:
                await worker.until("Call ended: a failure")
                await caller.reads(1)
                assert caller.texts[-1] == "customer: (The line went dead.)"
                assert caller.lines[-1]["emotion"] == "neutral"
                await caller.sees_the_customer_leave()
                assert caller.disconnected is None
