import pytest

from annotate.video_reasoning.chunks import chunk_text, windows
from annotate.video_reasoning.highlight import around, highlight_text

OPTIONS = (5, 10, 15, 20, 30)


@pytest.mark.parametrize(
    ("duration", "length"),
    [(3, 3), (50, 5), (51, 10), (100, 10), (150, 15), (200, 20), (300, 30)],
    ids=lambda value: f"{value}s",
)
def test_the_first_option_that_needs_few_enough_windows_is_their_length(duration, length):
    start, end = windows(duration, OPTIONS, 10)[0]
    assert (start, end) == (0, length)


@pytest.mark.parametrize("duration", [0.5, 4.9, 5.0, 5.4, 11.0, 12.3, 50.0, 59.97, 301.0, 4000.0])
def test_windows_cover_the_video_without_gap_or_overlap(duration):
    cut = windows(duration, OPTIONS, 10)
    assert cut[0][0] == 0 and cut[-1][1] == duration
    assert all(end == start for (_, end), (start, _) in zip(cut, cut[1:], strict=False))
    assert all(start < end for start, end in cut)


def test_a_tail_of_a_second_or_more_is_a_window_of_its_own():
    assert windows(11.0, OPTIONS, 10) == [(0, 5), (5, 10), (10, 11.0)]


def test_a_shorter_tail_joins_the_window_before_it_and_is_not_lost():
    assert windows(10.4, OPTIONS, 10) == [(0, 5), (5, 10.4)]


def test_a_video_too_long_for_every_option_still_has_no_more_windows_than_asked_for():
    assert len(windows(600.0, OPTIONS, 10)) == 10


def test_the_order_of_the_options_does_not_matter():
    assert windows(60.0, (30, 5, 10), 10) == windows(60.0, (5, 10, 30), 10)


@pytest.mark.parametrize(
    ("moment", "duration", "span"),
    [
        pytest.param(6.0, 12.0, (3.0, 9.0), id="in_the_middle"),
        pytest.param(1.0, 12.0, (0.0, 4.0), id="at_the_start"),
        pytest.param(12.0, 12.0, (9.0, 12.0), id="at_the_end"),
        pytest.param(0.5, 1.2, (0.0, 1.2), id="in_a_video_shorter_than_the_shortest_clip"),
    ],
)
def test_the_stretch_around_a_moment_lies_inside_the_video(moment, duration, span):
    assert around(moment, duration, 3.0, 3.0) == span


def test_the_stretch_around_a_moment_is_at_least_two_seconds_long():
    start, end = around(12.0, 12.0, 0.0, 0.0)
    assert end - start == 2.0
    start, end = around(0.0, 12.0, 0.0, 0.0)
    assert (start, end) == (0.0, 2.0)


def test_prompts_see_the_windows_as_tao_shows_them():
    chunks = [
        {"chunk_index": 0, "timestamp_start": 0.0, "timestamp_end": 5.0, "caption": "a"},
        {"chunk_index": 1, "timestamp_start": 5.0, "timestamp_end": 7.26, "caption": "b"},
    ]
    assert chunk_text({"chunk_captions": chunks}) == "Chunk 0 (0.0-5.0s): a\n\n---\n\nChunk 1 (5.0-7.3s): b"
    assert chunk_text({}) == "N/A"


def test_prompts_see_the_highlight_under_its_times_and_nothing_where_there_is_none():
    highlight = {"anomaly_timestamp_sec": 4.0, "timestamp_start": 1.0, "timestamp_end": 7.0, "caption": "It falls."}
    assert "(1.0s - 7.0s, anomaly at 4.0s)]\nIt falls." in highlight_text({"highlight_chunk": highlight})
    assert highlight_text({}) == ""
