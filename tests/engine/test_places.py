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


def test_the_more_keys_there_are_the_more_seldom_all_of_them_are_copied(monkeypatch) -> None:
    monkeypatch.setattr("demitasse.engine.places._RECENT", 8)
    copies = []
    sort_in = Places._sort_in
    monkeypatch.setattr(Places, "_sort_in", lambda self: (copies.append(1), sort_in(self)))
    places = Places()
    for number in range(8_000):
        places.put(number, number)
    assert len(copies) < 300, "one for every eight keys would copy for a square of their number"
    assert all(places.get(number) == number for number in range(8_000))
