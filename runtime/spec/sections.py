"""The sections of a persona's prose: Markdown headings, with or without a space after the `#`, in any language."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Section:
    """A heading of the prose and the text under it, up to the next heading. `kind` is what the field calls it."""

    title: str
    level: int
    kind: str
    text: str


SECTION_KINDS = {
    "persona": ("persona", "บุคลิก", "ตัวละคร"),
    "profile": ("profile", "customer data", "โปรไฟล์", "ข้อมูลลูกค้า", "ข้อมูลส่วนตัว"),
    "scenario": ("scenario", "context", "situation", "สถานการณ์", "บริบท"),
    "phase": ("phase", "stage", "ระยะ", "ช่วง", "เฟส", "ขั้นที่", "fase", "フェーズ"),
    "behavior": ("emotional", "behavior", "behaviour", "อารมณ์", "พฤติกรรม"),
    "objectives": ("test objective", "objective", "วัตถุประสงค์", "เป้าหมาย"),
    "constraints": ("constraint", "rules", "ข้อจำกัด", "ข้อห้าม"),
    "closing": ("closing", "ปิดการสนทนา", "ปิดสาย"),
}
"""What the headings of a persona start with, in the languages that people write them in so far."""

_MARK = re.compile(r"^(?:[ \t]*+(?:```|~~~)|(?P<level>#{1,6})[ \t]*+(?P<title>[^#\s].*)$)", re.MULTILINE)
"""A code fence, or what looks like a heading. Possessive quantifiers: the time grows with the length alone."""


def find_sections(prose: str) -> tuple[Section, ...]:
    """The sections of a persona's prose in order; text above the first heading is a section with an empty title."""
    text = prose.replace("\r\n", "\n")
    heads = _heads(text)
    sections = []
    if text[: heads[0].start() if heads else None].strip():
        sections.append(Section("", 0, "other", text[: heads[0].start() if heads else None].strip()))
    for head, end in zip(heads, [*(h.start() for h in heads[1:]), len(text)], strict=False):
        body = text[head.end() : end].strip()
        title = _title(head)
        sections.append(Section(title, len(head["level"]), section_kind(title), body))
    return tuple(sections)


def without(prose: str, titles: Collection[str]) -> str:
    """The prose to the letter, but for the sections with these headings (in any case) and what lies below them."""
    if not titles:
        return prose
    unwanted = {title.casefold() for title in titles}
    kept, at, below = [], 0, 0
    for head in _heads(prose):
        level = len(head["level"])
        if below and level <= below:
            at, below = head.start(), 0
        if not below and _title(head).casefold() in unwanted:
            kept.append(prose[at : head.start()])
            below = level
    return "".join(kept if below else [*kept, prose[at:]])


def _heads(text: str) -> list[re.Match[str]]:
    """The headings; what looks like one inside a code fence is none."""
    heads: list[re.Match[str]] = []
    fenced = False
    for mark in _MARK.finditer(text):
        if mark["level"] is None:
            fenced = not fenced
        elif not fenced:
            heads.append(mark)
    return heads


def _title(head: re.Match[str]) -> str:
    return head["title"].rstrip(" \t\r").rstrip("#").rstrip(" \t")


def section_kind(title: str) -> str:
    """What the field calls a section with this heading; "other" where it has no name for it."""
    title = title.casefold()
    for kind, starts in SECTION_KINDS.items():
        if title.startswith(starts):
            return kind
    return "other"
