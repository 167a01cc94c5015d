"""TAO's step 4 and ours make the same items of the same texts, and where they do not it is meant.

step4_items.json holds what nvidia-tao-ds 7.3.0 made of texts written for this project (benchmarks/step4_parity.py).
"""

import json
from pathlib import Path

import pytest
import yaml

from annotate.task_files import Envelope
from annotate.video_reasoning.assemble import assemble
from demitasse.dataset import read

HERE = Path(__file__).parent
CASES = yaml.safe_load((HERE / "step4_cases.yaml").read_text(encoding="utf-8"))
DIFFERENCES = yaml.safe_load((HERE / "step4_differences.yaml").read_text(encoding="utf-8"))
ORIGINAL = json.loads((HERE / "step4_items.json").read_text(encoding="utf-8"))


def named(cases):
    return [pytest.param(case, id=case["name"]) for case in cases]


def made(case, folder):
    """Our items of a case, sorted as the recorded ones are, and the complaints."""
    row = {"video": case["name"], "video_length": 12.0, "qa_output": case["text"], "prompt_key": case["key"]}
    complaints = [why for _, why in assemble([row], folder, Envelope("media")).unusable]
    items = [
        [path.stem, item.question, item.answer, item.reasoning]
        for path in folder.glob("*.json")
        for item in read(path).items
    ]
    return sorted(items), complaints


@pytest.mark.parametrize("case", named(CASES))
def test_the_same_text_makes_the_same_items_as_the_original(case, tmp_path):
    assert made(case, tmp_path) == (ORIGINAL[case["name"]], [])
    assert ORIGINAL[case["name"]], "the original makes something of it"


@pytest.mark.parametrize("case", named(DIFFERENCES))
def test_what_differs_from_the_original_is_meant_to(case, tmp_path):
    items, complaints = made(case, tmp_path)
    assert items != ORIGINAL[case["name"]]
    if "refused" in case:
        assert not items and case["refused"] in complaints[0]
    else:
        told = [
            [task, answer, reasoning][: len(wanted)]
            for wanted, (task, _, answer, reasoning) in zip(case["made"], items, strict=True)
        ]
        assert told == case["made"] and not complaints


def test_the_cases_cover_every_question_type_in_both_modes():
    keys = {case["key"] for case in CASES}
    assert {key.removeprefix("anomaly_").removeprefix("normal_") for key in keys} == {
        "mcq", "bcq", "open_qa", "causal_linkage", "temporal_localization", "temporal_event_desc",
        "scene_description", "event_summary",
    }  # fmt: skip
    assert {task for items in ORIGINAL.values() for task, *_ in items} == {
        "mcq", "mcq_openended", "bcq", "bcq_openended", "open_qa", "causal_linkage", "temporal_localization",
        "temporal_description", "scene_description", "video_summarization",
    }  # fmt: skip


def test_every_difference_has_its_reason():
    assert all(case["why"] for case in DIFFERENCES)
