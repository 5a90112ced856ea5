"""Every way in which files are saved, with real files, by file events and by polling."""

import asyncio
import contextlib
import errno
import os
import random
import shutil
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence, Set
from pathlib import Path

import pytest
from watchfiles import Change, awatch

from runtime.files.snapshot import SavedFiles
from runtime.files.watch import saves

OLD = b"# Sarah\nShe is angry.\n"
NEW = b"# Sarah\nShe is angry.\nShe wants her money back.\n"
Steps = Iterator[None]


def is_ours(path: Path) -> bool:
    """Markdown files, but for editors' own."""
    return path.suffix == ".md" and not path.name.startswith(".")


class Watched:
    """A folder that is watched, and what was said about it."""

    def __init__(self, folders: Sequence[Path], elsewhere: Path) -> None:
        self.folder = folders[0]
        self.elsewhere = elsewhere
        self.said: list[str] = []
        self.saves: AsyncGenerator[SavedFiles, None] = saves(folders, is_ours, self.said.append)
        self._sentinels = 0

    async def saved(self) -> SavedFiles:
        """The next save."""
        return await asyncio.wait_for(anext(self.saves), 10)

    async def until_now(self) -> list[SavedFiles]:
        """What comes before, or with, the save of a file that is saved now, without that file."""
        self._sentinels += 1
        sentinel = self.elsewhere / "sentinel.md"
        sentinel.write_bytes(b"%d" % self._sentinels)
        seen = []
        while True:
            saved = await self.saved()
            rest = SavedFiles(saved.at, saved.changed - {sentinel}, saved.same - {sentinel})
            if rest.changed or rest.same:
                seen.append(rest)
            if sentinel in saved.changed:
                return seen


def assert_saved(saved: SavedFiles, changed: Set[Path] = frozenset(), same: Set[Path] = frozenset()) -> None:
    """These files are what was saved, and no others."""
    assert saved.changed == changed
    assert saved.same == same


Watch = Callable[..., Watched]


@pytest.fixture(params=["events", "polling"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How files are watched. With events, looking without one is so rare that it finds nothing in their place."""
    way: str = request.param
    monkeypatch.setattr("runtime.files.watch.SCAN", 60.0)
    monkeypatch.setattr("runtime.files.watch.POLL", 0.05)
    monkeypatch.setenv("WATCHFILES_FORCE_POLLING", "1" if way == "polling" else "")
    return way


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing settles while a slow machine is between two steps of a save."""
    monkeypatch.setattr("runtime.files.snapshot.SETTLE", 20.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one persona."""
    folder = tmp_path / "personas"
    folder.mkdir()
    (folder / "sarah.md").write_bytes(OLD)
    return folder


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Watch]:
    """Starts to watch folders, and another one with a file that is saved to mark a moment."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    started: list[Watched] = []

    def watch(*folders: Path) -> Watched:
        started.append(Watched([*folders, elsewhere], elsewhere))
        return started[-1]

    yield watch
    for watched in started:
        await watched.saves.aclose()


def in_place(file: Path, data: bytes) -> Steps:
    with open(file, "wb") as out:
        yield
        out.write(data)


def truncated_first(file: Path, data: bytes) -> Steps:
    with open(file, "r+b") as out:
        out.truncate(0)
        yield
        out.write(data)


def deleted_first(file: Path, data: bytes) -> Steps:
    file.unlink()
    yield
    file.write_bytes(data)


def renamed_into_place(file: Path, data: bytes) -> Steps:
    draft = file.with_suffix(".md.tmp")
    draft.write_bytes(data)
    yield
    draft.replace(file)


def moved_in_from_elsewhere(file: Path, data: bytes) -> Steps:
    draft = file.parent.parent / "draft.md"
    draft.write_bytes(data)
    yield
    draft.replace(file)


def copied_with_its_time(file: Path, data: bytes) -> Steps:
    draft = file.with_name(".sarah.md.Xy12Za")
    draft.write_bytes(data)
    os.utime(draft, ns=(file.stat().st_mtime_ns, file.stat().st_mtime_ns))
    yield
    draft.replace(file)


def linked_into_place(file: Path, data: bytes) -> Steps:
    draft = file.with_suffix(".draft")
    draft.write_bytes(data)
    yield
    file.unlink()
    yield
    os.link(draft, file)


def vim(file: Path, data: bytes) -> Steps:
    probe, backup = file.with_name("4913"), file.with_name(file.name + "~")
    probe.touch()
    probe.unlink()
    file.rename(backup)
    yield
    file.touch()
    yield
    file.write_bytes(data)
    backup.unlink()


def vim_with_backupcopy(file: Path, data: bytes) -> Steps:
    backup = file.with_name(file.name + "~")
    shutil.copyfile(file, backup)
    with open(file, "wb") as out:
        yield
        out.write(data)
        os.fsync(out.fileno())
    backup.unlink()


def emacs(file: Path, data: bytes) -> Steps:
    lock, draft = file.with_name(".#sarah.md"), file.with_name("#sarah.md#")
    lock.symlink_to("me@here.4711:1700000000")
    draft.write_bytes(data)
    yield
    file.rename(file.with_name(file.name + "~"))
    yield
    file.write_bytes(data)
    lock.unlink()
    draft.unlink()


def appended(file: Path, data: bytes) -> Steps:
    yield
    with open(file, "ab") as out:
        out.write(data.removeprefix(OLD))


def overwrite(file: Path, at: int, data: bytes) -> None:
    """Writes at a place, from the end if that is negative, in one go."""
    with open(file, "r+b", buffering=0) as out:
        out.seek(at, os.SEEK_SET if at >= 0 else os.SEEK_END)
        out.write(data)


WAYS_TO_SAVE = [
    in_place,
    truncated_first,
    deleted_first,
    renamed_into_place,
    moved_in_from_elsewhere,
    copied_with_its_time,
    linked_into_place,
    vim,
    vim_with_backupcopy,
    emacs,
]


@pytest.mark.usefixtures("way", "unhurried")
@pytest.mark.parametrize("pace", ["at once", "step by step"])
@pytest.mark.parametrize(
    ("save", "data"),
    [(save, data) for save in WAYS_TO_SAVE for data in (NEW, OLD)] + [(appended, NEW)],
    ids=lambda value: value.__name__ if callable(value) else "new" if value is NEW else "same",
)
async def test_a_save_is_one_save(
    folder: Path, watch: Watch, save: Callable[[Path, bytes], Steps], data: bytes, pace: str
) -> None:
    """However a file is saved, and however slowly, that is one save, of what the file holds at the end."""
    file = folder / "sarah.md"
    watched = watch(folder)
    seen: list[SavedFiles] = []
    for _ in save(file, data):
        if pace == "step by step":
            assert not await watched.until_now()
    seen += await watched.until_now()
    seen += await watched.until_now()
    assert file.read_bytes() == data
    assert len(seen) == 1
    assert_saved(seen[0], changed={file} if data is NEW else set(), same={file} if data is OLD else set())


def removed(file: Path) -> None:
    file.unlink()


def emptied(file: Path) -> None:
    os.truncate(file, 0)


def moved_away(file: Path) -> None:
    file.rename(file.with_suffix(".away"))


def dangling(file: Path) -> None:
    file.unlink()
    file.symlink_to("nowhere")


def linked_to_itself(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.name)


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("lose", [removed, emptied, moved_away, dangling, linked_to_itself, a_folder, a_pipe])
async def test_a_file_that_is_lost_has_changed_and_so_has_one_that_is_put_back(
    folder: Path, watch: Watch, lose: Callable[[Path], None]
) -> None:
    """A file that stays empty, missing or no file at all is reported as soon as that has settled, once."""
    file = folder / "sarah.md"
    watched = watch(folder)
    lose(file)
    saved = await watched.saved()
    assert_saved(saved, changed={file})
    assert not await watched.until_now()
    if file.is_dir():
        file.rmdir()
    draft = folder / "draft"
    draft.write_bytes(OLD)
    draft.replace(file)
    (saved,) = await watched.until_now()
    assert_saved(saved, changed={file})


@pytest.mark.usefixtures("way")
@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
async def test_a_file_that_may_not_be_read_has_changed(folder: Path, watch: Watch) -> None:
    """Losing the permission to read a file is a change, and so is getting it back."""
    file = folder / "sarah.md"
    watched = watch(folder)
    for mode in (0o000, 0o644):
        file.chmod(mode)
        assert (await watched.saved()).changed == {file}


@pytest.mark.usefixtures("way", "unhurried")
async def test_a_file_halfway_through_a_save_does_not_delay_others(folder: Path, watch: Watch) -> None:
    """A file that is empty for now is waited for; one that is saved meanwhile is not."""
    file, other = folder / "sarah.md", folder / "tom.md"
    watched = watch(folder)
    emptied(file)
    other.write_bytes(NEW)
    assert (await watched.saved()).changed == {other}
    file.write_bytes(NEW)
    assert (await watched.saved()).changed == {file}


@pytest.mark.usefixtures("way", "unhurried")
async def test_a_file_renamed_away_and_back_is_the_same(folder: Path, watch: Watch) -> None:
    """A file that is back with its bytes and time is reported: whoever found it missing meanwhile reads it again."""
    file = folder / "sarah.md"
    watched = watch(folder)
    moved_away(file)
    assert not await watched.until_now()
    file.with_suffix(".away").rename(file)
    (saved,) = await watched.until_now()
    assert_saved(saved, same={file})


@pytest.mark.usefixtures("way", "unhurried")
async def test_a_folder_moved_away_and_back_is_the_same(folder: Path, watch: Watch) -> None:
    """Files whose folder was away for a moment are reported although nothing in their stat shows it."""
    watched = watch(folder)
    moved(folder)
    assert not await watched.until_now()
    moved_back(folder)
    (saved,) = await watched.until_now()
    assert_saved(saved, same={folder / "sarah.md"})


@pytest.mark.usefixtures("way")
async def test_a_rename_changes_two_files(folder: Path, watch: Watch) -> None:
    """The new name has changed, and the old one when it has settled that nothing takes its place."""
    old, new = folder / "sarah.md", folder / "thompson.md"
    watched = watch(folder)
    old.rename(new)
    assert {(await watched.saved()).changed, (await watched.saved()).changed} == {frozenset({new}), frozenset({old})}
    assert not await watched.until_now()


@pytest.mark.usefixtures("way")
async def test_a_link_to_a_file_or_other_permissions_change_no_bytes(folder: Path, watch: Watch) -> None:
    """A hard link is a new file; the file that it shares its bytes with is the same, as is one after `chmod`."""
    file, link = folder / "sarah.md", folder / "link.md"
    watched = watch(folder)
    os.link(file, link)
    (saved,) = await watched.until_now()
    assert_saved(saved, changed={link}, same={file})
    file.chmod(0o600)
    (saved,) = await watched.until_now()
    assert_saved(saved, same={file, link})


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("seconds", [0, -3600, 3600])
async def test_a_touch_is_a_save_of_the_same_bytes(folder: Path, watch: Watch, seconds: int) -> None:
    """A file whose time moves, forth or back, was saved with the bytes that it had."""
    file = folder / "sarah.md"
    watched = watch(folder)
    when = time.time_ns() + seconds * 10**9
    os.utime(file, ns=(when, when))
    (saved,) = await watched.until_now()
    assert_saved(saved, same={file})


@pytest.mark.usefixtures("way")
async def test_new_bytes_show_whatever_the_stat_says(folder: Path, watch: Watch) -> None:
    """Bytes of the same number that are written with the same time, in place or not, are a change."""
    file = folder / "sarah.md"
    before = file.stat().st_mtime_ns
    watched = watch(folder)
    draft = folder / "draft"
    draft.write_bytes(OLD.swapcase())
    os.utime(draft, ns=(before, before))
    draft.replace(file)
    (saved,) = await watched.until_now()
    assert saved.changed == {file}
    overwrite(file, 0, OLD)
    os.utime(file, ns=(before, before))
    assert (await watched.until_now())[0].changed == {file}


@pytest.mark.usefixtures("way")
async def test_saves_that_follow_each_other_are_each_seen(folder: Path, watch: Watch) -> None:
    """A save right after the last one was reported is the next one, even if it writes as many bytes as that."""
    file = folder / "sarah.md"
    watched = watch(folder)
    for n in range(30):
        file.write_bytes(b"%02d" % n)
        assert (await watched.saved()).changed == {file}
        assert file.read_bytes() == b"%02d" % n
    assert not await watched.until_now()


@pytest.mark.usefixtures("way")
async def test_what_is_saved_before_the_first_look_is_reported(folder: Path, watch: Watch) -> None:
    """Saves count from the call on, and those that nobody awaited come together."""
    watched = watch(folder)
    for name in ("sarah", "tom"):
        (folder / f"{name}.md").write_bytes(NEW)
    (saved,) = await watched.until_now()
    assert saved.changed == {folder / "sarah.md", folder / "tom.md"}
    for n in range(5):
        (folder / "sarah.md").write_bytes(b"%d" % n)
    assert {file for saved in await watched.until_now() for file in saved.changed} == {folder / "sarah.md"}


@pytest.mark.usefixtures("way")
async def test_a_save_has_a_time(folder: Path, watch: Watch) -> None:
    """`at` is when the file was written or moved into place, for a lost one when that was noticed."""
    file = folder / "sarah.md"
    watched = watch(folder)
    await watched.until_now()
    for act in (lambda: file.write_bytes(NEW), lambda: list(renamed_into_place(file, OLD)), file.unlink):
        before = time.time()
        act()
        after = time.time()
        saved = await watched.saved()
        assert before - 0.01 <= saved.at <= (after if file.exists() else time.time() - 0.1)


@pytest.mark.usefixtures("way")
async def test_a_file_from_long_ago_is_saved_now(
    folder: Path, watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link that leads to another file was saved when that was noticed: the file's own time is of no use."""
    monkeypatch.setattr("runtime.files.snapshot.LATE", 0.0)
    for name in ("v1", "v2"):
        (tmp_path / name).write_text(name)
    link = folder / "link.md"
    link.symlink_to(tmp_path / "v1")
    watched = watch(folder)
    await watched.until_now()
    before = time.time()
    (folder / "draft").symlink_to(tmp_path / "v2")
    (folder / "draft").replace(link)
    saved = await watched.saved()
    assert saved.changed == {link}
    assert before <= saved.at <= time.time()


@pytest.mark.usefixtures("way")
async def test_many_files_at_once_are_few_saves(folder: Path, watch: Watch) -> None:
    """Files that are written in one go, as by a checkout, come together."""
    files = {folder / f"{n}.md" for n in range(200)}
    watched = watch(folder)

    def check_out() -> None:
        for file in files:
            list(renamed_into_place(file, NEW))

    await asyncio.gather(asyncio.to_thread(check_out), watched.until_now())
    seen: list[SavedFiles] = []
    (folder / "sarah.md").write_bytes(NEW)
    while not seen or folder / "sarah.md" not in seen[-1].changed:
        seen.append(await watched.saved())
    assert len(seen) < 50


@pytest.mark.usefixtures("way")
async def test_a_file_of_any_size_is_seen_to_change(folder: Path, watch: Watch) -> None:
    """A change far behind what is compared of a large file shows, for its time moves."""
    file = folder / "large.md"
    file.write_bytes(bytes(2 * 1024 * 1024))
    watched = watch(folder)
    overwrite(file, -1, b"x")
    (saved,) = await watched.until_now()
    assert saved.changed == {file}


@pytest.mark.usefixtures("way")
async def test_a_mounted_config_map_is_swapped(tmp_path: Path, watch: Watch) -> None:
    """Files that are links into a folder which is swapped, as Kubernetes does, change together, under their names."""
    folder = tmp_path / "mounted"
    folder.mkdir()

    def publish(version: str, **texts: str) -> None:
        data = folder / f"..{version}"
        data.mkdir()
        for name, text in texts.items():
            (data / f"{name}.md").write_text(text)
        (folder / "..data_tmp").symlink_to(data.name)
        old = os.readlink(folder / "..data") if (folder / "..data").exists() else None
        (folder / "..data_tmp").replace(folder / "..data")
        if old:
            shutil.rmtree(folder / old)

    publish("2024_1", sarah="1", tom="1", ann="1")
    for name in ("sarah", "tom", "ann"):
        (folder / f"{name}.md").symlink_to(f"..data/{name}.md")
    watched = watch(folder)
    for n in (2, 3):
        publish(f"2024_{n}", sarah=f"{n}", tom=f"{n}", ann="1")
        saved = await watched.saved()
        assert saved.changed == {folder / "sarah.md", folder / "tom.md"}
        assert saved.same == {folder / "ann.md"}
    assert not await watched.until_now()


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("below", [False, True], ids=["the folder itself", "a folder below"])
async def test_a_folder_that_is_a_link_is_swapped(tmp_path: Path, watch: Watch, below: bool) -> None:
    """A link that leads to another folder changes the files there, and the new folder is watched as the old one was."""
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "sarah.md").write_text(version)
        (tmp_path / version / "tom.md").write_text("the same")
    base = tmp_path / "base" if below else tmp_path
    base.mkdir(exist_ok=True)
    link = base / "current"
    link.symlink_to(tmp_path / "v1")
    watched = watch(base if below else link)
    (base / "draft").symlink_to(tmp_path / "v2")
    (base / "draft").replace(link)
    saved = await watched.saved()
    assert_saved(saved, changed={link / "sarah.md"}, same={link / "tom.md"})
    (tmp_path / "v2" / "tom.md").write_bytes(NEW)
    assert_saved(await watched.saved(), changed={link / "tom.md"})


def deleted(folder: Path) -> None:
    shutil.rmtree(folder)


def moved(folder: Path) -> None:
    folder.rename(folder.with_name("moved"))


def made_again(folder: Path, data: bytes = OLD) -> None:
    folder.mkdir()
    (folder / "sarah.md").write_bytes(data)


def moved_back(folder: Path) -> None:
    folder.with_name("moved").rename(folder)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("lose", "restore"), [(deleted, made_again), (moved, moved_back)])
async def test_a_folder_goes_and_comes_back(
    folder: Path, watch: Watch, lose: Callable[[Path], None], restore: Callable[[Path], None]
) -> None:
    """The files of a folder that goes are lost, those of one that comes back are there again, and both are said."""
    file = folder / "sarah.md"
    watched = watch(folder)
    for data in (NEW, NEW + NEW):
        lose(folder)
        assert (await watched.saved()).changed == {file}
        restore(folder)
        assert (await watched.saved()).changed == {file}
        file.write_bytes(data)
        assert (await watched.saved()).changed == {file}
    assert [line for line in watched.said if "events" not in line] == [
        f"{folder}: the folder is gone",
        f"{folder}: the folder is back",
    ] * 2


@pytest.mark.usefixtures("way", "unhurried")
async def test_a_folder_is_replaced_at_once(folder: Path, watch: Watch) -> None:
    """A folder that is deleted and made again before anybody looks is watched as before."""
    file = folder / "sarah.md"
    watched = watch(folder)
    await watched.until_now()
    for n in range(5):
        shutil.rmtree(folder)
        made_again(folder, b"%d" % n)
        assert (await watched.saved()).changed == {file}
        assert not await watched.until_now()
        file.write_bytes(b"%d again" % n)
        assert (await watched.saved()).changed == {file}


@pytest.mark.usefixtures("way")
async def test_a_folder_need_not_be_there_yet(tmp_path: Path, watch: Watch) -> None:
    """A folder that is made later is watched from then on."""
    folder = tmp_path / "later"
    watched = watch(folder)
    assert not await watched.until_now()
    made_again(folder)
    assert (await watched.saved()).changed == {folder / "sarah.md"}
    assert watched.said[0] == f"{folder}: the folder is gone"
    assert watched.said[-1] == f"{folder}: the folder is back"


@pytest.mark.usefixtures("way")
async def test_folders_below_are_watched(folder: Path, watch: Watch) -> None:
    """Files in folders that are made, renamed and deleted below a watched one are seen, but for hidden folders."""
    watched = watch(folder, folder / "team")
    team, crew = folder / "team", folder / "crew"
    (folder / ".git").mkdir()
    (folder / ".git" / "sarah.md").write_bytes(NEW)
    made_again(team)
    assert (await watched.saved()).changed == {team / "sarah.md"}
    (team / "sarah.md").write_bytes(NEW)
    assert (await watched.saved()).changed == {team / "sarah.md"}
    team.rename(crew)
    assert (await watched.saved()).changed == {crew / "sarah.md"}
    assert (await watched.saved()).changed == {team / "sarah.md"}
    (crew / "sarah.md").write_bytes(OLD)
    assert (await watched.saved()).changed == {crew / "sarah.md"}
    shutil.rmtree(crew)
    assert (await watched.saved()).changed == {crew / "sarah.md"}
    assert not await watched.until_now()


@pytest.mark.usefixtures("way")
async def test_anything_may_lie_in_a_folder(folder: Path, watch: Watch) -> None:
    """A thousand files, loops of links, pipes and names that are no text hinder nothing."""
    for n in range(1000):
        (folder / f"{n}.txt").touch()
    (folder / "loop").symlink_to(".")
    (folder / "up").symlink_to("..")
    (folder / "itself.md").symlink_to("itself.md")
    (folder / "dangling.md").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.md")
    for n in range(20):
        (folder / f"deep{n}").mkdir()
        for link in "ab":
            (folder / f"deep{n}" / link).symlink_to(f"../deep{n + 1}")
    (folder / os.fsdecode(b"\xff.md")).write_bytes(OLD)
    (folder / os.fsdecode(b"\xfe")).mkdir()
    watched = watch(folder)
    (folder / "sarah.md").write_bytes(NEW)
    assert (await watched.saved()).changed == {folder / "sarah.md"}
    odd = folder / os.fsdecode(b"\xff.md")
    odd.write_bytes(NEW)
    assert (await watched.saved()).changed == {odd}
    (folder / "sarah.md").write_bytes(OLD)
    assert (await watched.saved()).changed == {folder / "sarah.md"}
    assert all(line.isprintable() for line in watched.said)


FORCED = "no file events there (WATCHFILES_FORCE_POLLING is set), so it is read every 0.05 s"


async def test_polling_is_said_once(folder: Path, watch: Watch, way: str) -> None:
    """A folder without file events is named with the reason, once."""
    watched = watch(folder)
    for data in (NEW, OLD):
        (folder / "sarah.md").write_bytes(data)
        await watched.until_now()
    expected = [f"{folder}: {FORCED}", f"{watched.elsewhere}: {FORCED}"]
    assert watched.said == (expected if way == "polling" else [])


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("way", ["events"], indirect=True)
@pytest.mark.parametrize(
    ("mounts", "kind"),
    [
        (["ext4 /", "nfs4 {}"], "nfs4"),
        (["ext4 /", "fuse.sshfs {parent}"], "fuse.sshfs"),
        (["9p /", "ext4 {}"], None),
        (["9p /", "ext4 {}x"], "9p"),
        (["nfs {}", "ext4 {}"], None),
    ],
)
async def test_network_shares_are_polled(
    tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch, mounts: list[str], kind: str | None
) -> None:
    """A folder on a file system that others write to is polled; what counts is the last mount nearest to it."""
    folder = tmp_path / "on the share"
    made_again(folder)
    table = tmp_path / "mountinfo"
    lines = []
    for mount in mounts:
        system, _, point = mount.partition(" ")
        point = point.format(folder, parent=folder.parent).replace(" ", "\\040")
        lines.append(f"36 35 98:0 /mnt {point} rw,noatime master:1 - {system} server:/export rw,errors=continue\n")
    table.write_text("".join(lines))
    monkeypatch.setattr("runtime.files.watch.MOUNTS", table)
    watched = watch(folder)
    (folder / "sarah.md").write_bytes(NEW)
    assert_saved(await watched.saved(), changed={folder / "sarah.md"})
    expected = [f"{folder}: no file events there ({kind}), so it is read every 0.05 s"] if kind else []
    assert [line for line in watched.said if str(folder) in line] == expected


@pytest.mark.parametrize("way", ["events"], indirect=True)
@pytest.mark.usefixtures("way")
async def test_a_system_without_a_list_of_mounts_has_events(
    folder: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing tells about file systems, events are relied on."""
    monkeypatch.setattr("runtime.files.watch.MOUNTS", folder / "none")
    watched = watch(folder)
    (folder / "sarah.md").write_bytes(NEW)
    assert_saved(await watched.saved(), changed={folder / "sarah.md"})
    assert not watched.said


@pytest.mark.parametrize("way", ["events"], indirect=True)
@pytest.mark.usefixtures("way")
async def test_a_watcher_that_cannot_start_is_polling(
    folder: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the system has no watch left the folders are polled, and watched again as soon as it has."""
    tries = 0

    def no_watch_left(*paths: Path, **options: object) -> AsyncIterator[set[tuple[Change, str]]]:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise OSError(errno.ENOSPC, "OS file watch limit reached")
        return awatch(*paths, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("runtime.files.watch.awatch", no_watch_left)
    monkeypatch.setattr("runtime.files.watch.RETRY", 0.0)
    watched = watch(folder)
    while tries < 3:
        await watched.until_now()
    (folder / "sarah.md").write_bytes(NEW)
    assert_saved(await watched.saved(), changed={folder / "sarah.md"})
    reason = "no file events there ([Errno 28] OS file watch limit reached), so it is read every 0.05 s"
    assert watched.said == [f"{folder}: {reason}", f"{watched.elsewhere}: {reason}"]


@pytest.mark.parametrize("way", ["events"], indirect=True)
@pytest.mark.usefixtures("way")
async def test_a_watcher_that_dies_is_followed_by_polling(folder: Path, watch: Watch) -> None:
    """A name that is no text, which ends the library's watch, ends no watching."""
    odd = folder / os.fsdecode(b"\xff.md")
    watched = watch(folder)
    await watched.until_now()
    odd.write_bytes(NEW)
    assert_saved(await watched.saved(), changed={odd})
    for data in (NEW, OLD, NEW):
        (folder / "sarah.md").write_bytes(data)
        assert_saved(await watched.saved(), changed={folder / "sarah.md"})
    assert len(watched.said) == 2
    assert all("Unable to decode path" in line and line.isprintable() for line in watched.said)


@pytest.mark.usefixtures("way")
async def test_a_folder_whose_name_is_no_text(tmp_path: Path, watch: Watch) -> None:
    """A folder that the library cannot be told of is polled, and named so that the line can be printed."""
    folder = tmp_path / os.fsdecode(b"\xff")
    made_again(folder)
    watched = watch(folder)
    (folder / "sarah.md").write_bytes(NEW)
    assert_saved(await watched.saved(), changed={folder / "sarah.md"})
    assert not await watched.until_now()
    (folder / "sarah.md").write_bytes(OLD)
    assert_saved(await watched.saved(), changed={folder / "sarah.md"})
    assert watched.said[0].startswith(f"{tmp_path}/\\udcff: no file events there (")


@pytest.mark.parametrize("end", ["aclose", "cancel", "cancel at once", "never awaited"])
def test_nothing_is_left_when_it_ends(folder: Path, way: str, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the iterator is ended, it ends at once, though no scan is due for long, and neither a thread nor an open
    file stays behind."""
    monkeypatch.setattr("runtime.files.watch.POLL", 60.0)

    async def use() -> None:
        iterator = saves([folder], is_ours)
        if end == "never awaited":
            return
        if end == "aclose":
            (folder / "sarah.md").write_bytes(NEW)
            await anext(iterator)
            await iterator.aclose()
            return
        waiting = asyncio.ensure_future(anext(iterator))
        if end == "cancel":
            (folder / "sarah.md").write_bytes(NEW)
            await waiting
            waiting = asyncio.ensure_future(anext(iterator))
        await asyncio.to_thread(lambda: None)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(asyncio.wait_for(use(), 10))
    (folder / "sarah.md").write_bytes(OLD)
    threads, files = set(threading.enumerate()), len(os.listdir("/proc/self/fd"))
    for n in range(10):
        (folder / "sarah.md").write_bytes(b"%d" % n)
        asyncio.run(asyncio.wait_for(use(), 10))
    for thread in set(threading.enumerate()) - threads:
        thread.join(5)
        assert not thread.is_alive()
    # The library's own thread closes its files a moment after it was told to end.
    while len(os.listdir("/proc/self/fd")) > files:
        os.sched_yield()


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("seed", range(4))
async def test_who_reads_what_is_reported_knows_everything(
    folder: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """After hundreds of operations of all kinds, whoever read files as they were reported holds what the disk holds."""
    monkeypatch.setattr("runtime.files.watch.SCAN", 1.0)
    chance = random.Random(seed)
    team = folder / "team"
    team.mkdir()
    files = [place / f"{name}.md" for place in (folder, team) for name in ("sarah", "tom", "ann")]
    watched = watch(folder)
    known = {file: read(file) for file in files}
    reports = 0
    rounds = 40
    async with asyncio.timeout(60):
        while rounds > 0 or known != {file: read(file) for file in files}:
            operations = asyncio.to_thread(operate, chance, files, team, chance.randrange(10) if rounds > 0 else 0)
            seen, _ = await asyncio.gather(watched.until_now(), operations)
            known |= {file: read(file) for saved in seen for file in saved.changed | saved.same if file in known}
            reports += len(seen)
            rounds -= 1
    assert reports > 10


def read(file: Path) -> bytes | None:
    try:
        return file.read_bytes() if file.is_file() else None
    except OSError:
        return None


def operate(chance: random.Random, files: Sequence[Path], team: Path, number: int) -> None:
    """Does so many things that may happen to files; what cannot be done just now is left."""
    for _ in range(number):
        operation(chance, files, team)


def operation(chance: random.Random, files: Sequence[Path], team: Path) -> None:
    file, other = chance.sample(files, 2)
    data = chance.choice([b"", OLD, NEW, OLD.swapcase(), chance.randbytes(len(OLD)), bytes(2 * 1024 * 1024)])

    def finish(steps: Steps) -> None:
        for _ in steps:
            if chance.random() < 0.1:
                return

    def team_goes() -> None:
        team.rename(team.with_name("away"))
        if chance.random() < 0.5:
            shutil.rmtree(team.with_name("away"))
            team.mkdir()
        else:
            team.with_name("away").rename(team)

    act: Callable[[], object] = chance.choice(
        [
            *[lambda save=save: finish(save(file, data)) for save in [*WAYS_TO_SAVE, appended]],
            *[lambda lose=lose: lose(file) for lose in (removed, emptied, moved_away, dangling, a_pipe)],
            lambda: file.rename(other),
            lambda: os.link(file, other),
            lambda: os.utime(file, ns=(0, chance.randrange(10**18))),
            lambda: overwrite(file, 0, data),
            lambda: file.chmod(chance.choice([0o000, 0o644])),
            team_goes,
        ]
    )
    with contextlib.suppress(OSError):
        if file.is_fifo():
            file.unlink()
        act()
