"""The config groups as folders: `conf/GROUP/OPTION.yaml`, and `personas/NAME.md` as the group `persona`.

Hydra sees a persona's name, file and revision, and the options that it chooses for other groups; the command line
wins over those. The prose never enters a config, so nothing in it can be interpolated.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigLoadError, ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from ..errors import SpecError, suggest
from ..spec.persona import NAME, Persona
from .persona_file import read_persona
from .yaml_file import Node, decoded, load_yaml, read_bytes

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"
GROUPS = ("model", "voice", "persona", "language", "vad")
"""The groups that make a call's spec."""
PROGRAM_GROUPS = ("worker",)
"""The groups that tell the program itself something."""

_folder = ROOT / "personas"


def use_folder(folder: Path) -> None:
    """Reads personas from this folder from now on: one folder a process.

    Raises:
        SpecError: it is not a folder that can be read.
    """
    global _folder
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        raise SpecError(f"personas_dir={folder}: cannot read this folder: {error.strerror}") from None
    _folder = folder.absolute()


def personas_folder() -> Path:
    """The folder that personas are read from."""
    return _folder


def options(group: str) -> list[str]:
    """The names that `group=` takes."""
    folder, ending = (_folder, "md") if group == "persona" else (CONF / group, "yaml")
    return sorted(file.stem for file in folder.glob(f"*.{ending}") if NAME.fullmatch(file.stem) and file.is_file())


def read_conf(file: Path) -> tuple[Any, Node]:
    """A config file as plain values and as nodes, which know their lines.

    Raises:
        SpecError: it cannot be read, is empty or is not YAML.
    """
    value, node = _parsed(decoded(read_bytes(file), file), file)
    if not isinstance(value, dict) or node is None:
        raise SpecError("this file is empty: it should hold `key: value` lines", file=file)
    return value, node


@lru_cache(maxsize=64)
def _parsed(text: str, file: Path) -> tuple[Any, Node | None]:
    """The same text is parsed once: a language file takes longer than all the rest of composing."""
    return load_yaml(text, file)


def file_of(name: str) -> Path:
    """Where the persona of this name is, or would be."""
    return _folder / f"{name}.md"


class PersonaSource(ConfigSource):
    """Serves `persona/NAME` from `NAME.md`, under `personas://`."""

    @staticmethod
    def scheme() -> str:
        return "personas"

    def available(self) -> bool:
        return _folder.is_dir()

    def is_group(self, config_path: str) -> bool:
        return config_path.strip("/") in ("", "persona")

    def is_config(self, config_path: str) -> bool:
        return _name_in(config_path) in options("persona")

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        if config_path.strip("/") == "persona":
            return options("persona") if results_filter != ObjectType.GROUP else []
        return ["persona"] if results_filter != ObjectType.CONFIG else []

    def load_config(self, config_path: str) -> ConfigResult:
        name = _name_in(config_path)
        if name not in options("persona"):
            raise ConfigLoadError(f"no persona is called {name!r}")
        file = file_of(name)
        persona, revision = read_persona(file)
        choices = chosen(persona)
        for group, option in choices.items():
            if option not in options(group):
                raise SpecError(f"{group}: there is no {group} {option!r}{suggest(option, options(group))}", file=file)
        config = {
            "defaults": [{f"override /{group}": option} for group, option in choices.items()],
            "persona": {"name": name, "file": str(file), "revision": revision},
        }
        return ConfigResult(
            provider=self.provider,
            path=self.full_path(),
            config=OmegaConf.create(config),
            header={"package": "_global_"},
        )


def chosen(persona: Persona) -> dict[str, str]:
    """The options that a persona chooses for itself, by group."""
    front = persona.front
    language = front.language or _language_of(persona.prose)
    wishes = {"language": language, "voice": front.voice, "model": front.model}
    return {group: option for group, option in wishes.items() if option}


def _language_of(prose: str) -> str | None:
    """The language of a persona that does not say it, where its script tells: Thai."""
    letters = [c for c in prose if c.isalpha()]
    thai = sum("\u0e00" <= c <= "\u0e7f" for c in letters)
    return "th" if thai > len(letters) / 2 and "th" in options("language") else None


def _name_in(config_path: str) -> str:
    group, _, name = config_path.removesuffix(".yaml").strip("/").partition("/")
    return name if group == "persona" else ""


class PersonasOnSearchPath(SearchPathPlugin):
    """Lets Hydra find the personas without a word in any config file."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        search_path.append(provider="personas", path="personas://")


Plugins.instance().register(PersonaSource)
Plugins.instance().register(PersonasOnSearchPath)
