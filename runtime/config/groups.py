"""The config groups as folders: `conf/GROUP/OPTION.yaml`, and `personas/NAME.md` as the group `persona`.

Hydra sees a persona's name, file and revision, and the options that it chooses for other groups; the command line
wins over those. The prose never enters a config, so nothing in it can be interpolated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, get_type_hints
from unicodedata import normalize

import yaml
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from ..errors import SpecError, suggest
from ..spec.persona import Difficulty, Persona, is_name
from ..spec.session_spec import Language, Listening, Model, SecondModel, Vad, Voice
from ..spec.settings import Prices, Settings
from ..spec.writing_system import thai_share
from .persona_file import read_persona
from .validation import shape_at
from .yaml_file import LOADER, Node, cited, decoded, load_yaml, read_bytes

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"
PRICES = CONF / "prices.yaml"
SHAPES: dict[str, type[Any]] = {
    "model": Model,
    "voice": Voice,
    "language": Language,
    "vad": Vad,
    "listening": Listening,
    "judge": SecondModel,
    "difficulty": Difficulty,
}
"""The type of an option of each group but `persona`."""
GROUPS = ("model", "voice", "persona", "language", "vad", "listening", "judge", "difficulty")
"""The groups that make a call's spec."""
PROGRAM_GROUPS = ("worker",)
"""The groups that tell the program itself something."""
REHEARSAL_GROUPS = ("trainee",)
"""The groups that a rehearsal alone reads."""
ALL_GROUPS = (*GROUPS, *PROGRAM_GROUPS, *REHEARSAL_GROUPS)

_folder = ROOT / "personas"


def use_folder(folder: Path) -> None:
    """Reads personas from this folder from now on, in this process. Raises SpecError where it cannot be read."""
    global _folder
    try:
        next(folder.iterdir(), None)
    except (OSError, ValueError) as error:
        raise SpecError(
            f"personas_dir={folder}: cannot read this folder: {getattr(error, 'strerror', error)}"
        ) from None
    _folder = folder.absolute()


def personas_folder() -> Path:
    return _folder


def options(group: str) -> list[str]:
    """The names that `group=` takes."""
    folder, ending = (_folder, "md") if group == "persona" else (CONF / group, "yaml")
    names = (normalize("NFC", file.stem) for file in folder.glob(f"*.{ending}") if file.is_file())
    return sorted({name for name in names if is_name(name)})


def misnamed() -> dict[str, str]:
    """Files that look like a persona and are not read because of their name, each with why and what to call it."""
    files = (file for file in _folder.iterdir() if not file.name.startswith(".") and file.is_file())
    return {file.name: why for file in sorted(files) if (why := _misnamed(file))}


def _misnamed(file: Path) -> str:
    parts = re.fullmatch(r"(?is)(.+?)(\.md|\.markdown|\.md\.txt)", normalize("NFC", file.name))
    if not parts:
        return ""
    words = "".join(c if is_name(f"x{c}") else "_" for c in parts[1])
    name = re.sub("_+", "_", words).strip("_-") or "persona"
    if name == parts[1] and parts[2] == ".md":
        return (
            "" if file == file_of(name) else "another file has the same name, in other codes of its letters: rename it"
        )
    return f"a persona's name is of letters, digits, _ and -, its ending .md: rename it to {name}.md"


def read_conf(file: Path) -> tuple[Any, Node]:
    """A config file as values and as nodes, which know their lines. Raises SpecError where it is no YAML, or empty."""
    value, node = _parsed(decoded(read_bytes(file), file), file)
    if not isinstance(value, dict) or node is None:
        raise SpecError("this file is empty: it should hold `key: value` lines", file=file)
    return value, node


def readable(group: str) -> dict[str, tuple[Any, Node]]:
    """The options of a group of conf/, each with its file's values and nodes, but for those that are no YAML."""
    found = {}
    for option in options(group):
        with suppress(SpecError):
            found[option] = read_conf(CONF / group / f"{option}.yaml")
    return found


def config_values() -> dict[str, Any]:
    """What `conf/config.yaml` holds; nothing where it is broken, which whoever composes tells."""
    with suppress(SpecError):
        return dict(read_conf(CONF / "config.yaml")[0])
    return {}


def usual_options() -> dict[str, str]:
    """The option of each group that a call has where nobody chooses one, as far as `conf/config.yaml` says."""
    pairs = (default for default in config_values().get("defaults") or () if isinstance(default, dict))
    return {group: str(option) for pair in pairs for group, option in pair.items()}


def prices() -> Prices:
    """What models cost, by `conf/prices.yaml`; nothing where there is no such file."""
    known = read_conf(PRICES)[0].get("models") if PRICES.exists() else None
    return {
        str(model): {str(kind): float(price) for kind, price in kinds.items()} for model, kinds in (known or {}).items()
    }


def prices_date() -> str:
    """The day that the prices are of."""
    return str(read_conf(PRICES)[0].get("date", "")) if PRICES.exists() else ""


def keys_below(key: str) -> list[str]:
    """What the schema allows below a key, such as `model` or `model.llm`: nothing where that is free."""
    group, *path = key.split(".")
    shape = shape_at(SHAPES.get(group, Settings), tuple(path if group in SHAPES else [group, *path]))
    return [part.name for part in fields(shape)] if is_dataclass(shape) else []


def type_of(key: str) -> Any:
    """The type of a key's value, with all that the schema wants of it; None of a group, or where it is not known."""
    group, *path = key.split(".")
    root, path = (SHAPES[group], path) if group in SHAPES else (Settings, [group, *path])
    parent = shape_at(root, tuple(path[:-1]))
    known = is_dataclass(parent) and key not in ALL_GROUPS
    return get_type_hints(parent, include_extras=True).get(path[-1]) if known else None


def keys_called(name: str) -> list[str]:
    """The keys of the schema whose last word this is: `model.turn_seconds` of `turn_seconds`."""
    found, keys = list[str](), [*SHAPES, *(part.name for part in fields(Settings))]
    for key in keys:
        if key != "language.customer":  # a file of its own, whose keys no command line sets
            keys += [f"{key}.{part}" for part in keys_below(key)]
        if key.rpartition(".")[2] == name:
            found.append(key)
    return found


def is_left_out(key: str) -> bool:
    """Whether the schema has this key and a file that could hold it has not: it is then at its default."""
    above, _, name = key.rpartition(".")
    if name not in keys_below(above):
        return False
    group, *path = key.split(".")
    files = sorted((CONF / group).glob("*.yaml")) if group in SHAPES else [CONF / "config.yaml"]
    for file in files:
        tree: Any = read_conf(file)[0]
        for step in path if group in SHAPES else [group, *path]:
            if not isinstance(tree, dict) or step not in tree:
                return True
            tree = tree[step]
    return False


@lru_cache(maxsize=64)
def _parsed(text: str, file: Path) -> tuple[Any, Node | None]:
    """The same text is parsed once: a language file takes longer than all the rest of composing."""
    return load_yaml(text, file)


@contextmanager
def draft_in_place(name: str, draft: Path) -> Iterator[None]:
    """While it is entered, the persona of this name is read from another file."""
    _drafts[name] = draft
    try:
        yield
    finally:
        del _drafts[name]


_drafts: dict[str, Path] = {}


def file_of(name: str) -> Path:
    """Where the persona of this name is, or would be: some systems write the same letters in other codes (NFD)."""
    if name in _drafts:
        return _drafts[name]
    file = _folder / f"{name}.md"
    if name.isascii() or file.exists():
        return file
    return next((other for other in sorted(_folder.glob("*.md")) if normalize("NFC", other.stem) == name), file)


class PersonaSource(ConfigSource):
    """Serves `persona/NAME` from `NAME.md`, under `personas://`. A copy of it in another process, as a sweep's launcher
    makes it, reads the same folder."""

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "folder": _folder}

    def __setstate__(self, state: dict[str, Any]) -> None:
        use_folder(state.pop("folder"))
        self.__dict__.update(state)

    @staticmethod
    def scheme() -> str:
        return "personas"

    def available(self) -> bool:
        return _folder.is_dir()

    def is_group(self, config_path: str) -> bool:
        return config_path.strip("/") in ("", "persona")

    def is_config(self, config_path: str) -> bool:
        return bool(_name_in(config_path))  # one that is no name is refused by whoever uses it, with the reason

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        if config_path.strip("/") == "persona":
            return options("persona") if results_filter != ObjectType.GROUP else []
        return ["persona"] if results_filter != ObjectType.CONFIG else []

    def load_config(self, config_path: str) -> ConfigResult:
        name = _name_in(config_path)
        choices = {}
        with suppress(SpecError):  # whoever makes a spec reads the persona again, and reports what is wrong
            persona, _ = read_persona(file_of(name) if is_name(name) else Path())
            check_choices(persona)
            choices = chosen(persona)
        config = {
            "defaults": [{f"override /{group}": option} for group, option in choices.items()],
            "persona": persona_node(name),
        }
        return ConfigResult(
            provider=self.provider,
            path=self.full_path(),
            config=OmegaConf.create(config),
            header={"package": "_global_"},
        )


def persona_node(name: str) -> dict[str, str]:
    """What a config holds of a persona."""
    revision, file = "", file_of(name) if is_name(name) else Path()
    with suppress(SpecError):
        _, revision = read_persona(file)
    return {"name": name, "file": str(file), "revision": revision}


def chosen(persona: Persona) -> dict[str, str]:
    """The options that a persona chooses for itself, by group; Thai also by its script."""
    front = persona.front
    language = front.language
    if not language and thai_share(persona.prose) > 0.5 and "th" in options("language"):
        language = "th"
    wishes = {"language": language, "voice": front.voice, "model": front.model, "difficulty": front.difficulty}
    return {group: option for group, option in wishes.items() if option}


def check_choices(persona: Persona) -> None:
    """Raises a SpecError for an option that a persona chooses and that there is not."""
    for _, what in unknown_choices(persona):
        raise SpecError(what, file=persona.file)


def unknown_choices(persona: Persona) -> Iterator[tuple[tuple[str, ...], str]]:
    """The keys of a front matter that choose an option which there is not, each with what is wrong."""
    named: list[tuple[tuple[str, ...], str, str]] = [((group,), group, one) for group, one in chosen(persona).items()]
    named += [(("levels", level), "difficulty", level) for level in persona.front.levels]
    known = {group: options(group) for group in {group for _, group, _ in named}}
    for path, group, option in named:
        if option not in known[group]:
            yield path, f"{path[0]}: there is no {group} {cited(option)}{suggest(option, known[group])}"


def _name_in(config_path: str) -> str:
    group, _, name = config_path.removesuffix(".yaml").strip("/").partition("/")
    return normalize("NFC", name) if group == "persona" else ""


class PersonasOnSearchPath(SearchPathPlugin):
    """Lets Hydra find the personas without a word in any config file."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        search_path.append(provider="personas", path="personas://")


class _Nodes(dict[str, Any]):
    """What libraries have stored with Hydra, not copied with a config source: to copy it for each group and option is
    five sixths of what `--help` takes. Hydra copies the node that it loads."""

    def __deepcopy__(self, memo: object) -> _Nodes:
        return self


yaml.SafeLoader = LOADER  # type: ignore[misc]
"""OmegaConf reads files by whatever stands here: by the one in C, which the rest of this program uses, a config is
composed in four fifths of the time."""
ConfigStore.instance().repo = _Nodes(ConfigStore.instance().repo)
Plugins.instance().register(PersonaSource)
Plugins.instance().register(PersonasOnSearchPath)
