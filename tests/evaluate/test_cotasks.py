"""The four CoTasks as metrics: from raw replies to the table, the comparison and the report."""

import json
from dataclasses import replace

import pytest

from demitasse.cli import main
from demitasse.cotasks.noise import corrupt
from demitasse.cotasks.record import TASK_NAMES, CoTasks, Entity, Event, KeyFrame, Relation, Sighting
from demitasse.cotasks.text import question, write_task
from demitasse.dataset.item_id import make_item_id
from demitasse.errors import DataError
from evaluate.comparing.arm import load_arm
from evaluate.comparing.compare import compare
from evaluate.comparing.cotasks import FIGURES, compare_cotasks, count_cotasks
from evaluate.comparing.table import score_table
from evaluate.metric import COTASKS, METRICS, metric_of
from evaluate.records import Asked, Fault, Prediction, State, read_rows
from evaluate.report.page import write_report
from evaluate.score import gold_faults, score_item

HOSTILE = "</div><script>alert(1)</script>\"' onerror=x"
STAGES = list(TASK_NAMES)


def truth(number=0):
    """CoTasks of one question, told apart by number."""
    shift = number / 50
    return CoTasks(
        f"video_{number}",
        duration=6.0,
        sampled=7,
        frames=(KeyFrame(1, 1.0), KeyFrame(2, 2.0)),
        entities=(Entity("adult 1", "adult"), Entity("ball 1", "ball")),
        sightings=(
            Sighting(1.0, "adult 1", (0.1 + shift, 0.1, 0.4 + shift, 0.5)),
            Sighting(2.0, "adult 1", (0.1 + shift, 0.2, 0.4 + shift, 0.6)),
            Sighting(2.0, "ball 1", None),
        ),
        relations=(Relation(1.0, "adult 1", "above", "ball 1"), Relation(2.0, "adult 1", "behind", "ball 1")),
        events=(
            Event("adult 1", "grab", "ball 1", 0.0, 2.0),
            Event("adult 1", "throw", "ball 1", 2.0, 4.0),
            Event("adult 1", "wave", None, 4.0, 6.0),
        ),
    )


def asked(stage, number=0, style="qwen_1000", form="json", size=None):
    """A CoTask item, as `annotate cotasks` writes them."""
    of = question(stage, "what happens", style, form)
    task, video = TASK_NAMES[stage], f"clips/{number}.mp4"
    declared = {"question_key": f"video_{number}", "stage": stage, "box_style": style, "form": form}
    extra = {"cotask": declared | ({"size": size} if size else {}), "cotasks": truth(number).to_json()}
    reference = write_task(truth(number), stage, style, size, form)
    return Asked(make_item_id(task, video, of, None), task, video, of, reference, extra)


ROWS = [asked(stage, number) for stage in STAGES for number in range(6)]


def noisy(level):
    """Replies in which a share of everything is wrong."""

    def reply(row):
        stage = row.extra["cotask"]["stage"]
        return write_task(corrupt(CoTasks.from_json(row.extra["cotasks"]), {stage: level}), stage)

    return reply


def scored(row, text, finish="stop"):
    return score_item(row, Prediction(row, text, finish), None)


@pytest.mark.parametrize("form", ["json", "lines"])
@pytest.mark.parametrize("stage", STAGES)
def test_the_reference_itself_is_worth_everything(stage, form):
    row = asked(stage, form=form)
    found = scored(row, row.reference)
    assert (found.score, found.state, found.metric) == (1, State.SCORED, TASK_NAMES[stage])
    assert found.detail["parsed"] is True


@pytest.mark.parametrize("stage", STAGES)
def test_either_form_is_read_whichever_was_asked_for(stage):
    row = asked(stage, form="json")
    assert scored(row, write_task(truth(), stage, form="lines")).score == 1


@pytest.mark.parametrize("stage", STAGES)
def test_thoughts_before_the_answer_are_set_aside(stage):
    row = asked(stage)
    assert scored(row, f"<think>adult 1 and [1, 2]</think>\n{row.reference}").score == 1


@pytest.mark.parametrize(
    ("text", "finish", "fault"),
    [
        pytest.param("no idea at all", "stop", Fault.UNPARSABLE, id="prose"),
        pytest.param("", "stop", Fault.EMPTY, id="empty"),
        pytest.param("...", "stop", Fault.UNPARSABLE, id="dots"),
        pytest.param("I cannot see the video.", "stop", Fault.REFUSAL, id="refusal"),
        pytest.param('[{"time": 1.0, "label": "adult 1"', "length", Fault.TRUNCATED, id="cut_by_the_token_limit"),
        pytest.param("<think>never closed", "length", Fault.TRUNCATED, id="thoughts_without_an_end"),
    ],
)
@pytest.mark.parametrize("stage", STAGES)
def test_what_cannot_be_read_has_found_nothing_of_all_there_was(stage, text, finish, fault):
    found = scored(asked(stage), text, finish)
    assert (found.score, found.fault, found.state) == (0, fault, State.MODEL_FAULT)
    assert found.detail["found"] == 0 and found.detail["gold"] > 0
    assert found.detail["parsed"] is False


@pytest.mark.parametrize("stage", STAGES)
def test_no_prediction_is_a_fault_of_the_model(stage):
    assert score_item(asked(stage), None, None).fault is Fault.MISSING


def test_a_malformed_box_is_one_that_was_invented():
    row = asked(2)
    entries = json.loads(row.reference)
    entries[0]["bbox_2d"] = [900, 900, 100, 100]
    found = scored(row, json.dumps(entries))
    assert (found.detail["predicted"], found.detail["found"]) == (2, 1)
    assert found.score == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("style", "size"),
    [("qwen_1000", None), ("gemini_yxyx_1000", None), ("qwen2_5_vl_px", [644, 364]), ("image_px", [320, 180])],
)
def test_boxes_are_read_in_the_style_that_the_item_declares(style, size):
    row = asked(2, style=style, size=size)
    assert scored(row, row.reference).score == pytest.approx(1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"reference": "who knows"}, "cannot be read", id="no_answer"),
        pytest.param(
            {
                "reference": '[{"time": 1.0, "label": "adult 1", "bbox_2d": [1, 1, 2000, 2]}, {"time": 1.0, '
                '"label": "adult 2", "bbox_2d": [1, 1, 2, 2]}]'
            },
            "1 entries that cannot be read",
            id="a_box_out_of_the_frame",
        ),
        pytest.param({"extra": {}}, "names no box style", id="no_declaration"),
        pytest.param({"extra": {"cotask": {"box_style": "invented"}}}, "names no box style", id="no_such_style"),
        pytest.param({"extra": {"cotask": {"box_style": "image_px"}}}, "cotask.size is missing", id="no_size"),
        pytest.param({"extra": {"cotask": {"box_style": "qwen_1000"}}}, "cotasks is null", id="no_cotasks"),
    ],
)
def test_a_reference_at_fault_is_told_with_its_item_and_what_to_do(change, words):
    row = replace(asked(2), **change)
    (fault,) = gold_faults([row]).values()
    assert words in fault and row.item_id in fault and "demitasse annotate cotasks" in fault
    with pytest.raises(DataError):
        scored(row, "none")


def test_no_facts_at_all_are_an_answer():
    row = replace(asked(3), reference="[]")
    assert not gold_faults([row])
    assert scored(row, "none").score == 1
    assert scored(row, asked(3).reference).score == 0


@pytest.mark.parametrize("stage", STAGES)
def test_each_task_is_its_own_metric(stage):
    assert metric_of(TASK_NAMES[stage]) is COTASKS[stage - 1]
    assert METRICS[TASK_NAMES[stage]].name == TASK_NAMES[stage]
    assert not METRICS[TASK_NAMES[stage]].is_share


# ---- figures


def rows_of(stage, level):
    rows = [row for row in ROWS if row.task == TASK_NAMES[stage]]
    return [scored(row, noisy(level)(row)) for row in rows]


@pytest.mark.parametrize("stage", STAGES)
def test_every_figure_of_the_truth_is_1_or_has_nothing_to_divide_by(stage):
    figures = count_cotasks(rows_of(stage, 0), COTASKS[stage - 1])
    assert figures.keys() == FIGURES[TASK_NAMES[stage]].keys()
    for name, figure in figures.items():
        assert figure["value"] == (0 if name == "swapped" else pytest.approx(1)), name
        assert figure["n"] == 6


@pytest.mark.parametrize("stage", STAGES)
def test_an_arm_without_a_reply_that_can_be_read_has_no_precision_and_no_recall(stage):
    rows = [scored(asked(stage, number), "no idea") for number in range(6)]
    figures = count_cotasks(rows, COTASKS[stage - 1])
    assert figures["parsed"]["value"] == 0
    recall = next(figures[name]["value"] for name in ("recall", "recall_50") if name in figures)
    precision = next(figures[name]["value"] for name in ("precision", "precision_50") if name in figures)
    assert (recall, precision) == (0, None)


def test_precision_recall_and_f1_are_ratios_of_sums():
    rows = [scored(asked(3), "00:01 adult 1 above ball 1"), scored(asked(3, 1), "00:01 adult 1 beneath ball 1")]
    figures = count_cotasks(rows, COTASKS[2])
    assert figures["precision"]["value"] == pytest.approx(1 / 2)
    assert figures["recall"]["value"] == pytest.approx(1 / 4)
    assert figures["f1"]["value"] == pytest.approx(2 / 6)
    assert figures["predicate"]["value"] == pytest.approx(1 / 2)


def test_tau_is_told_from_minus_one_to_one():
    backwards = "\n".join(
        f"00:0{start}-00:0{start + 2} adult 1 {what}"
        for start, what in ((4, "grab ball 1"), (2, "throw ball 1"), (0, "wave"))
    )
    rows = [scored(asked(4, number), backwards) for number in range(4)]
    figures = count_cotasks(rows, COTASKS[3])
    low, high = figures["kendall_tau"]["ci95"]
    assert figures["kendall_tau"]["value"] == -1 and -1 <= low <= high <= 1
    assert figures["f1_any_time"]["value"] == 1
    change = compare_cotasks(
        rows, [scored(asked(4, number), asked(4, number).reference) for number in range(4)], COTASKS[3]
    )
    assert change["kendall_tau"]["delta"] == 2


# ---- comparison, table, report


@pytest.fixture
def arms(make_run):
    return [load_arm(make_run(name, noisy(level), ROWS)) for name, level in (("before", 0.9), ("after", 0.1))]


def test_the_metrics_are_compared_like_the_others(arms):
    result = compare(arms).result
    for stage in STAGES:
        entry = result["metrics"][COTASKS[stage - 1].key]
        assert entry["n"] == 6
        assert entry["after"] > entry["before"]
        assert entry["figures"].keys() == entry["arms"]["after"]["figures"].keys()
    assert "relations" in result["verdict"]["sentence"]
    json.dumps(result, allow_nan=False)


def test_references_in_another_box_style_are_not_the_same(make_run):
    first = load_arm(make_run("first", noisy(0), [asked(2)]))
    other = replace(asked(2), item_id=asked(2).item_id, reference=asked(2).reference)
    other.extra["cotask"]["box_style"] = "gemini_yxyx_1000"
    second = load_arm(make_run("second", noisy(0), [other]))
    with pytest.raises(DataError, match="has one reference in 'first' and another"):
        compare([first, second])


def test_the_page_and_the_markdown_have_every_figure(arms, tmp_path):
    page = write_report(compare(arms), tmp_path / "report").read_text()
    text = (tmp_path / "report" / "report.md").read_text()
    for metric in COTASKS:
        assert f"## {metric.label}" in text and f"<h3>{metric.label}</h3>" in page
        for figure in FIGURES[metric.name].values():
            assert figure.label in text
            assert figure.label.replace("'", "&#39;") in page
    assert "found," in page and "told" in page


def test_hostile_replies_stay_text(make_run, tmp_path):
    arms = [load_arm(make_run(name, lambda row: f"{HOSTILE}\n{row.reference}", ROWS)) for name in ("one", "two")]
    page = write_report(compare(arms), tmp_path / "report").read_text()
    assert "<script>alert" not in page


def test_the_page_without_cotasks_has_no_section_of_them(make_run, items, tmp_path):
    arms = [load_arm(make_run(name, lambda row: row.reference)) for name in ("one", "two")]
    assert "<h2>CoTasks</h2>" not in write_report(compare(arms), tmp_path / "report").read_text()


def test_the_table_has_a_line_of_figures_under_each_task():
    lines = score_table([scored(row, noisy(0.5)(row)) for row in ROWS]).splitlines()
    places = {name: place for place, line in enumerate(lines) for name in TASK_NAMES.values() if name in line}
    assert list(places) == list(TASK_NAMES.values())
    for name, place in places.items():
        assert all(figure.label in lines[place + 1] for figure in FIGURES[name].values())


def test_score_writes_rows_and_figures_and_compare_a_report(make_run, tmp_path, capsys):
    runs = [make_run(name, noisy(level), ROWS) for name, level in (("before", 1.0), ("after", 0.0))]
    assert main(["score", *map(str, runs), "--json", str(tmp_path / "figures.json")]) == 0
    assert "Kendall's tau" in capsys.readouterr().out
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures[str(runs[1])]["cotask_frames"]["figures"]["entity_f1"]["value"] == 1
    rows = [row for _, row in read_rows(runs[1] / "scores.jsonl")]
    assert {row["task"]: row["score"] for row in rows} == dict.fromkeys(TASK_NAMES.values(), 1.0)
    assert all(row["detail"]["parsed"] for row in rows)
    out = ["--out", str(tmp_path / "report")]
    assert main(["compare", str(runs[0]), str(runs[1]), *out]) == 0
    assert "CoTask 4, events, F1: 0.00 → 1.00" in capsys.readouterr().out
