"""A worker as a user would write it by hand with the same parts: no files, no events, no screen, no reload.

`python -m tests.benchmarks.bare_worker FOLDER EXECUTOR IDLE_PROCESSES LOAD` with LIVEKIT_* set. LOAD is `default`, or
`none` to report none: by default LiveKit's server gives no room to a worker whose machine is busy, with whatever.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# Nothing here needs the library's turn detector (244 MB), and the runtime does not load it either.
os.environ["LIVEKIT_AGENTS_PRELOAD_LOCAL_INFERENCE"] = "0"

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, JobExecutorType, JobProcess, inference

from runtime.arc.complete import make_arc
from runtime.config.persona_file import read_persona
from runtime.offline.llm import LLM
from runtime.offline.stt import STT
from runtime.offline.tts import TTS

ROOT = Path(__file__).parents[2]


def warm_up(process: JobProcess) -> None:
    """As LiveKit's examples do it: the VAD is loaded before a call."""
    process.userdata["vad"] = inference.VAD(min_silence_duration=0.4)


async def answer(context: JobContext, *, folder: str) -> None:
    """One call."""
    persona, _ = read_persona(Path(folder, "benchmark.md"))
    customer, _ = read_persona(ROOT / "conf/language/en.customer.md")
    spec: Any = SimpleNamespace(arc=make_arc(persona, customer.front, "en"))
    await context.connect()
    session: AgentSession[None] = AgentSession(
        vad=context.proc.userdata["vad"],
        stt=STT(),
        llm=LLM(spec=spec),
        tts=TTS(voice="f3"),
        turn_handling={"turn_detection": "vad", "interruption": {"mode": "vad"}},
    )
    await session.start(Agent(instructions=persona.prose), room=context.room)
    await session.say(persona.front.opening["en"][0])


async def main(folder: str, executor: str, idle: str, load: str) -> None:
    """Serves rooms until SIGTERM."""
    server = AgentServer(
        job_executor_type=JobExecutorType(executor),
        num_idle_processes=int(idle),
        load_threshold=float("inf"),
        load_fnc=None if load == "default" else lambda: 0.0,
        initialize_process_timeout=60,
        host="127.0.0.1",
        port=0,
        setup_fnc=warm_up,
    )
    server.rtc_session(partial(answer, folder=folder), agent_name="")
    server.on("worker_registered", lambda *_: print("registered with the server", flush=True))
    running = asyncio.ensure_future(server.run(devmode=False))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        await server.aclose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
