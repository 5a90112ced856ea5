"""What was typed, as Hydra reads it, before anything is composed; `.env`; tab completion."""

from __future__ import annotations

import io
import logging
import os
import re
import unicodedata
from argparse import Namespace
from collections.abc import Sequence
from contextlib import redirect_stderr
from enum import Enum
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args, get_type_hints

from dotenv.parser import parse_stream
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override, QuotedString, Transformer, ValueType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ..errors import SpecError, suggest
from ..spec.settings import Settings
from .groups import ALL_GROUPS, CONF, ROOT, is_left_out, options, read_conf, use_folder
from .yaml_file import decoded, read_bytes

KEYS = tuple({*ALL_GROUPS, *get_type_hints(Settings)})
ELSEWHERE = ("config_path", "config_name", "config_dir", "experimental_rerun")
"""Hydra's flags for configs from elsewhere: groups here are the folders of `conf/` alone."""


def read_arguments(argv: Sequence[str]) -> tuple[Namespace, list[str]]:
    """Flags and overrides as Hydra reads them, and all arguments in its spelling; chooses the folder of personas.
    Raises SpecError for an unknown flag, an override that is not understood, or a folder that cannot be read."""
    try:
        from hydra._internal.utils import get_args_parser  # what Hydra itself reads sys.argv with
    except ImportError:
        raise SpecError("this is not the hydra-core that this program knows: install it by `uv sync`") from None
    _refuse_dashes(argv)
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            arguments, unknown = get_args_parser().parse_known_intermixed_args(argv)
    except SystemExit as stopped:
        if not stopped.code:  # --version
            raise
        raise SpecError(said.getvalue().strip().splitlines()[-1].partition("error: ")[2]) from None
    for flag in unknown:
        meant = suggest(flag.lstrip("-").partition("=")[0], KEYS)
        raise SpecError(f"{flag}: no such flag; --help lists them, and overrides are key=value without dashes{meant}")
    if arguments.package is not None and arguments.cfg is None:
        raise SpecError("--package is a part of what --cfg prints")
    for name in ELSEWHERE:
        if getattr(arguments, name) is not None:
            raise SpecError(f"--{name.replace('_', '-')} is not offered: config files are those in {CONF}")
    if arguments.shell_completion:  # Hydra completes the last word of this line
        *words, last = os.environ.get("COMP_LINE", "").split(" ")
        words = [spelled(word) for word in words]
        os.environ["COMP_LINE"] = " ".join([*words, last])
        use_folder(_folder([parsed(word) for word in words if word.lstrip("+").startswith("personas_dir=")]))
        return arguments, list(argv)
    flags = [argument for argument in argv if argument not in arguments.overrides]
    overrides = list(map(spelled, _with_folder(arguments.overrides)))
    use_folder(_folder(list(map(parsed, overrides))))
    arguments.overrides = list(map(_expanded, overrides))
    for override in map(parsed, arguments.overrides):
        text = override.input_line
        if override.key_or_group == "hydra.mode":
            raise SpecError(f"{text}: not offered: -m sweeps, and what has no -m runs once")
        if override.key_or_group == "mode" and override.is_sweep_override():
            raise SpecError(f"{text}: one mode runs at a time: choose one of them")
        if override.is_sweep_override() and not arguments.multirun:
            raise SpecError(
                f"{text}: several values are a sweep, which wants -m; one value with a comma is written in quotes of"
                " its own: 'key=\"a, b\"'"
            )
    return arguments, [*flags, *arguments.overrides]


def _refuse_dashes(argv: Sequence[str]) -> None:
    """Raises a SpecError for `--persona x` and `-persona=x`: overrides have no dashes here."""
    for argument, following in pairwise([*argv, ""]):
        dashes, key, equals, value = re.fullmatch(r"(-*)([^=]*)(=?)(.*)", argument, re.DOTALL).groups()  # type: ignore[union-attr]
        if dashes and key.partition(".")[0] in KEYS:
            value = value if equals else following if "=" not in following and not following.startswith("-") else ""
            raise SpecError(f"{argument}: overrides are written without dashes: {key}={value or '…'}")


# ---------------------------------------------------------------- overrides

_FOREIGN = re.compile(r"[^\x00-\x7f]|[#&!;<>^`~]")
"""Characters that Hydra's grammar takes only in quotes."""
_NO_TEXT = re.compile(r"(?![A-Za-z_])|(?:null|true|false|nan|inf)$", re.IGNORECASE)
"""Names that Hydra would not read as text, by their beginning or as a whole."""


def _with_folder(overrides: list[str]) -> list[str]:
    """`mode=report DIR` as `mode=report folder=DIR`, and so with `mode=score`: Hydra takes no bare word."""
    if not {"mode=report", "mode=score"}.intersection(overrides):
        return overrides
    bare = [word for word in overrides if "=" not in word and word[:1] != "~"]
    return ["folder='" + word.replace("'", "\\'") + "'" if [word] == bare else word for word in overrides]


def spelled(override: str) -> str:
    """An override as Hydra's grammar wants it: texts in any script, or with `#` and its like, are put in quotes, and a
    key that the schema has is set whether or not the chosen file has it."""
    key, equals, value = override.partition("=")
    if equals and key[:1] != "~" and is_left_out(key.lstrip("+")):
        key = "++" + key.lstrip("+")
    if key.lstrip("+~") == "persona":
        value = unicodedata.normalize("NFC", value)
        if re.fullmatch(r"[^'\"=()\[\]{}]+", value):
            value = ",".join(f"'{name}'" if _NO_TEXT.match(name) else name for name in value.split(","))
    if _FOREIGN.search(value):
        ends = r",=()\[\]{}" + (":" if "{" in value else "")  # a colon parts key and value in dictionaries alone
        parts = re.findall(rf"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|(?:\\.|[^\\'"{ends}])+|.""", value, re.DOTALL)
        value = "".join(map(_in_quotes, parts))
    return key + equals + value


def _in_quotes(part: str) -> str:
    if part[0] in "'\"" or not _FOREIGN.search(part):
        return part
    return part.replace(part.strip(), "'" + re.sub(r"\\([\\()\[\]{}:=, \t])", r"\1", part.strip()) + "'")


def parsed(text: str) -> Override:
    """An override as Hydra reads it. Raises SpecError where it is none."""
    try:
        return OverridesParser.create().parse_override(text)
    except HydraException:
        raise SpecError(
            f"{text or 'an empty argument'}: not understood: overrides are written key=value, without a space before or"
            " after =; a value with , = ' or brackets in it in quotes of its own: 'key=\"value\"'"
        ) from None


def values(override: Override) -> list[str]:
    """What an override gives its key, one after the other where it is a sweep."""
    value = override.value()
    if isinstance(value, Glob):
        return [str(name) for name in value.filter(options(override.key_or_group))]
    if override.is_discrete_sweep():
        return [one.text if isinstance(one, QuotedString) else str(one) for one in override.sweep_iterator()]
    return [str(value) if override.value_type is ValueType.ELEMENT else override.get_value_string()]


def first_of(overrides: Sequence[str]) -> tuple[list[str], int]:
    """The overrides of a sweep's first job, and how many jobs Hydra makes of them."""
    first, jobs = [], 1
    for text in overrides:
        override = parsed(text)
        if override.is_sweep_override() and override.is_discrete_sweep():
            swept = list(override.sweep_iterator(transformer=Transformer.encode))
            text, jobs = f"{override.get_key_element()}={swept[0]}", jobs * len(swept)
        first.append(text)
    return first, jobs


def check_counts(hydra: DictConfig) -> None:
    """Raises a SpecError for a number of jobs or trials that Hydra's plugins take for none, or sweep for ever with."""
    for key in ("sweeper.n_trials", "sweeper.n_jobs", "sweeper.max_batch_size", "launcher.n_jobs"):
        count = OmegaConf.select(hydra, key)
        each = " (or -1, one a core)" if key == "launcher.n_jobs" else ""
        if count is not None and count < 1 and not (each and count < 0):
            raise SpecError(f"hydra.{key}={count}: should be 1 or more{each}")


def parts_of(launcher: DictConfig, combinations: int, repeats: int) -> int:
    """Among how many of Hydra's jobs the repeats of a combination are divided. Hydra composes each job before the first
    one begins, and once more: there are as many as there are workers, twice as many where combinations may take
    longer than others, or on a cluster one a call."""
    if launcher._target_.endswith("BasicLauncher"):
        return 1
    workers = launcher.get("n_jobs")
    if workers is None:
        return repeats
    wanted = (workers if workers > 0 else os.cpu_count() or 1) * (1 if combinations == 1 else 2)
    return min(repeats, -(-wanted // combinations))


def sweep_options(said: Sequence[str], folder: Path, parts: int) -> list[str]:
    """What Hydra is told of a sweep beside what was `said` on the command line: the sweep's folder, the `parts` among
    which repeats are divided, and optuna that the highest score is the best and where to write what it has found."""
    told = {"rehearse.dir": f"'{folder}'"}
    if parts > 1:
        told["rehearse.share"] = ",".join(f"{part}/{parts}" for part in range(1, parts + 1))
    if "hydra/sweeper=optuna" in said:
        import optuna

        optuna.logging.set_verbosity(logging.WARNING)  # else a line about what it keeps in memory
        told |= {"hydra.sweeper.direction": "maximize", "hydra.sweep.dir": f"'{folder}'"}
    given = {text.partition("=")[0] for text in said if text.startswith("hydra.")}
    return [spelled(f"{key}={value}") for key, value in told.items() if key not in given]


def _expanded(text: str) -> str:
    """`persona=glob(*)` as the list that it stands for, whose names need not be in Hydra's alphabet."""
    override = parsed(text)
    if not isinstance(override.value(), Glob):
        return text
    names = values(override)
    if not names:
        key = override.key_or_group
        raise SpecError(f"{text}: no {key} has such a name{suggest(text, options(key))}")
    return spelled(f"{override.get_key_element()}={','.join(names)}")


def _folder(overrides: Sequence[Override]) -> Path:
    """The folder of persona files: the command line's, else that of `conf/config.yaml`."""
    for override in reversed(overrides):
        if override.key_or_group == "personas_dir" and not override.is_delete():
            if override.is_sweep_override():
                raise SpecError(
                    f"{override.input_line}: personas come from one folder; a path with a comma is written in quotes of"
                    " its own: 'personas_dir=\"…\"'"
                )
            return Path(_resolved(override.value()))
    try:
        own = read_conf(CONF / "config.yaml")[0]
    except SpecError:  # whoever composes says what is wrong with this file
        own = {}
    return ROOT / _resolved(own.get("personas_dir", Settings().personas_dir))


def _resolved(value: object) -> str:
    """The folder's name with `${oc.env:…}` replaced."""
    try:
        name = OmegaConf.to_container(OmegaConf.create({"personas_dir": value}), resolve=True)["personas_dir"]  # type: ignore[call-overload, index]
    except OmegaConfBaseException as error:
        raise SpecError(f"personas_dir={value}: {str(error).splitlines()[0]}") from None
    if name in (None, ""):
        raise SpecError("personas_dir: a folder is wanted, such as personas_dir=personas")
    return str(name)


# ---------------------------------------------------------------- .env


def load_dotenv(file: Path) -> None:
    """Sets what the file says in the environment, where it is not set yet; of two lines the last one wins, and `$` is a
    character like any other. No file is no mistake. Raises SpecError, which repeats nothing of it, where the file
    cannot be read or a line is not understood."""
    if not os.path.lexists(file):
        return
    text = decoded(read_bytes(file), file)
    found: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(text)):
        key, value, (line, first) = binding.key, binding.value, binding.original
        number = first + line[: len(line) - len(line.lstrip())].count("\n")
        if binding.error or "\0" in line or (key is not None and (value is None or "=" in key)):
            quoted = ", and a quote that is opened is closed" if binding.error and set(line) & set("'\"") else ""
            raise SpecError(f"not understood: a line is NAME=value{quoted}", file=file, line=number)
        found[key or ""] = value or ""
    for key, value in found.items():
        if value:
            os.environ.setdefault(key, value)


# ---------------------------------------------------------------- completion

BASH = r"""
_runtime_completion() {
    [[ "$COMP_LINE" == *"-m runtime "* ]] || return
    local typed="${COMP_LINE:0:COMP_POINT}"
    local found="$(COMP_LINE="runtime ${typed#*-m runtime }" "$1" -m runtime -sc query=bash 2>/dev/null)"
    COMPREPLY=($(compgen -W "$found" -- "${typed##* }"))
}
COMP_WORDBREAKS="${COMP_WORDBREAKS//=}"
complete -o nospace -o default -F _runtime_completion python python3
"""
"""What `eval "$(python -m runtime -sc install=bash)"` evaluates: Hydra's own script completes `python FILE` alone."""


def complete(asked: Sequence[str]) -> str:
    """The bash script, or the values of the key that is being completed (`mode=` …); "" leaves it to Hydra."""
    if "install=bash" in asked:
        return BASH
    key, equals, _ = os.environ.get("COMP_LINE", "").rpartition(" ")[2].partition("=")
    shape: Any = Settings
    for step in key.lstrip("+").split("."):
        hints = get_type_hints(shape) if isinstance(shape, type) and not issubclass(shape, Enum) else {}
        shape = next((kind for kind in (*get_args(hints.get(step)), hints.get(step)) if isinstance(kind, type)), None)
    names = ["false", "true"] if shape is bool else []
    if isinstance(shape, type) and issubclass(shape, Enum):
        names = [str(name) for name in shape]
    return " ".join(f"{key}={name}" for name in names) if equals else ""
