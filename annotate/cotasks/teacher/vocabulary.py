"""The words that a teacher may use for what it sees: VidOR's, so that its answers can be held against annotation.

VidOR (Shang et al., ICMR 2019) has 80 categories and 50 predicates, 8 of them spatial. Predicates are written as its
files write them. `open` takes any words; then only boxes and times can be compared with annotation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_CATEGORIES = """
adult aircraft antelope baby baby_seat baby_walker backpack ball/sports_ball bat bear bench bicycle bird bottle bread
bus/truck cake camel camera car cat cattle/cow cellphone chair chicken child crab crocodile cup dish dog duck
electric_fan elephant faucet fish frisbee fruits guitar hamster/rat handbag horse kangaroo laptop leopard lion
microwave motorcycle oven panda penguin piano pig rabbit racket refrigerator scooter screen/monitor sheep/goat sink
skateboard ski snake snowboard sofa squirrel stingray stool stop_sign suitcase surfboard table tiger toilet toy
traffic_light train turtle vegetables watercraft
"""
_SPATIAL = "above away behind beneath in_front_of inside next_to towards"
_ACTIONS = """
watch bite kiss lick smell caress knock pat point_to squeeze hold press touch hit kick lift throw wave carry grab
release pull push hug lean_on ride chase get_on get_off hold_hand_of shake_hand_with wave_hand_to speak_to shout_at
feed open close use cut clean drive play(instrument)
"""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Words by kind; none of a kind means any."""

    categories: tuple[str, ...] = ()
    spatial: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()

    def told(self, words: tuple[str, ...]) -> str:
        """What a prompt says of the words of one kind."""
        if not words:
            return "Use one plain word in the singular for each; where it takes two, join them with an underscore."
        return f"Use these words and no others, exactly as they are written: {', '.join(words)}."


VOCABULARIES: Mapping[str, Vocabulary] = {
    "vidor": Vocabulary(tuple(_CATEGORIES.split()), tuple(_SPATIAL.split()), tuple(_ACTIONS.split())),
    "open": Vocabulary(),
}
