"""What a rehearsed call shows: where the persona fell out of her role, and what the call cost."""

from dataclasses import replace

import pytest

from runtime.events import Event, Heard, MoodMoved, Said
from runtime.record.call_log import CallLog
from runtime.record.conduct import conduct, cost
from runtime.record.score import score
from runtime.rehearse.measures import breaks, heard_right, measures
from runtime.spec.persona import Arc, Fact, FrontMatter

FRONT = FrontMatter(
    opening={"en": ("I was billed twice.",)},
    facts={
        "account": Fact(hear={"en": ("account number",)}, say={"en": ("It's CUST-2847.",)}),
        "amount": Fact(hear={"en": ("how much",)}, say={"en": ("$298.50.",)}),
        "plan": Fact(hear={"en": ("which plan",)}, say={"en": ("The large family plan.",)}),
    },
)


def said(text: str, at: float = 1) -> Said:
    return Said(at=at, text=text, revision="", emotion="")


def heard(text: str, at: float = 0) -> Heard:
    return Heard(at=at, text=text, revision="", emotion="", turn=1)


def found(*events: Event, language: str = "en") -> list[str]:
    return [broken.what for broken in breaks(CallLog(events), Arc(FRONT, language))]


BREAKS = [
    ("My account is CUST-2847.", ["gave account unasked"]),
    ("You took 298 dollars 50.", ["gave amount unasked"]),
    ("I have the large family plan, since you ask.", ["gave plan unasked"]),
    ("I was billed twice, I told you.", []),
    ("As an AI language model I cannot feel anger.", ["said to be a machine"]),
    ("I am not a robot, thank you.", []),
    ("Am I talking to a robot?", []),
    ("ดิฉันโดนเก็บเงินซ้ำอีกแล้วค่ะ", ["spoke another language"]),
]


@pytest.mark.parametrize(("line", "expected"), BREAKS, ids=[line[:24] for line, _ in BREAKS])
def test_a_persona_that_falls_out_of_her_role_is_noticed(line: str, expected: list[str]) -> None:
    """A hidden fact that nobody asked for, a model that says what it is, another language; and nothing else."""
    assert found(said(line)) == expected


def test_a_fact_that_was_asked_for_or_said_by_the_trainee_is_hidden_no_more() -> None:
    """She may give it from then on, and once given it is known."""
    assert found(heard("What is your account number?"), said("CUST-2847.")) == []
    assert found(heard("You were billed $298.50, I see."), said("Yes, $298.50.")) == []
    assert found(said("CUST-2847."), said("I said CUST-2847.", at=2)) == ["gave account unasked"]


def test_a_thai_call_is_in_thai() -> None:
    """Codes and names do not count; a whole line does."""
    assert found(said("รหัส CUST-2847 ค่ะ"), language="th") == ["gave account unasked"]
    assert found(said("I do not understand you at all."), language="th") == ["spoke another language"]


def test_a_mood_that_rises_without_a_cue_is_a_break() -> None:
    """One that a cue has moved is none, nor one that falls."""
    moved = MoodMoved(at=1, before=30, after=50, emotion="angry", why=("ownership",))
    assert found(moved, MoodMoved(at=2, before=50, after=40, emotion="angry")) == []
    assert found(MoodMoved(at=2, before=40, after=60, emotion="neutral")) == ["mood rose without a cue"]


PRICES = {
    "text": {"input": 2.0, "cached_input": 0.5, "output": 8.0},
    "speech": {"input": 4.0, "cached_input": 0.4, "output": 16.0, "audio_input": 32.0, "audio_output": 64.0},
    "voice": {"characters": 30.0},
    "ear": {"minutes": 0.006},
}
USAGE = [
    ({"model": "text", "input_tokens": 1_000_000, "output_tokens": 1_000_000}, 10.0),
    ({"model": "text", "input_tokens": 1_000_000, "input_cached_tokens": 500_000, "output_tokens": 1}, 1.250008),
    (
        {
            "model": "speech",
            "input_tokens": 1000,
            "input_audio_tokens": 600,
            "output_tokens": 100,
            "output_audio_tokens": 100,
        },
        0.0272,
    ),
    ({"model": "voice", "characters_count": 100_000}, 3.0),
    ({"model": "ear", "audio_duration": 600.0}, 0.06),
    ({"model": "text", "input_tokens": 1, "input_audio_tokens": 1}, None),
    ({"model": "another", "input_tokens": 1}, None),
    ({"provider": "offline", "model": "script", "input_tokens": 1000}, 0.0),
]


@pytest.mark.parametrize(
    ("used", "dollars"), USAGE, ids=[str(used.get("model")) + str(i) for i, (used, _) in enumerate(USAGE)]
)
def test_a_call_costs_what_the_price_file_says_or_nobody_knows(used: dict[str, object], dollars: float | None) -> None:
    """Cached and audio tokens are a part of all tokens; a kind without a price makes the cost unknown."""
    assert cost([used], PRICES) == (None if dollars is None else pytest.approx(dollars))


def test_what_arrived_of_what_was_said_is_counted_in_words() -> None:
    """Those that are missing and those that were made up count alike; of Thai, characters."""
    assert heard_right(["I am sorry.", "Goodbye!"], ["i am sorry", "Goodbye."]) == 100
    assert heard_right(["one two three four"], ["one two three"]) == pytest.approx(100 * 6 / 7, abs=0.1)
    assert heard_right(["one two three"], ["one two three four"]) == pytest.approx(100 * 6 / 7, abs=0.1)
    assert heard_right(["ขอโทษค่ะ"], ["ขอโทษครับ"]) == pytest.approx(100 * 12 / 17, abs=0.1)
    assert heard_right(["Hello."], []) == 0


def test_words_a_minute_are_of_what_was_spoken() -> None:
    """Of both, while they speak; Thai is counted in characters, and a typed call has none."""
    card = score(CallLog(()), FRONT, "en")
    events = (
        Heard(at=0, start=0, seconds=2, text="one two three four", revision="", emotion="", turn=1),
        Said(at=3, start=3, seconds=3, text="one two three", revision="", emotion=""),
    )
    shown = measures(CallLog(events), card, Arc(FRONT, "en"), ["one two three"])
    assert (shown.pace, shown.her_pace, shown.pace_in) == (120, 60, "words")
    thai = replace(events[1], text="สวัสดี")
    assert measures(CallLog([events[0], thai]), card, Arc(FRONT, "th"), ["x"]).pace_in == "characters"
    typed = measures(CallLog(events), card, Arc(FRONT, "en"))
    assert (typed.pace, typed.her_pace, typed.pace_in, typed.heard_right) == (None,) * 4


def test_latency_is_the_same_in_a_calls_report_and_in_a_sweeps() -> None:
    """The p50 and the p95 of her turns, interpolated."""
    log = CallLog(tuple(replace(said("Yes.", at), latency=at / 10) for at in range(1, 12)))
    shown, held = measures(log, score(log, FRONT, "en"), Arc(FRONT, "en")), conduct(log)
    assert (shown.latency, shown.latency_high) == (held.latency_p50, held.latency_p95) == (0.6, 1.05)
