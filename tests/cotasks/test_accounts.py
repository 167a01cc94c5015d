"""Two accounts of the same questions: the same things under the same names, and compared where both speak."""

import json
from dataclasses import replace

import pytest

from demitasse.cli import main
from demitasse.cotasks.accounts import Account, agreement_report, read_accounts
from demitasse.cotasks.agreement import answer_of, compare_stage
from demitasse.cotasks.figures import FIGURES
from demitasse.cotasks.matching import spacing_of
from demitasse.cotasks.naming import renamed_like
from demitasse.cotasks.noise import corrupt
from demitasse.cotasks.record import CoTasks, Entity, Event, KeyFrame, Relation, Sighting
from demitasse.errors import DataError

LEFT, RIGHT = (0.1, 0.4, 0.3, 0.8), (0.6, 0.4, 0.8, 0.8)
ALL_STAGES = {"1": "x", "2": "x", "3": "x", "4": "x"}


def truth(number=0):
    """Two adults and a ball, of which a question is about three moments."""
    times = (1.0, 2.0, 3.0)
    return CoTasks(
        f"video{number}_0",
        duration=6.0,
        sampled=7,
        frames=tuple(KeyFrame(int(time), time) for time in times),
        entities=tuple(Entity(name, name[:-2]) for name in ("adult 1", "adult 2", "ball 1")),
        sightings=tuple(
            Sighting(time, name, box) for time in times for name, box in (("adult 1", LEFT), ("adult 2", RIGHT))
        ),
        relations=tuple(Relation(time, "adult 1", "behind", "adult 2") for time in times),
        events=(
            Event("adult 1", "throw", "ball 1", 1.0, 2.0),
            Event("adult 2", "wave", None, 2.0, 3.0),
        ),
        sources=ALL_STAGES,
    )


def turned(cotasks):
    """The same with the two adults' names the other way round."""
    names = {"adult 1": "adult 2", "adult 2": "adult 1"}

    def called(name):
        return names.get(name, name)

    return replace(
        cotasks,
        entities=tuple(replace(one, name=called(one.name)) for one in cotasks.entities),
        sightings=tuple(replace(one, entity=called(one.entity)) for one in cotasks.sightings),
        relations=tuple(
            replace(one, subject=called(one.subject), object=called(one.object)) for one in cotasks.relations
        ),
        events=tuple(
            replace(one, subject=called(one.subject), object=one.object and called(one.object))
            for one in cotasks.events
        ),
    )


def accounts(*cotasks, kind="TC"):
    return {one.question_key: Account(one, kind, one.question_key[:-2]) for one in cotasks}


def figures(first, second=None):
    return agreement_report(accounts(first), accounts(second or truth()))["cotasks"]


# ---- names


def test_names_follow_the_boxes():
    assert renamed_like(turned(truth()), truth()) == truth()
    assert renamed_like(truth(), truth()) == truth()


def test_without_boxes_names_stay():
    bare = replace(turned(truth()), sightings=())
    assert renamed_like(bare, truth()) == bare


def test_who_is_left_over_gets_a_number_that_nobody_has():
    third = Sighting(1.0, "adult 3", (0.1, 0.4, 0.31, 0.8))
    said = replace(
        truth(),
        entities=(*truth().entities, Entity("adult 3", "adult")),
        sightings=(Sighting(1.0, "adult 1", RIGHT), third),
    )
    names = [one.name for one in renamed_like(said, truth()).entities]
    assert names[0] == "adult 2" and names[3] == "adult 1", "by their boxes"
    assert names[1] == "adult 3" and len(set(names)) == 4


def test_things_of_another_kind_keep_their_names():
    said = replace(truth(), entities=(Entity("child 1", "child"),), sightings=(Sighting(1.0, "child 1", LEFT),))
    assert renamed_like(said, truth()).sightings[0].entity == "child 1"


# ---- agreement


def test_an_account_agrees_with_itself_in_every_figure():
    for stage, found in figures(truth()).items():
        for name, figure in found.items():
            wanted = 0 if name == "swapped" else 1
            assert figure["value"] in (None, pytest.approx(wanted)), (stage, name)


def test_other_names_for_the_same_two_are_no_disagreement():
    assert figures(turned(truth())) == figures(truth())


def test_another_choice_of_moments_counts_in_the_first_task_alone():
    one = truth()
    fewer = replace(
        one,
        frames=one.frames[:1],
        sightings=tuple(sighting for sighting in one.sightings if sighting.time == 1.0),
        relations=one.relations[:1],
    )
    found = figures(fewer)
    assert found["1"]["recall"]["value"] == pytest.approx(1 / 3)
    assert found["2"]["recall_50"]["value"] == found["3"]["recall"]["value"] == 1


def test_what_is_told_outside_the_seconds_ones_time_is_not_held_against_the_first():
    one = truth()
    more = replace(one, events=(*one.events, Event("adult 2", "leave", None, 4.0, 6.0)))
    assert figures(more)["4"]["precision"]["value"] == 1
    assert figures(one, more)["4"]["recall"]["value"] == pytest.approx(2 / 3)


def test_an_event_is_compared_as_far_as_it_falls_into_the_seconds_ones_time():
    one = truth()
    longer = replace(one, events=(replace(one.events[0], start=0.0), replace(one.events[1], end=6.0)))
    assert figures(longer)["4"]["f1"]["value"] == 1


def test_a_stage_that_one_of_them_does_not_tell_is_not_compared():
    found = figures(replace(truth(), sources={"1": "teacher", "4": "teacher"}))
    assert found["1"]["f1"]["n"] == found["4"]["f1"]["n"] == 1
    assert all(figure == {"value": None, "half_width": None, "n": 0} for figure in found["2"].values())


@pytest.mark.parametrize("stage", [1, 2, 3, 4])
def test_noise_shows_in_its_own_task(stage):
    many = [truth(number) for number in range(30)]
    noisy = [corrupt(one, {stage: 0.5}) for one in many]
    found = agreement_report(accounts(*noisy), accounts(*many))["cotasks"]
    for other in FIGURES:
        main_figure = next(iter(found[str(other)].values()))
        if other == stage:
            assert main_figure["value"] < 0.95
            assert main_figure["half_width"] > 0 or stage == 2, "its every box is as wrong as the next"
        elif stage > 2 or (stage, other) == (1, 4):  # other moments leave less that both tell; boxes say who is who
            assert main_figure["value"] == pytest.approx(1, abs=1e-9)


def test_figures_are_ratios_of_sums_over_the_questions():
    details = []
    firsts = [truth(0), replace(truth(1), frames=truth(1).frames[:1])]
    for said, true in zip(firsts, (truth(0), truth(1)), strict=True):
        details.append(compare_stage(answer_of(said), answer_of(true), 1, spacing_of(true)).to_json())
    found = agreement_report(accounts(*firsts), accounts(truth(0), truth(1)))
    assert found["cotasks"]["1"]["recall"]["value"] == pytest.approx((3 + 1) / (3 + 3))
    assert sum(one["found"] for one in details) == 4


def test_question_types_stand_apart():
    first = accounts(truth(0), kind="TC") | accounts(replace(truth(1), frames=()), kind="CW")
    second = accounts(truth(0), kind="TC") | accounts(truth(1), kind="CW")
    by_type = agreement_report(first, second)["by_type"]
    assert (by_type["TC"]["1"]["value"], by_type["CW"]["1"]["value"]) == (1, 0)


def test_one_video_has_no_interval():
    assert figures(truth())["1"]["f1"]["half_width"] is None


# ---- files


def write(path, *cotasks, **provenance):
    rows = [one.to_json() | {"provenance": {"question_type": "TC", **provenance}} for one in cotasks]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_command_reads_files_and_folders_and_counts_what_is_in_one_alone(tmp_path, capsys):
    (tmp_path / "teacher").mkdir()
    write(tmp_path / "teacher" / "cotasks.jsonl", truth(0), truth(1))
    other = write(tmp_path / "annotation.jsonl", truth(1), truth(2), truth(3))
    assert main(["data", "agreement", str(tmp_path / "teacher"), str(other)]) == 0
    told = capsys.readouterr().out
    assert told.startswith("1 questions in both, 1 only in A, 2 only in B")
    for stage, named in FIGURES.items():
        assert f"CoTask {stage}, " in told
        assert all(figure.label in told for figure in named.values())
    assert main(["data", "agreement", str(tmp_path / "teacher"), str(other), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["by_type"]["TC"]["2"]["value"] == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("{}\n", "line 1 is no row of CoTasks", id="no_cotasks"),
        pytest.param("not json\n", "line 1 is no row of CoTasks", id="no_json"),
        pytest.param("[]\n", "line 1 is no row of CoTasks", id="no_object"),
        pytest.param("", "no question in common", id="empty"),
        pytest.param(json.dumps(truth(9).to_json()) + "\n", "no question in common", id="others"),
        pytest.param(
            (json.dumps(truth().to_json()) + "\n") * 2, "line 2: question video0_0 is there twice", id="twice"
        ),
    ],
)
def test_a_file_that_cannot_be_compared_is_told_in_a_sentence(tmp_path, capsys, text, sentence):
    first, second = tmp_path / "first.jsonl", write(tmp_path / "second.jsonl", truth())
    first.write_text(text)
    assert main(["data", "agreement", str(first), str(second)]) == 2
    assert sentence in capsys.readouterr().err


def test_a_file_that_is_no_text_is_told(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="not UTF-8"):
        read_accounts(tmp_path / "a.jsonl")


@pytest.mark.parametrize(
    ("provenance", "video"),
    [
        pytest.param({"video": "a/b.mp4"}, "a/b.mp4", id="a_teachers"),
        pytest.param({"annotation": "7.json"}, "7.json", id="annotations"),
        pytest.param({}, "video0", id="by_the_questions_key"),
    ],
)
def test_questions_of_one_video_are_known_by_it(tmp_path, provenance, video):
    path = write(tmp_path / "cotasks.jsonl", truth(), **provenance)
    assert read_accounts(path)["video0_0"].video == video


def test_a_row_may_hold_separators_of_unicode(tmp_path):
    path = write(tmp_path / "cotasks.jsonl", truth())
    row = json.loads(path.read_text()) | {"note": "one\u2028another\u0085"}
    path.write_text(json.dumps(row, ensure_ascii=False) + "\n")
    assert list(read_accounts(path)) == ["video0_0"]
