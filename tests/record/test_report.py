"""The report: what it says, that nothing of a call becomes part of the page, and that it needs nothing but itself."""

import hashlib
import re
from base64 import b64encode
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from runtime.events import (
    CueFound,
    CueTakenBack,
    Ended,
    EndingReached,
    Event,
    Found,
    Header,
    Heard,
    MoodMoved,
    Reload,
    Said,
    Started,
    ToolCalled,
)
from runtime.record.call_log import CallLog
from runtime.record.report import Attempt, Page, pieces, report
from runtime.record.score import score
from runtime.record.texts import texts_in
from runtime.spec.persona import Cue, FrontMatter, Objective
from tests.composed import compose
from tests.record.calls import ZERO, good, poor, with_trouble

SARAH = compose(["language=en"]).persona.front
HOSTILE = """</script><img src=x onerror=alert(1)>"'`{{ 7 * 7 }}&amp;\u202e"""
CONTROLS = "\x1b[31m\x07\x00\x9b"


class Read(HTMLParser):
    """The tags of a page and their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


def made(events: list[Event], persona: FrontMatter = SARAH, language: str = "en", **options: object) -> str:
    log = CallLog(events)
    card = score(log, persona, language)
    return report(log, card, persona, language, {"model": "gpt"}, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("used", "prices", "said"),
    [
        ({"provider": "openai", "model": "gpt"}, {"gpt": {"input": 2.0}}, "$0.0030"),
        ({"provider": "openai", "model": "gpt"}, {"other": {"input": 2.0}}, "not known"),
        ({"provider": "offline", "model": "offline"}, {}, None),
    ],
)
def test_a_call_tells_what_it_cost_by_the_prices_of_its_day(
    used: dict[str, object], prices: dict[str, dict[str, float]], said: str | None
) -> None:
    """They are in its folder; a model without a price makes it unknown, and one without a service costs nothing."""
    header, *events, ended = good()
    assert isinstance(header, Header) and isinstance(ended, Ended)
    ended = replace(ended, usage=({**used, "input_tokens": 1500},))
    page = made([replace(header, prices=prices), *events, ended])
    assert (f"<dt>Cost</dt><dd>{said}</dd>" in page) if said else ("<dt>Cost</dt>" not in page)


def test_the_verdict_comes_first_and_what_to_do_differently_next() -> None:
    """In the order of who reads it."""
    page = made(poor())
    places = [
        page.index(text)
        for text in (
            "Not passed",
            "What to do differently",
            "calm down",
            "The call in time",
            "Transcript",
            "What it ran on",
        )
    ]
    assert places == sorted(places)
    assert page.count("0:11: “calm down”") == 0  # the moment is a link, and stands once


@pytest.mark.parametrize("language", ["en", "th"])
def test_nothing_of_a_call_becomes_part_of_the_page(language: str) -> None:
    """Names, texts, reasons and objectives are anybody's."""
    events: list[Event] = []
    for event in with_trouble(poor(user=HOSTILE)):
        match event:
            case Started():
                event = replace(event, persona=HOSTILE, language=HOSTILE)
            case Heard() | Said():
                event = replace(event, text=HOSTILE + CONTROLS + event.text, emotion=HOSTILE, revision=HOSTILE)
            case CueFound():
                event = replace(event, words=HOSTILE, by=HOSTILE, name=HOSTILE)
            case Reload():
                event = replace(event, files=[HOSTILE], reason=HOSTILE)
        events.append(event)
    hostile = Objective(name={"": HOSTILE}, met=(HOSTILE,), missed={"": (HOSTILE,)}, blocker=True)
    page = made(
        events, replace(SARAH, objectives=(hostile,)), language, audio="audio.ogg", earlier=[Attempt(HOSTILE, 3, None)]
    )
    read = Read(page)
    assert read.all("img") == []
    assert len(read.all("script")) == 1
    assert not [name for _, attributes in read.tags for name in attributes if name.startswith("on")]
    assert "49" not in re.findall(r"\b49\b", page)
    assert any(HOSTILE in text for text in read.text)
    assert not any(character in page for character in CONTROLS if not character.isprintable())


def test_the_page_runs_its_own_script_and_loads_its_own_audio_and_nothing_else() -> None:
    """The policy names script and style by their hash; no address leads elsewhere."""
    page = made(good(), audio="audio.ogg")
    read = Read(page)
    policy = next(meta["content"] for meta in read.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy and policy.startswith("default-src 'none'")
    for tag in ("script", "style"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" in policy
    assert "http" not in page.replace("http-equiv", "")
    assert [audio["src"] for audio in read.all("audio")] == ["audio.ogg"]
    assert not [attributes for _, attributes in read.tags if "style" in attributes]


def test_without_audio_there_is_no_player_and_each_moment_leads_to_its_line() -> None:
    """The page is whole without sound and without script."""
    page = made(with_trouble(poor()))
    read = Read(page)
    assert read.all("audio") == []
    ids = {attributes.get("id") for _, attributes in read.tags}
    links = {link["href"] for link in read.all("a")}
    assert links and all(link and link.removeprefix("#") in ids for link in links)


def test_every_piece_of_thai_is_marked_as_thai() -> None:
    """Which breaks its lines right and has it read aloud right; the page is in the language of the call."""
    read = Read(made(good("th"), language="th"))
    assert read.all("html")[0]["lang"] == "th"
    assert ("mark", "th") in {(tag, attributes.get("lang")) for tag, attributes in read.tags}
    assert texts_in("en").keys() == texts_in("th").keys()


def test_the_words_that_made_a_cue_are_marked_where_they_stand() -> None:
    """Of two cues that share words the first is marked; a deed has no words."""

    def cue(name: str, words: str) -> CueFound:
        return CueFound(name=name, turn=1, found=Found.PHRASE, words=words, mood=5)

    cut = pieces(
        "By Friday, I refund it.",
        [cue("refund", "I refund"), cue("all", "Friday, I"), cue("day", "By Friday"), cue("deed", "")],
    )
    assert [(piece.text, piece.cue) for piece in cut] == [
        ("By Friday", "day"),
        (", ", ""),
        ("I refund", "refund"),
        (" it.", ""),
    ]


def test_a_silence_is_no_turn_s() -> None:
    """It has its own place between the lines and on the time line, and marks no words; what it cost is told as what it
    is, with its second."""
    silence = CueFound(at=ZERO + 31, name="quiet", turn=0, found=Found.DEED, mood=-20)
    moved = MoodMoved(at=ZERO + 31, before=0, after=0, emotion="angry", why=("quiet",))
    events = sorted([*poor(), silence, moved], key=lambda event: event.at)
    stays = Objective({"en": "Stays with her"}, met=(), ruled_out=("quiet",), weight=5)
    cue = Cue(on="silence", mood=-20, means={"en": "leaves her waiting"})
    persona = replace(SARAH, objectives=(stays,), cues={**SARAH.cues, "quiet": cue})
    log = CallLog(events)
    (judged,) = score(log, persona, "en").objectives
    assert (judged.evidence, judged.by) == ((), "quiet")
    assert judged.told == "0:31: your silence cost you “Stays with her” (leaves her waiting)."
    page = Page(log, score(log, persona, "en"), persona, "en", {})
    assert not any(row.speaker and "quiet" in "".join(row.notes) for row in page.rows)
    assert [(row.at, row.moved) for row in page.rows if row.pieces[0].text == "quiet -20"] == [(31, True)]
    assert [mark.at for mark in page.marks if mark.what == "quiet -20"] == [31]
    assert f"H{page.percent(31) * 10:g}V100" in page.mood_path


def test_each_moment_of_the_call_is_a_mark_that_says_what_it_is() -> None:
    """Cues, clocks, silences, interruptions, edits, failures and the ending, each in a shape of its own."""
    read = Read(made(with_trouble(poor())))
    assert any("listening: no answer (7 times)" in str(link.get("aria-label")) for link in read.all("a"))
    kinds = {str(link["class"]).split()[1] for link in read.all("a") if str(link.get("class")).startswith("m ")}
    assert kinds == {"up", "down", "clock", "silence", "cut", "edit", "failure", "recovered", "ending"}
    assert all(link["aria-label"] for link in read.all("a"))


def test_a_click_on_what_words_did_plays_those_words() -> None:
    """A cue stands where its turn was over and is heard from where it began, as are the first apology and the calm; an
    interruption stands where the trainee began."""
    log = CallLog(good())
    sorry = log.turns[1]
    page = Page(log, score(log, SARAH, "en"), SARAH, "en", {})
    assert [(mark.at, mark.plays) for mark in page.marks if "ownership" in mark.what] == [(sorry.end, sorry.at)]
    links = [link for link in Read(made(good())).all("a") if link.get("data-at") == f"{sorry.at:.1f}"]
    assert len(links) == 5, (
        "the objective's evidence, the mark, its line in the list, the transcript, the first apology"
    )
    cut = CallLog(poor())
    hers, over = cut.lines[2], cut.lines[3]
    assert hers.at < over.at < hers.end
    page = Page(cut, score(cut, SARAH, "en"), SARAH, "en", {})
    assert [(mark.at, mark.plays) for mark in page.marks if mark.kind == "cut"] == [(over.at, hers.at)]


@pytest.mark.parametrize(
    "events", [[], good()[:2], good()[:5], poor()[:-3]], ids=["nothing", "started", "a line", "cut off"]
)
def test_a_call_of_which_little_is_known_has_a_report_all_the_same(events: list[Event]) -> None:
    """Killed before the first word, or in the middle."""
    assert "Not decided" in made(events)


@pytest.mark.parametrize("events", [with_trouble(good("th")), with_trouble(poor("th"))], ids=["good", "poor"])
def test_a_thai_report_has_no_english_word_for_a_trainee(events: list[Event]) -> None:
    """But for names and files: those who judged, moments, edits, failures and what was meant are told in Thai. What the
    call ran on is for the engineer."""
    denial = CueTakenBack(at=events[-4].at, name="refund", turn=3, words="รอ")
    greeting = CueFound(at=events[5].at, name="greeting", turn=1, found=Found.PHRASE, words="ค่ะ", by="hello")
    page = made([*events, greeting, denial], compose(["language=th"]).arc.front, "th", audio="audio.ogg")
    page = re.sub(
        r"<(style|script)>.*?</\1>|<meta[^>]*>", "", page[: page.index('<section class="ran"')], flags=re.DOTALL
    )
    told = Read(page).text + [str(attributes.get("aria-label", "")) for _, attributes in Read(page).tags]
    names = r"Sarah Thompson|\bann\b|CUST|personas/sarah_thompson\.md|Enter|p50|p95"
    assert not [text for text in told if re.search("[A-Za-z]{2,}", re.sub(names, "", text))]


def test_an_ending_may_have_any_name() -> None:
    """One that is called as a text of the report, too."""
    for name in ("sum", "waited", "blocker", "cut_off", "title"):
        events = [
            replace(event, name=name) if isinstance(event, EndingReached) else event
            for event in good()
            if not isinstance(event, ToolCalled)
        ]
        assert f'<dd><span lang="en">{name.replace("_", " ")}</span></dd>' in made(events)


def test_a_thai_report_names_its_language_in_thai() -> None:
    """As all else that the report itself says."""
    log = CallLog(good("th"))
    html = report(log, score(log, SARAH, "th"), SARAH, "th", {})
    assert "<dd>ไทย</dd>" in html and "<dd>Thai</dd>" not in html
