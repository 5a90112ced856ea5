"""Calls as they are held, as events: a good and a poor one, spoken, in English and in Thai, and a typed one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from runtime.events import (
    AudioStarted,
    Change,
    ClockFired,
    CueFound,
    Ended,
    EndingReached,
    Event,
    Failure,
    Found,
    Header,
    Heard,
    How,
    MoodMoved,
    PhaseMoved,
    Recovered,
    Reload,
    Said,
    Started,
    ToolCalled,
)

ZERO = 1_795_000_000.0
"""When the calls begin, in Unix time."""


@dataclass
class Turn:
    """What is said, for how many seconds, how long after the line before; and what it does: (cue, words, phrase, mood).
    Lines of hers begin with `>`, and end with `…` where they are cut short."""

    text: str
    seconds: float
    after: float = 0.6
    cues: Sequence[tuple[str, str, str, int]] = ()


GOOD = [
    Turn("> Finally! I have been billed twice. Again! What are you going to do about it?", 6.2, 0.5),
    Turn("That is our mistake, Ms Thompson, and I will see it through myself.", 4.1, 0.8,
         [("ownership", "our mistake", "our mistake", 15)]),
    Turn("> Well. At least somebody admits it.", 2.0),
    Turn("Could you give me your account number, so that I have your file open?", 3.4, 0.7,
         [("verification", "account number", "account number", 5)]),
    Turn("> CUST-2847.", 2.2),
    Turn("Six years with us, and twenty-three calls. I would be furious too.", 4.4, 1.2,
         [("empathy", "I would be furious too", "i would be furious", 10),
          ("recognition", "Six years with us", "# years with us", 8)]),
    Turn("> I am. So what happens now?", 1.9),
    Turn("I refund the $148.51 now. It is on your card by Friday, and your case number is 4471.", 6.3, 0.9,
         [("refund", "I refund the $148.51 now", "refund", 20), ("deadline", "by Friday", "by friday", 10)]),
    Turn("> By Friday. And I don't have to call again?", 2.6, 0.7),
    Turn("No. I also take ten percent off for the next six months, and I call you on Friday myself.", 5.5, 0.6,
         [("discount", "ten percent off", "percent off", 6)]),
    Turn("> Thank you. That is the first sensible thing anyone has said. Goodbye.", 3.8, 0.7),
]  # fmt: skip

POOR = [
    Turn("> Finally! I have been billed twice. Again! What are you going to do about it?", 6.2, 0.5),
    Turn("Okay, calm down. What's your account number?", 2.6, 4.6,
         [("calm_down", "calm down", "calm down", -15), ("verification", "account number", "account number", 5)]),
    Turn("> Don't you tell me to calm down! CUST-2847. I have said it twenty-three…", 3.9),
    Turn("Yeah, hold on please.", 1.4, -0.5, [("hold", "hold on", "hold on", -10)]),
    Turn("> On hold? What for? For how long? That's exactly how the other calls went.", 4.8),
    Turn("Our system says you were only billed once, so are you sure?", 3.9, 7.4,
         [("blame", "are you sure", "are you sure", -12)]),
    Turn("> Hello? Are you there? I am looking at the bill.", 3.0, 11.0),
    Turn("What was your account number again?", 2.1, 3.4, [("asked_again", "", "", -10)]),
    Turn("> That's it. I'm taking my business elsewhere. Goodbye.", 3.2),
]  # fmt: skip

GOOD_TH = [
    Turn("> กว่าจะรับสายได้นะคะ! ดิฉันโดนเก็บเงินซ้ำอีกแล้วค่ะ คุณจะจัดการยังไงคะ", 6.0, 0.5),
    Turn("ขอโทษด้วยค่ะ เป็นความผิดพลาดของทางเราเอง ดิฉันจะดูแลเรื่องนี้จนจบค่ะ", 5.0, 0.8,
         [("ownership", "เป็นความผิดพลาดของทางเรา", "ความผิดพลาดของทางเรา", 15)]),
    Turn("> ค่ะ อย่างน้อยก็มีคนยอมรับสักที", 2.4),
    Turn("ขอทราบหมายเลขบัญชีด้วยนะคะ", 2.1, 0.7, [("verification", "หมายเลขบัญชี", "หมายเลขบัญชี", 5)]),
    Turn("> รหัส CUST-2847 ค่ะ", 2.6),
    Turn("เข้าใจความรู้สึกเลยค่ะ โทรมาตั้งยี่สิบสามครั้ง เป็นดิฉันก็โกรธ", 4.6, 1.0,
         [("empathy", "เข้าใจความรู้สึก", "เข้าใจความรู้สึก", 10)]),
    Turn("> แล้วจะทำยังไงต่อคะ", 1.6),
    Turn("ดิฉันคืนเงิน ๑๔๘ ดอลลาร์ให้ตอนนี้เลยค่ะ เงินเข้าภายในวันศุกร์ เลขเคสคือ 4471 ค่ะ", 6.4, 0.9,
         [("refund", "คืนเงิน ๑๔๘ ดอลลาร์", "คืนเงิน", 20), ("deadline", "ภายในวันศุกร์", "ภายในวัน", 10)]),
    Turn("> โอเคค่ะ ขอบคุณนะคะ สวัสดีค่ะ", 2.8, 0.7),
]  # fmt: skip

PHASES = ((0, 24, "furious", "โกรธมาก", "angry"), (25, 49, "annoyed", "รำคาญ", "frustrated"),
          (50, 69, "listening", "รับฟัง", "neutral"), (70, 100, "satisfied", "พอใจ", "satisfied"))  # fmt: skip
REVISION = "cc99d627ac0a"
LATER = "fe181acccded"


def phase(mood: int, language: str = "English") -> tuple[str, str]:
    """The phase at a mood in this language, and its emotion."""
    return next(
        (thai if language == "Thai" else name, emotion)
        for low, high, name, thai, emotion in PHASES
        if low <= mood <= high
    )


def held(
    turns: Sequence[Turn],
    ending: str,
    passed: bool,
    *,
    language: str = "English",
    user: str = "ann",
    audio: bool = True,
) -> list[Event]:
    """The events of a spoken call."""
    events: list[Event] = [
        Header(at=ZERO - 3, packages={"livekit-agents": "1.8.9", "livekit": "1.2.1", "python": "3.11.15"}),
        Started(at=ZERO - 2, persona="Sarah Thompson", language=language, revision=REVISION,
                choices={"persona": "sarah_thompson", "model": "openai_pipeline", "language": language[:2].lower(),
                         "voice": "bright_female", "vad": "silero"}),
    ]  # fmt: skip
    if audio:
        events.append(AudioStarted(at=ZERO))
    at, mood, number = ZERO, 30, 0
    for turn in turns:
        start = at + turn.after
        at = start + turn.seconds
        name, emotion = phase(mood, language)
        if turn.text.startswith(">"):
            text = turn.text[2:]
            if turn.after > 10:
                events.append(ClockFired(at=start, clock="silence", seconds=10, line=text, mood=-2))
            events.append(Said(at=at, start=start, seconds=turn.seconds, text=text, revision=REVISION, emotion=emotion,
                               interrupted=text.endswith("…"), turn=number, latency=turn.after, mood=mood, phase=name,
                               told="told" if number else "not told"))  # fmt: skip
            continue
        number += 1
        change = sum(cue[3] for cue in turn.cues)
        before, mood = mood, max(0, min(100, mood + change))
        events.append(Heard(at=at, start=start, seconds=turn.seconds, text=turn.text, revision=REVISION,
                            emotion=phase(mood)[1], turn=number))  # fmt: skip
        events += [
            CueFound(
                at=at,
                name=cue,
                turn=number,
                found=Found.PHRASE if by else Found.DEED,
                words=words,
                by=by,
                mood=by_so_much,
            )
            for cue, words, by, by_so_much in turn.cues
        ]
        if mood != before:
            why = tuple(cue[0] for cue in turn.cues)
            events.append(MoodMoved(at=at, before=before, after=mood, emotion=phase(mood)[1], why=why, turn=number))
        if phase(mood) != phase(before):
            events.append(PhaseMoved(at=at, before=phase(before, language)[0], after=phase(mood, language)[0]))
    events.append(EndingReached(at=at - 3, name=ending, satisfied=passed, line=turns[-1].text[2:]))
    events.append(ToolCalled(at=at - 2, name="end_call", arguments={"outcome": ending}, result="she hangs up"))
    usage = ({"provider": "openai", "model": "gpt-4o-mini", "input_tokens": 8214, "output_tokens": 402},)
    events.append(Ended(at=at + 0.2, reason=ending, satisfied=passed, turns=number, seconds=at - ZERO + 2,
                        first_word=2.5, usage=usage))  # fmt: skip
    return [replace(event, user=user, room="axtra-billing-dispute-01-ann-1709123456789") for event in events]


def with_trouble(events: Sequence[Event]) -> list[Event]:
    """The same call with an edit that reached it, and a failure that it survived."""
    middle = events[len(events) // 2].at
    trouble: list[Event] = [
        Reload(at=middle, how=How.SWAPPED, before=REVISION, after=LATER, ms=212, files=["personas/sarah_thompson.md"],
               changes=(Change("persona.cues.deadline.mood", "10", "12", How.IN_PLACE),)),
        Failure(at=middle + 3, source="LLM", reason="504 timeout", recoverable=True),
        Recovered(at=middle + 5, gap_ms=2100),
        Failure(at=middle + 6, source="listening", reason="no answer", recoverable=True, times=7),
    ]  # fmt: skip
    return sorted([*events, *trouble], key=lambda event: event.at)


POOR_TH = [
    Turn("> กว่าจะรับสายได้นะคะ! ดิฉันโดนเก็บเงินซ้ำอีกแล้วค่ะ", 4.2, 0.5),
    Turn("ใจเย็น ๆ ก่อนนะคะ ขอหมายเลขบัญชีด้วยค่ะ", 2.6, 4.6,
         [("calm_down", "ใจเย็น ๆ", "ใจเย็น ๆ", -15), ("verification", "หมายเลขบัญชี", "หมายเลขบัญชี", 5)]),
    Turn("> อย่ามาบอกให้ดิฉันใจเย็น! รหัส CUST-2847…", 3.9),
    Turn("ถือสายรอสักครู่ค่ะ", 1.4, -0.5, [("hold", "ถือสายรอ", "ถือสาย", -10)]),
    Turn("> ฮัลโหล ยังอยู่ไหมคะ", 3.0, 11.0),
    Turn("แน่ใจหรือคะ", 2.1, 3.4, [("blame", "แน่ใจหรือคะ", "แน่ใจ", -12)]),
    Turn("> พอแล้วค่ะ ดิฉันจะย้ายไปที่อื่น สวัสดีค่ะ", 3.2),
]  # fmt: skip


def good(language: str = "en", **options: object) -> list[Event]:
    """A call that passes."""
    turns, name = (GOOD_TH, "Thai") if language == "th" else (GOOD, "English")
    return held(turns, "resolved", True, language=name, **options)  # type: ignore[arg-type]


def poor(language: str = "en", **options: object) -> list[Event]:
    """A call that does not."""
    turns, name = (POOR_TH, "Thai") if language == "th" else (POOR, "English")
    return held(turns, "walked_out", False, language=name, **options)  # type: ignore[arg-type]
