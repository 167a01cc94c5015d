"""A student behind an endpoint is asked as the local one: journaled, resumed, bounded, and every end told."""

import json
import time
from pathlib import Path

import pytest

from demitasse.chat.faults import Faults
from demitasse.chat.model import Capability, Frames, Image, Outcome, Reply, Text, Usage, Video
from demitasse.chat.server import ChatServer
from demitasse.cli import main
from demitasse.dataset import Item, TaskFile, write
from demitasse.student.record import FramesUsed, HowTrained, write_record
from demitasse.toyworld.render import render
from evaluate.asking.endpoint import said
from evaluate.comparing.arm import load_arm

KEY = "sk-CANARY-0123456789"


class Model:
    """Answers with what `say` makes of a request; keeps the requests."""

    name = "student"
    capability = Capability()

    def __init__(self, say=lambda request: "A"):
        self.say = say
        self.heard = []

    async def reply(self, request):
        self.heard.append(request)
        told = self.say(request)
        return told if isinstance(told, Reply) else Reply(Outcome.SUCCESS, told, model="s", usage=Usage(100, 10))

    async def close(self):
        """Nothing to close."""


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    render(folder, range(3))
    return folder


@pytest.fixture
def data(tmp_path, videos) -> Path:
    """Three videos with two questions each."""
    items = [
        Item(f"{what}?", "A", video_id=f"{clip:05d}.mp4") for clip in range(3) for what in ("What colour", "Which way")
    ]
    path = tmp_path / "data" / "mcq.json"
    path.parent.mkdir()
    write(path, TaskFile(items, task="mcq", license="x", media_root=str(videos), path=path))
    return path.parent


@pytest.fixture
def ask(tmp_path, data, capsys):
    """`demitasse predict` of all items; returns the exit code, the rows by question and video, and what it said."""

    def run(url, *words, out="out", task="mcq"):
        flags = ["--data", str(data), "--out", str(tmp_path / out), "--cache", str(tmp_path / "cache")]
        code = main(["predict", "--endpoint", url, "--model", "student", *flags, *words])
        path = tmp_path / out / "predictions.jsonl"
        rows = list(load_arm(tmp_path / out).predictions.values()) if path.is_file() else []
        return code, rows, "".join(capsys.readouterr())

    run.out = tmp_path / "out"
    return run


def test_every_item_gets_its_own_reply_from_its_own_frames(ask):
    model = Model(lambda request: f"{request.text} {hash(request.parts[0])}")
    with ChatServer(model) as server:
        code, rows, _ = ask(server.base_url, "--kind", "vllm")
    assert (code, len(rows)) == (0, 6)
    assert all(row.finish == "stop" and row.response.startswith(row.asked.question) for row in rows)
    by_video = {}
    for row in rows:
        by_video.setdefault(row.asked.video_id, set()).add(row.response.removeprefix(row.asked.question))
    assert [len(of) for of in by_video.values()] == [1, 1, 1]
    assert len(set.union(*by_video.values())) == 3


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        pytest.param("vllm", Frames, id="frames_to_vllm"),
        pytest.param("sglang", Video, id="a_clip_to_sglang"),
        pytest.param("openai", Image, id="pictures_to_openai"),
    ],
)
def test_the_prompt_is_the_media_and_the_question_and_nothing_else(ask, kind, part):
    model = Model()
    with ChatServer(model) as server:
        ask(server.base_url, "--kind", kind, "--fps", "1", "--max-frames", "8")
    for request in model.heard:
        assert isinstance(request.parts[-1], Text)
        assert request.parts[-1].text in ("What colour?", "Which way?")
        assert any(isinstance(one, part) for one in request.parts[:-1])
        assert request.system == ""


@pytest.mark.parametrize(
    ("kind", "extra"),
    [
        pytest.param(
            "vllm",
            {"chat_template_kwargs": {"enable_thinking": False}, "repetition_penalty": 1.0},
            id="a_server_of_checkpoints_is_told_not_to_follow_their_generation_config",
        ),
        pytest.param("openai", {}, id="openai_knows_no_such_fields"),
    ],
)
def test_decoding_is_greedy_whatever_the_checkpoint_says(ask, kind, extra):
    model = Model()
    with ChatServer(model) as server:
        ask(server.base_url, "--kind", kind, "--max-new-tokens", "33")
    sampling = model.heard[0].sampling
    assert (sampling.temperature, sampling.max_tokens, sampling.extra) == (0.0, 33, extra)


@pytest.mark.parametrize(
    ("family", "learnt", "kind", "warns"),
    [
        pytest.param("qwen2_5_vl", "transformers", "vllm", True, id="vllm_counts_otherwise_unless_told"),
        pytest.param("qwen2_5_vl", "qwen", "vllm", False, id="vllm_counts_as_qwen_does"),
        pytest.param("qwen3_vl", "transformers", "vllm", False, id="one_rule_where_times_are_text"),
        pytest.param("qwen2_5_vl", "transformers", "openai", False, id="nothing_is_known_of_others"),
    ],
)
def test_a_server_that_counts_positions_otherwise_than_was_learnt_is_warned_of(
    ask, tmp_path, family, learnt, kind, warns
):
    from demitasse.student.tiny import build_model, build_tokenizer, save_tiny

    folder, tokenizer = tmp_path / "student", build_tokenizer(["What colour? Which way?"])
    save_tiny(build_model(family, tokenizer), tokenizer, folder)
    write_record(folder, HowTrained(FramesUsed(1, 4, 2), "", "answer", positions=learnt))
    with ChatServer(Model()) as server:
        code, _, told = ask(server.base_url, "--kind", kind, "--student", str(folder))
    assert code == 0
    assert ("vLLM without `--model-impl transformers` counts" in told) == warns


def test_what_is_served_is_asked_as_its_folder_says_it_was_trained(ask, tmp_path):
    from demitasse.student.tiny import build_model, build_tokenizer, save_tiny

    folder, tokenizer = tmp_path / "student", build_tokenizer(["What colour? Which way?"])
    save_tiny(build_model("qwen2_5_vl", tokenizer), tokenizer, folder)
    write_record(folder, HowTrained(FramesUsed(0.5, 4, 2), "Watch closely.", "explain_or_answer"))
    model = Model()
    with ChatServer(model) as server:
        code, _, told = ask(server.base_url, "--kind", "vllm", "--student", str(folder))
    assert code == 0
    assert "as it was trained" not in told or "--fps 0.5" in told
    [shown] = [part for part in model.heard[0].parts if isinstance(part, Frames)]
    assert len(shown.images) == 4, "half a frame a second of 8 seconds"
    assert model.heard[0].system == "Watch closely."
    from io import BytesIO

    from PIL import Image as Picture

    assert Picture.open(BytesIO(shown.images[0])).size == (64, 64), "fitted to the student's own bounds"


def test_evidence_comes_first_where_it_is_asked_for(ask):
    model = Model(lambda request: "It is red." if "Do not answer yet" in request.text else "B")
    with ChatServer(model) as server:
        code, rows, _ = ask(server.base_url, "--mode", "two_stage")
    assert code == 0
    assert {(row.evidence, row.response) for row in rows} == {("It is red.", "B")}
    assert sum("Evidence: It is red." in request.text for request in model.heard) == 6


@pytest.mark.parametrize(
    ("reply", "text", "finish"),
    [
        pytest.param(Reply(Outcome.SUCCESS, "A"), "A", "stop", id="an_answer"),
        pytest.param(Reply(Outcome.TRUNCATED, "A b"), "A b", "length", id="cut_short_is_length"),
        pytest.param(Reply(Outcome.BLOCKED, finish_reason="stop"), "", "stop", id="an_empty_reply_is_the_students_own"),
        pytest.param(Reply(Outcome.REFUSED, error="I cannot."), "I cannot.", "stop", id="a_refusal_is_its_answer"),
        pytest.param(
            Reply(Outcome.SUCCESS, "A", reasoning="red"),
            "<think>\nred\n</think>\n\nA",
            "stop",
            id="thoughts_are_put_back",
        ),
        pytest.param(
            Reply(Outcome.TRUNCATED, "", reasoning="red"),
            "<think>\nred",
            "length",
            id="cut_thoughts_stay_open",
        ),
        pytest.param(
            Reply(Outcome.BLOCKED, "", reasoning="red", finish_reason="stop"),
            "<think>\nred",
            "stop",
            id="thoughts_without_an_answer_stay_open",
        ),
    ],
)
def test_an_end_is_told_as_the_local_student_tells_it(reply, text, finish):
    assert (said(reply).text, said(reply).finish) == (text, finish)


def test_reasoning_in_the_text_is_kept_as_it_was_written():
    twice = "<think>\nred\n</think>\n\nThe\n</think>"
    reply = Reply(Outcome.BLOCKED, "", reasoning="red\nThe", finish_reason="stop", raw=twice + "\n")
    assert (said(reply).text, said(reply).finish) == (twice, "stop")


def test_what_the_filter_withheld_is_an_error_and_asked_for_once(ask):
    model = Model(lambda request: Reply(Outcome.BLOCKED) if "colour" in request.text else "A")
    with ChatServer(model) as server:
        code, rows, told = ask(server.base_url)
        again, _, _ = ask(server.base_url)
    assert (code, again) == (3, 3)
    assert {row.error for row in rows if row.finish == "error"} == {"the endpoint's content filter withheld the reply"}
    assert "3 could not be asked" in told
    assert len(model.heard) == 6, "it would be withheld again, and paid for again"


def test_a_lasting_refusal_of_one_item_is_a_row_and_stops_no_other(ask):
    bad = Reply(Outcome.ERROR, error="no such colour", status=400)
    with ChatServer(Model(lambda request: bad if "colour" in request.text else "A")) as server:
        code, rows, _ = ask(server.base_url)
    assert code == 3
    assert sorted(row.finish for row in rows) == ["error"] * 3 + ["stop"] * 3
    assert all("HTTP 400: no such colour" in row.error for row in rows if row.finish == "error")


def test_what_failed_is_asked_again_and_what_was_answered_is_not(ask):
    model = Model(lambda request: Reply(Outcome.ERROR, error="no", status=400) if "colour" in request.text else "A")
    with ChatServer(model) as server:
        ask(server.base_url)
        model.say, model.heard = (lambda request: "B"), []
        code, rows, _ = ask(server.base_url)
    assert code == 0
    assert [request.text for request in model.heard] == ["What colour?"] * 3
    assert sorted(row.response for row in rows) == ["A"] * 3 + ["B"] * 3


def test_what_failed_is_asked_again_behind_all_that_was_never_asked(ask):
    model = Model(lambda request: Reply(Outcome.ERROR, error="no", status=400) if "colour" in request.text else "A")
    one = ["--concurrency", "1"]
    with ChatServer(model) as server:
        ask(server.base_url, *one)
        assert [request.text for request in model.heard[:2]] == ["What colour?", "Which way?"], "by video"
        model.heard.clear()
        path = ask.out / "predictions.jsonl"
        kept = [line for line in path.read_text().splitlines() if "Which way" not in line]
        path.write_text("".join(f"{line}\n" for line in kept))
        (ask.out / "calls.jsonl").unlink()
        ask(server.base_url, *one)
    assert [request.text for request in model.heard] == ["Which way?"] * 3 + ["What colour?"] * 3


def test_a_reply_that_was_paid_for_is_not_bought_again_though_its_row_is_lost(ask, tmp_path):
    model = Model()
    with ChatServer(model) as server:
        ask(server.base_url)
        (tmp_path / "out" / "predictions.jsonl").write_bytes(b"")
        code, rows, _ = ask(server.base_url)
    assert (code, len(rows), len(model.heard)) == (0, 6, 6)


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(Faults(limit_every=3, retry_after="0.05"), id="told_to_wait"),
        pytest.param(Faults(error_rates={500: 0.3}), id="server_errors"),
        pytest.param(Faults(reset_rate=0.2), id="connections_reset"),
    ],
)
def test_what_fails_for_a_passing_reason_is_tried_again(ask, faults, monkeypatch):
    import asyncio

    waits = asyncio.sleep
    monkeypatch.setattr("demitasse.engine.retry.asyncio.sleep", lambda seconds: waits(min(seconds, 0.02)))
    with ChatServer(Model(), faults=faults) as server:
        code, rows, _ = ask(server.base_url)
    assert (code, len(rows)) == (0, 6)


def test_no_more_are_in_flight_than_was_said(ask):
    with ChatServer(Model(), faults=Faults(latency=0.05)) as server:
        begun = time.monotonic()
        ask(server.base_url, "--concurrency", "2")
        assert server.counts.peak_in_flight == 2
    assert time.monotonic() - begun < 60


def test_a_video_that_cannot_be_read_is_a_row_and_is_never_sent(ask, data, tmp_path):
    path = data / "mcq.json"
    file = json.loads(path.read_text())
    file["items"][0]["video_id"] = "missing.mp4"
    path.write_text(json.dumps(file))
    model = Model()
    with ChatServer(model) as server:
        code, rows, _ = ask(server.base_url)
    assert (code, len(model.heard)) == (3, 5)
    [bad] = [row for row in rows if row.finish == "error"]
    assert bad.asked.video_id == "missing.mp4"


def test_a_budget_ends_the_run_and_a_higher_one_goes_on(ask, tmp_path):
    prices = tmp_path / "prices.yaml"
    prices.write_text('models:\n  - {match: "openai:loopback/student", input: 1000, output: 1000}\n')
    money = ["--prices", str(prices), "--concurrency", "1", "--max-new-tokens", "16"]
    model = Model()
    with ChatServer(model) as server:
        code, rows, told = ask(server.base_url, *money, "--budget-usd", "3")
        bought = len(model.heard)
        assert code == 3
        assert "the budget of $3.00 is used up" in told
        assert len(rows) == bought < 6
        again, rows, _ = ask(server.base_url, *money, "--budget-usd", "100")
    assert (again, len(rows), len(model.heard)) == (0, 6, 6)


def test_a_wrong_key_ends_the_run_at_once_and_stands_nowhere(ask, tmp_path, monkeypatch):
    monkeypatch.setenv("MY_KEY", KEY)
    with ChatServer(Model(), api_key="another") as server:
        code, rows, told = ask(server.base_url, "--api-key-env", "MY_KEY")
    assert (code, rows) == (2, [])
    assert "refuses the key" in told
    files = b"".join(file.read_bytes() for file in (tmp_path / "out").rglob("*") if file.is_file())
    assert KEY not in told
    assert KEY.encode() not in files


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        pytest.param(["--kind", "vllm"], "--kind is said of an endpoint", id="kind"),
        pytest.param(["--budget-usd", "1"], "--budget-usd is said of an endpoint", id="budget"),
        pytest.param(["--concurrency", "4"], "--concurrency is said of an endpoint", id="concurrency"),
        pytest.param(["--api-key-env", "MY_KEY"], "--api-key-env is said of an endpoint", id="key"),
        pytest.param(["--timeout", "9"], "--timeout is said of an endpoint", id="time"),
        pytest.param(["--temperature", "none"], "--temperature none leaves it to an endpoint", id="temperature"),
    ],
)
def test_what_is_said_of_an_endpoint_needs_one(data, tmp_path, capsys, words, complaint):
    code = main(["predict", "--model", "x", "--data", str(data), "--out", str(tmp_path / "out"), *words])
    assert code == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        pytest.param(["--timeout", "0"], "--timeout is 0; it must be above 0", id="no_time"),
        pytest.param(["--timeout", "-1"], "--timeout is -1; it must be above 0", id="less_than_no_time"),
        pytest.param(["--timeout", "nan"], "--timeout is nan; it must be above 0", id="no_number"),
        pytest.param(["--temperature", "none", "--seed", "3"], "--seed changes nothing", id="a_seed_that_is_not_sent"),
        pytest.param(["--dtype", "bfloat16"], "--dtype is said of a student in this process", id="dtype"),
        pytest.param(["--device", "cpu"], "--device is said of a student in this process", id="device"),
        pytest.param(["--batch-size", "2"], "--batch-size is said of a student in this process", id="batch"),
        pytest.param(["--positions", "qwen"], "--positions is said of a student in this process", id="positions"),
    ],
)
def test_what_an_endpoint_could_not_be_asked_with_is_one_sentence(ask, tmp_path, words, complaint):
    code, rows, told = ask("http://127.0.0.1:9/v1", *words)
    assert (code, rows) == (2, [])
    assert complaint in told
    assert not (tmp_path / "out").exists()


def test_the_header_tells_who_was_asked_and_how(ask, tmp_path):
    with ChatServer(Model()) as server:
        ask(server.base_url, "--kind", "vllm")
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert run["student"] == "openai:loopback/student"
    settings = run["settings"]
    assert (settings["endpoint"], settings["sent_as"], settings["decoding"]) == (run["student"], "frames", "greedy")


def test_other_forms_are_other_settings(ask):
    with ChatServer(Model()) as server:
        assert ask(server.base_url)[0] == 0
        code, _, told = ask(server.base_url, "--send", "images")
    assert code == 2
    assert "made with other settings" in told
