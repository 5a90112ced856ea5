"""Phrases that a persona's file listens for, and finding them in what a trainee says."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter

TEXT_LIMIT = 2000
"""Characters of one turn that are listened to. More than two minutes of speech in one go is noise or an attack."""

GAP_LIMIT = 160
"""Characters between two parts of a phrase, whatever they are."""

NEGATORS = frozenset(
    "not never no nor cannot cant wont dont doesnt didnt isnt arent wasnt werent havent hasnt hadnt wouldnt couldnt "
    "shouldnt neednt mustnt oughtnt mightnt aint neither without unable nothing nobody nobodys none nicht kein keine "
    "nunca jamais pas".split()
)
_NEAR_NEGATORS = frozenset("never no nor neither without unable".split())
"""What denies what follows up to three words later; others up to six ("won't be sending you off to …")."""
_HARMLESS = {
    "no": frozenset(
        "i im ill ive id we were well weve you your it its that thats problem worries doubt maam sir later more extra "
        "charge cost fee fees longer".split()
    ),
    "not": frozenset(["only", "just", "later"]),
}
"""What makes a negator none: "no problem", "no, I am sorry" (said without the comma), "not only"."""

THAI_NEGATOR = re.compile("(?<!หรือ)ไม่(?!เกิน|เป็นไร|ใช่แค่|ใช่เพียง|เพียง|ทราบ|นาน|แปลก|ว่า)|มิได้|ห้าม|ปฏิเสธ|อย่า(?!ง)")
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
_UNSPACED_LETTER = re.compile(f"[{_UNSPACED}]")
_SEAM = re.compile(rf"(?<=[{_UNSPACED}])(?=[^{_UNSPACED}\s])|(?<=[^{_UNSPACED}\s])(?=[{_UNSPACED}])")
_NUMBERS = frozenset(
    "zero one two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty sixty "
    "seventy eighty ninety".split()
)
_THAI_NUMBER = re.compile("หนึ่ง|สอง|สาม(?!ารถ)|สี่|ห้า(?!ม)|หก|เจ็ด|แปด|เก้า(?!อี้)|สิบ|ศูนย์")
_NUMBER = rf"(?<!\S)(?:\S*\d\S*|{'|'.join(sorted(_NUMBERS))})(?!\S)|{_THAI_NUMBER.pattern}"
_TIME = re.compile(
    r"\b(?:today|tonight|tomorrow|noon|midnight|(?<!good )(?:morning|afternoon|evening)|overnight|immediately|now|"
    r"before|until|latest|first|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|\w+teenth|\w+tieth|"
    r"(?:second|minute|hour|day|week|month|weekend|fortnight|year)s?|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|may|june|july|august|september|october|"
    "november|december)\\b|"
    "วัน|คืน|พรุ่งนี้|มะรืน|ชั่วโมง|นาที|วินาที|สัปดาห์|อาทิตย์|เดือน|ปี|โมง|ทุ่ม|เช้า|บ่าย|เย็น|เที่ยง|ทันที|เดี๋ยว|ตอนนี้|ก่อน\\S{0,8}ประชุม"
)
_DIGITS = {
    **{word: str(i) for i, word in enumerate("zero one two three four five six seven eight nine".split())},
    **{word: str(i) for i, word in enumerate("ศูนย์ หนึ่ง สอง สาม สี่ ห้า หก เจ็ด แปด เก้า".split())},
    **dict.fromkeys(["oh", "nought"], "0"),
}
_DIGIT = (
    rf"(?:(?<!\S)(?:\d|{'|'.join(filter(str.isascii, _DIGITS))})(?!\S)|"
    rf"(?:{'|'.join(word for word in _DIGITS if not word.isascii())})(?!สิบ|ร้อย|พัน|หมื่น|แสน|ล้าน|ารถ|ม))"
)
_WITH_DIGITS = re.compile(r"(?<!\S)\S*\d\S*")
_WORD, _ARABIC = re.compile(r"\S+"), re.compile(r"\d")
_SPELLED = rf"{_DIGIT}(?:[ ,]*{_DIGIT}){{3,}}"
"""Four digits or more, one by one."""
_SPECIAL = {"#": _NUMBER, "##": rf"(?<!\S)(?=\S*\d{{5}})\S+|{_SPELLED}", "?": r"\?"}

FIGURE = re.compile(
    r"(?:https?://|www\.)[^\s\u0e00-\u0e7f]+|[\w.+-]+@[A-Za-z0-9.-]+|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.(?:com|net|org|co|th)\b|"
    r"[$€£¥฿]?(?:[A-Za-z]+-)?[A-Za-z]*\d[A-Za-z0-9]*(?:[.,:/-][A-Za-z]*\d[A-Za-z0-9]*)*%?"
)
"""What is one thing though it holds marks: a number, an amount, a date, a code, an address."""


@lru_cache(maxsize=1024)
def plain(text: str) -> str:
    """The text as phrases are looked for in it.

    Lower case, apostrophes gone, Thai digits as 0-9, one space between words and wherever a script that puts none
    meets one that does; `,` stands for every break between clauses, `?` for a question mark.
    """
    text = unicodedata.normalize("NFKC", text[:TEXT_LIMIT])[:TEXT_LIMIT].casefold()
    text = _SEPARATOR.sub(" ", _UNSEEN.sub("", text))
    text = text.translate(_PLAIN)
    return " ".join((text if text.isascii() else _SEAM.sub(" ", text)).split())


_UNSEEN = re.compile(r"['’‘ʼ`´\u200b-\u200d\u2060\ufeff]")
_SEPARATOR = re.compile(r"(?<=\d)[.,](?=\d)")


class _PlainCharacters(dict[int, str]):
    """What `plain` makes of each character, found out when it first comes."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        kind = unicodedata.category(character)
        if kind == "Nd":
            made = str(unicodedata.decimal(character))
        elif kind[0] in "LMN":
            made = character
        else:
            made = " ? " if character == "?" else " , " if character in ".,;:!()\n—–" else " "
        if code < 0x10000:
            self[code] = made
        return made


_PLAIN = _PlainCharacters()


def held_by(phrase: str, words: str) -> str:
    """A phrase with only those of its alternatives that words hold: of `our|my mistake|error` "my mistake"."""
    said = f" {plain(words)} "

    def held(part: str) -> str:
        able = (one for one in sorted(part.split("|"), key=len, reverse=True) if plain(one) and plain(one) in said)
        return next(able, part)

    return " ".join(map(held, phrase.split()))


@dataclass(frozen=True, slots=True)
class Match:
    """A phrase, as it is written, that a text holds: where it begins and ends there, and how many words it has."""

    phrase: str
    start: int
    end: int
    words: int
    negated: bool


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words to listen for: in their order, with at most two other words (in Thai, twelve characters) in between.

    In a phrase as written, `a|b` is either word, `a-b` two words with none in between, `#` any number in digits or
    words, `##` a code of five digits or more, or of four said one by one, and `?` a question mark. Case and punctuation
    do not count. A negator before or within what was said defeats it, unless the phrase has one itself.
    """

    written: str
    parts: tuple[str | frozenset[str], ...]
    """What each part can be: any of these words, or by a regular expression what is not one word."""
    spaced: tuple[bool, ...]
    negated: bool
    needs: tuple[frozenset[str], ...]
    """What a text holds one of that holds each part: a word of each choice; in a script without spaces its first
    character; "#" for a number."""

    def find_in(self, text: str, *, denied: bool = False) -> tuple[int, int] | None:
        """Where a text that went through `plain` holds the phrase, also where that is `denied`. Time grows with the
        text's length alone."""
        negated = self.negated or denied or _denies_nothing(text)
        found: list[tuple[int, int]] = []  # where what the text holds of it so far begins and ends
        for i, part in enumerate(self.parts):
            if isinstance(part, str):
                spans = [match.span() for match in _compiled(part).finditer(text)]
            else:
                spans = [span for word, span in _placed(text) if word in part]
            if i == 0:
                found = [span for span in spans if negated or not _negated_before(text, span[0])]
            else:
                close = self.spaced[i - 1] and self.spaced[i]
                before = [(_before(text, found, start, close, negated), end) for start, end in spans]
                found = [(found[j][0], end) for j, end in before if j >= 0]
            if not found:
                return None
        return found[0] if found else None


def _before(text: str, found: Sequence[tuple[int, int]], start: int, spaced: bool, negated: bool) -> int:
    """The index of what a part of a phrase which starts here follows; -1 for none."""
    last = bisect_right(found, start, key=itemgetter(1)) - 1
    if last < 0:
        return -1
    # Of all the places where the words so far may end, the nearest has the least in between.
    gap = text[found[last][1] : start]
    if gap in ("", " "):
        return last
    if len(gap) > GAP_LIMIT:
        return -1
    words = [word for word in gap.split() if word not in ",?"]
    near = len(words) <= 2 if spaced else sum(map(len, words)) <= 12
    return last if near and (negated or not negates(words, gap)) else -1


@lru_cache(maxsize=8192)
def phrase_pattern(phrase: str) -> Phrase:
    """What to look for, compiled from a phrase as a persona file writes it."""
    parts: list[str | frozenset[str]] = []
    spaced: list[bool] = []
    needs: list[frozenset[str]] = []
    for word in phrase[:TEXT_LIMIT].split():
        if word in _SPECIAL:
            parts.append(_SPECIAL[word])
            spaced.append(True)
            needs.append(frozenset([word[0]]))
            continue
        choices = [choice for choice in (plain(choice) for choice in word.split("|")) if choice.strip(",? ")]
        # A hyphenated word is several words to `plain`; they then follow one another as one part.
        choices = [" ".join(choice.replace(",", " ").replace("?", " ").split()) for choice in choices]
        if choices:
            unspaced = all(map(_UNSPACED_LETTER.match, choices))
            found = "|".join(map(re.escape, sorted(choices, key=len, reverse=True)))
            single = not unspaced and not any(" " in choice for choice in choices)
            # A pattern is compiled for a third of a turn's time: most parts need none.
            parts.append(frozenset(choices) if single else found if unspaced else rf"(?<!\S)(?:{found})(?!\S)")
            spaced.append(not unspaced)
            needs.append(frozenset(choice[0] if unspaced else max(choice.split(), key=len) for choice in choices))
    negated = bool(NEGATORS & set(plain(phrase.replace("|", " ")).split()) or re.search("ไม่|มิได้|อย่า(?!ง)", phrase))
    return Phrase(phrase, tuple(parts), tuple(spaced), negated, tuple(needs))


@lru_cache(maxsize=8192)
def _compiled(part: str) -> re.Pattern[str]:
    """Compiled when a text may hold it, or an index of phrases is made: who only reads a file needs few."""
    return re.compile(part)


def _negated_before(text: str, start: int) -> bool:
    clause = text[max(0, start - 80) : start].replace("?", ",").rpartition(",")[2]
    words = clause.split()[-6:]
    words = [word for word in words[:-3] if word not in _NEAR_NEGATORS] + words[-3:]
    joined = "".join(words[-1:])[-16:]
    if clause.endswith(" ") and _UNSPACED_LETTER.match(text[start : start + 1]):
        joined = ""  # a space between Thai words is a pause between clauses
    return negates([*words, text[start:].partition(" ")[0]], joined)


def negates(words: Sequence[str], unspaced: str) -> bool:
    """Whether any of these words is a negator, or this text in a script without spaces holds one."""
    if not NEGATORS.isdisjoint(words):
        pairs = zip(words, [*words[1:], ""], strict=False)
        if any(word in NEGATORS and after not in _HARMLESS.get(word, ()) for word, after in pairs):
            return True
    return not unspaced.isascii() and bool(THAI_NEGATOR.search(unspaced))


def heard_any(hear: Mapping[str, tuple[str, ...]], said: str) -> bool:
    """Whether any phrase in any language is in a text that went through `plain`: trainees mix languages."""
    return next(find_all(hear, said), None) is not None


def find_all(hear: Mapping[str, tuple[str, ...]], said: str) -> Iterator[Match]:
    """The phrases that a text which went through `plain` holds, in the order in which they are written."""
    for phrases in hear.values():
        yield from matches(_able(_by_need(phrases), said).values(), said)


def matches(phrases: Iterable[Phrase], said: str) -> Iterator[Match]:
    """Those of the phrases that a text which went through `plain` holds."""
    for phrase in phrases:
        if span := phrase.find_in(said):
            yield Match(phrase.written, *span, len(phrase.parts), phrase.negated)


def numbers_in(said: str) -> frozenset[str]:
    """The words of a text that went through `plain` which hold digits, and codes whose digits are said one by one ("two
    eight four seven") as such a word."""
    if "#" not in _words(said):
        return frozenset()
    codes = []
    if not said.isascii() or sum(len(word) == 1 or word in _DIGITS for word in said.split()) > 3:
        run, digit = _compiled(_SPELLED), _compiled(_DIGIT)
        codes = ["".join(_DIGITS.get(one, one) for one in digit.findall(code)) for code in run.findall(said)]
        said = run.sub(" ", said)
    return frozenset([*codes, *_WITH_DIGITS.findall(said)])


def has_number(said: str) -> bool:
    """Whether a text that went through `plain` holds a number, in digits or words."""
    if _ARABIC.search(said) or not _NUMBERS.isdisjoint(said.split()):
        return True
    return not said.isascii() and bool(_THAI_NUMBER.search(said))


def has_time(said: str) -> bool:
    """Whether a text that went through `plain` holds a number, or a word for a time or a day."""
    return bool(_TIME.search(said)) or has_number(said)


class PhraseIndex:
    """The phrases of many cues and facts, by a word that they must have: a persona listens for a thousand, of which a
    turn can hold a few. Their patterns are compiled by then, so that no turn waits for them.

    Args:
        kinds: of each kind, such as facts, the phrases by name and language.
    """

    def __init__(self, *kinds: Mapping[str, Mapping[str, tuple[str, ...]]]) -> None:
        texts = ((kind, name, text) for kind, hear in enumerate(kinds) for name in hear for text in hear[name].values())
        named = [(kind, name, phrase) for kind, name, phrases in texts for phrase in phrases]
        self._kinds = len(kinds)
        self._names = [(kind, name) for kind, name, _ in named]
        self._index = _indexed(phrase for _, _, phrase in named)
        for _, _, phrase in named:
            for part in phrase_pattern(phrase).parts:
                if isinstance(part, str):
                    _compiled(part)

    def able(self, said: str) -> list[dict[str, list[Phrase]]]:
        """The phrases that a text which went through `plain` may hold: of each kind by name, in the order in which they
        are written."""
        found: list[dict[str, list[Phrase]]] = [{} for _ in range(self._kinds)]
        for place, phrase in _able(self._index, said).items():
            kind, name = self._names[place]
            found[kind].setdefault(name, []).append(phrase)
        return found


def words_at(text: str, start: int, end: int) -> str:
    """The words of a text, to the letter, that stand between two places of what `plain` makes of it."""
    said = plain(text)
    begin, stop = start, end
    if not text.isascii() or text[:end].lower() != said[:end]:  # else each character is still in its place
        begin, stop = _between(text, *(len(said[:place].replace(" ", "")) for place in (start, end)))
        if plain(text[begin:stop].strip()).replace(" ", "") != said[start:end].replace(" ", ""):
            return text.strip()
    left, right = text.rfind(" ", 0, begin) + 1, text.find(" ", stop)  # no figure has a space
    for figure in FIGURE.finditer(text, left, len(text) if right < 0 else right):
        if figure.start() < stop and begin < figure.end():
            begin, stop = min(begin, figure.start()), max(stop, figure.end())
    return text[begin:stop].strip()


def _between(text: str, first: int, last: int) -> tuple[int, int]:
    """Where a text has these characters of what `plain` makes of it, without spaces."""
    # What `plain` does to a character, its neighbours change only where marks follow it, or at a number's separator.
    seen = begin = stop = 0
    for piece in _CLUSTER.finditer(text):
        if seen < last:
            stop = piece.end()
        size = 0 if piece["separator"] else _size(piece[0])
        if seen <= first and size:
            begin = piece.start()
        seen += size
        if seen >= last:
            break
    return begin, stop


@lru_cache(maxsize=1024)
def _size(cluster: str) -> int:
    """How many characters `plain` makes of a cluster; its own cache is for whole texts."""
    return len(plain.__wrapped__(cluster).replace(" ", ""))


_MARKS = "[\u0300-\u036f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]"
_CLUSTER = re.compile(rf"[A-Za-z]+(?!{_MARKS})|(?P<separator>(?<=\d)[.,](?=\d))|.{_MARKS}*", re.DOTALL)
"""A word of plain letters, which no phrase begins or ends in, or a character with its marks."""


@lru_cache(maxsize=8)
def _placed(said: str) -> tuple[tuple[str, tuple[int, int]], ...]:
    """The words of a text, each with where it begins and ends."""
    return tuple((word[0], word.span()) for word in _WORD.finditer(said))


@lru_cache(maxsize=8)
def _words(said: str) -> frozenset[str]:
    """What of all that phrases need a text holds."""
    words = frozenset([*said.split(), *_UNSPACED_LETTER.findall(said)])
    return words | {"#"} if has_number(said) or not words.isdisjoint(_DIGITS) else words


def _denies_nothing(said: str) -> bool:
    """Whether no word of a text is a negator; a script without spaces hides its own."""
    return said.isascii() and NEGATORS.isdisjoint(_words(said))


@lru_cache(maxsize=2048)
def _by_need(phrases: tuple[str, ...]) -> Mapping[str, list[tuple[int, Phrase]]]:
    return _indexed(phrases)


def _indexed(phrases: Iterable[str]) -> Mapping[str, list[tuple[int, Phrase]]]:
    """The phrases, each with its place, by what that part of them needs which the fewest others do."""
    index: dict[str, list[tuple[int, Phrase]]] = {}
    compiled = [phrase_pattern(phrase) for phrase in phrases]
    times = Counter(word for phrase in compiled for part in phrase.needs for word in part)
    for place, phrase in enumerate(compiled):
        for word in min(phrase.needs, key=lambda part: sum(times[word] for word in part), default=()):
            index.setdefault(word, []).append((place, phrase))
    return index


def _able(index: Mapping[str, list[tuple[int, Phrase]]], said: str) -> dict[int, Phrase]:
    """The phrases that a text may hold, in the order of their places: what each of their parts needs is there."""
    words = _words(said)
    able = {
        place: phrase
        for word in words & index.keys()
        for place, phrase in index[word]
        if not any(map(words.isdisjoint, phrase.needs))
    }
    return dict(sorted(able.items()))
