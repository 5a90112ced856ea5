"""Writing a persona: sentences are tried, a file is begun, and editors know its keys."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from runtime.arc.phrases import held_by
from tests.conftest import Run

SAID = "I'm so sorry, that was our mistake.\n\nYou will have it by Friday.\n"


def test_sentences_are_tried_each_from_a_fresh_state(run: Run) -> None:
    """Each line says which cues it holds, with the words, and what became of the mood; empty lines are none."""
    result = run("mode=try", "lines=json", "record=off", stdin=SAID)
    first, second = map(json.loads, result.out.splitlines())
    assert result.code == 0, result.err
    assert [cue["cue"] for cue in first["cues"]] == ["ownership"] and first["cues"][0]["words"] == "our mistake"
    assert (first["before"], first["mood"], first["facts"]) == (30, 50, [])
    assert second["before"] == 30 and [cue["cue"] for cue in second["cues"]] == ["deadline"]
    assert first["answer"] and first["emotion"] == "frustrated" and first["ending"] is None


def test_of_a_phrase_only_what_was_heard_is_shown(run: Run) -> None:
    """Not all that would have done; and what was found is not nearly found besides."""
    said = "That was our mistake.\nYour case number is 44 71 82.\nWhat is your account number?\n"
    result = run("mode=try", "listening=phrases", "language=en", stdin=said)
    assert result.code == 0, result.err
    assert "ownership +20: “our mistake” (phrase)" in result.out and "|" not in result.out
    assert "“case number is 44” (phrase 'case number #')" in result.out and "nearly account" not in result.out
    assert held_by("our|my mistake|error|fault", "Our own fault") == "our fault"
    assert held_by("ขอโทษ|เสียใจ ค่ะ|ครับ", "เสียใจด้วยครับ") == "เสียใจ ครับ" and held_by("a|b c", "") == "a|b c"


def test_sentences_can_be_the_turns_of_one_call(run: Run) -> None:
    """Then the mood goes on, and a question for the same thing is one too many."""
    told = "What's your account number?\n" * 2
    result = run("mode=try", "sentences=call", "listening=phrases", stdin=SAID + told)
    assert result.code == 0, result.err
    assert "mood 50 → 60" in result.out and "asks for account" in result.out
    assert "asked_again -10" in result.out and "CUST-2847" in result.out


def test_sentences_end_with_the_word_that_ends_a_call(run: Run) -> None:
    """`/end` is nothing that a trainee says."""
    result = run("mode=try", "listening=phrases", "lines=json", stdin="Hello.\n/end\nGood morning.\n")
    assert result.code == 0 and [json.loads(line)["text"] for line in result.out.splitlines()] == ["Hello."]


def test_bytes_that_are_no_text_are_read_all_the_same(run: Run) -> None:
    """As in a call: what cannot be read is shown as such, and the sentences after it are tried."""
    result = run("mode=try", stdin=b"caf\xe9 \xff\nThat was our mistake.\n")
    assert result.code == 0 and "ownership +20" in result.out, result.err


def test_who_types_sentences_is_told_how_they_are_taken_and_what_ends_them(
    command: list[str], environment: dict[str, str], here: Path
) -> None:
    """On a terminal alone: a pipe gets nothing but answers."""
    ours, theirs = pty.openpty()
    os.write(ours, b"/end\n")
    done = subprocess.run(
        [*command, "mode=try", "listening=phrases", "sentences=call"],
        stdin=theirs, stdout=subprocess.PIPE, env=environment, cwd=here, timeout=60
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stdout.startswith(b"all sentences are one call (sentences=fresh: ")
    for end in (ours, theirs):
        os.close(end)


@pytest.mark.parametrize("shell", ["<&-", "< /dev/zero | head -c 0"], ids=["closed", "endless"])
def test_an_input_that_is_closed_or_has_no_end_leaves_no_traceback(
    command: list[str], environment: dict[str, str], here: Path, shell: str
) -> None:
    """Nothing was typed; and where nobody reads on, nothing more is read."""
    script = f"set -o pipefail; {shlex.join([*command, 'mode=try', 'listening=phrases'])} {shell}"
    done = subprocess.run(["bash", "-c", script], env=environment, cwd=here, capture_output=True, timeout=60)
    assert (done.returncode in (0, 1), done.stdout, done.stderr) == (True, b"", b"")


def test_a_persona_is_begun_in_the_language_that_is_asked_for(run: Run, personas: Path) -> None:
    """All texts and the prose are Thai; her calls are, whatever else is chosen; a good trainee wins her."""
    options = "persona=som_ying", f"personas_dir={personas}"
    assert run("mode=new", *options, "language=th").code == 0
    text = (personas / "som_ying.md").read_text()
    front, prose = text.split("---\n")[1:]
    lines = [line.partition("#")[0] for line in front.splitlines()]
    assert not [line for line in lines if re.search(r"\ben:", line)] and "# Persona: Som Ying" in prose
    assert all(re.search("[ก-๙]", part) for part in re.findall(r'"([^"]+)"', "".join(lines)))
    checked = run("mode=check", *options)
    assert "✓  persona=som_ying" in checked.out and not re.search("[✗!]  persona=", checked.out), checked.out
    assert "ดิฉันสั่งโคมไฟจากร้านคุณ" in run(*options).out
    tried = run("mode=rehearse", *options, "trainee=good", f"record.dir={personas}")
    assert tried.code == 0 and "100 (passed)" in tried.out, tried.out


def test_a_persona_is_begun_once_and_is_fine(run: Run, tmp_path: Path) -> None:
    """The file passes the check as it is, is won by a trainee who does well, points editors to the schema beside it,
    and is never written over."""
    folder = tmp_path / "mine"
    folder.mkdir()
    made = run("mode=new", "persona=kim_lee", f"personas_dir={folder}")
    file = folder / "kim_lee.md"
    assert made.code == 0 and "kim_lee.md" in made.out, made.err
    text = file.read_text()
    assert "# Persona: Kim Lee" in text and text.splitlines()[1].endswith("$schema=.persona.schema.json")
    keys = json.loads((folder / ".persona.schema.json").read_text())["properties"]
    assert {"facts", "cues", "objectives"} <= keys.keys() and "named_cues" not in keys
    checked = run("mode=check", "persona=kim_lee", f"personas_dir={folder}")
    assert "✓  persona=kim_lee" in checked.out and "✗" not in checked.out, checked.out
    tried = run("mode=rehearse", "persona=kim_lee", "trainee=good", f"personas_dir={folder}", f"record.dir={tmp_path}")
    assert tried.code == 0 and "100 (passed)" in tried.out, tried.out
    file.write_text(text + "\nMine.\n")
    again = run("mode=new", "persona=kim_lee", f"personas_dir={folder}")
    assert again.code == 2 and "stays as it is" in again.err and file.read_text().endswith("Mine.\n")
