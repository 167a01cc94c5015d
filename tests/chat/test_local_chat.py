"""A checkpoint in this process: frames go in as the family's own video, one question at a time, off the event loop."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from demitasse.chat.attach import video_parts
from demitasse.chat.local import LocalChat
from demitasse.chat.model import Image, Outcome, Part, Reply, Request, Sampling, Text, Turn, Video
from demitasse.errors import ConfigError
from demitasse.media.probe import probe
from demitasse.media.sample import SamplingPolicy
from demitasse.student import generate as model
from demitasse.toyworld.render import render_clip

BASE = Path(__file__).parents[2] / "recipes/quickstart/base/qwen2_5_vl"
POLICY = SamplingPolicy(1.0, 2, 2, frame_multiple=1)


def ask(*requests: Request, path: Path = BASE) -> list[Reply]:
    async def in_turn() -> list[Reply]:
        chat = LocalChat(path, device="cpu")
        try:
            return [await chat.reply(request) for request in requests]
        finally:
            await chat.close()

    return asyncio.run(in_turn())


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> tuple[Part, ...]:
    clip = render_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", 3)
    return video_parts(clip, probe(clip), LocalChat(BASE).capability, POLICY)


def watch(parts: Sequence[Part], question: str = "What happens?", tokens: int = 6, **sampling: object) -> Request:
    return Request("watch", (*parts, Text(question)), sampling=Sampling(max_tokens=tokens, **sampling))


def test_footage_comes_as_frames_with_their_times(frames: tuple[Part, ...]) -> None:
    times = [part.time for part in frames if isinstance(part, Image)]
    assert len(times) == 2
    assert None not in times
    assert not any(isinstance(part, Video) for part in frames)


def test_the_reply_tells_tokens_and_who_answered_and_a_cut_one_says_so(frames: tuple[Part, ...]) -> None:
    (reply,) = ask(watch(frames, tokens=2))
    assert (reply.outcome, reply.finish_reason, reply.usage.completion) == (Outcome.TRUNCATED, "length", 2)
    assert reply.usage.prompt > 10
    assert reply.model == LocalChat(BASE).name


def test_greedy_replies_and_seeded_draws_come_again(frames: tuple[Part, ...]) -> None:
    drawn, likeliest = watch(frames, tokens=12, temperature=3.0, seed=5), watch(frames, tokens=12)
    first, again, greedy, greedy_again = ask(drawn, drawn, likeliest, likeliest)
    assert (first.reasoning, first.text) == (again.reasoning, again.text)
    assert (greedy.reasoning, greedy.text) == (greedy_again.reasoning, greedy_again.text)
    assert (first.reasoning, first.text) != (greedy.reasoning, greedy.text)


def test_words_media_and_earlier_turns_all_reach_the_model(frames: tuple[Part, ...]) -> None:
    text, shown, turn = ask(
        Request("ask", (Text("What?"),), sampling=Sampling(max_tokens=1)),
        Request("ask", (*frames, Text("What?")), sampling=Sampling(max_tokens=1)),
        Request("ask", (Text("What?"),), turns=(Turn("That.", "No."),), sampling=Sampling(max_tokens=1)),
    )
    assert text.usage.prompt < turn.usage.prompt
    assert text.usage.prompt < shown.usage.prompt


def test_pixels_of_a_frame_are_bounded_as_asked(frames: tuple[Part, ...]) -> None:
    plain, small = ask(watch(frames, tokens=1), watch(frames, tokens=1, extra={"max_pixels": 28 * 28}))
    assert small.usage.prompt < plain.usage.prompt


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param((Video(b"x", "video/mp4", 1.0),), id="a_whole_file"),
        pytest.param((Image(b"x", "image/png"), Image(b"y", "image/png")), id="two_stills"),
    ],
)
def test_what_it_has_no_place_for_is_an_error_and_not_left_out(parts: tuple[Part, ...]) -> None:
    (reply,) = ask(watch(parts))
    assert (reply.outcome, reply.retryable) == (Outcome.ERROR, False)
    assert "one still, or the frames of one video" in reply.error


def test_a_broken_picture_is_an_error_of_its_request_alone(frames: tuple[Part, ...]) -> None:
    broken, good = ask(watch((Image(b"no picture", "image/png"),)), watch(frames))
    assert broken.outcome is Outcome.ERROR
    assert "cannot identify image file" in broken.error
    assert good.usage.completion > 0


def test_the_event_loop_goes_on_meanwhile(frames: tuple[Part, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is held until the loop lets it go: were the loop itself held, nobody would."""
    begun, go_on, generate = threading.Event(), threading.Event(), model.generate

    def held(*args: Any) -> Any:
        begun.set()
        assert go_on.wait(60), "the event loop stood still"
        return generate(*args)

    async def meanwhile() -> Reply:
        chat = LocalChat(BASE, device="cpu")
        asking = asyncio.create_task(chat.reply(watch(frames)))
        while not begun.is_set():
            await asyncio.sleep(0.01)
        go_on.set()
        reply = await asking
        await chat.close()
        return reply

    monkeypatch.setattr(model, "generate", held)
    assert asyncio.run(meanwhile()).usage.completion > 0


def test_the_content_names_a_checkpoint_and_its_place_does_not(tmp_path: Path) -> None:
    elsewhere = tmp_path / BASE.name
    shutil.copytree(BASE, elsewhere)
    assert LocalChat(elsewhere).name == LocalChat(BASE).name
    (elsewhere / "generation_config.json").write_text("{}", encoding="utf-8")
    assert LocalChat(elsewhere).name != LocalChat(BASE).name


def test_boxes_are_written_as_the_checkpoints_family_does(tmp_path: Path) -> None:
    assert LocalChat(BASE).capability.boxes == "qwen2_5_vl_px"
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen3_vl"}), encoding="utf-8")
    shutil.copy(BASE / "preprocessor_config.json", tmp_path)
    assert LocalChat(tmp_path).capability.boxes == "qwen_1000"


@pytest.mark.parametrize(
    ("config", "told"),
    [
        pytest.param(None, "holds no model that can be asked", id="nothing_there"),
        pytest.param("{", "holds no model that can be asked", id="no_json"),
        pytest.param('{"model_type": "llama"}', "model type 'llama' cannot be asked", id="another_family"),
    ],
)
def test_a_folder_without_a_model_is_refused_before_anything_is_loaded(
    tmp_path: Path, config: str | None, told: str
) -> None:
    if config is not None:
        (tmp_path / "config.json").write_text(config, encoding="utf-8")
    with pytest.raises(ConfigError, match=told):
        LocalChat(tmp_path)


def test_stills_are_told_to_lie_within_the_bounds_that_the_checkpoints_processor_leaves_alone() -> None:
    takes, fewer = LocalChat(BASE).capability, LocalChat(BASE, max_pixels=2_000).capability
    assert (takes.min_pixels, takes.max_pixels) == (1024, 4096)  # of its preprocessor_config.json
    assert (fewer.min_pixels, fewer.max_pixels) == (1024, 2_000)


def test_a_checkpoint_without_processor_files_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen3_vl"}), encoding="utf-8")
    with pytest.raises(ConfigError, match="no preprocessor_config.json"):
        LocalChat(tmp_path)
