"""What a persona's prose gives a scripted customer: lines in quotes, `Key: value` items, sentences told as "I".

Sentences are what is left: a row with a line in quotes holds none, nor does an item, but for one that tells the story.
What wins, where prose, front matter and the language's customer differ, says `complete`.
Prose may be built to be slow. Patterns take what is repeated once and never give it back (`*+`), or see a bounded text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from ..spec.persona import Persona
from ..spec.script import THAI, THAI_TEXT, thai_share
from ..spec.sections import Section
from .markup import ANSWER
from .phrases import plain

_QUOTED = re.compile(
    r'"([^"\n]{2,300}+)"|“([^”\n]{2,300}+)”|«([^»\n]{2,300}+)»|„([^“”\n]{2,300}+)[“”]|「([^」\n]{2,300}+)」'
    r"|‘([^’\n]{2,200}+)’(?!\w)"
)
_ITEM = re.compile(r"[\s>*+•・–-]*+(?:\d++[.)]\s*+)?([^:：|\n]{2,60}+)[:：]\s*+(\S.*)$")
_CELLS = re.compile(r"\|?+([^|\n]{2,60}+)\|([^|\n]++)\|?+\s*+$")
_MARKUP = re.compile(r"\*\*|__|`|(?<!\w)[*_](?!\s)|(?<=\S)[*_](?!\w)|^#+\s*")
_BULLET = re.compile(r"(?:[\s>]*+[-*+•–]\s++|[\s>]*+[・●○◦▪]\s*+|[\s>]*+\d++[.)]\s++|\s++)")
_STARRED = re.compile(r"(?<![\w*])\*(?![\s*])([^*\n]{1,120})\*(?![\w*])")
_DIRECTED = re.compile(r"\[[^\]\n]{0,200}\]|【[^】\n]{0,200}】|\([^)\d\n]{0,200}\)|（[^）\d\n]{0,200}）")
_UNSPEAKABLE = re.compile(r"[<>{}|*`\\\[\]]|\\n")
"""What is left of markup, of code, or of a place that somebody is to fill in."""
_BRACKETS = re.compile(r"(?<!\s)\s*+[(（\[]([^)）\]]*+)[)）\]]")
_SECRET = re.compile(
    r"\b(?:do not|don't|never|not|only|if|ask|reveal|volunteer|secret)\b|ห้าม|อย่า|ไม่|เฉพาะ|ถ้า|หาก|ถาม", re.I
)
"""What makes words in brackets a note on how to play the persona, and no part of what she says."""
TRAINEE = (
    r"agent|trainee|representative|rep|advisor|adviser|operator|support|csr|they|staff|employee|you|asesor|agente|"
    r"พนักงาน|เจ้าหน้าที่|ผู้เข้าอบรม|ผู้ฝึก|เทรนนี|agente"
)
_SAID_BY_TRAINEE = re.compile(
    rf"(?:{TRAINEE})\W*(?:\w+\W+){{0,4}}?(?:say|says|said|uses?|tells?|asks?|answers?|dice)\W*"
    r"(?:(?:that|the|her|him|you|to|words?|phrases?|terms?|things|something|like|such|as)\W+){0,4}$|"
    r"(?:พนักงาน|เจ้าหน้าที่)\S*(?:พูด|บอก|ถาม|ใช้)(?:คำ)?(?:ว่า)?[\s::]*$|"
    r"\b(?:words?|phrases?|terms?|told|like|such as|hears?|being told)\s*[:(]?\s*$",
    re.I,
)
_NEVER = re.compile(r"\b(?:never|do not|don't|avoid|must not|won't|no)\b", re.I)
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
            elif text and _is_speech(text) and not _is_forbidden(between):
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


def _is_forbidden(between: str) -> bool:
    """Whether what stands before a line says that she never says it: in its last sentence, in Thai its last word."""
    word = between.rsplit(None, 1)[-1] if between else ""
    return bool(_NEVER.search(between.rpartition(".")[2]) or _NEVER_THAI.search(word))


def _is_speech(text: str) -> bool:
    if unspaced := re.search(f"[{THAI}\u3040-\u30ff\u3400-\u9fff]", text):
        return len(text) >= (8 if THAI_TEXT.match(unspaced[0]) else 5)
    return len(text.split()) >= 3 or text[-1:] in "!?…."


@lru_cache(maxsize=512)
def items(section: Section) -> tuple[tuple[str, str], ...]:
    """The `Key: value` items of a section: bullets, bold, table rows, in any script."""
    return tuple(_items(section))


def _items(section: Section) -> Iterator[tuple[str, str]]:
    before = ""
    for row in section.text.splitlines():
        goes_on = _WRAPPED.search(before) and row[:1].islower()
        before = row
        if goes_on or re.fullmatch(r"[\s|:-]*", row):
            continue
        row = bare(row)
        found = _CELLS.match(row) or _ITEM.match(row)
        if found and not re.match(r'https?$|["“«「]', found[1].lstrip(" |")):
            key, value = _key(found[1]), _without_notes(found[2]).strip(' |"“”')
            if value and len(value) <= 200 and not _UNSPEAKABLE.search(value):
                yield key, value


_WRAPPED = re.compile(r"^[^:：]{60,}[^.!?:;|]$")
"""A row of running text, whose sentence goes on in the next."""


def _key(written: str) -> str:
    """A key in words: `account_number` and `accountNumber` are an account number."""
    text = _CAMEL.sub(" ", written.replace("_", " ").strip(" |\"'"))
    return _NUMBER_OF.sub("number", _ACCOUNT.sub("account", text).strip())


_CAMEL = re.compile("(?<=[a-z])(?=[A-Z][a-z])")
_ACCOUNT = re.compile(r"\bacct\b\.?", re.I)
_NUMBER_OF = re.compile(r"(?:\b(?:no|nr|num)\.?|#)$", re.I)


def _without_notes(value: str) -> str:
    end = max(map(value.rfind, ")）]")) + 1  # brackets that open after it are never closed
    return _BRACKETS.sub(lambda note: "" if _SECRET.search(note[1]) else note[0], value[:end]) + value[end:]


def sentences(section: Section) -> Iterator[str]:
    """The sentences of a section's text, but for lines in quotes and items. Thai ends them with the row, since it marks
    them by nothing else, and an item in a list is none of the next."""
    text = " ".join(map(_running, section.text.splitlines()))
    for sentence in re.split(r"(?<=[.!?。])\s+|\n", text):
        if 12 <= len(sentence := sentence.strip()) <= 240 and not _UNSPEAKABLE.search(sentence):
            yield sentence


STORY = re.compile(
    r"(?:back ?ground|backstory|story|context|situation|scenario|problem|issue|reason|complaint|description|"
    r"สถานการณ์|ปัญหา|เรื่องราว|เรื่อง|บริบท|situación|contexto|problema|状況|背景)\b",
    re.I,
)
"""Keys under which the story is told."""


def _running(row: str) -> str:
    """What a row adds to the running text."""
    text = bare(row)
    if _QUOTED.search(row) or "|" in row or '"' in row:
        return "\n"
    if found := _ITEM.match(text):
        return f"\n{found[2]}\n" if STORY.match(_key(found[1])) else "\n"
    is_listed = (bullet := _BULLET.match(row)) is not None and bool(bullet[0].strip())
    text = _DIRECTED.sub(" ", text) if _DIRECTED.match(text) else text
    return f"\n{text}\n" if is_listed else f"{text}\n" if not text or THAI_TEXT.search(text) else text


NAME_LIMIT = 80
"""Characters of a persona's name that are looked for in her prose."""
_IRREGULAR = {"is": "am", "has": "have", "does": "do", "goes": "go", "isn't": "am not", "hasn't": "haven't"}
_IRREGULAR |= {"doesn't": "don't", "are": "am", "aren't": "am not", "were": "was", "weren't": "wasn't"}
_AFTER_AND = {"is": "am", "has": "have", "does": "do", "were": "was", "wants": "want", "needs": "need"}
_ADVERBS = frozenset(
    "also already never just recently now then still always only really simply finally not first".split()
)
_OPENERS = frozenset(
    "and but because although though that when while since so which what who if as after before until where".split()
)
_UNSAYABLE = re.compile(
    r"\b(?:she|he|her|his|him|hers|herself|himself|customer|caller|persona|trainee|agent|representative|role|scenario|"
    r"simulat\w*|training|test\w*|evaluat\w*|phase|should|must|escalat\w*|de-escalat\w*|tone|emotion\w*|realistic\w*|"
    r"conversation|reveal|volunteer|personality|angry|furious|you are|your|in character|emojis?|"
    r"polite|rude|impatient|upset|frustrated|confused|demanding|(?:man|woman|person) who|repl(?:y|ies)|"
    r"respon(?:d|ses?)|sentences?|prompt|AI|language model|end_call|scene|mood)\b",
    re.I,
)


_ORDERS = re.compile(
    r"(?:accept|act|always|answer|ask|assume|avoid|be|become|begin|complain|continue|demand|do|don't|don’t|end|ensure|"
    r"escalate|express|follow|get|give|greet|hang|hide|if|ignore|imagine|include|insist|interrupt|keep|let|limit|"
    r"maintain|make|mention|never|note|only|open|output|play|please|pretend|provide|push|react|refuse|reject|remain|"
    r"remember|repeat|reply|require|respond|say|share|show|sound|speak|start|stay|stick|stop|talk|tell|threaten|try|use|"
    r"wait|when|write)\b",
    re.I,
)
"""What a sentence begins with that tells whoever plays the persona what to do."""


def in_first_person(sentence: str, name: str) -> str | None:
    """An English sentence about the persona as she says it herself, or None where it cannot be turned safely."""
    names = _names(name, 1)
    named = rf"\b(?:(is|are|am|named|called)\s+)?(?:(?:Mr|Mrs|Ms|Miss|Dr)\.?\s+)?(?:{names})\b(?:\s+(?:{names})\b)*"
    sentence = re.sub(named, lambda m: m[0] if m[1] else "she", sentence)
    sentence = re.sub(r"\b(?:the|this|our)\s+(?:customer|caller|client)\b", "she", sentence, flags=re.I)
    sentence = re.sub(r"\bshe(?:'s|’s)(?=\s+(?:been|had|got)\b)", "she has", sentence)
    sentence = re.sub(r"\b(she|he|you)['’]s\b(?=\s+(?:\w+ing|\w+ed|not|now|a|the)\b)", r"\1 is", sentence, flags=re.I)
    sentence = re.sub(r"\bshe['’]s\b", "her", sentence)  # what is left of "Sarah's card"
    sentence = re.sub(r"\byou['’](re|ve|ll|d)\b", lambda m: "you " + _CONTRACTED[m[1]], sentence, flags=re.I)
    words = re.findall(r"[\w'’$€£฿.\-/@%]*[\w'’%]|\s+|[^\w\s]", sentence)
    out: list[str] = []
    previous = ""
    subject = False
    for i, word in enumerate(words):
        low = word.casefold()
        after = next((w.casefold() for w in words[i + 1 :] if not w.isspace()), "")
        if low in ("she", "he") or (
            low == "you" and (not previous or previous in _OPENERS or not previous[0].isalpha())
        ):
            out.append("I")
            subject = True
        elif low in ("you", "him") or (low == "her" and _ends_object(after)):
            out.append("me")
        elif low in ("her", "his", "your"):
            out.append("my" if _ends_object(after) is False else "mine")
        elif low in ("herself", "himself", "yourself"):
            out.append("myself")
        elif previous in ("and", "but") and low in _AFTER_AND and "I" in out:
            out.append(_AFTER_AND[low])
        elif subject and low.strip() and low[0].isalpha():
            out.append(word if low in _ADVERBS else _conjugated(word))
            subject = low in _ADVERBS
        else:
            out.append(word)
        previous = low if low.strip() else previous
    text = "".join(out).strip()
    if not re.search(r"\b(?:I|my|me)\b", text) or _UNSAYABLE.search(text) or _ORDERS.match(text):
        return None
    return text[0].upper() + text[1:]


_CONTRACTED = {"re": "are", "ve": "have", "ll": "will", "d": "would"}


def _ends_object(after: str) -> bool:
    """Whether a word can follow an object pronoun: then "her" was one, and not the owner of something."""
    return (
        not after
        or not after[0].isalnum()
        or after
        in (
            "and but because for on in at to with from by that when while after before twice again about as if or so "
            "three several a an the".split()
        )
    )


def _conjugated(verb: str) -> str:
    low = verb.casefold()
    if low in _IRREGULAR:
        return _IRREGULAR[low]
    if low in ("was", "has", "this") or not low.endswith("s") or low.endswith(("ss", "us")):
        return verb
    if low.endswith("ies"):
        return verb[:-3] + "y"
    return verb[:-2] if low.endswith(("shes", "ches", "sses", "xes", "zzes")) else verb[:-1]


_THAI_UNSAYABLE = re.compile(
    "เธอ|เขา|ผู้ฝึก|ผู้เรียน|ผู้เข้าอบรม|บทบาท|จำลอง|ทดสอบ|ห้าม|ควร|ลูกค้า|พนักงาน|trainee|agent|อารมณ์|สวมบท|ตัวละคร|"
    "ประโยค|ตอบสั้น|เอไอ|หลุดจาก|น้ำเสียง|อย่าบอก|อย่าพูด|สนทนา"
)


def in_first_person_thai(sentence: str, name: str, i: str) -> str | None:
    """A Thai sentence about the persona as she says it herself (Thai verbs do not change), or None."""
    if names := _names(re.sub("^(?:นางสาว|นาง|นาย|คุณ)(?=[\u0e01-\u0e4e])", "", name), 2):
        sentence = re.sub(rf"(?:คุณ|นางสาว|นาง|นาย)?\s?(?:{names})", i, sentence)
    sentence = re.sub("(?<!บริการ)(?<!รหัส)ลูกค้า(?!สัมพันธ์)|เธอ|(?<!พวก)เขา", i, sentence)
    sentence = re.sub(f"(?:{i}\\s*)+", i, re.sub("คุณ(?!ภาพ|สมบัติ)", i, sentence)).strip(" .")
    return None if _THAI_UNSAYABLE.search(sentence) or i not in sentence else sentence


def _names(name: str, shortest: int) -> str:
    """A pattern for a persona's name and its parts, the longest first."""
    name = name[:NAME_LIMIT]
    parts = {part for part in (name, *name.split()) if len(part) >= shortest}
    return "|".join(map(re.escape, sorted(sorted(parts), key=len, reverse=True)))


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


def spoken(value: str, base: str, man: bool = False) -> str:
    """A bare value as a sentence: with a full stop, or in Thai with the particle that ends one politely."""
    if base == "th":
        gap = "" if THAI_TEXT.search(value[-3:]) else " "
        return value if value.endswith(("ค่ะ", "คะ", "ครับ")) else f"{value.rstrip('. ')}{gap}{'ครับ' if man else 'ค่ะ'}"
    return value if value[-1:] in ".!?…" else f"{value}."


STOP_WORDS = frozenset(
    "this that with from have what when where which would could should about your their there they them been being "
    "into will just more some than then were does please tell know want need like make customer agent help today asks "
    "asked much many long who how why the and for are you can did has was her his she problem happen happened wrong "
    "issue".split()
)
_PRESENT = {
    "paid": "pay",
    "bought": "buy",
    "told": "tell",
    "said": "say",
    "went": "go",
    "came": "come",
    "broke": "break",
}
_PRESENT |= {"lost": "lose", "sent": "send", "broken": "break", "found": "find", "stayed": "stay", "took": "take"}


@lru_cache(maxsize=4096)
def content_words(text: str) -> frozenset[str]:
    """The words of a text that say what it is about, cut to their first letters so that forms of a word meet."""
    words = (_PRESENT.get(word, word) for word in plain(text).split() if word not in STOP_WORDS)
    return frozenset(word[:6] for word in words if len(word) > 2)
