"""Rehearsals for tests: jobs as a sweep makes them."""

from pathlib import Path

from runtime.config.groups import CONF, read_conf
from runtime.config.trainee_file import script_for
from runtime.config.validation import validated
from runtime.rehearse.job import Job
from runtime.rehearse.measures import Measures
from runtime.rehearse.sweep import Row
from runtime.spec.settings import Record
from runtime.spec.trainee import Trainee
from tests.composed import compose


def job(folder: Path, *overrides: str, trainee: str = "good", repeat: int = 1) -> Job:
    """One call of this trainee with the persona that the overrides choose."""
    spec = compose(overrides)
    who = validated(Trainee, read_conf(CONF / "trainee" / f"{trainee}.yaml")[0])
    return Job(
        spec=spec,
        trainee=who,
        script=() if who.llm else script_for(who, trainee, spec.choices["persona"], spec.language.base),
        record=Record(),
        seed=repeat - 1,
        turns=40,
        seconds=900,
        folder=folder,
        row=Row({**spec.choices, "trainee": trainee}, repeat, folder.name),
    )


def measured(**shown: object) -> Measures:
    """What a call showed, where it matters to a test."""
    usual: dict[str, object] = {
        "score": 80,
        "passed": True,
        "ending": "resolved",
        "seconds": 60.0,
        "turns": 5,
        "first_audio": 0.5,
        "latency": 1.0,
        "latency_high": 1.5,
        "phases": ("Opening", "Calm"),
        "breaks": (),
        "input_tokens": 100,
        "output_tokens": 20,
        "cost": 0.01,
        "failures": 0,
    }
    return Measures(**{**usual, **shown})  # type: ignore[arg-type]
