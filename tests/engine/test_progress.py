"""Progress: seen where it helps, quiet where it would not."""

from __future__ import annotations

import io
import time

import pytest

from demitasse.engine import progress as progress_module
from demitasse.engine.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(file: io.StringIO, total: int | None = 4, on: bool = True, pause: float = 0.02) -> str:
    bar = Progress(total, on, file)
    for number in range(4):
        bar.advance(calls=10 * number, quarantined=number // 3)
        time.sleep(pause)
    bar.close()
    return file.getvalue()


def test_short_work_shows_nothing() -> None:
    assert shown(Terminal(), pause=0) == ""


def test_longer_work_shows_records_calls_and_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "QUIET_SECONDS", 0.01)
    monkeypatch.setattr(progress_module, "TERMINAL_INTERVAL", 0.0)
    text = shown(Terminal())
    assert "4/4" in text
    assert "calls=30, quarantined=1" in text
    assert "quarantined=0" not in text


def test_a_log_file_gets_few_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "QUIET_SECONDS", 0.01)
    monkeypatch.setattr(progress_module, "TERMINAL_INTERVAL", 0.0)
    assert shown(io.StringIO()).count("\r") < shown(Terminal()).count("\r")


def test_an_unknown_total_still_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "QUIET_SECONDS", 0.01)
    monkeypatch.setattr(progress_module, "TERMINAL_INTERVAL", 0.0)
    assert "4 records" in shown(Terminal(), total=None)


def test_progress_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "QUIET_SECONDS", 0.0)
    assert shown(Terminal(), on=False) == ""
