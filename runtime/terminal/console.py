"""A call in this terminal: typed, piped, or spoken through its microphone and speakers."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from functools import partial

from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.utils import http_context
from livekit.agents.voice.io import AudioInput

from ..call.session import Call
from ..call.sinks import fan_out
from ..call.voice import SourceOutput, keep_in_step
from ..errors import SpecError
from ..events import Ended, Notice
from ..files.store import SpecStore
from ..record.recorder import CallRecorder
from ..record.upkeep import look_after
from ..spec.session_spec import AnyEdit, Edit, SessionSpec
from . import keyboard
from .view import JsonLines, View

LINE_LIMIT = 4 << 20
"""Bytes that are kept of one piped line."""
SAMPLE_RATE = 48_000


def call_here(spec: SessionSpec, store: SpecStore, shown: View | JsonLines) -> Ended:
    """Holds one call in this terminal until somebody hangs up, input or output ends, or Ctrl-C."""
    return asyncio.run(_call(spec, store, shown))


async def _call(spec: SessionSpec, store: SpecStore, shown: View | JsonLines) -> Ended:
    settings = store.settings
    audio = settings.console.audio
    store.put({}, spec)
    edits: asyncio.Queue[AnyEdit] = asyncio.Queue()
    store.subscribe({}, edits.put_nowait)
    recorder = CallRecorder(settings.record, settings.user or "", lambda event: emit(event))
    emit = fan_out(recorder.take, shown.show)
    call = Call(_each(edits, recorder.adopt), emit, audio=audio, reload=settings.reload, seed=settings.seed)
    if shown.out:
        shown.out.when_lost(lambda: call.hang_up("output_lost"))
    with _interrupts(call):
        async with http_context.open(), asyncio.TaskGroup() as tasks:
            trainee = tasks.create_task(_trainee(call, shown))
            watching = tasks.create_task(store.watch(lambda line: shown.show(Notice(text=line))))
            looking = tasks.create_task(look_after(settings.record, shown.show))
            try:
                ended = await call.run(partial(_joined, audio=audio, attach=recorder.attach))
            finally:
                trainee.cancel()
                watching.cancel()
                looking.cancel()
            await recorder.close()
            await recorder.judge()
            if settings.record.enabled and settings.history.url is not None:
                from ..history.index import update  # SQLAlchemy takes its time to load, and few need it

                if line := await asyncio.to_thread(update, settings):
                    shown.show(Notice(text=line))
            return ended


async def _each(edits: asyncio.Queue[AnyEdit], adopt: Callable[[SessionSpec], None]) -> AsyncIterator[AnyEdit]:
    while True:
        edit = await edits.get()
        if isinstance(edit, Edit):
            adopt(edit.spec)
        yield edit


@asynccontextmanager
async def _joined(
    session: AgentSession[None], agent: Agent, *, audio: bool, attach: Callable[[AgentSession[None]], None]
) -> AsyncIterator[None]:
    """The session on this terminal: without anything that hears or speaks, or on microphone and speakers."""
    async with _devices(session) if audio else nullcontext():
        if audio:
            attach(session)
        await session.start(agent)
        yield


@asynccontextmanager
async def _devices(session: AgentSession[None]) -> AsyncIterator[None]:
    """Attaches this machine's microphone and speakers to a session that has not started, with echo cancelled, by
    LiveKit's `MediaDevices` (PortAudio). Raises SpecError where PortAudio, a microphone or a speaker is missing."""
    try:
        media = rtc.MediaDevices(input_sample_rate=SAMPLE_RATE, output_sample_rate=SAMPLE_RATE)
        microphone = media.open_input()
    except OSError as error:
        raise SpecError(
            f"console.audio=true needs PortAudio: {error}. Install it (Debian: apt install libportaudio2;"
            " macOS: brew install portaudio), or type: console.audio=false"
        ) from None
    except Exception as error:  # sounddevice's own errors; importing it to name them may fail for want of PortAudio
        raise SpecError(f"console.audio=true: no microphone could be opened: {error}") from None
    speaker = SourceOutput(SAMPLE_RATE)
    try:
        player = media.open_output()
        await player.add_track(rtc.LocalAudioTrack.create_audio_track("speaker", speaker.source))
        await player.start()
    except Exception as error:
        await microphone.aclose()
        raise SpecError(f"console.audio=true: no speaker could be opened: {error}") from None
    keep_in_step(session, speaker)
    session.input.audio = Microphone(microphone.source)
    try:
        yield
    finally:
        await player.aclose()
        await microphone.aclose()


class Microphone(AudioInput):
    """What a source captures, 10 ms at a time."""

    def __init__(self, source: rtc.AudioSource) -> None:
        super().__init__(label="microphone")
        track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
        self._stream = rtc.AudioStream(track, sample_rate=SAMPLE_RATE, num_channels=1)

    async def __anext__(self) -> rtc.AudioFrame:
        return (await anext(self._stream)).frame


async def _trainee(call: Call, shown: View | JsonLines) -> None:
    """Passes on what the trainee types. Typed live it cuts the persona short; piped it waits for her to finish. What
    comes once the call is over is left unread."""
    typing = shown.live and keyboard.is_terminal()
    if not typing:
        await call.opened()
    async for line in _typed_lines(shown) if typing else _piped_lines():
        text = line.strip()
        if text == keyboard.END:
            break
        if text.startswith("/"):
            unknown = text.split()[0][:40]
            shown.show(Notice(text=f"{unknown}: no such command, and nothing was said; {keyboard.END} hangs up"))
            continue
        if text and not await (call.begin_turn(text) if typing else call.type(text)):
            return
    call.hang_up()


async def _typed_lines(shown: View | JsonLines) -> AsyncIterator[str]:
    """Lines from the keyboard, edited on the screen's last line."""
    editor = keyboard.LineEditor(sys.stdin.encoding)
    shown.show_typing("", 0)
    while not editor.ended and (keys := await keyboard.read()):
        lines = editor.feed(keys)
        shown.show_typing(editor.text, editor.cursor)
        for line in lines:
            yield line


async def _piped_lines() -> AsyncIterator[str]:
    """Lines of standard input until it ends. No more is read than is answered; however long, a line is one turn."""
    rest = b""
    while data := await keyboard.read():
        *lines, rest = (rest + data).split(b"\n")
        rest = rest[:LINE_LIMIT]
        for line in lines:
            yield line.decode(sys.stdin.encoding, "replace")
    if rest:
        yield rest.decode(sys.stdin.encoding, "replace")


@contextmanager
def _interrupts(call: Call) -> Iterator[None]:
    """Ctrl-C and SIGTERM hang up."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, call.hang_up)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
