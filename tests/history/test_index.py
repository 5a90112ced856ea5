"""The index of past sessions: what it holds is what is in the folders, whatever becomes of either."""

import asyncio
import json
import os
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.errors import SpecError
from runtime.events import Event, Header, Notice, Started, to_json
from runtime.history import index as module
from runtime.history.folders import PastSession, Scanned, read_session
from runtime.history.index import FILE, Index, keep_up, progress
from runtime.record.conduct import Conduct
from runtime.record.folder import EVENTS, SCORECARD, make_folder
from runtime.record.score import Judged, Result, Scorecard, card_to_json
from runtime.record.upkeep import forget
from runtime.record.writer import SessionWriter
from runtime.spec.settings import History, Record, Settings
from tests.composed import compose
from tests.record.calls import good, poor

AT = 1_795_000_000.0


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Sessions in a folder of their own, and an index beside them or in Postgres."""
    url = request.getfixturevalue("postgres") if request.param == "postgres" else None
    return Settings(record=Record(dir=str(tmp_path / "sessions")), history=History(url))


@pytest.fixture
def index(settings: Settings) -> Index:
    """The index of these sessions."""
    return Index(settings)


def held(settings: Settings, user: str, score: int, *, at: float = AT, persona: str = "sarah") -> Path:
    """The folder of a call that was over long ago."""
    folder = make_folder(settings.record, persona, user, at)
    started = Started(at=at, persona="Sarah", choices={"persona": persona}, language="English", revision="1")
    (folder / EVENTS).write_text(f"{to_json(Header(at=at, user=user))}\n{to_json(started)}\n")
    (folder / SCORECARD).write_bytes(card_to_json(card(score)))
    return settle(folder)


def settle(folder: Path) -> Path:
    """Nothing has changed here for an hour."""
    os.utime(folder, (time.time() - 3600,) * 2)
    return folder


def card(score: int) -> Scorecard:
    conduct = Conduct(300.0, 12, 0.5, "time", 1, 0, (), 140, "words", 12.0, 100.0, 0.8, 1.2)
    objectives = (
        Judged("gives a date", 1, False, Result.MET if score > 80 else Result.NOT_MET),
        Judged("takes ownership", 3, True, Result.MET if score > 50 else Result.NOT_MET),
    )
    return Scorecard("Sarah", "1", score, 70, score >= 70, "score", "resolved", objectives, conduct)


def listed(index: Index, user: str | None = None, persona: str | None = None) -> list[tuple[str, int | None]]:
    """Users and scores, the latest first."""
    return [(session.user, session.score) for session in index.sessions(user, persona)]


async def test_what_a_call_left_is_in_the_index(index: Index, settings: Settings) -> None:
    """Who called whom, when, for how long, and what came of it, as the scorecard says."""
    spec = compose(["language=en"])
    for user, events in (("ann", good()), ("bo", poor())):
        folder = SessionWriter(settings.record, spec, user, lambda _: None)
        for event in events:
            folder.write(event)
        await folder.close()
    assert index.sync() == 2
    best, worst = index.sessions("ann")[0], index.sessions("bo")[0]
    assert (best.persona, best.passed, best.ending) == ("sarah_thompson", True, "resolved")
    assert best.score is not None and worst.score is not None and best.score > worst.score
    assert best.seconds is not None and best.seconds > 50
    assert abs(best.began - AT) < 10
    written = json.loads((Path(settings.record.dir) / worst.path / SCORECARD).read_text())["objectives"]
    assert set(worst.missed.splitlines()) == {one["name"] for one in written if one["result"] == "not met"} != set()


def test_new_changed_and_deleted_folders_are_followed(index: Index, settings: Settings) -> None:
    """Each sync brings what has happened since, and only that is read."""
    first = held(settings, "ann", 40)
    assert index.sync() == 1
    second = held(settings, "ann", 60, at=AT + 60)
    assert index.sync() == 1
    assert listed(index) == [("ann", 60), ("ann", 40)]
    (first / ".new").write_bytes(card_to_json(card(90)))
    (first / ".new").replace(first / SCORECARD)
    assert index.sync() == 1
    assert listed(index) == [("ann", 60), ("ann", 90)]
    shutil.rmtree(second)
    settle(first)
    index.sync()
    assert listed(index) == [("ann", 90)]


def test_what_has_not_changed_is_not_read_again(
    index: Index, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync of many folders costs a look at each."""
    held(settings, "ann", 40)
    index.sync()
    monkeypatch.setattr(module, "read_session", lambda _: pytest.fail("read"))
    assert index.sync() == 0
    assert listed(index) == [("ann", 40)]


def test_a_folder_that_changes_twice_in_one_tick_of_the_clock_is_not_missed(index: Index, settings: Settings) -> None:
    """The time of the second change may be that of the first: what is fresh is read again."""
    folder = held(settings, "ann", 40)
    os.utime(folder)
    same = folder.stat().st_mtime_ns
    index.sync()
    (folder / SCORECARD).write_bytes(card_to_json(card(90)))
    os.utime(folder, ns=(same, same))
    index.sync()
    assert listed(index) == [("ann", 90)]


def test_a_call_that_is_on_is_listed_and_gets_its_score_when_it_is_over(index: Index, settings: Settings) -> None:
    """A folder without a scorecard is read again until it has one."""
    folder = held(settings, "ann", 40)
    (folder / SCORECARD).rename(folder.parent.parent / "later")
    settle(folder)
    index.sync()
    assert [(one.user, one.score, one.passed, one.ending) for one in index.sessions()] == [("ann", None, None, "")]
    (folder.parent.parent / "later").rename(folder / SCORECARD)
    settle(folder)
    index.sync()
    assert listed(index) == [("ann", 40)]


def test_a_user_and_a_persona_can_be_asked_for(index: Index, settings: Settings) -> None:
    """By their whole names; somebody who is not there is told with the nearest who is."""
    held(settings, "ann", 40)
    held(settings, "ann", 50, at=AT + 60, persona="bill")
    held(settings, "anna", 60)
    index.sync()
    assert listed(index, "ann") == [("ann", 50), ("ann", 40)]
    assert listed(index, persona="sarah") == [("anna", 60), ("ann", 40)]
    assert listed(index, "ann", "bill") == [("ann", 50)]
    assert listed(index, "anna", "bill") == []
    with pytest.raises(SpecError, match="user=annaa: no session of this name; did you mean anna"):
        index.sessions("annaa")


def test_progress_is_told_for_each_trainee_and_persona(index: Index, settings: Settings) -> None:
    """Scores over time, how many passed, the best, and what the latest call still missed, the heaviest first."""
    for number, score in enumerate((20, 90, 60)):
        held(settings, "ann", score, at=AT + 60 * number)
    held(settings, "ann", 30, persona="bill")
    index.sync()
    sarah, bill = progress(index.sessions())
    assert (sarah.user, sarah.persona, sarah.sessions, sarah.passed, sarah.best) == ("ann", "sarah", 3, 1, 90)
    assert sarah.scores == (20, 90, 60)
    assert sarah.missed == ("gives a date",)
    assert bill.missed == ("takes ownership", "gives a date")


@pytest.mark.parametrize(("passed", "missed"), [(False, ("a good ending",)), (True, ()), (None, ())])
def test_a_call_that_met_every_objective_and_failed_still_missed_its_ending(
    passed: bool | None, missed: tuple[str, ...]
) -> None:
    """Nothing else says why it did not pass."""
    session = PastSession("x", "ann", "sarah", AT, 60.0, 100, passed, "trainee_left", "")
    assert [one.missed for one in progress([session])] == [missed]


def test_an_index_that_was_deleted_is_made_again(tmp_path: Path) -> None:
    """There is nothing in it that is not in the folders."""
    settings = Settings(record=Record(dir=str(tmp_path)))
    for number in range(5):
        held(settings, f"user-{number}", 10 * number, at=AT + number)
    index = Index(settings)
    index.sync()
    before = index.sessions()
    (tmp_path / FILE).unlink()
    index = Index(settings)
    assert index.sync() == 5
    assert index.sessions() == before


@pytest.mark.parametrize("spoilt", ["garbage", "middle"])
def test_a_damaged_index_is_made_again(tmp_path: Path, spoilt: str) -> None:
    """A file that is no database, or one that was half overwritten."""
    settings = Settings(record=Record(dir=str(tmp_path)))
    held(settings, "ann", 40)
    index = Index(settings)
    index.sync()
    data = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(b"no database" * 999 if spoilt == "garbage" else data[:100] + b"\xff" * 9000)
    index = Index(settings)
    index.sync()
    assert listed(index) == [("ann", 40)]


def test_only_its_owner_can_read_the_index(tmp_path: Path) -> None:
    """It holds names, as the folders do."""
    settings = Settings(record=Record(dir=str(tmp_path)))
    held(settings, "ann", 40)
    Index(settings).sync()
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in (FILE, ".id")} == {0o600}


HOSTILE_USERS = [
    "'); DROP TABLE x; --",
    "a\x00b",
    "\x1b[2J\u202eann",
    "\ud800",
    "x" * 5000,
    "นิด",
]


def test_names_in_folders_are_data(index: Index, settings: Settings) -> None:
    """What looks like SQL, what a database cannot hold, what steers a terminal: stored, cleaned, and found by name."""
    for number, user in enumerate(HOSTILE_USERS):
        folder = held(settings, "u", 40, at=AT + number)
        lines = (folder / EVENTS).read_text().splitlines()
        (folder / EVENTS).write_text("\n".join([json.dumps({**json.loads(lines[0]), "user": user}), *lines[1:]]))
        settle(folder)
    index.sync()
    users = [session.user for session in index.sessions()]
    assert len(users) == len(HOSTILE_USERS)
    assert all(user.isprintable() and len(user) <= 200 for user in users)
    for user in HOSTILE_USERS:
        assert len(index.sessions(user)) == 1
    assert index.sync() == 0


def broken(folder: Path) -> Iterator[None]:
    """A folder that is spoilt in one way after another."""
    (folder / EVENTS).unlink()
    yield
    (folder / EVENTS).write_bytes(b"\xff\x00\n{]\n" + b"[" * 50_000)
    yield
    bad = {"kind": "started", "at": "soon", "persona": [], "choices": [1], "language": 0, "revision": 0}
    (folder / EVENTS).write_text('{"kind": "header", "user": {"a": 1}, "at": 1e999}\n' + json.dumps(bad))
    yield
    for text in ("", "{}", "[" * 100_000, "null"):
        (folder / SCORECARD).write_text(text)
        yield
    good_card = json.loads(card_to_json(card(40)))
    for change in ({"score": 10**30}, {"score": -1}, {"ending": "a\x00" * 1000}, {"objectives": 5}):
        (folder / SCORECARD).write_text(json.dumps({**good_card, **change}))
        yield
    (folder / SCORECARD).unlink()
    os.mkfifo(folder / SCORECARD)
    yield
    (folder / SCORECARD).unlink()
    (folder / SCORECARD).mkdir()
    yield
    (folder / SCORECARD).rmdir()
    (folder / SCORECARD).symlink_to("/dev/zero")
    yield


def test_a_broken_folder_spoils_nothing(index: Index, settings: Settings) -> None:
    """It is listed as far as it can be read, and keeps none of the others from being listed."""
    held(settings, "ann", 40)
    ways = 0
    for _ in broken(held(settings, "bo", 50, at=AT + 60)):
        index.sync()
        assert len(index.sessions()) == 2
        assert ("ann", 40) in listed(index)
        ways += 1
    assert ways > 10


def test_what_is_no_session_folder_is_left_alone(index: Index, settings: Settings) -> None:
    """Files, links, other folders; a name that is no text is one all the same."""
    folder = held(settings, "ann", 40)
    day = folder.parent
    (day / "file").touch()
    (day / "link").symlink_to(folder)
    (day.parent / "2026-01-01").symlink_to(day)
    (day.parent / "notes" / "x").mkdir(parents=True)
    os.mkdir(os.fsencode(day) + b"/\xff\xfe'")
    index.sync()
    assert [(session.user, session.score) for session in index.sessions()] == [("", None), ("ann", 40)]
    assert index.sessions()[0].path.isprintable()


def test_programs_that_write_at_once_do_no_harm(settings: Settings) -> None:
    """Several begin with no index, and find the same folders new, changed and gone."""
    folders = [held(settings, f"user-{number}", number % 100, at=AT + number) for number in range(300)]
    begin = threading.Barrier(4)

    def sync() -> list[PastSession]:
        index = Index(settings)
        for _ in range(3):
            begin.wait()
            index.sync()
            if begin.wait() == 0:
                shutil.rmtree(folders.pop())
                os.utime(folders[0])
        begin.wait()
        index.sync()
        return index.sessions()

    with ThreadPoolExecutor(4) as pool:
        results = [future.result() for future in [pool.submit(sync) for _ in range(4)]]
    assert {len(result) for result in results} == {297}
    assert all(result == results[0] for result in results)


def test_folders_of_several_machines_share_a_database(postgres: str, tmp_path: Path) -> None:
    """Each keeps up its own, also where two lie at the same path; a folder that was moved is still the same one."""
    both = [Settings(record=Record(dir=str(tmp_path / name)), history=History(postgres)) for name in ("one", "two")]
    held(both[0], "ann", 40)
    held(both[1], "ann", 60)
    for settings in both:
        Index(settings).sync()
    assert len(listed(Index(both[0]))) == 2
    (tmp_path / "one").rename(tmp_path / "three")
    moved = replace(both[0], record=Record(dir=str(tmp_path / "three")))
    assert Index(moved).sync() == 0
    assert len(listed(Index(moved))) == 2
    assert Index(both[0]).sync() == 0  # a folder that is not mounted just now has lost nothing
    assert len(listed(Index(moved))) == 2


def test_a_trainee_who_is_forgotten_is_in_no_index(index: Index, settings: Settings, tmp_path: Path) -> None:
    """Once the folders are deleted no row is left, nor a byte of the name in the file."""
    held(settings, "ann", 40)
    for number in range(50):
        held(settings, "forgettable", 40, at=AT + number)
    index.sync()
    gone, kept = forget(settings.record, "forgettable")
    assert (len(gone), kept) == (50, [])
    assert index.forget("forgettable") == 50
    assert listed(index) == [("ann", 40)]
    assert index.sync() == 0
    file = Path(settings.record.dir) / FILE
    assert not file.exists() or b"forgettable" not in file.read_bytes()


def test_who_is_forgotten_while_the_index_is_written_does_not_come_back(
    index: Index, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder was read before it was deleted, and is written after."""
    held(settings, "ann", 40)

    def forgetting(scanned: Scanned) -> tuple[PastSession, int]:
        found = read_session(scanned)
        forget(settings.record, "ann")
        index.forget("ann")
        return found

    monkeypatch.setattr(module, "read_session", forgetting)
    index.sync()
    assert listed(index) == []


def test_where_there_are_no_sessions_nothing_is_made(tmp_path: Path) -> None:
    """Asking for the history leaves no trace."""
    index = Index(Settings(record=Record(dir=str(tmp_path / "none"))))
    assert index.sync() == 0
    assert index.forget("ann") == 0
    assert list(tmp_path.iterdir()) == []


UNUSABLE = [
    ("mysql://host/name", "history.url: mysql"),
    ("nonsense", "history.url is no address of a database"),
    ("env:NOT_SET_ANYWHERE", "NOT_SET_ANYWHERE is not set"),
    ("env:HISTORY", "history: history.url: "),
    ("sqlite:////nonexistent/folder/file", "history: history.url: unable to open database file"),
]


@pytest.mark.parametrize(("url", "said"), UNUSABLE, ids=[url for url, _ in UNUSABLE])
def test_a_database_that_cannot_be_used_is_one_line(
    url: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the password that it would have been used with."""
    monkeypatch.setenv("HISTORY", "postgresql://me:hunter2-hunter2@127.0.0.1:1/name")
    with pytest.raises(SpecError) as raised:
        Index(Settings(record=Record(dir=str(tmp_path)), history=History(url))).sync()
    assert said in str(raised.value)
    assert "hunter2" not in str(raised.value)


async def test_a_worker_keeps_up_the_index_and_tells_once_what_keeps_it_from_that(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on trying, and is as silent as before when it succeeds."""
    held(settings, "ann", 40)
    told: list[str] = []
    tried, done = asyncio.Queue[str](), module.update
    loop = asyncio.get_running_loop()
    away = True

    def noted(settings: Settings) -> str:
        where = replace(settings, history=History("sqlite:////nonexistent/folder/file")) if away else settings
        line = done(where)
        loop.call_soon_threadsafe(tried.put_nowait, line)
        return line

    def emit(event: Event) -> None:
        assert isinstance(event, Notice)
        told.append(event.text)

    monkeypatch.setattr(module, "update", noted)
    monkeypatch.setattr(module, "EVERY_SECONDS", 0)
    keeping = asyncio.ensure_future(keep_up(settings, emit))
    for _ in range(3):
        assert await tried.get()
    away = False
    while await tried.get():
        pass
    keeping.cancel()
    assert told == ["the history is not up to date: history: history.url: unable to open database file"]
    assert listed(Index(settings)) == [("ann", 40)]


def test_what_nobody_expects_ends_no_call(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of a library is a line too."""

    def fail(_: Index) -> int:
        raise RuntimeError("a driver's own")

    monkeypatch.setattr(Index, "sync", fail)
    assert module.update(settings) == "the history is not up to date: a driver's own"
