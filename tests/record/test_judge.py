"""A model as the judge: what it submits is proved, and what it fails at is unclear."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from livekit.agents.llm import LLM, ChatChunk, ChatContext, ChoiceDelta, FunctionToolCall, LLMStream
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS

from runtime.events import Event, Notice, Scored
from runtime.record.call_log import CallLog
from runtime.record.folder import folders, read_card
from runtime.record.judge import judge, read_verdict
from runtime.record.recorder import CallRecorder
from runtime.record.score import Result, card_from_json, score
from runtime.spec.persona import Ending, FrontMatter, Objective
from runtime.spec.settings import Record
from tests.composed import compose
from tests.conftest import Run
from tests.loopback import Conversation, Fault, Refuse, Stall, ToolCall
from tests.loopback.openai_http import Chat, OpenAIHTTPServer
from tests.record.calls import good

SAM = FrontMatter(
    name="Sam",
    endings=(Ending(name="resolved", passed=True),),
    objectives=(Objective(name={"": "Ownership"}, weight=60), Objective(name={"": "Date"}, weight=40)),
)


class Model(LLM[Any]):
    """A language model that answers each objective as the test says."""

    def __init__(self, answer: Callable[[str], Any]) -> None:
        super().__init__()
        self.answer = answer
        self.asked: list[str] = []

    @property
    def model(self) -> str:
        return "scripted"

    def chat(self, *, chat_ctx: ChatContext, tools: Any = None, **options: Any) -> LLMStream:
        conn = options.get("conn_options", DEFAULT_API_CONNECT_OPTIONS)
        return Stream(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn)


class Stream(LLMStream):
    async def _run(self) -> None:
        model = self._llm
        assert isinstance(model, Model)
        asked = self._chat_ctx.items[-1].text_content or ""  # type: ignore[union-attr]
        model.asked.append(asked)
        answer = model.answer(asked.splitlines()[0].removeprefix("Objective: "))
        if isinstance(answer, Exception):
            raise answer
        call = FunctionToolCall(name="submit_verdict", arguments=json.dumps(answer), call_id="1")
        calls = [] if answer is None else [call]
        self._event_ch.send_nowait(ChatChunk(id="1", delta=ChoiceDelta(role="assistant", tool_calls=calls)))


async def test_a_judge_that_proves_its_verdicts_is_believed() -> None:
    """It reads the call with its turns numbered, and quotes them."""
    proofs = {"Ownership": (1, "our mistake"), "Date": (4, "by Friday")}

    def answer(objective: str) -> dict[str, Any]:
        turn, text = proofs[objective]
        return {"verdict": "met", "reason": "said so", "quotes": [{"turn": turn, "text": text}]}

    model = Model(answer)
    log = CallLog(good())
    card = score(log, SAM, "en", (await judge(log, SAM, "en", model)).verdicts, model.model)
    assert (card.score, card.passed, card.judge) == (100, True, "scripted")
    assert "TRAINEE, turn 4: I refund the $148.51 now." in model.asked[0]
    assert "CUSTOMER: CUST-2847." in model.asked[0]


TURN = "I am so sorry, this is our mistake and I take full responsibility."


def live(conversation: Conversation, _: str) -> ToolCall:
    """A judge that finds every objective met, by words of the first turn."""
    assert isinstance(conversation, Chat)
    quotes = [{"turn": 1, "text": "our mistake"}]
    return ToolCall("submit_verdict", {"reason": "owned it", "verdict": "met", "quotes": quotes})


def one_scorecard(here: Path) -> Path:
    """The scorecard of the one call that was held there."""
    (file,) = here.glob("sessions/*/*/scorecard.json")
    return file


async def test_a_call_is_judged_once_it_is_over_and_again_on_demand(run: Run, here: Path) -> None:
    """The score that is told is the judge's, with the trainee's sentence as evidence; mode=score goes either way."""
    async with OpenAIHTTPServer(reply=live) as server:
        done = await asyncio.to_thread(run, "judge=model", "seed=1", stdin=f"{TURN}\n", env=server.environment)
        assert done.code == 0 and done.out.count("Score: ") == 1, done.out + done.err
        assert "Score: 100 of 100 (pass mark 70), not passed." in done.out  # she did not get what she called for
        file = one_scorecard(here)
        card = card_from_json(file.read_bytes())
        assert (card.judge, card.objectives[0].by) == ("gpt-4.1", "gpt-4.1")
        assert card.objectives[0].evidence[0].text == TURN and card.objectives[0].evidence[0].words == "our mistake"
        done = await asyncio.to_thread(run, "mode=score", "folder=sessions")
        assert "score 100 (not passed) → 25 (not passed)" in done.out
        again = ("mode=score", "folder=sessions", "judge=model")
        done = await asyncio.to_thread(run, *again, env=server.environment)
        assert "score 25 (not passed) → 100 (not passed)" in done.out
        assert card_from_json(file.read_bytes()) == card
    done = await asyncio.to_thread(run, *again)
    assert done.code == 2 and "judge=model: OPENAI_API_KEY is not set" in done.err and done.err.count("\n") == 1


async def test_a_call_that_is_not_recorded_is_judged_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From memory; nothing is left of it."""
    events: list[Event] = []
    async with OpenAIHTTPServer(reply=live) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        recording = CallRecorder(Record(dir=str(tmp_path), enabled=False), "ann", events.append)
        recording.adopt(compose(["judge=model"]))
        for event in good():
            recording.take(event)
        await recording.close()
        assert not events
        await recording.judge()
    _, score = events
    assert isinstance(score, Scored) and (score.score, score.passed, score.folder) == (100, True, "")
    assert not list(folders(Record(dir=str(tmp_path))))


@pytest.mark.parametrize("fault", [Refuse(401), Stall()], ids=["refused", "late"])
async def test_a_judge_that_does_not_answer_leaves_a_call_unclear_and_is_one_line(
    fault: Fault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder was whole before it was asked."""
    monkeypatch.setattr("runtime.record.judge.LIVE_SECONDS", 0.5)
    record = Record(dir=str(tmp_path))
    events: list[Event] = []
    async with OpenAIHTTPServer(reply=live, on_chat=[fault] * 40) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        recording = CallRecorder(record, "ann", events.append)
        recording.adopt(compose(["judge=model"]))
        for event in good():
            recording.take(event)
        await recording.close()
        (folder,) = folders(record)
        assert (folder / "report.html").is_file() and read_card(folder).judge == ""
        assert recording.to_judge and not events
        await recording.judge()
    told = [event.text for event in events if isinstance(event, Notice)]
    assert told[1].startswith("the judge (gpt-4.1) left 5 of 5 objectives unclear: ") and len(told) == 2
    (score,) = [event for event in events if isinstance(event, Scored)]
    assert (score.score, score.passed) == (0, None)
    await recording.judge()  # it is asked once
    assert len(events) == 3


@pytest.mark.parametrize(
    "answer", [RuntimeError("no such model"), None, {"verdict": "pass"}, {"verdict": "met", "quotes": ["x"]}]
)
async def test_a_judge_that_fails_on_one_objective_leaves_it_unclear(answer: Any) -> None:
    """The others are judged; none is left out of the sum."""
    right = {"verdict": "met", "reason": "", "quotes": [{"turn": 1, "text": "our mistake"}]}
    log = CallLog(good())
    made = await judge(log, SAM, "en", Model(lambda objective: right if objective == "Ownership" else answer))
    assert made.failed.startswith("the judge (scripted) left 1 of 2 objectives unclear: ") and "\n" not in made.failed
    card = score(log, SAM, "en", made.verdicts, made.model)
    assert [judged.result for judged in card.objectives] == [Result.MET, Result.UNCLEAR]
    assert (card.score, card.passed) == (60, None)


async def test_a_judge_that_gives_in_at_once_passes_nobody() -> None:
    """It calls everything met, and quotes what it wishes had been said."""
    kind = {"verdict": "met", "reason": "wonderful", "quotes": [{"turn": 1, "text": "I take full responsibility"}]}
    log = CallLog(good())
    card = score(log, SAM, "en", (await judge(log, SAM, "en", Model(lambda _: kind))).verdicts, "scripted")
    assert (card.score, card.passed) == (0, None)


@pytest.mark.parametrize(
    "submitted", [None, [], "met", {"verdict": "met"}, {"verdict": "met", "quotes": {}}, {"quotes": []}]
)
def test_what_is_no_verdict_is_none(submitted: object) -> None:
    """Models submit anything."""
    with pytest.raises(ValueError, match="not a"):
        read_verdict(submitted)
