"""`demitasse annotate cotasks` from annotation, as a person types it."""

import csv
import json

import pytest

from annotate.cotasks.items import Final, Writing, items_of
from demitasse.chat.kinds import BOX_STYLES
from demitasse.cli import main
from demitasse.cotasks.record import STAGES, TASK_NAMES, CoTasks, Entity, KeyFrame, Sighting
from demitasse.cotasks.text import read_task
from demitasse.dataset import read, read_folder, validate
from demitasse.errors import DataError

HEAD = ["video", "frame_count", "width", "height", "question", "answer", "qid", "type", "a0", "a1"]


def vidor(video, frames=60):
    side = [{"tid": 0, "bbox": {"xmin": 32, "ymin": 24, "xmax": 63, "ymax": 47}, "generated": 0, "tracker": "none"}]
    return {
        "video_id": video,
        "video_path": f"0001/{video}.mp4",
        "frame_count": frames,
        "fps": 10.0,
        "width": 320,
        "height": 240,
        "subject/objects": [{"tid": 0, "category": "dog"}, {"tid": 1, "category": "toy"}],
        "trajectories": [side] * frames,
        "relation_instances": [
            {"subject_tid": 0, "object_tid": 1, "predicate": "bite", "begin_fid": 10, "end_fid": 20}
        ],
    }


@pytest.fixture
def world(tmp_path):
    """Two annotated videos with three questions, and one question about a third video."""
    for video in ("7", "8"):
        path = tmp_path / "vidor" / "0001" / f"{video}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(vidor(video)))
    rows = [
        ["7", 60, 320, 240, "what does the dog do", 1, 3, "TC", "sits", "bites"],
        ["8", 60, 320, 240, "what is happening", 0, 1, "DO", "play", "sleep"],
        ["7", 60, 320, 240, "why is it there", 0, 4, "CW", "to eat", "to run"],
        ["9", 60, 320, 240, "what is this", 0, 1, "DO", "a cat", "a dog"],
    ]
    with open(tmp_path / "val.csv", "w", newline="") as file:
        csv.writer(file).writerows([HEAD, *rows])
    spans = {"7": {"duration": 6, "fps": 10.0, "location": {"3": [[1.0, 2.0]], "4": [[5.99, 5.995]]}}}
    (tmp_path / "spans.json").write_text(json.dumps(spans))
    return tmp_path


def annotate(world, *more, out="out"):
    words = [f"questions={world / 'val.csv'}", f"vidor={world / 'vidor'}", f"results_dir={world / out}", *more]
    return main(["annotate", "cotasks", "source=nextqa", *words])


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_question_is_done_or_left_out_with_a_reason(world, capsys):
    assert annotate(world, f"spans={world / 'spans.json'}") == 3
    shown = capsys.readouterr()
    assert "4 questions, 2 done, 2 left out" in shown.out.splitlines()[-1]
    done = rows(world / "out" / "cotasks.jsonl")
    assert [row["question_key"] for row in done] == ["7_3", "8_1"]
    assert done[0]["provenance"]["annotation"] == "7.json" and done[0]["provenance"]["spans"] == [[1.0, 2.0]]
    left = {row["what"]: row["why"] for row in rows(world / "out" / "left_out.jsonl")}
    assert left == {
        "9_1": "VidOR has no annotation of the video",
        "7_4": "no sampled frame lies in its time spans",
    }
    summary = json.loads((world / "out" / "summary.json").read_text())
    assert summary["done"] + summary["left_out"] == summary["questions"] == 4
    assert summary["sources"]["1"] == {"nextgqa_span": 1, "all_frames": 1}
    assert summary["by_type"] == {"TC": 1, "DO": 1} and summary["settings"]["questions"] == "val.csv"


def test_nothing_left_out_is_exit_zero(world):
    lines = (world / "val.csv").read_text().splitlines()
    (world / "val.csv").write_text("\n".join(lines[:-1]) + "\n")
    assert annotate(world) == 0


def test_items_pass_the_official_validator_and_ours(world, tao_daft):
    for video in ("7", "8"):
        path = world / "videos" / "0001" / f"{video}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a video")
    annotate(world, f"videos={world / 'videos'}")
    folder = world / "out" / "items"
    assert tao_daft(folder) and validate(folder) == []
    names = {path.stem for path in folder.glob("*.json")}
    assert names == {*TASK_NAMES.values(), "mcq"}
    assert all(file.license == "CC-BY-SA-4.0" for file in read_folder(folder))


def test_an_item_carries_its_question_stage_and_cotasks_and_no_context(world):
    annotate(world)
    for stage in STAGES:
        item = read(world / "out" / "items" / f"{TASK_NAMES[stage]}.json").items[0]
        assert item.extra["cotask"] == {"question_key": "7_3", "stage": stage, "box_style": "qwen_1000", "form": "json"}
        assert "what does the dog do" in item.question and "Notes on the video" not in item.question
        assert "sits" not in item.question, "options are for the question itself"
        assert read_task(item.answer, stage).ok and CoTasks.from_json(item.extra["cotasks"]).question_key == "7_3"
    final = read(world / "out" / "items" / "mcq.json").items[0]
    assert final.extra["cotask"]["stage"] == 5 and final.extra["choices"] == ["sits", "bites"]
    assert final.answer == "B" and final.extra["question_type"] == "TC"
    assert final.question == "what does the dog do\nA. sits\nB. bites\nAnswer with a single letter."
    assert (final.video_id, final.item_index) == ("0001/7.mp4", "7_3/5")


def test_open_questions_get_a_file_of_their_own(world):
    (world / "val.csv").write_text("video,question,answer,qid,type\n7,is the dog old,no,4,DB\n")
    assert annotate(world, "dialect=daft") == 0
    (item,) = read(world / "out" / "items" / "open_qa.json").items
    assert (item.question, item.answer, item.extra["choices"]) == ("is the dog old", "no", [])
    assert not (world / "out" / "items" / "mcq.json").exists()


def test_a_choice_can_be_asked_without_its_options(world):
    annotate(world, "options=false")
    first, *_ = read(world / "out" / "items" / "open_qa.json").items
    assert (first.question, first.answer, first.extra["choices"]) == ("what does the dog do", "bites", [])
    assert not (world / "out" / "items" / "mcq.json").exists()
    annotate(world, out="with")
    assert rows(world / "out" / "cotasks.jsonl") == rows(world / "with" / "cotasks.jsonl")


def test_stars_choices_too_can_be_asked_without_their_options(tmp_path):
    assert main(["annotate", "cotasks", "source=star", *star(tmp_path), "options=false"]) == 3
    (item,) = read(tmp_path / "out" / "items" / "open_qa.json").items
    assert item.answer == "The closet/cabinet." and "\n" not in item.question


def test_the_same_again_writes_the_same_bytes(world):
    annotate(world)
    before = {path.name: path.read_bytes() for path in sorted((world / "out").rglob("*")) if path.is_file()}
    annotate(world)
    assert before == {path.name: path.read_bytes() for path in sorted((world / "out").rglob("*")) if path.is_file()}


def test_a_map_and_a_folder_of_videos_say_where_media_lie(world, capsys):
    (world / "map.json").write_text('{"7": "1/7", "8": "1/8"}')
    (world / "videos").mkdir()
    annotate(world, f"video_map={world / 'map.json'}", f"videos={world / 'videos'}")
    assert "the video is not in the folder of videos" in capsys.readouterr().err
    for path in ("1/7.mp4", "0001/8.mp4"):
        (world / "videos" / path).parent.mkdir(exist_ok=True)
        (world / "videos" / path).write_bytes(b"")
    annotate(world, f"video_map={world / 'map.json'}", f"videos={world / 'videos'}")
    file = read(world / "out" / "items" / "mcq.json")
    assert [file.media_path(item).is_file() for item in file.items] == [True] * 3
    assert {item.video_id for item in file.items} == {"1/7.mp4", "0001/8.mp4"} and file.media_root == "../../videos"


def test_an_annotation_that_cannot_be_read_costs_its_own_questions(world):
    (world / "vidor" / "0001" / "7.json").write_text("{")
    assert annotate(world) == 3
    left = {row["what"]: row["why"] for row in rows(world / "out" / "left_out.jsonl")}
    assert sorted(left) == ["7_3", "7_4", "9_1"] and "7.json is not readable JSON" in left["7_3"]
    assert str(world) not in left["7_3"]


def test_a_file_of_settings_does_as_well(world):
    settings = {"source": "nextqa", "questions": str(world / "val.csv"), "vidor": str(world / "vidor"), "frames": 8}
    (world / "spec.yaml").write_text(json.dumps({"annotate": settings, "recipe": {}}))
    assert main(["annotate", "cotasks", "--config", str(world / "spec.yaml"), f"results_dir={world / 'o'}"]) == 3
    assert rows(world / "o" / "cotasks.jsonl")[0]["sampled"] == 8
    assert main(["annotate", "cotasks", "--config", str(world / "o" / "cotasks.yaml")]) == 3


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(["source=nextqa"], "source=nextqa needs questions=val.csv", id="no_questions"),
        pytest.param(["source=star"], "source=star needs items=STAR_val.json", id="no_items"),
        pytest.param(["source=star", "items=a.json"], "needs results_dir=DIR", id="nowhere_to_write"),
        pytest.param(
            ["source=star", "items=a.json", "results_dir=o", "vidor=d"],
            "vidor has no meaning with source=star",
            id="a_key_of_the_other_source",
        ),
        pytest.param(["source=nextq"], "'source' is nextq, but must be one of nextqa, star, teacher", id="no_source"),
        pytest.param(["source=nextqa", "qestions=a"], "questions", id="a_misspelt_key"),
        pytest.param(["source=nextqa", "frames=1"], "frames", id="too_few_frames"),
        pytest.param(
            ["source=nextqa", "questions=none.csv", "vidor=.", "results_dir=o"], "none.csv cannot be read", id="no_file"
        ),
        pytest.param(["source=star", "--shard", "0/2"], "--shard is for source=teacher", id="a_shard_of_what_is_quick"),
        pytest.param(["source=nextqa", "min_pixels=9", "max_pixels=3"], "needs", id="still_the_first_fault_first"),
    ],
)
def test_wrong_arguments_are_one_sentence_and_exit_2(tmp_path, monkeypatch, capsys, words, says):
    monkeypatch.chdir(tmp_path)
    assert main(["annotate", "cotasks", *words]) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1
    assert not (tmp_path / "o").exists()


ONE = CoTasks(
    "7_1",
    1.0,
    4,
    frames=(KeyFrame(0, 0.0, 0),),
    entities=(Entity("dog 1", "dog", 0),),
    sightings=(Sighting(0.0, "dog 1", (0.25, 0.25, 0.5, 0.75)),),
    size=(1280, 720),
)
FINAL = Final("who", "me", "DO", ("me", "you"), 0)


@pytest.mark.parametrize("style", BOX_STYLES)
def test_boxes_are_written_in_the_students_style_and_units_declared(style):
    items = items_of(ONE, "7.mp4", FINAL, Writing(style))
    places = items["cotask_entities"]
    size = places.extra["boxes"]["size"]
    assert ("size" in places.extra["cotask"]) == (BOX_STYLES[style].scale is None)
    (sighting,) = read_task(places.answer, 2, style, tuple(size)).value.sightings
    assert sighting.box == pytest.approx((0.25, 0.25, 0.5, 0.75), abs=0.001)
    assert "boxes" not in items["cotask_frames"].extra


def test_pixels_of_a_frame_of_unknown_size_are_not_written():
    from dataclasses import replace

    with pytest.raises(DataError, match="size is not known"):
        items_of(replace(ONE, size=None), "7.mp4", FINAL, Writing("qwen2_5_vl_px"))
    assert items_of(replace(ONE, size=None), "7.mp4", FINAL, Writing())["cotask_entities"].answer


STAR_FRAME = {"actions": ["a086"], "rel_pairs": [["o000", "o003"]], "rel_labels": ["r002"],
              "bbox": [[8, 8, 24, 24]], "bbox_labels": ["o003"]}  # fmt: skip


def star(tmp_path, **change):
    steps = ["Situations", "Actions", "Unique", "Query_Objs"]
    item = {
        "question_id": "Interaction_T1_1",
        "question": "Which object was closed by the person?",
        "video_id": "ABC12",
        "start": 0.5,
        "end": 1.5,
        "answer": "The closet/cabinet.",
        "question_program": [{"function": step, "value_input": []} for step in steps],
        "choices": [
            {"choice_id": 0, "choice": "The door.", "choice_program": ["door", "Equal"]},
            {"choice_id": 1, "choice": "The closet/cabinet.", "choice_program": ["closet/cabinet", "Equal"]},
        ],
        "situations": {"000020": STAR_FRAME, "000025": STAR_FRAME},
    } | change
    (tmp_path / "STAR_val.json").write_text(json.dumps([item, item | {"question_id": "Sequence_T1_2", "answer": None}]))
    return [f"items={tmp_path / 'STAR_val.json'}", f"results_dir={tmp_path / 'out'}"]


def test_star_needs_nothing_but_its_items(tmp_path, capsys):
    assert main(["annotate", "cotasks", "source=star", *star(tmp_path)]) == 3
    shown = capsys.readouterr()
    assert "frame rates: assumed 1" in shown.out and "by reading: classes 1" in shown.out
    assert "its answer is hidden (test split)" in shown.err
    (row,) = rows(tmp_path / "out" / "cotasks.jsonl")
    assert row["provenance"]["executes"] == "classes" and row["sources"]["rate"] == "assumed"
    (item,) = read(tmp_path / "out" / "items" / "mcq.json").items
    assert item.video_id == "ABC12_0.5-1.5.mp4" and item.answer == "B" and item.extra["template"] == "T1"
    assert item.extra["clip"] == {"video": "ABC12.mp4", "start": 0.5, "end": 1.5}


@pytest.mark.parametrize(
    ("change", "executes"),
    [
        pytest.param({"answer": "The door."}, "no", id="the_graph_says_otherwise"),
        pytest.param({"question_program": []}, "no program", id="nothing_to_run"),
    ],
)
def test_a_program_that_leads_elsewhere_is_said(tmp_path, change, executes):
    main(["annotate", "cotasks", "source=star", *star(tmp_path, **change)])
    assert rows(tmp_path / "out" / "cotasks.jsonl")[0]["provenance"]["executes"] == executes


def test_clips_are_cut_where_the_videos_are(tmp_path):
    from demitasse.media.probe import probe
    from demitasse.toyworld.story_video import SIZE, render_story

    (tmp_path / "videos").mkdir()
    render_story(tmp_path / "videos" / "ABC12.mp4", 1)
    frames = {"000006": STAR_FRAME, "000007": STAR_FRAME, "000008": STAR_FRAME}
    words = [*star(tmp_path, situations=frames, end=2.0), f"videos={tmp_path / 'videos'}"]
    assert main(["annotate", "cotasks", "source=star", *words]) == 3
    file = read(tmp_path / "out" / "items" / "mcq.json")
    (item,) = file.items
    clip = probe(file.media_path(item))
    assert clip.duration == pytest.approx(1.5, abs=0.26)
    (row,) = rows(tmp_path / "out" / "cotasks.jsonl")
    assert row["sources"]["rate"] == "video" and row["size"] == [SIZE, SIZE] and row["sources"]["size"] == "video"
    written = file.media_path(item).stat().st_mtime_ns
    main(["annotate", "cotasks", "source=star", *words])
    assert file.media_path(item).stat().st_mtime_ns == written


def test_the_real_slices_are_made_in_one_go(real, tmp_path, capsys):
    words = [f"questions={real('nextqa/mc_val_slice.csv')}", f"vidor={real('vidor/2793806282.json').parent}",
             f"video_map={real('nextqa/map_vid_vidorID_slice.json')}", f"spans={real('nextqa/gsub_val_slice.json')}",
             f"results_dir={tmp_path / 'out'}"]  # fmt: skip
    assert main(["annotate", "cotasks", "source=nextqa", *words]) == 3
    assert "102 questions, 13 done, 89 left out" in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["sources"]["1"] == {
        "nextgqa_span": 8,
        "all_frames": 5,
    }
    assert main(["data", "leaks", str(tmp_path / "out")]) == 0


def test_an_item_carries_no_more_than_the_stages_before_it_tell(world):
    """Tens of thousands of questions have five items each: the whole record in each would fill the memory."""
    annotate(world)
    whole = CoTasks.from_json(rows(world / "out" / "cotasks.jsonl")[0])
    for stage in STAGES:
        carried = read(world / "out" / "items" / f"{TASK_NAMES[stage]}.json").items[0].extra["cotasks"]
        assert isinstance(carried, str) and CoTasks.from_json(carried) == whole.before(stage)
    final = read(world / "out" / "items" / "mcq.json").items[0].extra["cotasks"]
    assert CoTasks.from_json(final) == whole


@pytest.mark.parametrize(
    ("key", "place", "says"),
    [
        pytest.param("questions", "spans.json", "NExT-GQA's spans, not NExT-QA's questions", id="spans_as_questions"),
        pytest.param("spans", "val.csv", "NExT-QA's questions, not NExT-GQA's spans", id="questions_as_spans"),
        pytest.param("spans", "vidor/0001/7.json", "a VidOR annotation, not NExT-GQA's", id="an_annotation_as_spans"),
        pytest.param("vidor", "empty", "has no annotation of the 3 videos", id="a_folder_without_annotations"),
        pytest.param("videos", "none", "is no folder", id="a_folder_that_is_not_there"),
        pytest.param("results_dir", "val.csv", "cannot be written", id="a_file_for_a_folder"),
        pytest.param("results_dir", "val.csv/deeper", "cannot be written", id="a_folder_in_a_file"),
    ],
)
def test_the_wrong_thing_in_a_place_is_refused_by_name(world, capsys, key, place, says):
    (world / "empty").mkdir()
    assert annotate(world, f"{key}={world / place}") == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1
    assert not (world / "out").exists()


def test_results_of_another_source_are_not_written_over(world, capsys):
    from annotate.run.pipeline import RESOLVED

    annotate(world)
    before = (world / "out" / "cotasks.jsonl").read_bytes()
    assert main(["annotate", "cotasks", "source=star", *star(world)]) == 2
    assert "holds results of source=nextqa, which would be lost" in capsys.readouterr().err
    assert (world / "out" / "cotasks.jsonl").read_bytes() == before
    (world / "taught").mkdir()
    (world / "taught" / RESOLVED).write_text("source: teacher\n")
    assert annotate(world, out="taught") == 2
    assert "holds results of source=teacher" in capsys.readouterr().err


def test_questions_in_the_place_of_stars_items_are_named(world, capsys):
    assert main(["annotate", "cotasks", "source=star", f"items={world / 'val.csv'}", f"results_dir={world / 'o'}"]) == 2
    assert "NExT-QA's questions, not STAR's questions" in capsys.readouterr().err
