"""Files → spec, in this process: what an edit of the persona costs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

from runtime.config.compose import compose
from runtime.config.groups import use_folder
from runtime.config.persona_file import read_persona

from .measure import ROOT, Row, alternate, milliseconds, p95, print_table


def rows() -> list[Row]:
    """One compose and one persona load, each of a file that was just saved, so that nothing of it is known."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(shutil.copy(ROOT / "personas/sarah_thompson.md", folder))
        use_folder(file.parent)

        def after_save(work: Callable[[], object]) -> float:
            file.write_bytes(file.read_bytes() + b"\n")
            return milliseconds(work)

        composed, loaded = alternate(
            lambda: after_save(lambda: compose(["persona=sarah_thompson"])),
            lambda: after_save(lambda: read_persona(file)),
            repeat=40,
        )
        use_folder(ROOT / "personas")
    return [
        Row("one compose, median", median(composed), "ms", goal=80),
        Row("one compose, 95th percentile", p95(composed), "ms"),
        Row("one persona load, median", median(loaded), "ms", goal=5),
        Row("one persona load, 95th percentile", p95(loaded), "ms"),
    ]


if __name__ == "__main__":
    print_table(rows())
