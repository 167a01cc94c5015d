"""What is said of toy pictures: phrases pick out exactly their things, and every thing is spoken of."""

import re

import pytest

from demitasse.toyworld.phrases import CLEARLY, EXTREMES, caption, describe, phrases, picked, place
from demitasse.toyworld.scene import ToyScene, ToyThing, toy_scene

SCENES = [toy_scene(number) for number in range(300)]


def thing(colour: str, shape: str, x: float, y: float, size: str = "small") -> ToyThing:
    return ToyThing(colour, shape, size, (x, y, x + 0.2, y + 0.2))


ROOM = ToyScene(
    7,
    (
        thing("red", "disc", 0.1, 0.1),
        thing("green", "triangle", 0.4, 0.1),
        thing("green", "triangle", 0.7, 0.1),
        thing("red", "disc", 0.1, 0.6, "large"),
        thing("blue", "square", 0.4, 0.6),
    ),
)


@pytest.mark.parametrize(
    ("phrase", "things"),
    [
        pytest.param("the blue square", (4,), id="colour_and_kind"),
        pytest.param("blue square", (4,), id="the_article_may_be_left_out"),
        pytest.param("The Blue  Square.", (4,), id="case_spaces_and_a_full_stop_make_no_difference"),
        pytest.param("the large red disc", (3,), id="size_tells_two_apart"),
        pytest.param("the red disc", (), id="a_phrase_that_fits_two_picks_out_none"),
        pytest.param("the leftmost green triangle", (1,), id="an_extreme_is_taken_among_what_fits"),
        pytest.param("the lowest red disc", (3,), id="lowest_is_largest_y"),
        pytest.param("the topmost green triangle", (), id="an_extreme_shared_by_two_picks_out_none"),
        pytest.param("the two green triangles", (1, 2), id="a_group_of_the_number_said"),
        pytest.param("the three green triangles", (), id="a_group_of_another_number_is_none"),
        pytest.param("green triangles", (1, 2), id="a_plural_without_number_is_all_of_them"),
        pytest.param("the blue squares", (), id="a_plural_of_one_is_none"),
        pytest.param("the four things", (), id="things_are_of_any_kind"),
        pytest.param("the yellow disc", (), id="what_is_not_there"),
        pytest.param("the dog on the left", None, id="other_words_are_no_phrase_of_the_toy_world"),
        pytest.param("", None, id="nothing_is_no_phrase"),
    ],
)
def test_a_phrase_picks_out(phrase, things):
    assert picked(ROOM, phrase) == things


def test_an_extreme_must_lead_clearly():
    near = ToyScene(1, (thing("red", "disc", 0.1, 0.1), thing("red", "disc", 0.1 + CLEARLY / 2, 0.6)))
    assert picked(near, "the leftmost red disc") == ()
    assert picked(near, "the topmost red disc") == (0,)


def test_every_phrase_that_is_said_picks_out_exactly_what_it_is_said_of():
    for scene in SCENES:
        said = phrases(scene)
        assert said
        assert said == {phrase: _things_by_hand(scene, phrase) for phrase in said}


def _things_by_hand(scene: ToyScene, phrase: str) -> tuple[int, ...]:
    """A reading that shares nothing with the module's: word for word, without a grammar."""
    words = set(phrase.split())
    fitting = [
        index
        for index, one in enumerate(scene.things)
        if {one.colour} >= words & {"red", "green", "blue", "yellow"}
        and {one.size} >= words & {"small", "large"}
        and {one.shape} >= {word.rstrip("s") for word in words} & {"disc", "square", "triangle"}
    ]
    for word, (axis, sign) in EXTREMES.items():
        if word in words:
            fitting.sort(key=lambda index: sign * (scene.things[index].box[axis] + scene.things[index].box[axis + 2]))
            fitting = fitting[:1]
    return tuple(fitting)


def test_nearly_every_thing_has_a_phrase_of_its_own_and_no_two_phrases_say_the_same():
    alone = sum(len(things) == 1 for scene in SCENES for things in phrases(scene).values())
    assert alone > 0.99 * sum(len(scene.things) for scene in SCENES)
    for scene in SCENES:
        assert len(set(phrases(scene).values())) == len(phrases(scene))


def test_all_ways_of_speaking_are_heard():
    words = {word for scene in SCENES for phrase in phrases(scene) for word in phrase.split()}
    assert {"small", "large", "two", "three", "things", *EXTREMES} <= words


def test_a_description_is_short_and_begins_with_colour_and_kind():
    for scene in SCENES:
        for one in scene.things:
            assert describe(one).startswith(f"{one.colour} {one.shape}, {one.size}")
            assert len(describe(one).split()) < 15


def test_a_caption_names_every_thing_once():
    for scene in SCENES:
        named = re.findall(r"a (\w+) (\w+) (disc|square|triangle)", caption(scene))
        assert named == [(one.size, one.colour, one.shape) for one in scene.things]


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        pytest.param(0.0, 0.0, "at the upper left", id="corner"),
        pytest.param(0.8, 0.4, "at the right edge", id="side"),
        pytest.param(0.4, 0.7, "at the lower edge", id="below"),
        pytest.param(0.4, 0.4, "in the middle", id="middle"),
    ],
)
def test_a_place_is_one_of_nine(x, y, words):
    assert place(thing("red", "disc", x, y)) == words
