"""What job processes find imported."""

from importlib.util import find_spec

import pytest

from runtime.call.private import PRELOADED
from runtime.config.compose import compose
from runtime.rooms.forkserver import modules


@pytest.mark.parametrize("model", ["offline", "gemini_realtime", "openai_pipeline"])
def test_every_module_that_is_preloaded_is_there(model: str) -> None:
    """A name that has gone, of ours or of LiveKit's own preloading, would be skipped in silence."""
    for name in (*modules(compose([f"model={model}"])), *PRELOADED):
        assert find_spec(name), name
