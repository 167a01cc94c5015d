"""STAR's programs: every function of the executor, and items of all four types that execute to their answers."""

import json

import pytest

from annotate.cotasks.star_classes import (
    ACTIONS,
    FEASIBLE,
    OBJECTS,
    RELATIONS,
    action_parts,
    object_name,
    relation_name,
)
from annotate.cotasks.star_programs import READINGS, ProgramFault, program_values, run_item, run_program

# In order of the frames: take a book, open a closet, put the book away; the closet is seen while it is opened.
OPEN_CLOSET, TAKE_BOOK, PUT_BOOK, HOLD_BOOK = "a087", "a023", "a022", "a020"
GRAPH = {
    "000100": {"actions": [OPEN_CLOSET], "bbox_labels": ["o003", "o000"], "rel_labels": ["r002"]},
    "000020": {"actions": [TAKE_BOOK], "bbox_labels": ["o017", "o000"], "rel_labels": ["r009", "r002"]},
    "000200": {"actions": [OPEN_CLOSET, PUT_BOOK], "bbox_labels": ["o017"], "rel_labels": ["r003"]},
}


def run(words, graph=GRAPH, resolve=True):
    return run_program(graph, words.split(), resolve)


@pytest.mark.parametrize(
    ("words", "result"),
    [
        pytest.param("Situations Actions", [TAKE_BOOK, OPEN_CLOSET, PUT_BOOK], id="actions_in_order_each_once"),
        pytest.param("Situations Objs", ["o017", "o000", "o003"], id="objects_each_once"),
        pytest.param("Situations Rels", ["r009", "r002", "r003"], id="relations_each_once"),
        pytest.param("Situations Actions open Filter_Actions_with_Verb", [OPEN_CLOSET], id="by_verb"),
        pytest.param("Situations Actions book Filter_Actions_with_Obj", [TAKE_BOOK, PUT_BOOK], id="by_object"),
        pytest.param(
            "Situations Actions Situations Actions open Filter_Actions_with_Verb Unique Filter_After_Actions",
            [PUT_BOOK],
            id="what_comes_after",
        ),
        pytest.param(
            "Situations Actions Situations Actions open Filter_Actions_with_Verb Unique Filter_Before_Actions",
            [TAKE_BOOK],
            id="what_comes_before",
        ),
        pytest.param("Situations holding Filter_Situations_with_Rel Actions", [TAKE_BOOK], id="frames_with_a_relation"),
        pytest.param(
            "Situations closet/cabinet Filter_Situations_with_Obj Actions", [OPEN_CLOSET], id="frames_with_an_object"
        ),
        pytest.param(
            "Situations bed Filter_Situations_with_Obj Actions",
            [TAKE_BOOK, OPEN_CLOSET, PUT_BOOK],
            id="all_frames_where_none_has_it",
        ),
        pytest.param("Situations Objs open Filter_Objs_by_Verb", ["book", "closet/cabinet"], id="what_can_be_opened"),
        pytest.param("Situations Actions Query_Earliest_Action", TAKE_BOOK, id="the_first"),
        pytest.param("Situations Actions Query_Latest_Action", PUT_BOOK, id="the_last"),
        pytest.param("Situations Actions Unique Query_Verbs", "take", id="the_verb_of_one"),
        pytest.param("Situations Actions Query_Verbs", ["take", "open", "put"], id="the_verbs_of_all"),
        pytest.param("Situations Actions Unique Query_Objs", "book", id="the_object_of_one"),
        pytest.param("Situations Actions Unique Query_Actions", ["take", "book"], id="verb_and_object"),
        pytest.param("take book Union", ["take", "book"], id="two_values_make_a_pair"),
        pytest.param(
            "Situations Actions open Filter_Actions_with_Verb Situations Actions put Filter_Actions_with_Verb Union",
            [OPEN_CLOSET, PUT_BOOK],
            id="two_lists_are_joined",
        ),
        pytest.param(
            "Situations Actions Situations Actions open Filter_Actions_with_Verb Except",
            [TAKE_BOOK, PUT_BOOK],
            id="all_but_some",
        ),
        pytest.param(
            "Situations Actions Situations Actions throw Filter_Actions_with_Verb Except",
            [TAKE_BOOK, OPEN_CLOSET, PUT_BOOK],
            id="all_but_nothing",
        ),
        pytest.param(
            "Situations Actions throw Filter_Actions_with_Verb Query_Actions", [None, None], id="no_action_is_a_pair"
        ),
        pytest.param("Situations Actions Unique Query_Actions take book Union Equal", "Correct", id="pairs_are_equal"),
        pytest.param("Situations Actions throw Filter_Actions_with_Verb Unique Query_Objs book Equal", "Wrong",
                     id="nothing_equals_nothing"),
        pytest.param("Situations Actions Query_Objs book Belong_to", "Correct", id="one_of_several"),
        pytest.param("Situations Actions Query_Objs door Belong_to", "Wrong", id="none_of_several"),
    ],
)  # fmt: skip
def test_a_function_does_what_the_official_one_does(words, result):
    assert run(words) == result


def test_unresolved_numbers_find_nothing_as_in_the_official_executor():
    """It compares "o017" with 17: a filter that finds nothing keeps every frame, and no object can be done anything."""
    every = [TAKE_BOOK, OPEN_CLOSET, PUT_BOOK]
    assert run("Situations closet/cabinet Filter_Situations_with_Obj Actions", resolve=False) == every
    with pytest.raises(ProgramFault):
        run("Situations Objs open Filter_Objs_by_Verb", resolve=False)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("Unique", id="too_few_arguments"),
        pytest.param("", id="no_program"),
        pytest.param("Situations Actions throw Filter_Actions_with_Verb", id="nothing_is_left"),
        pytest.param("Situations Actions a000 Filter_After_Actions", id="after_what_is_not_done"),
        pytest.param("a999 Query_Verbs", id="an_action_that_is_none"),
    ],
)
def test_a_program_that_cannot_run_says_so(words):
    with pytest.raises(ProgramFault):
        run(words)


@pytest.mark.parametrize("graph", [{}, {"000001": {}}, {"x": {"actions": []}}])
def test_an_empty_graph_leaves_no_answer(graph):
    with pytest.raises(ProgramFault):
        run("Situations Actions", graph)
    assert run("Situations Actions Unique Query_Objs book Equal", graph) == "Wrong"


def program(words):
    """As published: the values go with the function that takes them."""
    steps, values = [], []
    for word in words.split():
        if word[0].isupper():
            steps.append({"function": word, "value_input": values})
            values = []
        else:
            values.append(word)
    return steps


EQUAL_OBJECT = [f"{name} Equal" for name in ("book", "door", "closet/cabinet", "bed")]
EQUAL_ACTION = [f"{name} Union Equal" for name in ("open door", "put book", "take bed", "open closet/cabinet")]


@pytest.mark.parametrize(
    ("question", "choices", "right"),
    [
        pytest.param(
            "Situations Actions open Filter_Actions_with_Verb Unique Query_Objs", EQUAL_OBJECT, 2, id="interaction"
        ),
        pytest.param(
            "Situations Actions Situations Actions closet/cabinet Filter_Actions_with_Obj open "
            "Filter_Actions_with_Verb Unique Filter_After_Actions put Filter_Actions_with_Verb Unique Query_Objs",
            EQUAL_OBJECT,
            0,
            id="sequence_after",
        ),
        pytest.param(
            "Situations Actions Situations Actions put Filter_Actions_with_Verb Unique Filter_Before_Actions "
            "Query_Latest_Action Query_Actions",
            EQUAL_ACTION,
            3,
            id="sequence_before",
        ),
        pytest.param("Situations Actions Query_Latest_Action Query_Actions", EQUAL_ACTION, 1, id="prediction"),
        pytest.param(
            "Situations Objs open Filter_Objs_by_Verb",
            [f"{name} Belong_to" for name in ("bed", "door", "closet/cabinet", "food")],
            2,
            id="feasibility",
        ),
    ],
)  # fmt: skip
def test_items_of_every_type_execute_to_one_answer(question, choices, right):
    outcome = run_item(GRAPH, program(question), [program(choice) for choice in choices])
    assert outcome.chosen == right and sorted(outcome.verdicts) == ["Correct", "Wrong", "Wrong", "Wrong"]


def test_two_right_choices_are_no_answer_and_so_is_one_that_cannot_run():
    ask = program("Situations Actions Query_Objs")
    both = run_item(GRAPH, ask, [program("book Belong_to"), program("closet/cabinet Belong_to")])
    assert both.verdicts == ("Correct", "Correct") and both.chosen is None
    broken = run_item(GRAPH, ask, [program("book Belong_to"), program("Filter_After_Actions")])
    assert broken.verdicts == ("Correct", "") and broken.chosen is None


def test_a_program_may_be_bare_words():
    """STAR's templates are lists of words; the published items have steps with their values."""
    assert run_program(GRAPH, ["Situations", "Actions", "Unique", "Query_Objs"]) == "book"
    assert program_values(program("Situations Actions open Filter_Actions_with_Verb book Belong_to")) == [
        "open",
        "book",
    ]


def test_classes_are_all_there_and_named_by_number():
    assert (len(OBJECTS), len(RELATIONS), len(ACTIONS), len(FEASIBLE)) == (37, 24, 111, 95)
    assert (object_name("o003"), relation_name("r009"), action_parts("a086")) == (
        "closet/cabinet",
        "holding",
        ("close", "closet/cabinet"),
    )
    assert object_name("o999") == "o999" and action_parts("x") is None and object_name("17") == "book"


def test_classes_are_those_of_the_published_lists(real):
    def lines(name):
        return [line.split(maxsplit=1) for line in real(f"star/{name}").read_text().splitlines() if line.strip()]

    verbs, objects = dict(lines("verb_classes.txt")), dict(lines("object_classes.txt"))
    assert list(objects.values()) == list(OBJECTS)
    assert [name for _, name in lines("relationship_classes.txt")] == list(RELATIONS)
    mapping = [(verbs[parts.split()[0]], objects[parts.split()[1]]) for _, parts in lines("action_mapping.txt")]
    assert mapping == list(ACTIONS)


@pytest.mark.parametrize("reading", READINGS)
def test_the_real_item_executes_to_its_answer(real, reading):
    item = json.loads(real("star/item_Interaction_T1_3772.json").read_text())
    choices = [choice["choice_program"] for choice in item["choices"]]
    outcome = run_item(item["situations"], item["question_program"], choices, reading)
    assert item["choices"][outcome.chosen]["choice"] == item["answer"]
