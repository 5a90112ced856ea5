"""LiveKit's native library, as calls use it: what it would do for each of them that nobody hears, reads or needs."""

from __future__ import annotations

import logging
import os
from functools import partial
from typing import Any

from livekit import rtc

logger = logging.getLogger(__name__)

BITRATE = 80_000
"""Bits a second of a voice, at most. Below some 72,000, libopus takes three times the CPU for it (a SILK encoder), also
while nobody speaks: 1.9 % of a core instead of 0.6 %. On the wire, where LiveKit sends all twice against loss, it is
about twice that while a voice speaks, and next to nothing while it is silent."""


def load() -> None:
    """Loads the library, which takes a moment, and lets it keep its log where RUST_LOG says which (`log=quiet`: off).

    It hands each line to Python otherwise, 2,700 of them while a room is joined, for all but warnings to be dropped
    there: half of what joining costs.
    """
    try:
        from livekit.rtc import _ffi_client as ffi

        library = ffi.FfiClient.instance._ffi_lib
        if os.environ.get("RUST_LOG"):
            library.livekit_ffi_initialize(ffi.ffi_event_callback, False, b"python", rtc.__version__.encode("ascii"))
    except (ImportError, AttributeError):  # private: without it calls are dearer, and go on
        logger.warning("LiveKit's native library cannot be told to keep its log")


def unshare(room: rtc.Room) -> None:
    """Leaves other rooms' events to them: LiveKit wakes all rooms of a process for each frame that one plays."""
    try:
        from livekit.rtc._ffi_client import FfiClient

        events, handle = FfiClient.instance.queue, room._ffi_handle.handle  # type: ignore[union-attr]
        with events._lock:
            for i, (queue, loop, _) in enumerate(events._subscribers):
                if queue is room._ffi_queue:
                    events._subscribers[i] = queue, loop, partial(_concerns, handle)
    except (ImportError, AttributeError, ValueError):
        logger.warning("LiveKit's rooms cannot be kept from waking each other")


def _concerns(room: int, event: Any) -> bool:
    message = event.WhichOneof("message")
    if message == "room_event":
        return bool(event.room_event.room_handle == room)
    return message not in ("audio_stream_event", "video_stream_event", "capture_audio_frame")


def voice() -> rtc.TrackPublishOptions:
    """How a voice is published."""
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    options.audio_encoding.max_bitrate = BITRATE
    return options
