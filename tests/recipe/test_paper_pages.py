"""Published numbers in the recipes' pages are those of their published.yaml, which other tests recompute."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Any

import pytest
import yaml

from demitasse.recipe import CHECKOUT

RECIPES = CHECKOUT / "recipes"
MINUS = "\u2212"


def rows_of(recipe: str) -> dict[str, list[list[str]]]:
    """The rows of a page's tables by their first cell, without it and without asterisks."""
    rows: dict[str, list[list[str]]] = {}
    for line in (RECIPES / recipe / "README.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("| "):
            first, *others = (cell.strip(" *") for cell in line.strip("|").split(" | "))
            rows.setdefault(first, []).append(others)
    return rows


def published(recipe: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((RECIPES / recipe / "published.yaml").read_text(encoding="utf-8"))
    return content


def signed(number: float, digits: int = 2) -> str:
    return f"{number:+.{digits}f}".replace("-", MINUS)


AV, ESPRESSO, NEXTQA = (published(name) for name in ("av_captioning", "videoespresso", "cotasks_nextqa"))
# A page's name of a model, and the table's.
OBJECTIVE = {
    "GPT-4o": "GPT-4o",
    "Qwen-VL-Max": "Qwen-VL-Max",
    "InternVL2-8B": "InternVL2",
    "Qwen2-VL-7B": "Qwen2-VL",
    "LongVA-7B": "LongVA-DPO",
    "the paper's student, 2.36 frames": "Ours",
}
LEADERBOARD = {
    "LongVA-7B, 128 frames": "LongVA",
    "Qwen-Max, 4 frames": "Qwen-Max",
    "InternVL2.5-38B, 16 frames": "InternVL2.5",
    "LLaVA-Video-72B, 64 frames": "LLaVA-Video",
}
SUBJECTIVE = {"GPT-4o": "GPT-4o", "InternVL2-8B": "InternVL2", "the paper's student": "Ours"}
SELECTOR = {"GPT-4o": "GPT-4o", "InternVL2-8B": "InternVL2", "LongVA-7B": "LongVA"}
SELECTOR |= {"LLaVA-NeXT-Interleave-7B": "LLaVA-N-i"}


def by_model(rows: list[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {row["model"]: row for row in rows}


@pytest.mark.parametrize("key", AV["tasks"])
def test_a_key_of_av_captionings_page_has_the_figures_of_its_file(key: str) -> None:
    before, after = AV["tasks"][key]
    assert [f"{before:.2f}", f"{after:.2f}", signed(after - before), "not run"] in rows_of("av_captioning")[key]


def test_av_captionings_means_are_over_its_keys() -> None:
    before, after = (fmean(pair[side] for pair in AV["tasks"].values()) for side in (0, 1))
    [row] = rows_of("av_captioning")["mean of 15"]
    assert row == [f"{before:.2f}", f"{after:.2f}", signed(after - before), "not run"]


@pytest.mark.parametrize("name", OBJECTIVE)
def test_videoespressos_page_has_the_averages_of_table_1(name: str) -> None:
    average = by_model(ESPRESSO["paper"])[OBJECTIVE[name]]["average"]
    assert ["paper", f"{average:.1f}", "not run"] in rows_of("videoespresso")[name]


@pytest.mark.parametrize("name", LEADERBOARD)
def test_videoespressos_page_has_the_leaderboards_overall_figures_and_frames(name: str) -> None:
    row = by_model(ESPRESSO["leaderboard"])[LEADERBOARD[name]]
    assert ["leaderboard", f"{row['overall']:.1f}", "not run"] in rows_of("videoespresso")[name]
    assert name.endswith(f", {row['frames']} frames")


@pytest.mark.parametrize("name", SUBJECTIVE)
def test_videoespressos_page_has_the_marks_of_table_2(name: str) -> None:
    row = by_model(ESPRESSO["subjective"])[SUBJECTIVE[name]]
    marks = [f"{row[mark]:.2f}" for mark in ("logic", "factuality", "accuracy", "conciseness", "overall")]
    assert [*marks, "not run"] in rows_of("videoespresso")[name]


@pytest.mark.parametrize("name", SELECTOR)
def test_videoespressos_page_has_the_accuracies_of_table_5_with_their_gains(name: str) -> None:
    even, *chosen = (row["accuracy"] for row in ESPRESSO["selector"] if row["model"] == SELECTOR[name])
    cells = [f"{even:.2f}", *(f"{accuracy:.2f} ({signed(accuracy - even)})" for accuracy in chosen), "not run"]
    assert cells in rows_of("videoespresso")[name]


@pytest.mark.parametrize(("name", "text"), [("BlindQA", "BERT-FT"), ("HGA", "BERT-FT"), ("people", "-")])
def test_cotasks_page_has_next_qas_own_accuracies(name: str, text: str) -> None:
    [row] = [row for row in NEXTQA["baselines"] if (row["model"], row["text"]) == (name, text)]
    cells = [f"{row[group]:.2f}" for group in ("causal", "temporal", "descriptive", "all")]
    [told] = rows_of("cotasks_nextqa")[name if text == "-" else f"{name}, BERT"]
    assert told[:4] == cells


@pytest.mark.parametrize("row", NEXTQA["gains"], ids=lambda row: row["model"])
def test_cotasks_page_has_the_papers_gains(row: Mapping[str, Any]) -> None:
    wanted = [
        signed(row[group], 1) if group in row else "not printed there"
        for group in ("all", "causal", "temporal", "descriptive")
    ]
    assert [*wanted, "not run"] in rows_of("cotasks_nextqa")[row["model"]]


def test_tars_page_has_the_means_and_the_leaderboard_of_its_file() -> None:
    tar, rows = published("traffic_anomaly_reasoning"), rows_of("traffic_anomaly_reasoning")
    steps, ways = tar["finetuned"]["mean_by_tasks"], tar["finetuned"]["reasoning_or_not"]
    both = ways["answers_and_reasoning"]
    wanted = {
        "Cosmos3-Super, which had TAR in its training": tar["zero_shot"]["Cosmos3-Super"]["mean"],
        "Qwen3.5-27B, the best that had not": tar["zero_shot"]["Qwen3.5-27B"]["mean"],
        "Cosmos-Reason2-8B": tar["zero_shot"]["Cosmos-Reason2-8B"]["mean"],
        "the same, trained on 5 / 8 / 10 tasks": " / ".join(str(mean) for mean in [*steps.values()][1:]),
        "Qwen3-VL-8B, trained on answers only": ways["answers_only"]["direct"],
        "the same, on answers and reasoning: direct / reasoned": f"{both['direct']} / {both['reasoned']}",
    }
    assert {name: rows[name] for name in wanted} == {name: [[str(mean), "not run"]] for name, mean in wanted.items()}
    assert steps["none"] == wanted["Cosmos-Reason2-8B"]
    page = (RECIPES / "traffic_anomaly_reasoning" / "README.md").read_text(encoding="utf-8")
    assert [one["score"] for one in tar["leaderboard"] if f"{one['score']:.4f} (" not in page] == []


def test_cotasks_page_names_the_rows_that_do_not_come_out_and_what_they_would_be() -> None:
    page = " ".join((RECIPES / "cotasks_nextqa" / "README.md").read_text(encoding="utf-8").split())
    counts = NEXTQA["counts"]["multiple_choice"]
    groups = {group: sum(counts.get(kind, 0) for kind in kinds) for group, kinds in NEXTQA["groups"].items()}
    told = {}
    for row in NEXTQA["baselines"]:
        mean = sum(row[group] * count for group, count in groups.items()) / sum(groups.values())
        if round(mean, 2) != row["all"]:
            told[f"{mean:.2f} and not {row['all']:.2f}"] = row["model"]
    assert list(told.values()) == ["BlindQA", "EVQA", "people"]
    assert [words for words in told if words not in page] == []
    assert f"mean over questions in {len(NEXTQA['baselines']) - len(told)} of {len(NEXTQA['baselines'])} rows" in page
    assert f"CoTask 1 alone is done rightly in {NEXTQA['cotask_1']} %" in page
