"""The trained student on disk: a folder that loads like any other, and `train.json`, which says the run is whole.

Beside the weights lies all that asking it takes: tokenizer, chat template, processor files, and `demitasse.json`, which
says what frames and what system prompt it was trained with.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demitasse.atomic import write_text
from demitasse.dataset import TaskFile, read, read_folder
from demitasse.errors import OtherRunError
from demitasse.media.probe import content_hash
from demitasse.student.adapter import ADAPTER_WEIGHTS
from demitasse.student.load import Student
from demitasse.student.record import HowTrained, write_record
from demitasse.student.trained_on import write_trained_on
from demitasse.student.weights import model_name, weights_hash
from train.after.seen import media_of, seen_by
from train.config import TrainConfig
from train.data.frames import record_of

if TYPE_CHECKING:
    from accelerate import Accelerator

STUDENT = "student"
RECORD = "train.json"
DATA = "data.json"
# How the base's frames are fitted and its chat is written belongs to the student as well.
CARRIED = (
    "preprocessor_config.json",
    "video_preprocessor_config.json",
    "processor_config.json",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
)
_PACKAGES = ("demitasse", "torch", "transformers", "peft", "accelerate")


def begin(config: TrainConfig) -> None:
    """Write `data.json`, on one process: what the run learns from, while its files are there to be read.

    Raises:
        DemitasseError: if a file, or the base, cannot be read.
    """
    base = Path(config.model.path)
    content = {
        "files": data_files(config),
        "media": media_of(config.data),
        "base": model_name(base),
        "base_sha256": weights_hash(base),
    }
    write_text(Path(config.output_dir) / DATA, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def data_files(config: TrainConfig) -> list[dict[str, Any]]:
    """Each data file with its hash, licence, and items by task, of the tasks that are learnt."""
    return [
        _described(file, config.data.tasks)
        for path in map(Path, config.data.files)
        for file in (read_folder(path) if path.is_dir() else [read(path)])
    ]


def _described(file: TaskFile, tasks: list[str]) -> dict[str, Any]:
    counted = Counter(task for task in map(file.task_of, file.items) if not tasks or task in tasks)
    hashed = content_hash(file.path) if file.path else ""
    return {"file": str(file.path), "sha256": hashed, "license": file.license, "items": dict(counted)}


def is_finished(config: TrainConfig, key: str) -> bool:
    """Whether the whole result of the run with this key is there, validated as it is to be.

    Raises:
        OtherRunError: if there is that of another run, which would be written over.
    """
    record = Path(config.output_dir) / RECORD
    if not record.is_file():
        return False
    told = json.loads(record.read_text(encoding="utf-8"))
    if told["key"] != key:
        raise OtherRunError(
            f"{record.parent} holds a student that was trained with other settings or data, as {RECORD} there tells; "
            "give another output_dir, or delete it"
        )
    return bool(told["config"]["validate"] == asdict(config.validate))


def save(accelerator: Accelerator, loss_of: Any, student: Student, config: TrainConfig, key: str, step: int) -> Path:
    """Write the student, or with LoRA its adapter, and then the record; returns the student's folder.

    Every process has to call it: where weights are sharded they are gathered here. The first process writes, into a
    folder beside the student's that takes its place when it is whole.

    Args:
        accelerator: of the run.
        loss_of: the prepared module around the model, its attribute `model`.
        student: whose tokenizer and base it has.
        config: of the run.
        key: of the run.
        step: after which the weights were so.
    """
    state = accelerator.get_state_dict(loss_of)
    final = Path(config.output_dir) / STUDENT
    if accelerator.is_main_process:
        model = accelerator.unwrap_model(loss_of).model
        weights = {name.removeprefix("model."): tensor for name, tensor in state.items()}
        _write(model, weights, student, config, final)
        _record(config, key, step)
    accelerator.wait_for_everyone()
    return final


def _write(model: Any, weights: dict[str, Any], student: Student, config: TrainConfig, final: Path) -> None:
    partial, base = final.with_name(f"{STUDENT}.partial"), Path(config.model.path)
    shutil.rmtree(partial, ignore_errors=True)
    (final.parent / RECORD).unlink(missing_ok=True)  # from here to its new record, the run is not finished
    if hasattr(model, "peft_config"):
        _write_adapter(model, weights, partial, base)
    else:
        _write_model(model, weights, partial)
    student.tokenizer.save_pretrained(partial)
    for name in CARRIED:
        if (base / name).is_file():
            shutil.copyfile(base / name, partial / name)
    write_record(partial, how_trained(config))
    write_trained_on(partial, seen_by(config, _data(config)["media"]))
    shutil.rmtree(final, ignore_errors=True)
    partial.rename(final)


def _write_model(model: Any, weights: dict[str, Any], folder: Path) -> None:
    """The weights as they were loaded: in the type of then, whichever they learnt in, and what is tied once.

    Where weights are gathered from several processes, those that are tied have lost each other.
    """
    import torch

    own = getattr(torch, str(model.config.dtype or "float32").removeprefix("torch."))
    kept = {name: tensor for name, tensor in weights.items() if name not in model.all_tied_weights_keys}
    # On the CPU: a GPU that a run has filled has no room for a copy.
    rounded = {name: one.to("cpu", own if one.is_floating_point() else None) for name, one in kept.items()}
    model.save_pretrained(folder, state_dict=rounded)
    model.config.dtype = own  # transformers has written that of the parameters
    model.config.save_pretrained(folder)


def _write_adapter(model: Any, weights: dict[str, Any], folder: Path, base: Path) -> None:
    """What plain PEFT loads: the adapters, and the weights of parts that learnt whole beside them.

    PEFT's own `save_pretrained` would leave the latter out, ask the Hub about the base, and add an empty model card.
    """
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    [name] = model.peft_config
    settings = model.peft_config[name]
    kept = get_peft_model_state_dict(model, weights, name, save_embedding_layers=False)
    for parameter, values in model.named_parameters():
        if values.requires_grad and f".{name}" not in parameter:
            kept[parameter] = weights[parameter]
    settings.inference_mode, settings.base_model_name_or_path = True, str(base.resolve())
    settings.target_modules = sorted(settings.target_modules)  # PEFT keeps a set, whose order differs between processes
    settings.save_pretrained(folder)
    contiguous = {key: tensor.detach().cpu().contiguous() for key, tensor in kept.items()}
    save_file(contiguous, folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})


def how_trained(config: TrainConfig) -> HowTrained:
    """How the run's student is to be asked, and what it was trained from."""
    learnt = _data(config)
    tasks = {task for file in learnt["files"] for task in file["items"]}
    return replace(
        record_of(config), tasks=tuple(sorted(tasks)), base=learnt["base"], base_sha256=learnt["base_sha256"]
    )


def _data(config: TrainConfig) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((Path(config.output_dir) / DATA).read_text(encoding="utf-8"))
    return content


def _record(config: TrainConfig, key: str, step: int) -> None:
    versions = {name: version(name) for name in _PACKAGES}
    content = {
        "key": key,
        "step": step,
        "config": asdict(config),
        "versions": versions,
        "data": _data(config)["files"],
    }
    write_text(Path(config.output_dir) / RECORD, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
