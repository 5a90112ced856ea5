"""What is printed where no terminal is: lines to read, or one JSON object an event."""

import json
import subprocess
import sys

from runtime.events import KINDS
from tests.caller import calling, room_of
from tests.conftest import Run
from tests.worker import serving


def test_a_call_in_the_terminal_is_json_on_request(run: Run) -> None:
    """lines=json: one object an event, in order, none of them for what moves within a line; stderr stays empty."""
    done = run("lines=json", "language=th", stdin="สวัสดีค่ะ\n")
    assert (done.code, done.err) == (0, "")
    events = [json.loads(line) for line in done.out.splitlines()]
    kinds = ["notice", "started", "said", "heard", "cue", "said", "ended", "scored"]
    assert [event["kind"] for event in events] == kinds
    assert events[3]["text"] == "สวัสดีค่ะ"
    assert all(event["kind"] in KINDS and event["at"] for event in events)


def test_an_unknown_kind_of_lines_is_refused(run: Run) -> None:
    """The error names the key and the choices."""
    done = run("lines=xml")
    assert done.code == 2
    assert "lines" in done.err and "plain" in done.err and "json" in done.err


def test_the_secret_of_a_development_server_is_no_warning() -> None:
    """README's first call has the key `devkey` and the secret `secret`; each token would be a warning on stderr."""
    code = "import runtime.rooms.job; from livekit.api import AccessToken; AccessToken('devkey', 'secret').to_jwt()"
    assert subprocess.run([sys.executable, "-W", "default", "-c", code], capture_output=True, check=True).stderr == b""


async def test_every_line_of_a_room_names_user_and_room(livekit_url: str, environment: dict[str, str]) -> None:
    """As JSON, for a log collector."""
    room = room_of()
    async with serving(livekit_url, environment, "lines=json") as worker:
        async with calling(livekit_url, room) as caller:
            await caller.reads_to("What are you going to do about it?")
        await worker.until('"kind": "ended"')
        events = [event for event in map(json.loads, worker.lines) if event["room"]]
        assert [event["kind"] for event in events] == ["started", "audio", "said", "ended"], events
        assert {(event["room"], event["user"]) for event in events} == {(room, "abc123")}


async def test_a_plain_line_names_user_and_room(livekit_url: str, environment: dict[str, str]) -> None:
    """In a pipe; on a terminal the user alone."""
    room = room_of()
    async with serving(livekit_url, environment) as worker:
        async with calling(livekit_url, room) as caller:
            await caller.reads_to("What are you going to do about it?")
        await worker.until("Call ended")
        calls = [line for line in worker.lines if "mode=auto" not in line and "registered" not in line]
        assert len(calls) >= 3
        assert all(f"[abc123] {room} " in line for line in calls)
