"""The house: who may import whom, and how large a room may be."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = {file.stem: file for file in (ROOT / "runtime").glob("*.py") if file.stem != "__init__"}
LEVELS = (
    {"errors", "dotenv", "completion", "line_editor", "snapshot", "network", "fields", "redaction"}
    | {"native", "detector"},
    {"validation", "sections", "events", "phrases", "watch"},
    {"persona"},
    {"groups"},
    {"mistakes", "settings", "arc", "options"},
    {"spec"},
    {"build", "prompt", "link", "routing", "words", "watchdog", "screen", "offline", "library", "metrics"}
    | {"floor", "gate", "trial_call", "machine", "load", "forkserver"},
    {"plan", "agent", "standby", "transcript"},
    {"reload"},
    {"session", "audio", "view", "providers"},
    {"room"},
    {"worker", "console", "check", "doctor", "preview"},
    {"__main__"},
)
"""Each module imports from the levels above its own in this list, or from beside it, and never from below."""


def imported(file: Path) -> set[str]:
    """Our own modules that a file imports, and the packages of others."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            names |= {node.module.split(".")[0]} if node.module else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module.split(".")[0])
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
    return names


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module: str) -> None:
    """A module imports nothing that stands above it in the house."""
    level = {name: depth for depth, names in enumerate(LEVELS) for name in names}
    assert module in level, f"{module} has no place in the house: add it to LEVELS"
    above = {name for name in imported(MODULES[module]) if level.get(name, 0) > level[module]}
    assert not above


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("hydra", {"spec", "groups", "mistakes", "__main__"}),
        ("omegaconf", {"spec", "groups", "mistakes", "settings", "__main__"}),
        ("rich", {"view", "console", "check", "doctor", "preview", "__main__"}),
        ("watchfiles", {"watch"}),
    ],
)
def test_a_package_is_known_to_few(package: str, allowed: set[str]) -> None:
    """Hydra, OmegaConf, rich and watchfiles stay in the modules whose job they are."""
    assert {module for module, file in MODULES.items() if package in imported(file)} <= allowed


@pytest.mark.parametrize("file", sorted((ROOT / "runtime").rglob("*.py")), ids=lambda file: file.stem)
def test_a_module_has_one_job(file: Path) -> None:
    """A module that outgrows 300 lines has two jobs."""
    assert len(file.read_text().splitlines()) <= 300


def test_nothing_else_is_at_the_top() -> None:
    """The top level holds what was agreed, and dotfiles."""
    agreed = {"runtime", "conf", "personas", "tests", "pyproject.toml", "uv.lock", "README.md", "justfile"}
    assert {path.name for path in ROOT.iterdir() if not path.name.startswith(".")} <= agreed
