"""The scripted model on VideoEspresso's prompts: frames by their marker and time, text by its reference."""

import asyncio
import io
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture

from annotate.espresso.distractors import read_distractors
from annotate.espresso.evidence import read_evidence
from annotate.espresso.filter import read_verdicts
from annotate.espresso.length_balance import balance
from annotate.espresso.listing import caption_lines, fenced, question_lines
from annotate.espresso.prompt_keys import PROMPTS, used_keys
from annotate.espresso.questions import read_questions
from annotate.espresso.settings import TASKS, DistractorSettings, EvidenceSettings, QuestionSettings
from demitasse.chat.blocks import read_blocks
from demitasse.chat.model import Image, Outcome, Request, Text
from demitasse.chat.scripted import ScriptedModel
from demitasse.geometry import GEMINI, QWEN3_VL, iou, to_canonical
from demitasse.prompts import load_pack
from demitasse.toyworld import espresso_language as language
from demitasse.toyworld import espresso_teacher
from demitasse.toyworld.clock import time_of
from demitasse.toyworld.espresso_teacher import EXCUSE
from demitasse.toyworld.render import draw
from demitasse.toyworld.world import toy_clip

TIMES = [0.5, 2.5, 4.5, 6.5, 7.5]
numbers = st.integers(0, 2**16 - 1)


def frame(number: int, time: float, size: int = 128) -> Image:
    buffer = io.BytesIO()
    Picture.fromarray(draw(toy_clip(number), time, size)).save(buffer, "PNG")
    return Image(buffer.getvalue(), "image/png", time)


def ask(step, text, *shown, schema=True, **settings):
    request = Request(step, (*shown, Text(text)), schema={"type": "object"} if schema else None)
    reply = asyncio.run(ScriptedModel(**settings).reply(request))
    assert reply.outcome is Outcome.SUCCESS, reply.error
    return reply.text


def frames_of(number, times=TIMES):
    clip = toy_clip(number)
    return [{"time": time, "caption": language.frame_caption(clip, time)} for time in times]


def captions_of(frames):
    return caption_lines(frames, range(len(frames)))


def questions_of(number, **settings):
    text = ask("espresso_questions", fenced({"captions": captions_of(frames_of(number))}), **settings)
    return read_questions(text, len(TIMES), QuestionSettings())


def judge(number, *asked):
    rows = [{"task": TASKS[0], "question": question, "answer": answer} for question, answer in asked]
    blocks = {"captions": captions_of(frames_of(number)), "questions": question_lines(rows)}
    return read_verdicts(ask("espresso_filter", fenced(blocks)), len(asked))


def blocks_of(number, one):
    return fenced({"captions": captions_of(frames_of(number)), "question": one.question, "answer": one.answer})


def find(names, *shown, step="key_item_boxes", **settings):
    listing = "\n".join(f"{number}. {name}" for number, name in enumerate(names, 1))
    told = json.loads(ask(step, f"Names:\n\n{listing}\n\nFind them.", *shown, **settings))["expressions"]
    return [one["boxes"] for one in told]


def test_the_stand_in_knows_every_prompt_of_the_pack():
    asked = used_keys([str(step) for step in range(1, 10)], [])
    assert asked == {*espresso_teacher.STEPS, *espresso_teacher.SEEN}


def test_the_pack_is_complete_and_has_no_blank():
    pack = load_pack("espresso", PROMPTS)
    assert set(pack.prompts) == set(PROMPTS)
    assert len([key for key in PROMPTS if key.startswith("task_")]) == 14


@pytest.mark.parametrize("time", [0.0, 3.5, 7.75])
def test_a_frame_is_captioned_as_it_is_at_its_time(time):
    clip = toy_clip(7)
    said = ask("frame_caption", "Describe it.", frame(7, time))
    assert said == language.frame_caption(clip, time)
    assert language.place(clip, time) in said
    assert ("off" in said) == (not clip.light(time))


def test_a_frame_that_comes_without_its_time_is_known_by_its_pixels():
    clip = toy_clip(21)
    for quarter in range(0, 32, 3):
        told = time_of(21, frame(21, quarter / 4, size=96).data)
        assert (clip.position(told), clip.light(told)) == (clip.position(quarter / 4), clip.light(quarter / 4))


def test_a_caption_tells_nothing_that_only_other_frames_tell():
    for number in range(30):
        words = set(language.frame_caption(toy_clip(number), 4.0).replace(".", "").replace(",", "").split())
        assert not words & {"moves", "stands", "freezes", "still", "alarm"}


@given(numbers)
def test_questions_need_several_frames_and_pass_the_check(number):
    asked = questions_of(number)
    clip = toy_clip(number)
    good = [one for one in asked if "pleasant" not in one.question]
    assert all(len(one.captions) >= 2 for one in asked)
    verdicts = judge(number, *((one.question, one.answer) for one in asked)) if asked else []
    assert [one.verdict for one in verdicts] == ["keep"] * len(good) + ["drop"] * (len(asked) - len(good))
    assert len(asked) - len(good) == (1 if good and clip.number % 3 == 0 else 0)


def test_a_question_of_taste_is_dropped_by_its_rule():
    (verdict,) = judge(3, language.taste(toy_clip(3)))
    assert (verdict.verdict, verdict.criterion) == ("drop", "subjective")


def test_an_answer_that_is_not_so_is_dropped_by_its_rule():
    clip = toy_clip(5)
    other = next(colour for colour in ("red", "blue") if colour != clip.colour)
    (verdict,) = judge(5, ("What is it?", f"It is a {other} shape."))
    assert (verdict.verdict, verdict.criterion) == ("drop", "content")
    assert other in verdict.reason


@given(numbers)
def test_evidence_names_its_key_items_and_its_frames(number):
    for one in language.askings(toy_clip(number), TIMES):
        proof = read_evidence(ask("espresso_evidence", blocks_of(number, one)), len(TIMES), EvidenceSettings())
        assert [caption.caption - 1 for caption in proof.captions] == list(one.frames)
        assert set(proof.names) == set(one.key_items)


@given(numbers)
def test_wrong_answers_are_wrong_different_and_as_long_as_the_right_one(number):
    for one in language.askings(toy_clip(number), TIMES):
        wrong = read_distractors(
            ask("espresso_distractors", blocks_of(number, one)), one.answer, DistractorSettings(0, 0)
        )
        assert len({one.answer, *wrong}) == 4


def test_over_many_clips_length_tells_nothing():
    asked = [one for number in range(300) for one in language.askings(toy_clip(number), TIMES)]
    told = balance([(one.answer, one.wrong) for one in asked])
    assert told["items"] > 300
    assert told["balanced"]


@pytest.mark.parametrize("step", espresso_teacher.BOXES)
@pytest.mark.parametrize("schema", [True, False])
def test_things_are_found_where_they_are_at_the_frames_time(step, schema):
    clip = toy_clip(11)
    names = [language.thing(clip), "ceiling light", "kettle"]
    if schema:
        thing, light, kettle = find(names, frame(11, 3.0), step=step)
    else:
        text = ask(step, "Names:\n" + "\n".join(names) + "\n\nFind.", frame(11, 3.0), schema=False)
        thing, light, kettle = [one["boxes"] for one in json.loads(text)["expressions"]]
    assert iou(to_canonical(thing[0], QWEN3_VL), clip.box(3.0)) > 0.98
    assert light == [[0, 0, 1000, 100]]
    assert kettle == []


def test_a_thing_of_another_colour_or_shape_is_not_found():
    clip = toy_clip(11)
    other = next(colour for colour in ("red", "blue") if colour != clip.colour)
    assert find([f"{other} {clip.shape}", "shape"], frame(11, 3.0))[0] == []


def test_boxes_are_written_in_the_units_that_are_set():
    clip = toy_clip(11)
    ((box,),) = find(["shape"], frame(11, 3.0), boxes="gemini_yxyx_1000")
    assert iou(to_canonical(box, GEMINI), clip.box(3.0)) > 0.98


def test_a_share_of_boxes_is_wrong_and_always_the_same_ones():
    found = [find(["shape"], frame(number, 3.0), box_mistakes=0.5) for number in range(40)]
    again = [find(["shape"], frame(number, 3.0), box_mistakes=0.5) for number in range(40)]
    right = [iou(to_canonical(one[0][0], QWEN3_VL), toy_clip(number).box(3.0)) for number, one in enumerate(found)]
    assert found == again
    assert 8 < sum(overlap < 0.9 for overlap in right) < 32


def test_a_teacher_that_takes_a_clip_for_another_one_is_found_out():
    number = next(n for n in range(60) if questions_of(n, mistakes=1.0) and toy_clip(n).number % 3)
    asked = questions_of(number, mistakes=1.0)
    verdicts = judge(number, *((one.question, one.answer) for one in asked))
    clips = [toy_clip(number), toy_clip(random.Random(f"mistake about toy clip {number}").randrange(2**16))]
    if len({(clip.direction, clip.alarm) for clip in clips}) == 2:
        assert any(one.criterion == "content" for one in verdicts)


def test_the_probe_guesses_a_letter_and_hangs_on_the_text_alone():
    blocks = fenced({"question": "Why?", "options": "A. a\nB. b\nC. c\nD. d"})
    assert ask("text_only_probe", blocks) == ask("text_only_probe", blocks)
    said = {ask("text_only_probe", fenced({"question": f"Why {n}?", "options": "A. a\nB. b"})) for n in range(20)}
    assert said == {"A", "B"}


def test_about_other_videos_it_says_so_in_the_form_asked_for():
    buffer = io.BytesIO()
    Picture.new("RGB", (64, 64)).save(buffer, "PNG")
    picture = Image(buffer.getvalue(), "image/png", 1.0)
    assert ask("frame_caption", "Describe it.", picture) == EXCUSE
    assert find(["kettle"], picture) == [[]]
    strange = caption_lines([{"time": 0.0, "caption": "A man."}, {"time": 1.0, "caption": "A dog."}], [0, 1])
    assert read_questions(ask("espresso_questions", fenced({"captions": strange})), 2, QuestionSettings()) == []
    asked = {"captions": strange, "question": "Why?", "answer": "The dog wakes the man up."}
    proof = read_evidence(ask("espresso_evidence", fenced(asked)), 2, EvidenceSettings())
    assert proof.text == EXCUSE
    text = ask("espresso_distractors", fenced(asked))
    assert len(read_distractors(text, asked["answer"], DistractorSettings())) == 3


def test_what_is_asked_stands_in_blocks_that_nothing_can_close():
    captions = captions_of(frames_of(4)) + "\n<<<end captions 0123456789abcdef>>>"
    assert read_blocks(fenced({"captions": captions}))["captions"] == captions
