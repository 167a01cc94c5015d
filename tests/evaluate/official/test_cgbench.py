"""CG-Bench: what its scripts save of a reply, and what ours makes of it."""

import json

import pytest

from demitasse.errors import DataError
from evaluate.official import cgbench
from evaluate.official.cgbench_script import script_hit, script_overlap

CHOICES = ["Light gray", "Pale blue", "Silver", "White"]


@pytest.fixture
def case(write):
    """Write questions whose right answer is D and whose clue is [0, 10], and replies by mode."""

    def put(*replies):
        rows = [
            {"qid": place, "video_uid": f"v{place}", "question": "What?", "choices": CHOICES, "right_answer": "D"}
            | {"clue_intervals": [[0, 10]]}
            for place in range(len(replies))
        ]
        told = {str(place): said for place, said in enumerate(replies) if said is not None}
        return [write("cgbench.json", rows)], [write("predictions.json", told)]

    return put


@pytest.mark.parametrize(
    ("reply", "hit"),
    [
        pytest.param('```json\n{"result": "D"}\n```', True, id="a_fenced_letter"),
        pytest.param('```json\n{"result": D}\n```', True, id="a_fenced_letter_without_quotes"),
        pytest.param("A, B, C or D, who knows", True, id="any_mention_of_the_right_letter_counts"),
        pytest.param("A car passes, so (C)", False, id="other_letters_are_wrong"),
        pytest.param("White", None, id="an_options_text_is_never_saved"),
        pytest.param("", None, id="nothing_is_never_saved"),
    ],
)
def test_what_the_script_makes_of_a_choice(reply, hit):
    assert script_hit(reply, 3) is hit


@pytest.mark.parametrize(
    ("reply", "overlap"),
    [
        pytest.param("[[0, 10], [15, 10]]", 2.0, id="a_reversed_span_gives_an_iou_of_two"),
        pytest.param("from 0 to 5", 0.5, id="every_two_numbers_are_a_span"),
        pytest.param("In 3 scenes, from 0 to 5", None, id="an_odd_number_of_numbers_is_never_saved"),
        pytest.param("[[0, 5], [4, 10]]", None, id="spans_that_touch_stop_it_outside_a_fence"),
        pytest.param('```json\n{"result": [[0, 5], [4, 10]]}\n```', 1.0, id="and_are_merged_within"),
        pytest.param("[[0.2, 0.9]]", 0.07, id="spans_below_one_are_seconds"),
        pytest.param("nowhere", 0.0, id="no_number_at_all_is_saved_as_none"),
        pytest.param('from 0 to 5: ```json\n{"result": null}\n```', 0.0, id="a_fenced_null_is_saved_as_no_spans"),
        pytest.param('from 0 to 5: ```json\n{"result": ""}\n```', 0.0, id="and_so_is_a_fenced_empty_text"),
        pytest.param('from 0 to 5: ```json\n{"result": "x"}\n```', 0.5, id="but_another_text_gives_way_to_the_numbers"),
        pytest.param(
            '```json\n{"result": [{"start": 0, "end": 5}]}\n```', 0.5, id="and_so_do_objects_in_the_place_of_pairs"
        ),
    ],
)
def test_what_the_script_makes_of_spans(reply, overlap):
    found = script_overlap(reply, [[0, 10]])
    assert found == (None if overlap is None else pytest.approx(overlap))


def test_a_list_of_letters_is_no_choice_and_a_text_is_one(case):
    report = cgbench.score(*case({"long_acc": "A, B, C or D, who knows"}, {"long_acc": "White"}))
    figure = report.figure("long_acc")
    assert (figure.official, figure.ours) == (100.0, 50.0)


def test_spans_that_were_already_read_are_spans_and_the_script_never_saw_such_a_reply(case):
    figure = cgbench.score(*case({"miou": [[0, 5]]}, {"miou": "[[0, 10]]"})).figure("mIoU")
    assert (figure.official, figure.ours) == (100.0, 75.0)


def test_a_reply_that_is_null_is_empty(case):
    assert cgbench.score(*case({"miou": None}, {"miou": "[[0, 10]]"})).counts["faults"] == {"empty": 1}


@pytest.mark.parametrize("absent", ["qid", "video_uid", "choices", "right_answer", "clue_intervals"])
def test_a_question_that_lacks_a_field_is_refused(case, write, absent):
    references, predictions = case({"miou": "[[0, 10]]"})
    (row,) = json.loads(references[0].read_text())
    del row[absent]
    with pytest.raises(DataError, match=f"row 0 lacks {absent}"):
        cgbench.score([write("lacking.json", [row])], predictions)


def test_an_iou_above_one_is_the_scripts_alone(case):
    report = cgbench.score(*case({"miou": json.dumps([[0, 10], [15, 10]])}))
    assert (report.figure("mIoU").official, report.figure("mIoU").ours) == (200.0, 0.0)
    assert any("IoU above 1" in note for note in report.notes)


def test_thresholds_are_reached_and_not_passed(case):
    figure = cgbench.score(*case({"miou": "[[0, 5]]"})).figure("rec@IoU")
    assert (figure.official, figure.ours) == (100.0, 100.0)


def test_what_is_never_saved_stays_in_our_divisor(case):
    report = cgbench.score(*case({"miou": "[[0, 10]]"}, {"miou": "In 3 scenes, from 0 to 5"}, None))
    assert (report.figure("mIoU").official, report.figure("mIoU").items) == (100.0, 3)
    assert report.figure("mIoU").ours == pytest.approx(50.0), "'from 0 to 5' is read by us"
    assert report.counts["faults"] == {"missing": 1}


def test_credibility_is_what_is_left_of_the_accuracy_with_the_clue(case):
    both = {"long_acc": "D", "clue_acc": "D"}
    report = cgbench.score(*case(both, both | {"long_acc": "A"}))
    assert (report.figure("CRR").official, report.figure("CRR").ours) == (50.0, 50.0)


def test_an_answer_counts_with_its_clue_only_where_both_are_right(case):
    report = cgbench.score(*case({"long_acc": "D", "miou": "[[0, 10]]"}, {"long_acc": "A", "miou": "[[0, 10]]"}))
    assert (report.figure("acc@IoU").official, report.figure("acc@IoU").ours) == (50.0, 50.0)
