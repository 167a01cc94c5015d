"""`demitasse score --profile` as a person calls it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from demitasse.cli import main

ROOT = Path(__file__).resolve().parents[3]
RECORDED = Path(__file__).parent / "recorded"
CALLS = [
    pytest.param("nextqa", ["questions.csv"], ["predictions.json"], [], id="nextqa"),
    pytest.param("nextgqa", ["truth.json", "questions.csv"], ["spans.json", "answers.json"], [], id="nextgqa"),
    pytest.param("star", ["questions.json"], ["predictions.json"], [], id="star"),
    pytest.param("videoespresso", ["output.json"], ["output.json"], [], id="videoespresso"),
    pytest.param(
        "videoespresso", ["output.json"], ["output.json"], ["--embedding", "backend=lexical"], id="with_embedding"
    ),
]


def call(profile, references, predictions, *more):
    files = [[str(RECORDED / profile / name) for name in names] for names in (references, predictions)]
    return main(["score", "--profile", profile, "--references", *files[0], "--predictions", *files[1], *more])


@pytest.mark.parametrize(("profile", "references", "predictions", "more"), CALLS)
def test_a_profile_prints_both_columns_and_writes_its_figures(tmp_path, capsys, profile, references, predictions, more):
    out = tmp_path / "report.json"
    code = call(profile, references, predictions, *more, "--json", str(out))
    printed, report = capsys.readouterr().out, json.loads(out.read_text())
    assert code == (3 if report["counts"]["faults"].get("missing") else 0)
    assert "official" in printed.splitlines()[1]
    official = json.loads((RECORDED / profile / "official.json").read_text())["figures"]
    told = {figure["name"]: figure["official_printed"] for figure in report["figures"]}
    assert {name: told[name] for name in official} == official
    for figure in report["figures"]:
        assert figure["name"] in printed
    assert all(note in printed for note in report["notes"])
    assert (report["format"], report["references"]) == ("demitasse-official-v1", references)
    assert str(RECORDED) not in out.read_text(), "no path of this machine is in the file"


REFUSED = [
    pytest.param([], "give run folders, or a benchmark's --profile", id="nothing"),
    pytest.param(["--references", "x"], "--references needs --profile", id="references_alone"),
    pytest.param(["--embedding", "backend=lexical"], "--embedding needs --profile", id="an_option_alone"),
    pytest.param(["--profile", "star"], "needs --references", id="no_references"),
    pytest.param(["--profile", "star", "--references", "x"], "needs --predictions", id="no_predictions"),
    pytest.param(["run", "--profile", "star"], "without --profile", id="a_run_folder_and_a_profile"),
    pytest.param(
        ["--profile", "star", "--references", "x", "--predictions", "y", "--stopwords", "z"],
        "--stopwords goes with --profile nextqa_oe",
        id="another_profiles_option",
    ),
    pytest.param(
        ["--profile", "star", "--references", "x", "--predictions", "y", "--skip-gold-faults"],
        "goes with run folders",
        id="skipping",
    ),
    pytest.param(
        ["--profile", "star", "--references", "x", "--predictions", "y", "y"],
        "--predictions names a file twice",
        id="a_file_twice",
    ),
    pytest.param(
        ["--profile", "star", "--references", "x", "--predictions", "y", "--json", "./x"],
        "--json x would write over a file that is to be scored",
        id="the_json_over_the_references",
    ),
    pytest.param(
        ["--profile", "star", "--references", "x", "--predictions", "y", "--json", ""],
        "--json . is a folder",
        id="the_json_without_a_name",
    ),
    pytest.param(
        ["--profile", "star", "--references", "none.json", "--predictions", "y"],
        "none.json cannot be read: No such",
        id="no_file",
    ),
    pytest.param(
        ["--profile", "videoespresso", "--references", "x", "--predictions", "y", "--embedding", "backend=magic"],
        "magic",
        id="an_unknown_embedder",
    ),
    pytest.param(
        ["--profile", "star", "--references", "x", "--predictions", "y", "--bertscore", "z"],
        "--bertscore goes with --profile tar",
        id="bertscore_for_another_benchmark",
    ),
]


@pytest.mark.parametrize(("words", "complaint"), REFUSED)
def test_what_does_not_go_together_is_one_sentence_and_code_2(capsys, words, complaint):
    assert main(["score", *words]) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1


def test_a_missing_prediction_is_told_by_the_exit_code(tmp_path, capsys):
    told = json.loads((RECORDED / "nextqa" / "predictions.json").read_text())
    told.pop("7000_0")
    (tmp_path / "p.json").write_text(json.dumps(told))
    questions = RECORDED / "nextqa" / "questions.csv"
    words = ["--references", str(questions), "--predictions", str(tmp_path / "p.json")]
    assert main(["score", "--profile", "nextqa", *words]) == 3
    assert "1 missing" in capsys.readouterr().out


def test_the_predictions_outlive_a_json_of_their_name(tmp_path, capsys):
    (tmp_path / "p.json").write_bytes((RECORDED / "nextqa" / "predictions.json").read_bytes())
    words = ["--references", str(RECORDED / "nextqa" / "questions.csv"), "--predictions", str(tmp_path / "p.json")]
    assert main(["score", "--profile", "nextqa", *words, "--json", str(tmp_path / "p.json")]) == 2
    assert (tmp_path / "p.json").read_bytes() == (RECORDED / "nextqa" / "predictions.json").read_bytes()
    capsys.readouterr()


def test_predictions_of_no_question_are_told(tmp_path, capsys):
    told = json.loads((RECORDED / "nextqa" / "predictions.json").read_text())
    (tmp_path / "p.json").write_text(json.dumps(told | {"9999_9": {"prediction": 1, "answer": 1}}))
    words = ["--references", str(RECORDED / "nextqa" / "questions.csv"), "--predictions", str(tmp_path / "p.json")]
    main(["score", "--profile", "nextqa", *words])
    assert "; 1 predictions are of no question of the references, and left out" in capsys.readouterr().out


def test_the_benchmark_says_plainly_which_scripts_it_could_not_run(tmp_path):
    command = [sys.executable, str(ROOT / "benchmarks" / "official_scorers.py"), "--scripts", str(tmp_path)]
    done = subprocess.run([*command, "--quick"], capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "left out: " in done.stdout
    assert "clone https://github.com/doc-doc/NExT-QA" in done.stdout
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["name"], last["ours"], last["peer"], list(last["left_out"])) == ("official_scorers", 0, 0, ["nextqa"])


def test_the_benchmark_refuses_a_script_that_is_not_the_pinned_one(tmp_path):
    (tmp_path / "NExT-QA").mkdir()
    (tmp_path / "NExT-QA" / "eval_mc.py").write_text("print('anything')\n")
    command = [sys.executable, str(ROOT / "benchmarks" / "official_scorers.py"), "--scripts", str(tmp_path)]
    done = subprocess.run([*command, "--quick"], capture_output=True, text=True, check=False)
    assert "is not the pinned one" in done.stdout


def test_the_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom demitasse.cli import main\n"
        "try:\n    main(['score', '--help'])\nexcept SystemExit:\n    pass\n"
        "print('heavy:', sorted({'torch', 'scipy', 'nltk'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == "heavy: []"
