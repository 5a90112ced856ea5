"""What a persona's lines in quotes are said for: an event, a stretch of mood, the end, her problem, or a question."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice

from ..spec.persona import CommonCue, Cue, Emotion, Ending, Fact, FrontMatter, Persona, Phase, Topic, said_in, worded_in
from . import identity, prose
from .machine import comes_about
from .phrases import heard_any, plain
from .topics import content_words, event_words, topic_words

_CROWDED = re.compile("escalat|anger|trigger|furious|ยกระดับ|โมโห|โกรธ|ระเบิด|escalad", re.I)
CONDITION = re.compile(
    r"\b(?:if|when|whenever|asked|ask|after|once|unless|upon|told|si|cuando)\b|→|=>|->|ถ้า|หาก|เมื่อ|กรณี|ถูกถาม|ถูกบอก",
    re.I,
)
"""What says of words before a line in quotes, or of a key, that they are a condition."""
_REFUSES = re.compile(r"\b(?:won['’]t|will not|refus\w+|reject\w*)\b|ไม่(?:รับ|ยอม|เอา)|ปฏิเสธ", re.I)
"""What is said before a line that answers an offer, and opens no call."""
_LAST = re.compile(r"^.*[.|](?=.*\w)")
"""What stands before the condition itself, on its row."""
_LACKS = re.compile(r"\b(?:no|not|never|without|nothing|fails?)\b|n['’]t\b|ไม่(?!พอใจ)", re.I)
"""A condition for what the trainee leaves undone."""
_UNSOLVED = re.compile(
    r"unresol|not |n't |fail|dissatisf|unsatisf|negativ|escalat|walk|hang|ไม่|ล้มเหลว|ตัดสาย|วางสาย|no resuel|insatisf",
    re.I,
)

LINES, PHASES = 400, 50
"""How many of each are taken from one persona's prose."""


def with_lines(
    front: FrontMatter, persona: Persona, base: str, foreign: bool = False
) -> tuple[FrontMatter, tuple[Topic, ...]]:
    """Lines in quotes: in a phase they are said in its stretch of mood, after a condition when that is met, in a
    closing section at the end; where there are no phases, they say what the problem is (in a `foreign` language, which
    has nothing else to say, at any time)."""
    topics: list[Topic] = []
    cues, facts = dict(front.cues), dict(front.facts)
    own_lines = {name: said_in(cue.say, base) for name, cue in persona.front.cues.items()}
    phases: list[tuple[str, list[str]]] = []
    solved: list[str] = []
    unsolved: list[str] = []
    loose: list[str] = []
    closing, left = False, LINES
    for section in persona.sections:
        closing = section.kind == "closing" or (closing and section.level > 1)
        if section.kind == "phase":
            phases.append((section.title or "phase", []))
        lines = list(islice(prose.quoted(section), left))
        ended_badly = closing and bool(_UNSOLVED.search(f"{section.title} "))
        for line in lines:
            if closing:
                (unsolved if ended_badly or _UNSOLVED.search(f"{line.before} ") else solved).append(line.text)
            elif line.asked:
                topics.append(Topic(topic_words(line.asked), (line.text,)))
                turn = plain(line.asked)
                asked = (name for name in facts.keys() - persona.front.facts if heard_any(facts[name].hear, turn))
                facts |= {name: replace(facts[name], say={base: (line.text,)}) for name in asked}
            elif line.trigger or line.in_table or CONDITION.search(line.before):
                topics += _on_condition(cues, facts, own_lines, line, base)
            elif section.kind in ("objectives", "constraints", "profile"):
                continue
            elif _REFUSES.search(line.before[-60:]):
                topics.append(Topic(topic_words(line.text), (line.text,)))
            elif phases:
                phases[-1][1].append(line.text)
            elif not identity.is_direction(section.title):
                loose.append(line.text)
        said = list(islice(prose.items(section), left)) if closing and not lines else []
        for key, value in said:
            (unsolved if ended_badly or _UNSOLVED.search(f"{key} ") else solved).append(value)
        left -= len(lines) + len(said)
    front = replace(
        front, cues=cues, facts=facts, endings=_ended(front.endings, persona.front.endings, solved, unsolved, base)
    )
    own = [(title, tuple(texts)) for title, texts in phases[:PHASES]]
    texts = [text for _, texts in own for text in texts]
    if loose and foreign and not texts:
        own, texts = [(persona.name, tuple(loose))], loose
    first = identity.opening_line(persona.sections)
    if not first and persona.front.calls:
        first = next(iter([*(own[0][1] if own else ()), *texts, *loose]), "")
    if first and not persona.front.opening:
        front = replace(front, opening={base: (first,)})
    if texts and not persona.front.phases:
        front = (_phased if persona.front.calls else _phased_of_called)(front, own, persona.front.mood, base)
    elif loose and not persona.front.phases and CommonCue.PROBLEM in front.cues.keys() - persona.front.cues.keys():
        problem = front.cues[CommonCue.PROBLEM]
        says = {**problem.say, base: (*loose, *said_in(problem.say, base))}
        if persona.front.calls:
            front = replace(front, cues={**front.cues, CommonCue.PROBLEM: replace(problem, say=says)})
        topics += [Topic(topic_words(text), (text,)) for text in loose]
    return front, tuple(topics)


def _on_condition(
    cues: dict[str, Cue], facts: dict[str, Fact], own: dict[str, tuple[str, ...]], line: prose.QuotedLine, base: str
) -> tuple[Topic, ...]:
    """A line for when something happens: the common fact or cue for it says that (or those of the prose, by cue in
    `own`) and nothing else; else it is a topic or a cue. For what is left undone it is how she asks for it."""
    condition = line.trigger or line.before
    about, event = content_words(condition), event_words(condition)
    if re.search(r"\bask|ถาม|ขอ", condition):
        asked = about - {"number"} or about
        for name, fact in facts.items():
            if any(content_words(phrase.replace("|", " ")) & asked for phrase in fact.hear.get(base, ())):
                facts[name] = replace(fact, say={**fact.say, base: (line.text,)})
                if name != "secret":  # who asks for that also angers
                    return ()
    lacks = not line.trigger and bool(_LACKS.search(_LAST.sub("", condition)))
    for name, cue in cues.items():
        means = content_words(worded_in(cue.means, base))
        if (_stems(means) - {"come"}) & _stems(event or about) or (heard_any(cue.hear, plain(condition)) and not lacks):
            if lacks and cue.change > 0:
                cues[name] = replace(cue, ask={**cue.ask, base: (line.text,)})
                return ()
            if not lacks:
                own[name] = tuple(dict.fromkeys((*own.get(name, ()), line.text)))
                cues[name] = replace(cue, say={**cue.say, base: own[name]})
                return ()
    if line.trigger:
        cues[line.trigger] = Cue(hear={"": (line.trigger,)}, say={base: (line.text,)})
    able = bool(about) and not line.trigger and not lacks
    return (Topic(event, (line.text,), event=True) if event else Topic(about, (line.text,)),) if able else ()


def _stems(words: Iterable[str]) -> set[str]:
    """Words as they are alike in all their forms: apologises, apology, apologized."""
    return {word[:5] for word in words}


def _ended(
    endings: Iterable[Ending], own: tuple[Ending, ...], solved: list[str], unsolved: list[str], base: str
) -> tuple[Ending, ...]:
    if own:
        return own
    lines = {True: solved, False: unsolved}
    return tuple(
        replace(ending, say={base: tuple(lines[ending.passed])})
        if lines[ending.passed] and comes_about(ending)
        else ending
        for ending in endings
    )


def _phased(front: FrontMatter, own: list[tuple[str, tuple[str, ...]]], mood: int | None, base: str) -> FrontMatter:
    """Phases in the order of their mood: one that is about escalation lies below the opening, whatever its number. The
    call starts in `mood`, or else in the first phase."""
    ordered = sorted(own, key=lambda phase: 0 if _CROWDED.search(phase[0]) and "de-esc" not in phase[0].lower() else 1)
    share = 100 / len(ordered)
    emotions = [Emotion.ANGRY, Emotion.FRUSTRATED, Emotion.NEUTRAL, Emotion.SATISFIED]
    phases = tuple(
        Phase(
            name={base: title},
            mood=(round(k * share), round((k + 1) * share) - (k + 1 < len(ordered))),
            emotion=emotions[k * len(emotions) // len(ordered)] if len(ordered) > 1 else Emotion.NEUTRAL,
            say={base: lines},
        )
        for k, (title, lines) in enumerate(ordered)
    )
    first = phases[[id(phase) for phase in ordered].index(id(own[0]))]
    return replace(
        front, phases=phases, mood=mood if mood is not None else min(first.mood[0] + 12, first.mood[1], 35) or 1
    )


def _phased_of_called(
    front: FrontMatter, own: list[tuple[str, tuple[str, ...]]], mood: int | None, base: str
) -> FrontMatter:
    """The same of one who is called: the first phase begins where any who is called is annoyed no longer, and in it the
    call, in no worse mood than theirs."""
    annoyed = tuple(phase for phase in front.phases if phase.emotion is Emotion.ANGRY)
    low = max((phase.mood[1] + 1 for phase in annoyed), default=0)
    share = (101 - low) / len(own)
    starts = [low + round(k * share) for k in range(len(own) + 1)]
    phases = tuple(
        Phase(
            name={base: title},
            mood=(start, end - 1),
            emotion=Emotion.SATISFIED if start >= 70 else Emotion.NEUTRAL,
            say={base: lines},
        )
        for (title, lines), start, end in zip(own, starts, starts[1:], strict=False)
    )
    first = min(front.start_mood, phases[0].mood[1]) if mood is None else mood
    return replace(front, phases=(*annoyed, *phases), mood=first)
