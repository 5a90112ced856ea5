"""One call, and the same call through the real command, against servers that speak the providers' protocols."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from livekit.agents import Agent, AgentSession

from runtime.arc.briefing import instructions
from runtime.arc.machine import fold
from runtime.call.session import Call
from runtime.call.turn import TYPED_LIMIT
from runtime.events import (
    KINDS,
    AudioStarted,
    Change,
    ClockFired,
    CueFound,
    CueTakenBack,
    Ended,
    EndingReached,
    Event,
    Failure,
    Found,
    Header,
    Heard,
    How,
    MoodMoved,
    Notice,
    PhaseMoved,
    Recovered,
    Reload,
    Said,
    Scored,
    Started,
    ToolCalled,
    from_json,
    to_json,
)
from runtime.offline.embedding import meaning_of
from runtime.redaction import Formatter
from runtime.spec.session_spec import Edit, SessionSpec
from tests.composed import compose
from tests.conftest import ROOT
from tests.held import Skip, held
from tests.loopback import Close, Conversation, Refuse, Server, Stall, ToolCall
from tests.loopback import openai_http as loopback_http
from tests.loopback.gemini import GeminiServer
from tests.loopback.openai_http import OpenAIHTTPServer
from tests.loopback.openai_realtime import OpenAIRealtimeServer

GOOD = [
    "Hello, my name is Alex.",
    "I am so sorry. That is our mistake and I will personally take care of it.",
    "You have been a Gold member for six years.",
    "I am refunding the full amount to your card right now.",
    "It will be there within 3 business days.",
    "Your case number is RF-20931.",
]


@asynccontextmanager
async def typed(session: AgentSession[None], agent: Agent) -> AsyncIterator[None]:
    await session.start(agent)
    yield


async def specs(spec: SessionSpec) -> AsyncIterator[Edit]:
    yield Edit(spec)


async def talk(lines: list[str], emit: Callable[[Event], None], *options: str, seed: int | None = 0) -> Ended:
    """A typed call: each line once the persona has answered the one before."""
    call = Call(specs(compose(["model.llm.options.pace=0", *options])), emit, audio=False, seed=seed)

    async def trainee() -> None:
        await call.opened()
        for line in lines:
            await call.type(line)
        call.hang_up()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(trainee())
        return await call.run(typed)


PARCEL = """#Persona: Ann Lee
#Emotional State
##Phase 1: Opening
- "My parcel has been lost for two weeks!"
##Phase 2: Escalation
- "This is unbelievable, honestly."
##Phase 3: De-escalation
- "So what happens now, then?"
"""
FRIDGE = """#Persona: สมชาย ใจดี
##ระยะที่ 1: เปิดสาย
- "ผมโทรมาสี่รอบแล้วนะครับ ตู้เย็นบุบยังไม่มีใครมาเปลี่ยนให้เลย"
##ระยะที่ 2: โมโห
- "รออีกแล้วเหรอครับ ผมรอมาสองอาทิตย์แล้ว"
##ระยะที่ 3: ยอมรับ
- "ครับ ถ้าได้ตามนั้นผมก็โอเค"
"""
RUDE = ["You are an idiot.", "It is your own fault."]
SORRY = ["ต้องขอโทษด้วยนะคะ เป็นความผิดของเราเอง", "จะคืนเงินให้ภายใน 3 วันค่ะ"]


@pytest.mark.parametrize(
    ("prose", "turns", "mood", "emotion"),
    [
        (PARCEL, RUDE, 35, "frustrated"),
        (PARCEL, GOOD, 35, "frustrated"),
        (FRIDGE, SORRY, 35, "frustrated"),
        ("", GOOD, 30, "angry"),
        ("", RUDE, 30, "angry"),
    ],
)
async def test_the_mood_that_the_screen_shows_is_the_one_that_is_played(
    prose: str, turns: list[str], mood: int, emotion: str, use_personas: Callable[[str, str], Path]
) -> None:
    """One arc: each line's emotion, and the ending, are what the offline model's own arc makes of the same turns."""
    use_personas("sarah", prose or (ROOT / "personas/sarah_thompson.md").read_text())
    events: list[Event] = []
    ended = await talk(turns, events.append, "persona=sarah")
    arc = compose(["persona=sarah"]).arc
    front = arc.front
    heard = [event for event in events if isinstance(event, Heard)]
    states = [fold(front, [event.text for event in heard[: i + 1]], meaning_of(arc)) for i in range(len(heard))]
    first = next(event for event in events if isinstance(event, Said))
    assert (front.mood, first.emotion) == (mood, emotion)
    assert [event.emotion for event in heard] == [state.emotion for state in states]
    assert len(heard) > 1 and states[-1].mood != mood
    ending = states[-1].ending
    assert (ended.reason, ended.satisfied) == ((ending.name, ending.passed) if ending else ("trainee_left", None))


async def test_a_call_tells_its_story_in_order() -> None:
    """Started, the opening, each turn before its answer, and the end; all under the spec's revision."""
    events: list[Event] = []
    await talk(["Hello.", "What is your account number?"], events.append)
    story = [event for event in events if isinstance(event, Started | Said | Heard | Ended)]
    assert [type(event) for event in story] == [Started, Said, Heard, Said, Heard, Said, Ended]
    spec = compose(["model.llm.options.pace=0"])
    lines = [event for event in story if isinstance(event, Said | Heard)]
    assert lines[0].text == spec.persona.front.opening["en"][0]
    assert {event.revision for event in lines} == {spec.revision}
    assert "CUST-2847" in lines[-1].text


async def test_a_persona_who_is_handled_well_hangs_up_content() -> None:
    """Ownership, recognition, refund, date and case number end the call by the persona's own ending."""
    events: list[Event] = []
    ended = await talk(GOOD, events.append)
    assert (ended.reason, ended.satisfied) == ("resolved", True)
    said = [event for event in events if isinstance(event, Said)]
    assert said[0].emotion == "angry"
    assert said[-1].emotion in ("satisfied", "happy")


async def test_a_trainee_may_hang_up_during_the_opening() -> None:
    """A call that is ended before a word was answered still ends with its event."""
    events: list[Event] = []
    call = Call(specs(compose([])), events.append, audio=False)
    call.hang_up()
    assert (await call.run(typed)).reason == "trainee_left"
    assert isinstance(events[-1], Ended)


async def test_nobody_starts_a_turn_once_the_call_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever closes the session, a turn typed then begins nothing and raises nothing."""
    async with OpenAIHTTPServer(reply=echo) as server, held("openai_pipeline", server, monkeypatch) as line:
        server.may_speak.clear()
        assert await line.call.begin_turn("hello")
        await line.until(lambda: bool(line.of(Heard)))
        line.session.shutdown()
        assert await line.call.begin_turn("are you closing?") is None
        assert (await line.ended()).turns == 1
        assert line.call.over
        assert await line.call.type("are you there?") is False
        assert len(server.chats) == 1


async def test_nothing_is_answered_after_her_last_words(
    monkeypatch: pytest.MonkeyPatch, use_personas: Callable[[str, str], Path]
) -> None:
    """From the moment at which she hangs up what the trainee types is left alone, and her last words are said whole."""
    use_personas("ann", "---\nopening: Hi.\n---\n# Persona: Ann")
    async with OpenAIHTTPServer(reply=lambda c, h: ToolCall("end_call", {"outcome": "resolved"})) as server:
        async with held("openai_pipeline", server, monkeypatch, "persona=ann") as line:
            assert await line.call.begin_turn("goodbye")
            await line.until(lambda: line.call.over)
            assert await line.call.begin_turn("are you there?") is None
            assert (await line.ended()).reason == "resolved"
            assert [heard.text for heard in line.of(Heard)] == ["goodbye"]


async def test_a_call_ends_while_its_model_is_asked_again(monkeypatch: pytest.MonkeyPatch, skip: Skip) -> None:
    """A model that never answers does not keep a call from being hung up."""
    async with OpenAIHTTPServer(on_chat=[Stall()] * 9) as server, held("openai_pipeline", server, monkeypatch) as line:
        await line.call.begin_turn("hello")
        await line.until(lambda: bool(line.of(Heard)))
        skip(12.1)
        await server.until(lambda: len(server.chats) > 1)
        line.call.hang_up()
        assert (await line.ended()).reason == "trainee_left"


async def test_a_sink_that_breaks_does_not_touch_the_call() -> None:
    """Whatever goes wrong where events go, the call is held to its end."""
    heard: list[str] = []

    def broken(event: Event) -> None:
        heard.append(event.kind)
        raise RuntimeError("disk full")

    assert (await talk(["Hello."], broken)).turns == 1
    assert heard[-1] == "ended"


async def test_events_survive_the_wire() -> None:
    """Every event of a call is one line of JSON, and the same event again."""
    events: list[Event] = []
    await talk(["สวัสดีค่ะ"], events.append, "language=th")
    events.append(Reload(how=How.SWAPPED, before="a", after="b", changes=(Change("x", "1", "2", How.SWAPPED),)))
    events += [
        Header(packages={"livekit-agents": "1.8.9"}),
        AudioStarted(),
        CueFound(
            name="deadline", turn=2, found=Found.MEANING, words="ภายในวันศุกร์", by="by Friday", nearness=0.91, mood=10
        ),
        CueTakenBack(name="refund", turn=2, words="I can't refund you after all"),
        MoodMoved(before=30, after=40, emotion="frustrated", why=("deadline",), turn=2),
        PhaseMoved(before="angry", after="listening"),
        ClockFired(clock="silence", seconds=10, line="Hello?", mood=-5),
        EndingReached(name="resolved", satisfied=True, line="Goodbye."),
        ToolCalled(name="end_call", arguments={"outcome": "resolved"}, result="not yet: a date is still owed"),
        Recovered(gap_ms=800),
        Notice(text="the trainee is back"),
        Failure(source="LLM", reason="timeout", recoverable=True),
        Scored(score=70, pass_mark=60, passed=True, missed=("you never gave a date",), folder="sessions/x"),
    ]
    assert {event.kind for event in events} == KINDS.keys()
    for event in events:
        assert "\n" not in to_json(event)
        assert from_json(to_json(event)) == event


def test_lines_of_an_earlier_and_of_a_later_version_are_read() -> None:
    """A field that a line does not have yet is at its default, one that is not known is skipped."""
    old = '{"kind": "said", "at": 1.0, "room": "", "user": "", "text": "Hello?", "revision": "a", "emotion": "angry"}'
    assert from_json(old) == Said(at=1.0, text="Hello?", revision="a", emotion="angry")
    assert from_json(old.replace('"text"', '"volume": 3, "text"')) == from_json(old)
    assert from_json('{"kind": "ending", "at": 1.0, "name": "a", "passed": true}') == EndingReached(
        at=1.0, name="a", satisfied=True
    )
    with pytest.raises(ValueError, match="not an event"):
        from_json('{"kind": "said", "text": "Hello?"}')


async def test_a_typed_turn_without_end_is_cut_and_a_line_says_so() -> None:
    """As in a room, so in the terminal."""
    told: list[Event] = []
    await talk(["Hello. " * 1_000], told.append)
    assert [len(event.text) for event in told if isinstance(event, Heard)] == [TYPED_LIMIT]
    assert "a typed turn of 7,000 characters is cut after 4,000" in [e.text for e in told if isinstance(e, Notice)]


async def test_lines_say_which_turn_they_are_or_answer() -> None:
    """The trainee's turns count from one; the opening answers none, and each answer the turn before it."""
    events: list[Event] = []
    await talk(["Hello.", "Your name, please?"], events.append)
    assert [event.turn for event in events if isinstance(event, Heard)] == [1, 2]
    assert [event.turn for event in events if isinstance(event, Said)] == [0, 1, 2]


async def run_typed(
    server: Server, command: list[str], environment: dict[str, str], *arguments: str, stdin: str = ""
) -> tuple[int, str, str]:
    env = environment | server.environment  # type: ignore[attr-defined]
    process = await asyncio.create_subprocess_exec(
        *command, *arguments, stdin=-1, stdout=-1, stderr=-1, env=env, cwd=env["HOME"]
    )
    async with asyncio.timeout(50):
        out, err = await process.communicate(stdin.encode())
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def echo(conversation: Conversation, heard: str) -> str:
    return f"reply to {heard[-9:]}"


async def test_gemini_is_told_what_the_spec_says(command: list[str], environment: dict[str, str]) -> None:
    """Prompt, model, voice, temperature, affective dialog and transcription, as the Axtra Console's own agent sets."""
    async with GeminiServer(reply=echo) as server:
        code, out, err = await run_typed(
            server, command, environment, "model=gemini_realtime", "seed=0", stdin="good morning\n"
        )
        assert (code, err) == (0, "")
        assert "You: good morning" in out
        assert "reply to d morning" in out or "reply to  morning" in out
        connection = server.connections[0]
        assert connection.instruction == instructions(compose(["model=gemini_realtime"]))
        assert connection.voice == "Zephyr"
        setup = connection.setup
        assert setup["model"] == "models/gemini-2.5-flash-native-audio-preview-12-2025"
        generation = setup["generationConfig"]
        assert generation["temperature"] == pytest.approx(0.6)
        assert generation["enableAffectiveDialog"] is True
        assert generation["responseModalities"] == ["AUDIO"]
        assert "outputAudioTranscription" in setup
        assert "inputAudioTranscription" in setup


async def test_openai_realtime_is_told_what_the_spec_says(command: list[str], environment: dict[str, str]) -> None:
    """Prompt and voice reach the one socket, and a typed turn is answered."""
    async with OpenAIRealtimeServer(reply=echo) as server:
        code, out, err = await run_typed(
            server, command, environment, "model=openai_realtime", "seed=0", stdin="good morning\n"
        )
        assert (code, err) == (0, "")
        assert "reply to" in out
        assert server.connections[0].instruction.startswith(instructions(compose(["model=openai_realtime"])))
        assert server.connections[0].voice == "marin"


async def test_a_pipeline_is_told_what_the_spec_says(command: list[str], environment: dict[str, str]) -> None:
    """A typed call asks the LLM alone, with the prompt as its system message."""
    async with OpenAIHTTPServer(reply=echo) as server:
        code, out, err = await run_typed(
            server, command, environment, "model=openai_pipeline", "seed=0", stdin="good morning\n"
        )
        assert (code, err) == (0, "")
        assert "reply to" in out
        chat = server.chats[0]
        assert chat.body["messages"][0]["content"] == instructions(compose(["model=openai_pipeline"]))
        assert not server.speeches


@pytest.mark.parametrize(
    "server", [GeminiServer(on_connect=[Refuse(401)]), GeminiServer(on_turn=[Close(1007)])], ids=["401", "1007"]
)
async def test_a_call_that_fails_says_so_and_exits_with_1(
    server: GeminiServer, command: list[str], environment: dict[str, str]
) -> None:
    """What a provider will not take ends the call with a readable line and its own exit code, without a traceback."""
    async with server:
        code, out, err = await run_typed(server, command, environment, "model=gemini_realtime", stdin="hello\n")
    assert code == 1
    assert "! RealtimeModel (google)" in out
    assert "Call ended: a failure" in out
    assert "Traceback" not in out + err


async def test_a_key_that_a_provider_repeats_is_in_no_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that holds the refused key is told without it, and so is what libraries log."""
    key = "sk-a-key-that-was-refused"
    async with OpenAIHTTPServer(on_chat=[Refuse(401)] * 20) as server:
        monkeypatch.setattr(loopback_http, "openai_error", lambda status: {"error": {"message": f"Wrong key: {key}."}})
        async with held("openai_pipeline", server, monkeypatch, opened=False) as line:
            monkeypatch.setenv("OPENAI_API_KEY", key)
            await line.call.begin_turn("hello")
            await line.until(lambda: bool(line.of(Failure)))
            reasons = [failure.reason for failure in line.of(Failure)]
            assert any("Wrong key: (OPENAI_API_KEY)." in reason for reason in reasons)
            assert not [event for event in line.events if key in to_json(event)]
    record = logging.LogRecord("openai", logging.ERROR, "", 0, "refused %s", (key,), None)
    assert Formatter("%(message)s").format(record) == "refused (OPENAI_API_KEY)"


async def test_a_call_says_what_its_seed_chooses() -> None:
    """The same seed says the same again; without one each call draws its own, and tells it."""
    lines = ["hello", "ok", "please hold", "calm down", "please hold", "ok"]

    async def said(seed: int | None) -> tuple[int, list[str]]:
        events: list[Event] = []
        await talk(lines, events.append, seed=seed)
        started = next(event for event in events if isinstance(event, Started))
        return started.seed, [event.text for event in events if isinstance(event, Said)]

    drawn, first = await said(None)
    assert await said(drawn) == (drawn, first)
    seed, other = await said(drawn + 1)
    assert seed == drawn + 1
    assert other != first
