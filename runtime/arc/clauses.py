"""A trainee's turn in clauses, each judged by itself: what is asked, denied or only supposed is not done."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from .patterns import Alternatives
from .phrases import NEGATORS, Match, negates, plain
from .promises import (
    IF_LIKED,
    IMPOSSIBLE,
    NEVER,
    OWNED,
    PAST,
    REFUSES,
    REGRETS,
    SUPPOSED,
    UNSAYS,
    WISHED,
    is_hedged,
    is_undone,
)
from .questions import (
    is_choice,
    is_condition,
    is_on_condition,
    is_only_taken_up,
    is_question,
    names_more,
    offers,
    requests,
    supposes,
    wants,
)
from .segmentation import parts

_OTHERS = (
    r"(?:they|he|she|(?<!the one )(?<!the ones )who(?:ever)?|anyone|anybody|someone|somebody|people|"
    r"(?:an?|my|the|our|your|that|another) (?:\w+ )?"
    r"(?:colleagues?|agents?|advisors?|operators?|rep|person|bank|man|woman|lady|guy|fellow|fella|chap|lad|girl))"
)
_DID = (
    "told|said|promised|put|kept|transferred|passed|sent|gave|given|asked|offered|hung|refused|blamed|"
    "left (?:waiting|on)|cut off|called|wrote|claimed"
)
_BACK = r"\b(?:read|repeat) (?:that|it|this|them|those) back\b"
"""Says that what stands beside it is only read back."""
_REPORTS = Alternatives(
    rf"\b(?:did|has|have|had) {_OTHERS}\b|\b{_OTHERS} (?:(?:on|in|at|from|before) (?:\w+ ){{1,2}})?"
    rf"(?:(?:was it )?that |have |has |had |just |simply |only |then |even |actually )*(?:{_DID})\b|"
    r"\byou (?:spoke|talked) (?:to|with)\b|"
    r"\b(?:i|we) (?:(?:did|do|had|have|just|only|know) )*(?:said|say|told you|thought|promised|mentioned)(?: \w+){0,3} "
    r"(?:id|wed|(?:i|we) (?:would|could|might|was going to|were going to))\b|"
    "^(?:ที่|เมื่อกี้|เมื่อครู่|ตอนแรก|ก่อนหน้านี้|เมื่อตะกี้| )+(?:ดิฉัน|ผม|หนู|เรา|พี่)?(?:บอก|พูด|แจ้ง|รับปาก|นึก|ว่า)\\S{0,24}จะ|"
    rf"\b(?:you(?:ve been| were| got| have been| had been)|(?:were|have|had) you(?: ever)?(?: been)?) (?:\w+ )?"
    rf"(?:{_DID})\b|"
    r"^(?:(?:well|and|but)[ ,]+)*(?:ive|i have) (?:(?!you)\w+ ){1,8}(?:years|since (?:19|20)\d\d)\b(?!.*\byou)|"
    "^(?:ดิฉัน|ผม|หนู)ทำงาน\\S{0,16}ปี|^(?:เพื่อน|แม่|พ่อ|พี่สาว|พี่ชาย|หัวหน้า)(?:ดิฉัน|ผม|หนู|เรา)\\S{0,30}ปี|"
    r"^(?:(?:so|and|okay|ok|right|yes|well|as|now)[ ,]+)*(?:what )?"
    r"you(?:re| are| were|ve| have)? (?:asked|asking|mentioned|say|saying|said|told (?:me|us)|wanted to know)\b|"
    r"\byou(?:d| would|re)?(?: just| only| all)? (?:want|wanted|like|love|expect|hope|hoping|waiting)"
    r"(?:ed)? (?:(?:me|us|for me) )?to (?:say|tell|promise|hear|be told)\b|"
    r"\bi know (?:that )?you (?:expect|want|hope)\b|"
    r"^(?:he|she|they) (?:also |then |only |even )?(?:got|received|was given|were given)\b|"
    r"^(?:and )?(?:his|her|their) (?:case|reference|ticket|claim) (?:number )?(?:is|was)\b|"
    rf"{_BACK}|^(?:แล้ว|และ)?เขา(?:ก็|เลย|จะ)?(?:ได้|รับ)|ของเขา(?:คือ|เป็น)|"
    "(?:ใคร|เขา|คนก่อน|พนักงานคน\\S{0,8})(?:เป็นคน|ก็|เลย|ได้|เคย)?(?:บอก|ให้คุณ|ให้ถือ|ให้รอ|โอน|สัญญา|พูด|รับปาก|วางสาย|ปฏิเสธ)|"
    "(?:(?<!ไม่)(?:มีใคร|มีคน)|(?<!มี)ใคร)(?:เคย|ได้|เพิ่ง)?(?:โทร|ทัก|ขอ(?!ง|โทษ|อภัย)|ถาม|ส่ง|หลอก|แอบอ้าง|อ้าง).*(?:ไหม|มั้ย|เปล่า|หรือยัง|บ้าง)|"
    "(?<!จะ)มี(?:คน|พนักงาน|เจ้าหน้าที่)(?:เคย|เขา)?(?:บอก|แจ้งว่า|พูด|อ้าง|สัญญา|รับปาก|ปฏิเสธ)|"
    "(?<!จะ)(?:โดน|(?<!คำขอ)(?<!คำร้อง)(?<!ของคุณ)ถูก)(?:พนักงาน|เขา|คน)?(?:โอน|วางสาย|ตัดสาย|ปฏิเสธ|ให้ถือ|ให้รอ|ไล่|บอก|ด่า|ว่า)|"
    "(?:คราว|ครั้ง|คน|รอบ|หน|(?<!ใน)(?<!ถือ)(?<!พัก)(?<!วาง)(?<!ตัด)(?<!โอน)สาย)(?:ก่อน(?!ที่|จะ|ออก)|ที่แล้ว)|"
    "^(?:ที่|เมื่อกี้|เมื่อครู่|สรุป| )*(?:คุณ|ลูกค้า|พี่)(?:\\S{0,8} )?(?:ถาม|บอก|แจ้ง|เล่า|พูด)(?:มา|ไว้)?ว่า"
)
"""What others said or did to the persona before, or what she said herself."""
_READ_BACK = re.compile(r"(?:is that|have i got (?:that|it)|did i get (?:that|it)) (?:right|correct)[ ,?]*$")
"""What makes of the clauses before it in its sentence something that the trainee has only read or heard."""
_READS_BACK = re.compile(rf"{_BACK}|ขอ(?:อนุญาต)?ทวน")
"""The same of the clause after it."""
_FAULT = "(?:stupid|dumb|silly|idiot(?:s|ic)?|morons?|fool(?:s|ish)?|pathetic|ridiculous|crazy|insane|rude|mad)"
_RUDE = "(?:โง่|งี่เง่า|บ้า(?![งน])|ประสาท|ควาย|ไร้สาระ|น่ารำคาญ)"
_HER = "คุณ|ลูกค้า|เธอ|ท่าน|มึง|แก(?!้)|พี่|น้อง|ป้า|ลุง"
_HARMLESS = Alternatives(
    r"\b(?:im|i am|i was|id be|i would be|i feel|i felt|i look|i sound|we are|"
    r"we were|we look|we must|(?<!you )(?<!they )were|system is|"
    r"system was|that was|it was)(?: (?:just|really|so|such|a|an|the|being|been|be|too|very|quite|complete|total|real|"
    rf"utter|absolute|bit|of|all|look|like))* {_FAULT}\b(?!.*\b(?:you|your)\b(?! twice))|"
    rf"\b{_FAULT} (?:of )?(?:me|us|ours?|system|machine|computer|mistake|error|bill|billing|thing|rules?|policy)\b|"
    rf"\b{_FAULT}(?: \w+){{0,4}} (?:charges?|charged|bills|billed|built|wrote|designed|programmed|did this to)\b|"
    rf"\b(?:were|we are|we were|us) (?:the |all |such )*{_FAULT}\b|"
    r"\b(?:who(?:ever)?|no ?(?:one|body)|they|he|she|any(?:one|body)|some(?:one|body)|people|colleague|agent)"
    r"(?: (?!i\b|me\b)\w+){0,3} (?:call|say|tell|accus)(?:s|ed|ing|es)? (?:that )?(?:you|to you|it was your)\b|"
    rf"(?:ใคร|คน(?:อื่น|ก่อน)|เขา|พนักงาน|เจ้าหน้าที่|เพื่อนร่วมงาน)\S{{0,20}}(?:เรียก|ว่า|ด่า|พูด)\S{{0,12}}(?:{_HER})|"
    rf"คำว่า ?{_RUDE}|(?:ช่าง|พนักงาน|เจ้าหน้าที่|ผู้หญิง|คน)\S{{0,12}}ใจเย็น|(?<!ฟัง)(?<!กด)(?<!เปิด)(?<!เสียง)เพลงรอสาย|hold music|"
    r"\b(?:i can|ill|im happy to|i dont mind) (?:just |always )?wait(?:ing)?\b|"
    r"(?:ดิฉัน|ผม|หนู)(?:จะ|ยัง|ก็)?(?:ถือสาย|รออยู่|รอคุณ|รอได้)|^(?:ถ้า|ต่อให้)?เป็น(?:พี่|ดิฉัน|ผม|เรา|หนู|ฉัน|ใคร|แม่)\S{0,8}ก็|"
    r"\b(?:if|when(?:ever)?|should|in case) (?:any(?:one|body)|some(?:one|body)|they|he|she|people|an? \w+|another \w+)"
    r"(?: \w+){0,4} (?:asks?|rings?|knows?|calls?|texts?|phones?|claims?|says?|wants?|tells?|demands?|pretends?)\b|"
    r"(?:ถ้า|หาก|เวลา|เผื่อ|ไม่ว่า)(?:มี)?(?:ใคร|คน|เขา|มัน|เบอร์)\S{0,40} ?(?:ขอ(?!ง|โทษ|อภัย)|ถาม|โทร|อ้าง|ทัก|บอก)|"
    r"(?:คุณ|ลูกค้า|พี่|ท่าน)(?:กำลัง|จะ|อยาก|ต้อง)*วางสาย\S{0,8}(?:เหรอ|หรือ|ไหม|มั้ย)|"
    r"(?:รอ|ถือ)(?:สาย)?\S{0,6}(?:นาน|กี่\S{1,6})\S{0,6}(?:ไหม|มั้ย|แค่ไหน|เท่า(?:ไหร่|ไร)|หรือเปล่า)|(?:รอ|ถือ)สาย\S{0,6}กี่|"
    r"โทรกลับ(?:ไป|หา|ที่)*(?:เบอร์|ธนาคาร|แบงก์|สายด่วน)|"
    rf"\b{_FAULT}(?:ly)? (?:loyal|patient|kind|good|nice|lovely|polite|calm|busy|brave|understanding|generous|fair|"
    r"clever|smart|helpful|long)\b|"
    rf"(?:เรา|ระบบ|ผม|ดิฉัน|หนู|บริษัท|พนักงาน|คอม|เครื่อง|โปรแกรม|แอป|เว็บ|เน็ต)(?!ว่า)(?:(?!{_HER})\S){{0,12}}{_RUDE}(?!\S{{0,12}}(?:{_HER}))|"
    rf"{_RUDE}(?:(?!{_HER})\S){{0,8}} ?(?:ๆ ?)?(?:ที่)?(?:ระบบ|เรา|ทางเรา)"
)
"""Hard words for the trainee's own side, for a thing, or for a virtue, and what others may ask of the persona."""
_MONEY_MOVES = Alternatives(
    r"\b(?:transfer|send|pass|put)(?:r?ing|red)? (?:(?:you|over|back|across|to|the|your|all|full|whole|entire|of|that|"
    r"a) )*(?:money|amount|sum|refund|difference|balance|funds|credit|"
    r"[$€£฿]\d|\d+ \d\d\b|\d+ (?:pounds|dollars|euros|baht))"
)


@dataclass(frozen=True)
class Clause:
    """A part of a turn that says one thing. `text` is the trainee's own, to the letter, `said` what phrases are looked
    for in; `sentence` is its sentence's number; `around` names what the clauses beside it make of it. What it says is
    looked at when it is asked for: of most clauses little is."""

    text: str
    said: str
    sentence: int
    around: frozenset[str] = frozenset()

    @cached_property
    def asks(self) -> bool:
        """It is a question, or one of several things that a question names."""
        return "asks" in self.around or is_question(self.said)

    @cached_property
    def supposes(self) -> bool:
        """It says something that she is to say yes or no to."""
        return "supposes" in self.around

    @cached_property
    def chooses(self) -> bool:
        """It asks for one of two things."""
        return "chooses" in self.around or (self.asks and is_choice(self.said))

    @cached_property
    def depends(self) -> bool:
        """It asks what she would do if the trainee's side did something."""
        return "depends" in self.around

    @cached_property
    def negated(self) -> bool:
        """It holds a negator."""
        return is_negated(self.said)

    @cached_property
    def hedged(self) -> bool:
        """It promises nothing for certain."""
        return "hedged" in self.around or is_hedged(self.said)

    @cached_property
    def undone(self) -> bool:
        """What it speaks of was not done, or cannot be."""
        return is_undone(self.said)

    @cached_property
    def offers(self) -> bool:
        """It asks whether the persona would like something."""
        return "offers" in self.around or offers(self.said)

    @cached_property
    def reports(self) -> bool:
        """It tells or asks what others did before, or takes words up only to deny them."""
        return "reports" in self.around or bool(_REPORTS.search(self.said))

    @cached_property
    def regrets(self) -> bool:
        """It tells of what the trainee said before and would rather not have."""
        return bool(REGRETS.search(self.said))

    @cached_property
    def past(self) -> bool:
        """It speaks of a day that is past, or of each month's."""
        return bool(PAST.search(self.said))

    @cached_property
    def unkept(self) -> bool:
        """What it promises is taken back, or hangs on what never comes."""
        return "unkept" in self.around or bool(NEVER.search(self.said))

    @cached_property
    def refuses(self) -> bool:
        """It takes back what stands before it and says no more."""
        return bool(REFUSES.match(self.said))

    @cached_property
    def at_her(self) -> bool:
        """It is about somebody, as an insult is, and does not only suppose what is no lack ("a student, are you?")."""
        return bool(_AT_HER.search(self.said)) and (self.negated or not self.supposes)

    @cached_property
    def harmless(self) -> bool:
        """Its hard words are not for the persona, or hang on a condition."""
        moves = not self.negated and _MONEY_MOVES.search(self.said)
        return "conditional" in self.around or bool(moves or _HARMLESS.search(self.said))

    def is_mostly(self, match: Match) -> bool:
        """Whether a phrase that it holds is at least half of it: then there is no more to be found in it."""
        return 2 * (match.end - match.start) >= len(self.said.strip(",? "))


@lru_cache(maxsize=1024)
def clauses(text: str) -> tuple[Clause, ...]:
    """The clauses of a turn, in their order; without those that hold no word."""
    found = [Clause(part, said, sentence) for part, said, sentence in parts(text)]
    return tuple(_beside(found))


def _beside(found: list[Clause]) -> Iterator[Clause]:
    """The clauses, each with what those `around` it make of it."""
    for place, clause in enumerate(found):
        around = frozenset(_around(found, place))
        yield replace(clause, around=around) if around else clause


def _around(found: list[Clause], place: int) -> Iterator[str]:
    """What the clauses around one make of it; hedged is also what hangs on a condition before it in its sentence, or is
    taken back there."""
    clause = found[place]
    before = [one for one in found[:place] if one.sentence == clause.sentence]
    after = [one for one in found[place + 1 :] if one.sentence == clause.sentence]
    if supposes(clause.said, (*before, clause)[0].said) or any(
        len(one.said) < 20 and supposes(one.said, one.said) for one in after
    ):
        yield "supposes"
    if is_on_condition(clause.said, (one.said for one in before)):
        yield "depends"
    if len(found) == 1:
        return
    following = found[place + 1] if place + 1 < len(found) else None
    turn = clause.said.startswith(("but ", "แต่"))
    if (
        (not turn and any(SUPPOSED.search(one.said) for one in before))
        or any(IMPOSSIBLE.match(one.said) for one in after)
        or (following and following.said.startswith(("ถ้า", "หาก")) and SUPPOSED.search(following.said))
        or (any(one.negated and one.said.startswith(("but ", "แต่")) for one in after) and WISHED.search(clause.said))
        or (after and is_condition(clause.said))
    ):
        yield "hedged"
    if after and is_condition(clause.said):
        yield "conditional"
    if any(IF_LIKED.fullmatch(one.said.strip(", ")) for one in before[-1:]):
        yield "offers"
    if (
        any(_READ_BACK.match(one.said) for one in after)
        or any(_READS_BACK.search(one.said) for one in found[max(0, place - 1) : place])
        or (following and is_only_taken_up(clause.said, following.said))
    ):
        yield "reports"
    if (
        any(one.unkept for one in after)
        or _is_taken_back(found, place)
        or (following and len(following.said) < 40 and following.unkept)
    ):
        yield "unkept"
    if (before or after) and names_more(clause.said) and any(requests(one.said) for one in (*before, *after)):
        yield "asks"
    if following and is_question(clause.said) and following.said.startswith(("or ", "หรือ")):
        yield "chooses"


def _is_taken_back(found: list[Clause], place: int) -> bool:
    """Whether a clause is taken back in its sentence, or by the first words of the next. One that denies something is
    so only by a contrast: "it won't happen again, and we won't" takes nothing back."""
    clause = found[place]
    if OWNED.search(clause.said):
        return False
    for before, one in zip(found[place:], found[place + 1 :], strict=False):
        if one.sentence > clause.sentence + 1 or before.sentence > clause.sentence:
            return False
        contrast = not clause.negated or one.said.startswith(("but ", "except ", "only ", "แต่"))
        if contrast and (one.refuses or UNSAYS.match(one.said)):
            return True
    return False


def asks(text: str) -> bool:
    """Whether an example is a question."""
    return any(is_question(said) for _, said, _ in parts(text))


def asks_for(text: str) -> bool:
    """Whether an example asks for something, as a question or otherwise."""
    return asks(text) or wants(plain(text))


def is_negated(said: str) -> bool:
    """Whether a text that went through `plain` holds a negator, wherever it stands."""
    words = said.replace(",", " ").split()
    return negates(words, said)


_AUXILIARY = "is|are|was|were|will|would|can|could|has|have|be|been|unfortunately|sadly|to|for|you|it|that|today|here"
_DENIED_AFTER = Alternatives(
    rf"(?: (?:{_AUXILIARY})){{0,3}} (?:{'|'.join(NEGATORS - {'no', 'without', 'unable'})})\b|"
    r"(?: \w+){0,6} never[ ,?]*$|"
    r"(?: \w+){0,3} (?:refused|declined|rejected|denied|impossible|out of the question)\b|"
    r"[^ ,]{0,24}? ?ไม่(?:ได้|ไหว|ทัน|สำเร็จ)(?=ค่ะ|คะ|ครับ|นะ|จริง|แล้ว|หรอก|เลย|อยู่|[ ,?]|$)"
)


def is_denied_after(said: str, end: int) -> bool:
    """Whether what stands before this place is denied by what follows: "a refund is not possible", คืนเงินให้คุณไม่ได้."""
    return bool(_DENIED_AFTER.match(said[end : end + 80]))


_AT_HER = Alternatives(
    rf"\b(?:you|your|youre|youve|yours|yourself|people|customers?|woman|lady|nobody|brains?|nonsense|rubbish|damn|cow|"
    rf"brat|shut|{_FAULT})\b|"
    r"(?:(?:oh|just|please|and|now|so) )*(?:stop|get|go|use|listen|give|do us|another)\b|[^\x00-\x7f]"
)
"""She is named, told to do something, or called a name; Thai may leave that out."""
