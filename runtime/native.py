"""LiveKit's native library, as calls use it: what it would do for each of them that nobody hears, reads or needs."""

from __future__ import annotations

import logging

from livekit import rtc

logger = logging.getLogger(__name__)

BITRATE = 96_000
"""Bits a second of a voice, at most. Below some 72,000, libopus takes three times the CPU for it (a SILK encoder), also
while nobody speaks: 1.9 % of a core instead of 0.6 %."""


def load() -> None:
    """Loads the library, which takes a moment, and takes its log from Python.

    It hands over each line, 2,700 of them while a room is joined, for Python to drop all that are no warnings: half of
    what joining costs. From here on it writes errors to stderr by itself, or what RUST_LOG asks for.
    """
    rtc.AudioResampler(48_000, 24_000)  # any object of it
    try:
        from livekit.rtc import _ffi_client as ffi

        version = ffi.__version__.encode("ascii")
        ffi.FfiClient.instance._ffi_lib.livekit_ffi_initialize(ffi.ffi_event_callback, False, b"python", version)
    except (ImportError, AttributeError):  # private: without it calls are dearer, and go on
        logger.warning("LiveKit's native library cannot be told to keep its log")


def voice() -> rtc.TrackPublishOptions:
    """How a voice is published."""
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    options.audio_encoding.max_bitrate = BITRATE
    return options
