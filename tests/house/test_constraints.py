"""What `make` installs is pinned to the last package, agrees with pyproject.toml, and is what the tests run with."""

import importlib.metadata
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LINES = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
PINNED = {canonicalize_name(Requirement(line).name): line.partition("==")[2] for line in LINES}
ASKED_FOR = ("torch", "transformers", "peft", "accelerate", "datasets", "openai", "decord", "wandb", "pytest")


def declared(group=None):
    """Requirements of the core, of one extra, or of everything, without the extras that name our own extras."""
    groups = PROJECT["optional-dependencies"]
    texts = (
        [*PROJECT["dependencies"], *(text for extra in groups.values() for text in extra)]
        if group is None
        else groups[group]
    )
    found = [Requirement(text) for text in texts]
    own = [extra for requirement in found if requirement.name == "demitasse" for extra in requirement.extras]
    below = [requirement for extra in own for requirement in declared(extra)] if group is not None else []
    return [requirement for requirement in found if requirement.name != "demitasse"] + below


def installed_closure():
    """Every package that `demitasse[dev]` needs here, from what the installed packages say of themselves."""
    found, waiting = set(), [("demitasse", frozenset({"dev"}))]
    seen = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        found.add(name)
        for text in importlib.metadata.requires(name) or ():
            requirement = Requirement(text)
            if any(
                requirement.marker is None or requirement.marker.evaluate({"extra": extra}) for extra in extras or {""}
            ):
                waiting.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    return found - {"demitasse"}


@pytest.mark.parametrize("line", LINES)
def test_every_pin_is_one_exact_version_without_a_build_tag(line):
    assert "==" in line and "+" not in line and "*" not in line


@pytest.mark.parametrize("requirement", declared(), ids=lambda requirement: requirement.name)
def test_every_declared_dependency_is_pinned_within_its_bounds(requirement):
    pin = PINNED.get(canonicalize_name(requirement.name))
    assert pin is not None, f"{requirement.name} is declared but not pinned: renew constraints.txt"
    assert requirement.specifier.contains(pin, prereleases=True)


def test_the_pins_are_what_these_tests_run_with():
    differing = {
        name: (pin, importlib.metadata.version(name))
        for name, pin in PINNED.items()
        if Version(importlib.metadata.version(name)).public != pin
    }
    assert not differing


def test_nothing_that_is_needed_is_left_unpinned_and_nothing_pinned_is_unneeded():
    closure = installed_closure() - {"pip", "setuptools"}
    assert closure - set(PINNED) == set()
    assert set(PINNED) - closure == set()


def test_the_packages_asked_for_come_with_both_commands():
    demo = {canonicalize_name(requirement.name) for requirement in [*declared("all"), *core()]}
    test = {canonicalize_name(requirement.name) for requirement in [*declared("dev"), *core()]}
    assert set(ASKED_FOR) - {"pytest"} <= demo
    assert set(ASKED_FOR) <= test


def core():
    return [Requirement(text) for text in PROJECT["dependencies"]]


def test_annotating_needs_no_torch_and_no_plots():
    names = {requirement.name for requirement in core()}
    assert not names & {"torch", "transformers", "matplotlib", "datasets", "wandb"}
