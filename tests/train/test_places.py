"""Places of targets and vision tokens in a batch: those that masks over the batch itself would find."""

from itertools import permutations
from typing import get_args

import numpy as np
import pytest
import torch

from demitasse.student.encode import IGNORE
from demitasse.student.tiny_configs import TinyFamily
from tests.train.mixed_media import micro_batch, mixed_examples, text_examples, tiny_student


@pytest.fixture(scope="module", params=get_args(TinyFamily))
def student(request, tmp_path_factory):
    return tiny_student(request.param, tmp_path_factory.mktemp(request.param))


@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
def test_places_are_those_of_the_masks_in_any_order_of_items(student, packed):
    config = student.model.config
    for order in list(permutations(mixed_examples(student.encoder)))[::5]:
        batch = micro_batch(student, list(order), packed).batch
        ids, labels = batch["input_ids"].flatten(), batch["labels"]
        kinds = (config.image_token_id, config.video_token_id)
        seen = torch.cat([(ids == kind).nonzero()[:, 0] for kind in kinds])
        assert torch.equal(batch["vision_places"], seen)
        assert torch.equal(ids[batch["target_places"] + 1], labels[:, 1:][labels[:, 1:] != IGNORE])
        grids = [batch[name] for name in ("image_grid_thw", "video_grid_thw")]
        assert torch.equal(torch.tensor(batch["grids"]), torch.cat(grids))


@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
def test_text_alone_has_no_place_for_what_is_seen(student, packed):
    for examples in (text_examples(student.encoder), []):
        batch = micro_batch(student, examples, packed).batch
        assert batch["vision_places"].dtype == batch["target_places"].dtype == torch.int64
        assert (len(batch["vision_places"]), batch["grids"]) == (0, ())
        assert len(batch["target_places"]) == len(batch["weights"]) == np.count_nonzero(batch["labels"] != IGNORE)
