"""One JSON object of known keys, out of whatever a model wrote around it: read, or left unread for a reason."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demitasse.answers import Status, read_fields

KEYS = ("weather", "lane_type", "difficulty", "broken")
WHOLE = '{"weather": "Clear", "lane_type": "Two lanes", "difficulty": 2, "broken": false}'
SAID = {"weather": "Clear", "lane_type": "Two lanes", "difficulty": 2, "broken": False}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        pytest.param(WHOLE, SAID, id="bare"),
        pytest.param(f"```json\n{WHOLE}\n```", SAID, id="in_a_fence"),
        pytest.param(f"Here it is:\n{WHOLE}\nI hope this helps {{smile}}.", SAID, id="a_brace_behind_it"),
        pytest.param(f"{{}} {WHOLE}", SAID, id="an_empty_object_before_it"),
        pytest.param(f'{{"annotation": {WHOLE}}}', SAID, id="inside_another_object"),
        pytest.param(f"{WHOLE}\n{WHOLE}", SAID, id="said_twice_alike"),
        pytest.param(
            '{"weather": null, "broken": true}', {"weather": None, "broken": True}, id="null_and_keys_missing"
        ),
        pytest.param(
            '{"Weather": "Fog", "Lane Type": "x"}', {"weather": "Fog", "lane_type": "x"}, id="keys_in_other_dress"
        ),
        pytest.param('{"weather": "Fog", "mood": "calm"}', {"weather": "Fog"}, id="a_key_that_nobody_asked_for"),
        pytest.param('{"weather": "a\nb",}', {"weather": "a\nb"}, id="a_bare_newline_and_a_comma_too_many"),
        pytest.param('{"broken": True, "weather": None}', {"broken": True, "weather": None}, id="words_of_python"),
        pytest.param('{"broken": False}', {"broken": False}, id="pythons_word_for_false"),
        pytest.param('{"weather": "Fog", "difficulty": 1', {"weather": "Fog"}, id="a_number_that_may_go_on_is_none"),
        pytest.param('{"weather": "Fog", "lane_type": "Two la', {"weather": "Fog"}, id="cut_in_a_text"),
        pytest.param('{"weather": "Fog", "lane_type": "a "b" c"}', {"weather": "Fog"}, id="a_quote_not_escaped"),
        pytest.param(
            '{"weather": "Fog", "weather": "Rain", "difficulty": 1}', {"difficulty": 1}, id="two_values_are_none"
        ),
        pytest.param('{"weather": "Fog", "weather": "Fog"}', {"weather": "Fog"}, id="one_value_twice"),
        pytest.param(
            '{"weather": ["Fog", {"weather": "Rain"}]}', {"weather": ["Fog", {"weather": "Rain"}]}, id="nested"
        ),
    ],
)
def test_what_is_said_is_read(text, values):
    parsed = read_fields(text, KEYS)
    assert parsed.ok
    assert parsed.value.values == values


@pytest.mark.parametrize(
    ("text", "status", "why"),
    [
        pytest.param("", Status.EMPTY, "empty", id="nothing"),
        pytest.param("I cannot see the video.", Status.REFUSAL, "refusal", id="a_refusal"),
        pytest.param("The weather is clear.", Status.UNPARSABLE, "no_object", id="prose"),
        pytest.param('{"mood": "calm"}', Status.UNPARSABLE, "no_object", id="an_object_of_other_keys"),
        pytest.param('{"weather"= "Fog"}', Status.UNPARSABLE, "no_object", id="no_colon_behind_a_key"),
        pytest.param('[["weather", "Fog"]]', Status.UNPARSABLE, "no_object", id="a_list"),
        pytest.param('{"weather": "Fog"} {"weather": "Rain"}', Status.UNPARSABLE, "two_objects", id="two_that_differ"),
    ],
)
def test_what_cannot_be_read_has_a_reason(text, status, why):
    parsed = read_fields(text, KEYS)
    assert (parsed.value, parsed.status, parsed.method) == (None, status, why)


def test_a_key_with_two_values_is_named_and_a_cut_object_is_not_whole():
    cut, whole = read_fields('{"weather": "Fog", "weather": "Rain",', KEYS), read_fields(WHOLE, KEYS)
    assert (cut.value.twice, cut.value.whole, cut.method) == ({"weather"}, False, "object_cut")
    assert (whole.value.whole, whole.method) == (True, "object")


PIECES = [
    *[
        '{"weather": ',
        '"Fog"',
        '"lane_type": "x"',
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        '"',
        "\\",
        "\n",
        " ",
        "1e999",
        "9" * 5000,
    ],
    *[
        "NaN",
        "-Infinity",
        "True",
        "None",
        "null",
        "```json\n",
        "```",
        "<think>",
        "</think>",
        "\ud800",
        "\u2011",
        "weather",
    ],
]
TEXTS = st.text(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=20).map("".join)


@given(text=TEXTS)
def test_any_text_has_values_of_known_keys_or_a_reason(text):
    parsed = read_fields(text, KEYS)
    assert (parsed.value is not None) == parsed.ok
    assert parsed.method
    if parsed.ok:
        assert set(parsed.value.values) <= set(KEYS)
        assert not parsed.value.twice & parsed.value.values.keys()
        start, end = parsed.span
        assert 0 <= start < end <= len(text)


@given(values=st.dictionaries(st.sampled_from(KEYS), st.none() | st.booleans() | st.integers() | st.text(), min_size=1))
def test_what_json_wrote_comes_back(values):
    import json

    for text in (json.dumps(values), json.dumps(values, indent=2, ensure_ascii=False)):
        assert read_fields(f"Sure:\n```json\n{text}\n```", KEYS).value.values == values


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{" * 200_000, id="braces_that_never_close"),
        pytest.param('{"a":' * 50_000, id="objects_nested_too_deep"),
        pytest.param('{"weather": "' + "x" * 500_000, id="a_text_that_never_ends"),
        pytest.param('{"a":1,' * 50_000, id="objects_that_break_off"),
        pytest.param('{"weather":1} ' * 30_000, id="many_objects"),
        pytest.param('{"x": "' * 30_000, id="many_quotes"),
    ],
)
def test_time_grows_as_the_text_does(text):
    began = time.process_time()
    read_fields(text, KEYS)
    assert time.process_time() - began < 2
