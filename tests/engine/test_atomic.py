"""A file takes the place of a file, and of nothing else."""

from __future__ import annotations

import os
import stat

import pytest

from demitasse.atomic import replacing, write_text
from demitasse.errors import DataError


def test_a_pipe_is_not_replaced_by_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="pipe is a device or a pipe, and would be replaced by a file; name a file"):
        write_text(tmp_path / "pipe", "text")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode) and os.listdir(tmp_path) == ["pipe"]


@pytest.mark.parametrize("device", ["/dev/null", "/dev/stdout"])
def test_a_device_is_refused_before_anything_is_written(tmp_path, monkeypatch, device):
    # Were it not refused, a test run by root would take the device from the whole machine.
    monkeypatch.setattr("demitasse.atomic.os.replace", lambda *_: pytest.fail("it would have been replaced"))
    with pytest.raises(DataError, match=f"{device} is a device or a pipe"), replacing(tmp_path / device):
        pytest.fail("nothing may be written")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        pytest.param("x" * 300 + "/report.json", "File name too long", id="too_long"),
        pytest.param("file/report.json", "File exists|Not a directory", id="a_file_for_a_folder"),
    ],
)
def test_a_place_where_no_file_can_be_is_named_with_the_reason(tmp_path, name, why):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DataError, match=rf"report.json cannot be written \((?:{why})\); name another place"):
        write_text(tmp_path / name, "text")


def test_a_file_is_replaced_whole(tmp_path):
    (tmp_path / "file").write_text("a longer text than what follows")
    write_text(tmp_path / "file", "text")
    assert (tmp_path / "file").read_text() == "text" and os.listdir(tmp_path) == ["file"]
