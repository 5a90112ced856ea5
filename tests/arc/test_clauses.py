"""A turn is judged clause by clause: what is asked, denied, supposed or refused is not done."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.arc.clauses import clauses
from runtime.arc.listener import listen
from runtime.arc.machine import fold, lack
from runtime.arc.meaning import FEW, Meaning, Vector, make_bank
from runtime.arc.quotes import is_verbatim
from runtime.arc.segmentation import CLAUSES
from runtime.events import Found
from runtime.spec.persona import Cue, Ending, Fact, FrontMatter
from tests.composed import compose

SARAH = {base: compose(["persona=sarah_thompson", f"language={base}"]).arc.front for base in ("en", "th")}
COUNT = {name for name, cue in SARAH["en"].cues.items() if cue.mood and not cue.on}


def heard(text: str) -> set[str]:
    """The cues that move her, of those that phrases alone find."""
    return COUNT & set(fold(SARAH["en" if text.isascii() else "th"], [text]).last.cues)


@pytest.mark.parametrize(
    ("text", "supposed"),
    [
        ("So it went on Tuesday, did it?", True),
        ("You booked two cars as well, didn't you?", True),
        ("That's the till and the card reader that stall?", True),
        ("Two lines that you don't use, then?", True),
        ("แพ็กเกจพรีเมียมใช่ไหมคะ", True),
        ("Where is it?", False),
        ("Did you book two cars?", False),
        ("Did you do these yourself: two at a shop, one online?", False),
        ("Saturday, was it, and it's now the next one?", True),
        ("Put it in for me, would you?", False),
        ("Your name, sir?", False),
        ("It went on Tuesday.", False),
    ],
)
def test_a_statement_that_asks_for_assent_is_no_open_question(text: str, supposed: bool) -> None:
    """By its tag, or by how it begins though it ends in a question mark."""
    assert clauses(text)[-1].supposes is supposed


def test_who_would_be_a_fool_himself_calls_nobody_one() -> None:
    """A hard word for whoever says it."""
    assert "insult" not in heard("I'd be an idiot to turn that down, madam.")
    assert "insult" in heard("You'd be an idiot to turn that down, madam.")


def test_what_is_said_of_her_with_a_tag_promises_nothing() -> None:
    """She is in on a day; what is done for her by then is a promise, whatever the tag."""
    assert "deadline" not in heard("And you're home on Friday, yes?")
    assert "deadline" in heard("You'll have it by Friday, okay?")


@pytest.mark.parametrize(
    ("text", "asking"),
    [
        ("Could I have your name, please, and the number off your bill, and where you live?", [True, True, True]),
        ("Give me your name, and the code on the box.", [False, True]),
        ("I have your name, and the money is on its way.", [False, False]),
        ("Give me a minute, and your case number is 44718.", [False, False]),
        ("I can't tell you yet how it happened; it's being looked into.", [False, False]),
    ],
)
def test_each_thing_that_a_question_names_is_asked_for(text: str, asking: list[bool]) -> None:
    """Where each stands in a clause of its own."""
    assert [clause.asks for clause in clauses(text)] == asking


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("I'm sorry, that was us. I'll refund you, and you'll have it by Friday!", 4),
        ("I checked your bill because you asked and it is wrong", 2),
        ("You owe us nothing but I cannot say when", 2),
        ("It's $1,148.51, on May 3, 2026, in all.", 1),
        ("Your case number is: 44718, on Friday, the 27th of November", 1),
        ("Mr. Briggs is in by 10 a.m. on Nov. 27, ticket no. 5, at www.example.com", 1),
        ("โทรกลับภายใน 10.00 น. วันที่ 3 ม.ค. 2570", 1),
        ("No. I can't say: it is Friday. The money is there", 4),
        ("ขอโทษด้วยนะคะ เดี๋ยวคืนเงินให้ค่ะ ภายในสามวัน", 3),
        ("อยู่กับเราตั้งแต่ปีแรก แต่ตอนนี้ไม่แล้ว", 2),
        ("แม้แต่กับดิฉันเองก็ตกใจ", 1),
        ("ได้เลยจ้า กำลังหาให้นะ ยังไม่ต้องวางสายน้า", 3),
        ("เมื่อเช้าลงบันทึกไว้แล้ว เดี๋ยวส่งสำเนาตามไปให้ค่ะ", 2),
        ("พิมพ์ใบเสร็จเสร็จแล้ว ผมวางไว้ที่เคาน์เตอร์นะครับ", 2),
        ("มีมูลค่า 50 บาท ในหน้า ผมแล้ว", 1),
        ("แจ้งไว้ว่า ดิฉันไม่อยู่บ้าน", 1),
        ("กล่องยังอยู่ไหม ตอบตามจริงได้เลย", 2),
        ("ได้ของไปนานหรือยังลูก กล่องล่ะ", 2),
        ("สวัสดีเจ้า บัวคำรับสายเจ้า", 2),
        ("ไปอยู่ที่ใครหรือเปล่า ตอนนี้ผมก็ยังไม่ทราบเหมือนกัน", 1),
        ("…!? ", 0),
    ],
)
def test_a_turn_falls_into_clauses(text: str, parts: int) -> None:
    """At the end of a sentence, before a new subject and at but; in Thai after the particles, and at a space before a
    new subject; never within a number."""
    assert len(clauses(text)) == parts
    assert all(clause.text in text for clause in clauses(text))


@pytest.mark.parametrize(
    ("hear", "text", "words"),
    [
        ("# to your", "That puts $23.51 to your card.", "$23.51 to your"),
        ("##", "It is filed as CR-882131, madam.", "CR-882131"),
        ("by #", "You have it by 27/11/2026.", "by 27/11/2026"),
        ("see www", "See www.example.com/refund for it.", "See www.example.com/refund"),
        ("คืน #", "จะคืน 23.51 บาทให้ค่ะ", "คืน 23.51"),
    ],
)
def test_evidence_holds_amounts_dates_and_addresses_whole(hear: str, text: str, words: str) -> None:
    """Though a phrase matches but a part of one; and a quote that cuts one is no quote."""
    (found,) = listen(FrontMatter(cues={"named": Cue(hear={"": (hear,)})}), frozenset(), text).findings
    assert found.words == words and is_verbatim(words, text)
    assert not is_verbatim("51 to your", "That puts $23.51 to your card.")


def test_a_turn_of_any_length_has_so_many_clauses() -> None:
    """However it is built, and no word of what is listened to is lost."""
    many = clauses("Yes. " * 300)
    assert len(many) == CLAUSES and sum(clause.said.count("yes") for clause in many) == 300


def test_what_we_will_do_is_no_question() -> None:
    """ "We'll do it" is no "well, do …?", though both are heard without the apostrophe."""
    assert not any(clause.asks for clause in clauses("We'll do that for you today. Okay, we'll do it together."))
    assert clauses("Well, do you know?")[-1].asks


@pytest.mark.parametrize(
    ("text", "cues"),
    [
        ("Please don't worry, you haven't done anything wrong.", set()),
        ("I have to ask my supervisor, could you hold for two minutes?", set()),
        ("Would you like to speak to a manager?", set()),
        ("Would you hold?", set()),
        ("Shall I refund you?", set()),
        ("When did we say that we refunded you?", set()),
        ("Your refund is not possible.", {"refusal"}),
        ("I can't promise that it won't happen again.", set()),
        ("I'll ring your bank, call you back tomorrow, and then we see.", {"transfer"}),
        ("You'll have the money back no later than Friday.", {"refund", "deadline"}),
        ("We'll refund you by Monday, okay?", {"refund", "deadline"}),
        ("It's your own fault, you forgot it, are you sure you read it", {"blame"}),
        ("คืนเงินให้คุณไม่ได้ค่ะ", {"refusal"}),
        ("คืนเงินก้อนนี้ให้คุณลูกค้าไม่ได้จริงๆครับ", set()),
        ("ไม่ต้องถือสายนะคะ", set()),
        ("จะให้คืนเงินไหมคะ", set()),
        ("คืนเงินให้ได้แน่นอนครับ ไม่ต้องห่วง", {"refund"}),
        ("พรุ่งนี้เดี๋ยวโทรกลับนะครับ", {"transfer"}),
        ("If I had my way I'd refund you by Friday, but the system won't let me.", {"jargon"}),
        ("If I could, I'd refund you by Friday.", set()),
        ("I'd love to refund you by Friday, but I can't.", {"refusal"}),
        ("I wish I could refund you today.", set()),
        ("I'll refund you only if you sign a new contract.", set()),
        ("ถ้าเป็นไปได้ก็อยากคืนเงินให้ภายในวันศุกร์นะคะ แต่ทำไม่ได้ค่ะ", {"refusal"}),
        ("ถ้าทำได้ก็อยากคืนเงินให้ภายในวันศุกร์ค่ะ", set()),
        ("I'd be happy to refund you by Friday.", {"refund", "deadline"}),
        ("I'll refund you by Friday, but I can't say at what hour.", {"refund", "deadline"}),
        ("If I could just have your account number, I'll refund you by Friday.", {"refund", "deadline"}),
        ("คืนเงินให้ภายในวันศุกร์ค่ะ แต่ไม่ได้ก่อนเที่ยงนะคะ", {"refund", "deadline"}),
        ("Your refund was rejected on Friday.", {"refusal"}),
        ("We don't refund.", {"refusal"}),
        ("ไม่มีการคืนเงินค่ะ", {"refusal"}),
        ("I'm putting that back on your card right now", {"refund", "deadline"}),
        ("The incident number is DP-3390.", {"case_number"}),
        ("หมายเลขยืนยัน BV-9001 ค่ะ", {"case_number"}),
        ("There's no need to be sorry.", {"apology"}),
        ("จะส่งช่างที่ใจเย็นไปนะคะ", set()),
        ("I won't be sending you off to another department.", set()),
        ("It won't necessarily be there by Monday.", set()),
        ("I couldn't swear that it won't happen again.", set()),
        ("ใครบอกคุณว่าคืนเงินไม่ได้", set()),
        ("Your case number is on its way.", set()),
        ("Your reference number is: 4471-22.", {"case_number"}),
        ("My mobile number is 0 7 7 0 0 9 0 0 1 2 3.", set()),
        ("So what I'm doing is refunding you by Friday.", {"refund", "deadline"}),
        ("Your refund will arrive never.", {"refusal"}),
        ("Your refund will come when hell freezes over.", set()),
        ("Nobody is refunding you.", {"refusal"}),
        ("You'll get your money back, sure, keep dreaming.", set()),
        ("You can forget about the refund.", {"refusal"}),
        ("I might refund you.", set()),
        ("I'm sorry that I can't give you the refund.", {"apology", "refusal"}),
        ("ลืมเรื่องเงินคืนไปได้เลยค่ะ", {"refusal"}),
        ("เงินจะคืนให้เมื่อไหร่ก็ไม่รู้", set()),
        ("รอสักครู่นะครับ ผมขอดูข้อมูลก่อน", set()),
        ("ถือสายแป๊บนึงนะคะ ขอถามหัวหน้าก่อน", set()),
        ("ไม่มีใครคืนเงินให้คุณหรอก", {"refusal"}),
        ("ไม่มีทางคืนเงินให้หรอกค่ะ", {"refusal"}),
        ("คืนเงินให้ชาติหน้าค่ะ", set()),
        ("ถือสายรอสักครู่นะคะ ขอเช็คระบบก่อน", set()),
        ("ขอโทษครับ แต่คืนเงินให้ไม่ได้", {"apology", "refusal"}),
        ("วันอังคารเกิดอะไรขึ้น", set()),
    ],
)
def test_phrases_do_not_lie(text: str, cues: set[str]) -> None:
    """A question promises nothing, a denial counts wherever it stands, what she is asked whether she would like is not
    done to her, one clause angers once, and what she refuses brings her nothing; nor does what hangs on a condition, or
    is taken back in the same sentence."""
    assert heard(text) == cues


@pytest.mark.parametrize(
    ("text", "cues"),
    [
        ("I could take responsibility for our mistake but I won't.", {"refusal"}),
        ("I can see you've been with us for six years, and I don't care.", set()),
        ("I could refund you by Friday but I won't.", {"refusal"}),
        ("I could refund you. But I won't.", {"refusal"}),
        ("Your case number is 00000, I made it up.", set()),
        ("I can refund you, but I'm not going to.", {"refusal"}),
        ("I'd be happy to refund you as soon as pigs fly.", set()),
        ("I'll refund you by Friday, when pigs can fly.", set()),
        ("I'll refund you once you calm down.", {"calm_down"}),
        ("You will get your refund when our rules allow it, which they do not.", {"refusal"}),
        ("I take full responsibility for nothing.", set()),
        ("I'll take care of it personally, said nobody ever.", set()),
        ("I'll refund you by Friday, not.", set()),
        ("I'll refund you. Just kidding.", set()),
        ("You've been a Gold member for six years, not that I care.", set()),
        ("We can put the money back on your card, only we aren't going to.", {"refusal"}),
        ("We'd gladly refund it, except that we don't do refunds.", {"refusal"}),
        ("Case number? We don't do those.", {"refusal"}),
        ("We can refund you, but it's not happening.", {"refusal"}),
        ("I'll give you your money back, or not.", set()),
        ("We take full ownership of none of this.", set()),
        ("Your refund arrives by Friday, unless it doesn't.", set()),
        ("The case number is 12345, but that's fake.", set()),
        ("จะคืนเงินให้ แต่คงไม่", {"refusal"}),
        ("เลขเคสคือ 12345 แต่เป็นเลขมั่วค่ะ", set()),
        ("ถ้าคืนเงินได้ก็คืนไปแล้วค่ะ", set()),
        ("จะคืนเงินให้ก็ต่อเมื่อปลาบินได้ค่ะ", set()),
        ("คืนเงินให้ค่ะ ถ้าหมูบินได้", set()),
        ("คืนเงินให้ได้ค่ะ แต่ไม่ทำ", {"refusal"}),
        ("จะคืนเงินให้ภายในวันศุกร์ค่ะ แต่คงไม่ได้", {"refusal"}),
        ("เลขเคส 44718 ค่ะ แต่งขึ้นมาเอง", set()),
        ("คืนเงินให้วันนี้ค่ะ ล้อเล่นนะคะ", set()),
        ("เห็นว่าอยู่กับเรามาหกปีค่ะ แต่ไม่สนใจ", set()),
        ("ไม่ใช่ว่าเราไม่อยากคืนเงินนะคะ", set()),
        ("ไม่ได้หมายความว่าเราไม่คืนเงินนะคะ", set()),
        ("This should never have happened, and it won't happen again.", {"ownership", "fix"}),
        ("It won't happen again, I promise it won't.", {"fix"}),
        ("We should have owned our mistake, and we didn't.", {"ownership"}),
        ("I'll refund you by Friday. Not next week, Friday.", {"refund", "deadline"}),
        ("It was our mistake, it wasn't yours.", {"ownership"}),
        ("As soon as you give me your account number, I'll refund you by Friday.", {"refund", "deadline"}),
        ("You'll have to call billing, I can't.", {"transfer"}),
        ("I did promise I'd refund you by Friday, but sadly it's not letting me.", {"refusal"}),
        ("As I promised, I'll refund you by Friday.", {"refund", "deadline"}),
        ("ตอนแรกผมรับปากว่าจะคืนเงินให้ ตอนนี้ทำไม่ได้แล้วครับ", {"refusal"}),
    ],
)
def test_what_is_taken_back_at_once_is_not_promised(text: str, cues: set[str]) -> None:
    """By a denial that does not say of what, or by what never comes; where it was waited for, the denial is a refusal.
    What only sounds so is none: who says what was left undone owns up."""
    assert heard(text) == cues


def test_what_is_taken_back_is_owed_again() -> None:
    """Though the words that take it back do not name it."""
    state = fold(SARAH["en"], ["I'll refund you by Friday.", "I could refund you, but I won't."])
    ending = next(ending for ending in SARAH["en"].endings if ending.name == "resolved")
    lacks = lack(state, ending)
    assert lacks and "refund" in lacks.cues and "refusal" in state.last.cues


@pytest.mark.parametrize(
    ("text", "cues"),
    [
        ("Stupid me, I'll look again.", set()),
        ("What kind of idiot charges somebody twice?", set()),
        ("What kind of idiot are you?", {"insult"}),
        ("I'm such an idiot.", set()),
        ("I'm not paid enough to talk to an idiot like you.", {"insult"}),
        ("We were stupid to charge you twice.", {"ownership"}),
        ("You were stupid to pay twice, you idiot.", {"insult"}),
        ("You are a crazy loyal customer, six years!", {"recognition"}),
        ("You are crazy.", {"insult"}),
        ("You are rude? No, we were.", set()),
        ("You are rude? Of course you are!", {"insult"}),
        ("Don't be stupid.", {"insult"}),
        ("คุณไม่ได้โง่เลยค่ะ ระบบเราเองที่โง่", set()),
        ("ผมนี่โง่จริงครับ", set()),
        ("ผมนี่โง่เรื่องเครื่องเสียงเลยครับพี่ ต้องให้พี่สอน", set()),
        ("ผมว่าคุณโง่ครับ", {"insult"}),
        ("Hold on, I can see the two charges right here.", set()),
        ("Hold on, please.", {"hold"}),
        ("Hold on, I'll be right back.", {"hold"}),
        ("Calm down? No, you have every right to be.", set()),
        ("Calm down.", {"calm_down"}),
        ("Let me transfer you the 89.99.", {"refund"}),
        ("We are transferring the money to your card.", {"refund"}),
        ("Let me transfer you.", {"transfer"}),
        ("I can't transfer you the money, we don't refund.", {"refusal"}),
        ("โอนเงินให้คุณวันนี้เลยค่ะ", {"refund", "deadline"}),
        ("สวัสดีค่ะ ศูนย์บริการลูกค้า", set()),
        ("ไม่เกินวันพฤหัสบดีทางธนาคารจะแจ้งผลให้ทราบค่ะว่าได้เงินคืนไหม", {"deadline"}),
    ],
)
def test_hard_words_that_are_not_for_her_do_not_anger(text: str, cues: set[str]) -> None:
    """Of the trainee's own side, taken up and denied, or in another sense: for her the same words count."""
    assert heard(text) - {"empathy"} == cues


def test_a_thai_hello_greets_and_asks_only_with_more_whether_one_is_heard() -> None:
    """Whoever picks up says it first."""
    heard = [fold(SARAH["th"], [text]).last.cues for text in ("ฮัลโหลค่ะ โต๊ะดูแลสมาชิกค่ะ", "ฮัลโหล ยังอยู่หรือเปล่าคะ")]
    assert ["hear_me" in cues for cues in heard] == [False, True] and "greeting" in heard[0]


def test_too_few_words_do_not_anger_by_their_meaning() -> None:
    """They are near to many things: "that's you" ends a check as well as it blames."""
    like = ("That was you who did it.", "You're the one at fault.")
    known = dict.fromkeys(like, vector(1, 0, 0.1)) | {"Kindly hold your horses.": vector(0, 0, 1)}
    spoken = {"and that's you.": vector(1, 0.3, 0.1), "and that was you alone.": vector(1, 0.3, 0.1)}
    front = FrontMatter(cues={"blame": Cue(like={"": like}, mood=-5)}, neutral={"": ("Kindly hold your horses.",)})
    vectors = (known | spoken).get
    bank = make_bank(front, "en", vectors)
    assert bank
    assert [listen(front, set(), text, Meaning(bank, vectors)).cues for text in spoken] == [(), ("blame",)]


def test_an_example_is_heard_whatever_others_say() -> None:
    """Though it stands alone among those of another cue."""
    others = {"We pay you back" + "!" * i: vector(1, 0.1 + i / 1000) for i in range(FEW)}
    known = others | {"We pay you back in kind.": vector(1, 0.3)}
    cues = {"refund": Cue(like={"": tuple(others)}, mood=5), "threat": Cue(like={"": tuple(known)[-1:]}, mood=-5)}
    front = FrontMatter(cues=cues)
    bank = make_bank(front, "en", known.get)
    assert bank
    assert listen(front, set(), "We pay you back in kind.", Meaning(bank, known.get)).cues == ("threat",)


@pytest.mark.parametrize(
    "text", ["I won't put you on hold.", "You're not lying.", "You are not crazy.", "We are the idiots here."]
)
def test_to_spare_her_what_angers_is_not_to_stall(text: str) -> None:
    """It says no more, but it is not nothing."""
    assert "stalling" not in fold(SARAH["en"], [text]).last.cues
    assert "stalling" in fold(SARAH["en"], ["The sky looks blue."]).last.cues


def test_an_insult_by_meaning_is_about_somebody() -> None:
    """However near a sentence comes to one: "what's the matter?" is no "what's the matter with you?"."""
    known = {"What's the matter with you?": vector(1, 0), "What's the matter?": vector(1, 0.01)}
    known |= {"What is your problem?": vector(1, 0.01)}
    front = FrontMatter(cues={"insult": Cue(like={"": tuple(known)[:1]}, mood=-5)})
    bank = make_bank(front, "en", known.get)
    assert bank
    assert [listen(front, set(), text, Meaning(bank, known.get)).cues for text in [*known][1:]] == [(), ("insult",)]


@pytest.mark.parametrize(
    ("turns", "owed"),
    [
        (("I'll refund you by Friday.", "I can't refund you after all."), {"refund"}),
        (("I'll refund you by Friday.", "I'll refund you. No, I can't refund you after all."), {"refund"}),
        (("คืนเงินให้ภายในวันศุกร์ค่ะ", "คืนเงินไม่ได้หรอกค่ะ"), {"refund"}),
        (("I'll refund you by Friday.", "I can't refund you in cash. I'll refund you to your card."), set()),
        (("I'll refund you by Friday.", "I can't help you with the weather."), set()),
    ],
)
def test_what_is_refused_later_is_owed_again(turns: tuple[str, ...], owed: set[str]) -> None:
    """An ending waits for it once more; promised again it counts, and calms no second time."""
    front = SARAH["en" if turns[0].isascii() else "th"]
    state = fold(front, turns)
    lacks = lack(state, next(ending for ending in front.endings if ending.name == "resolved"))
    assert lacks and set(lacks.cues) - {"case_number"} == owed
    again = fold(front, [*turns, "I'll refund you." if turns[0].isascii() else "คืนเงินให้ค่ะ"])
    assert again.met["refund"] and again.mood == state.mood


@pytest.mark.parametrize(
    ("text", "verified"),
    [
        ("Could I have your name, please?", True),
        ("your membership number please?", True),
        ("ขอเลขที่บัญชีลูกค้าหน่อยได้ไหมคะ", True),
        ("I see two charges under your name.", False),
    ],
)
def test_who_was_told_who_she_is_has_checked_it(text: str, verified: bool) -> None:
    """Whatever the question's words were; her name in another sense is no question."""
    assert ("verification" in fold(SARAH["en" if text.isascii() else "th"], [text]).last.cues) is verified


@pytest.mark.parametrize("text", ["I cannot tell you whose letter that is.", "ดิฉันบอกไม่ได้ค่ะว่าเป็นของใคร"])
def test_a_cue_that_denies_is_shown_by_a_denial(text: str) -> None:
    """What is to be kept to oneself is not taken back by the words that say so."""
    hear: dict[str, tuple[str, ...]] = {"": ("cannot tell whose", "บอกไม่ได้ ของใคร")}
    front = FrontMatter(cues={"discreet": Cue(hear=hear, mood=5), "nothing": Cue(on="nothing")})
    assert listen(front, set(), text).cues == ("discreet",)
    assert listen(front, set(), f"{'I cannot promise that ' if text.isascii() else 'ไม่แน่ใจ'}{text}").cues == (
        "nothing",
    )


def test_nobody_and_nothing_are_no_question_in_thai() -> None:
    """They are who and what with a negator before them; a polite question has one too."""
    for denial in ("เรื่องนี้ผมจะไม่บอกใครครับ", "ยังไม่ขายอะไรนะครับ", "อย่าเพิ่งกดอะไรนะคะ"):
        assert not any(clause.asks for clause in clauses(denial))
    assert not any(clause.reports for clause in clauses("ไม่มีใครโทรเข้าเบอร์นี้เลย ยังใช้อยู่ไหมครับ"))
    for question in ("ไม่ทราบว่าเรียนสายกับใครครับ", "ไม่บอกใครคะ", "ให้ใครครับ"):
        assert any(clause.asks for clause in clauses(question))


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("How much do you normally pay for it?", ("price",)),
        ("What plan are you on, and since when have you been a customer?", ("plan", "tenure")),
        ("I have your account number here.", ()),
        ("Your account number is on the bill.", ()),
        ("And your account number, please", ("account",)),
        ("If anybody wants your account number, put the phone down.", ()),
        ("I need your account number", ("account",)),
        ("ขออีเมลด้วยครับ", ("email",)),
        ("อีเมลอะไรคะ", ("email",)),
        ("พอจะบอกได้ไหมคะว่าใช้แพ็กเกจอะไรอยู่ ไม่ตอบตอนนี้ก็ได้นะคะ", ("plan",)),
        ("เดี๋ยวผมส่งอีเมลให้ครับ", ()),
        ("ขอเลขบัญชีกับชื่อเต็มของท่านสักนิดครับ", ("account", "name")),
        ("บอกพี่แค่ชื่อกับเลขบัญชีพอ รหัสอะไรไม่ต้องบอก", ("name", "account")),
        ("แล้วเลขท้ายบัตรสี่ตัวล่ะ กับเดือนนี้โดนไปเท่าไหร่", ("card", "amount")),
        ("โดนไปเท่าไหร่เจ้า", ("amount",)),
        ("ชื่อ-นามสกุล แล้วก็หมายเลขสมาชิกด้วยนะครับ", ("name", "account")),
        ("คุณใช้แพ็กเกจอะไรอยู่ครับ", ("plan",)),
        ("คุณใช้แพ็กเกจพรีเมียมอยู่ครับ", ()),
        ("ประชุมกี่โมงก็ไม่เป็นไรครับ", ()),
        ("ชื่อกับเลขบัญชีตรงกันแล้วค่ะ", ()),
        ("Keep your account number to yourself, please.", ()),
        ("Could I have your full name? Please keep your account number to yourself.", ("name",)),
        ("Never give anybody your card number.", ()),
        ("เลขบัญชีไม่ต้องบอกใครนะคะ", ()),
        ("ขอชื่อเต็มหน่อยค่ะ เลขบัญชีไม่ต้องบอกนะคะ", ("name",)),
        ("ภายในวันพุธคุณลูกค้าจะเห็นค่ะว่าได้เงินคืนเท่าไหร่", ()),
        ("What the man charged was wrong.", ()),
        ("จะบอกได้ไหมคะว่าเลขบัญชีอะไร", ("account",)),
    ],
)
def test_a_fact_is_told_when_it_is_asked_for(text: str, asked: tuple[str, ...]) -> None:
    """One question gets one fact, the one whose phrase fits best; a statement gets none."""
    assert fold(SARAH["en" if text.isascii() else "th"], [text]).last.asked == asked


PLACES = {"kind words": (1, 0, 0), "cruel words": (0, 1, 0), "plain words": (0, 0, 1), "your number": (0.6, 0.6, 0.53)}
FRONT = FrontMatter(
    cues={
        "kind": Cue(like={"en": ("kind words",)}, mood=5),
        "cruel": Cue(like={"en": ("cruel words",)}, hear={"en": ("damn",)}, mood=-5),
        "nothing": Cue(on="nothing"),
    },
    facts={"number": Fact(like={"en": ("your number",)}, say={"en": ("Seven.",)})},
    neutral={"en": ("plain words",)},
)


def vector(*numbers: float) -> Vector:
    """A vector of length 1."""
    return np.array(numbers, np.float32) / np.float32(np.linalg.norm(numbers))


def meant(**turns: tuple[float, ...]) -> Meaning:
    """What clauses mean that have these vectors."""
    known = {text: vector(*place) for text, place in {**PLACES, **turns}.items()}
    bank = make_bank(FRONT, "en", known.get)
    assert bank
    return Meaning(bank, known.get)


def test_a_clause_is_heard_by_what_it_means() -> None:
    """The nearest example decides, with its nearness and the trainee's words; nearer to a neutral line, or near to
    nothing, it is no cue."""
    meaning = meant(**{"A.": (1, 0.01, 0), "B": (0.1, 1, 0), "C.": (0, 0.3, 1), "D": (1, 0, 1), "E": (0.6, 0.6, 0.5)})
    found = listen(FRONT, set(), "A. C.", meaning).findings
    assert [(one.name, one.found, one.words, one.by) for one in found] == [("kind", Found.MEANING, "A.", "kind words")]
    assert found[0].nearness == 1.0
    assert listen(FRONT, set(), "B", meaning).cues == ("cruel",)
    for text in ("C.", "D"):
        assert listen(FRONT, set(), text, meaning).cues == ("nothing",)
    assert listen(FRONT, set(), "E", meaning).asked == ("number",)


def test_between_two_cues_that_calm_a_little_decides() -> None:
    """To take one for the other does little harm; what angers must be clearer, and is not looked at where the hard
    words are not for the persona."""
    places = {"our fault": (1, 0.3, 0.3), "between us": (0.3, 1, 0.3), "you bore me": (0.3, 0.3, 1)}
    known = {text + "!" * i: vector(*place) for text, place in places.items() for i in range(FEW)}
    spoken = {"x": vector(1, 0.9, 0.3), "y": vector(1, 0.3, 0.95), "เป็นเราก็เบื่อ": vector(0.9, 0.3, 1)}
    likes = [tuple(text for text in known if text.startswith(start)) for start in places]
    cues = zip(("owns", "keeps", "insult"), likes, (5, 5, -5), strict=True)
    front = FrontMatter(cues={name: Cue(like={"": like}, mood=mood) for name, like, mood in cues})
    vectors = (known | spoken).get
    bank = make_bank(front, "en", vectors)
    assert bank
    heard = {text: listen(front, set(), text, Meaning(bank, vectors)).cues for text in spoken}
    assert heard == {"x": ("owns",), "y": (), "เป็นเราก็เบื่อ": ("owns",)}


def test_a_statement_is_no_question_for_a_fact() -> None:
    """However near it comes to one; it is heard as the cue that it comes nearest to."""
    near, number = (0.85, 0.15, 0.22), (0.8, 0.2, 0.3)
    assert listen(FRONT, set(), "x", meant(**{"x": near, "your number": number})).asked == ("number",)
    heard = listen(FRONT, set(), "it is x", meant(**{"it is x": near, "your number": number}))
    assert (heard.asked, heard.cues) == ((), ("kind",))


def test_a_clause_that_denies_is_not_what_it_denies() -> None:
    """Vectors hardly tell the two apart; a question about a cue that calms is no such cue either."""
    near = (0.84, -0.15, 0.5)
    assert listen(FRONT, set(), "x", meant(x=near)).cues == ("kind",)
    assert listen(FRONT, set(), "not x", meant(**{"not x": near})).cues == ("nothing",)
    assert listen(FRONT, set(), "is it x", meant(**{"is it x": near})).cues == ("nothing",)
    assert listen(FRONT, set(), "not damn", meant(**{"not damn": (0.1, 1, 0)})).cues == ("nothing",)


def test_what_was_not_done_is_no_cue_that_calms() -> None:
    """However near it comes to an example, and though that denies something too."""
    known = {"I've blocked it, nobody can use it.": vector(1, 0), "You won't get it.": vector(0, 1)}
    spoken = ("I haven't blocked it yet.", "It isn't blocked.", "บล็อกไม่ได้ค่ะ", "ยังไม่ได้บล็อกค่ะ", "I have blocked it.")
    known |= dict.fromkeys(spoken, vector(1, 0.01))
    like = tuple(known)[:2]
    front = FrontMatter(cues={"block": Cue(like={"": like[:1]}, mood=5), "refusal": Cue(like={"": like[1:]}, mood=-5)})
    bank = make_bank(front, "en", known.get)
    assert bank
    assert [listen(front, set(), text, Meaning(bank, known.get)).cues for text in spoken] == [*[()] * 4, ("block",)]


def test_phrases_come_first_and_meaning_says_what_it_lacks() -> None:
    """A clause that is a phrase is not looked at again; one without a vector is a text to get one for."""
    meaning = meant(x=(1, 0, 0))
    assert listen(FRONT, set(), "damn", meaning).findings[0].found is Found.PHRASE
    assert meaning.lacking == []
    assert listen(FRONT, set(), "something new", meaning).cues == ("nothing",)
    assert meaning.lacking == ["something new"]


def test_what_stands_in_for_a_cue_is_found_by_the_vectors_of_its_clauses() -> None:
    """A hold that is explained needs no vector of the whole turn, which would be waited for after those."""
    known = {"please wait": vector(1, 0.2), "wait, the bill is odd": vector(0.7, 0.7), "Wait a bit.": vector(1, 0.2)}
    hold = Cue(like={"": ("please wait",)}, mood=-5, unless=("explained",))
    front = FrontMatter(cues={"hold": hold, "explained": Cue(like={"": ("wait, the bill is odd",)}, mood=-1)})
    bank = make_bank(front, "en", known.get)
    assert bank
    for more, found in ((vector(0.3, 1), ("hold", "explained")), (vector(1, 0), ("hold",))):
        meaning = Meaning(bank, (known | {"I look.": more}).get)
        bank.judged.clear()
        assert listen(front, set(), "Wait a bit. I look.", meaning).cues == found
        assert meaning.lacking == []


@pytest.mark.parametrize(
    ("text", "cues"),
    [
        ("Nobody's saying it's your fault.", set()),
        ("None of this is your fault.", set()),
        ("Nothing about any of that was your fault.", set()),
        ("Who was it that told you it was your mistake?", set()),
        ("Which department did they put you through to?", set()),
        ("They told me it would be refunded by Friday.", set()),
        ("You were put on hold for an hour.", set()),
        ("The payment was made on Monday.", set()),
        ("I'm not saying you'll get it back today.", set()),
        ("It will be refunded by Friday.", {"refund", "deadline"}),
        ("เลขเรื่องคือ อาร์เอ็กซ์ สามสามแปด", {"case_number"}),
        ("Your refund was rejected on Friday.", {"refusal"}),
        ("อย่าเพิ่งวางสายนะคะ", set()),
        ("ใครบอกว่าเป็นความผิดของคุณครับ", set()),
        ("ชำระไปเมื่อวันจันทร์ครับ", set()),
        ("ระบบของเราตัดรอบทุกวันที่ยี่สิบห้าครับ", set()),
        ("เงินเข้าวันจันทร์ครับ", {"deadline"}),
        ("So that's sixty pounds on Monday, is that right?", set()),
        ("The money is with you on Monday, is that all right?", {"deadline"}),
        ("วันนี้โดนโอนสายมากี่รอบแล้วคะ", set()),
        ("สายจะถูกโอนสายไปแผนกอื่นค่ะ", {"transfer"}),
        ("เขาได้บอกไหมครับว่าจะโทรกลับวันไหน", set()),
        ("รอบบิลเริ่มทุกวันที่หนึ่งครับ", set()),
        ("รายการละพันบาททั้งคู่ วันที่สองมิถุนายน", set()),
        ("ขอทวนนะคะ ห้าร้อยบาท วันที่สาม", set()),
        ("เคยมีคนบอกจะคืนเงินให้พี่ครับ", set()),
        ("มีใครโทรมาขอให้ถือสายรอไหมคะ", set()),
        ("Were you kept on hold the last time?", set()),
        ("So the last fellow put you on hold and hung up?", set()),
        ("Who called you an idiot?", set()),
        ("I heard a colleague say it was your own fault.", set()),
        ("I've sat at this desk for six years.", set()),
        ("You've been with us for six years.", {"recognition"}),
        ("Hang on, you said it was two charges?", set()),
        ("Your next bill is due on Monday.", set()),
        ("Your refund is due on Monday.", {"refund", "deadline"}),
        ("มีเจ้าหน้าที่แจ้งว่าคืนเงินไม่ได้ใช่ไหมคะ", set()),
        ("เมื่อกี้คุณเล่าว่าโดนพนักงานไล่ให้ใจเย็น", set()),
        ("ไม่มีใครควรเรียกลูกค้าว่างี่เง่า", set()),
        ("ลูกค้างี่เง่าจริง ๆ", {"insult"}),
        ("ดิฉันทำงานที่นี่มาหกปีแล้วค่ะ", set()),
        ("บิลหน้าครบกำหนดวันที่หนึ่งค่ะ", set()),
        ("บิลถัดไปจะออกวันที่หนึ่งค่ะ", set()),
        ("ตัดบัตรวันที่ห้าของทุกเดือนครับ", set()),
        ("โปรนี้หมดเขตสิ้นเดือนครับ", set()),
        ("พรุ่งนี้วันหยุดนะครับ", set()),
        ("พรุ่งนี้ผมหยุดครับ", set()),
        ("โปรโมชั่นเริ่มวันที่หนึ่งค่ะ", set()),
        ("คุณต้องรอสายนานไหมครับ", set()),
        ("คอมนี่มันโง่จริง ๆ ครับ", set()),
        ("ผมขอไปคุยกับหัวหน้าเรื่องคืนเงินก่อนครับ", set()),
        ("คุณจะวางสายแล้วเหรอคะ", set()),
        ("จะวางสายแล้วนะคะ", {"goodbye"}),
        ("ผมให้เลขอ้างอิงไว้นะครับ 2209-1", {"case_number"}),
        ("ขอบคุณค่ะ สวัสดีค่ะ", {"goodbye"}),
        ("ขอบคุณค่ะ สวัสดีค่ะ ดิฉันมาลีรับสาย", set()),
        ("อย่าเอาแต่โวยวายสิครับ", {"calm_down"}),
        ("ถ้าลูกค้าตรวจสอบก่อนก็คงไม่เกิดเรื่องแบบนี้เพราะลูกค้ากดเองค่ะ", {"blame"}),
        ("สายก่อนเขาให้ถือสายรอหรือคะ", set()),
        ("ถือสายก่อนนะคะ", {"hold"}),
        ("คำขอคืนเงินของคุณถูกปฏิเสธค่ะ", {"refusal"}),
        ("ยอดจะคืนให้วันที่หนึ่งค่ะ", {"refund", "deadline"}),
    ],
)
def test_what_others_said_and_what_is_past_is_told_not_done(text: str, cues: set[str]) -> None:
    """Nor is what nobody says; the same words of the trainee's own are."""
    assert heard(text) == cues


@pytest.mark.parametrize(
    ("name", "text", "asked", "cue"),
    [
        ("david_chen", "มีใครโทรมาขอรหัสไหมคะ", "code", "secrets_asked"),
        ("david_chen", "ถ้ามีใครโทรมาแล้วขอรหัส วางสายเลยนะคะ", "", "secrets_asked"),
        ("david_chen", "If anybody rings and says you need to confirm your PIN, hang up.", "", "secrets_asked"),
        ("david_chen", "วางสายแล้วโทรกลับเบอร์หลังบัตรค่ะ", "", "transfer"),
        ("david_chen", "หายใจก่อนนะคะ พี่อยู่ตรงนี้", "", "calm_down"),
        ("david_chen", "Take a breath, I'm here with you.", "", "calm_down"),
        ("david_chen", "บอกชื่อกับสี่ตัวท้ายของบัตรหน่อยค่ะ", "card", "stalling"),
        ("ploy_srisuk", "ซื้อไปตั้งแต่วันไหนเอ่ย", "bought", "stalling"),
        ("walter_briggs", "วันอังคารทำอะไรแถวนั้นหรือเปล่าครับ", "hoover", "deadline"),
        ("walter_briggs", "เสียบปลั๊กแล้วรอสักครู่นะครับ ไม่ต้องรีบ", "", "hold"),
        ("walter_briggs", "เดี๋ยวจะกลับมาใช้ได้เร็ว ๆ นี้ครับ", "", "rushed"),
        ("grace_okafor", "I'll confirm that to your mother in writing.", "", "hurdle"),
        ("grace_okafor", "I'm waiving the notice and the cancellation fee.", "", "hurdle"),
        ("grace_okafor", "We deeply regret what he did.", "", "argues"),
        ("grace_okafor", "I apologise to your mother for that.", "", "remedy"),
        ("walter_briggs", "What do the lights look like now?", "lit", "asked_again"),
        ("walter_briggs", "What colour are the lights?", "lights", "asked_again"),
        ("grace_okafor", "ผมขอโทษคุณแม่กับคุณเกรซด้วยครับ", "", "remedy"),
        ("grace_okafor", "จะให้ช่างผู้หญิงใจเย็น ๆ ไปหาคุณแม่ค่ะ", "", "calm_down"),
        ("grace_okafor", "ขอถามหน่อยค่ะ ว่าเกิดอะไรขึ้นที่บ้านคุณแม่ ไม่ตอบก็ได้นะคะ", "technician", "stalling"),
        ("sarah_thompson", "เพลงรอสายที่นี่มีเพลงเดียวค่ะ", "", "hold"),
        ("sarah_thompson", "เมื่อคืนคงไม่ได้นอนเลยนะคะ", "", "refusal"),
        ("sarah_thompson", "You will have an answer no later than Friday.", "", "refusal"),
        ("sarah_thompson", "You needn't apologise.", "", "apology"),
        ("grace_okafor", "จะดูให้แน่ใจว่าไม่เกิดอีกค่ะ", "", "argues"),
        ("grace_okafor", "I didn't mean to keep you up.", "", "excuses"),
        ("sarah_thompson", "Letters get lost, I know.", "", "insult"),
        ("ploy_srisuk", "พูดช้า ๆ หน่อยก็ได้นะคะ พี่ฟังอยู่", "", "cuts_off"),
        ("ploy_srisuk", "Let me finish the form for you.", "", "cuts_off"),
        ("ploy_srisuk", "แล้วกล่องล่ะคะ", "box", "stalling"),
        ("ploy_srisuk", "ไม่เป็นไรนะ ค่อย ๆ เล่าก็ได้", "", "stalling"),
        ("charles_whitmore", "คุณผู้หญิงจะไม่ได้ยินเรื่องนี้จากเราเลยครับ", "", "pardon"),
        ("sarah_thompson", "หน้านี้เปิดแล้วค่ะ ช่องคืนเงินยังว่างอยู่", "", "refund"),
        ("sarah_thompson", "งั้นแค่นี้นะคะ สวัสดีค่ะ", "", "greeting"),
        ("david_chen", "ตอบมาเถอะ ก่อนเงินหายมีใครโทรมาหาน้องไหม พวกนี้เขาหลอกเก่ง", "code", "stalling"),
        ("walter_briggs", "วันนั้นที่บ้านทำอะไรบ้าง ยายผมก็เคยถูบ้านแล้วลืมเสียบปลั๊ก", "hoover", "reconnect"),
        ("walter_briggs", "ลองนึกย้อนไปวันอังคารให้ผมหน่อยครับ", "", "deadline"),
        ("grace_okafor", "เหนื่อยมากเลยสินะเจ้า เพิ่งออกเวรมาหรือเปล่าเจ้า", "work", "stalling"),
        ("charles_whitmore", "ทราบไหมครับว่าใครเป็นคนขอเปลี่ยนวัน", "mover", "stalling"),
        ("walter_briggs", "ตอนนี้ที่กล่องดำ ๆ มีไฟสีอะไรติดอยู่บ้างครับ", "lights", "stalling"),
        ("walter_briggs", "มันยังเสียบปลั๊กอยู่ไหมครับ", "hoover", "reconnect"),
        ("grace_okafor", "คุณแม่อายุเท่าไหร่แล้วครับ", "mother_age", "unknown_question"),
        ("david_chen", "สวัสดีครับ สายด่วนแจ้งทุจริตครับ", "", "claim"),
        ("helen_marsh", "ขออภัยค่ะ ดิฉันไม่สามารถบอกได้ว่าเป็นของใครนะคะ", "", "refusal"),
        ("ploy_srisuk", "ตามเงื่อนไขต้องคืนภายใน 14 วันนะคะ", "", "deadline"),
        ("sarah_thompson", "ถ้าฝ่ายบัญชีโอเค ดิฉันจะคืนเงินให้ค่ะ", "", "refund"),
        ("sarah_thompson", "รอในสายสักครู่นะคะ ดิฉันต้องถามฝ่ายบัญชีก่อน", "", "hold"),
        ("sarah_thompson", "ผมพบว่ามีการตัดบัตรวันที่ 3 กับวันที่ 5 ครับ", "", "deadline"),
        ("sarah_thompson", "ถือสายสักครู่นะครับ ขอเช็กประวัติ ไม่เกินสองนาทีครับ", "", "deadline"),
        ("niran_wongsawat", "ร้านเงียบช่วงไหน วันอังคารผมโทรไปได้ไหม", "quiet_hour", "stalling"),
        ("grace_okafor", "คุณเข้าเวรมาทั้งคืนถึงได้หลับ ไม่ใช่ความผิดคุณเลยครับ", "", "asked_again"),
        ("charles_whitmore", "มีใครเปลี่ยนวันแทนท่านได้บ้างไหมครับ ไม่จดชื่อนะครับ", "mover", "alternative"),
        ("walter_briggs", "เสียใจด้วยนะคะคุณลุง", "", "apology"),
        ("grace_okafor", "What he did was wrong, and we are responsible for it.", "", "reason_asked"),
        ("david_chen", "เคยบอกโอทีพีใครไปหรือเปล่าครับ", "code", "secrets_asked"),
        ("sarah_thompson", "ไม่เกินวันพฤหัสบดีทางธนาคารจะแจ้งผลให้ทราบค่ะว่าได้เงินคืนไหม", "", "refund"),
        ("niran_wongsawat", "There's no minimum term and no hidden fee.", "", "stalling"),
        ("niran_wongsawat", "ไม่มีสัญญาผูกมัดด้วยค่ะ", "", "stalling"),
    ],
)
def test_what_a_kind_trainee_says_is_not_taken_amiss(name: str, text: str, asked: str, cue: str) -> None:
    """What is asked for is told, and what angers others is none where it is meant kindly, or is but asked about."""
    last = fold(compose([f"persona={name}", f"language={'en' if text.isascii() else 'th'}"]).arc.front, [text]).last
    assert cue not in last.cues and (not asked or asked in last.asked)


def test_whether_something_has_changed_is_no_repeated_question() -> None:
    """The lights are asked for again once the box has its plug: she has not said what they are now."""
    for base, turns in {
        "en": ("What colour are the lights?", "And what colour are the lights now?", "What colour are the lights?"),
        "th": ("ไฟสีอะไรคะ", "ตอนนี้ไฟเป็นสีอะไรแล้วคะ", "ไฟสีอะไรคะ"),
    }.items():
        front = compose(["persona=walter_briggs", f"language={base}"]).arc.front
        assert fold(front, turns[:2]).last.again == ()
        assert fold(front, turns).last.again == ("lights",)


def test_an_offer_that_ends_in_is_that_all_right_is_no_question() -> None:
    """In Thai as in English; to want to know something is one."""
    assert [clause.asks for clause in clauses("ผมโทรกลับวันพุธ บ่ายสามโมง ดีไหมครับ")] == [False]
    for question in ("ดีไหมครับ", "I'd honestly like to know what it was.", "เสียบกลับได้ไหมครับ"):
        assert any(clause.asks for clause in clauses(question))


def test_knowing_how_bad_it_is_is_no_question() -> None:
    """In Thai both hold the same words; whoever it is who feels so is no question either."""
    for text in (
        "ลูกค้าท่านนั้นเป็นใคร ผมบอกไม่ได้ครับ",
        "เข้าใจเลยครับว่าเหนื่อยแค่ไหน",
        "ใครเจอแบบนี้ก็หงุดหงิดครับ",
        "โดนแบบนี้ใครจะไม่โมโหล่ะครับ",
        "พรุ่งนี้หนูจะโทรไปเช็กว่าใช้ได้อยู่ไหมนะคะ",
        "คงรู้สึกเหมือนไม่มีใครฟังเลยใช่ไหมคะ",
        "คุณซาร่าห์เป็นลูกค้าเก่าของเรานี่คะ",
        "วันพุธรู้ผลว่าได้เงินคืนไหม",
        "แพ็กเกจนี้ยกเลิกเมื่อไหร่ก็ได้",
        "ผมโทรมาดูว่าแพ็กเกจที่ใช้อยู่ยังเหมาะกับร้านไหม",
        "ดิฉันไม่สามารถบอกได้ว่าข้อมูลนั้นเป็นของใครนะคะ",
    ):
        assert not any(clause.asks for clause in clauses(text))
    for text in (
        "ไม่ทราบว่าต้องรอนานแค่ไหน",
        "อยากได้เงินคืนหรือเป็นส่วนลดครับ",
        "คุณโกรธใช่ไหมคะ",
        "ใครโทรมาครับ",
        "ทราบไหมคะว่าเป็นอย่างไร",
    ):
        assert any(clause.asks for clause in clauses(text))


def test_a_cue_that_gives_a_number_needs_a_new_one() -> None:
    """Neither words alone nor her own number, read back, are a case number; a cue that gives a time needs a time."""
    known = {"It's number 5512.": vector(1, 0), "You have it on Monday.": vector(0, 1)}
    near: dict[str, tuple[float, float]] = {
        "Here it is.": (1, 0.01),
        "It is 7731.": (1, 0.01),
        "So it is 2847.": (1, 0.01),
    }
    near |= {"The box.": (0.01, 1), "Expect it on Friday.": (0.01, 1)}
    known |= {text: vector(*place) for text, place in near.items()}
    number, day = ("It's number 5512.",), ("You have it on Monday.",)
    front = FrontMatter(
        cues={"number": Cue(like={"": number}, mood=5), "day": Cue(like={"": day}, mood=5)},
        facts={"account": Fact(say={"en": ("CUST-2847.",)})},
    )
    bank = make_bank(front, "en", known.get)
    assert bank
    found = {text: listen(front, set(), text, Meaning(bank, known.get)).cues for text in near}
    assert found == {
        "Here it is.": (),
        "It is 7731.": ("number",),
        "So it is 2847.": (),
        "The box.": (),
        "Expect it on Friday.": ("day",),
    }


@pytest.mark.parametrize(
    ("text", "cues"),
    [
        ("If it turns out that we charged you twice, I'll refund you by Friday.", set()),
        ("I'll refund you if the bank approves it.", set()),
        ("If that's all right with you, I'll refund it by Friday.", {"refund", "deadline"}),
        ("If you like, I can refund you.", set()),
        ("If you'd prefer that, I'll refund you.", set()),
        ("Refunds are done in three days, but let me look first.", set()),
        ("If we get cut off, I'll call you back.", set()),
        ("If a refund were approved, would it go to the same card?", set()),
        ("If you'd read the contract, this would never have happened.", {"blame"}),
        ("This should never have happened.", {"ownership"}),
        ("I have refunded $148.51.", {"refund"}),
        ("I'm refunding $49.99 by Friday.", {"refund", "deadline"}),
        ("Nobody has refunded $148.51.", set()),
        ("In general a refund goes back to the card.", set()),
        ("I'll try to refund you.", set()),
        ("I might be able to refund you by Monday.", set()),
        ("I have no idea what your case number is.", set()),
        ("No need to ring another department.", set()),
        ("There's no need to be put on hold again.", set()),
        ("There's no guarantee that it won't happen again.", set()),
        ("If it had been our mistake, we'd have refunded you.", set()),
        ("Had it been our fault, I'd have told you.", set()),
        ("Somebody ought to take responsibility for it.", set()),
        ("I take responsibility for it.", {"ownership"}),
        ("I could transfer you, but I'd rather sort it out myself.", set()),
        ("Maybe you will get a refund.", set()),
        ("Perhaps we'll refund you by Thursday, perhaps not.", set()),
        ("It's unlikely that the refund will be there by Thursday.", set()),
        ("I doubt that we'll refund it.", set()),
        ("I'll refund it today, no doubt about it.", {"refund", "deadline"}),
        ("Your refund might be there by Friday.", set()),
        ("You may get your refund by Friday.", set()),
        ("If you pay the outstanding bill first I'll refund you.", set()),
        ("I'll refund you by Thursday if my manager agreed.", set()),
        ("I was going to refund you.", set()),
        ("I could refund you by Thursday.", set()),
        ("Let's pretend that I refund you.", set()),
        ("I hope that you get your refund by Thursday.", set()),
        ("It may take up to three business days.", {"deadline"}),
        ("Somebody should refund you.", set()),
        ("Your refund should have been there by Thursday.", set()),
        ("I refuse to refund you.", set()),
        ("Your refund should be there by Thursday.", {"deadline"}),
        ("I refuse to leave it at that, I'll refund you.", {"refund"}),
        ("I'll check whether a refund is possible.", set()),
        ("I'd be furious if I were you.", {"empathy"}),
        ("If it were my bill, I'd be angry too.", {"empathy"}),
        ("Perhaps you pressed it twice.", {"blame"}),
        ("You're the one who gave us the wrong details.", {"blame"}),
        ("I can't look so I'll transfer you.", {"transfer"}),
        ("If there's nothing else I'll say goodbye.", {"goodbye"}),
        ("What a nightmare.", {"empathy"}),
        ("Had you checked your bill on time, we'd have seen it.", {"blame"}),
        ("สมมติว่าคืนเงินให้นะคะ", set()),
        ("เกือบจะคืนเงินให้แล้วค่ะ", set()),
        ("หวังว่าเงินคืนจะเข้าวันพฤหัสค่ะ", set()),
        ("ควรจะคืนเงินให้คุณค่ะ", set()),
        ("You want me to say that I'll refund you.", set()),
        ("And you'd like to hear that I'll refund you by Friday.", set()),
        ("She got her refund by Thursday.", set()),
        ("You want a refund, and I'll refund you.", {"refund"}),
        ("เงินคืนอาจจะเข้าวันพฤหัสค่ะ", set()),
        ("เขาได้เงินคืนภายในวันพฤหัสค่ะ", set()),
        ("ไม่รับประกันนะคะว่าจะไม่เกิดขึ้นอีก", set()),
        ("คนที่ทำผิดต้องรับผิดชอบครับ", set()),
        ("ถ้าเป็นความผิดของเรา เราคงคืนเงินให้แล้วค่ะ", set()),
        ("จะโอนสายก็ได้ แต่ผมอยากดูให้เองมากกว่า", set()),
        ("คุณอยากขอเงินคืน หรืออยากทราบสาเหตุครับ", set()),
        ("โดยทั่วไปเงินคืนจะเข้าบัตรเดิมค่ะ", set()),
        ("ถ้าโทรกลับมาแจ้งชื่อได้เลยค่ะ", set()),
        ("จะให้ผมโอนสายให้หัวหน้า หรือจะคุยกับผมต่อดีครับ", set()),
        ("คุณต้องการเงินคืน หรืออยากให้ดูเรื่องอื่นครับ", set()),
        ("จะเอาเงินคืนหรือเอาส่วนลดครับ", set()),
        ("ถ้าเก็บซ้ำจริงเราจะคืนเงินให้ภายในวันศุกร์ค่ะ", set()),
        ("ถ้าสายหลุดเดี๋ยวผมโทรกลับครับ", set()),
        ("เดี๋ยวผมโทรกลับครับ", {"transfer"}),
        ("คืนเงินให้ภายในวันศุกร์ค่ะ แต่ขอดูบิลก่อนนะคะ", set()),
        ("If I refund you, will you promise to stay with us?", set()),
        ("If I can't refund you, what then?", set()),
        ("I'm sorry I said that you're stupid.", {"apology"}),
        ("Sorry for bringing up the hold.", {"apology"}),
        ("I shouldn't have said that it's your fault.", set()),
    ],
)
def test_what_hangs_on_a_condition_is_not_promised(text: str, cues: set[str]) -> None:
    """Whichever of its two halves comes first; a condition that asks for leave is none. Nor does it anger, or what is
    regretted."""
    assert heard(text) == cues


@pytest.mark.parametrize(
    ("text", "cues"),
    [
        ("You should have been told.", set()),
        ("You should have read it.", {"blame"}),
        ("You must have been waiting for ages.", set()),
        ("You've had to call us so often.", set()),
        ("You'll have to call them.", {"transfer"}),
        ("Sorry for what we put you through.", {"apology"}),
        ("I'll put you through.", {"transfer"}),
        ("I'll transfer the money back to your card.", {"refund"}),
        ("I'm looking at your account right now.", set()),
        ("I'm refunding you right now.", {"refund", "deadline"}),
        ("Nobody is going to put you on hold.", set()),
        ("That was a stupid mistake.", set()),
        ("Did you even finish school?", set()),
        ("The refund team is closed.", set()),
        ("You asked for a refund by Friday.", set()),
        ("The refund you asked for is on its way, by Friday.", {"refund", "deadline"}),
        ("You spoke to another agent.", set()),
        ("They just put you on hold.", set()),
        ("I'll stay on the line while you look.", set()),
        ("Please stay on the line.", {"hold"}),
        ("The man on Tuesday said that it takes a week.", set()),
        ("Refunds are sent on Thursdays.", set()),
        ("ดิฉันถือสายรอคุณนะคะ", set()),
        ("ถือสายรอนะคะ", {"hold"}),
        ("เขาคืนเงินกันทุกวันพฤหัสค่ะ", set()),
        ("ขอดูให้แน่ใจนะคะ", set()),
        ("แน่ใจเหรอคะ", {"blame"}),
        ("แผนกที่รับผิดชอบคือแผนกบิลค่ะ", set()),
        ("ดิฉันขอรับผิดชอบค่ะ", {"ownership"}),
        ("เปิดดูในแอปได้ด้วยตัวเองค่ะ", set()),
        ("ขอบคุณที่เล่าเรื่องมากขนาดนี้ครับ", set()),
        ("มันน่ารำคาญมากนะคะ", set()),
        ("แผนกคืนเงินปิดแล้วค่ะ", set()),
        ("ตัดเงินวันอังคารครับ", set()),
        ("คุณบอกว่าจะได้เงินคืนวันศุกร์", set()),
        ("ขอบคุณที่โทรเข้ามาค่ะ", set()),
        ("ขอบคุณที่โทรมานะคะ", set()),
        ("เราไม่ได้เก็บซ้ำหรอก คุณคงดูผิดเอง", {"blame"}),
        ("รอบบิลหน้าค่ะ", set()),
    ],
)
def test_words_of_a_cue_that_say_something_else_are_not_heard_as_it(text: str, cues: set[str]) -> None:
    """A passive, a name, a thing read back or told: phrases are no longer than what tells these from the cue."""
    assert heard(text) == cues


@pytest.mark.parametrize("text", ["Sorry to keep you on hold.", "ขอบคุณที่ถือสายรอนะคะ"])
def test_thanks_for_a_wait_stand_in_for_the_hold(text: str) -> None:
    """They say that it is over."""
    cues = fold(SARAH["en" if text.isascii() else "th"], [text])
    assert "waited" in cues.last.cues and cues.mood >= SARAH["en"].start_mood


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It's C U S T two eight four seven, right?", (("account",), set())),
        ("C-U-S-T, 2, 8, 4, 7.", (("account",), set())),
        ("รหัส สองแปดสี่เจ็ด นะคะ", (("account",), set())),
        ("It's nine oh four one two.", ((), {"case_number"})),
        ("K-L-2-2-8-7.", ((), {"case_number"})),
        ("SC หก หก สอง หนึ่ง ค่ะ", ((), {"case_number"})),
        ("One hundred and forty-eight fifty-one.", ((), set())),
        ("สามารถนั่งเก้าอี้ห้าตัวค่ะ", ((), set())),
    ],
)
def test_a_code_is_a_code_when_its_digits_are_said_one_by_one(
    text: str, found: tuple[tuple[str, ...], set[str]]
) -> None:
    """Her own is read back, another is a new one; amounts and words that hold digits are none."""
    last = fold(SARAH["en" if text.isascii() else "th"], [text]).last
    assert (last.confirmed, COUNT & set(last.cues)) == found


def test_what_an_ending_waits_for_is_not_done_by_an_offer() -> None:
    """Though it moves nobody; small talk counts under any condition."""
    like: dict[str, tuple[str, ...]] = {"en": ("I'll send it.",)}
    front = FrontMatter(
        cues={
            "sent": Cue(hear={"en": ("ill|can send it",)}, like=like, mood=0),
            "talk": Cue(hear={"en": ("ill|can send it",)}, mood=0),
        },
        endings=(Ending(name="done", when=("sent",)),),
    )
    assert listen(front, set(), "I'll send it.").cues == ("sent", "talk")
    for text in ("If you like I can send it.", "If you like, I'll send it.", "If I were allowed to, I'll send it."):
        assert listen(front, set(), text).cues == ("talk",)


def test_a_promise_is_heard_beside_a_short_word_that_angers() -> None:
    """One clause may hold both, as by phrases; where most of it angers it promises nothing."""
    known = {"kind words": vector(1, 0), "our damn system owes you this on Friday": vector(1, 0.01)}
    known |= {"damn all": vector(1, 0.01)}
    cruel = Cue(hear={"en": ("damn",)}, mood=-5)
    front = FrontMatter(cues={"kind": Cue(like={"": ("kind words",)}, mood=5), "cruel": cruel})
    bank = make_bank(front, "en", known.get)
    assert bank
    heard_in = {text: listen(front, set(), text, Meaning(bank, known.get)).cues for text in [*known][1:]}
    assert list(heard_in.values()) == [("kind", "cruel"), ("cruel",)]


def test_who_says_sorry_angers_by_what_is_meant_beside_it() -> None:
    """As by phrases: an apology softens nothing."""
    known = {"stay where you are": vector(1, 0), "you will have to wait a while, sorry": vector(1, 0.01)}
    cues = {
        "apology": Cue(hear={"en": ("sorry",)}, mood=3),
        "hold": Cue(like={"": ("stay where you are",)}, mood=-5),
    }
    front = FrontMatter(cues=cues)
    bank = make_bank(front, "en", known.get)
    assert bank
    assert listen(front, set(), [*known][1], Meaning(bank, known.get)).cues == ("apology", "hold")


def test_a_thing_named_in_passing_is_not_asked_for() -> None:
    """A fact is asked for by a question, a request or its bare name, not by a sentence that holds its words."""
    for text, asked in [("Before your meeting starts.", ()), ("I'll let you get to your meeting.", ())]:
        assert fold(SARAH["en"], [text]).last.asked == asked
    assert fold(SARAH["en"], ["Your account number, please."]).last.asked == ("account",)
    assert fold(SARAH["th"], ["แปดปีที่อยู่ด้วยกันมา ขอบคุณมากนะคะ"]).last.asked == ()


def test_what_is_asked_for_beside_a_question_of_the_file_is_told_too() -> None:
    """However near the whole comes to that question; its own words alone decide between two facts."""
    known = {"your number": vector(1, 0), "the age": vector(0, 1)}
    known |= {"your number and the town?": vector(1, 0.01), "is it the town or so?": vector(0.01, 1)}
    say: dict[str, tuple[str, ...]] = {"en": ("Seven.",)}
    front = FrontMatter(
        cues={"nothing": Cue(on="nothing"), "far": Cue(like={"": ("no",)})},
        facts={
            "number": Fact(like={"": ("your number",)}, hear={"": ("your number",)}, say=say),
            "town": Fact(hear={"": ("the town",)}, say=say),
            "age": Fact(like={"": ("the age",)}, say=say),
        },
    )
    known["no"] = vector(-1, -1)
    bank = make_bank(front, "en", known.get)
    assert bank
    asked = [listen(front, set(), text, Meaning(bank, known.get)).asked for text in list(known)[2:4]]
    assert asked == [("number", "town"), ("age",)]
