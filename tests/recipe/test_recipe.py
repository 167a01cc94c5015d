"""Recipes: values fill the commands, mistakes are named, stages run in order and stop at the first failure."""

import json
import shlex
from pathlib import Path

import pytest

from demitasse import cli
from demitasse.config.source import Source, override
from demitasse.errors import ConfigError, DemitasseError
from demitasse.recipe import QUICKSTART, prepare, read_recipe, run_recipe


def write(tmp_path, stages, **values):
    path = tmp_path / "config.yaml"
    content = {"recipe": {"values": {"run": str(tmp_path / "run"), **values}, "stages": stages}, "other": {"kept": 1}}
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def dispatched(monkeypatch, no_parsers):
    """The commands that were run; one that has the word `fail` in it exits with 2, `skip` with 3."""
    commands = []

    def run(command):
        commands.append(command)
        return 2 if "fail" in command else 3 if "skip" in command else 0

    monkeypatch.setattr("demitasse.recipe.run.dispatch", run)
    return commands


def test_values_fill_the_commands_and_may_name_each_other(tmp_path, dispatched):
    path = write(tmp_path, ["a {video}", "b {run}"], video="{run}/v")
    assert run_recipe(path, []) == 0
    assert dispatched == [f"a {tmp_path}/run/v", f"b {tmp_path}/run"]


def test_a_value_is_one_word_or_a_part_of_one_whatever_is_in_it(tmp_path):
    path = write(tmp_path, ['a {video} x=[{video}/b] "{note}"'], video="/of me/my 'clips'", note='say "no" \\ {video}')
    words = ["a", "/of me/my 'clips'", "x=[/of me/my 'clips'/b]", "say \"no\" \\ /of me/my 'clips'"]
    assert shlex.split(read_recipe(path, []).commands[0]) == words


@pytest.mark.parametrize(
    "stage, value, members",
    [
        pytest.param("x=[{v}/a,{run}/b]", "of, mine", ["of, mine/a", "RUN/b"], id="a_comma_in_a_folders_name"),
        pytest.param("x=[{v}/a, {v}]", "take #1", ["take #1/a", "take #1"], id="what_would_begin_a_comment"),
        pytest.param("x=[{v}/a]", '[2024] "raw": {x', ['[2024] "raw": {x/a'], id="what_means_something_to_yaml"),
        pytest.param("x=[{v}]", "0,1a , 2", ["0", "1a", "2"], id="a_value_of_several_members"),
        pytest.param("x=[{v},z]", "{run}/a,{run}/b", ["RUN/a", "RUN/b", "z"], id="of_members_that_name_values"),
        pytest.param("x=[{v}]", '"of, mine"', ["of, mine"], id="quotes_of_ones_own"),
        pytest.param("x=[{v}]", "", [], id="of_none"),
        pytest.param("x=['{v}',b]", "a", ["a", "b"], id="a_list_in_quotes_already"),
        pytest.param("x=[{recipe}/a]", "", ["HERE/a"], id="the_recipes_own_folder"),
    ],
)
def test_a_member_of_a_list_is_one_whatever_is_in_it(tmp_path, stage, value, members):
    here = tmp_path / "a, b #1"
    here.mkdir()
    path = write(here, [f'a "{stage}"'], v=value)
    [word] = shlex.split(read_recipe(path, []).commands[0])[1:]
    root = Source({}, "")
    override(root, word)
    read = [member.content for member in root.content["x"].content]
    assert read == [one.replace("RUN", str(here / "run")).replace("HERE", str(here)) for one in members]


def test_a_list_of_plain_members_is_left_as_it_is_written(tmp_path):
    path = write(tmp_path, ["a 'x=[1, {v}/b ,2e-4]' 'y=[[1, 2],{v}]' z=[]"], v="c")
    assert shlex.split(read_recipe(path, []).commands[0])[1:] == ["x=[1, c/b ,2e-4]", "y=[[1, 2],c]", "z=[]"]


def test_values_in_a_list_that_name_each_other_in_a_circle_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="circle"):
        run_recipe(write(tmp_path, ["a x=[{u}]"], u="{v}", v="{u}"), [])


def test_a_starred_value_is_as_many_words_as_it_has_and_values_in_it_are_one_each(tmp_path):
    path = write(
        tmp_path, ["a {*asked} b {*none} c"], asked="--x {video} --y 'of two' {*more}", video="v w", more="m n", none=""
    )
    assert shlex.split(read_recipe(path, []).commands[0]) == ["a", "--x", "v w", "--y", "of two", "m", "n", "b", "c"]


@pytest.mark.parametrize(
    "stage, value, said",
    [
        pytest.param("a x{*asked}", "b", "must be one of its own", id="a_star_inside_a_word"),
        pytest.param("a '{*asked} c'", "b", "must be one of its own", id="a_star_in_quotes"),
        pytest.param("a {*askd}", "b", "stands for nothing", id="a_star_of_no_value"),
        pytest.param("a {*asked}", "{*asked}", "circle", id="a_star_of_itself"),
        pytest.param("a {*asked}", "it's", "cannot be read as words", id="quotes_of_a_value_not_closed"),
        pytest.param("a 'b", "b", "cannot be read as words", id="quotes_of_a_stage_not_closed"),
    ],
)
def test_words_that_cannot_be_filled_are_refused_before_anything_runs(tmp_path, dispatched, stage, value, said):
    with pytest.raises(ConfigError, match=said):
        run_recipe(write(tmp_path, ["first", stage], asked=value), [])
    assert dispatched == []


def test_a_video_folder_with_a_space_in_its_name_is_run_and_known_again(tmp_path, dispatched, capsys):
    videos = tmp_path / "my videos"
    videos.mkdir()
    (videos / "a.mp4").write_bytes(b"a")
    path = write(tmp_path, ["a {videos} b", "c"], videos="elsewhere")
    run_recipe(path, [f"videos={videos}"])
    assert dispatched == [f"a '{videos}' b", "c"]
    run_recipe(path, [f"videos={videos}"])
    assert len(dispatched) == 2
    (videos / "a.mp4").write_bytes(b"another")
    run_recipe(path, [f"videos={videos}"])
    assert dispatched[2:] == [f"a '{videos}' b"]


@pytest.mark.parametrize(
    "words", [["--until", "one", "x=2"], ["x=2", "--until", "one"], ["--plan", "x=2", "--until=one"]]
)
def test_values_may_stand_before_and_after_options(tmp_path, capsys, no_parsers, words):
    path = write(tmp_path, ["one {x}", "two"], x="1")
    assert cli.main(["run", str(path), *words, "--plan"]) == 0
    told = capsys.readouterr().out
    assert "1 stages" in told and "one 2" in told


def test_a_value_can_be_replaced_on_the_command_line(tmp_path, dispatched):
    run_recipe(write(tmp_path, ["a {seed}"], seed="0"), ["seed=7"])
    assert dispatched == ["a 7"]


def test_the_recipes_own_folder_is_found_from_any_folder(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert read_recipe(QUICKSTART, []).values["recipe"] == str(QUICKSTART.parent)
    monkeypatch.chdir(QUICKSTART.parents[2])
    assert read_recipe(QUICKSTART, []).values["recipe"] == "recipes/quickstart"


@pytest.mark.parametrize("value", ["/clips/take #1 of 2", "A: b", '"quoted"', "[a", "{x", "0x10", "", "a=b", "null"])
def test_a_value_of_the_command_line_is_taken_to_the_letter(tmp_path, value):
    assert read_recipe(write(tmp_path, ["a"], note="old"), [f"note={value}"]).values["note"] == value


def test_a_word_that_sets_nothing_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"'videos' on the command line is no name=value"):
        read_recipe(write(tmp_path, ["a"]), ["videos"])


def test_a_value_that_the_recipe_does_not_have_is_refused_with_those_it_has(tmp_path):
    with pytest.raises(ConfigError, match="'sead'.*run, seed"):
        read_recipe(write(tmp_path, ["a"], seed="0"), ["sead=1"])


def test_a_name_without_a_value_is_refused_before_anything_runs(tmp_path, dispatched):
    with pytest.raises(ConfigError, match=r"\{nothing\}"):
        run_recipe(write(tmp_path, ["a", "b {nothing}"]), [])
    assert dispatched == []


@pytest.mark.parametrize("stage", ["", "  ", "{*none}"])
def test_a_stage_without_words_is_refused_before_anything_runs(tmp_path, dispatched, stage):
    with pytest.raises(ConfigError, match="a stage of the recipe has no words"):
        run_recipe(write(tmp_path, ["first", stage], none=""), [])
    assert dispatched == []


def test_a_recipe_that_writes_nowhere_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="needs 'run', the folder"):
        read_recipe(write(tmp_path, ["a"]), ["run="])


def test_values_in_a_circle_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="circle"):
        run_recipe(write(tmp_path, ["a {x}"], x="{y}", y="{x}"), [])


def test_a_failing_stage_stops_the_recipe_and_gives_its_exit_code(tmp_path, dispatched):
    assert run_recipe(write(tmp_path, ["one", "fail", "three"]), []) == 2
    assert dispatched == ["one", "fail"]


def test_a_stage_that_skipped_something_does_not_stop_the_recipe_but_marks_it(tmp_path, dispatched):
    assert run_recipe(write(tmp_path, ["skip", "two"]), []) == 3
    assert dispatched == ["skip", "two"]


def test_until_stops_after_the_first_stage_that_begins_so(tmp_path, dispatched):
    run_recipe(write(tmp_path, ["data validate x", "data split x", "train"]), [], until="data split")
    assert dispatched == ["data validate x", "data split x"]
    with pytest.raises(ConfigError, match="no stage is 'data spl"):
        run_recipe(write(tmp_path, ["data split x"]), [], until="data spl")


def test_a_command_that_argparse_refuses_is_exit_2_and_stops_the_recipe(tmp_path, capsys, no_parsers):
    assert run_recipe(write(tmp_path, ["data validate", "data validate x"]), []) == 2
    assert "stopped at stage 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[1, 2]", id="a_list"),
        pytest.param("train: {}", id="no_recipe_section"),
        pytest.param("recipe: {stages: [", id="not_yaml"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused_by_name(tmp_path, text):
    path = tmp_path / "odd.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"odd\.yaml"):
        read_recipe(path, [])


def test_training_makes_its_recipes_data_first_and_only_where_it_is_missing(tmp_path, dispatched):
    path = write(tmp_path, ["make data", "data split x", "data convert x y", "predict base", "train"])
    prepare(path, [str(tmp_path / "run" / "data")])
    assert dispatched == ["make data", "data split x", "data convert x y"]
    (tmp_path / "run" / "data").mkdir(parents=True, exist_ok=True)
    prepare(path, [str(tmp_path / "run" / "data")])
    prepare(path, [str(tmp_path / "elsewhere")])
    assert len(dispatched) == 3


@pytest.mark.parametrize("run", ["/proc/nowhere/run", "a_file/run", "a_file"])
def test_a_folder_that_cannot_be_made_is_named_with_what_to_do(tmp_path, monkeypatch, dispatched, run):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a_file").write_text("in the way")
    with pytest.raises(ConfigError, match=rf"run={run} cannot be written \(.+\); name another folder, run=DIR"):
        run_recipe(write(tmp_path, ["one"]), [f"run={run}"])
    assert dispatched == []


def test_two_runs_in_one_folder_are_refused_with_who_holds_it(tmp_path, dispatched):
    import subprocess
    import sys

    path = write(tmp_path, ["one"])
    holding = (
        "import sys, time; from pathlib import Path; from demitasse.engine.lock import lock_results\n"
        f"with lock_results(Path({str(tmp_path / 'run')!r})):\n    print('held', flush=True)\n    sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DemitasseError, match=f"process {holder.pid}"):
            run_recipe(path, [])
        with pytest.raises(DemitasseError, match=f"process {holder.pid}"):
            prepare(path, [str(tmp_path / "run" / "data")])
        holder.stdin.close()
    assert dispatched == []


def test_a_recipe_cannot_be_a_stage_of_itself(tmp_path, capsys, no_parsers):
    path = write(tmp_path, [f"run {tmp_path / 'config.yaml'}"])
    assert run_recipe(path, []) == 2
    [said] = capsys.readouterr().err.splitlines()
    assert said.endswith(f"{tmp_path / 'run'} is a stage of one that runs there; name it another run=DIR")


def test_another_recipe_may_be_a_stage(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inner = tmp_path / "inner.yaml"
    inner.write_text(json.dumps({"recipe": {"values": {"run": "in"}, "stages": ["toyworld render {run}/v --count 1"]}}))
    path = write(tmp_path, ["run inner.yaml run={run}/inner"])
    assert run_recipe(path, []) == 0
    assert run_recipe(path, [], again="run") == 0
    assert (tmp_path / "run" / "inner" / "v" / "00000.mp4").is_file()


def test_a_plan_that_another_run_has_outdated_is_not_gone_by(tmp_path, dispatched, monkeypatch):
    from demitasse.recipe import run

    path, lines = write(tmp_path, ["one", "two"]), run.plan_lines

    def meanwhile(*args):  # a plan may take long: another run begins and ends
        monkeypatch.setattr(run, "plan_lines", lines)
        assert run_recipe(path, []) == 0
        return lines(*args)

    monkeypatch.setattr(run, "plan_lines", meanwhile)
    with pytest.raises(DemitasseError, match=r"run\.json was written by another run .*; start the recipe again"):
        run_recipe(path, [])
    assert dispatched == ["one", "two"]
    assert run_recipe(path, []) == 0


def test_what_must_be_named_is_the_recipe_alone(capsys):
    with pytest.raises(SystemExit):
        cli.main(["run"])
    assert capsys.readouterr().err.endswith("the following arguments are required: recipe\n")


@pytest.mark.parametrize(
    "columns, width",
    [
        pytest.param(None, None, id="whole_where_nobody_looks"),
        pytest.param(70, 70, id="narrow_terminal"),
        pytest.param(5, 51, id="as_much_as_is_needed_on_the_narrowest"),
        pytest.param(400, None, id="wide_terminal"),
    ],
)
def test_a_plan_cuts_commands_on_a_terminal_alone(tmp_path, capsys, monkeypatch, columns, width):
    command = f"data validate {'x' * 200}"
    monkeypatch.setenv("COLUMNS", str(columns or 60))
    monkeypatch.setattr("sys.stdout.isatty", lambda: columns is not None)
    run_recipe(write(tmp_path, [command]), [], plan_only=True)
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("   1  "))
    assert line.endswith("…" if width else command)
    assert len(line) == (width or 31 + len(command))


def test_a_folder_or_a_bare_name_is_told_the_file_that_is_meant(tmp_path, monkeypatch):
    monkeypatch.chdir(QUICKSTART.parent.parent.parent)
    for named in ("recipes/distil_loop", "distil_loop"):
        with pytest.raises(ConfigError, match=r"did you mean recipes/distil_loop/config\.yaml\?"):
            read_recipe(Path(named), [])
    with pytest.raises(ConfigError, match="a folder, and no recipe; a recipe is a YAML file"):
        read_recipe(tmp_path, [])
