"""A persona file → a `Persona`: Markdown prose under YAML front matter, read and checked.

Everything in the front matter is optional, so prose alone is a persona. Prose is data: it is kept to the letter,
never interpolated and never executed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import islice, pairwise
from pathlib import Path

from ..arc.identity import NAME_WITHIN, name_in, only_name
from ..arc.markup import plain_sections
from ..errors import MISTAKES, SpecError, first_of, suggest
from ..spec.fields import name_of
from ..spec.persona import FrontMatter, Persona
from ..spec.sections import Section, find_sections, section_kind
from .validation import Place, sifted
from .yaml_file import SIZE_LIMIT, Node, cited, decoded, line_of, load_yaml, no_pair, read_bytes

HEADING_LIMIT = 1000
"""Lines of prose that start with #: each is a section, to be kept and looked through at every save."""


def read_persona(file: Path) -> tuple[Persona, str]:
    """The persona in a file, and its revision (a hash of the file's bytes). Raises SpecError, with the line where one
    is to blame, where the file cannot be read or used."""
    data = read_bytes(file)
    return _parsed(data, file), revision_of(data)


@lru_cache(maxsize=128)
def _parsed(data: bytes, file: Path) -> Persona:
    return parse_persona(data, file)


def revision_of(data: bytes) -> str:
    """Twelve hex digits that change when the content does."""
    return hashlib.sha256(data).hexdigest()[:12]


def parse_persona(data: bytes, file: Path) -> Persona:
    """The persona that these bytes of a file hold. Raises SpecError for whatever is wrong, and nothing else."""
    reading = examine_persona(data, file)
    if reading.persona is None:
        raise first_of(reading.mistakes)
    return reading.persona


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of a persona file: the persona as far as it is `right` (None: not at all), and all that is wrong with
    it, in the order of the lines.

    `node` knows the lines of the front matter's values, `prose_line` is the line on which the prose starts. What is
    wrong is `left_out` of both.
    """

    right: Persona | None
    mistakes: tuple[SpecError, ...] = ()
    node: Node | None = None
    prose_line: int = 1
    left_out: tuple[Place, ...] = ()

    @property
    def persona(self) -> Persona | None:
        """The persona; None where anything is wrong with the file."""
        return None if self.mistakes else self.right

    def is_whole(self, *place: int | str) -> bool:
        """Whether nothing was left out of what stands here, so that what it lacks nobody has written."""
        return not any(out[: len(place)] == place[: len(out)] for out in self.left_out)


def examine_persona(data: bytes, file: Path, common: frozenset[str] | None = None) -> Reading:
    """The persona that these bytes of a file hold, or what is wrong with them: up to `MISTAKES` lines. Names of cues
    are looked at where it is known which are `common`."""
    try:
        text = decoded(data, file)
        head, prose = _split(text, file)
    except SpecError as error:
        return Reading(None, (error,))
    front, mistakes, node, left_out = _front_matter(head, file, common) if head is not None else _NO_FRONT_MATTER
    if not re.search(r"[^\W_]", prose):
        empty = SpecError("this persona is empty: the prose under the front matter is its prompt", file=file)
        mistakes = (*mistakes, empty)
    if len(_HEADINGS.findall(prose)) > HEADING_LIMIT:
        mistakes = (*mistakes, SpecError(f"more than {HEADING_LIMIT} headings are too many", file=file))
    line = text.count("\n", 0, len(text) - len(prose)) + 1
    if found := _CONTROL.search(prose):
        what = f"the character U+{ord(found[0]):04X} is not allowed here: delete it"
        mistakes = (*mistakes, SpecError(what, file=file, line=line + prose.count("\n", 0, found.start())))
    if front is None:
        return Reading(None, mistakes, node, line)
    sections = find_sections(prose)
    name = front.name or (_name(sections, prose, file) if sections else file.stem)
    return Reading(Persona(file.stem, name, str(file), prose, sections, front), mistakes, node, line, left_out)


_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
"""What no editor shows, no model reads and a terminal may obey; line and page breaks of whatever kind are none."""
_HEADINGS = re.compile("^#", re.MULTILINE)
_FIELDS = "|".join(key.name for key in fields(FrontMatter))
_KEY = re.compile(rf"^(?:{_FIELDS})[ \t]*:", re.MULTILINE)
_ANY_KEY = re.compile(r"[A-Za-z_]\w*[ \t]*:(?:\s|$)")
_CLOSED = re.compile(r"^---[ \t]*(?:\r?\n|\Z)", re.MULTILINE)
_RULE = re.compile(r"---|[-–—]*[–—][-–—]*")
"""Three hyphens, and what word processors make of them."""
_RULE_STARTS = frozenset("-–—\ufeff \t")


def _split(text: str, file: Path) -> tuple[str | None, str]:
    """Front matter (None if there is none) and prose. A `---` that only rules off prose opens no front matter."""
    opened = re.match(r"---[ \t]*\r?\n", text)
    if not opened:
        _refuse_unopened(text, file)
        return None, text
    rest = text[opened.end() :]
    closed = _CLOSED.search(rest)
    head = rest[: closed.start()] if closed else rest
    first = head.lstrip().partition("\n")[0]
    if _is_heading(first):
        return None, text
    if closed:
        return head, rest[closed.end() :]
    if _ANY_KEY.match(first) or _KEY.search(rest):
        raise SpecError("the front matter that opens here is never closed with ---", file=file, line=1)
    return None, text


def _is_heading(row: str) -> bool:
    """Whether a row is a heading that personas have, and no comment of a front matter."""
    return row.startswith("#") and section_kind(row.lstrip("# \t")) != "other"


def _is_rule(row: str) -> bool:
    return row[:1] in _RULE_STARTS and bool(_RULE.fullmatch(row.strip("\ufeff \t")))


def _refuse_unopened(text: str, file: Path) -> None:
    """Raises a SpecError for front matter that no `---` opens in the first line: the model would be told it."""
    rows = text.splitlines()
    start = next(
        (i for i, row in enumerate(rows) if (bare := row.strip("\ufeff \t")) and bare[0] not in "#`"), len(rows)
    )
    ruled = start < len(rows) and _is_rule(rows[start])
    end = next((i for i in range(start + 1, len(rows)) if _is_rule(rows[i])), None)
    if end is None or not (ruled or not any(_is_heading(row.strip("\ufeff \t")) for row in rows[:start])):
        return
    keys = [row for row in rows[start + ruled : end] if row[:1].strip("\ufeff #-]}")]
    known = sum(bool(_KEY.match(row)) for row in keys)
    if not known or known * 2 < len(keys) or not all(map(_ANY_KEY.match, keys)):
        return
    if ruled and "-" * 3 not in rows[start]:
        what = "the front matter opens with three hyphens: write --- here, and below it where it ends"
    elif ruled:
        what = "the --- that opens the front matter must be the first line of the file, with nothing before it"
    else:
        what = "this is front matter, but no --- stands in the line above it, which must be the first of the file"
    raise SpecError(what, file=file, line=start + 1)


def _name(sections: tuple[Section, ...], prose: str, file: Path) -> str:
    """`# Persona: NAME`, else `Name: NAME` or `You are NAME` in the prose, else the file's name in words."""
    for section in sections:
        if section.kind == "persona" and (name := section.title.replace("：", ":").partition(":")[2].strip()):
            return only_name(name)
    return name_in(plain_sections(prose[:NAME_WITHIN])) or file.stem.replace("_", " ").replace("-", " ").title()


_Front = tuple[FrontMatter | None, tuple[SpecError, ...], Node | None, tuple[Place, ...]]
_NO_FRONT_MATTER: _Front = (FrontMatter(), (), None, ())


@lru_cache(maxsize=16)  # parsing it takes nine tenths of the time, and most edits are of the prose
def _front_matter(head: str, file: Path, common: frozenset[str] | None) -> _Front:
    """The front matter as far as it is right, what is wrong in it, the nodes, which know where its values stand, and
    what was left out of both."""
    value, node, broken = _loaded(head, file)
    if value is None or node is None:
        return None if broken else FrontMatter(), tuple(broken), node, ()
    if not isinstance(value, dict):
        what = f"{cited(value)}: front matter is `key: value` lines between two ---, with a space after the colon"
        return None, (SpecError(what, file=file, line=2),), node, ()
    # Where an entry is broken or wrong there is no telling what it would name.
    named = {key: value.get(key, None if broken else {}) for key in ("cues", "facts")}
    names = {key: {*map(name_of, map(str, held))} for key, held in named.items() if isinstance(held, dict)}
    front, mistakes, left_out = sifted(FrontMatter, value, file, node)
    if front is None:
        return None, (*broken, *mistakes), node, ()
    told = ((("cues", name, "told"), fact) for name, cue in front.cues.items() for fact in cue.told or ())
    unknown = list(_unknown("fact", told, names["facts"])) if "facts" in names else []
    ends = not any(out[0] == "endings" for out in left_out)  # else how one counts may be what is wrong
    unknown += (one for one in _at_odds(front) if ends or one[0][0] != "endings")
    if common is not None and "cues" in names:
        unknown += unknown_cues(front, names["cues"] | common)
    mistakes += (SpecError(what, file=file, line=line_of(node, path)) for path, what in unknown)
    mistakes = sorted(mistakes[:MISTAKES], key=lambda mistake: mistake.line or 0)
    return front, (*broken, *mistakes), node, tuple(left_out)


_ENTRY = re.compile(r"^(?=[^\s#\]}-])", re.MULTILINE)
"""Where an entry of the front matter starts."""
_ENTRIES = 80
"""How many entries are read one by one: a front matter has thirteen keys."""


def _loaded(head: str, file: Path) -> tuple[object, Node | None, list[SpecError]]:
    """The values and nodes of a front matter's YAML. Where it is broken, its entries are read one by one."""
    try:
        return *load_yaml(head, file, first_line=2), []
    except SpecError as error:
        whole = error
    values: dict[object, object] = {}
    nodes: dict[int | str, Node] = {}
    mistakes: list[SpecError] = []
    starts = [start.start() for start in islice(_ENTRY.finditer(head), _ENTRIES + 1)]
    if not 1 < len(starts) <= _ENTRIES or len(head) > SIZE_LIMIT // 8:
        return None, None, [whole]
    line = 2 + head.count("\n", 0, starts[0])
    for start, end in pairwise([*starts, len(head)]):
        try:
            value, node = load_yaml(head[start:end], file, first_line=line)
            if isinstance(value, dict) and node:
                values |= value
                nodes |= node.children
            else:
                row = head[start:end].partition("\n")[0]
                mistakes.append(SpecError(f"{cited(row)}: {no_pair(row)}", file=file, line=line))
        except SpecError as error:
            mistakes.append(error)
        line += head.count("\n", start, end)
    return values, Node(2, nodes), mistakes[:MISTAKES] or [whole]


def _unknown(kind: str, named: Iterator[tuple[Place, str]], known: Collection[str]) -> Iterator[tuple[Place, str]]:
    """The places that name a cue or fact that there is not, each with what is wrong."""
    for path, name in named:
        if name not in known:
            yield path, f"{'.'.join(map(str, path))}: no {kind} is called {cited(name)}{suggest(name, known)}"


def _at_odds(front: FrontMatter) -> Iterator[tuple[Place, str]]:
    """The places that nobody could be scored by: two objectives of one name, one that the cue that meets it rules out,
    and two endings of one name of which only one passes."""
    names: set[tuple[str, str]] = set()
    for i, objective in enumerate(front.objectives):
        if both := {*objective.met} & {*objective.ruled_out}:
            yield ("objectives", i, "ruled_out"), f"objectives.{i}: {min(both)} meets it and rules it out"
        for worded in objective.name.items():
            if worded in names:
                yield ("objectives", i, "name"), f"objectives.{i}.name: {cited(worded[1])}: another one is called so"
            names.add(worded)
    passes: dict[str, bool | None] = {}
    for i, ending in enumerate(front.endings):
        if passes.setdefault(ending.name, ending.passed) != ending.passed:
            yield (
                ("endings", i, "name"),
                f"endings.{i}.name: {cited(ending.name)}: another one so called counts otherwise",
            )


def unknown_cues(front: FrontMatter, known: Collection[str]) -> Iterator[tuple[Place, str]]:
    """The places of the front matter that name a cue which is not known, each with what is wrong."""
    return _unknown("cue", front.cue_names(), known)
