"""What the model is told of a persona."""

from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.arc.briefing import instructions
from runtime.spec.sections import without
from tests.composed import compose

PROSE = """# Persona: Ann
Angry.
# Test Objectives
1. Empathy
## Scoring
Ten points.
```
# not a heading
```
# Constraints
Never lie.
"""


@pytest.mark.parametrize(
    ("titles", "gone"),
    [
        ((), []),
        (("test objectives",), ["Empathy", "Ten points", "not a heading"]),
        (("Scoring",), ["Ten points", "not a heading"]),
        (("Constraints",), ["Never lie"]),
        (("Persona: Ann", "Constraints"), ["Angry", "Never lie"]),
        (("Nothing",), []),
    ],
)
def test_sections_are_left_out_with_what_lies_below_them(titles: tuple[str, ...], gone: list[str]) -> None:
    """By their heading, in any case; all other prose stays to the letter."""
    left = without(PROSE, titles)
    words = ["Angry", "Empathy", "Ten points", "not a heading", "Never lie"]
    assert [word for word in words if word not in left] == gone
    assert not titles or all(line in PROSE.splitlines() for line in left.splitlines())
    assert (left == PROSE) is (not gone)


def test_a_persona_keeps_a_section_from_the_model(use_personas: Callable[[str, str], Path]) -> None:
    """What only the score needs is in the file and not in the prompt; without a word of it the model has all."""
    use_personas("ann", f"---\nnot_for_model: Test Objectives\n---\n{PROSE}")
    use_personas("bob", PROSE)
    assert "Empathy" not in instructions(compose(["persona=ann"]))
    assert "Never lie." in instructions(compose(["persona=ann"]))
    assert PROSE in instructions(compose(["persona=bob"]))


def test_who_is_called_did_not_call(use_personas: Callable[[str, str], Path]) -> None:
    """A persona that the trainee calls is told so, and picks up where the file has no opening line."""
    use_personas("ann", f"---\nname: Ann Lee\ncalls: false\n---\n{PROSE}")
    use_personas("bob", PROSE)
    called, calls = (compose([f"persona={name}", "language=en"]) for name in ("ann", "bob"))
    assert "You are called" in instructions(called)
    assert "You called" in instructions(calls)
    assert called.arc.front.opening["en"][0] == "Hello?"
