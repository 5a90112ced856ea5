"""What this machine itself can be short of: matching packages, cores, ports, a microphone, a voice.

Each check returns how it is. It raises NotOffered for what is not there and not needed by everybody, and SpecError for
what is wrong; both say what to do.
"""

from __future__ import annotations

import asyncio
import platform
import socket
import time
from importlib import metadata

import aiohttp
import numpy as np
from livekit import rtc
from livekit.agents.utils.hw import get_cpu_monitor

from ..errors import NotOffered, SpecError, extra_command
from ..spec.session_spec import SessionSpec
from ..spec.settings import Worker


async def versions() -> str:
    """Plugins are released together with livekit-agents; one that is newer, or of another minor version, may break."""
    installed = {d.name: d.version for d in metadata.distributions() if d.name.startswith("livekit")}
    agents = installed["livekit-agents"]
    plugins = {name: version for name, version in installed.items() if name.startswith("livekit-plugins-")}
    odd = [
        f"{name} {v}" for name, v in plugins.items() if v.split(".")[:2] != agents.split(".")[:2] or _newer(v, agents)
    ]
    if odd:
        raise SpecError(f"{', '.join(odd)} with livekit-agents {agents}: they must match: uv sync, or pip install -e .")
    native = installed["livekit"]
    dear = " (1.2 is cheaper for calls that share a process, where it wakes each for all: uv sync)"
    shown = [f"livekit {native}{'' if _newer(native, '1.1.999') else dear}", f"livekit-agents {agents}"]
    shown += [f"{name.removeprefix('livekit-plugins-')} {version}" for name, version in sorted(plugins.items())]
    return f"Python {platform.python_version()}, {', '.join(shown)}"


def _newer(version: str, other: str) -> bool:
    numbers = [[int(part) for part in v.split(".") if part.isdecimal()] for v in (version, other)]
    return numbers[0] > numbers[1]


async def load(worker: Worker) -> str:
    """A worker over its threshold is sent no rooms, and nothing in the room says why."""
    load = await asyncio.to_thread(get_cpu_monitor().cpu_percent, 0.5)
    if load > worker.load_threshold:
        raise SpecError(
            f"{load:.0%} of all cores are busy, and over {worker.load_threshold:.0%} (worker.load_threshold) no room is"
            " joined: end what else runs here, add a machine, or raise it"
        )
    return (
        f"{load:.0%} of all cores are busy; rooms are joined up to {worker.load_threshold:.0%} (worker.load_threshold)"
    )


async def ports(worker: Worker) -> str:
    """Whether the worker's own ports are free, or taken by a worker that runs already."""
    ports = {"health": worker.health_port, "prometheus": worker.prometheus_port}
    said = []
    for name, port in ports.items():
        key = f"worker.{name}_port"
        if not port:
            said.append(f"{key}: " + ("any" if port == 0 else "none"))
            continue
        try:
            with socket.socket(socket.AF_INET6 if ":" in worker.host else socket.AF_INET) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((worker.host, port))
        except OSError as error:
            if name == "health" and await _is_a_worker(port):
                return f"{key}: {port} is a worker's that runs here already"
            raise SpecError(
                f"{key}={port} on {worker.host}: {error.strerror}. End what uses it, or choose another"
                f" ({key}=0 takes any free port, null opens none)"
            ) from None
        said.append(f"{key}: {port} is free")
    return "; ".join(said)


async def _is_a_worker(port: int) -> bool:
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as client:
            async with client.get(f"http://127.0.0.1:{port}/worker") as answer:
                return "agent_name" in await answer.json()
    except (aiohttp.ClientError, OSError, ValueError):
        return False


async def offline_voice(spec: SessionSpec) -> str:
    """The offline voice says a word."""
    from ..offline import TTS

    began = time.monotonic()
    try:
        voice = TTS(language=spec.language.tag, voice=spec.voice.names.get("offline", "f3"))
        async with voice.synthesize("One.") as speech:
            async for audio in speech:
                if np.frombuffer(audio.frame.data, dtype=np.int16).any():
                    break
            else:
                raise SpecError(f"{voice.model} starts and says nothing: install it anew ({extra_command('voice')})")
    except (ImportError, ValueError) as error:
        raise NotOffered(str(error)) from None
    ms = (time.monotonic() - began) * 1000
    return f"{voice.model} speaks {spec.language.name} after {ms:.0f} ms" + (
        f"; {voice.notice}" if voice.notice else ""
    )


async def offline_hearing(spec: SessionSpec) -> str:
    """The offline recogniser takes in a second of silence."""
    from ..offline import STT

    options = {"language": spec.language.tag}
    if spec.model.stt and spec.model.stt.plugin == "offline":
        options |= spec.model.stt.options
    began = time.monotonic()
    try:
        hearing = STT(**options)
        await hearing.recognize(rtc.AudioFrame(bytes(32_000), 16_000, 1, 16_000))
    except (ImportError, OSError, ValueError) as error:
        raise NotOffered(str(error)) from None
    ms = (time.monotonic() - began) * 1000
    return f"Whisper's {hearing.model} hears {spec.language.name}, and is ready after {ms:.0f} ms"


async def devices() -> str:
    """The microphone and the speaker that `console.audio=true` would take."""

    def look() -> tuple[str, str]:
        import sounddevice

        found = []
        for kind in ("input", "output"):
            try:
                found.append(str(sounddevice.query_devices(kind=kind)["name"]))
            except (sounddevice.PortAudioError, ValueError):
                found.append("")
        return found[0], found[1]

    try:
        microphone, speaker = await asyncio.to_thread(look)
    except (OSError, ImportError):
        raise NotOffered(
            "PortAudio is not installed, which console.audio=true needs (Debian: apt install libportaudio2; macOS:"
            " brew install portaudio)"
        ) from None
    if not (microphone and speaker):
        lacking = " and ".join(name for name, found in (("microphone", microphone), ("speaker", speaker)) if not found)
        raise NotOffered(f"no {lacking}: plug one in and let this terminal use it, or type (console.audio=false)")
    return f"{microphone}; {speaker}"
