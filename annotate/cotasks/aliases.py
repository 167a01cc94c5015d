"""Which categories a word of a question may mean: "lady" is VidOR's `adult`, "kid" its `child` or `baby`.

VidOR knows 80 categories and, of people, only `adult`, `child` and `baby`: no names, clothes, colours or genders. So
"the lady in blue" is every adult, and a word that may mean several categories means all of them. STAR's classes carry
their synonyms in their names (`sofa/couch`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_PEOPLE = ("adult", "child", "baby")
_WORDS: dict[tuple[str, ...], str] = {
    ("adult",): "adult man men woman women lady ladies guy gentleman gentlemen mother mom mum father dad parent "
    "grandmother grandma grandfather grandpa player drummer guitarist pianist singer driver cyclist biker rider "
    "instructor coach teacher waiter waitress worker bride groom couple policeman soldier cameraman",
    ("adult", "child"): "boy girl dancer performer skier skateboarder snowboarder surfer swimmer musician student "
    "teenager friend brother sister",
    ("child", "baby"): "kid child children toddler son daughter",
    ("baby",): "baby babies infant newborn",
    _PEOPLE: "person people human someone somebody anyone anybody everyone everybody they them crowd audience "
    "spectator family group",
    ("dog",): "dog dogs puppy puppies pup",
    ("cat",): "cat cats kitten kitty",
    ("bird",): "bird parrot pigeon eagle owl swan goose geese peacock parakeet",
    ("chicken",): "chicken hen rooster chick",
    ("duck",): "duck duckling",
    ("cattle/cow",): "cow cattle bull calf calves ox buffalo",
    ("sheep/goat",): "sheep goat lamb",
    ("hamster/rat",): "hamster rat mouse mice guinea",
    ("horse",): "horse pony ponies donkey",
    ("rabbit",): "rabbit bunny bunnies",
    ("pig",): "pig piglet",
    ("leopard",): "leopard cheetah jaguar",
    ("turtle",): "turtle tortoise",
    ("stingray",): "stingray",
    ("watercraft",): "boat ship canoe kayak yacht raft watercraft",
    ("aircraft",): "plane airplane aeroplane aircraft helicopter jet",
    ("bus/truck",): "bus buses truck lorry lorries van",
    ("car",): "car cars vehicle taxi jeep",
    ("bicycle",): "bicycle bike cycle tricycle",
    ("motorcycle",): "motorcycle motorbike",
    ("train",): "train tram",
    ("screen/monitor",): "screen monitor television tv computer",
    ("laptop",): "laptop computer notebook",
    ("cellphone",): "cellphone phone handphone mobile smartphone",
    ("camera",): "camera camcorder",
    ("ball/sports_ball",): "ball football basketball soccer tennis volleyball",
    ("racket",): "racket racquet",
    ("bat",): "bat",
    ("ski",): "ski skis",
    ("toy",): "toy doll teddy balloon lego puppet",
    ("fruits",): "fruit apple banana orange watermelon strawberry strawberries grape mango",
    ("vegetables",): "vegetable carrot lettuce tomato tomatoes potato potatoes",
    ("cake",): "cake cupcake pastry pastries",
    ("bread",): "bread toast bun sandwich",
    ("dish",): "dish dishes plate bowl",
    ("cup",): "cup mug glass",
    ("bottle",): "bottle",
    ("sofa",): "sofa couch",
    ("chair",): "chair seat armchair",
    ("stool",): "stool",
    ("table",): "table desk counter",
    ("refrigerator",): "refrigerator fridge",
    ("sink",): "sink basin",
    ("faucet",): "faucet tap",
    ("electric_fan",): "fan",
    ("backpack",): "backpack bag rucksack haversack",
    ("handbag",): "handbag bag purse",
    ("suitcase",): "suitcase luggage bag",
    ("piano",): "piano keyboard",
    ("guitar",): "guitar",
    ("baby_walker",): "walker",
    ("baby_seat",): "stroller pram highchair",
}
_CATEGORIES: dict[str, set[str]] = {}
for _categories, _words in _WORDS.items():
    for _word in _words.split():
        _CATEGORIES.setdefault(_word, set()).update(_categories)


def named_categories(text: str, there: Iterable[str]) -> list[str]:
    """Which of the categories that are there a question's words may mean, in the order given.

    Args:
        text: the question.
        there: categories as their source has them, `ball/sports_ball`, `stop_sign`.
    """
    words = re.findall(r"[a-z]+", text.casefold())
    singular = {form for word in words for form in _singulars(word)}
    phrases = singular | {f"{one}_{two}" for one, two in zip(words, words[1:], strict=False)}
    meant = {category for word in singular for category in _CATEGORIES.get(word, ())}
    return [category for category in dict.fromkeys(there) if category in meant or phrases & set(category.split("/"))]


def _singulars(word: str) -> set[str]:
    """A word and what it may be the plural of."""
    forms = {word}
    if word.endswith("s"):
        forms.add(word[:-1])
    if word.endswith("es"):
        forms.add(word[:-2])
    return forms
