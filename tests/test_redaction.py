"""What others wrote, as it is shown: without secrets, and without what steers a terminal."""

import base64
import json
import logging
import sys
import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.call.build import make
from runtime.call.options import secret
from runtime.config.compose import compose
from runtime.errors import SpecError
from runtime.events import Change, Failure, Heard, How, Notice, Reload, from_json, to_json
from runtime.redaction import Formatter, clean, redacted, says_secret
from tests.conftest import Run

KEY = "qX7+/pa55word=&é"


def test_a_secret_by_value_whatever_the_variable_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was taken by `env:NAME` is a secret, though the name does not say so."""
    assert secret("model.llm.options.api_key", "env:MY_PROD", {"MY_PROD": KEY}) == KEY
    assert redacted(f"refused: {KEY}.") == "refused: (MY_PROD)."


def test_a_secret_that_a_spec_names_is_known_before_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that shows what others log, and builds no part itself, knows what the specs take by `env:NAME`."""
    monkeypatch.setenv("NOTED_BY_A_SPEC", "a-value-that-is-long")
    compose(["model=openai_pipeline", "+model.llm.options.api_key=env:NOTED_BY_A_SPEC"])
    assert redacted("a-value-that-is-long") == "(NOTED_BY_A_SPEC)"


def test_a_secret_that_begins_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest goes first: of a key that another one begins with, no rest is left."""
    monkeypatch.setenv("A_API_KEY", "sk-12345678")
    monkeypatch.setenv("B_API_KEY", "sk-12345678-and-more")
    assert redacted("sk-12345678-and-more, sk-12345678") == "(B_API_KEY), (A_API_KEY)"


def test_a_secret_of_a_few_letters_garbles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that is as short as a word stays: it would be taken out of every line. So does a plain address."""
    monkeypatch.setenv("A_SECRET", "e")
    monkeypatch.setenv("B_SECRET", "secret")
    secret("base_url", "env:SERVER", {"SERVER": "http://127.0.0.1:8000/v1"})
    text = "the secret server at http://127.0.0.1:8000/v1"
    assert redacted(text) == text


@given(st.binary(max_size=7), st.binary(max_size=7))
def test_a_secret_in_another_spelling(before: bytes, after: bytes) -> None:
    """In a URL, in JSON, and in base64 wherever in the encoded text it stands, a secret is known too."""
    secret("x", "env:SPELLED", {"SPELLED": KEY})
    for text in (quote(KEY), json.dumps({"k": KEY}), json.dumps({"k": KEY}, ensure_ascii=False)):
        assert "(SPELLED)" in redacted(text)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        shown = redacted(encode(before + KEY.encode() + after).decode())
        left, found, right = shown.partition("(SPELLED)")
        assert found
        assert len(left) <= 4 * (len(before) + 2) / 3 + 1 and len(right) <= 4 * (len(after) + 2) / 3 + 3


@pytest.mark.parametrize(
    "option",
    [
        "api_key=sk",
        "extra_headers={Authorization: x}",
        "extra_headers={x-api-key: x}",
        "extra_headers={X-Custom: 'Bearer sk-1'}",
        "extra_body={list: [{cookie: x}]}",
        "credentials_info={client: {id: 1}}",
        "privateKey=x",
        "passwd=x",
        "aws_access_key_id=x",
        "request={signature: x}",
        "bearer=x",
        "base_url='https://user:pass@example.com'",
        "pem='-----BEGIN PRIVATE KEY-----'",
    ],
)
def test_a_secret_written_into_a_config_is_refused(option: str) -> None:
    """However deep it lies and however its name is spelled; the line says what to write instead."""
    with pytest.raises(SpecError, match="is a secret: write env:NAME"):
        compose(["model=openai_pipeline", f"+model.llm.options.{option}"])


@pytest.mark.parametrize(
    "name", ["max_tokens", "tokenizer", "keyterms", "prompt_cache_key", "author", "keyboard", "voice"]
)
def test_a_name_that_is_no_secret(name: str) -> None:
    """Options that only sound like one are config as any other."""
    assert not says_secret(name)


def test_a_secret_within_an_option_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`env:NAME` is resolved wherever it stands in an option, and a service account that is JSON becomes the object."""
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    spec = compose(["model=openai_pipeline", "+model.llm.options.extra_headers={Authorization: env:GATEWAY}"])
    assert make(spec, "llm", {"GATEWAY": "for the gateway"})._opts.extra_headers == {"Authorization": "for the gateway"}
    with pytest.raises(SpecError, match=r"options\.extra_headers\.Authorization: GATEWAY is not set"):
        make(spec, "llm", {})


def test_no_event_holds_a_secret_but_what_was_said_is_not_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures, notices and receipts are told without; what the trainee said is what they said."""
    monkeypatch.setenv("SOME_API_KEY", "sk-12345678")
    change = Change("persona.prose", "sk-12345678", "+sk-12345678", How.IN_PLACE)
    events = [
        Failure(source="sk-12345678", reason="sk-12345678", recoverable=True),
        Notice(text="sk-12345678"),
        Reload(how=How.REJECTED, before="a", reason="sk-12345678", changes=(change,)),
    ]
    assert not [event for event in events if "sk-12345678" in to_json(event)]
    assert Heard(text="sk-12345678", revision="a", emotion="angry").text == "sk-12345678"


def test_nothing_that_is_shown_steers_a_terminal_or_hides() -> None:
    """No control character, no bidi control, nothing of no width, no half of a character; letters and marks stay."""
    every = [chr(c) for c in range(sys.maxunicode + 1)]
    bidi = "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"
    hidden = [c for c in every if unicodedata.bidirectional(c) in bidi] + [
        *"\u061c\u200e\u200f\u200b\u2060\ufeff\xad\u3164\u034f\ud800"
    ]
    steering = [c for c in every if unicodedata.category(c) == "Cc"]
    for character in hidden + steering:
        assert clean(f"a{character}b") in ("ab", "a b", "a\ufffdb"), hex(ord(character))
    kept = "สวัสดีค่ะ ñ é 👍🏽 👩\u200d🚀 می\u200cخواهم الْعَرَبِيَّة"
    assert clean(kept) == kept
    assert clean("paypal\u200d.com") == "paypal.com"


def test_a_library_s_log_is_shown_in_lines_of_its_own() -> None:
    """A provider's body in a library's log neither steers the terminal nor pretends to be another line of the log."""
    record = logging.LogRecord("openai", logging.ERROR, "", 0, "body %s", ("\x1b[2J\u202e\nroot: all is well",), None)
    assert Formatter("%(name)s: %(message)s").format(record) == "openai: body [2J root: all is well"


@given(st.text(st.characters(exclude_categories=[])))
def test_an_event_is_one_line_in_every_reader(text: str) -> None:
    """No character of an event ends its line, in whatever encoding the line is written; it is the same event again."""
    event = Heard(text=f"{text}\x0b\x1c\x7f\x85\x9b\u2028\u2029\u202e\udead", revision="1", emotion="angry")
    line = to_json(event)
    assert line.splitlines() == [line]
    assert from_json(line) == event
    for encoding in ("utf-8", "utf-16", "utf-32", "gb18030"):
        assert line.encode(encoding).decode(encoding).splitlines() == [line]


def test_json_lines_are_utf_8_whatever_the_terminal_s_encoding(run: Run) -> None:
    """`lines=json` is one object a line in JSON's own encoding, also where the terminal's lacks the characters."""
    done = run("lines=json", "language=th", stdin="สวัสดีค่ะ", env={"PYTHONIOENCODING": "ascii:strict"})
    assert (done.code, done.err) == (0, "")
    assert [json.loads(line)["kind"] for line in done.out.splitlines()][-2:] == ["ended", "scored"]
