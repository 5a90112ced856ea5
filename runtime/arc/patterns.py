"""Regular expressions of many alternatives, of which a text holds hardly ever one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import chain

from ..spec.writing_system import THAI_TEXT

_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)


class Alternatives:
    r"""A pattern for what went through `plain`, whose Thai vowels are written in other characters (ำ as two).

    That a text holds none of them is known soon: those that begin with `\b` are tried only where a word begins or ends,
    and those with Thai in them, each of which must need it, not at all in a text of ASCII.
    """

    def __init__(self, written: str) -> None:
        found = _split(unicodedata.normalize("NFKC", written))
        self.thai = [one for one in found if THAI_TEXT.search(one)]
        self._thai = _compiled(self.thai)
        self._others = _compiled([one for one in found if one not in self.thai])

    def search(self, said: str) -> re.Match[str] | None:
        """As of a compiled pattern, but of several places that hold it any."""
        return self._others.search(said) or (None if said.isascii() else self._thai.search(said))

    def match(self, said: str) -> re.Match[str] | None:
        """As of a compiled pattern."""
        return self._others.match(said) or (None if said.isascii() else self._thai.match(said))

    def fullmatch(self, said: str) -> re.Match[str] | None:
        """As of a compiled pattern."""
        return self._others.fullmatch(said) or (None if said.isascii() else self._thai.fullmatch(said))

    def finditer(self, said: str) -> Iterator[re.Match[str]]:
        """As of a compiled pattern, but first those without Thai."""
        return chain(self._others.finditer(said), self._thai.finditer(said))


def _split(written: str) -> list[str]:
    """The alternatives of a pattern, without those within its groups."""
    found, depth = [""], 0
    for token in _TOKEN.findall(written):
        depth += (token == "(") - (token == ")")
        if token == "|" and not depth:
            found.append("")
        else:
            found[-1] += token
    return found


def _compiled(alternatives: list[str]) -> re.Pattern[str]:
    bounded = [one[2:] for one in alternatives if one.startswith(r"\b")]
    others = [one for one in alternatives if not one.startswith(r"\b")]
    grouped = [rf"\b(?:{'|'.join(bounded)})"] if bounded else []
    return re.compile("|".join([*grouped, *others]) if alternatives else "(?!)")
