"""`demitasse results`: what says nothing is refused."""

import pytest

from demitasse.cli import main


@pytest.mark.parametrize(
    "words, sentence",
    [
        pytest.param(["R", "--to", "lmms", "--mode", "explain"], "--mode is said of --to lmms-task", id="mode"),
        pytest.param(["R", "--to", "lmms", "--project", "p"], "--project is said of --to wandb", id="project"),
        pytest.param(["R", "--to", "lmms", "--data", "d"], "--from and --data need one another", id="data_with_to"),
        pytest.param(["S", "--from", "lmms"], "--from and --data need one another", id="from_without_data"),
        pytest.param(["R", "Q", "--to", "lmms"], "--to lmms takes one run, not 2", id="two_runs"),
        pytest.param(["D", "--to", "lmms-task", "--max-new-tokens", "0"], "must be 1 or more", id="no_tokens"),
        pytest.param(
            ["S", "--from", "lmms", "--data", "d", "--skip-gold-faults"], "is said of --to", id="skip_with_from"
        ),
        pytest.param(["R", "--to", "lmms"], "R is not a folder", id="no_such_run"),
        pytest.param(["S", "--from", "lmms", "--data", "d.json"], "d.json", id="no_such_dataset"),
    ],
)
def test_wrong_arguments_end_with_a_sentence(words, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["results", *words, "--out", "out"]) == 2
    said = capsys.readouterr().err
    assert sentence in said and said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_of_samples_is_called_one(tmp_path, capsys):
    from demitasse.dataset import Item, TaskFile, write

    (tmp_path / "logs").mkdir()
    write(tmp_path / "eval" / "bcq.json", TaskFile([Item("Does it rain?", "Yes", video_id="1.mp4")], "bcq", "CC0-1.0"))
    words = ["results", "--from", "lmms", str(tmp_path / "logs"), "--data", str(tmp_path / "eval")]
    assert main([*words, "--out", str(tmp_path / "run")]) == 2
    assert "logs is a folder; give the sample files" in capsys.readouterr().err


def test_one_way_or_the_other_must_be_named(capsys):
    with pytest.raises(SystemExit):
        main(["results", "R", "--out", "out"])
    assert "--to --from" in capsys.readouterr().err


def test_a_reference_at_fault_is_refused_or_left_out_and_said(make_run, items, tmp_path, capsys):
    from dataclasses import replace

    rows = [replace(items[0], reference="Z"), *items[1:]]
    run = make_run("mine", lambda row: row.reference, rows)
    words = ["results", str(run), "--to", "vlmevalkit", "--out", str(tmp_path / "out")]
    assert main(words) == 2
    assert main([*words, "--skip-gold-faults"]) == 3
    assert "left out: item " in capsys.readouterr().out


def test_the_command_is_listed(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "a run's results in another tool's files, and back" in capsys.readouterr().out


@pytest.mark.parametrize("to", ["lmms", "inspect-scores", "vlmevalkit"])
def test_a_file_where_a_folder_is_to_be_is_named(make_run, tmp_path, capsys, to):
    (tmp_path / "out").write_text("mine")
    run = make_run("mine", lambda row: row.reference)
    assert main(["results", str(run), "--to", to, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert str(tmp_path / "out") in said and said.count("\n") == 1
    assert (tmp_path / "out").read_text() == "mine"
