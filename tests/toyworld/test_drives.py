"""Toy drives: labels of the fifteen keys that follow from the clip, written with the oddities of people's."""

import json
from pathlib import Path

import pytest

from demitasse.cli import main
from demitasse.labels.folder import read_labels
from demitasse.labels.keys import read_keys
from demitasse.labels.mend import LEFT_OUT, mend
from demitasse.stages import CHECKOUT
from demitasse.toyworld.drives import as_people_write, drive_label
from demitasse.toyworld.world import toy_clip

KEYS = read_keys(CHECKOUT / "recipes" / "av_captioning" / "keys.yaml")
CLIPS = [toy_clip(number) for number in range(200)]


def test_a_label_is_clean_by_the_recipes_keys_whatever_the_clip():
    for clip in CLIPS:
        done = mend(drive_label(clip), KEYS)
        assert done.values == drive_label(clip)
        assert not done.oddities


def test_what_people_write_is_mended_to_the_same_label():
    for clip in CLIPS:
        done = mend(as_people_write(drive_label(clip), clip.number), KEYS)
        assert done.values == drive_label(clip)
        assert not any(one.became is LEFT_OUT for one in done.oddities)


def test_the_oddities_are_those_of_real_labels_and_more():
    kinds = {one.kind for clip in CLIPS for one in mend(as_people_write(drive_label(clip), clip.number), KEYS).oddities}
    assert kinds == {
        "dash", "boolean as text", "space at the edge", "spelling of a class", "null for an empty list", "extra key",
    }  # fmt: skip


def test_a_broken_rule_is_rare_and_every_grade_occurs():
    labels = [drive_label(clip) for clip in CLIPS]
    assert 0 < sum(label["rule_violation"] for label in labels) < 0.1 * len(labels)
    assert {label["driving_difficulty"] for label in labels} == {1, 2, 3, 4}


def test_the_command_writes_videos_with_their_labels(tmp_path, capsys):
    assert main(["toyworld", "drives", str(tmp_path / "drives"), "--count", "2", "--first", "4"]) == 0
    assert capsys.readouterr().out.startswith("2 toy drives in")
    assert sorted(path.name for path in (tmp_path / "drives").iterdir()) == [
        "00004.label.json",
        "00004.mp4",
        "00005.label.json",
        "00005.mp4",
    ]
    labels = read_labels(tmp_path / "drives", KEYS)
    assert not labels.left_out
    text = Path(tmp_path / "drives" / "00004.label.json").read_text()
    assert "\\u2011" in text or "poorly" in json.loads(text)["lighting"]


@pytest.mark.parametrize("number", [0, 7])
def test_the_scripted_judge_tells_a_right_label_from_another_clips(number):
    from demitasse.toyworld.teacher import judge

    right, other = (
        drive_label(toy_clip(number))["safety_analysis"],
        drive_label(toy_clip(number + 1))["safety_analysis"],
    )
    assert judge(right, right)["score"] == 5
    assert judge(right, other)["score"] < 5
