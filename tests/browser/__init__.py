"""A real browser as the trainee: headless Chromium, driven by the Chrome DevTools protocol."""

import asyncio
import base64
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --remote-debugging-port=0 --window-size=800,900"
    " --autoplay-policy=no-user-gesture-required --use-fake-ui-for-media-stream --use-fake-device-for-media-stream"
).split()


def find_chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Page:
    """A page in the browser: its JavaScript, asked from outside."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = count(1)

    async def send(self, method: str, **parameters: Any) -> Any:
        """One command of the DevTools protocol, and its result."""
        number = next(self._ids)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            answer = await self._socket.receive_json()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    async def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression; of a promise, what it comes to."""
        answer = await self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def until(self, condition: str, seconds: float = 30) -> None:
        """Returns once this JavaScript expression is true."""
        async with asyncio.timeout(seconds):
            await self.evaluate(
                f"new Promise(done => {{ const ask = () => ({condition}) ? done() : setTimeout(ask, 20); ask(); }})"
            )

    async def screenshot(self) -> bytes:
        """The page as a PNG."""
        return base64.b64decode((await self.send("Page.captureScreenshot"))["data"])


@asynccontextmanager
async def browsing(chromium: str, home: Path, address: str, microphone: Path) -> AsyncIterator[Page]:
    """A browser on this page, speaking this WAV file once into its microphone."""
    process = await asyncio.create_subprocess_exec(
        chromium,
        *FLAGS,
        f"--user-data-dir={home}",
        f"--use-file-for-fake-audio-capture={microphone}%noloop",
        stdout=-3,
        stderr=-1,
    )
    try:
        assert process.stderr
        async with asyncio.timeout(30):
            while b"DevTools listening on" not in (line := await process.stderr.readline()):
                assert line, "the browser has gone"
        port = line.decode().split("127.0.0.1:")[1].split("/")[0]
        async with aiohttp.ClientSession() as http:
            async with http.get(f"http://127.0.0.1:{port}/json/list") as response:
                pages = [target for target in await response.json() if target["type"] == "page"]
            async with http.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=2**26) as socket:
                page = Page(socket)
                await page.send("Page.navigate", url=address)
                await page.until("document.readyState === 'complete'")
                yield page
    finally:
        process.kill()
        await process.communicate()


@asynccontextmanager
async def site(livekit_client: Path) -> AsyncIterator[str]:
    """The trainee's page, served on loopback with this build of livekit-client."""
    app = web.Application()
    page = Path(__file__).parent / "page.html"

    async def file(request: web.Request) -> web.FileResponse:
        return web.FileResponse(livekit_client if request.path.endswith(".js") else page)

    app.add_routes([web.get("/", file), web.get("/livekit-client.js", file)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()
