"""Splits: by video, the same whatever the order, nothing of one video on both sides."""

import json
import random

import pytest

from demitasse.dataset import Item, TaskFile, read_folder, validate, write
from demitasse.errors import DataError
from demitasse.split import learnt_before, split_by_video, write_split


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    made = []
    for task in ("mcq", "open_qa"):
        items = [
            Item(f"{task} {turn}?\nA. x\nB. y", "A", video_id=f"v{n}.mp4", extra={"tape": n // 4})
            for n in range(20)
            for turn in (1, 2)
        ]
        made.append(TaskFile(items, task=task, path=folder / f"{task}.json"))
        write(made[-1].path, made[-1])
    for n in range(20):
        (folder / f"v{n}.mp4").write_bytes(f"video {n}".encode())
    return made


def ids(files):
    return {item.media_id for file in files for item in file.items}


@pytest.mark.parametrize(("part", "videos"), [pytest.param(0.25, 5, id="fraction"), pytest.param(3, 3, id="number")])
def test_the_part_for_evaluation_is_counted_in_videos(files, part, videos):
    split = split_by_video(files, part)
    assert len(split.eval_ids) == videos == len(ids(split.eval))
    assert ids(split.train) | ids(split.eval) == ids(files)


def test_no_video_is_on_both_sides_and_no_item_is_lost(files):
    split = split_by_video(files, 0.3, seed=5)
    assert not ids(split.train) & ids(split.eval)
    parts = [item for side in (split.train, split.eval) for file in side for item in file.items]
    assert len(parts) == sum(len(file.items) for file in files)


def test_the_order_of_files_and_items_does_not_matter(files):
    expected = split_by_video(files, 0.3).eval_ids
    for file in files:
        random.Random(1).shuffle(file.items)
    assert split_by_video(files[::-1], 0.3).eval_ids == expected


def test_another_seed_gives_another_split_and_the_same_seed_the_same(files):
    assert split_by_video(files, 0.3, seed=1).eval_ids == split_by_video(files, 0.3, seed=1).eval_ids
    assert split_by_video(files, 0.3, seed=1).eval_ids != split_by_video(files, 0.3, seed=2).eval_ids


def test_copies_and_links_of_a_video_stay_with_it(files):
    folder = files[0].path.parent
    for n in range(10, 20):
        (folder / f"v{n}.mp4").write_bytes((folder / f"v{n - 10}.mp4").read_bytes())
    (folder / "v19.mp4").unlink()
    (folder / "v19.mp4").symlink_to(folder / "v9.mp4")
    split = split_by_video(files, 5)
    sides = [{name[1:-4] for name in side} for side in (split.train_ids, split.eval_ids)]
    for n in range(10):
        assert any({str(n), str(n + 10)} <= side for side in sides)


def test_videos_tied_by_a_field_stay_together(files):
    split = split_by_video(files, 2, together="tape")
    for tape in range(5):
        of_tape = {f"v{n}.mp4" for n in range(tape * 4, tape * 4 + 4)}
        assert of_tape <= set(split.train_ids) or of_tape <= set(split.eval_ids)


def test_an_item_without_the_field_that_ties_is_named(files):
    del files[1].items[3].extra["tape"]
    with pytest.raises(DataError, match=r"open_qa\.json: items\[3\] has no field 'tape'"):
        split_by_video(files, 2, together="tape")


@pytest.mark.parametrize("part", [0, 20, 0.001, 0.999, -1, 2.5])
def test_a_part_that_leaves_a_side_empty_or_is_no_count_is_refused(files, part):
    with pytest.raises(DataError, match="for evaluation"):
        split_by_video(files, part)


def test_two_files_of_one_name_are_refused(files):
    with pytest.raises(DataError, match=r"mcq\.json"):
        split_by_video([files[0], files[0]], 2)


def test_both_sides_are_valid_datasets_whose_media_are_found(files, tmp_path, tao_daft):
    split = split_by_video(files, 5, seed=3)
    written = write_split(split, tmp_path / "out")
    assert [path.relative_to(tmp_path / "out").as_posix() for path in written] == [
        "train/mcq.json",
        "train/open_qa.json",
        "eval/mcq.json",
        "eval/open_qa.json",
    ]
    assert validate(tmp_path / "out") == [] and tao_daft(tmp_path / "out")
    assert ids(read_folder(tmp_path / "out" / "eval")) == set(split.eval_ids)
    record = json.loads((tmp_path / "out" / "split.json").read_text())
    assert record == {"seed": 3, "train": split.train_ids, "eval": split.eval_ids}


def test_splitting_again_replaces_the_earlier_split(files, tmp_path):
    write_split(split_by_video(files, 5), tmp_path / "out")
    write_split(split_by_video(files[:1], 5), tmp_path / "out")
    assert [path.name for path in sorted((tmp_path / "out" / "train").iterdir())] == ["mcq.json"]


def test_files_of_others_are_not_overwritten(files, tmp_path):
    (tmp_path / "out" / "train").mkdir(parents=True)
    (tmp_path / "out" / "train" / "notes.json").write_text("{}")
    with pytest.raises(DataError, match=r"notes\.json is in the way"):
        write_split(split_by_video(files, 5), tmp_path / "out")
    assert not (tmp_path / "out" / "split.json").exists()


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("source", ["", "train", "eval"])
def test_the_dataset_itself_is_not_written_to(files, tmp_path, source):
    """Splitting `train` again into the folder that it came from would lose `eval`."""
    out = tmp_path / "set" if not source else tmp_path / "out"
    write_split(split_by_video(files, 5), tmp_path / "out")
    before = contents(tmp_path)
    with pytest.raises(DataError, match="holds the dataset that is to be split; choose another folder"):
        write_split(split_by_video(read_folder(out / source), 2), out)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("linked", ["train", "train/mcq.json"], ids=["folder", "file"])
def test_the_dataset_itself_is_known_through_a_link(files, tmp_path, linked):
    write_split(split_by_video(files, 5), tmp_path / "out")
    link = tmp_path / "elsewhere" / linked
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "out" / linked)
    with pytest.raises(DataError, match="holds the dataset that is to be split"):
        write_split(split_by_video(read_folder(tmp_path / "elsewhere" / "train"), 2), tmp_path / "out")


def test_a_task_that_one_side_lacks_gets_no_file_there(files, tmp_path):
    split = split_by_video(files, 5)
    files[1].items = [item for item in files[1].items if item.media_id in split.train_ids]
    write_split(split_by_video(files, 5), tmp_path / "out")
    assert not (tmp_path / "out" / "eval" / "open_qa.json").exists()


def test_what_an_earlier_split_trained_on_and_this_one_holds_out_is_known(files, tmp_path):
    first, second = (split_by_video(files, 0.3, seed=seed) for seed in (1, 2))
    assert learnt_before(first, tmp_path / "out") is None
    write_split(first, tmp_path / "out")
    assert learnt_before(first, tmp_path / "out") is None
    assert learnt_before(second, tmp_path / "out") == set(first.train_ids) & set(second.eval_ids) != set()


@pytest.mark.parametrize("part", [float("nan"), float("inf"), -float("inf")])
def test_a_part_that_is_no_number_is_refused(files, part):
    with pytest.raises(DataError, match=f"{part} is no part for evaluation"):
        split_by_video(files, part)
