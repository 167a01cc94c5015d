"""What a run will ask and cost: the plan equals the run, or holds it in its range."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from annotate.endpoints import Endpoint, Gemini, OpenAI, name_of, open_teacher
from annotate.plan import as_json
from annotate.run.forecast import Forecast
from annotate.video_reasoning.config import Spec
from annotate.video_reasoning.forecast import forecast
from annotate.video_reasoning.pipeline import Annotated, run_of
from demitasse.chat.model import Outcome, Reply, Request
from demitasse.chat.scripted import ScriptedModel
from demitasse.chat.server import ChatServer
from demitasse.cli import main

SECTION = "video_reasoning_annotation"
FIXED = ("workflow.mode=normal", "workflow.steps=[1a,1b,2,3,4]")
PRICED = "models:\n- {match: 'openai:loopback/*', input: 1, output: 4}\n"


class Teacher(ScriptedModel):
    """The scripted teacher with other replies for some steps."""

    def __init__(self, **replies: Any) -> None:
        super().__init__()
        self.replies = replies

    async def reply(self, request: Request) -> Reply:
        other = self.replies.get(request.step)
        told = other(request) if callable(other) else other
        return told or await super().reply(request)


class House:
    """A desk whose endpoints are a real client and a server on this machine."""

    def __init__(self, desk: Any, server: ChatServer) -> None:
        self.desk, self.server = desk, server

    def spec(self, *overrides: str) -> Spec:
        ends = [f"{end}.openai.base_url={self.server.base_url}" for end in ("vlm", "llm")]
        ends += [f"{end}.{setting}" for end in ("vlm", "llm") for setting in ("backend=openai", "openai.model_name=m")]
        given = [f"{SECTION}.{text}" for text in (f"data.video_root={self.desk.videos}", *ends, *overrides)]
        return Spec.read(None, [f"results_dir={self.desk.out}", *given])

    def plan(self, *overrides: str) -> Forecast:
        return forecast(self.spec(*overrides), self.desk.pool)

    def run(self, *overrides: str) -> tuple[Annotated, int]:
        """What a run did, and how many requests it sent."""
        before = self.server.counts.requests
        done = run_of(self.spec(*overrides)).annotate(progress=False, pool=self.desk.pool)
        return done, self.server.counts.requests - before


@pytest.fixture
def house(desk):
    with ChatServer(Teacher()) as server:
        yield House(desk, server)


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param(FIXED, id="normal"),
        pytest.param(("workflow.mode=anomaly", "workflow.steps=[1a,1b,1c,2,3,4]"), id="anomaly"),
        pytest.param(("workflow.mode=normal",), id="all_steps_the_filter_too"),
        pytest.param(("workflow.mode=normal", "workflow.steps=[1a]"), id="captions_alone"),
        pytest.param(("workflow.mode=normal", "workflow.qa_types=[mcq]"), id="one_type_of_questions"),
        pytest.param((*FIXED, "workflow.chunk_duration_options=[1]", "workflow.max_chunks=99"), id="many_windows"),
        pytest.param((*FIXED, "vlm.openai.video=false"), id="frames"),
    ],
)
def test_where_the_mode_is_fixed_a_run_sends_what_the_plan_says(house: House, overrides: tuple[str, ...]) -> None:
    house.desk.put("a.mp4", "normal")
    house.desk.put("b/c.mp4", "anomaly")
    low, high = house.plan(*overrides).calls
    done, sent = house.run(*overrides)
    assert done.summary.done == 2
    assert low == high == sent > 0
    assert house.plan(*overrides).calls == (0, 0), "what is done is not planned again"


def test_where_the_mode_is_the_teachers_a_run_lies_in_the_range(house: House) -> None:
    house.desk.put("a.mp4", "normal")
    house.desk.put("b.mp4", "anomaly")
    low, high = house.plan().calls
    _, sent = house.run()
    assert low < sent < high
    assert high - low == 4, "an anomaly is looked at closely, with two calls"


def test_a_rejected_video_is_within_the_wider_range(house: House) -> None:
    house.desk.put("a.mp4")
    house.server.model = Teacher(video_filtering=Reply(Outcome.SUCCESS, '{"usable": false, "reason": "dark"}'))
    planned = house.plan("workflow.mode=normal")
    _, sent = house.run("workflow.mode=normal")
    assert (planned.least, sent) == (1, 1)
    assert house.plan("workflow.mode=normal").records == 0


def test_replies_that_are_asked_for_again_are_within_the_wider_range(house: House) -> None:
    def clumsy(request: Request) -> Reply | None:
        return None if request.turns else Reply(Outcome.SUCCESS, "what?")

    house.desk.put("a.mp4")
    house.server.model = Teacher(normal_mcq=clumsy, normal_bcq=clumsy)
    planned = house.plan(*FIXED)
    _, sent = house.run(*FIXED)
    assert sent == planned.calls[1] + 2 <= planned.most


def test_two_videos_of_one_content_are_bought_once(house: House) -> None:
    for name in ("a.mp4", "b.mp4"):
        house.desk.put(name)
    planned = house.plan(*FIXED)
    _, sent = house.run(*FIXED)
    assert (planned.calls, planned.alike) == ((sent, sent), 1)


def test_new_question_types_are_planned_on_top_of_what_is_there(house: House) -> None:
    house.desk.put("a.mp4")
    house.run(*FIXED, "workflow.qa_types=[mcq]")
    planned = house.plan(*FIXED, "workflow.qa_types=[mcq,bcq]")
    _, sent = house.run(*FIXED, "workflow.qa_types=[mcq,bcq]")
    assert planned.calls == (sent, sent) == (1, 1)
    assert {name: step.current for name, step in planned.steps.items()} == {"1a": 1, "1b": 1, "2": 1, "3": 1}


def test_changed_settings_make_the_rows_stale_and_are_planned_again(house: House) -> None:
    house.desk.put("a.mp4")
    house.run(*FIXED)
    changed = (*FIXED, "llm.openai.temperature=0.1")
    planned = house.plan(*changed)
    _, sent = house.run(*changed)
    assert planned.calls == (sent, sent) == (9, 9), "the description and eight types of questions"


def test_replies_whose_rows_are_lost_are_told_of_and_not_bought_again(house: House) -> None:
    house.desk.put("a.mp4")
    house.run(*FIXED)
    (house.desk.out / "step_2_description" / "descriptions.jsonl").unlink()
    planned = house.plan(*FIXED)
    _, sent = house.run(*FIXED)
    assert (planned.calls, planned.kept, planned.least, sent) == ((9, 9), 9, 0, 0)


def test_videos_that_will_not_be_worked_on_are_counted_with_the_reason(house: House) -> None:
    house.desk.put("a.mp4")
    (house.desk.videos / "broken.mp4").write_bytes(b"no video")
    planned = house.plan(*FIXED, "workflow.max_video_length_sec=0.5")
    assert (planned.records, planned.calls) == (0, (0, 0))
    assert sum(planned.left_out.values()) == 2
    assert "longer than max_video_length_sec (0.5 s)" in planned.left_out


def test_a_plan_sends_nothing_and_writes_nothing(house: House) -> None:
    house.desk.put("a.mp4")
    house.plan()
    assert (house.server.counts.requests, house.desk.out.exists()) == (0, False)


def test_what_a_reply_took_so_far_takes_the_place_of_the_estimate(house: House) -> None:
    house.desk.put("a.mp4", "normal")
    first = house.plan(*FIXED).steps["2"].completion
    house.run(*FIXED)
    house.desk.put("b.mp4", "anomaly")
    assert house.plan(*FIXED).steps["2"].completion != first


def test_more_frames_a_second_are_more_tokens_in_of_what_is_watched_alone(house: House) -> None:
    house.desk.put("a.mp4", "normal")
    usual = house.plan(*FIXED).steps
    closer = house.plan(*FIXED, "vlm.openai.fps=4", "vlm.openai.fps_channel=part").steps
    assert closer["1a"].prompt[0] - usual["1a"].prompt[0] == 3 * 300 * 8 * 2  # two questions about eight seconds
    assert closer["3"].prompt == usual["3"].prompt


def test_a_plan_is_priced_with_what_is_spent_and_what_is_left(house: House, tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text(PRICED)
    priced = (*FIXED, f"prices={prices}")
    house.desk.put("a.mp4", "normal")
    planned = house.plan(*priced)
    told = as_json(planned)
    assert 0 < told["dollars"][0] == told["dollars"][1] < told["most_dollars"]
    _, _ = house.run(*priced, "budget_usd=10")
    paid = house.plan(*priced).spent
    assert 0 < paid < told["most_dollars"]
    row = json.loads((house.desk.out / "step_2_description" / "descriptions.jsonl").read_text())
    assert row["provenance"]["cost"] > 0
    assert row["provenance"]["attempts"] == 1
    assert row["provenance"]["latency"] >= 0


def test_a_run_ends_at_its_budget_and_a_higher_one_goes_on(house: House, tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text(PRICED)
    priced = (*FIXED, f"prices={prices}", "llm.openai.max_tokens=1000", "vlm.openai.max_tokens=1000")
    house.desk.put("a.mp4", "normal")
    house.desk.put("b.mp4", "anomaly")
    done, sent = house.run(*priced, "budget_usd=0.01")
    assert (done.exit_code, done.summary.done) == (3, 0)
    assert "the budget of $0.01 is used up" in done.summary.line()
    assert sent >= 1
    again, _ = house.run(*priced, "budget_usd=5")
    assert (again.exit_code, again.summary.done) == (0, 2)


def test_the_table_tells_the_models_without_a_price_and_the_command_prints_it(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.desk.put("a.mp4", "normal")
    told = ["vlm.backend=openai", "vlm.openai.model_name=new-model", "llm.backend=scripted"]
    given = [f"{SECTION}.{text}" for text in (f"data.video_root={house.desk.videos}", *told, *FIXED)]
    assert main(["plan", f"results_dir={house.desk.out}", *given]) == 0
    said = capsys.readouterr().out
    assert "there is no price for openai:api.openai.com/new-model" in said
    assert "requests: 12, if no video is rejected" in said.replace("13,", "12,")
    assert main(["plan", "--json", f"results_dir={house.desk.out}", *given]) == 0
    assert json.loads(capsys.readouterr().out)["dollars"] is None
    assert main(["plan", f"results_dir={house.desk.out}", *given, f"{SECTION}.budget_usd=-1"]) == 2


def test_a_budget_without_a_price_does_not_start(house: House, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-nobody-00000000")
    house.desk.put("a.mp4", "normal")
    told = ["vlm.backend=openai", "vlm.openai.model_name=new-model", "llm.backend=scripted", "budget_usd=3"]
    given = [f"{SECTION}.{text}" for text in (f"data.video_root={house.desk.videos}", *told, *FIXED)]
    assert main(["annotate", "video", f"results_dir={house.desk.out}", *given]) == 2
    assert "has no price for openai:api.openai.com/new-model" in capsys.readouterr().err


@pytest.mark.parametrize(
    "endpoint",
    [
        pytest.param(Endpoint("openai", openai=OpenAI(model_name="m")), id="openai"),
        pytest.param(
            Endpoint("openai", openai=OpenAI(base_url="http://127.0.0.1:9/v1", model_name="m")), id="loopback"
        ),
        pytest.param(Endpoint("gemini", gemini=Gemini(model="g")), id="gemini"),
        pytest.param(Endpoint("scripted"), id="scripted"),
    ],
)
def test_a_name_without_a_key_is_the_models_own(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("OPENAI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    named = name_of(endpoint)
    for variable in ("OPENAI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.setenv(variable, "sk-nobody-00000000")
    assert named == open_teacher("vlm", endpoint).name
