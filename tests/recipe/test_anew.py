"""What does not mix with another run's work says so by its own error, and what is moved aside is never lost."""

import json

import pytest

from demitasse import cli
from demitasse.errors import DemitasseError, OtherRunError
from demitasse.recipe.aside import set_aside
from demitasse.recipe.run import dispatch
from demitasse.stages import use_checkout

use_checkout()


@pytest.fixture
def of_another_run(tmp_path):
    """A folder with the records that `predict`, `select` and `export` leave, of other settings."""
    for name in ("run.json", "selection.json", "export.json"):
        (tmp_path / name).write_text(json.dumps({"settings_sha256": "a", "settings": {}, "items_sha256": "b"}))
    return tmp_path


def test_predictions_of_another_run_are_refused_as_such(of_another_run):
    from evaluate.asking.predict import _check_begun

    with pytest.raises(OtherRunError, match="predictions made with other settings"):
        _check_begun(of_another_run, {"settings_sha256": "c", "settings": {}, "items_sha256": "b"})
    with pytest.raises(OtherRunError, match="predictions made with other items"):
        _check_begun(of_another_run, {"settings_sha256": "a", "settings": {}, "items_sha256": "c"})


def test_predictions_of_nobody_are_refused_as_such(tmp_path):
    from evaluate.asking.predict import _check_begun

    (tmp_path / "predictions.jsonl").write_text("{}\n")
    with pytest.raises(OtherRunError, match="nobody knows whose"):
        _check_begun(tmp_path, {})


def test_selections_of_another_run_are_refused_as_such(of_another_run):
    from demitasse.selector.run import RUN, _earlier_seconds

    (of_another_run / RUN).write_text(json.dumps({"settings": {}, "items_sha256": "b"}))
    with pytest.raises(OtherRunError, match="selections made with other items"):
        _earlier_seconds(of_another_run, {"settings": {}, "items_sha256": "c"})


def test_an_export_of_another_student_is_refused_as_such(of_another_run):
    from train.after.export import _is_done

    with pytest.raises(OtherRunError, match="holds something else"):
        _is_done(of_another_run, {"student": "another"})


def test_a_recipe_hears_of_it_and_a_person_is_told(monkeypatch, capsys):
    def refuse(args):
        raise OtherRunError("it holds something else")

    monkeypatch.setattr("demitasse.data_command._validate", refuse)
    with pytest.raises(OtherRunError):
        dispatch("data validate x")
    assert capsys.readouterr().err == ""
    assert cli.main(["data", "validate", "x"]) == 2
    assert capsys.readouterr().err == "demitasse: it holds something else\n"


def test_other_faults_of_a_stage_are_told_by_the_stage(capsys):
    assert dispatch("data split /nowhere {tmp}") == 2
    assert capsys.readouterr().err.startswith("demitasse: /nowhere")


def test_what_is_moved_aside_lies_there_as_it_lay_in_the_run(tmp_path):
    run = tmp_path / "run"
    (run / "closed" / "base").mkdir(parents=True)
    (run / "closed" / "base" / "file").write_text("kept")
    (run / "table.json").write_text("kept, too")
    (tmp_path / "mine").mkdir()
    moved = set_aside(run, "now", [run / "closed" / "base", run / "table.json", run, tmp_path / "mine", run / "absent"])
    assert moved == {
        run / "closed" / "base": run / "aside" / "now" / "closed" / "base",
        run / "table.json": run / "aside" / "now" / "table.json",
    }
    assert (run / "aside" / "now" / "closed" / "base" / "file").read_text() == "kept"
    assert (tmp_path / "mine").is_dir() and not (run / "table.json").exists()


def test_what_cannot_be_moved_is_named_and_stays(tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "aside").write_text("a file of somebody's")
    with pytest.raises(DemitasseError, match=r"made cannot be moved to .*aside/now/made \(.+\); move it away by hand"):
        set_aside(tmp_path, "now", [tmp_path / "made"])
    assert (tmp_path / "made").is_dir()
