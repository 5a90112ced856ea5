"""A model as the judge: what it submits is proved, and what it fails at is unclear."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from livekit.agents.llm import LLM, ChatChunk, ChatContext, ChoiceDelta, FunctionToolCall, LLMStream
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS

from runtime.record.call_log import CallLog
from runtime.record.judge import judge, read_verdict
from runtime.record.score import Result, score
from runtime.spec.persona import Ending, FrontMatter, Objective
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
    card = score(log, SAM, "en", await judge(log, SAM, "en", model), model.model)
    assert (card.score, card.passed, card.judge) == (100, True, "scripted")
    assert "TRAINEE, turn 4: I refund the $148.51 now." in model.asked[0]
    assert "CUSTOMER: CUST-2847." in model.asked[0]


@pytest.mark.parametrize(
    "answer", [RuntimeError("no such model"), None, {"verdict": "pass"}, {"verdict": "met", "quotes": ["x"]}]
)
async def test_a_judge_that_fails_on_one_objective_leaves_it_unclear(answer: Any) -> None:
    """The others are judged; none is left out of the sum."""
    right = {"verdict": "met", "reason": "", "quotes": [{"turn": 1, "text": "our mistake"}]}
    log = CallLog(good())
    verdicts = await judge(log, SAM, "en", Model(lambda objective: right if objective == "Ownership" else answer))
    card = score(log, SAM, "en", verdicts, "scripted")
    assert [judged.result for judged in card.objectives] == [Result.MET, Result.UNCLEAR]
    assert (card.score, card.passed) == (60, None)


async def test_a_judge_that_gives_in_at_once_passes_nobody() -> None:
    """It calls everything met, and quotes what it wishes had been said."""
    kind = {"verdict": "met", "reason": "wonderful", "quotes": [{"turn": 1, "text": "I take full responsibility"}]}
    log = CallLog(good())
    card = score(log, SAM, "en", await judge(log, SAM, "en", Model(lambda _: kind)), "scripted")
    assert (card.score, card.passed) == (0, None)


@pytest.mark.parametrize(
    "submitted", [None, [], "met", {"verdict": "met"}, {"verdict": "met", "quotes": {}}, {"quotes": []}]
)
def test_what_is_no_verdict_is_none(submitted: object) -> None:
    """Models submit anything."""
    with pytest.raises(ValueError, match="not a"):
        read_verdict(submitted)
