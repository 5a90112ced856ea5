"""A room → which persona answers in it. Room names and job metadata are hostile: they only choose among options."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ..config.groups import file_of, options
from ..config.persona_file import read_persona
from ..errors import SpecError, suggest
from ..spec.fields import name_of
from ..spec.persona import Persona
from ..spec.settings import ReloadMode, Routing, Unmatched
from .names import PREFIX, RoomName

METADATA_LIMIT = 4096
"""Characters of job metadata that are looked at."""

CHOOSABLE = ("persona", "language", "voice", "difficulty")


@dataclass(frozen=True, slots=True)
class Route:
    """What a room gets: options by group, for the command line's place, or None where it is left to other workers.
    `warnings` are for the training lead."""

    choices: dict[str, str] | None
    reload: ReloadMode | None = None
    warnings: tuple[str, ...] = ()


def route(room: RoomName, metadata: str, routing: Routing, default_persona: str, owners: Mapping[str, str]) -> Route:
    """Which persona answers in a room, and how.

    Job metadata (`{"persona": …, "language": …, "voice": …, "difficulty": …, "reload": …}`) wins over
    `routing.scenarios`, and that over the personas' own `scenarios`, where an exact id wins over a pattern. Of two that
    claim one id, the one that has answered it (`owners`) goes on to.
    """
    asked, warnings = _asked(metadata)
    reload = ReloadMode(asked.pop("reload")) if "reload" in asked else None
    if "persona" not in asked:
        found = _persona_for(room.scenario, routing, owners) if room.scenario else None
        if found is None:
            unmatched = unmatched_line(room.scenario)
            if routing.unmatched is Unmatched.REJECT:
                return Route(None, warnings=(*warnings, unmatched))
            warnings.append(f"{unmatched}; {default_persona} takes it")
        asked["persona"] = found or default_persona
    return Route(asked, reload, tuple(warnings))


def unmatched_line(scenario: str) -> str:
    """Says exactly which line ties a scenario to a persona; without one, how a room must be named to have one."""
    if not scenario:
        return f"no persona answers a room that is not named {PREFIX}{{scenario}}-{{user}}-{{timestamp}}"
    scenario = json.dumps(scenario, ensure_ascii=False)
    return (
        f"no persona answers scenario {scenario}: add the line `scenarios: [{scenario}]` to a persona's front matter,"
        f" or `{scenario}: PERSONA` under routing.scenarios in conf/config.yaml"
    )


def check_claims(personas: Mapping[str, Persona], routing: Routing, owners: dict[str, str]) -> Iterator[str]:
    """Each scenario id that two personas claim, and each that is routed to a persona that is not there. Brings `owners`
    up to date, which is who answers each id: whoever did goes on to while it claims it."""
    claims: dict[str, list[str]] = {}
    for name, persona in personas.items():
        for scenario in dict.fromkeys(persona.front.scenarios):
            claims.setdefault(scenario, []).append(name)
    before = owners.copy()
    owners.clear()
    for scenario, names in claims.items():
        kept = before.get(scenario) in names
        owners[scenario] = owner = before[scenario] if kept else names[0]
        for name in names:
            if name != owner:
                goes_on = f"; {owner}, which had it, answers it" if kept else ""
                yield f"scenario {scenario!r} is claimed by {owner} and by {name}{goes_on}"
    for scenario, name in routing.scenarios.items():
        if name not in personas:
            yield f"routing.scenarios.{scenario}: there is no persona {name!r}{suggest(name, personas)}"


def readable_personas() -> dict[str, Persona]:
    """The personas that there are. A broken one answers no room, and is left out: `mode=check` says what is wrong."""
    personas = {}
    for name in options("persona"):
        with suppress(SpecError):
            personas[name] = read_persona(file_of(name))[0]
    return personas


def _asked(metadata: str) -> tuple[dict[str, str], list[str]]:
    """The options that job metadata asks for, and what was wrong with the rest of it."""
    try:
        asked = json.loads(metadata[:METADATA_LIMIT]) if metadata.strip() else {}
    except (ValueError, RecursionError):
        return {}, ["the job's metadata is not JSON, and is ignored"]
    if not isinstance(asked, dict):
        return {}, ["the job's metadata is not a JSON object, and is ignored"]
    chosen: dict[str, str] = {}
    warnings = []
    for key in (*CHOOSABLE, "reload"):
        if key not in asked:
            continue
        allowed: Sequence[str] = [mode.value for mode in ReloadMode] if key == "reload" else options(key)
        if isinstance(asked[key], str) and name_of(asked[key]) in allowed:
            chosen[key] = name_of(asked[key])
        else:
            warnings.append(f"the job's metadata asks for {key}={str(asked[key])[:80]!r}{suggest(asked[key], allowed)}")
    return chosen, warnings


def _persona_for(scenario: str, routing: Routing, owners: Mapping[str, str]) -> str | None:
    if routing.scenarios.get(scenario) in options("persona"):
        return routing.scenarios[scenario]
    claims: list[tuple[bool, int, bool, str]] = []
    for name in options("persona"):
        try:
            claimed = read_persona(file_of(name))[0].front.scenarios
        except SpecError:
            continue  # a persona that cannot be read answers nothing; who watches the files says so
        claims += [
            (pattern == scenario, len(pattern), owners.get(pattern) == name, name)
            for pattern in claimed
            if pattern == scenario or fnmatchcase(scenario, pattern)
        ]
    return max(claims)[-1] if claims else None
