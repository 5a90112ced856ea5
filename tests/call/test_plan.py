"""What an edit changes, and how a call that is on gets it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.arc.complete import make_arc
from runtime.call.plan import plan
from runtime.config.compose import compose
from runtime.events import How
from runtime.spec.session_spec import SessionSpec

Write = Callable[[str, str], Path]

ANN = "# Persona: Ann\nHer parcel is lost."
OWN = f"---\nendings: [{{name: done, mood: 90, say: {{en: [Goodbye.]}}}}]\n---\n{ANN}"


def with_customer_endings(spec: SessionSpec, means: str) -> SessionSpec:
    """The spec after an edit of what the endings of any customer mean."""
    customer = spec.language.customer
    customer = replace(customer, endings=tuple(replace(ending, means=means) for ending in customer.endings))
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
