"""A call's lines on the trainee's screen: the data messages that the Axtra Console draws, or LiveKit's text streams."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from livekit import api, rtc
from livekit.agents.types import ATTRIBUTE_TRANSCRIPTION_FINAL, TOPIC_TRANSCRIPTION

from ..events import Ended, Event, Heard, Said
from ..spec.settings import Transcripts

TOPIC = "transcript"
CANNOT_GO_ON = ("error", "no_answer", "lost", "shutdown")
"""Reasons of a call that ends without the persona or the trainee wanting it to."""


class Screen:
    """Sends each whole line once, in order. What it cannot send is dropped: it never touches the call.

    Text streams are LiveKit's own work, but for `went_dead`: what the trainee reads when the call cannot go on.
    """

    def __init__(self, room: rtc.Room, transcripts: Transcripts = Transcripts.DATA) -> None:
        self.went_dead = ""
        self._room = room
        self._transcripts = transcripts
        self._lines: asyncio.Queue[bytes | str] = asyncio.Queue()

    def show(self, event: Event) -> None:
        """Takes one event of the call; lines are sent, the rest is not for the trainee."""
        match event:
            case Said(text=text, emotion=emotion):
                self._put(customer_line(text, emotion))
            case Heard(text=text):
                self._put(_encoded({"type": "transcript", "speaker": "operator", "text": text}))
            case Ended(reason=reason) if reason in CANNOT_GO_ON and self.went_dead:
                self._put(customer_line(self.went_dead))
                if self._transcripts is not Transcripts.DATA:
                    self._lines.put_nowait(self.went_dead)

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

    def _put(self, message: bytes) -> None:
        if self._transcripts is not Transcripts.STREAM:
            self._lines.put_nowait(message)

    async def _send(self) -> None:
        while True:
            line = await self._lines.get()
            try:
                if isinstance(line, bytes):
                    await self._room.local_participant.publish_data(line, reliable=True, topic=TOPIC)
                else:
                    final = {ATTRIBUTE_TRANSCRIPTION_FINAL: "true"}
                    await self._room.local_participant.send_text(line, topic=TOPIC_TRANSCRIPTION, attributes=final)
            except Exception:  # a room that is gone, or full: the events have the line all the same
                pass
            finally:
                self._lines.task_done()


async def take_leave(room: str, identity: str, line: bytes | None) -> None:
    """For a customer whose process died: shows the line in the room and takes the customer out of it.

    The room is not deleted: that would take the trainee's page back to its start, and the line with it. What cannot
    be done is left undone: the room may be gone.
    """
    async with api.LiveKitAPI() as server:
        try:
            if line is not None:
                await server.room.send_data(
                    api.SendDataRequest(room=room, data=line, kind=api.DataPacket.Kind.RELIABLE, topic=TOPIC)
                )
            await server.room.remove_participant(api.RoomParticipantIdentity(room=room, identity=identity))
        except Exception:  # LiveKit and aiohttp have many
            pass


def customer_line(text: str, emotion: str = "neutral") -> bytes:
    """A line of the customer's as the Axtra Console reads it."""
    return _encoded({"type": "transcript", "speaker": "customer", "text": text, "emotion": emotion})


def _encoded(message: dict[str, str]) -> bytes:
    return json.dumps(message, ensure_ascii=False).encode(errors="replace")
