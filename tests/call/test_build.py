"""Specs → parts of a session, by real plugins."""

import subprocess
import sys
from pathlib import Path

import pytest
from livekit.plugins import deepgram, openai

from runtime.call.build import build, check, part_name
from runtime.call.realtime import PreparedModel
from runtime.errors import NotOffered, SpecError
from runtime.spec.session_spec import SessionSpec
from tests.composed import compose

OPENAI = {"OPENAI_API_KEY": "not-a-real-key"}
DEEPGRAM = ["model=openai_pipeline", "model.stt.plugin=deepgram", "model.stt.options={model: nova-3, language: en}"]


def test_any_installed_plugin_works_by_config_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deepgram, which no code of ours names, hears for a pipeline when a config says so."""
    monkeypatch.setenv("DEEPGRAM_API_KEY", "not-a-real-key")
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-real-key")
    parts = build(compose([*DEEPGRAM, "+model.secrets.DEEPGRAM_API_KEY=deepgram.com"]), audio=True)
    assert isinstance(parts.stt, deepgram.STT)
    assert isinstance(parts.model, openai.LLM)
    assert parts.stt.model == "nova-3"


def test_every_call_gets_parts_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two calls from one spec share no object: Google's plugin would leak one's prompt into the other."""
    monkeypatch.setenv("GOOGLE_API_KEY", "not-a-real-key")
    spec = compose(["model=gemini_realtime"])
    assert build(spec, audio=True).model is not build(spec, audio=True).model


def test_a_typed_call_builds_nothing_that_hears_or_speaks() -> None:
    """Without audio there is neither speech-to-text nor text-to-speech nor a VAD."""
    parts = build(compose(["model=offline"]), audio=False)
    assert (parts.stt, parts.tts, parts.vad) == (None, None, None)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model=openai_pipeline", "model.llm.options.temperature=hot"], "llm.options.temperature: 'hot'"),
        (["model=openai_pipeline", "+model.llm.options.temprature=1"], "did you mean temperature"),
        (["model.llm.plugin=os"], "plugin os is not installed"),
        (["model.llm.plugin=../os"], "is not the name of a LiveKit plugin"),
        (["+model.llm.type=Reply"], "has no Reply for this place"),
        (["model=offline", "language=th"], "tiny.en hears English alone: set model.stt.options.model to one of many"),
        (["model=offline", "vad=none"], "leaves turns to the model"),
        (["~model.tts"], "has no tts"),
    ],
)
def test_what_cannot_be_built_is_said(overrides: list[str], message: str) -> None:
    """A plugin, an option or a part that is wrong is named with what would do."""
    with pytest.raises(SpecError, match=message.replace("(", r"\(").replace(".", r"\.")):
        check(compose(overrides), audio=True)


def test_a_config_names_livekit_plugins_and_nothing_else() -> None:
    """A module outside LiveKit's plugins cannot be reached by any plugin name."""
    for name in ("subprocess", "os.path", "google.genai", "openai.types"):
        with pytest.raises(SpecError):
            check(compose([f"model.llm.plugin={name}"]), audio=True)


def test_a_secret_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """env:NAME is the variable's value, env:NAME:-default has a default, and a missing one is named."""
    spec = compose(["model=local_servers"])
    assert isinstance(build(spec, audio=False, env={}).model, openai.LLM)
    strict = compose(["model=local_servers", "model.llm.options.api_key='env:MY_KEY'"])
    with pytest.raises(SpecError, match="MY_KEY is not set"):
        build(strict, audio=False, env={})


def test_a_missing_key_is_said_before_anything_starts() -> None:
    """The secrets that a model file lists are checked first, each with where to get it."""
    with pytest.raises(SpecError, match=r"OPENAI_API_KEY is not set \(get it from .*platform.openai.com"):
        build(compose(["model=openai_realtime"]), audio=False, env={})


def test_options_that_do_not_go_together_are_no_mistake_of_a_file() -> None:
    """What is merely not offered here is told apart from what is wrong."""
    with pytest.raises(NotOffered):
        compose(["model=groq_elevenlabs", "voice=warm_female"])


def test_plugins_that_a_spec_does_not_name_are_not_imported() -> None:
    """A typed call with the offline model imports no provider's plugin."""
    program = (
        "import sys; from runtime.config.compose import compose; from runtime.call.build import build;"
        "import runtime.call.session;"
        "build(compose([]), audio=False);"
        "names = ('livekit.plugins.', 'google.genai', 'faster_whisper', 'hibari');"
        "print([m for m in sys.modules if m.startswith(names)])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "[]"


def test_a_spec_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """However a spec is printed, no key is in it."""
    monkeypatch.setenv("OPENAI_API_KEY", "hunter2")
    spec: SessionSpec = compose(["model=openai_pipeline"])
    build(spec, audio=False)
    assert "hunter2" not in repr(spec)


def test_a_part_is_named_by_class_and_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """However deep in a plugin a class lies, and whether or not a session of it was opened ahead."""
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-real-key")
    parts = build(compose(["model=openai_pipeline"]), audio=True)
    assert [part_name(part) for part in (parts.model, parts.stt)] == ["LLM (openai)", "STT (openai)"]
    model = openai.realtime.RealtimeModel()
    assert part_name(model) == part_name(PreparedModel(model)) == "RealtimeModel (openai)"
