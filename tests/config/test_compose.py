"""Options and files → one spec."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import OmegaConf

import runtime.config.compose
from runtime.arc.briefing import instructions
from runtime.arc.machine import fold
from runtime.config import groups, mistakes
from runtime.config.compose import (
    combine,
    combine_chosen,
    combine_config,
    compose,
    compose_by_hydra,
    compose_config,
    read_settings,
    resolve,
)
from runtime.config.validation import validated
from runtime.errors import SpecError
from runtime.spec.session_spec import Part

PROSE = "# Persona: Ann\nPays $149.99 ${HOME} ${oc.env:GOOGLE_API_KEY} ???\n---\n${model}\r\n🙂 ค่ะ"

Write = Callable[[str, str], Path]


def test_prose_reaches_the_model_to_the_letter(use_personas: Write) -> None:
    """Nothing in a persona is interpolated, trimmed or converted on its way to the model."""
    use_personas("ann", PROSE)
    assert instructions(compose(["persona=ann"])).startswith(PROSE)


def test_a_persona_chooses_and_the_command_line_wins(use_personas: Write) -> None:
    """A persona's language, voice and model hold unless the command line says otherwise."""
    use_personas("ann", "---\nlanguage: th\nvoice: firm_male\nmodel: openai_realtime\n---\nhi")
    own = compose(["persona=ann"])
    assert own.choices == {
        "model": "openai_realtime",
        "voice": "firm_male",
        "persona": "ann",
        "language": "th",
        "vad": "silero",
        "listening": "meaning",
        "judge": "none",
        "difficulty": "normal",
    }
    told = compose(["persona=ann", "language=en", "model=offline"])
    assert (told.language.name, told.choices["model"], told.choices["voice"]) == ("English", "offline", "firm_male")


def test_a_persona_is_as_hard_as_it_says(use_personas: Write) -> None:
    """`difficulty` in the front matter chooses, `levels` says what an option means; both are checked."""
    use_personas(
        "ann",
        "---\nmood: 50\ncues: {sorry: {hear: sorry, mood: 5}}\ndifficulty: hard\nlevels: {easy: {mood: 30}}\n---\nhi",
    )
    assert compose(["persona=ann"]).choices["difficulty"] == "hard"
    assert compose(["persona=ann"]).arc.front.start_mood < 50
    assert compose(["persona=ann", "difficulty=easy"]).arc.front.start_mood == 80
    use_personas("ann", "---\ndifficulty: heard\n---\nhi")
    with pytest.raises(SpecError, match=r"no difficulty 'heard'; did you mean hard\?"):
        compose(["persona=ann"])
    use_personas("ann", "---\nlevels: {easi: {mood: 30}}\n---\nhi")
    with pytest.raises(SpecError, match=r"levels: there is no difficulty 'easi'; did you mean easy\?"):
        compose(["persona=ann"])
    use_personas("ann", "---\ncues: {sorry: {hear: sorry}}\nlevels: {hard: {owed: soory}}\n---\nhi")
    with pytest.raises(SpecError, match=r"levels\.hard\.owed: no cue is called 'soory'; did you mean sorry\?"):
        compose(["persona=ann"])


@pytest.mark.parametrize(
    ("front", "line"),
    [
        ("cues:\n  blame:\n  refnd:", r"ann\.md:4: cues\.refnd: nothing stands here, .*; did you mean refund\?"),
        ("cues:\n  refnd: {}", r"ann\.md:3: cues\.refnd: nothing stands here"),
        ("cues:\n  refnd: {mood: 5}", r"ann\.md:3: cues\.refnd: nothing could find it, .*; did you mean refund\?"),
        ("named_cues: {blame: {hear: blame}}", r"ann\.md:2: named_cues: only a language's customer has this key"),
        ("called: {mood: 40}", r"ann\.md:2: called: only a language's customer has this key.* `calls: false`"),
        ("timers: [{after: 5s, unless: refnd}]", r"timers\.0\.unless: no cue is called 'refnd'; did you mean refund"),
        ("cues: {mine: {hear: a}}\nendings:\n  - name: e\n    when: [mien]", r"ann\.md:5: endings\.0\.when: .* mine\?"),
        ("endings: [{name: e, when: refund|ownershp}]", r"endings\.0\.when: no cue is called 'ownershp'.* ownership\?"),
        ("cues: {hold: {unless: waitd}}", r"cues\.hold\.unless: no cue is called 'waitd'; did you mean wait"),
        ("objectives:\n  - {name: o, met: [refnd]}", r"ann\.md:3: objectives\.0\.met: no cue is called 'refnd'"),
        ("objectives: [{name: o, ruled_out: blaim}]", r"objectives\.0\.ruled_out: no cue is called 'blaim'"),
    ],
)
def test_a_key_that_nothing_comes_of_is_a_mistake(use_personas: Write, front: str, line: str) -> None:
    """A cue with nothing that shows it is one of the common ones, and what is waited for is one of either."""
    use_personas("ann", f"---\n{front}\n---\nhi")
    with pytest.raises(SpecError, match=line):
        compose(["persona=ann"])


def test_a_common_cue_that_is_waited_for_need_not_be_listed(use_personas: Write) -> None:
    """As if it stood among the persona's cues with nothing after it."""
    use_personas(
        "ann",
        "---\nendings: [{name: e, when: refund, passed: true}]\nobjectives: [{name: o, met: deadline}]\n"
        "levels: {hard: {owed: case_number}}\n---\nhi",
    )
    front = compose(["persona=ann", "language=en"]).arc.front
    assert front.cues["refund"].like["en"] and front.cues["case_number"].change > 0
    assert fold(front, ["I'll refund you the money."]).ending


def test_a_persona_in_thai_speaks_thai(use_personas: Write) -> None:
    """Prose in Thai script needs no language key."""
    use_personas("somsri", "#Persona: สมศรี\nโดนเก็บเงินซ้ำสองรอบ โกรธมาก")
    assert compose(["persona=somsri"]).language.base == "th"


def test_a_new_file_is_a_new_option(use_personas: Write) -> None:
    """A persona that is dropped in is there without a word anywhere else."""
    use_personas("ann", "hi")
    with pytest.raises(SpecError, match="there is no such persona"):
        compose(["persona=bob"])
    use_personas("bob", "hello")
    assert compose(["persona=bob"]).persona.prose == "hello"


def test_the_revision_follows_the_content(use_personas: Write) -> None:
    """Any change of what the call is made from changes the revision, and nothing else does."""
    use_personas("ann", "hi")
    first = compose(["persona=ann"]).revision
    assert compose(["persona=ann"]).revision == first
    assert compose(["persona=ann", "model.llm.options.pace=0.01"]).revision != first
    use_personas("ann", "hi!")
    assert compose(["persona=ann"]).revision != first


def test_voices_and_models_are_chosen_independently() -> None:
    """A voice gives each model the name that its plugin has for it."""
    gemini = compose(["model=gemini_realtime", "voice=bright_female"]).model.realtime
    openai = compose(["model=openai_realtime", "voice=bright_female"]).model.realtime
    assert gemini is not None
    assert openai is not None
    assert (gemini.options["voice"], openai.options["voice"]) == ("Zephyr", "marin")


@pytest.mark.parametrize("option", ["api_key", "credentials", "client_secret"])
def test_a_secret_in_a_config_is_refused_and_not_repeated(option: str) -> None:
    """Options that hold secrets take env:NAME alone, and the message does not show what was there."""
    with pytest.raises(SpecError, match="write env:NAME") as caught:
        compose([f"+model.llm.options.{option}=hunter2"])
    assert "hunter2" not in str(caught.value)


def test_a_language_names_what_any_customer_says_in_it() -> None:
    """The command line may name another file, or none; one that is not there is named with the nearest that is."""
    thai = compose(["language=th"]).language.customer
    assert thai.cues
    assert compose(["language=en", "language.customer=th.customer.md"]).language.customer == thai
    assert not compose(["~language.customer"]).language.customer.cues
    with pytest.raises(SpecError, match=r"language\.customer: there is no 'th\.custmer\.md'.* th\.customer\.md"):
        compose(["language.customer=th.custmer.md"])


def test_combining_files_is_composing_them() -> None:
    """The fast way to a spec that has no overrides leads to the same spec."""
    composed = compose_by_hydra(["model=openai_pipeline", "language=th", "voice=warm_female"])
    assert combine(composed.choices) == composed


@pytest.mark.parametrize(
    "overrides",
    [
        ["mode=serve", "model=offline"],
        ["persona=grace_okafor", "voice=firm_male", "seed=3", "++worker.executor=thread"],
        ["persona=sarah_thompson", "language=th", "listening=phrases", "difficulty=hard"],
    ],
)
def test_what_only_chooses_options_is_combined_as_it_is_composed(overrides: list[str]) -> None:
    """The command line's choices before the persona's own, and those before `conf/config.yaml`'s."""
    assert combine_chosen(overrides) == compose_by_hydra(overrides)


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["persona=david_chen", "language=th", "worker=production", "trainee=poor", "worker.executor=process"],
        ["record.dir='a, b'", "seed=3", "rehearse.limits={score: 7}", "log=${oc.env:NOT_SET,info}", "folder=null"],
        ["routing.unmatched=reject", "mode=check", "++mode=prompt", "trainee.description=persona ${persona.name}"],
    ],
)
def test_what_only_sets_keys_is_the_config_that_hydra_composes(overrides: list[str]) -> None:
    """Settings, spec and all that is asked of Hydra's own node."""
    own, composed = combine_config(overrides), compose_config(overrides)
    assert own is not None
    assert read_settings(own) == read_settings(composed)
    assert resolve(own, own.hydra) == resolve(composed, composed.hydra)
    assert own.persona == composed.persona and own.hydra.overrides.task == composed.hydra.overrides.task
    assert own.hydra.runtime.choices.items() <= composed.hydra.runtime.choices.items()
    assert own.hydra.mode == composed.hydra.mode


@pytest.mark.parametrize(
    "override",
    [
        *("model.llm.options.pace=3", "+seed=3", "~seed", "sede=3", "rehearse.repeat=2", "hydra.verbose=true"),
        *("++trainee=good", "++hydra.verbose=true", "trainee@x=good"),
        *("language=de", "language=en,th", "seed=1,2", "trainee=nobody", "trainee.descripton=x", "record.dir.x=3"),
    ],
)
def test_what_does_more_than_set_keys_is_left_to_hydra(override: str) -> None:
    """And so is what is wrong, and an option that is chosen twice."""
    assert combine_config([override]) is None
    assert combine_config(["language=en", "language=th"]) is None


@pytest.mark.parametrize(
    "override",
    [
        *("model.llm.options.pace=3", "~language.customer", "+model.turn_seconds=7", "hydra/launcher=basic"),
        *("persona=nobody", "language=de", "persona='sarah_thompson'", "voice@other=firm_male"),
    ],
)
def test_what_does_more_than_choose_options_is_left_to_hydra(override: str) -> None:
    """And so is what is wrong, which it tells."""
    assert combine_chosen([override]) is None


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("- vad: silero", "- vda: silero", r"config\.yaml:6: defaults: there is no group 'vda'; did you mean vad\?"),
        ("- vad: silero", "# silero", r"config\.yaml: defaults: no vad is chosen"),
        ("- model: offline", "- model: ofline", r"config\.yaml:3: defaults: model=ofline: .*; did you mean offline\?"),
        ("  repeats: 1", "  repeat: 1", r"config\.yaml:\d+: rehearse\.repeat: no such key; did you mean repeats\?"),
    ],
)
def test_a_mistake_in_the_config_file_names_it_with_its_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, right: str, wrong: str, said: str
) -> None:
    """Where nobody has typed it, what was typed is not to blame."""
    text = (groups.CONF / "config.yaml").read_text()
    assert right in text
    (tmp_path / "config.yaml").write_text(text.replace(right, wrong))
    monkeypatch.setattr(mistakes, "CONF", tmp_path)
    monkeypatch.setattr(runtime.config.compose, "CONF", tmp_path)
    with pytest.raises(SpecError, match=said):
        mistakes.find_mistake([])
        read_settings(OmegaConf.create({"rehearse": {"repeat": 1}}))


def test_a_misspelt_key_is_told_before_the_one_that_it_was_meant_to_be() -> None:
    """Of a key that a file must have it would else be said only that it is missing."""
    with pytest.raises(SpecError, match=r"^plugn: no such key; did you mean plugin\?"):
        validated(Part, {"plugn": "offline"})


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("config.yaml", "  - _self_\n  - more"),
        ("config.yaml", "  - _self_\n  - optional more: x"),
        ("config.yaml", "  - _self_\ntrainee: {description: x}"),
        ("worker/development.yaml", "# @package _global_\n"),
        ("voice/bright_female.yaml", "defaults: [other]\n"),
    ],
)
def test_a_file_that_does_more_than_hold_its_own_keys_is_left_to_hydra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str, line: str
) -> None:
    """More entries of the defaults list, and what a file of a group says of other groups."""
    shutil.copytree(groups.CONF, tmp_path / "conf")
    for module in (groups, runtime.config.compose):
        monkeypatch.setattr(module, "CONF", tmp_path / "conf")
    assert combine_config([]) is not None and combine_chosen([]) is not None
    text = (tmp_path / "conf" / file).read_text()
    (tmp_path / "conf" / file).write_text(text.replace("  - _self_", line) if "_self_" in line else line + text)
    assert combine_config([]) is None and combine_chosen([]) is None
