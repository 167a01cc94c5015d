"""A student that learnt from what it is asked about, or was chosen on it, is asked with a warning that stays."""

import json
from types import SimpleNamespace

import pytest

from demitasse.dataset import Item, TaskFile, write
from demitasse.errors import ConfigError
from demitasse.media.probe import content_hash
from demitasse.student.trained_on import TRAINED_ON, TrainedOn, read_trained_on, write_trained_on
from evaluate.asking.predict import predict
from evaluate.comparing.arm import load_arm
from evaluate.comparing.compare import compare, complaints
from evaluate.seen import overlap_sentences

ASKED = {"i1": "aa", "i2": "aa", "i3": "bb", "i4": ""}


def test_a_record_reads_back_as_it_was_written(tmp_path):
    seen = TrainedOn(frozenset(("aa", "cc")), 3, frozenset(("i1",)))
    write_trained_on(tmp_path, seen)
    assert read_trained_on(tmp_path) == seen


def test_a_base_model_says_nothing_of_what_it_has_seen(tmp_path):
    assert read_trained_on(tmp_path) is None
    assert list(overlap_sentences(None)) == []


@pytest.mark.parametrize("text", ["{}", "[]", "no", '{"format": "demitasse-trained-on-v1", "rounds": "2"}'])
def test_a_broken_record_is_a_sentence(tmp_path, text):
    (tmp_path / TRAINED_ON).write_text(text)
    with pytest.raises(ConfigError, match=TRAINED_ON):
        read_trained_on(tmp_path)


@pytest.mark.parametrize(
    ("seen", "counts"),
    [
        pytest.param(TrainedOn(frozenset(("aa", "cc"))), {"media": 1, "items": 2}, id="one_video_of_two_items"),
        pytest.param(TrainedOn(frozenset(("cc",))), {}, id="other_videos"),
        pytest.param(TrainedOn(frozenset(("",))), {}, id="no_medium_is_no_video"),
        pytest.param(TrainedOn(rounds=3, chosen_on=frozenset(("i1", "x"))), {"chosen_on": 1, "rounds": 3}, id="chosen"),
        pytest.param(TrainedOn(rounds=1, chosen_on=frozenset(("i1",))), {}, id="one_checkpoint_is_no_choice"),
    ],
)
def test_what_was_seen_is_counted_among_what_is_asked(seen, counts):
    assert seen.counts(ASKED) == counts


def test_the_comparison_complains_of_the_arm_that_has_seen_its_items():
    told = {"media": 1, "items": 2, "chosen_on": 4, "rounds": 3}
    result = {
        "before": "base",
        "after": "tuned",
        "validity": {name: {"faults": {}, "judge_fault": 0, "not_judged": 0} for name in ("base", "tuned")},
        "skipped_gold_faults": {},
        "metrics": {},
        "arms": {"base": {"run": {"trained_on": None}}, "tuned": {"run": {"trained_on": told}}},
    }
    learnt, chosen = complaints(result)
    assert learnt.startswith("tuned: 2 of the items are about 1 videos or images that the student learnt from")
    assert chosen.startswith("tuned: the student is the best of 3 checkpoints on 4 of these very items")


class Echo:
    """Answers with the question."""

    def answer(self, items):
        return [SimpleNamespace(text=item.question, finish="stop", evidence="") for item, _ in items]


def test_a_run_keeps_what_was_seen_and_a_comparison_reads_it_there(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"a")
    items = [Item(question, "Yes", video_id="a.mp4") for question in ("Here?", "There?")]
    file = TaskFile(items, task="bcq", license="x", media_root=".", path=tmp_path / "bcq.json")
    write(file.path, file)
    seen = {"new": TrainedOn(), "known": TrainedOn(frozenset((content_hash(tmp_path / "a.mp4"),))), "unknown": None}
    for name, one in seen.items():
        predict(Echo, [file], tmp_path / name, name, {"model": name}, seen=one)
    runs = {name: json.loads((tmp_path / name / "run.json").read_text())["trained_on"] for name in seen}
    assert runs == {"new": {}, "known": {"media": 1, "items": 2}, "unknown": None}
    found = compare([load_arm(tmp_path / "new"), load_arm(tmp_path / "known")]).result["complaints"]
    assert [sentence.split(" ")[:2] for sentence in found] == [["known:", "2"]]
