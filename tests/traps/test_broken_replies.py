"""What a teacher may answer over the wire instead of what was asked for (annotate.md traps 2, 3 and 19)."""

import json
from dataclasses import replace

import pytest

from demitasse.chat.model import Outcome, Reply
from demitasse.chat.scripted import ScriptedModel
from demitasse.chat.server import ChatServer

STEPS = ("workflow.steps=[0,1a,2,3,4]", "workflow.qa_types=[mcq]", "workflow.mode=normal")
GOOD = {
    "question": "Which way does it go?",
    "options": {"A": "left", "B": "right", "C": "up", "D": "down"},
    "answer": "B",
    "reasoning": "It is seen left of the post first and right of it\nlater.",
}
JSON = json.dumps(GOOD)
BAD = json.dumps(GOOD | {"answer": "E"})


class Teacher(ScriptedModel):
    """Gives the listed replies to the multiple-choice prompt, the last one again and again."""

    def __init__(self, *replies: str | Reply) -> None:
        super().__init__()
        self.left = list(replies)
        self.asked = []

    async def reply(self, request):
        """The next one."""
        if request.step != "normal_mcq":
            return await super().reply(request)
        self.asked.append(request)
        said = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        return said if isinstance(said, Reply) else Reply(Outcome.SUCCESS, said, model="teacher")


def annotate(shop, teacher) -> int:
    shop.put("a.mp4")
    with ChatServer(teacher) as server:
        return shop.annotate(server.base_url, *STEPS)


def cut(text: str) -> Reply:
    return Reply(Outcome.TRUNCATED, text, model="teacher")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"```json\n{JSON}\n```", id="a_fence"),
        pytest.param(f"Here it is:\n{JSON}\nI hope this helps. {{}}", id="prose_around"),
        pytest.param(JSON.replace("\\n", "\n"), id="a_raw_line_break_in_a_string"),
        pytest.param(f"<think>\nIs it A? {BAD}\n</think>\n\n{JSON}", id="thoughts_before"),
        pytest.param(f"Is it A? {BAD}</think>{JSON}", id="thoughts_opened_by_the_template"),
        pytest.param(JSON + "\n" * 50, id="a_tail_of_line_breaks"),
    ],
)
def test_a_reply_that_loses_nothing_by_it_is_read_at_once(shop, text):
    teacher = Teacher(text)
    assert annotate(shop, teacher) == 0, shop.outcomes()
    (item,) = shop.items("mcq")
    assert item["reasoning"] == GOOD["reasoning"] and len(teacher.asked) == 1


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(cut(JSON[: len(JSON) // 2]), id="half_the_json"),
        pytest.param(cut("<think>Is it A, or B, or"), id="half_the_thoughts"),
        pytest.param(cut('{"question": "Which' + " \n" * 3000), id="a_loop_of_white_space"),
    ],
)
def test_a_reply_that_was_cut_short_is_asked_for_with_more_room(shop, first):
    teacher = Teacher(first, JSON)
    assert annotate(shop, teacher) == 0, shop.outcomes()
    assert [item["reasoning"] for item in shop.items("mcq")] == [GOOD["reasoning"]]
    last = teacher.asked[-1]
    assert last.sampling.max_tokens > teacher.asked[0].sampling.max_tokens or last.turns, "not the same again"


def test_a_reply_that_cannot_be_used_goes_back_with_the_complaint(shop):
    teacher = Teacher(BAD, JSON)
    assert annotate(shop, teacher) == 0
    assert [(turn.reply, "answer" in turn.correction) for turn in teacher.asked[1].turns] == [(BAD, True)]


def test_a_reply_that_stays_useless_is_quarantined_and_kept_as_it_was(shop):
    teacher = Teacher(BAD, BAD + " ", BAD + "  ")
    assert annotate(shop, teacher) == 3
    assert "no usable reply in 3" in shop.outcomes()["a.mp4"] and shop.items("mcq") == []
    kept = [row["reply"]["text"] for row in shop.rows("calls.jsonl") if row["step"] == "normal_mcq"]
    assert kept[0] == BAD and len(kept) == 3


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        pytest.param(Reply(Outcome.REFUSED, error="I cannot help with this footage."), "refused", id="a_refusal"),
        pytest.param(Reply(Outcome.BLOCKED), "blocked", id="a_content_filter"),
    ],
)
def test_a_refusal_is_asked_for_once_and_counted(shop, reply, told):
    teacher = Teacher(replace(reply, model="teacher"))
    assert annotate(shop, teacher) == 3
    assert len(teacher.asked) == 1 and f"normal_mcq: {told}" in shop.outcomes()["a.mp4"]
