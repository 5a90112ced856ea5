"""A trainee who is silent, in virtual time."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.call.silence import Silence
from runtime.events import Said
from runtime.spec.persona import Timer
from tests.held import held
from tests.loopback.openai_http import OpenAIHTTPServer

TEN, THIRTY = Timer(silence=10), Timer(silence=30)
Skip = Callable[[float], None]


async def after(seconds: float, skip: Skip) -> None:
    """So many seconds later, with all that has become due done."""
    skip(seconds)
    for _ in range(3):
        await asyncio.sleep(0)


async def test_each_timer_has_its_own_time(skip: Skip) -> None:
    """Of 30 and 10 s the line of 10 s comes first, and that of 30 s twenty seconds later: hers is silence too."""
    fired: list[Timer] = []
    silence = Silence(fired.append)
    silence.count([THIRTY, TEN])
    await after(9, skip)
    assert fired == []
    await after(2, skip)
    assert fired == [TEN]
    silence.pause()
    await after(3, skip)
    silence.count([THIRTY, TEN])
    await after(15, skip)
    assert fired == [TEN]
    await after(2, skip)
    assert fired == [TEN, THIRTY]


async def test_a_word_of_the_trainees_ends_the_silence(skip: Skip) -> None:
    """What comes after it is counted anew, and each timer may speak again."""
    fired: list[Timer] = []
    silence = Silence(fired.append)
    silence.count([TEN])
    await after(11, skip)
    silence.end()
    await after(20, skip)
    assert fired == [TEN]
    silence.count([TEN])
    await after(9, skip)
    assert fired == [TEN]
    await after(2, skip)
    assert fired == [TEN, TEN]


async def test_nothing_is_said_while_the_persona_speaks(skip: Skip) -> None:
    """A timer that ran out meanwhile comes when she has finished."""
    fired: list[Timer] = []
    silence = Silence(fired.append)
    silence.count([TEN])
    silence.pause()
    await after(60, skip)
    assert fired == []
    silence.count([TEN])
    await after(0, skip)
    assert fired == [TEN]


PERSONA = """---
opening: I was billed twice.
mood: 50
cues: {late: {hear: [late], mood: 1}}
timers:
  - {silence: 0.3s, say: I am still here.}
  - {silence: 0.1s, mood: -40, say: Anyone there?}
---
Hi."""


async def test_silence_counts_from_the_end_of_the_opening(
    monkeypatch: pytest.MonkeyPatch, use_personas: Callable[[str, str], Path]
) -> None:
    """Nothing is asked before the opening is over; then each timer says its own line at its own time, and moves her."""
    use_personas("ann", PERSONA)
    async with (
        OpenAIHTTPServer() as server,
        held("openai_pipeline", server, monkeypatch, "persona=ann", opened=False) as line,
    ):
        assert await line.answer(1) == "I was billed twice."
        assert await line.answer(2) == "Anyone there?"
        assert await line.answer(3) == "I am still here."
        emotions = [said.emotion for said in line.of(Said)]
        assert emotions[0] != emotions[2]
