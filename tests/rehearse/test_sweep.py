"""`-m`: each combination is rehearsed, whatever becomes of the others, and the answer is made from the folder."""

import errno
import multiprocessing
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hydra.core.utils import JobReturn, JobStatus
from joblib import Parallel, delayed, register_parallel_backend
from omegaconf import OmegaConf

from runtime.config.command_line import parts_of
from runtime.config.compose import compose
from runtime.config.groups import GROUPS
from runtime.errors import SpecError, UntoldExit, exits
from runtime.record.folder import make_private
from runtime.rehearse import job
from runtime.rehearse.answer import Answer
from runtime.rehearse.combination import combination_of, command_of, rehearse
from runtime.rehearse.report import sweep_report
from runtime.rehearse.sweep import (
    CALLS,
    REPORT,
    RESULTS,
    Outcome,
    Row,
    from_csv,
    holding,
    open_sweep,
    rows,
    write_row,
    writing,
)
from runtime.rehearse.workers import Forks
from runtime.spec.settings import Record, Rehearse, Settings
from runtime.spec.trainee import ScriptLine, Trainee
from runtime.terminal import rehearsal
from runtime.terminal.rehearsal import show_rehearsal
from tests.conftest import Run, processes_in

from .jobs import measured

CHOICES = {group: group for group in (*GROUPS, "trainee")}
PLAIN = "# Persona: Bill Jones\n\nYou are Bill Jones. Your parcel never came.\n"


def sweep_in(folder: Path) -> Settings:
    return Settings(rehearse=Rehearse(dir=str(folder / "sweep")))


def one_call(sweep: Path) -> None:
    """Writes what became of one."""
    row = Row({"persona": "bill", "trainee": "good"}, 1, f"{CALLS}/bill/1", measures=measured())
    make_private(sweep / row.folder)
    write_row(sweep / row.folder, row)


def the_sweep(here: Path) -> Path:
    (sweep,) = (here / "sessions" / "sweeps").iterdir()
    return sweep


def test_a_sweep_answers_and_one_failure_stops_nothing_else(run: Run, here: Path, personas: Path) -> None:
    """`-m` without a mode rehearses. What fails is said at once and at the end and makes the exit code 1; a combination
    that cannot be is skipped, and said."""
    (personas / "bill.md").write_text(PLAIN)
    options = ["persona=bill", f"personas_dir={personas}", "record.dir=sessions", "rehearse.repeats=2"]
    result = run("-m", "model=offline,deepgram_cartesia,gemini_realtime", "voice=bright_female,firm_male", *options)
    assert result.code == 1 and result.err == ""
    lines = result.out.splitlines()
    outcomes = {(row.combination["model"], row.combination["voice"]): row.outcome for row in rows(the_sweep(here))}
    assert len(rows(the_sweep(here))) == 12
    assert outcomes["offline", "bright_female"] is outcomes["offline", "firm_male"] is Outcome.DONE
    assert outcomes["gemini_realtime", "firm_male"] is Outcome.FAILED
    assert outcomes["deepgram_cartesia", "firm_male"] is Outcome.SKIPPED
    assert len([line for line in lines if "GOOGLE_API_KEY is not set" in line]) == 2
    assert [line for line in lines if line.startswith("– 2 skipped: voice=firm_male has no name for cartesia")]
    assert "model voice\tcalls\t" in result.out and f"{the_sweep(here).relative_to(here)}/report.html" in lines[-1]
    assert from_csv(the_sweep(here) / RESULTS) == rows(the_sweep(here))


def test_jobs_in_other_processes_read_the_same_personas(run: Run, here: Path, personas: Path) -> None:
    """`hydra/launcher=joblib` composes in processes of its own; their rows are those of one after the other."""
    for name in ("bill", "jane"):
        (personas / f"{name}.md").write_text(PLAIN)
    options = ["persona=bill,jane", f"personas_dir={personas}", "rehearse.dir=sweep"]
    result = run("-m", *options, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    assert result.code == 0, result
    assert [row.combination["persona"] for row in rows(here / "sweep")] == ["bill", "jane"]
    assert all(row.outcome is Outcome.DONE for row in rows(here / "sweep"))


@pytest.mark.parametrize("launcher", ["basic", "joblib"])
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=["Ctrl-C", "kill", "kill -9"])
def test_a_sweep_that_was_stopped_goes_on_where_it_was(
    run: Run, command: list[str], here: Path, environment: dict[str, str], stop: signal.Signals, launcher: str
) -> None:
    """`rehearse.resume=true` does what is missing and nothing again; what had failed counts as missing. Processes that
    hold calls end with the one that was stopped."""
    options = ["-m", "trainee=good,poor", "rehearse.repeats=4", f"hydra/launcher={launcher}"]
    process = subprocess.Popen(
        [*command, *options], cwd=here, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    for _ in range(2):
        process.stdout.readline()
    process.send_signal(stop)
    out, told = process.communicate(timeout=60)
    assert process.returncode == (-stop if stop == signal.SIGKILL else 128 + stop)
    before = {row.folder: (the_sweep(here) / row.folder).stat().st_ino for row in rows(the_sweep(here))}
    assert 1 <= len(before) < 8
    more = ["rehearse.resume=true"]
    if stop != signal.SIGKILL:  # with the table of what is there
        assert b"ended by" in out
        line = told.decode().splitlines()[-1]
        assert line.startswith(f"stopped: {len(before)} of 8 done; go on with python -m runtime -m trainee=good,poor")
        program, more = line.partition("go on with ")[2].split()[:3], line.split()[-2:]
        assert program == ["python", "-m", "runtime"] and more[0] == "rehearse.resume=true"
    else:  # whichever launcher does the rest
        options[-1] = "hydra/launcher=basic"
    result = run(*options, *more)
    assert result.code == 0, result
    found = rows(the_sweep(here))
    assert len(found) == 8 and all(row.outcome is Outcome.DONE for row in found)
    assert {place: (the_sweep(here) / place).stat().st_ino for place in before} == before
    assert len([line for line in result.out.splitlines() if line.startswith("✓")]) == 8 - len(before)


@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_a_sweep_in_the_background_of_a_script_is_ended_too(
    command: list[str], here: Path, environment: dict[str, str], launcher: str
) -> None:
    """A shell has what it starts there ignore Ctrl-C."""
    options = ["-m", "rehearse.repeats=40", f"hydra/launcher={launcher}"]
    script = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command, *options]
    with subprocess.Popen(script, cwd=here, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as sweep:
        assert sweep.stdout
        sweep.stdout.readline()
        sweep.terminate()
        _, told = sweep.communicate(timeout=60)
    assert sweep.returncode == 128 + signal.SIGTERM
    assert told.decode().splitlines()[-1].startswith(f"stopped: {len(rows(the_sweep(here)))} of 40 done; go on with")


def test_a_process_of_a_sweep_that_is_killed_stops_it_with_what_there_is(
    command: list[str], here: Path, environment: dict[str, str]
) -> None:
    """As the system does that runs out of memory: with the command that goes on, and nothing waits for it for ever."""
    options = ["-m", "rehearse.repeats=12", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    with subprocess.Popen(
        [*command, *options], cwd=here, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as sweep:
        assert sweep.stdout
        sweep.stdout.readline()
        there = {process.pid: process for process in processes_in(here)}
        next(process for process in there.values() if process.ppid() in there).kill()
        out, told = sweep.communicate(timeout=60)
    assert sweep.returncode == 1 and b"ended by" in out
    done = len(rows(the_sweep(here)))
    assert told.decode().startswith(
        f"a process of the sweep was killed: {done} of 12 done; go on with python -m runtime"
    )


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["model=openai_realtime"], "model=openai_realtime: OPENAI_API_KEY is not set"),
        (["trainee=simulated"], "trainee=simulated: OPENAI_API_KEY is not set"),
        (["trainee=simulated", "trainee.llm.plugin=nope"], "trainee=simulated: llm: plugin nope is not installed"),
        (
            ["trainee=simulated", "+trainee.llm.options.modl=x"],
            "trainee=simulated: llm.options.modl: openai has no such",
        ),
        (["model.llm.plugin=nope"], "model=offline: llm: plugin nope is not installed"),
        (["rehearse.line.noise=10"], "rehearse.line is of spoken calls alone: rehearse.audio=true"),
        (["persona=jane"], "jane.md"),
        (["persona=bill"], "bill.trainees.yaml:1: good.en.0"),
    ],
)
def test_what_keeps_the_one_call_of_a_rehearsal_from_being_held_is_one_line(
    run: Run, here: Path, personas: Path, asked: list[str], said: str
) -> None:
    """Whichever part of it is wrong; nothing is left behind."""
    (personas / "bill.md").write_text(PLAIN)
    (personas / "bill.trainees.yaml").write_text("good: {en: [3]}\n")
    (personas / "jane.md").write_text("---\nmood: much\n---\n" + PLAIN)
    (personas / "sarah_thompson.md").write_text(PLAIN)
    key = {"OPENAI_API_KEY": "none"} if "trainee.llm" in asked[-1] else {}
    result = run("mode=rehearse", f"personas_dir={personas}", *asked, env=key)
    assert result.code == 2 and result.out == "" and not list(here.iterdir()), result
    assert result.err.startswith("error: ") and said in result.err and len(result.err.splitlines()) == 1


def test_a_mistake_in_a_later_combination_ends_a_sweep_with_what_there_is(run: Run, here: Path) -> None:
    """One that nothing tells before: what is wrong is one line, and how to go on another; what was held is answered."""
    result = run("-m", "rehearse.line.band=full,${oc.env:NOPE}")
    wrong, more = result.err.splitlines()
    assert result.code == 2 and wrong.startswith("error: rehearse.line.band: ") and "'NOPE' not found" in wrong
    assert more.startswith("stopped: 1 of 2 done; go on with python -m runtime -m 'rehearse.line.band=full,${oc.env:")
    assert "ended by" in result.out and result.out.endswith(f"{the_sweep(here).relative_to(here)}/report.html\n")
    assert from_csv(the_sweep(here) / RESULTS) == rows(the_sweep(here))


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_that_is_full_ends_a_sweep_with_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answer is shown although it cannot be written, and the reason is one line."""
    monkeypatch.setattr(rehearsal, "write_private", full)

    def run(sweep: Path) -> None:
        one_call(sweep)
        with writing(sweep):
            full()

    assert show_rehearsal(sweep_in(tmp_path), [], 2, run) == 2
    out, err = capsys.readouterr()
    wrong, more = err.splitlines()
    assert wrong.endswith("a sweep cannot be written here: No space left on device")
    assert more.startswith("stopped: 1 of 2 done; go on with python -m runtime ")
    assert "ended by" in out and REPORT not in out


def test_whatever_ends_a_sweep_it_is_answered_by_what_there_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error of a library's, after which it is raised as any other."""

    def run(sweep: Path) -> None:
        one_call(sweep)
        raise RuntimeError("no such thing")

    with pytest.raises(RuntimeError, match="no such thing"):
        show_rehearsal(sweep_in(tmp_path), [], None, run)
    out, err = capsys.readouterr()
    assert "ended by" in out and err.startswith("stopped: 1 of ? done; go on with ")
    assert len(from_csv(tmp_path / "sweep" / RESULTS)) == 1


def test_ctrl_c_before_the_first_call_leaves_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to show yet, and no report of it."""

    def run(_: Path) -> None:
        raise KeyboardInterrupt

    assert show_rehearsal(sweep_in(tmp_path), [], 108, run) == 130
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 1
    assert err.startswith("stopped: 0 of 108 done; go on with ")
    assert not (tmp_path / "sweep" / REPORT).exists()


def test_a_sweep_that_runs_is_not_gone_on_with_by_another_process(run: Run, here: Path) -> None:
    """The same calls are not held twice at once: one line, and nothing of it is touched."""
    sweep = open_sweep("", str(here / "sweep"), ["mode=rehearse"], resume=False)
    command = ["mode=rehearse", "rehearse.resume=true", "rehearse.dir=sweep"]
    with holding(sweep):
        result = run(*command)
        assert result.code == 2 and result.out == "" and not rows(sweep)
        assert result.err.startswith("error: sweep: rehearse.resume=true: this sweep is not over: another process")
        assert len(result.err.splitlines()) == 1
    assert run(*command).code == 0 and len(rows(sweep)) == 1


def test_a_fork_of_the_process_that_holds_a_sweep_does_not_hold_it(tmp_path: Path) -> None:
    """Such as a worker, which may be there a while longer."""
    sweep = open_sweep("", str(tmp_path / "sweep"), [], resume=False)
    forks = multiprocessing.get_context("fork")
    begun, over = forks.Event(), forks.Event()

    def stay() -> None:
        begun.set()
        over.wait()

    with holding(sweep):
        fork = forks.Process(target=stay)
        fork.start()
        assert begun.wait(60)
    with holding(sweep):
        assert fork.is_alive()
    over.set()
    fork.join()


def test_a_sweep_is_a_regression_test_of_a_persona(run: Run, here: Path, personas: Path) -> None:
    """Beside an earlier sweep, or its results alone: exit code 1 where a score has fallen, 0 where nothing changed."""
    sarah = Path(__file__).parents[2] / "personas" / "sarah_thompson.md"
    (personas / "sarah.md").write_text(sarah.read_text())
    command = ["mode=rehearse", "persona=sarah", f"personas_dir={personas}"]
    assert run(*command, "rehearse.dir=before").code == 0
    same = run(*command, "rehearse.dir=same", "rehearse.compare=before")
    assert same.code == 0 and "beside the earlier sweep: none is worse\n" in same.out
    worse = sarah.read_text().replace("met: [refund]", "met: [hold_explained]")
    (personas / "sarah.md").write_text(worse.replace("met: [verification]", "met: [hold_explained]"))
    result = run(*command, "rehearse.dir=after", f"rehearse.compare=before/{RESULTS}")
    assert result.code == 1 and "✗ worse: sarah: score 100 → 60" in result.out
    assert "✗ worse: sarah: passed 100 % → 0 %" in result.out
    limits = ["rehearse.limits.score=50", "rehearse.limits.passed=100"]
    assert run(*command, "rehearse.dir=lenient", "rehearse.compare=before", *limits).code == 0


def test_a_folder_that_cannot_be_written_is_one_line(
    run: Run, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the start, and where the disk becomes full in the middle of it."""
    (here / "file").touch()
    for more in ["mode=rehearse"], ["-m", "trainee=good,poor"]:
        result = run(*more, "rehearse.dir=file/sweep")
        assert result.code == 2 and result.err == "error: file/sweep: a sweep cannot be written here: Not a directory\n"

    monkeypatch.setattr(job, "write_row", full)
    spec = compose(["listening=phrases"])
    settings = Settings(record=Record(dir=str(tmp_path)), trainee=Trainee(scripts={"en": (ScriptLine(say="Hello."),)}))
    why = f"{tmp_path}: a sweep cannot be written here: No space left on device"
    with pytest.raises(SpecError, match=why):
        rehearse(settings, {**spec.choices, "trainee": "good"}, [], lambda: spec, tmp_path, print)


def test_of_many_workers_that_fail_alike_one_line_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    """By the process that they were forked from, with exit code 2."""

    def fail() -> None:
        with exits():
            raise SpecError("x: a sweep cannot be written here")

    workers = Forks()
    workers.configure(2)
    with pytest.raises(SystemExit) as stopped, exits():
        futures = [workers.submit(fail) for _ in range(4)]
        assert {type(future.exception()) for future in futures} == {UntoldExit}
        workers.retrieve_result_callback(futures[0])
    workers.terminate()
    assert stopped.value.code == 2 and capfd.readouterr().err == "error: x: a sweep cannot be written here\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["fork", "thread"])
def test_an_interrupt_while_workers_start_ends_them_as_any_other_does(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], moment: str, number: signal.Signals
) -> None:
    """While a process forks, where Python prints and forgets what is raised; before the pool's own thread has begun,
    for which nobody could wait."""
    real_fork, real_start, due = os.fork, threading.Thread.start, [number]

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    def interrupt() -> None:
        if due:
            signal.raise_signal(due.pop())

    def fork() -> int:
        os.register_at_fork(after_in_parent=interrupt)
        return real_fork()

    def start(thread: threading.Thread) -> None:
        interrupt()
        real_start(thread)

    if moment == "fork":
        monkeypatch.setattr(os, "fork", fork)
    else:
        monkeypatch.setattr(threading.Thread, "start", start)
    before = signal.signal(signal.SIGINT, stop), signal.signal(signal.SIGTERM, stop)
    register_parallel_backend("forks", Forks)
    try:
        with pytest.raises(KeyboardInterrupt):
            Parallel(2, backend="forks")(delayed(list)() for _ in range(4))
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == (stop, stop)
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])
    assert not multiprocessing.active_children() and capfd.readouterr().err == ""


def test_what_a_worker_returns_is_sent_in_one_part() -> None:
    """Of two parts a worker that is killed may leave the first, and who has read it waits for ever."""

    def hold() -> list[JobReturn]:
        config = OmegaConf.create({"text": "x" * 100_000})
        done = JobReturn(["persona=bill"], config, config, status=JobStatus.COMPLETED)
        done.return_value = 1.0
        return [done]

    workers = Forks()
    workers.configure(1)
    (done,) = workers.submit(hold).result()
    workers.terminate()
    assert done.return_value == 1 and len(pickle.dumps(done)) < 16_384


@pytest.mark.parametrize(
    ("launcher", "combinations", "repeats", "parts"),
    [
        ({}, 1, 40, 1),
        ({"n_jobs": 2}, 1, 40, 2),
        ({"n_jobs": 2}, 2, 40, 2),
        ({"n_jobs": 2}, 32, 5, 1),
        ({"n_jobs": 8}, 1, 5, 5),
        ({"nodes": 1}, 3, 5, 5),
    ],
)
def test_repeats_are_as_many_jobs_as_there_are_workers_to_hold_them(
    launcher: dict[str, int], combinations: int, repeats: int, parts: int
) -> None:
    """Hydra composes each job twice, a tenth of a second each: one after the other they are one job, on a cluster each
    is its own."""
    target = "x.BasicLauncher" if not launcher else "x.OtherLauncher"
    assert parts_of(OmegaConf.create({"_target_": target, **launcher}), combinations, repeats) == parts


def test_a_command_is_the_same_sweep_whatever_shows_or_launches_it() -> None:
    """Which sweep is resumed does not depend on the launcher, the output or what it is compared with."""
    command = ["model=a,b", "rehearse.repeats=2"]
    more = ["hydra/launcher=joblib", "rehearse.resume=true", "rehearse.compare=x", "log=info", "lines=json"]
    assert command_of([*more, *command]) == command_of(command)


def test_whatever_is_swept_over_makes_calls_of_their_own(run: Run, here: Path, personas: Path) -> None:
    """Any key, though no call's spec has it: in the folder's name, the line, the table and the results."""
    (personas / "bill.md").write_text(PLAIN)
    swept = ["seed=10,2", "rehearse.turns=1,40", "user=สมชาย", "difficulty=normal,hard"]
    result = run("-m", "persona=bill", f"personas_dir={personas}", "rehearse.dir=sweep", *swept)
    found = rows(here / "sweep")
    assert result.code == 0 and len(found) == 8 == len({row.folder for row in found})
    keys = ("seed", "rehearse.turns", "difficulty")
    assert len({tuple(row.combination[key] for key in keys) for row in found}) == 8
    assert all("user" not in row.combination and row.swept == keys for row in found)
    assert all(row.seed == int(row.combination["seed"]) for row in found)
    assert list(dict.fromkeys(row.combination["seed"] for row in found)) == ["2", "10"]  # by their size
    assert "difficulty seed rehearse.turns\tcalls\t" in result.out
    line = "bill en offline bright_female good difficulty=hard seed=2 rehearse.turns=1 #1: "
    assert len([told for told in result.out.splitlines() if line in told]) == 1
    assert from_csv(here / "sweep" / RESULTS) == found


def test_what_had_failed_or_was_edited_is_called_again_and_said(run: Run, here: Path, personas: Path) -> None:
    """`rehearse.resume=true` leaves no call of an earlier revision in the answer; each that is held has its line."""
    (personas / "bill.md").write_text(PLAIN)
    command = ["-m", "persona=bill", "model=offline,gemini_realtime", f"personas_dir={personas}", "rehearse.dir=sweep"]
    failed, again = (
        "✗ [12]/2 bill en gemini_realtime .* failed: .*GOOGLE_API_KEY is not set",
        "calls held again, as files of theirs were edited since: ",
    )
    first = run(*command)
    assert first.code == 1 and re.search(failed, first.out)
    (before,) = {row.revision for row in rows(here / "sweep") if row.outcome is Outcome.DONE}
    resumed = run(*command, "rehearse.resume=true")
    assert resumed.code == 1 and re.search(failed.replace("[12]", "2"), resumed.out)
    assert "✓" not in resumed.out and again not in resumed.out
    (personas / "bill.md").write_text(PLAIN + "You are furious.\n")
    edited = run(*command, "rehearse.resume=true")
    assert re.search(failed, edited.out) and re.search("✓ [12]/2 bill en offline", edited.out)
    assert f"{again}1\n" in edited.out
    (after,) = {row.revision for row in from_csv(here / "sweep" / RESULTS) if row.outcome is Outcome.DONE}
    assert before and after and before != after


def test_what_makes_a_combination_is_each_group_and_what_is_set_of_it() -> None:
    """Keys of the program itself, such as where it is recorded, make none."""
    overrides = ["model.llm.options.temperature=0.2", "record.dir=x", "model=model", "mode=rehearse"]
    assert combination_of(CHOICES, overrides) == {**CHOICES, "model.llm.options.temperature": "0.2"}
    swept = combination_of(CHOICES, ["++user='a, b'", "record.dir=x", "model=model"], ["user", "model"])
    assert swept == {**CHOICES, "user": "a, b"}


def test_a_folder_is_not_written_into_twice_nor_by_another_command(tmp_path: Path) -> None:
    """Each says what to do instead."""
    folder = str(tmp_path / "x")
    open_sweep("sessions", folder, ["a=1"], resume=False)
    with pytest.raises(SpecError, match=r"holds a sweep: add rehearse\.resume=true"):
        open_sweep("sessions", folder, ["a=1"], resume=False)
    with pytest.raises(SpecError, match="another command: a=1"):
        open_sweep("sessions", folder, ["a=2"], resume=True)
    with pytest.raises(SpecError, match="no sweep of this command"):
        open_sweep(str(tmp_path), None, ["a=1"], resume=True)


def test_the_report_gives_the_answer_first_and_escapes_what_a_call_said(tmp_path: Path) -> None:
    """One file with no script, no address but those of the calls' own reports, and no text of a call's as markup."""
    key = {"persona": "sarah", "model": "a"}
    hostile = "</span><script>alert(1)</script> 0:41 gave account unasked: ${x} {{ y }}"
    found = [
        *(Row(key, i, f"calls/a b/{i}", measures=measured(score=80 + i, breaks=(hostile,))) for i in (1, 2, 3)),
        *(Row(key | {"model": "b"}, i, f"calls/b/{i}", measures=measured(score=20 + i)) for i in (1, 2, 3)),
        Row(key | {"model": "c"}, 1, "calls/c/1", Outcome.FAILED, "refused <b>"),
    ]
    page = sweep_report(tmp_path / "2026-11-26-045923", Answer(found))
    assert page.index("best score: a, 82 ± 2 on average (95 %)") < page.index("<table>")
    assert "<script" not in page and "refused <b>" not in page and "{{ y }}" in page
    assert {link for link in re.findall(r'href="([^"]*)"', page) if "calls/" not in link} == set()
    assert 'href="calls/a%20b/1/report.html"' in page and "Rehearsal of 2026-11-26 04:59" in page


def test_a_sweeper_is_told_the_score_of_all_repeats(tmp_path: Path) -> None:
    """Their mean, for sweepers that look for the best; a call that was not held counts as none."""
    settings = Settings(record=Record(dir=str(tmp_path)), rehearse=Rehearse(repeats=2), trainee=Trainee())
    spec = compose([])
    assert rehearse(settings, {**spec.choices, "trainee": "good"}, [], lambda: spec, tmp_path, print) == 100
    poor = rehearse(settings, {**spec.choices, "trainee": "poor"}, [], lambda: spec, tmp_path, print)
    assert 0 <= poor < 50
    nobody = rehearse(settings, {**spec.choices, "trainee": "nobody"}, [], lambda: spec, tmp_path, print)
    assert nobody == 0 and {row.outcome for row in rows(tmp_path)} == {Outcome.DONE, Outcome.SKIPPED}


def test_an_optimizing_sweeper_finds_the_best_trainee(here: Path, environment: dict[str, str]) -> None:
    """`hydra/sweeper=optuna` is told each combination's score, over all its repeats, and names the best."""
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper", reason="the extra optuna is not installed")
    sweeper = ["hydra/sweeper=optuna", "hydra.sweeper.n_trials=2"]
    command = [sys.executable, "-m", "runtime", "-m", "trainee=choice(poor,good)", "rehearse.repeats=2", *sweeper]
    # Optuna 2.10 warns of its own age: no warning is an error here.
    result = subprocess.run(
        [*command, "hydra.sweeper.n_jobs=1", "hydra.sweeper.sampler.seed=0"],
        cwd=here,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0 and result.stderr == "", result
    assert "best score that optuna found: 100, with trainee=good\n" in result.stdout
    assert "best score that optuna found: 100, with trainee=good" in (the_sweep(here) / "report.html").read_text()
    assert {row.combination["trainee"] for row in rows(the_sweep(here))} == {"good", "poor"}
    assert len(rows(the_sweep(here))) == 4
