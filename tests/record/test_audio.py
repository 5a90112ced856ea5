"""Both voices in one file: where they belong, as far as they were heard, and there to the last second."""

from __future__ import annotations

import random
import subprocess
import threading
from array import array
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from time import monotonic, time
from types import SimpleNamespace

import av
import pytest
from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.io import AudioInput, AudioOutput, AudioOutputCapabilities

from runtime.events import AudioStarted, Event, Notice
from runtime.record import audio as module
from runtime.record import taps
from runtime.record.audio import AudioRecorder, Placed, Timeline
from runtime.record.taps import PERSONA, RATE, TRAINEE, RecordedInput, RecordedOutput
from tests.conftest import Program
from tests.held import held
from tests.loopback.audio import silence, tone
from tests.loopback.client import Microphone, Speaker
from tests.loopback.gemini import GeminiServer

ZERO = 1_000_000.0
FRAME = 0.05


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = ZERO

    def time(self) -> float:
        return self.now

    monotonic = staticmethod(monotonic)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The recorder's clock."""
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(taps, "time", clock)
    return clock


def frames(pcm: bytes, rate: int = RATE) -> list[rtc.AudioFrame]:
    size = 2 * int(FRAME * rate)
    pieces = [pcm[start : start + size] for start in range(0, len(pcm), size)]
    return [rtc.AudioFrame(piece, rate, 1, len(piece) // 2) for piece in pieces]


def sounds(samples: array[int], loud: int = 1500) -> list[tuple[float, float]]:
    """From when to when there is sound, in tenths of a second."""
    step = RATE // 10
    heard = [max(map(abs, samples[start : start + step]), default=0) > loud for start in range(0, len(samples), step)]
    edges = [n for n, (a, b) in enumerate(zip([False, *heard], [*heard, False], strict=True)) if a != b]
    return [(start / 10, end / 10) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def sides(file: Path) -> tuple[array[int], array[int]]:
    """What a recording holds of each side, also of one that was not ended properly."""
    both = array("h")
    with av.open(file) as container:
        resampler = av.AudioResampler(format="s16", layout="stereo", rate=RATE)
        for frame in container.decode(audio=0):
            for piece in resampler.resample(frame):
                both.frombytes(bytes(piece.planes[0])[: 4 * piece.samples])
    return both[::2], both[1::2]


class Told(list[tuple[int, float, float, bool]]):
    """What a wrapper told: side, second, length, and whether it sounds."""

    def __call__(self, side: int, at: float, pcm: bytes, rate: int) -> None:
        self.append((side, round(at - ZERO, 2), round(len(pcm) / 2 / rate, 2), any(pcm)))


class Source(AudioInput):
    """Gives the frames that the test has put there."""

    def __init__(self) -> None:
        super().__init__(label="source")
        self.frames: list[rtc.AudioFrame] = []

    async def __anext__(self) -> rtc.AudioFrame:
        return self.frames.pop(0)


class Player(AudioOutput):
    """Plays when the test says so."""

    def __init__(self) -> None:
        super().__init__(label="player", capabilities=AudioOutputCapabilities(pause=True), sample_rate=RATE)
        self.cleared = 0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)

    def flush(self) -> None:
        super().flush()

    def clear_buffer(self) -> None:
        self.cleared += 1


def test_each_side_has_its_channel_and_its_place() -> None:
    """What belongs to a moment is there, whenever it came; the rest is silence."""
    timeline = Timeline(ZERO)
    timeline.place(Placed(PERSONA, ZERO + 1.0, tone(0.5), RATE))
    timeline.place(Placed(TRAINEE, ZERO + 0.2, tone(0.3), RATE))
    frame = timeline.settled(ZERO + 2, last=True)
    assert frame is not None
    both = array("h", bytes(frame.planes[0])[: 4 * frame.samples])
    assert sounds(both[::2]) == [(0.2, 0.5)]
    assert sounds(both[1::2]) == [(1.0, 1.5)]


def test_audio_at_another_rate_is_as_long_as_it_was() -> None:
    """The trainee comes at 16 or 48 kHz, the file has one rate."""
    for rate in (16_000, 22_050, 48_000):
        timeline = Timeline(ZERO)
        for number, frame in enumerate(frames(tone(1.0, rate), rate)):
            timeline.place(Placed(TRAINEE, ZERO + 0.5 + number * FRAME, bytes(frame.data), rate))
        made = timeline.settled(ZERO + 2, last=True)
        assert made is not None
        assert sounds(array("h", bytes(made.planes[0])[: 4 * made.samples])[::2]) == [(0.5, 1.5)]


def test_what_is_settled_waits_for_a_microphone_but_not_for_ever() -> None:
    """A busy process hands over late; a trainee without a microphone sends nothing."""
    timeline = Timeline(ZERO)
    assert timeline.settled(ZERO + 1.2) is None
    quiet = timeline.settled(ZERO + 3)
    assert quiet is not None
    assert quiet.samples == round(1.5 * RATE)
    timeline.place(Placed(TRAINEE, ZERO + 2, tone(1), RATE))
    heard = timeline.settled(ZERO + 3)
    assert heard is not None
    assert heard.samples == round(1.1 * RATE)  # but for what may still change


async def test_frames_that_were_held_up_are_placed_where_they_were_spoken(clock: Clock) -> None:
    """A gate that is shut for an edit, or a busy process: they come at once, and follow on."""
    told, source = Told(), Source()
    recorded = RecordedInput(source, told)
    source.frames = frames(tone(0.4))
    for moment in (0.05, 0.1, 0.35, 0.35, 0.35, 0.35, 0.35, 0.4):
        clock.now = ZERO + moment
        await anext(recorded)
    assert [at for _, at, _, _ in told] == [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35]


@pytest.mark.parametrize("gap", [0.8, 5.0])
async def test_after_a_gap_the_voice_is_where_it_is_heard(clock: Clock, gap: float) -> None:
    """A trainee who was muted is not recorded as having spoken sooner."""
    told, source = Told(), Source()
    recorded = RecordedInput(source, told)
    source.frames = frames(tone(2))
    clock.now = ZERO + FRAME
    await anext(recorded)
    for _ in range(20):
        clock.now += FRAME + gap
        gap = 0
        await anext(recorded)
    assert ZERO + told[-1][1] == pytest.approx(clock.now - FRAME, abs=0.01)


async def say(output: RecordedOutput, seconds: float) -> None:
    for frame in frames(tone(seconds)):
        await output.capture_frame(frame)


async def test_her_line_is_told_as_it_is_played(clock: Clock) -> None:
    """Not when it is made, which is much faster, and not when it is over, which may be too late."""
    told, player = Told(), Player()
    output = RecordedOutput(player, told)
    await say(output, 3)
    output.flush()
    assert told == []
    clock.now = ZERO + 1
    player.on_playback_started(created_at=ZERO + 1)
    clock.now = ZERO + 2
    output._tick()
    assert told == [(PERSONA, 1.0, 1.0, True)]
    clock.now = ZERO + 4
    player.on_playback_finished(playback_position=3, interrupted=False)
    assert told[1:] == [(PERSONA, 2.0, 2.0, True)]
    output.stop()


async def test_a_line_that_was_cut_short_ends_where_it_was_cut(clock: Clock) -> None:
    """Nobody hears in the recording what the trainee did not hear."""
    told, player = Told(), Player()
    output = RecordedOutput(player, told)
    await say(output, 10)
    player.on_playback_started(created_at=ZERO)
    clock.now = ZERO + 2
    output.clear_buffer()
    assert player.cleared == 1
    clock.now = ZERO + 2.2
    output._tick()
    player.on_playback_finished(playback_position=1.8, interrupted=True)
    assert told == [(PERSONA, 0.0, 2.0, True), (PERSONA, 1.8, 0.2, False)]
    output.stop()


async def test_a_pause_for_a_false_interruption_is_a_pause_in_the_recording(clock: Clock) -> None:
    """What follows it is later by as much."""
    told, player = Told(), Player()
    output = RecordedOutput(player, told)
    await say(output, 4)
    player.on_playback_started(created_at=ZERO)
    clock.now = ZERO + 1
    output.pause()
    clock.now = ZERO + 3
    output._tick()
    output.resume()
    clock.now = ZERO + 6
    player.on_playback_finished(playback_position=4, interrupted=False)
    assert told == [(PERSONA, 0.0, 1.0, True), (PERSONA, 3.0, 3.0, True)]
    output.stop()


async def test_a_model_slower_than_speech_leaves_its_gaps(clock: Clock) -> None:
    """A line that ran dry goes on when more of it comes."""
    told, player = Told(), Player()
    output = RecordedOutput(player, told)
    await say(output, 1)
    player.on_playback_started(created_at=ZERO)
    clock.now = ZERO + 2
    await say(output, 1)
    clock.now = ZERO + 3
    player.on_playback_finished(playback_position=2, interrupted=False)
    assert told == [(PERSONA, 0.0, 1.0, True), (PERSONA, 2.0, 1.0, True)]
    output.stop()


class Session:
    """What a recorder asks of a session."""

    def __init__(self, microphone: AudioInput, speaker: AudioOutput) -> None:
        self.input = SimpleNamespace(audio=microphone)
        self.output = SimpleNamespace(audio=speaker)


def recording(folder: Path, emit: Callable[[Event], None]) -> tuple[AudioRecorder, Session, Source, Player]:
    where: Future[Path] = Future()
    where.set_result(folder)
    source, player = Source(), Player()
    session = Session(source, player)
    recorder = AudioRecorder(where, emit)
    recorder.attach(session)  # type: ignore[arg-type]
    return recorder, session, source, player


async def test_a_recording_has_both_sides_in_step_with_the_events(tmp_path: Path, clock: Clock) -> None:
    """Second for second from the event that says when it began; only its owner may read it."""
    events: list[Event] = []
    recorder, session, source, player = recording(tmp_path, events.append)
    assert [event.at for event in events if isinstance(event, AudioStarted)] == [ZERO]
    source.frames = frames(silence(1) + tone(1) + silence(2))
    while source.frames:
        clock.now += FRAME
        await anext(session.input.audio)
    await say(session.output.audio, 1.5)
    session.output.audio.flush()
    player.on_playback_started(created_at=clock.now)
    clock.now += 1.5
    player.on_playback_finished(playback_position=1.5, interrupted=False)
    await recorder.close()
    left, right = sides(tmp_path / "audio.ogg")
    assert sounds(left) == [(1.0, 2.0)]
    assert sounds(right) == [(4.0, 5.5)]
    assert (tmp_path / "audio.ogg").stat().st_mode & 0o777 == 0o600
    assert events[1:] == []


async def test_a_line_on_which_nobody_speaks_costs_no_more_than_a_voice(tmp_path: Path, clock: Clock) -> None:
    """The noise of an open microphone, and a tone, are encoded in one way: by CELT, which Opus names in each packet
    (RFC 6716, 3.1), and not by SILK, which takes three times the CPU."""
    recorder, session, source, _ = recording(tmp_path, lambda event: None)
    chance = random.Random(1)
    noise = array("h", (round(chance.gauss(0, 20)) for _ in range(2 * RATE))).tobytes()
    source.frames = frames(noise + tone(1) + noise)
    while source.frames:
        clock.now += FRAME
        await anext(session.input.audio)
    await recorder.close()
    with av.open(str(tmp_path / "audio.ogg")) as file:
        ways = {bytes(packet)[0] >> 3 for packet in file.demux() if packet.size}
    assert ways and min(ways) >= 16


async def test_a_disk_that_takes_no_audio_is_one_line(tmp_path: Path) -> None:
    """And the call goes on: what comes is passed on, and kept nowhere."""
    (tmp_path / "audio.ogg").mkdir()
    events: list[Event] = []
    came = threading.Event()

    def emit(event: Event) -> None:
        events.append(event)
        if isinstance(event, Notice):
            came.set()

    recorder, session, source, _ = recording(tmp_path, emit)
    came.wait()
    source.frames = frames(tone(1))
    assert (await anext(session.input.audio)).samples_per_channel
    assert [event.text for event in events if isinstance(event, Notice)] == [
        "this call's audio is not recorded any further: Is a directory"
    ]
    await recorder.close()
    assert recorder._waiting.qsize() <= 1


async def test_a_folder_that_is_not_there_is_told_once(tmp_path: Path) -> None:
    """By the folder; its audio has nothing to add."""
    where: Future[Path] = Future()
    where.set_exception(OSError(28, "No space left on device"))
    events: list[Event] = []
    recorder = AudioRecorder(where, events.append)
    recorder.attach(Session(Microphone(), Speaker()))  # type: ignore[arg-type]
    await recorder.close()
    assert [event.kind for event in events] == ["audio"]


class Paced(AudioInput):
    """A microphone with which time goes by as it is listened to."""

    def __init__(self, source: AudioInput, clock: Clock) -> None:
        super().__init__(label="paced", source=source)
        self._frames, self._clock = source, clock

    async def __anext__(self) -> rtc.AudioFrame:
        frame = await anext(self._frames)
        self._clock.now += frame.duration
        return frame


async def test_a_real_call_with_an_edit_is_recorded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """The recorder lies within the gate that an edit shuts and that lets the latest audio be heard again: what the
    trainee said is in the recording once, and her answers after it."""
    where: Future[Path] = Future()
    where.set_result(tmp_path)
    events: list[Event] = []
    recorder = AudioRecorder(where, events.append)
    clock.now = time()  # a real speaker's, which plays in no time

    def attach(session: AgentSession[None]) -> None:
        assert session.input.audio
        session.input.audio = Paced(session.input.audio, clock)
        recorder.attach(session)

    async with GeminiServer(reply=lambda c, h: f"reply to {h}", hears=["one", "two"]) as server:
        async with held("gemini_realtime", server, monkeypatch, attach=attach) as line:
            line.microphone.say(0.5, 1.5)
            await line.answer(2)
            line.write("# Persona: Sarah\nAnother prompt.")
            await line.receipt()
            line.microphone.say(0.5, 1.5)
            await line.answer(3)
            line.call.hang_up()
            await line.ended()
    clock.now = time() + 10
    await recorder.close()
    left, right = sides(tmp_path / "audio.ogg")
    assert sum(end - start for start, end in sounds(left)) == pytest.approx(1.0, abs=0.3)
    assert sounds(right)


KILLED = """
import asyncio, sys, time
from concurrent.futures import Future
from pathlib import Path
from tests.loopback.audio import tone
from tests.record.test_audio import FRAME, frames, recording

async def main():
    told = []
    _, session, source, player = recording(Path(sys.argv[1]), told.append)
    second = frames(tone(1))
    for _ in range(60):
        for frame in second:
            await session.output.audio.capture_frame(frame)
    player.on_playback_started(created_at=time.time())
    for frame in 60 * second:
        await asyncio.sleep(FRAME)
        source.frames = [frame]
        await anext(session.input.audio)
        print("T", time.time() - told[0].at, flush=True)

asyncio.run(main())
"""
"""A call in which both talk without a pause, until somebody kills it, and that says how long it has lasted."""


def test_of_a_killed_call_all_but_the_last_second_is_there(
    program: Program, environment: dict[str, str], tmp_path: Path
) -> None:
    """Both sides, although her line was not over, but for the gaps of a busy machine."""
    command, given = program(KILLED)
    with subprocess.Popen([*command, str(tmp_path)], stdout=subprocess.PIPE, env=environment | given) as process:
        assert process.stdout
        lasted = 0.0
        for line in process.stdout:
            if line.startswith(b"T") and (lasted := float(line.split()[1])) > 4:
                process.kill()
                break
        rest = [float(line.split()[1]) for line in process.stdout.read().decode().splitlines() if line.startswith("T ")]
        lasted = max([lasted, *rest])
    for side in sides(tmp_path / "audio.ogg"):
        assert lasted - 1 < len(side) / RATE <= lasted + 0.1
        assert sum(end - start for start, end in sounds(side)) > 0.9 * (lasted - 1)
