"""What an operator's Prometheus is told of edits, in the shape of Prometheus' and Alertmanager's own reload metrics."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram

from ..events import Event, How, Reload
from ..spec.session_spec import SessionSpec

CALLS = Gauge("voice_persona_calls", "Calls that are on.")
SUCCESSFUL = Gauge(
    "voice_persona_config_last_reload_successful",
    "Whether all config and persona files were good at the last edit (1) or one was not (0).",
)
SUCCESS_TIME = Gauge(
    "voice_persona_config_last_reload_success_timestamp_seconds", "Unix time of the last edit after which all was good."
)
REVISION = Gauge(
    "voice_persona_active_revision",
    "The revision that the next call of a persona gets, once it is composed; 1.",
    ["persona", "revision"],
)
RECEIPTS = Counter("voice_persona_reload_receipts_total", "Receipts of edits, by what became of them.", ["how"])
SECONDS = Histogram(
    "voice_persona_reload_seconds",
    "From the save of an edit to its taking effect in one call.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)


def renewed(at: float, wrong: bool, specs: Iterable[SessionSpec]) -> None:
    """The files were saved at this Unix time; `wrong` says whether any of them is faulty now."""
    SUCCESSFUL.set(0 if wrong else 1)
    if not wrong:
        SUCCESS_TIME.set(at)
    REVISION.clear()
    for spec in specs:
        active(spec)


def active(spec: SessionSpec) -> None:
    """Reports the spec that the next call of its persona gets."""
    REVISION.labels(spec.choices["persona"], spec.revision).set(1)


def count(event: Event) -> None:
    """Takes one event of one call; counts receipts."""
    if isinstance(event, Reload):
        RECEIPTS.labels(event.how.value).inc()
        if event.how in (How.IN_PLACE, How.SWAPPED):
            SECONDS.observe(event.ms / 1000)
