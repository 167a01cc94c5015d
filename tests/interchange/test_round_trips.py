"""Every format of rows: there and back returns the same item and the same row, and edits count before what waits."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demitasse.dataset import Item, TaskFile, read_folder, write
from demitasse.dataset.evidence import CoreFrame, Evidence, Mention, PlacedBox, with_evidence_fields
from demitasse.errors import DataError
from demitasse.interchange.formats import FORMATS, THINKING, Settings
from demitasse.interchange.lens import AS_READ, CARRIED, read_row, write_row
from demitasse.interchange.llava import Llava
from demitasse.interchange.llava_cot import LlavaCot
from demitasse.interchange.qwen_messages import QwenMessages
from demitasse.interchange.stgr import Stgr
from demitasse.interchange.video_r1 import VideoR1
from demitasse.interchange.videoespresso import VideoEspresso

FORMS = [
    Llava(),
    Llava("think"),
    QwenMessages(),
    QwenMessages("think"),
    LlavaCot(),
    VideoR1(),
    Stgr(),
    VideoEspresso(100),
    VideoEspresso(1000),
]
each_format = pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.name} {getattr(form, 'scale', '')}")
quick = settings(max_examples=40, deadline=None)

texts = st.text(st.sampled_from("ab A.()\n<>:é \ud800"), max_size=12)
names = st.text(st.sampled_from("ab/. é"), min_size=1, max_size=8).filter(str.strip)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=3,
)
# Names that some format or this one has a use for, and one that none has.
TAKEN = (
    "task task_type task_file id video image options path problem problem_type conversations messages summary "
    "reference_answer correct_answer sub_task image_size key_items as_read tao_item mine"
)
taken = st.sampled_from(TAKEN.split())
fractions = st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)


@st.composite
def boxes(draw: Any) -> tuple[float, float, float, float]:
    sides = [sorted(draw(st.lists(fractions, min_size=2, max_size=2, unique=True))) for _ in "xy"]
    return sides[0][0], sides[1][0], sides[0][1], sides[1][1]


@st.composite
def items(draw: Any) -> tuple[Item, str]:
    """An item of ours with all that one may carry, and the task of its file."""
    question, answer, task = draw(texts), draw(texts), draw(st.sampled_from(["", "open_qa", "bcq"]))
    if draw(st.booleans()):
        closing = draw(st.sampled_from(["", "\nAnswer with a single letter.", "\nWhich?"]))
        question, task = f"{draw(names).strip()}\nA. {draw(names).strip()}\nB. x y{closing}", "mcq"
        answer = draw(st.sampled_from(["A", "B", "B) x y", "x y"]))
    medium = {draw(st.sampled_from(["video_id", "image_id"])): draw(names)}
    index = draw(st.none() | st.sampled_from(["7", "07", "x", ""]))
    extra = draw(st.dictionaries(taken, values, max_size=3)) | ({} if task else {"task": "causal_linkage"})
    item = Item(question, answer, **medium, reasoning=draw(st.none() | texts), item_index=index, extra=extra)
    if draw(st.booleans()):
        item = with_evidence_fields(item, None, draw(core_frames()))
    return item, task


@st.composite
def core_frames(draw: Any) -> list[CoreFrame]:
    times = sorted(draw(st.lists(st.floats(0, 99).map(lambda time: round(time, 2)), max_size=3)))
    return [
        CoreFrame(time if draw(st.booleans()) else None, draw(st.none() | st.integers(0, 99)), *draw(pictures))
        for time in times
    ]


pictures = st.tuples(st.none() | st.sampled_from(["a/48.jpg", "a/7.jpg", "x.png"]), st.none() | texts)


@st.composite
def evident(draw: Any) -> Item:
    """An item whose evidence names two things, with boxes on core frames."""
    frames = [CoreFrame(float(time), 30 * time, f"a/{30 * time}.jpg", "c") for time in range(draw(st.integers(0, 3)))]
    places = st.none() | st.integers(0, len(frames) - 1) if frames else st.none()
    placed = st.lists(st.builds(PlacedBox, boxes(), places), max_size=2).map(tuple)
    mentions = (Mention("cup", 4, 7, draw(placed)), Mention("the red car", 14, 17, draw(placed)))
    evidence = Evidence("The cup hits  car.", mentions)
    item = Item("Why?", "So.", video_id="a.mp4", reasoning=draw(st.none() | st.just(evidence.text)))
    return with_evidence_fields(item, evidence, frames)


def is_refusable(form: Any, item: Item, task: str) -> bool:
    """What a format may refuse: a media token in a question, and a choice whose options or answer cannot be told."""
    if form.name.startswith(("llava", "qwen")):
        return "<video>" in item.question or "<image>" in item.question
    return task == "mcq" and isinstance(form, VideoEspresso | VideoR1)


def kept(row: Any) -> Any:
    return json.loads(json.dumps(row))


@each_format
@quick
@given(given_item=items())
def test_an_item_survives_every_format(form: Any, given_item: tuple[Item, str]) -> None:
    item, task = given_item
    own = str(item.extra.get("task_type") or item.extra.get("task") or task)
    try:
        row = write_row(form, item, task)
    except DataError:
        assert is_refusable(form, item, own)
        return
    assert read_row(form, kept(row), task) == item


@each_format
@quick
@given(item=evident())
def test_evidence_survives_every_format(form: Any, item: Item) -> None:
    assert read_row(form, kept(write_row(form, item, "open_qa")), "open_qa") == item


options = st.sampled_from(
    [
        ["(A): a  b", "(B): c"],
        ["A. a", "B. c"],
        ["(A) a", "(B) c"],
        ["a", "c"],
        ["(A):a", "(B):c"],
        {"A": "a", "B": "c"},
    ]
)
letters = st.sampled_from(["(A)", "B", "b.", "(A): a b", 1, "c"])
tagged = st.sampled_from(
    [
        "A  <obj_start>cup<obj_end><box_start>[]<box_end> stands.",
        "<obj_start>cup<obj_end><box_start>[50, 50, 20.5, 10]<box_end>",
        "Two <obj_start>cups<obj_end><box_start>[[500, 50, 20, 10], [99, 1, 50, 50]]<box_end> .",
        "no <obj_end> tags <box_start>[1, 2]<box_end>",
        "",
        None,
    ]
)
paths = st.lists(
    st.sampled_from(["a/480.jpg", "a/48.jpg", "s/1_keyframe_1-38-11-958.jpg", "s/1_keyframe_0-15-14-830.jpg", 7]),
    max_size=3,
)


@st.composite
def espresso_rows(draw: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"video_path": "all_video/CUVA/3/1.mkv", "task": "Event Process", "question": " What? "}
    row["answer"] = draw(texts)
    if draw(st.booleans()):
        row |= {"options": draw(options), "correct_answer": draw(letters)}
    row[draw(st.sampled_from(["keyframes_path", "keyframe_path", "core_frames_paths", "core_frames", "images"]))] = (
        draw(paths)
    )
    row[draw(st.sampled_from(["keyframes_captions", "core_frames_captions", "captions"]))] = draw(
        st.lists(texts | st.none(), max_size=3)
    )
    if draw(st.booleans()):
        row["core_frames_timestamps"] = draw(st.lists(st.just(1.5) | st.just("00:03"), max_size=2))
    return row | {"evidence": draw(tagged), "duration": 12.5, "model_output": "(B)"}


@pytest.mark.parametrize("scale", [100, 1000])
@quick
@given(row=espresso_rows())
def test_a_videoespresso_row_survives_to_the_letter(scale: int, row: dict[str, Any]) -> None:
    form = VideoEspresso(scale)
    try:
        item = read_row(form, row, "mcq")
    except DataError as fault:
        assert "correct_answer" in str(fault) or "order of time" in str(fault)
        return
    assert json.dumps(write_row(form, item, "mcq")) == json.dumps(row)


FOREIGN = [
    pytest.param(Llava(), {"conversations": [{"from": "human", "value": "<video>Q"}, {"from": "gpt", "value": "A"}],
                           "video": "v", "id": 7, "weight": 2}, id="llava_with_a_number_as_id_and_no_line_break"),
    pytest.param(Llava(), {"id": "a", "image": "i.png", "conversations": [
        {"from": "user", "value": "Q\n<image>"}, {"from": "assistant", "value": "A"}]}, id="llava_with_the_token_last"),
    pytest.param(Llava("think"), {"id": "a", "image": "i.png", "conversations": [
        {"from": "human", "value": "<image>\nQ"}, {"from": "gpt", "value": "<think>so</think>A"}]},
        id="llava_with_tight_thoughts"),
    pytest.param(QwenMessages(), {"messages": [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": [{"type": "video", "video": "a.mp4", "fps": 2}, {"type": "text", "text": "Q"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "A"}]}]}, id="messages_in_parts_with_a_system"),
    pytest.param(QwenMessages(), {"messages": [{"role": "user", "content": "<image>Q"}, {"role": "assistant",
                 "content": "A"}], "images": "a.png"}, id="messages_with_one_path"),
    pytest.param(LlavaCot(), {"image": "a.png", "conversations": [{"from": "human", "value": "Q"}, {"from": "gpt",
                 "value": "<SUMMARY> s </SUMMARY>\n\n<CAPTION>c</CAPTION>\n<REASONING> r\n\n</REASONING> "
                          "<CONCLUSION> B </CONCLUSION>"}], "id": "x"}, id="llava_cot_without_a_token"),
    pytest.param(VideoR1(), {"problem_id": 3, "problem": "Q?\n", "data_type": "video", "problem_type":
                 "multiple choice", "options": ["A. a", "B. b"], "process": "<think>\nso\n</think>", "solution":
                 "<answer>B</answer>", "path": "./x/a.mp4", "data_source": "NeXT-QA"}, id="video_r1_choice"),
    pytest.param(VideoR1(), {"problem_id": 4, "problem": "Q?", "data_type": "image", "problem_type": "OCR",
                 "options": [], "process": "", "solution": "<answer>12</answer>", "path": "./a.png", "reward": 1.0},
                 id="video_r1_for_reinforcement"),
    pytest.param(Stgr(), {"task": "temporal-spatial free-form QA", "source": "STR_plm_rdcap", "video_path": "a.mp4",
                 "question": "Q", "answer": "A", "key_frames": [{"idx": 9, "time": 3, "path": "k/9.jpg"}],
                 "key_items": {"9": {"man": [[0.1, 0.2, 0.5, 0.9]]}}, "reasoning_process":
                 "A <obj>man</obj><box>[0.1,0.2,0.5,0.9]</box>at<t>3.0</t>s waves."}, id="stgr_with_claims"),
    pytest.param(Stgr(), {"task": "visual QA", "source": "treevgr", "image_path": "a.jpg", "image_size": [640, 480],
                 "question": "Q", "answer": "A", "reasoning_process": "The <box>[1,2,33,44]</box> <obj>dog</obj>"
                 "<box>[10,20,300,400]</box>."}, id="stgr_about_an_image"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "row"), FOREIGN)
def test_a_foreign_row_survives_to_the_letter(form: Any, row: dict[str, Any]) -> None:
    assert json.dumps(write_row(form, read_row(form, row, ""), "")) == json.dumps(row)


@pytest.mark.parametrize(("form", "row"), FOREIGN)
def test_what_somebody_edits_in_the_item_counts_before_the_row_as_it_was_read(form: Any, row: dict[str, Any]) -> None:
    item = replace(read_row(form, row, ""), answer="A" if form.name == "video-r1" and row["options"] else "Other.")
    again = read_row(form, write_row(form, item, ""), "")
    assert again.answer == item.answer and again.question == item.question and again.media_id == item.media_id


def test_what_somebody_edits_in_the_row_counts_before_what_was_carried() -> None:
    item = Item("Q", "A", video_id="v", extra={"conversations": 1, "reward": 2})
    row = write_row(Llava(), item, "")
    row["conversations"][0]["value"] = "<video>\nAnother?"
    assert replace(read_row(Llava(), row, ""), item_index=None) == replace(item, question="Another?")


def test_an_edit_of_one_field_leaves_the_spelling_of_the_others() -> None:
    row = {
        "video_path": "v",
        "question": "Q",
        "answer": "A",
        "evidence": "A  <obj_start>cup<obj_end><box_start>[]<box_end>",
    }
    item = read_row(VideoEspresso(), row, "open_qa")
    written = write_row(VideoEspresso(), replace(item, answer="B"), "open_qa")
    assert written["answer"] == "B" and written["evidence"] == row["evidence"]


def test_what_is_written_alike_leaves_nothing_waiting() -> None:
    row = write_row(Llava(), Item("Q", "A", video_id="v", extra={"mine": [1]}), "")
    assert CARRIED not in row and row["mine"] == [1]
    assert AS_READ not in read_row(Llava(), row, "").extra


def test_a_row_whose_carried_text_was_damaged_is_refused() -> None:
    row = write_row(Llava(), Item("Q", "A", video_id="v"), "") | {CARRIED: '{"fields": '}
    with pytest.raises(DataError, match="tao_item"):
        read_row(Llava(), row, "")


@pytest.fixture
def rich(tmp_path: Any) -> Any:
    """A folder with two files, of one task and of mixed ones, and a full envelope."""
    folder = tmp_path / "rich"
    folder.mkdir()
    choice = "Which?\nA. cup\nB. jug\nAnswer with a single letter."
    mixed = [
        Item(choice, "B", video_id="a.mp4", item_index="9", extra={"task": "mcq", "sub_task": "Cooking Steps"}),
        Item("Où?\n<b>\n", "ü", image_id="p.png", reasoning="R <think>", extra={"task": "open_qa", "boxes": [[0, 1]]}),
    ]
    files = [
        TaskFile(mixed, "", "CC-BY-4.0", "What it is.", "2026-11-21", ["t"], path=folder / "mixed.json"),
        TaskFile([Item("Is it?", "Yes", video_id="a.mp4")], "bcq", path=folder / "bcq.json"),
    ]
    for file in files:
        write(file.path, file)
    return folder


def content(files: Any) -> Any:
    """What must survive: envelopes without where they are, items, and where their media are."""
    fields = ("task", "license", "description", "date", "tags", "items")
    return {
        file.path.stem: [getattr(file, name) for name in fields]
        + [file.media_path(item).resolve() for item in file.items]
        for file in files
    }


@pytest.mark.parametrize("ending", ["all.json", "all.jsonl"])
@pytest.mark.parametrize("name", [name for name in FORMATS if name != "hugging-face"])
def test_a_dataset_survives_every_file(rich: Any, tmp_path: Any, name: str, ending: str) -> None:
    before = read_folder(rich)
    for response in ("answer", "think") if name in THINKING else ("answer",):
        out = tmp_path / "out" / ending
        media = FORMATS[name].write(before, out, Settings(response))
        found = FORMATS[name].read(out, Settings())
        assert media == rich.resolve()
        assert content(found.files) == content(before) and found.left_out == []
