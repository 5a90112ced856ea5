"""Checks that a quote, of a model that listens or judges, stands word for word in what was said."""

from __future__ import annotations

import re
import unicodedata

from ..spec.writing_system import THAI_TEXT
from .phrases import FIGURE

_THAI_DIGITS = str.maketrans("๐๑๒๓๔๕๖๗๘๙", "0123456789")


def is_verbatim(quote: str, text: str) -> bool:
    """Whether a quote stands word for word in a text; one without a word never does.

    Alike are texts that are the same after Unicode's NFC, with Thai's two ways to write one vowel, Thai digits, and any
    run of spaces made one. Nothing else is: no case, no punctuation, no nearness. Words, amounts and codes are not cut.
    """
    wanted, said = _normalised(quote), _normalised(text)
    found = said.find(wanted) if wanted else -1
    figures = [figure.span() for figure in FIGURE.finditer(said)] if found >= 0 else []
    while found >= 0:
        end = found + len(wanted)
        cuts_figure = any(first < found < last or first < end < last for first, last in figures)
        if not (cuts_figure or _cuts(said, found) or _cuts(said, end)):
            return True
        found = said.find(wanted, found + 1)
    return False


def _cuts(text: str, at: int) -> bool:
    """Whether a text is cut there within a word, or within a letter of a script without spaces."""
    if not 0 < at < len(text):
        return False
    before, after = text[at - 1], text[at]
    if unicodedata.combining(after) or unicodedata.category(after) in ("Mn", "Mc"):
        return True
    return before.isalnum() and after.isalnum() and not (THAI_TEXT.match(before) and THAI_TEXT.match(after))


def _normalised(text: str) -> str:
    text = unicodedata.normalize("NFC", text).translate(_THAI_DIGITS)
    text = re.sub("[\u200b\u200c\u200d\u2060\ufeff]", "", text)
    text = re.sub("\u0e4d([\u0e48-\u0e4b]?)\u0e32", "\\1\u0e33", text)  # sara am, written as its two halves
    return " ".join(text.split())
