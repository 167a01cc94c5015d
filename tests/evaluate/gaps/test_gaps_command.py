"""`demitasse gaps` from a run folder to a spec that `demitasse annotate` takes."""

import json

import pytest
import yaml

from demitasse import cli
from demitasse.dataset import Item, TaskFile, write
from demitasse.dataset.item_id import make_item_id
from demitasse.media.probe import content_hash
from demitasse.toyworld.render import render_clip
from evaluate.gaps.find import FEWEST_VIDEOS
from evaluate.records import Asked, Prediction, write_rows

SECTION = "video_reasoning_annotation"


@pytest.fixture
def pool(tmp_path):
    """A folder of six toy clips, one of them in a folder of its own."""
    folder = tmp_path / "pool"
    (folder / "night").mkdir(parents=True)
    for number in range(6):
        render_clip(folder / ("night/5.mp4" if number == 5 else f"{number}.mp4"), number)
    return folder


@pytest.fixture
def run(tmp_path, pool):
    """A run that was asked two questions of each of two clips: every mcq is wrong and every bcq right."""
    rows = []
    for name in ("0.mp4", "1.mp4"):
        for task, question, answer, reply in (
            ("mcq", "Which?\nA. red\nB. blue", "A", "B"),
            ("bcq", "Does a light come on?", "Yes", "Yes"),
        ):
            asked = Asked(make_item_id(task, name, question, None), task, name, question, answer)
            rows.append(Prediction(asked, reply, "stop", media=content_hash(pool / name)))
    folder = tmp_path / "run"
    write_rows(folder / "items.jsonl", [one.asked.to_json() for one in rows])
    write_rows(folder / "predictions.jsonl", [one.to_json() for one in rows])
    return folder


@pytest.fixture
def spec(tmp_path, pool):
    """A spec whose teacher is the toy world's."""
    section = {"vlm": {"backend": "scripted"}, "llm": {"backend": "scripted"}, "license": "CC0-1.0"}
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump({SECTION: section | {"data": {"video_root": str(pool)}}}))
    return path


def gaps(run, out, *words, fewest=2):
    """The exit code, and `gaps.json`; the runs here are of two clips."""
    code = cli.main(["gaps", str(run), "--out", str(out), "--fewest-videos", str(fewest), *map(str, words)])
    return code, json.loads((out / "gaps.json").read_text()) if (out / "gaps.json").is_file() else {}


def test_the_tasks_that_fail_are_named_with_their_share(run, tmp_path, capsys):
    code, found = gaps(run, tmp_path / "out")
    assert (code, found["gaps"]) == (0, ["mcq"])
    assert "gap mcq: 2 of 2 fail, 100% [34%, 100%], 2 videos: 2 wrong option" in capsys.readouterr().out


def test_a_task_of_too_few_videos_is_told_apart_and_nothing_is_annotated_for_it(run, spec, tmp_path, capsys):
    """By the default, for two wrong answers about two clips are no reason to spend money."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/spec.yaml").write_text("of an earlier look")
    code, found = gaps(run, tmp_path / "out", "--spec", spec, fewest=FEWEST_VIDEOS)
    told = capsys.readouterr().out
    assert (code, found["gaps"], found["too_little_to_say"]) == (0, [], ["mcq", "bcq"])
    assert {one["task"]: one["finding"] for one in found["tasks"]} == dict.fromkeys(("mcq", "bcq"), "too little to say")
    assert "  ? mcq: 2 of 2 fail" in told and "too little to say of mcq, bcq" in told and "there is nothing to" in told
    assert not (tmp_path / "out/spec.yaml").exists()


def test_one_wrong_item_of_one_video_is_a_gap_only_where_a_person_says_that_one_is_enough(tmp_path, capsys):
    asked = Asked("a" * 16, "mcq", "0.mp4", "Which?\nA. red\nB. blue", "A")
    write_rows(tmp_path / "run/items.jsonl", [asked.to_json()])
    write_rows(tmp_path / "run/predictions.jsonl", [Prediction(asked, "B", "stop").to_json()])
    assert cli.main(["gaps", str(tmp_path / "run"), "--out", str(tmp_path / "out")]) == 0
    assert json.loads((tmp_path / "out/gaps.json").read_text())["gaps"] == []
    _, found = gaps(tmp_path / "run", tmp_path / "out", fewest=1)
    assert found["gaps"] == ["mcq"]
    assert "gap mcq: 1 of 1 fail, 100%, 1 video:" in capsys.readouterr().out


def test_the_spec_asks_only_what_is_failed_and_of_nothing_that_was_evaluated(run, spec, tmp_path):
    code, found = gaps(run, tmp_path / "out", "--spec", spec)
    written = yaml.safe_load((tmp_path / "out/spec.yaml").read_text())[SECTION]
    assert code == 0
    assert written["workflow"] == {"qa_types": ["mcq"]}
    assert sorted(found["next"]["files"]) == ["2.mp4", "3.mp4", "4.mp4", "night/5.mp4"]
    assert found["next"]["left_out_as_evaluated"] == ["0.mp4", "1.mp4"]


def test_videos_of_another_run_and_of_a_dataset_are_left_out_where_they_are_named(run, spec, pool, tmp_path, capsys):
    """A test set's run, under names of its own, and what an earlier round annotated."""
    asked = Asked("a" * 16, "mcq", "t/held_out.mp4", "Which?", "A")
    write_rows(tmp_path / "test/items.jsonl", [asked.to_json()])
    row = Prediction(asked, "A", "stop", media=content_hash(pool / "2.mp4")).to_json()
    write_rows(tmp_path / "test/predictions.jsonl", [row])
    done = TaskFile([Item("Why?", "So.", video_id="night/5.mp4")], "open_qa", media_root=str(pool))
    write(tmp_path / "done.json", done)
    _, found = gaps(run, tmp_path / "out", "--spec", spec, "--leave-out", tmp_path / "test", tmp_path / "done.json")
    assert sorted(found["next"]["files"]) == ["3.mp4", "4.mp4"]
    assert found["next"]["left_out_as_named"] == ["2.mp4", "night/5.mp4"]
    assert found["next"]["left_out_as_evaluated"] == ["0.mp4", "1.mp4"]
    assert "2 files of" in capsys.readouterr().out


def test_a_run_that_has_not_asked_about_all_its_videos_cannot_tell_them(run, spec, tmp_path, capsys):
    """Which bytes they have is not known before they are shown, so they could be chosen."""
    asked = Asked("c" * 16, "bcq", "later.mp4", "Does it rain?", "Yes")
    with open(run / "items.jsonl", "a") as file:
        file.write(json.dumps(asked.to_json()) + "\n")
    code, _ = gaps(run, tmp_path / "out", "--spec", spec)
    assert code == 2
    assert "nothing has been asked about later.mp4 yet" in capsys.readouterr().err


def test_a_sample_of_the_spec_is_not_drawn_again_from_what_was_chosen(run, spec, tmp_path):
    content = yaml.safe_load(spec.read_text())
    content[SECTION]["data"]["sample"] = 1
    spec.write_text(yaml.safe_dump(content))
    gaps(run, tmp_path / "out", "--spec", spec)
    assert "sample" not in yaml.safe_load((tmp_path / "out/spec.yaml").read_text())[SECTION]["data"]


def test_how_the_spec_asks_stays_as_it_is(run, spec, tmp_path):
    content = yaml.safe_load(spec.read_text())
    content[SECTION]["workflow"] = {"mode": "normal", "qa_types": ["bcq", "open_qa"]}
    spec.write_text(yaml.safe_dump(content))
    gaps(run, tmp_path / "out", "--spec", spec)
    written = yaml.safe_load((tmp_path / "out/spec.yaml").read_text())[SECTION]
    assert written["workflow"] == {"mode": "normal", "qa_types": ["mcq"]}
    assert {name: written[name] for name in ("vlm", "license")} == {
        "vlm": {"backend": "scripted"},
        "license": "CC0-1.0",
    }


def test_an_evaluated_video_is_known_under_another_name(run, spec, pool, tmp_path):
    (pool / "0.mp4").rename(pool / "renamed.mp4")
    _, found = gaps(run, tmp_path / "out", "--spec", spec)
    assert found["next"]["left_out_as_evaluated"] == ["1.mp4", "renamed.mp4"]


def test_what_to_type_next_is_said(run, spec, tmp_path, capsys):
    gaps(run, tmp_path / "out", "--spec", spec)
    said = f"next: demitasse annotate video --config {tmp_path / 'out/spec.yaml'}\n"
    assert said in capsys.readouterr().out


def test_annotate_takes_the_spec_as_it_is(run, spec, tmp_path):
    gaps(run, tmp_path / "out", "--spec", spec, "--files", 2)
    code = cli.main(["annotate", "video", "--config", str(tmp_path / "out/spec.yaml")])
    made = tmp_path / "out/annotations/step_4_output"
    items = json.loads((made / "mcq.json").read_text())["items"]
    chosen = json.loads((tmp_path / "out/gaps.json").read_text())["next"]["files"]
    assert code == 0
    assert {item["video_id"] for item in items} <= set(chosen) and items
    assert not (made / "bcq.json").exists()


def test_results_go_where_an_override_says_and_never_into_the_earlier_runs_folder(run, spec, tmp_path):
    content = yaml.safe_load(spec.read_text()) | {"results_dir": "of/the/earlier/run"}
    spec.write_text(yaml.safe_dump(content))
    gaps(run, tmp_path / "out", "--spec", spec)
    assert yaml.safe_load((tmp_path / "out/spec.yaml").read_text())["results_dir"] == str(tmp_path / "out/annotations")
    gaps(run, tmp_path / "out", "--spec", spec, "results_dir=elsewhere")
    assert yaml.safe_load((tmp_path / "out/spec.yaml").read_text())["results_dir"] == "elsewhere"


def test_the_seed_decides_which_files_are_chosen(run, spec, tmp_path):
    chosen = [gaps(run, tmp_path / f"out{n}", "--spec", spec, "--files", 2, "--seed", n)[1] for n in (1, 1, 2, 3, 4)]
    files = [tuple(one["next"]["files"]) for one in chosen]
    assert files[0] == files[1]
    assert len(set(files)) > 1


def test_files_whose_captions_are_like_the_failures_come_first(run, spec, tmp_path):
    captions = tmp_path / "captions.jsonl"
    told = {"2.mp4": "A dog sleeps.", "3.mp4": "Which? A. red B. blue", "4.mp4": "A train arrives at a station."}
    captions.write_text("".join(json.dumps({"video": name, "caption": text}) + "\n" for name, text in told.items()))
    _, found = gaps(run, tmp_path / "out", "--spec", spec, "--captions", captions)
    assert found["next"]["files"][0] == "3.mp4"
    assert found["next"]["files"][-1] == "night/5.mp4", "without a caption, last"


def test_a_second_choice_leaves_nothing_of_the_first(run, spec, tmp_path):
    gaps(run, tmp_path / "out", "--spec", spec)
    _, found = gaps(run, tmp_path / "out", "--spec", spec, "--files", 1)
    linked = [path.relative_to(tmp_path / "out/media").as_posix() for path in (tmp_path / "out/media").rglob("*.mp4")]
    assert linked == found["next"]["files"]


def test_where_nothing_fails_no_spec_is_written(run, spec, tmp_path, capsys):
    code, _ = gaps(run, tmp_path / "out", "--spec", spec, "--tasks", "bcq")
    assert code == 0
    assert "there is nothing to annotate" in capsys.readouterr().out
    assert not (tmp_path / "out/spec.yaml").exists()


def test_items_without_a_score_make_the_exit_code_three(run, tmp_path, capsys):
    asked = Asked("f" * 16, "open_qa", "0.mp4", "What happens?", "A light comes on.")
    for name, row in (("items", asked.to_json()), ("predictions", Prediction(asked, "A light.", "stop").to_json())):
        with open(run / f"{name}.jsonl", "a") as file:
            file.write(json.dumps(row) + "\n")
    code, _ = gaps(run, tmp_path / "out")
    assert code == 3
    assert "1 items have no score" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["--tolerance", "1.5"], "--tolerance must be from 0", id="a_share_above_one"),
        pytest.param(["--files", "0"], "--fewest-videos 1 or more", id="no_files"),
        pytest.param(["--fewest-videos", "0"], "--fewest-videos 1 or more", id="no_video_at_all"),
        pytest.param(["--tasks", "grounding"], "no item of grounding has a score", id="a_task_that_was_not_asked"),
        pytest.param(["--spec", "absent.yaml"], "absent.yaml cannot be read (No such file", id="no_such_spec"),
        pytest.param(["a.b=1"], "name it with --spec", id="an_override_of_nothing"),
        pytest.param(["--leave-out", "x"], "name it with --spec", id="files_left_out_of_nothing"),
        pytest.param(["--spec", "GOOD", "--leave-out", "absent"], "absent", id="what_is_left_out_is_not_there"),
        pytest.param(["--spec", "SPEC"], "data.video_root is not set", id="an_unset_folder"),
        pytest.param(["--spec", "SPEC", "a=="], "the value is no YAML", id="an_override_that_is_no_yaml"),
        pytest.param(["--spec", "SPEC", "license.of=1"], "data.video_root is not set", id="an_override_elsewhere"),
        pytest.param(["--spec", "SPEC", "--section", "image_referring_expression"], "has no section", id="no_section"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(run, spec, tmp_path, capsys, words, said):
    empty = tmp_path / "empty.yaml"
    empty.write_text(yaml.safe_dump({SECTION: {"license": "CC0-1.0"}}))
    files = {"SPEC": empty, "GOOD": spec}
    code, _ = gaps(run, tmp_path / "out", *[files.get(word, word) for word in words])
    told = capsys.readouterr().err
    assert code == 2 and said in told and "Traceback" not in told


def test_a_pool_of_evaluated_videos_alone_is_refused(run, spec, pool, tmp_path, capsys):
    for path in pool.rglob("*.mp4"):
        if path.name not in ("0.mp4", "1.mp4"):
            path.unlink()
    code, _ = gaps(run, tmp_path / "out", "--spec", spec)
    assert code == 2
    assert "would make its evaluation worthless" in capsys.readouterr().err


def test_pictures_are_chosen_with_their_labels(tmp_path):
    """A spec of image annotation gets images and labels of the same names."""
    images, labels = tmp_path / "pictures/images", tmp_path / "pictures/labels"
    cli.main(["toyworld", "scenes", str(tmp_path / "pictures"), "--count", "4"])
    first = sorted(images.iterdir())[0]
    reference = '[{"bbox_2d": [0, 0, 500, 500], "label": "disc"}]'
    extra = {"boxes": {"style": "qwen_1000", "size": [1000, 1000], "image_size": [112, 112]}}
    asked = Asked("e" * 16, "grounding", first.name, "Where is the disc?", reference, extra)
    run = tmp_path / "run"
    write_rows(run / "items.jsonl", [asked.to_json()])
    nothing = Prediction(asked, "[]", "stop", media=content_hash(first))
    write_rows(run / "predictions.jsonl", [nothing.to_json()])
    path = tmp_path / "spec.yaml"
    data = {"image_dir": str(images), "kitti_label_dir": str(labels)}
    path.write_text(yaml.safe_dump({"image_referring_expression": {"data": data}}))
    code, found = gaps(run, tmp_path / "out", "--spec", path, "--files", 2, fewest=1)
    assert code == 0
    assert first.name not in found["next"]["files"]
    stems = {name.rsplit(".", 1)[0] for name in found["next"]["files"]}
    assert {path.stem for path in (tmp_path / "out/labels").iterdir()} == stems
