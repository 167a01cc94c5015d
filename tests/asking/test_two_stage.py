"""Two stages in one: the answers of two separate passes, one look at each video, and the beginning read once."""

from pathlib import Path

import pytest
import torch

from demitasse.answers import split_reasoning
from demitasse.cli import main
from demitasse.dataset import Item, read
from demitasse.dataset.shown_frames import with_shown_frames
from demitasse.media.cache import FrameCache
from demitasse.media.sample import SamplingPolicy
from demitasse.student.generate import Answerer
from demitasse.student.load import load_student
from demitasse.student.modes import AskMode, with_generated_evidence
from demitasse.student.sight import Sight, SightSettings
from evaluate.records import read_rows


def answerer(world, family: str, mode: AskMode, most: int = 16, seed: int | None = None) -> Answerer:
    """A student, and with a seed one whose weights are so far from each other that its replies differ."""
    student = load_student(world.students[family], device="cpu")
    if seed is not None:
        torch.manual_seed(seed)
        with torch.no_grad():
            for parameter in student.model.model.language_model.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.05)
    sight = Sight(SightSettings(SamplingPolicy(1.0, 4)), FrameCache(world.folder / "cache"), student.encoder.vision)
    return Answerer(student, sight, most, mode)


def items_of(world) -> list[tuple[Item, Path]]:
    """Whole clips, chosen frames and nothing to be seen, with questions of very unequal length."""
    file = read(world.data / "mcq.json")
    first, second, third, fourth = [(item, file.media_path(item)) for item in file.items]
    longer = Item(second[0].question * 3, "B", second[0].video_id)
    return [
        first,
        (longer, second[1]),
        (with_shown_frames(third[0], [0.5]), third[1]),
        (with_shown_frames(fourth[0], []), fourth[1]),
    ]


@pytest.mark.parametrize("seed", range(2))
def test_the_answers_are_those_of_two_separate_passes(world, family, seed):
    items = items_of(world)
    first = answerer(world, family, "evidence", seed=seed).answer(items)
    told = [
        (with_generated_evidence(item, split_reasoning(said.text).final), path)
        for (item, path), said in zip(items, first, strict=True)
    ]
    second = answerer(world, family, "answer_from_evidence", seed=seed).answer(told)
    both = answerer(world, family, "two_stage", seed=seed).answer(items)
    assert len({said.text for said in first}) > 1, "replies that are all alike would prove little"
    assert [said.evidence for said in both] == [said.text for said in first]
    assert [(said.text, said.finish, said.tokens) for said in both] == [
        (said.text, said.finish, said.tokens) for said in second
    ]


def test_an_answer_that_ends_early_stays_as_it_is_while_others_go_on(world, family):
    items = items_of(world)

    def asked(mode: AskMode) -> Answerer:
        made = answerer(world, family, mode, seed=1)
        ends = [made.student.tokenizer.convert_tokens_to_ids("<|im_end|>"), *range(3, 100)]
        made.student.model.generation_config.eos_token_id = ends  # of what it says, some tokens end it
        return made

    first = asked("evidence").answer(items)
    told = [
        (with_generated_evidence(item, split_reasoning(said.text).final), path)
        for (item, path), said in zip(items, first, strict=True)
    ]
    second = asked("answer_from_evidence").answer(told)
    assert len({said.tokens for said in (*first, *second)}) > 1
    both = asked("two_stage").answer(items)
    assert [said.evidence for said in both] == [said.text for said in first]
    assert [(said.text, said.finish, said.tokens) for said in both] == [
        (said.text, said.finish, said.tokens) for said in second
    ]


def test_a_batch_is_answered_like_each_item_alone(world, family):
    asked, items = answerer(world, family, "two_stage"), items_of(world)
    assert asked.answer(items) == [asked.answer([one])[0] for one in items]


@pytest.mark.parametrize(("mode", "looks"), [("two_stage", 1), ("evidence", 1)])
def test_the_vision_tower_reads_each_video_once(world, family, mode, looks):
    asked, seen = answerer(world, family, mode), []
    asked.student.model.model.visual.register_forward_pre_hook(lambda module, args: seen.append(len(args[0])))
    items = items_of(world)
    asked.answer(items)
    clips = [asked.sight.show(item, path) for item, path in items]
    patches = [t * h * w for t, h, w in (clip.pixels.grid for clip in clips if clip is not None)]
    assert len(seen) == looks
    assert sum(seen) == sum(patches)


def test_the_language_model_reads_what_was_seen_once(world, family):
    """All tokens that it is fed, over both passes: each prompt's beginning once, its two ends, and the replies."""
    asked, fed = answerer(world, family, "two_stage", most=1), []
    asked.student.model.model.language_model.layers[0].register_forward_hook(
        lambda module, args, output: fed.append((output if torch.is_tensor(output) else output[0]).shape[1])
    )
    item = items_of(world)[0]
    (said,) = asked.answer([item])
    encoder, clip = asked.student.encoder, asked.sight.show(*item)
    first = len(encoder.prompt(item[0], clip, "evidence").input_ids)
    second = len(
        encoder.prompt(with_generated_evidence(item[0], said.evidence), clip, "answer_from_evidence").input_ids
    )
    assert fed[0] > clip.pixels.grid[0] * clip.pixels.grid[1] * clip.pixels.grid[2] // 4
    assert sum(fed) == first + second - fed[0]


def test_a_limit_of_tokens_holds_for_each_of_the_two_replies(world, family):
    for said in answerer(world, family, "two_stage", most=3).answer(items_of(world)):
        assert said.tokens <= 3
        assert said.finish in ("stop", "length")


def test_the_evidence_is_kept_raw_beside_the_answer(world, family, tmp_path):
    words = ["--data", world.data / "mcq.json", "--model", world.students[family], "--cache", world.folder / "cache"]
    limits = ["--max-frames", 4, "--max-new-tokens", 8, "--device", "cpu"]
    for mode in ("evidence", "two_stage"):
        out = ["--mode", mode, "--out", tmp_path / mode]
        assert main(["predict", *map(str, (*words, *limits, *out))]) == 0
    evidence, both = (
        {row["item_id"]: row for _, row in read_rows(tmp_path / mode / "predictions.jsonl")}
        for mode in ("evidence", "two_stage")
    )
    assert len(both) == 4
    assert {key: row.get("evidence", "") for key, row in both.items()} == {
        key: row["response"] for key, row in evidence.items()
    }
