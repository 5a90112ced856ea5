"""Session folders from the command line: rendered and scored again, and forgotten."""

import os
from pathlib import Path

from runtime.events import to_json
from runtime.record.folder import EVENTS_LIMIT
from tests.conftest import ROOT, Run
from tests.record.calls import good


def test_a_call_is_rendered_scored_and_forgotten(run: Run, here: Path) -> None:
    """What a call left is worked on by the folder's name, or by that of a folder above; a trainee's goes as a whole."""
    called = run(stdin="I am so sorry, I take full responsibility\n")
    (folder,) = (here / "sessions").glob("*/*")
    assert f"Report: {folder.relative_to(here)}/report.html" in called.out
    card = (folder / "scorecard.json").read_bytes()
    (folder / "report.html").unlink()
    done = run("mode=report", "sessions")
    assert (done.code, done.out, done.err) == (0, f"{folder.relative_to(here)}/report.html\n", "")
    assert (folder / "report.html").is_file()
    done = run("mode=score", f"folder={folder.relative_to(here)}")
    assert (done.code, done.out, done.err) == (0, f"{folder.relative_to(here)}: nothing has changed\n", "")
    assert (folder / "scorecard.json").read_bytes() == card
    done = run("mode=forget", "user=locl")
    assert (done.code, done.out) == (2, "") and "nothing is kept of this user; did you mean local?" in done.err
    assert run("mode=forget", "user=local").out == "1 session folder deleted\n"
    assert not folder.exists()


def test_a_call_whose_persona_is_gone_is_scored_as_recorded_and_that_is_said(
    run: Run, here: Path, personas: Path
) -> None:
    file = personas / "bill.md"
    for one in file, personas / "jane.md":
        one.write_text("# Persona: Bill Jones\n\nYou are Bill Jones.\n")
    run("persona=bill", f"personas_dir={personas}", stdin="hello\n")
    (folder,) = (here / "sessions").glob("*/*")
    file.unlink()
    done = run("mode=score", "sessions", f"personas_dir={personas}", "persona=jane")
    where = folder.relative_to(here)
    assert done.out.splitlines() == [
        f"{where}: persona=bill: not there any more, so scored as recorded",
        f"{where}: nothing has changed",
    ]


def test_a_damaged_folder_is_one_line_and_keeps_no_other_from_its_turn(run: Run, here: Path) -> None:
    """Half a line, bytes of nothing, no spec, a scorecard that is none and events of a later version cost nothing; a
    link that leads elsewhere, a file too large, values of another kind and a folder in a file's place are told."""
    whole = "".join(to_json(event) + "\n" for event in good()).encode()
    day = here / "sessions/2026-01-01"
    later = b'{"kind": "header", "version": 99, "new": [1]}\n{"kind": "hologram", "at": 2}\n'
    read = {"half": whole[:-200], "nothing": bytes(5000) + whole + b"\xff", "later": later + whole}
    read["deep"] = b"[" * 200_000 + b"\n" + whole
    told = {"kind": b'{"kind": "heard", "at": "x", "text": 5, "revision": null, "emotion": []}\n', "empty": b""}
    for name, events in (read | told | dict.fromkeys(("link", "large", "place", "card"), whole)).items():
        (day / name).mkdir(parents=True)
        (day / name / "events.jsonl").write_bytes(events)
    (day / "card/scorecard.json").write_text('{"version": 99')
    os.truncate(day / "large/events.jsonl", EVENTS_LIMIT + 1)
    (day / "link/events.jsonl").rename(here / "elsewhere.jsonl")
    (day / "link/events.jsonl").symlink_to(here / "elsewhere.jsonl")
    (day / "place/report.html").mkdir()
    for mode in ("mode=report", "mode=score"):
        done = run(mode, "folder=sessions")
        assert done.code == 2
        assert {line.split("/")[2].partition(":")[0] for line in done.out.splitlines()} == {*read, "card"}
        errors = done.err.splitlines()
        assert [line.split("/")[2].partition(":")[0] for line in errors] == ["empty", "kind", "large", "link", "place"]
        assert all(line.startswith("error: sessions/2026-01-01/") for line in errors)
    assert (day / "half/report.html").is_file() and not (here / "report.html").exists()


def test_a_folder_that_is_none_is_one_line(run: Run, here: Path) -> None:
    """What mode=report, mode=score and mode=forget need, and do not get, is said."""
    (here / "session").mkdir()
    for arguments, said in (
        (["mode=report"], "folder=DIR"),
        (["mode=score", "folder=nowhere"], "folder=nowhere"),
        (["mode=report", "it's, not there"], "folder=it's, not there"),
        (["mode=report", "folder=sessions"], "folder=sessions: there is no such file or folder; did you mean session?"),
        (["mode=report", "folder=session"], "folder=session: no session folder is there"),
        (
            ["mode=replay", "folder=sesion", f"draft={ROOT}/personas/sarah_thompson.md"],
            "folder=sesion: there is no such file or folder",
        ),
        (["mode=check", "sessions"], "sessions"),
        (["mode=forget"], "user=NAME"),
        (["mode=forget", "user=local", "persona=sarah_thompson"], "whoever called"),
        (["mode=forget", "user=local", "record.dir="], "record.dir"),
    ):
        done = run(*arguments)
        assert (done.code, done.out) == (2, "") and said in done.err and done.err.count("\n") == 1
