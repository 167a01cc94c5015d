"""Step 2: redundancy against the last kept frame, and groups that are never a mere remainder."""

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.espresso.groups import grouped, without_redundancy
from demitasse.embedding.lexical import LexicalEmbedder


def at(*degrees: float) -> np.ndarray:
    """Rows of length 1 that point there: the cosine of two is that of the angle between them."""
    turned = np.radians(degrees)
    return np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)


@pytest.mark.parametrize(
    ("degrees", "kept"),
    [
        pytest.param([0], [0], id="the_first_is_always_kept"),
        pytest.param([0, 0, 0], [0], id="what_says_the_same_is_dropped"),
        pytest.param([0, 90, 180], [0, 1, 2], id="what_says_something_new_is_kept"),
        pytest.param([0, 90, 0], [0, 1, 2], id="what_comes_back_is_new_again"),
        pytest.param([0, 20, 40, 60], [0, 2], id="a_slow_change_counts_from_the_last_kept_one_not_the_one_before"),
        pytest.param([0, 20, 0, 20], [0], id="what_wavers_around_the_last_kept_one_is_dropped"),
        pytest.param([], [], id="nothing_keeps_nothing"),
    ],
)
def test_frames_are_compared_with_the_last_kept_one(degrees, kept):
    rows = at(*degrees) if degrees else np.zeros((0, 2), np.float32)
    assert without_redundancy(rows, threshold=0.9).places == kept


def test_a_dropped_frame_says_which_one_it_is_like_and_how_much():
    found = without_redundancy(at(0, 60, 70), threshold=0.9)
    assert found.dropped == [(2, 1, pytest.approx(np.cos(np.radians(10)), abs=1e-4))]
    assert found.similarities == [None, pytest.approx(0.5, abs=1e-4), pytest.approx(0.9848, abs=1e-4)]


def test_at_the_threshold_itself_a_frame_is_dropped():
    assert without_redundancy(at(0, 60), threshold=0.5).places == [0]
    assert without_redundancy(at(0, 60), threshold=0.5001).places == [0, 1]


def test_a_threshold_of_one_drops_equal_captions_and_no_others():
    captions = ["A cat sleeps on a mat."] * 2 + ["A cat sleeps on a rug."] * 2 + ["A cat sleeps on the rug."]
    assert without_redundancy(LexicalEmbedder().embed(captions), threshold=1.0).places == [0, 2, 4]


@given(st.lists(st.floats(0, 360), max_size=40), st.floats(0.1, 1))
def test_every_frame_is_kept_or_dropped_for_a_kept_one_that_came_before(degrees, threshold):
    rows = at(*degrees) if degrees else np.zeros((0, 2), np.float32)
    found = without_redundancy(rows, threshold)
    assert sorted([*found.places, *(place for place, _, _ in found.dropped)]) == list(range(len(degrees)))
    assert all(of in found.places and of < place and near >= threshold for place, of, near in found.dropped)
    assert len(found.similarities) == len(degrees)
    assert all(found.similarities[place] < threshold for place in found.places[1:])


@pytest.mark.parametrize(
    ("count", "size", "sizes"),
    [
        pytest.param(0, 15, [], id="no_frame_no_group"),
        pytest.param(1, 15, [], id="one_frame_is_no_group"),
        pytest.param(2, 15, [2], id="two_frames_are_one"),
        pytest.param(15, 15, [15], id="what_fits_is_one_group"),
        pytest.param(16, 15, [8, 8], id="one_more_makes_two_of_equal_size"),
        pytest.param(31, 15, [10, 10, 11], id="sizes_differ_by_one_at_most"),
        pytest.param(3, 2, [3], id="no_group_of_one_is_left_over"),
        pytest.param(5, 2, [2, 3], id="nor_of_many"),
    ],
)
def test_groups_are_as_equal_as_can_be(count, size, sizes):
    assert [len(group) for group in grouped(range(count), size)] == sizes


@given(st.lists(st.integers(0, 10_000), max_size=80, unique=True), st.integers(2, 20))
def test_groups_hold_every_kept_frame_once_and_in_order(places, size):
    places = sorted(places)
    groups = grouped(places, size)
    assert [place for group in groups for place in group] == (places if len(places) > 1 else [])
    sizes = [len(group) for group in groups]
    assert all(2 <= one <= max(size, 3) for one in sizes)
    assert not sizes or max(sizes) - min(sizes) <= 1


def test_a_run_keeps_every_caption_and_says_what_became_of_it(bar):
    bar.annotate("workflow.steps=[1,2]")
    captions, groups = bar.rows("step_1_captions/captions.jsonl"), bar.rows("step_2_groups/groups.jsonl")
    for video, row in groups.items():
        places = [*row["kept"], *(one["place"] for one in row["dropped"])]
        assert sorted(places) == list(range(len(captions[video]["frames"])))
        assert [place for group in row["groups"] for place in group] == row["kept"]
        assert row["provenance"]["embedder"] == "lexical-1:1024"
    assert any(row["dropped"] for row in groups.values())  # or nothing was tried


def test_a_video_that_says_one_thing_only_is_skipped_with_the_reason_and_its_similarities_are_kept(bar):
    done = bar.annotate("workflow.steps=[1,2,3]", teacher=bar.teacher(frame_caption="A room."))
    assert done.summary.skipped == {"fewer than two frames say something different": 3}
    assert done.exit_code == 3 and len(bar.rows("step_1_captions/captions.jsonl")) == 3
    for row in bar.rows("step_2_groups/groups.jsonl").values():
        assert row["kept"] == [0] and row["groups"] == []
        assert row["similarities"] == [None, *[1.0] * len(row["dropped"])]


def test_a_video_that_no_longer_says_two_things_makes_no_items(bar):
    items = bar.out / "items" / "open_qa.json"
    bar.annotate()
    assert orjson.loads(items.read_bytes())["items"]
    assert bar.annotate("redundancy.similarity=0.01").exit_code == 3
    assert not orjson.loads(items.read_bytes())["items"]


@pytest.mark.parametrize(
    "change",
    ["redundancy.similarity=0.95", "grouping.size=2", "embedding.dimensions=64"],
)
def test_what_decides_the_groups_makes_them_anew_and_buys_nothing_again(bar, change):
    bar.annotate("workflow.steps=[1,2]")
    before = {video: row["provenance"]["key"] for video, row in bar.rows("step_2_groups/groups.jsonl").items()}
    teacher = bar.teacher()
    bar.annotate("workflow.steps=[1,2]", change, teacher=teacher)
    after = {video: row["provenance"]["key"] for video, row in bar.rows("step_2_groups/groups.jsonl").items()}
    assert teacher.asked == [] and all(after[video] != key for video, key in before.items())
