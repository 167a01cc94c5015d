"""What the core does without is missed in a sentence, before anything is done."""

import importlib.util
import json
import sys
import tomllib
from pathlib import Path

import pytest

from demitasse.cli import COMMANDS, Command, arguments_of, main
from demitasse.errors import ConfigError
from demitasse.extras import EXTRAS

ROOT = Path(__file__).resolve().parents[2]
SMOKE = ROOT / "recipes/quickstart/smoke.yaml"


@pytest.fixture
def without(monkeypatch):
    """Take libraries away, for `import` and for those who only look."""
    find = importlib.util.find_spec

    def away(*libraries):
        for library in libraries:
            monkeypatch.setitem(sys.modules, library, None)
        monkeypatch.setattr("demitasse.extras.find_spec", lambda name: None if name in libraries else find(name))

    return away


def test_the_table_is_that_of_pyproject():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra, libraries in EXTRAS.items():
        assert [one.partition(">")[0] for one in declared[extra]] == list(libraries)


@pytest.mark.parametrize(
    ("words", "library", "extra"),
    [
        pytest.param(["train", "--config", str(SMOKE), "output_dir={out}"], "accelerate", "train", id="train"),
        pytest.param(["export", "nowhere", "--out", "{out}"], "torch", "train", id="export"),
        pytest.param(["predict", "--data", "x", "--model", "y", "--out", "{out}"], "torch", "train", id="predict"),
        pytest.param(
            ["predict", "--data", "x", "--model", "y", "--out", "{out}", "--endpoint", "http://127.0.0.1:9/v1"],
            "transformers",
            "train",
            id="predict_behind_an_endpoint",
        ),
        pytest.param(["compare", "x", "y", "--out", "{out}"], "matplotlib", "evaluate", id="compare"),
    ],
)
def test_a_command_names_the_extra_that_it_lacks_before_it_does_anything(
    tmp_path, capsys, without, words, library, extra
):
    without(library)
    out = tmp_path / "out"
    assert main([word.format(out=out) for word in words]) == 2
    told = f"this needs {library}, which is not installed: run pip install -e '.[{extra}]' in the checkout"
    assert capsys.readouterr().err == f"demitasse: {told}\n" and not out.exists()


def test_an_import_that_fails_later_is_told_in_the_same_words(capsys, monkeypatch, without):
    without("torch")
    module = type(sys)("a_command_for_a_test")
    module.add_x_arguments = lambda parser: None
    module.run_x = lambda args: __import__("torch.nn")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(COMMANDS, "x", Command("a test", module.__name__))
    assert main(["x"]) == 2
    assert capsys.readouterr().err.endswith("run pip install -e '.[train]' in the checkout\n")


def test_a_missing_module_of_ours_keeps_its_traceback(monkeypatch):
    monkeypatch.setitem(COMMANDS, "x", Command("a test", "demitasse.no_such_module"))
    with pytest.raises(ModuleNotFoundError, match="demitasse.no_such_module"):
        main(["x"])


def test_help_needs_no_extra(capsys, without):
    without("torch", "transformers", "accelerate", "matplotlib")
    for name in ("train", "export", "predict", "compare"):
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        assert ended.value.code == 0


def test_a_recipe_is_told_of_it_for_a_stage_to_come(without):
    import argparse

    parser = argparse.ArgumentParser()
    check = arguments_of("compare", parser)
    args = parser.parse_args(["a", "b", "--out", "c"])
    check(args)
    without("matplotlib")
    with pytest.raises(ConfigError, match=r"pip install -e '.\[evaluate\]'"):
        check(args)


def test_a_recipe_buys_nothing_before_it_has_what_its_last_stage_needs(tmp_path, capsys, without):
    without("torch")
    assert main(["run", str(SMOKE), f"run={tmp_path / 'run'}"]) == 2
    told = capsys.readouterr().err
    assert "stage " in told and "pip install -e '.[train]'" in told and told.count("\n") == 1
    assert not list(tmp_path.glob("run/annotations"))


@pytest.mark.parametrize(
    ("setting", "library"),
    [
        pytest.param("track: {to: [tensorboard]}", "tensorboard", id="a_tracker"),
        pytest.param("model: {method: qlora}", "bitsandbytes", id="a_method"),
    ],
)
def test_a_recipe_begins_no_stage_before_it_has_what_a_training_to_come_asks_for(
    tmp_path, capsys, monkeypatch, setting, library
):
    find = importlib.util.find_spec
    monkeypatch.setattr("train.packages.find_spec", lambda name: None if name == library else find(name))
    recipe = tmp_path / "config.yaml"
    stages = ["toyworld render {run}/videos --count 1", "train --config {recipe}/config.yaml model.path=x"]
    section = {"values": {"run": str(tmp_path / "run")}, "stages": stages}
    recipe.write_text(f"recipe: {json.dumps(section)}\ntrain:\n  {setting}\n")
    assert main(["run", str(recipe)]) == 2
    told = capsys.readouterr().err
    assert "stage 2, `train" in told and f"pip install {library}" in told and told.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_teacher_on_this_machine_is_missed_before_the_first_record(tmp_path, capsys, without):
    without("torch")
    (tmp_path / "videos").mkdir()
    assert main(["toyworld", "render", str(tmp_path / "videos"), "--count", "1"]) == 0
    section = "video_reasoning_annotation"
    models = [f"{section}.{one}.{key}" for one in ("vlm", "llm") for key in ("backend=local", f"local.path={tmp_path}")]
    videos = [f"{section}.data.video_root={tmp_path / 'videos'}", f"{section}.license=CC0-1.0"]
    assert main(["annotate", "video", f"results_dir={tmp_path / 'out'}", *models, *videos, "--quiet"]) == 2
    assert capsys.readouterr().err.endswith("run pip install -e '.[train]' in the checkout\n")
    assert not (tmp_path / "out/quarantine.jsonl").exists()
