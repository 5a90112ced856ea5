"""A provider asked with the user's key: is the key accepted, does it have the model, how fast does it answer?"""

from __future__ import annotations

import difflib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ..call.build import key_of
from ..call.network import address, why_unreachable
from ..call.options import secret
from ..errors import NotOffered, SpecError
from ..spec.session_spec import Part, SessionSpec

SECONDS = 8.0
HIGH_MS = 1000
"""An answer to the smallest question that is later than this makes every reply late."""

_REFUSED = {
    401: "key refused (401): it is wrong, revoked, or of another provider",
    403: "key refused (403): it may not do this, its project is blocked, or the provider does not serve this country",
    429: "key accepted, but rate limited (429): wait, or raise the account's quota or credit",
}


@dataclass(frozen=True, slots=True)
class Provider:
    """One service of a spec, and the parts that it plays. `secret` names where its key comes from."""

    plugin: str
    at: str
    key: str = field(repr=False)
    secret: str
    models: tuple[str, ...]
    http_options: Mapping[str, Any]


def providers(spec: SessionSpec, env: Mapping[str, str]) -> list[Provider]:
    """The services of a spec that can be asked, each once, however many parts it plays. Raises SpecError where a part
    takes its key from a variable that is not set."""
    found: dict[tuple[str, ...], Provider] = {}
    for place, part in spec.parts.items():
        if part is None or part.plugin not in _CLIENTS or not _speaks_with_a_key(place, part, env):
            continue
        options = part.options
        given = options.get("http_options")
        http = given if isinstance(given, dict) else {}
        usual, usual_key, base_variable = _USUAL[part.plugin]
        at = options.get("base_url") or http.get("base_url") or env.get(base_variable) or usual
        written = str(options.get("api_key") or f"env:{usual_key}:-")
        key = secret(f"{key_of(spec, place)}.options.api_key", written, env)
        name = written.removeprefix("env:").partition(":")[0]
        known = found.get((part.plugin, at, key))
        models = tuple(dict.fromkeys([*(known.models if known else ()), *filter(None, [options.get("model")])]))
        found[part.plugin, at, key] = Provider(part.plugin, at, key, name, models, http)
    return list(found.values())


def _speaks_with_a_key(place: str, part: Part, env: Mapping[str, str]) -> bool:
    """Whether a part is served by an API that takes a key: Google's speech and Vertex AI take an account's file."""
    vertex = part.options.get("vertexai", env.get("GOOGLE_GENAI_USE_VERTEXAI", "").lower() in ("1", "true"))
    return part.plugin != "google" or (place not in ("stt", "tts") and not vertex)


async def ask(provider: Provider) -> str:
    """Asks for the models, with the library that the plugin itself asks with. Raises SpecError, with what to do, where
    the key is refused, a model is not there, or the provider cannot be reached, and NotOffered where it is a server
    that lists no models."""
    where = address(provider.at)
    if not where.startswith(("http://", "https://")):
        raise SpecError(f"base_url is not an address: it is http://… or https://…, as {_USUAL[provider.plugin][0]}")
    client = _CLIENTS[provider.plugin](provider)
    try:
        names = await client.names()
        absent = [model for model in provider.models if model not in names and not await client.has(model)]
        began = time.monotonic()  # the connection is open by now
        await client.has([*provider.models, *names, "none"][0])
        ms = round((time.monotonic() - began) * 1000)
    except Exception as error:  # each library has its own; what the answer says may repeat the key, and is not shown
        _explain(where, client.status(error), error)
    finally:
        await client.close()
    if absent:
        near = [name for model in absent for name in difflib.get_close_matches(model, names, n=3, cutoff=0.4)]
        listed = f"nearest: {', '.join(dict.fromkeys(near))}" if near else f"it lists {len(names)} others"
        raise SpecError(f"{where}: key accepted, but there is no model {' and no '.join(absent)} for it; {listed}")
    if ms > HIGH_MS:
        raise SpecError(
            f"{where}: key accepted, but an answer takes {ms} ms, and every reply will be late: run this nearer to the"
            " provider, without VPN or proxy, or choose a provider or region that is nearer"
        )
    return ", ".join(
        [f"{where}: key accepted", *(f"{model} is there" for model in provider.models), f"answers in {ms} ms"]
    )


def _explain(where: str, status: int | None, error: Exception) -> NoReturn:
    if status is None:
        raise SpecError(f"{where}: {why_unreachable(error)}") from None
    if status == 404:
        raise NotOffered(f"{where} answers, but lists no models (404): if calls fail, check base_url") from None
    if status >= 500:
        raise SpecError(f"{where} answers {status}: a fault of its own; try again later, or another model=") from None
    raise SpecError(f"{where}: {_REFUSED.get(status, f'it answers {status}: check base_url')}") from None


class _OpenAI:
    """`GET /models` and `GET /models/NAME` of anything that speaks OpenAI's HTTP API."""

    def __init__(self, provider: Provider) -> None:
        import openai

        self._errors = openai
        self._client = openai.AsyncOpenAI(api_key=provider.key, base_url=provider.at, max_retries=0, timeout=SECONDS)

    async def names(self) -> list[str]:
        return [model.id for model in (await self._client.models.list()).data or ()]

    async def has(self, model: str) -> bool:
        try:
            await self._client.models.retrieve(model)
        except self._errors.NotFoundError:
            return False
        return True

    def status(self, error: Exception) -> int | None:
        return error.status_code if isinstance(error, self._errors.APIStatusError) else None

    async def close(self) -> None:
        await self._client.close()


class _Gemini:
    """`GET /v1beta/models` and `GET /v1beta/models/NAME` of the Gemini API."""

    def __init__(self, provider: Provider) -> None:
        from google import genai

        self._errors = genai.errors
        # Previews, as the Live models are, are listed by v1beta alone.
        http = {"api_version": "v1beta", **provider.http_options, "timeout": round(SECONDS * 1000)}
        if provider.at != _USUAL["google"][0]:
            http["base_url"] = provider.at
        options = genai.types.HttpOptions.model_validate(http)
        self._client = genai.Client(api_key=provider.key, vertexai=False, http_options=options)

    async def names(self) -> list[str]:
        pager = await self._client.aio.models.list(config={"page_size": 1000})
        return [(model.name or "").removeprefix("models/") for model in pager.page]

    async def has(self, model: str) -> bool:
        try:
            await self._client.aio.models.get(model=model)
        except self._errors.APIError as error:
            if error.code != 404:
                raise
            return False
        return True

    def status(self, error: Exception) -> int | None:
        if not isinstance(error, self._errors.APIError):
            return None
        # Gemini answers a key that it does not know with 400.
        return 401 if error.code == 400 and "API_KEY_INVALID" in str(error.details) else error.code

    async def close(self) -> None:
        await self._client.aio.aclose()


_CLIENTS: dict[str, type[_OpenAI] | type[_Gemini]] = {"openai": _OpenAI, "google": _Gemini}
_USUAL = {
    "openai": ("https://api.openai.com/v1", "OPENAI_API_KEY", "OPENAI_BASE_URL"),
    "google": ("https://generativelanguage.googleapis.com", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL"),
}
"""Each provider's usual address, the variable of its key, and the variable that gives another address."""
