"""The scorecard: what the trainee's own words prove, and nothing else."""

import random
import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.arc.listener import listen
from runtime.arc.machine import ArcMachine, lack
from runtime.events import (
    FAILED,
    ROOM_TAKEN,
    CueFound,
    Ended,
    EndingReached,
    Event,
    Found,
    Heard,
    MoodMoved,
    Said,
    Started,
    State,
)
from runtime.record.call_log import CallLog
from runtime.record.conduct import conduct
from runtime.record.report import report
from runtime.record.rescore import changes, listened
from runtime.record.score import Quote, Result, Verdict, card_to_json, how_found, score, scored, sentence_of, verbatim
from runtime.record.texts import minutes, texts_in
from runtime.spec.persona import Arc, Cue, Ending, FrontMatter, Objective, worded_in
from tests.composed import compose
from tests.record.calls import ZERO, good, poor

SARAH = compose(["language=en"]).persona.front


def call(*said: str, cues: Sequence[tuple[str, int, str]] = (), ended: bool | None = True) -> CallLog:
    """A typed call with these turns of the trainee's and these cues (name, turn, words)."""
    events: list[Event] = [Started(at=ZERO, persona="Sam", choices={}, language="English", revision="a")]
    for turn, text in enumerate(said, 1):
        events.append(Heard(at=ZERO + 10 * turn, text=text, revision="a", emotion="angry", turn=turn))
        events += [
            CueFound(at=ZERO + 10 * turn, name=name, turn=number, found=Found.PHRASE, words=words, by=words)
            for name, number, words in cues
            if number == turn
        ]
        events.append(Said(at=ZERO + 10 * turn + 1, text="Is that so?", revision="a", emotion="angry", turn=turn))
    if ended is not None:
        events.append(Ended(at=ZERO + 100, reason="resolved" if ended else "walked_out", satisfied=ended))
    return CallLog(events)


def persona(*objectives: Objective, pass_mark: int = 70) -> FrontMatter:
    """A persona with these objectives, who can be satisfied."""
    ending = Ending(name="resolved", passed=True)
    return FrontMatter(name="Sam", endings=(ending,), objectives=objectives, pass_mark=pass_mark)


def test_a_good_call_passes_with_the_trainee_s_own_words_as_evidence() -> None:
    """Each objective names the trainee's sentence, word for word, what of it counted, and when."""
    card = score(CallLog(good()), SARAH, "en")
    assert (card.passed, card.score) == (True, 100)
    sentence = "That is our mistake, Ms Thompson, and I will see it through myself."
    assert card.objectives[0].evidence == (Quote(1, sentence, 7.5, "our mistake"),)
    assert card.objectives[0].by == "ownership (phrase: our mistake)"


def test_a_phrase_with_many_words_for_one_is_told_in_few() -> None:
    """Who reads a report wants to know what was heard, not each word that would have done."""
    cue = CueFound(name="refund", turn=1, found=Found.PHRASE, by="ill|will|shall|going refund|refunded to you|them")
    assert how_found(cue) == "refund (phrase: ill/will/… refund/refunded to you/them)"


def test_a_poor_call_says_what_was_said_and_what_was_not() -> None:
    """What ruled an objective out is quoted with its second; what was never said is told in a sentence."""
    card = score(CallLog(poor()), SARAH, "en")
    assert (card.passed, card.score, card.why) == (False, 0, "ending")
    told = [judged.told for judged in card.missed]
    assert any("0:11" in line and "“Okay, calm down.”" in line for line in told)
    assert "you never promised the refund" in told


@pytest.mark.parametrize(
    ("text", "words", "sentence"),
    [
        ("Hello. That is our mistake! Bye.", "our mistake", "That is our mistake!"),
        ("It is $148.51, our mistake. Bye.", "our mistake", "It is $148.51, our mistake."),
        ("Sorry. Our\nmistake", "mistake", "mistake"),
        ("Sorry. Our mistake.", "Sorry. Our", "Sorry. Our mistake."),
        ("  Are you sure?  ", "", "Are you sure?"),
        ("สวัสดีค่ะ ขอโทษด้วยนะคะ", "ขอโทษ", "สวัสดีค่ะ ขอโทษด้วยนะคะ"),
    ],
)
def test_evidence_is_the_sentence_that_holds_the_words(text: str, words: str, sentence: str) -> None:
    """Of a turn of several sentences the one; the whole turn where the words go over its end, or where nobody knows."""
    assert sentence_of(text, words) == sentence


@pytest.mark.parametrize(("at", "told"), [(0.0, "0:00"), (0.94, "0:00"), (0.96, "0:01"), (59.96, "1:00")])
def test_one_moment_is_told_alike_rounded_to_a_tenth_or_not(at: float, told: str) -> None:
    """What was said at 0.96 s is quoted at 1.0 s: both are 0:01."""
    assert minutes(at) == minutes(round(at, 1)) == told


def test_a_thai_call_is_scored_in_thai_alone() -> None:
    """Names, reasons and sentences: nothing of the persona's English reaches the trainee."""
    for log in (CallLog(poor()), CallLog(good("th"))):
        card = score(log, SARAH, "th")
        texts = [text for one in card.objectives for text in (one.name, one.told)]
        texts = [re.sub("“[^”]*”", "", text) for text in texts]  # but for what was said
        assert not re.search("[A-Za-z]{3,}", "".join(texts)), texts


@pytest.mark.parametrize(
    ("language", "promise", "denial", "means"),
    [
        ("en", "I'll refund you the $148.51 today.", "Sorry, I can't refund you after all.", "taken back in turn 2"),
        ("th", "ดิฉันคืนเงินให้วันนี้เลยค่ะ", "คืนเงินไม่ได้หรอกค่ะ", "ถอนคำในตาที่ 2"),
    ],
)
def test_what_was_promised_and_taken_back_meets_neither_objective_nor_ending(
    language: str, promise: str, denial: str, means: str
) -> None:
    """The later words are the evidence, and the trainee reads them; promised once more, it is met again."""
    front = compose([f"language={language}"]).arc.front
    refund = next(one for one in front.objectives if "refund" in one.met)
    whole = replace(front, objectives=(replace(refund, met=("refund",), missed={}),))
    kept = score(listened(call(promise), whole, language), whole, language)
    assert [one.result for one in kept.objectives] == [Result.MET]
    log = listened(call(promise, denial, ended=False), whole, language)
    card = score(log, whole, language)
    (judged,) = card.objectives
    assert (judged.result, [quote.turn for quote in judged.evidence]) == (Result.NOT_MET, [2])
    assert means in judged.by and judged.evidence[0].text in denial and judged.evidence[0].text in judged.told
    arc = ArcMachine(Arc(whole, language), ZERO)
    for text in (promise, denial):
        arc.heard(listen(whole, arc.state.told, text), ZERO)
    lacked = lack(arc.state, next(ending for ending in whole.endings if ending.name == "resolved"))
    assert lacked and "refund" in lacked.cues and worded_in(whole.cues["refund"].means, language) in card.reason
    html = report(log, card, whole, language, {})
    assert html.count(means) >= 3  # who judged, the moment in time, the note in the transcript
    again = score(listened(call(promise, denial, promise), whole, language), whole, language)
    assert [one.result for one in again.objectives] == [Result.MET]


def test_the_persona_words_the_sentence_for_what_was_missed() -> None:
    """In the call's language."""
    late = Objective(
        name={"": "Date"}, met=("deadline",), missed={"en": ("you never gave a date",), "th": ("ไม่ได้บอกวัน",)}
    )
    assert score(call("Hello."), persona(late), "en").objectives[0].told == "you never gave a date"
    assert score(call("Hello."), persona(late), "th").objectives[0].told == "ไม่ได้บอกวัน"


def test_scoring_twice_gives_the_same_bytes() -> None:
    """The score is made from the events and the persona alone."""
    assert card_to_json(score(CallLog(poor()), SARAH, "en")) == card_to_json(score(CallLog(poor()), SARAH, "en"))


def test_a_blocker_that_is_not_met_fails_the_call_whatever_the_score() -> None:
    """It stands apart from the sum."""
    log = call("Sorry, my mistake.", cues=[("sorry", 1, "Sorry")])
    blocker = Objective(name={"": "Verification"}, weight=1, met=("verified",), blocker=True)
    card = score(log, persona(Objective(name={"": "Sorry"}, weight=99, met=("sorry",)), blocker), "en")
    assert (card.score, card.passed, card.why) == (99, False, "blocker")


def test_without_the_ending_s_cues_no_score_passes() -> None:
    """A customer who gave in, or a trainee who hung up on her, leaves her without what she called for."""
    log = call("Sorry.", cues=[("sorry", 1, "Sorry")], ended=False)
    card = score(log, persona(Objective(name={"": "Sorry"}, met=("sorry",))), "en")
    assert (card.score, card.passed, card.why) == (100, False, "ending")


def test_who_asks_for_a_code_to_verify_has_not_verified_without_secrets() -> None:
    """The very words that fail the call are no evidence for it."""
    asked = "To verify you, read me the code."
    log = call(asked, cues=[("verification", 1, "verify you"), ("secrets_asked", 1, "read me the code")])
    card = score(log, compose(["persona=david_chen", "language=en"]).arc.front, "en")
    results = {one.name: one.result for one in card.objectives}
    assert results["Verification without secrets"] is results["Asks for no secret"] is Result.NOT_MET


def test_a_call_that_was_cut_off_is_not_decided() -> None:
    """Nobody knows how it would have ended."""
    assert score(call("Hello.", ended=None), persona(Objective(name={"": "A"}, met=("a",))), "en").passed is None


@pytest.mark.parametrize("reason", [*FAILED, ROOM_TAKEN])
def test_a_call_that_a_failure_ended_has_no_score(reason: str) -> None:
    """What it did not come to is unclear, nobody is told that they missed it, and the reason is one sentence."""
    log = call("Sorry.", cues=[("sorry", 1, "Sorry")], ended=None)
    log = CallLog([*log.events, Ended(at=ZERO + 20, reason=reason)])
    sorry, date = (Objective(name={"": name}, met=(name,), blocker=True) for name in ("sorry", "date"))
    card = score(log, persona(sorry, date, Objective(name={"": "Calm"}, ruled_out=("rude",))), "en")
    assert (card.score, card.passed, card.why, card.missed) == (None, None, "failed", ())
    assert [one.result for one in card.objectives] == [Result.MET, Result.UNCLEAR, Result.UNCLEAR]
    told = scored(card, "x")
    assert (told.score, told.why) == (None, "The call was ended by a failure: it has no score.")
    page = report(log, card, persona(sorry, date), "en", {})
    assert "of 100" not in re.sub("mood [0-9]+ of 100 at first", "", page) and "fails a call" not in page
    ended = EndingReached(at=ZERO + 19, name="resolved", satisfied=True)
    assert score(CallLog([*log.events[:-1], ended, log.events[-1]]), persona(sorry), "en").passed


def test_what_the_judge_says_counts_only_with_the_trainee_s_words() -> None:
    """An objective that a judge calls met, and proves."""
    log = call("I am sorry.", "You have it by Friday.")
    promise = persona(Objective(name={"": "Date"}, weight=10))
    verdicts = {"Date": Verdict(Result.MET, "a day", (Quote(2, "by  Friday"),))}
    card = score(log, promise, "en", verdicts, "gpt")
    assert (card.passed, card.objectives[0].evidence, card.objectives[0].by) == (
        True,
        (Quote(2, "You have it by Friday.", 20.0, "by Friday"),),
        "gpt",
    )


@pytest.mark.parametrize(
    "verdicts",
    [
        {},
        {"Date": Verdict(Result.MET)},
        {"Date": Verdict(Result.MET, quotes=(Quote(1, "by Friday"),))},
        {"Date": Verdict(Result.MET, quotes=(Quote(2, "by Friday"), Quote(2, "at noon")))},
        {"Date": Verdict(Result.NOT_MET, quotes=(Quote(2, "by Saturday"),))},
    ],
    ids=["crashed", "no quote", "another turn", "one of two invented", "against, invented"],
)
def test_a_verdict_without_proof_is_unclear_and_never_left_out(verdicts: dict[str, Verdict]) -> None:
    """A judge that crashed, or quotes what was not said, has judged nothing; the objective stays in the sum."""
    card = score(
        call("I am sorry.", "You have it by Friday."), persona(Objective(name={"": "Date"})), "en", verdicts, "gpt"
    )
    assert [judged.result for judged in card.objectives] == [Result.UNCLEAR]
    assert (card.score, card.passed, card.why) == (0, None, "unclear")


@pytest.mark.parametrize(
    ("verdict", "cue", "result"),
    [
        (Verdict(Result.MET), "sorry", Result.MET),
        (Verdict(Result.MET), "blame", Result.UNCLEAR),
        (Verdict(Result.NOT_MET), "sorry", Result.UNCLEAR),
        (Verdict(Result.NOT_MET, quotes=(Quote(1, "You broke it"),)), "sorry", Result.NOT_MET),
    ],
    ids=["nothing against it", "a cue against it", "accused without a word", "accused by the trainee's words"],
)
def test_that_a_trainee_did_nothing_wrong_needs_no_quote_and_that_they_did_needs_one(
    verdict: Verdict, cue: str, result: Result
) -> None:
    """Of an objective that can only be ruled out there is nothing to quote where it was met: a judge that says so is
    believed, and one that says the opposite has to show it."""
    fair = Objective(name={"": "No blame"}, ruled_out=("blame",), blocker=True)
    log = call("You broke it, sorry.", cues=[(cue, 1, "sorry")])
    (judged,) = score(log, persona(fair), "en", {"No blame": verdict}, "gpt").objectives
    assert judged.result is result
    assert ("quotes nothing" in judged.reason) == (result is Result.UNCLEAR)


@pytest.mark.parametrize(
    ("said", "quoted"),
    [
        ("คืนเงิน ๑๔๘ บาทภายในวันศุกร์ค่ะ", "148 บาทภายในวันศุกร์"),
        ("ทํางานให้ค่ะ", "ทำงานให้ค่ะ"),
        ("ขอโทษ\u200bด้วย", "ขอโทษด้วย"),
        ("cafe\u0301 by  Friday", "café by Friday"),
    ],
    ids=["Thai digits", "sara am in two halves", "zero-width space", "NFC and spaces"],
)
def test_the_same_words_in_another_spelling_of_unicode_are_the_same(said: str, quoted: str) -> None:
    """A judge that writes Thai digits as Arabic ones has not altered the quote."""
    assert verbatim(Quote(1, quoted), call(said))


@pytest.mark.parametrize(
    ("said", "quoted"),
    [
        ("I am not sorry.", "I am sorry."),
        ("by Friday", "by friday"),
        ("the refund", "fund"),
        ("149.99", "149.98"),
        ("รับผิดชอบ", "รบผิดชอบ"),
        ("ที่นี่", "ท"),
        ("Hello.", ""),
        ("Hello.", "Is that so?"),
    ],
)
def test_what_is_not_word_for_word_is_no_quote(said: str, quoted: str) -> None:
    """A word left out, another case, part of a word, another digit, a vowel less, nothing, the customer's words."""
    assert verbatim(Quote(1, quoted), call(said)) is None


def test_of_ten_thousand_made_up_verdicts_none_is_accepted() -> None:
    """Quotes that were altered, taken from another turn or from the customer, or invented: the score stays nothing."""
    dice = random.Random(12)
    log = CallLog(good())
    mine = {turn: line.event.text for turn, line in log.turns.items()}
    hers = [line.event.text for line in log.lines if line.speaker == "customer"]
    accepted = []
    for _ in range(10_000):
        turn = dice.choice(list(mine))
        words = mine[turn].split()
        start = dice.randrange(len(words))
        part = words[start : start + dice.randint(2, 8)] if len(words) - start > 1 else words
        match dice.randrange(6):
            case 0:  # a word replaced
                part[dice.randrange(len(part))] = dice.choice(("never", "definitely", "ขอโทษ", "4472"))
            case 1:  # a word put in
                part.insert(max(1, dice.randrange(len(part))), dice.choice(("not", "absolutely", "100")))
            case 2:  # two words swapped
                part[0], part[-1] = part[-1].upper(), part[0].swapcase()
            case 3:  # the customer's words
                part = dice.choice(hers).split()
            case 4:  # another turn
                turn = dice.choice([0, -1, 99, *(other for other in mine if mine[other] != mine[turn])])
            case _:  # invented
                part = ["I", "apologise", "for", dice.choice(("everything", "that", "it all"))]
        quote = " ".join(part)
        if turn in mine and quote in mine[turn]:
            continue  # by chance still what was said
        verdict = Verdict(Result.MET, "certainly", (Quote(turn, quote),))
        card = score(log, persona(Objective(name={"": "A"})), "en", {"A": verdict}, "a judge")
        if card.score or card.passed:
            accepted.append(quote)
    assert accepted == []


@given(st.text(min_size=1, max_size=40), st.text(max_size=40))
def test_a_quote_is_accepted_only_where_its_text_stands(said: str, quoted: str) -> None:
    """Whatever texts come."""
    found = verbatim(Quote(1, quoted), call(said))
    if found:
        assert " ".join(found.text.split()) == found.text
        assert found.text.casefold()[:1] in "".join(said.split()).casefold() or not found.text.isascii()


def test_a_silence_that_she_breaks_by_a_clock_was_the_trainee_s() -> None:
    """She had spoken, and it was for the trainee to answer."""
    asked = Said(at=ZERO + 5, text="And now?", revision="r", emotion="angry", start=ZERO + 4, seconds=1.0)
    again = Said(at=ZERO + 17, text="Hello?", revision="r", emotion="angry", start=ZERO + 16, seconds=1.0)
    began = Started(at=ZERO, persona="Sam", choices={}, language="English", revision="r")
    (silence,) = conduct(CallLog([began, asked, again])).silences
    assert (silence.seconds, silence.whose) == (11.0, "operator")


def test_a_line_that_was_cut_short_is_over_when_she_falls_silent() -> None:
    """Not when it is certain that she does not go on; where she went on once, the last time counts."""

    def line(*silent: float) -> float:
        cut = Said(at=ZERO + 9, text="I", revision="r", emotion="angry", start=ZERO + 1, seconds=7.5, interrupted=True)
        states = [State(at=ZERO + at, state=state) for at in silent for state in ("listening", "speaking")]
        began = Started(at=ZERO, persona="Sam", choices={}, language="English", revision="r")
        (hers,) = CallLog([began, State(at=ZERO + 1, state="speaking"), *states, cut]).lines
        return hers.end

    assert [line(4), line(3, 5), line(), line(8.6)] == [4, 5, 8.5, 8.5]


def test_how_a_call_was_held_is_measured_from_its_lines() -> None:
    """Talk share, silences, interruptions, pace, time to the first apology and to calm."""
    held = score(CallLog(poor()), SARAH, "en").conduct
    assert (held.talk_by, held.talk_share) == ("time", 0.32)
    assert [(silence.seconds, silence.whose) for silence in held.silences] == [
        (4.6, "operator"), (7.4, "operator"), (11.0, "customer"), (3.4, "operator"),
    ]  # fmt: skip
    assert (held.interrupted_her, held.to_apology, held.to_calm, held.pace_in) == (1, None, None, "words")
    thai = score(CallLog(good("th")), SARAH, "th").conduct
    assert (thai.pace_in, thai.to_apology, thai.to_calm) == ("characters", 12.3, 18.1)


def test_a_typed_call_has_no_silences_and_no_pace() -> None:
    """How fast somebody types is not how they speak."""
    held = score(call("Hello there.", "Sorry."), persona(), "en").conduct
    assert (held.silences, held.pace, held.talk_by) == ((), None, "characters")


def test_scoring_again_tells_what_changed_and_why() -> None:
    """The persona's file was edited since, or a judge was asked."""
    before = score(CallLog(good()), SARAH, "en")
    first, *others = SARAH.objectives
    stricter = replace(SARAH, objectives=(replace(first, weight=40, ruled_out=("verification",)), *others))
    lines = changes(before, score(CallLog(good()), stricter, "en"))
    assert lines[0] == "score 100 (passed) → 65 (not passed)"
    assert "De-escalation: weight 25 → 40" in lines
    assert any(line.startswith("De-escalation: met → not met (") for line in lines)
    assert changes(before, before) == []
    untold = replace(before.objectives[0], result=Result.NOT_MET, by="", reason="", told="")
    assert changes(before, replace(before, objectives=(untold, *before.objectives[1:]))) == [
        "De-escalation: met → not met"
    ]


def test_a_call_is_listened_to_again_with_the_phrases_of_now() -> None:
    """A phrase that was added since counts, one that is gone no longer; what was found by meaning stays."""
    log = call("I am on it.", "Sorry about that.", cues=[("sorry", 2, "Sorry")])
    meant = CueFound(
        at=ZERO + 10, name="action", turn=1, found=Found.MEANING, words="on it", by="I deal with it", nearness=0.9
    )
    log = CallLog([*log.events, meant])
    cues = {
        "ownership": Cue(hear={"en": ("on it",)}, mood=10),
        "action": Cue(mood=5),
        "sorry": Cue(hear={"en": ("regret",)}),
    }
    again = listened(log, FrontMatter(name="Sam", cues=cues, mood=20), "en")
    assert [(cue.name, cue.found, cue.words) for cue in again.of(CueFound)] == [
        ("ownership", Found.PHRASE, "on it"),
        ("action", Found.MEANING, "on it"),
    ]
    assert [moved.after for _, moved in again.mood] == [30, 35]


@pytest.mark.parametrize(
    ("language", "why"),
    [
        ("en", "still missing: says when the money will be there; a better mood (60, and it takes 68)."),
        ("th", "ยังขาด: บอกว่าเงินจะเข้าเมื่อไร; อารมณ์ที่ดีกว่านี้ (60 ต้องถึง 68)"),
    ],
)
def test_a_customer_who_was_not_satisfied_is_told_what_she_still_waited_for(language: str, why: str) -> None:
    """With every objective met: the cues of her ending that never came, by what they mean, and her mood."""
    events = [event for event in good() if not isinstance(event, CueFound) or event.name != "deadline"]
    events = [event for event in events if not isinstance(event, EndingReached | Ended | MoodMoved)]
    events += [
        MoodMoved(at=ZERO + 60, before=50, after=60, emotion="neutral", why=("refund",)),
        CueFound(at=ZERO + 60, name="case_number", turn=4, found=Found.PHRASE),
        Ended(at=ZERO + 61, reason="trainee_left", satisfied=None),
    ]
    card = score(CallLog(events), SARAH, language)
    assert (card.passed, card.score, card.missed) == (False, 100, ())
    assert card.reason.endswith(why)
    assert scored(card, "x").why == card.reason
    html = report(CallLog(events), card, SARAH, language, {})
    assert texts_in(language)["well_done"] not in html and html.count(why) == 2


def test_every_blocker_that_failed_is_named() -> None:
    """Whoever is told that a call failed whatever its score is told by which."""
    one, two = (
        Objective(name={"": "Verified"}, met=("ask",), blocker=True),
        Objective(name={"": "Kind"}, met=("x",), blocker=True),
    )
    card = score(call("hello"), persona(one, two, Objective(name={"": "Thanks"}, ruled_out=("rude",))), "en")
    assert card.reason == "Not met, which fails a call whatever the score: “Verified”, “Kind”."
