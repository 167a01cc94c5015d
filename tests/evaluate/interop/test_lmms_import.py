"""Samples of lmms-eval back into a run: by id only, and no id is passed over."""

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demitasse.cli import main
from demitasse.dataset import Item, TaskFile, write
from evaluate.comparing.arm import Arm, load_arm
from evaluate.interop.dataset_items import read_dataset
from evaluate.interop.lmms_import import import_samples
from evaluate.interop.lmms_samples import write_samples
from evaluate.records import Fault, Prediction, State

QUESTION = "Which way?\nA. left\nB. right"


@pytest.fixture
def dataset(tmp_path):
    """Four multiple-choice and two yes-or-no items."""
    folder = tmp_path / "data"
    mcq = [Item(QUESTION, "B", video_id=f"{place}.mp4") for place in range(4)]
    write(folder / "mcq.json", TaskFile(mcq, task="mcq", license="x"))
    bcq = [Item("Does it move?", "Yes", video_id=f"{place}.mp4") for place in range(2)]
    write(folder / "bcq.json", TaskFile(bcq, task="bcq", license="x"))
    return folder


def ids(dataset, task="mcq"):
    return [key for key, one in read_dataset([dataset]).items() if one.asked.task == task]


def sample(item_id, **keys):
    """A line as lmms-eval 0.7.3 writes it of a task of ours."""
    record = {"score": 0.0, "video_id": "0.mp4", "item_id": item_id, "state": "scored", "fault": None}
    return {"doc_id": 0, "target": "B", "filtered_resps": "B", "score": 0.0, "mcq_accuracy": record} | keys


def samples(tmp_path, *rows):
    path = tmp_path / "20261122_051510_samples_demitasse_mcq.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def back(dataset, tmp_path, *rows):
    run = tmp_path / "run"
    words = ["--from", "lmms", str(samples(tmp_path, *rows)), "--data", str(dataset), "--out", str(run)]
    return main(["results", *words]), run


def test_replies_are_joined_by_id_whatever_their_order_and_doc_id(dataset, tmp_path):
    keys = ids(dataset)
    rows = [sample(key, filtered_resps=letter, doc_id=9) for key, letter in zip(reversed(keys), "DCBA", strict=True)]
    code, run = back(dataset, tmp_path, *rows)
    assert code == 0
    arm = load_arm(run)
    assert [arm.predictions[key].response for key in keys] == list("ABCD")
    assert [arm.scores()[key].score for key in keys] == [0, 1, 0, 0]  # scored anew, not as the samples say


def test_items_without_a_sample_are_named_and_stay_in_the_denominator(dataset, tmp_path, capsys):
    keys = ids(dataset)
    code, run = back(dataset, tmp_path, sample(keys[0]))
    assert code == 3
    told = capsys.readouterr().out
    assert "1 predictions of 4 items" in told and all(key in told for key in keys[1:])
    faults = [row.fault for row in load_arm(run).scores().values()]
    assert faults.count(Fault.MISSING) == 3


@pytest.mark.parametrize(
    "rows, sentence",
    [
        pytest.param([sample("0" * 16)], "line 1: item_id 0000000000000000: not in the dataset", id="unknown_id"),
        pytest.param([sample("{0}"), sample("{0}")], "line 2: item_id .* is there twice", id="double_id"),
        pytest.param([{"doc_id": 0, "filtered_resps": "B"}], "line 1: no item_id", id="another_tasks_samples"),
        pytest.param([sample("{0}", resps=["A", "B"])], "line 1: 2 replies", id="several_replies"),
        pytest.param([sample("{0}", resps=[])], "line 1: 0 replies", id="no_reply_and_not_said_to_be_missing"),
        pytest.param([sample("{0}", resps=None)], "line 1: no replies", id="reply_that_is_no_text"),
        pytest.param([], "no sample", id="empty_file"),
    ],
)
def test_what_cannot_be_joined_is_refused_with_its_place(dataset, tmp_path, capsys, rows, sentence):
    first = ids(dataset)[0]
    rows = [json.loads(json.dumps(row).replace("{0}", first)) for row in rows]
    code, run = back(dataset, tmp_path, *rows)
    assert code == 2 and not run.exists()
    assert re.search(sentence, capsys.readouterr().err)


@pytest.mark.parametrize(
    "keys, reply",
    [
        pytest.param({"resps": "<think>A\n\nB</think> B"}, "<think>A\n\nB</think> B", id="raw_reply_before_filtered"),
        pytest.param({"resps": ["raw"]}, "raw", id="list_of_one"),
        pytest.param({"resps": [["raw"]]}, "raw", id="list_in_a_list_as_before_0_7"),
        pytest.param({}, "B", id="filtered_where_both_are_the_same"),
        pytest.param({"filtered_resps": "\ud83d\ude00 \u2028"}, "\U0001f600 \u2028", id="any_character"),
    ],
)
def test_the_whole_reply_is_taken(dataset, tmp_path, keys, reply):
    _, run = back(dataset, tmp_path, sample(ids(dataset)[0], **keys))
    assert next(iter(load_arm(run).predictions.values())).response == reply


@pytest.mark.parametrize("marker", ["[LMMS_EVAL_REQUEST_FAILED after 5 retries] 429", "[LMMS_EVAL_BUDGET_EXCEEDED]"])
def test_lmms_evals_own_words_are_no_reply_of_the_student(dataset, tmp_path, marker):
    key = ids(dataset)[0]
    _, run = back(dataset, tmp_path, sample(key, filtered_resps=marker))
    row = load_arm(run).scores()[key]
    assert (row.state, row.fault, row.response) == (State.MODEL_FAULT, Fault.ERROR, "")


def test_no_key_comes_from_the_results_into_the_run(dataset, tmp_path):
    results = {
        "config": {"model": "openai", "model_args": "model=m,api_key=sk-canary,base_url=http://me:sk-canary@x/v1"},
        "model_name": "m",
    }
    (tmp_path / "20261122_051510_results.json").write_text(json.dumps(results))
    _, run = back(dataset, tmp_path, sample(ids(dataset)[0]))
    header = json.loads((run / "run.json").read_text())
    assert header["student"] == "m"
    assert header["settings"]["lmms_eval"]["model_args"] == "model=m,api_key=(hidden),base_url=http://(hidden)@x/v1"
    assert "sk-canary" not in (run / "run.json").read_text()


def test_the_run_says_which_dataset_files_it_is_of_and_that_finish_is_not_known(dataset, tmp_path):
    _, run = back(dataset, tmp_path, sample(ids(dataset)[0]))
    header = json.loads((run / "run.json").read_text())
    assert [Path(one["file"]).name for one in header["data"]] == ["mcq.json"]
    assert "lmms-eval does not keep it" in header["finish"]
    assert header["items"] == 4


def test_media_are_hashed_so_that_gaps_knows_what_was_evaluated(dataset, tmp_path):
    (dataset / "0.mp4").write_bytes(b"video")
    _, run = back(dataset, tmp_path, sample(ids(dataset)[0]))
    assert next(iter(load_arm(run).predictions.values())).media


def test_a_run_is_not_overwritten(dataset, tmp_path, capsys):
    key = ids(dataset)[0]
    back(dataset, tmp_path, sample(key))
    assert back(dataset, tmp_path, sample(key))[0] == 2
    assert "holds a run already" in capsys.readouterr().err


def test_score_and_compare_take_the_run(dataset, tmp_path, capsys):
    _, run = back(dataset, tmp_path, *(sample(key) for key in ids(dataset)))
    assert main(["score", str(run)]) == 0
    assert "100.0%" in capsys.readouterr().out


RECORDED = {  # a line of lmms-eval 0.7.3, `--model openai`
    "doc_id": 0,
    "target": "B",
    "resps": "<think>left?\n\nno</think>\n\nB",
    "filtered_resps": "B",
    "token_counts": [{"input_tokens": 1, "output_tokens": 2, "reasoning_tokens": 0}],
    "doc_hash": "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b",
    "score": 1.0,
    "mcq_accuracy": {
        "score": 1.0,
        "video_id": "00000.mp4",
        "item_id": "9f2fd928fcc3841d",
        "pred_answer": "B",
        "answer": "B",
        "state": "scored",
        "fault": None,
        "reason": "",
    },
    "input": "In which direction does the shape move?\nA. left\nB. right\nC. up\nD. None\nAnswer with a single letter.",
}


def test_a_line_that_lmms_eval_wrote_is_read(tmp_path):
    items = [Item(RECORDED["input"], "B", video_id="00000.mp4")]
    write(tmp_path / "mcq.json", TaskFile(items, task="mcq", license="x"))
    code, run = back(tmp_path / "mcq.json", tmp_path, RECORDED)
    assert code == 0
    (row,) = load_arm(run).scores().values()
    assert (row.asked.item_id, row.score, row.response) == ("9f2fd928fcc3841d", 1.0, RECORDED["resps"])


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
REPLIES = st.one_of(
    st.none(),
    st.tuples(TEXTS, st.sampled_from(["stop", "length"]), TEXTS, TEXTS, TEXTS),
    st.tuples(st.just(""), st.just("error"), TEXTS, TEXTS, TEXTS),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(REPLIES, min_size=3, max_size=3))
def test_there_and_back_every_prediction_is_the_same(replies):
    with TemporaryDirectory() as name:
        folder = Path(name)
        items = [Item(QUESTION, "B", video_id=f"{place}.mp4", extra={"n": place}) for place in range(3)]
        write(folder / "mcq.json", TaskFile(items, task="mcq", license="x"))
        placed = read_dataset([folder / "mcq.json"])
        asked = {key: one.asked for key, one in placed.items()}
        predictions = {
            key: Prediction(one, said[0], said[1], evidence=said[2], prompt=said[3], media=said[4])
            for (key, one), said in zip(asked.items(), replies, strict=True)
            if said is not None
        }
        arm = Arm("mine", folder, asked, predictions)
        paths = write_samples(arm, list(arm.scores().values()), folder)
        done = import_samples(paths[:-1], placed, folder / "run", "")
        read = load_arm(folder / "run")
        assert read.items == asked
        assert read.predictions == predictions
        assert set(done.missing) == set(asked) - set(predictions)
