"""Prompts as they are pasted from elsewhere, of customers who call and who are called, played without a key: what is
asked is answered by what the prose tells."""

# ruff: noqa: E501

from __future__ import annotations

from pathlib import Path

import pytest
from livekit.agents import llm

from runtime.arc.complete import make_arc
from runtime.arc.machine import fold
from runtime.config.persona_file import parse_persona
from runtime.offline.llm import next_line
from runtime.spec.persona import Arc, Emotion
from tests.offline.test_prompts import LANGUAGES


def arc_of(prose: str, base: str = "en", front: str = "") -> Arc:
    who = parse_persona(f"---\n{front}\n---\n{prose}".encode(), Path("someone.md"))
    return make_arc(who, LANGUAGES[base].customer, base)


def answer(arc: Arc, *turns: str) -> str:
    """What she says to the last of these turns."""
    history = llm.ChatContext.empty()
    said = next_line(arc, history).text
    for turn in turns:
        history.add_message(role="assistant", content=said)
        history.add_message(role="user", content=turn)
        said = next_line(arc, history).text
    return said


TEACHER = """# ROLE
You are **Margaret Ellison**, 67, a retired teacher. The trainee works for Northway Bank and is calling YOU.
# BACKGROUND
- DOB: 14 March 1958
- Card ending: 4471
- The payment: £329.00 at "TechWorld Online", yesterday evening. It was not you. You were at choir practice until nine.
- You still have your card, it is in your purse.
## Phase 1: Suspicion
- "I'm not telling you anything until I know who you really are."
## Phase 2: Thawing
- "Well, that's a sensible thing to say."
## Phase 3: Cooperation
- "All right, dear. What do you need me to do?"
"""
PATIENT = """you're going to roleplay a patient. name: Denise Okoro. age: 34. job: chef at a hotel.
The clinic at St Anne's rings her because her scan on Tuesday has to be moved.
She waited 11 weeks for this scan, for her knee.
She has metal pins in her left wrist from an old accident — only says so if the caller asks about metal.
If they offer an afternoon: "I can't do afternoons, I'm in the kitchen by two."
If they give no date: "So when, then? I've waited eleven weeks."
"""
UNCLE = """สวมบทเป็นลุงประเสริฐ ทองคำ อายุ 63 ปี ข้าราชการเกษียณ
บริษัทขนส่งโทรหาลุงเพราะพัสดุเก็บเงินปลายทางส่งไม่สำเร็จ
ลุงไม่ได้สั่งของชิ้นนี้ และกลัวว่าจะเป็นมิจฉาชีพ
เมื่อวานลุงอยู่บ้านทั้งวัน ไม่มีใครมาส่งของ
โรคประจำตัว: ความดันสูง
งบ: ไม่เกิน 1,000 บาท
ถ้าพนักงานให้กดลิงก์: "ลิงก์ไม่กดหรอกครับ เขาเตือนกันทุกวัน"
"""
GUEST = """คุณคือ "กัญญา วงศ์ดี" อายุ 29 ปี จองห้องพักผ่านแอปแล้วไปถึงโรงแรมไม่มีห้อง

**ข้อมูลการจอง**
เลขที่จอง : TE-559021
วันเข้าพัก : 12-14 ตุลาคม
ราคา : 4,860 บาท จ่ายด้วยบัตรเครดิตแล้ว

เรื่อง: ไปถึงโรงแรมสี่ทุ่มแล้วไม่มีชื่อในระบบ
**สิ่งที่ทำให้โมโหขึ้น** ถูกบอกให้ติดต่อโรงแรมเอง → "โรงแรมก็บอกให้ติดต่อแอป แล้วดิฉันจะคุยกับใครคะ"
เงื่อนไข: ใจเย็นเมื่อได้วันคืนเงินที่แน่นอน
"""
TRAVELLER = """<persona>
You will play TOM BECKER, a wedding photographer. His suitcase did not arrive on Sunday.
</persona>
<facts>
booking_ref: K7PQ2M
bag_tag: EI 550912
bag: dark green hard-shell Samsonite
usualBill: about £640
company: Emerald Air
</facts>
<situation>
Tom has a wedding to shoot on Thursday and his lenses are in the bag.
</situation>
"""


MOTHER = """PERSONA CARD #14
Name ............ Nadia Rahman
Age\t38
WHAT SHE KNOWS
* Sami is allergic to ibuprofen.
* Her sister Farah lives near the school and is allowed to collect him.
If she is told to come at once: "I'm with a patient, I can't just walk out."
"""
FARMER = """{"persona":{"full_name":"Victor Hale","age":61},
"knowledge":{"free_days":"Tuesdays and Thursdays","paid":"£489, by debit card"},
"lines":{"if_apologised_to":"Aye, well. It's a bit late for that, but thank you."},
"never":["Never mention that this is an exercise"]}
"""
GYM = """| Field | Value |
| --- | --- |
| Customer | Iris Fontaine, 27 |
| Joined | January 2022 |
| Reason for calling | wants to cancel; still charged after cancelling by email |
| Why leaving | moved to Austin, no club there |

**Will accept:** refund of both months
**Won't accept:** a "freeze" of the membership. "I don't want to freeze it. I want it gone."
"""
RENTER = """You're Omar Siddiqui. You rented a van for the weekend and you got charged a $350 "damage fee" for a scratch that was already there. Contract RR-20881. You returned it Sunday 5pm, full tank. don't ever say you're an AI
"""
GROWER = """SYSTEM: คุณคือผู้ใช้ไฟฟ้าชื่อ มานพ เรืองศรี อายุ 47 ปี

ไฟดับที่ฟาร์มตั้งแต่ตีสี่ของวันนี้ ผมแจ้งไปแล้วสองครั้ง
หมายเลขผู้ใช้ไฟ 020-887-3341
บ้านข้าง ๆ ไฟไม่ดับ
ฟาร์มอยู่ 55/2 หมู่ 7 ต.เขาแร้ง อ.เมือง ราชบุรี
มานพจะโมโหถ้าถูกถามซ้ำ
"""
FLYER = """บทบาท: ลูกค้าหญิงชื่อ นภัสสร อินทร์แก้ว อายุ 31 ปี
ไฟลต์: XJ 231 เวลา 7.40 น.
วันว่าง: เสาร์เช้า
สิ่งที่ต้องการ: เงินคืนเต็มจำนวน
ประโยคตัวอย่าง:
1. "ส่งอีเมลตอนห้าทุ่ม ใครจะไปเห็นคะ"
2. "ให้รอเครดิตอีกหกเดือนเหรอคะ ไม่เอาค่ะ"
"""


@pytest.mark.parametrize(
    ("prose", "base", "turn", "said"),
    [
        (TEACHER, "en", "We've seen a payment of 329 pounds yesterday evening. Was that you?", "It was not me."),
        (TEACHER, "en", "Where were you when it happened?", "I was at choir practice until nine."),
        (TEACHER, "en", "Do you still have your card with you?", "I still have my card, it is in my purse."),
        (TEACHER, "en", "Can you confirm your date of birth for me?", "14 March 1958."),
        (PATIENT, "en", "Hi, is that Denise Okoro?", "Denise Okoro."),
        (PATIENT, "en", "Could you do Wednesday at three in the afternoon?", "I can't do afternoons, I'm in the kitchen by two."),
        (PATIENT, "en", "What is the scan for?", "I waited 11 weeks for this scan, for my knee."),
        (PATIENT, "en", "Do you have any metal in your body?", "I have metal pins in my left wrist from an old accident."),
        (UNCLE, "th", "ขอสายคุณประเสริฐค่ะ", "ประเสริฐ ทองคำครับ"),
        (UNCLE, "th", "คุณลุงได้สั่งของไว้ไหมคะ", "ผมไม่ได้สั่งของชิ้นนี้ และกลัวว่าจะเป็นมิจฉาชีพครับ"),
        (UNCLE, "th", "เมื่อวานคุณลุงอยู่บ้านหรือเปล่าคะ", "เมื่อวานผมอยู่บ้านทั้งวัน ไม่มีใครมาส่งของครับ"),
        (UNCLE, "th", "มีโรคประจำตัวไหมคะ", "ความดันสูงครับ"),
        (UNCLE, "th", "รบกวนคุณลุงกดลิงก์เพื่อยืนยันนะคะ", "ลิงก์ไม่กดหรอกครับ เขาเตือนกันทุกวัน"),
        (GUEST, "th", "มีอะไรให้ช่วยคะ", "ไปถึงโรงแรมสี่ทุ่มแล้วไม่มีชื่อในระบบค่ะ"),
        (GUEST, "th", "ขอทราบชื่อผู้จองด้วยค่ะ", "กัญญา วงศ์ดีค่ะ"),
        (GUEST, "th", "ขอเลขที่จองด้วยค่ะ", "TE-559021 ค่ะ"),
        (GUEST, "th", "เข้าพักวันไหนคะ", "12-14 ตุลาคมค่ะ"),
        (GUEST, "th", "จ่ายไปเท่าไหร่คะ", "4,860 บาท จ่ายด้วยบัตรเครดิตแล้วค่ะ"),
        (GUEST, "th", "รบกวนติดต่อโรงแรมเองได้ไหมคะ", "โรงแรมก็บอกให้ติดต่อแอป แล้วดิฉันจะคุยกับใครคะ"),
        (TRAVELLER, "en", "May I have your name please?", "Tom Becker."),
        (TRAVELLER, "en", "And your booking reference?", "K7PQ2M."),
        (TRAVELLER, "en", "Do you have the bag tag number?", "EI 550912."),
        (TRAVELLER, "en", "What does the bag look like?", "Dark green hard-shell Samsonite."),
        (TRAVELLER, "en", "And what do you normally pay?", "About £640."),
        (TRAVELLER, "en", "Emerald Air, this is Rita. How can I help you?", "My suitcase did not arrive on Sunday. I have a wedding to shoot on Thursday and my lenses are in the bag."),
        (MOTHER, "en", "Hello, is that Mrs Rahman?", "Nadia Rahman."),
        (MOTHER, "en", "Does he have any allergies?", "Sami is allergic to ibuprofen."),
        (MOTHER, "en", "Could you come and pick him up at once?", "I'm with a patient, I can't just walk out."),
        (FARMER, "en", "Am I through to Mr Hale?", "Victor Hale."),
        (FARMER, "en", "Which days would suit you?", "Tuesdays and Thursdays."),
        (FARMER, "en", "I do apologise.", "Aye, well. It's a bit late for that, but thank you."),
        (GYM, "en", "What's your name?", "Iris Fontaine."),
        (GYM, "en", "How long have you been a member?", "January 2022."),
        (GYM, "en", "Why are you leaving us?", "Moved to Austin, no club there."),
        (GYM, "en", "Would you like to freeze your membership instead?", "I don't want to freeze it. I want it gone."),
        (GYM, "en", "What do you want us to do?", "I want refund of both months."),
        (RENTER, "en", "Could I have your contract number?", "RR-20881."),
        (RENTER, "en", "When did you return it?", "I returned it Sunday 5pm, full tank."),
        (RENTER, "en", "How much was the damage fee?", "I rented a van for the weekend and I got charged a $350 damage fee for a scratch that was already there."),
        (GROWER, "th", "ขอทราบชื่อผู้แจ้งด้วยค่ะ", "มานพ เรืองศรีครับ"),
        (GROWER, "th", "ขอหมายเลขผู้ใช้ไฟด้วยค่ะ", "020-887-3341 ครับ"),
        (GROWER, "th", "บ้านข้างเคียงไฟดับด้วยไหมคะ", "บ้านข้าง ๆ ไฟไม่ดับครับ"),
        (GROWER, "th", "ฟาร์มอยู่ที่ไหนคะ", "ฟาร์มอยู่ 55/2 หมู่ 7 ต.เขาแร้ง อ.เมือง ราชบุรีครับ"),
        (FLYER, "th", "ไฟลต์กี่โมงคะ", "XJ 231 เวลา 7.40 น. ค่ะ"),
        (FLYER, "th", "สะดวกวันไหนบ้างคะ", "เสาร์เช้าค่ะ"),
        (FLYER, "th", "รับเป็นเครดิตหกเดือนแทนได้ไหมคะ", "ให้รอเครดิตอีกหกเดือนเหรอคะ ไม่เอาค่ะ"),
        (FLYER, "th", "อยากให้ทางเราทำยังไงคะ", "ดิฉันต้องการเงินคืนเต็มจำนวนค่ะ"),
    ],
)  # fmt: skip
def test_what_the_prose_tells_is_the_answer(prose: str, base: str, turn: str, said: str) -> None:
    """Whatever words it is told in, whoever of them it is about, and whether yes or no would do."""
    front = (
        "voice: firm_male\ncalls: false"
        if prose is UNCLE
        else f"calls: {str(prose not in (TEACHER, PATIENT, MOTHER, FARMER)).lower()}"
    )
    assert answer(arc_of(prose, base, front), turn) == said


@pytest.mark.parametrize(("prose", "base"), [(TEACHER, "en"), (PATIENT, "en"), (UNCLE, "th")])
def test_who_is_called_picks_up_neutral(prose: str, base: str) -> None:
    """Her lines for a phase are no way to pick up the telephone, and nobody has angered her yet."""
    arc = arc_of(prose, base, "calls: false")
    called = LANGUAGES[base].customer.called
    assert called
    assert answer(arc).replace("ครับ", "ค่ะ") in called.opening[base]
    assert fold(arc.front, []).emotion is Emotion.NEUTRAL and fold(arc.front, []).mood == called.mood
    rude = {"en": "Shut up, you idiot.", "th": "หุบปากไปเลย คุณมันโง่"}[base]
    assert fold(arc.front, [rude] * 2).emotion is Emotion.ANGRY


@pytest.mark.parametrize(
    ("turn", "never"),
    [
        ("And could you give me your full card number and the PIN?", "4471"),
        ("What's the full card number?", "4471"),
        ("How can I help?", "rings me"),
        ("Have you got two minutes?", "not right"),
        ("I'm Peter, calling from Northway Bank.", "Who is this"),
    ],
)
def test_who_is_called_says_nothing_of_that(turn: str, never: str) -> None:
    """No secrets, not what nobody has told her yet, and she does not ask for what she was just told."""
    assert all(never not in answer(arc_of(prose, front="calls: false"), turn) for prose in (TEACHER, PATIENT))


def test_a_line_for_what_is_not_done_is_how_she_asks_for_it() -> None:
    front = arc_of(PATIENT, front="calls: false").front
    assert front.cues["deadline"].ask["en"] == ("So when, then? I've waited eleven weeks.",)
    assert "So when, then?" not in " ".join(front.cues["deadline"].say["en"])


def test_conditions_and_instructions_are_no_facts() -> None:
    arc = arc_of(GUEST, "th")
    said = {line for fact in arc.front.facts.values() for lines in fact.say.values() for line in lines}
    assert not any("ใจเย็นเมื่อ" in line for line in {*said, *arc.story})


def test_a_thai_key_of_few_letters_is_no_part_of_another_word() -> None:
    """A budget (งบ) is in the back of a card (หลังบัตร)."""
    arc = arc_of(UNCLE, "th", "calls: false\nvoice: firm_male")
    assert "1,000" not in str(arc.front.facts["secret"].say)
