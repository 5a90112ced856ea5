"""Why a server cannot be reached or used, whichever library's client said so."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from livekit.agents import APIConnectionError, APIStatusError


def address(url: str) -> str:
    """Scheme, host and port of a URL: the rest of it may hold a secret."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an address that is none"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return f"{parts.scheme}://{host}{port}"


def why_unreachable(error: BaseException) -> str:
    """What went wrong on the way to a server, and what to do about it."""
    for cause in _causes(error):
        match cause:
            case socket.gaierror():
                return "there is no such host: check the name, and this machine's DNS"
            case ConnectionRefusedError():
                return "connection refused: nothing answers there. Start the server, or correct the address"
            case ssl.SSLCertVerificationError(verify_message=str(reason)):
                return f"its certificate is not accepted ({reason}). Behind a proxy of your own, set SSL_CERT_FILE"
            case ssl.SSLError():
                return "it does not speak TLS there: use ws:// or http://, or the port that does"
            case ConnectionResetError():
                return "it hung up at once: wrong port, a firewall, or it wants TLS (wss:// or https://)"
            case TimeoutError():
                return "no answer in time: a firewall drops what is sent there, or the server is down"
            case OSError(strerror=str(reason)):
                return f"{reason}: check this machine's network"
    return f"it does not answer as it should ({type(error).__name__})"


def explained(error: object, option: str = "") -> str:
    """An error of a provider in one line. Of a server that was not reached it says why, what to do, and where it was
    looked for: by the error itself, or else by the part's own `option`."""
    reason = str(error) or type(error).__name__
    if isinstance(error, APIStatusError) or not isinstance(error, APIConnectionError | OSError):
        return reason
    causes = list(_causes(error))
    requested = (str(getattr(getattr(cause, "request", None), "url", "")) for cause in causes)
    # What the system itself tells of a connection: "Connect call failed ('127.0.0.1', 8000)".
    connected = (re.search(r"\('([^']+)', (\d+)", str(cause)) for cause in causes)
    url = next(filter(None, requested), "") or option
    where = address(url) if url else next((":".join(found.groups()) for found in connected if found), "")
    if any(isinstance(cause, ConnectionRefusedError | socket.gaierror) for cause in causes):
        return f"{where or 'its server'}: {why_unreachable(error)}"
    return f"{reason} ({where})" if where else reason


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, the innermost first."""
    if (cause := error.__cause__ or error.__context__) is not None:
        yield from _causes(cause)
    yield error
