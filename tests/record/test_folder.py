"""The session folder: what is written while the call is on, and what becomes of it when something is in the way."""

import asyncio
import gc
import json
import os
import random
import re
import shutil
import stat
import subprocess
import threading
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import IO, Any

import psutil
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from runtime.config.validation import validated
from runtime.errors import SpecError
from runtime.events import SCHEMA, Event, Header, Heard, Interim, Notice, Said, Scored, from_json, to_json
from runtime.record import writer as module
from runtime.record.folder import (
    adapter,
    finish,
    folders,
    make_folder,
    read_card,
    read_folder,
    render,
    safe_name,
    scored_by,
    write_private,
)
from runtime.record.recorder import CallRecorder
from runtime.record.upkeep import delete_old, forget, look_after, score_again, tidy, users
from runtime.record.writer import SessionWriter, put_line
from runtime.spec.session_spec import SessionSpec
from runtime.spec.settings import Record
from tests.composed import compose
from tests.conftest import Program
from tests.record.calls import good, poor


@pytest.fixture(scope="module")
def spec() -> SessionSpec:
    return compose(["language=en"])


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(dir=str(tmp_path / "sessions"))


class Told:
    """What a folder told its call, from its own thread."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.came = threading.Event()

    def __call__(self, event: Event) -> None:
        assert isinstance(event, Notice)
        self.lines.append(event.text)
        self.came.set()


async def kept(
    record: Record, spec: SessionSpec, events: list[Event], told: Told | None = None, user: str = "ann"
) -> Path:
    """The folder of a call with these events, after its end."""
    folder = SessionWriter(record, spec, user, told or Told())
    for event in events:
        folder.write(event)
    await folder.close()
    return folder.path.result()


async def recorded(record: Record, spec: SessionSpec, events: list[Event], *edits: SessionSpec) -> list[Event]:
    """What a call with these events was told by its recording."""
    told: list[Event] = []
    recording = CallRecorder(record, "ann", told.append)
    recording.adopt(spec)
    for event in events:
        recording.take(event)
        if isinstance(event, Said):
            for edit in edits:
                recording.adopt(edit)
    await recording.close()
    return told


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_a_call_leaves_a_folder_that_only_its_owner_can_read(record: Record, spec: SessionSpec) -> None:
    """Everything is there, in a folder of its day: 0700, its files 0600."""
    folder = await kept(record, spec, good())
    assert folder.parent.parent == Path(record.dir)
    assert folder.name.endswith("-sarah_thompson-ann")
    names = {"events.jsonl", "spec.yaml", "transcript.md", "scorecard.json", "report.html"}
    assert {file.name for file in folder.iterdir()} == names
    assert {mode(file) for file in folder.iterdir()} == {0o600}
    assert {mode(path) for path in (folder, folder.parent, folder.parent.parent)} == {0o700}


async def test_every_event_is_kept_in_its_order_behind_the_version(record: Record, spec: SessionSpec) -> None:
    """But what is still moving, of which the whole line comes."""
    events = good()
    await recorded(record, spec, [*events, Interim(speaker="operator", text="By Fri")])
    (folder,) = folders(record)
    first, *lines = (folder / "events.jsonl").read_text().splitlines()
    assert json.loads(first)["version"] == SCHEMA
    assert [from_json(line) for line in lines] == events


async def test_the_spec_is_kept_as_yaml_without_secrets(
    record: Record, spec: SessionSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the call is made from can be read by anything that reads YAML; a later one lies beside it."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    leaky = replace(spec, persona=replace(spec.persona, prose="The key is sk-very-secret."))
    folder = SessionWriter(record, leaky, "ann", Told())
    folder.write(Header())
    folder.adopt(replace(leaky, revision="0123"))
    await folder.close()
    path = folder.path.result()
    assert yaml.safe_load((path / "spec.yaml").read_text())["choices"]["persona"] == "sarah_thompson"
    assert (path / "spec.0123.yaml").exists()
    assert not [file for file in path.iterdir() if "sk-very-secret" in file.read_text()]


async def test_a_folder_waits_until_the_trainee_is_known(record: Record, spec: SessionSpec) -> None:
    """What was said before is in it; of a call in which nobody was ever certain to be the trainee it is nobody's."""
    for known in (True, False):
        recording = CallRecorder(record, None, lambda event: None)
        recording.adopt(spec)
        for event in good(user="")[1:4]:
            recording.take(event)
        assert not list(folders(record))
        if known:
            recording.belong_to("ann")
        await recording.close()
        (folder,) = folders(record)
        assert folder.name.endswith("-sarah_thompson-ann" if known else "-sarah_thompson-local")
        assert [event.kind for event in read_folder(folder).log.events][:2] == ["header", "started"]
        shutil.rmtree(folder)


@given(st.text(max_size=300), st.text(max_size=300))
def test_no_name_leaves_the_folder_or_is_too_long(persona: str, user: str) -> None:
    """Whatever a room calls its user."""
    for name in map(safe_name, (persona, user)):
        assert Path(name).name == name
        assert not name.startswith(".")
        assert 0 < len(name.encode()) <= 60
        assert name.isprintable()


def test_hostile_names_and_calls_of_one_second_have_folders_of_their_own(record: Record) -> None:
    """Two users whose names look the same as folders, at the same moment."""
    made = [
        make_folder(record, "../../etc", user, now=0) for user in ("../a/b", "..\\a\\b", "a b", "ก" * 200, "", "\x00")
    ]
    assert len(set(made)) == 6
    assert {folder.parent.parent for folder in made} == {Path(record.dir)}
    assert all(folder.is_dir() for folder in made)


async def test_the_disk_is_full_and_the_call_goes_on(
    record: Record, spec: SessionSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line says so; nothing waits, nothing raises, and what was written before is there."""
    told = Told()
    folder = SessionWriter(record, spec, "ann", told)
    path = await asyncio.wrap_future(folder.path)

    def full(events: object, event: Event) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "put_line", full)
    for event in good():
        folder.write(event)
    assert await folder.close() is None
    assert told.lines == ["this call is not recorded any further: No space left on device"]
    assert [event.kind for event in read_folder(path).log.events] == ["header"]


def test_what_a_full_disk_took_of_a_file_does_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would keep the disk full for all that comes after."""

    def full(file: Path, to: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_private(tmp_path / "spec.yaml", "x")
    assert not list(tmp_path.iterdir())


async def test_whose_a_folder_is_stands_in_it_before_anything_else(
    record: Record, spec: SessionSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills with the spec leaves a folder that its trainee's name forgets."""

    def full(file: Path, spec: SessionSpec) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_write_spec", full)
    assert await SessionWriter(record, spec, "a/b", Told()).close() is None
    assert users(record) == {"a/b"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux's")
def test_a_device_that_is_full_is_told_by_the_system() -> None:
    """The real error, from a real write."""
    with open("/dev/full", "ab", buffering=0) as device, pytest.raises(OSError, match="No space left"):
        put_line(device, Notice(text="x"))


async def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path, spec: SessionSpec) -> None:
    """A file lies where the folders should."""
    (tmp_path / "sessions").write_text("")
    told = Told()
    folder = SessionWriter(Record(dir=str(tmp_path / "sessions")), spec, "ann", told)
    assert await folder.close() is None
    assert len(told.lines) == 1
    assert "not recorded" in told.lines[0]


@pytest.mark.parametrize("why", ["record=off", "no folder", "disk full"])
async def test_a_call_that_is_not_recorded_is_scored_all_the_same(
    why: str, record: Record, spec: SessionSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its events score it; what differs is that there is no folder to look at."""
    *_, scored = await recorded(record, spec, good())
    written = 0

    def full(events: IO[bytes], event: Event) -> None:
        nonlocal written
        written += 1
        if written > 5:
            raise OSError(28, "No space left on device")
        put_line(events, event)

    if why == "disk full":
        monkeypatch.setattr(module, "put_line", full)
    elif why == "no folder":
        record = replace(record, dir="/dev/null/sessions")
    else:
        record = replace(record, enabled=False)
    *lines, alone = await recorded(record, spec, good())
    assert isinstance(scored, Scored) and isinstance(alone, Scored)
    assert scored.score is not None and scored.folder and not alone.folder
    assert replace(alone, at=0.0) == replace(scored, at=0.0, folder="")
    assert len([line for line in lines if "not recorded any further" in str(line)]) == (why != "record=off")


async def test_a_call_that_is_not_recorded_is_scored_by_what_it_was_held_under(
    record: Record, spec: SessionSpec
) -> None:
    """An edit that no line was said under, as the call is an exam, counts as little as it does in a folder."""
    easy = replace(spec, revision="e", arc=replace(spec.arc, front=replace(spec.arc.front, objectives=())))
    events = [replace(e, revision=spec.revision) if isinstance(e, Heard | Said) else e for e in good()]
    after = [replace(e, revision="e") if isinstance(e, Heard | Said) and e.turn > 1 else e for e in events]
    for enabled in (True, False):
        record = replace(record, enabled=enabled)
        *_, exam = await recorded(record, spec, events, easy)
        *_, edited = await recorded(record, spec, after, easy)
        assert isinstance(exam, Scored) and isinstance(edited, Scored)
        assert (exam.score is None, edited.score is None) == (False, True)


async def test_a_disk_that_hangs_does_not_hold_up_the_call(
    record: Record, spec: SessionSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events wait beside the call, and no more of them than fit; its end does not wait for ever."""
    hangs, over = threading.Event(), threading.Event()

    def slow(events: object, event: Event) -> None:
        hangs.set()
        over.wait()

    monkeypatch.setattr(module, "put_line", slow)
    monkeypatch.setattr(module, "WAITING_LIMIT", 50)
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.01)
    folder = SessionWriter(record, spec, "ann", Told())
    await asyncio.to_thread(hangs.wait)
    for _ in range(100):
        folder.write(Notice(text="x"))
    assert folder._waiting.qsize() == 50
    assert await folder.close() is None
    over.set()


KILLED = """
import asyncio, os, signal, sys
from runtime.config.compose import compose
from runtime.events import Notice
from runtime.record.writer import SessionWriter
from runtime.spec.settings import Record
from tests.record.calls import poor

def last_of(file):
    with open(file, "rb") as events:
        events.seek(-min(200, events.seek(0, 2)), 2)
        return events.read()

async def main():
    folder = SessionWriter(Record(dir=sys.argv[1]), compose([]), "ann", print)
    await asyncio.wrap_future(folder.path)
    number = 0
    for event in poor()[1:]:
        folder.write(event)
    while True:
        number += 1
        folder.write(Notice(text=str(number)))
        while f'"{number}"'.encode() not in last_of(folder.path.result() / "events.jsonl"):
            pass
        print(number, flush=True)

for moment in sys.argv[2:]:  # a fork for each, which has imported all that a call needs
    read, write = os.pipe()
    if not (call := os.fork()):
        os.dup2(write, 1)
        asyncio.run(main())
    os.close(write)
    with os.fdopen(read) as told:
        given = next(line for line in told if line.strip() == moment)
        os.kill(call, signal.SIGKILL)
        given = ([given] + told.read().split())[-1]
    os.waitpid(call, 0)
    print(given, flush=True)
"""
"""Calls that go on until they are killed, each once it has got rid of so many events; says how many each had."""


def killed_calls(
    program: Program, environment: dict[str, str], record: Record, *moments: int
) -> list[tuple[Path, int]]:
    """The folders of calls that were killed after so many events, and the last event that each had given away."""
    command, given = program(KILLED)
    command = [*command, record.dir, *map(str, moments)]
    done = subprocess.run(command, env=environment | given, stdout=subprocess.PIPE, check=True, timeout=60)
    # Of calls that began in one second the later have a number.
    there = sorted(folders(record), key=lambda folder: (folder.name.partition(".")[0], len(folder.name), folder.name))
    return list(zip(there, map(int, done.stdout.split()), strict=True))


def test_ten_killed_calls_have_lost_no_line_and_are_finished_at_the_next_start(
    program: Program, environment: dict[str, str], record: Record
) -> None:
    """Killed at random moments: all that each had said is in its file, and the next start makes report and score."""
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    moments = [random.Random(seed + number).randint(1, 400) for number in range(10)]
    killed = killed_calls(program, environment, record, *moments)
    for folder, last in killed:
        numbers = [event.text for event in read_folder(folder).log.of(Notice)]
        assert numbers[:last] == [str(number) for number in range(1, last + 1)]
        assert not (folder / "report.html").exists()
    lines = tidy(record)
    assert len(lines) == 10 and all("finished from its events" in line for line in lines)
    for folder, _ in killed:
        assert (folder / "report.html").exists()
        assert (folder / "scorecard.json").exists()
    assert tidy(record) == []


async def test_a_call_that_is_on_is_not_taken_for_a_dead_one(record: Record, spec: SessionSpec) -> None:
    """Neither finished nor deleted by a worker that starts beside it."""
    folder = SessionWriter(record, spec, "ann", Told())
    path = await asyncio.wrap_future(folder.path)
    folder.write(good()[1])
    assert tidy(record) == []
    assert not (path / "report.html").exists()
    gone, busy = forget(record, "ann")
    assert (gone, busy) == ([], [path])
    await folder.close()
    assert (path / "report.html").exists()


def write_call(folder: Path, spec: SessionSpec, events: list[Event]) -> Path:
    """A folder as a call leaves it that was killed."""
    folder.mkdir(parents=True)
    (folder / "events.jsonl").write_text("".join(to_json(event) + "\n" for event in events))
    module._write_spec(folder / "spec.yaml", spec)
    return folder


def test_the_spec_in_a_folder_holds_what_the_call_is_scored_by_and_not_the_whole_language(
    tmp_path: Path, spec: SessionSpec
) -> None:
    """Most of a spec is what the language's file says."""
    folder = write_call(tmp_path / "a", spec, poor())
    assert read_folder(folder).front == scored_by(spec.arc.front) != spec.arc.front
    assert (folder / "spec.yaml").stat().st_size < len(adapter(SessionSpec).dump_json(spec, indent=1)) / 2


def test_a_line_that_was_cut_in_the_writing_is_skipped(tmp_path: Path, spec: SessionSpec) -> None:
    """The rest of the call is read."""
    folder = write_call(tmp_path / "a", spec, poor())
    with (folder / "events.jsonl").open("a") as events:
        events.write('{"kind": "said", "te')
    assert finish(folder).score == 0


def test_a_transcript_is_in_the_language_of_its_call(tmp_path: Path) -> None:
    """Who, when, how she felt, and what of it moved her."""
    thai = compose(["language=th"])
    folder = write_call(tmp_path / "a", thai, poor("th"))
    finish(folder)
    lines = (folder / "transcript.md").read_text().splitlines()
    assert lines[0].startswith("# Sarah Thompson: สายวันที่ ")
    assert lines[2].startswith("**0:00 Sarah Thompson** (หงุดหงิด): กว่าจะรับสาย")
    assert lines[4].startswith("**0:09 ann**: ใจเย็น ๆ") and lines[4].endswith(" -15] [ยืนยันตัวตนก่อนพูดเรื่องบัญชี +5]")


def test_a_transcript_says_where_a_line_was_cut_short(tmp_path: Path, spec: SessionSpec) -> None:
    """As the terminal does."""
    folder = write_call(tmp_path / "a", spec, poor())
    finish(folder)
    (cut,) = (line for line in (folder / "transcript.md").read_text().splitlines() if line.endswith(" —"))
    assert "CUST-2847" in cut


def test_finishing_twice_gives_the_same_bytes(tmp_path: Path, spec: SessionSpec) -> None:
    """A folder says all that its report and score are made from."""
    folder = write_call(tmp_path / "a", spec, good())
    both: list[dict[str, bytes]] = []
    for _ in range(2):
        finish(folder)
        both.append({file.name: file.read_bytes() for file in folder.iterdir()})
    assert both[0] == both[1]


def test_a_report_tells_of_the_same_trainee_s_calls_before_it(record: Record, spec: SessionSpec) -> None:
    """With the same persona, the latest three; nobody else's, and none that came later."""
    root = Path(record.dir)
    finish(write_call(root / "2026-01-05" / "101400-sarah_thompson-ann", spec, poor()))
    for day in range(1, 6):
        finish(write_call(root / f"2026-01-0{day}" / "101500-sarah_thompson-ann", spec, good()))
    finish(write_call(root / "2026-01-04" / "101600-sarah_thompson-anna", spec, poor(user="anna")))
    page = (root / "2026-01-05" / "101500-sarah_thompson-ann" / "report.html").read_text()
    (told,) = re.findall(r'<p class="earlier">(.*?)</p>', page)
    told = re.sub("<.*?>", "", told)
    assert "2026-01-03 10:15 · 100 · Passed; 2026-01-04 10:15 · 100 · Passed; 2026-01-05 10:14 · 0" in told
    assert "2026-01-02" not in told


@pytest.mark.parametrize(("one", "other"), [("a/b", "a b"), ("ก" * 21 + "ข", "ก" * 21 + "ค"), ("Ann Lee", "Ann-Lee")])
def test_a_report_tells_nothing_of_a_trainee_whose_folders_are_called_alike(
    one: str, other: str, record: Record, spec: SessionSpec
) -> None:
    """Names of which only signs differ, or what is beyond a folder's name."""
    assert safe_name(one) == safe_name(other)
    root = Path(record.dir) / "2026-01-05"
    finish(write_call(root / f"101400-sarah_thompson-{safe_name(other)}", spec, good(user=other)))
    folder = write_call(root / f"101500-sarah_thompson-{safe_name(one)}", spec, poor(user=one))
    finish(folder)
    assert 'class="earlier"' not in (folder / "report.html").read_text()


def test_thai_names_keep_their_tones() -> None:
    """Three names that differ in a mark are three."""
    assert [safe_name(name) for name in ("ก้อง", "ก๋อง", "ก่อง")] == ["ก้อง", "ก๋อง", "ก่อง"]


async def test_a_folder_without_its_spec_is_not_scored_again(tmp_path: Path, spec: SessionSpec) -> None:
    """Nothing says by what; the scorecard that is there stays."""
    folder = write_call(tmp_path / "2026-01-01" / "101500-sarah_thompson-ann", spec, good())
    before = finish(folder)
    (folder / "spec.yaml").unlink()
    (line,) = await score_again(folder)
    assert line.startswith("nothing has changed, as spec.yaml is not there")
    assert read_card(folder) == before


async def test_a_folder_is_scored_again_with_the_persona_of_now(tmp_path: Path, spec: SessionSpec) -> None:
    """What has changed is told, and scorecard and report say it too; scored once more, nothing changes."""
    folder = write_call(tmp_path / "2026-01-01" / "101500-sarah_thompson-ann", spec, good())
    finish(folder)
    first, *others = spec.arc.front.objectives
    harder = replace(spec.arc.front, objectives=(replace(first, ruled_out=("verification",)), *others))
    lines = await score_again(folder, harder)
    assert lines[0] == "score 100 (passed) → 75 (passed)"
    assert '"score": 75' in (folder / "scorecard.json").read_text()
    assert "75 of 100" in (folder / "report.html").read_text()
    assert await score_again(folder, harder) == ["nothing has changed"]


async def test_a_call_scored_again_by_the_same_persona_is_not_listened_to_again(
    tmp_path: Path, spec: SessionSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What her folder does not hold of her makes her no other one: what was found by its meaning stays as it is."""
    monkeypatch.delattr("runtime.record.upkeep.listened")
    folder = write_call(tmp_path / "2026-01-01" / "101500-sarah_thompson-ann", spec, good())
    finish(folder)
    assert await score_again(folder, spec.arc.front) == ["nothing has changed"]


def test_what_is_no_session_folder_is_one_line(tmp_path: Path) -> None:
    """Which file is missing."""
    with pytest.raises(SpecError, match=r"events.jsonl: not a session folder"):
        read_folder(tmp_path)


def test_a_folder_without_its_spec_has_a_report_all_the_same(tmp_path: Path, spec: SessionSpec) -> None:
    """Its events say what happened."""
    folder = write_call(tmp_path / "a", spec, good())
    (folder / "spec.yaml").unlink()
    assert finish(folder).score is None
    assert "Sarah Thompson" in (folder / "report.html").read_text()


def test_folders_older_than_the_retention_are_deleted(record: Record, spec: SessionSpec) -> None:
    """By the day that they lie in; nothing else in the folder is touched."""
    root = Path(record.dir)
    old = write_call(root / "2026-01-01" / "100000-sarah_thompson-ann", spec, good())
    new = write_call(root / "2026-01-30" / "100000-sarah_thompson-ann", spec, good())
    (root / "notes").mkdir()
    dump = root / "2025-01-01/db/dump"  # what lies there beside calls is somebody's
    dump.parent.mkdir(parents=True)
    dump.write_text("b")
    kept = replace(record, retention_days=10)
    assert delete_old(record, today=date(2026, 2, 1)) == 0
    assert delete_old(kept, today=date(2026, 2, 1)) == 1
    assert not old.parent.exists()
    assert new.exists()
    assert (root / "notes").exists()
    assert dump.exists()


@pytest.mark.parametrize("days", [0, 36_501, 10**9])
def test_a_retention_that_no_calendar_has_is_a_mistake(days: int) -> None:
    """It is told before a call is on: to reckon with it would end that."""
    with pytest.raises(SpecError, match=r"retention_days: "):
        validated(Record, {"retention_days": days})
    assert delete_old(validated(Record, {"retention_days": 36_500})) == 0


def test_a_killed_call_whose_report_was_looked_at_is_finished_all_the_same(record: Record, spec: SessionSpec) -> None:
    """`mode=report` makes its report before the next start does the rest."""
    folder = write_call(Path(record.dir) / "2026-01-01" / "100000-sarah_thompson-ann", spec, good())
    render(folder)
    assert len(tidy(record)) == 1
    assert (folder / "scorecard.json").is_file() and (folder / "transcript.md").is_file()
    assert tidy(record) == []


def test_another_s_folder_keeps_no_other_from_being_finished_and_deleted(
    record: Record, spec: SessionSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of another user of the machine, whom the system does not let in."""
    root = Path(record.dir)
    theirs, *ours = (root / f"2026-01-0{day}" / "100000-sarah_thompson-ann" for day in (1, 2, 3))
    for folder in (theirs, *ours):
        write_call(folder, spec, good())
    real = os.stat

    def closed(path: Any, **options: Any) -> os.stat_result:
        if Path(path).parent == theirs:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, **options)

    monkeypatch.setattr(os, "stat", closed)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != theirs)
    assert [line.split(":")[0] for line in tidy(record)] == [str(folder) for folder in ours]
    assert delete_old(replace(record, retention_days=1), today=date(2026, 2, 1)) == len(ours)
    assert forget(record, "ann") == ([], [theirs])
    assert theirs in root.glob("*/*")


def test_a_trainee_is_forgotten_by_their_own_name_alone(record: Record, spec: SessionSpec) -> None:
    """A user whose folders are called the same keeps theirs."""
    root = Path(record.dir) / "2026-01-01"
    ann = write_call(root / "100000-sarah_thompson-a-b", spec, good(user="a/b"))
    other = write_call(root / "100001-sarah_thompson-a-b", spec, good(user="a.b"))
    broken = write_call(root / "100002-sarah_thompson-a-b.2", spec, [])
    assert forget(record, "a/b") == ([ann, broken], [])
    assert other.exists()
    with pytest.raises(SpecError, match="user=NAME"):
        forget(record, " ")


def test_no_name_forgets_another_s_calls(record: Record, spec: SessionSpec) -> None:
    """Whatever it looks like: a path, a pattern, another case, another script, the end of another's name; and where
    nobody's name can be read in a folder any more, its own name says whose it was."""
    root = Path(record.dir) / "2026-01-01"
    names = ["ann", "Ann", "..", "*", "a-ann", "อรทัย", "аnn", "ann.2", ""]
    calls = {}
    for number, name in enumerate(names, 200_000):
        folder = root / f"{number}-sarah_thompson-{safe_name(name or 'local')}"
        calls[name] = write_call(folder, spec, [Header(user=name), *good(user=name)])
    torn = write_call(root / "100000-sarah_thompson-a-ann", spec, [])
    linked = write_call(root / "100001-sarah_thompson-ann", spec, [])
    (linked / "events.jsonl").unlink()
    (linked / "events.jsonl").symlink_to(calls["Ann"] / "events.jsonl")
    for name in ("../..", "?nn", "/", "[a-z]nn", "A", "nn"):
        assert forget(record, name) == ([], [])
    assert forget(record, "..") == ([calls[".."]], [])
    assert forget(record, "ann") == ([linked, calls["ann"]], [])
    assert forget(record, "a-ann") == ([torn, calls["a-ann"]], [])
    assert forget(record, "local") == ([calls[""]], [])
    assert all(calls[name].exists() for name in ("Ann", "*", "อรทัย", "аnn", "ann.2"))


async def test_a_worker_looks_after_the_folders_from_its_start_on(record: Record, spec: SessionSpec) -> None:
    """What it finished is told; one folder that cannot be does not keep it from the others."""
    root = Path(record.dir) / "2026-01-01"
    write_call(root / "100000-sarah_thompson-ann", spec, poor())
    (write_call(root / "100001-sarah_thompson-ann", spec, poor()) / "transcript.md").mkdir()
    told: asyncio.Queue[Event] = asyncio.Queue()
    async with asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(look_after(record, told.put_nowait))
        lines = [await told.get(), await told.get()]
        looking.cancel()
    texts = [event.text for event in lines if isinstance(event, Notice)]
    assert texts[0].endswith("finished from its events"), "its call had ended: it was not cut off"
    assert "could not be finished" in texts[1]


async def test_a_thousand_calls_leave_no_thread_no_open_file_and_no_memory(
    record: Record, spec: SessionSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing grows with the calls but the folders: after a thousand there is what there was after a hundred, and of
    memory not 20 KiB a call more."""
    monkeypatch.setattr(module, "finish", lambda folder: None)
    monkeypatch.setattr(module, "_write_spec", lambda file, spec: None)

    async def after(calls: int) -> tuple[int, int, int, int]:
        for _ in range(calls):
            await kept(record, spec, [Heard(text="x", revision="a", emotion="angry")])
        gc.collect()
        files, memory = len(os.listdir("/proc/self/fd")), psutil.Process().memory_info().rss // 2**20
        return threading.active_count(), files, memory, len(gc.get_objects())

    hundred, thousand = await after(100), await after(900)
    threads, files, memory, objects = (now - then for now, then in zip(thousand, hundred, strict=True))
    assert threads < 10 and files < 10 and objects < 900 and memory < 18, (hundred, thousand)
