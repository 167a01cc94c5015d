"""Every input on which ours and a peer's function differ is told in docs/agreement.md, and ours is still what it was.

Recorded by `python benchmarks/peer_functions.py --record`, which ran lmms-eval 0.7.3 and VLMEvalKit.
"""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
RECORD = json.loads((Path(__file__).parent / "recorded" / "peers.json").read_text())
TOLD = (ROOT / "docs" / "agreement.md").read_text()
DIFFERING = [(name, case) for name, cases in RECORD.items() for case in cases if case["theirs"] != case["ours"]]


@pytest.fixture(scope="module")
def ours():
    spec = importlib.util.spec_from_file_location("peer_functions", ROOT / "benchmarks" / "peer_functions.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.ours()


@pytest.mark.parametrize("name", RECORD)
def test_ours_is_what_was_recorded(ours, name):
    inputs, call = ours[name]
    assert [json.loads(json.dumps(one)) for one in inputs] == [case["input"] for case in RECORD[name]]
    assert [call(case["input"]) for case in RECORD[name]] == [case["ours"] for case in RECORD[name]]


def written(value):
    return (value if isinstance(value, str) else json.dumps(value)).replace("\n", "⏎").replace("|", "\\|")


@pytest.mark.parametrize(
    ("name", "case"), [pytest.param(*pair, id=f"{pair[0]}: {written(pair[1]['input'])}") for pair in DIFFERING]
)
def test_every_difference_is_told(name, case):
    rows = [line for line in TOLD.splitlines() if line.startswith(f"| `{written(case['input'])}` |")]
    assert rows, f"docs/agreement.md does not tell of {case['input']!r} ({name})"


def test_no_difference_is_of_an_answer_that_ours_takes_for_another_than_it_is():
    """Where ours has an answer and a peer another, the reply says ours in so many words."""
    read = {(case["input"], case["ours"]) for name, case in DIFFERING if isinstance(case["ours"], str)}
    assert read == {
        ("b", "B"),
        ("riding a horse", "B"),
        ("Riding a horse.", "B"),
        ("The answer is riding a horse.", "B"),
        ("A. walking a dog\nB. riding a horse\nThe answer is B.", "B"),
        ("The answer is B, not C", "B"),
        ("Between C and D, I choose D.", "D"),
        ("B because A is not visible.", "B"),
        ("<answer>B</answer>", "B"),
        ("A man rides, so B", "B"),
        ("Yes, there is no car.", "yes"),
        ("Not A, but B.", "B"),
        ("It is not A; it is B.", "B"),
        ("B rather than A.", "B"),
        ("The person is riding a horse.", "B"),
        ("\\boxed{riding a horse}", "B"),
        ("<answer>B", "B"),
        ("<B>", "B"),
        ("<|begin_of_box|>B<|end_of_box|>", "B"),
        ('{"answer": "B",}', "B"),
        ("\uff22", "B"),
        ("\u7b54\u6848\u662fB", "B"),
        ("\u7b54\u6848\uff1aB", "B"),
        ("\u9009B\u3002", "B"),
        ("\u662f\u7684\u3002", "yes"),
        ("Yes\u2014it does", "yes"),
    }
