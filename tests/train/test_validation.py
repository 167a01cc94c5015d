"""Validation while training: when it happens, what it decides, and that it changes nothing of what is learnt."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from accelerate import Accelerator

from demitasse.cli import main
from demitasse.errors import ConfigError
from train.config import DataConfig, FramesConfig, ModelConfig, TrainConfig, ValidateConfig
from train.loop.validation import Validation, asked
from train.track import Track

STEPS = 10


@dataclass
class Found:
    """A round's report, made up."""

    figures: dict
    columns: tuple = ("question", "answer")
    cells: list = field(default_factory=lambda: [["Which?", "<b>A</b> | B"]])


class Scripted:
    """Gives the rounds these scores, by step."""

    def __init__(self, scores: dict[int, float | None], figures=("score", "mcq_accuracy", "parse_rate")) -> None:
        self.scores, self.figures, self.rounds = scores, list(figures), []

    def __call__(self, folder, step, stop):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "predictions.jsonl").write_text("{}\n")
        if stop():
            return None
        self.rounds.append(step)
        mean = self.scores.get(step, 0.0)
        return Found({"score": mean, "mcq_accuracy": mean, "parse_rate": 1 - (mean or 0), "items": 4, "unreadable": 1})


def validation_of(folder: Path, evaluate, start=0, stop=lambda: False, **validate) -> Validation:
    config = TrainConfig(output_dir=str(folder), validate=ValidateConfig(**{"files": ["held"], "every": 4} | validate))
    track = Track(config, [], STEPS, start, writes=True)
    return Validation(config, evaluate, track, Accelerator(cpu=True), start, STEPS, stop)


def run(validation: Validation, start: int = 0) -> list[int]:
    """The steps that were taken, as train/sft.py takes them."""
    taken, step = [], start
    if validation.due(start):
        validation.round(start)
    while step < STEPS and not validation.stops:
        step += 1
        taken.append(step)
        if validation.due(step):
            validation.round(step)
    return taken


def rows(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "validation.jsonl").read_text().splitlines()]


def test_there_is_a_round_before_the_first_step_each_so_many_and_after_the_last(tmp_path):
    evaluate = Scripted({})
    run(validation_of(tmp_path, evaluate))
    assert evaluate.rounds == [0, 4, 8, 10]
    assert [row["step"] for row in rows(tmp_path)] == [0, 4, 8, 10]
    assert sorted(path.name for path in (tmp_path / "validation").iterdir()) == [
        "step_000000", "step_000004", "step_000008", "step_000010"
    ]  # fmt: skip


def test_without_files_there_is_no_round_and_nothing_is_written(tmp_path):
    validation = validation_of(tmp_path, None, patience=0)
    assert run(validation) == list(range(1, STEPS + 1))
    assert validation.best is None and not (tmp_path / "validation.jsonl").exists()


def test_a_round_is_told_in_a_line_and_its_samples_are_a_table(tmp_path, capsys):
    validation_of(tmp_path, Scripted({0: 0.5})).round(0)
    said = capsys.readouterr().out
    for word in ("validation at step 0:", "score 0.5000", "parse_rate 0.5000", "1 could not be asked", "best so far"):
        assert word in said
    samples = (tmp_path / "validation" / "step_000000" / "samples.md").read_text()
    assert samples.splitlines()[0] == "| question | answer |"
    assert "<b>" not in samples and "&#60;b&#62;A" in samples


def test_the_best_round_is_the_first_of_the_highest(tmp_path):
    validation = validation_of(tmp_path, Scripted({0: 0.1, 4: 0.6, 8: 0.6, 10: 0.5}))
    seen = []
    for step in (0, 4, 8, 10):
        validation.round(step)
        seen.append((validation.best, validation.is_best(step)))
    assert seen == [(0, False), (4, True), (4, False), (4, False)]  # there is no checkpoint of step 0 to keep
    assert not validation.is_best(5)


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        pytest.param([0.5, 0.4, 0.3, 0.4], 0, id="none_as_good_as_before_training"),
        pytest.param([0.5, 0.5, 0.5, 0.5], 10, id="a_figure_that_stands_still_speaks_for_the_last"),
        pytest.param([0.5, 0.2, 0.5, 0.4], 8, id="as_good_as_before_training"),
        pytest.param([0.5, 0.7, 0.7, 0.4], 4, id="the_first_of_equals_that_are_better"),
    ],
)
def test_the_round_before_training_is_the_best_only_if_no_other_is_as_good(tmp_path, scores, best):
    validation = validation_of(tmp_path, Scripted(dict(zip((0, 4, 8, 10), scores, strict=True))))
    run(validation)
    assert validation.best == best


def test_a_figure_that_stands_still_is_no_better_for_patience(tmp_path):
    assert run(validation_of(tmp_path, Scripted({0: 0.5, 4: 0.5, 8: 0.5}), patience=2))[-1] == 8


def test_another_metric_may_tell_the_best(tmp_path):
    validation = validation_of(tmp_path, Scripted({0: 0.1, 4: 0.6, 8: 0.3}), metric="parse_rate")
    for step in (4, 8):
        validation.round(step)
    assert validation.best == 8


@pytest.mark.parametrize(
    ("patience", "last"), [pytest.param(0, 10, id="none"), pytest.param(1, 8, id="one"), pytest.param(2, 10, id="two")]
)
def test_so_many_rounds_without_a_better_one_end_the_run(tmp_path, patience, last):
    taken = run(validation_of(tmp_path, Scripted({0: 0.1, 4: 0.6, 8: 0.6}), patience=patience))
    assert taken[-1] == last


def test_a_run_that_had_stopped_early_takes_no_step_more(tmp_path):
    scores = {0: 0.5, 4: 0.1, 8: 0.1}
    run(validation_of(tmp_path, Scripted(scores), patience=2))
    again = Scripted(scores)
    assert run(validation_of(tmp_path, again, start=8, patience=2), start=8) == []
    assert again.rounds == []


def test_a_resumed_run_knows_its_rounds_and_does_later_ones_again(tmp_path):
    scores = {0: 0.1, 4: 0.6, 8: 0.9, 10: 0.2}
    run(validation_of(tmp_path, Scripted(scores)))
    again = Scripted(scores | {8: 0.3})
    validation = validation_of(tmp_path, again, start=5)
    assert validation.best == 4
    assert not (tmp_path / "validation" / "step_000008").exists()  # answers of weights that are learnt again
    run(validation, start=5)
    assert again.rounds == [8, 10]
    assert [(row["step"], row["score"]) for row in rows(tmp_path)] == [(0, 0.1), (4, 0.6), (8, 0.3), (10, 0.2)]


def test_a_round_that_was_cut_off_is_finished_where_it_was(tmp_path):
    calls = []
    cut = validation_of(tmp_path, Scripted({}), stop=lambda: calls.append(None) or len(calls) == 2)
    assert cut.round(0) is True
    assert cut.round(4) is False
    assert [row["step"] for row in rows(tmp_path)] == [0]
    resumed = Scripted({})
    validation = validation_of(tmp_path, resumed, start=4)
    assert (tmp_path / "validation" / "step_000004" / "predictions.jsonl").exists()
    assert validation.due(4) and not validation.due(0)
    run(validation, start=4)
    assert resumed.rounds == [4, 8, 10]


def test_a_metric_that_is_no_figure_is_refused_with_what_there_is(tmp_path):
    with pytest.raises(ConfigError, match="validate.metric is 'accuracy'.*score, mcq_accuracy, parse_rate"):
        validation_of(tmp_path, Scripted({}), metric="accuracy")


def test_patience_without_a_figure_to_go_by_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="validate.patience needs a figure.*parse_rate"):
        validation_of(tmp_path, Scripted({}, ["parse_rate"]), patience=2)
    validation = validation_of(tmp_path, Scripted({}, ["parse_rate"]))
    assert validation.best is None and not validation.stops


def test_the_student_is_asked_as_it_is_trained():
    config = TrainConfig(
        output_dir="runs/x",
        model=ModelConfig(system_prompt="Look closely.", positions="qwen"),
        data=DataConfig(response_mode="answer_from_evidence", cotasks="12", cotasks_source="shuffled"),
        frames=FramesConfig(fps=2.0, max_frames=7, min_frames=2, max_pixels=999, video_pixels=5000),
        validate=ValidateConfig(files=["a.json"], items=5, batch_size=3, max_new_tokens=11),
    )
    settings, held_out = asked(config)
    assert settings == {
        "model": Path("runs/x"), "mode": "answer_from_evidence", "fps": 2.0, "max_frames": 7, "min_frames": 2,
        "max_pixels": 999, "min_pixels": None, "video_pixels": 5000, "max_new_tokens": 11,
        "system_prompt": "Look closely.", "positions": "qwen", "dtype": "auto",
    }  # fmt: skip
    assert held_out["files"] == ["a.json"] and held_out["items"] == 5 and held_out["batch_size"] == 3
    assert held_out["cotasks"] == "12" and held_out["cotasks_source"] == "shuffled"


def test_what_is_asked_and_how_are_settings_of_evaluation():
    from evaluate.asking.in_training import HeldOut
    from evaluate.asking.student import StudentSettings

    settings, held_out = asked(TrainConfig(data=DataConfig(response_mode="answer")))
    assert StudentSettings(**settings).mode == "answer" and HeldOut(**held_out).items == 200


def test_evidence_is_no_answer_to_validate():
    with pytest.raises(ConfigError, match="data.response_mode=evidence"):
        asked(TrainConfig(data=DataConfig(response_mode="evidence")))


# ---- in a real run


@pytest.fixture(scope="module")
def held_out(data_folder, tmp_path_factory) -> Path:
    """A third of the questions, as a file of its own."""
    from demitasse.dataset import read, write

    taken = read(data_folder / "mcq.json")
    taken.items, taken.media_root = taken.items[:2], str(data_folder / "videos")
    path: Path = tmp_path_factory.mktemp("held") / "mcq.json"
    write(path, taken)
    return path


@pytest.fixture
def validated(train_it, held_out):
    """Trains with rounds of validation after each second step."""
    more = [f"validate.files=[{held_out}]", "validate.every=2", "validate.max_new_tokens=6"]
    return lambda *overrides: train_it(*more, *overrides)


def test_validation_changes_nothing_of_what_is_learnt(train_it, validated, tmp_path):
    from safetensors.torch import load_file

    def learnt(folder):
        return load_file(folder / "model.safetensors")

    plain = learnt(train_it(f"output_dir={tmp_path}/plain"))
    asked_too = learnt(validated(f"output_dir={tmp_path}/asked"))
    assert all((plain[name] == asked_too[name]).all() for name in plain)
    logs = [[json.loads(line) for line in (tmp_path / one / "log.jsonl").open()] for one in ("plain", "asked")]
    assert [row["loss"] for row in logs[0]] == [row["loss"] for row in logs[1]]
    assert [row["grad_norm"] for row in logs[0]] == [row["grad_norm"] for row in logs[1]]


def test_the_folder_of_a_round_scores_to_the_numbers_of_validation_jsonl(validated, tmp_path, capsys):
    validated()
    for row in rows(tmp_path / "out"):
        folder = tmp_path / "out" / "validation" / f"step_{row['step']:06d}"
        assert main(["score", str(folder), "--json", str(tmp_path / "scores.json")]) == 0
        scored = json.loads((tmp_path / "scores.json").read_text())[str(folder)]
        assert scored["mcq"]["mean"] == row["mcq_accuracy"] and scored["mcq"]["items"] == row["items"]
    assert [row["step"] for row in rows(tmp_path / "out")] == [0, 2, 4]
