"""A whole run on toy clips: nothing twice, nothing lost, however it is cut up; and items only of what is sound."""

import importlib.util
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orjson
import pytest

from annotate.espresso.pipeline import run_of
from annotate.espresso.work import FILES
from demitasse.chat.faults import Faults
from demitasse.chat.model import Outcome, Reply
from demitasse.chat.server import ChatServer
from demitasse.cli import main
from demitasse.embedding import endpoint
from demitasse.embedding.lexical import LexicalEmbedder
from demitasse.engine.shard import Shard
from demitasse.errors import ConfigError, DemitasseError
from tests.held_teacher import HeldTeacher

MADE = ("items/open_qa.json", "items/mcq.json", "summary.json")


def made(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in MADE if (out / name).exists()}


def test_a_test_set_comes_to_its_end_with_items_of_both_kinds(whole):
    assert whole.done.exit_code == 0 and whole.done.summary.done == 3
    counts = whole.done.assembled.counts
    assert counts["mcq"] == counts["open_qa"] == len(whole.items("mcq")) > 3
    assert all((whole.out / file).exists() for file in FILES.values())


def test_core_frames_of_items_are_frames_that_were_captioned(whole):
    captions = whole.rows("step_1_captions/captions.jsonl")
    for item in whole.items("open_qa"):
        frames = {(one["frame"], one["time"]): one["caption"] for one in captions[item["video_id"]]["frames"]}
        assert len(item["core_frames"]) >= 2
        assert all(frames[one["frame"], one["time"]] == one["caption"] for one in item["core_frames"])


def test_the_summary_adds_up(whole):
    told = orjson.loads((whole.out / "summary.json").read_bytes())
    rows = {step: whole.rows(file) for step, file in FILES.items()}
    assert told["videos"] == 3 and told["frames"] == 24 and told["left_out"] == 0
    assert told["frames_redundant"] == sum(len(row["dropped"]) for row in rows["2"].values())
    assert told["questions"] == sum(len(row["questions"]) for row in rows["3"].values())
    dropped = [one for row in rows["4"].values() for one in row["verdicts"] if one["verdict"] == "drop"]
    assert sum(told["questions_dropped_by_criterion"].values()) == len(dropped) > 0
    assert told["questions_kept"] == told["questions"] - len(dropped) == sum(told["questions_kept_by_task"].values())
    assert told["items"]["open_qa"] == told["questions_with_evidence"]
    assert told["core_frames"] == sum(len(item["core_frames"]) for item in whole.items("open_qa"))
    assert told["core_frames_found_again"] <= told["core_frames"] and 0 < told["boxes_kept"] <= told["boxes"]
    assert told["option_lengths"]["items"] == told["text_only_probe"]["questions"] == told["items"]["mcq"]


def test_a_train_set_can_become_a_test_set_without_paying_again(bar):
    bar.annotate()
    teacher = bar.teacher()
    bar.annotate("split=test", teacher=teacher)
    assert teacher.steps == {"espresso_distractors", "text_only_probe"} and bar.items("mcq")


def test_steps_may_come_in_runs_of_their_own(bar, whole):
    for steps in ("[1]", "[2,3]", "[4,5]", "[6]", "[7]", "[8,9]"):
        done = bar.annotate("split=test", "license=CC0-1.0", f"workflow.steps={steps}")
        assert done.summary.done == 3
    assert bar.annotate("split=test", "license=CC0-1.0").exit_code == 0
    assert made(bar.out) == made(whole.out)


def test_a_step_whose_basis_is_missing_is_not_begun(bar):
    done = bar.annotate("workflow.steps=[5]")
    assert done.summary.skipped == {"no row of step 1, which was not asked for": 3}


def test_items_are_not_made_of_rows_that_may_be_out_of_date(bar):
    bar.annotate("split=test")
    before = made(bar.out)
    done = bar.annotate("split=test", "workflow.steps=[5]", "evidence.max_core_frames=3")
    assert done.assembled is None and made(bar.out) == before
    assert any("rows of 6, 7, 8, 9 may be out of date" in note for note in done.notes)
    bar.annotate("split=test", "evidence.max_core_frames=3")
    assert len(bar.items("mcq")) > 3


def test_nothing_before_step_5_makes_items(bar):
    assert bar.annotate("workflow.steps=[1,2,3,4]").assembled is None
    assert not (bar.out / "items").exists()


def test_a_video_that_failed_makes_no_item_until_it_has_come_to_its_end(bar):
    def fail(request):
        hit = "[toy clip 00001]" in request.text
        return Reply(Outcome.ERROR, error="HTTP 400: no", status=400) if hit else None

    done = bar.annotate(teacher=bar.teacher(espresso_evidence=fail))
    assert done.exit_code == 3 and done.summary.quarantined == 1
    assert {item["video_id"] for item in bar.items("open_qa")} == {"00000.mp4", "00002.mp4"}
    assert bar.annotate().exit_code == 0
    assert {item["video_id"] for item in bar.items("open_qa")} == {"00000.mp4", "00001.mp4", "00002.mp4"}


def test_shards_make_what_one_run_makes(bar, whole):
    for index in range(2):
        bar.annotate("split=test", "license=CC0-1.0", shard=Shard(index, 2))
    assert not (bar.out / "items").exists()
    done = run_of(bar.spec("split=test", "license=CC0-1.0")).merge()
    assert done.exit_code == 0 and made(bar.out) == made(whole.out)


def test_data_merge_finds_the_command_that_made_the_shards(bar, whole):
    for index in range(2):
        bar.annotate("split=test", "license=CC0-1.0", shard=Shard(index, 2))
    assert main(["data", "merge", str(bar.out)]) == 0
    assert made(bar.out) == made(whole.out)


def test_force_reprocess_asks_everything_again_and_keeps_to_it(bar):
    bar.annotate("workflow.steps=[1,2,3]")
    teacher = bar.teacher()
    bar.annotate("workflow.steps=[1,2,3]", "workflow.force_reprocess=true", teacher=teacher)
    assert teacher.steps == {"frame_caption", "espresso_questions"} and len(teacher.asked) == 27
    again = bar.teacher()
    bar.annotate("workflow.steps=[1,2,3]", teacher=again)
    assert again.asked == []


@pytest.mark.parametrize("steps", ["[1]", "[1,2,3]", "[1,2,3,4,5,6,7,8,9]"])
def test_a_plan_holds_what_a_run_then_asks(bar, steps):
    given = ("split=test", f"workflow.steps={steps}")
    planned, teacher = bar.plan(*given), bar.teacher()
    bar.annotate(*given, teacher=teacher)
    low, high = planned.calls
    assert planned.least <= len(teacher.asked) <= planned.most and low <= len(teacher.asked) <= high
    assert planned.records == 3


@pytest.mark.parametrize("after", ["[1,2,3]", "[1,2,3,4,5]"])
def test_the_further_a_run_is_the_nearer_its_plan(bar, after):
    bar.annotate("split=test", f"workflow.steps={after}")
    planned, teacher = bar.plan("split=test", "workflow.steps=[1,2,3,4,5,6,7,8,9]"), bar.teacher()
    bar.annotate("split=test", teacher=teacher)
    low, high = planned.calls
    assert low <= len(teacher.asked) <= high
    assert all(planned.steps[step].calls == [0, 0] for step in after if step.isdigit())


def test_a_plan_after_the_whole_run_is_of_nothing(whole):
    planned = whole.plan("split=test", "license=CC0-1.0")
    assert planned.calls == (0, 0) and all(step.current == 3 for step in planned.steps.values())


def test_a_plan_asks_nobody_and_needs_no_key(bar, capsys, monkeypatch):
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    paid = [
        "embedding.backend=endpoint",
        "embedding.base_url=https://api.example.com/v1",
        "embedding.api_key_env=NO_SUCH_KEY",
    ]
    assert main(["plan", *bar.words(*paid)]) == 0
    told = capsys.readouterr().out
    assert "from one good question a video" in told and not bar.out.exists()
    with pytest.raises(ConfigError, match="NO_SUCH_KEY is not set"):  # before a caption is bought
        bar.annotate(*paid)
    assert not (bar.out / "calls.jsonl").exists()


def test_an_embedding_server_that_is_down_ends_the_run_and_captions_are_kept(bar, monkeypatch):
    monkeypatch.setattr(endpoint, "RETRIES", 0)
    down = ("embedding.backend=endpoint", "embedding.base_url=http://127.0.0.1:9/v1", "embedding.timeout=1")
    with pytest.raises(DemitasseError, match="made no embeddings"):
        bar.annotate(*down)
    teacher = bar.teacher()
    assert bar.annotate(teacher=teacher).exit_code == 0
    assert len([request for request in teacher.asked if request.step == "frame_caption"]) < 24


@pytest.mark.parametrize(("steps", "counts"), [("[1]", False), ("[1,2]", True)])
def test_a_budget_says_that_it_does_not_count_embeddings_where_there_are_any(bar, monkeypatch, steps, counts):
    prices = bar.videos.parent / "prices.yaml"
    prices.write_text("models:\n- {match: 'scripted*', input: 0, output: 0}\n")
    monkeypatch.setattr(endpoint.EndpointEmbedder, "embed", lambda _, texts: LexicalEmbedder().embed(texts))
    paid = (
        "embedding.backend=endpoint",
        "embedding.base_url=http://127.0.0.1:9/v1",
        "budget_usd=1",
        f"prices={prices}",
    )
    notes = bar.annotate(*paid, f"workflow.steps={steps}").notes
    assert any("budget_usd does not count what embeddings cost" in note for note in notes) == counts


def test_a_folder_without_videos_is_said(bar, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="holds no .mp4"):
        bar.annotate(f"data.video_root={tmp_path / 'empty'}")


def test_what_cannot_be_read_is_counted_and_the_rest_is_done(bar):
    (bar.videos / "broken.mp4").write_bytes(b"no video")
    done = bar.annotate("workflow.steps=[1]")
    assert (done.summary.done, done.summary.quarantined, done.exit_code) == (3, 1, 3)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")
def test_a_cluster_makes_what_one_process_makes(bar, whole, monkeypatch):
    with tempfile.TemporaryDirectory(
        prefix="ray-", dir="/tmp", ignore_cleanup_errors=True
    ) as home:  # its sockets' path is short
        monkeypatch.setenv("RAY_TMPDIR", home)
        words = bar.words("split=test", "license=CC0-1.0", "executor=ray")
        command = [Path(sys.executable).with_name("demitasse"), "annotate", "espresso", "--quiet", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert made(bar.out) == made(whole.out)


@pytest.mark.slow
@pytest.mark.network
def test_a_run_that_is_cut_off_goes_on_and_makes_the_same(bar, whole):
    with ChatServer(HeldTeacher(), faults=Faults(latency=0.04)) as server:
        words = bar.words(*over_http(server), "split=test", "license=CC0-1.0", "workflow.max_workers=2")
        command = [Path(sys.executable).with_name("demitasse"), "annotate", "espresso", "--quiet", *words]
        assert cut_off(command, bar.out, signal.SIGKILL, server.model) == -signal.SIGKILL
        assert cut_off(command, bar.out, signal.SIGINT, server.model) == 130
        last = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert last.returncode == 0, last.stderr
        replies = [orjson.loads(line)["key"] for line in (bar.out / "calls.jsonl").read_bytes().splitlines()]
        assert len(replies) == len(set(replies))
        assert server.counts.requests <= len(replies) + 2 * 2  # a kill costs what was in flight
    questions = [(item["video_id"], item["question"], item["answer"]) for item in bar.items("mcq")]
    assert questions == [(item["video_id"], item["question"], item["answer"]) for item in whole.items("mcq")]


def over_http(server: ChatServer) -> list[str]:
    """Settings by which a real client asks the scripted teacher."""
    settings = ("backend=openai", f"openai.base_url={server.base_url}", "openai.model_name=scripted")
    return [f"{name}.{text}" for name in ("captioner", "writer") for text in settings]


MORE = 15  # replies that a run buys before it is cut off


def cut_off(command: list, out: Path, sign: signal.Signals, teacher: HeldTeacher) -> int:
    """Run a command until it has bought some more replies, and send it a signal; returns how it ended."""
    calls = out / "calls.jsonl"
    before = calls.read_bytes().count(b"\n") if calls.exists() else 0
    until = time.monotonic() + 300
    teacher.hold_after(MORE + 5)  # what a killed run had in flight is among them
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not calls.exists() or calls.read_bytes().count(b"\n") < before + MORE:
        assert running.poll() is None and time.monotonic() < until, "it was never to be cut off"
        time.sleep(0.02)
    running.send_signal(sign)
    teacher.let_go()
    return running.wait(300)
