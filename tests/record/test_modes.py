"""Session folders from the command line: rendered and scored again, and forgotten."""

from pathlib import Path

from tests.conftest import Run


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


def test_a_folder_that_is_none_is_one_line(run: Run, here: Path) -> None:
    """What mode=report, mode=score and mode=forget need, and do not get, is said."""
    for arguments, said in (
        (["mode=report"], "folder=DIR"),
        (["mode=score", "folder=nowhere"], "folder=nowhere"),
        (["mode=report", "it's, not there"], "folder=it's, not there"),
        (["mode=check", "sessions"], "sessions"),
        (["mode=forget"], "user=NAME"),
    ):
        done = run(*arguments)
        assert (done.code, done.out) == (2, "") and said in done.err and done.err.count("\n") == 1
