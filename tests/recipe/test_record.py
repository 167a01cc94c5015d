"""run.json tells all that a reader asks of a run, and nothing of the person or the machine it ran on."""

import json
import os
import platform
import socket
from pathlib import Path

import pytest

from demitasse.errors import DemitasseError
from demitasse.recipe import read_recipe, run_recipe
from demitasse.recipe.digest import SAMPLE, WHOLE, file_hash, files_in
from demitasse.recipe.record import read_stages, summed, told_command, without_secrets

HOST = "a-canary-among-hosts"


@pytest.fixture
def recipe(tmp_path, no_parsers):
    """A recipe in a folder of somebody's, whose data lie elsewhere from the root."""
    path = tmp_path / "recipes" / "config.yaml"
    path.parent.mkdir()
    (tmp_path / "data" / "videos").mkdir(parents=True)
    (tmp_path / "data" / "videos" / "a.mp4").write_bytes(b"video")
    values = {
        "run": str(tmp_path / "run"),
        "videos": str(tmp_path / "data" / "videos"),
        "api_key": "sk-secret",
        "key_env": "NAME",
    }
    stages = ["annotate {videos} --out {run}/annotated x.api_key={api_key}", "data split {run}/annotated {run}/data"]
    path.write_text(json.dumps({"recipe": {"values": values, "stages": stages}}))
    return path


@pytest.fixture
def ran(recipe, tmp_path, monkeypatch):
    """The record of a run in which the first stage paid for two replies, of three attempts."""

    def dispatch(command):
        folder = tmp_path / "run" / ("annotated" if command.startswith("annotate") else "data")
        folder.mkdir(exist_ok=True)
        if folder.name == "annotated":
            rows = [{"reply": {}, "cost": 0.25, "attempts": 2}, {"reply": {}, "cost": 0.5, "attempts": 1}]
            (folder / "calls.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"torn')
        else:
            (folder / "split.json").write_text(json.dumps({"train": ["a", "b"], "eval": ["c"], "seed": 0}))
        return 0

    monkeypatch.setattr("demitasse.recipe.run.dispatch", dispatch)
    # A name that is in no record by chance, as this machine's may be.
    named = os.uname_result(("Linux", HOST, *os.uname()[2:]))
    monkeypatch.setattr(os, "uname", lambda: named)
    monkeypatch.setattr(socket, "gethostname", lambda: HOST)
    monkeypatch.setattr(platform, "node", lambda: HOST)
    assert run_recipe(recipe, []) == 0
    return (tmp_path / "run" / "run.json").read_text()


def test_it_tells_versions_and_the_kind_of_machine(ran):
    told = json.loads(ran)
    assert set(told["demitasse"]) == {"version", "commit"}
    assert {"torch", "transformers", "numpy"} <= set(told["packages"])
    assert told["machine"]["cores"] >= 1
    assert told["python"].startswith("3.")
    assert list(told["files"]) == ["config.yaml"]


def test_it_tells_of_each_stage_what_it_took_read_and_wrote(ran):
    first, second = json.loads(ran)["stages"]
    assert first["exit_code"] == second["exit_code"] == 0
    assert first["begun"].endswith("+00:00") and first["seconds"] >= 0
    assert first["read"]["…/videos"]["files"] == 1
    assert first["read"]["{run}/annotated"] is None
    assert list(first["wrote"]) == ["annotated/calls.jsonl"]
    assert second["read"]["{run}/annotated"]["bytes"] == first["wrote"]["annotated/calls.jsonl"]["bytes"]
    assert second["results"] == {"data/split.json": {"train": 2, "eval": 1}}


def test_costs_are_those_of_the_ledgers_and_attempts_count_as_requests(ran):
    told = json.loads(ran)
    assert told["stages"][0]["cost"] == told["cost"] == {"requests": 3, "dollars": 0.75}
    assert told["stages"][1]["cost"] == {}


def test_what_a_stage_cost_before_counts_when_it_is_run_again(ran, recipe, tmp_path):
    (tmp_path / "data" / "videos" / "b.mp4").write_bytes(b"another")
    (tmp_path / "run" / "annotated" / "calls.jsonl").unlink()
    run_recipe(recipe, [])
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["stages"][0]["cost"] == {"requests": 6, "dollars": 1.5}


def test_it_holds_no_secret_no_host_and_no_path_of_the_machine(ran, tmp_path):
    assert "sk-secret" not in ran
    assert str(tmp_path) not in ran and str(Path.home()) + "/" not in ran
    assert HOST not in ran
    values = json.loads(ran)["values"]
    assert (values["videos"], values["api_key"], values["key_env"]) == ("…/videos", "(hidden)", "NAME")


def test_no_secret_reaches_the_screen(recipe, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("demitasse.recipe.run.dispatch", lambda command: 0)
    run_recipe(recipe, [])
    run_recipe(recipe, [])
    assert "sk-secret" not in "".join(capsys.readouterr())


def test_what_was_paid_for_stages_that_the_recipe_has_no_more_still_counts(ran, recipe, tmp_path):
    content = json.loads(recipe.read_text())
    content["recipe"]["stages"][0] += " more=1"
    recipe.write_text(json.dumps(content))
    run_recipe(recipe, [])
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert len(record["replaced"]) == 1
    assert record["cost"]["dollars"] >= 0.75


@pytest.mark.parametrize(
    "text, shown",
    [
        pytest.param("a api_key=sk-1 b", "a 'api_key=(hidden)' b", id="a_key"),
        pytest.param("a x.vlm.openai.api_key=sk-1", "a 'x.vlm.openai.api_key=(hidden)'", id="a_key_deep_in_a_spec"),
        pytest.param("a --api-key sk-1 b", "a --api-key '(hidden)' b", id="an_option"),
        pytest.param("a hf_token=t", "a 'hf_token=(hidden)'", id="a_token"),
        pytest.param("a 'my_password=a b c' d", "a 'my_password=(hidden)' d", id="a_password_of_several_words"),
        pytest.param("a --token 'a b' c", "a --token '(hidden)' c", id="an_option_of_several_words"),
        pytest.param("a --api-key-env NAME", "a --api-key-env NAME", id="the_name_of_a_variable_is_none"),
        pytest.param("a data.max_tokens=4096", "a data.max_tokens=4096", id="a_number_of_tokens_is_none"),
        pytest.param("a --keys keys.yaml", "a --keys keys.yaml", id="keys_of_labels_are_none"),
    ],
)
def test_secrets_of_a_command_are_hidden(text, shown):
    assert without_secrets(text) == shown


def test_paths_are_told_from_the_run_and_the_recipe_or_by_name(recipe, tmp_path):
    read = read_recipe(recipe, [])
    for command, shown in (
        (f"a {tmp_path}/run/x {tmp_path}/recipes/b.yaml", "a {run}/x {recipe}/b.yaml"),
        ("a /srv/someone/data/clips --out=/srv/x/y,/srv/x/z", "a …/clips --out=…/y,…/z"),
        ("http://127.0.0.1:8000/v1 models/a 1/2", "http://127.0.0.1:8000/v1 models/a 1/2"),
        ("a 'x=/srv/of somebody/my clips/day 1' [/srv/a,b]", "a 'x=…/day 1' […/a,b]"),
        ("a --note 'either a / b or c'", "a --note 'either a / b or c'"),
    ):
        assert told_command(read, command) == shown


def test_values_are_told_without_secrets_and_without_paths_as_words_where_stages_take_them_so(recipe, monkeypatch):
    content = json.loads(recipe.read_text())
    content["recipe"]["values"] |= {
        "asked": "--cache /srv/me/c --prompts '/srv/me/my p' x.token=t",
        "home": "/srv/of me/x",
        "set": "y.password=a b",
    }
    content["recipe"]["stages"] = ["a {*asked} {home} {set}"]
    recipe.write_text(json.dumps(content))
    monkeypatch.setattr("demitasse.recipe.run.dispatch", lambda command: 0)
    run_recipe(recipe, [])
    record = json.loads((recipe.parent.parent / "run" / "run.json").read_text())
    values = {name: record["values"][name] for name in ("asked", "home", "set")}
    assert values == {
        "asked": "--cache …/c --prompts '…/my p' 'x.token=(hidden)'",
        "home": "…/x",
        "set": "y.password=(hidden)",
    }
    assert record["stages"][0]["command"] == f"a {values['asked']} …/x 'y.password=(hidden)'"


@pytest.mark.parametrize("text", ["{", '{"format": "demitasse-run-v1"}', '{"format": "demitasse-run-v1", "stages": 1}'])
def test_a_damaged_record_is_named_with_what_to_do(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(DemitasseError, match=r"run\.json is damaged.*delete it"):
        read_stages(tmp_path)


def test_the_record_of_another_program_is_not_ours(tmp_path):
    (tmp_path / "run.json").write_text('{"format": "demitasse-predictions-v1"}')
    assert read_stages(tmp_path) == {}


def test_costs_that_nobody_knows_make_an_unknown_sum():
    assert summed([{}, {}]) == {}
    assert summed([{"requests": 1, "dollars": 0.5}, {"requests": 2, "dollars": None}]) == {
        "requests": 3,
        "dollars": None,
    }


def test_a_large_file_is_hashed_by_samples_from_end_to_end(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(bytes(WHOLE))
    assert not file_hash(path).startswith("sampled:")
    path.write_bytes(bytes(WHOLE + 1))
    first = file_hash(path)
    assert first.startswith("sampled:")
    for place in (0, WHOLE // 15 * 7, WHOLE - SAMPLE // 2):
        with open(path, "r+b") as file:
            file.seek(place)
            file.write(os.urandom(SAMPLE // 2))
        os.utime(path, ns=(place, place))
        assert file_hash(path) != first
        first = file_hash(path)


def test_locks_checkpoints_caches_and_hidden_files_are_no_results(tmp_path):
    for name in ("LOCK", "LOCK.json", "checkpoints/a", "cache/b", ".partial", "kept/c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "kept" / "loop").symlink_to(tmp_path)
    assert list(files_in(tmp_path, [tmp_path / "cache"])) == ["kept/c"]
