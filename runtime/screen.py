"""A call's lines on the trainee's screen, as the data messages that the Axtra Console draws."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from livekit import rtc

from .events import Event, Heard, Said

TOPIC = "transcript"


class Screen:
    """Sends each whole line once, in order. What it cannot send is dropped: it never touches the call."""

    def __init__(self, room: rtc.Room) -> None:
        self._room = room
        self._lines: asyncio.Queue[bytes] = asyncio.Queue()

    def show(self, event: Event) -> None:
        """Takes one event of the call; lines are sent, the rest is not for the trainee."""
        match event:
            case Said(text=text, emotion=emotion):
                message = {"type": "transcript", "speaker": "customer", "text": text, "emotion": emotion}
            case Heard(text=text):
                message = {"type": "transcript", "speaker": "operator", "text": text}
            case _:
                return
        self._lines.put_nowait(json.dumps(message, ensure_ascii=False).encode(errors="replace"))

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Sends while it is open, and at the end what is left."""
        async with asyncio.TaskGroup() as tasks:
            sender = tasks.create_task(self._send())
            try:
                yield
            finally:
                try:
                    async with asyncio.timeout(1):
                        await self._lines.join()
                except TimeoutError:
                    pass
                sender.cancel()

    async def _send(self) -> None:
        while True:
            line = await self._lines.get()
            try:
                await self._room.local_participant.publish_data(line, reliable=True, topic=TOPIC)
            except Exception:  # a room that is gone, or full: the events have the line all the same
                pass
            finally:
                self._lines.task_done()
