"""TAR: the script's rules for a reply, where it stops, and what ours makes of the same reply."""

import json
import re

import pytest

from benchmarks.peers.word_overlap import shared_words
from demitasse.errors import DataError
from evaluate.official import tar
from evaluate.official.tar_script import letter, word

MCQ = "What happens?\n\nA) a man waits\n\nB) rain falls\n\nC) the car turns"
SPAN = '```json\n{"start": "00:03", "end": "00:07"}\n```'


@pytest.fixture
def case(write):
    """Write references and a submission from (task, question, answer, reply); a reply of None is no row."""

    def put(*rows, **metadata):
        items = [
            {"item_index": f"{place:016x}", "task_type": task, "video_id": f"v{place}.mp4", "question": question}
            | {"answer": answer}
            for place, (task, question, answer, _) in enumerate(rows)
        ]
        envelope = {"format": "tao-vl-reason-v1.0", "metadata": {"type": "annotation", "license": ""} | metadata}
        lines = [f'{place:016x},"{reply}"' for place, (*_, reply) in enumerate(rows) if reply is not None]
        csv = write("submission.csv", "\n".join(["item_index,prediction", *lines]) + "\n")
        return [write("truth.json", envelope | {"items": items})], [csv]

    return put


def quoted(text):
    return text.replace('"', '""')


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        pytest.param("B", "B", id="a_letter"),
        pytest.param("b", "B", id="a_small_one"),
        pytest.param("(C) the car turns", "C", id="in_brackets"),
        pytest.param("A red car turns.", "A", id="an_article_is_option_a"),
        pytest.param("I think B", "I", id="a_pronoun_is_option_i"),
        pytest.param("the answer is C", "C", id="the_first_that_stands_alone"),
        pytest.param("None", None, id="pandas_takes_the_word_none_for_no_cell"),
        pytest.param("E", None, id="a_letter_that_is_no_option"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_the_script_reads_a_letter(reply, found):
    assert letter(reply) == found


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        pytest.param("Yes", "yes", id="a_word"),
        pytest.param("I see yes and no", "yes", id="the_first_of_both"),
        pytest.param("Nothing", None, id="not_within_a_word"),
        pytest.param("NA", None, id="pandas_takes_na_for_no_cell"),
    ],
)
def test_the_script_reads_a_word(reply, found):
    assert word(reply) == found


def test_an_article_names_no_option_and_two_words_are_none(case):
    report = tar.score(
        *case(("mcq", MCQ, "A) a man waits", "A red car turns."), ("bcq", "Is it?", "Yes", "yes and no"))
    )
    assert (report.figure("mcq_accuracy").official, report.figure("mcq_accuracy").ours) == (100.0, 0.0)
    assert (report.figure("bcq_accuracy").official, report.figure("bcq_accuracy").ours) == (100.0, 0.0)


def test_a_time_that_cannot_be_read_stays_in_our_divisor(case):
    good = quoted(json.dumps({"start": "00:03", "end": "00:07"}))
    found = tar.score(
        *case(("temporal_localization", "When?", SPAN, good), ("temporal_localization", "When?", SPAN, "hm"))
    ).figure("temporal_localization_miou")
    assert (found.official, found.ours) == (100.0, 50.0)


def test_a_list_without_a_fence_is_read_by_us_alone(case):
    listed = quoted(json.dumps([{"start": "00:03", "end": "00:07"}]))
    found = tar.score(*case(("temporal_localization", "When?", SPAN, listed))).figure("temporal_localization_miou")
    assert (found.official, found.ours) == (0.0, 100.0)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        pytest.param(("bcq", "Is it?", "Yes", None), "1 items have no prediction", id="a_missing_row"),
        pytest.param(("mcq", MCQ, "B", "B"), "not written as 'B\\) text'", id="a_gold_letter_without_its_bracket"),
        pytest.param(("temporal_localization", "When?", SPAN, "12"), "is the JSON value 12", id="a_bare_number"),
        pytest.param(("open_qa", "What?", "A car stops.", "None"), "is empty", id="an_open_answer_none"),
    ],
)
def test_where_the_script_stops_there_are_no_official_numbers_and_ours_are(case, row, told):
    files = case(("bcq", "Is it raining?", "No", "No"), row)
    report = tar.score(*files, shared_words)
    assert report.figure("bcq_accuracy").official is None
    assert report.figure("bcq_accuracy").ours is not None
    assert any(re.search(told, note) for note in report.notes)


def test_a_gold_letter_in_taos_own_dialect_is_scored_by_us(case):
    assert tar.score(*case(("mcq", MCQ, "B", "B"))).figure("mcq_accuracy").ours == 100.0


def test_the_mean_is_over_tasks_with_and_without_the_times(case):
    report = tar.score(*case(("bcq", "Is it?", "Yes", "Yes"), ("temporal_localization", "When?", SPAN, "{}")))
    assert (report.figure(tar.MEAN).ours, report.figure(tar.LEADERBOARD).ours) == (50.0, 100.0)


def test_without_bertscore_the_open_tasks_and_the_mean_are_left_open(case):
    report = tar.score(*case(("bcq", "Is it?", "Yes", "Yes"), ("open_qa", "What?", "A car.", "A car.")))
    for name in ("open_qa_bertscore_f1", tar.MEAN):
        assert (report.figure(name).official, report.figure(name).ours) == (None, None)
    assert any("--bertscore" in note for note in report.notes)


def test_an_open_answer_that_is_not_there_is_worth_nothing(case):
    files = case(("open_qa", "What?", "a car", "a car"), ("open_qa", "Why?", "a car", None))
    assert tar.score(*files, shared_words).figure("open_qa_bertscore_f1").ours == 50.0


def test_redacted_answers_are_refused(case):
    with pytest.raises(DataError, match="redacted"):
        tar.score(*case(("bcq", "Is it?", "Yes", "Yes"), answers_redacted=True))


def test_a_line_separator_within_a_reply_ends_no_row(case):
    report = tar.score(*case(("bcq", "Is it?", "Yes", "Yes\u2028it is"), ("bcq", "Was it?", "No", "No")))
    assert report.figure("bcq_accuracy").ours == 100.0


def test_a_task_that_tar_has_not_is_refused(case):
    with pytest.raises(DataError, match="task_type 'poem', which TAR has not"):
        tar.score(*case(("poem", "Why?", "so", "so")))


BCQ = {"item_index": "0", "task_type": "bcq", "video_id": "v.mp4", "question": "Is it?", "answer": "Yes"}
BROKEN = [
    pytest.param({"items": [BCQ, 3]}, "item 1 is 3, not an object", id="an_item_that_is_none"),
    pytest.param({"items": []}, "has no items", id="no_items"),
    pytest.param({"metadata": [], "items": [BCQ | {"answer": ""}]}, "answers are redacted", id="metadata_that_is_none"),
    pytest.param(
        {"items": [BCQ | {"answer": "maybe"}]}, "item 0 .*'maybe' is neither yes nor no", id="no_right_answer"
    ),
]


@pytest.mark.parametrize(("value", "complaint"), BROKEN)
def test_references_that_are_none_are_refused_by_name(write, value, complaint):
    with pytest.raises(DataError, match=rf"truth\.json: .*{complaint}"):
        tar.read_items([write("truth.json", value)])


def test_a_table_without_item_index_is_told_what_it_needs(case, write):
    references, _ = case(("bcq", "Is it?", "Yes", "Yes"))
    with pytest.raises(DataError, match="it has id, pred; it needs item_index$"):
        tar.score(references, [write("other.csv", "id,pred\n0,Yes\n")])
