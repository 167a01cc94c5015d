"""The scorer's process: a line in, a line out, and no line ends it."""

import io
import json

import pytest

from evaluate.interop.scoring import serve

ITEM = {"item_id": "i", "task": "mcq", "video_id": "v", "question": "Which?\nA. x\nB. y", "reference": "B"}


def answers(*lines):
    out = io.BytesIO()
    serve(io.BytesIO(b"".join(line + b"\n" for line in lines)), out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def request(response, **item):
    return json.dumps({"item": ITEM | item, "response": response}).encode()


def test_each_line_has_its_answer_in_order():
    assert [one["score"] for one in answers(request("B"), request("A"), request("B."))] == [1, 0, 1]


def test_a_reply_with_line_ends_is_one_line():
    assert answers(request("<think>a\nb\u2028c\r\n</think>\nB"))[0]["score"] == 1


@pytest.mark.parametrize(
    "line, sentence",
    [
        pytest.param(b"{", "no request", id="no_json"),
        pytest.param(b"[]", "no request", id="no_object"),
        pytest.param(b'{"item": {"x": 1}, "response": "B"}', "no request", id="no_item"),
        pytest.param(request("B", reference="Z"), "names none of the options", id="reference_at_fault"),
    ],
)
def test_a_line_that_cannot_be_scored_has_a_sentence_and_the_next_is_scored(line, sentence):
    bad, good = answers(line, request("B"))
    assert sentence in bad["error"] and good["score"] == 1
