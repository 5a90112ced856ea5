"""What a text is about, and which of the things that the prose tells answers a question: the words that they share.

English words meet cut to their first letters. Thai has no spaces between words: there, runs of letters meet, once those
that every question has are gone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from ..spec.persona import Topic
from ..spec.writing_system import THAI_TEXT
from .phrases import plain

STOP_WORDS = frozenset(
    "this that with from have what when where which would could should about your their there they them been being "
    "into will just more some than then were does please tell know want need like make customer agent help today asks "
    "asked much many long who how why the and for are you can did has was her his she problem happen happened wrong "
    "issue".split()
)
_PRESENT = {"paid": "pay", "bought": "buy", "told": "tell", "said": "say", "went": "go", "came": "come"}
_PRESENT |= {"broke": "break", "broken": "break", "lost": "lose", "sent": "send", "found": "find", "stayed": "stay"}
_PRESENT |= {"took": "take", "usually": "usual", "normal": "usual", "normally": "usual"}


_KINDS = {
    "#sum": re.compile(
        r"\bhow much (?:did|was|were|is|do|have|money)\b|เท่าไหร่|เท่าไร|กี่บาท|"
        r"[$€£฿₹]\s?\d|\b(?:Rs|USD|EUR|GBP|THB|INR)\.? ?\d|\d\s?(?:[€£฿]|บาท|(?:dollars|euros|pounds|baht|rupees)\b)",
        re.I,
    ),
    "#day": re.compile(
        r"\b(?:[Ww]hen|[Ww]hat day|[Ww]hat date|[Ww]hich day) (?:did|was|were|have|had)\b|เมื่อไหร่|เมื่อไร|วันไหน|"
        r"\b(?:\d{1,2}(?:st|nd|rd|th)?\s)?(?:Jan|Feb|March|April|May|June|July|Aug|Sept?|Oct|Nov|Dec)[a-z]*\.?\b(?=\s\d|[,.\s]|$)|"
        r"\b(?:last|since|yesterday|on) (?:week|month|night|\w+day)\b|\b[Yy]esterday\b|"
        r"\bon the \d{1,2}(?:st|nd|rd|th)\b|\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b|\d ?[ap]m\b|"
        r"วันที่ \d|ตี(?:หนึ่ง|สอง|สาม|สี่|ห้า|\d)|\d (?:โมง|ทุ่ม|น\.)|เมื่อวาน|เมื่อคืน|เมื่อเช้า|เมื่อเดือน|(?:สัปดาห์|เดือน)ที่แล้ว|"
        r"วัน(?:จันทร์|อังคาร|พุธ|พฤหัส|ศุกร์|เสาร์|อาทิตย์)|"
        r"\d ?(?:มกรา|กุมภา|มีนา|เมษา|พฤษภา|มิถุนา|กรกฎา|สิงหา|กันยา|ตุลา|พฤศจิกา|ธันวา)",
    ),
}
"""Kinds of answers, by the questions that ask for one and by what gives it: a sum of money, a day."""


@lru_cache(maxsize=4096)
def content_words(text: str) -> frozenset[str]:
    """The words of a text that say what it is about, cut to their first letters so that forms of a word meet; and what
    kind of answer it asks for or gives."""
    words = (_PRESENT.get(word, word) for word in plain(text).split() if word not in STOP_WORDS)
    kinds = (kind for kind, pattern in _KINDS.items() if pattern.search(text))
    return frozenset((*(word[:6] for word in words if len(word) > 2), *kinds))


_BOTH = {
    "#her": re.compile(
        r"\b(?:was|were) (?:that|it|this|those) (?:really )?(?:you|me)\b|"
        r"\bdid you (?:make|do|authori[sz]e|place|approve) (?:it|that|this|them)\b|"
        r"\b(?:it|that|this) (?:was|is)(?: not|n['’]t)? me\b|\bI (?:did not|didn['’]t|never) "
        r"(?:make|made|do|authori[sz]ed?|placed?|approved?)\b",
        re.I,
    ),
    "#where": re.compile(
        r"\bwhere (?:are|were|have) you\b|อยู่(?:ที่|ตรง)ไหน|(?:หมู่|ถนน|ซอย|ตำบล|อำเภอ) ?\S|"
        r"\bI (?:am|was|have been|stay|stayed|live|work) (?:[\w-]+ ){0,3}(?:at|in|on|with)\b",
        re.I,
    ),
}
"""What a question is known by that names nothing else, and its answer with it: whether it was she, where she was."""
_RUN = 4
"""Letters of a run of Thai: two such runs are a word."""
_THAI_COMMON = re.compile(
    "ใช่(?:ไหม|มั้ย|หรือเปล่า)?|(?:หรือ|รึ)(?:เปล่า|ยัง|ไม่)|เท่า(?:ไหร่|ไร)|เมื่อ(?:ไหร่|ไร)|อะไร|ยังไง|อย่างไร|ทำไม|ที่ไหน|ไหน|ไหม|มั้ย|"
    "ใคร|กี่|บ้าง|นะ|ค่ะ|คะ|ครับ|คุณ(?!ภาพ|แม่|พ่อ)|ลูกค้า|ท่าน|ดิฉัน|ฉัน|ผม|ลุง|ป้า|ขอ(?:ทราบ|บคุณ|โทษ|งคุณ)?|แจ้ง|รบกวน|หน่อย|ด้วย|"
    "ช่วย|บอก|ตอนนี้|ไว้|อยู่|แล้ว|เลย|ก่อน|ของ|เป็น|ที่|และ|กับ|ได้|ให้|จะ|มี|ไม่|ต้อง|ไป(?!รษ)|สวัสดี|เรื่อง|หรือ"
)
_GENERIC = frozenset(
    "offer offers offered give gives given say says said mention mentions tell tells told put puts try tries use uses "
    "caller callers trainee trainees operator rep representative advisor someone somebody something sounds starts "
    "begins begin start wants anything says respond response answer answers reply replies always then talks talk you "
    "him line lines quote example after when whenever unless upon while because also says speak speaks".split()
)
_GENERIC_THAI = re.compile(
    "ถ้า|หาก|เมื่อ|กรณีที่?|พนักงาน|เจ้าหน้าที่|ผู้เข้าอบรม|ผู้โทร|ลูกค้า|สิ่งที่ทำให้|(?:โมโห|โกรธ|ใจเย็น|อารมณ์)(?:ขึ้น|ลง)?|ถูก|เสนอ|พูด|ถาม|ขอ(?!ง)|"
    "บอก|ให้|ว่า|เธอ|คุณ|ตอบ|จะ|เรื่อง|ชัดเจน|และ|หรือ|กับ|[→:：=>-]"
)


@lru_cache(maxsize=4096)
def topic_words(text: str) -> frozenset[str]:
    """What a topic and a question about it share: their content words, and runs of Thai."""
    kinds = (kind for kind, pattern in _BOTH.items() if pattern.search(text))
    return frozenset((*(word for word in content_words(text) if word.isascii()), *kinds, *_runs(text)))


def _runs(text: str) -> Iterator[str]:
    for part in _THAI_COMMON.sub(" ", plain(text)).split():
        if THAI_TEXT.search(part) and len(part) > 2:
            yield f"{part} "
            yield from (part[at : at + _RUN] for at in range(max(1, len(part) - _RUN + 1)))


def shared(words: frozenset[str], topic: Topic) -> int:
    """How many words a topic shares with a question; runs of Thai count half, and none where what is asked for is a sum
    or a day and the topic tells none."""
    both = words & topic.words
    if any(kind in words and kind not in both for kind in _KINDS):
        return 0
    runs = sum(not word.isascii() for word in both)
    named = sum(word not in _KINDS for word in both) - runs + runs // 2
    return named and named + len(both & _KINDS.keys())


@lru_cache(maxsize=1024)
def event_words(condition: str) -> frozenset[str]:
    """The words of a condition without those that any condition has: "If they offer an afternoon" is about that."""
    if THAI_TEXT.search(condition):
        return frozenset(part for part in plain(_GENERIC_THAI.sub(" ", condition)).split() if len(part) > 2)
    said = " ".join(word for word in plain(condition).split() if word not in _GENERIC)
    return frozenset(word for word in content_words(said) if word[0] != "#")


def is_about(text: str, event: frozenset[str]) -> bool:
    """Whether a turn has all the words of an event, and not only as it greets."""
    said = _GREETS.sub("", plain(text))
    if any(not word.isascii() for word in event):
        whole = said.replace(" ", "")
        return all(word in whole for word in event)
    return event <= content_words(said)


_GREETS = re.compile(r"\bgood (?:morning|afternoon|evening|day)\b")
