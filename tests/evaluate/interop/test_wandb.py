"""A run in Weights & Biases, offline."""

import json
import sys

import pytest

from demitasse.cli import main
from evaluate.comparing.arm import load_arm
from evaluate.interop.wandb_table import COLUMNS, cells, figures


def test_a_row_an_item_and_no_score_for_none(make_run):
    rows = list(load_arm(make_run("mine", lambda row: row.reference)).scores().values())
    table = [dict(zip(COLUMNS, row, strict=True)) for row in cells(rows)]
    assert len(table) == 16
    assert {row["score"] for row in table if row["task"] == "open_qa"} == {None}
    assert table[0]["reply"] == table[0]["reference"]


def test_each_task_has_its_own_mean(make_run):
    rows = list(load_arm(make_run("mine", lambda row: row.reference)).scores().values())
    found = figures(rows)
    assert found["mcq/mean"] == found["bcq/mean"] == 1.0
    assert "open_qa/mean" not in found and found["open_qa/unscored"] == 4


def test_offline_the_table_is_a_file_and_its_texts_are_texts(make_run, tmp_path, monkeypatch, capsys):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    run = make_run("mine", lambda row: "<script>alert(1)</script>=cmd")
    assert main(["results", str(run), "--to", "wandb", "--out", str(tmp_path / "out"), "--project", "p"]) == 0
    (found,) = (tmp_path / "out").rglob("*.table.json")
    table = json.loads(found.read_text())
    assert table["columns"] == list(COLUMNS)
    assert len(table["data"]) == 16
    assert {row[COLUMNS.index("reply")] for row in table["data"]} == {"<script>alert(1)</script>=cmd"}
    assert str(found).startswith(capsys.readouterr().out.splitlines()[-2])


def test_a_table_of_more_rows_than_wandb_keeps_is_whole(make_run, tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setattr(wandb.Table, "MAX_ROWS", 4)  # 10,000 as wandb has it, and 200,000
    monkeypatch.setattr(wandb.Table, "MAX_ARTIFACT_ROWS", 5)
    run = make_run("mine", lambda row: row.reference)
    assert main(["results", str(run), "--to", "wandb", "--out", str(tmp_path / "out")]) == 0
    (found,) = (tmp_path / "out").rglob("*.table.json")
    assert len(json.loads(found.read_text())["data"]) == 16
    assert wandb.Table.MAX_ARTIFACT_ROWS == 16


def test_without_the_package_the_extra_is_named(make_run, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "wandb", None)
    run = make_run("mine", lambda row: row.reference)
    assert main(["results", str(run), "--to", "wandb", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == "demitasse: wandb is not installed; pip install -e '.[wandb]' in the checkout\n"
