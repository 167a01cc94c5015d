"""VideoEspresso's two averages, from its own tables: the paper's is over tasks, the leaderboard's over questions."""

import json

import pytest
import yaml

from demitasse.stages import CHECKOUT
from evaluate.official import videoespresso
from evaluate.official.share import macro_mean

PUBLISHED = yaml.safe_load((CHECKOUT / "recipes" / "videoespresso" / "published.yaml").read_text(encoding="utf-8"))
# Of each task by Table 7. The released test holds other numbers of two tasks, as its percentages show.
TASKS = dict(zip(PUBLISHED["tasks"], PUBLISHED["counts"]["test"]["tasks"], strict=True))
RELEASED = PUBLISHED["counts"]["released_test"]["tasks"]
ROUNDING = 0.06  # the tables have one decimal, and one entry of each is cut and not rounded
PAPER = [pytest.param(row["tasks"], row["average"], id=row["model"]) for row in PUBLISHED["paper"]]
LEADERBOARD = [pytest.param(row["tasks"], row["overall"], id=row["model"]) for row in PUBLISHED["leaderboard"]]


# No replies to 1,382 questions give LLaVA-N-Video's row: eleven of its entries are no multiples of one question.
def scored(folder, shares, counts):
    """The scorer's report on replies of which so many of each task are right."""
    rows = []
    for task, many, share in zip(TASKS, counts, shares, strict=True):
        right = round(share / 100 * many)
        rows += [_row(task, number, "A" if number < right else "B") for number in range(many)]
    (folder / "output.json").write_text(json.dumps(rows))
    return videoespresso.score([folder / "output.json"], [folder / "output.json"])


@pytest.mark.parametrize(("shares", "printed"), PAPER)
def test_the_papers_average_is_the_mean_of_its_entries(shares, printed):
    assert macro_mean(shares) == pytest.approx(printed, abs=ROUNDING)


@pytest.mark.parametrize(("shares", "printed"), [row for row in PAPER if row.id != "LLaVA-N-Video"])
def test_the_papers_average_is_over_tasks(tmp_path, shares, printed):
    report = scored(tmp_path, shares, TASKS.values())
    macro, micro = report.figure(videoespresso.MACRO), report.figure(videoespresso.MICRO)
    assert (macro.official, macro.ours) == pytest.approx((printed, printed), abs=ROUNDING)
    assert abs(micro.ours - printed) > 0.7, "the mean over questions is another number"


@pytest.mark.parametrize(("shares", "printed"), LEADERBOARD)
def test_the_leaderboards_overall_is_over_questions(tmp_path, shares, printed):
    report = scored(tmp_path, shares, RELEASED)
    micro = report.figure(videoespresso.MICRO)
    assert micro.items == sum(RELEASED)
    assert micro.ours == pytest.approx(printed, abs=ROUNDING)


def test_a_row_of_the_paper_comes_back_task_by_task_with_its_interval(tmp_path):
    shares, printed = next(param.values for param in PAPER if param.id == "Ours")
    report = scored(tmp_path, shares, TASKS.values())
    for (task, many), share in zip(TASKS.items(), shares, strict=True):
        figure = report.figure(task)
        assert (figure.items, f"{figure.ours:.1f}") == (many, f"{share:.1f}"), task
    macro = report.figure(videoespresso.MACRO)
    assert (f"{macro.official:.1f}", f"{macro.ours:.1f}") == (str(printed), str(printed))
    low, high = macro.ci95
    assert high - low == pytest.approx(6.0, abs=1.0), "an interval of about three points either way, as n = 1,382 gives"


def test_an_average_needs_groups():
    with pytest.raises(ValueError, match="no groups"):
        macro_mean([])


def _row(task, number, said):
    options = [f"({letter}): option {letter.lower()}" for letter in "ABCD"]
    row = {"video_path": f"all_video/x/{task}-{number}.mp4", "task": task, "question": "Why?", "options": options}
    return row | {"correct_answer": "(A)", "answer": "option a", "model_output": said}
