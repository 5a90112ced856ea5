"""Secrets that others repeat: a provider's error may hold the key that it refused."""

from __future__ import annotations

import logging
import os
import re

SECRET = re.compile(r"(api_?key|secret|password|credentials|(^|_)token|authorization)$", re.IGNORECASE)
"""Names of options, and of environment variables, whose values are secret."""


def redacted(text: str) -> str:
    """The text without the value of any environment variable whose name says secret."""
    for name, value in os.environ.items():
        if value and SECRET.search(name):
            text = text.replace(value, f"({name})")
    return text


class Formatter(logging.Formatter):
    """Formats log records, tracebacks included, without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))
