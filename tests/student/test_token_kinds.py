"""What each token of a target is, from the characters it stands for."""

import pytest

from demitasse.dataset import Item
from demitasse.student.encode import IGNORE, Encoder
from demitasse.student.family import family_of
from demitasse.student.modes import target_parts, target_text
from demitasse.student.tiny import CONTROL_TOKENS, build_tokenizer
from demitasse.student.tiny_configs import tiny_config
from demitasse.student.token_kinds import CODES, ids_and_spans, token_kinds
from demitasse.student.vision import VisionSettings

VISION = VisionSettings(16, 2, 2, (0.5,) * 3, (0.5,) * 3, 1024, 4096)
REASONED = Item("Where?", "At [10, 20, 300, 400].", "v.mp4", reasoning="A box <think> é [1,2,3] stands at 7.")


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(["The answer is at the box. A box stands where it is. [1, 2, 3, 4]"] * 4)


def told(tokenizer, parts):
    """For each kind the text of its tokens, in order."""
    ids, spans = ids_and_spans(tokenizer, "".join(text for _, text in parts))
    kinds = token_kinds(parts, spans)
    assert len(kinds) == len(ids)
    return {
        kind: tokenizer.decode([one for one, found in zip(ids, kinds, strict=True) if found == code])
        for kind, code in CODES.items()
    }


def test_reasoning_answer_and_the_tags_around_them_are_told_apart(tokenizer):
    found = told(tokenizer, target_parts(REASONED, "think"))
    assert found["reasoning"] == REASONED.reasoning
    assert found["structure"].replace("\n", "") == "<think></think>"
    assert "At" in found["answer"] and "think" not in found["answer"]
    assert "".join(found["boxes"].split()) == "1020300400"


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        pytest.param("at [12, 30, 400, 5]", "12304005", id="four_numbers_in_brackets"),
        pytest.param('{"bbox_2d": [1, 2, 3, 44]}', "12344", id="json"),
        pytest.param("<box>[1, 2, 3, 4]</box>", "1234", id="tags"),
        pytest.param("[0.25, 0.5, 0.75, 1]", "02505075 1".replace(" ", ""), id="fractions"),
        pytest.param("(12,30),(400,5)", "12304005", id="two_corners"),
        pytest.param("in [1, 2, 3]", "", id="three_numbers_are_no_box"),
        pytest.param("from 3 to 12 seconds", "", id="times_are_no_box"),
        pytest.param("[1, 2, 3, 4, 5]", "", id="five_numbers_are_no_box"),
    ],
)
def test_the_digits_of_boxes_are_boxes_and_nothing_else_is(tokenizer, text, digits):
    found = told(tokenizer, [("answer", text)])
    assert "".join(one for one in found["boxes"] if one.isdigit()) == digits
    assert not digits or found["answer"]


@pytest.mark.parametrize("way", ["answer", "think", "explain"])
@pytest.mark.parametrize("item", [REASONED, Item("Where?", "Left", "v.mp4")], ids=["reasoned", "bare"])
@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl", "qwen3_5"])
def test_each_label_has_a_kind_and_nothing_else_has(tokenizer, family, item, way):
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in CONTROL_TOKENS}
    config = tiny_config(family, ids, len(tokenizer), (32, 2, 2, 16))
    one = Encoder(tokenizer, config, family_of(config), VISION).example(item, None, way)
    assert ((one.kinds > 0) == (one.labels != IGNORE)).all()
    assert one.kinds[-1] == CODES["structure"], "the end of the turn"
    answer = tokenizer.decode(one.input_ids[(one.kinds == CODES["answer"]) | (one.kinds == CODES["boxes"])])
    assert answer == item.answer


def test_the_parts_are_the_whole_target():
    assert target_text(REASONED, "think") == f"<think>\n{REASONED.reasoning}\n</think>\n\n{REASONED.answer}"
    assert target_text(REASONED, "answer") == REASONED.answer
