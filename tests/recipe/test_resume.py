"""A recipe goes on at the stage that is not done: what makes one done, and what undoes it."""

import json
import shlex
from pathlib import Path

import pytest

from demitasse.errors import OtherRunError
from demitasse.recipe import read_recipe, run_recipe
from demitasse.recipe.needs import Needs
from demitasse.recipe.traces import Traces

SETTINGS = {"make": {"size": 1}, "learn": {"steps": 5}, "other": {"key": 1}}


class Kitchen:
    """Three stages that read and write as real ones do: `make` a folder, `learn` a file of it, `judge` into it.

    A stage writes what it read and the number of times it ran.
    """

    def __init__(self, folder):
        self.folder, self.run, self.ran = folder, folder / "run", []
        self.recipe = folder / "config.yaml"
        self.files, self.code, self.settings = 2, {}, json.loads(json.dumps(SETTINGS))
        self.polished = None
        self.stages = [
            "make --config {recipe}/config.yaml {folder}/raw.txt --out {run}/made",
            "learn --config {recipe}/config.yaml --data {run}/made --cache {run}/cache --out {run}/learnt",
            "judge {run}/learnt",
            "compare {run}/learnt --out {run}/report",
        ]
        (folder / "raw.txt").write_text("raw")

    def go(self, **options):
        """Run the recipe; returns the first words of the stages that were run."""
        values = {"run": str(self.run), "folder": str(self.folder)}
        self.recipe.write_text(json.dumps({"recipe": {"values": values, "stages": self.stages}, **self.settings}))
        self.ran = []
        self.exit_code = run_recipe(self.recipe, [], **options)
        return self.ran

    def dispatch(self, command):
        name, *words = shlex.split(command)
        self.ran.append(name)
        if name in self.code:
            return self.code[name]
        if name == "judge":
            (Path(words[0]) / "judged.txt").write_text((Path(words[0]) / "weights.txt").read_text())
            return 0
        out = Path(words[-1])
        if name == "polish":
            for file in sorted(out.iterdir())[: self.polished]:
                file.write_text(f"polished {file.name}")
            return 0
        out.mkdir(parents=True, exist_ok=True)
        if name == "make":
            for number in range(self.files):
                (out / f"{number}.txt").write_text(Path(words[2]).read_text())
        elif name == "learn":
            (self.run / "cache").mkdir(exist_ok=True)
            (self.run / "cache" / "frames").write_text(f"{len(list((self.run / 'cache').iterdir()))}")
            (out / "weights.txt").write_text("".join(one.read_text() for one in sorted((self.run / "made").iterdir())))
        else:
            (out / "page.html").write_text((self.run / "learnt" / "judged.txt").read_text())
        return 0

    def stage(self, name):
        stages = json.loads((self.run / "run.json").read_text())["stages"]
        return next(stage for stage in stages if stage["command"].startswith(name))


@pytest.fixture
def kitchen(tmp_path, monkeypatch, no_parsers):
    kitchen = Kitchen(tmp_path)
    monkeypatch.setattr("demitasse.recipe.run.dispatch", kitchen.dispatch)
    return kitchen


ALL = ["make", "learn", "judge", "compare"]


def test_a_finished_recipe_runs_nothing_and_says_so(kitchen, capsys):
    assert kitchen.go() == ALL
    capsys.readouterr()
    assert kitchen.go() == []
    said = capsys.readouterr().out
    assert "nothing to do: 4 stages are done" in said
    assert "same command, settings and input" in said
    assert said.count("done 20") == 4


@pytest.mark.parametrize("files", [pytest.param(2, id="told_one_by_one"), pytest.param(40, id="told_together")])
def test_what_a_stage_wrote_is_missed_where_it_is_gone(kitchen, capsys, files):
    kitchen.files = files
    kitchen.go()
    (kitchen.run / "made" / "1.txt").unlink()
    assert kitchen.go() == ["make"]  # it wrote the same again, so what reads it is as it was
    assert "because made/" in capsys.readouterr().out


def test_a_whole_folder_that_is_gone_is_made_again(kitchen):
    import shutil

    kitchen.go()
    shutil.rmtree(kitchen.run / "report")
    assert kitchen.go() == ["compare"]


def test_an_input_that_changed_runs_all_that_it_changes(kitchen, capsys):
    kitchen.go()
    (kitchen.folder / "raw.txt").write_text("other")
    assert kitchen.go() == ALL
    assert "raw.txt, which it reads, has changed" in capsys.readouterr().out


def test_an_input_that_is_only_newer_changes_nothing(kitchen):
    kitchen.go()
    (kitchen.folder / "raw.txt").touch()
    assert kitchen.go() == []


def test_a_file_that_was_put_into_an_input_counts(kitchen):
    kitchen.go()
    (kitchen.run / "made" / "new.txt").write_text("new")
    assert kitchen.go() == ["learn", "judge", "compare"]


def test_what_a_later_stage_adds_to_a_folder_is_no_change_for_those_before(kitchen):
    kitchen.go()
    assert (kitchen.run / "learnt" / "judged.txt").exists()
    assert kitchen.go() == []


def test_a_file_that_is_damaged_beside_what_a_later_stage_wrote_runs_the_stage_that_made_it(kitchen, capsys):
    kitchen.go()
    (kitchen.run / "learnt" / "weights.txt").write_text("ha")
    assert kitchen.go() == ["learn"]  # which wrote the same again
    assert "because learnt/weights.txt, which it wrote, has changed" in capsys.readouterr().out


def test_a_note_of_ones_own_where_a_stage_writes_is_no_change_for_it(kitchen):
    kitchen.go()
    (kitchen.run / "report" / "notes.txt").write_text("mine")
    assert kitchen.go() == []


def test_settings_count_for_the_command_that_reads_them_alone(kitchen, capsys):
    kitchen.go()
    kitchen.settings["learn"]["steps"] = 6
    assert kitchen.go() == ["learn"]  # which wrote the same
    assert "its settings in {recipe}/config.yaml have changed" in capsys.readouterr().out
    kitchen.settings["other"]["key"] = 2
    assert kitchen.go() == []


def test_another_command_is_another_stage(kitchen):
    kitchen.go()
    kitchen.stages[3] += "/second"
    assert kitchen.go() == ["compare"]
    kitchen.stages.insert(1, "make --config {recipe}/config.yaml {folder}/raw.txt --out {run}/more")
    assert kitchen.go() == ["make"]


def test_a_frame_cache_may_grow_or_go(kitchen):
    import shutil

    kitchen.go()
    (kitchen.run / "cache" / "more").write_text("frames")
    assert kitchen.go() == []
    shutil.rmtree(kitchen.run / "cache")
    assert kitchen.go() == []


def test_a_failed_stage_is_run_again_and_those_before_it_are_not(kitchen, capsys):
    kitchen.code["judge"] = 2
    assert kitchen.go() == ["make", "learn", "judge"]
    assert kitchen.exit_code == 2
    assert kitchen.stage("judge")["exit_code"] == 2
    kitchen.code = {}
    assert kitchen.go() == ["judge", "compare"]
    assert "because it ended with exit code 2" in capsys.readouterr().out


def test_a_stage_that_was_killed_is_run_again_though_it_has_begun_to_write(kitchen, monkeypatch, capsys):
    def killed(command):
        if command.startswith("judge"):
            (kitchen.run / "learnt" / "half.txt").write_text("half")
            raise KeyboardInterrupt  # as a kill: nothing is recorded after it
        return kitchen.dispatch(command)

    monkeypatch.setattr("demitasse.recipe.run.dispatch", killed)
    with pytest.raises(KeyboardInterrupt):
        kitchen.go()
    assert kitchen.stage("judge")["state"] == "running"
    monkeypatch.setattr("demitasse.recipe.run.dispatch", kitchen.dispatch)
    assert kitchen.go() == ["judge", "compare"]
    assert "because it began and has not ended" in capsys.readouterr().out
    assert kitchen.go() == []


def test_a_stage_that_was_killed_in_a_folder_of_others_makes_none_of_them_run_again(kitchen, monkeypatch):
    """As the full run of an annotation, which goes on in the folder of its pilot."""

    def killed(command):
        if command.startswith("polish"):
            (kitchen.run / "made" / "0.txt").write_text("half")
            (kitchen.run / "made" / "new.txt").write_text("half")
            raise KeyboardInterrupt
        return kitchen.dispatch(command)

    kitchen.stages.insert(1, "polish {run}/made")
    monkeypatch.setattr("demitasse.recipe.run.dispatch", killed)
    with pytest.raises(KeyboardInterrupt):
        kitchen.go()
    monkeypatch.setattr("demitasse.recipe.run.dispatch", kitchen.dispatch)
    assert kitchen.go() == ["polish", "learn", "judge", "compare"]
    assert kitchen.go() == []
    assert kitchen.stage("polish")["read"]["{run}/made"]["files"] == 2


def test_what_was_left_out_is_tried_again_only_when_asked(kitchen, capsys):
    kitchen.code["learn"] = 3
    (kitchen.run / "learnt").mkdir(parents=True)
    (kitchen.run / "learnt" / "weights.txt").write_text("partly")
    assert kitchen.go() == ALL
    assert kitchen.go() == []
    assert kitchen.exit_code == 3
    assert "it left something out (exit code 3); --again learn tries once more" in capsys.readouterr().out
    kitchen.code = {}
    assert kitchen.go(again="learn") == ["learn", "judge", "compare"]
    assert kitchen.exit_code == 0


def test_where_the_record_is_lost_stages_are_run_once_more_and_then_left_alone(kitchen, monkeypatch):
    def needs(recipe, words, place, shown, before):
        return Needs([], [Path(words.words[-1])] if "--out" in words.words else [])

    monkeypatch.setattr("demitasse.recipe.run.needs_of", needs)
    kitchen.go()
    (kitchen.run / "run.json").unlink()
    assert kitchen.go() == ALL
    assert kitchen.stage("learn")["read"]["{run}/learnt"] is None  # though it was there
    assert kitchen.go() == ["judge"]  # which writes into what it reads, and found its own work there
    assert kitchen.go() == []


def test_the_run_may_be_moved(kitchen):
    kitchen.go()
    kitchen.run.rename(kitchen.folder / "moved")
    kitchen.run = kitchen.folder / "moved"
    assert kitchen.go() == []


def test_until_leaves_the_rest_for_later(kitchen):
    assert kitchen.go(until="learn") == ["make", "learn"]
    assert kitchen.go() == ["judge", "compare"]


def test_the_plan_alone_runs_and_writes_nothing(kitchen, capsys):
    assert kitchen.go(plan_only=True) == []
    assert not kitchen.run.exists()
    assert capsys.readouterr().out.count("to run") == 4


def test_a_recipe_may_list_the_same_command_twice(kitchen):
    kitchen.stages.append(kitchen.stages[2])
    assert kitchen.go() == [*ALL, "judge"]
    assert kitchen.go() == []


def test_what_a_later_stage_rewrites_is_no_change_for_those_that_wrote_or_read_it(kitchen):
    kitchen.stages.append("polish {run}/learnt")
    assert kitchen.go() == [*ALL, "polish"]
    assert kitchen.go() == []
    (kitchen.run / "learnt" / "judged.txt").write_text("by hand")
    assert kitchen.go() == ["polish"]


@pytest.mark.parametrize(
    "files, polished",
    [
        pytest.param(40, None, id="all_of_many"),
        pytest.param(40, 2, id="few_of_many"),
        pytest.param(2, None, id="all_of_few"),
    ],
)
def test_a_stage_that_rewrites_another_ones_files_is_done_after_it_has_run_once(kitchen, files, polished):
    kitchen.files, kitchen.polished = files, polished
    kitchen.stages.insert(1, "polish {run}/made")
    assert kitchen.go() == ["make", "polish", "learn", "judge", "compare"]
    assert kitchen.go() == []
    assert kitchen.go(again="polish") == ["polish"]
    assert kitchen.go() == []


def test_two_stages_may_rewrite_many_files_one_after_the_other(kitchen):
    kitchen.files = 40
    kitchen.stages[1:1] = ["polish {run}/made", "polish --finely {run}/made"]
    assert kitchen.go() == ["make", "polish", "polish", "learn", "judge", "compare"]
    assert kitchen.go() == []


@pytest.mark.parametrize("files", [2, 40])
def test_what_changes_below_a_stage_that_rewrites_it_still_counts(kitchen, files):
    kitchen.files = files
    kitchen.stages.insert(1, "polish {run}/made")
    kitchen.go()
    (kitchen.folder / "raw.txt").write_text("other")
    assert kitchen.go() == ["make", "polish"]  # which writes the same again
    assert kitchen.go() == []
    (kitchen.run / "made" / "1.txt").write_text("by hand")
    assert kitchen.go() == ["polish"]
    assert kitchen.go() == []


def test_a_file_of_many_is_read_as_the_stages_before_left_it(kitchen):
    kitchen.files = 40
    kitchen.stages[1] = "learn {run}/made/0.txt --out {run}/learnt"
    kitchen.stages.insert(2, "polish {run}/made")
    kitchen.go()
    assert kitchen.go() == []
    (kitchen.folder / "raw.txt").write_text("other")
    assert kitchen.go()[:3] == ["make", "learn", "polish"]
    assert kitchen.go() == []


def test_where_a_stage_that_was_cut_off_had_begun_to_write_is_still_no_input_of_it(kitchen, monkeypatch):
    def killed(command):
        (kitchen.run / "made").mkdir(parents=True)
        raise KeyboardInterrupt

    monkeypatch.setattr("demitasse.recipe.run.dispatch", killed)
    with pytest.raises(KeyboardInterrupt):
        kitchen.go()
    monkeypatch.setattr("demitasse.recipe.run.dispatch", kitchen.dispatch)
    assert kitchen.go() == ALL
    assert kitchen.stage("make")["read"]["{run}/made"] is None


@pytest.mark.parametrize(
    "files, names",
    [
        pytest.param(2, ["made/0.txt", "made/1.txt"], id="few_are_told_one_by_one"),
        pytest.param(40, ["made/"], id="many_in_one_folder_are_told_together"),
    ],
)
def test_what_was_written_is_told_so_that_it_can_be_read(kitchen, files, names):
    kitchen.files = files
    kitchen.go()
    assert list(kitchen.stage("make")["wrote"]) == names


def test_what_lies_around_the_run_is_not_where_a_stage_that_was_killed_wrote(kitchen, monkeypatch):
    def killed(command):
        if command.startswith("polish"):
            (kitchen.run / "notes.txt").write_text("mine")
            raise KeyboardInterrupt
        return kitchen.dispatch(command)

    kitchen.stages.insert(1, "polish --beside {folder} {run}/made")
    monkeypatch.setattr("demitasse.recipe.run.dispatch", killed)
    with pytest.raises(KeyboardInterrupt):
        kitchen.go()
    monkeypatch.setattr("demitasse.recipe.run.dispatch", kitchen.dispatch)
    kitchen.go()
    assert list(kitchen.stage("polish")["wrote"]) == ["made/0.txt", "made/1.txt"]


def test_what_an_earlier_stage_made_is_an_input_of_one_that_writes_into_it(kitchen, monkeypatch):
    def needs(recipe, words, place, shown, before):
        return Needs([], [kitchen.run / "learnt"] if words.name == "judge" else [])

    monkeypatch.setattr("demitasse.recipe.run.needs_of", needs)
    kitchen.go()
    assert kitchen.stage("judge")["read"]["{run}/learnt"]["files"] == 1


def test_what_a_stage_took_away_again_is_not_missed(kitchen, monkeypatch):
    def tidy(command):
        code = kitchen.dispatch(command)
        (kitchen.run / "made" / "1.txt").unlink(missing_ok=True)
        return code

    kitchen.go()
    (kitchen.folder / "raw.txt").write_text("other")
    monkeypatch.setattr("demitasse.recipe.run.dispatch", tidy)
    assert kitchen.go() == ALL
    assert list(kitchen.stage("make")["wrote"]) == ["made/0.txt"]
    assert kitchen.go() == []


def test_a_folder_within_one_that_is_told_of_together_is_no_part_of_that(kitchen):
    kitchen.files = 40
    kitchen.stages[3] = "compare {run}/learnt --out {run}/made/report"
    assert kitchen.go() == ALL
    assert kitchen.go() == [], "what was written below the folder changes nothing right in it"


def told(kitchen, capsys):
    """What the plan says from each stage's number to the next."""
    capsys.readouterr()
    kitchen.go(plan_only=True)
    said = capsys.readouterr().out
    places = [said.index(f"\n{number:4}  ") for number in range(1, len(kitchen.stages) + 1)]
    return [said[start:end] for start, end in zip(places, [*places[1:], None], strict=True)]


def test_what_reads_what_a_stage_to_be_run_writes_is_not_told_as_surely_done(kitchen, capsys):
    kitchen.go()
    kitchen.stages[1] = kitchen.stages[1].replace("--out", "--steps 14 --out")
    make, learn, judge, compare = told(kitchen, capsys)
    assert "done 20" in make and "to run" in learn
    assert "may run again" in judge and "done, unless stage 2 comes out otherwise; what it would cost" in judge
    assert "may run again" in compare and "done, unless stage 2 comes out otherwise" in compare
    assert "cost" not in compare
    assert kitchen.go() == ["learn"]  # what it wrote came out as it was
    assert "left alone: after all" in capsys.readouterr().out


def test_a_stage_whose_own_folder_is_gone_undoes_none_that_does_not_read_it(kitchen, capsys):
    import shutil

    kitchen.stages.append("learn {run}/made --out {run}/made_over")
    kitchen.go()
    shutil.rmtree(kitchen.run / "report")
    plan = told(kitchen, capsys)
    assert "to run" in plan[3]
    assert "done 20" in plan[4] and "may run again" not in "".join(plan)


@pytest.fixture
def refusing(kitchen, monkeypatch):
    """The kitchen, whose `learn` refuses to write over what it learnt from something else."""

    def dispatch(command):
        learnt = kitchen.run / "learnt" / "weights.txt"
        if command.startswith("learn") and learnt.exists():
            known = learnt.read_text()
            learnt.unlink()
            kitchen.dispatch(command)
            if learnt.read_text() != known:
                learnt.write_text(known)
                raise OtherRunError(f"{learnt.parent} was learnt from other data")
            return 0
        return kitchen.dispatch(command)

    def needs(recipe, words, place, shown, before):
        return Needs([], [kitchen.run / "learnt"] if words.name == "learn" else [])

    monkeypatch.setattr("demitasse.recipe.run.dispatch", dispatch)
    monkeypatch.setattr("demitasse.recipe.run.needs_of", needs)
    return kitchen


def test_a_stage_that_refuses_to_mix_stops_the_recipe_and_the_way_on_is_told(refusing, capsys):
    refusing.go()
    (refusing.folder / "raw.txt").write_text("other")
    assert refusing.go() == ["make", "learn"]
    assert refusing.exit_code == 2
    said = capsys.readouterr()
    assert "was learnt from other data" in said.err
    assert (
        f"stopped at stage 2: start the recipe again with --anew, which moves that to {refusing.run / 'aside'}"
        in said.out
    )
    assert refusing.go() == ["learn"]  # nothing has been moved, and nothing else is run before it


def test_anew_moves_what_it_refuses_to_mix_with_aside_and_goes_on(refusing, capsys):
    refusing.go()
    (refusing.folder / "raw.txt").write_text("other")
    refusing.go()
    assert refusing.go(anew=True) == ["learn", "learn", "judge", "compare"]
    assert refusing.exit_code == 0
    [kept] = (refusing.run / "aside").glob("*/learnt")
    assert sorted(file.name for file in kept.iterdir()) == ["judged.txt", "weights.txt"]
    assert (
        "raw" in (kept / "weights.txt").read_text() and "other" in (refusing.run / "learnt" / "weights.txt").read_text()
    )
    assert str(kept) in capsys.readouterr().out
    assert refusing.go() == refusing.go(anew=True) == []


def test_anew_moves_nothing_of_a_stage_that_does_not_refuse(refusing):
    refusing.go()
    refusing.settings["learn"]["steps"] = 6
    assert refusing.go(anew=True) == ["learn"]
    assert not (refusing.run / "aside").exists()


def test_anew_begins_a_stage_of_again_with_nothing(refusing):
    refusing.go()
    assert refusing.go(again="learn", anew=True) == ["learn", "judge"]  # whose own file has gone with it
    assert len(list((refusing.run / "aside").glob("*/learnt/judged.txt"))) == 1


def test_anew_says_where_there_is_nothing_to_move(refusing, capsys):
    refusing.go()
    assert refusing.go(again="judge", anew=True) == ["judge"]
    assert "nothing that it alone writes is there, so nothing is moved" in capsys.readouterr().out


def test_a_stage_that_refuses_twice_ends_the_recipe(refusing, monkeypatch):
    def dispatch(command):
        raise OtherRunError("whatever lies there")

    monkeypatch.setattr("demitasse.recipe.run.dispatch", dispatch)
    assert refusing.go(anew=True) == []
    assert refusing.exit_code == 2


def test_a_judge_writes_into_the_folder_that_it_reads(kitchen, capsys):
    kitchen.go()
    kitchen.stages[2] += " --model another"
    plan = told(kitchen, capsys)
    assert "done 20" in plan[1] and "to run" in plan[2]
    assert "done, unless stage 3 comes out otherwise" in plan[3]


def test_a_section_of_filters_counts_for_the_filters_alone(tmp_path):
    path = tmp_path / "config.yaml"
    stages = [f"annotate {kind} --config {path} --out {{run}}/o" for kind in ("quality items", "video")]

    def settings(filters):
        sections = {"annotate": {"results_dir": "a"}, "quality": {"filters": filters}}
        path.write_text(json.dumps({"recipe": {"values": {"run": "run"}, "stages": stages}, **sections}))
        traces = Traces(read_recipe(path, []), [None, None])
        return traces.settings(0), traces.settings(1)

    before, after = settings(["leak"]), settings(["times"])
    assert before[0] != after[0]
    assert before[1] == after[1]
