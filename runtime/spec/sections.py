"""The sections of a persona's prose: Markdown headings, with or without a space after the `#`, in any language."""

from __future__ import annotations

import re
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
    "phase": ("phase", "ระยะ", "ช่วง"),
    "behavior": ("emotional", "behavior", "behaviour", "อารมณ์", "พฤติกรรม"),
    "objectives": ("test objective", "objective", "วัตถุประสงค์", "เป้าหมาย"),
    "constraints": ("constraint", "rules", "ข้อจำกัด", "ข้อห้าม"),
    "closing": ("closing", "ปิดการสนทนา", "ปิดสาย"),
}
"""What the headings of a persona start with, in the languages that people write them in so far."""

_HEADING = re.compile(r"^(#{1,6})[ \t]*([^#\s].*?)[ \t]*#*[ \t]*$", re.MULTILINE)
_FENCE = re.compile(r"^[ \t]*(```|~~~)", re.MULTILINE)


def find_sections(prose: str) -> tuple[Section, ...]:
    """The sections of a persona's prose in order; text above the first heading is a section with an empty title."""
    text = prose.replace("\r\n", "\n")
    fences = [m.start() for m in _FENCE.finditer(text)]
    heads = [m for m in _HEADING.finditer(text) if sum(f < m.start() for f in fences) % 2 == 0]
    sections = []
    if text[: heads[0].start() if heads else None].strip():
        sections.append(Section("", 0, "other", text[: heads[0].start() if heads else None].strip()))
    for head, end in zip(heads, [*(h.start() for h in heads[1:]), len(text)], strict=False):
        body = text[head.end() : end].strip()
        sections.append(Section(head[2], len(head[1]), section_kind(head[2]), body))
    return tuple(sections)


def section_kind(title: str) -> str:
    """What the field calls a section with this heading; "other" where it has no name for it."""
    title = title.casefold()
    for kind, starts in SECTION_KINDS.items():
        if title.startswith(starts):
            return kind
    return "other"
