"""The line that a trainee types: bytes in, text and cursor out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.terminal.keyboard import LineEditor


def typed(*chunks: bytes | str) -> tuple[LineEditor, list[str]]:
    editor = LineEditor()
    lines = [line for chunk in chunks for line in editor.feed(chunk.encode() if isinstance(chunk, str) else chunk)]
    return editor, lines


@pytest.mark.parametrize(
    ("keys", "text", "cursor"),
    [
        ("hello", "hello", 5),
        ("helo\x1b[Dl", "hello", 4),
        ("hello\x7f\x7f", "hel", 3),
        ("one two\x17", "one ", 4),
        ("one two\x15", "", 0),
        ("abc\x01X", "Xabc", 1),
        ("abc\x1b[H\x1b[3~", "bc", 0),
        ("abc\x01\x05d", "abcd", 4),
        ("abc\x1b[D\x0b", "ab", 2),
        ("ค่ะ\x7f", "ค่", 2),
        ("a\x00\x07b", "ab", 2),
        ("a\x1b[15~b", "ab", 2),
    ],
)
def test_keys_edit_the_line(keys: str, text: str, cursor: int) -> None:
    """Letters go in at the cursor, and keys do what they do in every shell."""
    editor, _ = typed(keys)
    assert (editor.text, editor.cursor) == (text, cursor)


def test_a_letter_may_arrive_in_pieces() -> None:
    """A Thai letter whose three bytes come in two reads is one letter."""
    thai = "สวัสดี".encode()
    assert typed(thai[:4], thai[4:])[0].text == "สวัสดี"


def test_an_arrow_may_arrive_in_pieces() -> None:
    """An escape sequence that is cut in two is one key, and types nothing."""
    editor, _ = typed("ab\x1b[", "D", "X")
    assert editor.text == "aXb"


def test_a_paste_of_several_lines_is_several_lines() -> None:
    """What is pasted ends where its lines end; the last piece stays to be edited."""
    editor, lines = typed("one\ntwo\rthree")
    assert (lines, editor.text) == (["one", "two"], "three")


def test_earlier_lines_come_back() -> None:
    """Up and down walk through what was said before."""
    editor, _ = typed("one\n", "two\n", "\x1b[A\x1b[A")
    assert editor.text == "one"
    editor.feed(b"\x1b[B\x1b[B")
    assert editor.text == ""


def test_ctrl_d_ends_input_on_an_empty_line_alone() -> None:
    """Ctrl-D in a line deletes; on an empty one it is the end of input."""
    editor, _ = typed("ab\x01\x04")
    assert (editor.text, editor.ended) == ("b", False)
    assert typed("\x04")[0].ended


@given(st.lists(st.binary(max_size=12), max_size=12))
def test_no_bytes_break_it(chunks: list[bytes]) -> None:
    """Whatever a keyboard sends, the cursor stays in the line and the line stays printable."""
    editor, lines = typed(*chunks)
    assert 0 <= editor.cursor <= len(editor.text)
    assert all(text.isprintable() for text in [editor.text, *lines])
