"""VideoEspresso's test: the script's first letter, the letter that is meant, and the option that is nearest."""

import numpy as np
import pytest

from demitasse.embedding import EmbeddingConfig, open_embedder
from demitasse.errors import DataError
from evaluate.official.videoespresso import MACRO, MICRO, embedded_choices, read_questions, score

OPTIONS = ["(A): the pan is hot", "(B): a man waits", "(C): the car turns", "(D): rain falls"]


def row(number=0, task="Cooking Steps", answer="(C)", **other):
    path = f"all_video/x/{number}.mp4"
    told = {"video_path": path, "task": task, "question": "Why?", "options": OPTIONS, "correct_answer": answer}
    return told | other


REPLIES = [
    pytest.param("C", 100.0, 100.0, id="a_letter"),
    pytest.param("(C): the car turns", 100.0, 100.0, id="a_labelled_option"),
    pytest.param("Answer: C", 0.0, 100.0, id="the_first_capital_is_the_A_of_answer"),
    pytest.param("Based on the video, (C).", 0.0, 100.0, id="the_first_capital_is_the_B_of_based"),
    pytest.param("Definitely (C).", 0.0, 100.0, id="the_first_capital_is_the_D_of_definitely"),
    pytest.param("the car turns", 0.0, 100.0, id="a_text_without_letters"),
    pytest.param("c", 0.0, 100.0, id="a_small_letter"),
    pytest.param("Considering all of it, B", 100.0, 0.0, id="the_script_is_right_by_luck"),
    pytest.param("D", 0.0, 0.0, id="a_wrong_letter"),
    pytest.param("", 0.0, 0.0, id="nothing"),
]


@pytest.mark.parametrize(("reply", "official", "ours"), REPLIES)
def test_a_letter_is_read_as_the_script_reads_it_and_as_it_is_meant(write, reply, official, ours):
    path = write("output.json", [row(model_output=reply)])
    found = score([path], [path]).figure(MICRO)
    assert (found.official, found.ours) == (official, ours)


def test_a_letter_that_is_none_is_told(write):
    path = write("output.json", [row(model_output="Answer: C")])
    assert any("in 1 replies" in note and "Answer: C" in note for note in score([path], [path]).notes)


def test_both_averages_are_given(write):
    rows = [row(place, "Causal Inference", model_output="C" if place else "A") for place in range(4)]
    path = write("output.json", [*rows, row(9, "Traffic Analysis", model_output="A")])
    report = score([path], [path])
    assert (report.figure("Causal Inference").ours, report.figure("Traffic Analysis").ours) == (75.0, 0.0)
    assert (report.figure(MACRO).ours, report.figure(MACRO).official) == (37.5, 37.5)
    assert (report.figure(MICRO).ours, report.figure(MICRO).official) == (60.0, 60.0)


ANSWERS = [
    pytest.param("(C)", id="as_published"),
    pytest.param("C", id="bare"),
    pytest.param("(C): the car turns", id="with_its_text"),
    pytest.param("the car turns", id="its_text"),
    pytest.param(2, id="its_place"),
]


@pytest.mark.parametrize("answer", ANSWERS)
def test_the_right_answer_is_read_in_every_form(write, answer):
    questions, _ = read_questions([write("bench.json", [row(answer=answer)])])
    assert [one.answer for one in questions.values()] == [2]


BROKEN = [
    pytest.param(row(answer="(E)"), 'row 0: correct_answer is "\\(E\\)"', id="a_letter_beyond"),
    pytest.param(row(answer=None), "row 0: correct_answer", id="no_answer"),
    pytest.param({**row(), "options": ["one"]}, "row 0: options has 1 texts", id="one_option"),
    pytest.param({**row(), "options": None}, "lacks task or options", id="a_row_of_the_training_set"),
    pytest.param({"task": "x"}, "no video_path and question", id="another_file"),
]


@pytest.mark.parametrize(("value", "complaint"), BROKEN)
def test_a_row_that_cannot_be_scored_is_refused(write, value, complaint):
    with pytest.raises(DataError, match=complaint):
        read_questions([write("bench.json", [value])])


def test_predictions_are_joined_by_video_and_question_however_they_are_ordered(write):
    bench = write("bench.json", [row(0, answer="(A)"), row(1, answer="(B)")])
    told = [row(1, model_output="B"), row(0, model_output="A")]
    assert score([bench], [write("p.json", told)]).figure(MICRO).ours == 100.0


def test_a_question_that_is_asked_of_a_video_twice_is_two(write):
    path = write("output.json", [row(model_output="C"), row(model_output="D")])
    report = score([path], [path])
    assert (report.counts["questions"], report.figure(MICRO).ours) == (2, 50.0)


def test_a_row_that_is_there_oftener_than_its_question_is_answered_twice(write):
    bench = write("bench.json", [row(model_output="C"), row(model_output="D")])
    with pytest.raises(DataError, match="is answered twice"):
        score([bench], [write("p.json", [row(model_output="C"), row(model_output="D"), row(model_output="A")])])


def test_a_question_without_a_reply_is_wrong_in_ours_and_unknown_to_the_script(write):
    bench = write("bench.json", [row(0), row(1)])
    report = score([bench], [write("p.json", [row(0, model_output="C")])])
    assert (report.figure(MICRO).official, report.figure(MICRO).ours) == (100.0, 50.0)
    assert report.counts["faults"] == {"missing": 1}


def test_a_run_on_the_converted_test_is_scored_too(write, tmp_path):
    from demitasse.interchange.videoespresso import VideoEspresso
    from evaluate.records import Asked, Prediction, write_rows

    rows = [row(number, answer=f"({letter})") for number, letter in enumerate("ABC")]
    items = [VideoEspresso().item(one) for one in rows]
    asked = [
        Asked(f"i{place}", "mcq", one.media_id, one.question, one.answer, one.extra) for place, one in enumerate(items)
    ]
    write_rows(tmp_path / "run" / "items.jsonl", [one.to_json() for one in asked])
    said = [Prediction(one, reply, "stop") for one, reply in zip(asked, ("A", "Answer: B", "D"), strict=True)]
    write_rows(tmp_path / "run" / "predictions.jsonl", [one.to_json() for one in said])
    found = score([write("bench.json", rows)], [tmp_path / "run"]).figure(MICRO)
    assert (f"{found.official:.2f}", f"{found.ours:.2f}") == ("33.33", "66.67")


def test_a_question_that_is_asked_twice_is_two_in_a_run_as_well(write, tmp_path):
    from demitasse.interchange.videoespresso import VideoEspresso
    from evaluate.records import Asked, Prediction, write_rows

    rows = [row(answer="(C)"), row(answer="(A)")]
    items = [VideoEspresso().item(one) for one in rows]
    asked = [Asked(f"i{n}", "mcq", one.media_id, one.question, one.answer, one.extra) for n, one in enumerate(items)]
    write_rows(tmp_path / "run" / "items.jsonl", [one.to_json() for one in asked])
    write_rows(tmp_path / "run" / "predictions.jsonl", [Prediction(one, "C", "stop").to_json() for one in asked])
    report = score([write("bench.json", rows)], [tmp_path / "run"])
    assert (report.counts["questions"], report.figure(MICRO).ours) == (2, 50.0)


def test_a_reply_in_a_list_is_read_and_is_none_to_the_script(write):
    path = write("output.json", [row(model_output=["C"])])
    found = score([path], [path]).figure(MICRO)
    assert (found.official, found.ours) == (0.0, 100.0)


def test_a_question_may_have_more_options_than_eight(write):
    path = write("output.json", [row(options=[f"option {place}" for place in range(10)], model_output="J", answer="J")])
    assert score([path], [path]).figure(MICRO).ours == 100.0


class Fixed:
    """Vectors that are set here; every other text lies on the third axis."""

    name = "fixed"

    def __init__(self, **vectors):
        self._vectors = vectors

    def embed(self, texts):
        return np.array([self._vectors.get(text, (0, 0, 1)) for text in texts], dtype=np.float32)


def choices(reply, embedder, write):
    path = write("output.json", [row(model_output=reply)])
    questions, _ = read_questions([path])
    from evaluate.official.predictions import Given

    return list(embedded_choices(questions, {key: Given(reply) for key in questions}, embedder).values())


def test_the_nearest_option_is_chosen_whatever_letters_stand_in_the_reply(write):
    embedder = Fixed(**{"it swings round": (1, 0, 0), "the car turns": (0.9, 0.1, 0)})
    assert choices("it swings round", embedder, write) == [2]


def test_options_that_are_equally_near_are_no_answer(write):
    assert choices("it swings round", Fixed(**{"it swings round": (1, 0, 0)}), write) == []


def test_reasoning_is_set_aside_before_likeness(write):
    embedder = Fixed(**{"rain falls": (1, 0, 0), "the car turns": (0, 1, 0)})
    assert choices("<think>rain falls</think>the car turns", embedder, write) == [2]


def test_an_empty_reply_is_like_nothing(write):
    assert choices("", Fixed(), write) == []


def test_figures_by_likeness_stand_beside_those_by_letter_and_name_the_embedder(write):
    path = write("output.json", [row(0, model_output="the car slowly turns"), row(1, model_output="heavy rain falls")])
    report = score([path], [path], open_embedder(EmbeddingConfig()))
    assert report.figure(f"embedding: {MICRO}").ours == 50.0
    assert report.figure(f"embedding: {MICRO}").official is None
    assert report.figure(MICRO).ours == 0.0
    assert any("not comparable" in note for note in report.notes)


def asked_twice(said):
    """One question of one video, twice, with other options the second time."""
    other = [option.replace("the pan is hot", "a bell rings") for option in OPTIONS]
    return [row(model_output=said[0]), row(options=other, answer="(A)", model_output=said[1])]


def test_the_order_of_predictions_does_not_matter_where_a_question_is_asked_twice(write):
    test = write("test.json", asked_twice(("", "")))
    given = write("output.json", asked_twice(("C", "A"))[::-1])
    assert score([test], [given]).figure(MICRO).ours == 100.0


def test_predictions_without_options_are_of_the_first_the_second_and_so_on(write):
    test = write("test.json", asked_twice(("", "")))
    bare = [{name: one[name] for name in ("video_path", "question", "model_output")} for one in asked_twice(("C", "A"))]
    assert score([test], [write("output.json", bare)]).figure(MICRO).ours == 100.0
    assert score([test], [write("output.json", bare[::-1])]).figure(MICRO).ours == 0.0


def test_the_scripts_column_is_left_open_where_it_would_count_a_row_that_was_never_asked(write):
    test = write("test.json", [row(model_output="C")])
    report = score([test], [write("output.json", [row(model_output="C"), row(7, model_output="A")])])
    assert (report.figure(MICRO).official, report.figure(MICRO).ours) == (None, 100.0)
    assert any("1 predictions besides" in note for note in report.notes)
