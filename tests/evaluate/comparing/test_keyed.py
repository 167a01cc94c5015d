"""One reply that answers several keys: each is scored as a task of its own, and what is not said is a fault by kind."""

import json
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demitasse.cli import main
from demitasse.errors import DataError
from evaluate.comparing.arm import check_gold, load_arm
from evaluate.comparing.keyed import replies_apart, take_apart
from evaluate.judging.protocol import exchanges, is_judged
from evaluate.metric import KIND
from evaluate.records import Asked, Fault, Prediction, write_rows
from evaluate.score import score_item

KEYS = {
    "weather": {"kind": "closed", "classes": ["Clear skies", "Overcast"], "question": "What is the weather?"},
    "violation": {"kind": "boolean"},
    "difficulty": {"kind": "graded", "classes": ["1", "2", "3", "4"]},
    "actions": {"kind": "multi", "classes": ["Yield to VRUs", "Vehicle following"]},
    "signs": {"kind": "prose", "question": "Which signs are there?"},
    "rules": {"kind": "prose", "optional": True},
}
TRUTH = {
    "weather": "Overcast",
    "violation": False,
    "difficulty": 3,
    "actions": ["Yield to VRUs"],
    "signs": "A stop sign.",
    "rules": None,
}


def clip(number=0, truth=TRUTH):
    kind = {KIND: {"kind": "object", "keys": KEYS}, "drive": "d1"}
    return Asked(f"clip{number}", "labels", f"{number}.mp4", "Label it.", json.dumps(truth, ensure_ascii=False), kind)


def run(tmp_path, replies, name="run", items=None):
    """A run folder of a reply a clip; (text, finish) or a text, None for none."""
    folder = tmp_path / name
    items = items or [clip(number) for number in range(len(replies))]
    write_rows(folder / "items.jsonl", [one.to_json() for one in items])
    rows = []
    for asked, reply in zip(items, replies, strict=True):
        if reply is not None:
            text, finish = (reply, "stop") if isinstance(reply, str) else reply
            rows.append(Prediction(asked, text, finish).to_json())
    write_rows(folder / "predictions.jsonl", rows)
    return folder


def scores(tmp_path, *replies):
    return {key.removeprefix("clip0-"): row for key, row in load_arm(run(tmp_path, replies)).scores().items()}


def test_each_key_is_a_task_with_its_own_question_reference_and_kind(tmp_path):
    parts = take_apart({"clip0": clip()})
    assert list(parts) == [f"clip0-{key}" for key in KEYS]
    weather = parts["clip0-weather"]
    assert (weather.task, weather.question, weather.reference) == ("weather", "What is the weather?", "Overcast")
    assert weather.video_id == "0.mp4"
    assert [parts[f"clip0-{key}"].reference for key in ("violation", "difficulty", "actions", "rules")] == [
        "false",
        "3",
        '["Yield to VRUs"]',
        "none",
    ]


def test_the_truth_itself_is_right_in_every_exact_metric(tmp_path):
    found = scores(tmp_path, f"```json\n{json.dumps(TRUTH, indent=2)}\n```\nDone.")
    assert {key: row.score for key, row in found.items() if row.metric != "judge"} == dict.fromkeys(
        ("weather", "violation", "difficulty", "actions"), 1.0
    )
    assert {key: row.metric for key, row in found.items()} == {
        "weather": "closed",
        "violation": "closed",
        "difficulty": "graded",
        "actions": "multi",
        "signs": "judge",
        "rules": "judge",
    }


def test_texts_that_people_and_models_write_for_truths_and_numbers_count_alike(tmp_path):
    said = TRUTH | {"violation": "False", "difficulty": "3", "weather": "overcast.", "actions": "Yield to VRUs"}
    found = scores(tmp_path, json.dumps(said))
    assert all(row.score == 1.0 for row in found.values() if row.metric != "judge")


def test_grades_tell_how_far_off_and_sets_how_much_is_shared(tmp_path):
    found = scores(tmp_path, json.dumps(TRUTH | {"difficulty": 1, "actions": ["Yield to VRUs", "Vehicle following"]}))
    assert found["difficulty"].detail["off"] == 2
    assert found["actions"].score == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("reply", "faults"),
    [
        pytest.param(
            {key: value for key, value in TRUTH.items() if key != "weather"},
            {"weather": Fault.NO_KEY},
            id="a_missing_key",
        ),
        pytest.param(TRUTH | {"weather": None}, {"weather": Fault.UNPARSABLE}, id="null_is_no_class"),
        pytest.param(TRUTH | {"weather": "Clear skies or Overcast"}, {"weather": Fault.UNPARSABLE}, id="two_classes"),
        pytest.param(TRUTH | {"signs": ""}, {"signs": Fault.EMPTY}, id="prose_of_nothing"),
        pytest.param(TRUTH | {"actions": None}, {}, id="null_is_a_set_of_nothing"),
    ],
)
def test_what_one_key_lacks_is_a_fault_of_that_key_alone(tmp_path, reply, faults):
    found = scores(tmp_path, json.dumps(reply))
    told = {key: row.fault for key, row in found.items() if row.fault not in (None, Fault.NOT_JUDGED)}
    assert told == faults
    assert all(found[key].score == (1.0 if found[key].metric == "judge" else 0.0) for key in faults)


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        pytest.param("The weather is Overcast.", Fault.UNPARSABLE, id="prose_is_searched_for_no_class"),
        pytest.param(json.dumps(TRUTH) + '{"weather": "Clear skies"}', Fault.UNPARSABLE, id="two_objects"),
        pytest.param("I cannot see the video.", Fault.REFUSAL, id="a_refusal"),
        pytest.param("", Fault.EMPTY, id="nothing"),
        pytest.param(None, Fault.MISSING, id="no_prediction"),
        pytest.param(("", "error"), Fault.ERROR, id="could_not_be_asked"),
        pytest.param(("It is", "length"), Fault.TRUNCATED, id="cut_before_the_object"),
        pytest.param("<think>so " + json.dumps(TRUTH), Fault.TRUNCATED, id="reasoning_that_was_never_closed"),
    ],
)
def test_a_reply_without_an_object_is_a_fault_of_every_key(tmp_path, reply, fault):
    found = scores(tmp_path, reply)
    assert {row.fault for row in found.values()} == {fault}
    assert len(found) == len(KEYS)


def test_keys_that_were_said_before_the_token_limit_count_and_those_behind_it_are_truncated(tmp_path):
    whole = json.dumps(TRUTH)
    found = scores(tmp_path, (whole[: whole.index("stop")], "length"))
    assert {key: row.fault for key, row in found.items()} == {
        **dict.fromkeys(("weather", "violation", "difficulty", "actions"), None),
        "signs": Fault.TRUNCATED,
        "rules": Fault.TRUNCATED,
    }


PIECES = [json.dumps(TRUTH)[:cut] for cut in (12, 40, 80, 130)] + ["{", "}", '"', ":", ",", "[" * 3000, "null", "True"]
PIECES += [
    '{"weather": "\\ud800"}',
    '"signs": "\\ud83d",',
    '{"actions": [[["x"]]]}',
    "\u2011",
    "```",
    "<think>",
    "9" * 5000,
]


@given(text=st.lists(st.sampled_from(PIECES), max_size=8).map("".join) | st.text(max_size=40))
def test_any_reply_scores_every_key_and_can_be_written_down(text):
    asked = clip()
    said = Prediction(asked, text.encode("utf-8", "replace").decode(), "stop")
    parts, replies = take_apart({"clip0": asked}), replies_apart({"clip0": asked}, {"clip0": said})
    assert replies.keys() == parts.keys()
    for key, part in parts.items():
        row = score_item(part, replies[key], None)
        assert row.score is None or 0 <= row.score <= 1
        orjson.dumps(row.to_json())
    for one in exchanges(parts, replies):
        assert len(one.of) == 16


def test_only_prose_is_the_judges_and_by_its_own_question(tmp_path):
    arm = load_arm(run(tmp_path, [json.dumps(TRUTH)]))
    assert sum(map(is_judged, arm.items.values())) == 2
    given = [(one.asked.question, one.reference, one.response) for one in exchanges(arm.items, arm.predictions)]
    assert given == [
        ("Which signs are there?", "A stop sign.", "A stop sign."),
        ("What is said of rules?", "none", "none"),
    ]


def test_an_item_of_another_kind_beside_stays_whole(tmp_path):
    other = Asked("other", "bcq", "9.mp4", "Does it rain?", "Yes", {"drive": "d1"})
    assert take_apart({"other": other, "clip0": clip()})["other"] is other
    found = load_arm(run(tmp_path, [json.dumps(TRUTH), "Yes"], items=[clip(), other])).scores()
    assert (found["other"].score, len(found)) == (1.0, 1 + len(KEYS))


def test_a_key_that_the_label_lacks_is_not_asked(tmp_path):
    short = {key: value for key, value in TRUTH.items() if key != "weather"}
    assert len(take_apart({"clip0": clip(truth=short)})) == len(KEYS) - 1


def test_an_item_that_declares_no_keys_is_named():
    with pytest.raises(DataError, match=r"item i \(v, labels\).*must have 'keys'"):
        take_apart({"i": Asked("i", "labels", "v", "q", "{}", {KIND: {"kind": "object"}})})


@pytest.mark.parametrize(
    "reference",
    [
        pytest.param('["x"]', id="a_list"),
        pytest.param('{"mood": 1}', id="other_keys"),
        pytest.param("{}", id="an_empty_object"),
        pytest.param('{"weather": "Overcast"', id="no_json"),
        pytest.param("[" * 5000, id="nested_too_deep"),
    ],
)
def test_an_item_whose_whole_reference_is_at_fault_is_named_and_can_be_left_out(tmp_path, capsys, reference):
    bad = replace(clip(1), reference=reference)
    folder = run(tmp_path, ["{}", "{}"], items=[clip(0), bad])
    assert main(["score", str(folder)]) == 2
    assert "item clip1 (1.mp4, labels): the reference is no JSON object with any of its keys" in capsys.readouterr().err
    assert main(["score", str(folder), "--skip-gold-faults"]) == 3
    told = capsys.readouterr().out
    assert told.startswith(f"{folder}: {len(KEYS)} items of 1 video\n") and "left out: item clip1" in told
    out = ["--out", str(tmp_path / "report"), "--skip-gold-faults", "--report-only"]
    assert main(["compare", str(folder), str(run(tmp_path, ["{}", "{}"], "b", [clip(0), bad])), *out]) in (0, 3)
    assert main(["judge", str(folder), "--model", "scripted"]) == 0


def test_a_reference_that_is_no_class_is_found_before_anything_is_scored(tmp_path):
    arm = load_arm(run(tmp_path, ["{}"], items=[clip(truth=TRUTH | {"weather": "Fog"})]))
    with pytest.raises(DataError, match="'Fog' is none of the classes"):
        check_gold(arm.items, skip=False)
    assert list(check_gold(arm.items, skip=True)) == ["clip0-weather"]


def test_a_constant_answer_shows_as_chance_beside_the_majority(tmp_path, capsys):
    truths = [TRUTH | {"violation": number == 0} for number in range(10)]
    items = [clip(number, truth) for number, truth in enumerate(truths)]
    folder = run(tmp_path, [json.dumps(TRUTH)] * 10, items=items)
    assert main(["score", str(folder)]) == 0
    told = capsys.readouterr().out
    assert "violation                        10    90.0%" in told
    assert "balanced accuracy 50.0%" in told
    assert "the commonest reference alone 90.0%" in told


def test_one_clip_makes_a_report_that_says_that_there_are_no_statistics(tmp_path, capsys):
    before = run(tmp_path, ["{}"], "before")
    after = run(tmp_path, [json.dumps(TRUTH)], "after")
    assert main(["judge", str(before), str(after), "--model", "scripted"]) == 0
    capsys.readouterr()
    assert main(["compare", str(before), str(after), "--out", str(tmp_path / "report"), "--report-only"]) == 0
    assert "One video is too few to tell" in capsys.readouterr().out
    page = (tmp_path / "report" / "index.html").read_text()
    assert "one video: no interval" in page
    assert "key not in the reply" in page or "unparsable" in page


def test_people_may_be_shown_each_key_of_a_reply_with_what_it_was_worth(tmp_path):
    from demitasse.view.folders import open_review

    folder = run(tmp_path, [json.dumps(TRUTH | {"weather": "Clear skies"})])
    assert main(["score", str(folder)]) == 0
    [entry] = open_review(folder).entries
    marks = {mark.name: mark.verdict for mark in entry.marks}
    assert marks["weather"] == "wrong"
    assert marks["violation"] == "right"
    assert marks["signs"] == "not_judged"
