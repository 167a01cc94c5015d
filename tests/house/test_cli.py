"""The console command: quick, plain in its errors, and true in its list."""

import errno
import inspect
import os
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest

from demitasse import cli
from demitasse.cli import COMMANDS, Command, main
from demitasse.errors import DataError

DEMITASSE = Path(sys.executable).with_name("demitasse")
HEAVY = ("torch", "numpy", "av", "pydantic", "openai", "yaml", "PIL", "transformers", "scipy", "matplotlib", "asyncio")


def run(*words, **options):
    return subprocess.run([DEMITASSE, *words], capture_output=True, text=True, timeout=300, **options)


def test_help_answers_in_under_300_ms(tmp_path):
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        assert run("--help", cwd=tmp_path).returncode == 0
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 0.3  # the least: other processes of this machine are not what is measured


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from demitasse.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        f"print('loaded', [name for name in {HEAVY} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.stdout.splitlines()[-1] == "loaded []", found.stderr


def test_help_lists_every_command_with_a_line(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    shown = capsys.readouterr().out
    assert ended.value.code == 0
    assert all(f"  {name} " in shown and command.help in shown for name, command in COMMANDS.items())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_listed_command_exists(name):
    module = import_module(COMMANDS[name].module)
    assert list(inspect.signature(getattr(module, f"add_{name}_arguments")).parameters) == ["parser"]
    assert list(inspect.signature(getattr(module, f"run_{name}")).parameters) == ["args"]


def test_the_version_is_the_installed_one():
    import importlib.metadata

    assert run("--version").stdout == f"demitasse {importlib.metadata.version('demitasse')}\n"


@pytest.mark.parametrize(
    ("word", "says"),
    [
        pytest.param("xyzzyqq", "there are: demo,", id="nothing_near"),
        pytest.param("anotate", "did you mean 'annotate'?", id="misspelt"),
        pytest.param("predit", "did you mean 'predict'?", id="another_misspelt"),
    ],
)
def test_an_unknown_command_names_the_nearest(capsys, word, says):
    assert main([word]) == 2
    error = capsys.readouterr().err
    assert word in error and says in error and error.count("\n") == 1


def test_no_command_shows_the_help_and_fails(capsys):
    assert main([]) == 2
    assert "usage: demitasse" in capsys.readouterr().out


@pytest.fixture
def command(monkeypatch):
    """Install a command `x` whose body is given."""

    def install(body):
        module = type(sys)("a_command_for_a_test")
        module.add_x_arguments = lambda parser: parser.add_argument("words", nargs="*")
        module.run_x = body
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(COMMANDS, "x", Command("a test", module.__name__))

    return install


def test_a_commands_exit_code_is_ours(command):
    command(lambda args: len(args.words))
    assert main(["x", "a", "b", "c"]) == 3


def test_an_error_for_the_person_is_one_line_and_exit_2(command, capsys):
    def fail(_):
        raise DataError("a.json: items[3].answer\nis empty")

    command(fail)
    assert main(["x"]) == 2
    shown = capsys.readouterr()
    assert shown.err == "demitasse: a.json: items[3].answer is empty\n" and shown.out == ""


def test_a_defect_of_ours_keeps_its_traceback(command):
    def fail(_):
        raise KeyError("a defect")

    command(fail)
    with pytest.raises(KeyError):
        main(["x"])


@pytest.mark.parametrize(
    "number", [pytest.param(getattr(errno, name), id=name) for name in ("EACCES", "EPERM", "EROFS", "ENAMETOOLONG")]
)
def test_a_place_that_cannot_be_used_is_one_line_that_names_it(command, capsys, number):
    def fail(_):
        raise OSError(number, os.strerror(number), "some/place")

    command(fail)
    assert main(["x"]) == 2
    assert capsys.readouterr().err == f"demitasse: some/place: {os.strerror(number)}; mend that, or name another path\n"


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(FileNotFoundError(errno.ENOENT, "No such file", "ours.yaml"), id="a_file_of_ours_is_missing"),
        pytest.param(PermissionError(errno.EACCES, "Permission denied"), id="no_path"),
    ],
)
def test_another_error_of_the_system_keeps_its_traceback(command, fault):
    def fail(_):
        raise fault

    command(fail)
    with pytest.raises(type(fault)):
        main(["x"])


@pytest.mark.parametrize("kind", ["render", "scenes", "stories", "moments", "drives"])
@pytest.mark.parametrize("name", ["file", "file/folder"])
def test_a_file_named_for_a_folder_of_toys_is_one_line(tmp_path, capsys, kind, name):
    (tmp_path / "file").write_text("mine")
    assert main(["toyworld", kind, str(tmp_path / name), "--count", "1"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"demitasse: {tmp_path / 'file'}") and error.count("\n") == 1
    assert (tmp_path / "file").read_text() == "mine"


def test_an_interrupt_is_exit_130(command, capsys):
    def interrupted(_):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
        return 0

    command(interrupted)
    assert main(["x"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_bad_arguments_are_exit_2(command, capsys):
    command(lambda args: 0)
    with pytest.raises(SystemExit) as ended:
        main(["x", "--no-such-option"])
    assert ended.value.code == 2 and "usage: demitasse x" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_traceback(tmp_path):
    broken = tmp_path / "set"
    broken.mkdir()
    for number in range(3000):
        (broken / f"{number}.json").write_text("{")
    shell = f"set -o pipefail; '{DEMITASSE}' data validate '{broken}' | head -1"
    found = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=300)
    assert found.stdout.count("\n") == 1 and found.stderr == ""
    assert found.returncode == cli.EXIT_PIPE_CLOSED


@pytest.mark.parametrize(
    ("name", "loaded"), [pytest.param("data", "False", id="data_needs_none"), pytest.param("score", "True", id="score")]
)
def test_a_stage_is_loaded_only_for_its_own_commands(tmp_path, name, loaded):
    code = (
        "import sys; from demitasse.cli import main\n"
        f"try: main(['{name}', '--help'])\n"
        "except SystemExit: pass\n"
        "print('evaluate.comparing.command' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert found.stdout.splitlines()[-1] == loaded, found.stderr
