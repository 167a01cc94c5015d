"""The section `image_referring_expression`: TAO's spec runs as it is, and a spec of ours can be written and read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from annotate.referring.config import Spec
from annotate.sections import IMAGE, VIDEO, section_of
from demitasse.chat.scripted import ScriptedModel
from demitasse.chat.server import ChatServer
from demitasse.cli import main
from demitasse.errors import ConfigError

SECTION = "image_referring_expression"
LEAST = ["results_dir=out", f"{SECTION}.data.image_dir=images", f"{SECTION}.vlm.backend=scripted"]
FRAMES = {"long_video_threshold_sec": 60, "long_video_sample_fps": 0.5, "long_video_max_frames": 60}


def spec(*overrides: str) -> Spec:
    return Spec.read(None, [*LEAST, *(f"{SECTION}.{text}" for text in overrides)])


def taos_endpoint() -> dict:
    gemini = {
        "api_key": "", "model": "gemini-3.1-flash-lite-preview", "media_resolution": "MEDIA_RESOLUTION_HIGH",
        "temperature": 0.3, "max_output_tokens": 8192, "timeout": 120,
    }  # fmt: skip
    openai = {
        "api_key": "", "base_url": "???", "model_name": "", "temperature": 0.7, "max_tokens": 4096, "timeout": 60,
    }  # fmt: skip
    return {"backend": "openai", "gemini": gemini, "openai": openai}


def taos_spec() -> dict:
    """An experiment spec with all that TAO's own ones carry."""
    return {
        "autolabel_type": SECTION,
        "gpu_ids": [0],
        "num_gpus": 1,
        "batch_size": 4,
        "num_workers": 8,
        "results_dir": "???",
        "mal": {"dataset": {}},
        "image_grounding": {"vlm": taos_endpoint(), "workflow": {"steps": ["0", "1"]}},
        "video_reasoning_annotation": {"workflow": {"steps": ["0", "1a"]}},
        SECTION: {
            "vlm": taos_endpoint(),
            "workflow": {
                "steps": ["0", "1", "2", "3"], "max_workers": 4, "force_reprocess": False, "output_format": "both",
                **FRAMES,
            },
            "data": {"image_dir": "???", "kitti_label_dir": "", "input_annotations_jsonl": ""},
        },
    }  # fmt: skip


@pytest.mark.network
def test_a_whole_tao_spec_runs_with_what_taos_users_type(gallery, tmp_path, capsys):
    gallery.put(0)
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump(taos_spec(), sort_keys=False), encoding="utf-8")
    with ChatServer(ScriptedModel()) as server:
        typed = [
            f"results_dir={gallery.out}",
            f"{SECTION}.data.image_dir={gallery.images}",
            f"{SECTION}.data.kitti_label_dir={gallery.labels}",
            f"{SECTION}.vlm.openai.base_url={server.base_url}",
            f"{SECTION}.vlm.openai.model_name=toy",
            f"{SECTION}.vlm.openai.api_key=sk-CANARY",
            f"++{SECTION}.workflow.max_workers=2",
        ]
        assert main(["annotate", "image", "-e", str(path), "--quiet", *typed]) == 0
    row = gallery.rows()[0]
    assert (
        row["regions"] and row["caption"] and row["expressions"] and row["pipeline_steps"][-1] == "step3_double_check"
    )
    assert (gallery.out / "step_2_grounding_expr" / "labels" / "000.txt.step2").exists()
    told = capsys.readouterr().err
    assert "not used by this pipeline: gpu_ids" in told and f"{SECTION}.workflow.long_video_max_frames" in told
    assert not [file for file in gallery.out.rglob("*") if file.is_file() and b"CANARY" in file.read_bytes()]


def test_defaults_are_taos():
    read = Spec.read_draft(None, []).image_referring_expression
    assert read.workflow.steps == ["0", "1", "2", "3"] and read.workflow.max_workers == 4
    assert read.workflow.force_reprocess is False and read.workflow.output_format == "jsonl"
    assert (read.data.image_dir, read.data.kitti_label_dir, read.data.input_annotations_jsonl) == ("", "", "")


def settings(cls: type) -> Iterator[dataclasses.Field]:
    """Every field of a tree of dataclasses."""
    for field in dataclasses.fields(cls):
        yield field
        made = field.default_factory() if field.default_factory is not dataclasses.MISSING else None
        if dataclasses.is_dataclass(made):
            yield from settings(type(made))


def test_the_spec_that_is_written_is_the_default_with_every_field_explained_in_it(tmp_path, capsys):
    path = tmp_path / "spec.yaml"
    assert main(["annotate", "image", "--write-spec", str(path)]) == 0
    assert Spec.read_draft(path, []) == Spec()
    text = path.read_text()
    for field in settings(Spec):
        assert (f"{field.name}:" in text) is not bool(field.metadata.get("foreign")), field.name
        assert field.metadata.get("help") or field.metadata.get("foreign"), field.name
    assert f"{path}: every field with its value; set vlm, data and results_dir" in capsys.readouterr().out


def test_a_written_spec_with_a_checker_reads_back_and_runs(gallery, tmp_path):
    gallery.put(0)
    path = tmp_path / "spec.yaml"
    given = gallery.given("checker.backend=scripted", "workflow.steps=[0,1,2,3,4]")
    assert main(["annotate", "image", "--write-spec", str(path), *given]) == 0
    assert Spec.read(path, []) == Spec.read(None, given)
    assert main(["annotate", "image", "--quiet", "--config", str(path)]) == 0
    assert Spec.read(gallery.out / "annotate.yaml", []) == Spec.read(None, given), "as does what is saved beside it"


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        pytest.param(["workflow.max_worker=3"], "max_workers", id="a_misspelt_key"),
        pytest.param(["data.kitti_labels=x"], "kitti_label_dir", id="a_misspelt_folder"),
        pytest.param(["chequer.backend=scripted"], "checker", id="a_misspelt_section"),
        pytest.param(["workflow.steps=[0,5]"], "5", id="an_unknown_step"),
        pytest.param(["workflow.steps=[]"], "steps is empty", id="no_steps"),
        pytest.param(["workflow.steps=[0,0]"], "names one twice", id="a_step_twice"),
        pytest.param(["workflow.output_format=text"], "jsonl, legacy, both", id="an_unknown_format"),
        pytest.param(["workflow.boxes_per_request=0"], "at least 1", id="no_boxes"),
        pytest.param(["workflow.min_box_px=-1"], "at least 0", id="boxes_of_less_than_nothing"),
        pytest.param(["data.image_dir="], "nothing to annotate", id="no_images"),
        pytest.param(["data.label_orientation=turned"], "displayed, stored", id="an_unknown_orientation"),
        pytest.param(["student_boxes=pascal"], "qwen_1000", id="an_unknown_style_of_boxes"),
        pytest.param(["student_min_pixels=99", "student_max_pixels=98"], "bounds", id="bounds_the_wrong_way_round"),
        pytest.param(["workflow.steps=[2,4]"], f"set {SECTION}.checker", id="step_4_without_a_checker"),
        pytest.param(["checker.backend=openai"], "checker.openai.model_name is not set", id="a_checker_of_no_name"),
        pytest.param(["vlm.backend=openai"], "vlm.openai.model_name is not set", id="a_teacher_of_no_name"),
    ],
)
def test_a_spec_is_refused_in_one_sentence_for(overrides, said):
    with pytest.raises(ConfigError) as refusal:
        spec(*overrides)
    assert said in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("overrides", "asked"),
    [
        pytest.param([], ["vlm"], id="vlm_does_all_of_taos_steps"),
        pytest.param(["checker.backend=scripted"], ["vlm", "checker"], id="a_checker_does_step_3"),
        pytest.param(["checker.backend=scripted", "workflow.steps=[0,2]"], ["vlm"], id="no_checker_where_none_checks"),
        pytest.param(["checker.backend=scripted", "workflow.steps=[3,4]"], ["checker"], id="the_checker_alone"),
        pytest.param(["workflow.steps=[3]"], ["vlm"], id="vlm_checks_where_there_is_no_checker"),
    ],
)
def test_only_endpoints_that_the_steps_ask_are_needed(overrides, asked):
    assert list(spec(*overrides).endpoints()) == asked


def test_steps_run_in_their_order_whatever_the_order_of_their_names():
    assert spec("workflow.steps=[3, 0, 2]").image_referring_expression.workflow.steps == ["0", "2", "3"]


@pytest.mark.parametrize(
    ("file", "overrides", "section"),
    [
        pytest.param(None, [], VIDEO, id="nothing_tells"),
        pytest.param(None, [f"{IMAGE}.workflow.steps=[0]"], IMAGE, id="an_override"),
        pytest.param(None, [f"annotate.{IMAGE}.workflow.steps=[0]"], IMAGE, id="an_override_of_a_recipe"),
        pytest.param(f"{IMAGE}: {{}}", [], IMAGE, id="the_files_section"),
        pytest.param(f"annotate: {{{IMAGE}: {{}}}}", [], IMAGE, id="the_section_in_a_recipe"),
        pytest.param(f"autolabel_type: {IMAGE}\n{VIDEO}: {{}}\n{IMAGE}: {{}}", [], IMAGE, id="the_type_decides"),
        pytest.param(f"{VIDEO}: {{}}\n{IMAGE}: {{}}", [f"autolabel_type={VIDEO}"], VIDEO, id="the_type_typed"),
        pytest.param("results_dir: x", [], VIDEO, id="a_file_without_either"),
    ],
)
def test_the_pipeline_that_a_spec_is_for_is_told_by(tmp_path, file, overrides, section):
    path = None
    if file is not None:
        path = Path(tmp_path / "spec.yaml")
        path.write_text(file, encoding="utf-8")
    assert section_of(path, overrides) == section


def test_two_sections_without_a_type_are_refused_for_a_plan(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(f"{VIDEO}: {{}}\n{IMAGE}: {{}}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="autolabel_type="):
        section_of(path, [])


@pytest.mark.parametrize(
    ("kind", "file", "other"),
    [
        pytest.param("video", f"{IMAGE}: {{}}", "image", id="the_section_of_images_alone"),
        pytest.param(
            "video", f"autolabel_type: {IMAGE}\n{VIDEO}: {{}}\n{IMAGE}: {{}}", "image", id="the_type_of_images"
        ),
        pytest.param("image", f"{VIDEO}: {{}}", "video", id="the_section_of_videos_alone"),
        pytest.param("image", f"annotate: {{{VIDEO}: {{}}}}", "video", id="the_section_of_videos_in_a_recipe"),
    ],
)
def test_a_spec_for_the_other_pipeline_names_the_other_command(tmp_path, capsys, kind, file, other):
    (tmp_path / "spec.yaml").write_text(file, encoding="utf-8")
    assert main(["annotate", kind, "-e", str(tmp_path / "spec.yaml"), "results_dir=out"]) == 2
    assert f"use `demitasse annotate {other}`" in capsys.readouterr().err


def test_a_section_beside_the_own_one_is_left_alone(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(f"{VIDEO}: {{}}\n{IMAGE}: {{}}\n", encoding="utf-8")
    assert Spec.read_draft(path, []).unused() == [VIDEO]
