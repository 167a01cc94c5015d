"""`demitasse judge` as a person uses it: who judges, what it will cost, where it stops, and what it says."""

import json
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from demitasse.chat.blocks import read_blocks
from demitasse.chat.faults import Faults
from demitasse.chat.model import Outcome, Reply
from demitasse.chat.scripted import ScriptedModel
from demitasse.chat.server import ChatServer
from demitasse.cli import main
from demitasse.errors import ConfigError
from demitasse.prices import Entry, Prices
from evaluate.comparing.arm import load_arm, read_header
from evaluate.judging.family import family_of, validity
from evaluate.judging.gather import Money
from evaluate.judging.jury import JudgeSettings, read_jury
from evaluate.records import read_rows

ROOT = Path(__file__).resolve().parents[3]
PRICES = "models:\n  - {match: 'openai:loopback/dear*', input: 1000, output: 1000}\n"


@pytest.fixture
def server():
    with ChatServer(ScriptedModel()) as one:
        yield one


@pytest.fixture
def prices(tmp_path):
    path = tmp_path / "prices.yaml"
    path.write_text(PRICES)
    return ["--prices", str(path)]


def test_several_judges_at_one_endpoint_and_repeats(answered, server, capsys):
    words = ["--model", "one", "--model", "two", "--repeats", "2", "--base-url", server.base_url]
    assert main(["judge", str(answered), *words]) == 0
    told = capsys.readouterr().out
    assert "openai:loopback/one: 8 votes, 8 scored" in told
    assert server.counts.requests == 16
    header = read_header(answered / "judge.json")
    assert header["model"] == "openai:loopback/one, openai:loopback/two"
    assert set(header["agreement"]) == {"test_retest", "between_judges"}


def test_an_endpoint_is_named_as_predict_names_it(answered, server):
    assert main(["judge", str(answered), "--model", "m", "--endpoint", server.base_url]) == 0
    assert server.counts.requests == 4


def test_a_run_that_is_still_being_asked_is_warned_of(answered, server, capsys):
    path = answered / "predictions.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert main(["judge", str(answered), "--model", "m", "--base-url", server.base_url]) == 0
    assert "1 of them have no prediction yet, and count as faulty; run `demitasse predict`" in capsys.readouterr().err
    assert read_header(answered / "judge.json")["missing"] == 1


JURY = """
judges:
  - {model: scripted}
  - model: strong
    base_url: URL
    temperature: null
    max_tokens: 300
    json_schema: false
    extra_body: {reasoning_effort: low}
"""


def test_judges_from_a_file_are_asked_as_it_says(answered, tmp_path, server):
    bodies = []
    read, server._read = server._read, lambda body: bodies.append(body) or read(body)
    path = tmp_path / "judges.yaml"
    path.write_text(JURY.replace("URL", server.base_url))
    assert main(["judge", str(answered), "--judges", str(path)]) == 0
    assert {"temperature", "response_format"} & set(bodies[0]) == set()
    assert (bodies[0]["max_tokens"], bodies[0]["reasoning_effort"]) == (300, "low")
    assert {row["judge"] for _, row in read_rows(answered / "judge_votes.jsonl")} == {
        "scripted",
        "openai:loopback/strong",
    }


def test_a_judge_that_refuses_a_temperature_is_sent_none(answered, server):
    bodies = []
    read, server._read = server._read, lambda body: bodies.append(body) or read(body)
    words = ["--model", "m", "--base-url", server.base_url, "--temperature", "none", "--max-tokens", "4096"]
    assert main(["judge", str(answered), *words]) == 0
    assert "temperature" not in bodies[0] and bodies[0]["max_tokens"] == 4096
    assert "--temperature none" in read_header(answered / "judge.json")["command"]


def test_a_judge_is_called_before_it_is_opened_as_after(tmp_path, server):
    for settings in (JudgeSettings("scripted"), JudgeSettings("strong", server.base_url)):
        assert settings.open().name == settings.name


BAD = [
    pytest.param([], "there is no default judge", id="no_judge"),
    pytest.param(["--model", "a", "--judges", "f"], "--model and --judges both say who judges", id="both_ways"),
    pytest.param(["--model", "a", "--model", "a"], "names the judge openai:api.openai.com/a twice", id="one_twice"),
    pytest.param(["--model", "scripted", "--repeats", "0"], "--repeats is 0", id="no_repeat"),
    pytest.param(["--model", "scripted", "--budget", "0"], "--budget is 0", id="no_money"),
    pytest.param(["--model", "nobody", "--budget", "1"], "no price for openai:api.openai.com/nobody", id="no_price"),
    pytest.param(["--model", "a", "--base-url", "ftp://x"], "must be an http://", id="no_web_address"),
    pytest.param(["--model", "scripted", "--frames", "-1", "--media", "."], "--frames is -1", id="less_than_none"),
    pytest.param(["--model", "a", "--temperature", "hot"], "--temperature is 'hot'", id="no_temperature"),
    pytest.param(["--model", "a", "--max-tokens", "0"], "--max-tokens is 0", id="no_room"),
    pytest.param(["--judges", "nowhere.yaml"], "nowhere.yaml cannot be read", id="no_such_file"),
    pytest.param(["--model", "scripted", "--questions", "x.yaml"], "x.yaml cannot be read", id="no_questions"),
    pytest.param(["--model", "scripted", "--concurrency", "0"], "concurrency is 0", id="nothing_in_flight"),
    pytest.param(["--model", "scripted", "--concurrency", "0", "--plan"], "concurrency is 0", id="a_plan_of_nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "why"), BAD)
def test_bad_arguments_are_one_sentence_and_exit_code_two(answered, words, why, capsys):
    assert main(["judge", str(answered), *words]) == 2
    assert why in capsys.readouterr().err
    assert not (answered / "judge.json").exists()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("judges: []", "'judges' is empty", id="nobody"),
        pytest.param("judges: [{model: a, temprature: 1}]", "temprature", id="a_typo"),
        pytest.param("judges: [{model: a}, {model: a}]", "twice", id="one_twice"),
        pytest.param("judges: [{model: a, max_tokens: 0}]", "max_tokens", id="no_room"),
    ],
)
def test_a_file_of_judges_that_cannot_be_used_says_why(tmp_path, text, why):
    path = tmp_path / "judges.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as fault:
        read_jury(path)
    assert why in str(fault.value) and "judges.yaml" in str(fault.value)


def test_a_plan_asks_nobody_needs_no_key_and_is_what_then_happens(answered, server, prices, capsys, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert main(["judge", str(answered), "--model", "gpt-4.1-mini", "--plan"]) == 0
    assert "openai:api.openai.com/gpt-4.1-mini" in capsys.readouterr().out
    words = ["judge", str(answered), "--model", "dear", "--base-url", server.base_url, "--repeats", "2", *prices]
    assert main([*words, "--plan", "--controls", "--budget", "1"]) == 0
    told = capsys.readouterr().out
    assert "requests: 24," in told and "budget: $1.00 is not enough" in told
    assert (server.counts.requests, (answered / "judge").exists()) == (0, False)
    assert main([*words, "--controls"]) == 0
    assert server.counts.requests == 24
    capsys.readouterr()
    assert main([*words, "--plan", "--controls"]) == 0
    assert "requests: 0," in capsys.readouterr().out


def test_a_plan_without_a_price_says_so(answered, server, capsys):
    words = ["--model", "nobody-knows", "--plan"]
    assert main(["judge", str(answered), *words]) == 0
    told = capsys.readouterr().out
    assert "no price" in told and "cost: not known" in told


def test_a_plan_says_no_less_than_is_then_spent_and_not_twice_as_much(answered, server, prices, capsys):
    words = ["judge", str(answered), "--model", "dear", "--base-url", server.base_url, *prices]
    assert main([*words, "--plan"]) == 0
    planned = float(capsys.readouterr().out.split("cost: about $")[1].split(",")[0])
    assert main(words) == 0
    assert planned / 2 < read_header(answered / "judge.json")["cost"] <= planned


def test_a_budget_stops_cleanly_says_what_is_unscored_and_goes_on_later(answered, server, prices, capsys):
    words = ["judge", str(answered), "--model", "dear", "--base-url", server.base_url, *prices, "--concurrency", "1"]
    assert main([*words, "--budget", "3.5"]) == 3
    told = capsys.readouterr()
    assert "stopped early: the budget of $3.50 is used up" in told.err
    header = read_header(answered / "judge.json")
    assert 0 < header["scored"] < 4
    assert (header["unscored"], header["cost_so_far"] <= 3.5) == (4 - header["scored"], True)
    assert "raise the budget" in header["halted"]
    bought = server.counts.requests
    assert main([*words, "--budget", "100"]) == 0
    assert server.counts.requests == 4 and bought == header["scored"]


def test_a_budget_that_ends_the_controls_is_said_and_leaves_the_result(answered, server, prices, capsys):
    words = ["judge", str(answered), "--model", "dear", "--base-url", server.base_url, *prices, "--concurrency", "1"]
    assert main([*words, "--controls", "--budget", "4.5"]) == 3
    assert "controls stopped early: the budget of $4.50 is used up" in capsys.readouterr().err
    header = read_header(answered / "judge.json")
    assert (header["scored"], header["halted"]) == (4, "")
    assert header["cost_so_far"] + header["controls_cost"] <= 4.5


def test_a_budget_is_over_all_runs_of_the_command(make_run, answered, server, prices, capsys):
    other = make_run("b", lambda row: f"about {row.video_id}" if row.task == "open_qa" else row.reference)
    words = ["--model", "dear", "--base-url", server.base_url, *prices, "--concurrency", "1", "--budget", "3.5"]
    assert main(["judge", str(answered), str(other), *words]) == 3
    spent = [read_header(folder / "judge.json")["cost_so_far"] for folder in (answered, other)]
    assert sum(spent) <= 3.5
    assert spent[0] > 0 == spent[1]
    assert capsys.readouterr().err.count("the budget of $3.50 is used up") == 2


def test_what_judging_took_is_kept(answered, fake, judge):
    money = Money(Prices([Entry("*judge-1", input=1000, output=10_000)]))
    header = judge(answered, fake(lambda request: 4), money=money).header
    assert header["cost"] == header["cost_so_far"] == pytest.approx(4 * (0.1 + 0.1))
    again = judge(answered, fake(lambda request: 4), money=money).header
    assert (again["cost"], again["requests"], again["cost_so_far"]) == (0, 0, pytest.approx(0.8))
    assert again["judges"][0]["cost"] == pytest.approx(0.8)


def test_a_busy_endpoint_is_waited_for_and_a_wrong_key_is_not(answered, tmp_path, capsys, monkeypatch):
    words = ["judge", str(answered), "--model", "scripted"]
    with ChatServer(ScriptedModel(), faults=Faults(limit_every=3, retry_after="0")) as server:
        assert main([*words, "--base-url", server.base_url]) == 0
        assert server.counts.statuses[429] > 0
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-key-that-is-long")
    (answered / "predictions.jsonl").write_text(
        (answered / "predictions.jsonl").read_text().replace("about clips", "of clips")
    )
    with ChatServer(ScriptedModel(), api_key="the-right-one") as server:
        assert main([*words, "--base-url", server.base_url]) == 2
        assert server.counts.requests <= 4
    told = capsys.readouterr().err
    assert "refuses the key" in told and "sk-wrong" not in told
    kept = b"".join(path.read_bytes() for path in answered.rglob("*") if path.is_file())
    assert b"sk-wrong" not in kept


class Picky(ScriptedModel):
    """Writes prose at first, and the score alone when it is sent back."""

    async def reply(self, request):
        reply = await super().reply(request)
        return reply if request.turns else Reply(reply.outcome, "I like it.", model="picky")


def test_the_re_ask_goes_over_the_wire_as_a_conversation(answered):
    with ChatServer(Picky()) as server:
        assert main(["judge", str(answered), "--model", "picky", "--base-url", server.base_url]) == 0
        assert server.counts.requests == 8


FAMILIES = [
    pytest.param("Qwen/Qwen3-VL-8B-Instruct", "qwen", id="qwen"),
    pytest.param("nvidia/Cosmos-Reason1-7B", "qwen", id="cosmos_reason_is_trained_from_qwen"),
    pytest.param("openai:api.openai.com/gpt-5-mini", "gpt", id="gpt"),
    pytest.param("openai:openrouter.ai/openai/o3", "gpt", id="a_reasoning_gpt"),
    pytest.param("openai:qwen.example.com/llama-4", "llama", id="the_hosts_name_is_no_family"),
    pytest.param("runs/student", None, id="a_name_that_tells_nothing"),
    pytest.param("foo3", None, id="no_o3_inside_a_word"),
]


@pytest.mark.parametrize(("name", "family"), FAMILIES)
def test_a_models_family_is_told_by_its_name(name, family):
    assert family_of(name) == family


@pytest.mark.parametrize(
    ("config", "same"),
    [
        pytest.param({"config.json": {"model_type": "qwen2_5_vl"}}, True, id="by_its_configuration"),
        pytest.param({"adapter_config.json": {"base_model_name_or_path": "x/Qwen3-VL-2B"}}, True, id="by_its_base"),
        pytest.param({"config.json": {"model_type": "llava"}}, None, id="unknown_is_not_called_another"),
        pytest.param({"config.json": {"model_type": "internvl"}}, False, id="another_family"),
    ],
)
def test_a_trained_students_family_is_that_of_what_it_was_trained_from(answered, tmp_path, config, same):
    student = tmp_path / "student"
    student.mkdir()
    for name, text in config.items():
        (student / name).write_text(json.dumps(text))
    (answered / "run.json").write_text(json.dumps({"student": str(student)}))
    found = validity(load_arm(answered), ["openai:h/qwen3-235b"])
    assert found["same_family"] is same
    assert bool(found["warnings"]) == bool(same)


def test_a_judge_of_the_students_family_is_warned_of_and_not_refused(answered, server, capsys):
    (answered / "run.json").write_text(json.dumps({"student": "org/Qwen2.5-VL-7B"}))
    words = ["--model", "qwen3-max", "--base-url", server.base_url]
    assert main(["judge", str(answered), *words]) == 0
    assert (
        "warning: the judge openai:loopback/qwen3-max is of the student's own family (qwen)" in capsys.readouterr().err
    )
    assert read_header(answered / "judge.json")["validity"]["same_family"] is True


def test_a_json_schema_names_the_scale_that_the_reply_is_held_to(answered, server):
    seen = []
    reply, server.model.reply = server.model.reply, lambda request: seen.append(request) or reply(request)
    assert main(["judge", str(answered), "--model", "m", "--base-url", server.base_url]) == 0
    assert seen[0].schema["properties"]["score"] == {"type": "integer", "minimum": 1, "maximum": 5}
    assert read_blocks(seen[0].text)["response"].startswith("about clips")


def test_the_command_that_is_kept_judges_the_same_again(answered, server, capsys):
    words = [
        "judge",
        str(answered),
        "--model",
        "one",
        "--model",
        "two",
        "--base-url",
        server.base_url,
        "--repeats",
        "2",
    ]
    assert main(words) == 0
    header = read_header(answered / "judge.json")
    bought = server.counts.requests
    assert main(shlex.split(header["command"])[1:]) == 0
    again = read_header(answered / "judge.json")
    assert server.counts.requests == bought
    assert (again["command"], again["cache_hits"], header["cache_hits"]) == (header["command"], 16, 0)
    assert again["versions"]["packages"]["demitasse"]


class Cut(ScriptedModel):
    """Ends every reply as it is told to."""

    def __init__(self, outcome):
        super().__init__()
        self._outcome = outcome

    async def reply(self, request):
        return replace(await super().reply(request), outcome=self._outcome, finish_reason="")


@pytest.mark.parametrize("outcome", [Outcome.TRUNCATED, Outcome.BLOCKED, Outcome.REFUSED])
def test_how_a_reply_ended_is_told_by_its_own_fields_and_no_score_is_read_from_it(answered, outcome, capsys):
    with ChatServer(Cut(outcome)) as server:
        assert main(["judge", str(answered), "--model", "m", "--base-url", server.base_url]) == 3
    header = read_header(answered / "judge.json")
    assert header["votes"]["unscored_kinds"] == {outcome.value: 4}
    assert f'too many are unscored (4 of 4 votes: "{outcome.value}")' in capsys.readouterr().out
    assert {row["fault"] for _, row in read_rows(answered / "judgements.jsonl")} == {"judge_api"}


def test_one_judge_asked_once_loads_no_statistics(answered):
    code = (
        "import sys\nfrom demitasse.cli import main\n"
        f"code = main(['judge', {str(answered)!r}, '--model', 'scripted'])\n"
        "print(code, sorted({'torch', 'scipy', 'matplotlib', 'av'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1].endswith(" []")
