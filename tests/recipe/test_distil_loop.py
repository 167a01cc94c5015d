"""The distil loop: no video that is measured on is ever learnt from, in either round, whatever its file is called.

Toy clips are rendered, annotated, judged and chosen from for real; students are stood in for by replies that are known.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from demitasse import cli
from demitasse.dataset import Item, read_folder
from demitasse.dataset.item_id import id_of
from demitasse.media.probe import content_hash
from demitasse.recipe import CHECKOUT, read_recipe, run_recipe
from evaluate.gaps.known_media import media_of
from evaluate.records import Asked, Prediction, write_rows

FOLDER = CHECKOUT / "recipes" / "distil_loop"
SIZES = ("pool_clips=7", "dev_clips=2", "fewest_videos=2", "test_clips=2", "first=3", "second=20")
HELD_OUT = ("dev/20000.mp4", "test/40001.mp4")  # copies of these lie in the pool, too


class Loop(NamedTuple):
    """A run of the recipe: its folder, and the words of its commands by their names."""

    run: Path
    commands: dict[str, list[list[str]]]

    def data_of(self, round_: int) -> Path:
        """What a round annotated."""
        return self.run / f"round_{round_}/annotations/step_4_output"


def reply(item: Item, task: str, model: str) -> str:
    """The base knows nothing; the student of the first round what that round taught it: yes or no, and times."""
    taught = "round_1" in model and task in ("bcq", "temporal_localization")
    return item.answer if taught else "I cannot say."


def predict(words: list[str]) -> None:
    """Write the run folder that `demitasse predict` would, with known replies."""
    add_arguments, _ = cli._functions("predict")
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    args = parser.parse_args(words)
    rows = []
    for file in read_folder(args.data[0]):
        for item in file.items:
            if (task := file.task_of(item)) in args.tasks:
                asked = Asked(id_of(item, task), task, item.media_id, item.question, item.answer, item.extra)
                media = content_hash(file.media_path(item))
                rows.append(Prediction(asked, reply(item, task, args.model), "stop", media=media))
    write_rows(args.out / "items.jsonl", [row.asked.to_json() for row in rows])
    write_rows(args.out / "predictions.jsonl", [row.to_json() for row in rows])


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    """The recipe's smoke, run to its end, with copies of held-out videos planted in the pool under other names."""
    run = tmp_path_factory.mktemp("loop") / "run"
    commands: dict[str, list[list[str]]] = {}

    def dispatch(command: str) -> int:
        name, *words = shlex.split(command)
        commands.setdefault(name, []).append(words)
        if name == "annotate" and len(commands[name]) == 1:
            for place, held_out in enumerate(HELD_OUT):
                shutil.copy(run / "videos" / held_out, run / f"videos/pool/{place:05d}_again.mp4")
        if name == "predict":
            predict(words)
        return 0 if name in ("predict", "train", "compare") else cli.main([name, *words])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("demitasse.recipe.run.dispatch", dispatch)
        assert run_recipe(FOLDER / "smoke.yaml", [f"run={run}", *SIZES]) == 0
    return Loop(run, commands)


def test_neither_round_learns_from_a_video_that_is_measured_on(loop):
    measured = media_of(loop.run / "dev/step_4_output") | media_of(loop.run / "test/step_4_output")
    assert len(measured) == 4
    for files in data_files(loop.commands["train"]):
        assert not measured & frozenset[str]().union(*map(media_of, files))


def data_files(trainings):
    """The folders that each training reads."""
    given = [next(word for word in words if word.startswith("data.files=")) for words in trainings]
    return [[Path(name) for name in yaml.safe_load(words.partition("=")[2])] for words in given]


def test_the_copies_were_there_to_be_chosen(loop):
    """Without the guard the test above would fail: the second round takes all that it may."""
    pool = {content_hash(path) for path in (loop.run / "videos/pool").iterdir()}
    learnt = media_of(loop.data_of(1)) | media_of(loop.data_of(2))
    copies = {content_hash(loop.run / "videos" / name) for name in HELD_OUT}
    assert copies < pool
    assert learnt == pool - copies


@pytest.mark.parametrize("round_", [1, 2])
def test_each_round_left_the_copies_out_by_their_bytes(loop, round_):
    chosen = json.loads((loop.run / f"round_{round_}/gaps/gaps.json").read_text())["next"]
    assert chosen["left_out_as_evaluated"] == ["00000_again.mp4"]
    assert "00001_again.mp4" in chosen["left_out_as_named"]


def test_the_second_round_annotates_videos_that_the_first_has_not_had(loop):
    first, second = media_of(loop.data_of(1)), media_of(loop.data_of(2))
    assert (len(first), len(second)) == (3, 4)
    assert not first & second


def test_the_second_round_asks_only_for_what_the_first_student_got_wrong(loop):
    made = [{path.stem for path in loop.data_of(round_).glob("*.json")} for round_ in (1, 2)]
    assert made[0] == {"bcq", "bcq_openended", "temporal_localization"}
    assert made[1] == {"mcq", "mcq_openended", "open_qa"}


def test_the_second_student_goes_on_from_the_first_with_as_much_of_each_rounds_data(loop):
    """From the base, and with the rounds' data in proportion to their size, what the first had learnt was lost."""
    first, second = (dict(word.partition("=")[::2] for word in words) for words in loop.commands["train"])
    assert second["model.path"] == f"{first['output_dir']}/student"
    assert second["data.weights"] == "[1,1]"
    assert data_files(loop.commands["train"]) == [[loop.data_of(1)], [loop.data_of(1), loop.data_of(2)]]
    assert first["optim.steps"] == second["optim.steps"]


def test_gaps_are_read_from_dev_and_the_report_is_of_test(loop):
    assert [Path(words[0]).name for words in loop.commands["gaps"]] == ["dev", "dev"]
    reported = [word for words in loop.commands["compare"] for word in words if "=" in word]
    assert [word.partition("=")[0] for word in reported] == ["base", "round 1", "round 2", "round 1", "round 2"]
    asked = {word: words[words.index("--data") + 1] for words in loop.commands["predict"] for word in words}
    test = str(loop.run / "test/step_4_output")
    assert all(asked[word.partition("=")[2]] == test for word in reported)


def test_a_round_without_gaps_stops_there_and_an_older_choice_is_not_annotated(loop, tmp_path, capsys):
    """The spec of a look at which something failed is gone after one at which nothing does."""
    out = tmp_path / "gaps"
    pool = f"video_reasoning_annotation.data.video_root={loop.run / 'videos/pool'}"
    spec = ["--out", str(out), "--fewest-videos", "2", "--spec", str(FOLDER / "smoke.yaml"), pool]
    assert cli.main(["gaps", str(loop.run / "round_2/dev"), *spec]) == 0
    assert (out / "spec.yaml").is_file()
    assert cli.main(["gaps", str(loop.run / "round_2/dev"), *spec, "--tasks", "bcq"]) == 0
    assert "there is nothing to annotate" in capsys.readouterr().out
    assert not (out / "spec.yaml").exists()


def page_commands(*beginning: str) -> list[list[str]]:
    """The page's commands that begin so, as words."""
    page = (FOLDER / "README.md").read_text().replace("\\\n", " ")
    indented = [line for line in page.splitlines() if line.startswith("    demitasse ")]
    found = [shlex.split(line, comments=True)[1:] for line in indented]
    return [words for words in found if words[: len(beginning)] == list(beginning)]


def test_the_pages_plan_of_the_annotation_is_made_as_it_stands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes").symlink_to(CHECKOUT / "recipes")
    assert cli.main(["toyworld", "render", "data/videos/test", "--count", "2"]) == 0
    (words,) = page_commands("plan", "--stage", "annotate")
    assert cli.main(words) == 0, capsys.readouterr().err


def test_what_a_person_corrected_is_what_the_pages_next_command_measures_on(monkeypatch):
    monkeypatch.chdir(CHECKOUT)
    (apply,) = page_commands("data", "apply-edits")
    (run,) = [words for words in page_commands("run") if any(word.startswith("test_items=") for word in words)]
    corrected = apply[apply.index("--out") + 1]
    commands = read_recipe(Path(run[1]), run[2:]).commands
    assert sum(f"--data {corrected} " in command for command in commands) == 3
    assert not [command for command in commands if f"{apply[2]}/step_4_output" in command]
