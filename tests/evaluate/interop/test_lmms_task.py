"""The task folder for lmms-eval; benchmarks of the real package are docs/interop.md's."""

import json
import subprocess
import sys
from collections import Counter

import pytest
import yaml

from demitasse.cli import main
from demitasse.dataset import Item, TaskFile, write
from demitasse.stages import CHECKOUT
from evaluate.asking.predict import predict
from evaluate.records import read_items

QUESTION = "Which way?\nA. left\nB. right\nC. 2020-01-01"
SPAN = '{"start": "00:01", "end": "00:03"}'
TASKS = {
    "mcq": (QUESTION, "B) right"),
    "temporal_localization": ("When is it on?", SPAN),
    "open_qa": ("What happens?", "It moves."),
}


@pytest.fixture
def dataset(tmp_path):
    """Two videos, each with an item of three tasks, and a picture."""
    for name in ("0.mp4", "1.mp4", "0.png"):
        (tmp_path / "media").mkdir(exist_ok=True)
        (tmp_path / "media" / name).write_bytes(name.encode())
    for task, (question, answer) in TASKS.items():
        items = [Item(question, answer, video_id=f"{n}.mp4", extra={"n": [n, {"a": None}, "x"][n:]}) for n in (1, 0)]
        write(tmp_path / "data" / f"{task}.json", TaskFile(items, task=task, license="x", media_root="../media"))
    picture = [Item("Is it red?", "No", image_id="0.png")]
    write(tmp_path / "data" / "bcq.json", TaskFile(picture, task="bcq", license="x", media_root="../media"))
    return tmp_path / "data"


class Loader(yaml.SafeLoader):
    """lmms-eval's reading of `!function`."""


Loader.add_constructor("!function", lambda loader, node: ("function", loader.construct_scalar(node)))


def export(dataset, tmp_path, *more):
    out = tmp_path / "tasks"
    code = main(["results", str(dataset), "--to", "lmms-task", "--out", str(out), *more])
    return code, out


def config(out, task):
    return yaml.load((out / f"demitasse_{task}.yaml").read_text(), Loader)


def in_lmms(out, code):
    """Run code as lmms-eval's process would: without our packages, and with another's `evaluate` in it."""
    start = (
        "import sys, types, json; sys.modules['evaluate'] = types.ModuleType('evaluate')\n"
        "import importlib.util as u\n"
        "spec = u.spec_from_file_location('utils', sys.argv[1] + '/utils.py')\n"
        "utils = u.module_from_spec(spec); spec.loader.exec_module(utils)\n"
        "docs = lambda t: [json.loads(l) for l in open(f'{sys.argv[1]}/demitasse_{t}.jsonl', encoding='utf-8')]\n"
    )
    command = [sys.executable, "-I", "-S", "-c", start + code, str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=out)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_replies_are_not_cut_at_an_empty_line(dataset, tmp_path):
    code, out = export(dataset, tmp_path)
    assert code == 0
    generation = config(out, "mcq")["generation_kwargs"]
    assert generation == {"max_new_tokens": 512, "temperature": 0, "do_sample": False, "until": []}


def test_errors_are_clustered_by_video_and_reasoning_is_taken_off(dataset, tmp_path):
    own = config(export(dataset, tmp_path)[1], "temporal_localization")
    assert (own["cluster_key"], own["score_key"]) == ("video_id", "score")
    assert own["reasoning_tags"] == [["<think>", "</think>"]]
    assert [metric["metric"] for metric in own["metric_list"]] == ["temporal_iou", "score"]
    assert own["process_results"] == ("function", "utils.process_results")


def test_free_text_is_only_counted_as_answered(dataset, tmp_path):
    own = config(export(dataset, tmp_path)[1], "open_qa")
    assert [metric["metric"] for metric in own["metric_list"]] == ["answered"]


def test_every_column_is_text_so_that_none_gets_a_type(dataset, tmp_path):
    _, out = export(dataset, tmp_path)
    rows = [json.loads(line) for line in (out / "demitasse_mcq.jsonl").read_text().splitlines()]
    assert [set(map(type, row.values())) for row in rows] == [{str}, {str}]


def test_documents_stand_in_one_order_however_the_file_has_them(dataset, tmp_path):
    _, out = export(dataset, tmp_path)
    rows = [json.loads(line) for line in (out / "demitasse_mcq.jsonl").read_text().splitlines()]
    assert [json.loads(row["item"])["asked"]["video_id"] for row in rows] == ["0.mp4", "1.mp4"]


def test_the_ids_are_those_of_predict(dataset, tmp_path):
    from demitasse.dataset import read_folder

    class Mute:
        def answer(self, items):
            raise AssertionError("nobody is to be asked")

    _, out = export(dataset, tmp_path)
    exported = {json.loads(line)["item_id"] for path in out.glob("*.jsonl") for line in path.read_text().splitlines()}
    with pytest.raises(AssertionError):
        predict(Mute, read_folder(dataset), tmp_path / "run", "x", {})
    assert exported == set(read_items(tmp_path / "run" / "items.jsonl"))


def test_what_is_asked_is_the_medium_and_then_the_question(dataset, tmp_path):
    _, out = export(dataset, tmp_path)
    messages = in_lmms(out, "print(json.dumps([utils.doc_to_messages(docs(t)[0]) for t in ('mcq', 'bcq')]))")
    video = {"type": "video", "url": str(tmp_path / "media" / "0.mp4")}
    assert messages[0] == [{"role": "user", "content": [video, {"type": "text", "text": QUESTION}]}]
    assert messages[1][0]["content"][0]["type"] == "image"


def test_mode_and_system_prompt_are_those_that_predict_knows(dataset, tmp_path):
    from demitasse.student.modes import EXPLAIN

    _, out = export(dataset, tmp_path, "--mode", "explain", "--system-prompt", "Be brief.", "--max-new-tokens", "64")
    said = in_lmms(out, "d = docs('mcq')[0]; print(json.dumps([utils.doc_to_messages(d), utils.doc_to_text(d)]))")
    assert said[0][0] == {"role": "system", "content": [{"type": "text", "text": "Be brief."}]}
    assert said[1] == f"{QUESTION}\n{EXPLAIN}"
    assert config(out, "mcq")["generation_kwargs"]["max_new_tokens"] == 64


def test_replies_are_scored_by_our_scorer_in_a_process_without_our_packages(dataset, tmp_path):
    _, out = export(dataset, tmp_path)
    replies = [
        "B",
        "The answer is C",
        "<think>B",
        "A or B",
        "[LMMS_EVAL_REQUEST_FAILED after 5 retries] x",
        "\ud800 B\n\n",
    ]
    code = f"print(json.dumps([utils.process_results(docs('mcq')[0], [r]) for r in {replies!r}]))"
    rows = in_lmms(out, code)
    assert [row["score"] for row in rows] == [1, 0, 0, 0, 0, 1]
    faults = [row["mcq_accuracy"]["fault"] for row in rows]
    assert faults == [None, None, "truncated", "unparsable", "error", None]
    assert Counter(row["mcq_accuracy"]["video_id"] for row in rows) == {"0.mp4": 6}


def test_an_iou_comes_back_as_a_number(dataset, tmp_path):
    _, out = export(dataset, tmp_path)
    code = "print(json.dumps(utils.process_results(docs('temporal_localization')[0], ['from 1 to 2 seconds'])))"
    assert in_lmms(out, code)["score"] == 0.5


def test_an_answer_that_only_a_judge_can_score_has_no_score_to_compare(dataset, tmp_path):
    _, out = export(dataset, tmp_path)
    code = "print(json.dumps([utils.process_results(docs('open_qa')[0], [r]) for r in ('It moves', '')]))"
    rows = in_lmms(out, code)
    assert [set(row) for row in rows] == [{"answered"}] * 2
    assert [row["answered"]["score"] for row in rows] == [1, 0]


def test_threads_get_each_its_own_answer(dataset, tmp_path):
    _, out = export(dataset, tmp_path)
    code = (
        "from concurrent.futures import ThreadPoolExecutor as Pool\n"
        "replies = ['B' if n % 3 else 'A' for n in range(90)]\n"
        "doc = docs('mcq')[0]\n"
        "with Pool(8) as pool: rows = list(pool.map(lambda r: utils.process_results(doc, [r]), replies))\n"
        "print(json.dumps([[r, row['mcq_accuracy']['pred_answer']] for r, row in zip(replies, rows)]))"
    )
    assert all(said == read for said, read in in_lmms(out, code))


def test_the_mean_is_over_scores_bare_or_in_dictionaries(dataset, tmp_path):
    _, out = export(dataset, tmp_path)
    assert in_lmms(out, "print(json.dumps([utils.mean([1, 0.5]), utils.mean([{'score': 1}, {'score': 0}])]))") == [
        0.75,
        0.5,
    ]


def test_a_scorer_that_is_not_there_any_more_is_named(dataset, tmp_path):
    _, out = export(dataset, tmp_path)
    told = json.loads((out / "scorer.json").read_text())
    assert told == {"python": sys.executable, "checkout": str(CHECKOUT)}
    (out / "scorer.json").write_text(json.dumps(told | {"python": "/no/python"}))
    code = (
        "try: utils.process_results(docs('mcq')[0], ['B'])\nexcept RuntimeError as fault: print(json.dumps(str(fault)))"
    )
    said = in_lmms(out, code)
    assert "scorer.json" in said and "'/no/python' is not Demitasse's Python any more" in said


def test_a_medium_that_is_not_there_is_named_before_anything_is_written(dataset, tmp_path, capsys):
    (tmp_path / "media" / "1.mp4").unlink()
    code, out = export(dataset, tmp_path)
    assert code == 2 and not out.exists()
    assert "1.mp4 is not there, of 3 media that are not" in capsys.readouterr().err


def test_a_reference_at_fault_is_refused_or_left_out_and_said(dataset, tmp_path, capsys):
    bad = [Item("Which?\nA. x\nB. y", "Z", video_id="0.mp4"), Item("Which?\nA. x\nB. y", "A", video_id="1.mp4")]
    write(dataset / "mcq.json", TaskFile(bad, task="mcq", license="x", media_root="../media"))
    assert export(dataset, tmp_path)[0] == 2
    assert "names none of the options" in capsys.readouterr().err
    code, out = export(dataset, tmp_path, "--skip-gold-faults")
    assert code == 3 and "left out: " in capsys.readouterr().out
    assert len((out / "demitasse_mcq.jsonl").read_text().splitlines()) == 1


def test_a_folder_with_something_in_it_is_not_written_into(dataset, tmp_path, capsys):
    export(dataset, tmp_path)
    assert export(dataset, tmp_path)[0] == 2
    assert "is not empty" in capsys.readouterr().err
