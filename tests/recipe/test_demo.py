"""The demo's summary is read from what the stages wrote, and its closing words name what was scripted."""

import argparse
import json

import pytest

from demitasse.demo import TOOK, add_demo_arguments, closing, run_demo, summarise
from demitasse.recipe import QUICKSTART


def _metric(before, after, n=10):
    arms = {
        "base": {"mean": before, "n": n},
        "reasoning": {"mean": after, "n": n},
        "answers only": {"mean": 0.5, "n": n},
        "reasoning, blank frames": {"mean": 0.3, "n": n},
    }
    return {"before": before, "after": after, "n": n, "delta_ci95": [0.1, 0.9], "verdict": "improved", "arms": arms}


def make_run(tmp_path):
    metrics = {
        "mcq_accuracy": _metric(0.25, 0.9),
        "bcq_accuracy": _metric(0.5, 0.9, 20),
        "judge_mean": _metric(1.5, 4.5),
        "temporal_iou": _metric(0.1, 0.7),
    }
    report = {
        "metrics": metrics,
        "items": 50,
        "after": "reasoning",
        "arms": {"reasoning": {"judge": {"model": "scripted"}}},
    }
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "report.json").write_text(json.dumps(report))
    (tmp_path / "predictions").mkdir()
    daft = {"runs/demo/predictions/daft": {"mcq": {"mean": 0.85, "n": 10}}}
    (tmp_path / "predictions" / "daft.json").write_text(json.dumps(daft))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "split.json").write_text(json.dumps({"train": ["a", "b", "c"], "eval": ["d"]}))
    boxes = _metric(0.05, 0.8, 30)
    boxes["arms"]["grounding, blank pictures"] = {"mean": 0.04, "n": 30}
    (tmp_path / "grounding_report").mkdir()
    (tmp_path / "grounding_report" / "report.json").write_text(json.dumps({"metrics": {"grounding_iou": boxes}}))
    (tmp_path / "grounding_data").mkdir()
    (tmp_path / "grounding_data" / "split.json").write_text(json.dumps({"train": ["a", "b"], "eval": ["c"]}))
    return tmp_path


def test_the_summary_has_the_keys_that_scripts_read(tmp_path):
    summary = summarise(make_run(tmp_path), 12.34)
    for name in ("mcq_accuracy", "bcq_accuracy", "judge_mean", "temporal_iou", "grounding_iou"):
        assert set(summary[name]) == {"before", "after", "n", "delta_ci95"}
    assert summary["controls"]["blank_frames"] == {"mcq_accuracy": 0.3, "n": 10}
    assert summary["controls"]["answers_only"] == {"mcq_accuracy": 0.5, "n": 10}
    assert summary["controls"]["daft_dialect"] == {"mcq_accuracy": 0.85, "n": 10}
    assert summary["controls"]["blank_pictures"] == {"grounding_iou": 0.04, "n": 30}
    assert (summary["grounding_iou"]["before"], summary["grounding_iou"]["after"]) == (0.05, 0.8)
    assert (summary["pictures_train"], summary["pictures_eval"]) == (2, 1)
    counted = {name: summary[name] for name in ("items", "videos_train", "videos_eval", "seconds", "teacher", "judge")}
    assert counted == {
        "items": 50, "videos_train": 3, "videos_eval": 1, "seconds": 12.3, "teacher": "scripted", "judge": "scripted",
    }  # fmt: skip


def test_the_closing_names_the_report_the_figures_and_what_was_scripted(tmp_path):
    run = make_run(tmp_path)
    text = closing(run, summarise(run, 1.0))
    for words in (
        "report/index.html",
        "grounding_report/index.html",
        "summary.json",
        "scripted",
        "real models",
        "0.25",
        "+0.10 to +0.90",
    ):
        assert words in text.replace("\\", "/")


@pytest.mark.parametrize(
    "words, told",
    [
        pytest.param([], 1, id="as_it_stands"),
        pytest.param(["steps=6"], 0, id="another_demo"),
        pytest.param(["--student", "qwen3_vl"], 0, id="another_student"),
        pytest.param(["--until", "data"], 0, id="a_part_of_it"),
    ],
)
def test_the_time_that_was_measured_is_told_of_what_it_was_measured_of(monkeypatch, capsys, words, told):
    parser = argparse.ArgumentParser()
    add_demo_arguments(parser)
    monkeypatch.setattr("demitasse.demo.run_recipe", lambda *_, **__: 2)
    assert run_demo(parser.parse_args(words)) == 2
    assert capsys.readouterr().out.count(TOOK) == told


def test_the_time_that_is_told_is_that_of_the_page():
    took, when = TOOK.removesuffix(")").split(" on two shared CPU cores (")
    page = (QUICKSTART.parent / "README.md").read_text(encoding="utf-8")
    assert f"Two shared CPU cores, {when}, `demitasse demo`: {took}," in page
