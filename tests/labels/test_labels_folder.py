"""A folder of videos and labels becomes items; what has no pair, or cannot be used, is left out by name."""

import json
import re

import pytest

from demitasse.cli import main
from demitasse.dataset import read
from demitasse.errors import DataError
from demitasse.labels.folder import read_folder, read_labels, summary
from demitasse.labels.keys import read_keys

KEYS = """
weather: {kind: closed, classes: [Clear skies, "Rain - light"], question: "What is the weather?"}
violation: {kind: boolean, question: "Is a rule broken?"}
difficulty: {kind: graded, classes: [1, 2]}
signs: {kind: prose, question: "Which signs are there?"}
"""
LABEL = {"weather": "Clear skies", "violation": "False", "difficulty": 1, "signs": "Ein Stopp-Schild, größer."}


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "keys.yaml"
    path.write_text(KEYS, encoding="utf-8")
    return path


@pytest.fixture
def drives(tmp_path):
    folder = tmp_path / "drives"
    folder.mkdir()
    for name in ("a", "b"):
        put(folder, name, LABEL)
    return folder


def put(folder, name, label, video="mp4"):
    for path in (folder / f"{name}.{video}", folder / f"{name}.label.json"):
        path.parent.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.{video}").write_bytes(name.encode())
    (folder / f"{name}.label.json").write_text(json.dumps(label), encoding="utf-8")


def test_an_item_asks_for_all_keys_and_its_answer_is_the_whole_label(drives, keys):
    item = read_folder(drives, read_keys(keys)).files[0].items[0]
    assert (item.video_id, item.item_index) == ("a.mp4", "a")
    assert item.question.splitlines()[2:] == [
        '- weather: What is the weather? One of "Clear skies", "Rain - light".',
        "- violation: Is a rule broken? true or false.",
        "- difficulty: One number of 1, 2.",
        "- signs: Which signs are there? Text.",
    ]
    assert json.loads(item.answer) == LABEL | {"violation": False}
    assert item.extra["answer_kind"]["keys"]["difficulty"] == {"kind": "graded", "classes": ["1", "2"]}


def test_letters_are_themselves_and_no_escapes(drives, keys, tmp_path):
    put(drives, "a", LABEL | {"signs": "low\u2011speed \u00fcber"})
    item = read_folder(drives, read_keys(keys)).files[0].items[0]
    assert "low-speed über" in item.answer
    assert "\\u" not in item.answer


def test_videos_and_labels_may_lie_in_folders_of_their_own(tmp_path, keys):
    folder = tmp_path / "set"
    (folder / "videos").mkdir(parents=True)
    (folder / "metas").mkdir()
    (folder / "videos" / "x1.camera_front_wide_120fov.mp4").write_bytes(b"x")
    (folder / "metas" / "x1.label.json").write_text(json.dumps(LABEL))
    [item] = read_folder(folder, read_keys(keys)).files[0].items
    assert item.video_id == "videos/x1.camera_front_wide_120fov.mp4"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        pytest.param("c.mp4", "", r"c\.mp4: there is no label c\.label\.json", id="a_video_without_a_label"),
        pytest.param("c.label.json", "{}", r"c\.label\.json: there is no video c\.\*", id="a_label_without_a_video"),
        pytest.param("a.mov", "", r"two videos of one name, a; keep one", id="two_videos"),
        pytest.param("a.label.json", '{"weather": ', r"a\.label\.json is not readable JSON", id="a_label_cut_short"),
        pytest.param(
            "a.label.json", "[1]", r"a\.label\.json holds an? \w+, not an object", id="a_label_that_is_a_list"
        ),
        pytest.param(
            "a.label.json", '{"weather": "Fog", "x": 1}', "none of its keys can be used", id="a_label_of_nothing_usable"
        ),
        pytest.param(
            "a.label.json",
            json.dumps(LABEL | {"weather": "Fog"}),
            'weather: unknown class, "Fog" left out',
            id="a_class_that_there_is_not",
        ),
    ],
)
def test_what_cannot_be_used_is_left_out_by_name_and_the_rest_goes_on(drives, keys, name, content, told):
    (drives / name).write_text(content)
    found = read_folder(drives, read_keys(keys))
    assert re.search(told, "\n".join(found.left_out))
    assert any(item.video_id == "b.mp4" for item in found.files[0].items)


def test_a_second_link_to_a_video_is_told_of_and_no_second_video(drives, keys):
    (drives / "c.mp4").symlink_to(drives / "a.mp4")
    (drives / "c.label.json").write_text(json.dumps(LABEL))
    found = read_folder(drives, read_keys(keys))
    assert [item.video_id for item in found.files[0].items] == ["a.mp4", "b.mp4"]
    assert [sentence.split(": ")[0] for sentence in found.left_out] == [
        str(drives / "c.mp4"),
        str(drives / "c.label.json"),
    ]


def test_extra_keys_are_carried_and_those_with_a_meaning_stand_aside(drives, keys):
    put(drives, "a", LABEL | {"drive": "d7", "quality": "good", "answer_kind": 3})
    item = read_folder(drives, read_keys(keys)).files[0].items[0]
    assert item.extra["drive"] == "d7"
    assert item.extra["label_extra"] == {"quality": "good", "answer_kind": 3}
    assert item.extra["answer_kind"]["kind"] == "object"


@pytest.mark.parametrize("path", ["nowhere", "empty"])
def test_a_folder_without_labels_is_refused(tmp_path, keys, path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"label\.json"):
        read_labels(tmp_path / path, read_keys(keys))


def test_convert_writes_a_dataset_that_the_official_validator_passes(drives, keys, tmp_path, tao_daft, capsys):
    out = tmp_path / "out"
    command = ["data", "convert", str(drives), str(out), "--from", "labels", "--to", "tao"]
    assert main([*command, "--keys", str(keys)]) == 0
    assert "2 labels, oddities mended: boolean as text 2" in capsys.readouterr().out
    file = read(out / "labels.json")
    assert [file.media_path(item).read_bytes() for item in file.items] == [b"a", b"b"]
    assert main(["data", "validate", str(out)]) == 0
    assert tao_daft(out)


def test_a_set_of_which_two_labels_are_unknown_is_one_key_left_out(drives, tmp_path):
    keys = {"seen": {"kind": "multi", "classes": ["Car", "Bus"]}}
    put(drives, "a", {"seen": ["Fly", "Swim", "Car"]})
    told = list(summary(read_labels(drives, keys)))
    assert told[-1].startswith("keys left out of their item: seen (") and "seen (unknown class) 1" in told[-1]


def test_convert_ends_with_3_and_names_what_it_left_out(drives, keys, tmp_path, capsys):
    put(drives, "a", LABEL | {"difficulty": 5})
    command = ["data", "convert", str(drives), str(tmp_path / "out"), "--from", "labels", "--to", "tao"]
    assert main([*command, "--keys", str(keys)]) == 3
    told = capsys.readouterr()
    assert "difficulty: unknown class, 5 left out" in told.err
    assert "keys left out of their item: difficulty (unknown class) 1" in told.out


@pytest.mark.parametrize(
    "more",
    [
        pytest.param(["--from", "labels"], id="labels_without_keys"),
        pytest.param(["--from", "llava", "--keys", "{keys}"], id="keys_without_labels"),
    ],
)
def test_keys_and_labels_go_together(drives, keys, tmp_path, more, capsys):
    words = [word.format(keys=keys) for word in more]
    assert main(["data", "convert", str(drives), str(tmp_path / "out"), "--to", "tao", *words]) == 2
    assert "--keys FILE" in capsys.readouterr().err


def test_lint_lists_each_oddity_with_its_file_key_value_and_what_it_became(drives, keys, tmp_path, capsys):
    put(drives, "a", LABEL | {"weather": "Rain \u2013 light", "note": "x"})
    rows = tmp_path / "oddities.jsonl"
    assert main(["data", "lint", str(drives), "--keys", str(keys), "--out", str(rows)]) == 0
    told = capsys.readouterr().out
    assert f'{drives / "a.label.json"}: weather: dash, "Rain \\u2013 light" became "Rain - light"' in told
    assert "carried beside the answer: note 1" in told
    found = [json.loads(line) for line in rows.read_text().splitlines()]
    assert found[0] == {
        "file": str(drives / "a.label.json"),
        "key": "weather",
        "oddity": "dash",
        "value": "Rain \u2013 light",
        "became": "Rain - light",
    }


def test_lint_ends_with_3_if_something_cannot_be_used(drives, keys, capsys):
    put(drives, "a", LABEL | {"weather": None})
    assert main(["data", "lint", str(drives), "--keys", str(keys)]) == 3
    assert "weather: wrong type, null left out" in capsys.readouterr().out
