"""An item may say how long its video is; what is no length is none."""

import pytest

from demitasse.dataset.length import length_told


@pytest.mark.parametrize(
    ("extra", "seconds"),
    [
        pytest.param({"video_length": 12.5}, 12.5, id="annotations_own_name"),
        pytest.param({"duration": 8}, 8.0, id="the_benchmarks_name"),
        pytest.param({"provenance": {"video_length": 7}}, 7.0, id="in_its_provenance"),
        pytest.param({"video_length": 3, "provenance": {"video_length": 7}}, 3.0, id="the_items_own_word_first"),
        pytest.param({"video_length": 0, "provenance": {"video_length": 7}}, 7.0, id="no_length_is_passed_over"),
        pytest.param({}, None, id="nothing_said"),
        pytest.param({"duration": True}, None, id="a_truth_value"),
        pytest.param({"duration": "8"}, None, id="text"),
        pytest.param({"duration": -1}, None, id="negative"),
        pytest.param({"duration": float("nan")}, None, id="not_a_number"),
        pytest.param({"duration": float("inf")}, None, id="endless"),
        pytest.param({"duration": 10**400}, None, id="a_number_that_fits_no_float"),
        pytest.param({"provenance": "unknown"}, None, id="provenance_in_words"),
    ],
)
def test_a_length_is_what_the_item_says(extra, seconds):
    assert length_told(extra) == seconds
