"""Step 7: where a chosen caption is found again, and when that is told apart from what the writer chose."""

import asyncio

import numpy as np
import pytest

from annotate.espresso.grounding import TemporalGrounding, found_again
from annotate.espresso.groups import Thinning
from demitasse.embedding.lexical import LexicalEmbedder
from demitasse.engine.step import Stop
from demitasse.errors import DataError

FRAMES = [
    {"frame": 0, "time": 0.0, "caption": "A man opens the red door of a shed."},
    {"frame": 30, "time": 1.0, "caption": "A dog runs across the yard."},
    {"frame": 60, "time": 2.0, "caption": "The man closes the red door of the shed."},
    {"frame": 90, "time": 3.0, "caption": "A dog runs across the yard."},
]


def cosines(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    ("place", "near", "matched", "agrees"),
    [
        pytest.param(0, cosines(0.9, 0.1, 0.5, 0.1), 0, True, id="the_chosen_one_fits_best"),
        pytest.param(0, cosines(0.2, 0.1, 0.9, 0.1), 2, False, id="another_one_fits_far_better"),
        pytest.param(0, cosines(0.88, 0.1, 0.9, 0.1), 2, True, id="another_one_fits_hardly_better"),
        pytest.param(3, cosines(0.1, 0.9, 0.1, 0.9), 3, True, id="of_equal_captions_the_chosen_one_counts"),
        pytest.param(0, cosines(-0.5, -0.9, -0.4, -0.9), 2, False, id="scores_below_zero_are_scores"),
    ],
)
def test_a_caption_is_found_where_it_fits_best(place, near, matched, agrees):
    found = found_again(FRAMES, place, near, margin=0.05)
    assert (found["matched"], found["agrees"]) == (matched, agrees)
    assert (found["place"], found["frame"], found["time"]) == (place, FRAMES[place]["frame"], FRAMES[place]["time"])
    assert found["score"] == pytest.approx(float(near[place]), abs=1e-4)
    assert found["matched_time"] == FRAMES[matched]["time"] and found["matched_score"] >= found["score"]


def ground(core, margin=0.05, embedder=None):
    step = TemporalGrounding(embedder or LexicalEmbedder(), margin, ()).step()
    fields = {"video": "a.mp4", "frames": FRAMES, "evidence": [{"id": "a.mp4/qa_000", "core": core}]}
    return asyncio.run(step.run(fields))


def test_the_writers_own_words_are_what_is_looked_for():
    (one,) = ground([{"place": 0, "caption": FRAMES[0]["caption"], "shows": "the man closes the red door"}])[
        "grounding"
    ]
    assert one["core"][0]["matched"] == 2 and not one["core"][0]["agrees"]


@pytest.mark.parametrize("shows", [{}, {"shows": ""}], ids=["none", "empty"])
def test_without_words_of_its_own_the_caption_is(shows):
    (one,) = ground([{"place": 3, "caption": FRAMES[3]["caption"], **shows}])["grounding"]
    assert one["core"][0]["score"] == pytest.approx(1) and one["core"][0]["matched"] == 3


def test_frames_that_were_dropped_as_redundant_may_be_found_too():
    found = ground([{"place": 0, "caption": FRAMES[0]["caption"], "shows": "A dog runs across the yard"}])
    assert found["grounding"][0]["core"][0]["matched"] == 1


def test_the_margin_decides_what_disagrees():
    core = [{"place": 0, "caption": FRAMES[0]["caption"], "shows": "the man closes the red door"}]
    assert ground(core, margin=2.0)["grounding"][0]["core"][0]["agrees"]


def test_a_video_without_evidence_has_an_empty_row():
    step = TemporalGrounding(LexicalEmbedder(), 0.05, ()).step()
    row = asyncio.run(step.run({"video": "a.mp4", "frames": FRAMES, "evidence": []}))
    assert row["grounding"] == [] and row["provenance"]["embedder"] == "lexical-1:1024"


def test_the_row_is_stale_when_words_frames_or_embedder_change():
    fields = {"video": "a.mp4", "frames": FRAMES, "evidence": [{"id": "q", "core": [{"place": 0, "caption": "c"}]}]}
    step = TemporalGrounding(LexicalEmbedder(), 0.05, ()).step()
    other_words = fields | {"evidence": [{"id": "q", "core": [{"place": 0, "caption": "c", "shows": "s"}]}]}
    other_frames = fields | {"frames": FRAMES[:2]}
    other_way = TemporalGrounding(LexicalEmbedder(64), 0.05, ()).step()
    told = [step.inputs(fields), step.inputs(other_words), step.inputs(other_frames), other_way.inputs(fields)]
    assert len({repr(one) for one in told}) == 4


class Broken:
    name = "broken"

    def embed(self, texts):
        raise DataError("broken made no embeddings")


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(TemporalGrounding(Broken(), 0.05, ()).step(), id="grounding"),
        pytest.param(Thinning(Broken(), 0.9, 15, ()).step(), id="redundancy"),
    ],
)
def test_an_embedder_that_fails_ends_the_run_and_no_single_video(step):
    with pytest.raises(Stop, match="broken made no embeddings"):
        asyncio.run(step.run({"video": "a.mp4", "frames": FRAMES, "evidence": []}))


def test_in_the_toy_world_the_chosen_frames_are_found_again_with_their_true_times(bar):
    bar.annotate()
    media, rows = bar.rows("media.jsonl"), bar.rows("step_7_grounding/grounding.jsonl")
    core = [(video, one) for video, row in rows.items() for found in row["grounding"] for one in found["core"]]
    assert len(core) > 3 and all(one["agrees"] for _, one in core)
    for video, one in core:
        assert {"frame": one["frame"], "time": one["time"]} in media[video]["sampled"]
