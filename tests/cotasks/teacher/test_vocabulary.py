"""The words of VidOR: as many as there are, and each comes back from a CoTask's text as it went in."""

import pytest

from annotate.cotasks.teacher.prompt_keys import PROMPTS, used_keys
from annotate.cotasks.teacher.told import blocks, named, refuse, worded
from annotate.cotasks.teacher.vocabulary import VOCABULARIES
from annotate.cotasks.vidor import SPATIAL
from demitasse.chat.blocks import read_blocks
from demitasse.cotasks.reading import read_task
from demitasse.cotasks.record import CoTasks, Entity, Event, Relation, one_word
from demitasse.cotasks.text import FORMS, write_task
from demitasse.engine.caller import ParseError
from demitasse.prompts import load_pack

VIDOR = VOCABULARIES["vidor"]


def test_there_are_as_many_words_as_vidor_has():
    assert [len(set(words)) for words in (VIDOR.categories, VIDOR.spatial, VIDOR.actions)] == [80, 8, 42]
    assert set(VIDOR.spatial) == SPATIAL


@pytest.mark.parametrize("word", [*VIDOR.categories, *VIDOR.spatial, *VIDOR.actions])
def test_each_word_is_one_as_records_write_it(word):
    assert one_word(word) == word


@pytest.mark.parametrize("form", FORMS)
def test_every_category_comes_back_from_a_students_text(form):
    names = tuple(f"{word} 1" for word in VIDOR.categories)
    told = CoTasks("q", 1.0, 2, entities=tuple(Entity(name, name[:-2]) for name in names))
    assert read_task(write_task(told, 1, form=form), 1).value.entities == names


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("thing", ["ball/sports_ball 1", "stop_sign 2"])
def test_every_predicate_comes_back_from_a_students_text(form, thing):
    relations = tuple(Relation(1.0, "adult 1", word, thing, "reply") for word in VIDOR.spatial)
    events = tuple(Event("adult 1", word, thing, 1.0, 2.0) for word in VIDOR.actions)
    alone = tuple(Event("adult 1", word, None, 2.0, 3.0) for word in VIDOR.actions)
    told = CoTasks("q", 4.0, 5, relations=relations, events=(*events, *alone))
    assert read_task(write_task(told, 3, form=form), 3).value.relations == relations
    assert read_task(write_task(told, 4, form=form), 4).value.events == (*events, *alone)


def test_an_open_vocabulary_takes_any_word_as_one():
    assert worded("Traffic  Cone", VOCABULARIES["open"].categories, "entity 1") == "traffic_cone"
    assert "one plain word" in VOCABULARIES["open"].told(())
    with pytest.raises(ValueError, match="entity 1: 'Traffic Cone' is none of the words"):
        worded("Traffic Cone", VIDOR.categories, "entity 1")


def test_names_are_taken_however_their_letters_are_written():
    assert named(" Adult  1 ", ["adult 1"], "event 1") == "adult 1"
    with pytest.raises(ValueError, match="event 1: 'adult 2' is no name of the list, which has adult 1"):
        named("adult 2", ["adult 1"], "event 1")


def test_what_is_empty_stands_in_no_block():
    assert list(read_blocks(blocks({"asked": "why"}, boxes=""))) == ["question"]
    told = blocks({"asked": "why", "entities": [{"name": "dog 1", "description": "a dog"}]}, boxes="frame 1: ...")
    assert read_blocks(told) == {"question": "why", "entities": "dog 1: a dog", "boxes": "frame 1: ..."}


def test_a_few_faults_are_told_and_the_others_counted():
    refuse([])
    with pytest.raises(ParseError, match=r"one\. two\. three\. four\. And 2 more\."):
        refuse(["one", "two", "three", "four", "five", "six"])


@pytest.mark.parametrize("steps", [["1"], ["2", "3"], ["1", "2", "3", "4"]])
def test_the_pack_has_every_prompt_with_its_values(steps):
    pack = load_pack("cotasks", PROMPTS, used_keys(steps))
    for key in used_keys(steps):
        names = PROMPTS[key].required | PROMPTS[key].optional
        rendered = pack.render(key, {name: f"<{name}>" for name in names})
        assert all(f"<{name}>" in rendered for name in PROMPTS[key].required)
