"""STAR's vocabulary: what its numbered classes mean (STAR and Action Genome publish them beside their annotations).

An item's graph speaks in numbers, `o003` is a closet or cabinet, and its programs in words; an action is a verb and
an object. The order is the numbering.
"""

from __future__ import annotations

_OBJECTS = """
    person broom picture closet/cabinet blanket window table paper/notebook refrigerator pillow cup/glass/bottle shelf
    shoe medicine phone/camera box sandwich book bed clothes mirror sofa/couch floor bag dish laptop door towel food
    chair doorknob doorway groceries hands light vacuum television
"""
_RELATIONS = """
    on behind in_front_of on_the_side_of above beneath drinking_from have_it_on_the_back wearing holding lying_on
    covered_by carrying eating leaning_on sitting_on twisting writing_on standing_on touching wiping at under near
"""
# Verb and object of a000 to a110.
_ACTIONS = """
    hold:clothes put:clothes take:clothes throw:clothes tidy:clothes wash:clothes close:door open:door sit:table
    sit:table tidy:table wash:table hold:phone/camera put:phone/camera take:phone/camera open:bag put:bag take:bag
    throw:bag close:book hold:book open:book put:book take:book throw:book watch:book put:towel take:towel throw:towel
    tidy:towel close:box hold:box open:box put:box take:box throw:box close:laptop hold:laptop open:laptop put:laptop
    take:laptop hold:shoe put:shoe take:shoe throw:shoe sit:chair stand:chair hold:food put:food take:food throw:food
    eat:sandwich hold:sandwich put:sandwich take:sandwich hold:blanket put:blanket take:blanket throw:blanket
    tidy:blanket hold:pillow put:pillow take:pillow throw:pillow take:picture hold:picture put:picture watch:picture
    close:window open:window wash:window watch:window hold:mirror wash:mirror walk:doorway hold:broom put:broom
    take:broom throw:broom tidy:broom turn:light turn:light drink:cup/glass/bottle put:cup/glass/bottle
    take:cup/glass/bottle wash:cup/glass/bottle close:closet/cabinet open:closet/cabinet tidy:closet/cabinet
    put:paper/notebook take:paper/notebook hold:dish put:dish take:dish wash:dish lie:sofa/couch sit:sofa/couch
    lie:floor sit:floor hold:medicine eat:medicine put:groceries watch:television lie:bed sit:bed hold:vacuum
    take:vacuum wash:hands grasp:doorknob close:refrigerator open:refrigerator
"""
_SPATIAL = "on behind in_front_of on_the_side_of above beneath at under near"
_ASKED_VERBS = "wash sit lie tidy hold throw put close take open eat"
_NEVER_ASKED = "hands chair vacuum groceries"

OBJECTS = tuple(_OBJECTS.split())
RELATIONS = tuple(_RELATIONS.split())
ACTIONS = tuple((action.partition(":")[0], action.partition(":")[2]) for action in _ACTIONS.split())
# Relations that say where a thing is; the others say that a person is in contact with it.
SPATIAL = frozenset(_SPATIAL.split())
PERSON = "person"

# `Filter_Objs_by_Verb` keeps what these verbs can be done to: the actions above, but for a few things that no question
# is asked about.
FEASIBLE = frozenset(
    (verb, thing) for verb, thing in ACTIONS if verb in _ASKED_VERBS.split() and thing not in _NEVER_ASKED.split()
)


def object_name(number: str) -> str:
    """The name of an object class, `o003`; the number itself if it is none."""
    return _name(number, "o", OBJECTS)


def relation_name(number: str) -> str:
    """The name of a relation class, `r009`; the number itself if it is none."""
    return _name(number, "r", RELATIONS)


def action_parts(number: str) -> tuple[str, str] | None:
    """Verb and object of an action class, `a086`; None if it is none."""
    place = _place(number, "a", len(ACTIONS))
    return None if place is None else ACTIONS[place]


def _name(number: str, mark: str, names: tuple[str, ...]) -> str:
    place = _place(number, mark, len(names))
    return number if place is None else names[place]


def _place(number: str, mark: str, count: int) -> int | None:
    digits = number.removeprefix(mark)
    return int(digits) if digits.isdecimal() and digits.isascii() and int(digits) < count else None
