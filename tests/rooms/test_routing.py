"""Rooms → personas. Room names and metadata are hostile."""

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.config.groups import options
from runtime.config.persona_file import parse_persona
from runtime.rooms.names import RoomName, parse_room
from runtime.rooms.routing import check_claims, readable_personas, route
from runtime.spec.settings import ReloadMode, Routing, Unmatched

UUID = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
USER = "7d444840-9dc0-11d1-b245-5ffdce74fad2"
Write = Callable[[str, str], Path]


@pytest.mark.parametrize(
    ("name", "room"),
    [
        ("axtra-billing-dispute-01-abc123-1709123456789", RoomName("billing-dispute-01", "abc123", 1709123456789)),
        (f"axtra-{UUID}-{USER}-1709123456789", RoomName(UUID, USER, 1709123456789)),
        (f"axtra-{UUID}-abc123-1", RoomName(UUID, "abc123", 1)),
        (f"axtra-billing-{USER}-1", RoomName("billing", USER, 1)),
        ("axtra-a-b-1", RoomName("a", "b", 1)),
        ("axtra-ค่า-b-1", RoomName("ค่า", "b", 1)),
    ],
)
def test_a_room_is_read_from_the_right(name: str, room: RoomName) -> None:
    """Scenario ids may hold dashes and both ids may be UUIDs."""
    assert parse_room(name) == room


@pytest.mark.parametrize("name", ["", "other-a-b-1", "Axtra-a-b-1", "axtra-" + "a" * 256])
def test_other_rooms_are_none_of_ours(name: str) -> None:
    """What does not begin as the console's rooms do is left alone."""
    assert parse_room(name) is None


@pytest.mark.parametrize("name", ["axtra-", "axtra-test", "axtra-a-1", "axtra--b-1", "axtra-a-b-x", "axtra-a-b-١"])
def test_a_room_that_only_begins_like_the_consoles_takes_the_default(name: str, use_personas: Write) -> None:
    """With a warning that says how rooms are named; or, with routing.unmatched=reject, with it alone."""
    use_personas("ann", '---\nscenarios: ["*"]\n---\nhi')
    room = parse_room(name)
    assert room == RoomName()
    found = route(room, "", Routing(), "bob", {})
    assert found.choices == {"persona": "bob"}
    assert "axtra-{scenario}-{user}-{timestamp}" in found.warnings[0]
    rejected = route(room, "", Routing(unmatched=Unmatched.REJECT), "bob", {})
    assert rejected.choices is None
    assert found.warnings == (f"{rejected.warnings[0]}; bob takes it",)


def test_an_exact_claim_wins_over_a_pattern_and_config_over_both(use_personas: Write) -> None:
    """routing.scenarios, then a persona's own id, then its longest pattern."""
    use_personas("exact", "---\nscenarios: [billing-01]\n---\nhi")
    use_personas("glob", '---\nscenarios: ["billing-*"]\n---\nhi')
    use_personas("wide", '---\nscenarios: ["*"]\n---\nhi')

    def persona(scenario: str, routing: Routing) -> str:
        found = route(RoomName(scenario, "u", 1), "", routing, "exact", {})
        assert found.choices is not None
        return found.choices["persona"]

    assert persona("billing-01", Routing()) == "exact"
    assert persona("billing-02", Routing()) == "glob"
    assert persona("refund", Routing()) == "wide"
    assert persona("billing-01", Routing(scenarios={"billing-01": "wide"})) == "wide"


def test_an_unmatched_room_says_which_line_to_add(use_personas: Write) -> None:
    """The default persona answers with a warning that can be pasted, or the room is left alone."""
    use_personas("ann", "hi")
    room = RoomName(UUID, "u", 1)
    found = route(room, "", Routing(), "ann", {})
    assert found.choices == {"persona": "ann"}
    assert f'`scenarios: ["{UUID}"]`' in found.warnings[0]
    assert f'`"{UUID}": PERSONA` under routing.scenarios' in found.warnings[0]
    rejected = route(room, "", Routing(unmatched=Unmatched.REJECT), "ann", {})
    assert rejected.choices is None
    assert found.warnings == (f"{rejected.warnings[0]}; ann takes it",)


def test_a_thai_scenario_is_named_as_it_is_written(use_personas: Write) -> None:
    """The line to add can be pasted: no `\\u0e2a`."""
    use_personas("ann", "hi")
    assert '`scenarios: ["สินเชื่อ-01"]`' in route(RoomName("สินเชื่อ-01", "u", 1), "", Routing(), "ann", {}).warnings[0]


def test_metadata_chooses_among_what_there_is(use_personas: Write) -> None:
    """A job may ask for persona, language, voice and reload, and for nothing that does not exist."""
    use_personas("ann", "hi")
    asked = {"persona": "ann", "language": "th", "voice": "../x", "model": "openai_realtime", "reload": "frozen"}
    found = route(RoomName("s", "u", 1), json.dumps(asked), Routing(), "ann", {})
    assert (found.choices, found.reload) == ({"persona": "ann", "language": "th"}, ReloadMode.FROZEN)
    assert any("voice='../x'" in warning for warning in found.warnings)


def test_two_claims_to_one_scenario_are_a_mistake() -> None:
    """The same id in two personas, or a route to a persona that is not there, is said."""
    claims = b"---\nscenarios: [a, b]\n---\nhi"
    personas = {name: parse_persona(claims, Path(f"{name}.md")) for name in ("ann", "bob")}
    problems = list(check_claims(personas, Routing(scenarios={"c": "bobb"}), {}))
    assert len(problems) == 3
    assert "did you mean bob" in problems[-1]


@pytest.mark.parametrize("claim", ["billing-01", "billing-*"])
def test_a_new_file_takes_no_scenario_from_who_answers_it(claim: str, use_personas: Write) -> None:
    """Whatever it is called; once the other one claims it no more, it does."""
    file = use_personas("mia", f"---\nscenarios: ['{claim}']\n---\nhi")
    owners: dict[str, str] = {}

    def answers() -> tuple[list[str], dict[str, str] | None]:
        problems = list(check_claims(readable_personas(), Routing(), owners))
        return problems, route(RoomName("billing-01", "u", 1), "", Routing(), "mia", owners).choices

    assert answers() == ([], {"persona": "mia"})
    for name in "ann", "zoe":
        use_personas(name, f"---\nscenarios: ['{claim}']\n---\nhi")
    problems, choices = answers()
    assert choices == {"persona": "mia"}
    assert [
        f"claimed by mia and by {name}; mia, which had it, answers it" in line
        for name, line in zip(("ann", "zoe"), problems, strict=True)
    ] == [True, True]
    file.unlink()
    assert answers()[1] == {"persona": "ann"}


@given(st.text(max_size=300), st.text(max_size=300))
def test_no_name_and_no_metadata_break_it(name: str, metadata: str) -> None:
    """Whatever a room is called and a job says, the answer is a choice among options or none."""
    room = parse_room(f"axtra-{name}-u-1") or RoomName(name, "u", 1)
    found = route(room, metadata, Routing(), "sarah_thompson", {})
    assert found.choices is not None
    assert all(option in options(group) for group, option in found.choices.items())


def test_ten_thousand_hostile_rooms_open_no_file_but_personas(use_personas: Write) -> None:
    """Paths, templates, braces and bombs in names and metadata read nothing outside the folder of personas."""
    folder = use_personas("ann", '---\nscenarios: ["good-*"]\n---\nhi').parent
    evil = [
        "../../etc/passwd",
        "${oc.env:HOME}",
        "a" * 5000,
        "\x00",
        "*" * 50,
        "{" * 900,
        "%s",
        "-" * 99,
        UUID,
        "ann.md",
    ]
    dice = random.Random(7)
    opened: set[str] = set()
    watching = [True]

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and watching[0]:
            opened.add(str(arguments[0]))

    sys.addaudithook(watch)
    for _ in range(10_000):
        text = "".join(dice.choices(evil, k=dice.randint(1, 3)))
        room = parse_room(f"axtra-{text}-{dice.choice(evil)}-{dice.randint(0, 10**14)}")
        metadata = dice.choice(
            [text, json.dumps({"persona": text, "voice": [text], "language": {text: 1}}), "[" * 5000]
        )
        if room:
            route(room, metadata, Routing(), "ann", {})
    watching[0] = False
    assert {path for path in opened if not path.startswith(str(folder))} == set()


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_of_rooms_and_jobs_are_found_however_their_letters_are_encoded(
    form: Literal["NFC", "NFD"], use_personas: Write
) -> None:
    """A scenario in a room's name, a user, and a persona in a job's metadata or in routing.scenarios."""
    use_personas("josé", f"---\nscenarios: [{normalize('NFD', 'café')}]\n---\nhi")
    room = parse_room(normalize(form, "axtra-café-zoë-1"))
    assert room and room.user == normalize("NFC", "zoë")
    assert route(room, "", Routing(), "ann", {}).choices == {"persona": normalize("NFC", "josé")}
    asked = json.dumps({"persona": normalize(form, "josé")})
    assert route(room, asked, Routing(), "ann", {}).choices == {"persona": normalize("NFC", "josé")}


def test_half_a_character_in_a_jobs_metadata_is_a_warning(use_personas: Write) -> None:
    """JSON can hold one, which nothing else can encode."""
    use_personas("ann", "hi")
    (warning, _) = route(RoomName("x", "y", 1), '{"persona": "\\ud800"}', Routing(), "ann", {}).warnings
    assert "persona='\\ud800'" in warning
    warning.encode()
