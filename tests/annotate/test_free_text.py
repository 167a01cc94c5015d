"""Free text that a teacher writes: what is taken, and what is asked for again."""

import pytest

from annotate.asking import read_text
from demitasse.engine.caller import ParseError


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(" \n", "empty", id="empty"),
        pytest.param("I'm sorry, but I can't see the image.", "declines", id="a_refusal"),
        pytest.param("Unfortunately, I cannot view the video.", "declines", id="a_polite_refusal"),
    ],
)
def test_what_is_no_text_is_asked_for_again(text, said):
    with pytest.raises(ParseError, match=said):
        read_text(text)


def test_a_caption_is_kept_though_somebody_in_it_cannot_see():
    text = "A driver cannot see the cyclist. I-95 lies behind the fence."
    assert read_text(f"  {text}\n") == text
