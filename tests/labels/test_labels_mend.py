"""What is odd in a person's label, and what becomes of it: mended where it reads one way only, else left out."""

import json
from pathlib import Path

import pytest

from demitasse.labels.keys import read_keys
from demitasse.labels.mend import LEFT_OUT, mend

KEYS = {
    "lighting": {"kind": "closed", "classes": ["Night (well-lit)", "Daytime (low-contrast)", "N/A"]},
    "violation": {"kind": "boolean"},
    "difficulty": {"kind": "graded", "classes": ["1", "2", "3"]},
    "risk": {"kind": "graded", "classes": ["low", "high"]},
    "actions": {"kind": "multi", "classes": ["Yield to VRUs", "Vehicle following"]},
    "signs": {"kind": "prose"},
    "rules": {"kind": "prose", "optional": True},
}
CLEAN = {
    "lighting": "N/A",
    "violation": False,
    "difficulty": 3,
    "risk": "low",
    "actions": ["Yield to VRUs"],
    "signs": "A stop sign.",
    "rules": None,
}


def test_a_clean_label_stays_as_it_is_in_the_order_of_the_keys():
    done = mend(dict(reversed(CLEAN.items())), KEYS)
    assert done.values == CLEAN
    assert list(done.values) == list(KEYS)
    assert not done.oddities


@pytest.mark.parametrize(
    ("key", "value", "kinds", "became"),
    [
        pytest.param(
            "lighting", "Night (well\u2011lit)", ["dash"], "Night (well-lit)", id="a_hyphen_that_does_not_break"
        ),
        pytest.param(
            "lighting", "night (well-lit).", ["spelling of a class"], "Night (well-lit)", id="case_and_a_full_stop"
        ),
        pytest.param("lighting", "N/A \n", ["space at the edge"], "N/A", id="a_newline_at_the_end_of_a_class"),
        pytest.param("lighting", "n\u2044a", ["unknown class"], LEFT_OUT, id="a_class_that_there_is_not"),
        pytest.param("lighting", ["N/A"], ["wrong type"], LEFT_OUT, id="a_list_for_a_class"),
        pytest.param("lighting", None, ["wrong type"], LEFT_OUT, id="null_is_no_class"),
        pytest.param("violation", "True", ["boolean as text"], True, id="a_truth_as_text"),
        pytest.param("violation", " false.", ["boolean as text"], False, id="an_untruth_with_a_space_and_a_stop"),
        pytest.param("violation", "maybe", ["unknown class"], LEFT_OUT, id="a_word_that_is_no_truth"),
        pytest.param("violation", 1, ["wrong type"], LEFT_OUT, id="one_is_not_true"),
        pytest.param("difficulty", "2", ["number as text"], 2, id="a_grade_as_text"),
        pytest.param("difficulty", 2.0, ["wrong type"], 2, id="a_grade_with_a_point"),
        pytest.param("difficulty", True, ["wrong type"], LEFT_OUT, id="a_truth_is_no_grade"),
        pytest.param("difficulty", 4, ["unknown class"], LEFT_OUT, id="a_grade_off_the_scale"),
        pytest.param("difficulty", 2.5, ["wrong type"], LEFT_OUT, id="half_a_grade_is_not_rounded"),
        pytest.param("risk", "High", ["spelling of a class"], "high", id="a_grade_in_words"),
        pytest.param("actions", None, ["null for an empty list"], [], id="null_is_a_list_of_nothing"),
        pytest.param(
            "actions", "Yield to VRUs", ["one label, no list"], ["Yield to VRUs"], id="one_label_without_a_list"
        ),
        pytest.param(
            "actions",
            ["Vehicle following", "vehicle following"],
            ["spelling of a class", "label given twice"],
            ["Vehicle following"],
            id="one_label_twice",
        ),
        pytest.param(
            "actions",
            ["Yield to VRUs", "Honk"],
            ["unknown class", "unknown class"],
            LEFT_OUT,
            id="a_set_with_an_unknown_label_is_no_smaller_set",
        ),
        pytest.param(
            "signs", "A stop sign.\n", ["space at the edge"], "A stop sign.", id="a_newline_at_the_end_of_prose"
        ),
        pytest.param(
            "signs", "low\u2011speed\u00a0zone", ["dash", "odd space"], "low-speed zone", id="two_oddities_of_one_text"
        ),
        pytest.param(
            "signs",
            "a \u201cstop\u201d\u200b",
            ["curly quote", "odd space"],
            'a "stop"',
            id="quotes_and_a_mark_of_no_width",
        ),
        pytest.param("signs", " ", ["space at the edge", "nothing said"], LEFT_OUT, id="prose_that_says_nothing"),
        pytest.param("signs", None, ["nothing said"], LEFT_OUT, id="null_where_there_must_be_prose"),
        pytest.param("signs", 7, ["wrong type"], LEFT_OUT, id="a_number_for_prose"),
        pytest.param("difficulty", "-2", ["unknown class"], LEFT_OUT, id="a_negative_number_is_not_the_positive_one"),
        pytest.param("rules", "", ["nothing said"], None, id="optional_prose_that_says_nothing_is_null"),
    ],
)
def test_an_odd_value_is_named_and_mended_or_left_out(key, value, kinds, became):
    done = mend(CLEAN | {key: value}, KEYS)
    assert [one.kind for one in done.oddities] == kinds
    assert {one.key for one in done.oddities} == {key}
    assert done.oddities[-1].became == became
    assert done.values.get(key, LEFT_OUT) == became
    assert {name: done.values[name] for name in CLEAN if name != key} == {
        name: value for name, value in CLEAN.items() if name != key
    }


def test_a_key_that_is_not_there_is_missed_and_one_that_nobody_asks_for_is_carried():
    label = {name: value for name, value in CLEAN.items() if name != "risk"} | {"critical_object": [{"box": 1}]}
    done = mend(label, KEYS)
    assert [(one.key, one.kind) for one in done.oddities] == [("risk", "missing key"), ("critical_object", "extra key")]
    assert "risk" not in done.values
    assert done.extra == {"critical_object": [{"box": 1}]}


def test_an_oddity_shows_what_the_eye_does_not_tell_apart():
    [oddity] = mend(CLEAN | {"lighting": "Night (well\u2011lit)"}, KEYS).oddities
    assert str(oddity) == 'lighting: dash, "Night (well\\u2011lit)" became "Night (well-lit)"'
    [lost] = mend(CLEAN | {"difficulty": 9}, KEYS).oddities
    assert str(lost) == "difficulty: unknown class, 9 left out"


def test_mending_what_was_mended_finds_nothing_more():
    odd = CLEAN | {"lighting": "night (well\u2011lit) ", "violation": "TRUE", "actions": None, "rules": "\u00a0"}
    assert not mend(mend(odd, KEYS).values, KEYS).oddities


REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "avha"


@pytest.mark.skipif(not REAL.is_dir(), reason="no real label beside the checkout (../shared/data/avha)")
def test_the_real_label_has_the_three_oddities_and_no_other():
    [path] = REAL.glob("*.label.json")
    recipe = Path(__file__).resolve().parents[2] / "recipes" / "av_captioning" / "keys.yaml"
    done = mend(json.loads(path.read_text(encoding="utf-8")), read_keys(recipe))
    assert [(one.key, one.kind) for one in done.oddities] == [
        ("lighting", "dash"),
        ("traffic_sign", "space at the edge"),
        ("rule_violation", "boolean as text"),
        ("interesting_scenario", "boolean as text"),
    ]
    assert len(done.values) == 15
    assert done.values["lighting"] == "Daytime (low-contrast daylight)"
    assert (done.values["rule_violation"], done.values["interesting_scenario"]) == (False, True)
