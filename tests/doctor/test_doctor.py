"""`mode=doctor`: what is wrong is one line that says what to do, within a bounded time, and no key is ever shown."""

import asyncio
import os
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from pathlib import Path

import pytest
from aiohttp import web
from livekit import api

from runtime.call.network import address, why_unreachable
from tests.conftest import COMMAND, Result, Run
from tests.fork_server import LACKING
from tests.livekit_server import KEY, SECRET, free_port, livekit_binary, write_config
from tests.loopback import Fault, Refuse, Server, Stall
from tests.loopback.gemini import GeminiServer
from tests.loopback.openai_http import OpenAIHTTPServer

OPENAI_MODEL = "gpt-realtime"
OPENAI_KEY = "sk-a-key-that-nobody-may-see"
GEMINI_MODEL = "gemini-2.5-flash-native-audio-preview-12-2025"

Report = dict[str, list[tuple[str, str]]]
Doctor = Callable[..., Awaitable[tuple[Result, Report]]]


def read(out: str) -> Report:
    """The table's rows, by what they are about: mark and how it is."""
    rows = [re.fullmatch(r"([✓–✗])  (.+?)  +(\S.*?) *", line) for line in out.splitlines()]
    report: Report = {}
    for row in filter(None, rows):
        report.setdefault(row[2], []).append((row[1], row[3]))
    return report


@pytest.fixture
def doctor(run: Run) -> Doctor:
    """The real command, in a thread so that servers of this process can answer it; no key is in what it prints. Without
    `speech` it is that of a machine without the extras for it, whose models take longer than all the rest."""

    async def doctor(
        *arguments: str, env: Mapping[str, str] | None = None, speech: bool = False
    ) -> tuple[Result, Report]:
        lacking = {} if speech else {LACKING: "hibari faster_whisper"}
        result = await asyncio.to_thread(run, "mode=doctor", *arguments, env=lacking | dict(env or {}))
        assert result.code in (0, 1) and result.err == "", result
        for name, value in (env or {}).items():
            assert not (name.endswith(("_KEY", "_SECRET")) and value and value in result.out)
        report = read(result.out)
        assert result.code == any(mark == "✗" for rows in report.values() for mark, _ in rows), result.out
        return result, report

    return doctor


def livekit(url: str, key: str = KEY, secret: str = SECRET) -> dict[str, str]:
    return {"LIVEKIT_URL": url, "LIVEKIT_API_KEY": key, "LIVEKIT_API_SECRET": secret}


async def test_a_machine_that_is_set_up_for_nothing_is_fine_for_the_offline_call(doctor: Doctor) -> None:
    """Nothing set: no row is wrong, LiveKit is not asked, and what is missing says how to have it."""
    result, report = await doctor(speech=True)
    assert result.code == 0
    assert [mark for mark, _ in report["LiveKit server"]] == ["–"]
    assert "LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET are not set" in report["LiveKit server"][0][1]
    assert re.search(r"composed in \d+ ms", report["spec"][0][1])
    assert re.search(r"Python 3\.\d+.*livekit-agents \d.*openai \d", report["versions"][0][1])
    assert re.search(r"speaks English after \d+ ms", report["offline voice"][0][1])
    assert report["agent name"][0][0] == report["ports"][0][0] == "✓"
    assert "billing-dispute-01: sarah_thompson" in report["scenarios"][0][1]


# ---------------------------------------------------------------- LiveKit


async def test_a_call_to_itself_is_heard_and_leaves_no_room_behind(doctor: Doctor, livekit_url: str) -> None:
    """A real server: reached, key accepted, a tone heard with its time; afterwards the room is gone."""
    result, report = await doctor(env=livekit(livekit_url), speech=True)
    assert result.code == 0, result.out
    assert report["LiveKit server"] == [("✓", f"{livekit_url} answers")]
    assert report["LiveKit key"] == [("✓", "accepted")]
    assert re.search(r"round trip takes \d+\.\d ms", report["LiveKit latency"][0][1])
    heard = r"joined in \d\.\d\d s, a tone was heard \d\.\d\d s after that, over UDP with a round trip of \d+ ms"
    assert re.fullmatch(heard, report["LiveKit call"][0][1])
    async with api.LiveKitAPI(livekit_url.replace("ws", "http", 1), KEY, SECRET) as server:
        assert not (await server.room.list_rooms(api.ListRoomsRequest())).rooms


@pytest.mark.parametrize(
    ("key", "secret", "said"),
    [
        (KEY, "a-wrong-secret", "LIVEKIT_API_SECRET is not the secret of this LIVEKIT_API_KEY"),
        ("nobodyskey", SECRET, "the server has no such LIVEKIT_API_KEY"),
    ],
    ids=["secret", "key"],
)
async def test_a_refused_key_says_which_of_the_two_is_wrong(
    doctor: Doctor, livekit_url: str, key: str, secret: str, said: str
) -> None:
    """A key that the server does not know, or one with another secret: what builds on it is not asked."""
    _, report = await doctor(env=livekit(livekit_url, key, secret))
    assert report["LiveKit key"][0][0] == "✗" and said in report["LiveKit key"][0][1]
    assert "LiveKit call" not in report


@pytest.mark.parametrize(
    ("env", "said"),
    [
        (livekit("wss://127.0.0.1:1"), "wss://127.0.0.1:1: connection refused"),
        (livekit("127.0.0.1:7880"), "LIVEKIT_URL is not an address: it is wss://HOST"),
        (livekit("ftp://127.0.0.1"), "LIVEKIT_URL is not an address"),
        (livekit("ws://127.0.0.1:many"), "LIVEKIT_URL is not an address"),
        ({"LIVEKIT_URL": "ws://127.0.0.1:1"}, "LIVEKIT_API_KEY, LIVEKIT_API_SECRET not set"),
    ],
    ids=["closed port", "no scheme", "scheme", "port", "half"],
)
async def test_a_server_that_cannot_be_asked_says_why(doctor: Doctor, env: dict[str, str], said: str) -> None:
    """A closed port, an address that is none, variables that are missing: one line each, and no traceback."""
    _, report = await doctor(env=env)
    assert report["LiveKit server"][0][0] == "✗" and said in report["LiveKit server"][0][1]


async def test_tls_that_does_not_work_is_told_apart(doctor: Doctor) -> None:
    """wss:// to a port without TLS, and to one whose certificate nobody vouches for."""
    async with OpenAIHTTPServer() as plain, GeminiServer() as self_signed:
        _, without = await doctor(env=livekit(plain.origin.replace("http", "wss")))
        _, unknown = await doctor(env=livekit(self_signed.origin.replace("https", "wss")))
    assert "does not speak TLS" in without["LiveKit server"][0][1]
    assert "certificate is not accepted (self-signed certificate)" in unknown["LiveKit server"][0][1]


class Stranger(Server):
    """What a LiveKit address may lead to: `/` and the question that a key is asked with, answered as told."""

    def __init__(self, status: int = 401, text: str = "", date: float | None = None, slow: Fault | None = None) -> None:
        super().__init__()
        self._status, self._text = status, text
        self._date = date
        self.asked = False
        self._slow = slow

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/", self._root), web.get("/rtc/validate", self._validate), web.get("/worker", self._worker)]

    async def _root(self, request: web.Request) -> web.Response:
        self.asked = True
        self.changed()
        match self._slow:
            case Stall(None):
                await self.over.wait()
            case Stall(float() as seconds):
                await asyncio.sleep(seconds)
        return web.Response(text="OK")

    async def _validate(self, request: web.Request) -> web.Response:
        headers = {} if self._date is None else {"Date": formatdate(self._date, usegmt=True)}
        return web.Response(status=self._status, text=self._text, headers=headers)

    async def _worker(self, request: web.Request) -> web.Response:
        return web.json_response({"agent_name": "", "active_jobs": 0})

    @property
    def url(self) -> str:
        return self.origin.replace("http", "ws")


@pytest.mark.parametrize(
    ("ahead", "said"), [(7200, "s ahead of the server's"), (-7200, "s behind the server's")], ids=["ahead", "behind"]
)
async def test_a_clock_that_is_wrong_is_named_when_the_key_is_refused_for_it(
    doctor: Doctor, ahead: int, said: str
) -> None:
    """A token of the wrong time is refused like a wrong key; the server's own date tells the two apart."""
    async with Stranger(text="error: token has invalid claims", date=time.time() - ahead) as server:
        _, report = await doctor(env=livekit(server.url))
    assert report["LiveKit key"][0][0] == "✗"
    assert "clock is 7" in report["LiveKit key"][0][1] and said in report["LiveKit key"][0][1]


async def test_what_answers_but_is_no_livekit_server_is_said_to_be_none(doctor: Doctor) -> None:
    """Some web server at the address: LIVEKIT_URL is to be checked, and not the key."""
    async with Stranger(status=404) as server:
        _, report = await doctor(env=livekit(server.url))
    assert "is no LiveKit server (404" in report["LiveKit key"][0][1]


async def test_a_slow_way_to_the_server_is_said_with_what_to_do(doctor: Doctor) -> None:
    """A round trip over 250 ms is not fine for a conversation."""
    async with Stranger(slow=Stall(0.26)) as server:
        _, report = await doctor(env=livekit(server.url))
    assert report["LiveKit latency"][0][0] == "✗"
    assert re.search(r"round trip takes 2\d\d ms.*region near the trainees", report["LiveKit latency"][0][1])


async def test_what_never_answers_holds_nothing_up(doctor: Doctor, environment: dict[str, str], tmp_path: Path) -> None:
    """LiveKit, a provider and a sound system that stay silent for ever: each check ends by its own deadline."""
    (tmp_path / "sounddevice.py").write_text(
        "from threading import Event\nquery_devices = lambda kind: Event().wait()\n"
    )
    path = {"PYTHONPATH": os.pathsep.join([environment["PYTHONPATH"], str(tmp_path)])}
    async with Stranger(slow=Stall()) as server, OpenAIHTTPServer(on_models=[Stall()]) as provider:
        _, report = await doctor("model=openai_realtime", env=livekit(server.url) | provider.environment | path)
    assert "no answer in time: a firewall" in report["LiveKit server"][0][1]
    assert "no answer in time" in report["openai"][0][1]
    assert "no answer within 10 s" in report["microphone, speaker"][0][1]


async def test_ctrl_c_ends_it_without_a_word(command: list[str], environment: dict[str, str], here: Path) -> None:
    """Interrupted while a server keeps it waiting it leaves no traceback."""
    async with Stranger(slow=Stall()) as server:
        process = await asyncio.create_subprocess_exec(
            *command, "mode=doctor", env=environment | livekit(server.url), cwd=here, stdout=-1, stderr=-1
        )
        await server.until(lambda: server.asked, timeout=30)
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
    assert (process.returncode, out, err) == (130, b"", b"")


def test_a_machine_with_loopback_alone_is_told_apart_from_a_bug(
    environment: dict[str, str], here: Path, tmp_path: Path
) -> None:
    """In a namespace without any interface but `lo` the key is accepted, and the call's line says what is missing."""
    binary = livekit_binary()
    inside = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "--"]
    if not shutil.which("unshare") or subprocess.run([*inside, "true"], capture_output=True).returncode:
        pytest.skip("no namespaces here: unshare -rn is not allowed")
    config, port = write_config(tmp_path)
    script = (
        '"$0" --config "$1" & server=$!; shift; until (: </dev/tcp/127.0.0.1/$PORT); do :; done; "$@"; kill $server'
    )
    done = subprocess.run(
        [*inside, "bash", "-c", script, binary, str(config), *COMMAND, "mode=doctor"],
        env=environment | livekit(f"ws://127.0.0.1:{port}") | {"PORT": str(port)},
        cwd=here,
        capture_output=True,
        text=True,
        timeout=100,
    )
    report = read(done.stdout)
    assert report["LiveKit key"] == [("✓", "accepted")], done
    mark, said = report["LiveKit call"][0]
    assert mark == "✗" and "wait_pc_connection timed out" in said
    assert "no network interface besides loopback" in said and "UDP to ports 50000-60000" in said


# ---------------------------------------------------------------- providers


async def test_a_provider_is_asked_with_the_key_for_the_model(doctor: Doctor) -> None:
    """OpenAI: the key is accepted, the model there, and the time that an answer takes is said."""
    async with OpenAIHTTPServer(models=["whisper-1", OPENAI_MODEL]) as server:
        env = server.environment | {"OPENAI_API_KEY": OPENAI_KEY}
        result, report = await doctor("model=openai_realtime", env=env)
        assert result.code == 0
        assert set(server.asked_for_models) == {OPENAI_KEY}
    said = rf"{server.origin}: key accepted, {OPENAI_MODEL} is there, answers in \d+ ms"
    assert re.fullmatch(said, report["openai"][0][1])


async def test_a_model_that_is_not_offered_is_named_with_the_nearest(doctor: Doctor) -> None:
    """A provider that is asked once for three parts says which models are not there, and which are like them."""
    async with OpenAIHTTPServer(models=["gpt-4.1-mini", "gpt-4o-mini-transcribe", "gpt-4o-mini-tts"]) as server:
        _, report = await doctor("model=openai_pipeline", env=server.environment)
    assert len(report["openai"]) == 1
    mark, said = report["openai"][0]
    assert mark == "✗" and "there is no model gpt-4.1 for it; nearest: gpt-4.1-mini" in said


async def test_the_model_that_listens_is_asked_for_too(doctor: Doctor) -> None:
    """Its provider and its key are rows as those of the model that plays the persona are."""
    async with OpenAIHTTPServer(models=["gpt-4.1-mini"]) as server:
        _, report = await doctor("listening=model", env=server.environment)
    assert "gpt-4.1-mini is there" in report["openai"][0][1]


@pytest.mark.parametrize(
    ("fault", "mark", "said"),
    [
        (Refuse(401), "✗", "key refused (401)"),
        (Refuse(403), "✗", "key refused (403)"),
        (Refuse(429), "✗", "key accepted, but rate limited (429)"),
        (Refuse(503), "✗", "answers 503: a fault of its own"),
        (Refuse(404), "–", "lists no models (404)"),
    ],
    ids=["401", "403", "429", "503", "404"],
)
async def test_what_a_provider_answers_is_told_apart(doctor: Doctor, fault: Fault, mark: str, said: str) -> None:
    """Refused, not allowed, too many, broken: each with what to do, and never with what the answer repeats."""
    async with OpenAIHTTPServer(on_models=[fault] * 3) as server:
        env = server.environment | {"OPENAI_API_KEY": OPENAI_KEY}
        _, report = await doctor("model=openai_realtime", env=env)
    assert report["openai"][0][0] == mark and said in report["openai"][0][1]


async def test_a_slow_provider_is_said_with_what_to_do(doctor: Doctor) -> None:
    """An answer that takes over a second makes every reply late."""
    async with OpenAIHTTPServer(models=[OPENAI_MODEL], on_models=[None, Stall(1.05)]) as server:
        _, report = await doctor("model=openai_realtime", env=server.environment)
    assert report["openai"][0][0] == "✗"
    assert re.search(r"an answer takes 1\d\d\d ms.*nearer to the provider", report["openai"][0][1])


async def test_a_provider_that_is_not_there_and_a_key_that_is_not_set(doctor: Doctor) -> None:
    """A closed port is refused; without a key nothing is asked, and the line says where to get one."""
    env = {"OPENAI_API_KEY": OPENAI_KEY, "OPENAI_BASE_URL": "http://user:pass@127.0.0.1:1/v1"}
    _, report = await doctor("model=openai_pipeline", env=env)
    assert report["openai"][0][0] == "✗" and "http://127.0.0.1:1: connection refused" in report["openai"][0][1]
    _, report = await doctor("model=openai_pipeline")
    assert "OPENAI_API_KEY is not set: get it from the OpenAI platform" in report["openai"][0][1]


async def test_a_provider_address_that_is_none_is_said_to_be_none(doctor: Doctor, run: Run) -> None:
    """A base_url without a scheme is not asked; more than one model at once is no question for the doctor."""
    _, report = await doctor("model=openai_realtime", env={"OPENAI_API_KEY": OPENAI_KEY, "OPENAI_BASE_URL": "api.test"})
    assert report["openai"][0][0] == "✗" and "base_url is not an address" in report["openai"][0][1]
    swept = await asyncio.to_thread(run, "-m", "mode=doctor", "model=offline,openai_realtime")
    assert swept.code == 2 and swept.err.startswith("error: mode=doctor runs once: leave out -m")


async def test_gemini_is_asked_where_its_plugin_asks(doctor: Doctor) -> None:
    """GOOGLE_GEMINI_BASE_URL and its certificate are respected; a key that Gemini does not know comes back as 400."""
    refused = [None, None, Refuse(400)]
    async with GeminiServer(models=[GEMINI_MODEL], on_models=refused) as server:
        result, report = await doctor("model=gemini_realtime", env=server.environment)
        assert result.code == 0, result.out
        assert f"key accepted, {GEMINI_MODEL} is there" in report["google"][0][1]
        _, report = await doctor("model=gemini_realtime", env=server.environment)
    assert report["google"][0][0] == "✗" and "key refused (401)" in report["google"][0][1]


async def test_a_key_that_nobody_is_asked_about_is_set_or_not(doctor: Doctor) -> None:
    """A provider without such a question: its key is there, or is named with where to get it; a file must be there."""
    arguments = [
        "+model.secrets.OTHER_API_KEY=Other (other.example)",
        "+model.secrets.LACKING_API_KEY=Lacking (its page)",
    ]
    arguments += ["+model.secrets.GOOGLE_APPLICATION_CREDENTIALS=Google"]
    env = {"OTHER_API_KEY": "something", "GOOGLE_APPLICATION_CREDENTIALS": "/nonexistent/file.json"}
    _, report = await doctor(*[f'{key}="{value}"' for key, _, value in (a.partition("=") for a in arguments)], env=env)
    assert report["key"] == [
        ("–", "OTHER_API_KEY is set; its provider is not asked"),
        (
            "✗",
            "LACKING_API_KEY is not set: get it from Lacking (its page), and put it in the environment or in .env",
        ),
        (
            "✗",
            "GOOGLE_APPLICATION_CREDENTIALS names a file that is not there: it is the path of a service account's JSON"
            " file",
        ),
    ]


# ---------------------------------------------------------------- rooms and machine


@pytest.mark.parametrize("name", ["LIVEKIT_AGENT_NAME", "LIVEKIT_AGENT_NAME_OVERRIDE"])
async def test_an_agent_name_keeps_the_agent_out_of_every_room(doctor: Doctor, name: str) -> None:
    """LiveKit's own variables give the agent a name in spite of the code, and then no room is joined by itself."""
    _, report = await doctor(env={name: "training"})
    assert report["agent name"][0][0] == "✗" and f"{name} is set" in report["agent name"][0][1]


async def test_scenarios_that_find_no_persona_are_said(doctor: Doctor, personas: Path) -> None:
    """Two claims to one id, a route to nobody, and a folder that claims nothing while other rooms are left alone."""
    (personas / "ann.md").write_text("hi")
    here = [f"personas_dir={personas}", "persona=ann"]
    _, report = await doctor(*here, "routing.unmatched=reject")
    assert report["scenarios"][0][0] == "✗" and "no persona claims any scenario" in report["scenarios"][0][1]
    (personas / "ann.md").write_text("---\nscenarios: [a]\n---\nhi")
    (personas / "bob.md").write_text("---\nscenarios: [a]\n---\nhi")
    _, report = await doctor(*here)
    assert report["scenarios"] == [("✗", "scenario 'a' is claimed by ann and by bob")]


async def test_ports_that_are_taken_are_told_from_a_worker_that_runs(doctor: Doctor) -> None:
    """A health port that something else holds is an error; one that a worker answers on is a worker that runs."""
    free = free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        _, report = await doctor(f"worker.prometheus_port={port}", f"worker.health_port={free}")
    assert report["ports"][0][0] == "✗"
    assert f"worker.prometheus_port={port} on 127.0.0.1: Address already in use" in report["ports"][0][1]
    async with Stranger() as worker:
        port = int(worker.url.rpartition(":")[2])
        _, report = await doctor(f"worker.health_port={port}")
    assert report["ports"] == [("✓", f"worker.health_port: {port} is a worker's that runs here already")]


async def test_a_machine_over_the_load_threshold_joins_no_room(doctor: Doctor) -> None:
    """The load that a worker would see is compared with worker.load_threshold."""
    _, report = await doctor("worker.load_threshold=0.0000001")
    assert report["load"][0][0] == "✗" and "(worker.load_threshold) no room is joined" in report["load"][0][1]
    _, report = await doctor("worker.load_threshold=1000")
    assert report["load"][0][0] == "✓"


async def test_packages_that_do_not_match_and_devices_that_are_there(
    doctor: Doctor, environment: dict[str, str], tmp_path: Path
) -> None:
    """A plugin of another release than livekit-agents is named; microphone and speaker are those that PortAudio has."""
    odd = tmp_path / "site" / "livekit_plugins_odd-1.7.0.dist-info"
    odd.mkdir(parents=True)
    (odd / "METADATA").write_text("Metadata-Version: 2.1\nName: livekit-plugins-odd\nVersion: 1.7.0\n")
    (odd.parent / "sounddevice.py").write_text(
        "class PortAudioError(Exception): ...\ndef query_devices(kind): return {'name': f'the {kind} here'}\n"
    )
    path = os.pathsep.join([environment["PYTHONPATH"], str(odd.parent)])
    _, report = await doctor(env={"PYTHONPATH": path})
    assert (
        report["versions"][0][0] == "✗" and "livekit-plugins-odd 1.7.0 with livekit-agents" in report["versions"][0][1]
    )
    assert report["microphone, speaker"] == [("✓", "the input here; the output here")]


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (socket.gaierror(-2, "Name or service not known"), "there is no such host"),
        (ConnectionResetError(104, "reset"), "hung up at once"),
        (TimeoutError(), "no answer in time"),
        (ssl.SSLError(1, "wrong version number"), "does not speak TLS"),
        (OSError(101, "Network is unreachable"), "Network is unreachable: check this machine's network"),
        (ValueError("sk-secret"), "does not answer as it should (ValueError)"),
    ],
)
def test_the_innermost_cause_says_why(cause: Exception, said: str) -> None:
    """Whatever a library wraps around it, the first thing that went wrong is what is said, and never its text."""
    try:
        try:
            raise cause
        except Exception as inner:
            raise RuntimeError("wrapped with sk-secret") from inner
    except RuntimeError as error:
        if isinstance(cause, ValueError):
            said = "does not answer as it should (RuntimeError)"
        assert said in why_unreachable(error) and "secret" not in why_unreachable(error)


def test_an_address_is_shown_without_what_may_be_secret() -> None:
    """User, password, path and query of a URL are not shown."""
    assert address("wss://user:pass@host.example:7880/path?key=x") == "wss://host.example:7880"
    assert address("http://[::1]:80/") == "http://[::1]:80"


def test_the_report_fits_a_narrow_terminal(command: list[str], environment: dict[str, str], here: Path) -> None:
    """At 80 columns of a real terminal no line is longer, and each row still begins with its mark."""
    done = subprocess.run(
        ["script", "-qec", f"stty cols 80 && {shlex.join(command)} mode=doctor", "/dev/null"],
        env=environment | {"TERM": "xterm"},
        cwd=here,
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", line).rstrip() for line in done.stdout.splitlines()]
    assert done.returncode == 0 and max(map(len, lines)) <= 80, done.stdout
    assert "✓  spec" in done.stdout and "✓  scenarios" in done.stdout
