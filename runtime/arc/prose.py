"""What a persona's prose gives a scripted customer: lines in quotes, `Key: value` items, sentences told as "I".

Sentences are what is left: none that holds a line in quotes is one, nor is an item, but for one that tells the story.
What wins, where prose, front matter and the language's customer differ, says `complete`.
Prose may be built to be slow. Patterns take what is repeated once and never give it back (`*+`), or see a bounded text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from ..spec.persona import Persona
from ..spec.sections import Section
from ..spec.writing_system import THAI, THAI_TEXT, thai_share
from .markup import ANSWER, CAMEL

_QUOTED = re.compile(
    r'"([^"\n]{2,300}+)"|“([^”\n]{2,300}+)”|«([^»\n]{2,300}+)»|„([^“”\n]{2,300}+)[“”]|「([^」\n]{2,300}+)」'
    r"|‘([^’\n]{2,200}+)’(?!\w)"
)
_ITEM = re.compile(r"[\s>*+•・–-]*+(?:\d++[.)]\s*+)?([^:：=|\n]{2,60}+)(?:[:：]|=(?=\s))\s*+(\S.*)$")
_CELLS = re.compile(r"\|?+([^|\n]{2,60}+)\|([^|\n]++)\|?+\s*+$")
_MARKUP = re.compile(r"\*\*|__|`|(?<!\w)[*_](?!\s)|(?<=\S)[*_](?!\w)|^#+\s*")
_BULLET = re.compile(r"(?:[\s>]*+[-*+•–]\s++|[\s>]*+[・●○◦▪]\s*+|[\s>]*+\d++[.)]\s++|\s++)")
_STARRED = re.compile(r"(?<![\w*])\*(?![\s*])([^*\n]{1,120})\*(?![\w*])")
_DIRECTED = re.compile(r"\[[^\]\n]{0,200}\]|【[^】\n]{0,200}】|\([^)\d\n]{0,200}\)|（[^）\d\n]{0,200}）")
_UNSPEAKABLE = re.compile(r"[<>{}|*`\\\[\]]|\\n")
"""What is left of markup, of code, or of a place that somebody is to fill in."""
_BRACKETS = re.compile(r"(?<!\s)\s*+[(（\[]([^)）\]]*+)[)）\]]")
SECRET = re.compile(
    r"\b(?:do not|don't|never|not|only|if|ask|reveal|volunteer|secret)\b|ห้าม|อย่า|ไม่|เฉพาะ|ถ้า|หาก|ถาม", re.I
)
"""What makes words in brackets a note on how to play the persona, and no part of what she says."""
TRAINEE = (
    r"agent|trainee|representative|rep|advisor|adviser|operator|support|csr|they|staff|employee|you|asesor|agente|"
    r"พนักงาน|เจ้าหน้าที่|ผู้เข้าอบรม|ผู้ฝึก|เทรนนี"
)
_SAID_BY_TRAINEE = re.compile(
    rf"(?:{TRAINEE})\W*(?:\w+\W+){{0,4}}?(?:say|says|said|uses?|tells?|asks?|answers?|dice)\W*"
    r"(?:(?:that|the|her|him|you|to|words?|phrases?|terms?|things|something|like|such|as)\W+){0,4}$|"
    r"(?:พนักงาน|เจ้าหน้าที่)\S*(?:พูด|บอก|ถาม|ใช้)(?:คำ)?(?:ว่า)?[\s::]*$|"
    r"\b(?:words?|phrases?|terms?|told|like|such as|hears?|being told)\s*[:(]?\s*$",
    re.I,
)
_NEVER = re.compile(
    r"\b(?:never|do not|don't|avoid|must not|won't|no|nunca|jamás|jamais|niemals|nie|sag nicht|ne dis pas|não diga|mai|"
    r"никогда|không bao giờ|đừng nói)\b",
    re.I,
)
_NEVER_AFTER = re.compile(
    r"\W{0,2}(?:など)?(?:と|라고|이라고)(?:は)?\s?(?:絶対に|決して|절대)?\s?(?:言わ|言っては|話さ|口にし|말하지)"
)
_UNDONE = re.compile(
    r"\W*(?:if|when|whenever|unless)\b(?!.*\b(?:say|tell|use|mention|reveal|answer|reply)\b)[^,]*[:→>]\s*$", re.I
)
"""A whole condition, which may be that something is not done."""
_NEVER_THAI = re.compile("ห้าม|อย่า|ไม่(?:พูด|ใช้)")
NEAR = 160
"""Characters before a line in quotes that can say whose it is."""
BEFORE = 240
"""Characters before it, on its row, that can be the condition for it."""


@dataclass(frozen=True, slots=True)
class QuotedLine:
    """A line of the persona in quotes. `before` is what stands before it on its row (its last 240 characters),
    `trigger` what the trainee is quoted with there."""

    text: str
    before: str
    trigger: str = ""

    @property
    def asked(self) -> str:
        """What the operator of an example dialogue says, to whom it is the answer; "" outside of one."""
        return self.before.removeprefix(ANSWER) if self.before.startswith(ANSWER) else ""

    @property
    def in_table(self) -> bool:
        """Whether it stands in a row of a table, after what it is for."""
        return any(map(str.isalnum, self.before.rpartition("|")[0]))


def bare(text: str) -> str:
    """A line without its Markdown."""
    bullet = _BULLET.match(text)
    return _MARKUP.sub("", text[bullet.end() :] if bullet else text).strip()


@lru_cache(maxsize=512)  # an edit changes one section of many
def quoted(section: Section) -> tuple[QuotedLine, ...]:
    """The persona's lines in quotes, but for single words and for what she is told never to say."""
    return tuple(_quoted(section))


def _quoted(section: Section) -> Iterator[QuotedLine]:
    for row in section.text.splitlines():
        trigger, end = "", 0
        for found in _QUOTED.finditer(row):
            text = undirected(next(filter(None, found.groups())))
            between, end = bare(row[end : found.start()]), found.end()
            if _SAID_BY_TRAINEE.search(between[-NEAR:]):
                trigger = text
            elif text and _is_speech(text) and not _is_forbidden(between, row[end:]) and not _is_part(text, row[end:]):
                yield QuotedLine(text, bare(row[max(0, found.start() - BEFORE) : found.start()]), trigger)


def undirected(text: str) -> str:
    """What is spoken of a line, without its Markdown and the stage directions in it; "" for one that cannot be."""
    text = _DIRECTED.sub(" ", _STARRED.sub(_emphasis, text))
    text = re.sub(r"\s+([,.!?…])", r"\1", " ".join(_MARKUP.sub("", text).split())).lstrip(",.;:–— ")
    return "" if _UNSPEAKABLE.search(text) else text.replace("--", "–")


def _emphasis(starred: re.Match[str]) -> str:
    """Words between stars, where they are only stressed: one or two in the middle of a line, and no verb that tells
    what somebody does."""
    words = starred[1].split()
    told = bool(starred[1][:1].islower() or THAI_TEXT.search(starred[1]) or re.search(r"(?:s|ing|ly|ed)$", words[0]))
    stressed = starred.start() > 0 and starred.string[: starred.start()].strip()[-1:].isalpha()
    return starred[1] if len(words) <= 2 and (stressed or not told) else " "


def _is_forbidden(between: str, after: str) -> bool:
    """Whether what stands before a line says that she never says it (in its last sentence, in Thai its last word), or
    what stands after it, as in Japanese and Korean."""
    word = between.rsplit(None, 1)[-1] if between else ""
    sentence = between.rpartition(".")[2]
    undone = _UNDONE.match(sentence)  # by the trainee, who gives no date
    said_before = (not undone and _NEVER.search(sentence)) or _NEVER_THAI.search(word)
    return bool(said_before or _NEVER_AFTER.match(after))


def _is_part(text: str, after: str) -> bool:
    """Whether a line in quotes is but words of the sentence around it, which goes on: 'says "in transit" since May'."""
    return text[:1].islower() and text[-1:] not in ".!?…" and bool(re.match(r"\s+[a-z]", after))


def _is_speech(text: str) -> bool:
    if unspaced := re.search(f"[{THAI}\u3040-\u30ff\u3400-\u9fff]", text):
        return len(text) >= (8 if THAI_TEXT.match(unspaced[0]) else 5)
    return len(text.split()) >= 3 or text[-1:] in "!?…."


@lru_cache(maxsize=512)
def items(section: Section) -> tuple[tuple[str, str], ...]:
    """The `Key: value` items of a section: bullets, bold, table rows, several in a row, in any script."""
    return tuple(_items(section))


def _items(section: Section) -> Iterator[tuple[str, str]]:
    before = ""
    for row in section.text.splitlines():
        goes_on = _WRAPPED.search(before) and row[:1].islower()
        before = row
        if goes_on or re.fullmatch(r"[\s|:-]*", row):
            continue
        row = bare(row)
        yield from ((of[1] or of[3], of[2] or of[4]) for of in _CODE.finditer(row))
        in_one = [found for cell in _IN_ONE.split(row) if cell.strip() and (found := _ITEM.match(cell))]
        for found in in_one if len(in_one) > 1 else (_CELLS.match(row) or _ITEM.match(row),):
            if found and not re.match(r'https?$|["“«「]', found[1].lstrip(" |")):
                told = _parts(found[2])[0]
                key, value = _key(found[1]), _without_notes(told).strip(' |"“”')
                value = value.rstrip(".;,") if len(in_one) > 1 else value
                if value and len(value) <= 200 and not _UNSPEAKABLE.search(value):
                    yield key, value


_CODE = re.compile(
    r"(?:^|(?<=[.!?] ))((?:[A-Z][a-z]{2,20})(?: (?:number|reference))?) ([A-Z]{1,4}-?\d[\w-]{2,20})(?=[.,]|$)|"
    rf"^([{THAI}]{{6,30}}) (\d[\d-]{{5,20}})$"
)
"""A code behind what it is of, and nothing else: "Contract RR-20881."."""
_IN_ONE = re.compile(r"\||(?<=[.;,])\s+(?=[^\W\d_][\w /]{1,24}\s?[:=]\s)")
"""What stands between two items of one row."""
_GOES_ON = re.compile(r"(?<=[.!?])\s+(?=(?:You|She|He|It|They|There|Your|Her|His)\b)")
"""Where the value of an item ends, and sentences about her begin."""
_WRAPPED = re.compile(r"^(?:[^:：]{60,}|.{90,})[^.!?:;|]$")
"""A row of running text, whose sentence goes on in the next."""


def _parts(text: str) -> list[str]:
    """The value of an item, and the sentences about her after it."""
    found = _GOES_ON.search(text)
    return [text[: found.start()], text[found.end() :]] if found else [text]


def _key(written: str) -> str:
    """A key in words: `account_number` and `accountNumber` are an account number, a `DOB` is a date of birth."""
    text = CAMEL.sub(" ", written.replace("_", " ").strip(" |\"'"))
    text = _SHORT.sub(lambda found: _IN_FULL[found[1].casefold()], text)
    return _NUMBER_OF.sub("number", text.strip())


_IN_FULL = {"acc": "account", "acct": "account", "dob": "date of birth", "ref": "reference", "tel": "phone"}
_IN_FULL |= {"mob": "mobile", "addr": "address", "appt": "appointment", "cust": "customer", "amt": "amount"}
_SHORT = re.compile(rf"\b({'|'.join(_IN_FULL)})\b\.?", re.I)
_NUMBER_OF = re.compile(r"(?:\b(?:no|nr|num)\.?|#)$", re.I)


def _without_notes(value: str) -> str:
    end = max(map(value.rfind, ")）]")) + 1  # brackets that open after it are never closed
    return _BRACKETS.sub(lambda note: "" if SECRET.search(note[1]) else note[0], value[:end]) + value[end:]


def sentences(section: Section) -> Iterator[str]:
    """The sentences of a section's text, but for lines in quotes and items. Thai ends them with the row, since it marks
    them by nothing else, and an item in a list is none of the next."""
    text = " ".join(map(_running, section.text.splitlines()))
    for sentence in _SENTENCE_END.split(text):
        if 12 <= len(sentence := sentence.strip()) <= 240 and not _UNSPEAKABLE.search(sentence):
            yield sentence


_SENTENCE_END = re.compile(r"(?<=[.!?。])\s+|\n")
HERS = "\x01"
"""What a Thai sentence begins with that tells her story: it needs no "I", and most have none."""
_HELD = "\x00"
"""Stands for a line in quotes, so that the sentence that holds it is known by it."""


def _cut(found: re.Match[str]) -> str:
    said: str = next(filter(None, found.groups()))
    if not _is_speech(said):
        return said  # a name of something, or what others call it
    end = found[0].strip('"“”«»„「」‘’')[-1:]
    return _HELD + (end if end in ".!?" else "")


STORY = re.compile(
    r"(?:back ?ground|backstory|story|context|situation|scenario|problem|issue|reason|complaint|description|"
    r"สถานการณ์|ปัญหา|เรื่องราว|เรื่อง|บริบท|situación|contexto|problema|状況|背景)\b",
    re.I,
)
"""Keys under which the story is told."""


def _running(row: str) -> str:
    """What a row adds to the running text."""
    text = _QUOTED.sub(_cut, bare(row))
    if "|" in row:
        found = _CELLS.match(bare(row))
        return f"\n{_as_hers(found[2].strip())}\n" if found and STORY.match(_key(found[1])) else "\n"
    if _HELD in text or '"' in text:
        whole = (part for part in _SENTENCE_END.split(text) if _HELD not in part and '"' not in part)
        rest = _parts(text)[1:] if _ITEM.match(text) else whole
        return f"\n{' '.join(part for part in rest if _HELD not in part)}\n"
    if found := _ITEM.match(text):
        story = _as_hers(found[2])
        return f"\n{story}\n" if STORY.match(_key(found[1])) else "\n".join(["", *_parts(found[2])[1:], ""])
    is_listed = (bullet := _BULLET.match(row)) is not None and bool(bullet[0].strip())
    text = _DIRECTED.sub(" ", text) if _DIRECTED.match(text) else text
    return f"\n{text}\n" if is_listed else f"{text}\n" if not text or THAI_TEXT.search(text) else text


def _as_hers(story: str) -> str:
    """A story that names nobody, as one of hers: "wants to cancel"."""
    return HERS + story if THAI_TEXT.search(story) else f"She {story}" if re.match(r"[a-z]+s\b", story) else story


def is_native(persona: Persona, language: str) -> bool:
    """Whether the prose is in this language, as far as one can tell: by Thai letters, or by common English words."""
    text = " ".join(section.text for section in persona.sections) or persona.prose
    thai = thai_share(text) > 0.2
    if language == "th":
        return thai
    if language != "en":
        return not thai
    words = re.findall(r"[^\W\d_]+", text.casefold())
    common = sum(word in _COMMON for word in words)
    return not thai and (len(words) < FEW_WORDS or common / len(words) > 0.06)


FEW_WORDS = 10
"""So few words, in letters that may be English, tell nothing of their language."""
_COMMON = frozenset(
    "the and is of to she her he his you your with not for has was are when if it that this from".split()
)
