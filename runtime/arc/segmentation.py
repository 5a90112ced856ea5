"""A trainee's turn cut into clauses, English and Thai."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from .phrases import TEXT_LIMIT, plain

CLAUSES = 40
"""Of one turn. What comes after is one more."""
_SUBJECT = (
    r"i|im|i'm|ill|i'll|ive|i've|id|i'd|we|we're|we'll|we've|you|you're|you'll|you've|it|it's|he|she|they|there|that|"
    r"that's|this|let|let's|please(?= \w)|can|could|may|would|will|do|did|does|have|has|is|are|was|were|what|how|"
    r"when|who|where|why|which|your|our|my|somebody|someone|nobody|nothing|the|since when"
)
_THAI_SUBJECT = (
    "แล้ว(?!แต่|กัน|เสร็จ)|เดี๋ยว(?!นี้)|งั้น|ส่วน|อันนี้|ตอนนี้|ดิฉัน|ผม|หนู|ทางเรา|เรา(?!เตอร์)|พี่|น้อง|คุณ(?:ไม่|จะ|ได้|ต้อง)|เขา|มัน|ระบบ|"
    "ขอ(?:โทษ|อภัย|บคุณ|บพระ|ชื่อ|ทราบ|เลข)|เงิน(?!สด)|ภายใน|เลข(?:เรื่อง|เคส|ที่|อ้าง)|หมายเลข|อย่า|ถ้า|รบกวน|ช่วย|สรุป|"
    r"(?:คุณ\S{0,12}|ท่าน|ลุง)?(?:สะดวก|พร้อม)?จด(?=\S{0,8}(?:ไหม|มั้ย|หรือยัง))|เพิ่ง|พวก|ยินดี|ไม่(?:ต้อง|ใช่|มีใคร|เล่า|ตอบ)|เป็น(?:ผม|ดิฉัน|พี่|หนู|ใคร)|แบบนี้|เรื่องนี้|เพราะ|จะได้|ต่อไป"
)
"""What a clause begins with after a space, which alone ends most Thai clauses."""
_THAI_UNSPACED = (
    "แล้ว(?!กัน|แต่)|เดี๋ยว|งั้น|ดิฉัน|ผม(?=[ก-๙]{2})|หนู(?=[ก-๙]{2})|ทางเรา|เรา(?=[ก-๙]{2})|ขอ(?!ง)|เงิน|ภายใน|เลข|รบกวน|ช่วย|สรุป|จะ|ส่วน|ตอนนี้|"
    "ถ้า|ไม่(?!ว่า)|มี|ยินดี|ต้อง|เข้าใจ|เสียใจ|ทาง|นี่|อันนี้|เรื่อง|คือ|แต่|(?:พรุ่งนี้|วันนี้)(?=[ก-๙]{4})|กำลัง|อยาก|แค่|เพราะ|โอน|คืน|ระบบ"
)
"""What one begins with right after a particle."""
_TAG_END = (
    r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|wo)(?:n[’']?t)?\s+"
    r"(?:i|you|it|he|she|they|we|that|there)\s*\?|"
    r"(?:do|would|don[’']?t|wouldn[’']?t|what do|what would)\s+you\s+"
    r"(?:think|say|reckon|suppose|know|believe|agree)\s*\?"
)
"""What may end a clause after a comma, and is none by itself."""
_UNKNOWN = r"\S{0,16}?(?:ไม่(?:ทราบ|รู้|แน่ใจ)|(?:ตอบ|บอก)ไม่ได้)"
_ENGLISH_BREAKS = (
    rf"(?:,|\s[-–—])\s+(?!{_TAG_END})(?=(?:(?:and|so|then|or|only|except(?:\s+that)?)\s+)?(?:{_SUBJECT})\b)|"
    r",?\s+(?=(?:but|however|although|though)\b|(?:so\s+|(?<=else\s))(?:i|we)(?:['’](?:ll|m|re)|\s+(?:will|am|are))\b)|"
    rf",?\s+(?=(?:and|or|then)\s+(?:(?:then|roughly|about|also|maybe|perhaps|exactly)\s+)?(?:{_SUBJECT}|tell|give|take|have|go|look|call|ring|ask|say|see)\b)"
)
_THAI_BREAKS = (
    r"(?:(?<=ค่ะ)|(?<=คะ)|(?<=ครับ)|(?<!ลค่า)(?<=ค่า)(?!\s+\d)|(?<!เจ้า)(?<=จ้า)|(?<=จ้ะ)|(?<=จ๊ะ)|(?<!หน้า)(?<=น้า)|(?<=เนอะ)|"
    r"(?<![ชา]นะ)(?<=นะ)|(?<=เน้อ)|(?<=เด้อ)|(?<=เนาะ)|(?<!พระเจ้า)(?<!ข้าเจ้า)(?<!ทุกเจ้า)(?<!ายเจ้า)(?<=เจ้า))\s+(?!ว่า(?!ง))|"
    r"(?:(?<=ไหม)|(?<=มั้ย)|(?<=เปล่า)|(?<=รือยัง)|(?<=รึยัง)|(?<=เหรอ)|(?<=บ้าง)|(?<=ล่ะ)|(?<=(?:ไหม|ยัง|ล่ะ|เลย)(?:ลูก|พี่|หนู|ป้า|ลุง)))"
    rf"\s+(?![คจ]ะ|[คจ]่ะ|[คจ][๊้]ะ|ครับ|ฮะ|นะ|ว่า|หรือ|ๆ|{_UNKNOWN})|"
    rf"(?:(?<=[ก-๙]{{8}})|(?<=\d))(?<!ว่า|คือ|ที่|และ|กับ|ถ้า)(?<!หรือ)(?<!เพราะ)\s+(?=(?:{_THAI_SUBJECT})[ก-๙ ]{{4}})"
    rf"(?!{_UNKNOWN})|(?<!ตั้ง)(?<!แม้)(?<!เอา)\s*(?=แต่(?!ละ|ง|แรก|ก่อน|นี้))"
)
_BREAK = re.compile(
    rf"(?=[\s,แ])(?:(?<=[.!?;:…])\s+|\s*\n\s*|{_ENGLISH_BREAKS}|{_THAI_BREAKS})|"  # where any of them can begin
    rf"(?:(?<=ค่ะ)|(?<=ครับ)|(?<=[ก-๙]คะ))(?=(?:{_THAI_UNSPACED}))",
    re.IGNORECASE,
)
_MONTH = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_UNBROKEN = [
    (re.compile(before, re.IGNORECASE), re.compile(after))
    for before, after in (
        (
            rf"\b(?:nos?|nr|ref|ext|tel|approx|{_MONTH}|sept|mon|tues?|wed|thu(?:rs)?|fri|sat|sun)\.$|:$",
            r"[#$€£฿]?[\w-]*\d",
        ),
        (r"\b(?:mr|mrs|ms|dr|prof)\.$", r"\w"),
        (r"\b[ap]\.m\.$", r"[a-z\d]"),
        (r"\b\d{1,2}\.$", rf"(?i:{_MONTH})"),
        (r"(?:day|\b(?:mon|tues?|wed|thu(?:rs)?|fri|sat|sun))$", r"the (?:\d|\w+(?:first|second|third|th)\b)"),
        (r"(?:^|[\s.\d])[ก-ฮ]{1,2}\.$", r"\S"),
        (r"(?:เลข|รหัส)[ก-๙]{0,12}(?:ครับ|ค่ะ|คะ)$", r"(?:[A-Z]{1,3} )?[\w-]*\d|ศูนย์|หนึ่ง|สอง|สาม|สี่|ห้า|หก|เจ็ด|แปด|เก้า"),
        (r"ขอบ(?:คุณ|พระคุณ)[ก-๙]{0,14}(?:ค่ะ|คะ|ครับ)$", r"สวัสดี(?:ค่ะ|ครับ|นะคะ|นะครับ)\W*$"),
    )
]
"""What stands before and after a place where a date, an amount or a name goes on: no clause ends there."""
_SENTENCE_END = re.compile(r"[.!?…]\W*$|(?:ค่ะ|คะ|ครับ|ค่า|จ้า|เจ้า|จ้ะ|จ๊ะ|ไหม|มั้ย|หรือเปล่า|รึเปล่า|หรือยัง|รึยัง|เหรอ)\W*$")

_TOLD_LATER = re.compile(
    r"(?<=จะ)(\S{0,12}(?:แจ้ง|บอก|โทร|เห็น|ทราบ|รู้)(?:(?!ไหม|มั้ย|ไง|อย่างไร)[^?]){0,60}(?:ค่ะ|ครับ|คะ)) ?ว่า"
    r"(?=.*(?:ไหม|มั้ย|หรือ|เท่าไ|กี่|อะไร|ใคร|ไหน|เมื่อไ)).*"
)
"""What somebody will be told behind a particle, which is neither asked nor promised: "จะแจ้งภายในศุกร์นี้ค่ะว่าได้เงินไหม"."""


def parts(text: str) -> Iterator[tuple[str, str, int]]:
    """The text of each clause, what phrases are looked for in, and the number of its sentence; what they say is not
    looked at."""
    sentence = start = 0
    text = text[:TEXT_LIMIT]
    places = (match.span() for match in _BREAK.finditer(text))
    breaks = list(islice((place for place in places if not _is_unbroken(text, *place)), CLAUSES - 1))
    for end, following in [*breaks, (len(text), len(text))]:
        part = _TOLD_LATER.sub(r"\1", text[start:end].strip())
        said = plain(part)
        if said.strip(",? "):
            yield part, said, sentence
        # A particle ends no sentence where what follows takes it back.
        sentence += bool(_SENTENCE_END.search(part)) and not text.startswith("แต่", following)
        start = following


def _is_unbroken(text: str, end: int, following: int) -> bool:
    before = text[max(0, end - 24) : end]
    return any(first.search(before) and then.match(text, following) for first, then in _UNBROKEN)
