"""How well a trainee is heard: labelled sentences that stand in no persona's file, by phrases alone and by meaning too.

`CUES` names another file of such sentences, an object a line: `lang`, `text`, `cue` (None: none), and `not`: cues that
must not be heard (without it, and for `*`, all others of the set).
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from runtime.arc.listener import listen
from runtime.arc.machine import fold
from runtime.config.compose import compose
from runtime.offline.embedding import vectors_of
from runtime.spec.persona import Arc

from .measure import Row, p95

SENTENCES = Path(os.environ.get("CUES", Path(__file__).with_suffix(".jsonl")))
CUES = frozenset(
    "hold blame calm_down transfer refusal ownership refund fix recognition empathy deadline case_number insult "
    "goodbye".split()
)


@dataclass(frozen=True, slots=True)
class Result:
    """Of the sentences of one language: how many held a cue, which were not heard, and which were heard wrongly."""

    wanted: int
    sentences: int
    missed: tuple[str, ...]
    wrong: tuple[str, ...]


def arcs(*overrides: str) -> dict[str, Arc]:
    """Sarah's arc, by language."""
    return {base: compose(["persona=sarah_thompson", f"language={base}", *overrides]).arc for base in ("en", "th")}


def read() -> list[dict[str, str | list[str] | None]]:
    """The sentences."""
    return [json.loads(line) for line in SENTENCES.read_text(encoding="utf-8").splitlines()]


async def prepare(by_language: Mapping[str, Arc], texts: Iterable[tuple[str, str]]) -> list[float]:
    """Gets the vectors that listening to these (language, text) takes, as a call does that has begun; the milliseconds
    that each took."""
    took = []
    for arc in by_language.values():
        listen(arc.front, frozenset(), "ready")
        if arc.embedder:
            await vectors_of(arc.embedder).ready(arc)
    for base, text in texts:
        arc = by_language[base]
        begun = time.perf_counter()
        if arc.embedder:
            await vectors_of(arc.embedder).understand(arc, text)
        took.append((time.perf_counter() - begun) * 1000)
    return took


def heard(by_language: Mapping[str, Arc], base: str) -> Result:
    """What is heard of the sentences in one language."""
    arc = by_language[base]
    meaning = vectors_of(arc.embedder).meaning(arc) if arc.embedder else None
    missed, wrong, wanted, sentences = [], [], 0, 0
    for row in read():
        if row["lang"] != base:
            continue
        text, cue, forbidden = str(row["text"]), row["cue"], row.get("not", "*") or ()
        found = set(fold(arc.front, [text], meaning).last.cues)
        sentences += 1
        wanted += cue is not None
        if cue is not None and cue not in found:
            missed.append(text)
        if found & ((CUES if "*" in forbidden else set(forbidden)) - {str(cue)}):
            wrong.append(text)
    return Result(wanted, sentences, tuple(missed), tuple(wrong))


def rows() -> list[Row]:
    """Of a hundred sentences those not heard and those heard wrongly, and how long a turn waits to be understood."""
    table = []
    took: list[float] = []
    for way in ("phrases", "meaning"):
        by_language = arcs(f"listening={way}")
        took = asyncio.run(prepare(by_language, ((str(row["lang"]), str(row["text"])) for row in read())))
        for base in by_language:
            result = heard(by_language, base)
            missed, wrong = 100 * len(result.missed) / result.wanted, 100 * len(result.wrong) / result.sentences
            table.append(Row(f"{base}, {way}: not heard", missed, "%", goal=20 if way == "meaning" else None))
            table.append(Row(f"{base}, {way}: heard wrongly", wrong, "%", goal=3))
    table.append(Row("a turn waits to be understood, p95", p95(took), "ms", goal=30))
    return table
