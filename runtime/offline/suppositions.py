"""Whether what a trainee supposes of the persona, for her to say yes to, is so, by its figures and words.

Figures decide: one that nobody has named is wrong. Words can only speak for it, as the same may be said in others.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from ..arc.clauses import Clause, clauses
from ..arc.phrases import plain
from ..arc.questions import is_told_of_her, quotes_her, unquoted
from ..arc.topics import content_words
from ..spec.persona import Arc, CommonCue

_UNITS = {"สิบ": 10, "ร้อย": 100, "พัน": 1000, "หมื่น": 10_000, "แสน": 100_000, "ล้าน": 1_000_000}
_UNITS |= {"hundred": 100, "thousand": 1000}
_ONES = {"ศูนย์": 0, "หนึ่ง": 1, "เอ็ด": 1, "สอง": 2, "ยี่": 2, "สาม": 3, "สี่": 4, "ห้า": 5, "หก": 6, "เจ็ด": 7}
_ONES |= {"แปด": 8, "เก้า": 9, "third": 3, "fif": 5, "eigh": 8, "nin": 9, "twelf": 12}
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TENS = {f"{ten}ty": 10 * i for i, ten in enumerate("twen thir for fif six seven eigh nine".split(), 2)}
_ONES |= {word: i for i, word in enumerate("zero one two three four five six seven eight nine".split() + _TEENS)}
_ONES |= _TENS | {ten.replace("ty", "tie"): value for ten, value in _TENS.items()}
_ENGLISH = "|".join(sorted((word for word in _ONES | _UNITS if word.isascii()), key=len, reverse=True))
_NUMERAL = (
    "ศูนย์(?!บริ|กล)|หนึ่ง|เอ็ด|สอง|ยี่(?=สิบ)|สาม(?!ารถ|ี)|สี่|ห้า(?!ม|ง)|หก(?!ล้ม)|เจ็ด|แปด|เก้า(?!อี้)|สิบ|"
    "(?<!เรียบ)ร้อย|พัน(?!ธ)|หมื่น|แสน(?!ดี)|ล้าน"
)
_SPELLED = rf"(?:{_NUMERAL})+|\b(?:{_ENGLISH})(?:th)?\b(?:(?:-|\s+|\s+and\s+)(?:{_ENGLISH})(?:th)?\b)*"
_DAYS = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b|(?:วัน|เช้า|เย็น)?(?:จันทร์|อังคาร|พุธ|พฤหัส|ศุกร์|เสาร์)|วันอาทิตย์"
_COLOURS = r"\b(?:red|green|yellow|orange|blue|white|black|grey)\b|แดง|เขียว|เหลือง|ส้ม|น้ำเงิน|ขาว|ดำ"
_RELATIVES = (
    r"\b(?:mother|mum|mom|father|dad|wife|husband|son|daughter|sister|brother|granddaughter|grandson|aunt|uncle)\b"
)
_TIERS = r"\b(?:bronze|silver|gold|platinum)\b"
_PAST = r"\byesterday\b|\blast (?:night|week|month|year)\b"
_FIGURE = re.compile(
    rf"(?P<digits>\d+)|(?P<words>{_SPELLED})|(?P<day>{_DAYS})|(?P<colour>{_COLOURS})|(?P<relative>{_RELATIVES})|"
    rf"(?P<tier>{_TIERS})|(?P<past>{_PAST})",
    re.IGNORECASE,
)
_SAME = {"mum": "mother", "mom": "mother", "dad": "father"}
_WORD = re.compile(rf"{_NUMERAL}|{_ENGLISH}")
_CENTS = re.compile(r"^\.\d+")
_WHOLE = re.compile(r"\d\.$")
_DOLLARS = re.compile("^(?:เหรียญ|ดอลลาร์|dollars?)")
_PARTICLE = re.compile("ครับ|ค่ะ|คะ|นะ|ใช่|ถูก|แล้ว|เลย|จริง|[?,.!]")
_TWICE = re.compile(r"\btwice\b", re.IGNORECASE)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3})")
_EMPTY = re.compile(
    "ใช่(?:ไหม|มั้ย|หรือเปล่า|รึเปล่า|หรือไม่)|ถูก(?:ต้อง)?(?:ไหม|มั้ย|หรือเปล่า|นะ)|นะ|คะ|ค่ะ|ครับ|เหรอ|หรือ|แล้ว|คุณ|ลูกค้า|พี่|น้อง|"
    "ท่าน|ลุง|ป้า|คือ|เป็น|ว่า|ที่|ก็|อ๋อ|อ้อ|เมื่อกี้|บอก|แปล|แสดง|งั้น|ขอ|ทวน|มี|อยู่|ได้|ไป|มา|ให้|ของ|จะ|ตอนนี้|เรา|ผม|ดิฉัน"
)
_ASKED = re.compile("เท่า(?:ไหร่|ไร)?|อะไร|ไหน|ไหม|มั้ย|หรือ\\S*|เมื่อไ(?:หร่|ร)|กี่|ใคร|บ้าง")
_SHARED = 4
"""Characters of Thai that two texts share where they share a word; so few alone say nothing."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, a day, a colour or the like in a text: what it is, and the characters around it, which tell what of."""

    kind: str
    value: str
    before: str
    after: str

    def is_beside_alike(self, other: Figure) -> bool:
        """Whether two figures that suit each other tell of the same, by what stands next to them."""
        alike = (self.after and self.after == other.after) or (self.before and self.before == other.before)
        return self.suits(other) and bool(alike or self.kind != "number")

    def suits(self, other: Figure) -> bool:
        """Whether one can be said in place of the other: both of a kind, and of one unit where both have any."""
        return self.kind == other.kind and not (self.after and other.after and self.after != other.after)


@lru_cache(maxsize=1024)
def figures_in(text: str) -> tuple[Figure, ...]:
    """The figures of a text; "a" and "one" are none."""
    return tuple(one for one in _figures(text) if one.value != "1")


def _figures(text: str) -> Iterator[Figure]:
    text = _TWICE.sub("two times", _THOUSANDS.sub("", unicodedata.normalize("NFC", text)))
    for found in _FIGURE.finditer(text):
        before = text[: found.start()].replace(" ", "")[-3:]
        after = _PARTICLE.split(_CENTS.sub("", text[found.end() :]).replace(" ", ""), maxsplit=1)[0]
        if _WHOLE.search(text[: found.start()]):
            after = ""  # the cents of dollars, which may be said by themselves
        after = "$" if _DOLLARS.match(after) else after[:3]
        if found["digits"]:
            kind, value = "number", str(int(found["digits"]))
        elif found["words"]:
            kind, value = "number", str(_valued(_WORD.findall(found["words"].casefold())))
        else:
            kind = found.lastgroup or ""
            value = re.sub("^(?:วัน|เช้า|เย็น)|s$", "", found[0].casefold())
            value = _SAME.get(value, value)
        yield Figure(kind, value, before, after)


def _valued(words: list[str]) -> int:
    """The number that words say; digits one by one are a code, and in Thai one after thousands counts hundreds."""
    ones = [_ONES[word] for word in words if word in _ONES]
    if len(ones) == len(words) > 1 and not any(word in _TENS for word in words):
        return int("".join(map(str, ones)))
    total = count = unit = 0
    for word in words:
        if word in _UNITS:
            unit = _UNITS[word]
            total, count = total + (count or 1) * unit, 0
        else:
            count += _ONES[word]
    thai = not words[-1].isascii()
    return total + count * (unit // 10 if thai and unit >= 1000 else 1)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a persona can judge by: all that she tells of the matter, and what both sides have said of it.

    Args:
        said: the persona's own turns.
        turns: the trainee's, the one to be judged last.
    """

    arc: Arc
    said: Sequence[str]
    turns: Sequence[str]

    def is_so(self, supposed: Clause) -> bool | None:
        """Whether what a clause supposes is so by what she knows, and by what was told her in this call."""
        told = (one.text for turn in self.turns for one in clauses(turn) if not (one.asks or one.supposes))
        return is_so(supposed.text, [*self._tells(), *told])

    def is_told_in(self, asked: Clause) -> bool:
        """Whether she tells something in all the words of a question, of which there are two at least."""
        words = content_words(asked.text)
        told = (one for line in self._tells() for one in clauses(line) if not one.asks)
        return len(words) > 1 and any(words <= content_words(one.text) and one.negated == asked.negated for one in told)

    def is_unheard_of(self, supposed: Clause) -> bool:
        """Whether a clause tells her of herself what she has never spoken of, in any of its words; of what she is to
        have said, in one of them."""
        if not supposed.said.isascii() or not is_told_of_her(supposed.said):
            return False
        words, known = content_words(unquoted(supposed.said)), self.spoken_of()
        return not words <= known if quotes_her(supposed.said) else bool(words) and words.isdisjoint(known)

    def spoken_of(self) -> frozenset[str]:
        """The words of all that she tells, and of the trainee's turns before the last."""
        return content_words(" ".join((*self._tells(), *self.turns[:-1])))

    def nearest(self, supposed: Clause) -> tuple[str, str]:
        """The fact that most surely tells of what a clause supposes, and its line for that; "" for none."""
        told = ((*self._alike(name, supposed), name) for name in self.arc.front.facts)
        _, line, name = max(told, key=lambda one: (one[0], -len(one[1])), default=(0, "", ""))
        return name, line

    def _alike(self, name: str, supposed: Clause) -> tuple[int, str]:
        """How surely a fact tells of what a clause supposes, by what it is asked for with and what stands beside its
        figures; and its shortest line with figures of such a kind."""
        fact, mine = self.arc.front.facts[name], figures_in(supposed.text)
        named = max((names(phrase, supposed.said) for phrase in chain.from_iterable(fact.hear.values())), default=0)
        lines = self.arc.said(fact.say)
        pairs = [(line, one, hers) for line in lines for hers in figures_in(line) for one in mine]
        beside = 2 * any(one.is_beside_alike(hers) for _, one, hers in pairs)
        beside += any(one.before == hers.before for _, one, hers in pairs if one.suits(hers))
        able = [line for line, one, hers in pairs if one.suits(hers)]
        sure = named + beside + round(8 * share_told(supposed.text, lines))
        return (sure, min(able, key=len)) if able and sure else (0, "")

    def _tells(self) -> Iterator[str]:
        """What she tells of the matter, whether she has said it yet or not, and what else she has said."""
        front = self.arc.front
        for one in (front.opening, *(fact.say for fact in front.facts.values())):
            yield from self.arc.said(one)
        yield from (*self.arc.lines(CommonCue.PROBLEM), *self.arc.lines(CommonCue.WANT), *self.arc.story, *self.said)


def names(phrase: str, said: str) -> int:
    """How much of a text that went through `plain` a phrase for a Thai question names, without what it asks with."""
    parts = [part for one in phrase.split() if (part := _ASKED.sub("", one.partition("|")[0]))]
    return sum(map(len, parts)) if parts and all(plain(part) in said for part in parts) else 0


def is_so(supposed: str, known: Iterable[str]) -> bool | None:
    """Whether what is supposed is so by all that is `known`; None where that is not told."""
    texts = tuple(known)
    if mine := figures_in(supposed):
        told = [one for text in texts for one in figures_in(text)]
        return all(any(one.value == other.value for other in _told_of(one, told)) for one in mine)
    return True if share_told(supposed, texts, least=_SHARED + 1) > 0.6 else None


def _told_of(one: Figure, told: list[Figure]) -> list[Figure]:
    """Those of the figures told that are of the same thing as one, else all of its kind."""
    kin = [other for other in told if other.kind == one.kind]
    return [other for other in kin if one.kind == "number" and one.after and other.after == one.after] or kin


def names_one(text: str, line: str) -> bool:
    """Whether a line names one of the two things that an English question leaves the choice of, and no more than them:
    a figure of them, where they have any, else a word."""
    left, _, right = text.rpartition(" or ")
    either = f"{' '.join(left.split()[-3:])} {right}" if left else ""
    if mine := figures_in(either):
        return any(one.value == other.value and one.suits(other) for one in mine for other in figures_in(line))
    words = content_words(" ".join(left.split()[-2:])) ^ content_words(right)
    return not words.isdisjoint(content_words(line)) if left else False


def share_told(supposed: str, texts: Sequence[str], least: int = _SHARED) -> float:
    """How much of the words of a text others hold; 0 where no run of Thai that they share is at least so long."""
    if supposed.isascii():
        words = content_words(supposed)
        return len(words & frozenset().union(*map(content_words, texts))) / max(1, len(words))
    whole = "|".join(plain(text).replace(" ", "") for text in texts)
    parts = [part for part in _EMPTY.sub(" ", plain(supposed)).split() if len(part) > 1]
    runs = [run for part in parts for run in _runs(part, whole)]
    return sum(runs) / sum(map(len, parts)) if max(runs, default=0) >= least else 0.0


def _runs(part: str, whole: str) -> Iterator[int]:
    """The lengths of the runs of a part that stand in a text and are long enough for a word."""
    least, at = min(_SHARED, len(part)), 0
    while at <= len(part) - least:
        size = least
        if part[at : at + size] not in whole:
            at += 1
            continue
        while at + size < len(part) and part[at : at + size + 1] in whole:
            size += 1
        yield size
        at += size
