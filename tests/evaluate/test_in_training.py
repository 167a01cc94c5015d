"""Asking a student while it learns: the numbers of `demitasse predict` and `score`, and a student left as it was."""

import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from demitasse.cli import main
from demitasse.dataset import Item, TaskFile, read_folder, write
from demitasse.errors import ConfigError, DataError
from demitasse.media.cache import FrameCache
from demitasse.media.sample import SamplingPolicy
from demitasse.student.collate import collate
from demitasse.student.load import Student, load_student
from demitasse.student.sight import Sight, SightSettings
from demitasse.student.tiny import build_model, build_tokenizer, save_tiny
from demitasse.toyworld.render import render
from evaluate.asking.in_training import COLUMNS, Evaluator, HeldOut, chosen, figures_of
from evaluate.asking.student import StudentSettings
from train.loop.loss import SummedLoss

ROOT = Path(__file__).resolve().parents[2]
MCQ = "Which way does it move?\nA. left\nB. right\nC. up\nD. down\nAnswer with a single letter."
BCQ = "Does it move?\nAnswer with Yes or No."
SPAN = "When is the light on?"
OPEN = "What does the shape do?"
# What a student learns to say to each question, and what would have been right for each of the four clips.
SAID = {"mcq": "B", "bcq": "Yes", "temporal_localization": '{"start": "00:01", "end": "00:03"}', "open_qa": "It moves."}
RIGHT = {
    "mcq": ["B", "A", "B", "B"],
    "bcq": ["Yes", "No", "No", "No"],
    "temporal_localization": ['{"start": "00:01", "end": "00:02"}'] * 4,
    "open_qa": ["The red shape moves left."] * 4,
}
ASKED = {"mcq": MCQ, "bcq": BCQ, "temporal_localization": SPAN, "open_qa": OPEN}


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """Four toy clips with an item of each of four tasks, and a student that gives each question one answer."""
    folder = tmp_path_factory.mktemp("world")
    clips = render(folder / "videos", range(4))
    for task, question in ASKED.items():
        items = [Item(question, right, path.name) for path, right in zip(clips, RIGHT[task], strict=True)]
        write(folder / "data" / f"{task}.json", TaskFile(items, task=task, license="x", media_root="../videos"))
    tokenizer = build_tokenizer([*ASKED.values(), *SAID.values()])
    save_tiny(
        build_model("qwen2_5_vl", tokenizer, hidden=32, layers=1, heads=2), tokenizer, folder / "student", side=32
    )
    teach(load_student(folder / "student"), folder / "student")
    return folder


def teach(student: Student, folder: Path) -> None:
    lessons = [student.encoder.example(Item(ASKED[task], said, "none"), None, "answer") for task, said in SAID.items()]
    batch = collate(lessons, student.encoder.vision, student.tokenizer.pad_token_id)
    optimizer = torch.optim.AdamW(student.model.parameters(), lr=1e-2)
    for _ in range(60):
        student.model(**batch, use_cache=False).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    student.model.save_pretrained(folder)


@pytest.fixture
def student(world) -> Student:
    return load_student(world / "student")


def evaluator(world: Path, student: Student, accelerator=None, learner=None, **held_out) -> Evaluator:
    settings = StudentSettings(world / "student", fps=1.0, max_frames=4, max_new_tokens=24)
    sight = Sight(SightSettings(SamplingPolicy(1.0, 4)), FrameCache(world / "cache"), student.encoder.vision)
    given = HeldOut(**{"files": [str(world / "data")], "batch_size": 3, "samples": 6} | held_out)
    return Evaluator(
        student, sight, settings, given, "key", learner or student.model, accelerator or Accelerator(cpu=True)
    )


def go_on() -> bool:
    return False


def replies(folder: Path) -> dict[str, str]:
    rows = map(json.loads, (folder / "predictions.jsonl").read_text().splitlines())
    return {row["item_id"]: row["response"] for row in rows}


def test_a_round_says_what_predict_and_score_say(world, student, tmp_path, capsys):
    report = evaluator(world, student)(tmp_path / "round", 3, go_on)
    words = ["predict", "--data", world / "data", "--model", world / "student", "--out", tmp_path / "own"]
    limits = ["--fps", "1", "--max-frames", "4", "--max-new-tokens", "24", "--cache", world / "cache"]
    assert main([*map(str, words), *map(str, limits)]) == 0
    assert replies(tmp_path / "round") == replies(tmp_path / "own")
    assert main(["score", str(tmp_path / "round"), "--json", str(tmp_path / "scores.json")]) == 0
    scored = json.loads((tmp_path / "scores.json").read_text())[str(tmp_path / "round")]
    assert report.figures["mcq_accuracy"] == scored["mcq"]["mean"] == 0.75
    assert report.figures["bcq_accuracy"] == scored["bcq"]["mean"] == 0.25
    assert report.figures["temporal_iou"] == scored["temporal_localization"]["mean"] == 0.5
    assert report.figures["score"] == pytest.approx((0.75 + 0.25 + 0.5) / 3)
    assert re.search(r"mcq +4 +75", capsys.readouterr().out)


@pytest.mark.parametrize("batch_size", [1, 4, 16])
def test_the_size_of_a_batch_changes_no_answer(world, student, tmp_path, batch_size):
    evaluator(world, student, batch_size=batch_size)(tmp_path / "round", 0, go_on)
    evaluator(world, student, batch_size=2)(tmp_path / "two", 0, go_on)
    assert replies(tmp_path / "round") == replies(tmp_path / "two")


def test_the_student_and_all_random_numbers_are_left_as_they_were(world, student, tmp_path):
    student.model.train()
    student.model.model.visual.eval()  # as a frozen part may be
    modes = [module.training for module in student.model.modules()]
    before = {name: value.clone() for name, value in student.model.state_dict().items()}
    for seed in (torch.manual_seed, random.seed, np.random.seed):
        seed(7)
    undisturbed = float(torch.rand(())), random.random(), np.random.random()
    for seed in (torch.manual_seed, random.seed, np.random.seed):
        seed(7)
    evaluator(world, student)(tmp_path / "round", 0, go_on)
    assert (float(torch.rand(())), random.random(), np.random.random()) == undisturbed
    assert [module.training for module in student.model.modules()] == modes
    assert all(torch.equal(before[name], value) for name, value in student.model.state_dict().items())
    assert all(parameter.grad is None for parameter in student.model.parameters())


def test_a_model_that_is_trained_further_answers_otherwise_without_being_saved(world, student, tmp_path):
    ask = evaluator(world, student, tasks=["mcq"])
    before = ask(tmp_path / "step_0", 0, go_on).figures["mcq_accuracy"]
    example = student.encoder.example(Item(MCQ, "A", "none"), None, "answer")
    batch = collate([example], student.encoder.vision, student.tokenizer.pad_token_id)
    optimizer = torch.optim.AdamW(student.model.parameters(), lr=1e-2)
    student.model.train()
    for _ in range(30):
        student.model(**batch, use_cache=False).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert ask(tmp_path / "step_30", 30, go_on).figures["mcq_accuracy"] == 0.25 != before


@pytest.fixture
def half() -> Iterator[Accelerator]:
    """An accelerator of bfloat16, in a process that has had another one."""
    AcceleratorState._reset_state()
    yield Accelerator(cpu=True, mixed_precision="bf16")
    AcceleratorState._reset_state()


def test_the_student_answers_in_the_precision_that_it_learns_in(world, student, tmp_path, half):
    learner = half.prepare(SummedLoss(student.model))
    ask = evaluator(world, student, accelerator=half, learner=learner)
    made = set()
    hooks = [
        module.register_forward_hook(lambda _, given, out: made.add(out.dtype))
        for name, module in student.model.named_modules()
        if name.endswith(("q_proj", "qkv", "lm_head"))
    ]
    report = ask(tmp_path / "round", 1, go_on)
    assert len(hooks) == 4 and made == {torch.bfloat16}  # flash attention takes nothing wider
    assert {one.dtype for one in student.model.parameters()} == {torch.float32}
    assert not torch.is_autocast_enabled("cpu")
    assert report.figures["mcq_accuracy"] == 0.75


def test_a_video_that_cannot_be_read_is_counted_as_wrong_and_told(world, student, tmp_path):
    for clip in (world / "videos").glob("*.mp4"):
        (tmp_path / "videos").mkdir(exist_ok=True)
        (tmp_path / "videos" / clip.name).write_bytes(clip.read_bytes())
    (tmp_path / "videos" / "00000.mp4").write_bytes(b"no video")
    mcq = read_folder(world / "data")
    moved = next(file for file in mcq if file.task == "mcq")
    moved.media_root = "videos"
    write(tmp_path / "mcq.json", moved)
    figures = evaluator(world, student, files=[str(tmp_path / "mcq.json")])(tmp_path / "round", 0, go_on).figures
    assert figures["unreadable"] == 1 and figures["items"] == 4
    assert figures["mcq_accuracy"] == 0.5  # clip 0 would have been right
    assert figures["parse_rate"] == 0.75


def test_a_round_that_was_left_half_done_is_finished_and_nothing_is_asked_twice(world, student, tmp_path, monkeypatch):
    ask, calls = evaluator(world, student, batch_size=4), []
    assert ask(tmp_path / "round", 5, lambda: len(calls) == 2 or calls.append(None)) is None
    first = replies(tmp_path / "round")
    assert len(first) == 8
    asked = []
    answer = type(ask._answerer).prompts
    monkeypatch.setattr(type(ask._answerer), "prompts", lambda own, items: asked.extend(items) or answer(own, items))
    report = ask(tmp_path / "round", 5, go_on)
    assert len(asked) == 8 and report.figures["items"] == 16
    assert first.items() <= replies(tmp_path / "round").items()
    assert report.figures == evaluator(world, student)(tmp_path / "straight", 5, go_on).figures


def test_answers_of_another_step_are_not_mixed_in(world, student, tmp_path):
    ask = evaluator(world, student, tasks=["bcq"])
    ask(tmp_path / "round", 5, go_on)
    with pytest.raises(ConfigError, match="other settings"):
        ask(tmp_path / "round", 6, go_on)


def test_a_batch_is_padded_on_the_left_only(world, student, tmp_path, monkeypatch):
    seen = []
    generate = student.model.generate
    monkeypatch.setattr(student.model, "generate", lambda **given: seen.append(given) or generate(**given))
    evaluator(world, student, batch_size=16)(tmp_path / "round", 0, go_on)
    masks = [given["attention_mask"] for given in seen]
    assert any((mask == 0).any() for mask in masks)  # unlike lengths lay side by side
    assert all((mask.diff(dim=1) >= 0).all() and (mask[:, -1] == 1).all() for mask in masks)


def test_free_text_needs_a_judge_and_has_no_score(world, student, tmp_path):
    ask = evaluator(world, student, tasks=["open_qa"])
    assert ask.figures == ["parse_rate"]
    assert ask(tmp_path / "round", 0, go_on).figures == {"parse_rate": 1.0, "items": 4, "unreadable": 0}


def test_the_names_told_beforehand_are_those_of_the_figures(world, student, tmp_path):
    ask = evaluator(world, student)
    figures = ask(tmp_path / "round", 0, go_on).figures
    assert set(ask.figures) == set(figures) - {"items", "unreadable"}


def test_samples_are_the_same_items_of_all_tasks_in_each_round(world, student, tmp_path):
    ask = evaluator(world, student, samples=4)
    first, second = (ask(tmp_path / str(step), step, go_on) for step in (0, 1))
    assert first.cells == second.cells
    assert {cells[COLUMNS.index("task")] for cells in first.cells} == set(ASKED)
    row = dict(zip(COLUMNS, next(cells for cells in first.cells if cells[0] == "mcq"), strict=True))
    assert row["question"] == MCQ and row["answer"] == "B" and row["score"] in (0.0, 1.0)


def test_as_many_of_each_task_are_chosen_as_there_can_be_and_the_same_ones_in_any_order(world):
    files = read_folder(world / "data")
    taken = chosen(files, [], 10)
    assert sum(len(file.items) for file in taken) == 10
    assert Counter(len(file.items) for file in taken) == {3: 2, 2: 2}
    for file in files:
        file.items.reverse()
    again = chosen(files[::-1], [], 10)

    def names(files):
        return {(file.task, item.media_id) for file in files for item in file.items}

    assert names(again) == names(taken)
    assert len(names(chosen(files, [], 0))) == 16
    assert names(chosen(files, ["bcq"], 2)) < {("bcq", f"{place:05d}.mp4") for place in range(4)}


@pytest.mark.parametrize(
    ("held_out", "message"),
    [
        pytest.param({"files": ["no/such.json"]}, "no/such.json.*validate.files", id="missing_file"),
        pytest.param({"tasks": ["grounding"]}, "no item of task 'grounding'.*bcq", id="task_without_items"),
    ],
)
def test_a_mistake_is_told_before_anything_is_asked(world, student, held_out, message):
    with pytest.raises(DataError, match=message):
        evaluator(world, student, **held_out)


def test_a_reference_that_cannot_be_scored_is_told_before_anything_is_asked(world, student, tmp_path):
    items = [Item(MCQ, "none of them", "00000.mp4")]
    write(tmp_path / "mcq.json", TaskFile(items, task="mcq", license="x", media_root=str(world / "videos")))
    with pytest.raises(DataError, match="mend that item"):
        evaluator(world, student, files=[str(tmp_path / "mcq.json")])


def test_no_reply_shrinks_a_denominator(make_run, items):
    from evaluate.comparing.arm import load_arm

    folder = make_run("run", lambda item: item.reference if item.video_id != "clips/0.mp4" else None)
    rows = list(load_arm(folder).scores().values())
    figures = figures_of(rows)
    assert figures["items"] == 16 and figures["mcq_accuracy"] == 0.75
    assert figures["parse_rate"] == 0.75


def test_two_processes_with_the_student_in_shards_say_what_one_says(world, student, tmp_path):
    """One video is broken, which only one of the two reads; and once both leave off half way."""
    (world / "broken.mp4").write_bytes(b"no video")
    write(world / "broken.json", TaskFile([Item(BCQ, "No", "broken.mp4")], task="bcq", license="x", media_root="."))
    one = evaluator(world, student, files=[str(world / "data"), str(world / "broken.json")])(tmp_path / "one", 1, go_on)
    script, launcher = "tests/evaluate/two_processes.py", ["-m", "torch.distributed.run", "--standalone"]
    command = [sys.executable, *launcher, "--nproc_per_node", "2", script, str(world), str(tmp_path)]
    sharded = {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2", "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP"}
    environment = os.environ | sharded | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=400)
    assert ran.returncode == 0, ran.stderr[-2000:]
    told = [json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in range(2)]
    assert told[0] == told[1] == {"cut": True, "figures": one.figures, "sharded": True}
    assert one.figures["items"] == 17 and one.figures["unreadable"] == 1
    assert replies(tmp_path / "whole") == replies(tmp_path / "one")
    assert 0 < len(replies(tmp_path / "cut")) < 17
