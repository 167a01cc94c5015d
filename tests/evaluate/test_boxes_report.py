"""Grounding in what people read: the table, its JSON, the report with its boxes drawn, and the statistics of ratios."""

import json
import random
import re

import numpy as np
import pytest

from demitasse.chat.scripted import ScriptedModel
from demitasse.cli import main
from demitasse.dataset.item_id import make_item_id
from demitasse.errors import DataError
from evaluate.comparing.arm import load_arm
from evaluate.comparing.compare import compare
from evaluate.judging.judge import judge_run
from evaluate.judging.protocol import Judge
from evaluate.records import Asked, read_rows
from evaluate.report import figures
from evaluate.report.page import write_report
from evaluate.stats import clustered_mean, ratio, ratio_values

UNITS = {"style": "qwen_1000", "size": [1000, 1000], "image_size": [64, 48]}
HOSTILE = "</div><script>alert(1)</script>\"' onerror=x"


def grounding(image, boxes, question="Where is it?"):
    reference = json.dumps([{"bbox_2d": box} for box in boxes])
    return Asked(
        make_item_id("grounding", image, question, None), "grounding", image, question, reference, {"boxes": UNITS}
    )


@pytest.fixture
def rows():
    """Six images, one box in the even ones and two in the odd ones."""
    return [
        grounding(f"pictures/{place}.png", [[100, 100, 300, 300], [600, 600, 900, 800]][: 1 + place % 2])
        for place in range(6)
    ]


def inventive(row):
    """The right boxes, and one that is not there."""
    return json.dumps([*json.loads(row.reference), {"bbox_2d": [400, 400, 450, 450]}])


def test_the_metric_is_in_the_report_like_the_others(make_run, rows):
    result = compare(
        [load_arm(make_run("before", inventive, rows)), load_arm(make_run("after", lambda row: row.reference, rows))]
    ).result
    entry = result["metrics"]["grounding_iou"]
    assert (entry["before"], entry["after"], entry["n"]) == (pytest.approx((1 / 2 + 2 / 3) / 2), 1, 6)
    assert entry["delta_ci95"][0] > 0 and entry["verdict"] == "improved"
    assert entry["arms"]["before"]["boxes"]["invented"] == 6
    assert entry["boxes"]["precision"]["delta"] == pytest.approx(1 - 9 / 15)
    assert entry["boxes"]["recall"]["delta"] == 0
    assert result["verdict"]["sentence"] == "Better at grounding."
    json.dumps(result, allow_nan=False)


def test_arms_whose_boxes_count_in_other_units_are_refused(make_run, rows):
    other = [Asked(**{**row.to_json(), "extra": {"boxes": {**UNITS, "style": "gemini_yxyx_1000"}}}) for row in rows]
    arms = [load_arm(make_run(name, lambda row: row.reference, some)) for name, some in (("a", rows), ("b", other))]
    with pytest.raises(DataError, match="one reference in 'a' and another in 'b'"):
        compare(arms)


def test_the_judge_is_not_asked_about_boxes(make_run, rows):
    with pytest.raises(DataError, match="no free-text items"):
        judge_run(load_arm(make_run("a", lambda row: row.reference, rows)), [Judge(ScriptedModel())])


def test_score_prints_and_writes_what_became_of_the_boxes(make_run, rows, tmp_path, capsys):
    assert main(["score", str(make_run("a", inventive, rows)), "--json", str(tmp_path / "s.json")]) == 0
    told = capsys.readouterr().out
    assert "6 items of 6 images" in told
    assert "15 boxes for the references' 9: 9 found, 6 invented, 0 missed, 0 malformed" in told
    assert "precision 0.60 [" in told and "RefCOCO accuracy 1.00 [" in told
    [figures_of_run] = json.loads((tmp_path / "s.json").read_text()).values()
    assert figures_of_run["grounding"]["boxes"]["precision"]["value"] == pytest.approx(0.6)
    [first, *_] = [row for _, row in read_rows(tmp_path / "a" / "scores.jsonl")]
    assert first["detail"]["invented"] == 1


def test_rows_of_other_metrics_have_no_detail(make_run, items, tmp_path):
    main(["score", str(make_run("a", lambda row: row.reference))])
    assert not [row for _, row in read_rows(tmp_path / "a" / "scores.jsonl") if "detail" in row]


@pytest.fixture
def page(make_run, rows, tmp_path):
    """The report's page of two runs; `media` holds the pictures that are there."""

    def make(reply=inventive, media=None, rows=rows, before=lambda row: "[]"):
        arms = [load_arm(make_run(name, say, rows)) for name, say in (("before", before), ("after", reply))]
        return write_report(compare(arms), tmp_path / "report", media=media).read_text()

    return make


def test_boxes_are_drawn_over_the_picture_where_it_is_there(page, tmp_path):
    (tmp_path / "media" / "pictures").mkdir(parents=True)
    (tmp_path / "media" / "pictures" / "1.png").write_bytes(b"x")
    shown = page(media=tmp_path / "media")
    assert set(re.findall(r'<img src="([^"]+)"', shown)) == {"../media/pictures/1.png"}
    article = shown[shown.index("<img") :]
    assert '<rect class="gold" x="10.0" y="10.0" width="20.0" height="20.0"/>' in article
    assert '<rect class="answer" x="40.0" y="40.0" width="5.0" height="5.0"/>' in article
    assert "aspect-ratio: 64 / 48" in shown


def test_without_the_picture_the_boxes_stand_on_an_empty_ground(page):
    shown = page()
    assert "<img" not in shown
    assert '<rect class="gold"' in shown


def test_a_picture_that_no_browser_shows_is_linked_and_not_embedded(page, tmp_path, rows):
    (tmp_path / "a.tif").write_bytes(b"x")
    shown = page(media=tmp_path, rows=[grounding("a.tif", [[1, 1, 9, 9]]), rows[0]])
    assert 'href="../a.tif"' in shown and "<img" not in shown


def test_what_a_student_or_a_file_name_says_stays_text_beside_its_boxes(page, tmp_path):
    name = HOSTILE.replace("/", "-") + ".png"
    (tmp_path / name).write_bytes(b"x")
    label = json.dumps([{"bbox_2d": [1, 2, 3, 4], "label": HOSTILE}])
    shown = page(lambda row: label, tmp_path, [grounding(name, [[1, 2, 3, 4]], HOSTILE), grounding("b.png", [])])
    assert shown.count("<script") == 1
    assert re.findall(r"<img [^>]*>", shown) and not re.findall(r"<img [^>]*onerror=", shown)


def test_the_page_says_what_found_and_invented_mean_and_counts_them(page):
    shown = page()
    for words in (
        "<h2>Boxes</h2>",
        "2 of 2 found at IoU 0.5, 1 invented",
        "an invented box costs as much as a missed one",
    ):
        assert words in shown
    assert "6 items of 6 images, asked of both" in shown
    assert "clustered by image" in shown


def test_an_arm_without_boxes_has_a_dash_and_no_interval_of_nothing(page, tmp_path):
    page()
    table = (tmp_path / "report" / "report.md").read_text().split("## Boxes")[1]
    before = next(line for line in table.splitlines() if line.startswith("| before"))
    assert before.split("|")[2].strip() == "\u2013"
    assert "no interval" not in before


def test_videos_and_images_are_both_named_where_there_are_both(page, rows, items):
    assert "22 items of 10 videos and images" in page(lambda row: row.reference, rows=[*rows, *items])


def test_the_figure_of_every_picture_calls_it_an_image(page):
    text = page()
    assert "6 images, worst to best" in text
    assert "Mean paired difference of each image" in text


def test_a_report_without_grounding_has_no_section_of_boxes(page, items):
    shown = page(lambda row: row.reference, rows=items)
    assert "<h2>Boxes</h2>" not in shown and "images" not in shown


def test_a_hostile_arm_name_cannot_leave_the_curve():
    svg = figures.recall({HOSTILE: [1.0] * 19, "none": None})
    assert "<script" not in svg
    assert figures.recall({"none": None}) is None


def test_a_ratio_with_ones_below_is_the_mean_and_its_error():
    values, clusters = [1, 0, 1, 1, 0, 1], list("aabbcd")
    assert ratio_values(values, [1] * 6) == pytest.approx(values)
    plain, found = clustered_mean(values, clusters), ratio(values, [1] * 6, clusters)
    assert (found.mean, found.se) == (pytest.approx(plain.mean), pytest.approx(plain.se))


def test_a_ratios_error_is_the_linearised_one_and_items_without_a_part_change_nothing():
    above, below, clusters = [2, 1, 0, 3], [3, 1, 2, 4], list("abcd")
    found = ratio(above, below, clusters)
    share = sum(above) / sum(below)
    residuals = [y - share * x for y, x in zip(above, below, strict=True)]
    assert found.mean == pytest.approx(share)
    assert found.se == pytest.approx((4 / 3 * sum(one**2 for one in residuals)) ** 0.5 / sum(below))
    assert ratio([*above, 0], [*below, 0], [*clusters, "e"]) == found


def test_a_ratios_interval_stays_inside_its_range_and_is_never_of_no_width():
    low, high = ratio([1, 2, 3], [1, 2, 3], list("abc")).interval
    assert 0 < low < high == pytest.approx(1)
    low, high = ratio([0, 1, 9], [9, 1, 9], list("abc")).interval
    assert 0 <= low < high <= 1


def test_a_ratios_interval_covers_the_truth_about_as_often_as_it_says():
    chance, hits = np.random.default_rng(0), 0
    for _ in range(400):
        given = chance.integers(1, 5, 40)
        found = [int((chance.random(count) < 0.7).sum()) for count in given]
        low, high = ratio(found, given.tolist(), [str(place) for place in range(40)]).interval
        hits += low <= 0.7 <= high
    assert 0.91 <= hits / 400 <= 0.98


def test_a_ratio_over_nothing_is_refused():
    with pytest.raises(ValueError, match="add up to 0"):
        ratio_values([0, 0], [0, 0])


def test_a_long_list_of_boxes_is_scored_in_no_time(make_run, tmp_path):
    chance = random.Random(0)
    boxes = [[x, y, x + 40, y + 40] for x, y in ((chance.randrange(950), chance.randrange(950)) for _ in range(500))]
    folder = make_run("many", lambda row: json.dumps(boxes), [grounding("a.png", boxes), grounding("b.png", boxes[:3])])
    scores = load_arm(folder).scores().values()
    assert sorted(row.score for row in scores) == [pytest.approx(3 / 500), 1]
