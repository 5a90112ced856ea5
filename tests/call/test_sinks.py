"""Events on their way to their sinks."""

import logging

import pytest

from runtime.call import sinks
from runtime.call.sinks import CUT, LIST_LIMIT, fan_out, shortened
from runtime.events import Event, Failure, How, Notice, Reload


def test_a_broken_sink_does_not_keep_others_from_an_event(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each sink gets each event, in order; what a sink raises is in the log."""
    monkeypatch.setattr(sinks.logger, "disabled", False)  # import-linter, in another test, disables all loggers
    first: list[Event] = []
    last: list[Event] = []

    def broken(event: Event) -> None:
        raise RuntimeError("full")

    emit = fan_out(first.append, broken, last.append, room="a room", user="ann")
    events = [Notice(text="one"), Failure(source="x", reason="y", recoverable=True)]
    for event in events:
        emit(event)
    assert first == last and [event.kind for event in first] == ["notice", "failure"]
    assert {(event.room, event.user) for event in first} == {("a room", "ann")}
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2


def test_where_an_event_is_from_is_kept_unless_it_is_said() -> None:
    """A fan-out of the terminal's passes on what rooms told."""
    told: list[Event] = []
    fan_out(told.append)(Notice(text="one", room="a room", user="ann"))
    assert (told[0].room, told[0].user) == ("a room", "ann")


def test_only_what_is_too_long_is_cut() -> None:
    """An event of usual size goes on as it is; the cut is marked."""
    event = Notice(text="สวัสดี")
    assert shortened(event) is event
    long = shortened(Reload(how=How.REJECTED, before="r", reason="x" * 200_000, files=["a"] * 5_000))
    assert isinstance(long, Reload)
    assert long.reason.endswith(CUT) and len(long.files) == LIST_LIMIT
