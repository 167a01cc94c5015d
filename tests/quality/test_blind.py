import pytest

from annotate.quality.blind import make_try
from annotate.quality.config import Blind
from demitasse.chat.blocks import read_blocks
from demitasse.chat.model import Image, Outcome, Reply, Video

MCQ = "Which tool falls?\nA. hammer\nB. wrench\nC. saw\nD. drill\nAnswer with a single letter."
SPAN = 'When?\nAnswer with the start and end timestamps in the format {"start": "MM:SS", "end": "MM:SS"}.'


def _item(question=MCQ, answer="B", video="a.mp4", **extra):
    return {"video_id": video, "question": question, "answer": answer, "video_length": 12.0} | extra


def _knowing(text):
    """A model that finds the option with this text wherever it stands."""

    def reply(request):
        lines = read_blocks(request.text)["options"].splitlines()
        return next(line[0] for line in lines if line.endswith(text))

    return reply


def test_what_a_model_knows_without_the_video_is_dropped_after_as_few_tries_as_it_takes(bench):
    bench.put("mcq", _item())
    model = bench.model(blind_mcq=_knowing("wrench"))
    (verdict,) = bench.verdicts("blind", model=model)
    assert verdict["verdict"] == "drop" and verdict["kind"] == "answered without the video"
    assert (verdict["blind_correct"], verdict["blind_k"], verdict["blind_tried"]) == (4, 5, 4)
    assert verdict["blind_model"] == "scripted" and model.count("blind_mcq") == 4


def test_what_it_does_not_know_is_kept_as_soon_as_that_is_certain(bench):
    bench.put("mcq", _item())
    model = bench.model(blind_mcq=_knowing("saw"))
    (verdict,) = bench.verdicts("blind", model=model)
    assert verdict["verdict"] == "keep" and (verdict["blind_correct"], verdict["blind_tried"]) == (0, 2)
    assert verdict["blind_said"] == ["saw", "saw"]


def test_no_media_and_no_answer_is_shown(bench):
    bench.put("mcq", _item(reasoning="It is a wrench, plainly."))
    model = bench.model()
    bench.verdicts("blind", model=model)
    for request in model.asked:
        assert not any(isinstance(part, (Image, Video)) for part in request.parts)
        assert "plainly" not in request.text and "Answer with a single letter" not in request.text


def test_options_stand_in_another_order_in_each_try_and_in_the_same_in_every_run(make_choice):
    entry = make_choice("B", question=MCQ)
    tries = [make_try(entry, number, None) for number in range(8)]
    assert len({tuple(one.options.values()) for one in tries}) > 4
    assert tries == [make_try(entry, number, None) for number in range(8)]
    assert all(one.options[one.right] == "wrench" and sorted(one.options) == list("ABCD") for one in tries)


def test_the_tries_do_not_hang_on_where_the_right_option_stands_today(make_choice):
    other = "Which tool falls?\nA. wrench\nB. drill\nC. hammer\nD. saw\nAnswer with a single letter."
    assert make_try(make_choice("B", question=MCQ), 3, None) == make_try(make_choice("A", question=other), 3, None)


def test_the_same_question_in_two_tasks_is_asked_once(bench):
    bench.put("mcq", _item())
    bench.put("mcq_openended", _item(answer="B. wrench"))
    model = bench.model(blind_mcq=_knowing("wrench"))
    first, second = bench.verdicts("blind", model=model)
    assert first["verdict"] == second["verdict"] == "drop" and model.count("blind_mcq") == 4


BAD = [
    pytest.param("I cannot see the video.", id="a_refusal_in_words"),
    pytest.param("A or B", id="two_letters"),
    pytest.param("", id="nothing"),
    pytest.param("<think>B", id="a_thought_that_was_not_closed"),
]


@pytest.mark.parametrize("text", BAD)
def test_an_answer_that_cannot_be_read_is_not_right_and_is_counted(bench, text):
    bench.put("mcq", _item())
    (verdict,) = bench.verdicts("blind", model=bench.model(blind_mcq=text))
    assert verdict["verdict"] == "keep" and verdict["blind_unread"] == verdict["blind_tried"] == 2


def test_thoughts_before_the_answer_are_taken_off(bench):
    bench.put("bcq", _item("Is it?\nAnswer with Yes or No.", "Yes"))
    (verdict,) = bench.verdicts("blind", model=bench.model(blind_bcq="<think>No? Hm.</think>Yes"))
    assert verdict["verdict"] == "drop" and verdict["blind_correct"] == 5


def test_a_span_is_right_when_it_overlaps_enough(bench):
    bench.put("temporal_localization", _item(SPAN, '{"start": "00:02", "end": "00:06"}'))
    model = bench.model(blind_times="00:03 - 00:06")
    (verdict,) = bench.verdicts("blind", model=model)
    assert verdict["verdict"] == "drop" and "12.0 seconds" in model.asked[0].text
    assert '"start"' not in model.asked[0].text
    (verdict,) = bench.verdicts("blind", "blind.tiou=0.9", model=model)
    assert verdict["verdict"] == "keep"


def test_open_answers_are_asked_only_on_demand_and_graded_by_the_rubric(bench):
    bench.put("open_qa", _item("What falls?", "A wrench falls."))
    model = bench.model(blind_open="A wrench.", judge='{"reason": "same", "score": 4}')
    (verdict,) = bench.verdicts("blind", model=model)
    assert verdict["kind"] == "open answer" and not model.asked
    (verdict,) = bench.verdicts("blind", "blind.open_answers=true", model=model)
    assert verdict["verdict"] == "drop" and model.count("judge") == 1  # the same answer is graded once
    model = bench.model(blind_open="A saw.", judge='{"reason": "other", "score": 3}')
    (verdict,) = bench.verdicts("blind", "blind.open_answers=true", model=model)
    assert verdict["verdict"] == "drop"  # the first model's replies are kept: equal requests are not bought again


def test_an_item_whose_answer_cannot_be_read_is_unknown(bench):
    bench.put("mcq", _item(answer="none of them"))
    (verdict,) = bench.verdicts("blind", model=bench.model())
    assert verdict["verdict"] == "unknown" and verdict["kind"] == "unreadable answer"


def test_an_endpoint_that_fails_leaves_its_items_unknown_and_kept(bench):
    bench.put("mcq", _item(), _item(video="b.mp4"))
    failure = Reply(Outcome.ERROR, error="HTTP 400: bad request", status=400)
    found, report = bench.run("filters=[blind]", model=bench.model(blind_mcq=failure))
    assert report["kept"] == 2 and report["kept_unjudged"] == 2
    assert report["filters"]["blind"]["kinds"]["unknown"] == {"model failed": 2}
    assert all("bad request" in verdicts["blind"].reason for verdicts in found.verdicts.values())
    _, report = bench.run("filters=[blind]", model=bench.model(blind_mcq=_knowing("saw")))
    assert report["kept_unjudged"] == 0  # the next run asks again


def test_a_model_that_always_says_the_same_drops_no_yes_or_no_item(bench):
    question = "Does car {} turn?\nAnswer with Yes or No."
    items = [_item(question.format(n), "No" if n % 2 else "Yes", f"{n}.mp4") for n in range(24)]
    bench.put("bcq", *items)
    _, report = bench.run("filters=[blind]", model=bench.model(blind_bcq="No"))
    told = report["filters"]["blind"]
    assert (told["keep"], told["drop"], told["unknown"]) == (12, 0, 12)
    assert told["kinds"]["unknown"] == {"model answers one-sidedly": 12}


def test_running_twice_buys_nothing_and_another_threshold_buys_only_what_is_new(bench):
    bench.put("mcq", *(_item(video=f"{n}.mp4", question=MCQ.replace("falls", f"falls in {n}")) for n in range(6)))
    model = bench.model()
    first = bench.verdicts("blind", model=model)
    bought = len(model.asked)
    assert bench.verdicts("blind", model=model) == first and len(model.asked) == bought
    bench.verdicts("blind", "blind.mcq_right=5", model=model)
    assert len(model.asked) == bought  # certain sooner: nothing that is not in the journal


def test_defaults_make_a_guesser_rarely_right_often_enough():
    config = Blind()
    chance = sum(n * 0.25**k * 0.75 ** (5 - k) for k, n in ((4, 5), (5, 1)))
    assert (config.tries, config.mcq_right, config.bcq_right) == (5, 4, 5)
    assert chance < 0.02 and 0.5**config.bcq_right < 0.04
