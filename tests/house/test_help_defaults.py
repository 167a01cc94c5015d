"""The help of every command: each option tells what it is for and what it is if it is not given."""

import argparse
from argparse import SUPPRESS, ArgumentParser

import pytest

from demitasse.cli import COMMANDS, arguments_of


def parsers(name):
    """A command's parser, and those of its subcommands, each by how it is called."""

    def walk(parser, called):
        yield called, parser
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for sub, inner in action.choices.items():
                    yield from walk(inner, f"{called} {sub}")

    parser = ArgumentParser(prog=name)
    arguments_of(name, parser)
    return list(walk(parser, name))


def arguments(name):
    """Each argument with the words it is called by; not the subcommands, nor `--help`."""
    for called, parser in parsers(name):
        for action in parser._actions:
            if not isinstance(action, argparse._SubParsersAction | argparse._HelpAction):
                yield f"{called} {(action.option_strings or [action.dest])[0]}", action


def has_plain_default(action):
    """A value that a person would want to know: a flag's False, None, "" and an empty list say "not given"."""
    told = action.default not in (None, "", SUPPRESS) and action.default != []
    return bool(action.option_strings) and action.nargs != 0 and told


@pytest.mark.parametrize("name", COMMANDS)
def test_every_argument_has_a_help_text(name):
    assert [called for called, action in arguments(name) if not action.help] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_plain_default_is_told(name):
    plain = [(called, action) for called, action in arguments(name) if has_plain_default(action)]
    assert [called for called, action in plain if "(default: " not in (action.help or "")] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_defaults_are_told_in_one_way(name):
    """Whoever looks for a default looks for this word."""
    others = ("(else ", "(the default")
    assert [called for called, action in arguments(name) if any(way in (action.help or "") for way in others)] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_subcommand_has_a_line_and_tells_it_itself(name):
    lines = {
        f"{called} {choice.dest}": choice.help
        for called, parser in parsers(name)
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for choice in action._choices_actions
    }
    inner = dict(parsers(name)[1:])
    assert lines.keys() == inner.keys()
    assert [called for called, line in lines.items() if not line or not inner[called].description] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_no_choice_is_empty(name):
    assert [called for called, action in arguments(name) if "" in map(str, action.choices or ())] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_can_be_shown(name):
    """argparse fills a text in only when it shows it: a lone per cent sign ends in a traceback."""
    assert all(called.split()[-1] in parser.format_help() for called, parser in parsers(name))
