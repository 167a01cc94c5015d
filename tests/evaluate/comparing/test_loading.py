"""Runs are read once and no more: what they share is shared, and what is found does not depend on it."""

import random

import pytest

from demitasse.cli import main
from demitasse.errors import DataError
from evaluate.comparing.arm import ITEMS, load_arm, load_arms
from evaluate.comparing.compare import compare
from evaluate.records import read_rows, write_rows

KEYS = "{task}: {{kind: closed, classes: [left, right]}}\n"


def right(row):
    return row.reference


def loaded(*folders):
    return load_arms([(folder.name, folder) for folder in folders])


def shuffled(folder):
    """The same items, in another order."""
    rows = [row for _, row in read_rows(folder / ITEMS)]
    random.Random(3).shuffle(rows)
    write_rows(folder / ITEMS, rows)
    return folder


def test_items_of_files_with_the_same_bytes_are_read_once(make_run):
    one, two = loaded(make_run("one", right), make_run("two", lambda row: "A"))
    assert one.items is two.items
    assert {key: said.response for key, said in two.predictions.items()} == dict.fromkeys(two.items, "A")
    assert one.predictions[next(iter(one.items))].response != "A"


def test_items_of_another_file_are_read_anew(make_run, items):
    one, two = loaded(make_run("one", right), make_run("two", right, items[:4]))
    assert (len(one.items), len(two.items)) == (16, 4)


def test_items_whose_keys_are_declared_otherwise_are_not_shared(make_run):
    folders = [make_run(name, lambda row: "left") for name in ("one", "two")]
    (folders[0] / "keys.yaml").write_text(KEYS.format(task="open_qa"))
    one, two = loaded(*folders)
    assert [any(asked.extra for asked in arm.items.values()) for arm in (one, two)] == [True, False]


def test_runs_that_share_items_compare_as_runs_read_apart_and_as_runs_in_another_order(make_run, eight):
    folders = [make_run("one", lambda row: "A", eight), make_run("two", right, eight)]
    shared = compare(loaded(*folders)).result
    assert shared == compare([load_arm(folder) for folder in folders]).result
    turned = compare(loaded(folders[0], shuffled(folders[1]))).result
    assert turned["metrics"] == shared["metrics"] and turned["verdict"] == shared["verdict"]


def test_runs_that_declare_an_item_in_two_ways_are_not_compared(make_run):
    folders = [make_run(name, lambda row: "left") for name in ("one", "two")]
    (folders[0] / "keys.yaml").write_text(KEYS.format(task="open_qa"))
    with pytest.raises(DataError, match="is scored in another way in 'one' than in 'two'; put the same keys.yaml"):
        compare(loaded(*folders))


@pytest.mark.parametrize("command", ["score", "compare"])
def test_a_command_leaves_the_collector_of_garbage_as_it_was(make_run, tmp_path, command):
    import gc

    folders = [str(make_run(name, right)) for name in ("one", "two")]
    main([command, *folders, *(["--out", str(tmp_path / "report")] if command == "compare" else [])])
    assert gc.isenabled()
