"""The command line: every mistake is one line on stderr and exit code 2; help, completion, prompt, check, `.env`."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Literal
from unicodedata import normalize

import pytest
from hydra.core.config_store import ConfigStore

from runtime.__main__ import MODES
from runtime.call.build import build
from runtime.call.options import secret
from runtime.config.command_line import load_dotenv, parsed, read_arguments, spelled, values
from runtime.config.compose import compose
from runtime.config.groups import options
from runtime.config.mistakes import find_mistake
from runtime.errors import SpecError, exits
from runtime.spec.settings import Mode, livekit_url
from tests.conftest import COMMAND, LOOPBACK_ONLY, ROOT, Result, Run

PLAIN = "# Persona: Bill Jones\n\nYou are Bill Jones. Your parcel never came.\n"


def mistake(result: Result) -> str:
    """The one line that a mistake leaves; whatever else is there fails the test."""
    assert result.code == 2, result
    assert "Traceback" not in result.out + result.err
    assert result.err.endswith("\n") and len(result.err.splitlines()) == 1, result.err
    assert result.err.startswith("error: ")
    return result.err.strip()


# ---------------------------------------------------------------- what is typed wrong

MISTAKES = [
    ("modl=offline", ["modl=offline", "did you mean model?", "persona", "voice"]),
    ("model=offlin", ["model=offlin", "did you mean offline?", "gemini_realtime", "openai_pipeline"]),
    ("model.llm.options.pac=3", ["model.llm.options.pac", "'pac'", "did you mean pace?"]),
    ("language.name=\udcff", ["language: ", "not UTF-8 text"]),
    ("user=\udcff", ["user: '\\udcff'", "not UTF-8 text"]),
    ("model.turn_second=3", ["model.turn_second=3", "did you mean turn_seconds?", "choices: llm, realtime"]),
    ("model.turn_seconds=soon", ["model.turn_seconds: 'soon': should be a time: 10 (seconds), 10s or 2m"]),
    ("turn_seconds=soon", ["turn_seconds=soon: there is no group or key", "did you mean model.turn_seconds?"]),
    ("dir=x", ["dir=x: there is no group or key", "did you mean record.dir or rehearse.dir?"]),
    ("opening=Hi", ["'opening'; a persona's own opening is edited in its file"]),
    ("mood=30", ["did you mean difficulty.mood?; a persona's own mood is edited in its file"]),
    ("model.secrets.KEY=x", ["to add one write +model.secrets.KEY=x"]),
    ("console.audio=perhaps", ["console.audio", "'perhaps'", "boolean"]),
    ("mode=chek", ["mode", "'chek'", "did you mean check?", "console", "prompt"]),
    ("language=de", ["language=de", "en, th"]),
    ("persona=../../etc/passwd", ["persona=../../etc/passwd", "sarah_thompson"]),
    ("model=../voice/firm_male", ["model=../voice/firm_male", "not a name", "offline"]),
    ("persona.name=Bill", ["persona.name=Bill", "file", "persona=NAME"]),
    ("personas_dir=/nonexistent/folder", ["personas_dir=/nonexistent/folder", "No such file or directory"]),
    ("two words", ["two words", "key=value"]),
    ("~model", ["model", "choices: ", "offline"]),
    ("model.llm=null", ["model=offline", "neither `realtime` nor `llm`"]),
    ("mode=serve", ["mode=serve", "LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET not set", ".env"]),
    ("language.customer.mood=1000", ["language.customer.mood", "1000", "100"]),
    ("mode", ["mode: not understood", "key=value"]),
    ("", ["an empty argument", "key=value"]),
    ("persona =x", ["persona =x: not understood", "without a space"]),
    ("persona=", ["persona=: there is no such persona"]),
    ("persona=null", ["persona=null: there is no such persona"]),
    ("persona='x", ["persona='x: not understood", "quotes of its own"]),
    ("model.llm.options={a: 1", ["not understood"]),
    ("language=en,th", ["language=en,th", "-m"]),
    ("personas_dir=a,b", ["personas_dir=a,b", "one folder", "quotes of its own"]),
    ("personas_dir=", ["personas_dir: a folder is wanted"]),
    ("personas_dir=${oc.env:NOT_SET}", ["personas_dir=${oc.env:NOT_SET}", "'NOT_SET' not found"]),
    ("log=${nope}", ["log: ", "'nope' not found"]),
    ("hydra.nope=1", ["hydra.nope"]),
    ("hydra.launcher.n_job=2", ["hydra.launcher.n_job: there is no key 'n_job' here", "hydra/launcher=joblib has"]),
    ("hydra/launcher=nope", ["hydra/launcher=nope"]),
    ("hydra/launcher=joblibs", ["hydra/launcher=joblibs", "did you mean joblib?", "submitit_slurm"]),
    ("hydra/launchr=joblib", ["hydra/launchr=joblib", "did you mean hydra/launcher?"]),
    ("language=EN", ["language=EN", "did you mean en?"]),
    ("language=english", ["language=english", "did you mean en?"]),
    ("MODE=check", ["MODE=check", "did you mean mode?"]),
    ("record.audio=ture", ["record.audio: 'ture': should be a boolean: true or false"]),
    ("hydra.sweeper.max_batch_size=x", ["hydra.sweeper.max_batch_size: 'x': should be a whole number"]),
    ("hydra.mode=MULTIRUN", ["hydra.mode=MULTIRUN: not offered", "-m"]),
    ("mode=plan,prompt", ["mode=plan,prompt: one mode runs at a time"]),
    ("rehearse.share=3/2", ["share=3/2: should be 1/2, with repeats=1"]),
    ("-persona=x", ["-persona=x", "without dashes: persona=x"]),
    ("--persona=x", ["--persona=x", "without dashes: persona=x"]),
    ("--langauge", ["--langauge: no such flag", "did you mean language?"]),
    ("-x", ["-x: no such flag", "key=value"]),
    ("--cfg", ["--cfg", "expected one argument"]),
    ("--resolve", ["--resolve", "--cfg"]),
    ("--package=persona", ["--package", "--cfg"]),
    ("draft=", ["draft: nothing stands here"]),
    ("folder=", ["folder: nothing stands here"]),
    ("user=", ["user: nothing stands here"]),
    ("rehearse.dir=", ["rehearse.dir: nothing stands here"]),
    ("rehearse.compare=", ["rehearse.compare: nothing stands here"]),
    ("record.dir=", ["record.dir: nothing stands here"]),
    ("record=maybe", ["record: 'maybe' is not one of them", "choices: off, on", "record.dir="]),
    ("record=offf", ["record: 'offf'", "did you mean off?"]),
    ("--config-name=other", ["--config-name is not offered", "conf"]),
]


@pytest.mark.parametrize(("argument", "said"), MISTAKES, ids=[argument for argument, _ in MISTAKES])
def test_a_mistake_on_the_command_line_is_one_line_that_names_it_and_the_choices(
    run: Run, argument: str, said: list[str]
) -> None:
    """A wrong group, option, key, value or type exits with 2 and one line: what, and what would have been right."""
    line = mistake(run(argument))
    for words in said:
        assert words in line


WRONG_TOGETHER = [
    *(
        ([f"mode={mode}", "persona=sara"], ["persona=sara: there is no such persona; did you mean sarah_thompson?"])
        for mode in ("check", "schema", "report", "score", "replay", "history")
    ),
    (["-m", "persona=sarah_thompson,sara", "trainee=good,poor"], ["persona=sara: there is no such persona; did you"]),
    (["mode=new", "persona=../x"], ["persona=../x: this is not a name", "letters, digits, _ and -"]),
    (["mode=new", "persona=kim", "language=xx"], ["language=xx: there is no such language (choices: en, th)"]),
    (["mode=check", "persona=a b"], ["persona=a b: this is not a name", "letters, digits, _ and -"]),
    (["mode=plan", "draft=sara.md"], ["draft=sara.md: there is no such file or folder"]),
    (["mode=replay", "draft=sara.md"], ["draft=sara.md: there is no such file or folder"]),
    (["mode=rehearse", "rehearse.resume=true", "rehearse.dir=x"], ["rehearse.dir=x: there is no such file or folder"]),
    (["mode=rehearse", "rehearse.resume=true", "rehearse.dir=."], ["rehearse.dir=.: no sweep is there to go on with"]),
    (["mode=rehearse", "rehearse.compare=x"], ["rehearse.compare=x: there is no such file or folder"]),
    (["--persona", "x"], ["--persona", "without dashes: persona=x"]),
    (["mode", "=", "check"], ["mode: not understood", "without a space"]),
    (["--cfg", "nope"], ["--cfg", "'nope'", "job"]),
    (["--run", "-m"], ["--run", "--multirun"]),
    (["-m", "mode=prompt", "persona=glob(*)", "langauge=th"], ["langauge=th", "did you mean language?"]),
    (["-m", "mode=prompt", "persona=sarah_thompson,bill"], ["persona=bill: there is no such persona"]),
    (["-m", "mode=prompt", "persona=glob(zz*)"], ["persona=glob(zz*): no persona has such a name", "sarah_thompson"]),
    (["-m", "mode=prompt", "model=range(1,3)"], ["model=1: there is no such model"]),
    (["-m", "mode=prompt", "voice=interval(1,3)"], ["voice=interval(1,3): there is no such voice"]),
    (["-m", "mode=prompt", "model.llm.options.pac=1,2"], ["'pac'", "did you mean pace?"]),
    (["-m", "mode=prompt", "log=loud"], ["log", "'loud'", "quiet"]),
    (["-m", "personas_dir=a,b"], ["personas_dir=a,b", "one folder"]),
    *((["-m", f"mode=rehearse,{mode}"], [f"mode=rehearse,{mode}: one mode"]) for mode in ("check", "plan", "prompt")),
    (["-m", "seed=1,abc"], ["seed: 'abc': should be a whole number"]),
    (["-m", "seed=1,null,-1"], ["seed: -1: input should be greater than or equal to 0"]),
    (["-m", "trainee=good,poor", "rehearse.line.band=full,nope"], ["rehearse.line.band: 'nope' is not one of them"]),
    (["-m", "model.turn_seconds=1,soon"], ["model.turn_seconds: 'soon': should be a time"]),
    (["-m", "voice=bright_female,brite"], ["voice=brite: there is no such voice; did you mean bright_female?"]),
    (["-m", "trainee=good,god"], ["trainee=god: there is no such trainee; did you mean good?"]),
    (["-m", "rehearse.repeats=1,-1"], ["rehearse.repeats=1,-1: one value is wanted"]),
    (["-m", "mode='rehearse'", "rehearse.repeats=range(1,3)"], ["rehearse.repeats=range(1,3): one value is wanted"]),
    (["-m", "hydra/launcher=basic,basic"], ["hydra/launcher=basic,basic: one value is wanted"]),
    (["mode=rehearse", "rehearse.share=2/3", "rehearse.repeats=1"], ["share=2/3: should be 1/3, with repeats=1"]),
    (["mode=rehearse", "rehearse.share=4/3", "rehearse.repeats=3"], ["share=4/3: should be 1/3 … 3/3, with repeats=3"]),
    (["-m", "hydra.sweeper.max_batch_size=0"], ["hydra.sweeper.max_batch_size=0: should be 1 or more"]),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG_TOGETHER, ids=[" ".join(a) for a, _ in WRONG_TOGETHER])
def test_a_mistake_in_a_sweep_or_in_a_flag_is_one_line(
    run: Run, here: Path, arguments: list[str], said: list[str]
) -> None:
    """Neither Hydra's tracebacks nor argparse's usage are shown: one line says what to write. Nothing is left."""
    line = mistake(run(*arguments))
    for words in said:
        assert words in line
    assert not list(here.iterdir())


@pytest.mark.parametrize(
    ("plugin", "extra", "key", "value", "what"),
    [
        ("launcher=joblib", "joblib_launcher", "launcher.n_jobs", "0", "=0: should be 1 or more (or -1, one a core)"),
        ("launcher=joblib", "joblib_launcher", "launcher.n_jobs", "abc", ": 'abc': should be a whole number"),
        ("sweeper=optuna", "optuna_sweeper", "sweeper.n_trials", "0", "=0: should be 1 or more"),
        ("sweeper=optuna", "optuna_sweeper", "sweeper.n_jobs", "-1", "=-1: should be 1 or more"),
        ("sweeper=optuna", "optuna_sweeper", "sweeper.n_trials", "1.5", ": 1.5: should be a whole number"),
    ],
)
def test_a_number_that_a_plugin_of_hydra_s_cannot_use_is_one_line(
    run: Run, here: Path, plugin: str, extra: str, key: str, value: str, what: str
) -> None:
    """Where the plugin itself would raise anything, or sweep for ever; no call is held before."""
    pytest.importorskip(f"hydra_plugins.hydra_{extra}", reason="an extra is not installed")
    assert mistake(run("-m", f"hydra/{plugin}", f"hydra.{key}={value}")).startswith(f"error: hydra.{key}{what}")
    assert not list(here.iterdir())


@pytest.mark.parametrize(
    ("group", "option", "extra"),
    [
        ("hydra/launcher", "joblib", "sweep"),
        ("hydra/launcher", "submitit_slurm", "sweep"),
        ("hydra/sweeper", "optuna", "optuna"),
    ],
)
def test_an_option_of_hydra_s_that_is_not_installed_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, group: str, option: str, extra: str
) -> None:
    """Hydra itself says only that it could not find a file."""
    there = ConfigStore.instance().list(group)
    monkeypatch.setattr(ConfigStore, "list", lambda *_: [name for name in there if name != f"{option}.yaml"])
    with pytest.raises(SpecError, match=f"{group}={option}: this is not installed: uv sync --extra {extra} "):
        find_mistake([f"{group}={option}"])


@pytest.mark.parametrize("mode", ["check", "console", "doctor", "serve"])
def test_a_mode_that_runs_once_refuses_a_sweep_and_says_which_modes_sweep(run: Run, mode: str) -> None:
    """`-m` with a mode that looks at everything, or goes on for ever, is not run once in silence."""
    line = mistake(run("-m", f"mode={mode}", "language=en,th"))
    assert f"mode={mode} runs once: leave out -m" in line and "mode=prompt, plan, rehearse" in line


def test_outside_of_its_environment_the_program_names_the_readme_s_command(here: Path) -> None:
    """Where a training lead types `python3 -m runtime`: one line, and no traceback of an import."""
    env = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-S", "-m", "runtime"], env=env, cwd=here, capture_output=True, text=True)
    line = mistake(Result(done.returncode, done.stdout, done.stderr))
    command = line.partition("as README.md says: ")[2]
    assert command.endswith(" python -m runtime") and f"    {command}\n" in (ROOT / "README.md").read_text()


def test_every_mode_is_in_the_table_and_in_the_help(run: Run) -> None:
    """`auto` chooses between two of them; each of the others says what it runs."""
    assert {*MODES, Mode.AUTO} == set(Mode)
    said = run("--help").out
    assert [mode for mode in Mode if f"\nmode={mode} " not in said] == []


@pytest.mark.parametrize("prefix", ["", "+", "++"])
def test_a_key_of_the_schema_is_set_whether_or_not_a_file_has_it(prefix: str) -> None:
    """Such as `model.turn_seconds`, which one model's file has, and those of all others leave at its default."""
    for model in ("offline", "local_servers") if prefix else options("model"):
        assert compose([f"model={model}", f"{prefix}model.turn_seconds=7"]).model.turn_seconds == 7
    assert compose(["language.went_dead=Gone."]).language.went_dead == "Gone."
    assert compose([]).model.turn_seconds == 20


def test_overrides_may_stand_on_both_sides_of_a_flag(run: Run) -> None:
    """`mode=prompt -m language=en,th log=quiet` is read as it is meant."""
    result = run("mode=prompt", "-m", "language=en,th", "log=quiet")
    assert result.code == 0 and result.out.count("# Persona: Sarah Thompson") == 2


NOT_AN_ADDRESS = [
    "wss//x",
    "://",
    "wss://",
    "ws://[::1",
    "ws://h:99999",
    "host:7880",
    "ftp://x",
    "wss://<you>.example",
    " ",
    "ws://\udcff127.0.0.1",
    "ws://h\x00:80",
]


@pytest.mark.parametrize("url", NOT_AN_ADDRESS)
def test_a_livekit_url_that_is_no_address_is_known_as_such(url: str) -> None:
    """What has no scheme, host or port that could be one is an error that shows a good one."""
    with pytest.raises(SpecError, match="LIVEKIT_URL is not an address: it is wss://HOST"):
        livekit_url({"LIVEKIT_URL": url})
    for good in ("wss://me.livekit.cloud", "ws://127.0.0.1:7880", "ws://[::1]:7880", "https://ห้อง.example/path"):
        assert livekit_url({"LIVEKIT_URL": good}).geturl() == good


@pytest.mark.parametrize("wrong", ["\udcff", "\n", " ", "\u200b", "ก", "\x00"])
def test_a_key_that_no_server_could_be_sent_is_told_and_not_repeated(wrong: str) -> None:
    """Bytes that are no text, what a copied key brings along, letters of another script: LiveKit's and a model's."""
    env = {"LIVEKIT_URL": "ws://h", "LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": f"hunter{wrong}2"}
    with pytest.raises(SpecError, match=r"LIVEKIT_API_SECRET holds .* at place 7 of 8: copy it again") as refused:
        livekit_url(env)
    assert "hunter" not in str(refused.value)
    spec = compose(["model=openai_realtime"])
    with pytest.raises(SpecError, match=r"^OPENAI_API_KEY holds .* at place 3 of 4"):
        build(spec, audio=False, env={"OPENAI_API_KEY": f"sk{wrong}2"})
    assert secret("x", "env:MY_KEY", {"MY_KEY": '{"type": "service_account"}'})


def test_a_worker_refuses_a_livekit_url_that_is_no_address_at_the_start(run: Run) -> None:
    """It is one line, and is not tried for ever."""
    line = mistake(run(env={"LIVEKIT_URL": "wss//x", "LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": "hunter2"}))
    assert "LIVEKIT_URL is not an address" in line and "hunter2" not in line


def test_a_hydra_whose_parser_is_elsewhere_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one private name of Hydra's that is used: where it goes, nobody reads a traceback."""
    monkeypatch.setitem(sys.modules, "hydra._internal.utils", None)
    with pytest.raises(SpecError, match="this is not the hydra-core that this program knows: install it by `uv sync`"):
        read_arguments(["persona=sarah_thompson"])


# ---------------------------------------------------------------- names of personas and their folder

NAMES = ["สมหญิง", "josé", "ñandú", "1_000", "007", "null", "inf", "a-b"]


def test_the_values_of_a_sweep_are_known_without_their_quotes() -> None:
    """Which names in other scripts than Hydra's get, and which a user may write."""
    assert values(parsed(spelled("persona=สมหญิง,josé,bill"))) == ["สมหญิง", "josé", "bill"]
    assert values(parsed("persona='bill',\"jane\"")) == ["bill", "jane"]


def test_a_persona_may_have_a_name_in_any_script(run: Run, personas: Path) -> None:
    """Letters with their marks, and names that Hydra would take for numbers, by name, in a list and by glob."""
    for name in NAMES:
        (personas / f"{name}.md").write_text(f"I am {name}.\nA customer who calls today.\n")
    for name in ("สมหญิง", "1_000", "null"):
        assert run("mode=prompt", f"personas_dir={personas}", f"persona={name}").out.startswith(f"I am {name}.\n")
    for swept, names in ((",".join(NAMES), NAMES), ("glob(*n*)", ["inf", "null", "ñandú"])):
        result = run("-m", "mode=prompt", f"personas_dir={personas}", f"persona={swept}")
        assert result.code == 0 and result.err == ""
        assert sorted(line[5:-1] for line in result.out.splitlines() if line.startswith("I am")) == sorted(names)


@pytest.mark.parametrize(("written", "typed"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_a_persona_is_found_however_its_letters_are_encoded(
    run: Run, personas: Path, written: Literal["NFC", "NFD"], typed: Literal["NFC", "NFD"]
) -> None:
    """A Mac may write é as e with a mark; on the command line and in the listing it is the same letter."""
    (personas / f"{normalize(written, 'josé')}.md").write_text("I am José.\n")
    result = run("mode=prompt", f"personas_dir={personas}", f"persona={normalize(typed, 'josé')}")
    assert result.code == 0 and result.out.startswith("I am José.")
    assert "persona: josé\n" in run("--help", f"personas_dir={personas}", "persona=josé").out


MISNAMED = {
    "New Customer.md": "New_Customer.md",
    "Bill's (2).md": "Bill_s_2.md",
    "_draft.md": "draft.md",
    "Ann.MD": "Ann.md",
    "Cy.md.txt": "Cy.md",
    "สม หญิง.md": "สม_หญิง.md",
}


def test_a_file_whose_name_is_no_persona_s_is_told_with_a_better_one(run: Run, personas: Path) -> None:
    """It is never passed over in silence: `mode=check` names it, and so does who asks for it."""
    for file in ("bob.md", ".hidden.md", *MISNAMED):
        (personas / file).write_text(PLAIN)
    checked = run("mode=check", f"personas_dir={personas}")
    rows = [line for line in checked.out.splitlines() if line.startswith("✗")]
    assert checked.code == 1 and len(rows) == len(MISNAMED)
    for file, better in MISNAMED.items():
        assert [row for row in rows if f" {file}: " in row and row.endswith(f"rename it to {better}")], file
    for asked, better in (("New Customer", "New_Customer.md"), ("Cy", "Cy.md")):
        line = mistake(run("mode=prompt", f"personas_dir={personas}", f"persona={asked}"))
        assert "there is no such persona" in line and line.endswith(f"rename it to {better}")


@pytest.mark.parametrize(
    ("name", "prefix"), [("a,b", ""), ("a=b", "++"), ("a#b", ""), ("it's", "++"), ("ลูกค้า", ""), ('a"b (2)', "++")]
)
def test_the_folder_of_personas_may_have_any_name(run: Run, tmp_path: Path, name: str, prefix: str) -> None:
    """The command line is read by Hydra's grammar, where quotes of its own hold any text."""
    (tmp_path / name).mkdir()
    (tmp_path / name / "zed.md").write_text("I am Zed.\n")
    quoted = str(tmp_path / name).replace('"', '\\"')
    result = run("mode=prompt", f'{prefix}personas_dir="{quoted}"', "persona=zed")
    assert result.code == 0 and result.out.startswith("I am Zed."), result.err


@pytest.mark.parametrize("name", ["a#b", "ลูกค้า"])
def test_a_folder_with_letters_that_hydra_s_grammar_lacks_needs_no_quotes(run: Run, here: Path, name: str) -> None:
    """What can mean one thing only is taken as it is typed."""
    (here / name).mkdir()
    (here / name / "zed.md").write_text("I am Zed.\n")
    assert run("mode=prompt", f"personas_dir={name}", "persona=zed").out.startswith("I am Zed.")


def test_the_folder_of_personas_is_the_config_file_s_where_the_command_line_has_none(run: Run, tmp_path: Path) -> None:
    """`personas_dir` of `conf/config.yaml` counts, from the project's own folder; the command line wins."""
    project = tmp_path / "project"
    for folder in ("runtime", "conf"):
        shutil.copytree(ROOT / folder, project / folder)
    for folder in ("ทีม", "other"):
        (project / folder).mkdir()
        (project / folder / "zed.md").write_text(f"I am Zed of {folder}.\n")
    config = project / "conf/config.yaml"
    config.write_text(
        config.read_text().replace("\npersonas_dir: personas\n", "\npersonas_dir: ${oc.env:TEAM,other}\n")
    )
    env = {"PYTHONPATH": str(project)}
    assert run("mode=prompt", "persona=zed", env=env).out.startswith("I am Zed of other.")
    assert run("mode=prompt", "persona=zed", env={**env, "TEAM": "ทีม"}).out.startswith("I am Zed of ทีม.")
    typed = f"personas_dir={project / 'ทีม'}"
    assert run("mode=prompt", "persona=zed", typed, env=env).out.startswith("I am Zed of ทีม.")


def test_what_needs_no_persona_works_although_the_default_one_is_broken(run: Run, personas: Path) -> None:
    """`mode=check` and `--help` look at what is there; a broken default persona is a row of the check."""
    (personas / "bob.md").write_text(PLAIN)
    assert run("--help", f"personas_dir={personas}").code == 0
    (personas / "sarah_thompson.md").write_text("---\nmood: high\n---\nprose\n")
    assert run("--help", f"personas_dir={personas}").code == 0
    checked = run("mode=check", f"personas_dir={personas}")
    assert checked.code == 1 and "✗  persona=sarah_thompson" in checked.out and checked.err == ""


def test_a_missing_secret_is_named_with_where_to_get_it(run: Run) -> None:
    """A model whose key is not set says which variable it is and who hands it out, before anything starts."""
    line = mistake(run("mode=console", "model=gemini_realtime"))
    assert "GOOGLE_API_KEY is not set" in line and "aistudio.google.com/apikey" in line and ".env" in line


def test_a_plugin_that_is_not_installed_is_named_with_the_command_that_installs_it(run: Run) -> None:
    """A plugin that LiveKit has and this machine has not says how to install it."""
    line = mistake(run("mode=console", "model.llm.plugin=lmnt"))
    assert "lmnt is not installed" in line and "uv add livekit-plugins-lmnt" in line
    assert "pip install livekit-plugins-lmnt" in line


@pytest.mark.skipif(bool(find_spec("livekit.plugins.anthropic")), reason="that extra is installed here")
def test_a_plugin_of_an_extra_is_named_with_that_extra(run: Run) -> None:
    """A plugin that the project has an extra for is installed by the extra."""
    line = mistake(run("mode=console", "model.llm.plugin=anthropic"))
    assert "anthropic is not installed" in line and "uv sync --extra anthropic --inexact" in line
    assert "pip install -e '.[anthropic]'" in line


def test_a_voice_without_a_name_for_the_plugin_lists_the_voices_that_have_one(run: Run) -> None:
    """A voice that the model's plugin has no name for is an error that lists those it has."""
    line = mistake(run("mode=prompt", "model=gemini_realtime", "~voice.names.google"))
    assert "voice=bright_female has no name for google" in line
    assert "voices that have one: bright_female, firm_male, low_male, precise_female, warm_female, young_male" in line


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("+model.llm.options.pase=1", ["pase", "did you mean pace?"]),
        ("model.llm.options.pace=abc", ["pace", "'abc'", "number"]),
    ],
)
def test_an_option_that_the_plugin_does_not_have_is_refused_with_the_real_ones(
    run: Run, argument: str, said: list[str]
) -> None:
    """Options are checked against the signature of the plugin's class: their names and their types."""
    line = mistake(run("mode=console", argument))
    for words in [*said, "model=offline: llm.options."]:
        assert words in line


# ---------------------------------------------------------------- what is wrong in a file

BROKEN = [
    ("broken YAML", b"---\nname: Bill\ncues: [a, b\n---\nprose\n", ":3: ", "broken YAML"),
    ("unknown key", b"---\nname: Bill\ncuse: {}\n---\nprose\n", ":3: ", "did you mean cues?"),
    ("empty", b"---\nname: Bill\n---\n  \n", ": ", "this persona is empty"),
    ("not UTF-8", "# Persona: Bill\nh\xe9llo\n".encode("latin-1"), ":2: ", "not UTF-8"),
    ("unknown voice", b"---\nvoice: brite_female\n---\nprose\n", ": ", "did you mean bright_female?"),
]


@pytest.mark.parametrize(("content", "where", "said"), [case[1:] for case in BROKEN], ids=[c[0] for c in BROKEN])
def test_a_mistake_in_a_persona_file_says_file_line_and_reason(
    run: Run, personas: Path, content: bytes, where: str, said: str
) -> None:
    """A persona that cannot be used is named by its path as the user gave it, with the line that is to blame."""
    (personas / "bill.md").write_bytes(content)
    line = mistake(run(f"personas_dir={personas}", "persona=bill"))
    assert f"{personas / 'bill.md'}{where}" in line and said in line


def test_a_default_persona_that_the_folder_lacks_is_an_error_with_those_it_has(run: Run, personas: Path) -> None:
    """A folder without the persona that is called when none is named says so, and which there are."""
    (personas / "bill.md").write_text(PLAIN)
    line = mistake(run(f"personas_dir={personas}"))
    assert "persona=sarah_thompson: there is no such persona" in line and "(choices: bill)" in line


def test_a_folder_of_personas_that_is_a_file_cannot_be_read(run: Run, personas: Path) -> None:
    """`personas_dir` that is not a folder says so and why."""
    file = personas / "bill.md"
    file.write_text(PLAIN)
    assert f"personas_dir={file}: cannot read this folder: Not a directory" in mistake(run(f"personas_dir={file}"))


def test_a_path_below_the_working_folder_is_shown_as_it_would_be_typed(run: Run, here: Path) -> None:
    """A file under the working folder is named relative to it."""
    (here / "bill.md").write_text("---\nmood: high\n---\nprose\n")
    assert mistake(run("personas_dir=.", "persona=bill")).startswith("error: bill.md:2: mood: 'high'")


def test_a_control_character_of_a_file_is_written_out_and_never_sent_to_the_terminal(run: Run, personas: Path) -> None:
    """An escape sequence in what the user wrote is shown as text."""
    (personas / "bill.md").write_text('---\nname: {"\\e[31mred": 1}\n---\nprose\n')
    line = mistake(run(f"personas_dir={personas}", "persona=bill"))
    assert "\x1b" not in line


# ---------------------------------------------------------------- what Hydra's users expect


def test_help_lists_the_groups_with_their_options_and_the_personas(run: Run, personas: Path) -> None:
    """`--help` shows every group, and a persona dropped into the folder is among them."""
    (personas / "bill.md").write_text(PLAIN)
    result = run("--help", f"personas_dir={personas}", "persona=bill")
    assert result.code == 0 and result.err == ""
    assert "persona: bill\n" in result.out and "language: en, th\n" in result.out
    assert "personas_dir" in result.out and '$(python -m runtime -sc install=bash)"' in result.out


def test_cfg_job_prints_the_composed_config_and_starts_nothing(run: Run, personas: Path) -> None:
    """`--cfg job` prints the config; a persona's own choice is in it, and its prose is not."""
    (personas / "bill.md").write_text(f"---\nvoice: firm_male\n---\n{PLAIN}")
    result = run("--cfg", "job", f"personas_dir={personas}", "persona=bill")
    assert result.code == 0 and result.err == ""
    assert "google: Orus" in result.out and "name: bill" in result.out and "parcel" not in result.out


@pytest.fixture
def python(command: list[str], tmp_path: Path) -> str:
    """What a user's shell has as `python`, for `python -m runtime`."""
    file = tmp_path / "python"
    file.write_text(f'#!/bin/sh\nshift 2  # -m runtime\nexec {shlex.join(command)} "$@"\n')
    file.chmod(0o755)
    return str(file) if command != COMMAND else sys.executable


def complete(environment: dict[str, str], here: Path, typed: str, python: str = sys.executable) -> list[str]:
    """What a real bash offers for a line, with the completion that the program installs."""
    script = f"""
        eval "$({python} -m runtime -sc install=bash)"
        COMP_LINE='{typed}' COMP_POINT={len(typed)}
        _runtime_completion {python}
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script], env=environment, cwd=here, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return sorted(done.stdout.split())


def test_bash_completes_groups_options_and_personas(python: str, environment: dict[str, str], here: Path) -> None:
    """TAB in a real bash completes `python -m runtime persona=` to the personas that there are."""
    assert complete(environment, here, "python -m runtime persona=s", python) == ["persona=sarah_thompson"]
    assert complete(environment, here, "python -m runtime mode=p", python) == ["mode=plan", "mode=prompt"]
    assert complete(environment, here, "python -m runtime console.audio=", python) == [
        "console.audio=false",
        "console.audio=true",
    ]
    assert complete(environment, here, "python -m runtime mode=prompt voice=", python) == [
        "voice=bright_female",
        "voice=firm_male",
        "voice=low_male",
        "voice=precise_female",
        "voice=warm_female",
        "voice=young_male",
    ]


def test_bash_completes_personas_of_the_folder_that_was_typed(
    python: str, environment: dict[str, str], here: Path, personas: Path
) -> None:
    """Names in any script are offered as they can be typed."""
    for name in ("สมหญิง", "josé"):
        (personas / f"{name}.md").write_text(PLAIN)
    typed = f"python -m runtime personas_dir={personas} persona="
    assert complete(environment, here, typed, python) == ["persona=josé", "persona=สมหญิง"]
    assert complete(environment, here, f"{typed}ส", python) == ["persona=สมหญิง"]
    assert complete(environment, here, f"{typed}สมหญิง voice=f", python) == ["voice=firm_male"]


def test_bash_is_left_alone_for_other_python_commands(environment: dict[str, str], here: Path) -> None:
    """Completion of `python` without `-m runtime` offers nothing of ours."""
    assert complete(environment, here, "python -m pip persona=") == []


def test_hydra_answers_a_completion_query(run: Run) -> None:
    """`-sc query=bash` prints the options for `COMP_LINE`, one a line."""
    result = run("-sc", "query=bash", env={"COMP_LINE": "runtime language="})
    assert result.code == 0 and result.out.split() == ["language=en", "language=th"]


def test_a_sweep_runs_every_combination_and_leaves_nothing_where_it_was_run(run: Run, here: Path) -> None:
    """`-m` runs each combination in turn; no `outputs/`, no `multirun/`, no log and no chatter is left."""
    result = run("-m", "mode=prompt", "language=en,th", stdin="")
    assert result.code == 0 and result.err == ""
    assert result.out.count("# Persona: Sarah Thompson") == 2
    assert "Speak English only" in result.out and "ภาษาไทย" in result.out
    assert list(here.iterdir()) == []


# ---------------------------------------------------------------- modes


def test_the_prompt_is_printed_to_the_letter(run: Run, personas: Path, here: Path) -> None:
    """`mode=prompt` prints the prose exactly, then the language's part; nothing in it is interpolated."""
    prose = "\n# Persona: Bill ${oc.env:HOME}\n\n---\nkey: ???\n$149.99 ${HOME} \\${x} {{y}} 🎧 สวัสดี\n\n"
    (personas / "bill.md").write_text(f"---\nname: Bill\n---\n{prose}")
    result = run("mode=prompt", f"personas_dir={personas}", "persona=bill")
    assert result.code == 0 and result.err == ""
    assert result.out.startswith(prose) and "Speak English only" in result.out
    assert list(here.iterdir()) == []


def test_check_is_content_with_every_file_of_this_repo(run: Run) -> None:
    """`mode=check` builds every spec that the groups allow and exits with 0 when all of them are fine."""
    result = run("mode=check")
    assert result.code == 0 and result.err == "", result.out
    assert "✓  persona=sarah_thompson" in result.out and "✗" not in result.out
    for model in ("gemini_realtime", "openai_realtime", "openai_pipeline", "offline"):
        assert f"✓  model={model}" in result.out
    assert result.out.splitlines()[-1].endswith(" 0 not fine")


def test_check_names_a_bad_persona_and_still_checks_the_rest(run: Run, personas: Path) -> None:
    """`mode=check` exits with 1 when one persona is wrong, says which and why, and blames nothing else for it."""
    (personas / "adam.md").write_text("---\nendings: [{name: over, when: [refunds]}]\ncues: {refund: {}}\n---\nprose\n")
    (personas / "bill.md").write_text(PLAIN)
    result = run("mode=check", f"personas_dir={personas}", "persona=bill")
    assert result.code == 1 and result.err == ""
    assert [line.split()[1] for line in result.out.splitlines() if line.startswith("✗")] == ["persona=adam"]
    assert f"{personas / 'adam.md'}:2" in result.out and "did you mean refund?" in result.out
    assert "✓  persona=bill" in result.out and "✓  model=offline" in result.out
    assert result.out.splitlines()[-1].endswith(" 1 not fine")


def test_check_names_scenarios_that_two_personas_claim_and_routes_to_nobody(run: Run, personas: Path) -> None:
    """What a worker would refuse to start with is what `mode=check` says: both are about the same claims."""
    for name in ("ann", "bob"):
        (personas / f"{name}.md").write_text(f"---\nscenarios: [refund-01]\n---\n{PLAIN}")
    result = run("mode=check", f"personas_dir={personas}", "persona=ann", "+routing.scenarios.other=bbo")
    assert result.code == 1 and result.err == ""
    wrong = [line.split(maxsplit=2)[1:] for line in result.out.splitlines() if line.startswith("✗")]
    assert [what for what, _ in wrong] == ["scenarios", "scenarios"]
    assert wrong[0][1] == "scenario 'refund-01' is claimed by ann and by bob"
    assert wrong[1][1].startswith("routing.scenarios.other: there is no persona 'bbo'; did you mean bob?")


def test_auto_calls_in_the_terminal_and_says_why(run: Run) -> None:
    """Without LiveKit's variables `mode=auto` calls here, and names those that are not set."""
    result = run(env={"LIVEKIT_URL": "ws://127.0.0.1:7880", "LIVEKIT_API_KEY": "key"})
    assert result.code == 0 and result.err == ""
    first = result.out.splitlines()[0]
    assert first == "mode=auto: LIVEKIT_API_SECRET not set, so the call is in this terminal"


# ---------------------------------------------------------------- .env


def gemini_key(run: Run, here: Path, text: str, env: dict[str, str]) -> Result:
    """Asks for a model that needs keys, with a `.env` in the working folder."""
    (here / ".env").write_text(text)
    return run("mode=console", "model=google_pipeline", env=env)


def test_dotenv_sets_what_the_environment_does_not(run: Run, here: Path) -> None:
    """A `.env` where the command runs is read: quotes, `export`, comments; a variable left empty is not set."""
    text = "\ufeff# keys\n\nexport GOOGLE_API_KEY='from file' # mine\nGOOGLE_APPLICATION_CREDENTIALS=\n"
    line = mistake(gemini_key(run, here, text, {}))
    assert "GOOGLE_APPLICATION_CREDENTIALS is not set" in line and "GOOGLE_API_KEY" not in line


def test_the_environment_wins_over_dotenv(run: Run, here: Path) -> None:
    """What is set in the environment stays as it is, whatever `.env` says."""
    (here / ".env").write_text("XDG_CACHE_HOME=/from/file\nLIVEKIT_URL=/from/file\n")
    result = run("--cfg", "hydra", "-p", "hydra.sweep", "--resolve", env={"XDG_CACHE_HOME": "/from/environment"})
    assert "/from/environment" in result.out and "/from/file" not in result.out
    result = run("--cfg", "hydra", "-p", "hydra.sweep", "--resolve")
    assert "/from/file" in result.out


def test_a_bad_line_of_dotenv_is_named_by_its_number_and_its_content_stays_secret(run: Run, here: Path) -> None:
    """A line of `.env` that is not understood is one error line without what the line says."""
    line = mistake(gemini_key(run, here, "GOOD=1\nsk-secret-key-without-name\n", {}))
    assert line == "error: .env:2: not understood: a line is NAME=value"


DOTENV = [
    (r"KEY=pa$$HOME-${HOME}", "pa$$HOME-${HOME}"),
    ("KEY= # nothing", None),
    ("KEY=", None),
    ("KEY=a#b # c", "a#b"),
    ("KEY=first\nKEY=last", "last"),
    ("KEY=first\nKEY=", None),
    ("export KEY='a # b'", "a # b"),
    ('KEY="a\\nb"', "a\nb"),
    ("KEY=สวัสดี\r\nB=1\r\n", "สวัสดี"),
]


@pytest.mark.parametrize(("text", "value"), DOTENV, ids=[text for text, _ in DOTENV])
def test_dotenv_is_read_as_python_dotenv_reads_it_and_a_dollar_stays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, value: str | None
) -> None:
    """Quotes, comments and repeated names are as people know them; a secret with `$` in it is kept to the letter."""
    for name in ("KEY", "B"):
        monkeypatch.setenv(name, "")  # which is put back as it was
        monkeypatch.delenv(name)
    (tmp_path / ".env").write_bytes(text.encode())
    load_dotenv(tmp_path / ".env")
    assert os.environ.get("KEY") == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"GOOD=1\nsk-secret\x00=1\n", ".env:2: not understood"),
        (b'GOOD=1\n\n\nKEY="sk-secret\nB=2\n', ".env:4: not understood: a line is NAME=value, and a quote"),
        (b"KEY='sk-secret' more\n", ".env:1: not understood"),
        (b"sk-secret B=1\n", ".env:1: not understood: a line is NAME=value"),
        (b"=sk-secret\n", ".env:1: not understood"),
        (b"'sk-secret=1'=2\n", ".env:1: not understood"),
        ("KEY=sk-secret\n".encode("utf-16"), ".env:1: not UTF-8 text: save the file as UTF-8"),
        (b"A=1\nKEY=sk-secret\xff\n", ".env:2: not UTF-8 text"),
    ],
)
def test_a_dotenv_that_cannot_be_read_is_one_line_without_what_it_says(
    run: Run, here: Path, text: bytes, said: str
) -> None:
    """A NUL byte, an open quote, another encoding: the line's number, and nothing of its content."""
    (here / ".env").write_bytes(text)
    line = mistake(run("mode=prompt"))
    assert line.startswith(f"error: {said}") and "secret" not in line


def test_a_dotenv_that_is_no_file_is_one_line(run: Run, here: Path) -> None:
    """A folder, a pipe that nobody may ever write to and that is not waited for, a link to nowhere but itself."""
    (here / ".env").mkdir()
    assert mistake(run("mode=prompt")) == "error: .env: this is a folder, not a file"
    (here / ".env").rmdir()
    os.mkfifo(here / ".env")
    assert mistake(run("mode=prompt")) == "error: .env: this is a pipe, not a file"
    (here / ".env").unlink()
    (here / ".env").symlink_to(".env")
    assert "error: .env: cannot read this file: Too many levels" in mistake(run("mode=prompt"))


def test_a_process_of_the_tests_cannot_leave_this_machine(environment: dict[str, str], here: Path) -> None:
    """The network guard of the tests refuses any address but loopback, by number and by name."""
    script = "import socket; socket.create_connection(({!r}, 9), timeout=1)"
    for host in ("192.0.2.1", "example.com"):
        done = subprocess.run(
            [COMMAND[0], "-c", script.format(host)], env=environment, cwd=here, capture_output=True, text=True
        )
        assert "a test may not" in done.stderr, os.linesep.join([host, done.stderr])


INTERRUPT = """
import os, sys

def interrupt(event, arguments):
    if event == "import" and arguments[0] == {module!r}:
        os.kill(os.getpid(), {number})

sys.addaudithook(interrupt)
"""


@pytest.mark.parametrize("module", ["hydra", "rich.console", "runtime.doctor.check", "livekit.agents"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_the_program_starts_leaves_no_traceback(
    environment: dict[str, str], tmp_path: Path, module: str, number: signal.Signals
) -> None:
    """Ctrl-C and SIGTERM in the very moment in which this is imported."""
    (tmp_path / "sitecustomize.py").write_text(LOOPBACK_ONLY + INTERRUPT.format(module=module, number=int(number)))
    environment |= {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    ended = subprocess.run([*COMMAND, "mode=check"], env=environment, cwd=tmp_path, capture_output=True)
    code = 130 if number == signal.SIGINT else -signal.SIGTERM
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, b"", b"")


def test_what_a_library_makes_of_ctrl_c_is_still_ctrl_c() -> None:
    """OmegaConf, interrupted in the middle of a step, fails on what that left half done."""
    with pytest.raises(SystemExit) as stopped, exits():
        try:
            raise KeyboardInterrupt
        finally:
            raise AttributeError("half done")
    assert stopped.value.code == 130


def test_a_new_persona_needs_a_name(run: Run) -> None:
    """The default persona is not what `mode=new` is about."""
    result = run("mode=new")
    assert (result.code, result.err) == (2, "error: mode=new: persona=NAME is missing, the name of the new persona\n")


def test_a_persona_is_known_by_part_of_her_name_and_a_dangling_link_by_what_it_is(run: Run, personas: Path) -> None:
    """Who types half a name is told the whole; a link to nothing is no misspelt name."""
    assert "did you mean sarah_thompson?" in run("persona=sara").err
    (personas / "bin.md").write_text("You are Bill.\n")
    (personas / "link.md").symlink_to(personas / "nowhere.md")
    result = run("persona=link", f"personas_dir={personas}")
    assert result.code == 2 and "link.md: cannot read this file: it is a link to a file that is not there" in result.err
