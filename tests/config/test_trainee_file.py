"""What a scripted trainee says to a persona: its own scripts, else those for any persona."""

from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.config.trainee_file import own_scripts, script_for
from runtime.errors import NotOffered, SpecError
from runtime.spec.trainee import ScriptLine, Trainee

Write = Callable[[str, str], Path]
ANYBODY = Trainee(scripts={"en": (ScriptLine(say="Hello."),)})
OWN = "good:\n  en:\n    - Good morning.\n    - {when: [case number], say: It is 4471.}\n"


def test_a_persona_with_scripts_of_its_own_is_called_with_those(use_personas: Write) -> None:
    """A line is a text, or a text with what she must have said; another trainee says what is for anybody."""
    use_personas("bill", "# Persona: Bill").with_suffix(".trainees.yaml").write_text(OWN)
    script = script_for(ANYBODY, "good", "bill", "en")
    assert script == (ScriptLine(say="Good morning."), ScriptLine(say="It is 4471.", when=("case number",)))
    assert script_for(ANYBODY, "poor", "bill", "en") == ANYBODY.scripts["en"]
    assert script_for(ANYBODY, "good", "jane", "en") == ANYBODY.scripts["en"]


def test_a_language_without_a_script_is_not_offered(use_personas: Write) -> None:
    """It names the languages that there are, and the files to write into."""
    use_personas("bill", "# Persona: Bill").with_suffix(".trainees.yaml").write_text(OWN)
    with pytest.raises(NotOffered, match=r"this language, th \(there is: en\); write it into bill\.trainees\.yaml"):
        script_for(ANYBODY, "good", "bill", "th")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("goood:\n  en: [Hi.]\n", r"bill\.trainees\.yaml:1: goood: there is no such trainee; did you mean good"),
        ("good:\n  eng: [Hi.]\n", r"bill\.trainees\.yaml:2: good\.eng: no language is called 'eng'; did you mean en"),
        ("good:\n  en:\n    - {wen: x, say: y}\n", r"bill\.trainees\.yaml:3: .*wen: no such key; did you mean when"),
        ("good:\n  en: []\n", r"bill\.trainees\.yaml:2: good\.en: .*should have at least one entry"),
        ("good:\n  en: Hi.\n", r"bill\.trainees\.yaml:2: good\.en: .*list"),
    ],
)
def test_a_mistake_in_a_personas_scripts_names_the_line(use_personas: Write, text: str, said: str) -> None:
    """As in every other file."""
    use_personas("bill", "# Persona: Bill").with_suffix(".trainees.yaml").write_text(text)
    with pytest.raises(SpecError, match=said):
        own_scripts("bill")
