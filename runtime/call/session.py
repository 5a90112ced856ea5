"""One call, start to end. It takes specs and emits events, and knows nothing of where it runs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from functools import partial

from livekit.agents.voice import SpeechHandle

from ..errors import SpecError
from ..events import TRAINEE_LEFT, Emit, Ended
from ..spec.session_spec import AnyEdit, FaultyEdit
from ..spec.settings import ReloadMode
from .conversation import CallState, Conversation, Join
from .detector import share_detector
from .plugins import register_in_this_loop
from .sinks import safe


class Call:
    """A persona on the phone.

    `audio` says whether the trainee speaks and hears, or types and reads; `answer_timeout` after how many seconds
    without a word a model is asked again; `reload` whether edits of the spec reach this call; `seed` which of the lines
    that mean the same are said (`Arc.seed`; None: another one for each call).
    """

    def __init__(
        self,
        specs: AsyncIterator[AnyEdit],
        emit: Emit,
        *,
        audio: bool,
        answer_timeout: float = 12,
        reload: ReloadMode = ReloadMode.LIVE,
        seed: int | None = None,
    ) -> None:
        self._specs = specs
        self._state = CallState()
        self._converse = partial(
            Conversation,
            call=self._state,
            emit=safe(emit),  # a broken sink must not touch the call
            audio=audio,
            answer_timeout=answer_timeout,
            reload=reload,
            seed=random.randrange(1, 2**31) if seed is None else seed,
        )
        self._joined: asyncio.Future[Conversation] = asyncio.get_running_loop().create_future()

    async def run(self, join: Join) -> Ended:
        """Holds the whole call: join, open, talk and follow edits until somebody hangs up, close. Raises SpecError
        where the first spec cannot be built: nothing was joined or said then."""
        register_in_this_loop()
        first = await anext(self._specs)
        if isinstance(first, FaultyEdit):
            raise SpecError(first.error)
        share_detector()
        conversation = self._converse(first.spec)
        return await conversation.run(self._specs, join, lambda: self._joined.set_result(conversation))

    @property
    def over(self) -> bool:
        """Somebody has hung up: nothing that is said from now on is answered."""
        return self._state.over

    async def begin_turn(self, text: str) -> SpeechHandle | None:
        """The trainee's typed turn: cuts the persona short, as speaking would. None once the call is over."""
        await asyncio.wait([self._joined])
        return await self._joined.result().begin_turn(text)

    async def type(self, text: str) -> bool:
        """The trainee's typed turn; returns when the persona has answered it. False once the call is over."""
        await asyncio.wait([self._joined])
        return await self._joined.result().type(text)

    async def opened(self) -> None:
        """Returns once the opening line was said, or the call has closed before."""
        await self._state.opened.wait()

    def hang_up(self, reason: str = TRAINEE_LEFT) -> None:
        """Ends the call as the trainee would, at once, even before it is answered."""
        self._state.close(reason)
