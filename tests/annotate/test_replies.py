"""What counts as a usable reply, for each form."""

import json

import pytest

from annotate.video_reasoning.captions import read_events
from annotate.video_reasoning.entries import letter_reference
from annotate.video_reasoning.filter import CLASS, FILTER
from annotate.video_reasoning.highlight import MOMENT
from annotate.video_reasoning.prompt_keys import QA_TYPES
from annotate.video_reasoning.questions import FORMS, read_entries
from demitasse.engine.caller import ParseError

LENGTH = 12.0  # seconds
MCQ = {
    "question": "Which tool falls?",
    "options": {"A": "a hammer", "B": "a wrench", "C": "a saw", "D": "a file"},
    "answer": "B",
    "reasoning": "The grey tool that falls has an open jaw.",
}
BINARY = {"question": "Is the gate open?", "answer": "yes", "explanation": "It swings aside.", "reasoning": "It moves."}
PAIR = {"questions": [BINARY, {**BINARY, "question": "Is it red?", "answer": "no", "explanation": "It is grey."}]}
SPAN = {"question": "When does the box fall?", "start": "00:03", "end": "00:05", "reasoning": "It tips, then lies."}
PROSE = {"question": "Why does the cart stop?", "answer": "A box blocks it.", "reasoning": "The box lies there."}
TIMED = {**PROSE, "question": "How does 00:02 bear on 00:06?"}


def read(kind: str, content) -> object:
    text = content if isinstance(content, str) else json.dumps(content)
    return FORMS[kind].read(text, LENGTH)


def complaint(kind: str, content) -> str:
    with pytest.raises(ParseError) as error:
        read(kind, content)
    return str(error.value)


IN_BLOCKS = {
    "mcq": """=====
Multiple-Choice Question: Which tool falls?
A. a hammer
B. a wrench
C. a saw
D. a file
=====
Answer: B
=====
Reasoning: The grey tool that falls has an open jaw.""",
    "bcq": """=====
1. Question: Is the gate open?
=====
Answer: Yes. It swings aside.
=====
Reasoning: It moves.
=====
2. Question: Is it red?
=====
Answer: No. It is grey.
=====
Reasoning: It moves.""",
    "temporal_localization": """Question: When does the box fall?
Answer: Start_Time: [00:03], End_Time: [00:05]
Reasoning: It tips, then lies.""",
    "open_qa": """=====
Open-ended Question: Why does the cart stop?
=====
Answer: A box blocks it.
=====
Reasoning: The box lies there.""",
    "causal_linkage": """**Question:** How does 00:02 bear on 00:06?
**Answer:** A box blocks it.
**Reasoning:** The box lies there.""",
}
IN_JSON = {"mcq": MCQ, "bcq": PAIR, "temporal_localization": SPAN, "open_qa": PROSE, "causal_linkage": TIMED}


@pytest.mark.parametrize("kind", IN_JSON)
def test_a_good_reply_is_read_alike_as_json_and_in_taos_grammar(kind):
    row = {"prompt_key": f"normal_{kind}", "video_length": LENGTH}
    entries = read_entries(row | {"qa_output": json.dumps(IN_JSON[kind])})
    assert entries == read_entries(row | {"qa_output": IN_BLOCKS[kind]})
    assert entries == IN_JSON[kind].get("questions", [IN_JSON[kind]])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"```json\n{json.dumps(MCQ, indent=1)}\n```", id="in_a_fence"),
        pytest.param(f"Here you are: {json.dumps(MCQ)} I hope this helps.", id="with_prose_around"),
        pytest.param(
            json.dumps(MCQ | {"reasoning": "@"}).replace("@", MCQ["reasoning"].replace(" has", "\nhas")),
            id="raw_line_break",
        ),
    ],
)
def test_json_is_read(text):
    assert read("mcq", text).answer == "B"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("(B)", id="bracketed"),
        pytest.param("**B**", id="bold"),
        pytest.param("B. a wrench", id="with_its_text"),
        pytest.param("The correct answer is B.", id="in_a_sentence"),
        pytest.param("a wrench", id="as_the_options_text"),
    ],
)
def test_an_answer_names_its_option(answer):
    assert read("mcq", MCQ | {"answer": answer}).answer == "B"


def test_labels_inside_the_options_are_dropped():
    options = {letter: f"{letter}. {text}" for letter, text in MCQ["options"].items()}
    assert read("mcq", MCQ | {"options": options}).options.texts() == MCQ["options"]


@pytest.mark.parametrize(
    ("kind", "content", "said"),
    [
        pytest.param("mcq", MCQ | {"answer": "E"}, "answer", id="an_answer_that_is_no_option"),
        pytest.param("mcq", MCQ | {"answer": "B or C"}, "answer", id="two_answers"),
        pytest.param("mcq", MCQ | {"options": MCQ["options"] | {"D": "A wrench."}}, "same", id="an_option_twice"),
        pytest.param("mcq", MCQ | {"options": {"A": "x", "B": "y"}}, "options.C", id="too_few_options"),
        pytest.param(
            "mcq", MCQ | {"options": MCQ["options"] | {"C": " "}}, "options.C: must not be empty", id="an_empty_option"
        ),
        pytest.param(
            "mcq", MCQ | {"reasoning": "So B is right."}, "by letter ('B is right", id="a_letter_in_the_reasoning"
        ),
        pytest.param("mcq", MCQ | {"reasoning": " "}, "reasoning: must not be empty", id="empty_reasoning"),
        pytest.param("mcq", MCQ | {"reasoning": "\ud800"}, "half of a surrogate pair", id="half_a_surrogate_pair"),
        pytest.param(
            "bcq",
            {"questions": [BINARY, {**BINARY, "question": "Other?"}]},
            "one whose answer is no",
            id="two_times_yes",
        ),
        pytest.param("bcq", {"questions": [BINARY]}, "exactly two questions", id="one_binary_question"),
        pytest.param(
            "bcq", {"questions": [BINARY, BINARY | {"answer": "no"}]}, "must differ", id="the_same_question_twice"
        ),
        pytest.param(
            "bcq", {"questions": [BINARY, BINARY | {"answer": "maybe"}]}, "questions.1.answer", id="neither_yes_nor_no"
        ),
        pytest.param("open_qa", PROSE | {"answer": ""}, "answer: must not be empty", id="an_empty_answer"),
        pytest.param("open_qa", {"question": "Q?", "answer": "a"}, "reasoning", id="missing_reasoning"),
        pytest.param("temporal_localization", SPAN | {"end": "00:03"}, "must lie before", id="a_span_without_length"),
        pytest.param(
            "temporal_localization",
            SPAN | {"start": "00:09"},
            "must lie before",
            id="a_span_that_ends_before_it_starts",
        ),
        pytest.param("temporal_localization", SPAN | {"end": "00:13"}, "beyond the end", id="a_time_past_the_end"),
        pytest.param("temporal_localization", SPAN | {"end": "soon"}, "not a time", id="no_time"),
        pytest.param(
            "temporal_localization",
            SPAN | {"question": "What falls at 00:03?"},
            "must not contain a time",
            id="a_question_that_tells_the_time",
        ),
        pytest.param("causal_linkage", PROSE, "two different times", id="a_linkage_question_without_times"),
        pytest.param(
            "temporal_event_desc",
            TIMED | {"question": "What happens from 00:02 to 00:20?"},
            "beyond the end",
            id="a_question_about_a_time_past_the_end",
        ),
        pytest.param("open_qa", "I cannot help with that.", "not in the form", id="neither_json_nor_blocks"),
        pytest.param("mcq", "Question: Which?\nAnswer: B\nReasoning: seen", "options", id="blocks_without_options"),
    ],
)
def test_a_reply_is_sent_back_for(kind, content, said):
    assert said in complaint(kind, content)


def test_a_complaint_does_not_quote_the_whole_reply_back():
    assert len(complaint("mcq", MCQ | {"reasoning": "B is right. " * 500})) < 400


@pytest.mark.parametrize(
    ("start", "end", "told"),
    [
        pytest.param("[00:03]", "[00:05]", ("00:03", "00:05"), id="brackets"),
        pytest.param("0:03", "0:05", ("00:03", "00:05"), id="short_minutes"),
        pytest.param("00:00:03", "00:00:05", ("00:03", "00:05"), id="with_hours"),
        pytest.param("3.6", "4.2", ("00:03", "00:05"), id="fractions_widen_the_span"),
        pytest.param(3, 5, ("00:03", "00:05"), id="bare_numbers"),
        pytest.param("3 s", "5 s", ("00:03", "00:05"), id="with_a_unit"),
    ],
)
def test_times_become_minutes_and_seconds(start, end, told):
    reply = read("temporal_localization", SPAN | {"start": start, "end": end})
    assert (reply.start, reply.end) == told


def test_the_second_in_which_the_video_ends_is_inside_it():
    reply = FORMS["temporal_localization"].read(json.dumps(SPAN | {"end": "00:13"}), 12.3)
    assert reply.end == "00:13"


@pytest.mark.parametrize(
    "text",
    [
        "Option C shows a lorry.",
        "So the answer is B.",
        "This rules out (D).",
        "A and C are impossible.",
        "B) cannot be.",
        "Choice A is wrong.",
        "We can exclude options C and D.",
        "The correct answer: A",
    ],
)
def test_a_letter_that_stands_for_an_option_is_found(text):
    assert letter_reference(text)


@pytest.mark.parametrize(
    "text",
    [
        "A man walks in lane B.",
        "The answer: A red car, seen at 00:03, turns.",
        "It is 20 C outside, and the C-shaped bracket holds.",
        "He has the option of leaving.",
        "The sign says D.",
        "Platform A's lights go out.",
    ],
)
def test_a_capital_letter_that_stands_for_something_else_is_left_alone(text):
    assert letter_reference(text) is None


@pytest.mark.parametrize(
    ("text", "usable"),
    [
        pytest.param('{"usable": true, "reason": "Sharp."}', True, id="json"),
        pytest.param("**Yes**", True, id="bold"),
        pytest.param("Yes. It is sharp.", True, id="with_a_reason"),
        pytest.param("No, it is a test card.", False, id="no"),
    ],
)
def test_a_verdict_on_the_footage_is_read(text, usable):
    assert FILTER.read(text, LENGTH).usable is usable


@pytest.mark.parametrize("text", ["None visible", "Yes and no.", "Perhaps.", ""])
def test_an_unclear_verdict_on_the_footage_is_no_verdict(text):
    with pytest.raises(ParseError):
        FILTER.read(text, LENGTH)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        pytest.param('{"observation": "a", "rationale": "b", "class": "Anomaly"}', "anomaly", id="json"),
        pytest.param("A box falls.\nThat is unusual.\nAnomaly", "anomaly", id="last_line"),
        pytest.param("A box falls.\n**Anomaly**", "anomaly", id="bold"),
        pytest.param("A man walks.\nClassification: Normal.", "normal", id="with_a_label"),
        pytest.param("Anomaly\nI hope this helps.", "anomaly", id="with_a_line_after_it"),
    ],
)
def test_a_class_is_read(text, label):
    assert CLASS.read(text, LENGTH).label == label


@pytest.mark.parametrize("text", ["A man walks.", "Anomaly\nNormal", "This is not an anomaly at all."])
def test_an_unclear_class_is_never_normal_by_default(text):
    with pytest.raises(ParseError):
        CLASS.read(text, LENGTH)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param('{"seconds": 5.5}', 5.5, id="json"),
        pytest.param('{"seconds": "0:07"}', 7.0, id="json_with_a_clock_time"),
        pytest.param("7.25", 7.25, id="a_bare_number"),
        pytest.param("00:00:11", 11.0, id="hours_minutes_seconds"),
        pytest.param("The impact is at 0:05.", 5.0, id="minutes_seconds_in_a_sentence"),
        pytest.param("frame 3, at 9.5 s", 9.5, id="a_unit_beats_another_number"),
        pytest.param("12.0", 12.0, id="the_very_end"),
    ],
)
def test_the_critical_moment_is_read(text, seconds):
    assert MOMENT.read(text, LENGTH).seconds == seconds


@pytest.mark.parametrize(
    "text", ["between 3 and 7", "at 0:03 or 0:07", "1:05", "-3 or so, or 4", '{"seconds": -1}', "soon"]
)
def test_an_unclear_or_impossible_moment_is_sent_back(text):
    with pytest.raises(ParseError):
        MOMENT.read(text, LENGTH)


@pytest.mark.parametrize(
    "text",
    [
        "<00:00:00><00:00:04> A man walks.\n<00:00:04><00:00:12> He sits.",
        "[00:00] [00:04] A man walks.",
        "- [0:00-0:04] A man walks.",
        "00:00 to 00:04.5: A man walks.",
    ],
)
def test_a_list_of_events_is_kept_as_it_was_written(text):
    assert read_events(f"\n{text}\n", LENGTH) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("A man walks.", "No line has the form", id="without_times"),
        pytest.param("<00:00:04><00:00:14> He sits.", "beyond the end", id="past_the_end"),
        pytest.param("<00:00:04><00:00:02> He sits.", "no span", id="backwards"),
        pytest.param(" ", "empty", id="empty"),
    ],
)
def test_a_list_of_events_is_sent_back(text, said):
    with pytest.raises(ParseError, match=said):
        read_events(text, LENGTH)


def test_no_schema_uses_keywords_that_endpoints_refuse():
    forms = [*FORMS.values(), FILTER, CLASS, MOMENT]
    text = json.dumps([form.schema for form in forms])
    assert not any(f'"{word}"' in text for word in ("minLength", "pattern", "format", "default", "allOf"))
    assert all(form.schema["additionalProperties"] is False for form in forms)


def test_every_question_type_has_its_form():
    assert tuple(FORMS) == QA_TYPES
