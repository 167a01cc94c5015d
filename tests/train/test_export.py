"""`demitasse export`: merged weights answer as the adapter did, the folder can be served, the card tells the truth."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file

from demitasse.cli import main
from demitasse.errors import ConfigError, DataError, DemitasseError
from demitasse.student.load import load_student
from demitasse.student.record import FramesUsed, HowTrained, read_record
from demitasse.student.weights import model_name
from train.after import card, export, merge, result, servable
from train.after.verify import agreement, apart, logits, samples
from train.config import DataConfig, FramesConfig, LoraConfig, ModelConfig, PartConfig, TrainConfig
from train.model import parts

METHODS = {
    "full": ModelConfig(),
    "lora": ModelConfig(method="lora", lora=LoraConfig(r=4)),
    "dora": ModelConfig(method="lora", lora=LoraConfig(r=4, variant="dora")),
    "vision_full_beside_lora": ModelConfig(method="lora", lora=LoraConfig(r=4), vision=PartConfig("full")),
}
PROMPT = "Answer in | one ``` word.\n</details>"


class Around(torch.nn.Module):
    """What stands around the model in training."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model


def one_process() -> Any:
    return SimpleNamespace(
        is_main_process=True,
        get_state_dict=lambda module: module.state_dict(),
        unwrap_model=lambda module: module,
        wait_for_everyone=lambda: None,
    )


def train_a_little(method: str, output: Path, base: Path, data: Path) -> Path:
    """A student as training leaves it, its weights moved at random."""
    config = TrainConfig(
        output_dir=str(output),
        model=METHODS[method],
        data=DataConfig([str(data)], cache_dir="/mnt/somebody/cache"),
        frames=FramesConfig(fps=2, max_frames=8, max_pixels=4096),
    )
    config.model.path, config.model.system_prompt = str(base), PROMPT
    student = load_student(base, "float32", device="cpu")
    model = parts.prepare(student.model, config.model, 0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.05)
    result.begin(config)
    return result.save(one_process(), Around(model), student, config, "key", 200)


@pytest.fixture(scope="module", params=METHODS)
def any_student(request, student_folder, data_folder, tmp_path_factory) -> Path:
    return train_a_little(request.param, tmp_path_factory.mktemp(request.param), student_folder, data_folder)


@pytest.fixture(scope="module")
def adapter(student_folder, data_folder, tmp_path_factory) -> Path:
    return train_a_little("lora", tmp_path_factory.mktemp("run"), student_folder, data_folder)


@pytest.fixture(scope="module")
def exported(adapter, tmp_path_factory) -> Path:
    """An export that tests only look at."""
    out = tmp_path_factory.mktemp("exports") / "student"
    (adapter.parent / "validation.jsonl").write_text(
        '{"step": 0, "items": 4, "mcq_accuracy": 0.25}\n{"step": 200, "items": 4, "mcq_accuracy": 0.75}\n'
        '{"step": 400, "items": 4, "mcq_accuracy": 0.5}\n'
    )
    export.export(adapter, out, report=report_in(out.parent), say=lambda _: None)
    return out


def report_in(folder: Path) -> Path:
    row = {
        "label": "Yes or no | accuracy",
        "n": 40,
        "before": 0.1,
        "after": 0.8,
        "delta": 0.7,
        "delta_ci95": [0.6, 0.8],
    }
    content = {"before": "base", "after": "trained", "metrics": {"bcq": row}, "verdict": {"sentence": "Better at it."}}
    (folder / "report.json").write_text(json.dumps(content))
    return folder


def test_an_exported_student_answers_by_plain_transformers_as_it_did_with_its_adapter(any_student, tmp_path) -> None:
    from transformers import AutoModelForImageTextToText

    said: list[str] = []
    export.export(any_student, tmp_path / "out", say=said.append)
    student = load_student(any_student, "float32", device="cpu")
    plain = AutoModelForImageTextToText.from_pretrained(tmp_path / "out", dtype=torch.float32).eval()
    batches = samples(student.encoder)
    assert apart(logits(student.model, batches), logits(plain, batches)) <= 1e-4
    assert not list((tmp_path / "out").glob("adapter*"))
    merged = (any_student / "adapter_config.json").exists()
    assert any("merged weights against the adapter" in line for line in said) == merged
    assert any("read back by plain transformers" in line for line in said)


def test_weights_are_written_in_the_type_that_is_asked_for_and_say_how_often_it_agrees(adapter, tmp_path) -> None:
    said: list[str] = []
    export.export(adapter, tmp_path / "out", dtype="bfloat16", say=said.append)
    assert {tensor.dtype for tensor in load_file(tmp_path / "out" / "model.safetensors").values()} == {torch.bfloat16}
    assert json.loads((tmp_path / "out" / "config.json").read_text())["dtype"] == "bfloat16"
    assert any("agree on" in line and "greedy tokens" in line for line in said)


def test_large_weights_are_written_in_shards_that_are_all_there(adapter, tmp_path) -> None:
    export.export(adapter, tmp_path / "out", shard_size="100KB", say=lambda _: None)
    assert len(list((tmp_path / "out").glob("model-*.safetensors"))) > 1
    assert servable.missing(tmp_path / "out") == []
    next((tmp_path / "out").glob("model-00002-*")).unlink()
    assert len(servable.missing(tmp_path / "out")) == 1


def spoilt(model: Any) -> Any:
    with torch.no_grad():
        next(parameter for name, parameter in model.named_parameters() if "language_model.layers" in name).mul_(1.5)
    return model


def test_a_merge_that_changes_the_answers_is_an_error_and_leaves_nothing(adapter, tmp_path, monkeypatch) -> None:
    from peft import LoraModel

    good = LoraModel.merge_and_unload
    monkeypatch.setattr(LoraModel, "merge_and_unload", lambda self: spoilt(good(self)))
    with pytest.raises(DemitasseError, match="merged into the base"):
        export.export(adapter, tmp_path / "out", say=lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_weights_that_read_back_otherwise_are_an_error_and_leave_nothing(adapter, tmp_path, monkeypatch) -> None:
    good = merge.load_model
    monkeypatch.setattr(
        merge,
        "load_model",
        lambda folder, dtype: spoilt(good(folder, dtype)) if tmp_path in folder.parents else good(folder, dtype),
    )
    with pytest.raises(DemitasseError, match="read back"):
        export.export(adapter, tmp_path / "out", say=lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_a_logit_that_is_no_number_is_no_match() -> None:
    ones = [torch.ones(2, 3)]
    assert apart(ones, [torch.full((2, 3), float("nan"))]) == float("inf")
    assert apart(ones, ones) == 0.0
    with pytest.raises(DemitasseError):
        merge._demand(float("nan"), 1e-4, "what")


def test_agreement_is_the_share_of_equal_likeliest_tokens() -> None:
    first = [torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])]
    other = [torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[9.0, 8.0], [1.0, 0.0]])]
    assert agreement(first, other) == 0.75


def test_samples_are_the_same_every_time_and_show_a_video_a_picture_and_nothing(student_folder) -> None:
    encoder = load_student(student_folder, device="cpu").encoder
    first, again = samples(encoder), samples(encoder)
    assert all(torch.equal(one["input_ids"], other["input_ids"]) for one, other in zip(first, again, strict=True))
    kinds = [("pixel_values_videos" in one, "pixel_values" in one) for one in first[:3]]
    assert kinds == [(True, False), (False, True), (False, False)]


def test_an_export_of_the_same_is_left_as_it_is(adapter, tmp_path) -> None:
    export.export(adapter, tmp_path / "out", say=lambda _: None)
    written = (tmp_path / "out" / "model.safetensors").stat().st_mtime_ns
    said: list[str] = []
    export.export(adapter, tmp_path / "out", say=said.append)
    assert said == [f"{tmp_path / 'out'}: exported already"]
    assert (tmp_path / "out" / "model.safetensors").stat().st_mtime_ns == written
    with pytest.raises(ConfigError, match="holds something else"):
        export.export(adapter, tmp_path / "out", dtype="bfloat16", say=lambda _: None)


def test_an_empty_folder_is_taken_and_a_full_one_is_not_touched(adapter, tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    export.export(adapter, tmp_path / "empty", say=lambda _: None)
    assert (tmp_path / "empty" / "config.json").is_file()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match="holds something else"):
        export.export(adapter, tmp_path / "full", say=lambda _: None)
    assert (tmp_path / "full" / "thesis.txt").read_text() == "years of work"


def test_an_export_loads_as_a_student_and_says_how_it_was_trained(exported) -> None:
    record = read_record(exported)
    assert record is not None and record.frames.fps == 2 and record.system_prompt == PROMPT
    assert load_student(exported, device="cpu").encoder.vision.max_pixels == 4096
    assert servable.missing(exported) == []


@pytest.mark.parametrize(
    ("gone", "named"),
    [
        pytest.param("config.json", "model_type", id="configuration"),
        pytest.param("generation_config.json", "eos_token_id", id="what_ends_an_answer"),
        pytest.param("tokenizer.json", "tokenizer.json", id="tokenizer"),
        pytest.param("chat_template.jinja", "chat template", id="chat_template"),
        pytest.param("preprocessor_config.json", "image processor", id="image_processor"),
        pytest.param("model.safetensors", "model.safetensors", id="weights"),
    ],
)
def test_what_a_server_would_miss_is_named(exported, tmp_path, gone, named) -> None:
    folder = shutil.copytree(exported, tmp_path / "copy")
    (folder / gone).unlink()
    found = servable.missing(folder)
    assert len(found) == 1 and named in found[0]


def test_processors_of_one_file_serve_as_well(exported, tmp_path) -> None:
    """As transformers 5 saves them: `processor_config.json` holds both parts."""
    folder = shutil.copytree(exported, tmp_path / "copy")
    image = json.loads((folder / "preprocessor_config.json").read_text())
    video = json.loads((folder / "video_preprocessor_config.json").read_text())
    whole = {"image_processor": image, "video_processor": video, "processor_class": image["processor_class"]}
    for name in ("preprocessor_config.json", "video_preprocessor_config.json"):
        (folder / name).unlink()
    (folder / "processor_config.json").write_text(json.dumps(whole))
    assert servable.missing(folder) == []


def test_a_student_that_could_not_be_served_is_not_exported(adapter, student_folder, tmp_path, monkeypatch) -> None:
    copy = shutil.copytree(adapter, tmp_path / "adapter")
    base = shutil.copytree(student_folder, tmp_path / "base")
    config = json.loads((copy / "adapter_config.json").read_text())
    (copy / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": str(base)}))
    for folder in (copy, base):
        content = json.loads((folder / "preprocessor_config.json").read_text())
        del content["image_processor_type"]
        (folder / "preprocessor_config.json").write_text(json.dumps(content))
    with pytest.raises(ConfigError, match="image processor"):
        export.export(copy, tmp_path / "out", say=lambda _: None)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("kind", "frames", "image", "video"),
    [
        pytest.param("Qwen2VL", FramesUsed(1, 8, 4), (4, 900), (4, 900), id="the_models_own_bounds_stay"),
        pytest.param("Qwen2VL", FramesUsed(1, 8, 4, 400, 100), (100, 400), (100, 400), id="a_frame_is_bounded_alone"),
        pytest.param(
            "Qwen3VL", FramesUsed(1, 8, 4, 400, 100), (100, 400), (400, 3200), id="a_video_in_all_of_its_frames"
        ),
        pytest.param(
            "Qwen3VL", FramesUsed(1, 8, 4, 400, None, 2000), (4, 400), (4, 2000), id="a_video_by_its_own_bound"
        ),
    ],
)
def test_processors_files_say_what_was_trained(tmp_path, kind, frames, image, video) -> None:
    size = {"patch_size": 16, "size": {"shortest_edge": 4, "longest_edge": 900}}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(size))
    (tmp_path / "video_preprocessor_config.json").write_text(
        json.dumps({**size, "video_processor_type": f"{kind}VideoProcessor"})
    )
    servable.fit_processors(tmp_path, frames)
    shown = json.loads((tmp_path / "preprocessor_config.json").read_text())
    played = json.loads((tmp_path / "video_preprocessor_config.json").read_text())
    assert (shown["size"]["shortest_edge"], shown["size"]["longest_edge"]) == image
    assert (played["size"]["shortest_edge"], played["size"]["longest_edge"]) == video
    assert (played["fps"], played["max_frames"], played["min_frames"]) == (1, 8, 4)
    assert "fps" not in shown
    assert played["do_sample_frames"], "or vLLM's transformers backend does not hand on the rate"


def test_old_bounds_beside_size_do_not_overrule_it(tmp_path) -> None:
    old = {"patch_size": 14, "min_pixels": 3136, "max_pixels": 12845056}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(old))
    servable.fit_processors(tmp_path, FramesUsed(1, 8, 4, max_pixels=50176))
    assert json.loads((tmp_path / "preprocessor_config.json").read_text()) == {
        "patch_size": 14,
        "size": {"shortest_edge": 3136, "longest_edge": 50176},
    }


def front_of(text: str) -> dict[str, Any]:
    return dict(yaml.safe_load(text.split("---\n")[1]))


def test_the_card_opens_with_what_the_hub_reads(exported) -> None:
    from huggingface_hub import ModelCard

    front = ModelCard((exported / "README.md").read_text()).data.to_dict()
    assert front["library_name"] == "transformers"
    assert front["pipeline_tag"] == "video-text-to-text"
    assert {"demitasse", "qwen2_5_vl", "lora"} <= set(front["tags"])
    assert "base_model" not in front  # a folder's name is no name at the Hub


def test_a_base_from_the_hubs_cache_is_named_as_there() -> None:
    folder = Path("/mnt/x/.cache/huggingface/hub/models--Qwen--Qwen3-VL-2B-Instruct/snapshots/89644892e4d8")
    assert model_name(Path("models/mine")) == "mine"
    asked = HowTrained(FramesUsed(1, 8, 4), "", "answer", base=model_name(folder))
    front = front_of(card.card(card.Facts("s", "qwen3_vl", "bfloat16", asked)))
    assert front["base_model"] == "Qwen/Qwen3-VL-2B-Instruct" and front["base_model_relation"] == "finetune"


def test_the_card_tells_data_configuration_frames_and_figures(exported, adapter) -> None:
    text = (exported / "README.md").read_text()
    data = json.loads((adapter.parent / "train.json").read_text())["data"]
    for file in data:
        assert file["sha256"][:16] in text and file["license"] in text
    assert "| frames a second | 2" in text
    assert "method: lora" in text and "transformers " in text
    assert "| mcq\\_accuracy | 0.25 | 0.75 |" in text and "step 200" in text
    assert "step 400" not in text  # training went on, but the student is that of step 200
    assert "Yes or no \\| accuracy | 40 | 0.1 | 0.8 | 0.7 (0.6 to 0.8)" in text
    assert "merged weights against the adapter" in text
    assert "Intended use and limits" in text


def test_the_card_names_no_folder_of_this_machine(exported, adapter, student_folder) -> None:
    text = (exported / "README.md").read_text()
    for path in ("/mnt/somebody", str(adapter.parent), str(student_folder.parent)):
        assert path not in text


def test_a_system_prompt_is_data_in_the_card(exported) -> None:
    text = (exported / "README.md").read_text()
    asking = text.split("## How it is asked")[1].split("## Training data")[0]
    assert f"````\n{PROMPT}\n````" in asking


def test_what_nobody_wrote_down_is_said_to_be_unknown() -> None:
    text = card.card(card.Facts("s", "qwen3_vl", "float32"))
    assert "unknown base" in text and "Nobody wrote down" in text and "Unknown: the run's" in text
    assert "None were found beside the run." in text


def test_tasks_and_names_cannot_write_markdown() -> None:
    asked = HowTrained(FramesUsed(1, 8, 4), "", "answer", ("<script>", "a|b"))
    text = card.card(card.Facts("# s\n## t", "qwen3_vl", "float32", asked))
    assert "<script>" not in text and "\\<script\\>" in text
    assert "\n## t" not in text


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="no_file"),
        pytest.param("{", id="not_json"),
        pytest.param("[]", id="no_object"),
        pytest.param('{"metrics": {}}', id="no_metrics"),
    ],
)
def test_a_report_that_is_none_is_refused(tmp_path, content) -> None:
    if content is not None:
        (tmp_path / "report.json").write_text(content)
    with pytest.raises(DataError, match=r"report\.json: not a report"):
        card.read_report(tmp_path)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["{run}"], "this is a run; its student is", id="a_run_instead_of_its_student"),
        pytest.param(["{run}/no"], "no trained student", id="no_such_folder"),
        pytest.param(["{student}", "--shard-size", "5"], "--shard-size 5: write a number and a unit", id="no_unit"),
        pytest.param(["{student}", "--private"], "name it with --push", id="private_of_nothing"),
        pytest.param(["{student}", "--report", "{run}/no"], "not a report", id="no_report"),
        pytest.param(["{student}", "--device", "cuda:77"], "device cuda:77: torch has none on", id="no_such_device"),
        pytest.param(["{student}", "--device", "gpu"], "device gpu: torch has none on", id="no_kind_of_device"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(adapter, tmp_path, capsys, words, said) -> None:
    filled = [word.format(run=adapter.parent, student=adapter) for word in words]
    assert main(["export", *filled, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def gone(path: Path) -> None:
    path.unlink()


@pytest.fixture
def own(adapter, student_folder, tmp_path) -> Path:
    """A run, its adapter and its base, for a test to spoil."""
    run = shutil.copytree(adapter.parent, tmp_path / "run")
    shutil.copytree(student_folder, tmp_path / "base")
    config = run / "student" / "adapter_config.json"
    content = json.loads(config.read_text()) | {"base_model_name_or_path": str(tmp_path / "base")}
    config.write_text(json.dumps(content))
    return tmp_path


@pytest.mark.parametrize(
    ("spoil", "file", "said"),
    [
        pytest.param(
            torn, "run/student/adapter_config.json", "not the JSON object that PEFT writes", id="adapter_config"
        ),
        pytest.param(torn, "run/student/adapter_model.safetensors", "is damaged", id="adapter_weights"),
        pytest.param(gone, "run/student/adapter_model.safetensors", "no adapter_model.safetensors", id="no_weights"),
        pytest.param(torn, "base/model.safetensors", "its weights are not those", id="base_weights"),
        pytest.param(gone, "base/model.safetensors", "holds no model", id="base_without_weights"),
        pytest.param(torn, "base/config.json", "missing or damaged", id="base_config"),
        pytest.param(gone, "base/config.json", "no model is there; set it to the folder of the base", id="base_gone"),
        pytest.param(torn, "base/tokenizer.json", "missing or damaged", id="tokenizer"),
        pytest.param(gone, "base/tokenizer.json", "missing or damaged", id="no_tokenizer"),
        pytest.param(torn, "run/student/preprocessor_config.json", "is damaged", id="image_processor"),
        pytest.param(torn, "run/student/generation_config.json", "is damaged", id="generation_config"),
        pytest.param(torn, "run/student/demitasse.json", "not a record", id="how_it_was_trained"),
        pytest.param(torn, "run/train.json", "train.json: damaged", id="record_of_the_run"),
    ],
)
def test_a_damaged_file_is_one_sentence_that_names_it_and_nothing_is_left(own, capsys, spoil, file, said) -> None:
    spoil(own / file)
    assert main(["export", str(own / "run" / "student"), "--out", str(own / "out"), "--device", "cpu"]) == 2
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error and error.count("\n") == 1
    assert sorted(path.name for path in own.iterdir()) == ["base", "run"]


def test_a_line_that_a_kill_tore_off_the_log_of_validation_costs_that_line_alone(own) -> None:
    (own / "run" / "validation.jsonl").write_text('{"step": 200, "items": 4, "mcq_accuracy": 0.75}\n{"step": 4')
    export.export(own / "run" / "student", own / "out", say=lambda _: None)
    assert "| 0.75 |" in (own / "out" / "README.md").read_text()


@pytest.mark.parametrize(
    ("out", "made", "said"),
    [
        pytest.param("file", lambda out: out.write_text("x"), "holds something else", id="a_file"),
        pytest.param(
            "file/out", lambda out: out.parent.write_text("x"), "cannot be written (Not a dir", id="below_a_file"
        ),
        pytest.param("run/student/out", None, "lies in the student's own folder", id="in_the_student"),
        pytest.param("run/student", None, "holds something else", id="the_student"),
        pytest.param(
            "out",
            lambda out: (out.mkdir(), (out / "export.json").write_text('{"st')),
            "holds something else",
            id="torn",
        ),
        pytest.param(
            "out",
            lambda out: (out.mkdir(), (out / "export.json").write_text("[]")),
            "holds something else",
            id="a_list",
        ),
    ],
)
def test_a_folder_that_cannot_be_written_is_said_to_be_so(own, capsys, out, made, said) -> None:
    if made:
        made(own / out)
    before = sorted(own.rglob("*"))
    assert main(["export", str(own / "run" / "student"), "--out", str(own / out), "--device", "cpu"]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert sorted(own.rglob("*")) == before


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        pytest.param(OSError(errno.ENOSPC, "No space left on device"), 2, "make room", id="disk_full"),
        pytest.param(
            SafetensorError("I/O error: No space left (os error 28)"), 2, "make room", id="as_safetensors_says"
        ),
        pytest.param(OSError(errno.EROFS, "Read-only file system"), 2, "give another --out", id="read_only"),
        pytest.param(KeyboardInterrupt(), 130, "interrupted", id="ctrl_c"),
    ],
)
def test_an_export_that_ends_while_it_writes_leaves_nothing(adapter, tmp_path, capsys, monkeypatch, fault, code, said):
    from transformers import PreTrainedModel

    def write_some(model: Any, folder: Path, **_: Any) -> None:
        (folder / "model.safetensors").write_bytes(b"half")
        raise fault

    monkeypatch.setattr(PreTrainedModel, "save_pretrained", write_some)
    assert main(["export", str(adapter), "--out", str(tmp_path / "out"), "--device", "cpu"]) == code
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "metrics",
    [
        pytest.param([1], id="a_list"),
        pytest.param({"a": 3}, id="no_object"),
        pytest.param({"a": {"delta_ci95": [1]}}, id="half_an_interval"),
    ],
)
def test_metrics_of_another_shape_are_no_report(tmp_path, metrics) -> None:
    (tmp_path / "report.json").write_text(json.dumps({"metrics": metrics}))
    with pytest.raises(DataError, match=r"report\.json: not a report"):
        card.read_report(tmp_path)
