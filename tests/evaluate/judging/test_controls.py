"""Controls and probes: known results on a seeded sample, in files of their own, never part of a result."""

import json
from dataclasses import replace

import pytest

from demitasse.chat.blocks import read_blocks
from demitasse.chat.model import Outcome, Reply
from demitasse.cli import main
from evaluate.comparing.arm import load_arm
from evaluate.judging.controls import Sample, run_controls
from evaluate.judging.protocol import Judge, Protocol
from evaluate.records import read_rows


def exact(request):
    """A judge who gives 5 for the reference's very words and 1 for all else."""
    blocks = read_blocks(request.text)
    return 5 if blocks["response"] == blocks["reference"] else 1


def by_place(request):
    """A judge who likes whatever stands second, and length."""
    blocks = read_blocks(request.text)
    return 2 + (list(blocks)[1] == "response") + (len(blocks["response"]) > 40)


@pytest.fixture
def control(fake, judge):
    """Judge a run, then ask its controls; returns their figures and the controls' own requests."""

    def run(folder, say, sample=None, name="fake/judge-1"):
        done = judge(folder, fake(say, name))
        one = fake(say, name)
        protocol = Protocol()
        found = run_controls(load_arm(folder), [Judge(one)], protocol, done, sample or Sample(), progress=False)
        return found, one.requests

    return run


def figures(found, kind, name):
    return found[kind][name]["judges"]["fake/judge-1"]["score"]


def test_a_sound_judge_falls_to_the_bottom_and_reaches_the_top(make_run, control):
    found, requests = control(make_run("a", lambda row: row.reference), exact)
    shuffled, gold = figures(found, "controls", "shuffled_reference"), figures(found, "controls", "gold_as_answer")
    assert (shuffled["mean"], shuffled["limit"], shuffled["holds"], shuffled["n"]) == (1, 1.5, True, 4)
    assert (gold["mean"], gold["limit"], gold["holds"], gold["n"]) == (5, 4.5, True, 4)
    assert len(requests) == 4 * 4


def test_a_judge_who_pleases_everybody_is_found_out(answered, control):
    found, _ = control(answered, lambda request: 5)
    assert figures(found, "controls", "shuffled_reference")["holds"] is False
    assert figures(found, "controls", "gold_as_answer")["holds"] is True


def test_a_shuffled_reference_is_another_items_of_the_same_task(answered, control):
    _, requests = control(answered, exact)
    own = {f"about clips/{place}.mp4": f"A shape moves, case {place}." for place in range(4)}
    shuffled = [
        blocks
        for blocks in map(read_blocks, (request.text for request in requests))
        if list(blocks)[1] == "reference" and own.get(blocks["response"], blocks["reference"]) != blocks["reference"]
    ]
    assert len(shuffled) == 4
    assert all(blocks["reference"] in own.values() for blocks in shuffled)


def test_probes_show_what_order_and_length_are_worth_to_a_judge(answered, control):
    found, _ = control(answered, by_place)
    order, verbosity = figures(found, "probes", "order"), figures(found, "probes", "verbosity")
    assert (order["before"], order["after"], order["change"], order["exact"]) == (2, 3, 1, 0)
    assert (verbosity["change"], verbosity["mean_absolute"], verbosity["n"]) == (1, 1, 4)


def test_probes_are_compared_with_the_first_vote_and_not_with_a_repeat(answered, fake, judge):
    wavering = fake(lambda request: 2 + 2 * request.round)
    protocol = Protocol(repeats=2)
    done = judge(answered, wavering, repeats=2)
    found = run_controls(load_arm(answered), [Judge(wavering)], protocol, done, Sample(), progress=False)
    assert figures(found, "probes", "order")["change"] == 0


def test_controls_stay_out_of_the_result(answered, control, judge, fake):
    judge(answered, fake(exact))
    before = (answered / "judgements.jsonl").read_bytes()
    control(answered, exact)
    assert (answered / "judgements.jsonl").read_bytes() == before
    assert {row["control"] for _, row in read_rows(answered / "judge_controls.jsonl")} == {
        "shuffled_reference",
        "gold_as_answer",
        "order",
        "verbosity",
    }
    assert json.loads((answered / "judge.json").read_text())["items"] == 4


def test_a_sample_is_drawn_by_its_seed_and_bought_once(answered, control):
    first, requests = control(answered, by_place, Sample(2, seed=1))
    again, bought = control(answered, by_place, Sample(2, seed=1))
    assert (len(requests), bought, first) == (8, [], again)
    drawn = {Sample(2, seed=seed).exchanges(load_arm(answered))[0].asked.item_id for seed in range(20)}
    assert len(drawn) > 1


def test_items_that_all_have_one_reference_have_no_shuffled_one_and_are_counted(make_run, items, control):
    rows = [replace(row, reference="It falls. ") for row in items if row.task == "open_qa"]
    found, _ = control(make_run("a", lambda row: "up", rows), exact)
    assert found["controls"]["shuffled_reference"]["left_out"] == 4
    assert figures(found, "controls", "shuffled_reference")["mean"] is None


def test_a_judges_fault_on_a_control_is_counted_and_no_score(answered, control):
    refused = Reply(Outcome.REFUSED, finish_reason="refusal")
    found, _ = control(answered, lambda request: refused if exact(request) == 5 else 1)
    assert found["controls"]["gold_as_answer"]["unscored"] == 4
    assert figures(found, "controls", "gold_as_answer")["holds"] is None


def test_a_probe_that_the_judge_failed_on_throughout_tells_nothing(answered, control):
    refused = Reply(Outcome.REFUSED, finish_reason="refusal")
    found, _ = control(answered, lambda request: refused if list(read_blocks(request.text))[1] == "response" else 3)
    order = figures(found, "probes", "order")
    assert (found["probes"]["order"]["items"], found["probes"]["order"]["unscored"]) == (4, 4)
    assert (order["n"], order["change"], order["exact"]) == (0, None, None)


def test_judging_again_keeps_the_figures_and_another_judge_loses_them(answered, control, judge, fake):
    control(answered, by_place)
    judge(answered, fake(by_place))
    assert "probes" in json.loads((answered / "judge.json").read_text())
    judge(answered, fake(by_place, "lab/other"))
    assert "probes" not in json.loads((answered / "judge.json").read_text())


def test_the_command_prints_controls_and_warns_of_one_that_does_not_hold(make_run, items, capsys):
    free = [row for row in items if row.task == "open_qa"]
    rows = [replace(row, reference=f"In case {place} it moves left.") for place, row in enumerate(free)]
    folder = make_run("a", lambda row: row.reference, rows)
    assert main(["judge", str(folder), "--model", "scripted", "--controls", "--controls-items", "3"]) == 0
    told = capsys.readouterr()
    assert "control gold_as_answer, scripted: score 5.00 over 3 items" in told.out
    # The stand-in hears of no more than directions and colours, and these references have the same.
    assert "control shuffled_reference, scripted: score 5.00 over 3 items, but it should be" in told.err
    assert "probe order, scripted: score +0.00, 100% of 3 unchanged" in told.out
