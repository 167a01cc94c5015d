"""A file in the wrong format is refused with the name of the right one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from demitasse.cli import main
from demitasse.dataset import Item, TaskFile, write
from demitasse.errors import DataError
from demitasse.interchange.formats import FORMATS, Settings, refuse_other
from demitasse.interchange.recognise import KINDS, OWN, recognise

CHOICE = Item("Which?\nA. cup\nB. jug\nAnswer with a single letter.", "B", video_id="a.mp4", reasoning="So.")


@pytest.fixture
def written(tmp_path: Path) -> dict[str, Path]:
    """The same small dataset in every format."""
    own = tmp_path / "own" / "mcq.json"
    dataset = TaskFile([CHOICE], "mcq", path=own)
    write(own, dataset)
    paths = {OWN: own}
    for name, form in FORMATS.items():
        paths[name] = tmp_path / "out" / (name if name == "hugging-face" else f"{name}.json")
        form.write([dataset], paths[name], Settings())
    return paths


def test_every_format_that_is_converted_has_a_kind() -> None:
    assert {kind.name for kind in KINDS} == {OWN, *FORMATS}


def test_every_format_recognises_what_it_writes(written: dict[str, Path]) -> None:
    found = {name: (kind.name if (kind := recognise(path)) else None) for name, path in written.items()}
    assert found == {name: name for name in written}


@pytest.mark.parametrize("asked", [OWN, *FORMATS])
def test_each_is_refused_as_every_other_by_its_own_name(written: dict[str, Path], asked: str) -> None:
    for name, path in written.items():
        if name == asked or (name, asked) == ("llava-cot", "llava"):  # the one is the other as well
            refuse_other(path, asked)
            continue
        with pytest.raises(DataError, match=f"--from {name}$"):
            refuse_other(path, asked)


FOREIGN: list[Any] = [
    pytest.param(
        "c.jsonl", {"question_key": "1_2", "sampled": 8, "frames": []}, "annotate cotasks", id="a_file_of_cotasks"
    ),
    pytest.param("p.jsonl", {"item_id": "x", "response": "B"}, "demitasse score", id="predictions"),
    pytest.param(
        "a.jsonl", {"image_id": "1", "image_path": "1.png", "boxes": []}, "data export", id="annotated_images"
    ),
    pytest.param("s.json", [{"question_id": "I_1", "situations": {}, "question": "?"}], "source=star", id="star"),
    pytest.param("g.json", {"1": {"duration": 64, "location": {}}}, "spans=FILE", id="nextgqa_spans"),
    pytest.param("v.json", {"video_id": "1", "trajectories": []}, "vidor=DIR", id="a_vidor_annotation"),
]


@pytest.mark.parametrize(("name", "value", "says"), FOREIGN)
def test_what_is_no_dataset_is_refused_with_what_to_do_with_it(
    tmp_path: Path, name: str, value: Any, says: str
) -> None:
    (tmp_path / name).write_text(json.dumps(value))
    for asked in (OWN, "llava", "videoespresso"):
        with pytest.raises(DataError, match=says):
            refuse_other(tmp_path / name, asked)


def test_a_table_of_questions_is_told_by_its_header(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text("video,frame_count,width,height,question,answer,qid,type,a0,a1\n")
    with pytest.raises(DataError, match="source=nextqa"):
        refuse_other(tmp_path / "q.csv", OWN)


@pytest.mark.parametrize(("name", "holds"), [("cotasks.jsonl", "CoTasks"), ("annotations.jsonl", "annotated images")])
def test_a_results_folder_is_told_by_its_file(tmp_path: Path, name: str, holds: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(DataError, match=holds):
        refuse_other(tmp_path, "hugging-face")


def test_a_folder_that_holds_a_foreign_file_names_the_file(written: dict[str, Path]) -> None:
    with pytest.raises(DataError, match=r"llava-cot\.json is .*name the file, and .* --from llava-cot"):
        refuse_other(written["llava"].parent, OWN)


@pytest.mark.parametrize("text", ["", "[]", "[1]", "{", "[{}]", '{"a": 1}', "\ufeff[", "not json"])
def test_what_nothing_tells_is_left_to_the_reader_that_was_asked_for(tmp_path: Path, text: str) -> None:
    for name in ("x.json", "x.jsonl", "x.csv", "x"):
        (tmp_path / name).write_text(text)
        assert recognise(tmp_path / name) is None
    assert recognise(tmp_path / "missing.json") is None


def test_the_command_refuses_and_writes_nothing(written: dict[str, Path], tmp_path: Path, capsys: Any) -> None:
    assert main(["data", "convert", str(written["llava"]), str(tmp_path / "x"), "--to", "tao"]) == 2
    assert "--from llava" in capsys.readouterr().err and not (tmp_path / "x").exists()
    assert main(["data", "stats", str(written["video-r1"])]) == 2
    assert "--from video-r1" in capsys.readouterr().err
