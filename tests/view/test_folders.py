"""What the page understands: results, dataset files, splits and predictions."""

import json

import pytest

from demitasse.errors import DataError
from demitasse.view.folders import open_review
from demitasse.view.timeline import events


def shown(review, name):
    index = next(index for index, medium in enumerate(review.media) if medium.name == name)
    return review.overview()["media"][index], review.detail(index)


def test_captions_of_every_step_lie_on_the_timeline(results):
    medium, detail = shown(open_review(results), "ok.mp4")
    assert medium == {"name": "ok.mp4", "kind": "video", "length": 8.0}
    assert detail["tracks"] == {
        "Events": [[0.0, 2.0, "A cart rolls in."], [2.0, 4.0, "It tips over.\nNobody is hurt."]],
        "Chunks": [[0.0, 5.0, "A cart."]],
        "Highlight": [[1.0, 5.0, "It tips."]],
    }
    assert detail["texts"] == {"Mode": "anomaly", "Account": "A cart tips over.", "Description": "All of it."}
    assert detail["provenance"]["step 1a"]["answered"] == ["t-2"]


def test_videos_that_yielded_nothing_are_shown_with_the_reason(results):
    review = open_review(results)
    assert shown(review, "dull.mp4")[0]["note"] == "filtered out in step 0: dark"
    assert shown(review, "torn.mp4")[0]["note"] == "quarantined in step 1a: the reply was cut"
    assert [medium.name for medium in review.media] == ["dull.mp4", "ok.mp4", "torn.mp4"]


def test_a_run_without_output_yet_finds_its_videos_by_its_configuration(results, tmp_path):
    (results / "step_4_output" / "open_qa.json").unlink()
    data = {"video_root": str(tmp_path / "videos"), "input_jsonl_files": []}
    (results / "annotate.yaml").write_text(json.dumps({"video_reasoning_annotation": {"data": data}}))
    assert shown(open_review(results), "ok.mp4")[0]["kind"] == "video"
    (results / "annotate.yaml").unlink()
    assert "--media" in shown(open_review(results), "ok.mp4")[0]["fault"]


def test_the_last_row_of_a_video_counts(results):
    path = results / "step_2_description" / "descriptions.jsonl"
    row = json.loads(path.read_text())
    path.write_text(path.read_text() + json.dumps({**row, "detailed_description": "Newer."}) + "\n" + '{"video": "ok')
    assert shown(open_review(results), "ok.mp4")[1]["texts"]["Description"] == "Newer."


def test_filters_verdicts_stay_with_the_item_and_boxes_are_handed_on(results):
    (item,) = open_review(results).overview()["items"]
    assert item["marks"] == [
        ["blind", "drop", "bad", "4 of 5 right"],
        ["judge", "keep", "good", ""],
        ["x", "unknown", "unsure", ""],
    ]
    assert item["boxes"] == [[0, 0, 0.5, 1, ""]]


@pytest.mark.parametrize(
    ("bbox", "boxes"),
    [
        pytest.param([1, 2, 3, 4], [[1, 2, 3, 4, ""]], id="one_box"),
        pytest.param([[1, 2, 3, 4], [5, 6, 7, 8]], [[1, 2, 3, 4, ""], [5, 6, 7, 8, ""]], id="several"),
        pytest.param("x", [], id="no_box"),
        pytest.param([1, 2, 3], [], id="too_short"),
        pytest.param([None, 2, 3, True], [], id="no_numbers"),
        pytest.param({}, [], id="an_object"),
    ],
)
def test_boxes_are_read_or_left_alone(bbox, boxes):
    from demitasse.view.contents import boxes_of

    assert boxes_of({"bbox": bbox}) == boxes


@pytest.mark.parametrize(
    ("line", "span"),
    [
        pytest.param("<00:00:03><00:00:05> It falls.", (3, 5, "It falls."), id="the_form_asked_for"),
        pytest.param("- [00:03-00:05]: It falls.", (3, 5, "It falls."), id="bracketed"),
        pytest.param("00:03 to 01:00:05.5 It falls.", (3, 3605.5, "It falls."), id="plain"),
        pytest.param("<00:00:05><00:00:03> It falls.", (5, 5, "It falls."), id="backwards_is_a_moment"),
        pytest.param("It falls at 00:03.", None, id="no_times_in_front"),
        pytest.param("<00:00:99><00:00:03> It falls.", None, id="no_time"),
    ],
)
def test_a_line_of_a_dense_caption_is_a_stretch_or_stays_text(line, span):
    assert [(one.start, one.end, one.text) for one in events(line)] == ([span] if span else [])


def test_a_split_is_shown_whole_with_numbers_in_names_by_value(dataset, tmp_path):
    for side, name in (("train", "clip10.mp4"), ("eval", "clip9.mp4")):
        value = json.loads((dataset / "open_qa.json").read_text())
        value["items"][0]["video_id"] = name
        (tmp_path / "data" / side).mkdir(parents=True)
        (tmp_path / "data" / side / "open_qa.json").write_text(json.dumps(value))
    (tmp_path / "data" / "split.json").write_text("{}")
    assert [medium.name for medium in open_review(tmp_path / "data").media] == ["clip9.mp4", "clip10.mp4"]


def test_files_of_two_folders_about_one_video_show_it_once(dataset, tmp_path):
    for name in ("kept", "rejected"):
        value = json.loads((dataset / "mcq.json").read_text())
        value |= {"media_root": "../../set/videos", "items": value["items"][:1]}
        (tmp_path / "quality" / name).mkdir(parents=True)
        (tmp_path / "quality" / name / "mcq.json").write_text(json.dumps(value))
    review = open_review(tmp_path / "quality")
    assert (len(review.media), len(review.entries)) == (1, 2)


def test_one_file_is_enough(dataset):
    review = open_review(dataset / "mcq.json")
    assert [entry.task for entry in review.entries] == ["mcq", "mcq"] and review.decidable


@pytest.fixture
def predictions(dataset, tmp_path):
    """A run folder of `demitasse predict`, with every kind of score."""
    run = tmp_path / "run"
    run.mkdir()
    asked = {"task": "mcq", "video_id": "a.mp4", "question": "Q?", "reference": "B"}
    ids = ("right", "wrong", "cut", "judged", "unjudged", "missing")
    lines = [json.dumps({"item_id": one, **asked}) for one in ids]
    (run / "items.jsonl").write_text("\n".join(lines) + "\n")
    replies = [{"item_id": one, **asked, "response": f"say {one}", "finish": "stop"} for one in ids[:-1]]
    replies[2]["finish"] = "length"
    (run / "predictions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in replies))
    scores = [
        {"item_id": "right", "metric": "mcq", "score": 1.0, "fault": None},
        {"item_id": "wrong", "metric": "mcq", "score": 0.0, "fault": None, "reason": "C"},
        {"item_id": "cut", "metric": "mcq", "score": 0.0, "fault": "truncated"},
        {"item_id": "judged", "metric": "judge", "score": 4, "fault": None, "reason": "Good."},
        {"item_id": "unjudged", "metric": "judge", "score": None, "fault": "not_judged"},
        {"item_id": "missing", "metric": "tiou", "score": 0.25, "fault": None},
    ]
    (run / "scores.jsonl").write_text("".join(json.dumps(row) + "\n" for row in scores))
    (run / "run.json").write_text(json.dumps({"data": [{"file": str(dataset / "mcq.json")}, {"file": "gone.json"}]}))
    return run


def test_predictions_are_shown_beside_the_truth_with_their_scores(predictions):
    overview = open_review(predictions).overview()
    assert overview["decidable"] is False and overview["media"][0]["kind"] == "video"
    marks = {item["reply"]: item.get("marks") for item in overview["items"]}
    assert marks == {
        "say right": [["mcq", "right", "good", ""]],
        "say wrong": [["mcq", "wrong", "bad", "C"]],
        "say cut": [["reply", "length", "bad", ""], ["mcq", "truncated", "bad", ""]],
        "say judged": [["judge", "4 of 5", "good", "Good."]],
        "say unjudged": [["judge", "not_judged", "unsure", ""]],
        "": [["reply", "missing", "bad", ""], ["tiou", "0.25", "unsure", ""]],
    }


def test_captions_of_the_same_videos_can_be_shown_beside_a_dataset(results, dataset):
    path = dataset / "open_qa.json"
    path.write_text(path.read_text().replace("a.mp4", "ok.mp4"))
    medium, detail = shown(open_review(dataset, captions=results), "ok.mp4")
    assert medium["length"] == 8.0 and list(detail["tracks"]) == ["Events", "Chunks", "Highlight"]
    with pytest.raises(DataError, match="no results folder"):
        open_review(dataset, captions=dataset)


def test_predictions_that_nobody_scored_say_how_to(predictions):
    (predictions / "scores.jsonl").unlink()
    (predictions / "run.json").unlink()
    review = open_review(predictions)
    assert "demitasse score" in review.notes[1] and "--media" in review.media[0].fault


def test_a_damaged_file_is_named(results, dataset):
    (results / "step_1a_caption" / "captions.jsonl").write_text("[]\n")
    with pytest.raises(DataError, match=r"captions\.jsonl, line 1"):
        open_review(results)
    (dataset / "mcq.json").write_text("{")
    with pytest.raises(DataError, match=r"mcq\.json is not readable"):
        open_review(dataset)
