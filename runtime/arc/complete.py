"""The arc of a call: a persona's front matter completed, by its prose and by what any customer says.

What wins, where several say something of the same:

1. the persona's front matter;
2. the persona's prose: items of the profile become facts, lines in quotes what she opens with, answers and ends with,
   sentences of the scenario what her problem is;
3. the language's `customer`, which has all that she needs to answer at all.

Of a cue or a fact that two of them name, the later fills in what the earlier leaves open. Opening, timers, phases,
endings and objectives are taken whole from the first that has any. A line in quotes under a condition (`When asked for
the account: "…"`) is what she says then, and nothing that any customer would say. Prose in a language that
nothing here speaks gives its quoted lines and its profile alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace
from functools import lru_cache
from itertools import chain, islice
from typing import Any

from ..spec.persona import (
    Arc,
    CommonCue,
    Cue,
    Ending,
    Fact,
    FrontMatter,
    Persona,
    Topic,
    said_in,
)
from ..spec.writing_system import THAI, THAI_TEXT
from . import first_person, identity, prose
from .machine import comes_about
from .markup import plain_sections
from .phrases import heard_any, phrase_pattern, plain
from .quoted_lines import CONDITION, with_lines
from .topics import STOP_WORDS, content_words, topic_words

ITEMS, SENTENCES = 200, 400
"""How many of each are taken from one persona's prose. Far more than any has: what is beyond could only be made to be
slow, as each is compared with what is known already."""

_POSTCODE = re.compile(r"\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b|\b\d{5}(?:-\d{4})?\b(?!.*\b\d{5})")
"""The postcode in an address, a British one or five digits: who asks for that alone has not asked before."""


@lru_cache(maxsize=64)
def make_arc(persona: Persona, customer: FrontMatter, language: str) -> Arc:
    """The arc of this persona in this language (a base tag), where any customer says what `customer` holds."""
    if customer.called and not persona.front.calls:
        customer = merged(customer.called, customer)
    persona = replace(persona, sections=plain_sections(persona.prose))
    common = _named(customer, persona, language)
    if not prose.is_native(persona, language) and persona.front.opening.keys().isdisjoint((language, "")):
        if language == "en" or not common.cues:
            return _foreign(persona, common, language)
        return _arc(merged(persona.front, common), common, language)
    front = _with_profile(merged(persona.front, common), persona, language)
    front, topics = with_lines(front, persona, language)
    front, told, known = _with_scenario(_with_want(front, persona, language), common, persona, language)
    facts = ((name, fact) for name, fact in front.facts.items() if name not in common.facts and not fact.mood)
    own = ((name, said_in(fact.say, language)) for name, fact in facts)
    told_by = ((name, say, "" if name in persona.front.facts else "".join(say[:1])) for name, say in own)
    profile = (Topic(topic_words(f"{name}: {value}"), say) for name, say, value in told_by)
    topics += tuple(Topic(topic_words(line), (line,)) for line in (*told, *known))
    plot = [line for line in told if not first_person.states_a_number(line)]
    asks = persona.front.calls and CommonCue.PROBLEM not in persona.front.cues
    story = (" ".join(plot[:2]), *plot[2:4]) if plot and asks else ()
    return _arc(front, common, language, (*topics, *profile), story)


def _arc(
    front: FrontMatter, common: FrontMatter, language: str, topics: Iterable[Topic] = (), story: tuple[str, ...] = ()
) -> Arc:
    over = (said_in(ending.say, language) for ending in (*front.endings, *common.endings) if ending.name == "over")
    evasive = frozenset(name for name, fact in front.facts.items() if common.facts.get(name) == fact)
    return Arc(front, language, tuple(topics), story, common.phases, next(over, ()), evasive)


def merged(own: FrontMatter, common: FrontMatter) -> FrontMatter:
    """A persona's front matter with what any customer says (a language's `customer`) where it says nothing itself.

    A cue that the persona lists, or waits for by its name, is taken over in all that it leaves open, by whoever has a
    common one of its name.
    Where the persona has cues of its own that anger (or calm), the common ones that do so are still answered but no
    longer move the mood: what angers and calms is then the persona's own affair.
    """
    waited_for = {name: Cue() for _, name in own.cue_names() if name in common.named_cues and name not in own.cues}
    mine = {
        name: _taken_over(cue, common.cues.get(name) or common.named_cues.get(name))
        for name, cue in (own.cues | waited_for).items()
    }
    angers, calms = (any(cue.change * sign > 0 for cue in mine.values()) for sign in (-1, 1))
    ons = {cue.on for cue in mine.values() if cue.on and cue.on != "nothing"}
    cues = dict(mine)
    for name, cue in common.cues.items():
        if name in cues or cue.on in ons:
            continue
        cues[name] = replace(cue, mood=0 if (cue.change < 0 and angers) or (cue.change > 0 and calms) else cue.change)
    endings = own.endings or tuple(_within_reach(ending, cues) for ending in common.endings if comes_about(ending))
    return replace(
        own,
        opening=own.opening or common.opening,
        mood=own.start_mood if own.cues or own.phases or own.mood is not None else common.start_mood,
        facts={name: _as_asked(fact, common.facts.get(name)) for name, fact in _own_first(own.facts, common.facts)},
        cues=cues,
        named_cues={name: cue for name, cue in common.named_cues.items() if name not in cues},
        neutral={
            tag: (*common.neutral.get(tag, ()), *own.neutral.get(tag, ())) for tag in common.neutral | own.neutral
        },
        timers=own.timers or common.timers,
        phases=own.phases or common.phases,
        endings=endings,
        objectives=own.objectives or common.objectives,
    )


def _own_first(own: Mapping[str, Fact], common: Mapping[str, Fact]) -> Iterator[tuple[str, Fact]]:
    """Of two facts that are asked for by the same words the first is told."""
    yield from own.items()
    yield from ((name, fact) for name, fact in common.items() if name not in own)


def _within_reach(ending: Ending, cues: dict[str, Cue]) -> Ending:
    """An ending that waits for no cue that moves nothing."""
    entries = ("|".join(name for name in entry.split("|") if cues[name].change) for entry in ending.when)
    return replace(ending, when=tuple(filter(None, entries)))


def _taken_over(own: Cue, common: Cue | None) -> Cue:
    """A persona's cue with what it leaves open as the common one has it."""
    if common is None:
        return replace(own, mood=own.change)
    taken: dict[str, Any] = {}
    for key in (field.name for field in fields(Cue)):
        mine, theirs = getattr(own, key), getattr(common, key)
        texts = isinstance(mine, dict) and "" not in mine
        taken[key] = {**theirs, **mine} if texts else theirs if mine is None else mine
    return Cue(**taken | {"mood": taken["mood"] or 0})


def _as_asked(own: Fact, common: Fact | None) -> Fact:
    """A persona's fact; one that says no way to ask for it is asked for as the common one of its name."""
    return replace(own, like=common.like, hear=common.hear) if common and not (own.like or own.hear) else own


def _named(customer: FrontMatter, persona: Persona, base: str) -> FrontMatter:
    """The customer under the persona's name; in Thai with a man's particles."""
    if (fact := customer.facts.get("name")) and identity.is_named(persona):
        parts = [part for part in persona.name.split() if re.fullmatch(rf"(?:[^\W\d_]|[{THAI}])+", part)]
        names = "|".join((*parts, *(f"คุณ{part}" for part in parts if THAI_TEXT.search(part))))
        thai = (f"{part}{asks}" for part in names.split("|") for asks in _THAI_ASKS_NAME if not part.isascii())
        spoken_to = f"speak|talk|through|connected to|with {names}"
        asked = (f"is this|that|it {names}", spoken_to, f"ใช่|สาย|คุยกับ|สายกับ|พูดกับ|สนทนากับ {names}", *thai)
        hear = {**fact.hear, "": asked} if names else fact.hear
        named = replace(fact, hear=hear, say={base: (first_person.spoken(persona.name, base),)})
        customer = replace(customer, facts={**customer.facts, "name": named})
    return _by_a_man(customer) if base == "th" and identity.is_man(persona) else customer


_THAI_ASKS_NAME = ("ใช่ไหม", "ใช่มั้ย", "หรือเปล่า", "รึเปล่า", "ใช่หรือ")


def _by_a_man(customer: FrontMatter) -> FrontMatter:
    def turned(lines: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        return {
            tag: tuple(re.sub("ค่ะ|คะ", "ครับ", re.sub("ดิฉัน|ฉัน", "ผม", line)) for line in texts)
            for tag, texts in lines.items()
        }

    def turned_cues(cues: dict[str, Cue]) -> dict[str, Cue]:
        return {name: replace(cue, say=turned(cue.say), ask=turned(cue.ask)) for name, cue in cues.items()}

    return replace(
        customer,
        opening=turned(customer.opening),
        facts={name: replace(fact, say=turned(fact.say)) for name, fact in customer.facts.items()},
        cues=turned_cues(customer.cues),
        named_cues=turned_cues(customer.named_cues),
        phases=tuple(replace(phase, say=turned(phase.say)) for phase in customer.phases),
        endings=tuple(replace(ending, say=turned(ending.say)) for ending in customer.endings),
    )


def _with_profile(front: FrontMatter, persona: Persona, base: str, foreign: bool = False) -> FrontMatter:
    """Items of the profile become facts; one that the persona's own front matter listens for is known already. In a
    `foreign` language, whose ways to ask are not known, a key asks by itself."""
    facts = dict(front.facts)
    man = identity.is_man(persona)
    kinds = ("profile", "persona", "scenario", "other")
    sections = (one for one in persona.sections if one.kind in kinds and not identity.is_direction(one.title))
    items = (item for section in sections for item in prose.items(section))
    for key, value in islice(items, ITEMS):
        if CONDITION.search(key) or len(key.split()) > 5 or not identity.is_of_hers(key, value):
            continue
        about = (name for name, fact in front.facts.items() if _is_about(key, name, fact))
        known = plain(key) if plain(key) in facts else next(about, None)  # an address is no email address
        if known in persona.front.facts or plain(key) in ("customer", "caller", "client", *plain(persona.name).split()):
            continue
        hear = facts[known].hear if known else {}
        words = tuple(way for way in _ways_to_ask(key, base, alone=foreign) if way not in hear.get("", ()))
        if words or known:
            say: dict[str, tuple[str, ...]] = {base: (first_person.spoken(value, base, man),)}
            facts[known or key] = Fact(hear={**hear, "": (*hear.get("", ()), *words)}, say=say)
            if known == "address" and "postcode" in facts and (code := _POSTCODE.search(value)):
                facts["postcode"] = replace(facts["postcode"], say={base: (code[0],)})
    return replace(front, facts=facts)


_WANTS = re.compile(
    r"(?:wants?|(?:desired|preferred|ideal|expected) (?:outcome|result|resolution)|will accept|"
    r"what (?:you|she|he) wants?|สิ่งที่(?:ลูกค้า)?ต้องการ|ความต้องการ)$",
    re.I,
)


def _with_want(front: FrontMatter, persona: Persona, base: str) -> FrontMatter:
    """An item that says what she wants is what she says when she is asked for that."""
    if CommonCue.WANT in persona.front.cues or CommonCue.WANT not in front.cues:
        return front
    items = (item for section in persona.sections for item in prose.items(section))
    for key, value in islice(items, ITEMS):
        if _WANTS.match(key) and (line := first_person.wanted(value, base, identity.is_man(persona))):
            want = front.cues[CommonCue.WANT]
            return replace(front, cues={**front.cues, CommonCue.WANT: replace(want, say={**want.say, base: (line,)})})
    return front


def _is_about(key: str, name: str, fact: Fact) -> bool:
    """Whether a key of the profile names what this fact is about."""
    said = plain(key)
    words = frozenset(said.split())
    phrases = [phrase for phrases in fact.hear.values() for phrase in phrases]
    short = len(said) < 4 and bool(THAI_TEXT.search(said))  # such a run of letters is in many words
    in_words = any((said in phrase and not short) or words <= _words(phrase) for phrase in phrases)
    return in_words or plain(name) in words or heard_any(fact.hear, said)


@lru_cache(maxsize=4096)
def _words(phrase: str) -> frozenset[str]:
    return frozenset(plain(phrase.replace("|", " ")).split())


def _ways_to_ask(key: str, base: str, alone: bool) -> tuple[str, ...]:
    """Phrases that ask for the value of a key; a key of one word alone is too easily said in passing."""
    words = [word for word in plain(re.sub(r"\(.*", "", key)).split() if word not in STOP_WORDS and len(word) > 1]
    phrase = " ".join(words)
    if not words or phrase_pattern(phrase).negated:
        return ()
    if alone or (base == "th" and phrase.isascii()):
        return (phrase,)
    others = tuple(chain.from_iterable(ways for about, ways in _OTHER_WAYS if about.search(phrase)))
    if phrase.isascii() or not THAI_TEXT.search(phrase):
        asking = "what|whats|which|give|confirm|provide|tell|need|know|verify|state"
        short = (f"{asking} {phrase}", f"i have|get {phrase}", f"and your {phrase}", f"{phrase} please")
        ways = (phrase, *(f"what|which {word}" for word in words if len(word) > 3)) if len(words) > 1 else short
        return ways + others
    return (
        others
        + tuple(f"{ask} {phrase}" for ask in ("ขอ", "แจ้ง", "ทราบ"))
        + tuple(f"{phrase} {ask}" for ask in ("อะไร", "เท่าไหร่", "เท่าไร", "ไหน", "ของคุณ", "ใคร", "เมื่อไหร่", "กี่", "?"))
    )


_OTHER_WAYS = (
    (re.compile(r"\b(?:since|joined|tenure)\b"), ("how long been|have", "since when", "when did you join|sign|become")),
    (
        re.compile(r"\b(?:free|availab\w+)\b"),
        (
            "what|which day|days|time|times suit|suits|work|works|best",
            "when are|would you be free|available",
            "are you free",
        ),
    ),
    (re.compile("ตั้งแต่|เป็นสมาชิก|เป็นลูกค้า"), ("เป็นลูกค้า|เป็นสมาชิก นาน|กี่ปี|เมื่อไหร่|ตั้งแต่", "ใช้บริการ นาน|กี่ปี")),
    (re.compile("ว่าง|สะดวก"), ("สะดวก|ว่าง วันไหน|กี่โมง|เมื่อไหร่|ช่วงไหน|เวลาไหน|ตอนไหน",)),
)
"""Ways to ask for what a key names in other words."""


def _with_scenario(
    front: FrontMatter, common: FrontMatter, persona: Persona, base: str
) -> tuple[FrontMatter, list[str], list[str]]:
    """Sentences of the scenario, told as "I", and those about others that only answer a question; what one gives for a
    fact is said in place of any customer's."""
    kinds = ("scenario", "other", "persona") if not persona.front.facts else ()
    sections = (one for one in persona.sections if one.kind in kinds and not identity.is_direction(one.title))
    sentences = list(islice((one for section in sections for one in prose.sentences(section)), SENTENCES))
    man = base == "th" and identity.is_man(persona)
    told = list(first_person.told_of(sentences, persona.name, base, man))
    known = [
        first_person.spoken(one, base, man)
        for one in sentences
        if first_person.tells_of_others(one, persona.name, base)
    ]
    if not persona.front.calls:  # what she is called about, nobody has told her yet
        told = [line for line in told if not first_person.tells_of_being_called(line)]
        known = [line for line in known if not first_person.tells_of_a_call(line)]
    words = content_words(" ".join(told))
    # What the story speaks of is asked for by its name alone: what was ordered is told by a sentence, not by a number.
    facts = {name: replace(f, like={}) if content_words(name) & words else f for name, f in front.facts.items()}
    for name in [name for name in facts if facts[name].say == common.facts.get(name, Fact(say={})).say]:
        if line := first_person.told_in(told, facts[name].hear, base, man):
            facts[name] = replace(facts[name], say={base: (line,)})
    return replace(front, facts=facts), told, [line for line in known if line not in told]


def _foreign(persona: Persona, common: FrontMatter, base: str) -> Arc:
    """A persona in a language that nothing else here speaks: her own lines only, one phase after the other. What she is
    told in it moves nothing, so that her last line ends the call unsatisfied."""
    mute = FrontMatter(
        cues={name: replace(cue, say={}, ask={}) for name, cue in common.cues.items() if cue.on != "nothing"},
        named_cues={name: replace(cue, say={}, ask={}) for name, cue in common.named_cues.items()},
        endings=(
            *(replace(ending, say={}) for ending in common.endings if comes_about(ending)),
            Ending(name="all said", mood=96, means={"": "the customer has said all that is hers to say"}),
        ),
        phases=tuple(replace(phase, say={}) for phase in common.phases),
    )
    kinds = [section.kind for section in persona.sections for _ in prose.quoted(section)]
    lines = kinds.count("phase") or len(kinds)
    step = Cue(on="nothing", mood=max(9, 60 // max(1, lines - 1)), repeats=True)
    mute = replace(mute, cues={**mute.cues, "next": step})
    front = _with_profile(merged(persona.front, mute), persona, base, foreign=True)
    front, topics = with_lines(front, persona, base, foreign=True)
    return _arc(front, FrontMatter(), base, topics)
