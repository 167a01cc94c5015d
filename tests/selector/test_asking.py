"""Whoever captions and picks: a student as it was trained, and an endpoint through the engine."""

import asyncio
import shutil
from dataclasses import dataclass, field

import pytest

from demitasse.chat.model import Capability, Image, Outcome, Reply, Text
from demitasse.chat.server import ChatServer
from demitasse.dataset import Item
from demitasse.errors import ConfigError
from demitasse.media.cache import FrameCache
from demitasse.media.sample import SamplingPolicy
from demitasse.selector.asking import AskerSettings
from demitasse.selector.open_asker import open_asker
from demitasse.selector.student_asker import StudentAsker
from demitasse.selector.wording import caption_item, pick_item
from demitasse.student.tiny import build_model, build_tokenizer, save_tiny

POLICY = SamplingPolicy(fps=1, max_frames=16)
PICK = pick_item(Item("Which is first?", "", "00000.mp4"), ["a", "b"])


@dataclass
class Endpoint:
    """Counts pictures; fails for as long as it is told to."""

    seen: list = field(default_factory=list)
    broken: bool = False
    name: str = "toy"
    capability: Capability = field(default_factory=Capability)

    async def reply(self, request):
        await asyncio.sleep(0)
        pictures = sum(isinstance(part, Image) for part in request.parts)
        text = "\n".join(part.text for part in request.parts if isinstance(part, Text))
        self.seen.append((pictures, text))
        if self.broken:
            return Reply(Outcome.ERROR, error="bad request", status=400)
        return Reply(Outcome.SUCCESS, f"{pictures} pictures", model="toy", finish_reason="stop")

    async def close(self):
        pass


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    folder = tmp_path_factory.mktemp("student")
    tokenizer = build_tokenizer(["What does this frame show?"])
    save_tiny(build_model("qwen2_5_vl", tokenizer, hidden=32, layers=1, heads=2), tokenizer, folder)
    return folder


def test_a_student_answers_captions_and_picks_as_it_would_one_by_one(student, toy, tmp_path):
    settings = AskerSettings(str(student), max_new_tokens=6, batch_size=2, device="cpu")
    asker = open_asker(settings, POLICY, FrameCache(tmp_path), tmp_path)
    path = toy / "videos/00000.mp4"
    asks = [(caption_item("00000.mp4", 3.5), path), (PICK, path), (caption_item("00000.mp4", 9.5), path)]
    told = []
    together = asker.ask(asks, told.append)
    assert together == [asker.ask([ask], told.append)[0] for ask in asks] and told == [2, 1, 1, 1, 1]
    assert {said.finish for said in together} <= {"stop", "length"}


def test_a_bad_file_costs_a_student_only_its_own_answer(student, toy, tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"")
    asker = StudentAsker(
        AskerSettings(str(student), max_new_tokens=4, device="cpu"), POLICY, FrameCache(tmp_path / "cache")
    )
    asks = [(caption_item("bad.mp4", 0.5), tmp_path / "bad.mp4"), (PICK, toy / "videos/00000.mp4")]
    bad, good = asker.ask(asks, lambda _: None)
    assert (bad.finish, bad.error) == ("error", "empty file") and good.finish != "error"


def test_a_picker_needs_no_file(student, tmp_path):
    asker = StudentAsker(AskerSettings(str(student), max_new_tokens=4, device="cpu"), POLICY, FrameCache(tmp_path))
    (said,) = asker.ask([(PICK, tmp_path / "none.mp4")], lambda _: None)
    assert said.finish != "error"


def endpoint(server, tmp_path, **more):
    settings = AskerSettings("toy", url=server.base_url, batch_size=4, **more)
    return open_asker(settings, POLICY, FrameCache(tmp_path / "cache"), tmp_path / "calls")


def test_an_endpoint_is_shown_one_frame_for_a_caption_and_none_for_a_pick(toy, tmp_path):
    model, path = Endpoint(), toy / "videos/00000.mp4"
    with ChatServer(model) as server:
        asks = [(caption_item("00000.mp4", 3.5), path), (PICK, path)]
        said = endpoint(server, tmp_path).ask(asks, lambda _: None)
    assert [one.text for one in said] == ["1 pictures", "0 pictures"]
    assert {text.splitlines()[-1] for _, text in model.seen} == {PICK.question.splitlines()[-1], asks[0][0].question}


def test_what_an_endpoint_was_paid_for_is_not_asked_again(toy, tmp_path):
    model, path = Endpoint(), toy / "videos/00000.mp4"
    asks = [(caption_item("00000.mp4", second + 0.5), path) for second in range(4)]
    with ChatServer(model) as server:
        first = endpoint(server, tmp_path).ask(asks, lambda _: None)
        again = endpoint(server, tmp_path).ask(asks[::-1], lambda _: None)
    assert first == again[::-1] and len(model.seen) == 4


def test_an_endpoint_that_refuses_leaves_an_error_and_no_caption(toy, tmp_path):
    with ChatServer(Endpoint(broken=True)) as server:
        (said,) = endpoint(server, tmp_path).ask([(PICK, toy / "videos/00000.mp4")], lambda _: None)
    assert said.finish == "error" and said.text == ""


def test_a_bad_file_costs_an_endpoint_only_its_own_answer(toy, tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"")
    asks = [(caption_item("bad.mp4", 0.5), tmp_path / "bad.mp4"), (PICK, toy / "videos/00000.mp4")]
    with ChatServer(Endpoint()) as server:
        bad, good = endpoint(server, tmp_path).ask(asks, lambda _: None)
    assert bad.finish == "error" and good.text == "0 pictures"


def test_the_record_tells_who_is_asked_and_no_key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    told = AskerSettings("m", url="http://127.0.0.1:9/v1").record()
    assert "sk-secret" not in str(told) and told["model"].endswith("/m")


def test_a_student_that_was_moved_is_the_same_and_one_that_learnt_is_not(student, tmp_path):
    shutil.copytree(student, tmp_path / "moved")
    assert AskerSettings(str(tmp_path / "moved")).record() == AskerSettings(str(student)).record()
    weights = tmp_path / "moved/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert AskerSettings(str(tmp_path / "moved")).record() != AskerSettings(str(student)).record()


def test_a_model_that_is_neither_folder_nor_endpoint_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no folder of a student"):
        open_asker(AskerSettings("gpt-x"), POLICY, FrameCache(tmp_path), tmp_path)
