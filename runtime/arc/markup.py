"""A persona's prose as plain rows, for what reads it as text: no comments, no tags, JSON as `Key: value`, and of
example dialogues the customer's lines alone. The model is given the prose itself.

Prose may be built to be slow: what is repeated in a pattern is bounded, or takes what no other part of it could.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
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
_TAG_OF_LINES = re.compile(r"(?:^|[_.-])(?:quote|line|phrase|utterance|speech|say)s?$", re.I)
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
_NOT_HERS = re.compile(
    rf"(?:what )?(?:(?:the|an?|your|our|example|sample|good|bad) )*(?!system|user|assistant)(?:{_AGENT})s?(?:['’]s)?"
    r"(?: (?:should|must|may|can|will|would|might|has to))?(?: (?:says?|asks?|uses?|lines?|phrases?|scripts?|quotes?|"
    r"questions?|utterances?|greetings?|openings?|dialogues?|turns?|messages?|responses?|answers?|replies))*$|"
    r"(?:.{0,40}\b)?(?:never|forbidden|prohibited|banned|disallowed|avoid(?:ed)?|do not|don['’]?t|must not|not to|"
    r"nunca|no digas|prohibid[oa]s?)\b(?: (?:says?|use|using|utter|mention|\w*phrases?|\w*lines?|words?|\w*responses?)"
    r"\b.{0,40})?$|.{0,20}(?:ห้าม|อย่าพูด|อย่าใช้)|อย่า|(?:พนักงาน|เจ้าหน้าที่)(?:พูด|ถาม|ควรพูด)?(?:ว่า)?$|"
    r"(?:frases?|l[ií]neas?|falas?|sätze|zeilen|phrases|répliques|battute|ประโยค|คำพูด) ?"
    rf"(?:del?|d[aeou]|de l['’]|des|der|ของ)? ?(?:{_AGENT})s?$|(?:{_AGENT})の(?:セリフ|台詞|発言)$|"
    r".{0,30}\b(?:verboten|interdit|vietat|proibid)\w{0,3}\b.{0,20}$|"
    r".{0,20}(?:禁止|禁句|言ってはいけない|言わない)",
    re.I,
)
"""What a heading, or a row before a list, says of lines that are the operator's or that nobody is to say."""
CAMEL = re.compile("(?<=[a-z])(?=[A-Z][a-z])")
"""Where the next word of `camelCase` begins."""
_BY_SYSTEM = re.compile(
    r"^[ \t*#]{0,4}system(?: prompt| message)?[*]{0,2}[:：][*]{0,2}[ \t]{0,4}(?=You|คุณ|Eres|あなた|สวมบท)", re.I | re.M
)
"""What the prompt itself may begin with."""
_LEADER = re.compile(r"^([ \t*•-]{0,4}[^\W\d_][\w /]{1,30}?)(?:[ \t]{0,9}\.{4,80}|\t)[ \t]{0,9}(?=\S)")
"""A key before a row of dots, or a tab."""
_HEADING = re.compile(r"\s*(#{1,6})\s?(?=\S)")
_LISTED = re.compile(r"\s*(?:[-*+•・]\s|\d{1,3}[.)]\s|[\"“«「]|$)")
_SEPARATOR = re.compile(r"[ \t]*\|?[ \t:|-]*-[ \t:|-]*$")
_OF_SPEECH = re.compile(
    r"\b(?:says?|said|repl(?:y|ies)|responses?|responds?|answers?|lines?|dice|responde|respuesta)\b|ตอบ|พูด|返答|セリフ",
    re.I,
)
_OF_FIELDS = re.compile(
    r"(?:fields?|keys?|items?|attributes?|propert(?:y|ies)|values?|details?|info(?:rmation)?|data|campo|valor|dato|"
    r"หัวข้อ|ข้อมูล|รายละเอียด|項目|内容)$",
    re.I,
)
_CHAT = re.compile(
    r"<\|(?:im_start|start_header_id)\|>\s{0,9}(\w{1,20})\s{0,9}(?:<\|end_header_id\|>)?([^<]{0,9000})(?:<\|\w{1,20}\|>)?"
)
"""A message of a chat template: who it is by, and its text."""
_BY_CUSTOMER = re.compile(rf"^{_BEFORE_SPEAKER}(?:the )?(?:{_CUSTOMER}){_AFTER_SPEAKER}(\S.*)$", re.I)


@lru_cache(maxsize=64)
def plain_sections(prose: str) -> tuple[Section, ...]:
    """The sections of a persona's prose, in plain rows. A block in tags, or below a JSON key, is one of that name."""
    return find_sections("\n".join(_rows(prose)))


def _rows(prose: str) -> Iterator[str]:
    text = _FENCED.sub(_unfenced, _without_comments(prose.replace("\r\n", "\n")))
    text = _CHAT.sub(lambda message: f"\n{_message(message[1], message[2])}\n", text)
    text = _BY_SYSTEM.sub("", text)
    rows = [row for line in (_of_json(text) or text).splitlines() for row in _without_tags(_LEADER.sub(r"\1: ", line))]
    rows = list(_with_answers(list(_of_hers(rows))))
    is_dialogue = any(map(_BY_AGENT.match, rows))
    asked, begun = "", False
    for row in rows:
        if by_agent := _BY_AGENT.match(row):
            asked = re.sub('["“”«»「」|]', "", row[by_agent.end() :]).strip()
        elif said := (_BY_ANYONE if asked else _BY_CUSTOMER).match(row) if is_dialogue else None:
            line = _in_quotes(said[1].strip())
            # Her first line opens the call, but for a number alone, which only answers.
            yield f"{ANSWER} {asked}: {line}" if asked and (begun or re.match(r"\W*\w*\d\S*$", line)) else line
            asked, begun = "", True
        else:
            yield row
            asked = asked if not row.strip() else ""


def _in_quotes(line: str) -> str:
    return line if re.search('["“«「]', line) else f'"{line}"'


def _message(role: str, text: str) -> str:
    """A message to a model that plays the persona: of a user it is the operator's line, of an assistant hers."""
    by = {"user": "agent", "human": "agent", "assistant": "customer", "model": "customer"}.get(role.casefold())
    return f"{by}: {' '.join(text.split())}" if by else text


def _is_not_hers(name: str) -> bool:
    """Whether a heading, a key or a tag names what the operator says, or what nobody is to say."""
    words = CAMEL.sub(" ", name.strip(" \t*_>#-")).replace("_", " ")
    return len(words) <= 80 and bool(_NOT_HERS.match(words))


def _of_hers(rows: Iterable[str]) -> Iterator[str]:
    """The rows without those under a heading, or in a list, of what the operator says or of what nobody is to say."""
    under, listed = 0, False
    for row in rows:
        heading = _HEADING.match(row[:80])
        lead, colon, rest = row[heading.end() if heading else 0 :].replace("：", ":").partition(":")
        leads = bool(heading or colon or row.strip()[:2] == "**" == row.strip()[-2:])
        not_hers = leads and _is_not_hers(lead) and not _BY_AGENT.match(row)
        if heading:
            level = len(heading[1])
            under = (under if 0 < under < level else 0) or (level if not_hers else 0)
        listed = not heading and ((not_hers and not rest.strip(" *_")) or (listed and bool(_LISTED.match(row))))
        if not under and not listed and not not_hers:
            yield row


def _with_answers(rows: list[str]) -> Iterator[str]:
    """The rows with the lines of hers in tables in quotes, as the head of their column says, and without the
    operator's; a head that only names columns is left out, and so is a table of what to do and not to do."""
    hers, width, dropped, inside = -1, 0, False, False
    for row, after in zip(rows, [*rows[1:], ""], strict=True):
        cells = [cell.strip() for cell in row.strip().strip("|").split("|")]
        if "|" in row and not inside and "-" in after and "|" in after and _SEPARATOR.match(after):
            heads = [cell.strip(" *_") for cell in cells]
            by_agent = [bool(re.match(rf"(?:the )?(?:{_AGENT})\b", head, re.I)) for head in heads]
            speech = [i for i, head in enumerate(heads) if i and _OF_SPEECH.search(head) and not by_agent[i]]
            hers, width, inside = (speech[0] if speech else -1), len(cells), True
            dropped = any(_NOT_HERS.match(head) for head in heads[1:])
            if not speech and not dropped and not all(map(_OF_FIELDS.match, heads)):
                yield row
            continue
        inside = inside and "|" in row
        if not inside or _SEPARATOR.match(row) or (hers < 0 and not dropped):
            yield row
        elif not dropped and len(cells) == width and cells[hers]:
            yield f"| {cells[0]} | {_in_quotes(cells[hers])} |"


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


def _values(key: str, value: object, depth: int = 0) -> Iterator[str]:
    """Plain values before those that hold others, as each of these begins a section, below the one that holds it."""
    heading = [f"{'#' * min(depth, 6)} {key}"] if key else []
    if isinstance(value, dict) and isinstance(said := value.get("content"), str) and "role" in value:
        yield from _message(str(value["role"]), said).splitlines()
    elif isinstance(value, dict):
        yield from heading
        if _LINES_OF_HERS.search(key) and not _is_not_hers(key):
            spoken = {event: said for event, said in value.items() if isinstance(said, str) and "\n" not in said}
            yield from (f'{event.replace("_", " ")}: "{said}"' for event, said in spoken.items())
            value = {event: said for event, said in value.items() if event not in spoken}
        nested = {k: v for k, v in value.items() if isinstance(v, dict | list) or "\n" in str(v)}
        yield from (row for k, v in value.items() if k not in nested for row in _values(k, v, depth + 1))
        yield from (row for k, v in nested.items() for row in _values(k, v, depth + 1))
    elif isinstance(value, list):
        yield from heading
        for item in value:
            if isinstance(item, str) and _LINES_OF_HERS.search(key):
                yield f'"{item}"'
            else:
                yield from [f"- {item}"] if isinstance(item, str) else _values("", item, depth + 1)
    elif "\n" in (text := str(value)):
        yield from (*heading, text)
    else:
        yield f"{key}: {text}" if key else text


def _of_pair(whole: str, tag: str, value: str) -> str:
    """What stands in a pair of tags as a row: a line of hers in quotes, after the event it is for, else an item."""
    if not _TAG_OF_LINES.search(tag) or _is_not_hers(tag):
        return f"{tag}: {value}"
    event = re.search(r"""\s(?:trigger|when|on|event|if)=["']([^"'<>]{1,60})["']""", whole)
    return f"When {event[1]}: {_in_quotes(value)}" if event else _in_quotes(value)


def _without_tags(row: str) -> list[str]:
    """The row without tags: what stands in a pair of them alone becomes `tag: value`, a block a section."""
    if row.lstrip().startswith("//"):
        return []
    if "<" not in row:
        return [row]
    row = _TAG.sub(lambda tag: "" if tag[2].casefold() in _STYLING else tag[0], row)
    if _PAIR.search(row) and not _TAG.sub("", _PAIR.sub("", row)).strip():
        return [_of_pair(pair[0], pair[1], pair[2].strip()) for pair in _PAIR.finditer(row)]
    row = _PAIR.sub(lambda pair: pair[2] if row[: pair.start()].rstrip()[-1:].isalpha() else "", row)
    return _TAG.sub(lambda tag: "\n# …\n" if tag[1] else f"\n# {tag[2].replace('_', ' ')}\n", row).splitlines()
