"""The house: its doors, what a job loads, and how large a module may be."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_every_import_goes_through_a_door() -> None:
    """The contracts of pyproject.toml say which room may import which, and which knows Hydra, rich and watchfiles."""
    lint = "from importlinter import cli; raise SystemExit(cli.lint_imports(no_cache=True))"  # it switches loggers off
    done = subprocess.run([sys.executable, "-c", lint], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


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
    """The top level holds what was agreed, dotfiles, and what calls that were held here have left."""
    agreed = {"runtime", "conf", "personas", "tests", "pyproject.toml", "uv.lock", "README.md", "justfile", "sessions"}
    assert {path.name for path in ROOT.iterdir() if not path.name.startswith(".")} <= agreed


def test_what_is_imported_is_declared() -> None:
    """Each package that `runtime/` imports is a dependency of its own in `pyproject.toml`, or of an extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(w for extra in project["optional-dependencies"].values() for w in extra)]
    declared = {re.split(r"[^\w.-]", requirement, maxsplit=1)[0] for requirement in wanted}
    brought = {
        ".".join(file.with_suffix("").parts).removesuffix(".__init__"): name
        for distribution in metadata.distributions()
        for name in [distribution.metadata["Name"].lower()]
        for file in distribution.files or ()
        if file.suffix in (".py", ".so")
    }
    imported = {
        name
        for file in (ROOT / "runtime").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and not node.level)
        for name in (
            [f"{node.module}.{alias.name}" for alias in node.names] + [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
        )
        if name.partition(".")[0] not in sys.stdlib_module_names
    }
    assert len(imported) > 20
    assert {brought[name].replace("_", "-") for name in imported if name in brought} - declared == set()


def test_pip_and_uv_read_one_list_of_development_tools() -> None:
    """The tools are an extra, which pip knows too, and no group that every `uv run` would install."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "pytest>=9" in pyproject["project"]["optional-dependencies"]["dev"]
    assert "dependency-groups" not in pyproject
