"""What models, data and endpoints wrote may be shown on a terminal without acting on it."""

import pytest

from demitasse.chat.wire.completions import one_line
from demitasse.cli import main
from demitasse.visible import one_visible_line, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("\x1b[31mred", r"\x1b[31mred", id="colour"),
        pytest.param("\x1b]8;;http://a\x1b\\x", r"\x1b]8;;http://a\x1b\x", id="link"),
        pytest.param("\x9b2J\x07", r"\x9b2J\x07", id="one_byte_sequence_and_bell"),
        pytest.param("a\x00b\x08", r"a\x00b\x08", id="nul_and_backspace"),
        pytest.param("100\r200", r"100\r200", id="carriage_return_over_the_line"),
        pytest.param("\u202e5\u202d", r"\u202e5\u202d", id="direction_overridden"),
        pytest.param("\ud800", r"\ud800", id="lone_surrogate"),
    ],
)
def test_what_would_act_is_spelt_out(text, shown):
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text", ["a\n\tb", "a\r\nb", "Füße 视频 🎬 👩\u200d🚒 می\u200cخواهم", "\u2067שלום\u2069", "a\xa0b", ""]
)
def test_what_people_write_stays(text):
    assert visible(text) == text


def test_a_line_has_no_breaks():
    assert one_visible_line(" a\r\nb\t c\r") == r"a b c\r"


def test_an_error_message_cannot_drive_the_terminal(capsys):
    assert main(["score", "\x1b]0;x\x07"]) == 2
    assert r"\x1b]0;x\x07 is not a folder" in capsys.readouterr().err


def test_an_endpoints_words_cannot_drive_the_terminal():
    assert one_line("no\x1b[2J\nway") == r"no\x1b[2J way"
