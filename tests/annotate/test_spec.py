from pathlib import Path

import pytest

from annotate.video_reasoning.config import Spec
from demitasse.config import save_resolved
from demitasse.errors import ConfigError

SECTION = "video_reasoning_annotation"
ENDPOINTS = [
    f"{SECTION}.{name}.{key}"
    for name in ("vlm", "llm")
    for key in ("backend=openai", "openai.model_name=m", "openai.base_url=http://127.0.0.1:1/v1")
]
LEAST = [*ENDPOINTS, "results_dir=out", f"{SECTION}.data.video_root=videos"]


def spec(*overrides: str):
    return Spec.read(None, [*LEAST, *(f"{SECTION}.{text}" for text in overrides)])


def test_a_tao_spec_is_read_with_taos_own_keys(tmp_path):
    path = tmp_path / "tao.yaml"
    path.write_text(
        """
autolabel_type: video_reasoning_annotation
results_dir: /results
gpu_ids: [0]
num_gpus: 1
batch_size: 4
num_workers: 8
video_reasoning_annotation:
  vlm:
    backend: openai
    gemini: {api_key: "", model: gemini-3.1-flash-lite-preview, media_resolution: MEDIA_RESOLUTION_LOW,
             temperature: 0.3, max_output_tokens: 8192, timeout: 120}
    openai: {api_key: EMPTY, base_url: "http://localhost:8000/v1", model_name: qwen, temperature: 0.7,
             max_tokens: 4096, timeout: 60}
  llm:
    backend: openai
    openai: {model_name: qwen, base_url: "http://localhost:8000/v1"}
  workflow:
    steps: ["0", "1a", "1b", "1c", "2", "3", "4"]
    mode: auto
    max_workers: 4
    max_video_length_sec: 300
    chunk_duration_options: [5, 10, 15, 20, 30]
    max_chunks: 10
    highlight_before_sec: 3.0
    highlight_after_sec: 3.0
    long_video_threshold_sec: 60
    long_video_sample_fps: 0.5
    long_video_max_frames: 60
    qa_types: [mcq, bcq]
  data: {video_root: /videos, input_jsonl_files: [], filter_field: null}
  license: ""
  description_extra: ""
  prompts_module: ""
""",
        encoding="utf-8",
    )
    read = Spec.read(path, [])
    assert read.video_reasoning_annotation.workflow.qa_types == ["mcq", "bcq"]
    assert read.video_reasoning_annotation.vlm.openai.timeout == 60
    assert read.unused() == ["gpu_ids", "num_gpus", "batch_size", "num_workers"]


def test_defaults_are_taos():
    workflow = spec().video_reasoning_annotation.workflow
    assert workflow.steps == ["0", "1a", "1b", "1c", "2", "3", "4"]
    assert (workflow.mode, workflow.max_workers, workflow.max_video_length_sec) == ("auto", 4, 300)
    assert workflow.chunk_duration_options == [5, 10, 15, 20, 30]
    assert len(workflow.qa_types) == 8


def test_the_annotate_section_of_a_recipe_is_read_and_its_other_sections_are_not(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("train: {lr: 1}\nannotate:\n  results_dir: here\n", encoding="utf-8")
    assert Spec.read(path, [*ENDPOINTS, f"{SECTION}.data.video_root=v"]).results_dir == "here"


def test_steps_run_in_taos_order_whatever_the_order_of_their_names():
    assert spec("workflow.steps=[4, 2, 1a]", "workflow.mode=normal").video_reasoning_annotation.workflow.steps == [
        "1a",
        "2",
        "4",
    ]


def test_mode_auto_brings_in_the_step_that_names_the_mode_and_the_highlight_with_the_windows():
    assert spec("workflow.steps=[1a, 1b]").video_reasoning_annotation.workflow.steps == ["0", "1a", "1b", "1c"]


def test_step_4_alone_asks_no_endpoint_and_needs_none():
    read = Spec.read(None, ["results_dir=o", f"{SECTION}.data.video_root=v", f"{SECTION}.workflow.steps=[4]"])
    assert read.video_reasoning_annotation.workflow.steps == ["4"]
    assert read.endpoints() == {}


def test_a_key_is_accepted_and_never_saved(tmp_path):
    save_resolved(spec("vlm.openai.api_key=sk-CANARY"), tmp_path / "resolved.yaml")
    assert "CANARY" not in (tmp_path / "resolved.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        pytest.param(["vlm.backend=gemini", "vlm.gemini.model="], "vlm.gemini.model is not set", id="a_missing_gemini"),
        pytest.param(["vlm.backend=local"], "vlm.local.path is not set", id="a_missing_checkpoint"),
        pytest.param(["vlm.openai.fps=2"], "vlm.openai.kind or", id="frames_a_second_that_cannot_be_told"),
        pytest.param(["llm.openai.model_name="], "llm.openai.model_name is not set", id="a_missing_model_name"),
        pytest.param(["prompts_module=my.prompts", "prompts=traffic"], "are both set", id="a_pack_and_a_module"),
        pytest.param(["workflow.steps=[0, 5]"], "5", id="an_unknown_step"),
        pytest.param(["workflow.steps=[]"], "steps is empty", id="no_steps"),
        pytest.param(["workflow.qa_types=[mcq, mcq]"], "names one twice", id="a_question_type_twice"),
        pytest.param(["workflow.qa_types=[mqc]"], "mcq", id="an_unknown_question_type"),
        pytest.param(["workflow.mode=odd"], "auto, anomaly, normal", id="an_unknown_mode"),
        pytest.param(["workflow.max_workers=0"], "at least 1", id="no_workers"),
        pytest.param(["workflow.chunk_duration_options=[]"], "chunk_duration_options is empty", id="no_window_lengths"),
        pytest.param(["workflow.chunk_duration_options=[0]"], "more than 0", id="windows_of_no_length"),
        pytest.param(["workflow.max_worker=3"], "max_workers", id="a_misspelt_key"),
        pytest.param(["dialect=latin"], "tao, daft", id="an_unknown_dialect"),
        pytest.param(["data.video_root="], "nothing to annotate", id="no_videos"),
    ],
)
def test_a_spec_is_refused_in_one_sentence_for(overrides, said):
    with pytest.raises(ConfigError) as refusal:
        spec(*overrides)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_spec_without_a_place_for_the_results_is_refused():
    with pytest.raises(ConfigError, match="results_dir"):
        Spec.read(None, [f"{SECTION}.data.video_root=v", *ENDPOINTS])


def test_a_missing_spec_file_is_named():
    with pytest.raises(ConfigError, match="nowhere.yaml"):
        Spec.read(Path("nowhere.yaml"), [])


def test_what_is_for_another_program_is_not_saved_for_it_may_be_secret(tmp_path):
    given = ["results_dir=x", f"{SECTION}.data.video_root=v", f"{SECTION}.workflow.steps=[4]"]
    spec = Spec.read(None, [*given, "encryption_key=CANARY-1", "wandb={token: CANARY-2}"])
    save_resolved(spec, tmp_path / "annotate.yaml")
    assert "CANARY" not in (tmp_path / "annotate.yaml").read_text(encoding="utf-8")
    assert spec.unused() == ["encryption_key", "wandb"]
