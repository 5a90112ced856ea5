"""The trainee's page in a real browser: what is heard, what is drawn, and how the call ends."""

import os
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.browser import browsing, find_chromium, site
from tests.caller import RATE, SORRY, room_of, speech, token, watching
from tests.loopback.audio import silence, wav
from tests.worker import Worker


@pytest.fixture
def chromium() -> str:
    """A browser."""
    return find_chromium() or pytest.skip("no browser: put chromium on PATH")


@pytest.fixture
def livekit_client() -> Path:
    """LiveKit's own client for browsers, as npm has it."""
    file = os.environ.get("LIVEKIT_CLIENT_JS")
    return Path(file) if file else pytest.skip("no livekit-client: set LIVEKIT_CLIENT_JS to its dist/*.umd.js")


@pytest.mark.asyncio(loop_scope="session")
async def test_a_call_in_a_browser(
    chromium: str, livekit_client: Path, livekit_of_processes: str, processes: Worker, tmp_path: Path
) -> None:
    """The customer is heard, each line is one bubble in its emotion, and hanging up takes her out of the room."""
    room = room_of()
    microphone = tmp_path / "microphone.wav"
    spoken = silence(12, RATE) + await speech(SORRY) + silence(5, RATE)
    microphone.write_bytes(wav(spoken, RATE))
    url = livekit_of_processes
    async with site(livekit_client) as address, watching(url, room) as observer:
        address += f"#{quote(url, safe='')}&{token(room, 'Ann Lee')}"
        async with browsing(chromium, tmp_path / "browser", address, microphone) as page:
            await page.until("state.textContent === 'call'")
            await page.until("window.loudest > 0.05")
            assert await page.evaluate("!document.querySelector('audio').paused")
            await page.until("bubbles.querySelector('.operator + .customer')", 60)
            bubbles = await page.evaluate("[...bubbles.children].map(bubble => [bubble.className, bubble.innerText])")
            (tmp_path / "call.png").write_bytes(await page.screenshot())
            kinds = [kind for kind, _ in bubbles]
            heard = kinds.index("bubble operator")
            assert set(kinds[:heard]) == {"bubble customer angry"}
            assert bubbles[0][1].startswith("Finally!")
            assert kinds[heard + 1].startswith("bubble customer ")
            assert len([text for _, text in bubbles if text.startswith("Finally!")]) == 1
            await page.evaluate("hangUp.click()")
            await observer.sees_the_customer_leave()
            await page.until("state.textContent === 'start'")
