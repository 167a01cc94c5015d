"""The trained student's folder: it answers as the model in memory did, it is whole, and no misfit loads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from demitasse.errors import ConfigError
from demitasse.student.adapter import ADAPTER_WEIGHTS
from demitasse.student.load import load_model, load_student
from demitasse.student.record import read_record
from demitasse.student.weights import base_of, model_hash, weights_hash
from train.after import result
from train.after.verify import apart, logits, samples
from train.config import FramesConfig, LoraConfig, ModelConfig, PartConfig, TrainConfig, ValidateConfig
from train.model import parts

METHODS = {
    "full": ModelConfig(),
    "lora": ModelConfig(method="lora", lora=LoraConfig(r=4)),
    "rslora": ModelConfig(method="lora", lora=LoraConfig(r=4, variant="rslora")),
    "dora": ModelConfig(method="lora", lora=LoraConfig(r=4, variant="dora")),
    "vision_full_beside_lora": ModelConfig(method="lora", lora=LoraConfig(r=4), vision=PartConfig("full")),
    "embeddings_full_beside_lora": ModelConfig(method="lora", lora=LoraConfig(r=4), embeddings=PartConfig("full")),
}
ADAPTERS = [name for name in METHODS if name != "full"]


class Around(torch.nn.Module):
    """What stands around the model in training."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model


def one_process(**changes: Any) -> Any:
    """An accelerator of one process; `changes` make it another."""
    alone = {
        "is_main_process": True,
        "get_state_dict": lambda module: module.state_dict(),
        "unwrap_model": lambda module: module,
        "wait_for_everyone": lambda: None,
    }
    return SimpleNamespace(**{**alone, **changes})


@pytest.fixture(scope="module")
def settings(student_folder: Path, data_folder: Path) -> Callable[[str, Path], TrainConfig]:
    def build(method: str, output: Path) -> TrainConfig:
        config = TrainConfig(output_dir=str(output), model=METHODS[method], frames=FramesConfig(fps=2, max_pixels=4096))
        config.model.path = str(student_folder)
        config.data.files = [str(data_folder)]
        return config

    return build


def moved(config: TrainConfig) -> tuple[Any, Any]:
    """The base with what learns moved at random, as training would, and the student around it."""
    student = load_student(config.model.path, "float32", device="cpu")
    model = parts.prepare(student.model, config.model, 0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.05)
    return model.eval(), student


@pytest.fixture(scope="module", params=METHODS)
def trained(request, settings, tmp_path_factory) -> SimpleNamespace:
    """One saved student of each method."""
    config = settings(request.param, tmp_path_factory.mktemp(request.param))
    model, student = moved(config)
    result.begin(config)
    folder = result.save(one_process(), Around(model), student, config, "key", 3)
    return SimpleNamespace(method=request.param, config=config, model=model, student=student, folder=folder)


@pytest.fixture
def adapter(settings, tmp_path) -> Path:
    """A saved adapter that a test may spoil."""
    config = settings("lora", tmp_path / "run")
    model, student = moved(config)
    result.begin(config)
    return result.save(one_process(), Around(model), student, config, "key", 3)


def test_a_saved_student_answers_as_the_model_that_was_trained(trained) -> None:
    batches = samples(trained.student.encoder)
    again = load_student(trained.folder, "float32", device="cpu").model
    expected = logits(trained.model, batches)
    assert apart(expected, logits(again, batches)) < 1e-5
    base = load_model(Path(trained.config.model.path), "float32")
    assert apart(expected, logits(base, batches)) > 1e-3  # and training did move it


def test_an_adapter_loads_by_plain_peft_parts_that_learnt_whole_and_all(trained) -> None:
    if trained.method == "full":
        assert not (trained.folder / "adapter_config.json").exists()
        return
    from peft import PeftModel
    from transformers import AutoModelForImageTextToText

    base = AutoModelForImageTextToText.from_pretrained(trained.config.model.path, dtype=torch.float32)
    plain = PeftModel.from_pretrained(base, trained.folder).eval()
    batches = samples(trained.student.encoder)
    assert apart(logits(trained.model, batches), logits(plain, batches)) < 1e-5
    assert not (trained.folder / "model.safetensors").exists()


def test_an_adapter_holds_what_learnt_and_nothing_else(trained) -> None:
    if trained.method == "full":
        return
    names = load_file(trained.folder / ADAPTER_WEIGHTS)
    whole = {parts.part_of(name) for name in names if "lora_" not in name}
    expected = {"vision"} if "vision" in trained.method else {"embeddings"} if "embeddings" in trained.method else set()
    assert whole == expected
    assert {parts.part_of(name) for name in names if "lora_" in name} == {"language"}


def test_an_adapter_names_its_layers_in_one_order_whatever_process_wrote_it(adapter) -> None:
    named = json.loads((adapter / "adapter_config.json").read_text())["target_modules"]
    assert len(named) > 3
    assert named == sorted(named)


def test_all_that_asking_takes_lies_beside_the_weights(trained, student_folder) -> None:
    for name in ("preprocessor_config.json", "video_preprocessor_config.json", "chat_template.jinja"):
        assert (trained.folder / name).read_bytes() == (student_folder / name).read_bytes()
    record = read_record(trained.folder)
    assert record is not None
    assert (record.frames.fps, record.frames.max_pixels, record.response_mode) == (2, 4096, "think")
    assert record.tasks == ("mcq", "open_qa")
    assert record.base_sha256 == weights_hash(student_folder)


def test_the_record_names_data_with_counts_hashes_and_licences(trained, data_folder) -> None:
    record = json.loads((trained.folder.parent / "train.json").read_text())
    files = {Path(file["file"]).name: file for file in record["data"]}
    assert files["mcq.json"]["items"] == {"mcq": 6}
    assert files["mcq.json"]["license"] == "Apache-2.0"
    assert len(files["open_qa.json"]["sha256"]) == 64
    assert record["config"]["frames"]["fps"] == 2 and record["step"] == 3
    assert {"torch", "transformers", "peft", "accelerate", "demitasse"} <= record["versions"].keys()


def test_only_the_run_of_the_same_key_is_finished(trained) -> None:
    assert result.is_finished(trained.config, "key")
    assert not result.is_finished(replace(trained.config, output_dir=str(trained.folder)), "key")
    validated = replace(trained.config, validate=ValidateConfig(patience=7))
    assert not result.is_finished(validated, "key")


def test_the_student_of_another_run_is_not_written_over(trained) -> None:
    with pytest.raises(ConfigError, match="trained with other settings or data"):
        result.is_finished(trained.config, "another")


def test_data_that_is_gone_at_the_end_costs_no_student(settings, tmp_path, data_folder) -> None:
    gone = shutil.copytree(data_folder, tmp_path / "gone")
    config = settings("full", tmp_path / "run")
    config.data.files, config.data.tasks = [str(gone / "mcq.json")], ["mcq"]
    result.begin(config)
    shutil.rmtree(gone)
    model, student = moved(config)
    result.save(one_process(), Around(model), student, config, "key", 3)
    assert result.is_finished(config, "key")


@pytest.mark.parametrize("method", ["full", "embeddings_full_beside_lora"])
def test_what_is_written_are_the_gathered_weights_and_not_a_process_own_share(settings, tmp_path, method) -> None:
    """As under FSDP2 and ZeRO-3: tied weights come as two tensors, and the module itself holds a part."""
    config = settings(method, tmp_path)
    model, student = moved(config)
    batches = samples(student.encoder)
    expected = logits(model, batches)
    gathered = {f"model.{name}": tensor.clone() for name, tensor in model.state_dict().items()}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    result.begin(config)
    folder = result.save(one_process(get_state_dict=lambda _: gathered), Around(model), student, config, "key", 3)
    assert apart(expected, logits(load_student(folder, device="cpu").model, batches)) < 1e-5


def test_a_process_that_is_not_the_first_gathers_and_writes_nothing(settings, tmp_path) -> None:
    config = settings("full", tmp_path / "run")
    asked: list[Any] = []
    other = one_process(is_main_process=False, get_state_dict=lambda module: asked.append(module) or {})
    assert result.save(other, "module", None, config, "key", 3) == tmp_path / "run" / "student"
    assert asked == ["module"] and not (tmp_path / "run").exists()


def test_a_student_is_written_whole_or_not_at_all(settings, tmp_path, monkeypatch) -> None:
    config = settings("full", tmp_path)
    model, student = moved(config)
    result.begin(config)
    folder = result.save(one_process(), Around(model), student, config, "first", 1)
    before = (folder / "model.safetensors").read_bytes()
    with torch.no_grad():
        next(model.parameters()).add_(1)

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(result, "write_record", fail)
        with pytest.raises(OSError, match="No space"):
            result.save(one_process(), Around(model), student, config, "second", 2)
    assert (folder / "model.safetensors").read_bytes() == before
    assert not result.is_finished(config, "first") and not result.is_finished(config, "second")
    result.save(one_process(), Around(model), student, config, "second", 2)
    assert (folder / "model.safetensors").read_bytes() != before
    assert result.is_finished(config, "second")
    assert not list(tmp_path.glob("*.partial"))


def respelt(adapter: Path, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> None:
    tensors = load_file(adapter / ADAPTER_WEIGHTS)
    save_file(change(tensors), adapter / ADAPTER_WEIGHTS, metadata={"format": "pt"})


def older_names(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """As before transformers 4.52 moved the decoder to `language_model`."""
    return {name.replace(".language_model.", "."): tensor for name, tensor in tensors.items()}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(older_names, "missing", id="names_of_before_a_rename"),
        pytest.param(lambda found: dict(list(found.items())[1:]), "1 missing", id="a_weight_that_is_missing"),
        pytest.param(
            lambda found: found | {"base_model.model.model.no_such.weight": torch.zeros(2)},
            "1 unexpected",
            id="a_weight_that_fits_nowhere",
        ),
        pytest.param(
            lambda found: {name: torch.cat([tensor, tensor]) for name, tensor in found.items()},
            "does not fit",
            id="weights_of_another_shape",
        ),
    ],
)
def test_an_adapter_whose_weights_do_not_fit_is_refused_and_never_left_out(adapter, change, words) -> None:
    respelt(adapter, change)
    with pytest.raises(ConfigError, match=words) as error:
        load_student(adapter)
    assert str(adapter) in str(error.value)


def test_an_adapter_for_layers_that_are_not_there_is_refused(adapter) -> None:
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"target_modules": ["no_such_layer"]}))
    with pytest.raises(ConfigError, match="no_such_layer"):
        load_student(adapter)


def test_an_adapter_without_weights_is_refused(adapter) -> None:
    (adapter / ADAPTER_WEIGHTS).unlink()
    with pytest.raises(ConfigError, match="no adapter_model.safetensors"):
        load_student(adapter)


def name_base(adapter: Path, base: str | None) -> None:
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": base}))


@pytest.mark.parametrize("named", [None, "", "models/gone", "/nowhere/at/all"])
def test_an_adapter_from_another_machine_says_which_base_it_wants_and_where_to_write_it(adapter, named) -> None:
    name_base(adapter, named)
    for read in (load_student, model_hash):
        with pytest.raises(ConfigError, match="base_model_name_or_path") as error:
            read(adapter)
        record = read_record(adapter)
        assert record is not None and record.base in str(error.value) and record.base_sha256[:12] in str(error.value)


def test_a_relative_base_is_looked_for_from_here_and_from_the_adapter(adapter, student_folder, monkeypatch) -> None:
    shutil.copytree(student_folder, adapter.parent / "base")
    name_base(adapter, "../base")
    assert base_of(adapter).resolve() == (adapter.parent / "base").resolve()
    monkeypatch.chdir(adapter.parent)
    name_base(adapter, "base")
    assert base_of(adapter) == Path("base")
    load_student(adapter, device="cpu")


def test_an_adapter_does_not_take_itself_for_its_base(adapter) -> None:
    (adapter / "config.json").write_text("{}")
    name_base(adapter, ".")
    with pytest.raises(ConfigError, match="no model is there"):
        base_of(adapter)


def test_another_base_of_the_same_shape_is_refused(adapter, student_folder) -> None:
    other = shutil.copytree(student_folder, adapter.parent / "other")
    tensors = load_file(other / "model.safetensors")
    save_file({name: tensor + 1 for name, tensor in tensors.items()}, other / "model.safetensors", {"format": "pt"})
    name_base(adapter, str(other))
    with pytest.raises(ConfigError, match="weights are not those of"):
        load_student(adapter)


def test_an_adapter_and_another_base_are_another_model(adapter, student_folder) -> None:
    before = model_hash(adapter)
    other = shutil.copytree(student_folder, adapter.parent / "other")
    name_base(adapter, str(other))
    renamed = model_hash(adapter)
    (other / "generation_config.json").write_text("{}")
    assert model_hash(adapter) not in (before, renamed)
