"""A persona's prose as plain rows, for what reads it as text: no comments, no tags, JSON as `Key: value`, and of
example dialogues the customer's lines alone. The model is given the prose itself.

Prose may be built to be slow: what is repeated in a pattern is bounded, or takes what no other part of it could.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache

from ..spec.sections import Section, find_sections

_COMMENT = re.compile("(<!--|-->)")
_FENCED = re.compile(r"^[ \t]*(?:```|~~~)([^\n]*)\n(.*?)^[ \t]*(?:```|~~~)[ \t]*$", re.DOTALL | re.MULTILINE)
_OF_TEXT = frozenset(
    ("", "json", "json5", "jsonc", "yaml", "yml", "toml", "text", "txt", "plain", "md", "markdown", "xml")
)
"""What a fenced block can be said to hold, and still be part of the prompt: any other is the code of something."""
_NAME = r"[^\W\d][\w.-]{0,60}"
_PAIR = re.compile(rf"<({_NAME})(?:\s[^<>\n]{{0,200}})?>([^<>\n]{{0,400}})</\1\s?>")
_TAG = re.compile(rf"<(/?)({_NAME})(?:\s[^<>\n]{{0,200}})?/?>")
_STYLING = frozenset("a b i u em strong small big span font mark code sub sup s del ins p br hr div li ul ol".split())
_JSON_ROW = re.compile(r'\s*"([^"\n]{1,60})"\s*:\s*"([^"\n]*)"\s*,?\s*$')
_JSON_MARKS = re.compile(r"[\s{}\[\],]*$")
_LINES_OF_HERS = re.compile(r"quote|line|phrase|utterance|say|คำพูด|ประโยค|frase|セリフ|台詞", re.I)

_AGENT = (
    r"agent|trainee|representative|rep|csr|operator|advis[oe]r|clerk|support agent|user|assistant|system|asesora?|"
    r"agente|operadora?|atendente|(?:télé)?conseill(?:er|ère)|opérat(?:eur|rice)|(?:kunden)?berater(?:in)?|mitarbeiter(?:in)?|"
    r"operat(?:ore|rice)|addett[oa]|оператор|сотрудник|nhân viên|พนักงาน|เจ้าหน้าที่|โอเปอเรเตอร์|"
    r"オペレーター|担当者?|スタッフ|客服|坐席|接线员|상담(?:원|사)|직원"
)
_CUSTOMER = (
    r"customer|caller|client|clienta?e?|kund(?:e|in)|клиент|khách(?: hàng)?|ลูกค้า|ผู้โทร|お客様|顧客|客户|客人|고객"
)
_BEFORE_SPEAKER = r"[\s>*_•・–-]*\[?"
_AFTER_SPEAKER = r"\]?[ \t]?(?:\([^)\n]{0,40}\)|\d{1,2})?(?:\*\*|__)?[ \t]?(?:[:：]|(?=「))(?:\*\*|__)?[ \t]*"
_BY_AGENT = re.compile(rf"^{_BEFORE_SPEAKER}(?:the )?(?:{_AGENT}){_AFTER_SPEAKER}", re.I)
_BY_ANYONE = re.compile(rf"^{_BEFORE_SPEAKER}[^:：「\n]{{1,40}}(?:[:：]|(?=「))(?:\*\*|__)?[ \t]*(\S.*)$")
ANSWER = "»"
"""What a row begins with that holds a line of the operator's and the customer's answer to it."""
_BY_CUSTOMER = re.compile(rf"^{_BEFORE_SPEAKER}(?:the )?(?:{_CUSTOMER}){_AFTER_SPEAKER}(\S.*)$", re.I)


@lru_cache(maxsize=64)
def plain_sections(prose: str) -> tuple[Section, ...]:
    """The sections of a persona's prose, in plain rows. A block in tags, or below a key of JSON, is a section of that
    name."""
    return find_sections("\n".join(_rows(prose)))


def _rows(prose: str) -> Iterator[str]:
    text = _FENCED.sub(_unfenced, _without_comments(prose.replace("\r\n", "\n")))
    rows = [row for line in (_of_json(text) or text).splitlines() for row in _without_tags(line)]
    is_dialogue = any(map(_BY_AGENT.match, rows))
    asked, begun = "", False
    for row in rows:
        if by_agent := _BY_AGENT.match(row):
            asked = re.sub('["“”«»「」|]', "", row[by_agent.end() :]).strip()
        elif said := (_BY_ANYONE if asked else _BY_CUSTOMER).match(row) if is_dialogue else None:
            line = said[1].strip()
            line = line if re.search('["“«「]', line) else f'"{line}"'
            yield f"{ANSWER} {asked}: {line}" if asked and begun else line
            asked, begun = "", True
        else:
            yield row
            asked = asked if not row.strip() else ""


def _unfenced(block: re.Match[str]) -> str:
    of_text = block[1].strip().partition(" ")[0].casefold() in _OF_TEXT
    return _of_json(block[2]) or block[2] if of_text else ""


def _without_comments(text: str) -> str:
    """The text without what stands in comments, one that is never closed included."""
    kept, inside = [], False
    for piece in _COMMENT.split(text):
        if piece in ("<!--", "-->"):
            inside = piece == "<!--"
        elif not inside:
            kept.append(piece)
    return "".join(kept)


def _of_json(text: str) -> str:
    """The values of JSON as rows; "" for what is none."""
    if text.lstrip()[:1] not in ("{", "["):
        return ""
    try:
        return "\n".join(_values("", json.loads(text)))
    except (ValueError, RecursionError):
        rows = (_JSON_ROW.sub(r"\1: \2", row) for row in text.splitlines())
        return "\n".join(row for row in rows if not _JSON_MARKS.match(row))


def _values(key: str, value: object) -> Iterator[str]:
    """Plain values before those that hold others, as each of these begins a section."""
    if isinstance(value, dict):
        yield from [f"# {key}"] if key else []
        nested = {k: v for k, v in value.items() if isinstance(v, dict | list) or "\n" in str(v)}
        yield from (row for k, v in value.items() if k not in nested for row in _values(k, v))
        yield from (row for k, v in nested.items() for row in _values(k, v))
    elif isinstance(value, list):
        yield from [f"# {key}"] if key else []
        for item in value:
            if isinstance(item, str) and _LINES_OF_HERS.search(key):
                yield f'"{item}"'
            else:
                yield from [f"- {item}"] if isinstance(item, str) else _values("", item)
    elif "\n" in (text := str(value)):
        yield from (f"# {key}", text)
    else:
        yield f"{key}: {text}" if key else text


def _without_tags(row: str) -> list[str]:
    """The row without tags: what stands in a pair of them alone becomes `tag: value`, a block a section."""
    if row.lstrip().startswith("//"):
        return []
    if "<" not in row:
        return [row]
    row = _TAG.sub(lambda tag: "" if tag[2].casefold() in _STYLING else tag[0], row)
    if not _PAIR.sub("", row).strip():
        return [f"{pair[1]}: {pair[2].strip()}" for pair in _PAIR.finditer(row)]
    row = _PAIR.sub("", row)
    return _TAG.sub(lambda tag: "\n# …\n" if tag[1] else f"\n# {tag[2].replace('_', ' ')}\n", row).splitlines()
