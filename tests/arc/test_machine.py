"""The emotional arc: phrases, moods, phases and endings."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.arc.briefing import briefing
from runtime.arc.complete import merged
from runtime.arc.machine import ArcState, Lack, fold, lack, phase_at, shift, start, step
from runtime.arc.phrases import phrase_pattern, plain
from runtime.spec.persona import Arc, Cue, Emotion, Ending, Fact, FrontMatter, Phase
from tests.composed import compose


def heard(phrase: str, text: str) -> bool:
    return phrase_pattern(phrase).find_in(plain(text)) is not None


SARAH = {base: compose(["persona=sarah_thompson", f"language={base}"]).arc.front for base in ("en", "th")}

FRONT = FrontMatter(
    mood=30,
    facts={"account": Fact(hear={"": ("account number",)}, say={"": ("CUST-2847.",)})},
    cues={
        "sorry": Cue(hear={"": ("sorry",)}, mood=5, unless=("ownership",)),
        "ownership": Cue(hear={"": ("our mistake",)}, mood=20),
        "refund": Cue(hear={"": ("refund you",)}, mood=30),
        "hold": Cue(hear={"": ("please hold",)}, mood=-10),
        "again": Cue(on="repeated_question", mood=-15),
        "quiet": Cue(on="silence", mood=-1),
        "question": Cue(on="nothing", hear={"": ("?",)}),
        "nothing": Cue(on="nothing", mood=-2),
    },
    phases=(
        Phase({"": "Opening"}, (0, 39), Emotion.ANGRY),
        Phase({"": "Listening"}, (40, 69), Emotion.NEUTRAL),
        Phase({"": "Accepting"}, (70, 100), Emotion.SATISFIED),
    ),
    endings=(
        Ending("resolved", when=("ownership", "refund"), mood=70, passed=True),
        Ending("walked_out", below=5),
        Ending("over"),
    ),
)


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("i'm sorry", "I’M SORRY!"),
        ("refund you", "We will refund it to you."),
        ("i'll|we'll refund|return", "OK, we'll now return the money"),
        ("case number #", "Your case number is RF-20931."),
        ("within # days", "within three business days"),
        ("##", "It's RF20931"),
        ("how-are you", "how are you"),
        ("is it ?", "What is it?"),
        ("e-mail address", "Your e-mail address, please"),
        ("don't transfer", "don't transfer me"),
        ("i'm sorry", "No, I'm sorry, that was us"),
        ("i'm sorry", "no im sorry"),
        ("refund", "No problem, I will refund that"),
        ("ขอโทษ", "ดิฉันต้องขอโทษจริงๆค่ะ"),
        ("คืนเงิน ภายใน", "จะคืนเงินให้ท่านภายใน 3 วัน"),
        ("ภายใน # วัน", "ภายใน ๓ วันทำการ"),
        ("ภายใน # วัน", "ภายในสามวันค่ะ"),
        ("refund ให้", "จะrefundให้ค่ะ"),
        ("ไม่โอน", "ไม่โอนสายแล้วค่ะ"),
        ("คืนเงิน", "ไม่ต้องกังวลค่ะ จะคืนเงินให้"),
        ("คืนเงิน", "จะคืนเงินหรือไม่คะ"),
    ],
)
def test_a_phrase_is_heard(phrase: str, text: str) -> None:
    """A phrase is heard whatever the case, the punctuation, and up to two words or twelve Thai characters between."""
    assert heard(phrase, text)


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("refund you", "refund all the money to you"),
        ("refund you", "you refund"),
        ("refund", "refunded"),
        ("refund you", "We will not refund you"),
        ("refund you", "I'm not going to refund you"),
        ("refund you", "We can't refund it to you"),
        ("refund you", "refund never you"),
        ("how-are you", "how old are you"),
        ("case number #", "What is your case number?"),
        ("##", "CUST-2847"),
        ("คืนเงิน", "ไม่คืนเงินค่ะ"),
        ("คืนเงิน", "เราไม่สามารถคืนเงินได้"),
        ("คืน ภายใน", "คืนเงินให้ท่านทั้งหมดแน่นอนค่ะ ภายใน"),
        ("สามารถ #", "สามารถค่ะ"),
        ("", "anything"),
        ("!!!", "anything"),
    ],
)
def test_a_phrase_is_not_heard(phrase: str, text: str) -> None:
    """A phrase is not heard in another order, with more in between, inside other words, or denied."""
    assert not heard(phrase, text)


def test_plain_puts_a_space_between_scripts() -> None:
    """Text is compared in lower case, with Thai digits as 0-9 and a space wherever the script changes."""
    assert plain("ขอ Refundค่ะ CUST-๒๘") == "ขอ refund ค่ะ cust 28"


def moods(*turns: str) -> list[int]:
    return [fold(FRONT, turns[: i + 1]).mood for i in range(len(turns))]


def test_calming_counts_once_and_angering_each_time() -> None:
    """A cue that calms works once; one that angers works every time."""
    assert moods("our mistake", "our mistake", "please hold", "please hold") == [50, 50, 40, 30]


def test_unless() -> None:
    """A cue gives way to the ones it names when both are heard in a turn."""
    assert fold(FRONT, ["sorry, our mistake"]).last.cues == ("ownership",)
    assert fold(FRONT, ["sorry"]).last.cues == ("sorry",)


def test_asking_twice_for_a_fact_angers_and_reading_it_back_does_not() -> None:
    """Asking again for what was told is a cue of its own; repeating the answer is a confirmation."""
    state = fold(FRONT, ["your account number", "account number?"])
    assert (state.mood, state.asked_again, state.last.again) == (15, 1, ("account",))
    state = fold(FRONT, ["your account number", "so the account number is CUST-2847?"])
    assert (state.mood, state.asked_again, state.last.confirmed) == (30, 0, ("account",))


def test_a_fact_is_kept_back_until_the_mood_is_better() -> None:
    """A fact with a mood is told from that mood on, and counts as told only then; the model hears what is kept back."""
    code = Fact(hear={"": ("a code",)}, say={"": ("I gave it away.",)}, guarded={"": ("What code?",)}, mood=50)
    front = replace(FRONT, facts={"code": code})
    arc = Arc(front, "en")
    kept = "you keep to yourself, even if you are asked: code"
    dodged = fold(front, ["did you give away a code"])
    assert (dodged.last.asked, dodged.told, kept in briefing(arc, dodged)) == (("code",), frozenset(), True)
    told = fold(front, ["did you give away a code", "our mistake, was there a code"])
    assert (told.mood, told.last.asked, told.told, kept in briefing(arc, told)) == (
        50,
        ("code",),
        frozenset({"code"}),
        False,
    )
    worse = fold(front, ["our mistake, was there a code", "please hold", "a code?"])
    assert (worse.last.again, worse.told) == (("code",), frozenset({"code"}))


def test_a_cue_may_be_that_a_fact_is_told() -> None:
    """Who finds out what is kept back has met the cue that names it, in the turn in which it is told."""
    secret = Fact(hear={"": ("why",)}, say={"": ("He shouted.",)}, mood=50)
    front = replace(FRONT, facts={"reason": secret}, cues={**FRONT.cues, "found_out": Cue(told=("reason",), mood=7)})
    assert "found_out" not in fold(front, ["why"]).met
    state = fold(front, ["why", "our mistake, but why?"])
    assert (state.last.cues, state.mood) == (("ownership", "found_out"), 57)
    assert fold(front, ["why", "our mistake, but why?", "why?"]).met["found_out"] == 1


def test_silence_and_nothing() -> None:
    """Silence, a question that nothing answers, and idle talk are each a cue, heard only when nothing else is."""
    assert [fold(FRONT, [t]).last.cues for t in ("", "…", "why?", "hm", "please hold?")] == [
        ("quiet",),
        ("quiet",),
        ("question",),
        ("nothing",),
        ("hold",),
    ]


def test_phases_and_emotions_follow_the_mood() -> None:
    """The emotion is that of the phase that the mood is in."""
    states = [start(FRONT), fold(FRONT, ["our mistake"]), fold(FRONT, ["our mistake", "I'll refund you"])]
    assert [s.emotion for s in states] == [Emotion.ANGRY, Emotion.NEUTRAL, Emotion.SATISFIED]
    assert phase_at((), 50) is None
    assert start(FrontMatter(mood=10)).emotion is Emotion.ANGRY
    assert start(FrontMatter(mood=100)).emotion is Emotion.HAPPY


def test_an_ending_needs_all_its_cues_and_its_mood() -> None:
    """The call ends once every cue of an ending was met and the mood is there, and then stays ended."""
    assert fold(FRONT, ["I'll refund you"]).ending is None
    held = fold(FRONT, ["please hold", "please hold", "I'll refund you", "our mistake"])
    assert (held.mood, held.ending and held.ending.name) == (60, None)
    done = fold(FRONT, ["I'll refund you", "our mistake", "please hold"])
    assert done.ending and done.ending.name == "resolved" and done.mood == 80


def test_losing_all_patience_is_an_ending() -> None:
    """Below the bound of an ending the call ends, also when time alone brings the mood there."""
    assert (ending := fold(FRONT, ["please hold"] * 3).ending) and ending.name == "walked_out"
    assert (ending := shift(FRONT, start(FRONT), -40).ending) and ending.name == "walked_out"


def test_fold_is_step_by_step() -> None:
    """Folding all turns is the same as taking one step after the other."""
    turns = ["sorry", "account number", "account number", "I'll refund you"]
    state: ArcState = start(FRONT)
    for turn in turns:
        state = step(FRONT, state, turn)
    assert state == fold(FRONT, turns)


def test_a_fact_of_the_personas_own_is_told_before_a_common_one_that_the_same_words_ask_for() -> None:
    common = FrontMatter(facts={"order": Fact(hear={"": ("tracking number",)}, say={"": ("I don't have it.",)})})
    own = FrontMatter(facts={"parcel": Fact(hear={"": ("tracking number",)}, say={"": ("TRK 88.",)})})
    assert fold(merged(own, common), ["May I have the tracking number?"]).last.asked == ("parcel",)


def test_merged_keeps_the_persona_s_own() -> None:
    """The common cues still answer, but no longer anger or calm a persona who has cues of her own for that."""
    common = FrontMatter(
        cues={"rude": Cue(mood=-9), "sorry": Cue(mood=9), "kind": Cue(mood=4), "hi": Cue()},
        endings=(Ending("resolved", when=("kind", "hi"), mood=50),),
        opening={"en": ("Hello.",)},
    )
    both = merged(FrontMatter(cues={"sorry": Cue(mood=1)}), common)
    assert {name: cue.mood for name, cue in both.cues.items()} == {"sorry": 1, "rude": -9, "kind": 0, "hi": 0}
    assert both.opening == common.opening
    assert both.endings[0].when == ()


@pytest.mark.parametrize(
    ("says", "cue"),
    [
        ("I'm so sorry, that was our mistake and I will personally fix it", "ownership"),
        ("I'm sorry for the inconvenience", "apology"),
        ("Please hold.", "hold"),
        ("I need to put you on hold for two minutes while I check the charges", "hold_explained"),
        ("Let me transfer you to billing", "transfer"),
        ("As per our policy the billing cycle is prorated", "jargon"),
        ("You need to calm down", "calm_down"),
        ("It's your own fault", "blame"),
        ("I'll refund the difference", "refund"),
        ("We've processed a full refund", "refund"),
        ("I am processing a full refund, it will be there by Friday", "refund"),
        ("We have issued your refund", "refund"),
        ("You'll have it within 3 business days", "deadline"),
        ("By Friday", "deadline"),
        ("Your case number is RF-20931", "case_number"),
        ("It won't happen again", "fix"),
        ("You have been a Gold member for six years", "recognition"),
        ("เป็นความผิดพลาดของทางเรา ดิฉันจะรับผิดชอบเอง", "ownership"),
        ("ขอโทษด้วยนะคะ", "apology"),
        ("กรุณาถือสายรอสักครู่ค่ะ", "hold"),
        ("ขอตรวจสอบข้อมูลสักครู่ รบกวนรอ 2 นาทีนะคะ", "hold_explained"),
        ("ขออนุญาตโอนสายไปยังแผนกบัญชีค่ะ", "transfer"),
        ("ใจเย็นๆ ก่อนนะคะ", "calm_down"),
        ("เดี๋ยวจะคืนเงินให้ค่ะ", "refund"),
        ("ภายใน 3 วันทำการค่ะ", "deadline"),
        ("เลขเคสคือ RF-20931 ค่ะ", "case_number"),
        ("คุณเป็นลูกค้าระดับโกลด์มาหกปีแล้ว", "recognition"),
    ],
)
def test_sarah_hears(says: str, cue: str) -> None:
    """Sarah understands what angers and what calms her, in English and in Thai."""
    assert cue in fold(SARAH["en" if says.isascii() else "th"], [says]).last.cues


@pytest.mark.parametrize(
    ("says", "cue"),
    [
        ("I won't put you on hold", "hold"),
        ("Don't worry, I won't transfer you", "transfer"),
        ("It's not your fault", "blame"),
        ("I can't refund you", "refund"),
        ("I have an issue with your refund", "refund"),
        ("They said they have processed your refund", "refund"),
        ("How can I help you today?", "deadline"),
        ("Do you have a case number?", "case_number"),
        ("Your account is CUST-2847", "case_number"),
        ("Would you like a refund?", "refund"),
        ("ไม่ใช่ความผิดของคุณค่ะ", "blame"),
        ("เราไม่สามารถคืนเงินได้ค่ะ", "refund"),
        ("จะไม่โอนสายค่ะ", "transfer"),
        ("ไม่ต้องรอสายค่ะ", "refund"),
    ],
)
def test_sarah_does_not_mishear(says: str, cue: str) -> None:
    """What is denied, or asked, is not taken for done."""
    assert cue not in fold(SARAH["en" if says.isascii() else "th"], [says]).last.cues


def test_a_persona_takes_over_a_common_cue_in_what_it_leaves_open() -> None:
    """A cue that a persona only names is the common one of that name; what it gives wins, language by language; a mood
    of 0 and no `unless` are given too. Named cues that it does not name are not there."""
    words: dict[str, tuple[str, ...]] = {"en": ("our fault",), "th": ("ผิดเอง",)}
    full = Cue(
        {"": "owns it"},
        {"en": ("We did it.",)},
        words,
        None,
        ("sorry",),
        12,
        True,
        True,
        {"en": ("Well.",)},
        {"en": ("Who?",)},
    )
    common = FrontMatter(cues={"own": full}, named_cues={"refund": full, "unnamed": full})
    own = {"own": Cue(mood=0, unless=(), say={"en": ("Ah.",)}, hear={"th": ("รับผิด",)}), "refund": Cue()}
    cues = merged(FrontMatter(cues=own), common).cues
    assert list(cues) == ["own", "refund"]
    assert cues["refund"] == full
    heard_by: dict[str, tuple[str, ...]] = {"en": ("our fault",), "th": ("รับผิด",)}
    assert cues["own"] == replace(full, mood=0, unless=(), say={"en": ("Ah.",)}, hear=heard_by)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(), max_size=6), st.lists(st.text(), max_size=4))
def test_any_text_and_any_phrase(turns: list[str], phrases: list[str]) -> None:
    """No words and no phrases break the arc, and the mood stays between 0 and 100."""
    cues = {str(i): Cue(hear={"": (phrase,)}, mood=40) for i, phrase in enumerate(phrases)}
    assert 0 <= fold(FrontMatter(cues=cues), turns).mood <= 100
    assert all(isinstance(heard(phrase, phrase), bool) for phrase in phrases)


def test_an_ending_may_take_one_cue_for_another() -> None:
    """Of `a|b` one of the two is enough; what is lacking is told as the first."""
    front = replace(FRONT, endings=(Ending("resolved", when=("ownership|sorry", "refund"), passed=True),))
    assert lack(start(front), front.endings[0]) == Lack(("ownership", "refund"))
    assert lack(fold(front, ["I am sorry."]), front.endings[0]) == Lack(("refund",))
    assert fold(front, ["I am sorry.", "I refund you."]).ending == front.endings[0]
