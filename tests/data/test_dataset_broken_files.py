"""Broken datasets: refused where `tao-daft` refuses, and where it lets them pass, in a sentence with its place."""

import json
import shutil

import pytest

from demitasse.dataset import validate


def items(edit):
    def apply(value):
        edit(value["items"])

    return apply


def first(**fields):
    return items(lambda found: found[0].update(fields))


def drop(*keys):
    def apply(value):
        for key in keys[:-1]:
            value = value[key]
        del value[keys[-1]]

    return apply


def put(value, *keys):
    def apply(target):
        for key in keys[:-1]:
            target = target[key]
        target[keys[-1]] = value

    return apply


# name of the file, edit, (file, item, field) of the problem
REFUSED_BY_BOTH = [
    pytest.param("mcq.json", drop("metadata", "license"), None, "metadata.license", id="licence_missing"),
    pytest.param("mcq.json", put(3, "metadata", "license"), None, "metadata.license", id="licence_not_a_string"),
    pytest.param("mcq.json", drop("metadata", "type"), None, "metadata.type", id="type_missing"),
    pytest.param("mcq.json", put("questions", "metadata", "type"), None, "metadata.type", id="type_not_annotation"),
    pytest.param("mcq.json", put("x", "metadata", "metric"), None, "metadata.metric", id="unknown_metadata_key"),
    pytest.param("mcq.json", put(1, "version"), None, "version", id="unknown_top_key"),
    pytest.param("mcq.json", put([], "metadata"), None, "metadata", id="metadata_not_an_object"),
    pytest.param("mcq.json", drop("metadata"), None, "metadata", id="metadata_missing"),
    pytest.param("mcq.json", drop("items"), None, "items", id="items_missing"),
    pytest.param("mcq.json", put({}, "items"), None, "items", id="items_not_a_list"),
    pytest.param("mcq.json", put(7, "media_root"), None, "media_root", id="media_root_a_number"),
    pytest.param("mcq.json", put("elsewhere", "media_root"), 0, "video_id", id="media_root_without_the_media"),
    pytest.param("mcq.json", put("a, b", "metadata", "tags"), None, "metadata.tags", id="tags_not_a_list"),
    pytest.param("mcq.json", put([1], "metadata", "tags"), None, "metadata.tags", id="tag_not_a_string"),
    pytest.param("mcq.json", put(5, "metadata", "date"), None, "metadata.date", id="date_not_a_string"),
    pytest.param("mcq.json", put(None, "metadata", "task"), None, "metadata.task", id="task_null"),
    pytest.param("mcq.json", drop("items", 1, "question"), 1, "question", id="question_missing"),
    pytest.param("mcq.json", drop("items", 1, "answer"), 1, "answer", id="answer_missing"),
    pytest.param("mcq.json", first(answer=["B"]), 0, "answer", id="answer_a_list"),
    pytest.param("mcq.json", first(question=None), 0, "question", id="question_null"),
    pytest.param("mcq.json", first(reasoning=None), 0, "reasoning", id="reasoning_null"),
    pytest.param("mcq.json", first(item_index=4), 0, "item_index", id="item_index_a_number"),
    pytest.param("mcq.json", drop("items", 0, "video_id"), 0, "video_id", id="no_media_id"),
    pytest.param("mcq.json", first(image_id="a.png"), 0, "image_id", id="video_and_image"),
    pytest.param("mcq.json", first(video_id=None), 0, "video_id", id="video_id_null"),
    pytest.param("mcq.json", first(video_id="gone.mp4"), 0, "video_id", id="video_not_there"),
    pytest.param("mcq.json", first(video_id=""), 0, "video_id", id="video_id_empty_which_crashes_the_peer"),
    pytest.param("mcq.json", items(lambda found: found.insert(1, "text")), 1, "", id="item_not_an_object"),
]
LET_PASS_BY_TAO_DAFT = [
    pytest.param("mcq.json", first(answer=""), 0, "answer", id="answer_empty"),
    pytest.param("open_qa.json", first(answer=" \n"), 0, "answer", id="answer_of_spaces"),
    pytest.param("open_qa.json", first(question=""), 0, "question", id="question_empty"),
    pytest.param("open_qa.json", first(item_index=""), 0, "item_index", id="item_index_empty"),
    pytest.param("open_qa.json", first(video_id="."), 0, "video_id", id="video_id_a_folder"),
    pytest.param("mcq.json", first(answer="D"), 0, "answer", id="letter_not_among_options"),
    pytest.param("mcq.json", first(answer="("), 0, "answer", id="first_character_of_a_bracketed_letter"),
    pytest.param("mcq.json", first(answer="B) hammer"), 0, "answer", id="letter_and_text_disagree"),
    pytest.param("mcq.json", first(answer="T"), 0, "answer", id="first_character_of_a_sentence"),
    pytest.param("mcq.json", first(question="Which tool falls?"), 0, "question", id="mcq_without_options"),
    pytest.param("bcq.json", first(answer="None visible"), 0, "answer", id="none_is_not_no"),
    pytest.param("bcq.json", first(answer="Maybe"), 0, "answer", id="neither_yes_nor_no"),
    pytest.param("bcq.json", first(answer="No one is there"), 0, "answer", id="no_as_a_word_of_a_sentence"),
    pytest.param("temporal_localization.json", first(answer="Start: 3"), 0, "answer", id="temporal_answer_is_raw_text"),
    pytest.param(
        "temporal_localization.json", first(answer='{"start": "00:03", "en'), 0, "answer", id="temporal_json_cut_short"
    ),
    pytest.param("temporal_localization.json", first(answer='{"start": "00:03"}'), 0, "answer", id="end_missing"),
    pytest.param(
        "temporal_localization.json", first(answer='{"start": "0:3", "end": "00:05"}'), 0, "answer", id="start_no_time"
    ),
    pytest.param(
        "temporal_localization.json",
        first(answer='{"start": "00:09", "end": "00:05"}'),
        0,
        "answer",
        id="end_before_start",
    ),
    pytest.param("mcq.json", items(lambda found: found.append(found[0])), 2, "question", id="duplicate_record"),
    pytest.param("mcq.json", drop("format"), None, "format", id="format_missing_from_a_sibling"),
    pytest.param("mcq.json", put(None, "format"), None, "format", id="format_null_in_a_sibling"),
    pytest.param("mcq.json", put("tao-vl-reason-v1", "format"), None, "format", id="format_misspelt_in_a_sibling"),
]


def only_problem(folder):
    found = validate(folder)
    assert len(found) == 1, [str(problem) for problem in found]
    return found[0]


def assert_names(problem, name, item, field):
    assert (problem.file.name, problem.item, problem.field) == (name, item, field)
    sentence = str(problem)
    assert "\n" not in sentence
    assert name in sentence and field in sentence
    assert item is None or f"items[{item}]" in sentence


def test_the_good_dataset_passes_both(dataset, tao_daft):
    assert validate(dataset) == []
    assert tao_daft(dataset)


@pytest.mark.parametrize(("name", "edit", "item", "field"), REFUSED_BY_BOTH)
def test_what_tao_daft_refuses_is_refused(dataset, change, tao_daft, name, edit, item, field):
    change(name, edit)
    assert not tao_daft(dataset)
    found = validate(dataset)
    assert_names(found[0], name, item, field)


@pytest.mark.parametrize(("name", "edit", "item", "field"), LET_PASS_BY_TAO_DAFT)
def test_what_tao_daft_lets_pass_is_refused(dataset, change, tao_daft, name, edit, item, field):
    change(name, edit)
    assert tao_daft(dataset)
    assert_names(only_problem(dataset), name, item, field)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param('{"format": "tao-vl-reason-v1.0", "metadata": {', "cut short", id="truncated"),
        pytest.param("", "cut short", id="empty_file"),
        pytest.param("\ufeff{}", "byte order mark; save it as UTF-8 without one", id="byte_order_mark"),
        pytest.param('{"items": [NaN]}', "NaN", id="not_a_number"),
        pytest.param('{"items": [], "items": []}', "'items'".replace("'", '"'), id="key_given_twice"),
    ],
)
def test_an_unreadable_sibling_is_a_problem(dataset, tao_daft, content, says):
    (dataset / "zz.json").write_text(content, encoding="utf-8")
    assert tao_daft(dataset)
    problem = only_problem(dataset)
    assert problem.file.name == "zz.json" and says in str(problem)


def test_a_truncated_task_file_is_a_problem_beside_nine_good_ones(dataset, tao_daft):
    text = (dataset / "mcq.json").read_text()
    (dataset / "mcq.json").write_text(text[: len(text) // 2])
    assert tao_daft(dataset)
    assert only_problem(dataset).file.name == "mcq.json"


def test_bytes_that_are_not_utf8_are_a_problem(dataset):
    (dataset / "zz.json").write_bytes(b'{"a": "\xff"}')
    assert "UTF-8" in str(only_problem(dataset))


def test_other_readable_json_in_the_folder_is_left_alone(dataset, tao_daft):
    (dataset / "config.json").write_text('{"model": "x", "items": 3}')
    (dataset / "predictions.json").write_text("[1, 2]")
    (dataset / "scene.json").write_text('{"format": "metropolis-v3.0", "metadata": {}, "items": []}')
    assert tao_daft(dataset)
    assert validate(dataset) == []


def test_a_folder_without_datasets_is_refused(tmp_path, tao_daft):
    (tmp_path / "other.json").write_text("{}")
    assert not tao_daft(tmp_path)
    assert "no dataset file" in str(only_problem(tmp_path))


def test_a_missing_path_is_refused(tmp_path):
    assert "cannot be read" in str(only_problem(tmp_path / "nothing.json"))


def test_datasets_in_folders_below_are_found(dataset, change, tao_daft):
    shutil.copytree(dataset, dataset.parent / "other")
    change("mcq.json", first(answer=""))
    (dataset.parent / "loop").symlink_to(dataset.parent)
    problem = only_problem(dataset.parent)
    assert problem.file == dataset / "mcq.json"


def test_a_record_repeated_in_another_file_of_the_folder_is_a_problem(dataset, tao_daft):
    shutil.copy(dataset / "open_qa.json", dataset / "open_qa_2.json")
    assert tao_daft(dataset)
    problem = only_problem(dataset)
    assert problem.file.name == "open_qa_2.json" and "open_qa.json: items[0]" in str(problem)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("B", id="letter"),
        pytest.param("B)", id="letter_with_bracket"),
        pytest.param("(B)", id="letter_in_brackets"),
        pytest.param("B) wrench", id="letter_and_text"),
        pytest.param("B. wrench", id="letter_point_text"),
        pytest.param("B) wrench. It is grey.", id="letter_text_and_explanation"),
        pytest.param("wrench", id="text_of_an_option"),
    ],
)
def test_every_known_form_of_a_choice_is_accepted(dataset, change, answer):
    change("mcq.json", first(answer=answer))
    assert validate(dataset) == []


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(first(source="camera 3", score=0.5, nested={"a": [1]}), id="extra_item_keys"),
        pytest.param(drop("media_root"), id="media_root_absent"),
        pytest.param(put(".", "media_root"), id="media_root_relative"),
        pytest.param(put([], "items"), id="no_items"),
        pytest.param(put("my own task", "metadata", "task"), id="free_task_label"),
        pytest.param(drop("metadata", "task"), id="no_task"),
        pytest.param(put(["x"], "metadata", "tags"), id="tags"),
        pytest.param(put("yesterday", "metadata", "date"), id="any_date"),
    ],
)
def test_what_tao_daft_accepts_otherwise_is_accepted(dataset, change, tao_daft, edit):
    change("mcq.json", edit)
    assert tao_daft(dataset)
    assert validate(dataset) == []


def test_an_absolute_media_root_and_images_are_accepted(dataset, change, tao_daft):
    (dataset.parent / "pictures").mkdir()
    (dataset.parent / "pictures" / "a.png").write_bytes(b"x")

    def to_images(value):
        value["media_root"] = str(dataset.parent / "pictures")
        value["items"] = [{"image_id": "a.png", "question": "What is it?", "answer": "A cup."}]

    change("open_qa.json", to_images)
    assert tao_daft(dataset)
    assert validate(dataset) == []


def test_an_items_own_task_decides_what_its_answer_must_be(dataset, change):
    def mixed(value):
        value["metadata"]["task"] = "mixed"
        value["items"][0]["task_type"] = "mcq"
        value["items"][0]["answer"] = "Z"

    change("mcq.json", mixed)
    assert_names(only_problem(dataset), "mcq.json", 0, "answer")


def test_all_problems_are_told_not_only_the_first(dataset, change):
    change("mcq.json", first(answer="Z"))
    change("bcq.json", first(answer="perhaps"))
    assert [problem.file.name for problem in validate(dataset)] == ["bcq.json", "mcq.json"]


def test_long_values_are_cut_in_messages(dataset, change):
    change("bcq.json", first(answer="word " * 1000))
    assert len(str(only_problem(dataset))) < 400 and json.dumps("word " * 1000) not in str(only_problem(dataset))
