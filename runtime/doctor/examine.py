"""What stands between this machine and a call: each thing that can be wrong, asked, with what to do about it."""

from __future__ import annotations

import asyncio
import math
import os
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from ..call import build
from ..config.compose import compose
from ..errors import NotOffered, SpecError
from ..rooms.names import PREFIX
from ..rooms.routing import check_claims, readable_personas
from ..spec.session_spec import SessionSpec
from ..spec.settings import Settings, Unmatched, missing_variables
from . import machine
from .providers import Provider, ask, providers
from .rows import CheckResult, mark_of, print_results
from .trial_call import Server

SECONDS = 10.0
"""Seconds that a check may take."""
CALL_SECONDS = 40.0
"""The same for the check that holds a call in a LiveKit room."""


def examine(settings: Settings, spec: SessionSpec, overrides: Sequence[str]) -> int:
    """Prints what is fine and what is not; returns the exit code, 1 if anything is not.

    Every check has a deadline. No key is shown, nor any part of one.
    """
    with Console().status("asking …"):
        rows = asyncio.run(_rows(settings, spec, overrides))
    return print_results(rows, "not asked or not installed")


async def _rows(settings: Settings, spec: SessionSpec, overrides: Sequence[str]) -> list[CheckResult]:
    asyncio.get_running_loop().set_default_executor(_Threads())
    spoken = settings.console.audio or not missing_variables(os.environ)
    measured = [
        await _examined("spec", partial(_spec, spec, overrides, spoken=spoken)),
        *([] if spoken else [await _examined("speech", partial(_speech, spec))]),
        await _examined("offline voice", partial(machine.offline_voice, spec)),
        await _examined("offline hearing", partial(machine.offline_hearing, spec)),
    ]
    if settings.worker and settings.worker.load_threshold != math.inf:
        measured.append(await _examined("load", partial(machine.load, settings.worker)))
    async with asyncio.TaskGroup() as tasks:  # the rest waits for others, and is asked at once
        sections = [
            tasks.create_task(section)
            for section in (
                _together(_examined("versions", machine.versions)),
                _providers(spec, os.environ),
                _livekit(os.environ),
                _together(
                    _examined("agent name", _agent_name),
                    _examined("scenarios", partial(_scenarios, settings, spec)),
                    *([_examined("ports", partial(machine.ports, settings.worker))] if settings.worker else []),
                    _examined("microphone, speaker", machine.devices),
                ),
            )
        ]
    return [*measured, *(row for section in sections for row in section.result())]


async def _together(*rows: Awaitable[CheckResult]) -> list[CheckResult]:
    return list(await asyncio.gather(*rows))


async def _examined(what: str, examine: Callable[[], Awaitable[str]], seconds: float = SECONDS) -> CheckResult:
    try:
        async with asyncio.timeout(seconds):
            return "✓", what, await examine()
    except SpecError as error:
        return mark_of(error), what, str(error)
    except TimeoutError:
        return "✗", what, f"no answer within {seconds:.0f} s"
    except Exception as error:  # what a check did not foresee costs its own row, and not the report
        return "✗", what, f"it could not be examined ({type(error).__name__})"


class _Threads(ThreadPoolExecutor):
    """Threads that nobody waits for: a name server or a sound system that hangs must not hold up the report."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=work, daemon=True).start()
        return future


# ---------------------------------------------------------------- what is installed and chosen


async def _spec(spec: SessionSpec, overrides: Sequence[str], *, spoken: bool) -> str:
    """The spec as a call would get it, and how long a room waits for such a one."""
    try:
        build.check(spec, audio=spoken)
    except NotOffered as error:
        raise SpecError(str(error)) from None
    began = time.monotonic()
    await asyncio.to_thread(compose, overrides)
    ms = (time.monotonic() - began) * 1000
    return f"{', '.join(f'{group}={name}' for group, name in spec.choices.items())}: composed in {ms:.0f} ms"


async def _speech(spec: SessionSpec) -> str:
    """What a spoken call would need beside a typed one."""
    try:
        build.check(spec, audio=True)
    except SpecError as error:
        raise NotOffered(str(error)) from None
    return f"model={spec.choices['model']} hears and speaks"


async def _providers(spec: SessionSpec, env: Mapping[str, str]) -> list[CheckResult]:
    """Each provider that can be asked, and each key that is needed."""
    try:
        asked = providers(spec, env)
    except SpecError as error:
        return [("✗", "key", str(error))]
    needs = {name: source for secrets in spec.secrets.values() for name, source in secrets.items()}
    rows = [_examined(provider.plugin, partial(_provider, provider, needs)) for provider in asked]
    known = {provider.secret for provider in asked}
    rows += [_examined("key", partial(_key, name, where, env)) for name, where in needs.items() if name not in known]
    return await _together(*rows)


async def _provider(provider: Provider, needs: Mapping[str, str]) -> str:
    if not provider.key:
        raise _absent(provider.secret, needs.get(provider.secret, "the provider"))
    return await ask(provider)


async def _key(name: str, where: str, env: Mapping[str, str]) -> str:
    """A key of a provider that is not asked: it is there, or not."""
    if not env.get(name):
        raise _absent(name, where)
    if name == "GOOGLE_APPLICATION_CREDENTIALS" and not await asyncio.to_thread(Path(env[name]).is_file):
        raise SpecError(f"{name} names a file that is not there: it is the path of a service account's JSON file")
    raise NotOffered(f"{name} is set; its provider is not asked")


def _absent(name: str, where: str) -> SpecError:
    return SpecError(f"{name} is not set: get it from {where}, and put it in the environment or in .env")


# ---------------------------------------------------------------- serving rooms


async def _livekit(env: Mapping[str, str]) -> list[CheckResult]:
    """The server, step by step: what fails first is what is wrong, and what builds on it is not asked."""
    try:
        server = Server.named_by(env)
    except SpecError as error:
        return [(mark_of(error), "LiveKit server", str(error))]
    rows = [await _examined("LiveKit server", server.answers)]
    if rows[-1][0] == "✓":
        rows.append(await _examined("LiveKit latency", server.round_trip))
        rows.append(await _examined("LiveKit key", server.lets_in))
        if rows[-1][0] == "✓":
            rows.append(await _examined("LiveKit call", server.carries_sound, CALL_SECONDS))
    return rows


async def _agent_name() -> str:
    """An agent with a name gets only the rooms that ask for it by that name, and the Axtra Console asks for nobody."""
    for name in ("LIVEKIT_AGENT_NAME_OVERRIDE", "LIVEKIT_AGENT_NAME"):
        if os.environ.get(name):
            raise SpecError(f"{name} is set, so LiveKit sends no room by itself and the agent never joins: unset it")
    return f"none, so every new room is offered; those named {PREFIX}SCENARIO-USER-TIMESTAMP are joined"


async def _scenarios(settings: Settings, spec: SessionSpec) -> str:
    """Which persona answers which scenario."""
    personas = await asyncio.to_thread(readable_personas)
    for problem in check_claims(personas, settings.routing, {}):
        raise SpecError(problem)
    claims = {scenario: name for name, persona in personas.items() for scenario in persona.front.scenarios}
    claims |= settings.routing.scenarios
    if not claims and settings.routing.unmatched is Unmatched.REJECT:
        raise SpecError(
            "no persona claims any scenario and routing.unmatched=reject, so no room is ever joined: add `scenarios:"
            " [ID]` to a persona's front matter"
        )
    default = spec.choices["persona"]
    rest = f"any other: {default}" if settings.routing.unmatched is Unmatched.DEFAULT else "any other is left alone"
    return "; ".join([*(f"{scenario}: {name}" for scenario, name in claims.items()), rest])
