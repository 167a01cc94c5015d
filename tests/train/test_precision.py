"""What learns in full is kept in float32, is computed with in the checkpoint's own type, and is saved in that."""

import copy
import json
from collections import Counter
from collections.abc import Iterator

import pytest
import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file
from transformers import AutoConfig

from demitasse.student.load import load_student
from tests.train.mixed_media import micro_batch, mixed_examples, tiny_student
from train.config import LoraConfig, ModelConfig, OptimConfig, PartConfig, TrainConfig
from train.loop import launch
from train.loop.loss import SummedLoss
from train.loop.optimizer import build_optimizer
from train.model import parts, precision
from train.model.anatomy import part_of
from train.planning.plan import build_unweighted

FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe", "qwen4_exp")
WIDE, NARROW = torch.float32, torch.bfloat16
TINY = 1e-6


# ---- the rule


@pytest.mark.parametrize(
    ("dtype", "own", "told", "gpu", "sharded", "expected"),
    [
        pytest.param("auto", "bfloat16", "no", True, False, "bf16", id="a_gpu_computes_in_the_checkpoints_own_type"),
        pytest.param("auto", "float16", "no", True, False, "bf16", id="of_16_bits_the_one_without_a_loss_scale"),
        pytest.param("auto", "bfloat16", "no", True, True, "bf16", id="sharded_as_well"),
        pytest.param("auto", "float32", "no", True, False, "no", id="a_float32_checkpoint_stays_so"),
        pytest.param("auto", "float32", "bf16", True, False, "bf16", id="unless_the_launcher_was_told"),
        pytest.param("auto", "bfloat16", "no", False, False, "no", id="a_cpu_computes_in_float32"),
        pytest.param("auto", "bfloat16", "bf16", False, False, "bf16", id="unless_its_launcher_was_told"),
        pytest.param("float32", "bfloat16", "no", True, False, "no", id="float32_is_float32"),
        pytest.param("float32", "bfloat16", "bf16", True, True, "bf16", id="with_bf16_where_the_launcher_says_so"),
        pytest.param("bfloat16", "bfloat16", "bf16", True, True, "no", id="fsdp2_leaves_16_bits_as_they_are"),
    ],
)
def test_what_is_computed_in_follows_from_the_type_asked_for_and_the_checkpoints_own(
    dtype, own, told, gpu, sharded, expected
):
    assert precision.mixed_precision(ModelConfig(dtype=dtype), own, told, gpu, sharded) == expected


@pytest.mark.parametrize(
    ("dtype", "own", "mixed", "expected"),
    [
        pytest.param("auto", "bfloat16", "bf16", "bfloat16", id="autocast"),
        pytest.param("float32", "bfloat16", "bf16", "bfloat16", id="autocast_of_float32"),
        pytest.param("auto", "float32", "no", "float32", id="own"),
        pytest.param("bfloat16", "float32", "no", "bfloat16", id="as_told"),
    ],
)
def test_a_gpus_peak_is_that_of_the_type_computed_in(dtype, own, mixed, expected):
    assert precision.computed_in(ModelConfig(dtype=dtype), own, mixed) == expected


def test_a_checkpoints_own_type_is_read_from_its_folder_or_its_bases(narrow_folder, student_folder, tmp_path):
    assert precision.dtype_of_folder(str(narrow_folder)) == "bfloat16"
    assert precision.dtype_of_folder(str(student_folder)) == "float32"
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(narrow_folder)}))
    assert precision.dtype_of_folder(str(adapter)) == "bfloat16"


@pytest.mark.parametrize("name", ["dtype", "torch_dtype"])
@pytest.mark.parametrize("part", ["all", "text_alone"])
def test_a_type_that_is_told_of_the_text_part_alone_is_the_models(fresh_model, tmp_path, part, name):
    """As `config.json` of Qwen3-VL-4B-Instruct has it: taken for float32, a GPU would compute all in that."""
    fresh_model("qwen3_vl").config.save_pretrained(tmp_path)
    written = json.loads((tmp_path / "config.json").read_text())
    for one in (written, written["text_config"], written["vision_config"]):
        one.pop("dtype", None)
    (written if part == "all" else written["text_config"])[name] = "bfloat16"
    (tmp_path / "config.json").write_text(json.dumps(written))
    assert precision.dtype_of_folder(str(tmp_path)) == "bfloat16"
    assert precision.own_dtype(AutoConfig.from_pretrained(tmp_path)) == "bfloat16"


@pytest.mark.parametrize("content", [None, "{", "[]", "{}"], ids=["absent", "cut_off", "a_list", "silent"])
def test_a_folder_that_does_not_tell_its_type_is_left_to_be_refused_later(tmp_path, content):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    assert precision.dtype_of_folder(str(tmp_path)) == "float32"


FULL_MERGER = {"method": "lora", "merger": PartConfig("full")}


@pytest.mark.parametrize(
    ("settings", "mixed", "wide"),
    [
        pytest.param({}, "bf16", {"vision", "merger", "language", "embeddings"}, id="full_is_wide"),
        pytest.param({"method": "lora"}, "bf16", set(), id="a_base_under_adapters_is_narrow"),
        pytest.param({"method": "lora"}, "no", set(), id="without_autocast_too"),
        pytest.param(FULL_MERGER, "bf16", {"merger"}, id="what_learns_in_full_beside_adapters_is_wide"),
        pytest.param(
            FULL_MERGER, "no", {"vision", "merger", "language", "embeddings"}, id="all_of_it_without_autocast"
        ),
        pytest.param(
            {"vision": PartConfig("frozen")}, "bf16", {"merger", "language", "embeddings"}, id="frozen_narrow"
        ),
        pytest.param({"dtype": "bfloat16"}, "bf16", set(), id="16_bits_if_told_so"),
        pytest.param({"dtype": "bfloat16"}, "no", set(), id="and_without_autocast"),
    ],
)
def test_what_learns_in_full_is_kept_in_float32_and_what_is_frozen_as_it_was(fresh_model, settings, mixed, wide):
    model = fresh_model("qwen3_vl").to(NARROW)
    before = {name: one.detach().float() for name, one in model.named_parameters()}
    model = parts.prepare(model, ModelConfig(**settings), 0, mixed)
    for name, one in model.named_parameters():
        plain = name.removeprefix("base_model.model.").replace(".base_layer", "")
        if ".lora_" in name:
            assert one.dtype == WIDE
            continue
        assert one.dtype == (WIDE if part_of(name) in wide else NARROW), name
        assert torch.equal(one.detach().float(), before[plain]), "nothing is rounded"


def test_a_plan_counts_the_types_that_training_keeps(fresh_model):
    settings = fresh_model("qwen3_vl").config
    settings.dtype = NARROW
    config = TrainConfig(model=ModelConfig(method="lora", merger=PartConfig("full"), lora=LoraConfig(r=2)))
    planned = build_unweighted(settings, config)
    trained = parts.prepare(fresh_model("qwen3_vl").to(NARROW), config.model, 0, "bf16")
    types = [Counter((part_of(name), one.dtype) for name, one in m.named_parameters()) for m in (planned, trained)]
    assert types[0] == types[1]


# ---- what it is for


def steps(model, batch, autocast: bool, rate: float, count: int = 8):
    """So many steps at a small rate: how far each weight has gone, and the last loss."""
    config = TrainConfig(optim=OptimConfig(lr=rate, weight_decay=0.0))
    before = {name: one.detach().float().clone() for name, one in model.named_parameters()}
    optimizer = build_optimizer(model.train(), config)
    for _ in range(count):
        with torch.autocast("cpu", NARROW, enabled=autocast):
            loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    moved = [(one.detach().float() - before[name]).flatten() for name, one in model.named_parameters()]
    return torch.cat(moved), loss.item()


def test_small_updates_of_a_16_bit_checkpoint_are_those_of_a_float32_run(fresh_model, picture_batch):
    base = fresh_model("qwen3_vl").to(NARROW)
    batch = picture_batch(base)
    exact = steps(copy.deepcopy(base).float(), batch, False, TINY)
    kept = steps(parts.prepare(copy.deepcopy(base), ModelConfig(), 0, "no"), batch, False, TINY)
    assert torch.equal(kept[0], exact[0]) and kept[1] == exact[1], "on a CPU, bit for bit"
    mixed = steps(parts.prepare(copy.deepcopy(base), ModelConfig(), 0, "bf16"), batch, True, TINY)
    assert mixed[1] == pytest.approx(exact[1], rel=0.01)
    assert float(mixed[0].norm()) == pytest.approx(float(exact[0].norm()), rel=0.1)
    assert float(torch.nn.functional.cosine_similarity(mixed[0], exact[0], dim=0)) > 0.8
    lost = steps(parts.prepare(copy.deepcopy(base), ModelConfig(dtype="bfloat16"), 0, "no"), batch, False, TINY)
    assert float((lost[0] != 0).float().mean()) < 0.1 < float((mixed[0] != 0).float().mean())


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_learns_under_autocast_what_it_learns_in_float32(fresh_model, picture_batch, family):
    base = fresh_model(family).to(NARROW)
    batch = picture_batch(base)
    wide = parts.prepare(copy.deepcopy(base), ModelConfig(), 0, "no").train()
    mixed = parts.prepare(copy.deepcopy(base), ModelConfig(checkpointing=True), 0, "bf16").train()
    expected = wide(**batch).loss
    expected.backward()
    with torch.autocast("cpu", NARROW):
        loss = mixed(**batch).loss
    loss.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=0.02)
    ours, theirs = (
        torch.cat([one.grad.flatten() for one in model.parameters() if one.grad is not None]) for model in (mixed, wide)
    )
    assert ours.dtype == WIDE
    assert float((ours - theirs).norm() / theirs.norm()) < 0.1


BESIDE = {"method": "lora", "lora": LoraConfig(r=4)}


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="full"),
        pytest.param(BESIDE, id="adapters"),
        pytest.param(BESIDE | {"merger": PartConfig("full")}, id="wide_features_in_a_narrow_stream"),
        pytest.param(BESIDE | {"vision": PartConfig("full")}, id="a_wide_tower_before_narrow_mergers"),
        pytest.param(BESIDE | {"embeddings": PartConfig("full")}, id="narrow_features_in_a_wide_stream"),
        pytest.param({"vision": PartConfig("frozen"), "checkpointing": True}, id="a_frozen_tower"),
    ],
)
@pytest.mark.parametrize("mixed", ["no", "bf16"])
def test_types_that_meet_in_a_step_give_the_loss_and_gradient_of_float32(tmp_path, family, settings, mixed):
    student = tiny_student(family, tmp_path)
    one = micro_batch(student, mixed_examples(student.encoder), packed=True)
    student.model.to(NARROW)

    def learnt(model, autocast: bool) -> tuple[float, torch.Tensor]:
        loss_of = SummedLoss(model.train())
        with torch.autocast("cpu", NARROW, enabled=autocast):
            loss = loss_of(one.batch)
        loss.backward()
        found = [parameter.grad.float().flatten() for parameter in model.parameters() if parameter.grad is not None]
        return loss.item() / one.weight, torch.cat(found)

    wide = parts.prepare(copy.deepcopy(student.model).float(), ModelConfig(**settings), 0)
    ours = parts.prepare(student.model, ModelConfig(**settings), 0, mixed)
    (expected, exact), (loss, gradient) = learnt(wide, False), learnt(ours, mixed == "bf16")
    assert loss == pytest.approx(expected, rel=0.02)
    assert float((gradient - exact).norm() / exact.norm()) < 0.1


# ---- in a run


def test_the_student_is_saved_in_the_type_of_the_checkpoint_that_it_learnt_from(train_it, narrow_folder, tmp_path):
    student = train_it(f"model.path={narrow_folder}", "optim.lr=1e-3")
    saved, base = load_file(student / "model.safetensors"), load_file(narrow_folder / "model.safetensors")
    assert saved.keys() == base.keys()
    assert {one.dtype for one in saved.values()} == {NARROW}
    assert json.loads((student / "config.json").read_text())["dtype"] == "bfloat16"
    assert load_student(student, device="cpu").model.dtype == NARROW
    assert any(not torch.equal(saved[name], base[name]) for name in saved)
    told = json.loads((tmp_path / "out" / "parameters.json").read_text())["parts"]
    assert {row["dtype"] for row in told} == {"float32"}


def test_float32_if_told_so_is_saved_as_float32(train_it, narrow_folder):
    student = train_it(f"model.path={narrow_folder}", "model.dtype=float32")
    assert {one.dtype for one in load_file(student / "model.safetensors").values()} == {WIDE}
    assert json.loads((student / "config.json").read_text())["dtype"] == "float32"


def test_what_a_run_goes_on_from_is_float32(train_it, narrow_folder, tmp_path):
    from torch.distributed.checkpoint import FileSystemReader

    train_it(f"model.path={narrow_folder}")
    newest = sorted((tmp_path / "out" / "checkpoints").glob("step_*"))[-1]
    kinds = {
        one.properties.dtype
        for name, one in FileSystemReader(newest / "weights").read_metadata().state_dict_metadata.items()
        if name.startswith("model.")
    }
    assert kinds == {WIDE}


@pytest.fixture
def no_accelerator_yet() -> Iterator[None]:
    AcceleratorState._reset_state()
    yield
    AcceleratorState._reset_state()


@pytest.mark.parametrize(("decided", "told"), [("bf16", "no"), ("bf16", "bf16"), ("no", "bf16"), ("no", "no")])
@pytest.mark.usefixtures("no_accelerator_yet")
def test_a_run_computes_as_decided_whatever_the_launcher_says(monkeypatch, narrow_folder, decided, told):
    asked = []
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", told)
    monkeypatch.setattr(launch, "mixed_precision", lambda *given: asked.append(given) or decided)
    config = ModelConfig(path=str(narrow_folder))
    assert launch.start_accelerator(config).mixed_precision == decided
    assert launch.start_accelerator(config).mixed_precision == decided, "as often as it is asked for"
    assert asked[0] == (config, "bfloat16", told, False, False)
