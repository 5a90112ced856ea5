"""What is left of calls in rooms: of one that was killed, of one that a model judges, and in a shared index."""

import asyncio
import time
from pathlib import Path

from runtime.events import AudioStarted, Said, from_json
from runtime.history.index import Index
from runtime.record.folder import AUDIO, EVENTS, REPORT, SCORECARD, read_folder
from runtime.record.score import card_from_json
from runtime.record.taps import RATE
from runtime.record.upkeep import forget
from runtime.spec.settings import History, Record, Settings
from tests.caller import Caller, calling, room_of, watching
from tests.loopback import Conversation, Stall, ToolCall, plan
from tests.loopback.openai_http import OpenAIHTTPServer
from tests.record.test_audio import sides, sounds
from tests.worker import kill_one_job, serving

INSULT = "You are an idiot."
"""A line for which she hangs up when it comes again."""


def session_of(environment: dict[str, str], user: str = "") -> Path:
    """The folder of the one call that was held, or that this user had."""
    (events,) = Path(environment["HOME"]).glob(f"sessions/*/*{user}/{EVENTS}")
    return events.parent


async def insult_until_she_leaves(caller: Caller) -> None:
    """From her first words to the score on the trainee's screen, and until she is gone."""
    await caller.types(INSULT)
    await caller.types(INSULT)
    await caller.until(lambda: caller.scorecard is not None, 40)
    await caller.sees_the_customer_leave()


async def test_a_call_whose_process_is_killed_has_lost_no_line_and_a_second_of_sound(
    livekit_url: str, environment: dict[str, str]
) -> None:
    """kill -9 while she speaks: each line that was read is in the file, whole; both voices are there up to the last
    second; and the worker's next start makes what the call no longer could, and tells of the room whose trainee is
    alone."""
    room = room_of()
    async with calling(livekit_url, room) as caller:
        async with serving(livekit_url, environment) as worker:
            await caller.hears(40)
            await caller.reads_to("What are you going to do about it?")
            await caller.room.local_participant.send_text("I am so sorry.", topic="lk.chat")
            await caller.reads(3)
            killed = time.time()
            await kill_one_job(worker)
            await worker.until("Call ended: the connection was lost")
            read = caller.texts[0].removeprefix("customer: ")
        folder = session_of(environment)
        data = (folder / EVENTS).read_bytes()
        assert data.endswith(b"\n")
        events = [from_json(line) for line in data.decode().splitlines()]
        assert [event.text for event in events if isinstance(event, Said)][:1] == [read]
        (zero,) = [event.at for event in events if isinstance(event, AudioStarted)]
        trainee, customer = sides(folder / AUDIO)
        assert len(trainee) == len(customer) > (killed - zero - 1) * RATE
        assert sounds(customer)
        assert not (folder / REPORT).exists()
        async with serving(livekit_url, environment) as worker:
            await worker.until("finished from its events")
            line = await worker.until("no customer is in")
            assert room in line and "join again" in line
    assert (folder / REPORT).exists() and (folder / SCORECARD).exists()


def convinced(_: Conversation, __: str) -> ToolCall:
    """A judge who finds every objective met, by words of the first turn."""
    quotes = [{"turn": 1, "text": INSULT}]
    return ToolCall("submit_verdict", {"reason": "said so", "verdict": "met", "quotes": quotes})


async def test_a_call_in_a_room_that_names_no_user_is_the_one_s_who_speaks_in_it(
    livekit_url: str, environment: dict[str, str]
) -> None:
    """By the identity that they join with: the history finds it, and so does who deletes it. It is not a listener's who
    came first: it waits for the one who has a microphone, and is recorded from its beginning."""
    async with serving(livekit_url, environment, "rooms.transcripts=data", "rooms.ready_timeout=4") as worker:
        async with calling(livekit_url, "axtra-test", "Ann") as caller:
            await caller.hears(40)
        await worker.until("[Ann] axtra-test", "Call ended")
        folder = session_of(environment)
        record = Record(dir=str(folder.parent.parent))
        assert folder.name.endswith("-sarah_thompson-Ann")
        index = Index(Settings(record=record))
        index.sync()
        assert [session.user for session in index.sessions()] == ["Ann"]
        await worker.until("[Ann] axtra-test", "Score")
        assert forget(record, "Ann") == ([folder], [])

        async with calling(livekit_url, "axtra-heard", "Supervisor", microphone=False) as supervisor:
            await worker.until("axtra-heard", "microphone has not come")
            await supervisor.reads_to("What are you going to do about it?")
            async with calling(livekit_url, "axtra-heard", "Bob") as bob:
                await bob.room.local_participant.send_text("I am so sorry.", topic="lk.chat")
                await bob.reads(1)
            await worker.until("axtra-heard", "Call ended")
    folder = session_of(environment)
    assert folder.name.endswith("-sarah_thompson-Bob")
    log = read_folder(folder).log
    assert log.events[0].user == "Bob" and isinstance(log.lines[0].event, Said)
    assert abs(sounds(sides(folder / AUDIO)[1])[0][0] - log.lines[0].at) < 1


async def test_a_judge_is_waited_for_by_a_trainee_who_stays(livekit_url: str, environment: dict[str, str]) -> None:
    """She has hung up, and a model judges: its score is on the screen before the room is left, and in the folder. After
    a trainee who hangs up, a judge that does not answer keeps neither the room nor the folder: that is whole by its
    cues."""
    leaves = room_of("leaves")
    async with OpenAIHTTPServer(reply=convinced) as server:
        async with serving(livekit_url, environment | server.environment, "judge=model") as worker:
            async with calling(livekit_url, room_of("stays")) as caller:
                await insult_until_she_leaves(caller)
            await worker.until("[stays]", "Score: 100 of 100")
            assert caller.scorecard is not None
            assert (caller.scorecard["score"], caller.scorecard["passed"]) == (100, False)  # by cues: 0
            card = card_from_json((session_of(environment, "stays") / SCORECARD).read_bytes())
            assert (card.score, card.judge) == (100, "gpt-4.1")

            server.faults_on_chat = plan([Stall()] * 40)
            async with watching(livekit_url, leaves) as observer:
                async with calling(livekit_url, leaves) as caller:
                    await caller.types(INSULT)
                await observer.sees_the_customer_leave()
            await worker.until("[leaves]", "Call ended: the trainee hung up")
            await worker.until("[leaves]", "judge=model reads the call")
            folder = session_of(environment, "leaves")
            assert card_from_json((folder / SCORECARD).read_bytes()).judge == ""
            assert (folder / REPORT).exists()


async def test_a_trainee_reads_the_score_of_a_call_that_cannot_be_recorded(
    livekit_url: str, environment: dict[str, str]
) -> None:
    """One line of the worker's says why it is not, and the score is all that there is."""
    async with serving(livekit_url, environment, "record.dir=/dev/null/sessions") as worker:
        async with calling(livekit_url, room_of()) as caller:
            await insult_until_she_leaves(caller)
        await worker.until("Score: 0 of 100")
        await worker.until("No report")
    assert sum("not recorded any further" in line for line in worker.lines) == 1
    assert caller.scorecard is not None and caller.scorecard["passed"] is False


async def test_a_worker_puts_its_calls_into_a_shared_index(
    livekit_url: str, environment: dict[str, str], postgres: str, tmp_path: Path
) -> None:
    """A call that was held in a room is in the Postgres index by the worker's next start at the latest, for whoever
    asks for it without its folder."""
    options = "history.url=env:HISTORY_URL"
    environment = environment | {"HISTORY_URL": postgres}
    async with serving(livekit_url, environment, options) as worker:
        async with calling(livekit_url, room_of("ann77")) as caller:
            await caller.types(INSULT)
        await worker.until("Call ended: the trainee hung up")
    elsewhere = Index(Settings(record=Record(dir=str(tmp_path / "none")), history=History(postgres)))
    async with serving(livekit_url, environment, options), asyncio.timeout(60):
        while not (held := await asyncio.to_thread(elsewhere.sessions)):
            pass
    (session,) = held
    assert (session.user, session.persona, session.passed) == ("ann77", "sarah_thompson", False)
