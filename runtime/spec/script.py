"""The Thai script, which puts no space between words and ends no sentence with a full stop."""

from __future__ import annotations

import re
from functools import lru_cache

THAI = "\u0e01-\u0e3a\u0e40-\u0e5b"
"""Its characters, for a pattern's `[…]`; the sign of the baht, which stands in other scripts too, is none."""
THAI_TEXT = re.compile(f"[{THAI}]+")


@lru_cache(maxsize=128)  # a persona's prose is asked for with each of its edits
def thai_share(text: str) -> float:
    """How much of a text's letters are Thai: 0 to 1; 0 of a text without letters."""
    letters = sum(map(str.isalpha, text))
    return sum(map(str.isalpha, "".join(THAI_TEXT.findall(text)))) / letters if letters else 0.0
