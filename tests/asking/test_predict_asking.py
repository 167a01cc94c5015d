"""`demitasse predict` with CoTasks, evidence and chosen frames: paired ids, settings that tell, nothing lost unsaid."""

import json

import numpy as np
import pytest

from demitasse.cli import main
from demitasse.dataset import read
from demitasse.dataset.item_id import id_of
from demitasse.selector.choosing import Choice
from demitasse.selector.selections import SELECTIONS, Selection
from evaluate.comparing.arm import load_arm


@pytest.fixture
def predict(world, tmp_path):
    """Run the command on the tiny Qwen2.5-VL student; returns the exit code and the run folder."""

    def run(*more: object, out: str = "out", tasks=("mcq",)):
        words = ["predict", "--data", world.data, "--model", world.students["qwen2_5_vl"], "--out", tmp_path / out]
        limits = ["--max-frames", 4, "--cache", world.folder / "cache", "--max-new-tokens", 6, "--device", "cpu"]
        chosen = ["--tasks", *tasks] if tasks else []
        return main([str(word) for word in (*words, *limits, *chosen, *more)]), tmp_path / out

    return run


def settings(run) -> dict:
    return json.loads((run / "run.json").read_text())["settings"]


def prompts(run) -> dict[str, str]:
    return {key: row.prompt for key, row in load_arm(run).predictions.items()}


ARMS = {
    "none": [],
    "oracle": ["--cotasks", "1234"],
    "some": ["--cotasks", "12"],
    "shuffled": ["--cotasks", "1234", "--cotasks-source", "shuffled"],
    "reshuffled": ["--cotasks", "1234", "--cotasks-source", "shuffled", "--cotasks-seed", 3],
    "noisy": ["--cotasks", "1234", "--cotasks-source", "noisy", "--noise", "t1=0.5", "t4=1"],
    "guarded": ["--cotasks", "1234", "--leak-guard", "mask"],
    "text": ["--cotasks", "1234", "--frames", "none"],
    "explain": ["--mode", "explain"],
}


def test_every_arm_asks_the_same_items_under_settings_of_its_own(predict):
    runs = {name: predict(*words, out=name) for name, words in ARMS.items()}
    assert {code for code, _ in runs.values()} == {0}
    items = {name: (run / "items.jsonl").read_text() for name, (_, run) in runs.items()}
    assert len(set(items.values())) == 1, "arms are compared item by item"
    assert len({json.dumps(settings(run), sort_keys=True) for _, run in runs.values()}) == len(ARMS)
    asked = {name: tuple(prompts(run).values()) for name, (_, run) in runs.items()}
    assert asked["none"] == asked["explain"] == ("",) * 4
    assert asked["oracle"] == asked["text"]
    assert len({asked[name] for name in ("none", "oracle", "some", "shuffled", "reshuffled", "noisy")}) == 6


def test_another_source_needs_another_folder(predict, capsys):
    assert predict("--cotasks", "12")[0] == 0
    assert predict("--cotasks", "1")[0] == 2
    assert "other settings; give another --out" in capsys.readouterr().err


def test_a_chain_of_stages_is_asked_each_with_what_was_said_before(predict, capsys):
    """Teacher-forced and chained evaluation are the same command with another source."""
    _, first = predict(out="stage1", tasks=["cotask_frames"])
    _, second = predict(
        "--cotasks", "1", "--cotasks-source", "predicted", "--cotasks-from", first, out="2", tasks=["cotask_entities"]
    )
    said = {row.asked.extra["cotask"]["question_key"]: row.response for row in load_arm(first).predictions.values()}
    for row in load_arm(second).predictions.values():
        before = said[row.asked.extra["cotask"]["question_key"]]
        assert not before or before in row.prompt
    more = ["--cotasks", "12", "--cotasks-source", "predicted", "--cotasks-from", first, second]
    code, final = predict(*more, out="final")
    assert code == 0
    assert len(settings(final)["cotasks_from"]) == 2
    silent = json.loads((final / "run.json").read_text())["missing"]
    assert capsys.readouterr().out.count("nobody had said it") >= len(silent)


def test_what_was_not_predicted_is_told_and_kept_in_the_header(predict, tmp_path, cotask_item, capsys):
    row = {"item_id": "a", "response": "x", "finish": "stop", "extra": cotask_item(0, 1).extra}
    (tmp_path / "predictions.jsonl").write_text(json.dumps(row))
    code, run = predict("--cotasks", "12", "--cotasks-source", "predicted", "--cotasks-from", tmp_path)
    assert code == 0
    assert json.loads((run / "run.json").read_text())["missing"] == {"cotask_1": 3, "cotask_2": 4}
    out = capsys.readouterr().out
    assert "3 items were asked without cotask_1: nobody had said it" in out
    assert "4 items were asked without cotask_2: nobody had said it" in out


def test_evidence_that_was_never_written_is_told(predict, tmp_path, capsys):
    (tmp_path / "predictions.jsonl").write_text("")
    code, _ = predict("--mode", "answer_from_evidence", "--evidence-from", tmp_path)
    assert code == 0
    assert "4 items were asked without evidence: nobody had said it" in capsys.readouterr().out


def test_new_replies_of_an_earlier_run_need_another_folder(predict, tmp_path, capsys):
    said = tmp_path / "predictions.jsonl"
    said.write_text("")
    assert predict("--mode", "answer_from_evidence", "--evidence-from", tmp_path)[0] == 0
    said.write_text('{"item_id": "a", "response": "b", "finish": "stop"}\n')
    assert predict("--mode", "answer_from_evidence", "--evidence-from", tmp_path)[0] == 2
    assert "other settings" in capsys.readouterr().err


@pytest.fixture
def selected(world, tmp_path):
    """A selection of one frame for each question, or for the first few of them."""

    def write(count: int = 4, time: float = 1.5):
        items = read(world.data / "mcq.json").items[:count]
        rows = [
            Selection(id_of(item, "mcq"), "mcq", item.media_id, sampled=4, times=(time,), choice=Choice((1,)))
            for item in items
        ]
        (tmp_path / SELECTIONS).write_text("\n".join(json.dumps(row.to_json()) for row in rows))
        return tmp_path

    return write


def test_chosen_frames_are_all_that_is_shown_and_the_ids_stay(predict, selected, monkeypatch):
    from demitasse.student import generate

    seen = []
    ask = generate.generate
    monkeypatch.setattr(
        generate, "generate", lambda student, made, *how, **more: seen.extend(made) or ask(student, made, *how, **more)
    )
    _, whole = predict(out="whole")
    code, chosen = predict("--selected", selected(), out="chosen")
    assert code == 0
    assert [one.pixels.grid[0] for one in seen] == [2] * 4 + [1] * 4
    assert all(np.array_equal(*one.pixels.frames.numpy()) for one in seen[4:])
    assert (whole / "items.jsonl").read_text() == (chosen / "items.jsonl").read_text()
    assert settings(chosen)["selected"] != settings(whole)["selected"] == ""


def test_an_item_for_which_no_frames_were_chosen_is_a_counted_row(predict, selected):
    code, run = predict("--selected", selected(count=3))
    rows = load_arm(run).predictions.values()
    assert code == 3
    assert [row.error for row in rows if row.finish == "error"] == [
        "no frames were chosen for this item; the selection's left_out.jsonl may say why"
    ]


def test_text_alone_needs_no_video(predict, world, tmp_path):
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "mcq.json").write_text((world.data / "mcq.json").read_text())
    words = ["predict", "--data", alone, "--model", world.students["qwen3_vl"], "--out", tmp_path / "text"]
    more = ["--frames", "none", "--cotasks", "1234", "--max-new-tokens", 4, "--device", "cpu"]
    assert main([str(word) for word in (*words, *more)]) == 0
    assert len(load_arm(tmp_path / "text").predictions) == 4


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param(["--cotasks", "15"], "name stages by their digits", id="a_stage_that_there_is_not"),
        pytest.param(["--cotasks-source", "shuffled"], "without --cotasks", id="a_source_of_nothing"),
        pytest.param(["--leak-guard", "mask"], "without --cotasks", id="a_guard_of_nothing"),
        pytest.param(["--cotasks", "1", "--noise", "t1=0.5"], "need one another", id="noise_in_the_truth"),
        pytest.param(["--cotasks", "1", "--cotasks-source", "noisy"], "need one another", id="noisy_without_noise"),
        pytest.param(["--cotasks", "1", "--cotasks-source", "predicted"], "need one another", id="predicted_by_nobody"),
        pytest.param(["--cotasks", "1", "--cotasks-from", "x"], "need one another", id="a_run_for_the_truth"),
        pytest.param(["--evidence-from", "x"], "--mode answer_from_evidence", id="evidence_that_nobody_asks_for"),
        pytest.param(
            ["--cotasks", "1", "--cotasks-source", "noisy", "--noise", "t5=0.1"], "t1=0.25", id="noise_of_stage_5"
        ),
        pytest.param(
            ["--cotasks", "1", "--cotasks-source", "noisy", "--noise", "t1=1.5"], "from 0 to 1", id="too_much_noise"
        ),
        pytest.param(
            ["--cotasks", "1", "--cotasks-source", "noisy", "--noise", "t1=0", "t1=1"], "once", id="noise_twice"
        ),
        pytest.param(["--selected", "nowhere"], r"selections.jsonl cannot be read", id="no_selection"),
        pytest.param(
            ["--cotasks", "1", "--cotasks-source", "predicted", "--cotasks-from", "nowhere"],
            "predictions.jsonl is not there",
            id="no_run",
        ),
    ],
)
def test_arguments_that_cannot_be_are_refused_in_one_sentence_and_nothing_is_written(predict, words, sentence, capsys):
    code, run = predict(*words)
    assert code == 2
    error = capsys.readouterr().err.strip()
    assert sentence in error
    assert len(error.splitlines()) == 1
    assert not run.exists()


def test_items_without_cotasks_are_refused_before_a_student_is_loaded(predict, world, tmp_path, capsys):
    file = read(world.data / "mcq.json")
    rows = json.loads(file.path.read_text())
    for row in rows["items"]:
        del row["cotask"]
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "mcq.json").write_text(json.dumps(rows))
    words = ["predict", "--data", plain, "--model", world.students["qwen2_5_vl"], "--out", tmp_path / "out"]
    assert main([str(word) for word in (*words, "--cotasks", "12")]) == 2
    assert "annotate cotasks" in capsys.readouterr().err
    assert not (tmp_path / "out" / "run.json").exists()
