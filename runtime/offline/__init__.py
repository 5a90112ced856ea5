"""Parts that need no key and no network, shaped like any LiveKit plugin. Each is imported when a spec names it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .llm import LLM
    from .stt import STT
    from .tts import TTS

__all__ = ["LLM", "STT", "TTS"]

# ONNX Runtime, which speech and hearing run on, sends usage data to its maker unless it is told not to beforehand.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{name.lower()}", __name__), name)
