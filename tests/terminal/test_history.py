"""`mode=history`: tables on a terminal, lines in a pipe, one line for what is wrong."""

import json
import os
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from runtime.history.index import FILE
from runtime.record.folder import SCORECARD
from runtime.record.score import card_to_json
from runtime.spec.settings import OutputFormat, Record, Settings
from runtime.terminal.history import show_history
from tests.conftest import Run
from tests.history.test_index import AT, card, held, settle


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Sessions of two trainees."""
    settings = Settings(record=Record(dir=str(tmp_path)))
    for number, score in enumerate((20, 60, 100)):
        held(settings, "ann", score, at=AT + 60 * number)
    held(settings, "นิดหน่อย", 40, at=AT + 600, persona="sarah_thompson")
    return settings


def test_a_pipe_gets_a_line_for_each_session_and_for_each_trainee(run: Run, settings: Settings) -> None:
    """With tabs between, the latest first."""
    result = run("mode=history", f"record.dir={settings.record.dir}", "user=ann")
    assert result.code == 0 and result.err == "", result
    sessions, trainees = ([line.split("\t") for line in part.splitlines()] for part in result.out.split("\n\n"))
    assert [cells[3:5] for cells in sessions] == [["100", "passed"], ["60", "not passed"], ["20", "not passed"]]
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(AT + 120))
    assert sessions[0][:3] == [when, "ann", "sarah"] and sessions[0][5:7] == ["5:00", "resolved"]
    assert (Path(sessions[0][7]) / "scorecard.json").is_file()
    assert trainees == [["ann", "sarah", "3", "1", "100", "100", "▂▅█", "nothing"]]


@pytest.mark.parametrize(("lines", "told"), [("plain", "the trainee hung up"), ("json", '"trainee_left"')])
def test_how_a_session_ended_is_told_in_words(
    lines: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For people; a program gets its name."""
    settings = Settings(record=Record(dir=str(tmp_path)), lines=OutputFormat(lines))
    folder = held(settings, "ann", 20)
    (folder / SCORECARD).write_bytes(card_to_json(replace(card(20), ending="trainee_left")))
    settle(folder)
    show_history(settings, None)
    assert told in capsys.readouterr().out


def test_persona_on_the_command_line_is_whose_sessions_are_meant(run: Run, settings: Settings) -> None:
    """The default persona is not."""
    everything = run("mode=history", f"record.dir={settings.record.dir}", "lines=json")
    assert len(everything.out.splitlines()) == 4
    hers = run("mode=history", f"record.dir={settings.record.dir}", "lines=json", "persona=sarah_thompson")
    (session,) = map(json.loads, hers.out.splitlines())
    assert (session["user"], session["missed"]) == ("นิดหน่อย", ["takes ownership", "gives a date"])


def test_somebody_who_never_called_is_a_mistake_with_the_nearest_name(run: Run, settings: Settings) -> None:
    """As with any other name."""
    result = run("mode=history", f"record.dir={settings.record.dir}", "user=anne")
    assert (result.code, result.out) == (2, "")
    assert "user=anne: no session of this name; did you mean ann?" in result.err
    result = run("mode=history", f"record.dir={settings.record.dir}", "persona=sara_thompson")
    assert (result.code, result.out) == (2, "")
    assert "persona=sara_thompson: no session of this name; did you mean sarah_thompson?" in result.err
    neither = run("mode=history", f"record.dir={settings.record.dir}", "user=ann", "persona=sarah_thompson")
    assert (neither.code, neither.out) == (0, "no session of ann with sarah_thompson yet\n")


def test_who_is_forgotten_is_taken_out_of_the_index(run: Run, settings: Settings) -> None:
    """With the folders, by the same command, also where only digits are the name."""
    held(settings, "17091709", 40)
    for user in ("17091709", "ann"):
        assert run("mode=history", f"record.dir={settings.record.dir}", f"user={user}").code == 0
        assert run("mode=forget", f"record.dir={settings.record.dir}", f"user={user}").code == 0
    index = (Path(settings.record.dir) / FILE).read_bytes()
    assert b"17091709" not in index and b"-ann" not in index and "นิดหน่อย".encode() in index


def test_before_the_first_call_there_is_no_history(run: Run, tmp_path: Path) -> None:
    """Which is no mistake, and leaves nothing behind."""
    result = run("mode=history", f"record.dir={tmp_path}/none")
    assert (result.code, result.err) == (0, "")
    assert "no session folders in" in result.out
    assert not (tmp_path / "none").exists()


def test_a_password_in_the_config_is_refused(run: Run) -> None:
    """Before anything is asked, and without showing it."""
    for url in ("postgresql://me:hunter22@127.0.0.1/x", "postgresql+psycopg://127.0.0.1/x?password=hunter22"):
        result = run("mode=history", f"history.url='{url}'")
        assert result.code == 2 and "env:NAME" in result.err and "hunter22" not in result.err, result


def show(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int) -> str:
    """What a terminal of so many columns shows."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    show_history(settings, None)
    return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)


def test_a_terminal_shows_tables_that_fit(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In 80 columns, in Thai too; with the folders where there is room."""
    narrow = show(settings, monkeypatch, capsys, 80)
    assert max(map(cell_len, narrow.splitlines())) <= 80
    assert "trend" in narrow and "▂▅█" in narrow and "takes ownership; gives a date" in " ".join(narrow.split())
    assert "folder" not in narrow
    assert "folder" in show(settings, monkeypatch, capsys, 160)


def test_an_index_that_cannot_be_written_is_shown_as_it_is(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a line that says so."""
    show(settings, monkeypatch, capsys, 80)

    def refuse(*_: object) -> None:
        raise OSError(30, os.strerror(30), FILE)

    monkeypatch.setattr("runtime.history.index.identity", refuse)
    monkeypatch.setattr("sys.stdout.isatty", lambda: False)
    show_history(settings, None)
    shown = capsys.readouterr()
    assert len(shown.out.split("\n\n")[0].splitlines()) == 4
    assert shown.err == f"not up to date: history: {FILE}: Read-only file system\n"


def test_an_index_that_cannot_be_opened_is_one_line(run: Run, here: Path) -> None:
    """Neither brought up to date nor read, for one reason."""
    (here / "sessions").mkdir()
    done = run("mode=history", "history.url=sqlite:////nowhere/index.sqlite")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1) and "unable to open database file" in done.err
