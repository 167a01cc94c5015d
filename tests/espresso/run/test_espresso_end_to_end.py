"""From toy clips to items, all nine steps, by the scripted teacher."""

import orjson
import pytest

from annotate.espresso.pipeline import run_of
from demitasse.chat.model import Capability
from demitasse.chat.scripted import ScriptedModel
from demitasse.cli import main
from demitasse.dataset import read
from demitasse.dataset.evidence import core_frames_of, evidence_of
from demitasse.geometry import iou
from demitasse.toyworld.world import toy_clip

TEST = ("split=test", "license=CC0-1.0")


def number_of(item):
    return int(item.video_id.split(".")[0])


def read_items(bar, task):
    return read(bar.out / "items" / f"{task}.json").items


@pytest.fixture
def done(bar):
    annotated = bar.annotate(*TEST)
    assert annotated.exit_code == 0
    return bar


def test_every_kept_question_is_an_open_and_a_multiple_choice_item(done):
    verdicts = [one for row in done.rows("step_4_filter/verdicts.jsonl").values() for one in row["verdicts"]]
    kept = [one["id"] for one in verdicts if one["verdict"] == "keep"]
    assert kept
    for task in ("open_qa", "mcq"):
        assert [item.extra["question_id"] for item in read_items(done, task)] == kept


def test_what_the_filter_drops_is_in_the_file_with_its_rule_and_in_no_item(done):
    dropped = [
        one
        for row in done.rows("step_4_filter/verdicts.jsonl").values()
        for one in row["verdicts"]
        if one["verdict"] == "drop"
    ]
    assert {one["criterion"] for one in dropped} == {"subjective"}
    assert all(one["reason"] for one in dropped)
    assert not {one["id"] for one in dropped} & {item.extra["question_id"] for item in read_items(done, "open_qa")}


def test_boxes_of_items_are_where_the_things_are_at_the_core_frames_times(done):
    seen = 0
    for item in read_items(done, "open_qa"):
        clip, frames = toy_clip(number_of(item)), core_frames_of(item)
        for mention in evidence_of(item).mentions:
            for box in mention.boxes:
                truth = (0.0, 0.0, 1.0, 0.1) if "light" in mention.name else clip.box(frames[box.core_frame].time)
                assert iou(box.bbox, truth) > 0.95
                seen += 1
    assert seen > 5


def test_core_frames_have_the_numbers_and_times_of_the_video(done):
    for item in read_items(done, "mcq"):
        for frame in core_frames_of(item):
            assert frame.time == frame.frame / 4  # toy clips have four frames a second
            assert f"[toy clip {number_of(item):05d}]" in frame.caption


def test_everything_that_was_said_and_measured_is_in_the_files(done):
    captions = done.rows("step_1_captions/captions.jsonl")
    boxes = done.rows("step_6_boxes/boxes.jsonl")
    grounding = done.rows("step_7_grounding/grounding.jsonl")
    probe = done.rows("step_9_probe/guesses.jsonl")
    for video, row in done.rows("step_5_evidence/evidence.jsonl").items():
        assert all({"frame", "time", "caption"} <= frame.keys() for frame in captions[video]["frames"])
        assert [one["id"] for one in grounding[video]["grounding"]] == [one["id"] for one in row["evidence"]]
        assert all(
            {"score", "time", "agrees"} <= core.keys() for one in grounding[video]["grounding"] for core in one["core"]
        )
        assert all(
            {"score", "agreement", "kept", "reason"} <= box.keys()
            for one in boxes[video]["boxes"]
            for box in one["found"]
        )
        assert [one["id"] for one in probe[video]["probe"]] == [one["id"] for one in row["evidence"]]


def test_lengths_and_guesses_stand_in_the_summary(done):
    told = orjson.loads((done.out / "summary.json").read_bytes())
    assert told["option_lengths"]["balanced"]
    assert told["option_lengths"]["reference_minus_longest"] == {"0": told["items"]["mcq"]}
    assert told["text_only_probe"]["questions"] == told["items"]["mcq"]
    assert told["boxes_kept"] == told["boxes"] > 0


def test_a_second_run_buys_nothing_and_writes_the_same_bytes(done):
    files = {path: path.read_bytes() for path in (done.out / "items").iterdir()}
    teacher = done.teacher()
    done.annotate(*TEST, teacher=teacher)
    assert teacher.asked == []
    assert {path: path.read_bytes() for path in files} == files


def test_a_training_set_has_neither_options_nor_a_probe(bar):
    teacher = bar.teacher()
    bar.annotate("license=CC0-1.0", teacher=teacher)
    assert not teacher.steps & {"espresso_distractors", "text_only_probe"}
    assert not (bar.out / "items" / "mcq.json").exists()
    assert bar.items("open_qa")


def test_wrong_boxes_are_dropped_where_the_second_look_disagrees(bar):
    models = {"captioner": ScriptedModel(), "writer": ScriptedModel(), "detector": ScriptedModel(box_mistakes=0.5)}
    spec = bar.spec("detector.backend=scripted", "boxes.min_agreement=0.9")
    run_of(spec).annotate(models, progress=False, pool=bar.pool)
    rows = bar.rows("step_6_boxes/boxes.jsonl").values()
    found = [box for row in rows for one in row["boxes"] for box in one["found"]]
    dropped = [box for box in found if not box["kept"]]
    assert 0 < len(dropped) < len(found)
    assert all(box["agreement"] < 0.9 and "a second look agrees to" in box["reason"] for box in dropped)
    assert all(box["agreement"] > 0.98 for box in found if box["kept"])


def test_a_question_whose_evidence_cannot_be_used_is_counted_and_the_others_become_items(bar):
    def says(request):
        return '{"captions": [], "key_items": [], "evidence": ""}' if "How does the place" in request.text else None

    annotated = bar.annotate("license=CC0-1.0", teacher=bar.teacher(espresso_evidence=says))
    assert annotated.exit_code == 3
    assert annotated.assembled.unusable
    assert {item.extra["sub_task"] for item in read_items(bar, "open_qa")} <= {"Causal Inference", "Influence Tracing"}


def test_without_a_filter_every_question_goes_on(bar):
    bar.annotate("workflow.steps=[1,2,3,5]", "license=CC0-1.0")
    asked = [one["id"] for row in bar.rows("step_3_questions/questions.jsonl").values() for one in row["questions"]]
    assert [item.extra["question_id"] for item in read_items(bar, "open_qa")] == asked


def test_replies_without_a_schema_are_read_all_the_same(bar):
    """A model that is asked in words, and answers in the layouts that the prompts show."""

    class Wordy(type(bar.teacher())):
        @property
        def capability(self):
            return Capability(boxes="qwen_1000", json_schema=False)

    teacher = Wordy()
    assert bar.annotate(*TEST, teacher=teacher).exit_code == 0
    assert any("=====\nTask: the name of a type" in request.text for request in teacher.asked)
    assert bar.items("mcq")


def test_the_command_makes_files_that_both_validators_take(bar, tao_daft, capsys):
    assert main(["annotate", "espresso", "--quiet", *bar.words(*TEST)]) == 0
    assert main(["data", "validate", str(bar.out / "items")]) == 0
    assert tao_daft(bar.out / "items")
    assert "open_qa" in capsys.readouterr().out
