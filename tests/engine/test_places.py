"""The compact map from keys to places."""

from __future__ import annotations

import random
import tracemalloc

from demitasse.engine.places import Places


def test_it_answers_as_a_dict_does() -> None:
    dice = random.Random(1)
    places, plain = Places(), {}
    for place in range(30_000):
        key = f"key {dice.randrange(20_000)}"
        places.put(key, place)
        plain[key] = place
        probe = f"key {dice.randrange(25_000)}"
        assert places.get(probe) == plain.get(probe)
    assert len(places) == len(plain)
    assert all(places.get(key) == place for key, place in plain.items())


def test_a_hundred_thousand_keys_take_less_than_three_megabytes() -> None:
    tracemalloc.start()
    try:
        places = Places()
        for number in range(100_000):
            places.put(f"a key of some length {number}", number)
        assert tracemalloc.get_traced_memory()[0] < 3e6
    finally:
        tracemalloc.stop()
