"""Whether a clause, as `plain` makes it, is a question, and which kind: what is asked, offered or only supposed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .patterns import Alternatives
from .phrases import has_number

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
    r"(?:id|wed|i would|we would)(?: \w+)? (?:like|love|want) to (?:know|understand) (?:what|why|how|who|when|where)\b|"
    rf"(?:{_VERB}) (?:{_WHO})\b|(?:is|was|are) (?:\w+ ){{0,2}}\?|(?:what|whats|which|who|whom|whose|where|why)\b"
)
"""How a question begins."""
_OPENS_MAYBE = re.compile(rf"(?:when|how|how \w+) (?:{_VERB})\b|(?:how|when) (?:many|much|long|often|about|come)\b")
_STATES = re.compile(
    r"(?:what an?|(?:what|which|who|whats) (?:happened|matters|im?|ill|id|ive|we|weve|you)|"
    r"what (?:well|were) \w+|(?:what|how) (?:he|she|they|(?:the|that|our|your) \w+) .*\b"
    r"(?:is|was|were|isnt|wasnt|should|shouldnt|must|cant|cannot|will|wont) \w+)\b(?!.*\?)|why (?:i|we|you|this|it)\b|"
    r"so that\b|(?:had you|which (?:is|was) (?!your|the|it|that|this))(?!.*\?)"
)
_TAG = re.compile(
    r"[\s,]*\b(?:okay|ok|right|alright|all right|yes|yeah|isnt it|arent you|dont you|wont it|is that "
    r"(?:okay|ok|alright|all right|fine|good)(?: with you| for you)?|"
    r"does that (?:help|work|suit)(?: you| for you)?)[\s,]*\?$"
)
_OF_HER = re.compile(r"you(?:re|ve|d|r)? .*\b(?:right|yes|yeah)[ ,]*\?$")
"""What is said of her with a tag asks, and gives her nothing: "you're in on Friday, yes?"."""
_THAI_TAG = re.compile(r"(?<=\S{8} )(?:(?:ดี|โอเค|ตกลง)(?:ไหม|มั้ย)|(?:กี่โมง|วันไหน)ดี)(?:นะ|คะ|ค่ะ|ครับ|[ ,?])*$")
_THAI_ASKS = re.compile(
    r"(?:ไหม|มั้ย|หรือเปล่า|รึเปล่า|หรือไม่|หรือยัง|รึยัง|เหรอ|เมื่อไหร่|เมื่อไร|เท่าไหร่|เท่าไร|เท่าใด|ยังไง|อย่างไร|ทำไม|อะไร|ใคร|ไหน|กี่\S{0,8})"
    r"(?:ขึ้น|ให้|ไว้|มา|ไป|อยู่|ต่อ|บ้าง|แล้ว|ดี|เอ่ย|ล่ะ|อ่ะ|อะ|นะ|เนี่ย|กัน|คะ|ค่ะ|จ๊ะ|จ้ะ|จ้า|เจ้า|ครับ|คับ|ฮะ|หรือ|เหรอ|ลูก(?:ค้า)?|พี่|น้อง|หนู|ป้า|ลุง|"
    r"คุณ|ท่าน|อาจารย์|[\s,])*[?\s]*$|(?<!นะ)(?<!สิ)(?<!นี่)คะ[\s,?]*$|(?:ไหม|มั้ย|เปล่า|รือยัง|เหรอ|ยังไง(?:บ้าง)?)(?:คะ|ครับ)(?=[ก-๙])(?!ว่า)|"
    r"(?:แฟน|ลูก|ข้าว|เสร็จ|แต่งงาน|ได้)(?:แล้ว)?ยัง(?:คะ|ครับ)?[ ,]*$|"
    r"^(?:ทำไม|เมื่อไหร่|ใคร(?!.*ก็))|(?:อะไร|ไหน|ใคร|กี่|ยังไง|อย่างไร)(?!.*ก็)\S{1,24}(?:อยู่|ไว้|แล้ว)?บ้าง(?:คะ|ค่ะ|ครับ|นะ|[\s,])*$|"
    r"(?:ทราบ|รู้|จำได้|นึกออก|บอกได้)(?:ไหม|มั้ย|หรือเปล่า)(?:คะ|ครับ)?ว่า.*(?:ใคร|อะไร|ไหน|เมื่อไ|ยังไง|อย่างไร|กี่|ทำไม|เท่าไ)|"
    r"(?:ต้องการ|อยาก|(?:^|คุณ|ท่าน|พี่|น้อง|ลูกค้า)จะ(?:เอา|รับ|ให้|เลือก)).*หรือ(?:ว่า)?(?:ต้องการ|อยาก|จะ|ให้|เอา|รับ|เปลี่ยน|คืน|เป็น|แลก|หัก|เครดิต|ส่วนลด)"
)
_FEELS = "(?:รู้สึก|เหนื่อย|โกรธ|โมโห|หงุดหงิด|เครียด|ท้อ|อึดอัด|หนักใจ|ลำบาก|เสียใจ|กังวล|ร้อนใจ|เบื่อ|เซ็ง|ตกใจ|กลัว)"
_THAI_CHOICE = Alternatives(
    r"(?:^|[ ,]|คุณ|ท่าน|พี่|น้อง|ลูกค้า|ลุง|ป้า|อาจารย์|แล้ว|ตกลง)"
    r"(?:จะ(?:ให้|เอา|รับ|เลือก|เป็น|ไป)|อยาก(?:ได้|ให้)?|ต้องการ|สะดวก|ระหว่าง|เป็น|อยู่|ใช้|\S{2,24}เป็น)"
    r"(?!.*ก็(?:ได้|แล้วแต่|ตาม)).*\S{2} ?หรือ(?!เปล่า|ยัง|ไม่|คะ|ค่ะ|ครับ|[ ,]*$)|"
    r"^(?!ไม่)\S{2,14} ?หรือ ?(?!เปล่า|ยัง|ไม่|คะ|ค่ะ|ครับ)(?:(?!ก็)\S){2,14}[ ,]*$"
)
"""Names two things, of which she is to say one."""
_CHOICE = re.compile(
    r"(?<=\S )(?<!more )or\b(?! (?:so|not|two|something|whatever)\b)|"
    r"^or (?!who|what|which|where|when|how)|หรือ(?!เปล่า|ยัง|ไม่|คะ|ค่ะ|ครับ|[ ,?]*$)"
)
_WISH = Alternatives(
    r"\b(?:want|like|prefer|rather|shall|should|suits?|easier|better|wish|choose|take|have)\b|"
    "จะ(?:ให้|เอา|รับ|เลือก)|อยาก|ต้องการ|เลือก|ชอบ|สะดวก|เอา|ดี(?:คะ|ค่ะ|ครับ|นะ|กว่า|[ ,?]|$)"
)
_OF_WHAT = (
    ("name", Alternatives("^(?:อ๋อ|อ้อ)?(?:คุณ|น้อง|พี่|ลุง|ป้า)?(?:ชื่อ|คือคุณ)")),
    ("call", Alternatives("(?:โทร|ติดต่อ|ทัก)(?:มา|เข้ามา)|(?:จะ|มา|อยาก)(?:สมัคร|ต่อสัญญา|เปิดบัญชี|ซื้อ|อัปเกรด|แจ้ง|ขอ|เปลี่ยน)")),
    ("self", Alternatives("(?:คุณ|ลุง|ป้า|น้อง|พี่|ท่าน|อาจารย์|ลูกค้า|^)(?:เป็น(?!ห่วง|กังวล|ไร|ไง)|เรียน|ทำงาน)")),
)
_THAI_OPEN = re.compile("อะไร|ทำไม|ไหน(?!ๆ| ๆ)|ใคร|ยังไง|อย่างไร|กี่|เท่าไ(?:หร่|ร)|เมื่อไ(?:หร่|ร)")
_THAI_CLOSED = re.compile("ไหม|มั้ย|(?:หรือ|รึ)?(?:เปล่า(?=[คนฮ ]|$)|รือยัง|รือไม่)")
_OF_ANOTHER = Alternatives(
    r"\b(?:grand(?:daughter|son|child)|daughters?|sons?|mothers?|fathers?|mum|dad|wifes?|husbands?|friends?|partners?|"
    r"colleagues?|dogs?|cats?|shops?) (?:called|name|names|full|age|number|address|birthday|live)\b|"
    "(?:หลาน|ลูก(?!ค้า)|คุณแม่|คุณพ่อ|แม่คุณ|พ่อคุณ|ภรรยา|สามี|แฟน|เพื่อน|หุ้นส่วน|หมา|แมว|หัวหน้า|ช่าง|พนักงาน|คนที่|คนนั้น|เขา|ร้าน)"
    "\\S{0,20}(?:ชื่อ|อายุ|เบอร์|เกิด|อยู่(?:ที่)?ไหน)"
)
"""Asks for what somebody else is called, or how old they are."""
_ANYBODYS = frozenset("name age phone email address postcode birthday".split())
_JOINS = Alternatives(r"[,/&]|\b(?:and|or|plus|with|as well as)\b|กับ|และ|แล้วก็|พร้อม|รวมทั้ง|รวมถึง")
_THAI_STATES = Alternatives(
    r"(?:^|[ ,])(?:ดิฉัน|ผม|หนู|พี่|เรา)?(?:ก็)?(?:พอ)?(?:จะ)?(?:เข้าใจ|(?:รับ)?รู้|ทราบ|นึก|เห็น|สัมผัส)(?:(?!ไหม|มั้ย)\S){0,16} ?ว่า.*"
    r"(?:แค่|ขนาด|ยัง|อย่าง)|"
    rf".*ใคร(?:เขา|จะ|มัน)*ไม่{_FEELS}|.*(?:คง\S{{0,12}}{_FEELS}|{_FEELS}\S{{0,12}}(?:มาก|เลย|น่าดู|จริง|แย่)).*ใช่(?:ไหม|มั้ย)|"
    r"(?:.*[ ,])?(?:\S{0,14}(?:ดิฉัน|ผม|หนู|พี่|เรา|เดี๋ยว|จะ|โทรมา|ต้อง)+(?:ขอ|โทร|ไป|มา)*|ขอ(?:ไป)?)"
    r"(?:ดู|เช็ก|เช็ค|ตรวจ)\S{0,24}ว่า|"
    r"(?!.*(?:ไหม|มั้ย).*ว่า).*(?:รู้ผล|ทราบผล|แจ้งผล|(?:ดู|เช็ก|เช็ค|ตรวจ|สอบ)ให้|จะโทร(?:ไป|มา|กลับ|หา)*(?:เช็ก|เช็ค|ถาม))\S{0,6}ว่า"
)
"""Knowing how bad it is, which is no question how bad it is; who would not be angry, and that she must be tired;
finding out whether something is so."""
_THAI_DENIES = Alternatives(
    r"(?:ไม่(?!ทราบ)|อย่า|ห้าม)\S{0,50}? ?(?:ใคร|อะไร|ไหน)"
    r"(?:ทั้งนั้น|ทั้งสิ้น|เลย|อีก|แล้ว|หรอก|ให้|ไว้|มา|ไป|อยู่|ต่อ|นะ(?:คะ|ครับ)?|ค่ะ|ครับ|[\s,])*$|"
    r"(?:ไม่(?:สามารถ|อาจ|มีสิทธิ์|ขอ)\S{0,6}|ห้าม)(?:บอก|แจ้ง|เปิดเผย|ตอบ|ให้ข้อมูล)\S{0,8}ว่า|(?:บอก|ตอบ|เปิดเผย|แจ้ง)ไม่ได้\S{0,4}ว่า"
)
"""Nobody and nothing, which are who and what with a negator before them."""
_SUPPOSES = re.compile(
    r"(?:you|youre|youve|youd|its?|thats|that (?:is|was)|theres|there (?:is|are|was|were)|hes?|shes?|they|theyre|both|"
    r"everythings?|nothings?|nobodys?|never|still|no \w+|only|just|one|two|three|"
    r"(?:your|the)(?: \w+){1,4} (?:is|are|was|were|has|have|left|came|went|ended|cost|broke|stopped|took|\w{3,}[^s]s))"
    r"\b"
)
_ASSENT = re.compile(
    r"\b(?:right|yes|yeah|correct|then|you say|is that (?:right|correct|it)|am i right|"
    rf"(?:{_VERB}|hasnt|havent|wont|werent|doesnt|wouldnt|couldnt)(?<=nt) (?:i|you|it|he|she|they|we|that|there)|"
    rf"(?<=, )(?!(?:would|could|can|will) you)(?:{_VERB}) (?:i|you|it|he|she|they|we|that|there))[\s,]*\?$"
)
_OPEN_ENDED = re.compile(r"(?:what|who|whom|whose|which|where|when|why|how)\b")
_THAI_SUPPOSES = Alternatives(
    "(?:(?:ใช่|ถูก|ถูกต้อง)(?:ไหม|มั้ย|หรือเปล่า|รึเปล่า|หรือไม่)|(?<!จริง)(?:เหรอ|หรือ(?=[คฮ])))(?:นะ|คะ|ค่ะ|ครับ|[ ,?])*$"
)
_OF_HERS = re.compile(
    r"(?:you(?:re|ve)?|your(?: \w+){1,3}|its?|he|she|they|there) (?:is|are|was|were|has|have|had|did|a|an|\w+ed)\b|"
    r"(?:youre|youve|its|hes|shes|theyre|theres)\b"
)
_QUOTES = re.compile("(?:did|didnt) you (?:just |not )?(?:say|mention|tell me|mean)\\b")
_OFFERS = re.compile(
    r"would you\b|do you (?:want|wish)\b|if you(?:d| would)? (?:want|like|wish|prefer)\b|"
    "(?:จะ|อยาก|ต้องการ)ให้.*(?:หรือ|ไหม|มั้ย)"
)
_CONDITION = re.compile(
    r"(?:if|suppose|supposing|imagine) (?:i|we|my|our|somebody|someone)\b"
    r"(?! (?:may|might|understand|understood|remember|recall|see|heard|hear|got(?! you)|am not|were you|was you)\b)"
)
_UNDER_CONDITION = re.compile(
    r"(?:^|\b(?!(?:mind|okay|ok|fine|right|help|know|see|ask|check|wonder|wondering)\b)\w+ )if (?:i|we)\b"
)
_ASKS_FAVOUR = re.compile("(?:could|may|might|shall|should) (?:you|i|we)|can (?:i|we|you (?!still))")
_NAMES = re.compile(
    r"(?:(?:and |or |plus |also |then |with )*(?:your|the|its)|"
    r"(?:and|or) (?:when|how|where) (?:you|it|he|she|they|the|your)) "
    r"(?:(?!is |are |was |were |will |has |have |had |can |should )[\w,]+ ){0,8}[\w?]+[ ,?]*"
)
_ORDERS = re.compile(
    r"\b(?:give me|tell me|please|kindly|provide|verify|confirm|let me (?:have|take|get)|"
    r"i(?:ll)? (?:just |only )?need (?:your|the))\b"
)
_STATED = Alternatives(
    r"(?:(?:and|so|but|then|well|right|now|when|while|since|because|as|once) ,? ?)*(?:"
    r"(?:i|im|ill|ive|we|were|well|weve|it|its|that|thats|this|there|they|he|she|thanks|thank|you|youre|youve|youd)\b|"
    r"(?:your|the|our)(?: \w+){1,4} (?:is|are|was|were|has|have|had|will|can|could|should|would|shows?|looks?|says?|"
    r"ends?|begins?|came|comes|went|got|gets|ran|runs|starts?|started|stops?|stopped|did|seems?|covers|includes)\b)|"
    r"(?:and |so |but )*(?:when|while|since|because|as|once|if|after|before) (?:your|the|our|my)\b|"
    "(?:ดิฉัน|ผม|ทางเรา|เรา|คุณ|ท่าน|พี่|น้อง|อาจารย์|เขา|มัน|เดี๋ยว|งั้น|จะ|กำลัง|ถ้า|หาก|อย่า)|"
    ".*(?:กี่\\S{1,5}|เมื่อ(?:ไหร่|ไร)|ไหน|อะไร|ใคร|เท่า(?:ไหร่|ไร))ก็|"
    r"(?!.*ขอ(?!บ|ง)).*(?:ถูกต้อง|ตรงกัน|ตรง(?=แล้ว)|เจอ(?=แล้ว)|ครบ(?=แล้ว)|เรียบร้อย)(?:แล้ว|หมด|นะ|ค่ะ|ครับ|[ ,])*$"
)
_ASIDE = Alternatives(
    r"(?:and |so |but )?(?:before|after|during|for|about|in|on|at|until|by|with|without|from)\b|ก่อน|หลัง|ตอน|เรื่อง"
)
_NAMED = Alternatives("(?:ชื่อ|เลข|หมายเลข|รหัส|ที่อยู่|เบอร์|อีเมล)(?!.*(?:คือ|อยู่ใน|ส่งไป))")
_WANTS = Alternatives(
    r"\b(?:needs?|like|ask|give|know|tell|(?:may|can|could) (?:i|we|you)|state|spell|looking for|i wonder|wondering|"
    r"curious)\b|"
    r"ขอ(?!โทษ|อภัย|ง|บคุณ|บพระ|บใจ)|รบกวน|ช่วยบอก|ช่วยแจ้ง|แจ้ง|อยาก(?:ทราบ|รู้)|"
    r"บอก\S{0,24} ?(?:หน่อย|ได้ไหม)|พอจะ(?:บอก|เล่า)|(?<!ต้อง)(?<!อย่า)บอก(?:พี่|ผม|หนู|ป้า|ดิฉัน|เรา|มา|แค่|ชื่อ|เลข)"
)
_WITHHELD = Alternatives(
    r"\b(?:dont|do not|never|not|no need to) (?:\w+ )?(?:tell|give|share|read|send|say)\b|"
    r"\bkeep (?:it|that|this|them|the|your|those)\b.* to yourself|"
    "(?:ไม่ต้อง|อย่า|ห้าม|ไม่ควร)(?:ไป|เอา|ให้|ได้)*(?:บอก|แจ้ง|ส่ง|พิมพ์|กรอก|เปิดเผย)"
)

_ECHO_DENIED = Alternatives(
    r"(?:no|nope|never|not at all|of course not|absolutely not|certainly not|by no means|nonsense|i wouldnt|youre not|"
    r"you arent|you are not|not you)\b|ไม่(?:หรอก|ใช่|เลย|ค่ะ|ครับ|จริง)"
)
_ECHO = Alternatives(r"(?:[^?]*)\?[ ,]*$|.*(?:เหรอ|หรือ)(?:คะ|ค่ะ|ครับ|[ ,?])*$")
"""Words that are only taken up as a question, where the next ones deny them."""
_HOLD_ON = Alternatives(
    r"(?:(?:oh|wait|no|ah|okay|ok|well|now) |, )*(?:hold|hang) on(?: (?:just )?(?:a|one) (?:sec|second|moment|minute))?"
    "[ ,]*$"
)
_GOES_ON = Alternatives(
    r"i (?:can |do |now )*(?:see|have(?! to)|know|found|think|got|remember|notice)\b|ive\b|"
    r"(?:thats?|theres?|this|heres?|youre?|youve|were?|weve|its?|the|your|our|what|whats|is|are|did|so|"
    r"do|you (?:said|say|mean|told))\b"
)
"""What follows "hold on" where that is no more than surprise."""


def bare(said: str) -> str:
    """A clause without the words that only lead in to it."""
    return _FILLER.sub("", said.strip(", "))


def is_question(said: str) -> bool:
    """Whether a clause asks something, and not only for assent to what it says."""
    if not said.isascii() and (_THAI_ASKS.search(_THAI_TAG.sub("", said)) or _THAI_CHOICE.search(said)):
        return not (_THAI_DENIES.search(said) or _THAI_STATES.match(said))
    begun = bare(said)
    if _STATES.match(begun):
        return False
    if _opens(begun):
        return True
    return _is_asked(said) and bool(_OF_HER.match(begun) or _is_asked(_TAG.sub("", said)))


def opens(said: str) -> bool:
    """Whether a clause begins as a question does, whatever it ends with."""
    return _opens(bare(said))


def _opens(begun: str) -> bool:
    return bool(_OPENS.match(begun) or _OPENS_MAYBE.match(begun))


def _is_asked(said: str) -> bool:
    """Whether a clause ends with a question mark."""
    return said.rstrip(" ,").endswith("?")


def supposes(said: str, begun: str) -> bool:
    """Whether a clause states something that it asks assent to ("it went on Tuesday, did it?"), in a sentence that has
    `begun` with another clause or with it."""
    if not _is_asked(said):
        return bool(_THAI_SUPPOSES.search(said)) and not is_open(said.replace("หรือ", ""))
    stated = not (opens(begun) or opens(said)) and any(_SUPPOSES.match(bare(one)) for one in (begun, said))
    return bool(stated or quotes_her(said) or (_ASSENT.search(said) and not _OPEN_ENDED.match(bare(said))))


def offers(said: str) -> bool:
    """Whether a clause asks whether she would like something."""
    return bool(_OFFERS.match(bare(said)))


def is_condition(said: str) -> bool:
    """Whether a clause begins as a condition does that the trainee's own side is to fulfil: "if I get it back"."""
    return bool(_CONDITION.match(bare(said)))


def is_on_condition(said: str, before: Iterable[str]) -> bool:
    """Whether a clause asks what she would do if the trainee's side did something, in it or `before` it: "would you
    stay if I halved it?"."""
    if not is_question(said) or _ASKS_FAVOUR.match(bare(said)):
        return False
    return bool(_UNDER_CONDITION.search(said)) or any(map(is_condition, before))


def is_told_of_her(said: str) -> bool:
    """Whether a clause says what she, or something of hers, is or was."""
    return bool(_OF_HERS.match(bare(said))) or quotes_her(said)


def quotes_her(said: str) -> bool:
    """Whether a clause asks whether she has said something."""
    return bool(_QUOTES.match(bare(said)))


def unquoted(said: str) -> str:
    """A clause without what asks whether she said so."""
    return _QUOTES.sub("", bare(said))


def names_more(said: str) -> bool:
    """Whether a clause only names a thing, for which another of its sentence may ask: "and the number on it"."""
    return bool(_NAMES.fullmatch(said)) and not has_number(said)


def requests(said: str) -> bool:
    """Whether a clause asks, as a question or an order, for what is named in it or beside it."""
    return is_question(said) or bool(_ORDERS.search(said))


def is_statement(said: str) -> bool:
    """Whether a clause begins as what only tells something does."""
    return bool(_STATED.match(said) or _STATES.match(bare(said)) or _THAI_STATES.match(said))


def withholds(said: str) -> bool:
    """Whether a clause does no more than tell her to keep something to herself."""
    found = _WITHHELD.search(said)
    return found is not None and not wants(bare(said[: found.start()]))


def wants(said: str) -> bool:
    """Whether a clause holds a word with which one asks for something, in an order or otherwise."""
    return bool(_ORDERS.search(said) or _WANTS.search(said))


def only_names(said: str) -> bool:
    """Whether a clause is but the name of something: "your full name, sir"."""
    return (len(said) <= 32 and not _ASIDE.match(said)) or bool(_NAMED.match(said))


def is_choice(said: str) -> bool:
    """Whether a question names two things, of which one is to be said: neither yes nor no answers it."""
    return bool(_CHOICE.search(said))


def is_wish(said: str) -> bool:
    """Whether a question asks what she would like."""
    return bool(_WISH.search(said))


def is_open(said: str) -> bool:
    """Whether a Thai question asks who, what, where or how, by the last of its question words: neither yes nor no
    answers it."""
    last = [max((found.start() for found in kind.finditer(said)), default=-1) for kind in (_THAI_OPEN, _THAI_CLOSED)]
    return last[0] > last[1]


def is_of_another(fact: str, said: str) -> bool:
    """Whether a clause asks for a fact that anybody has, such as a name, of somebody else."""
    return fact in _ANYBODYS and bool(_OF_ANOTHER.search(said))


def joins(said: str) -> bool:
    """Whether a text holds a word that joins two things."""
    return bool(_JOINS.search(said))


def supposes_who(said: str) -> str:
    """Whether what a Thai clause supposes of her is her `name`, what she does her`self` or is, or why she is on the
    `call`; "" for anything else."""
    return next((what for what, pattern in _OF_WHAT if pattern.search(said)), "")


def is_only_taken_up(said: str, following: str) -> bool:
    """Whether a clause only takes up words that the next one denies, or is but surprise at what the next one says."""
    echo = _ECHO.match(said) and not _OPENS.match(said) and _ECHO_DENIED.match(following)
    return bool(echo or (_HOLD_ON.match(said) and _GOES_ON.match(following)))
