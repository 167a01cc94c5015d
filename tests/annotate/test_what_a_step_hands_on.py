"""What one step says is in the rows under its own name, and in what the next steps ask: step by step, by its words."""

import orjson
import pytest

from tests.annotate.conftest import NUMBERS

SAID = {
    "global_caption": "ACCOUNT of the clip. [toy clip {number:05d}]",
    "dense_caption": "<00:00:00><00:00:02> EVENT of the clip.",
    "chunk_caption": "WINDOW of the clip.",
    "description": "DESCRIPTION of the clip. [toy clip {number:05d}]",
}


@pytest.fixture(params=["anomaly", "normal"])
def told(desk, request):
    """A mode, what a run asked by its prompts' names when each step said a word of its own, and the run's folder."""
    mode = request.param
    replies = {f"{mode}_{key}": text.format(number=NUMBERS[mode]) for key, text in SAID.items()}
    teacher = desk.teacher(**replies, highlight_chunk_caption="MOMENT of the clip.")
    desk.put("a.mp4", mode)
    assert desk.annotate(vlm=teacher).exit_code == 0
    return mode, {one.step: one.text for one in teacher.asked}, desk.out


def rows(folder, file):
    return [orjson.loads(line) for line in (folder / file).read_bytes().splitlines()]


def test_the_account_and_the_list_of_events_are_each_in_their_own_field(told):
    _, _, folder = told
    (row,) = rows(folder, "step_1a_caption/captions.jsonl")
    assert row["global_caption"].startswith("ACCOUNT") and row["dense_caption"] == SAID["dense_caption"]


def test_the_description_is_made_of_every_caption_there_is(told):
    mode, asked, folder = told
    words = ["ACCOUNT", "EVENT", "WINDOW", *(["MOMENT"] if mode == "anomaly" else [])]
    assert [word for word in words if word not in asked[f"{mode}_description"]] == []
    (row,) = rows(folder, "step_2_description/descriptions.jsonl")
    assert row["detailed_description"].startswith("DESCRIPTION")


def test_questions_are_asked_of_the_description(told):
    mode, asked, _ = told
    kinds = ["mcq", "bcq", "open_qa", "causal_linkage", "temporal_localization", "temporal_event_desc"]
    assert [kind for kind in kinds if "DESCRIPTION" not in asked[f"{mode}_{kind}"]] == []


def test_only_an_anomaly_is_looked_at_closely(told):
    mode, asked, _ = told
    close = {"highlight_timestamp_extraction", "highlight_chunk_caption"}
    assert asked.keys() & close == (close if mode == "anomaly" else set())
