"""A real LiveKit server on 127.0.0.1, for tests."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from watchfiles import awatch

KEY, SECRET = "devkey", "a-secret-of-at-least-32-characters-000"
LOG = "livekit.log"
CONFIG = """
port: {port}
bind_addresses: ["127.0.0.1"]
keys: {{{key}: {secret}}}
rtc:
  node_ip: 127.0.0.1
  udp_port: {udp}
  tcp_port: {tcp}
  use_external_ip: false
  enable_loopback_candidate: true
  interfaces: {{includes: [lo]}}
  ips: {{includes: ["127.0.0.1/32"]}}
  stun_servers: ["127.0.0.1:3478"]
logging: {{level: info}}
"""


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def livekit_binary() -> str:
    """The server's program; a test that needs it is skipped where there is none."""
    binary = os.environ.get("LIVEKIT_SERVER_BIN") or shutil.which("livekit-server")
    if not binary:
        pytest.skip("no LiveKit server: set LIVEKIT_SERVER_BIN or put livekit-server on PATH")
    return binary


def log_of(folder: Path) -> str:
    """What the server with its files in this folder has logged."""
    return (folder / LOG).read_text()


def write_config(folder: Path) -> tuple[Path, int]:
    """A configuration with free ports, and the one to connect to."""
    port = free_port()
    config = folder / "livekit.yaml"
    ports = {"port": port, "tcp": free_port(), "udp": free_port(socket.SOCK_DGRAM)}
    config.write_text(CONFIG.format(key=KEY, secret=SECRET, **ports))
    return config, port


@asynccontextmanager
async def livekit_server(folder: Path) -> AsyncIterator[str]:
    """The server for as long as it is entered, with its files in this folder; gives its URL."""
    binary = livekit_binary()
    for _ in range(5):  # a port that was free a moment ago may be taken by another test run, and then it ends at once
        config, port = write_config(folder)
        with (folder / LOG).open("w") as log:
            process = await asyncio.create_subprocess_exec(binary, "--config", config, stdout=log, stderr=log)
        try:
            if await _listens(process, port):
                yield f"ws://127.0.0.1:{port}"
                return
        finally:
            print(log_of(folder))  # for whoever reads why a test failed
            if process.returncode is None:
                process.kill()
            await process.wait()
    raise RuntimeError("the LiveKit server does not stay up")


async def logged(folder: Path, text: str) -> None:
    """Returns once the log of the server with its files in this folder holds this."""
    async for _ in awatch(folder / LOG, yield_on_timeout=True, rust_timeout=1000):
        if text in log_of(folder):
            return


async def _listens(process: asyncio.subprocess.Process, port: int) -> bool:
    """Waits until the server can be connected to; False if it ended instead."""
    async with asyncio.timeout(20):
        while process.returncode is None:
            try:
                (await asyncio.open_connection("127.0.0.1", port))[1].close()
            except OSError:
                await asyncio.sleep(0.01)  # the port is all that a server that starts can be asked
            else:
                return process.returncode is None
    return False
