"""A persona file → a `Persona`: Markdown prose under YAML front matter, read and checked.

Everything in the front matter is optional, so prose alone is a persona. Prose is data: it is kept to the letter,
never interpolated and never executed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import fields
from functools import lru_cache
from pathlib import Path

from ..errors import SpecError, suggest
from ..spec.persona import FrontMatter, Persona
from ..spec.sections import Section, find_sections, section_kind
from .validation import line_of, load_yaml, validated

SIZE_LIMIT = 256 * 1024
"""Bytes. A persona is read whole and sent whole: one far beyond any model's prompt is a mistake or an attack."""


def read_persona(file: Path) -> tuple[Persona, str]:
    """The persona in a file, and its revision (a hash of the file's bytes).

    Raises:
        SpecError: the file cannot be read or used; names the file, and the line where one is to blame.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise SpecError(f"cannot read this persona: {error.strerror or error}", file=file) from None
    return _parsed(data, file), revision_of(data)


@lru_cache(maxsize=128)
def _parsed(data: bytes, file: Path) -> Persona:
    return parse_persona(data, file)


def revision_of(data: bytes) -> str:
    """Twelve hex digits that change when the content does."""
    return hashlib.sha256(data).hexdigest()[:12]


def parse_persona(data: bytes, file: Path) -> Persona:
    """The persona that these bytes of a file hold.

    Raises:
        SpecError: for whatever is wrong with the bytes, and nothing else is ever raised.
    """
    if len(data) > SIZE_LIMIT:
        raise SpecError(f"a persona can have {SIZE_LIMIT // 1024} KiB at most", file=file)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SpecError("not UTF-8 text: save the file as UTF-8", file=file, line=line) from None
    head, prose = _split(text, file)
    if not any(c.isalnum() for c in prose):
        raise SpecError("this persona is empty: the prose under the front matter is its prompt", file=file)
    front = _front_matter(head, file) if head is not None else FrontMatter()
    sections = find_sections(prose)
    return Persona(file.stem, front.name or _name(sections, file), str(file), prose, sections, front)


_KEY = re.compile(rf"^(?:{'|'.join(key.name for key in fields(FrontMatter))})[ \t]*:", re.MULTILINE)


def _split(text: str, file: Path) -> tuple[str | None, str]:
    """Front matter (None if there is none) and prose. A `---` that only rules off prose opens no front matter."""
    opened = re.match(r"---[ \t]*\r?\n", text)
    if not opened:
        return None, text
    rest = text[opened.end() :]
    closed = re.search(r"^---[ \t]*(?:\r?\n|\Z)", rest, re.MULTILINE)
    head = rest[: closed.start()] if closed else rest
    first = head.lstrip().partition("\n")[0]
    if first.startswith("#") and section_kind(first.lstrip("# \t")) != "other":
        return None, text
    if closed:
        return head, rest[closed.end() :]
    if re.match(r"[A-Za-z_]\w*[ \t]*:(\s|$)", first) or _KEY.search(rest):
        raise SpecError("the front matter that opens here is never closed with ---", file=file, line=1)
    return None, text


def _name(sections: tuple[Section, ...], file: Path) -> str:
    """`# Persona: NAME`, else `Name: NAME` in the profile, else the file's name in words."""
    for section in sections:
        if section.kind == "persona" and (name := re.split("[:：]", section.title, maxsplit=1)[1:]) and name[0].strip():
            return name[0].strip()
    for section in sections:
        if found := re.search(
            r"^[-*\s]*(?:\*\*)?(?:full )?name(?:\*\*)?:(?:\*\*)?\s*(\S.*)$", section.text, re.I | re.M
        ):
            return found[1].strip("* \t")
    return file.stem.replace("_", " ").replace("-", " ").title()


@lru_cache(maxsize=64)  # parsing it takes nine tenths of the time, and most edits are of the prose
def _front_matter(head: str, file: Path) -> FrontMatter:
    value, node = load_yaml(head, file, first_line=2)
    if value is None:
        return FrontMatter()
    if not isinstance(value, dict):
        raise SpecError("front matter is `key: value` lines between two ---", file=file, line=2)
    front = validated(FrontMatter, value, file, node)
    for path, name in _cue_names(front):
        if name not in front.cues:
            where = ".".join(map(str, path))
            raise SpecError(
                f"{where}: no cue is called {name!r}{suggest(name, front.cues)}",
                file=file,
                line=line_of(node, path) if node else 2,
            )
    return front


def _cue_names(front: FrontMatter) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """Each place of the front matter that names a cue, and the name there."""
    for name, cue in front.cues.items():
        yield from ((("cues", name, "unless"), other) for other in cue.unless)
    for i, timer in enumerate(front.timers):
        if timer.unless is not None:
            yield ("timers", i, "unless"), timer.unless
    for i, ending in enumerate(front.endings):
        yield from ((("endings", i, "when"), name) for name in ending.when)
    for i, objective in enumerate(front.objectives):
        yield from ((("objectives", i, "met"), name) for name in objective.met)
        yield from ((("objectives", i, "ruled_out"), name) for name in objective.ruled_out)
