import pytest

from annotate.quality.leak import find_leak, judge_leak

LEAKS = [
    "According to the caption, a car turns left.",
    "According to the dense caption, the man leaves at 00:05.",
    "The description says that a red car stops.",
    "The video description also mentions two workers.",
    "The caption describes a forklift backing up.",
    "As described in the captions, the box falls.",
    "As stated in the description, the light is red.",
    "This is mentioned in the global caption.",
    "Based on the provided description, the driver brakes.",
    "Based on the annotations, two vehicles collide.",
    "From the chunk captions we can tell that it rains.",
    "As provided in the annotation, the car is at the left.",
    "The bounding boxes provided show two people.",
    "The provided bounding boxes overlap, so the two touch.",
    "According to the ground truth, the answer is yes.",
    "The ground-truth annotation indicates an accident.",
    "The given information does not mention a second car.",
    "The provided text makes no mention of rain.",
    "In the provided summary the truck arrives first.",
    "The highlight caption confirms the collision.",
    "The captions note that the shape freezes.",
    "Per the annotations, the pallet tips over.",
    "The transcript states that the door closes.",
    "The metadata indicates a length of 12 seconds.",
    "The caption does not mention any pedestrian.",
    "The prompt asks for the direction.",
    "The user provided two captions.",
    "I cannot see the video, but the car probably turns.",
    "Without access to the video, one can only guess.",
    "As an AI, I infer that the car turns.",
    "This aligns with the description, so the answer is no.",
    "From the detailed description, the worker slips.",
    "The details provided in the prompt say so.",
    "Given the dense captions, the event starts early.",
    "As annotated, the vehicle is a van.",
    "Both captions agree that the car is white.",
    "The captions repeatedly mention smoke.",
    "Judging by the annotated boxes, the cyclist is ahead.",
    "The description makes no reference to a dog.",
    "According to Caption 2, the man sits.",
    "The event description reveals a collision.",
    "Cross-checking with the captions, the door opens first.",
    "The labels provided with the image name a cat.",
    "The dense captions, which list events by time, show the fall at 00:03.",
    "The chunk caption for 00:05 to 00:10 describes a crash.",
    "The ground truth label is 'accident'.",
    "According to the information given, the bus arrives at 00:04.",
]
SOUND = [
    "A red car turns left and stops at the light.",
    "The caption on the screen reads 'Breaking news'.",
    "The caption on the TV screen says that rain is coming.",
    "According to the caption at the bottom of the screen, the match is over.",
    "The on-screen caption says 'Exit'.",
    "The closed captions mention a fire.",
    "According to the sign, the road is closed.",
    "The sign's text says 'Stop'.",
    "The label on the box says 'fragile'.",
    "The price label indicates two pounds.",
    "The man matches the description of the suspect.",
    "The job description on the board lists three tasks.",
    "The annotations on the whiteboard show an arrow.",
    "She writes a description of the scene in her notebook.",
    "The worker checks the label and provides a signature.",
    "The captain says that the boat turns.",
    "The text on the shirt reads 'Team'.",
    "The news caption states that the bridge is shut.",
    "Which option matches the description in the question?",
    "The worker prompts the machine with a button.",
    "The user of the crosswalk waits for the light.",
    "The instructions on the package say to lift here.",
    "The light provided by the lamp is dim.",
    "The information board shows three trains.",
    "He gives the driver the provided ticket.",
    "The context makes clear that the two know each other.",
    "A box drawn on the floor marks the bay.",
    "The camera cannot see the far lane.",
    "The evidence of the collision is the broken glass.",
    "The details of the car cannot be made out.",
    "The summary on the scoreboard shows 3:1.",
    "According to the clock on the wall it is noon.",
    "A caption appears: 'Day 3'.",
    "A sign provides the information that the shop is closed.",
    "The driver's description of the crash amuses the officer.",
    "According to the scoreboard the home team leads.",
    "From the text on the side, it is a delivery van.",
    "The woman gives a description of the thief to the officer.",
    "The captions at the bottom show the name of the town.",
    "The man reads the description of the exhibit on the wall.",
]


@pytest.mark.parametrize("text", LEAKS)
def test_a_phrase_that_names_a_hidden_source_is_found(text):
    assert find_leak(text) is not None


@pytest.mark.parametrize("text", SOUND)
def test_what_can_be_seen_in_the_picture_is_no_leak(text):
    assert find_leak(text) is None


@pytest.mark.parametrize("field", ["question", "answer", "reasoning"])
def test_every_text_of_an_item_is_searched_and_named(make_entry, field):
    verdict = judge_leak(make_entry(**{field: "According to the caption it rains."}))
    assert verdict.word == "drop" and verdict.kind == "names its source"
    assert verdict.reason == f'{field}: "According to the caption"'


GIVEN_AWAY = [
    pytest.param(
        "mcq", "Where does the man put the red box?\nA. red box\nB. shelf\nC. floor\nD. van", "A", True,
        id="the_right_option_alone_stands_in_the_stem",
    ),
    pytest.param(
        "mcq", "Does a car, a van or a bus turn?\nA. a car\nB. a van\nC. a bus\nD. none", "B", False,
        id="a_stem_that_lists_what_may_be_chosen_gives_nothing_away",
    ),
    pytest.param(
        "mcq", "Where is the shelf seen from the floor?\nA. left\nB. shelf\nC. floor\nD. van", "B", False,
        id="a_stem_with_another_option_too_gives_nothing_away",
    ),
    pytest.param(
        "open_qa", "Why is it that the red car stops at the light?", "The red car stops at the light.", True,
        id="a_whole_open_answer_in_the_question",
    ),
    pytest.param("open_qa", "Who stops the red car?", "The red car.", False, id="two_words_meet_by_chance"),
    pytest.param("bcq", "Is the answer yes?\nAnswer with Yes or No.", "Yes", False, id="yes_or_no_is_never_given_away"),
]  # fmt: skip


@pytest.mark.parametrize(("task", "question", "answer", "leaks"), GIVEN_AWAY)
def test_a_question_that_holds_its_answer_is_dropped(make_entry, task, question, answer, leaks):
    verdict = judge_leak(make_entry(task, question, answer))
    assert (verdict.kind == "question holds the answer") == leaks
