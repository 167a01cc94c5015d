"""The Cosmos cookbook's table of 15 keys: its published means come back, and what it does not say comes out."""

import csv
import json

import numpy as np
import pytest

from demitasse.stages import CHECKOUT
from evaluate.comparing.arm import load_arm
from evaluate.comparing.compare import compare
from evaluate.comparing.wording import readings
from evaluate.judging.judgements import JUDGEMENTS, write_judgements
from evaluate.parse.free import parse_free
from evaluate.records import Asked, Prediction, write_rows
from evaluate.report.page import write_report
from evaluate.report.published import read_published
from evaluate.score.judged import Judgement, fingerprint

# Judge's means of 1,000 clips before and after SFT.
TABLE = read_published(CHECKOUT / "recipes" / "av_captioning" / "published.yaml")
PUBLISHED = TABLE["tasks"]
CLIPS = 100


def write_run(folder, rows):
    """A judged run of (item, reply, score)."""
    write_rows(folder / "items.jsonl", [asked.to_json() for asked, _, _ in rows])
    replies = {asked.item_id: Prediction(asked, reply, "stop") for asked, reply, _ in rows}
    write_rows(folder / "predictions.jsonl", [one.to_json() for one in replies.values()])
    judged = []
    for asked, _, score in rows:
        answer = parse_free(replies[asked.item_id]).value
        judged.append(Judgement(asked.item_id, fingerprint(asked, answer), score, "because"))
    write_judgements(folder / JUDGEMENTS, judged)
    (folder / "judge.json").write_text(json.dumps({"model": "judge-1", "rubric_sha256": "r"}))
    return load_arm(folder)


def item(key, clip, reference):
    return Asked(f"{key}-{clip}", key, f"{clip}.mp4", f"What of {key}?", reference)


def scores_with_mean(mean, count):
    """Whole scores, the two next to the mean, that add up to it at two decimals."""
    total, low = round(mean * count), int(mean)
    above = total - low * count
    return [low + 1] * above + [low] * (count - above)


def published(tmp_path, side):
    rows = []
    for key, means in PUBLISHED.items():
        scores = scores_with_mean(means[side], CLIPS)
        rows += [
            (item(key, clip, f"{key} of clip {clip}, in words"), f"An answer, {side}.", score)
            for clip, score in enumerate(scores)
        ]
    return write_run(tmp_path / ("base", "sft")[side], rows)


def test_the_published_means_come_back_key_by_key_and_as_a_macro_mean(tmp_path):
    comparison = compare([published(tmp_path, 0), published(tmp_path, 1)])
    for key, (before, after) in PUBLISHED.items():
        entry = comparison.result["tasks"][key]
        assert (round(entry["before"], 2), round(entry["after"], 2)) == (before, after)
        assert round(entry["delta"], 2) == round(after - before, 2)
    macro = comparison.result["metrics"]["judge_mean"]["macro"]
    assert (macro["tasks"], round(macro["before"], 2), round(macro["after"], 2)) == (15, 3.43, 3.90)
    assert macro["delta"] == pytest.approx(0.47, abs=0.005)
    page = write_report(comparison, tmp_path / "report", published=TABLE)
    rows = {row["task"]: row for row in csv.DictReader((page.parent / "tasks.csv").open())}
    assert [float(rows["rule_violation"][name]) for name in ("before", "after")] == [4.80, 4.64]
    assert "mean of 15 tasks" in page.read_text()
    means = "<td>3.43</td><td>3.90</td><td>+0.47</td>"
    assert f"<td>mean of 15</td>{means}<td>free text</td>{means}" in page.read_text(), "theirs, and ours of the same"


def simulated(tmp_path):
    """1,000 clips of three keys: a rule that is hardly ever broken, prose that hardly changes, and prose that does."""
    chance = np.random.default_rng(15)
    broken = chance.random(1000) < 0.04
    arms = []
    for side in (0, 1):
        rows = []
        for clip in range(1000):
            truth = str(bool(broken[clip]))
            said = "False" if side == 0 or chance.random() > 0.09 else "True"
            rows.append((item("rule_violation", clip, truth), said, 5 if said == truth else 1))
            prose = f"A situation, number {clip}, in words."
            score = int(np.clip(round(chance.normal(2.74, 0.7)), 1, 5))
            rows.append((item("safety_analysis", clip, prose), f"A reply, {side}.", score))
            score = int(np.clip(round(chance.normal((3.05, 4.14)[side], 0.7)), 1, 5))
            rows.append((item("road_type", clip, prose), f"A reply, {side}.", score))
        arms.append(write_run(tmp_path / ("base", "sft")[side], rows))
    return compare(arms)


def test_a_habit_is_called_a_majority_class_and_a_chance_difference_inconclusive(tmp_path):
    result = simulated(tmp_path).result
    told = readings(result)
    habit = result["tasks"]["rule_violation"]["habit"]
    assert (habit["answer"], habit["majority"], habit["arms"]["base"]["given"]) == ("false", True, 1.0)
    assert habit["arms"]["base"]["balanced_accuracy"] == 0.5
    assert any(one.startswith("rule_violation, majority class: 96% of the references") for one in told)
    assert any(one.startswith("safety_analysis, inconclusive") for one in told)
    assert not any(one.startswith("road_type") for one in told)
    assert result["tasks"]["road_type"]["verdict"] == "improved"


def test_the_conclusions_stand_in_the_page_and_in_the_markdown(tmp_path):
    folder = write_report(simulated(tmp_path), tmp_path / "report").parent
    for name in ("index.html", "report.md"):
        text = (folder / name).read_text()
        assert "rule_violation, majority class" in text
        assert "safety_analysis, inconclusive" in text
    page = (folder / "index.html").read_text()
    assert page.count("<svg") >= 2
