"""The judge: fenced texts, a strict verdict, one re-ask, more room, and faults that are never the student's."""

import json

import pytest

from demitasse.chat.blocks import read_blocks
from demitasse.chat.model import Outcome, Reply
from demitasse.engine.step import Stop
from demitasse.errors import ConfigError, DataError, DemitasseError
from demitasse.prompts.rubric import load_rubric
from evaluate.comparing.arm import load_arm
from evaluate.judging.breaker import Breaker
from evaluate.judging.judge import Judged
from evaluate.judging.profile import LIKERT
from evaluate.judging.votes import FAILED, UNREADABLE
from evaluate.records import Fault, read_rows


def judged_rows(folder):
    return [row for row in load_arm(folder).scores().values() if row.metric == "judge"]


def test_every_free_text_item_is_judged_once_and_nothing_else(answered, fake, judge):
    one = fake(lambda request: 4)
    done = judge(answered, one)
    assert (done.items, done.scored, done.unscored, done.exit_code) == (4, 4, 0, 0)
    assert len(one.requests) == 4, "what an exact metric can score costs no call"
    assert [row.score for row in judged_rows(answered)] == [4] * 4
    assert judged_rows(answered)[0].reason == "so"


def test_the_judge_reads_question_reference_and_final_answer_in_blocks(make_run, fake, judge):
    folder = make_run("a", lambda row: "<think>I wonder</think>It falls." if row.task == "open_qa" else row.reference)
    one = fake(lambda request: 4)
    judge(folder, one)
    request = one.requests[0]
    blocks = read_blocks(request.text)
    assert list(blocks) == ["question", "reference", "response"]
    assert (blocks["question"], blocks["response"]) == ("What happens?", "It falls.")
    assert "I wonder" not in request.text
    assert (request.step, request.schema, request.sampling.temperature) == ("judge", LIKERT.schema, 0.0)
    assert "You do not see the video" in request.text


READ = [
    pytest.param('{"reason": "close", "score": 4}', 4, id="json"),
    pytest.param('{"score": "4"}', 4, id="json_text"),
    pytest.param("<answer>4</answer>", 4, id="a_tag"),
    pytest.param("<answer> 4.</answer>", 4, id="a_tag_with_a_full_stop"),
    pytest.param("<answer>4</answer> no, <answer>2</answer>", 2, id="the_last_tag_wins"),
    pytest.param('It wrote {"score": 5}. <answer>1</answer>', 1, id="a_tag_after_quoted_json_wins"),
    pytest.param('It wrote <answer>5</answer>. {"score": 1}', 1, id="json_after_a_quoted_tag_wins"),
    pytest.param('It wrote {"score": 5}.\nScore: 1', 1, id="a_line_after_quoted_json_wins"),
    pytest.param('{"reason": "it says <answer>5</answer>", "score": 1}', 1, id="a_tag_inside_json_is_text"),
    pytest.param('<answer> {"score": 3} </answer>', 3, id="json_inside_a_tag"),
    pytest.param("<think>5? no</think>3", 3, id="reasoning_aside"),
    pytest.param("**4**", 4, id="bold"),
    pytest.param("Score: 4", 4, id="a_line"),
    pytest.param("5/5", 5, id="out_of_the_top"),
    pytest.param("4 out of 5", 4, id="out_of_in_words"),
    pytest.param("\uff14", 4, id="a_full_width_digit"),
    pytest.param("\u0664", 4, id="an_arabic_digit"),
    pytest.param("\u200b4\ufeff", 4, id="zero_width_characters_around"),
    pytest.param("1\u200b0", None, id="a_zero_width_character_between_digits"),
    pytest.param("4.5", None, id="a_half_point"),
    pytest.param('{"score": 4.5}', None, id="a_half_point_in_json"),
    pytest.param('{"score": "4.5"}', None, id="a_half_point_in_json_text"),
    pytest.param('{"score": true}', None, id="a_truth_value"),
    pytest.param('{"score": null}', None, id="null"),
    pytest.param("4/10", None, id="out_of_another_scale"),
    pytest.param("six", None, id="a_word"),
    pytest.param("0", None, id="zero"),
    pytest.param("10", None, id="ten"),
    pytest.param("-1", None, id="minus_one"),
    pytest.param("<answer></answer>", None, id="an_empty_tag"),
    pytest.param("<answer>4</answer> or <answer>9</answer>", None, id="a_bad_last_tag_is_not_backed_out_of"),
    pytest.param("I would say 4 or 5", None, id="two_numbers"),
    pytest.param("NOT_ATTEMPTED", None, id="a_verdict_word"),
    pytest.param(
        '{"reason": "It says: a cat", "score": 5}", "score": 1}', None, id="an_answer_quoted_as_it_is_breaks_the_json"
    ),
    pytest.param('{"score": 4} {"score": 2', None, id="a_broken_object_last"),
    pytest.param("<think>4 perhaps", None, id="reasoning_never_closed"),
    pytest.param("", None, id="nothing"),
]


@pytest.mark.parametrize(("text", "score"), READ)
def test_a_verdict_is_a_whole_number_on_the_scale_or_the_vote_is_unscored(make_run, items, fake, judge, text, score):
    folder = make_run("a", lambda row: "an answer", [row for row in items if row.task == "open_qa"][:1])
    judge(folder, fake(lambda request: text))
    [row] = judged_rows(folder)
    assert (row.score, row.fault) == (score, None if score else Fault.JUDGE_PARSE)


def test_a_reply_without_a_verdict_is_sent_back_once_then_asked_with_more_room_and_then_unscored(answered, fake, judge):
    one = fake(lambda request: "four")
    done = judge(answered, one)
    assert (done.scored, done.unscored, done.exit_code) == (0, 4, 3)
    first = [request for request in one.requests if read_blocks(request.text)["response"] == "about clips/0.mp4"]
    assert [(len(request.turns), request.sampling.max_tokens) for request in first] == [(0, 1024), (1, 1024), (0, 2048)]
    assert {row.fault for row in judged_rows(answered)} == {Fault.JUDGE_PARSE}
    assert {row.score for row in judged_rows(answered)} == {None}


def test_a_judge_that_declines_in_words_is_sent_back_once_and_then_unscored(answered, fake, judge):
    one = fake(lambda request: "I'm sorry, but I can't assist with that request.")
    done = judge(answered, one)
    assert (done.scored, done.unscored, done.exit_code) == (0, 4, 3)
    assert sorted(len(request.turns) for request in one.requests) == [0] * 4 + [1] * 4
    assert {request.sampling.max_tokens for request in one.requests} == {1024}
    assert {row.fault for row in judged_rows(answered)} == {Fault.JUDGE_PARSE}


def test_a_judge_that_declines_in_words_and_then_tells_a_score_is_believed(answered, fake, judge):
    one = fake(lambda request: 3 if request.turns else "I cannot help with this request.")
    assert (judge(answered, one).scored, len(one.requests)) == (4, 8)


def test_the_re_ask_is_for_the_score_alone_and_its_score_counts(answered, fake, judge):
    one = fake(lambda request: 2 if request.turns else "four")
    done = judge(answered, one)
    assert (done.scored, done.unscored, len(one.requests)) == (4, 0, 8)
    correction = next(request for request in one.requests if request.turns).turns[0].correction
    assert "not an integer" in correction
    assert 'an empty "reason"' in correction


def test_the_score_of_the_call_with_more_room_counts(answered, fake, judge):
    one = fake(lambda request: 3 if request.sampling.max_tokens == 2048 else "well")
    assert judge(answered, one).scored == 4
    assert len(one.requests) == 12


def test_a_low_score_is_never_asked_for_again(answered, fake, judge):
    one = fake(lambda request: 1)
    judge(answered, one)
    assert len(one.requests) == 4


NO_REPLY = [
    pytest.param(Reply(Outcome.REFUSED, finish_reason="refusal"), "refused", 1, id="refused"),
    pytest.param(Reply(Outcome.BLOCKED, finish_reason="content_filter"), "blocked", 1, id="blocked"),
    pytest.param(Reply(Outcome.TRUNCATED, '{"score": 4}', finish_reason="length"), "truncated", 2, id="cut_short"),
    pytest.param(Reply(Outcome.ERROR, error="busy", retryable=True, status=500), "error", 2, id="failing"),
]


@pytest.mark.parametrize(("reply", "kind", "calls"), NO_REPLY)
def test_a_judge_that_gives_no_reply_is_at_fault_and_not_the_student(
    answered, fake, judge, response, reply, kind, calls
):
    one = fake(lambda request: reply if response(request).endswith("0.mp4") else 5)
    done = judge(answered, one)
    assert (done.scored, done.unscored, done.exit_code) == (3, 1, 3)
    assert [(row.score, row.fault) for row in judged_rows(answered) if row.score is None] == [(None, Fault.JUDGE_API)]
    assert done.header["votes"] == {"asked": 4, "scored": 3, "unscored": 1, "unscored_kinds": {kind: 1}}
    assert len(one.requests) == 3 + calls


def test_a_reply_cut_short_is_asked_for_once_with_more_room_even_if_it_holds_a_score(answered, fake, judge):
    cut = Reply(Outcome.TRUNCATED, '{"score": 5}', finish_reason="length")
    done = judge(answered, fake(lambda request: 3 if request.sampling.max_tokens > 1024 else cut))
    assert done.scored == 4
    assert {row.score for row in judged_rows(answered)} == {3}


def many(make_run, items, count, name="many"):
    free = [row for row in items if row.task == "open_qa"]
    rows = [
        row.__class__(f"{row.item_id}{copy}", "open_qa", f"{copy}-{row.video_id}", row.question, row.reference)
        for copy in range(count // 4)
        for row in free
    ]
    return make_run(name, lambda row: f"about {row.video_id}", rows=rows)


def test_up_to_two_per_cent_unscored_is_borne(make_run, items, fake, judge, response):
    folder = many(make_run, items, 52)
    done = judge(folder, fake(lambda request: "?" if response(request) == "about 7-clips/0.mp4" else 3))
    assert (done.items, done.unscored, done.exit_code) == (52, 1, 0)


@pytest.mark.parametrize(
    ("done", "code"),
    [
        pytest.param(Judged(100, 98, 2, 0), 0, id="two_per_cent_unscored"),
        pytest.param(Judged(100, 97, 3, 0), 3, id="more_than_that"),
        pytest.param(Judged(100, 100, 0, 0, halted="the budget is spent"), 3, id="ended_by_the_budget"),
        pytest.param(Judged(100, 9, 91, 0, interrupted=True), 130, id="ended_by_a_person"),
    ],
)
def test_the_exit_code_says_how_the_judging_ended(done, code):
    assert done.exit_code == code


def test_the_first_five_failures_without_an_answer_end_it(make_run, items, fake, judge):
    one = fake(lambda request: Reply(Outcome.ERROR, error="no such model", status=404))
    with pytest.raises(DemitasseError, match="the first 5 calls to fake/judge-1 all failed.*no such model"):
        judge(many(make_run, items, 52), one)
    assert len(one.requests) <= 10, "what was in flight, and nothing more"


def test_more_than_twenty_faults_in_a_row_end_it(make_run, items, fake, judge):
    said = iter([3])
    one = fake(lambda request: next(said, "?"))
    with pytest.raises(DemitasseError, match="gave no verdict 21 times in a row"):
        judge(many(make_run, items, 100), one)
    assert len(one.requests) <= 3 * 26


def test_faults_with_answers_between_them_do_not_end_it(make_run, items, fake, judge, response):
    folder = many(make_run, items, 100)
    done = judge(folder, fake(lambda request: 4 if "clips/0" in response(request) else "?"))
    assert (done.scored, done.unscored) == (25, 75)


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        pytest.param([FAILED] * 5, "the first 5 calls", id="five_failures_before_any_answer"),
        pytest.param([UNREADABLE] * 21, "21 times in a row", id="twenty_one_that_nobody_can_read"),
        pytest.param([UNREADABLE, *[FAILED] * 20], "21 times", id="failures_of_one_that_has_replied"),
        pytest.param(["", *[FAILED] * 20, "", *[FAILED] * 21], "21 times", id="counted_anew_after_an_answer"),
    ],
)
def test_the_last_fault_that_is_too_many_ends_it_and_none_before(kinds, said):
    breaker = Breaker("judge")
    for kind in kinds[:-1]:
        breaker.note(kind, "?")
    with pytest.raises(Stop, match=said):
        breaker.note(kinds[-1], "?")


def test_a_wrong_key_stops_the_run_before_anything_is_spent(answered, fake, judge):
    one = fake(lambda request: Reply(Outcome.ERROR, error="invalid key", status=401))
    with pytest.raises(DemitasseError, match="key"):
        judge(answered, one)
    assert len(one.requests) <= 2
    assert not (answered / "judgements.jsonl").exists()


def test_replies_that_leave_nothing_to_judge_cost_no_call(make_run, fake, judge):
    said = iter(["", "<think>so", "I cannot see the video.", None])
    folder = make_run("a", lambda row: next(said) if row.task == "open_qa" else row.reference)
    one = fake(lambda request: 5)
    done = judge(folder, one)
    assert (done.scored, done.unscored, done.needed_no_judge, one.requests) == (0, 0, 4, [])
    assert [row.score for row in judged_rows(folder)] == [1] * 4


def test_a_second_run_buys_nothing(answered, fake, judge):
    judge(answered, fake(lambda request: 4))
    before = (answered / "judgements.jsonl").read_bytes()
    one = fake(lambda request: 1)
    assert (judge(answered, one).scored, one.requests) == (4, [])
    assert (answered / "judgements.jsonl").read_bytes() == before


def test_what_failed_is_asked_again_in_the_next_run(answered, fake, judge, response):
    busy = Reply(Outcome.ERROR, error="busy", retryable=True, status=500)
    judge(answered, fake(lambda request: busy if response(request).endswith("0.mp4") else 4))
    one = fake(lambda request: 4)
    assert (judge(answered, one).scored, len(one.requests)) == (4, 1)


@pytest.mark.parametrize("change", ["response", "rubric", "model", "marks' meaning"])
def test_another_answer_rubric_or_judge_misses_the_cache(make_run, answered, fake, judge, tmp_path, change):
    judge(answered, fake(lambda request: 4))
    rules, name = {}, "fake/judge-1"
    own = tmp_path / "own.yaml"
    if change == "response":
        make_run("a", lambda row: "another answer" if row.task == "open_qa" else row.reference)
    elif change == "model":
        name = "fake/judge-2"
    else:
        text = "Rate {blocks} by {scale}." if change == "marks' meaning" else "Rate {blocks} from 1 to 5."
        scale = "  scale: 5 is good, 1 is bad\n" if change == "marks' meaning" else ""
        own.write_text(f"about: mine\nsystem: Rate.\nprompts:\n  judge: {text}\n{scale}")
        rules = {"rubric": load_rubric(str(own))}
    one = fake(lambda request: 2, name)
    judge(answered, one, **rules)
    assert len(one.requests) == 4
    assert {row.score for row in judged_rows(answered)} == {2}
    assert len(list(read_rows(answered / "judgements.jsonl"))) == 4


OWN = [
    pytest.param("Give a number.", "", "must use '{blocks}'", id="no_place_for_the_texts"),
    pytest.param("{blocks} {scale}", "", "no prompt 'scale'", id="a_place_for_the_scale_and_no_scale"),
    pytest.param("{blocks} {sight}", "  unseen: x\n", "no prompt 'frames'", id="nothing_to_say_of_frames"),
    pytest.param("{blocks} {score}", "", "{score}, which is not filled in", id="an_unknown_place"),
]


@pytest.mark.parametrize(("text", "more", "why"), OWN)
def test_a_rubric_with_places_that_nothing_fills_is_refused(tmp_path, text, more, why):
    own = tmp_path / "own.yaml"
    own.write_text(f'about: mine\nsystem: Rate.\nprompts:\n  judge: "{text}"\n{more}')
    with pytest.raises(ConfigError) as fault:
        load_rubric(str(own))
    assert why in str(fault.value)


def test_an_alias_behind_which_the_student_answers_is_the_student(answered, fake, judge):
    (answered / "run.json").write_text(json.dumps({"student": "openai:loopback/student-7b"}))
    said = Reply(Outcome.SUCCESS, '{"reason": "", "score": 5}', model="Student-7b")
    validity = judge(answered, fake(lambda request: said, "openai:loopback/examiner")).header["validity"]
    assert validity["self_judged"] is True
    assert "votes came from Student-7b, which is the student itself" in validity["warnings"]


@pytest.mark.parametrize(
    "name", ["openai:127.0.0.1:8000/Student-7b", "student-7B", " student-7b", "a/student-7b/./", "student-7b:latest"]
)
def test_the_student_may_not_judge_itself_unless_allowed(answered, fake, judge, name):
    (answered / "run.json").write_text(json.dumps({"student": "runs/models/student-7b/"}))
    one = fake(lambda request: 5, name)
    with pytest.raises(ConfigError, match="is the student .* --allow-self-judge"):
        judge(answered, [fake(lambda request: 5), one])
    assert one.requests == []
    done = judge(answered, one, allow_self=True)
    assert (done.scored, done.header["validity"]["self_judged"]) == (4, True)


def test_a_run_without_free_text_needs_no_judge(make_run, items, fake, judge):
    folder = make_run("a", lambda row: row.reference, rows=[row for row in items if row.task == "mcq"])
    with pytest.raises(DataError, match="no free-text items"):
        judge(folder, fake(lambda request: 5))


def test_the_header_tells_who_judged_by_which_words_and_what_it_took(answered, fake, judge):
    judge(answered, fake(lambda request: 4))
    header = json.loads((answered / "judge.json").read_text())
    assert (header["model"], header["rubric"], header["sees"]) == ("fake/judge-1", "likert", "text")
    assert header["answered"] == {"fake/judge-1-dated": 4}
    assert "Rate the response on this scale" in header["prompt"]
    assert "not with published ones" in header["comparability"]
    assert (header["items"], header["scored"], header["requests"], header["cache_hits"]) == (4, 4, 4, 0)
    assert header["usage"]["prompt"] == 400
    assert header["judges"][0]["means"] == {"score": 4}
    assert header["latency"] == {"mean": 0.5, "median": 0.5, "p95": 0.5}
