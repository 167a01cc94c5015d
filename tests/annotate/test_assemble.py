import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from annotate.letters import right_letters, shuffled
from annotate.task_files import Envelope, portable_root
from annotate.video_reasoning.assemble import FOLDER, assemble
from annotate.video_reasoning.prompt_keys import qa_key
from demitasse.answers import read_options
from demitasse.dataset import read, validate
from demitasse.errors import DataError

OPTIONS = {"A": "left", "B": "right", "C": "up", "D": "down"}
REPLIES = {
    "mcq": {"question": "Where to?", "options": OPTIONS, "answer": "C", "reasoning": "It rises."},
    "bcq": {
        "questions": [
            {"question": "Up?", "answer": "yes", "explanation": "It rises.", "reasoning": "Seen."},
            {"question": "Down?", "answer": "no", "explanation": "It rises.", "reasoning": "Seen."},
        ]
    },
    "temporal_localization": {"question": "When?", "start": "00:03", "end": "00:05", "reasoning": "Seen."},
    **{
        kind: {"question": f"{kind} from 00:01 to 00:02?", "answer": "Prose.", "reasoning": "Seen."}
        for kind in ("open_qa", "causal_linkage", "temporal_event_desc", "scene_description", "event_summary")
    },
}
ENVELOPE = Envelope("media", license="CC-BY-4.0")


def row(kind: str, video: str = "a.mp4", reply=None) -> dict:
    return {
        "video": video,
        "video_length": 8.0,
        "prompt_key": qa_key("normal", kind),
        "qa_output": json.dumps(reply or REPLIES[kind]),
        "provenance": {"mode": "normal", "asked": ["t"], "answered": ["m"], "templates": {"p": "h"}, "time": "now"},
    }


def all_rows(*videos: str) -> list[dict]:
    return [row(kind, video) for video in videos for kind in REPLIES]


def written(folder: Path, task: str):
    return read(folder / f"{task}.json").items


def test_eight_question_types_become_ten_task_files_that_pass_both_validators(tmp_path):
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a.mp4").write_bytes(b"x")
    counts = assemble(all_rows("a.mp4"), tmp_path, ENVELOPE).counts
    assert len(counts) == 10 and sum(counts.values()) == 12
    assert validate(tmp_path) == []
    command = [Path(sys.executable).with_name("tao-daft"), "validate", "tao-vl-reason-v1.0", "--path", tmp_path]
    assert subprocess.run(command, capture_output=True).returncode == 0


def test_the_tao_dialect_writes_letters_and_bare_json(tmp_path):
    assemble(all_rows("a.mp4"), tmp_path, ENVELOPE)
    mcq = written(tmp_path, "mcq")[0]
    assert mcq.question.endswith("\nAnswer with a single letter.") and "\nA. " in mcq.question
    assert read_options(mcq.question)[mcq.answer] == "up"
    assert written(tmp_path, "mcq_openended")[0].answer == f"{mcq.answer}. up"
    assert [item.answer for item in written(tmp_path, "bcq")] == ["Yes", "No"]
    assert written(tmp_path, "bcq_openended")[1].answer == "No. It rises."
    assert json.loads(written(tmp_path, "temporal_localization")[0].answer) == {"start": "00:03", "end": "00:05"}


def test_the_daft_dialect_is_one_switch_away(tmp_path):
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a.mp4").write_bytes(b"x")
    assemble(all_rows("a.mp4"), tmp_path, Envelope("media", dialect="daft"))
    assert validate(tmp_path) == []
    mcq = written(tmp_path, "mcq")[0]
    assert "\n\nA) " in mcq.question and mcq.answer.endswith(") up")
    assert written(tmp_path, "bcq")[0].answer == "Yes. It rises."
    assert written(tmp_path, "temporal_localization")[0].answer.startswith("```json\n")


def test_every_item_carries_its_reasoning_an_index_and_its_origin(tmp_path):
    assemble(all_rows("a.mp4", "b.mp4"), tmp_path, ENVELOPE)
    items = [item for path in sorted(tmp_path.glob("*.json")) for item in read(path).items]
    assert all(item.reasoning for item in items)
    assert len({item.item_index for item in items}) == len(items)
    origin = items[0].extra["provenance"]
    assert (origin["mode"], origin["video_length"], origin["asked"]) == ("normal", 8.0, ["t"])
    assert origin["templates"] == {"p": "h"}
    assert "time" not in origin, "the same replies make the same file"


def test_options_stand_where_taos_step_4_puts_them(tmp_path):
    """`random.Random(question)` shuffles their texts; other tests compare with what the original made."""
    assemble([row("mcq")], tmp_path, ENVELOPE)
    texts = list(OPTIONS.values())
    random.Random("Where to?").shuffle(texts)
    assert list(read_options(written(tmp_path, "mcq")[0].question).values()) == texts


def test_letters_in_the_reasoning_follow_their_options(tmp_path):
    told = "It rises, so options A and B are out and D is not an answer; a plan B or lane C is meant by nobody."
    reply = REPLIES["mcq"] | {"reasoning": "It rises, which rules out options A and D."}
    assemble([row("mcq", reply=reply)], tmp_path, ENVELOPE)
    item = written(tmp_path, "mcq")[0]
    letters = {text: letter for letter, text in read_options(item.question).items()}
    assert item.reasoning == f"It rises, which rules out options {letters['left']} and {letters['down']}."
    assert assemble([row("mcq", reply=reply | {"reasoning": told})], tmp_path, ENVELOPE).unusable


def test_a_lone_capital_that_is_no_option_stays(tmp_path):
    reply = REPLIES["mcq"] | {"reasoning": "The truck in lane B rises."}
    assemble([row("mcq", reply=reply)], tmp_path, ENVELOPE)
    assert written(tmp_path, "mcq")[0].reasoning == "The truck in lane B rises."


def test_an_explanation_that_repeats_the_verdict_does_not_say_it_twice(tmp_path):
    pair = [
        question | {"explanation": f"{question['answer'].capitalize()}, so it is."}
        for question in REPLIES["bcq"]["questions"]
    ]
    assemble([row("bcq", reply={"questions": pair})], tmp_path, ENVELOPE)
    assert [item.answer for item in written(tmp_path, "bcq_openended")] == ["Yes, so it is.", "No, so it is."]


def test_the_same_question_has_other_letters_in_other_videos():
    letters = right_letters([(f"{number}.mp4", "Where to?") for number in range(40)])
    assert len(set(letters)) == 4
    assert len({tuple(letters[start : start + 4]) for start in range(0, 40, 4)}) > 3, "no fixed cycle by position"


def test_options_keep_their_texts_and_the_order_of_the_wrong_ones_varies():
    orders = [tuple(shuffled(OPTIONS, "C", "B", f"{number}.mp4", "Q").values()) for number in range(20)]
    assert all(order[1] == "up" and sorted(order) == sorted(OPTIONS.values()) for order in orders)
    assert len(set(orders)) > 2


def test_letters_do_not_depend_on_the_order_of_the_rows():
    questions = [(f"{number}.mp4", "Q") for number in range(30)]
    assert dict(zip(questions, right_letters(questions), strict=True)) == dict(
        zip(questions[::-1], right_letters(questions[::-1]), strict=True)
    )


def test_writing_again_changes_nothing_not_even_the_date(tmp_path):
    assemble(all_rows("a.mp4"), tmp_path, ENVELOPE)
    path = tmp_path / "mcq.json"
    path.write_text(path.read_text(encoding="utf-8").replace(read(path).date, "2020-01-01"), encoding="utf-8")
    before = path.read_bytes()
    assemble(all_rows("a.mp4"), tmp_path, ENVELOPE)
    assert path.read_bytes() == before


def test_a_task_that_has_no_items_any_more_is_emptied_and_foreign_files_are_left_alone(tmp_path):
    assemble(all_rows("a.mp4"), tmp_path, ENVELOPE)
    (tmp_path / "notes.json").write_text("[1]", encoding="utf-8")
    counts = assemble([row("open_qa")], tmp_path, ENVELOPE).counts
    assert counts == {"open_qa": 1}
    assert written(tmp_path, "mcq") == []
    assert (tmp_path / "notes.json").read_text(encoding="utf-8") == "[1]"


def test_a_task_without_items_gets_no_file(tmp_path):
    assemble([row("open_qa")], tmp_path, ENVELOPE)
    assert [path.name for path in tmp_path.glob("*.json")] == ["open_qa.json"]


@pytest.mark.parametrize("content", ["[]", "{", '{"format": "other"}'], ids=["a_list", "torn", "another_format"])
def test_a_foreign_file_under_a_tasks_name_is_not_overwritten(tmp_path, content):
    path = tmp_path / "mcq.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match="mcq.json"):
        assemble(all_rows("a.mp4"), tmp_path, ENVELOPE)
    assert path.read_text(encoding="utf-8") == content


def test_licence_and_description_reach_the_metadata(tmp_path):
    assemble([row("open_qa")], tmp_path, Envelope("media", license="CC0", description_extra="Night shift."))
    file = read(tmp_path / "open_qa.json")
    assert file.license == "CC0" and file.description.endswith("Night shift.") and file.task == "open_qa"


def test_media_root_is_relative_for_videos_given_relative(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert portable_root("videos", Path("runs/one") / FOLDER) == "../../../videos"


def test_media_root_is_relative_for_videos_beside_the_results(tmp_path):
    assert portable_root(str(tmp_path / "videos"), tmp_path / "out" / FOLDER) == "../../videos"


def test_media_root_stays_absolute_for_videos_elsewhere(tmp_path):
    elsewhere = tmp_path / "store" / "videos"
    assert portable_root(str(elsewhere), tmp_path / "runs" / "one" / "out" / FOLDER) == os.fspath(elsewhere)


def test_braces_and_markup_in_a_models_words_arrive_unchanged(tmp_path):
    words = 'He said {x} "<b>" ===== %s \U0001f600'
    assemble([row("open_qa", reply={"question": words, "answer": words, "reasoning": words})], tmp_path, ENVELOPE)
    item = written(tmp_path, "open_qa")[0]
    assert item.question == item.answer == item.reasoning == words


def test_rows_that_taos_own_step_3_wrote_are_read(tmp_path):
    text = "=====\nQuestion: When?\n=====\nAnswer: Start_Time: 00:03, End_Time: 00:05\n=====\nReasoning: Seen."
    theirs = {"video": "a.mp4", "video_length": 8.0, "prompt_key": "normal_temporal_localization", "qa_output": text}
    assert assemble([theirs], tmp_path, ENVELOPE).counts == {"temporal_localization": 1}
    assert written(tmp_path, "temporal_localization")[0].answer == '{"start": "00:03", "end": "00:05"}'


def test_a_row_that_cannot_be_used_is_told_and_does_not_stop_the_others(tmp_path):
    broken = row("open_qa") | {"qa_output": "So be it."}
    assembled = assemble([broken, row("bcq")], tmp_path, ENVELOPE)
    assert set(assembled.counts) == {"bcq", "bcq_openended"}
    ((what, why),) = assembled.unusable
    assert "a.mp4" in what and "not in the form" in why
