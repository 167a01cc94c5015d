"""Every field of a TAO spec does what it says, in the words that TAO's users type."""

import json
from collections import Counter

import av
import numpy as np
import pytest
import yaml

from annotate.video_reasoning.config import SECTION, Spec
from annotate.video_reasoning.inputs import read_inputs
from annotate.video_reasoning.prompt_keys import QA_TYPES
from demitasse.chat.model import Image, Text, Video
from demitasse.chat.scripted import ScriptedModel
from demitasse.chat.server import ChatServer
from demitasse.cli import main
from demitasse.dataset import read
from demitasse.media.probe import probe

VLM_STEPS = {
    "video_filtering", "video_anomaly_classification", "anomaly_global_caption", "anomaly_dense_caption",
    "anomaly_chunk_caption", "highlight_chunk_caption",
}  # fmt: skip
FILES_OF = {
    "mcq": {"mcq", "mcq_openended"},
    "bcq": {"bcq", "bcq_openended"},
    "temporal_event_desc": {"temporal_description"},
    "event_summary": {"video_summarization"},
}


def endpoint(url):
    return {
        "backend": "openai",
        "gemini": {
            "api_key": "", "model": "gemini-3.1-flash-lite-preview", "media_resolution": "MEDIA_RESOLUTION_LOW",
            "temperature": 0.3, "max_output_tokens": 8192, "timeout": 120,
        },
        "openai": {
            "api_key": "", "base_url": url, "model_name": "", "temperature": 0.7, "max_tokens": 4096, "timeout": 60,
        },
    }  # fmt: skip


def whole_spec(url=""):
    """All sections and fields that TAO 7.3.0 declares for the pipelines of teachers, with its defaults."""
    frames = {"long_video_threshold_sec": 60, "long_video_sample_fps": 0.5, "long_video_max_frames": 60}
    return {
        "gpu_ids": [0],
        "num_gpus": 1,
        "batch_size": 4,
        "num_workers": 8,
        "autolabel_type": "video_reasoning_annotation",
        "mal": {"checkpoint": None, "results_dir": None},
        "grounding_dino": {"iteration_scheduler": [{"conf_threshold": 0.5, "nms_threshold": 0.0}]},
        "video_reasoning_annotation": {
            "vlm": endpoint(url),
            "llm": endpoint(url),
            "workflow": {
                "steps": ["0", "1a", "1b", "1c", "2", "3", "4"], "mode": "auto", "max_workers": 4,
                "max_video_length_sec": 300, "chunk_duration_options": [5, 10, 15, 20, 30], "max_chunks": 10,
                "highlight_before_sec": 3.0, "highlight_after_sec": 3.0, **frames, "qa_types": list(QA_TYPES),
            },
            "data": {"video_root": "", "input_jsonl_files": [], "filter_field": None},
            "license": "",
            "description_extra": "",
            "prompts_module": "",
        },
        "image_grounding": {
            "vlm": endpoint(url),
            "workflow": {"steps": ["0", "1"], "max_workers": 4, "force_reprocess": False, **frames},
            "data": {"input_jsonl": "", "image_root": ""},
        },
        "image_referring_expression": {
            "vlm": endpoint(url),
            "workflow": {"steps": ["0", "1", "2", "3"], "max_workers": 4, "output_format": "jsonl", **frames},
            "data": {"image_dir": "", "kitti_label_dir": "", "input_annotations_jsonl": ""},
        },
        "results_dir": "???",
    }  # fmt: skip


def test_a_whole_tao_spec_runs_with_what_taos_users_type(desk, tmp_path, capsys):
    desk.put("a.mp4", "anomaly")
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump(whole_spec(), sort_keys=False), encoding="utf-8")
    with ChatServer(ScriptedModel()) as server:
        typed = [
            f"results_dir={desk.out}",
            f"{SECTION}.data.video_root={desk.videos}",
            *(f"{SECTION}.{name}.openai.base_url={server.base_url}" for name in ("vlm", "llm")),
            *(f"{SECTION}.{name}.openai.model_name=toy" for name in ("vlm", "llm")),
            *(f"{SECTION}.{name}.openai.api_key=sk-CANARY" for name in ("vlm", "llm")),
            f"{SECTION}.workflow.steps=[0,1a,1b,1c,2,3,4]",
            f"{SECTION}.workflow.qa_types=['mcq',\"bcq\",open_qa]",
            f"{SECTION}.workflow.max_video_length_sec=null",
            f"+{SECTION}.license=CC-BY-4.0",
            f"++{SECTION}.description_extra=Cam #3, at night",
            f"~{SECTION}.data.filter_field",
        ]
        assert main(["annotate", "video", "-e", str(path), "--quiet", *typed]) == 0
    files = {file.stem: read(file) for file in desk.out.glob("step_4_output/*.json")}
    assert set(files) == {"mcq", "mcq_openended", "bcq", "bcq_openended", "open_qa"}
    assert files["mcq"].license == "CC-BY-4.0" and files["mcq"].description.endswith("Cam #3, at night")
    assert "not used by this pipeline: gpu_ids" in capsys.readouterr().err
    assert not [file for file in desk.out.rglob("*") if file.is_file() and b"CANARY" in file.read_bytes()]


def test_a_place_for_the_results_that_is_still_to_be_given_is_asked_for(tmp_path, capsys):
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump(whole_spec("http://127.0.0.1:1/v1")), encoding="utf-8")
    assert main(["annotate", "video", "--config", str(path)]) == 2
    assert "results_dir is not set" in capsys.readouterr().err


def test_a_tao_spec_and_its_written_resolution_mean_the_same(tmp_path, desk):
    desk.put("a.mp4")
    desk.annotate("workflow.steps=[0]", "workflow.highlight_before_sec=2", "data.filter_field=null",
                  f"data.video_root={desk.videos}")  # fmt: skip
    again = Spec.read(desk.out / "annotate.yaml", [])
    assert again.video_reasoning_annotation.workflow.highlight_before_sec == 2
    assert again.video_reasoning_annotation.data.filter_field is None


@pytest.mark.parametrize("qa_type", QA_TYPES)
def test_each_question_type_alone_makes_its_files(desk, qa_type):
    desk.put("a.mp4")
    assert desk.annotate(f"workflow.qa_types=[{qa_type}]", "workflow.mode=normal").exit_code == 0
    assert {file.stem for file in desk.out.glob("step_4_output/*.json")} == FILES_OF.get(qa_type, {qa_type})


@pytest.mark.parametrize(
    ("name", "container"), [("a.mp4", "mp4"), ("b.MOV", "mov"), ("c.mkv", "matroska"), ("D.Avi", "avi")]
)
def test_each_container_is_walked_whatever_the_case_of_its_name(desk, name, container):
    _encode(desk.videos / name, container)
    teacher = desk.teacher(video_filtering='{"usable": true, "reason": "Sharp."}')
    assert desk.annotate("workflow.steps=[0]", "workflow.mode=normal", vlm=teacher).exit_code == 0
    assert isinstance(teacher.asked[0].parts[0], Video)
    row = json.loads((desk.out / "step_0_filter" / "filter_results.jsonl").read_text())
    assert row["video"] == name


def _encode(path, container):
    with av.open(str(path), "w", format=container) as made:
        stream = made.add_stream("mpeg4", rate=8)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number in range(16):
            made.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((64, 96, 3), 9 * number, np.uint8), "rgb24")))
        made.mux(stream.encode(None))


def test_the_vlm_sees_and_the_llm_writes(desk):
    desk.put("a.mp4", "anomaly")
    vlm, llm = desk.teacher(), desk.teacher()
    assert desk.annotate(vlm=vlm, llm=llm).exit_code == 0
    assert {request.step for request in vlm.asked} == VLM_STEPS
    assert {request.step for request in llm.asked} == {
        "highlight_timestamp_extraction", "anomaly_description", "scene_description", "event_summary",
        *(f"anomaly_{kind}" for kind in QA_TYPES if kind not in ("scene_description", "event_summary")),
    }  # fmt: skip
    assert not any(isinstance(part, (Video, Image)) for request in llm.asked for part in request.parts)


@pytest.mark.parametrize(("mode", "calls"), [("normal", 16), ("anomaly", 18)])
def test_a_clip_of_three_windows_is_asked_about_as_often_as_by_tao(desk, mode, calls):
    desk.put("a.mp4", mode)
    teacher = desk.teacher()
    assert desk.annotate("workflow.chunk_duration_options=[3]", vlm=teacher).exit_code == 0
    assert len(teacher.asked) == calls


@pytest.mark.parametrize(
    "steps", [["0"], ["1a"], ["1b"], ["1c"], ["2"], ["3"], ["4"], ["1a", "2"], ["0", "3", "4"], ["1b", "1c", "4"]]
)
def test_any_steps_of_a_finished_run_are_run_again_without_buying_anything(desk, steps):
    desk.put("a.mp4", "anomaly")
    assert desk.annotate().exit_code == 0
    before = {path.name: path.read_bytes() for path in desk.out.glob("step_4_output/*.json")}
    teacher = desk.teacher()
    assert desk.annotate(f"workflow.steps=[{','.join(steps)}]", vlm=teacher).exit_code == 0
    assert teacher.asked == []
    assert {path.name: path.read_bytes() for path in desk.out.glob("step_4_output/*.json")} == before


@pytest.mark.parametrize(
    ("override", "wanted"),
    [
        pytest.param("workflow.highlight_before_sec=0.5", (3.5, 5.5), id="before"),
        pytest.param("workflow.highlight_after_sec=0.25", (2.0, 4.25), id="after"),
    ],
)
def test_the_highlight_window_reaches_the_clip_that_is_sent(desk, tmp_path, override, wanted):
    desk.put("a.mp4", "anomaly")
    teacher = desk.teacher(highlight_timestamp_extraction='{"seconds": 4.0}')
    widths = ("workflow.highlight_before_sec=2", "workflow.highlight_after_sec=1.5")
    assert desk.annotate("workflow.steps=[0, 1a, 1c]", *widths, override, vlm=teacher).exit_code == 0
    (request,) = [request for request in teacher.asked if request.step == "highlight_chunk_caption"]
    row = json.loads((desk.out / "step_1c_highlight" / "highlight_captions.jsonl").read_text())["highlight_chunk"]
    assert (row["timestamp_start"], row["timestamp_end"]) == wanted
    (tmp_path / "sent.mp4").write_bytes(request.parts[0].data)
    assert probe(tmp_path / "sent.mp4").duration == pytest.approx(wanted[1] - wanted[0], abs=0.26)


@pytest.mark.parametrize(
    ("overrides", "frames"),
    [
        pytest.param(["long_video_sample_fps=0.5", "long_video_max_frames=60"], 4, id="frames_a_second"),
        pytest.param(["long_video_sample_fps=4", "long_video_max_frames=10"], 10, id="no_more_than_the_most"),
        pytest.param(["long_video_sample_fps=2", "long_video_max_frames=3"], 3, id="a_most_below_our_least"),
    ],
)
def test_sampling_of_long_video_reaches_the_endpoint_with_the_times(desk, overrides, frames):
    desk.put("a.mp4")
    teacher = desk.teacher()
    given = [f"workflow.{text}" for text in ("long_video_threshold_sec=7.9", *overrides)]
    desk.annotate("workflow.steps=[0]", "workflow.mode=normal", *given, vlm=teacher)
    kinds = Counter(type(part) for part in teacher.asked[0].parts)
    assert kinds[Image] == frames and kinds[Text] == frames + 1
    assert all(part.time is not None for part in teacher.asked[0].parts if isinstance(part, Image))


def test_a_video_as_long_as_the_threshold_is_no_long_video(desk):
    desk.put("a.mp4")
    teacher = desk.teacher()
    desk.annotate("workflow.steps=[0]", "workflow.mode=normal", "workflow.long_video_threshold_sec=8", vlm=teacher)
    assert [type(part) for part in teacher.asked[0].parts] == [Video, Text]


def test_video_is_read_where_a_line_has_no_video_path(desk, tmp_path):
    first, second, third = desk.put("a.mp4"), desk.put("b.mp4"), desk.put("c.mp4")
    lines = [
        {"video": str(first), "note": "kept out of the way"},
        {"video_path": str(second), "video": str(third)},
    ]
    file = tmp_path / "list.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    run = desk.annotate("workflow.steps=[0]", f"data.video_root={desk.videos}", f"data.input_jsonl_files=[{file}]",
                        "workflow.mode=normal")  # fmt: skip
    assert run.summary.done == 3, "the folder's third, and no one twice"
    only = Spec.read(None, ["results_dir=x", f"{SECTION}.data.input_jsonl_files=[{file}]", *_scripted()])
    assert {record.fields["path"] for record in read_inputs(only.video_reasoning_annotation.data).records} == {
        str(first),
        str(second),
    }


def _scripted():
    return [f"{SECTION}.{name}.backend=scripted" for name in ("vlm", "llm")]
