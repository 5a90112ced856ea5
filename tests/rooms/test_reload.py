"""Edits that reach calls in rooms: real clients, a real LiveKit server, providers on loopback, both executors."""

import asyncio
import json
import re
import shutil
import urllib.request
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from runtime.record.folder import AUDIO
from tests.call.test_reload import obeys
from tests.caller import calling, room_of
from tests.conftest import ROOT
from tests.livekit_server import free_port
from tests.loopback.gemini import GeminiServer
from tests.loopback.openai_http import OpenAIHTTPServer
from tests.record.test_audio import sides, sounds
from tests.rooms.test_record import session_of
from tests.worker import Worker, serving

USERS = ("ann", "bob", "cat")
PATIENT = "timers: [{after: 1000s, mood: -1}]\n"
"""No clock makes her speak while an edit is on its way, however busy the machine is."""
NEW = f"---\n{PATIENT}---\n# Persona: Sarah\nYour dog is called Biscuit."


@pytest.fixture
def file(personas: Path) -> Path:
    """Sarah's file, in a folder of its own, of a patient Sarah."""
    file = Path(shutil.copy(ROOT / "personas/sarah_thompson.md", personas))
    text, clocks = re.subn(r"(?m)^timers:\n(?:  .*\n)+", PATIENT, file.read_text())
    assert clocks == 1
    file.write_text(text)
    return file


async def receipts(worker: Worker, number: int) -> list[dict[str, Any]]:
    """So many receipts, once they are there."""
    assert worker.process.stdout
    async with asyncio.timeout(60):
        while len(found := [e for e in map(json.loads, worker.lines) if e["kind"] == "reload"]) < number:
            line = await worker.process.stdout.readline()
            assert line, worker.lines
            worker.lines.append(line.decode())
            print(line.decode()[:300], end="")
    return found


def saved(file: Path, text: str) -> None:
    """Saves as most editors do."""
    beside = file.with_suffix(".new")
    beside.write_text(text)
    beside.rename(file)


@pytest.mark.parametrize("executor", ["process", "thread"])
async def test_one_edit_reaches_every_call(
    executor: str, livekit_url: str, environment: dict[str, str], file: Path
) -> None:
    """Three calls, one edit: three receipts, three changed answers, no second greeting, no lost history."""
    async with GeminiServer(reply=obeys) as server, AsyncExitStack() as stack:
        # By phrases: three calls that learn from the examples anew at once hear later than the model answers.
        options = [f"personas_dir={file.parent}", "model=gemini_realtime", "lines=json", "listening=phrases"]
        how = (f"worker.executor={executor}", "worker.idle_processes=3")
        worker = await stack.enter_async_context(serving(livekit_url, environment | server.environment, *options, *how))
        callers = [await stack.enter_async_context(calling(livekit_url, room_of(user))) for user in USERS]
        for caller in callers:
            await caller.reads(1, 60)
        saved(file, NEW)
        found = await receipts(worker, 3)
        assert {receipt["user"] for receipt in found} == set(USERS)
        assert {receipt["how"] for receipt in found} == {"swapped"}
        # Typed: where voice is detected here, a busy machine may take one turn for two.
        await asyncio.gather(*(caller.types("hello") for caller in callers))
        assert {tuple(caller.texts[1:]) for caller in callers} == {("operator: hello", "customer: Biscuit, hello")}
        for connection in server.connections[3:]:
            assert connection.history[0] == ("assistant", "no dog,")


async def test_audio_goes_on_while_an_edit_is_applied(
    livekit_url: str, environment: dict[str, str], file: Path
) -> None:
    """Edits in the middle of a long line leave no gap in what she sends: in her recording, as a busy trainee's client
    may receive less."""
    long = " ".join(f"word{number}" for number in range(60))
    async with OpenAIHTTPServer(reply=lambda c, heard: long) as server:
        saved(file, "# Persona: Sarah\nNo opening.")
        options = [f"personas_dir={file.parent}", "model=openai_pipeline", "model.turn_seconds=0", "lines=json"]
        async with serving(livekit_url, environment | server.environment, *options) as worker:
            async with calling(livekit_url, room_of()) as caller:
                await caller.hears(60)
                for number in range(10):
                    saved(file, f"{NEW} {number}")
                    assert (await receipts(worker, number + 1))[number]["how"] == "in place"
                    await caller.hears()
                assert not caller.texts  # she has not come to an end
                await caller.reads(1)
                assert caller.texts == [f"customer: {long}"]
            await worker.until('"kind": "ended"')
    assert len(sounds(sides(session_of(environment) / AUDIO)[1])) == 1


async def test_prometheus_tells_good_from_bad(livekit_url: str, environment: dict[str, str], file: Path) -> None:
    """Valid, invalid, valid again: what the model got, the receipt and the metric agree."""
    port = free_port()

    async def metric(name: str) -> float:
        url = f"http://127.0.0.1:{port}/metrics"
        text = (await asyncio.to_thread(lambda: urllib.request.urlopen(url).read())).decode()
        (line,) = (line for line in text.splitlines() if line.startswith(name))
        return float(line.rpartition(" ")[2])

    async with GeminiServer(reply=obeys) as server:
        options = [f"personas_dir={file.parent}", "model=gemini_realtime", "lines=json", "worker.idle_processes=1"]
        async with serving(
            livekit_url, environment | server.environment, *options, f"worker.prometheus_port={port}", real=True
        ) as worker:
            async with calling(livekit_url, room_of()) as caller:
                await caller.reads(1, 60)
                assert await metric("voice_persona_config_last_reload_successful") == 1
                began = await metric("voice_persona_config_last_reload_success_timestamp_seconds")
                saved(file, NEW)
                first = (await receipts(worker, 1))[0]
                assert await metric(
                    f'voice_persona_active_revision{{persona="sarah_thompson",revision="{first["after"]}"}}'
                )
                assert await metric("voice_persona_config_last_reload_success_timestamp_seconds") > began
                saved(file, "---\nmood: angry\n---\nHi.")
                assert (await receipts(worker, 2))[1]["how"] == "rejected"
                assert await metric("voice_persona_config_last_reload_successful") == 0
                await caller.types("hello")
                assert caller.texts[2] == "customer: Biscuit, hello"
                saved(file, NEW.replace("Biscuit", "Rex"))
                assert (await receipts(worker, 3))[2]["how"] == "swapped"
                assert await metric("voice_persona_config_last_reload_successful") == 1
                assert await metric('voice_persona_reload_receipts_total{how="swapped"}') == 2
                assert "Rex" in server.connections[-1].instruction


async def test_new_rooms_get_what_the_files_say_now(livekit_url: str, environment: dict[str, str], file: Path) -> None:
    """A persona that is dropped in, and one that is edited, serve the next room without a restart."""
    sarah = (ROOT / "personas/sarah_thompson.md").read_text()
    async with serving(livekit_url, environment, f"personas_dir={file.parent}") as worker:
        saved(
            file.with_name("bob.md"),
            "---\nscenarios: [fraud-01]\nopening: My card was used by someone else.\n---\n# Persona: Bob\nHi.",
        )
        await worker.until("bob.md saved")
        async with calling(livekit_url, room_of(scenario="fraud-01")) as caller:
            await caller.reads(1, 60)
            assert caller.texts == ["customer: My card was used by someone else."]
        await worker.until("Call ended")
        file.with_name("bob.md").unlink()
        await worker.until("bob.md is gone")
        saved(file, sarah.replace("Finally! I have been", "At last. I was"))
        await worker.until("sarah_thompson.md saved")
        async with calling(livekit_url, room_of()) as caller:
            await caller.reads(1, 60)
            assert caller.texts[0].startswith("customer: At last.")
