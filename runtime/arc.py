"""The emotional arc: what a trainee says → what it does to the persona. Pure: no I/O, no clock, no randomness."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, reduce
from itertools import islice
from types import MappingProxyType

from .persona import Emotion, Ending, Fact, FrontMatter, Phase

TEXT_LIMIT = 2000
"""Characters of one turn that are listened to. More than two minutes of speech in one go is noise or an attack."""

ANSWERS = 3
"""Facts that a person answers in one breath; those asked beyond are neither answered nor counted as told."""

_NEGATORS = frozenset(
    "not never no nor cannot cant wont dont doesnt didnt isnt arent wasnt werent havent hasnt hadnt wouldnt couldnt "
    "shouldnt aint neither without unable nicht kein keine nunca jamais pas".split()
)
_HARMLESS = {
    "no": frozenset(
        "i im ill ive id we were well weve you your it its that thats problem worries doubt maam sir".split()
    ),
    "not": frozenset(["only", "just"]),
}
"""What makes a negator none: "no problem", "no, I am sorry" (said without the comma), "not only"."""

_THAI_NEGATOR = re.compile("(?<!หรือ)ไม่(?!เกิน|เป็นไร|ต้อง|ใช่แค่|ใช่เพียง|เพียง|ทราบ|นาน|แปลก|ว่า)|มิได้|ห้าม|ปฏิเสธ")
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
_SEAM = re.compile(rf"(?<=[{_UNSPACED}])(?=[^{_UNSPACED}\s])|(?<=[^{_UNSPACED}\s])(?=[{_UNSPACED}])")
_NUMBER = (
    r"(?<!\S)(?:\S*\d\S*|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|"
    r"forty|fifty|sixty|seventy|eighty|ninety)(?!\S)|หนึ่ง|สอง|สาม(?!ารถ)|สี่|ห้า(?!ม)|หก|เจ็ด|แปด|เก้า(?!อี้)|สิบ|ศูนย์"
)
_SPECIAL = {"#": _NUMBER, "##": r"(?<!\S)\S*\d{5}\S*", "?": r"\?"}


@lru_cache(maxsize=1024)
def plain(text: str) -> str:
    """The text as phrases are looked for in it.

    Lower case, apostrophes gone, Thai digits as 0-9, one space between words and wherever a script that puts none
    meets one that does; `,` stands for every break between clauses, `?` for a question mark.
    """
    text = unicodedata.normalize("NFKC", text[:TEXT_LIMIT])[:TEXT_LIMIT].casefold()
    text = re.sub(r"['’‘ʼ`´\u200b-\u200d\u2060\ufeff]", "", text)
    text = re.sub(r"(?<=\d)[.,](?=\d)", " ", text)
    return " ".join(_SEAM.sub(" ", "".join(map(_plain_character, text))).split())


def _plain_character(character: str) -> str:
    kind = unicodedata.category(character)
    if kind == "Nd":
        return str(unicodedata.decimal(character))
    if kind[0] in "LMN":
        return character
    return " ? " if character == "?" else " , " if character in ".,;:!()\n—–" else " "


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words to listen for: in their order, with at most two other words (in Thai, twelve characters) in between.

    In a phrase as written, `a|b` is either word, `a-b` two words with none in between, `#` any number in digits or
    words, `##` a code of five digits or more, and `?` a question mark. Case and punctuation do not count. A negator
    before or within what was said defeats it, unless the phrase has one itself.
    """

    parts: tuple[re.Pattern[str], ...]
    spaced: tuple[bool, ...]
    negated: bool

    def heard_in(self, text: str) -> bool:
        """Whether a text that went through `plain` holds the phrase. Time grows with the text's length alone."""
        ends: list[int] = []
        for i, part in enumerate(self.parts):
            spans = (match.span() for match in part.finditer(text))
            if i == 0:
                ends = [end for start, end in spans if self.negated or not _negated_before(text, start)]
            else:
                close = self.spaced[i - 1] and self.spaced[i]
                ends = [end for start, end in spans if self._follows(text, ends, start, close)]
            if not ends:
                return False
        return bool(self.parts)

    def _follows(self, text: str, ends: Sequence[int], start: int, spaced: bool) -> bool:
        last = bisect_right(ends, start) - 1
        if last < 0:
            return False
        # Of all the places where the words so far may end, the nearest has the least in between.
        gap = text[ends[last] : start]
        words = [word for word in gap.split() if word not in ",?"]
        near = len(words) <= 2 if spaced else sum(map(len, words)) <= 12
        return near and (self.negated or not _negates(words, gap))


@lru_cache(maxsize=8192)
def phrase_pattern(phrase: str) -> Phrase:
    """What to look for, compiled from a phrase as a persona file writes it."""
    parts, spaced = [], []
    for word in phrase[:TEXT_LIMIT].split():
        if word in _SPECIAL:
            parts.append(re.compile(_SPECIAL[word]))
            spaced.append(True)
            continue
        choices = [choice for choice in (plain(choice) for choice in word.split("|")) if choice.strip(",? ")]
        # A hyphenated word is several words to `plain`; they then follow one another as one part.
        choices = [" ".join(choice.replace(",", " ").replace("?", " ").split()) for choice in choices]
        if choices:
            unspaced = all(re.match(rf"[{_UNSPACED}]", choice) for choice in choices)
            found = "|".join(map(re.escape, sorted(choices, key=len, reverse=True)))
            parts.append(re.compile(found if unspaced else rf"(?<!\S)(?:{found})(?!\S)"))
            spaced.append(not unspaced)
    negated = bool(_NEGATORS & set(plain(phrase.replace("|", " ")).split()) or "ไม่" in phrase or "มิได้" in phrase)
    return Phrase(tuple(parts), tuple(spaced), negated)


def heard(phrase: str, text: str) -> bool:
    """Whether the trainee's words hold the phrase."""
    return phrase_pattern(phrase).heard_in(plain(text))


def _negated_before(text: str, start: int) -> bool:
    clause = re.split("[,?]", text[max(0, start - 80) : start])[-1]
    words = clause.split()[-3:]
    joined = re.split(r"\s", clause)[-1][-16:] if not clause.endswith(" ") else (words[-1] if words else "")[-16:]
    if clause.endswith(" ") and re.match(rf"[{_UNSPACED}]", text[start : start + 1]):
        joined = ""  # a space between Thai words is a pause between clauses
    return _negates([*words, *text[start:].split(" ", 1)[:1]], joined)


def _negates(words: Sequence[str], unspaced: str) -> bool:
    pairs = zip(words, [*words[1:], ""], strict=False)
    return any(word in _NEGATORS and after not in _HARMLESS.get(word, ()) for word, after in pairs) or bool(
        _THAI_NEGATOR.search(unspaced)
    )


@dataclass(frozen=True, slots=True)
class Heard:
    """What one turn of the trainee held: names of cues that counted, and of facts asked for, asked for again or
    read back for confirmation."""

    cues: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    confirmed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """Where a call stands after some turns. `met` counts each cue; `last` is what the last turn held."""

    mood: int
    emotion: Emotion
    phase: Phase | None = None
    met: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    told: frozenset[str] = frozenset()
    asked_again: int = 0
    ending: Ending | None = None
    last: Heard = Heard()
    turns: int = 0


def start(front: FrontMatter) -> State:
    """The state before anything is said."""
    phase = phase_at(front.phases, front.mood)
    return State(front.mood, emotion_at(phase, front.mood), phase)


def fold(front: FrontMatter, turns: Iterable[str]) -> State:
    """The state after the trainee said all this."""
    return reduce(lambda state, text: step(front, state, text), turns, start(front))


def step(front: FrontMatter, state: State, text: str) -> State:
    """The state after one more turn of the trainee. Once an ending is reached, nothing changes it."""
    if state.ending:
        return replace(state, last=Heard(), turns=state.turns + 1)
    last = _listen(front, state, text)
    met = dict(state.met)
    change = 0
    for name in last.cues:
        cue = front.cues[name]
        if name not in met or (cue.mood < 0 if cue.repeats is None else cue.repeats):
            change += cue.mood
        met[name] = met.get(name, 0) + 1
    state = replace(
        state,
        met=MappingProxyType(met),
        told=state.told | set(last.asked),
        asked_again=state.asked_again + len(last.again),
        last=last,
        turns=state.turns + 1,
    )
    return shift(front, state, change)


def shift(front: FrontMatter, state: State, change: int) -> State:
    """The state with the mood changed by so much, and with the ending that this brings about."""
    mood = max(0, min(100, state.mood + change))
    phase = phase_at(front.phases, mood)
    ending = state.ending or next((e for e in front.endings if _reached(e, state.met, mood)), None)
    return replace(state, mood=mood, phase=phase, emotion=emotion_at(phase, mood), ending=ending)


def _reached(ending: Ending, met: Mapping[str, int], mood: int) -> bool:
    if not ending.when and not ending.mood and ending.below is None:
        return False  # nothing brings it about: it is there for its lines
    return all(met.get(name) for name in ending.when) and ending.mood <= mood < (ending.below or 101)


def _listen(front: FrontMatter, state: State, text: str) -> Heard:
    said = plain(text)
    if not said.strip(",? "):
        return Heard(cues=tuple(name for name, cue in front.cues.items() if cue.on == "silence"))
    wanted = [name for name, fact in front.facts.items() if _any_heard(fact.hear, said)]
    confirmed = tuple(name for name, fact in front.facts.items() if _read_back(fact, said, name in wanted))
    wanted = [name for name in wanted if name not in confirmed]
    again = tuple(name for name in wanted if name in state.told)
    asked = tuple(name for name in wanted if name not in state.told)[:ANSWERS]
    cues = {name for name, cue in front.cues.items() if not cue.on and _any_heard(cue.hear, said)}
    cues |= {name for name, cue in front.cues.items() if cue.on == "repeated_question" and again}
    if not cues and not wanted and not confirmed:
        nothing = sorted(
            (n for n, cue in front.cues.items() if cue.on == "nothing"), key=lambda n: not front.cues[n].hear
        )
        fits = (name for name in nothing if not front.cues[name].hear or _any_heard(front.cues[name].hear, said))
        cues = set(islice(fits, 1))
    counted = tuple(name for name, cue in front.cues.items() if name in cues and not cues.intersection(cue.unless))
    return Heard(counted, asked, again, confirmed)


def _any_heard(hear: Mapping[str, tuple[str, ...]], said: str) -> bool:
    """Whether any phrase in any language was heard: trainees mix languages."""
    return any(phrase_pattern(phrase).heard_in(said) for phrases in hear.values() for phrase in phrases)


def _read_back(fact: Fact, said: str, asked: bool) -> bool:
    """Whether the trainee says the answer's numbers: then it is confirmed, not asked for. Numbers that say little
    by themselves ("3") count only in what sounds like a question for this fact."""
    words = set(said.split())
    for line in (line for lines in fact.say.values() for line in lines):
        numbers = {word for word in plain(line).split() if any(c.isdecimal() for c in word)}
        if numbers and numbers <= words and (asked or sum(map(len, numbers)) > 2):
            return True
    return False


def phase_at(phases: Sequence[Phase], mood: int) -> Phase | None:
    """The phase that this mood is in; between two, the one below."""
    inside = next((phase for phase in phases if phase.mood[0] <= mood <= phase.mood[1]), None)
    below = [phase for phase in phases if phase.mood[1] < mood]
    return inside or max(below, key=lambda phase: phase.mood[1], default=phases[0] if phases else None)


def emotion_at(phase: Phase | None, mood: int) -> Emotion:
    """The phase's emotion; without phases, one that goes with the mood."""
    if phase:
        return phase.emotion
    bounds = (25, 45, 60, 75, 90)
    return list(Emotion)[bisect_right(bounds, mood)]


def merged(own: FrontMatter, common: FrontMatter) -> FrontMatter:
    """A persona's front matter with what any customer says (a language's `customer`) where it says nothing itself.

    Where the persona has cues of its own that anger (or calm), the common ones that do so are still answered but no
    longer move the mood: what angers and calms is then the persona's own affair.
    """
    angers, calms = (any(cue.mood * sign > 0 for cue in own.cues.values()) for sign in (-1, 1))
    ons = {cue.on for cue in own.cues.values() if cue.on and cue.on != "nothing"}
    cues = dict(own.cues)
    for name, cue in common.cues.items():
        if name in cues or cue.on in ons:
            continue
        cues[name] = replace(cue, mood=0) if (cue.mood < 0 and angers) or (cue.mood > 0 and calms) else cue
    endings = own.endings or tuple(
        replace(ending, when=tuple(name for name in ending.when if cues[name].mood)) for ending in common.endings
    )
    return replace(
        own,
        opening=own.opening or common.opening,
        facts={**own.facts, **{name: fact for name, fact in common.facts.items() if name not in own.facts}},
        cues=cues,
        timers=own.timers or common.timers,
        phases=own.phases or common.phases,
        endings=endings,
        objectives=own.objectives or common.objectives,
    )
