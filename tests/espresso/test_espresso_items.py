"""Items: open questions, multiple choice, evidence, and what came to none."""

import pytest

from annotate.espresso.items import write_items
from annotate.task_files import Envelope
from demitasse.dataset import read
from demitasse.dataset.dialect import read_choice, read_question
from demitasse.dataset.evidence import core_frames_of, evidence_of

TEXT = "The kettle fills the white bowl."
WRONG = [f"The woman lifts it to fill the {what} with cold water." for what in ("blue cup", "tall jar", "old pan")]


def box(*bbox, kept=True):
    return {"bbox": list(bbox), "score": None, "agreement": 1.0, "kept": kept, "reason": "" if kept else "elsewhere"}


@pytest.fixture
def row(video):
    identity = "tea/one.mp4/qa_000"
    mentions = [{"name": "kettle", "start": 4, "end": 10}, {"name": "white bowl", "start": 21, "end": 31}]
    core = [{"place": 0, "caption": "x", "shows": "a"}, {"place": 2, "caption": "y", "shows": "b"}]
    return video | {
        "verdicts": [{"id": identity, "verdict": "keep", "criterion": "", "reason": "fits"}],
        "evidence": [
            {"id": identity, "core": core, "key_items": ["kettle", "white bowl"], "text": TEXT, "mentions": mentions}
        ],
        "boxes": [
            {"place": 0, "name": "Kettle", "found": [box(0.1, 0.1, 0.2, 0.2), box(0.3, 0.3, 0.4, 0.4, kept=False)]},
            {"place": 2, "name": "white bowl", "found": [box(0.5, 0.5, 0.6, 0.6)]},
            {"place": 1, "name": "white bowl", "found": [box(0.7, 0.7, 0.8, 0.8)]},
        ],
        "grounding": [{"id": identity, "core": [{"place": 0, "score": 0.9, "agrees": True}]}],
        "distractors": [{"id": identity, "distractors": WRONG}],
        "probe": [{"id": identity, "tried": 3, "right": 3, "guessed": True, "guesses": ["long"]}],
        "steps": {"3": {"asked": ["writer"], "answered": ["w-1"], "pack": "espresso", "templates": {"q": "1"}}},
    }


def write(folder, *rows, **settings):
    return write_items(rows, folder / "items", Envelope("..", "CC0-1.0"), **settings)


def items(folder, task):
    return read(folder / "items" / f"{task}.json").items


def test_a_question_with_evidence_is_an_open_item_with_all_that_proves_it(tmp_path, row):
    assert write(tmp_path, row).counts == {"open_qa": 1, "mcq": 1}
    (item,) = items(tmp_path, "open_qa")
    assert (item.video_id, item.question, item.answer) == (
        "tea/one.mp4",
        "Why is the kettle lifted?",
        row["questions"][0]["answer"],
    )
    assert item.reasoning == TEXT
    assert item.extra["sub_task"] == "Causal Inference"
    assert item.extra["filter"] == {"verdict": "keep", "criterion": "", "reason": "fits"}
    assert item.extra["grounding"]["core"][0]["score"] == 0.9


def test_core_frames_have_their_number_their_true_time_and_their_caption(tmp_path, row):
    row["frames"][2]["time"] = 2.125
    write(tmp_path, row)
    first, last = core_frames_of(items(tmp_path, "open_qa")[0])
    assert (first.time, first.frame, first.caption) == (0.0, 0, "A woman in a red coat lifts a kettle.")
    assert (last.time, last.frame) == (2.125, 48)


def test_boxes_stand_with_their_mention_on_their_core_frame_and_dropped_ones_nowhere(tmp_path, row):
    write(tmp_path, row)
    evidence = evidence_of(items(tmp_path, "open_qa")[0])
    told = {one.name: [(place.core_frame, place.bbox) for place in one.boxes] for one in evidence.mentions}
    assert told == {"kettle": [(0, (0.1, 0.1, 0.2, 0.2))], "white bowl": [(1, (0.5, 0.5, 0.6, 0.6))]}
    assert evidence.text == TEXT


def test_a_question_with_wrong_answers_is_a_multiple_choice_item_too(tmp_path, row):
    write(tmp_path, row)
    (item,) = items(tmp_path, "mcq")
    options = read_question(item.question, "mcq").options
    answer = row["questions"][0]["answer"]
    assert sorted(options.values()) == sorted([answer, *WRONG])
    assert options[read_choice(item.answer, options).value] == answer
    assert item.extra["reference_answer"] == answer
    assert evidence_of(item) == evidence_of(items(tmp_path, "open_qa")[0])


def test_the_right_letter_moves_with_the_question(tmp_path, row):
    for number in range(12):
        row["questions"][0]["question"] = f"Why is the kettle lifted {number} times?"
        write(tmp_path / str(number), row)
    assert len({items(tmp_path / str(number), "mcq")[0].answer for number in range(12)}) > 2


def test_a_training_set_has_no_options(tmp_path, row):
    del row["distractors"], row["probe"]
    assert write(tmp_path, row).counts == {"open_qa": 1}
    assert not (tmp_path / "items" / "mcq.json").exists()


def test_what_is_guessed_without_the_video_is_marked_and_on_demand_left_out(tmp_path, row):
    assert write(tmp_path / "kept", row).counts["mcq"] == 1
    assert items(tmp_path / "kept", "mcq")[0].extra["probe"] == {"tried": 3, "right": 3, "guessed": True}
    assert write(tmp_path / "dropped", row, drop_guessed=True).counts == {"open_qa": 1}


def test_a_question_without_evidence_is_no_item_and_no_fault_if_the_filter_dropped_it(tmp_path, row):
    row["evidence"] = []
    made = write(tmp_path, row)
    assert (made.counts, made.unusable) == ({}, [])


def test_what_came_to_nothing_is_told_with_its_reason(tmp_path, row):
    row |= {
        "verdicts": [{"id": "q", "verdict": "unknown", "criterion": "", "reason": "blocked"}],
        "without_questions": [
            {"group": 0, "reason": "no usable reply", "unusable": True},
            {"group": 1, "reason": "1 frames", "unusable": False},
        ],
        "without_evidence": [{"id": "r", "reason": "no usable reply"}],
        "without_boxes": [{"place": 2, "names": ["kettle"], "reason": "refused"}],
        "without_distractors": [{"id": "s", "reason": "out of balance"}],
    }
    assert write(tmp_path, row).unusable == [
        ("tea/one.mp4, group 0", "no usable reply"),
        ("q", "nobody knows whether it is good: blocked"),
        ("r", "no usable reply"),
        ("tea/one.mp4, frame 48", "no boxes: refused"),
        ("s", "no options: out of balance"),
    ]


def test_the_same_rows_make_the_same_bytes(tmp_path, row):
    for name in ("one", "two"):
        write(tmp_path / name, row)
    for task in ("open_qa", "mcq"):
        first, second = (tmp_path / name / "items" / f"{task}.json" for name in ("one", "two"))
        assert first.read_bytes() == second.read_bytes()


def test_who_was_asked_stands_with_each_item(tmp_path, row):
    write(tmp_path, row)
    assert items(tmp_path, "open_qa")[0].extra["provenance"] == {
        "asked": ["writer"],
        "answered": ["w-1"],
        "pack": "espresso",
        "templates": {"q": "1"},
    }


def test_items_have_ids_of_their_own(tmp_path, row):
    write(tmp_path, row)
    (open_item,), (choice,) = items(tmp_path, "open_qa"), items(tmp_path, "mcq")
    assert open_item.item_index != choice.item_index
    assert len(open_item.item_index) == 16


def test_files_are_what_the_official_validator_takes(tmp_path, row, tao_daft):
    write(tmp_path, row)
    (tmp_path / "tea").mkdir()
    (tmp_path / "tea" / "one.mp4").write_bytes(b"video")
    assert tao_daft(tmp_path / "items")
