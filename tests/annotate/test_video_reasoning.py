"""Whole runs, from files to files. The teacher is the scripted one; what it says otherwise a test says."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import orjson
import pytest

from annotate.video_reasoning.pipeline import run_of
from demitasse.chat.faults import Faults
from demitasse.chat.model import Image, Outcome, Reply, Text, Video
from demitasse.chat.scripted import ScriptedModel
from demitasse.chat.server import ChatServer
from demitasse.cli import main
from demitasse.dataset import read, read_folder, validate
from demitasse.errors import ConfigError

SECTION = "video_reasoning_annotation"
SHORT = ("workflow.steps=[0,1a,2,3,4]", "workflow.qa_types=[mcq]")
FAILED = Reply(Outcome.ERROR, error="HTTP 400")
ONE_CALL = ("workflow.steps=[0]",)


def rows(folder: Path, file: str) -> list[dict]:
    return [orjson.loads(line) for line in (folder / file).read_bytes().splitlines()]


def row_of(folder: Path, file: str, video: str) -> dict:
    return [row for row in rows(folder, file) if row["video"] == video][-1]


def items(folder: Path, task: str):
    return read(folder / "step_4_output" / f"{task}.json").items


def outcomes(folder: Path) -> dict[str, str]:
    return {
        row["video"]: row["reason"]
        for name in ("skipped.jsonl", "quarantine.jsonl")
        if (folder / name).exists()
        for row in rows(folder, name)
    }


def test_real_files_go_through_a_real_endpoint_to_ten_files_that_both_validators_accept(desk, decode_pool):
    for name, mode in (("cam1/a.mp4", "anomaly"), ("cam2/a.mp4", "normal")):
        desk.put(name, mode)
    faults = Faults(limit_every=9, retry_after="0.01", reset_rate=0.03)
    with ChatServer(ScriptedModel(), faults=faults) as server:
        endpoints = [
            f"{name}.{key}"
            for name in ("vlm", "llm")
            for key in ("backend=openai", f"openai.base_url={server.base_url}", "openai.model_name=scripted")
        ]
        spec = desk.spec(*endpoints, "workflow.max_workers=3", "license=CC0-1.0")
        first = run_of(spec).annotate(progress=False, pool=decode_pool)
        steps, peak, bought = server.counts.steps, server.counts.peak_in_flight, server.counts.requests
        again = run_of(spec).annotate(progress=False, pool=decode_pool)
        assert server.counts.requests == bought, "nothing is bought twice"
    assert first.exit_code == again.exit_code == 0 and first.summary.done == 2
    assert peak <= 3
    assert set(steps) >= {"video_filtering", "anomaly_mcq", "normal_mcq", "highlight_chunk_caption", "event_summary"}
    output = desk.out / "step_4_output"
    assert len(read_folder(output)) == 10 and validate(output) == []
    command = [Path(sys.executable).with_name("tao-daft"), "validate", "tao-vl-reason-v1.0", "--path", output]
    assert subprocess.run(command, capture_output=True).returncode == 0
    assert sorted({item.video_id for item in items(desk.out, "mcq")}) == ["cam1/a.mp4", "cam2/a.mp4"]


def test_rows_have_taos_fields_and_provenance_and_no_others(desk):
    desk.put("a.mp4", "anomaly")
    desk.annotate()
    caption = ["video", "video_length", "mode", "global_caption", "dense_caption"]
    fields = {
        "step_0_filter/filter_results.jsonl": ["video_path", "video", "is_valid", "raw_response", "mode"],
        "step_1a_caption/captions.jsonl": caption,
        "step_1b_chunks/chunk_captions.jsonl": [*caption, "chunk_captions"],
        "step_1c_highlight/highlight_captions.jsonl": [*caption, "chunk_captions", "highlight_chunk"],
        "step_2_description/descriptions.jsonl": [
            *("video", "video_length", "mode", "prompt_key", "detailed_description", "original_captions"),
            "chunk_captions",
        ],
        "step_3_qa/qa_output.jsonl": [
            *("video", "video_length", "qa_output", "prompt_key", "original_captions", "detailed_description"),
        ],
    }
    for file, names in fields.items():
        assert all(list(row) == [*names, "provenance"] for row in rows(desk.out, file)), file
    assert len(rows(desk.out, "step_3_qa/qa_output.jsonl")) == 8


def test_provenance_tells_who_was_asked_who_answered_and_with_which_prompt(desk):
    desk.put("a.mp4")
    desk.annotate(*SHORT)
    told = rows(desk.out, "step_3_qa/qa_output.jsonl")[0]["provenance"]
    assert told["asked"] == ["scripted"] and told["pack"] == "general" and told["mode"] == "normal"
    assert set(told["templates"]) == {"normal_mcq"} and told["requests"] and told["usage"]["prompt"] > 0
    assert items(desk.out, "mcq")[0].extra["provenance"]["templates"] == told["templates"]


def test_every_request_names_its_prompt_as_its_step(desk):
    desk.put("a.mp4", "anomaly")
    teacher = desk.teacher()
    desk.annotate(vlm=teacher)
    kinds = [f"anomaly_{kind}" for kind in ("mcq", "bcq", "open_qa", "causal_linkage")]
    kinds += [f"anomaly_temporal_{kind}" for kind in ("localization", "event_desc")]
    captions = ["anomaly_global_caption", "anomaly_dense_caption", "anomaly_chunk_caption", "anomaly_chunk_caption"]
    others = ["video_filtering", "video_anomaly_classification", "highlight_timestamp_extraction"]
    others += ["highlight_chunk_caption", "anomaly_description", "scene_description", "event_summary"]
    assert teacher.steps() == sorted([*kinds, *captions, *others])


def test_every_reply_that_is_no_caption_has_a_schema(desk):
    desk.put("a.mp4", "anomaly")
    teacher = desk.teacher()
    desk.annotate(vlm=teacher)
    free = {request.step for request in teacher.asked if request.schema is None}
    assert free == {
        *("anomaly_global_caption", "anomaly_dense_caption", "anomaly_chunk_caption"),
        *("highlight_chunk_caption", "anomaly_description"),
    }


def test_a_model_without_schemas_is_asked_for_taos_blocks_and_read(desk):
    desk.put("a.mp4")
    blocks = "=====\nMultiple-Choice Question: Which?\nA. one\nB. two\nC. three\nD. four\n=====\nAnswer: B\n=====\n"
    teacher = desk.teacher(
        json_schema=False,
        video_filtering="**Yes.** It is sharp.",
        video_anomaly_classification="A shape moves.\nNormal",
        normal_mcq=blocks + "Reasoning: The second is seen.",
    )
    assert desk.annotate(*SHORT, vlm=teacher).exit_code == 0
    assert all(request.schema is None for request in teacher.asked)
    asked = next(request for request in teacher.asked if request.step == "normal_mcq")
    assert "=====\nMultiple-Choice Question: ...\nA. ..." in asked.text
    assert items(desk.out, "mcq_openended")[0].answer.endswith(". two")


def test_a_reply_that_cannot_be_used_is_sent_back_with_what_is_wrong(desk):
    desk.put("a.mp4")
    good = {
        "question": "Which?",
        "options": {"A": "one", "B": "two", "C": "three", "D": "four"},
        "answer": "B",
        "reasoning": "The second is seen.",
    }
    bad = json.dumps(good | {"reasoning": "Option B is seen in lane C."})
    teacher = desk.teacher(normal_mcq=lambda request: json.dumps(good) if request.turns else bad)
    assert desk.annotate(*SHORT, vlm=teacher).exit_code == 0
    turns = [request.turns for request in teacher.asked if request.step == "normal_mcq"][-1]
    assert turns[0].reply == bad and "by letter ('Option B')" in turns[0].correction
    assert items(desk.out, "mcq")[0].reasoning == "The second is seen."


def test_one_question_type_that_fails_does_not_stop_the_others_and_is_asked_again_alone(desk):
    desk.put("a.mp4")
    desk.put("b.mp4", "anomaly")
    first = desk.annotate(vlm=desk.teacher(normal_bcq=FAILED))
    assert first.exit_code == 3 and (first.summary.done, first.summary.quarantined) == (1, 1)
    assert "normal_bcq: error (HTTP 400)" in outcomes(desk.out)["a.mp4"]
    assert first.assembled.counts["mcq"] == 2 and first.assembled.counts["bcq"] == 2
    teacher = desk.teacher()
    second = desk.annotate(vlm=teacher)
    assert second.exit_code == 0 and teacher.steps() == ["normal_bcq"]
    assert second.assembled.counts["bcq"] == 4


def test_a_failed_classification_is_asked_for_again_by_the_next_run(desk):
    desk.put("a.mp4", "anomaly")
    desk.annotate(*SHORT, vlm=desk.teacher(video_anomaly_classification=FAILED))
    teacher = desk.teacher()
    assert desk.annotate(*SHORT, vlm=teacher).exit_code == 0
    assert "video_filtering" not in teacher.steps() and "anomaly_mcq" in teacher.steps()


def test_a_classification_that_fails_never_makes_a_video_normal(desk):
    desk.put("a.mp4", "anomaly")
    for bad in ("Hard to say.", FAILED):
        failed = desk.annotate(*SHORT, vlm=desk.teacher(video_anomaly_classification=bad))
        assert failed.exit_code == 3 and failed.assembled.counts == {}
        assert rows(desk.out, "step_0_filter/filter_results.jsonl") == []


def test_footage_that_the_teacher_calls_unusable_keeps_its_row_and_goes_no_further(desk):
    desk.put("a.mp4")
    teacher = desk.teacher(video_filtering='{"usable": false, "reason": "A test card."}')
    run = desk.annotate(vlm=teacher)
    assert teacher.steps() == ["video_filtering"]
    assert run.exit_code == 3 and "step 0" in outcomes(desk.out)["a.mp4"]
    assert row_of(desk.out, "step_0_filter/filter_results.jsonl", "a.mp4")["is_valid"] is False


def test_a_video_that_is_too_long_is_skipped_before_anything_is_bought(desk):
    desk.put("a.mp4")
    teacher = desk.teacher()
    run = desk.annotate("workflow.max_video_length_sec=5", vlm=teacher)
    assert teacher.asked == [] and run.exit_code == 3
    assert "max_video_length_sec (5 s)" in outcomes(desk.out)["a.mp4"]


@pytest.mark.parametrize("mode", ["anomaly", "normal"])
def test_a_mode_that_is_set_is_used_and_not_asked_for(desk, mode):
    desk.put("a.mp4")
    teacher = desk.teacher()
    desk.annotate(*SHORT, f"workflow.mode={mode}", vlm=teacher)
    assert "video_anomaly_classification" not in teacher.steps() and f"{mode}_mcq" in teacher.steps()


def test_a_mode_that_is_set_later_overrules_the_class_of_an_earlier_run(desk):
    desk.put("a.mp4")
    desk.annotate(*SHORT)
    teacher = desk.teacher()
    desk.annotate(*SHORT, "workflow.mode=anomaly", vlm=teacher)
    assert "anomaly_mcq" in teacher.steps()
    assert {item.extra["provenance"]["mode"] for item in items(desk.out, "mcq")} == {"anomaly"}


def test_an_edited_prompt_buys_its_own_step_and_what_follows_and_nothing_old_is_exported(desk, tmp_path):
    desk.put("a.mp4")
    desk.annotate(*SHORT)
    text = Path("prompts/general.yaml").read_text(encoding="utf-8")
    pack = tmp_path / "edited.yaml"
    pack.write_text(text.replace("Write one multiple-choice question", "Write 1 multiple-choice question"))
    teacher = desk.teacher()
    run = desk.annotate(*SHORT, f"prompts={pack}", vlm=teacher)
    assert teacher.steps() == ["normal_mcq"] and run.summary.stale == 1
    (item,) = items(desk.out, "mcq")
    assert item.extra["provenance"]["pack"] == "edited"


def test_a_replaced_video_is_annotated_anew_and_a_touched_one_is_not(desk):
    path = desk.put("a.mp4")
    desk.annotate(*SHORT)
    os.utime(path, (1, 1))
    teacher = desk.teacher()
    desk.annotate(*SHORT, vlm=teacher)
    assert teacher.asked == []
    desk.put("a.mp4", "anomaly")
    desk.annotate(*SHORT, vlm=teacher)
    assert "anomaly_mcq" in teacher.steps()


def test_windows_carry_their_true_times_and_the_clips_that_are_sent_have_their_length(desk):
    desk.put("a.mp4")
    teacher = desk.teacher()
    desk.annotate("workflow.steps=[0,1a,1b]", vlm=teacher)
    (row,) = rows(desk.out, "step_1b_chunks/chunk_captions.jsonl")
    assert [(one["chunk_index"], one["timestamp_start"], one["timestamp_end"]) for one in row["chunk_captions"]] == [
        (0, 0.0, 5.0),
        (1, 5.0, 8.0),
    ]
    sent = [request.parts[0].duration for request in teacher.asked if request.step.endswith("chunk_caption")]
    assert sorted(round(seconds) for seconds in sent) == [3, 5]


def test_a_window_that_failed_is_the_only_one_that_is_asked_for_again(desk):
    desk.put("a.mp4")
    steps = "workflow.steps=[0,1a,1b]"
    short = desk.teacher(normal_chunk_caption=lambda request: FAILED if request.parts[0].duration < 4 else None)
    assert desk.annotate(steps, vlm=short).exit_code == 3
    teacher = desk.teacher()
    assert desk.annotate(steps, vlm=teacher).exit_code == 0
    assert teacher.steps() == ["normal_chunk_caption"] and teacher.asked[0].parts[0].duration < 4


def test_clips_that_a_killed_run_left_behind_are_removed(desk):
    desk.put("a.mp4")
    (desk.out / ".clips" / "old").mkdir(parents=True)
    desk.annotate("workflow.steps=[0,1a,1b]")
    assert not (desk.out / ".clips").exists()


def test_clips_of_a_run_are_no_videos_where_its_results_lie_among_the_videos(desk):
    desk.put("a.mp4")
    left = desk.videos / "out" / ".clips" / "killed" / "0.000-5.000.mp4"
    left.parent.mkdir(parents=True)
    left.write_bytes((desk.videos / "a.mp4").read_bytes() + b"0")
    (left.parent / "link.mp4").symlink_to("nowhere.mp4")
    assert desk.annotate("workflow.steps=[0]").exit_code == 0
    [row] = (desk.out / "step_0_filter" / "media.jsonl").read_text().splitlines()
    assert json.loads(row)["video"] == "a.mp4"


def test_footage_is_asked_about_anew_when_it_is_sent_in_another_form(desk):
    desk.put("a.mp4")
    desk.annotate(*ONE_CALL, "workflow.mode=normal")
    teacher = desk.teacher(video=False)
    desk.annotate(*ONE_CALL, "workflow.mode=normal", vlm=teacher)
    assert teacher.steps() == ["video_filtering"]


def test_a_normal_videos_questions_see_windows_and_description_too(desk):
    desk.put("a.mp4")
    teacher = desk.teacher(normal_description="THE DESCRIPTION [toy clip 00000]", normal_chunk_caption="THE WINDOW")
    desk.annotate("workflow.qa_types=[mcq]", vlm=teacher)
    asked = next(request.text for request in teacher.asked if request.step == "normal_mcq")
    assert "THE DESCRIPTION" in asked and "THE WINDOW" in asked


def test_the_critical_moment_is_looked_at_where_the_captions_put_it(desk):
    desk.put("a.mp4", "anomaly")
    teacher = desk.teacher(highlight_timestamp_extraction='{"seconds": "0:07"}')
    desk.annotate("workflow.steps=[0,1a,1b,1c]", "workflow.highlight_before_sec=1", vlm=teacher)
    highlight = row_of(desk.out, "step_1c_highlight/highlight_captions.jsonl", "a.mp4")["highlight_chunk"]
    assert (highlight["anomaly_timestamp_sec"], highlight["timestamp_start"], highlight["timestamp_end"]) == (7, 6, 8)


def test_a_models_braces_are_not_filled_in(desk):
    desk.put("a.mp4")
    teacher = desk.teacher(normal_global_caption="It says {step_2_output} and {0} %s. [toy clip 00001]")
    assert desk.annotate(*SHORT, vlm=teacher).exit_code == 0
    asked = next(request.text for request in teacher.asked if request.step == "normal_description")
    assert "It says {step_2_output} and {0} %s." in asked


def test_an_endpoint_that_takes_no_video_gets_frames_with_their_times(desk):
    desk.put("a.mp4")
    teacher = desk.teacher(video=False)
    assert desk.annotate(*ONE_CALL, "workflow.mode=normal", vlm=teacher).exit_code == 0
    parts = teacher.asked[0].parts
    assert not any(isinstance(part, Video) for part in parts)
    images = [part for part in parts if isinstance(part, Image)]
    assert len(images) == 16 and isinstance(parts[0], Text) and parts[0].text.startswith("t=0.")


def test_long_footage_goes_as_frames_as_many_as_asked_for(desk):
    desk.put("a.mp4")
    teacher = desk.teacher()
    long = (
        "workflow.long_video_threshold_sec=5",
        "workflow.long_video_sample_fps=1",
        "workflow.long_video_max_frames=5",
    )
    desk.annotate(*ONE_CALL, *long, "workflow.mode=normal", vlm=teacher)
    assert sum(isinstance(part, Image) for part in teacher.asked[0].parts) == 5


def test_bad_inputs_are_one_counted_outcome_each_and_stop_nobody(desk, make_bad_inputs):
    good = make_bad_inputs(desk)
    run = desk.annotate(*SHORT)
    assert run.exit_code == 3
    assert {item.video_id for item in items(desk.out, "mcq")} == good
    told = outcomes(desk.out)
    bad = {"empty.mp4", "text.mp4", "truncated.mp4", "sound.mp4", "loop"}
    assert {Path(video).name for video in told} == bad and all(told.values())
    assert run.summary.done == len(good)
    assert run.summary.quarantined + run.summary.skipped.total() == len(bad)
    assert validate(desk.out / "step_4_output") == []


def test_lists_and_folder_are_merged_without_buying_twice(desk, tmp_path):
    first, second = desk.put("a.mp4"), desk.put("b.mp4", "anomaly")
    outside = tmp_path / "elsewhere.mp4"
    outside.write_bytes(first.read_bytes()[:-8] + bytes(8))
    lines = [
        {"video_path": str(first)},
        {"video": "b.mp4", "mode": "anomaly", "keep": 1},
        {"video_path": "gone.mp4", "keep": 1},
        {"path": "b.mp4"},
    ]
    listed = tmp_path / "list.jsonl"
    listed.write_text("\n".join([*map(json.dumps, lines), "{torn"]), encoding="utf-8")
    teacher = desk.teacher()
    inputs = (f"data.video_root={desk.videos}", f"data.input_jsonl_files=[{listed}]")
    run = desk.annotate(*SHORT, *inputs, vlm=teacher)
    counts = Counter(teacher.steps())
    assert counts["video_filtering"] == 2 and counts["anomaly_mcq"] == 1, "the line's own mode is used"
    assert run.summary.done == 2 and run.summary.skipped.total() == 3
    assert second.exists()


def test_lines_whose_filter_field_is_not_set_are_left_alone(desk, tmp_path):
    desk.put("a.mp4")
    desk.put("b.mp4")
    listed = desk.videos / "list.jsonl"
    lines = [{"video": "a.mp4", "keep": True}, {"video": "b.mp4", "keep": False}, {"video": "b.mp4"}]
    listed.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    inputs = (f"data.input_jsonl_files=[{listed}]", "data.filter_field=keep")
    run = desk.annotate(*SHORT, *inputs)
    assert run.exit_code == 0 and run.summary.done == 1
    assert [item.video_id for item in items(desk.out, "mcq")] == ["a.mp4"]


def test_a_pilot_is_the_beginning_of_the_whole_run_which_buys_nothing_of_it_again(desk):
    desk.put("a.mp4", "anomaly")
    desk.put("b.mp4")
    teacher = desk.teacher()
    pilot = desk.annotate(*SHORT, f"data.video_root={desk.videos}", "data.sample=1", vlm=teacher)
    of_pilot = teacher.steps()
    assert pilot.exit_code == 0 and len(items(desk.out, "mcq")) == 1
    desk.annotate(*SHORT, vlm=teacher)
    bought_anew = desk.teacher()
    desk.out = desk.out.with_name("at_once")
    desk.annotate(*SHORT, vlm=bought_anew)
    assert len(items(desk.out, "mcq")) == 2
    assert teacher.steps() == bought_anew.steps() and 0 < len(of_pilot) < len(teacher.steps())


def test_steps_can_be_run_one_after_the_other_with_the_same_result(desk, tmp_path):
    desk.put("a.mp4", "anomaly")
    desk.annotate()
    whole = {path.name: path.read_bytes() for path in (desk.out / "step_4_output").iterdir()}
    desk.out = tmp_path / "parts"
    desk.annotate("workflow.steps=[0,1a,1b,1c,2]")
    teacher = desk.teacher()
    assert desk.annotate("workflow.steps=[3]", vlm=teacher).exit_code == 0
    assert len(teacher.asked) == 8
    run_of(desk.spec("workflow.steps=[4]")).annotate({}, progress=False)
    parts = {path.name: path.read_bytes() for path in (desk.out / "step_4_output").iterdir()}
    assert parts == whole


def test_a_step_without_the_rows_that_it_needs_leaves_the_video_out_and_says_so(desk):
    desk.put("a.mp4")
    run = desk.annotate("workflow.steps=[3,4]")
    assert run.exit_code == 3 and "no row of step 1a" in outcomes(desk.out)["a.mp4"]


def test_a_key_reaches_no_file(desk, decode_pool):
    desk.put("a.mp4")
    canary = "sk-CANARY-7f3a9b"
    with ChatServer(ScriptedModel(), api_key=canary) as server:
        endpoints = [
            f"{name}.openai.{key}"
            for name in ("vlm", "llm")
            for key in (f"base_url={server.base_url}", "model_name=m", f"api_key={canary}")
        ]
        backends = ("vlm.backend=openai", "llm.backend=openai")
        spec = desk.spec(*SHORT, *backends, *endpoints)
        assert run_of(spec).annotate(progress=False, pool=decode_pool).exit_code == 0
    written = b"".join(path.read_bytes() for path in desk.out.rglob("*") if path.is_file())
    assert b"CANARY" not in written


def test_the_command_ends_with_how_every_input_ended_and_the_exit_code_says_so(desk, capsys):
    desk.put("a.mp4")
    (desk.videos / "empty.mp4").write_bytes(b"")
    arguments = [f"results_dir={desk.out}", f"{SECTION}.data.video_root={desk.videos}"]
    arguments += [f"{SECTION}.{name}.backend=scripted" for name in ("vlm", "llm")]
    assert main(["annotate", "video", "--quiet", *arguments, *(f"{SECTION}.{text}" for text in SHORT)]) == 3
    told = capsys.readouterr()
    assert told.out.splitlines()[-1].endswith("1 done, 1 quarantined (quarantine.jsonl says why)")
    assert "license is empty" in told.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["results_dir=out"], "nothing to annotate", id="no_videos_named"),
        pytest.param(["results_dir=out", f"{SECTION}.data.video_root=nowhere"], "is not a folder", id="no_such_folder"),
    ],
)
def test_the_command_refuses_in_one_line_with_exit_code_2(capsys, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    assert main(["annotate", "video", *arguments]) == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1 and list(tmp_path.iterdir()) == []


def test_a_folder_without_videos_is_refused(desk):
    with pytest.raises(Exception, match="holds no .mp4"):
        desk.annotate()


def test_videos_that_nobody_reads_are_told_of_once(desk, capsys):
    (desk.videos / "a.gif").touch()
    (desk.videos / "b.webm").touch()
    told = "passed over, for nothing reads files of these endings: 1 .gif, 1 .webm"
    with pytest.raises(ConfigError, match=rf"holds no \.mp4.*\({told}\); name another folder"):
        desk.annotate()
    desk.put("c.mp4")
    assert desk.annotate("workflow.steps=[0]").notes == [told]


def test_an_unknown_video_is_answered_for_as_what_the_stand_in_is(desk, make_plain_video):
    make_plain_video(desk.videos / "real.mp4")
    run = desk.annotate()
    assert run.exit_code == 0, outcomes(desk.out)
    assert "stand-in" in items(desk.out, "open_qa")[0].answer
    assert items(desk.out, "mcq")[0].video_id == "real.mp4"
