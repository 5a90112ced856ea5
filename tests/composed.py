"""Specs of the files that are shipped, each composed once a process, as that takes a tenth of a second."""

from collections.abc import Sequence
from functools import cache

import runtime.config.compose
from runtime.config.groups import personas_folder
from runtime.spec.session_spec import SessionSpec
from tests.conftest import ROOT


def compose(overrides: Sequence[str]) -> SessionSpec:
    """As the runtime's, anew only for personas of a test's own."""
    if personas_folder() != ROOT / "personas":
        return runtime.config.compose.compose(overrides)
    return _shipped(*overrides)


@cache
def _shipped(*overrides: str) -> SessionSpec:
    return runtime.config.compose.compose(overrides)
