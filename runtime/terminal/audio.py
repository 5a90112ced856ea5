"""This machine's microphone and speakers as the two ends of a call, by LiveKit's `MediaDevices` (PortAudio)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.io import AudioInput

from ..call.voice import Speaker, keep_in_step
from ..errors import SpecError

SAMPLE_RATE = 48_000


@asynccontextmanager
async def devices(session: AgentSession[None]) -> AsyncIterator[None]:
    """Attaches microphone and speakers to a session that has not started, with echo cancelled.

    Raises:
        SpecError: PortAudio is missing, or there is no microphone or no speaker.
    """
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
    speaker = Speaker(SAMPLE_RATE)
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
