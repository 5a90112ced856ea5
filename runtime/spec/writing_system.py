"""Writing systems: how much of a text is Thai, which puts no space between words and no full stop after sentences, and
whether a text is in letters that its language does not have."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache

THAI = "\u0e01-\u0e3a\u0e40-\u0e5b"
"""Its characters, for a pattern's `[…]`; the sign of the baht, which stands in other scripts too, is none."""
THAI_TEXT = re.compile(f"[{THAI}]+")


@lru_cache(maxsize=128)  # a persona's prose is asked for with each of its edits
def thai_share(text: str) -> float:
    """How much of a text's letters are Thai: 0 to 1; 0 of a text without letters."""
    letters = sum(map(str.isalpha, text))
    return sum(map(str.isalpha, "".join(THAI_TEXT.findall(text)))) / letters if letters else 0.0


_SCRIPTS = {
    "ar": {"ARABIC"}, "el": {"GREEK"}, "fa": {"ARABIC"}, "he": {"HEBREW"}, "hi": {"DEVANAGARI"},
    "ja": {"HIRAGANA", "KATAKANA", "CJK"}, "km": {"KHMER"}, "ko": {"HANGUL"}, "lo": {"LAO"}, "my": {"MYANMAR"},
    "ru": {"CYRILLIC"}, "th": {"THAI"}, "uk": {"CYRILLIC"}, "ur": {"ARABIC"}, "zh": {"CJK"},
}  # fmt: skip
"""The scripts of languages that are not written in Latin letters, by base tag."""
_SAMPLE = 4000
"""Characters of a text whose script is looked at."""


def foreign_script(text: str, base: str) -> str:
    """The script of nearly all letters of a text, where that is none of a language's (a base tag); "" else."""
    letters: Counter[str] = Counter()
    for letter, times in Counter(filter(str.isalpha, text[:_SAMPLE])).items():
        letters[unicodedata.name(letter, "").partition(" ")[0]] += times
    script, most = letters.most_common(1)[0] if letters else ("", 0)
    return script if most > 0.8 * letters.total() and script not in _SCRIPTS.get(base, {"LATIN"}) else ""
