"""Text that others wrote, made fit to be shown: without secrets, and without what steers a terminal or hides in it."""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import unicodedata
from functools import lru_cache
from urllib.parse import quote, quote_plus

SECRET = re.compile(
    r"(api_?key|secret(_?key)?|password|credentials?(_info|_json)?|authorization|passw(or)?d|passphrase"
    r"|(access|private|speech|subscription|account|auth|encryption|signing)_?key(_id)?"
    r"|(^|_)(token|auth|bearer|cookies?|jwt|pwd|signature))$",
    re.IGNORECASE,
)
"""Names, in words that `_` divides, of options and environment variables whose values are secret."""

SECRET_TEXT = re.compile(r"(bearer|basic) \S|-----BEGIN|[\w+]+://[^/\s]*:[^/\s]*@", re.IGNORECASE)
"""A value that is a secret whatever its name: a header, a key's file, a URL with a password."""

LEAST_LENGTH = 8
"""Characters of a value that is taken out. A shorter one (`secret`, `devkey`, `none`) is also a word, and would go from
every line that uses it; providers' keys have twenty and more."""

_noted: set[str] = set()
_resolved: dict[str, str] = {}


@lru_cache(maxsize=4096)
def says_secret(name: str) -> bool:
    """Whether an option of this name, in any spelling (`apiKey`, `x-api-key`), is a secret.

    Kept, as each event asks it of each variable of the environment.
    """
    return SECRET.search(re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[-. ]", "_", name)) is not None


def note_secret(name: str, value: str = "") -> None:
    """From now on `redacted` takes out what this environment variable holds, and `value`, where it is given."""
    _noted.add(name)
    if value:
        _resolved[value] = name


def redacted(text: str) -> str:
    """The text with `(NAME)` in place of every secret that the environment holds, also where it is encoded.

    Secret is what a config file took by `env:NAME`, unless that is a plain address, and every variable whose name says
    so.
    """
    if len(text) < LEAST_LENGTH:
        return text
    secret = (n for n in os.environ if n in _noted or says_secret(n) or n.upper().endswith("_KEY"))
    known = {os.environ.get(name, ""): name for name in secret}
    spelled, names = _spellings(frozenset((known | _resolved).items()))
    return spelled.sub(lambda match: f"({names[match[0]]})", text) if names else text


@lru_cache(maxsize=4)
def _spellings(secrets: frozenset[tuple[str, str]]) -> tuple[re.Pattern[str], dict[str, str]]:
    """A pattern of all that stands for a secret, the longest first, so that none leaves the rest of a longer one."""
    names: dict[str, str] = {}
    for value, name in secrets:
        if len(value) >= LEAST_LENGTH and not re.fullmatch(r"\w+://[^@?\s]*", value):
            names |= dict.fromkeys(_encodings(value), name)
    longest_first = sorted(names, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))), names


def _encodings(value: str) -> list[str]:
    """The value as it may be written: as it is, in a URL, in JSON, and in base64 at any place of an encoded text."""
    raw = value.encode(errors="surrogateescape")
    found = [value, quote(raw), quote(raw, safe=""), quote_plus(raw)]
    found += [json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]]
    for before in range(3):  # base64 encodes three bytes at once: the value may begin at any of them
        encoded = base64.b64encode(bytes(before) + raw)[(8 * before + 5) // 6 :].rstrip(b"=")
        whole = encoded if (before + len(raw)) % 3 == 0 else encoded[:-1]
        found += [whole.decode(), whole.decode().translate(str.maketrans("+/", "-_"))]
    return found


def clean(text: str) -> str:
    """The text as one line that shows what it says: no control characters, nothing invisible, nothing that turns the
    direction of what follows.

    Joiners stay between letters of scripts that need them (Persian, Hindi; Thai has none).
    """
    if text.isascii() and text.isprintable():
        return text
    text = re.sub("[\r\n\t\v\f\x85\u2028\u2029]", " ", text)
    joiners = {m.start() for m in re.finditer("(?<=[^\x00-\x7f])[\u200c\u200d](?=[^\x00-\x7f])", text)}
    return "".join(
        "\ufffd" if unicodedata.category(c) == "Cs" else c
        for i, c in enumerate(text)
        if (unicodedata.category(c) not in ("Cc", "Cf") and c not in _BLANK) or i in joiners
    )


_BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
"""Characters that count as letters, marks or symbols by their Unicode category, and show nothing."""


class Formatter(logging.Formatter):
    """Formats log records, tracebacks included, without secrets. A message is one line, whatever it holds."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return clean(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(clean(line) for line in redacted(super().format(record)).split("\n"))
