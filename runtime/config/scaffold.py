"""A persona file to begin with (`mode=new`), and the schema by which editors complete and check it (`mode=schema`)."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import TypeAdapter

from ..errors import SpecError
from ..spec.persona import NO_NAME, FrontMatter, is_name
from .groups import CONF, file_of, personas_folder, read_conf

SCHEMA = ".persona.schema.json"
"""Beside the personas, where the first line of a new one points editors to."""
_SCAFFOLD = "scaffold.{}.md"
"""Beside this module: the file in the language of this base tag."""


def schema() -> str:
    """The JSON schema of a persona's front matter."""
    parts = TypeAdapter(FrontMatter).json_schema()["$defs"]
    made = parts.pop(FrontMatter.__name__)
    for key in ("named_cues", "called"):  # only a language's customer has any use for them
        del made["properties"][key]
    made |= {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Front matter of a persona"}
    return json.dumps(made | {"$defs": parts}, indent=2, ensure_ascii=False)


def write_persona(name: str | None, language: str) -> Path:
    """Writes a persona file with a comment for each key and texts in this language (an option of the group; English
    where there are none in it), and the schema beside it. Raises SpecError where there is no name or it is none, a
    persona of this name is there, or the folder cannot be written to."""
    if name is None:
        raise SpecError("mode=new: persona=NAME is missing, the name of the new persona")
    if not is_name(name):
        raise SpecError(f"persona={name}: {NO_NAME}")
    file = file_of(name)
    base = read_conf(CONF / "language" / f"{language}.yaml")[0].get("base")
    here = Path(__file__)
    begun = next(made for tag in (base, "en") if (made := here.with_name(_SCAFFOLD.format(tag))).exists())
    text = begun.read_text(encoding="utf-8").replace("NAME", name.replace("_", " ").replace("-", " ").title())
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
        (personas_folder() / SCHEMA).write_text(schema() + "\n", encoding="utf-8")
    except FileExistsError:
        raise SpecError(f"persona={name}: this file is there already, and stays as it is", file=file) from None
    except OSError as error:
        raise SpecError(f"persona={name}: cannot be written: {error.strerror}", file=file) from None
    return file
