"""The house: its doors, what a job loads, and how large a module may be."""

import subprocess
import sys
from pathlib import Path

import pytest
from importlinter import cli

ROOT = Path(__file__).parent.parent


def test_every_import_goes_through_a_door(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The contracts of pyproject.toml say which room may import which, and which knows Hydra, rich and watchfiles."""
    monkeypatch.chdir(ROOT)
    assert cli.lint_imports(no_cache=True) == cli.EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_a_job_loads_nothing_that_it_does_not_use() -> None:
    """Whoever imports what a job runs has neither the config's libraries, nor the watcher, nor the screen's."""
    code = "import sys, runtime.rooms.job; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "livekit" in loaded.split()
    assert not {"hydra", "omegaconf", "yaml", "watchfiles", "rich"} & set(loaded.split())


@pytest.mark.parametrize("file", sorted((ROOT / "runtime").rglob("*.py")), ids=lambda file: file.stem)
def test_a_module_has_one_job(file: Path) -> None:
    """A module that outgrows 400 lines has two jobs."""
    assert len(file.read_text().splitlines()) <= 400


def test_nothing_else_is_at_the_top() -> None:
    """The top level holds what was agreed, and dotfiles."""
    agreed = {"runtime", "conf", "personas", "tests", "pyproject.toml", "uv.lock", "README.md", "justfile"}
    assert {path.name for path in ROOT.iterdir() if not path.name.startswith(".")} <= agreed
