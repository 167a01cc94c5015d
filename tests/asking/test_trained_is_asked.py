"""What is trained is what is asked: the same token ids up to the target, in every way, on both sides' own paths."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from demitasse.cli import main
from demitasse.media.cache import FrameCache
from demitasse.media.sample import SamplingPolicy
from demitasse.student import generate, two_stage
from demitasse.student.encode import IGNORE, Encoded
from demitasse.student.load import load_student
from demitasse.student.sight import Sight, SightSettings
from train.config import DataConfig
from train.data.examples import Examples
from train.data.lessons import read_lessons

FPS, FRAMES = 1.0, 4


def trained(world, family: str, **settings) -> tuple[list[tuple[int, ...]], list[str]]:
    """The prompts and the targets of training with these settings under `data`."""
    encoder = load_student(world.students[family], device="cpu").encoder
    sight = Sight(SightSettings(SamplingPolicy(FPS, FRAMES)), FrameCache(world.folder / "cache"), encoder.vision)
    lessons = Examples(read_lessons(DataConfig([str(world.data)], **settings)), encoder, sight)
    examples = [lessons[place].encoded for place in range(len(lessons))]
    targets = [encoder.tokenizer.decode(one.labels[one.labels != IGNORE]) for one in examples]
    return [tuple(one.input_ids[one.labels == IGNORE].tolist()) for one in examples], targets


@pytest.fixture
def asked(world, family, tmp_path, monkeypatch) -> Iterator:
    """The prompts that `demitasse predict` puts, as it is called; nothing but the answering is left out."""

    def ask(*more: object, out: str = "out") -> list[tuple[int, ...]]:
        seen: list[Encoded] = []

        def note(student, prompts, *how, **more):
            seen.extend(prompts)
            return [generate.Generated("A", "stop", 1) for _ in prompts]

        monkeypatch.setattr(generate, "generate", note)
        words = ["predict", "--data", world.data, "--model", world.students[family], "--out", tmp_path / out]
        limits = ["--fps", FPS, "--max-frames", FRAMES, "--cache", world.folder / "cache", "--device", "cpu"]
        assert main([str(word) for word in (*words, *limits, *more)]) == 0
        return [tuple(one.input_ids.tolist()) for one in seen]

    return ask


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param({"response_mode": "answer"}, ["--mode", "answer"], id="answer"),
        pytest.param({"response_mode": "think"}, ["--mode", "think"], id="think"),
        pytest.param({"response_mode": "evidence"}, ["--mode", "evidence"], id="evidence"),
        pytest.param(
            {"response_mode": "answer_from_evidence"}, ["--mode", "answer_from_evidence"], id="answer_from_evidence"
        ),
    ],
)
def test_each_way_is_asked_in_the_words_that_it_was_trained_in(world, family, asked, settings, words):
    prompts, _ = trained(world, family, tasks=["mcq"], **settings)
    assert len(set(prompts)) == 4
    assert sorted(prompts) == sorted(asked("--tasks", "mcq", *words))


def test_explain_or_answer_is_learnt_both_ways_and_asked_in_either(world, family, asked):
    prompts, targets = trained(world, family, tasks=["mcq"], response_mode="explain_or_answer")
    assert len(set(prompts)) == 8
    either = asked("--tasks", "mcq", "--mode", "answer", out="a") + asked(
        "--tasks", "mcq", "--mode", "explain", out="e"
    )
    assert sorted(prompts) == sorted(either)
    assert sum(target.startswith("<think>") for target in targets) == 4


@pytest.mark.parametrize("source", ["oracle", "shuffled"])
@pytest.mark.parametrize("stages", ["1234", "12", "34", "1"])
def test_cotasks_before_a_question_are_those_of_training(world, family, asked, stages, source):
    prompts, _ = trained(world, family, response_mode="answer", cotasks=stages, cotasks_source=source)
    assert len(prompts) == 20
    assert sorted(prompts) == sorted(asked("--cotasks", stages, "--cotasks-source", source))


def test_evidence_that_a_student_wrote_is_trained_on_as_it_is_answered_from(world, family, asked, tmp_path):
    asked("--tasks", "mcq", "--mode", "evidence", out="evidence")
    written = tmp_path / "evidence"
    told = {"response_mode": "answer_from_evidence", "evidence_from": [str(written)], "tasks": ["mcq"]}
    prompts, targets = trained(world, family, evidence_source="generated", **told)
    words = ["--tasks", "mcq", "--mode", "answer_from_evidence", "--evidence-from", written]
    assert sorted(prompts) == sorted(asked(*words, out="answer"))
    both, _ = trained(world, family, evidence_source="mixed", **told)
    truth, _ = trained(world, family, response_mode="answer_from_evidence", tasks=["mcq"])
    assert sorted(both) == sorted([*prompts, *truth])
    assert {target.removesuffix("<|im_end|>") for target in targets} == set("ABCD")


def test_two_stages_are_asked_in_the_words_of_the_two_trainings(world, family, tmp_path, monkeypatch):
    """The second stage of two is trained on evidence as a student wrote it: here the very evidence of this run."""
    seen: list[list[Encoded]] = []
    write = two_stage._write
    monkeypatch.setattr(two_stage, "_write", lambda student, read, prompts, most: seen.append(prompts) or write(
        student, read, prompts, most
    ))  # fmt: skip
    words = ["--data", world.data, "--model", world.students[family], "--device", "cpu", "--tasks", "mcq"]
    limits = ["--fps", FPS, "--max-frames", FRAMES, "--cache", world.folder / "cache", "--max-new-tokens", 12]
    for mode in ("evidence", "two_stage"):
        assert main([str(word) for word in ("predict", *words, *limits, "--mode", mode, "--out", tmp_path / mode)]) == 0
    first, second = (sorted(tuple(one.input_ids.tolist()) for one in prompts) for prompts in seen)
    assert first == sorted(trained(world, family, tasks=["mcq"], response_mode="evidence")[0])
    told = {"evidence_source": "generated", "evidence_from": [str(tmp_path / "evidence")]}
    assert second == sorted(trained(world, family, tasks=["mcq"], response_mode="answer_from_evidence", **told)[0])


def test_predicted_cotasks_are_trained_on_as_they_are_asked_with(world, family, asked, tmp_path):
    asked("--tasks", "cotask_frames", "cotask_entities", "cotask_spatial", "cotask_temporal", out="said")
    run = str(tmp_path / "said")
    prompts, _ = trained(
        world, family, response_mode="answer", cotasks="1234", cotasks_source="predicted", cotasks_from=[run]
    )
    words = ["--cotasks", "1234", "--cotasks-source", "predicted", "--cotasks-from", run]
    assert sorted(prompts) == sorted(asked(*words, out="asked"))


def test_the_evidence_to_be_written_has_the_familys_own_boxes(world, family):
    _, targets = trained(world, family, tasks=["mcq"], response_mode="evidence")
    (written,) = set(targets)
    boxes = {"qwen2_5_vl": "[6, 13, 32, 38]", "qwen3_vl": "[100, 200, 500, 600]"}
    assert (
        written
        == f"The <obj>red square</obj><box>{boxes[family]}</box>at<t>3.25</t>s crosses the frame to the left.<|im_end|>"
    )


def test_text_alone_is_trained_and_asked_alike(world, family, asked):
    """An item that shows nothing, and the control that shows nothing of any item, are one prompt."""
    encoder = load_student(world.students[family], device="cpu").encoder
    items = [lesson.item for lesson in read_lessons(DataConfig([str(world.data)], tasks=["mcq"]))]
    expected = [tuple(encoder.prompt(item, None).input_ids.tolist()) for item in items]
    assert sorted(expected) == sorted(asked("--tasks", "mcq", "--frames", "none"))


def test_the_prompt_is_the_same_in_every_folder(world, family, asked, tmp_path):
    assert asked("--cotasks", "12", out="one") == asked("--cotasks", "12", out="two")
    assert Path(tmp_path / "one").is_dir()
