"""A trainee's turn in clauses, each judged by itself: what is asked, denied or only supposed is not done."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice

from .phrases import NEGATORS, TEXT_LIMIT, negates, pattern, plain

CLAUSES = 40
"""Of one turn. What comes after is one more."""

_SUBJECT = (
    r"i|im|i'm|ill|i'll|ive|i've|id|i'd|we|we're|we'll|we've|you|you're|you'll|you've|it|it's|he|she|they|there|that|"
    r"that's|this|let|let's|please|can|could|may|would|will|do|did|does|have|has|is|are|was|were|what|how|"
    r"when|who|where|why|which|your|our|my|somebody|someone|nobody|nothing|the|since when"
)
_BREAK = re.compile(
    r"(?<=[.!?;:…])\s+|\s*\n\s*|"  # sentences
    rf"(?:,|\s[-–—])\s+(?=(?:(?:and|so|then|or)\s+)?(?:{_SUBJECT})\b)|,?\s+(?=(?:but|however|although|though)\b)|"
    rf",?\s+(?=(?:and|or|then)\s+(?:then\s+)?(?:{_SUBJECT}|tell|give|take|have|go|look|call|ring|ask|say|see)\b)|"
    r"(?<=ค่ะ)\s+|(?<=คะ)\s+|(?<=ครับ)\s+|(?<!ตั้ง)(?<!แม้)\s*(?=แต่(?!ละ|ง|แรก|ก่อน|นี้))",
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
    )
]
"""What stands before and after a place where a date, an amount or a name goes on: no clause ends there."""
_SENTENCE_END = re.compile(r"[.!?…]\W*$|(?:ค่ะ|คะ|ครับ)\W*$")
_FILLER = re.compile(
    r"^(?:(?:and|so|but|or|well(?= ,)|okay|ok|alright|all right|right|yes|no|now|then|oh|hello|hi|sorry|thanks|"
    r"thank you|sure|great|please|maam|madam|sir|just to check|first|also)\b[\s,]*)+"
)
_VERB = (
    "do|does|did|is|are|was|were|have|has|had|can|could|will|would|shall|should|may|might|dont|didnt|isnt|wasnt|arent"
)
_WHO = (
    "i|you|we|it|that|this|there|he|she|they|the|your|our|my|anybody|anyone|somebody|someone|everything|anything|all|a|"
    "one of"
)
_OPENS = re.compile(
    rf"(?:{_VERB}) (?:{_WHO})\b|(?:is|was|are) (?:\w+ ){{0,2}}\?|(?:what|whats|which|who|whom|whose|where|why)\b"
)
_OPENS_MAYBE = re.compile(rf"(?:when|how|how \w+) (?:{_VERB})\b|(?:how|when) (?:many|much|long|often|about|come)\b")
_STATES = re.compile(
    r"(?:what|which|who|whats) (?:happened|matters|i|we|you)\b(?!.*\?)|why (?:i|we|you|this|it)\b|so that\b"
)
_TAG = re.compile(
    r"[\s,]*\b(?:okay|ok|right|alright|all right|yes|yeah|isnt it|arent you|dont you|wont it|is that "
    r"(?:okay|ok|alright|all right|fine|good)(?: with you| for you)?|"
    r"does that (?:help|work|suit)(?: you| for you)?)[\s,]*\?$"
)
_THAI_ASKS = re.compile(
    r"(?:ไหม|มั้ย|หรือเปล่า|รึเปล่า|หรือไม่|หรือยัง|รึยัง|เหรอ|เมื่อไหร่|เมื่อไร|เท่าไหร่|เท่าไร|เท่าใด|ยังไง|อย่างไร|ทำไม|อะไร|ใคร|ไหน|กี่\S{0,8})"
    r"(?:ขึ้น|บ้าง|ดี|ก็ได้|เอ่ย|ล่ะ|อ่ะ|อะ|นะ|คะ|ค่ะ|จ๊ะ|ครับ|คับ|ฮะ|หรือ|เหรอ|[\s,])*[?\s]*$|(?<!นะ)(?<!สิ)คะ[\s,?]*$|^(?:ทำไม|เมื่อไหร่|ใคร(?!.*ก็))|"
    r"(?:ต้องการ|อยาก).*หรือ(?:ว่า)?(?:ต้องการ|อยาก|จะ|ให้)"
)
_THAI_STATES = pattern(
    r"(?:^|[ ,])(?:ดิฉัน|ผม|เรา)?(?:ก็)?(?:พอ)?(?:เข้าใจ|รู้|ทราบ|นึก|เห็น|สัมผัส)(?:(?!ไหม|มั้ย)\S){0,16} ?ว่า.*(?:แค่|ขนาด|ยัง|อย่าง)"
)
"""Knowing how bad it is, which is no question how bad it is."""
_THAI_DENIES = pattern(r"ไม่(?!ทราบ)\S{0,50}? ?(?:ใคร|อะไร|ไหน)(?:ทั้งนั้น|ทั้งสิ้น|เลย|อีก|หรอก|นะคะ|ค่ะ|ครับ|[\s,])*$")
"""Nobody and nothing, which are who and what with a negator before them."""
_HEDGED = pattern(
    r"\b(?:cant|cannot|wont|not|never|dont|couldnt|nobodys?|nobody is|no ones?) (?:\w+ ){0,2}(?:promis|guarante|swear|"
    r"say|tell|know|think|believ|suggest|claim|accus|imply|sure|certain|entitled)(?:e|s|es|ed|ing|eing)?\b|"
    r"\b(?:in general|generally|as a rule|no idea|might be able)\b|โดยทั่วไป|"
    r"\b(?:when|until|till) (?:hell|pigs)\b|"
    r"\bin (?:your dreams|(?:a|another) (?:hundred|thousand|million|lifetime|life))\b|"
    r"\b(?:over my dead body|dream on|keep dreaming|good luck (?:with|getting|finding)|yeah right|of never|some ?day|"
    r"one of these days|(?:i|we) might|if (?:i|we) (?:feel|felt) like)\b|"
    "ชาติ(?:นี้|หน้า|ไหน)|ฝันไป|เมื่อ(?:ไหร่|ไร)(?:ก็)?ไม่(?:รู้|ทราบ|แน่)|"
    r"\btry(?:ing)? to (?:refund|credit|return|reverse|get (?:you|your|it|that|the))\b|"
    r"\bno need to (?:ring|call|phone|hold|wait|transfer|speak|talk|contact|pass)\b|"
    "(?:รับปาก|รับประกัน|การันตี|สัญญา)\\S{0,8}ไม่ได้|ไม่แน่ใจ|ไม่กล้ารับปาก|ไม่อยาก(?:สัญญา|รับปาก|พูด|ให้ความหวัง)"
)
_SUPPOSED = pattern(
    r"\bif (?:only )?(?:i|we) (?:could(?! (?:just )?(?:have|get|ask|take))|had|were)\b|\bif it (?:was|were)\b|"
    r"\bif (?!you\b|there\b)(?:\w+ ){1,4}(?:were|had \w+ed)\b|"
    r"\bif (?:only )?you(?:d|hadnt| had| hadnt)(?: only| just| even| actually| ever)? "
    r"(?:read|told|been|kept|paid|\w{2,}ed)\b|"
    r"\bwish (?:i|we|it|that)\b|"
    r"\b(?:if|in case) (?:we|the line|the call|you) (?:\w+ )?(?:get|gets|cut|disconnected|drop|drops|lose|loses)\b|"
    r"\b(?:but )?only if you\b|\bif you sign\b|\bon (?:the )?condition that\b|"
    r"(?<!\bsee )(?<!\bcheck )(?<!\bask )(?<!\bknow )(?<!\bout )(?<!\beven )"
    r"\bif (?:it|that|this|there|we|they|"
    r"the (?:second |extra )?(?:payment|charge|money|bank|system|error|mistake|fault|claim|request))"
    r"(?: \w+){0,2} (?:turns?|proves?|is|was|were|are|did|does|has|have|can|finds?|shows?|charged|"
    r"billed|took|approves?|allows?|agrees?)\b"
    r"(?! (?:\w+ )?(?:ok|okay|alright|all right|fine|easier|better|possible|helps?)\b)|"
    "(?:ถ้า|หาก)(?:เป็นไปได้|ทำได้|เลือกได้|ดิฉันทำได้|ผมทำได้|เรา(?:ทำ|เลือก)ได้)|"
    "(?:ถ้า|หาก)(?:ตรวจ|พบ|ปรากฏ|เช็ก(?:แล้ว)?(?:พบ|เจอ)|(?:เรา|ระบบ)?(?:เก็บ|ตัด)(?:เงิน)?(?:ซ้ำ|เกิน)|(?:ธนาคาร|หัวหน้า|ผู้จัดการ)\\S{0,8}(?:อนุมัติ|ตกลง)|"
    "\\S{0,25}จริง(?! ?ๆ))|"
    "(?:ถ้า|หาก|เวลา)(?:คุณ|ลูกค้า|จะ)?(?:โทร|ติดต่อ)กลับ|"
    "ก็ต่อเมื่อคุณ|(?:ถ้า|หาก|เผื่อ)สาย(?:หลุด|ตัด|ขาด)|(?:ถ้า|หาก)(?:คุณ|ลูกค้า)?(?:ยอม)?(?:เซ็น|ต่อสัญญา)"
)
"""What would be done if things were other than they are, or is done only if the persona does something first."""
_IF_LIKED = pattern(r"(?:(?:and|so|or|well) )?if you(?:d| would)? (?:like|want|wish|prefer)(?: (?:that|it|so|to))?")
_WISHED = pattern(
    r"\b(?:id|wed|i would|we would|want|wanted|meant|hoped)(?: \w+)?"
    r"(?: (?:love|like|happy|glad|prefer))? (?:to|have)\b|"
    "อยาก(?!ทราบ|รู้|ได้)"
)
_IMPOSSIBLE = pattern(
    r"but(?: (?:unfortunately|sadly|i|we|im|its|that|thats|is|just|really|simply|am))*"
    r" (?:cant|cannot|couldnt|not able|unable|impossible|not possible)(?: do (?:it|that|this))?[ ,]*$|"
    r"but(?: \w+){0,4} (?:wont|doesnt|dont|not|didnt|cant) (?:let|allow|allowed|permit|permitted)\b|"
    r"but (?:first )?(?:let me|i (?:have|need|want|must)(?: to)?|id (?:have|need|want|like) to) (?:first )?"
    r"(?:look|check|see|ask|find)\b|"
    "แต่(?:ต้อง)?ขอ(?:ดู|ตรวจ|เช็ก|ถาม)\\S{0,12}ก่อน|"
    "แต่(?:ก็|คง|ระบบ|เรา|ดิฉัน|ผม|ทาง|บริษัท|ตอนนี้)*(?:ทำ|ช่วย)?(?:ให้)?ไม่ได้(?:จริง|หรอก|เลย|ค่ะ|ครับ|นะ|[ ,ๆ]|$)|"
    "แต่\\S{0,20}ไม่(?:อนุญาต|ยอม|ให้ทำ)"
)
"""What takes back the promise before it."""
_UNDONE = pattern(
    r"\b(?:i|we|weve|ive|they) (?:still )?(?:havent|have not|didnt|did not|cant|cannot|couldnt)\b|"
    r"\b(?:isnt|arent|hasnt|is not|not) (?:\w+ ){0,2}yet\b|"
    r"\b(?:isnt|arent|hasnt|havent) (?:been )?(?!need|requir)\w+ed\b|\b(?:im|were|i am|we are) not able\b|"
    "ยังไม่(?:ได้|มี(?!ใคร|เงิน|รายการ|อะไร)|เสร็จ)|ไม่ได้(?:จริง ?ๆ ?|หรอก|เลย)*(?:ค่ะ|คะ|ครับ|นะคะ|นะครับ|[ ,]|$)|^ไม่สามารถ"
)


_OTHERS = (
    r"(?:they|he|she|who|anyone|anybody|someone|somebody|people|(?:my|the|our|your|that|another) (?:\w+ )?"
    r"(?:colleagues?|agents?|advisors?|person|bank|man|woman|lady|guy))"
)
_DID = "told|said|promised|put|kept|transferred|passed|sent|gave|given|asked|offered|hung|refused|blamed"
_BACK = r"\b(?:read|repeat) (?:that|it|this|them|those) back\b"
"""Says that what stands beside it is only read back."""
_REPORTS = pattern(
    rf"\b(?:did|has|have|had) {_OTHERS}\b|"
    rf"\b{_OTHERS} (?:(?:on|in|at|from|before) (?:\w+ ){{1,2}})?"
    rf"(?:(?:was it )?that |have |has |had |just |simply |only |then |even |actually )*(?:{_DID})\b|"
    r"\byou (?:spoke|talked) (?:to|with)\b|"
    rf"\byou(?:ve been| were| got| have been| had been) (?:\w+ )?(?:{_DID})\b|"
    r"^(?:(?:so|and|okay|ok|right|yes|well|as|now)[ ,]+)*(?:what )?"
    r"you(?:re| are| were|ve| have)? (?:asked|asking|mentioned|say|saying|said|told (?:me|us)|wanted to know)\b|"
    rf"{_BACK}|"
    "(?:ใคร|เขา|คนก่อน|พนักงานคน\\S{0,8})(?:เป็นคน|ก็|เลย|ได้|เคย)?(?:บอก|ให้คุณ|ให้ถือ|ให้รอ|โอน|สัญญา|พูด|รับปาก|วางสาย|ปฏิเสธ)|"
    "(?:มีใคร|มีคน|ใคร)(?:เคย|ได้|เพิ่ง)?(?:โทร|ทัก|ขอ(?!ง|โทษ|อภัย)|ถาม|ส่ง|หลอก|แอบอ้าง|อ้าง).*(?:ไหม|มั้ย|เปล่า|หรือยัง|บ้าง)|"
    "(?:ดิฉัน|ผม|หนู)(?:จะ|ยัง|ก็)?(?:ถือสาย|รออยู่|รอคุณ|รอได้)|"
    "(?:เคยมี|มี)คน(?:เคย)?(?:บอก|สัญญา|รับปาก)|(?<!จะ)(?:โดน|ถูก)(?:โอน|วางสาย|ตัดสาย|ปฏิเสธ|ให้ถือ|ให้รอ)|"
    "(?:คราว|ครั้ง|คน|รอบ|หน|สาย)(?:ก่อน(?!ที่|จะ|ออก)|ที่แล้ว)|^(?:ที่)?(?:คุณ|ลูกค้า)(?:\\S{0,8} )?(?:ถาม|บอก|แจ้ง|เล่า|พูด)(?:มา)?ว่า"
)
"""What others said or did to the persona before, or what she said herself."""
_READ_BACK = re.compile(r"(?:is that|have i got (?:that|it)|did i get (?:that|it)) (?:right|correct)[ ,?]*$")
"""What makes of the clauses before it in its sentence something that the trainee has only read or heard."""
_READS_BACK = re.compile(rf"{_BACK}|ขอ(?:อนุญาต)?ทวน")
"""The same of the clause after it."""
_PAST = pattern(
    r"\b(?:ago|yesterday|last (?:week|month|time|year|night|\w+day))\b|"
    r"\b(?:was|were|went|came|called|rang|paid|ordered|signed) (?:\w+ ){0,3}(?:on|in|before|until|at|since)\b|"
    r"\bon (?:mon|tues|wednes|thurs|fri|satur|sun)days\b|"
    r"\b(?:each|every|always) (?:\w+ ){0,3}(?:on|by|before)\b|"
    "(?<!จะ)(?:ตัด|เก็บ|ชำระ|จ่าย|หัก|โทรมา|ซื้อ)(?:เงิน|บิล)?(?:ไป|มา)?(?:ตอน|ตั้งแต่)?วัน|(?:บิล|ใบแจ้งหนี้|รายการ|ยอด)\\S{0,6}(?:ออก|ของ)?วันที่|"
    "(?:รอบ|เดือน|อาทิตย์|สัปดาห์|ปี)(?:ก่อน(?!ที่|จะ|ออก)|ที่แล้ว)|เมื่อ(?:วาน|กี้|เช้า|วัน|เดือน|อาทิตย์|ปี|คืน)|"
    "(?:ตัด|ออก|ชำระ|จ่าย|คืน|เริ่ม)(?:รอบ|บิล|เงิน)?(?:กัน)?ทุก(?:วัน|เดือน)|ทุกวันที่|"
    "ทั้งคู่ ?(?:เมื่อ|ลง)?วันที่|(?:ใบแรก|ใบที่สอง|งวดแรก)ออก"
)
"""What happened on a day that is past, or happens each month: no promise."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of a turn that says one thing. `text` is the trainee's own, to the letter, `said` what phrases are looked
    for in; `sentence` is its sentence's number; `hedged` that it promises nothing for certain; `undone` that what it
    speaks of was not done, or cannot be; `offers` that it asks whether the persona would like something; `reports` that
    it tells or asks what others did before; `past` that it speaks of a day that is past, or of each month's."""

    text: str
    said: str
    sentence: int
    asks: bool
    negated: bool
    hedged: bool
    undone: bool
    offers: bool
    reports: bool
    past: bool


@lru_cache(maxsize=1024)
def clauses(text: str) -> tuple[Clause, ...]:
    """The clauses of a turn, in their order; without those that hold no word."""
    found: list[Clause] = []
    sentence = start = 0
    text = text[:TEXT_LIMIT]
    places = (match.span() for match in _BREAK.finditer(text))
    breaks = list(islice((place for place in places if not _is_unbroken(text, *place)), CLAUSES - 1))
    for end, following in [*breaks, (len(text), len(text))]:
        part = text[start:end].strip()
        said = plain(part)
        if said.strip(",? "):
            found.append(_clause(part, said, sentence))
        # A particle ends no sentence where what follows takes it back.
        sentence += bool(_SENTENCE_END.search(part)) and not text.startswith("แต่", following)
        start = following
    return tuple(_taken_back(found))


def _is_unbroken(text: str, end: int, following: int) -> bool:
    before = text[max(0, end - 16) : end]
    return any(first.search(before) and then.match(text, following) for first, then in _UNBROKEN)


def _taken_back(found: list[Clause]) -> Iterator[Clause]:
    """The clauses; hedged is also what hangs on a condition before it in its sentence, or is taken back there."""
    for place, clause in enumerate(found):
        before = [one for one in found[:place] if one.sentence == clause.sentence]
        after = [one for one in found[place + 1 :] if one.sentence == clause.sentence]
        turn = clause.said.startswith(("but ", "แต่"))
        hangs = not turn and any(_SUPPOSED.search(one.said) for one in before)
        dropped = any(_IMPOSSIBLE.match(one.said) for one in after)
        wished = _WISHED.search(clause.said) and any(
            one.negated and one.said.startswith(("but ", "แต่")) for one in after
        )
        offered = any(_IF_LIKED.fullmatch(one.said.strip(", ")) for one in before[-1:])
        read_back = any(_READ_BACK.match(one.said) for one in after) or any(
            _READS_BACK.search(one.said) for one in found[max(0, place - 1) : place]
        )
        yield replace(
            clause,
            hedged=bool(clause.hedged or hangs or dropped or wished),
            offers=clause.offers or offered,
            reports=clause.reports or read_back,
        )


def _clause(text: str, said: str, sentence: int) -> Clause:
    bare = _FILLER.sub("", said.strip(", "))
    return Clause(
        text=text,
        said=said,
        sentence=sentence,
        asks=_asks(bare, said),
        negated=is_negated(said),
        hedged=is_hedged(said),
        undone=is_undone(said),
        offers=bool(
            re.match(
                r"would you\b|do you (?:want|wish)\b|if you(?:d| would)? (?:want|like|wish|prefer)\b|"
                "(?:จะ|อยาก|ต้องการ)ให้.*(?:หรือ|ไหม|มั้ย)",
                bare,
            )
        ),
        reports=bool(_REPORTS.search(said)),
        past=bool(_PAST.search(said)),
    )


def asks(text: str) -> bool:
    """Whether an example is a question."""
    return any(clause.asks for clause in clauses(text))


def _asks(bare: str, said: str) -> bool:
    if _THAI_ASKS.search(said):
        return not (_THAI_DENIES.search(said) or _THAI_STATES.match(said))
    if _STATES.match(bare):
        return False
    if _OPENS.match(bare) or _OPENS_MAYBE.match(bare):
        return True
    tagless = _TAG.sub("", said)
    return tagless.rstrip(" ,").endswith("?")


def is_negated(said: str) -> bool:
    """Whether a text that went through `plain` holds a negator, wherever it stands."""
    words = said.replace(",", " ").split()
    return negates(words, said)


def is_hedged(said: str) -> bool:
    """Whether a text that went through `plain` promises nothing for certain: "I can't guarantee"."""
    return bool(_HEDGED.search(said) or _SUPPOSED.search(said))


def is_undone(said: str) -> bool:
    """Whether a text that went through `plain` says that something was not done, or cannot be: "we haven't … yet"."""
    return bool(_UNDONE.search(said))


_AUXILIARY = "is|are|was|were|will|would|can|could|has|have|be|been|unfortunately|sadly|to|for|you|it|that|today|here"
_DENIED_AFTER = pattern(
    rf"(?: (?:{_AUXILIARY})){{0,3}} (?:{'|'.join(NEGATORS - {'no', 'without', 'unable'})})\b|"
    r"(?: \w+){0,6} never[ ,?]*$|"
    r"(?: \w+){0,3} (?:refused|declined|rejected|denied|impossible|out of the question)\b|"
    r"[^ ,]{0,24}? ?ไม่(?:ได้|ไหว|ทัน|สำเร็จ)(?=ค่ะ|คะ|ครับ|นะ|จริง|แล้ว|หรอก|เลย|อยู่|[ ,?]|$)"
)


def is_denied_after(said: str, end: int) -> bool:
    """Whether what stands before this place is denied by what follows: "a refund is not possible", คืนเงินให้คุณไม่ได้."""
    return bool(_DENIED_AFTER.match(said[end : end + 80]))


_NAME = pattern(
    r"\b(?:refunds?|billing|returns?|payments?|cancellations?|complaints?) "
    r"(?:team|department|desk|office|people|policy|policies|rules?|form)\b|"
    "(?:แผนก|ฝ่าย|ทีม|ขั้นตอน|นโยบาย|เงื่อนไข|แบบฟอร์ม|ปุ่ม|คำขอ)(?:การ|ขอ)?(?:คืนเงิน|เงินคืน|ชดเชย)"
)


def is_name(said: str, start: int, end: int) -> bool:
    """Whether what stands between these places is but a team's or a rule's name: "the refund team will", แผนกคืนเงิน."""
    return any(name.start() < end and start < name.end() for name in _NAME.finditer(said))
