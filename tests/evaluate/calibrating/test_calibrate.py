"""From judged runs to labels and back: who is drawn, what labellers see, and what their labels say."""

import json
import random
from dataclasses import replace

import pytest

from demitasse.cli import main
from evaluate.calibrating.calibrate import calibrate
from evaluate.calibrating.labels import Labels, read_labels
from evaluate.calibrating.sample import draw, read_sample
from evaluate.calibrating.tell import told
from evaluate.comparing.arm import load_arm
from evaluate.judging.judgements import JUDGEMENTS, write_judgements
from evaluate.parse.free import parse_free
from evaluate.records import Asked, Prediction, write_rows
from evaluate.score.judged import Judgement, fingerprint

HOSTILE = "</script><script>alert(1)</script> <b>bold</b>"


def judged_run(folder, scores, answer="An answer of {side}, number {place}.", reference="Reference {place}."):
    """A run of one prose item a video, with the judge's scores; None is a reply that it failed on."""
    rows, judgements = [], []
    for place, score in enumerate(scores):
        asked = Asked(f"{place:016x}", "open_qa", f"{place}.mp4", "What happens?", reference.format(place=place))
        rows.append(Prediction(asked, answer.format(side=folder.name, place=place), "stop"))
        of = fingerprint(asked, parse_free(rows[-1]).value)
        judgements.append(Judgement(asked.item_id, of, score, "so", None if score else "judge_api"))
    write_rows(folder / "items.jsonl", [row.asked.to_json() for row in rows])
    write_rows(folder / "predictions.jsonl", [row.to_json() for row in rows])
    write_judgements(folder / JUDGEMENTS, judgements)
    return load_arm(folder)


@pytest.fixture
def arms(tmp_path):
    """Two runs of 100 items; the judge gives mostly 5 to the second."""
    chance = random.Random(0)
    before = [chance.choice([1, 1, 1, 2, 3]) for _ in range(100)]
    return [judged_run(tmp_path / "before", before), judged_run(tmp_path / "after", [5] * 90 + [2] * 10)]


def test_rare_scores_are_drawn_as_often_as_common_ones(arms):
    cards = draw(arms[1:], 20)
    assert sorted(card.judged for card in cards) == [2.0] * 10 + [5.0] * 10
    assert {card.judged: card.weight for card in cards} == {2.0: 1.0, 5.0: 9.0}


def test_every_run_has_a_card_of_each_drawn_item(arms):
    cards = draw(arms, 30)
    assert len(cards) == 60
    assert {card.item_id for card in cards if card.run == "before"} == {
        card.item_id for card in cards if card.run == "after"
    }


def test_the_seed_decides_the_lot(arms):
    assert draw(arms, 20, 1) == draw(arms, 20, 1) != draw(arms, 20, 2)


def test_an_item_that_the_judge_failed_on_in_one_run_is_not_drawn(tmp_path):
    arms = [judged_run(tmp_path / "a", [3] * 20), judged_run(tmp_path / "b", [None] * 5 + [3] * 15)]
    assert len(draw(arms, 50)) == 30


def test_a_reply_that_leaves_nothing_to_label_is_not_drawn(tmp_path):
    """It has the lowest score without a judge's word."""
    arm = judged_run(tmp_path / "a", [3] * 20)
    lost = list(arm.predictions)[:5]
    some = replace(arm, predictions={key: one for key, one in arm.predictions.items() if key not in lost})
    assert {some.scores()[key].score for key in lost} == {1}
    assert {card.item_id for card in draw([some], 50)} == set(some.predictions)


def test_the_same_words_about_two_videos_are_two_cards(tmp_path):
    """One question, one reference and one answer: a table of labels must tell them apart."""
    arm = judged_run(tmp_path / "a", [5] * 20, "It falls.", "It falls down.")
    assert len({card.card for card in draw([arm], 20)}) == 20


def test_means_and_difference_are_over_the_same_items(tmp_path):
    """The items that one run has no judged answer to leave both means, or the difference would not be theirs."""
    scores = {"before": [5] * 4 + [1] * 16, "after": [None] * 4 + [2] * 12 + [1] * 4}
    arms = [judged_run(tmp_path / name, of) for name, of in scores.items()]
    cards = draw(arms, 16)
    found = calibrate(cards, [people_of(cards, lambda card: int(card.judged))], arms)
    means, difference = found["runs"]["means"], found["runs"]["difference"]
    assert [one["items"] for one in (*means.values(), difference)] == [16, 16, 16]
    assert (means["before"]["judged"], means["after"]["judged"], difference["judged"]) == (1.0, 1.75, 0.75)
    lines = told(found)
    assert "before: judged 1.00 over 16 items, by people's labels 1.00" in "\n".join(lines)
    assert "difference: judged +0.75 over 16 items" in "\n".join(lines) and "counts a faulty reply as 1" in lines[-1]


def test_the_page_shows_neither_runs_nor_scores_and_no_markup_of_a_model(tmp_path, capsys):
    judged_run(tmp_path / "secretly_before", [1, 2, 3, 4, 5] * 4, HOSTILE + " {place}")
    assert main(["calibrate", "sample", str(tmp_path / "secretly_before"), "--out", str(tmp_path / "labels")]) == 0
    page = (tmp_path / "labels/label.html").read_text()
    assert "secretly_before" not in page and '"judged"' not in page
    assert page.count("<script") == 2 and "<b>" not in page and "alert(1)" in page
    assert "http" not in page, "nothing is fetched"
    assert "20 answers to label, of 20 items" in capsys.readouterr().out


def people_of(cards, rater):
    return Labels("ann", {card.card: rater(card) for card in cards})


def test_a_judge_that_people_agree_with_is_left_as_it_is(arms):
    cards = draw(arms, 40)
    found = calibrate(cards, [people_of(cards, lambda card: int(card.judged))], arms)
    assert found["judge_and_people"]["exact"]["value"] == 1.0
    assert found["runs"]["difference"]["corrected"] == pytest.approx(found["runs"]["difference"]["judged"])


def test_a_score_of_four_is_right_by_the_judge_and_by_people(tmp_path):
    """Of twenty replies with 4 and twenty with 3 people find every fourth of each the other way: q0 = q1 = 3/4."""
    arm = judged_run(tmp_path / "a", [4, 3] * 20)
    cards = sorted(draw([arm], 40), key=lambda card: (card.judged, card.card))
    turned = {card.card for card in cards[::4]}
    people = people_of(cards, lambda card: 7 - int(card.judged) if card.card in turned else int(card.judged))
    found = calibrate(cards, [people], [arm])
    nobody = [0] * 5
    assert found["confusion"] == [nobody, nobody, [0, 0, 15, 5, 0], [0, 0, 5, 15, 0], nobody]
    right = found["runs"]["means"]["a"]["right"]
    assert [right[name] for name in ("judged", "specificity", "sensitivity")] == [0.5, 0.75, 0.75]
    assert right["value"] == pytest.approx(0.5)


def test_a_judge_that_flatters_one_run_loses_what_it_made_up(arms):
    """People give the second run one point less throughout."""
    cards = draw(arms, 60)
    people = [people_of(cards, lambda card: int(card.judged) - (card.run == "after"))]
    found = calibrate(cards, people, arms)["runs"]
    assert found["means"]["after"]["corrected"] == pytest.approx(found["means"]["after"]["judged"] - 1)
    assert found["means"]["before"]["corrected"] == pytest.approx(found["means"]["before"]["judged"])
    assert found["difference"]["corrected"] == pytest.approx(found["difference"]["judged"] - 1)


def test_a_correction_heeds_how_many_items_a_label_stands_for(arms):
    """People find only the rare 2s too harsh: a tenth of the items, though half of the labels."""
    cards = draw(arms[1:], 20)
    people = [people_of(cards, lambda card: 4 if card.judged == 2 else 5)]
    mean = calibrate(cards, people, arms[1:])["runs"]["means"]["after"]
    assert (mean["judged"], mean["corrected"]) == (pytest.approx(4.7), pytest.approx(4.9))


def test_one_person_cannot_be_tested_against_others(arms):
    cards = draw(arms, 40)
    found = calibrate(cards, [people_of(cards, lambda card: 3)], arms)
    assert found["alternative_annotator_test"]["winning_rate"] is None
    assert "3" in found["alternative_annotator_test"]["reason"]
    assert found["judges_verdict"]["verdict"] is None
    assert (found["people"], found["alpha"]) == ({}, None)


def test_two_people_are_compared_on_the_cards_that_both_have_labelled(arms):
    """Of forty cards one labels the first thirty, the other all but the first ten, and every second one alike."""
    cards = draw(arms, 20)
    ann = Labels("ann", {card.card: 3 for card in cards[:30]})
    bo = Labels("bo", {card.card: 3 + place % 2 for place, card in enumerate(cards) if place >= 10})
    pair = calibrate(cards, [ann, bo], arms)["people"]["ann and bo"]
    assert (pair["cards"], pair["exact"]["value"], pair["mean_absolute_error"]["value"]) == (20, 0.5, 0.5)
    apart = [
        Labels(one.annotator, dict(list(one.scores.items())[part])) for one, part in ((ann, slice(9)), (bo, slice(9)))
    ]
    assert calibrate(cards, apart, arms)["people"] == {"ann and bo": {"cards": 0}}


def test_people_who_label_everything_alike_have_an_alpha_of_one(arms):
    cards = draw(arms, 20)
    ann = people_of(cards, lambda card: int(card.judged))
    assert calibrate(cards, [ann, replace(ann, annotator="bo")], arms)["alpha"]["value"] == pytest.approx(1)


def test_labels_go_from_the_page_to_figures_and_into_the_report(arms, tmp_path, capsys):
    runs = [str(arm.folder) for arm in arms]
    out = tmp_path / "labels"
    assert main(["calibrate", "sample", *runs, "--out", str(out), "--items", "30"]) == 0
    sample, _, cards = read_sample(out)
    files = []
    for name in ("ann", "bo"):
        labels = {card.card: int(card.judged) for card in cards}
        files.append(out / f"labels_{name}.json")
        files[-1].write_text(json.dumps({"sample": sample, "annotator": name, "labels": labels}))
    assert main(["calibrate", "score", str(out), "--labels", *map(str, files)]) == 0
    assert "ann and bo, 60 answers: exact 1.00" in capsys.readouterr().out
    for arm in arms:
        (arm.folder / "judge.json").write_text(json.dumps({"model": "m"}))
    assert main(["compare", *runs, "--out", str(tmp_path / "report"), "--calibration", str(out)]) == 0
    assert "judge and people, 60 answers of 30 videos" in (tmp_path / "report/index.html").read_text()
    assert "judge and people, 60 answers" in (tmp_path / "report/report.md").read_text()


def test_cards_without_a_label_make_the_exit_code_three(arms, tmp_path, capsys):
    out = tmp_path / "labels"
    main(["calibrate", "sample", str(arms[0].folder), "--out", str(out), "--items", "30"])
    _, _, cards = read_sample(out)
    table = tmp_path / "ann.csv"
    table.write_text("card,score\n" + "".join(f"{card.card},3\n" for card in cards[:20]))
    assert main(["calibrate", "score", str(out), "--labels", str(table)]) == 3
    assert "10 of 30 cards have no label" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "suffix", "said"),
    [
        pytest.param("card,score\nc1,6\n", ".csv", "must be 1 to 5", id="a_score_off_the_scale"),
        pytest.param("card,score\nc1,4.5\n", ".csv", "must be 1 to 5", id="half_a_point"),
        pytest.param("card,score\nc9,3\n", ".csv", "'c9' is not in this sample", id="another_card"),
        pytest.param("card,score\nc1,3\nc1,4\n", ".csv", "twice", id="a_card_twice"),
        pytest.param("a,b\n1,2\n", ".csv", "columns card and score", id="other_columns"),
        pytest.param("card,score\n", ".csv", "has no label", id="nothing_in_it"),
        pytest.param("card,score\nc1,\n", ".csv", "has no label", id="blanks_alone"),
        pytest.param("", ".csv", "columns card and score", id="not_even_a_head"),
        pytest.param("card;score\nc1;3\n", ".csv", "with commas between", id="semicolons"),
        pytest.param("card,score,score\nc1,3,4\n", ".csv", "once each", id="two_columns_of_scores"),
        pytest.param(f"card,score,why\nc1,3,{'x' * 200_000}\n", ".csv", "is no table", id="a_cell_without_end"),
        pytest.param("[" * 100_000, ".json", "holds no labels", id="brackets_without_end"),
        pytest.param("{", ".json", "holds no labels", id="no_json"),
        pytest.param("5", ".json", "holds no labels as the labelling page saves them; save", id="a_number"),
        pytest.param('{"sample": "x", "annotator": "a", "labels": {"c1": 3}}', ".json", "of the sample x", id="sample"),
        pytest.param('{"sample": "s", "annotator": "a", "labels": {}}', ".json", "has no label", id="no_label"),
    ],
)
def test_labels_that_cannot_be_used_are_refused_in_a_sentence(tmp_path, text, suffix, said):
    from demitasse.errors import DataError

    path = tmp_path / f"labels{suffix}"
    path.write_text(text)
    with pytest.raises(DataError, match=said):
        read_labels(path, "s", {"c1", "c2"})


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        pytest.param("\ufeffcard,score\nc1,3\nc2,5\n", ".csv", id="a_mark_of_byte_order"),
        pytest.param("card,score\r\nc1,3\r\nc2,5\r\n", ".csv", id="lines_of_windows"),
        pytest.param("card,score\nc1,3\nc2,5\n", ".CSV", id="an_ending_in_capitals"),
        pytest.param('why,score,card\n"a, b\nc",3,c1\nd\u2028e,5,c2\n', ".csv", id="remarks_with_ends_of_lines"),
        pytest.param("card,score\n c1 , 3 \nc2,5\nc3,\nc3\n\n", ".csv", id="spaces_and_cards_left_blank"),
        pytest.param('\ufeff{"sample": "s", "annotator": null, "labels": {"c1": 3, "c2": 5}}', ".json", id="saved"),
    ],
)
def test_labels_are_read_as_spreadsheets_and_editors_leave_them(tmp_path, text, suffix):
    path = tmp_path / f"ann{suffix}"
    path.write_bytes(text.encode())
    assert read_labels(path, "s", {"c1", "c2", "c3"}) == Labels("ann", {"c1": 3, "c2": 5})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["sample", "RUN", "--out", "OUT", "--items", "3"], "fewer than 10", id="too_few_items"),
        pytest.param(["score", "OUT", "--labels", "x.json"], "sample.json is not there", id="no_sample"),
        pytest.param(["sample", "absent", "--out", "OUT"], "is not a folder", id="no_run"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(arms, tmp_path, capsys, words, said):
    places = {"RUN": str(arms[0].folder), "OUT": str(tmp_path / "out")}
    assert main(["calibrate", *(places.get(word, word) for word in words)]) == 2
    assert said in capsys.readouterr().err


def test_a_sample_is_not_drawn_over_labels_that_may_be_of_it(arms, tmp_path, capsys):
    words = ["calibrate", "sample", str(arms[0].folder), "--out", str(tmp_path / "out")]
    assert [main(words), main(words)] == [0, 2]
    assert "give another --out" in capsys.readouterr().err
