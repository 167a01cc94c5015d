"""Examples in docs/ that no other test reads: they are taken from the page and run, or held beside the code."""

import argparse
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from annotate.video_reasoning.config import Spec
from annotate.video_reasoning.prompt_keys import QA_TYPES
from demitasse.cli import COMMANDS, arguments_of, main
from demitasse.config import read_config
from demitasse.dataset.schema import TASKS, problems
from evaluate.metric import JUDGE, metric_of
from train.config import TrainConfig

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md"), *(ROOT / "recipes").glob("*/README.md")])
COMMAND = re.compile(r"^(?: {4}|)demitasse (\w(?:\\\n|.)*)", re.MULTILINE)


def text_of(page: str) -> str:
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


def example(page: str, language: str) -> str:
    """The first example in a language on a page."""
    found = re.search(rf"^```{language}\n(.*?)^```", text_of(page), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def rows(page: str, heading: str) -> list[list[str]]:
    """Cells of the first table under a heading, without its head."""
    section = text_of(page).partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def options(parser: argparse.ArgumentParser, words: list[str]) -> set[str]:
    """What a command takes, of its subcommands the one that is named."""
    below = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    named = [one.choices[word] for one in below for word in words[:1] if word in one.choices]
    own = {name for one in parser._actions for name in one.option_strings}
    return own.union(*(options(one, words[1:]) for one in named))


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_an_option_that_a_page_gives_a_command_is_one_of_it(name):
    parser = argparse.ArgumentParser()
    arguments_of(name, parser)
    wrong = []
    for page in PAGES:
        for line in COMMAND.findall(page.read_text(encoding="utf-8")):
            # A value in quotes may hold options of another command.
            unquoted = re.sub(r"""=(["']).*?\1""", "=", line.replace("\\\n", " "))
            words = re.split(r"\s#\s|\s[;|]\s| && ", unquoted)[0].split()
            if words[0] == name and len(words) > 1:
                told = {word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)}
                wrong += [f"{page.name}: {name} {option}" for option in told - options(parser, words[1:])]
    assert wrong == []


def test_extras_that_a_page_installs_are_there_and_the_readme_names_all():
    extras = set(
        tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    )
    told = {name for page in PAGES for name in re.findall(r"-e '\.\[(\w+)\]'", page.read_text(encoding="utf-8"))}
    assert told - extras == set()
    listed = re.search(r"the extras are (.*?)\. Nothing", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert set(re.findall(r"`([\w-]+)`", listed[1])) == extras


def test_the_file_that_formats_shows_is_a_whole_one():
    assert list(problems(ROOT / "docs" / "formats.md", json.loads(example("formats.md", "json")))) == []


def test_the_tasks_on_the_page_are_those_that_are_written_with_their_question_types_and_metrics():
    table = rows("videos.md", "The ten tasks")
    assert [cells[0].strip("`") for cells in table] == list(TASKS)
    assert {cells[1].strip("`") for cells in table} == set(QA_TYPES)
    assert {cells[0].strip("`") for cells in table if cells[-1] == "judge"} == {
        task for task in TASKS if metric_of(task) is JUDGE
    }


def test_the_spec_of_videos_is_read_and_its_limits_are_the_defaults(tmp_path):
    (tmp_path / "spec.yaml").write_text(example("videos.md", "yaml"), encoding="utf-8")
    workflow = read_config(Spec, tmp_path / "spec.yaml").video_reasoning_annotation.workflow
    assert f"`workflow.max_video_length_sec` ({workflow.max_video_length_sec})" in text_of("videos.md")
    assert f"`long_video_threshold_sec` ({workflow.long_video_threshold_sec})" in text_of("videos.md")
    assert [cells[0] for cells in rows("videos.md", "The steps")] == workflow.steps


def test_the_configuration_of_training_is_read_and_its_table_has_the_defaults(tmp_path):
    (tmp_path / "lora.yaml").write_text(example("training.md", "yaml"), encoding="utf-8")
    assert read_config(TrainConfig, tmp_path / "lora.yaml", section="train").model.method == "lora"
    optim, frames = TrainConfig().optim, TrainConfig().frames
    for row in (
        f"| `optim.lr` | {optim.lr:g} |".replace("e-0", "e-"),
        f"| `optim.epochs`, `optim.steps` | {optim.epochs:g}, {optim.steps} |",
        f"| `optim.warmup` | {optim.warmup} |",
        f"| `optim.batch_size`, `micro_batch_size` | {optim.batch_size}, {optim.micro_batch_size} |",
        f"| `frames.fps`, `max_frames`, `max_pixels` | {frames.fps:g}, {frames.max_frames}, the model's |",
    ):
        assert row in text_of("training.md")


def test_replies_of_a_program_of_ones_own_are_compared_as_the_page_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    dataset = json.loads(example("formats.md", "json"))
    asked = dataset["items"][0]
    dataset["items"] = [asked | {"video_id": f"{number}.mp4"} for number in range(8)]
    Path("data").mkdir()
    Path("data/mcq.json").write_text(json.dumps(dataset), encoding="utf-8")
    Path("join.py").write_text(example("interop.md", "python"), encoding="utf-8")
    for name, letter in (("a", "A"), ("b", "B")):
        said = [{"video": f"{n}.mp4", "question": asked["question"], "reply": letter} for n in range(7)]
        Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in said), encoding="utf-8")
        words = [sys.executable, "join.py", "data", f"{name}.jsonl", f"{name}_samples.jsonl"]
        subprocess.run(words, check=True, env={"PYTHONPATH": str(ROOT)})
        assert (
            main(["results", "--from", "lmms", f"{name}_samples.jsonl", "--data", "data", "--out", f"runs/{name}"]) == 3
        )
    main(["compare", "a=runs/a", "b=runs/b", "--out", "runs/report"])
    assert "0.0% → 87.5%" in capsys.readouterr().out, "seven of eight, for the item without a reply is wrong"
