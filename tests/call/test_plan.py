"""What an edit changes, and how a call that is on gets it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.arc.complete import make_arc
from runtime.arc.machine import start
from runtime.call.plan import VALUE_CHARACTERS, plan
from runtime.events import How
from runtime.spec.persona import Fact
from runtime.spec.session_spec import SessionSpec
from tests.composed import compose

Write = Callable[[str, str], Path]

ANN = "# Persona: Ann\nHer parcel is lost."
OWN = f"---\nendings: [{{name: done, mood: 90, say: {{en: [Goodbye.]}}}}]\n---\n{ANN}"


def with_customer_endings(spec: SessionSpec, means: str) -> SessionSpec:
    """The spec after an edit of what the endings of any customer mean."""
    customer = spec.language.customer
    customer = replace(customer, endings=tuple(replace(ending, means={"": means}) for ending in customer.endings))
    arc = make_arc(spec.persona, customer, spec.language.base)
    return replace(spec, language=replace(spec.language, customer=customer), arc=arc, revision=means)


@pytest.mark.parametrize(
    ("model", "how"), [("gemini_realtime", How.SWAPPED), ("openai_realtime", How.IN_PLACE), ("offline", How.IN_PLACE)]
)
def test_an_ending_of_any_customer_is_told_to_the_model_of_a_persona_without_her_own(
    model: str, how: How, use_personas: Write
) -> None:
    """The prompt lists the endings of the arc: an edit of them reaches the model as an edit of the prompt does."""
    use_personas("ann", ANN)
    spec = compose(["persona=ann", f"model={model}"])
    steps = plan(spec, with_customer_endings(spec, "all is well"), audio=True)
    assert steps.prompt
    assert {change.how for change in steps.changes} == {how}
    assert {change.field for change in steps.changes} >= {"language.customer.endings.resolved.means"}


def test_an_ending_that_the_model_is_not_told_of_swaps_no_session(use_personas: Write) -> None:
    """The words of an ending, and endings that the persona's own stand in for, are no part of the prompt."""
    use_personas("ann", OWN)
    spec = compose(["persona=ann", "model=gemini_realtime"])
    use_personas("ann", OWN.replace("Goodbye.", "Farewell."))
    for edited in (compose(["persona=ann", "model=gemini_realtime"]), with_customer_endings(spec, "all is well")):
        steps = plan(spec, edited, audio=True)
        assert (steps.how, steps.prompt, steps.swap) == (How.IN_PLACE, False, False)
        assert steps.changes


def with_front(spec: SessionSpec, **front: object) -> SessionSpec:
    """The spec as its persona's file makes it with these keys in the front matter."""
    own = replace(spec.persona.front, **front)  # type: ignore[arg-type]
    whole = replace(spec.arc.front, **front)  # type: ignore[arg-type]
    persona, arc = replace(spec.persona, front=own), replace(spec.arc, front=whole)
    return replace(spec, persona=persona, arc=arc, revision=f"{abs(hash(str(front))):x}")


@pytest.mark.parametrize("front", [{"mood": 50}, {"opening": {"en": ("I am furious.",)}}, {"scenarios": ("other-*",)}])
@pytest.mark.parametrize("model", ["offline", "openai_realtime", "gemini_realtime"])
def test_what_only_the_next_call_gets_is_not_headed_in_place(model: str, front: dict[str, object]) -> None:
    """The first mood, the opening line and the scenarios have had their effect: nothing is changed in the call."""
    old = compose([f"model={model}"])
    steps = plan(old, with_front(old, **front), audio=True)
    assert steps.how is How.NEXT_CALL
    assert {change.how for change in steps.changes} == {How.NEXT_CALL}
    assert not (steps.prompt or steps.tools or steps.parts or steps.swap)


def test_before_she_has_spoken_the_opening_can_still_change() -> None:
    """While the trainee is waited for, an edit of the first mood and the opening is applied."""
    old = compose(["model=offline"])
    new = with_front(old, mood=50, opening={"en": ("I am furious.",)})
    steps = plan(old, new, audio=True, begun=False)
    assert steps.how is How.IN_PLACE and steps.prompt and "llm" in steps.parts
    assert {change.how for change in steps.changes} == {How.IN_PLACE}
    assert start(new.arc.front).mood == 50


def test_a_long_list_is_shown_around_the_place_that_differs() -> None:
    """Two long values that begin alike do not look the same in a receipt."""
    old = compose(["model=offline"])
    rooms = tuple(f"scenario-number-{number}" for number in range(40))
    steps = plan(with_front(old, scenarios=rooms), with_front(old, scenarios=(*rooms[:-1], "another")), audio=True)
    (change,) = steps.changes
    assert "scenario-number-39" in change.old and "another" in change.new
    assert max(len(change.old), len(change.new)) <= VALUE_CHARACTERS


def test_a_long_line_of_prose_is_shown_around_the_place_that_differs() -> None:
    """The same for a paragraph that is one line."""
    old = compose(["model=offline"])
    text = "You were billed twice. " * 20
    before = replace(old, persona=replace(old.persona, prose=f"{text}Your dog is called Rex."), revision="1")
    after = replace(old, persona=replace(old.persona, prose=f"{text}Your dog is called Biscuit."), revision="2")
    (change,) = plan(before, after, audio=True).changes
    gone, come = change.new.splitlines()
    assert gone.startswith("-…") and gone.endswith("Rex.")
    assert come.startswith("+…") and come.endswith("Biscuit.")


def test_a_number_that_is_edited_while_she_speaks_waits_for_nobody() -> None:
    """The recogniser is told to expect it; what was half heard is not lost, so the next reply has it."""
    old = compose(["model=offline"])
    account = Fact(hear={"": ("account number",)}, say={"": ("CUST-9999.",)})
    steps = plan(old, with_front(old, facts={**old.arc.front.facts, "account": account}), audio=True)
    assert "stt" in steps.parts
    assert (steps.how, steps.waits) == (How.IN_PLACE, False)
    other = compose(["model=offline", "model.stt.options.model=base.en"])
    assert plan(old, other, audio=True).waits
