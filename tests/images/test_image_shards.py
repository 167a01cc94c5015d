"""Shards of an image run, put together, are the run that one process would have made; asking again included."""

from __future__ import annotations

import pytest

from demitasse.cli import main
from demitasse.engine.shard import Shard
from demitasse.errors import ConfigError, DataError

NUMBERS = range(6)


def test_three_shards_merged_are_one_run(gallery):
    gallery.put(*NUMBERS)
    (gallery.images / "broken.png").write_bytes(b"no picture")
    (gallery.labels / "alone.txt").write_text("", encoding="utf-8")
    refuses = gallery.teacher(double_check=lambda request: "Hm." if "green" in request.text else None)
    whole = gallery.run("workflow.output_format=both", teacher=refuses)
    one, gallery.out = gallery.work(), gallery.out.with_name("sharded")
    for index in range(3):
        part = gallery.run("workflow.output_format=both", shard=Shard(index, 3), teacher=refuses)
        assert part.assembled is None and not (gallery.out / "annotations.jsonl").exists()
    merged = gallery.merge("workflow.output_format=both")
    assert merged.summary.line() == whole.summary.line() and merged.exit_code == whole.exit_code == 3
    assert merged.assembled == whole.assembled and gallery.work() == one
    assert {"annotations.jsonl", "quarantine.jsonl", "items/grounding.json"} <= one.keys()
    before = gallery.work()
    gallery.merge("workflow.output_format=both")
    assert gallery.work() == before, "merging again changes nothing"


def test_a_merged_run_goes_on_in_one_process_without_buying_anything_again(gallery):
    gallery.put(*NUMBERS)
    for index in range(2):
        gallery.run(shard=Shard(index, 2))
    gallery.merge()
    teacher = gallery.teacher()
    assert gallery.run(teacher=teacher).summary.done == len(NUMBERS) and teacher.asked == []


def test_shards_that_ask_again_ask_once_and_the_merged_run_has_their_answers(gallery):
    gallery.put(*NUMBERS)
    gallery.run()
    forced = ("workflow.force_reprocess=true", "workflow.steps=[1]")
    teacher = gallery.teacher(image_caption="New.")
    for index in (0, 1, 0):
        gallery.run(*forced, shard=Shard(index, 2), teacher=teacher)
    assert len(teacher.asked) == len({request.parts for request in teacher.asked}) == len(NUMBERS)
    gallery.merge(*forced)
    assert {row["caption"] for row in gallery.rows()} == {"New."}
    later = gallery.teacher()
    gallery.run("workflow.steps=[0,1]", teacher=later)
    assert later.asked == [] and {row["caption"] for row in gallery.rows()} == {"New."}
    gallery.run(*forced, teacher=later)
    assert len(later.asked) == len(NUMBERS), "and after the merge another round may begin"


def test_shards_that_ask_again_are_not_mixed_with_those_that_do_not(gallery):
    gallery.put(*NUMBERS)
    gallery.run(shard=Shard(0, 2))
    gallery.run("workflow.force_reprocess=true", shard=Shard(1, 2))
    with pytest.raises(DataError, match="different settings or prompts"):
        gallery.merge()


def test_a_shard_that_does_not_ask_again_any_more_leaves_no_trace_of_it(gallery):
    gallery.put(*NUMBERS)
    gallery.run()
    gallery.run("workflow.force_reprocess=true", shard=Shard(0, 1))
    teacher = gallery.teacher()
    gallery.run(shard=Shard(0, 1), teacher=teacher)
    gallery.merge()
    gallery.run(teacher=teacher)
    assert teacher.asked == []


def test_a_run_beside_shards_that_are_not_merged_is_refused_for_it_would_buy_again(gallery):
    gallery.put(*NUMBERS)
    gallery.run(shard=Shard(0, 2))
    with pytest.raises(ConfigError, match="data merge --partial"):
        gallery.run()


def test_the_commands_make_of_shards_what_one_command_makes(gallery, capsys):
    gallery.put(*NUMBERS)
    given = gallery.given("license=CC0-1.0")
    assert main(["annotate", "image", "--quiet", *given]) == 0
    whole, one = capsys.readouterr().out, gallery.work()
    gallery.out = gallery.out.with_name("sharded")
    for index in range(2):
        given = gallery.given("license=CC0-1.0")
        assert main(["annotate", "image", "--quiet", "--shard", f"{index}/2", *given]) == 0
    capsys.readouterr()
    assert main(["data", "merge", str(gallery.out)]) == 0
    assert capsys.readouterr().out.replace("sharded", "out") == whole and gallery.work() == one
