"""`demitasse data`: what each subcommand prints, writes and returns."""

import json

import pytest

from demitasse.cli import main
from demitasse.dataset import Item, TaskFile, read, read_folder, validate, write
from demitasse.dataset.grounding import grounding_answer, grounding_question, units_of
from demitasse.split import split_by_video


def test_validate_says_no_problems_and_exits_0(dataset, capsys):
    assert main(["data", "validate", str(dataset)]) == 0
    assert capsys.readouterr().out == f"{dataset}: no problems\n"


def test_validate_prints_every_problem_on_its_line_and_exits_2(dataset, change, capsys):
    change("mcq.json", lambda value: value["items"][0].update(answer="Z"))
    change("bcq.json", lambda value: value["items"][0].update(answer=""))
    assert main(["data", "validate", str(dataset)]) == 2
    assert capsys.readouterr().out.splitlines() == [
        f"{dataset / 'bcq.json'}: items[0].answer is empty",
        f'{dataset / "mcq.json"}: items[0].answer is "Z", but the options are A, B, C',
        f"{dataset}: 2 problems",
    ]


def test_validate_looks_at_every_path_it_is_given(dataset, change, capsys):
    change("mcq.json", lambda value: value.update(extra=1))
    assert main(["data", "validate", str(dataset / "bcq.json"), str(dataset / "mcq.json")]) == 2
    assert capsys.readouterr().out.splitlines() == [
        f"{dataset / 'bcq.json'}: no problems",
        f"{dataset / 'mcq.json'}: extra is an unknown key; the format knows only format, metadata, media_root, items",
        f"{dataset / 'mcq.json'}: 1 problem",
    ]


def test_stats_prints_a_line_for_each_task(dataset, capsys):
    assert main(["data", "stats", str(dataset)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "files 4, items 5, videos 2, images 0"
    assert lines[3].split() == ["mcq", "2", "2", "2", "12.0", "1.0", "2.0", "A:1", "B:1"]


def test_stats_as_json(dataset, capsys):
    assert main(["data", "stats", str(dataset / "mcq.json"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tasks"]["mcq"]["items"] == 2


def test_split_writes_two_valid_sides(dataset, tmp_path, capsys):
    assert main(["data", "split", str(dataset), str(tmp_path / "out"), "--eval", "1", "--seed", "4"]) == 0
    assert validate(tmp_path / "out") == []
    assert f"{tmp_path / 'out' / 'eval'}: videos 1, items " in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "split.json").read_text())["seed"] == 4


def test_a_split_over_another_one_says_what_a_student_may_have_seen(dataset, tmp_path, capsys):
    command = ["data", "split", str(dataset), str(tmp_path / "out"), "--eval", "1"]
    assert [main([*command, "--seed", "0"]), main([*command, "--seed", "0"])] == [0, 0]
    assert "another split" not in capsys.readouterr().err
    before = json.loads((tmp_path / "out" / "split.json").read_text())["eval"]
    seeds = (seed for seed in range(1, 50) if split_by_video(read_folder(dataset), 1, seed).eval_ids != before)
    assert main([*command, "--seed", str(next(seeds))]) == 0
    told = capsys.readouterr().err
    assert "another split was here, and is replaced; 1 of the 1 videos now in eval/ were in its train/" in told


def test_converting_there_and_back_returns_the_dataset(dataset, tmp_path, tao_daft):
    assert main(["data", "convert", str(dataset), str(tmp_path / "daft"), "--to", "daft"]) == 0
    assert read(tmp_path / "daft" / "mcq.json").items[0].answer == "B) wrench"
    assert validate(tmp_path / "daft") == [] and tao_daft(tmp_path / "daft")
    assert main(["data", "convert", str(tmp_path / "daft"), str(tmp_path / "tao"), "--to", "tao"]) == 0
    assert [file.items for file in read_folder(tmp_path / "tao")] == [file.items for file in read_folder(dataset)]


@pytest.mark.parametrize(
    ("target", "out"),
    [pytest.param("hugging-face", "hf", id="hugging_face"), pytest.param("llava", "x.json", id="llava")],
)
def test_converting_through_a_foreign_format_returns_the_dataset(dataset, tmp_path, target, out):
    foreign = str(tmp_path / "foreign" / out)
    assert main(["data", "convert", str(dataset), foreign, "--to", target]) == 0
    assert main(["data", "convert", foreign, str(tmp_path / "back"), "--from", target, "--to", "tao"]) == 0
    assert validate(tmp_path / "back") == []
    assert [file.items for file in read_folder(tmp_path / "back")] == [file.items for file in read_folder(dataset)]


def test_an_item_that_cannot_be_converted_is_named_and_nothing_is_written(dataset, change, tmp_path, capsys):
    change("mcq.json", lambda value: value["items"][1].update(answer="Q"))
    assert main(["data", "convert", str(dataset), str(tmp_path / "out"), "--to", "daft"]) == 2
    assert f'{dataset / "mcq.json"}: items[1].answer is "Q", but the options are A, B' in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_dataset_is_not_converted_onto_itself(dataset, capsys):
    before = (dataset / "mcq.json").read_text()
    assert main(["data", "convert", str(dataset), str(dataset), "--to", "daft"]) == 2
    assert "overwritten" in capsys.readouterr().err and (dataset / "mcq.json").read_text() == before


def test_an_option_that_would_do_nothing_is_refused(dataset, tmp_path, capsys):
    assert main(["data", "convert", str(dataset), str(tmp_path / "out"), "--to", "tao", "--think"]) == 2
    assert "--to llava" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["stats"], ["split", "--eval", "1"], ["convert", "--to", "tao"]], ids=lambda w: w[0])
def test_a_folder_that_is_not_there_is_one_line_and_exit_2(tmp_path, capsys, words):
    paths = [str(tmp_path / "gone"), str(tmp_path / "out")][: 1 if words[0] == "stats" else 2]
    assert main(["data", words[0], *paths, *words[1:]]) == 2
    error = capsys.readouterr().err
    assert "gone" in error and error.count("\n") == 1


def boxes_of(*counts):
    """Items about a picture each, with so many boxes in their answers."""
    units = units_of("qwen_1000", (10, 10))
    for number, count in enumerate(counts):
        answer = grounding_answer("a car", [units.write([side, 1, side + 1, 3]) for side in range(count)])
        extra = {"boxes": units.to_json()}
        yield Item(grounding_question("a car", units), answer, image_id=f"{number}.png", extra=extra)


@pytest.fixture
def results(tmp_path):
    """A folder like that of `annotate image`: its items lie one below."""
    (tmp_path / "results" / "items").mkdir(parents=True)
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(bytes([number]))
    file = TaskFile(list(boxes_of(1, 1, 2)), task="grounding", license="x", media_root=str(tmp_path))
    write(tmp_path / "results" / "items" / "grounding.json", file)
    return tmp_path / "results"


def test_stats_counts_boxes_of_grounding_answers(results, capsys):
    assert main(["data", "stats", str(results / "items")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "files 1, items 3, videos 0, images 3" and lines[2].endswith("1 box:2 2 boxes:1")


def test_split_counts_images_as_images(results, tmp_path, capsys):
    assert main(["data", "split", str(results / "items"), str(tmp_path / "out"), "--eval", "1"]) == 0
    assert f"{tmp_path / 'out' / 'train'}: images 2, items 2, files 1\n" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["stats", "split"])
def test_a_folder_above_the_dataset_names_where_it_is(results, tmp_path, capsys, command):
    words = [str(results), str(tmp_path / "out")][: 1 if command == "stats" else 2]
    assert main(["data", command, *words]) == 2
    error = capsys.readouterr().err
    assert (
        f"holds no dataset file (a .json whose format is 'tao-vl-reason-v1.0'); there is one in {results / 'items'}"
        in error
    )
