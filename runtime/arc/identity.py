"""Who a persona is, as her prose says for certain: her name, whether she is a man, her first line, what she knows."""

from __future__ import annotations

import re

from ..spec.persona import Persona
from ..spec.sections import Section
from .first_person import NAME_LIMIT
from .phrases import plain
from .prose import STORY, TRAINEE, bare, items, quoted, undirected

_PLAY = re.compile(
    r"^do(?:n['’]?t)?['’]?s?$|\b(?:instruct|guideline|constraint|evaluat|rubric|personalit|temperament|emotion|attitude|behavi|objective|"
    r"motivation|instrucci|(?:rules?|output|format|scor(?:e|ing)|grading|success|tone|style|voice|mood|goals?|tools?|"
    r"difficulty|triggers?|responses?|secrets?|hidden|notes?|todo|end call|system prompt|opening|greeting|"
    r"first (?:message|line)|opens? with|reglas?|formato|tono|estilo|personalidad|objetivos?|notas?|actitud|ánimo)\b)|"
    r"\b(?:conditions?|escalat\w+|de-escalat\w+|win|calms?|angers?)\b|เงื่อนไข|สิ่งที่ทำให้|"
    r"คำสั่ง(?!ซื้อ)|กฎ|ข้อห้าม|คำแนะนำ|เกณฑ์|รูปแบบ|น้ำเสียง|อารมณ์|บุคลิก|นิสัย|เป้าหมาย|หมายเหตุ|ความลับ|"
    r"指示|ルール|出力|注意|口調|性格|感情|目的|備考",
    re.I,
)
"""What a heading or a key is about that is for whoever plays the persona."""
_OPENING = re.compile(
    r"\b(?:opening(?: line| message| statement)?|first (?:message|line)|opens with|starts with)\b|"
    r"ประโยคแรก|เปิดสาย|frase inicial|primera frase|第一声",
    re.I,
)
_OF_TRAINEE = re.compile(rf"\b(?:{TRAINEE})\b", re.I)
_ROLE = re.compile("(?:role?|rol)$|บทบาท|役割", re.I)
_OF_PLAY = re.compile(r"\b(?:trainee|persona|role-?play|the agent)\b", re.I)


def is_direction(key: str) -> bool:
    """Whether a heading or the key of an item is about how to play the persona."""
    return bool(_PLAY.search(key))


def is_of_hers(key: str, value: str) -> bool:
    """Whether an item is something that she knows and can say."""
    about = bool(_OF_TRAINEE.search(key) or STORY.match(key) or is_direction(key))
    return not about and not _ROLE.match(key) and not _OF_PLAY.search(value)


def opening_line(sections: tuple[Section, ...]) -> str:
    """The line that the prose says she opens with; "" for none."""
    for section in sections:
        for key, value in items(section):
            if _OPENING.search(key) and (text := undirected(value.strip('"“”'))):
                return text
        for line in quoted(section):
            if _OPENING.search(line.before):
                return line.text
    return ""


def is_man(persona: Persona) -> bool:
    """Whether the persona is a man: as her voice says, else as the prose does."""
    if voice := _VOICE.search(persona.front.voice or ""):
        return not voice[1]
    text = "\n".join(f"{section.title}\n{section.text}" for section in persona.sections)
    if said := _GENDER.search(text):
        return not said[1]
    if said := _THAI_GENDER.search(text):
        return not said[1]
    return bool(_MANLY.search(text))


_VOICE = re.compile("(?:^|_)(fe)?male(?:_|$)")
_GENDER = re.compile(r"(?:เพศ|gender|sex)\W{0,8}(?:(หญิง|female|woman)|ชาย|male|man\b)", re.I)
_THAI_GENDER = re.compile("(หญิง|นางสาว|ป้า(?!ย))|ชาย(?= ?(?:\\d|วัย|อายุ|ชื่อ))|ผู้ชาย|ลุง|นาย(?!จ้าง|หน้า)")
_MANLY = re.compile(r"(?:^|\s)ผม(?=[ก-๎])|ครับ|\bMr\b|\bmale\b")


def only_name(written: str) -> str:
    """A name without what follows it on its row: an age, a trade."""
    return _BESIDE_NAME.sub("", written) or written


def is_named(persona: Persona) -> bool:
    """Whether the persona's name is known, and not only that of the file."""
    return bool(persona.front.name) or persona.name.casefold() in persona.prose.casefold()


_NAMES = ("name", "full name", "customer name", "customers name", "persona name", "nombre", "nombre completo")
_NAME_KEYS = frozenset((*_NAMES, "ชื่อ", "ชื่อ นามสกุล", "ชื่อ สกุล", "ชื่อตัวละคร", "氏名", "名前", "お名前"))
_WHO_KEYS = frozenset(("who you are", "who are you", "you are", "your name", "character", "ตัวละคร", "ผู้โทร"))
_NAME_FIRST = re.compile(
    r"[^\W\d_a-z][\w'’-]{1,30}(?: [^\W\d_a-z][\w'’-]{1,30}){1,2}(?=\s?[,(–—-]|$)|"
    r"[\u0e01-\u0e4e]{2,20} [\u0e01-\u0e4e]{2,30}(?=\s?[,(–—-]|$)"
)
"""A name and surname that a text begins with, before a comma, a dash or its end."""
_TITLE = r"(?:(?:Mr|Mrs|Ms|Dr)\b\.? )?"
_YOU_ARE = re.compile(
    r"\b(?:[Yy]our name is|[Yy]ou(?: are|['’]re)(?: (?:now|playing|called|named))?|[Pp]lay(?:ing)?|[Aa]ct as|"
    r"[Nn]ame is|[Rr]ole:|(?:[Cc]ustomer|[Cc]aller) is(?: (?:called|named))?|[Ee]res|[Tt]e llamas)\s[\"“]?"
    rf"{_TITLE}"
    r"((?:[^\W\d_a-z][\w'’-]{1,30})(?: [^\W\d_a-z][\w'’-]{1,30}){1,2})|"
    r"(?:คุณ(?:คือ|ชื่อ)|(?:สวมบท(?:บาท)?|รับบท|เล่น|แสดง)(?:บท)?เป็น|ลูกค้าชื่อ)\s?[\"“]?(?:ลูกค้า(?:ชื่อ)?\s)?"
    r"(?:คุณ|นางสาว|นาง|นาย|ลุง|ป้า|น้า|พี่|น้อง)?((?!ลูกค้า|ผู้|คน|พนักงาน|ตัว)[\u0e01-\u0e4e]{2,20} "
    r"(?!ลูกค้า|ผู้|คน|พนักงาน|ชาย|หญิง|อายุ|วัย|เป็น|ที่|ซึ่ง|โทร|และ)[\u0e01-\u0e4e]{2,30})(?=[ ”\"])|"
    r"ชื่อ\s?[\"“]?([\u0e01-\u0e4e]{2,20} [\u0e01-\u0e4e]{2,30})(?=[ ”\"]*(?:อายุ|วัย|\())|"
    r"あなたは([々一-龠]{2,6})(?<![客役者人])(?=、|です)"
)
_HEADED = re.compile(
    r"(?i:customer|caller|client|persona|character|cliente|personaje|personnage)\b[\w ]{0,20}[:：–—-] ?"
    rf"{_TITLE}(?!.*\b(?i:customer|caller|client|user)\b)"
    r"([^\W\d_a-z][\w'’-]{1,30}(?: [^\W\d_a-z][\w'’-]{1,30}){1,2}) ?(?:[(,|–—-].*)?$"
)
_BESIDE_NAME = re.compile(r"\s*(?:[(,（].*|(?:อายุ|วัย)\s?\d.*)$")
NAME_WITHIN = 16_384
"""Characters of the prose in which a name is looked for: it stands at its beginning."""


def name_in(sections: tuple[Section, ...]) -> str | None:
    """The persona's name as her prose has it: an item, else a heading such as `Customer: NAME SURNAME`, else `You are
    NAME SURNAME` in any of four languages; None for no name."""
    for section in sections:
        for key, value in items(section):
            if plain(key) in _NAME_KEYS and len(value) <= NAME_LIMIT:
                return only_name(value)
    for key, value in ((key, value) for section in sections for key, value in items(section)):
        if plain(key) in _WHO_KEYS and (found := _NAME_FIRST.match(value)):
            return found[0]
    if sections and (found := _NAME_FIRST.match(sections[0].title)) and sections[0].title != found[0]:
        first = found[0].split()[0]  # a heading that names her is spoken of below it
        if any(first in section.text for section in sections):
            return found[0]
    titled = (text for section in sections for text in (section.title, *map(": ".join, items(section))))
    if headed := next(filter(None, map(_HEADED.match, titled)), None):
        return headed[1]
    for section in sections:
        if found := _YOU_ARE.search("\n".join(map(bare, (section.title, *section.text.splitlines())))):
            name = found[found.lastindex or 0]
            return name.title() if name.isupper() else name
    return None
