"""200 generated images and videos of every family: we give what transformers' processor and model gave.

`benchmarks/processor_parity.py --record` wrote `processor.npz`; it also compares losses and gradients.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoConfig

from benchmarks.parity_samples import COUNT, FAMILIES, MEDIA, digest, encode, few, levels, sample, save_family
from demitasse.student.encode import Encoded, Encoder
from demitasse.student.family import FAMILIES as KNOWN
from demitasse.student.load import build_encoder
from demitasse.student.vision import patchify

RECORDED = Path(__file__).with_name("processor.npz")


@pytest.fixture(scope="module")
def encoded(tmp_path_factory) -> Callable[[str, str], tuple[Encoder, list[Encoded]]]:
    """encoded(family, medium) -> the encoder, and the prompts of all samples."""
    encoders: dict[str, Encoder] = {}
    clips: dict = {}
    made: dict = {}

    def give(family, medium):
        if family not in encoders:
            folder = tmp_path_factory.mktemp(family)
            save_family(family, folder)
            encoders[family] = build_encoder(folder, AutoConfig.from_pretrained(folder))
        if (family, medium) not in made:
            samples = [sample(medium, number) for number in range(COUNT)]
            made[family, medium] = [encode(encoders[family], clips, one, train=False) for one in samples]
        return encoders[family], made[family, medium]

    return give


@pytest.fixture(scope="module")
def recorded() -> dict[str, np.ndarray]:
    return dict(np.load(RECORDED))


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("family", FAMILIES)
def test_ids_grids_and_positions_equal_what_transformers_processor_and_model_gave(encoded, recorded, family, medium):
    _, prompts = encoded(family, medium)
    for name, values in (
        ("ids", [one.input_ids for one in prompts]),
        ("grid", [one.pixels.grid for one in prompts]),
        ("positions", [one.positions for one in prompts]),
    ):
        theirs = recorded[f"{family}/{medium}/{name}"].tolist()
        assert len(theirs) == COUNT >= 200
        assert [digest(value) for value in values] == theirs, name


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_every_pixel_equals_what_transformers_processor_gave(encoded, recorded, family, medium):
    encoder, prompts = encoded(family, medium)
    patches = [patchify(one.pixels, encoder.vision).numpy() for one in prompts]
    mean, std = encoder.vision.mean, encoder.vision.std
    assert [digest(levels(one, mean, std)) for one in patches] == recorded[f"{family}/{medium}/pixels"].tolist()
    np.testing.assert_allclose([few(one) for one in patches], recorded[f"{family}/{medium}/few"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in ("qwen2_5_vl", "qwen3_vl")])
def test_other_families_see_what_their_kind_sees(encoded, recorded, family, medium):
    """Their pixels were recorded too, and are the same; so those of one family of a kind are enough to work out."""
    kind = "qwen2_5_vl" if family == "qwen2_vl" else "qwen3_vl"
    assert encoded(family, medium)[0].vision == encoded(kind, medium)[0].vision
    for name in ("pixels", "few"):
        np.testing.assert_array_equal(recorded[f"{family}/{medium}/{name}"], recorded[f"{kind}/{medium}/{name}"])


def test_every_family_that_is_supported_is_compared():
    assert set(FAMILIES) == set(KNOWN)


def test_the_samples_are_of_many_kinds():
    videos = [sample("video", number) for number in range(COUNT)]
    images = [sample("image", number) for number in range(COUNT)]
    assert any(one.shape[0] % 2 for one in videos)
    assert any(len(set(np.diff(one.indices))) > 1 for one in videos), "uneven times"
    assert any(min(one.shape[1:]) < 16 for one in images + videos), "thinner than a patch"
    for samples in (images, videos):
        assert sum(one.has_controls for one in samples) >= 10
        assert sum(not one.question.isascii() for one in samples) >= 50
        assert {bool(one.system) for one in samples} == {bool(one.reasoning) for one in samples} == {True, False}
        assert {one.bounds is None for one in samples} == {True, False}
