"""Recorded sessions played against a draft: what would have flipped, by which words, and nothing else."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.config.compose import compose as compose_anew
from runtime.config.groups import draft_in_place
from runtime.events import CueFound, PhaseMoved
from runtime.record.folder import read_folder
from runtime.rehearse.job import hold
from runtime.rehearse.replay import Replayed, flips, play
from runtime.spec.session_spec import SessionSpec
from runtime.spec.trainee import ScriptLine
from tests.composed import compose
from tests.conftest import ROOT, Run

from .jobs import job

SARAH = ROOT / "personas" / "sarah_thompson.md"
REST = ("I am refunding you now, within 3 business days.", "Your case number is 48213.")
OWNS, OWNS_NOT = ("I am so sorry, this is our mistake.", *REST), ("Hello, what is it?", *REST)


def held(folder: Path, lines: tuple[str, ...]) -> Path:
    script = tuple(ScriptLine(say=line) for line in lines)
    hold(replace(job(folder), script=script))
    return folder


def drafted(tmp_path: Path, old: str, new: str) -> tuple[Path, SessionSpec]:
    text = SARAH.read_text()
    assert old in text
    draft = tmp_path / "draft.md"
    draft.write_text(text.replace(old, new))
    with draft_in_place("sarah_thompson", draft):
        return draft, compose_anew([])


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A call in which the trainee took ownership, and one in which not."""
    folder = tmp_path_factory.mktemp("sessions")
    return held(folder / "owns" / "1", OWNS), held(folder / "owns_not" / "1", OWNS_NOT)


def played(folder: Path, spec: SessionSpec) -> Replayed:
    return play(read_folder(folder).log, spec)


def test_nothing_flips_when_nothing_changed(tmp_path: Path, recorded: tuple[Path, Path]) -> None:
    """A draft with the same arc takes every call as the file did, and as the call itself went."""
    _, same = drafted(tmp_path, "# Persona: Sarah Thompson", "# Persona: Sarah  Thompson")
    for folder in recorded:
        before = played(folder, compose([]))
        assert flips(before, played(folder, same)) == []
        log = read_folder(folder).log
        assert before.log.ending == log.ending
        assert before.phases == [moved.after for moved in log.of(PhaseMoved)]
        assert [(turn, name) for turn, name, _ in before.cues] == [(cue.turn, cue.name) for cue in log.of(CueFound)]


def test_a_changed_cue_flips_the_sessions_that_have_it_and_only_those(
    tmp_path: Path, recorded: tuple[Path, Path], run: Run
) -> None:
    """With the words that made the difference; `mode=replay` names the folders and how many of how many."""
    draft, changed = drafted(tmp_path, 'ขอโทษและรับผิดชอบ"}, mood: 20', 'ขอโทษและรับผิดชอบ"}, mood: -20')
    owns, owns_not = recorded
    lines = flips(played(owns, compose([])), played(owns, changed))
    assert any(line.startswith("turn 1: ownership +20 → -20 (“") and "our mistake" in line for line in lines)
    assert any(line.startswith("ending resolved → ") for line in lines)
    assert flips(played(owns_not, compose([])), played(owns_not, changed)) == []
    result = run("mode=replay", f"draft={draft}", f"folder={owns.parent.parent}")
    assert result.code == 0 and str(owns) in result.out and str(owns_not) not in result.out
    assert result.out.endswith("1 of 2 recorded sessions would have gone otherwise\n")
    assert "1 of 1 recorded session would" in run("mode=replay", f"draft={draft}", f"folder={owns}").out


def test_an_ending_that_comes_earlier_is_told_with_what_is_no_longer_reached(tmp_path: Path) -> None:
    """By a clock that moves her more, whose step is told too; by one that moves her less it comes later."""
    hold(job(tmp_path / "poor", trainee="poor"))
    before = played(tmp_path / "poor", compose([]))
    _, sooner = drafted(tmp_path, "unless: ownership, mood: -8", "unless: ownership, mood: -60")
    first, *lines = flips(before, played(tmp_path / "poor", sooner))
    (at,) = re.findall(r"^ending walked_out at (0:2\d) instead of 0:\d\d$", first)
    assert f"{at}: timer after 20 s -8 → -60" in lines
    assert lines[-1].startswith("no longer reached, as the call is over: turn 4 ") and ", turn 5 " in lines[-1]
    assert not any("no longer" in line for line in lines[:-1])
    _, later = drafted(tmp_path, "unless: ownership, mood: -8", "unless: ownership, mood: 8")
    first, *lines = flips(before, played(tmp_path / "poor", later))
    assert re.match("ending walked_out → |ending walked_out at ", first)
    assert any(line.endswith(": timer after 20 s -8 → +8") for line in lines)


def test_what_moved_her_is_told_in_the_order_in_which_it_did(tmp_path: Path) -> None:
    """What she no longer hears, what she now hears and what moves her otherwise, turn by turn."""
    said = ("Hello zebra.", "This is our mistake.", "I hear you, I would be furious too.", "Hello zebra.", *REST)
    folder = held(tmp_path / "call", said)
    draft, _ = drafted(tmp_path, 'ขอโทษและรับผิดชอบ"}, mood: 20', 'ขอโทษและรับผิดชอบ"}, mood: 5')
    zebra = "zebra: {hear: {en: [zebra]}, mood: 3, repeats: true}"
    draft.write_text(draft.read_text().replace("  refund: {", f"  {zebra}\n  refund: {{", 1))
    with draft_in_place("sarah_thompson", draft):
        lines = flips(played(folder, compose([])), played(folder, compose_anew([])))
    turns = [int(turn) for line in lines for turn in re.findall(r"^turn (\d+):", line)]
    assert turns == sorted(turns) and {1, 2, 4} <= set(turns)


def test_nothing_flips_in_a_call_that_somebody_typed(run: Run, here: Path) -> None:
    """Recorded by the command itself, at its own times, heard by meaning, and heard the same again."""
    said = ("Hello.", OWNS[0], "What is your account number?", "I hear you.", "What is your account number?", *REST)
    assert run("listening=meaning", stdin="\n".join(said)).code == 0
    (folder,) = here.glob("sessions/*/*")
    log = read_folder(folder).log
    assert {"ownership", "refund", "case_number"} <= {cue.name for cue in log.of(CueFound)}
    result = run("mode=replay", f"draft={SARAH}")
    assert (result.code, result.out) == (0, "0 of 1 recorded session would have gone otherwise\n")


def test_who_hangs_up_with_all_done_leaves_her_content(run: Run, here: Path, tmp_path: Path) -> None:
    """An ending that waited for a goodbye alone; a replay of the call comes to it too, and one without it does not."""
    bob = (
        "---\ncues:\n  refund: {mood: 40}\nendings:\n  - {name: paid, when: [refund, goodbye], passed: true}\n---\nHi."
    )
    (tmp_path / "personas").mkdir()
    (tmp_path / "personas" / "bob.md").write_text(bob)
    here_too = (f"personas_dir={tmp_path / 'personas'}", "persona=bob")
    assert "Call ended: paid (customer satisfied)" in run(*here_too, stdin="I will refund you the $148.51 today.\n").out
    draft = tmp_path / "draft.md"
    draft.write_text(bob)
    assert run("mode=replay", f"draft={draft}", *here_too).out.startswith("0 of 1 recorded session")
    draft.write_text(bob.replace("refund, goodbye", "refund, case_number"))
    assert "ending paid → trainee_left" in run("mode=replay", f"draft={draft}", *here_too).out


@pytest.mark.parametrize(("listening", "flipped"), [("phrases", {"old", "new"}), ("meaning", {"new"})])
def test_a_changed_phrase_flips_the_sessions_that_have_it_and_only_those(
    tmp_path: Path, listening: str, flipped: set[str], run: Run
) -> None:
    """Also the one that has had it before, unless what it says is heard by meaning all the same."""
    said = {"old": "I can see that you are a very loyal customer.", "new": "Your zebra is here.", "none": "Hello."}
    for name, line in said.items():
        script = tuple(map(ScriptLine, (line, *REST)))
        hold(replace(job(tmp_path / "sessions" / name, f"listening={listening}"), script=script))
    draft, _ = drafted(
        tmp_path, '"loyal|longstanding|long-standing|valued|', '"zebra", "longstanding|long-standing|valued|'
    )
    result = run("mode=replay", f"draft={draft}", f"folder={tmp_path / 'sessions'}")
    assert result.code == 0
    assert {name for name in said if f"sessions/{name}" in result.out} == flipped
    assert "now recognition +12 (“zebra”, by zebra)" in result.out
    assert result.out.endswith(f"{len(flipped)} of 3 recorded sessions would have gone otherwise\n")


def test_a_replay_says_what_it_needs(tmp_path: Path, run: Run) -> None:
    """A draft, that can be read, and sessions of that persona."""
    assert "mode=replay needs draft=FILE" in run("mode=replay").err
    result = run("mode=replay", f"draft={SARAH}")
    assert result.code == 2 and "no recorded session of persona=sarah_thompson is in sessions" in result.err
    assert run("mode=replay", f"draft={tmp_path / 'none.md'}").code == 2


def test_a_draft_is_played_against_its_own_persona_s_sessions_or_it_is_told(
    tmp_path: Path, recorded: tuple[Path, Path], run: Run
) -> None:
    """By the file's name where no persona is named; whose sessions they are is a line where the file is another's."""
    walter, folder = ROOT / "personas" / "walter_briggs.md", f"folder={recorded[0]}"
    hold(replace(job(tmp_path / "walter", "persona=walter_briggs"), script=tuple(map(ScriptLine, OWNS))))
    done = run("mode=replay", f"draft={walter}", f"folder={tmp_path}")
    assert (done.out, done.err) == ("0 of 1 recorded session would have gone otherwise\n", "")
    done = run("mode=replay", f"draft={walter}", folder)
    assert done.code == 2 and "no recorded session of persona=walter_briggs" in done.err
    done = run("mode=replay", f"draft={walter}", "persona=sarah_thompson", folder)
    against = "it is played against the sessions of persona=sarah_thompson"
    assert done.err == f"draft={walter} describes Walter Briggs, not Sarah Thompson: {against}\n"
    prose = tmp_path / "notes.md"
    prose.write_text("# Notes\n\nNothing that a customer is made of.\n")
    done = run("mode=replay", f"draft={prose}", folder)
    assert done.err == f"draft={prose} describes Notes, not Sarah Thompson: {against} (persona=NAME: of another)\n"
    draft, _ = drafted(tmp_path, "mood: -8", "mood: -8")
    done = run("mode=replay", f"draft={draft}", folder)
    assert done.err == f"draft={draft} {against.removeprefix('it ')} (persona=NAME: of another)\n"


def test_sessions_of_one_trainee_are_replayed_and_a_pipe_gets_an_object_a_session(tmp_path: Path, run: Run) -> None:
    """`user=` and `lines=json` do what they do in the history; of a user without sessions the nearest is told."""
    for trainee in ("good", "poor"):
        hold(job(tmp_path / "sessions" / trainee, trainee=trainee))
    draft, _ = drafted(tmp_path, "unless: ownership, mood: -8", "unless: ownership, mood: -60")
    replay = ("mode=replay", f"draft={draft}", "persona=sarah_thompson", f"folder={tmp_path / 'sessions'}")
    assert run(*replay, "user=good").out == "0 of 1 recorded session would have gone otherwise\n"
    done = run(*replay, "user=god")
    assert done.code == 2 and "persona=sarah_thompson and user=god is in" in done.err
    assert "did you mean good?" in done.err
    done = run(*replay, "lines=json")
    good, poor = map(json.loads, done.out.splitlines())
    assert good == {"folder": str(tmp_path / "sessions/good"), "flips": []}
    assert poor["folder"] == str(tmp_path / "sessions/poor") and poor["flips"][0].startswith("ending walked_out at ")


def test_what_cannot_be_replayed_is_one_line_with_why(tmp_path: Path, run: Run) -> None:
    """Without a spec, with garbage for events or with values of another kind; and where nobody said anything."""
    hold(replace(job(tmp_path / "silent"), script=()))
    replay = ("mode=replay", f"draft={SARAH}", f"folder={tmp_path}")
    done = run(*replay)
    assert done.code == 2
    assert done.err.endswith(f"persona=sarah_thompson is in {tmp_path}, but 1 in which the trainee said nothing\n")
    held(tmp_path / "whole", OWNS)
    for name in ("garbage", "kinds", "spec"):
        shutil.copytree(tmp_path / "whole", tmp_path / name)
    (tmp_path / "spec/spec.yaml").unlink()
    (tmp_path / "garbage/events.jsonl").write_bytes(bytes(range(256)) * 9)
    with (tmp_path / "kinds/events.jsonl").open("a") as events:
        events.write('{"kind": "heard", "at": "x", "text": 5, "revision": null, "emotion": [], "turn": 1}\n')
    done = run(*replay)
    assert (done.code, done.out) == (0, "0 of 1 recorded session would have gone otherwise\n")
    assert done.err.count("\n") == 1 and done.err.startswith("3 session folders passed over: ")
    for name, why in (("garbage", "no event"), ("kinds", "damaged: "), ("spec", "spec.yaml: there is none")):
        assert re.search(f"{tmp_path / name}[^;]*{why}", done.err)
