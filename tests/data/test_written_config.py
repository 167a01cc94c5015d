"""A configuration written as a file to be edited: the values, the comments, and no secret."""

import re
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from demitasse.config import read_config
from demitasse.config.setting import foreign, setting
from demitasse.config.write import commented


@dataclass
class Engine:
    fuel: str = setting("", "what it burns; empty: nothing", choices=("", "petrol", "hay"))
    power: float | None = setting(None, "in horses; null: not known", gt=0, le=9)
    api_key: str = setting("", "better given in the environment, as ENGINE_KEY", secret=True)


@dataclass
class Cart:
    name: str = setting("on", "painted on the side")
    mode: Literal["slow", "fast"] = setting("slow", "how it goes")
    kind: str = setting("plain", "plain or grand", choices=("plain", "grand"))
    front: Engine = setting(Engine(), "What pulls")
    back: Engine = setting(Engine(), "What pushes")
    wheels: list[str] = setting(["1e3", "no"], "each by name")
    loads: list[str] = setting([], "many", choices=[f"a load of the number {number}" for number in range(8)])
    ratio: float = setting(0.5, "of this to that", ge=0)
    extra: dict[str, Any] = setting({}, "sent along")
    old: Any = foreign()


def written(tmp_path, cart):
    path = tmp_path / "cart.yaml"
    path.write_text(commented(cart), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "cart",
    [
        pytest.param(Cart(), id="defaults"),
        pytest.param(
            Cart("a: b # c", "fast", front=Engine("hay", 3.5), wheels=[], extra={"on": [1, {"x": None}], "1": "1"}),
            id="values_that_yaml_could_misread",
        ),
        pytest.param(Cart(loads=[f"a load of the number {number}" for number in range(8)]), id="a_long_list"),
        pytest.param(Cart(name="line one\nline two", wheels=["x" * 200]), id="long_texts"),
    ],
)
def test_it_reads_back_to_the_same_values(tmp_path, cart):
    assert read_config(Cart, written(tmp_path, cart)) == cart


def test_every_field_has_its_comment_with_the_choices_and_limits_that_the_help_leaves_out():
    text = commented(Cart())
    assert "name: 'on'  # painted on the side\n" in text
    assert "mode: slow  # how it goes; one of slow, fast\n" in text
    assert "kind: plain  # plain or grand\n" in text
    assert "  fuel: ''  # what it burns; empty: nothing; one of petrol, hay\n" in text
    assert "  power: null  # in horses; null: not known; more than 0, at most 9\n" in text
    assert "ratio: 0.5  # of this to that\n" in text


def test_a_class_that_occurs_again_is_not_explained_again():
    front, back = commented(Cart()).split("# What pushes")
    assert "# what it burns" in front and "# what it burns" not in back and "fuel: ''" in back


def test_sections_stand_apart():
    assert re.search(
        r"plain or grand\n\n# What pulls\nfront:\n  fuel:.*\n\n# What pushes\nback:\n", commented(Cart()), re.DOTALL
    )
    assert "\n\nwheels:" in commented(Cart())


def test_a_secret_is_a_comment_that_says_where_it_belongs():
    text = commented(Cart(front=Engine(api_key="sk-canary"), extra={"api_key": "sk-canary"}))
    assert "  # api_key:  # better given in the environment, as ENGINE_KEY\n" in text and "canary" not in text


def test_what_belongs_to_another_program_is_left_out():
    assert "old" not in commented(Cart(old=3))


def test_no_line_grows_beyond_the_page():
    assert (
        max(map(len, commented(Cart(loads=[f"a load of the number {number}" for number in range(8)])).splitlines()))
        <= 118
    )


def test_a_default_that_can_change_is_not_shared():
    Cart().wheels.append("x")
    Cart().front.fuel = "hay"
    assert Cart().wheels == ["1e3", "no"] and Cart().front.fuel == ""
