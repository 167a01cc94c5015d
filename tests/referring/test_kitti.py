"""KITTI label files: what TAO reads is read, and each line that is not has its number and its reason."""

import random

import pytest

from annotate.referring.boxes import Frame, Selection, select
from annotate.referring.kitti import read_label, tao_box

FULL = "Car 0.00 0 -1.57 599.41 156.40 629.75 189.25 2.85 2.63 12.34 0.47 1.49 69.44 -1.56"


@pytest.mark.parametrize(
    ("line", "kind", "corners", "score"),
    [
        pytest.param(FULL, "Car", (599.41, 156.40, 629.75, 189.25), None, id="fifteen_fields_are_kittis_own"),
        pytest.param(f"{FULL} 0.75", "Car", (599.41, 156.40, 629.75, 189.25), 0.75, id="the_sixteenth_is_the_score"),
        pytest.param("Car 0 0 0 1 2 3 4", "Car", (1, 2, 3, 4), None, id="eight_fields_are_enough_for_tao"),
        pytest.param("Car 0 0 0 1 2 3 4 red", "Car", (1, 2, 3, 4), None, id="what_follows_the_box_is_not_looked_at"),
        pytest.param("3 0 0 0 1 2 3 4", "3", (1, 2, 3, 4), None, id="a_type_may_be_a_number"),
        pytest.param("  Car\t0 0  0 1 2 3 4 ", "Car", (1, 2, 3, 4), None, id="any_white_space_separates"),
        pytest.param("Straße 0 0 0 1 2 3 4", "Straße", (1, 2, 3, 4), None, id="a_type_in_any_script"),
        pytest.param("Car 0 0 0 1e1 .5 +3e1 4.", "Car", (10, 0.5, 30, 4), None, id="numbers_as_programs_write_them"),
        pytest.param("Traffic light 0 0 0 1 2 3 4", "Traffic light", (1, 2, 3, 4), None, id="two_words_and_the_least"),
        pytest.param(f"Traffic light{FULL[3:]}", "Traffic light", (599.41, 156.40, 629.75, 189.25), None,
                     id="two_words_counted_from_the_right"),
        pytest.param(f"Person (sitting){FULL[3:]} 0.5", "Person (sitting)", (599.41, 156.40, 629.75, 189.25), 0.5,
                     id="two_words_and_a_score"),
    ],
)  # fmt: skip
def test_a_line_is_read(line, kind, corners, score):
    (found,), left_out = read_label(line.encode())
    assert (found.type, found.corners, found.score, found.line) == (kind, corners, score, 1)
    assert left_out == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param(b"Car 0 0 0 1 2 3", "fewer than 8 fields: 7", id="too_few_fields"),
        pytest.param(b"Car,0,0,0,1,2,3,4", "fewer than 8 fields: 1", id="commas_between_the_fields"),
        pytest.param(b"Car 0 0 0 1 two 3 4", "not a number: field 6 is 'two'", id="a_word_in_the_box"),
        pytest.param(b"Car 0 0 0 1 nan 3 4", "not a number: field 6 is 'nan'", id="nan_is_no_number"),
        pytest.param(b"Car 0 0 0 1 1_0 3 4", "not a number: field 6 is '1_0'", id="python_numbers_are_none"),
        pytest.param(b"Car ? 0 0 1 2 3 4", "not a number: field 2 is '?'", id="a_word_for_truncated"),
        pytest.param(b"0 1 Car 0 0 -1.8 296 161 455 292", "not a number: field 3 is 'Car'",
                     id="a_tracking_label_begins_with_frame_and_track"),
        pytest.param(b"Traffic light 0 0 0 1 2 3 4 5", "not a number: field 2 is 'light'",
                     id="two_words_and_a_count_that_kitti_has_not"),
        pytest.param(b"Car 0,00 0 -1,5 1,5 2 3 4", "a comma for a decimal point: field 2 is '0,00'",
                     id="commas_for_points"),
        pytest.param(b"Car 0 0 0 1 2 3 1e300", "too large a number: field 8 is '1e300'", id="no_pixel_is_that_far"),
        pytest.param("Straße 0 0 0 1 2 3 4".encode("latin-1"), "not UTF-8", id="latin_1"),
        pytest.param("Car 0 0 0 1 2 3 4".encode("utf-16"), "not UTF-8", id="utf_16"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_read_is_named_with_its_reason(line, reason):
    assert read_label(b"\n" + line) == ([], [{"line": 2, "reason": reason}])


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"\xef\xbb\xbfCar 0 0 0 1 2 3 4\nVan 0 0 0 1 2 3 4\n", id="a_byte_order_mark"),
        pytest.param(b"Car 0 0 0 1 2 3 4\r\nVan 0 0 0 1 2 3 4\r\n", id="line_ends_of_windows"),
        pytest.param(b"Car 0 0 0 1 2 3 4\rVan 0 0 0 1 2 3 4", id="line_ends_of_old_macs_and_none_at_the_end"),
    ],
)
def test_a_file_is_read_as_editors_save_it(raw):
    objects, left_out = read_label(raw)
    assert [(one.line, one.type) for one in objects] == [(1, "Car"), (2, "Van")] and left_out == []


def test_empty_lines_are_no_lines_and_an_empty_file_has_none():
    assert read_label(b"") == ([], [])
    (only,), left_out = read_label(b"\n\n  \nCar 0 0 0 1 2 3 4\n\n")
    assert only.line == 4 and left_out == []


def test_tao_keeps_whole_pixels_cut_off_towards_zero():
    (found,), _ = read_label(b"Car 0 0 0 -0.9 1.9 30.5 40.99")
    assert tao_box(found) == [0, 1, 30, 40, "Car"]


def damaged(chance: random.Random) -> bytes:
    """A line that may be anything between KITTI's own and noise."""
    words = [chance.choice(["Car", "DontCare", "Traffic light", "Straße", "7", ""])]
    numbers = [f"{chance.uniform(-50, 250):.2f}" for _ in range(chance.choice([3, 6, 7, 7, 7, 14, 14, 15, 16]))]
    if chance.random() < 0.3 and numbers:
        numbers[chance.randrange(len(numbers))] = chance.choice(["x", "nan", "1,5", "1e999", "∞", "", "-", "１"])
    line = " ".join(words + numbers).encode(chance.choice(["utf-8", "utf-8", "utf-8", "utf-16-le"]))
    if chance.random() < 0.1:
        line = line[: chance.randrange(len(line) + 1)] + chance.randbytes(3)
    return line


@pytest.mark.parametrize("seed", range(40))
def test_every_line_of_any_file_is_used_or_left_out_or_empty_and_never_two_of_them(seed):
    chance = random.Random(seed)
    raw = b"".join(damaged(chance) + chance.choice([b"\n", b"\r\n", b"\r"]) for _ in range(30))
    lines = raw.splitlines()
    objects, unread = read_label(raw)
    boxes, unused = select(objects, Frame(200, 100, chance.randint(1, 8)), Selection(("DontCare",), 2.0))
    used, left_out = [box["line"] for box in boxes], [one["line"] for one in [*unread, *unused]]
    full = [number for number, line in enumerate(lines, 1) if line.strip()]
    assert sorted(used + left_out) == full, "each line once, in one of the two"
    assert all(one["reason"] for one in [*unread, *unused])
    for box in boxes:
        x1, y1, x2, y2 = box["bbox_px"]
        assert 0 <= x1 < x2 <= 200 and 0 <= y1 < y2 <= 100 and box["type"] != "DontCare"
