"""What a call shows on a terminal."""

import re
import time
from dataclasses import MISSING, fields, replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from runtime.events import (
    KINDS,
    Change,
    Ended,
    Event,
    Failure,
    Heard,
    How,
    Interim,
    MoodMoved,
    Notice,
    PhaseMoved,
    Recovered,
    Reload,
    Said,
    Scored,
    Started,
    State,
    ToolCalled,
)
from runtime.terminal.view import View

AT = 1_700_000_000.0
STARTED = Started(
    at=AT,
    persona="Sarah",
    choices={"model": "offline", "voice": "v", "vad": "silero"},
    language="English",
    revision="1a",
)


def shown(*events: Event, live: bool = False) -> str:
    console = Console(file=StringIO(), width=100, force_terminal=live, color_system=None)
    with View(console, live=live) as view:
        for event in events:
            view.show(event)
    text = console.file
    assert isinstance(text, StringIO)
    return text.getvalue()


def said(text: str, **more: object) -> Said:
    return Said(at=AT, text=text, revision="1a", emotion="angry", **more)  # type: ignore[arg-type]


def test_a_call_is_its_lines_in_order() -> None:
    """Header, lines with time and speaker, and a summary; once each."""
    screen = shown(
        STARTED,
        Interim(at=AT, speaker="customer", text="I have"),
        said("I have been billed twice."),
        Heard(at=AT, text="I am sorry.", revision="1a", emotion="angry"),
        Ended(at=AT, reason="resolved", satisfied=True, turns=1, seconds=62, first_word=0.5),
    ).splitlines()
    assert screen[0] == "Sarah  model offline · voice v · vad silero · language English · revision 1a"
    assert [line[9:] for line in screen[1:3]] == ["Sarah (angry): I have been billed twice.", "You: I am sorry."]
    assert screen[3] == "Call ended: resolved (customer satisfied). 1 turn, 1:02, first word after 0.50 s."


def test_whether_a_call_passed_is_said_by_the_score_alone() -> None:
    """The ending says how the customer left: satisfied, with a call that did not pass."""
    score = Scored(score=20, pass_mark=70, passed=False, missed=("you never gave a date",), folder="x")
    screen = shown(Ended(at=AT, reason="resolved", satisfied=True, turns=1, seconds=62), score).splitlines()
    assert [line for line in screen if "passed" in line] == ["Score: 20 of 100 (pass mark 70), not passed."]


def test_a_score_is_told_in_the_language_of_its_call() -> None:
    """In Thai without a word of English."""
    (line, _) = shown(Scored(score=20, pass_mark=70, passed=False, folder="x", language="th")).splitlines()
    assert line == "คะแนน: 20 จาก 100 (เกณฑ์ผ่าน 70) ไม่ผ่าน"


def test_a_thai_call_in_the_terminal_ends_in_thai() -> None:
    """How it ended, and where the report is; a worker tells it in English."""
    ended = Ended(at=AT, reason="trainee_left", turns=2, seconds=62, first_word=0.5)
    score = Scored(score=20, pass_mark=70, passed=False, folder="x", language="th")
    *_, left, _, report = shown(replace(STARTED, language="Thai"), ended, score).splitlines()
    assert (left, report) == ("จบสาย: ผู้ฝึกวางสาย 2 ตา 1:02 คำแรกหลัง 0.50 วินาที", "รายงาน: x/report.html")
    in_a_room = shown(replace(STARTED, language="Thai", room="a"), replace(ended, room="a"))
    assert "Call ended: the trainee hung up. 2 turns" in in_a_room


def test_words_show_as_they_are_said_and_give_way_to_the_line() -> None:
    """On a terminal the moving line is drawn and taken away again; the finished one stays."""
    screen = shown(STARTED, Interim(at=AT, speaker="customer", text="I have"), said("I have been billed."), live=True)
    assert "I have …" in screen
    assert screen.count("I have been billed.") == 1


def test_a_line_that_was_cut_short_shows_it() -> None:
    """An interrupted line ends in a dash."""
    assert "I have —" in shown(STARTED, said("I have", interrupted=True))


def test_each_line_of_a_room_says_whose_it_is() -> None:
    """Lines of several calls carry the user id of their room."""
    screen = shown(
        Notice(at=AT, room="a", user="ann", text="no persona answers"),
        said("One.", room="a", user="ann"),
        said("Two.", room="b", user="bob"),
        Heard(at=AT, text="Sorry.", revision="1a", emotion="angry", room="b", user="bob"),
    ).splitlines()
    assert [line.split("]")[0].split("[")[1] for line in screen] == ["ann", "ann", "bob", "bob"]
    assert "Trainee: Sorry." in screen[-1]


def test_a_worker_s_own_lines_have_the_time_as_its_calls_have() -> None:
    """A call in the terminal has them without."""
    out = StringIO()
    for timed in (True, False):
        with View(Console(file=out, width=100), live=False, timed=timed) as view:
            view.show(Notice(at=AT, text="waiting for rooms"))
    clock = time.strftime("%H:%M:%S", time.localtime(AT))
    assert out.getvalue().splitlines() == [f"{clock} waiting for rooms", "waiting for rooms"]


def test_only_calls_that_are_on_have_a_row() -> None:
    """A room that was left alone, or one whose call is over, keeps nothing; events without a call draw no row."""
    console = Console(file=StringIO(), width=100, force_terminal=True, color_system=None)
    with View(console, live=True) as view:
        for room in map(str, range(100)):
            view.show(Notice(at=AT, room=room, user="u", text="no persona answers"))
            view.show(State(at=AT, room=room, user="u", state="thinking"))
            view.show(Ended(at=AT, room=room, user="u", reason="error"))
        assert rows(view) == ""
        view.show(replace(STARTED, room="r", user="ann"))
        view.show(State(at=AT, room="r", user="ann", state="thinking"))
        assert rows(view) == "ann …"
        view.show(Ended(at=AT, room="r", user="ann", reason="resolved"))
        assert rows(view) == ""


def rows(view: View) -> str:
    """What moves on the screen."""
    console = Console(file=StringIO(), width=100)
    console.print(view)
    text = console.file
    assert isinstance(text, StringIO)
    return text.getvalue().strip()


def test_failures_and_recoveries_are_shown() -> None:
    """What goes wrong is said, and how long the persona was silent for it."""
    screen = shown(
        Failure(at=AT, source="RealtimeModel", reason="1011", recoverable=True), Recovered(at=AT, gap_ms=840)
    )
    assert "! RealtimeModel: 1011" in screen
    assert "speaking again after 840 ms" in screen


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_no_text_steers_the_terminal(kind: str, live: bool) -> None:
    """Whatever text an event holds, its lines and the rows below them show it as text: escape sequences, a clipboard
    written by OSC 52, a cleared screen, overrides of direction, line ends of any kind, halves of characters."""
    evil = "A\x1b[2J\x1b]52;c;AA==\x07\x9b31m\u202e\u2066\u200b\u2028\x85\r\n\udcffZ"
    shape = KINDS[kind]
    texts: dict[str, Any] = {f.name: evil for f in fields(shape) if f.init and str(f.type) in ("str", "Speaker")}
    if shape is Started:
        texts["choices"] = dict.fromkeys(("model", "voice", "vad"), evil)
    if shape is Reload:
        texts |= {"how": How.IN_PLACE, "files": [evil], "changes": (Change(evil, evil, evil, How.IN_PLACE),)}
    needed = {
        f.name: 7 if str(f.type) == "int" else evil
        for f in fields(shape)
        if f.default is MISSING and f.default_factory is MISSING
    }
    event = shape(**(needed | texts | SAMPLES.get(kind, {})))
    console = Console(file=StringIO(), width=200, force_terminal=live, color_system=None)
    with View(console, live=live) as view:
        view.connecting(evil)
        for room in ("", evil):
            view.show(replace(STARTED, persona=evil, room=room, user=evil))
            view.show(replace(event, room=room))
            shown = rows(view)
            assert not BAD & set(shown.replace("\n", ""))
    written = console.file
    assert isinstance(written, StringIO)
    text = re.sub(r"\x1b\[(\?25[hl]|2K|1A|0m)|[\r\n]", "", written.getvalue())  # what rich itself writes
    assert not BAD & set(text)


BAD = {"\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\u200b", "\u2028", "\x85", "\r", "\udcff"}
SAMPLES: dict[str, dict[str, Any]] = {
    "failure": {"recoverable": True},
    "recovered": {"gap_ms": 1},
    "cue": {"turn": 1, "found": "phrase"},
    "clock": {"clock": "after", "seconds": 1.0},
    "ending": {"satisfied": True},
    "state": {"state": "thinking"},
}
"""Fields that are no text, for events that need them."""


def test_mood_and_phase_show_as_they_move() -> None:
    """Each move is a narrow line with a bar, and what moved her; a model that was refused to hang up is told of."""
    screen = shown(
        STARTED,
        MoodMoved(at=AT, before=10, after=34, emotion="frustrated", why=("ownership",)),
        PhaseMoved(at=AT, before="เปิดสาย", after="ลดอารมณ์"),
        ToolCalled(at=AT, name="end_call", result="a date is owed", refused=True),
    )
    lines = screen.splitlines()
    assert "▰▰▰▱▱▱▱▱▱▱ 34 frustrated, from 10 (ownership)" in lines[1]
    assert "phase: เปิดสาย → ลดอารมณ์" in lines[2]
    assert "told what is still owed" in lines[3]
    assert all(len(line) <= 80 for line in lines[1:])


def test_the_row_of_this_terminals_call_holds_the_mood() -> None:
    """While the call is on, its mood stays in sight; calls in rooms have no such row."""
    moved = MoodMoved(at=AT, before=10, after=34, emotion="frustrated")
    assert shown(STARTED, moved, live=True).count("34 frustrated") > 1
    started, there = (replace(event, room="axtra-x-ann-1", user="ann") for event in (STARTED, moved))
    assert shown(started, there, live=True).count("34 frustrated") == 1


def test_a_long_room_is_named_whole_once() -> None:
    """Of a name of 130 characters each further line has the end, and every line of a room begins with the time."""
    room = f"axtra-{'b' * 60}-{'c' * 49}-1709123456789"
    started, heard = (replace(event, room=room, user="ann") for event in (STARTED, said("Yes?")))
    lines = shown(
        started, heard, replace(Failure(at=AT, source="x", reason="y", recoverable=True), room=room)
    ).splitlines()
    assert room in lines[0] and all(room not in line and "…-1709123456789" in line for line in lines[1:])
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in lines)
