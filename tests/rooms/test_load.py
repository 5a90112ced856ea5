"""What a worker tells LiveKit's server of its load."""

import math

from runtime.events import Event
from runtime.rooms.load import SAMPLES, TARGET_LOAD, Load


def nothing() -> None:
    """What a worker does whose load does not matter."""


def test_without_a_threshold_no_load_is_reported() -> None:
    """A worker that never stops taking rooms gets them, whatever else keeps its machine busy."""
    load = Load(math.inf, lambda event: None, nothing)
    load.add(1.0)
    assert load.reported() == 0.0


def test_the_server_refuses_exactly_from_the_threshold_on() -> None:
    """Below its threshold a worker reports less than the server's target, however high the threshold is."""
    load = Load(0.8, lambda event: None, nothing)
    load.add(0.79)
    assert load.reported() < TARGET_LOAD
    load.add(0.82)
    assert load.reported() >= TARGET_LOAD


def test_a_burst_is_no_load() -> None:
    """A few busy samples among idle ones refuse nobody; load that lasts does, and both ends of it are said once. At its
    end it is told on, for the rooms that were refused."""
    said: list[Event] = []
    fallen: list[int] = []
    load = Load(0.8, said.append, lambda: fallen.append(len(said)))
    for _ in range(SAMPLES):
        load.add(0.1)
    for _ in range(SAMPLES // 4):
        load.add(1.0)
    assert load.reported() < TARGET_LOAD and not said
    for _ in range(SAMPLES):
        load.add(1.0)
    assert load.reported() >= TARGET_LOAD and len(said) == 1
    for _ in range(SAMPLES):
        load.add(0.1)
    assert load.reported() < TARGET_LOAD and len(said) == 2 and fallen == [2]


async def test_sampling_ends_with_the_worker() -> None:
    """Nothing goes on measuring once the context is closed; without a threshold nothing begins to."""
    async with Load(math.inf, lambda event: None, nothing).measured():
        pass


def test_a_worker_that_stops_gets_no_room() -> None:
    """However idle its machine is, and also without a threshold."""
    load = Load(math.inf, lambda event: None, nothing)
    load.closed = True
    assert load.reported() >= TARGET_LOAD
