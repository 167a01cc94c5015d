"""A run as TAR's evaluator takes it: the table, the references, and what our scorer makes of both."""

import csv
import io
import json
from dataclasses import replace

import pytest

from demitasse.cli import main
from demitasse.dataset import Item, TaskFile, read, validate, write
from demitasse.dataset.item_id import id_of
from evaluate.official import tar
from evaluate.records import Asked, Prediction, write_rows

MCQ = "What happens?\n\nA) a man waits\n\nB) rain falls\n\nChoose the correct option by letter only."
SPAN = '```json\n{\n  "start": "00:03",\n  "end": "00:07"\n}\n```'
ITEMS = {
    "mcq": [Item(MCQ, "B) rain falls", video_id="a/1.mp4", item_index="feed000000000001", reasoning="So.")],
    "bcq": [Item("Does it rain?", "Yes", video_id="a/1.mp4"), Item("Does it snow?", "No", video_id="a/2.mp4")],
    "temporal_localization": [Item("When?", SPAN, video_id="a/2.mp4")],
    "open_qa": [Item("Why?", "It is wet.", video_id="a/2.mp4")],
}


@pytest.fixture
def data(tmp_path):
    """A folder of task files, one item of which has an index, whose media lie in a folder beside it."""
    (tmp_path / "videos/a").mkdir(parents=True)
    for name in ("1", "2"):
        (tmp_path / f"videos/a/{name}.mp4").write_bytes(b"")
    folder = tmp_path / "eval"
    folder.mkdir()
    for task, items in ITEMS.items():
        write(folder / f"{task}.json", TaskFile(items, task, "CC-BY-4.0", media_root="../videos"))
    return folder


@pytest.fixture
def run(tmp_path):
    """A run of these items that replies what `reply` says; None is no reply."""

    def make(reply=lambda item: item.answer, folder="run"):
        asked = [
            (Asked(id_of(item, task), task, item.media_id, item.question, item.answer), item)
            for task, items in ITEMS.items()
            for item in items
        ]
        said = [Prediction(row, text, "stop").to_json() for row, item in asked if (text := reply(item)) is not None]
        write_rows(tmp_path / folder / "items.jsonl", [row.to_json() for row, _ in asked])
        write_rows(tmp_path / folder / "predictions.jsonl", said)
        return tmp_path / folder

    return make


def convert(run, data, out):
    """The exit code, and the table's cells by index."""
    code = main(["results", str(run), "--to", "tar", "--data", str(data), "--out", str(out)])
    rows = list(csv.DictReader(io.StringIO((out / "submission.csv").read_text()))) if out.is_dir() else []
    return code, {row["item_index"]: row["prediction"] for row in rows}


def test_what_is_right_is_right_by_the_script_and_by_ours(data, run, tmp_path):
    code, cells = convert(run(), data, tmp_path / "out")
    report = tar.score([tmp_path / "out/references.json"], [tmp_path / "out/submission.csv"])
    closed = ("bcq_accuracy", "mcq_accuracy", "temporal_localization_miou")
    assert (code, len(cells)) == (0, 5)
    assert [(report.figure(name).official, report.figure(name).ours) for name in closed] == [(100.0, 100.0)] * 3
    assert report.figure("open_qa_bertscore_f1").ours is None, "without BERTScore it is not measured"


def test_an_item_keeps_its_index_and_one_without_is_called_by_its_id(data, run, tmp_path):
    _, cells = convert(run(), data, tmp_path / "out")
    first = ITEMS["bcq"][0]
    assert {"feed000000000001", id_of(first, "bcq")} <= cells.keys()
    references = json.loads((tmp_path / "out/references.json").read_text())["items"]
    assert {item["item_index"] for item in references} == cells.keys()
    assert {item["task_type"] for item in references} == ITEMS.keys()


def test_references_are_a_dataset_whose_media_are_found(data, run, tmp_path):
    convert(run(), data, tmp_path / "out")
    file = read(tmp_path / "out/references.json")
    assert file.license == "CC-BY-4.0"
    assert all(file.media_path(item).is_file() for item in file.items)
    assert validate(tmp_path / "out") == []


def test_reasoning_is_no_part_of_the_prediction(data, run, tmp_path):
    said = run(lambda item: f"<think>\nA man? No, rain.\n</think>\n\n{item.answer}")
    _, cells = convert(said, data, tmp_path / "out")
    assert cells["feed000000000001"] == "B) rain falls"


@pytest.mark.parametrize(
    ("reply", "cell"),
    [
        pytest.param("None", "None ", id="a_word_that_pandas_takes_for_nothing_is_kept"),
        pytest.param('=HYPERLINK("x")', '\'=HYPERLINK("x")', id="a_formula_is_none"),
        pytest.param("one\ntwo", "one\ntwo", id="lines_stay_in_one_cell"),
        pytest.param("", "", id="an_empty_reply_stays_empty"),
        pytest.param("<think>cut short", "", id="reasoning_that_never_ended_is_no_answer"),
    ],
)
def test_a_cell_holds(data, run, tmp_path, reply, cell):
    _, cells = convert(run(lambda item: reply), data, tmp_path / "out")
    assert cells["feed000000000001"] == cell


def test_an_item_without_a_reply_has_an_empty_cell_and_is_told(data, run, tmp_path, capsys):
    code, cells = convert(run(lambda item: None if item.item_index else "Yes"), data, tmp_path / "out")
    assert (code, cells["feed000000000001"]) == (3, "")
    said = capsys.readouterr().out
    assert "without a reply, and empty in the table: feed000000000001" in said
    assert "1 predictions are empty, and TAR's evaluator stops at an empty one" in said


def test_where_answers_are_hidden_there_is_a_table_and_no_reference(data, run, tmp_path):
    for task, items in ITEMS.items():
        hidden = [replace(item, answer="") for item in items]
        write(data / f"{task}.json", TaskFile(hidden, task, "", media_root="../videos"))
    code, cells = convert(run(), data, tmp_path / "out")
    assert (code, len(cells)) == (0, 5)
    assert not (tmp_path / "out/references.json").exists()


def test_predictions_of_another_dataset_are_refused(data, run, tmp_path, capsys):
    other = tmp_path / "other.json"
    write(other, TaskFile([Item("Else?", "Yes", video_id="a/1.mp4")], "bcq", media_root="videos"))
    code, _ = convert(run(), other, tmp_path / "out")
    assert code == 2 and not (tmp_path / "out").exists()
    assert "name the dataset that was asked" in capsys.readouterr().err


def test_an_index_that_is_there_twice_is_refused(data, run, tmp_path, capsys):
    twin = Item("Does it hail?", "No", video_id="a/1.mp4", item_index="feed000000000001")
    write(data / "bcq.json", TaskFile([twin, *ITEMS["bcq"]], "bcq", media_root="../videos"))
    assert convert(run(), data, tmp_path / "out")[0] == 2
    assert "item_index feed000000000001 is there twice" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param(["R", "--to", "tar"], "--to tar and --data need one another", id="no_dataset"),
        pytest.param(["R", "S", "--to", "tar", "--data", "d"], "--to tar takes one run", id="two_runs"),
        pytest.param(["R", "--to", "tar", "--data", "d", "--skip-gold-faults"], "carry scores", id="no_scores"),
    ],
)
def test_wrong_arguments_end_with_a_sentence(words, sentence, capsys):
    assert main(["results", *words, "--out", "out"]) == 2
    said = capsys.readouterr().err
    assert sentence in said and said.count("\n") == 1


def test_the_run_itself_is_scored_against_its_references(run, data, tmp_path, capsys):
    """Items that have no index of their own are called by their ids in the run, in the references too."""
    convert(run(), data, tmp_path / "tar")
    words = ["--references", str(tmp_path / "tar/references.json"), "--predictions", str(tmp_path / "run")]
    assert main(["score", "--profile", "tar", *words]) == 0
    assert "5 questions of 2 videos, 5 answered\n" in capsys.readouterr().out


@pytest.mark.parametrize("named", ["eval", "eval/bcq.json"])
def test_the_dataset_stays_a_dataset(run, data, tmp_path, capsys, named):
    words = ["results", str(run()), "--to", "tar", "--data", str(tmp_path / named), "--out", str(data)]
    assert main(words) == 2
    assert "holds the dataset of --data" in capsys.readouterr().err
    assert {path.stem for path in data.iterdir()} == set(ITEMS)
