"""Persona files that were built to be slow: steps are counted, and no second is measured."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.arc import agreement, prose
from runtime.arc.agreement import disagreements
from runtime.config import persona_file, yaml_file
from runtime.config.persona_file import examine_persona
from runtime.doctor.personas import check_personas
from runtime.spec import fields, sections
from tests.backtracking import calls_of, counted
from tests.hostile import KINDS, hostile_personas

MODULES = (persona_file, yaml_file, fields, sections, agreement, prose)


def steps_of(text: str) -> int:
    """The steps of all patterns, and the calls of all functions, that reading and judging this file takes."""

    def read() -> None:
        persona_file._front_matter.cache_clear()
        persona = examine_persona(text.encode(), Path("x.md")).persona
        if persona:
            disagreements(persona)

    with counted(*MODULES) as steps:
        read()
    return steps.taken + calls_of(read)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_four_times_the_size_takes_about_four_times_the_steps(kind: str) -> None:
    """Whatever fills it: none of our patterns and loops goes back over what was seen."""
    few, many = (steps_of(KINDS[kind](random.Random(1), size)) for size in (2_000, 8_000))
    assert many < 9 * few, f"{few} steps, and {many} for four times as much"


def test_a_check_of_a_hostile_folder_ends_and_says_something_readable_of_each_file(
    use_personas: Callable[[str, str], Path],
) -> None:
    """Of each kind a file of up to 256 KiB: every line is one line, no longer than one can read."""
    files = hostile_personas(len(KINDS))
    for name, data in files.items():
        use_personas(name, data.decode())
    rows = list(check_personas({}, {}))
    assert {what.removeprefix("persona=") for _, what, _ in rows} == files.keys()
    for _, _, how in rows:
        assert how.isprintable() and len(how) < 800
