"""Sentences of the prose about the persona, as she says them herself: "I" for her name, and for "she" or "you"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from ..spec.writing_system import THAI, THAI_TEXT
from .phrases import heard_any, plain
from .prose import HERS, SECRET


def told_of(sentences: Iterable[str], name: str, base: str, man: bool) -> Iterator[str]:
    """The sentences about the persona as she says them herself, in English and Thai alone, without those that cannot be
    turned safely. One about a thing is hers where it goes on with what is told of her."""
    goes_on = False
    for sentence in sentences:
        if base == "th":
            line = in_first_person_thai(sentence, name, "ผม" if man else "ดิฉัน")
            line = spoken(line, base, man) if line else None
        else:
            line = in_first_person(sentence, name) if base == "en" else None
            line = line or (sentence if goes_on and _is_of_a_thing(sentence) else None)
        goes_on = line is not None
        if line is not None:
            yield line


NAME_LIMIT = 80
"""Characters of a persona's name that are looked for in her prose."""
_IRREGULAR = {"is": "am", "has": "have", "does": "do", "goes": "go", "isn't": "am not", "hasn't": "haven't"}
_IRREGULAR |= {"doesn't": "don't", "are": "am", "aren't": "am not", "were": "was", "weren't": "wasn't"}
_AFTER_AND = {"is": "am", "has": "have", "does": "do", "were": "was"}
_VERBS = {verb + "s": verb for verb in "want need work live own run like love use travel stay rent study teach".split()}
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
    r"respon(?:d|ses?)|sentences?|prompt|AI|language model|end_call|scene|mood|role-?play|"
    r"(?:will|to|now|are|am|is) (?:play|playing|acting|pretending|portray))\b",
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


_OF_SUBJECT = frozenset(
    "were are have had bought paid ordered booked rented signed received returned wanted want need chose own".split()
)
"""What follows a "you" who does something: "the machine you bought"."""


def in_first_person(sentence: str, name: str) -> str | None:
    """An English sentence about the persona as she says it herself, or None where it cannot be turned safely."""
    if _SHE.search(sentence) and _HE.search(sentence):
        return None  # of two people, she is one
    sentence = _NOTE.sub(".", sentence)
    names = _names(name, 1)
    named = rf"\b(?:(is|are|am|named|called)\s+)?(?:(?:Mr|Mrs|Ms|Miss|Dr)\.?\s+)?(?:{names})\b(?:\s+(?:{names})\b)*"
    sentence = re.sub(named, lambda m: m[0] if m[1] else "she", sentence, flags=re.I if name.istitle() else 0)
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
            low == "you" and (not previous or previous in _OPENERS or not previous[0].isalpha() or after in _OF_SUBJECT)
        ):
            out.append("I")
            subject = True
        elif low in ("you", "him") or (low == "her" and _ends_object(after)):
            out.append("me")
        elif low in ("her", "his", "your"):
            out.append("my" if _ends_object(after) is False else "mine")
        elif low in ("herself", "himself", "yourself"):
            out.append("myself")
        elif "I" in out and previous in ("and", "but") and low in _AFTER_AND:
            out.append(_AFTER_AND[low])
        elif "I" in out and previous in ("and", "but", ",") and low in _VERBS:
            out.append(_VERBS[low])
        elif subject and low.strip() and low[0].isalpha():
            out.append(word if low in _ADVERBS else _conjugated(word))
            subject = low in _ADVERBS
        else:
            out.append(word)
        previous = low if low.strip() else previous
    text = "".join(out).strip()
    if (
        not re.search(r"\b(?:I|my|me)\b", text)
        or re.search(r"\bI(?:,| am I\b| I\b| [A-Z][a-z])", text)
        or _UNSAYABLE.search(text)
        or _ORDERS.match(text)
    ):
        return None
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?…" else ".")


_NOTE = re.compile(r"\s+[—–-]{1,2}\s*(?:but )?(?:only|never|don['’]?t|do not|unless|if|secret|hidden)\b.*", re.I)
"""What a sentence ends with that says how to play it: "an old injury — only if asked"."""
_BEING_CALLED = re.compile(
    r"\b(?:calls?|calling|called|rings?|ringing|rang|phones?|phoning|contacts?|contacting)(?: up)? me\b|"
    r"โทร(?:มา)?(?:หา)?(?:ผม|ดิฉัน)|ติดต่อ(?:มาหา)?(?:ผม|ดิฉัน)",
    re.I,
)


def tells_of_being_called(line: str) -> bool:
    """Whether a sentence is about the call that she gets."""
    return bool(_BEING_CALLED.search(line))


_SHE, _HE = re.compile(r"\b(?:she|her|hers)\b", re.I), re.compile(r"\b(?:he|him|his)\b", re.I)
_A_CALL = re.compile(r"\b(?:call|ring|phone|contact)(?:s|ing|ed)?\b|โทร(?:มา|แจ้ง|หา|ไป)|ติดต่อ", re.I)


def tells_of_a_call(line: str) -> bool:
    """Whether a sentence is about somebody who calls."""
    return bool(_A_CALL.search(line))


_OF_OTHERS = re.compile(
    r"(?:The |My |A |An )?[A-Z][\w'’-]*(?: [\w'’-]+){0,4} (?:is|are|was|were|has|had|can|lives?|works?)\b"
)
_THAI_DIRECTS = re.compile(
    "ตอบ|พูด|แสดง|โมโห|โกรธ|ใจเย็น|หงุดหงิด|คำแนะนำ|สั้น|ถ้า|หาก|เมื่อถูก|ระวัง|ตกใจ|กรุณา|จงใจ|AI|ยอม|คะแนน|สมมติ|บริบท|คุณ"
)


def tells_of_others(sentence: str, name: str, base: str) -> bool:
    """Whether a sentence that is not about the persona tells what she knows, and directs nobody."""
    if (names := _names(name, 2)) and re.search(names, sentence):
        return False
    if base == "th":
        unsayable = _THAI_UNSAYABLE.search(sentence) or _THAI_DIRECTS.search(sentence)
        return bool(THAI_TEXT.search(sentence)) and not unsayable
    unsayable = _UNSAYABLE.search(sentence) or _ORDERS.match(sentence) or _OF_THE_CALL.search(sentence)
    return bool(_OF_OTHERS.match(sentence)) and not unsayable


def _is_of_a_thing(sentence: str) -> bool:
    """Whether an English sentence tells of a thing, or of others, as anybody would."""
    return bool(_OF_A_THING.match(sentence)) and not _UNSAYABLE.search(sentence) and not _OF_THE_CALL.search(sentence)


_OF_A_THING = re.compile(
    r"(?:The|It|There|This|That|Both|Neither|None|Nobody|No one|Nothing|One|Two|Three|Four|Five|Then|Now|So far)\b"
)
_OF_THE_CALL = re.compile(r"\b(?:calls?|goals?|exercise|level|user|answers?|format|language)\b", re.I)


def states_a_number(line: str) -> bool:
    """Whether a line is but "My order number is 2231", which is told when it is asked for."""
    return bool(re.match(r"My [\w' ]{2,40} (?:is|are) \S*\d", line))


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


_THAI_VERB = "[ ]|ไม่|จะ|ได้|ต้อง|มี|เป็น|อยาก|เคย|กำลัง|ถูก|โดน|ซื้อ|สั่ง|จ่าย|ใช้|แจ้ง|รู้|คิด|อยู่|โทร|เพิ่ง|ยัง|ก็|คือ|$"
_THAI_UNSAYABLE = re.compile(
    f"เธอ|เขา(?={_THAI_VERB})|ผู้ฝึก|ผู้เรียน|ผู้เข้าอบรม|บทบาท|จำลอง|ทดสอบ|ห้าม|ควร|ลูกค้า|พนักงาน|trainee|agent|อารมณ์|สวมบท|ตัวละคร|"
    "ประโยค|ตอบสั้น|เอไอ|หลุดจาก|น้ำเสียง|อย่าบอก|อย่าพูด|สนทนา|(?:เล่น|รับบท|แสดง|สมมติ)(?:บท)?เป็น|ให้คะแนน|หมายเหตุ"
)


_THAI_AGED = re.compile(r"(?:เป็น)?(?:ผู้)?(?:ชาย|หญิง)\s?(?:วัย|อายุ)\s?\d+\s?ปี")
"""What somebody is told to be, who says it of nobody."""


def in_first_person_thai(sentence: str, name: str, i: str) -> str | None:
    """A Thai sentence about the persona as she says it herself (Thai verbs do not change), or None. One that says "I",
    or tells her story, is hers, whoever else it names."""
    is_hers = sentence.startswith(HERS) or i in sentence
    if names := _names(re.sub("^(?:นางสาว|นาง|นาย|คุณ)(?=[\u0e01-\u0e4e])", "", name), 2):
        sentence = re.sub(rf"(?:คุณ|นางสาว|นาง|นาย)?\s?(?:{names})", i, sentence)
    sentence = re.sub(f"(?<!บริการ)(?<!รหัส)ลูกค้า(?!สัมพันธ์)|เธอ|(?<!พวก)เขา(?={_THAI_VERB})", i, sentence)
    sentence = re.sub("(?:คุณ)?(?:ลุง|ป้า)(?!ย|ข้าง|คน|ของ|ที่|ชื่อ)", i, sentence)
    sentence = _THAI_AGED.sub("", re.sub("คุณ(?!ภาพ|สมบัติ)", i, sentence))
    sentence = re.sub(f"{i}(?:\\s*(?:คือ|ชื่อ)?\\s*{i})*\\s*", i, sentence).strip(" .")
    told = sentence.replace("พนักงาน", "") if is_hers else sentence
    if f"ชื่อ{i}" in sentence:  # who is introduced is none of the story
        return None
    return None if _THAI_UNSAYABLE.search(told) or not (is_hers or i in sentence) else sentence.removeprefix(HERS)


def wanted(value: str, base: str, man: bool = False) -> str:
    """What she wants, as she says it; "" where that cannot be said."""
    if base == "th":
        lead = "" if value.startswith(("ต้องการ", "อยาก")) else f"{'ผม' if man else 'ดิฉัน'}ต้องการ"
        return "" if _THAI_UNSAYABLE.search(value) else spoken(f"{lead}{value}", base, man)
    wish = re.sub(r"^(?:(?:she|he|you) )?(?:wants? )?", "", value, flags=re.I)
    able = base == "en" and not _UNSAYABLE.search(wish) and not _ORDERS.match(wish)
    return spoken(f"I want {wish[:1].lower()}{wish[1:]}", base) if able else ""


def _names(name: str, shortest: int) -> str:
    """A pattern for a persona's name and its parts, the longest first."""
    name = name[:NAME_LIMIT]
    parts = {part for part in (name, *name.split()) if len(part) >= shortest}
    return "|".join(map(re.escape, sorted(sorted(parts), key=len, reverse=True)))


def spoken(value: str, base: str, man: bool = False) -> str:
    """A bare value as a sentence: with a full stop, or in Thai with the particle that ends one politely."""
    if base == "th":
        if value.endswith("น."):
            return f"{value} {'ครับ' if man else 'ค่ะ'}"
        gap = "" if THAI_TEXT.search(value.rstrip(". ")[-1:]) else " "
        return value if value.endswith(("ค่ะ", "คะ", "ครับ")) else f"{value.rstrip('. ')}{gap}{'ครับ' if man else 'ค่ะ'}"
    value = value[:1].upper() + value[1:] if " " in value and "@" not in value else value
    return value if value[-1:] in ".!?…" else f"{value}."


def told_in(told: Iterable[str], hear: Mapping[str, tuple[str, ...]], base: str, man: bool = False) -> str:
    """What sentences of the prose give for a fact that is asked for by these phrases: the part that names it with its
    figures ("my postcode is BS3 4QT"), without the rest of its sentence; "" where none does, or under a condition. Of
    Thai, where a sentence ends with its row, that is looked for in the part and the one before."""
    for sentence in told:
        thai = bool(THAI_TEXT.search(sentence))
        parts = [part.strip(" .") for part in (_THAI_PART if thai else _PART).split(sentence)]
        for before, part in pairwise(["", *parts]):
            if _THAI_SECRET.search(f"{before} {part}") if thai else SECRET.search(sentence):
                continue
            named = _NUMBER_IS.sub("number ", part)
            if re.search(r"\d|@", part) and (heard_any(hear, plain(part)) or heard_any(hear, plain(named))):
                return spoken(part[0].upper() + part[1:], base, man)
    return ""


_NUMBER_IS = re.compile(r"(?<=\w )(?:no\.? )?(?=(?:is|was) )")
"""Where a value is a number's, though the sentence calls it by what it is of: "my mobile is", "order no is"."""
_PART = re.compile(r"[,;]\s+|\s+(?:and|but)\s+")
_THAI_SECRET = re.compile("ห้าม|อย่า|เฉพาะ|ถ้า|หาก|ความลับ")
_THAI_PART = re.compile(rf"(?<=[{THAI}])\s+(?=[{THAI}])|\s+(?=แต่|และ|ซึ่ง|เพราะ|โดย)")
