"""The link between the worker and its jobs, over a socket: large frames, broken ones, a side that does not read."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from runtime.call.sinks import CUT, TEXT_LIMIT, fan_out
from runtime.events import Ended, Event, Heard, How, Interim, Reload, Said, State, ToolCalled
from runtime.rooms.link import (
    FRAME_LIMIT,
    Connect,
    JobConnection,
    JobSettings,
    ThreadLink,
    WorkerConnection,
    accept_jobs,
    connect,
)
from runtime.spec.session_spec import Edit, FaultyEdit
from runtime.spec.settings import Record, ReloadMode, Rooms
from tests.composed import compose


class Worker:
    """The worker's end: what one job has told, and the connection to it."""

    def __init__(self, live: bool = True) -> None:
        self._live = live
        self.events: list[Event] = []
        self.over = asyncio.Event()
        self.job: JobConnection

    async def on_job(self, job: str, connection: JobConnection) -> Callable[[Event | None], None]:
        if job != "job":
            raise KeyError(job)
        self.job = connection
        connection.open(JobSettings("ann", ReloadMode.LIVE, Rooms(), Record(), live=self._live))
        return self.on_event

    def on_event(self, event: Event | None) -> None:
        if event is None:
            self.over.set()
        else:
            self.events.append(event)


@asynccontextmanager
async def linked(folder: Path) -> AsyncIterator[tuple[Worker, WorkerConnection]]:
    worker = Worker()
    async with accept_jobs(worker.on_job, folder / "link"):
        async with connect(folder / "link", "job") as job:
            yield worker, job
        await worker.over.wait()


async def test_a_line_of_twenty_megabytes_is_cut_and_the_call_goes_on(tmp_path: Path) -> None:
    """It says that it was cut; what comes after it arrives, and the job is not taken for lost."""
    async with linked(tmp_path) as (worker, job):
        emit = fan_out(job.emit, room="room", user="ann")
        emit(Heard(text="x" * 20_000_000, revision="r", emotion="angry"))
        emit(Reload(how=How.IN_PLACE, before="r", files=["y" * 1_000_000] * 300))
        emit(Ended(reason="hung_up"))
    heard, receipt, ended = worker.events
    assert isinstance(heard, Heard) and heard.text == "x" * TEXT_LIMIT + CUT
    assert isinstance(receipt, Reload) and receipt.files[0].endswith(CUT)
    assert ended == Ended(reason="hung_up", at=ended.at, room="room", user="ann")


async def test_a_worker_that_does_not_read_misses_only_what_moves(tmp_path: Path) -> None:
    """Interim words are left out once much is waiting; what was said, and receipts, never are."""
    async with linked(tmp_path) as (worker, job):
        text = "x" * TEXT_LIMIT
        for _ in range(100):  # in one step, in which nothing is read
            job.emit(Said(text=text, revision="r", emotion="angry"))
            job.emit(Interim(speaker="customer", text=text))
            job.emit(Reload(how=How.IN_PLACE, before="r"))
    kinds = [event.kind for event in worker.events]
    assert kinds.count("said") == kinds.count("reload") == 100
    assert 0 < kinds.count("interim") < 100


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("thread", [True, False])
async def test_what_moves_is_not_sent_to_a_worker_that_does_not_show_it(
    tmp_path: Path, thread: bool, live: bool
) -> None:
    """On a pipe, where a service's output goes, nobody reads how far a line is."""
    worker = Worker(live)
    async with AsyncExitStack() as stack:
        link: Connect = ThreadLink(worker.on_job).connect
        if not thread:
            await stack.enter_async_context(accept_jobs(worker.on_job, tmp_path / "link"))
            link = partial(connect, tmp_path / "link")
        async with link("job") as job:
            for event in (State(state="speaking"), Interim(speaker="customer", text="x"), Ended(reason="hung_up")):
                job.emit(event)
        await worker.over.wait()
    assert [event.kind for event in worker.events] == (["state", "interim", "ended"] if live else ["ended"])


async def test_json_nested_without_end_is_left_out(tmp_path: Path) -> None:
    """Whether it comes as an event of the call or straight into the socket: the next event is read."""
    nested: dict[str, object] = {}
    for _ in range(100_000):
        nested = {"a": nested}
    async with linked(tmp_path) as (worker, job):
        emit = fan_out(job.emit)
        emit(ToolCalled(name="look_up", arguments=nested))
        for frame in (b"[" * 100_000, b"{}", b"\xff"):
            job._writer.write(len(frame).to_bytes(4, "big") + frame)  # type: ignore[attr-defined]
        emit(Ended(reason="hung_up"))
    assert [event.kind for event in worker.events] == ["tool", "ended"]


@pytest.mark.parametrize("hello", [b"[" * 100_000, b"{}", b'{"job": "other"}', b"\xff"])
async def test_whatever_else_connects_is_turned_away(tmp_path: Path, hello: bytes) -> None:
    """And the job that is expected is served."""
    async with linked(tmp_path) as (worker, job):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "link")
        writer.write(len(hello).to_bytes(4, "big") + hello)
        assert await reader.read() == b""
        writer.close()
        job.emit(Ended(reason="hung_up"))
    assert [event.kind for event in worker.events] == ["ended"]


async def test_a_job_knows_at_once_that_its_worker_is_gone(tmp_path: Path) -> None:
    """Also while it waits for no edit; what it tells then goes nowhere, and raises nothing."""
    worker = Worker()
    async with accept_jobs(worker.on_job, tmp_path / "link") as _:
        connecting = connect(tmp_path / "link", "job")
        job = await connecting.__aenter__()
    await job.lost.wait()
    job.emit(Ended(reason="lost"))
    assert [edit async for edit in job.edits()] == []
    await connecting.__aexit__(None, None, None)


async def test_a_spec_too_large_for_the_link_is_an_edit_that_is_rejected(tmp_path: Path) -> None:
    """The call goes on with the one that it has."""
    spec = compose([])
    large = replace(spec, persona=replace(spec.persona, prose="x" * FRAME_LIMIT), revision="large")
    async with linked(tmp_path) as (worker, job):
        edits = job.edits()
        for sent in (Edit(spec), Edit(large), Edit(spec)):
            worker.job.send(sent)
        first, second, third = [await anext(edits) for _ in range(3)]
        assert isinstance(first, Edit) and first.spec == spec
        assert isinstance(second, FaultyEdit) and "bytes" in second.error
        assert isinstance(third, Edit)


async def test_each_job_gets_its_own_spec_of_one_save(tmp_path: Path) -> None:
    """Whatever other calls get at that moment."""
    specs = [compose([f"persona={name}"]) for name in ("sarah_thompson", "david_chen")]
    async with linked(tmp_path) as (worker, job):
        edits = job.edits()
        for spec in specs:
            worker.job.send(Edit(spec, at=1.0, files=("personas/david_chen.md",)))
        got = [await anext(edits) for _ in specs]
        assert [edit.spec for edit in got if isinstance(edit, Edit)] == specs


async def test_a_job_that_is_not_expected_gets_nothing(tmp_path: Path) -> None:
    """It is refused, as where no worker is."""
    async with linked(tmp_path):
        with pytest.raises(ConnectionRefusedError):
            async with connect(tmp_path / "link", "other"):
                pass
