"""Runs STAR's question programs over a situation graph: an answer without a video, so a check on every converted item.

A program is in reverse Polish notation: values are pushed, a function takes its arguments off the stack and pushes its
result. A choice's program follows the question's and ends in "Correct" or "Wrong"; an item holds if exactly the right
choice is Correct. What the functions do was read off the official executor (csbobby/STAR_Benchmark, Apache-2.0).

That executor compares the published class numbers ("o017") with bare integers, so that its filters by object and
relation find nothing, which they answer with everything. `resolve=False` does the same; with True the numbers mean
their classes, as the templates intend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from annotate.cotasks.star_classes import FEASIBLE, action_parts, object_name, relation_name

Situations = Mapping[str, Mapping[str, Sequence[str]]]
CORRECT, WRONG = "Correct", "Wrong"
READINGS = ("classes", "numbers")


class ProgramFault(Exception):
    """A program that cannot be run: too few arguments, an unknown class, or a value where a list is needed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an item's programs end.

    Attributes:
        verdicts: of each choice, in order: "Correct", "Wrong", or "" where the program could not be run.
        reading: one of `READINGS`: class numbers resolved, or not.
    """

    verdicts: tuple[str, ...]
    reading: str

    @property
    def chosen(self) -> int | None:
        """Place of the one choice that is correct; None if there are none or several."""
        places = [place for place, verdict in enumerate(self.verdicts) if verdict == CORRECT]
        return places[0] if len(places) == 1 and "" not in self.verdicts else None


def run_item(
    situations: Situations, question: Sequence[Any], choices: Sequence[Sequence[Any]], reading: str = "classes"
) -> Outcome:
    """Run an item's programs.

    Args:
        situations: the graph by frame number: `actions`, `bbox_labels` and `rel_labels` as class numbers.
        question: the question's program, each step {"function", "value_input"}; a step may also be the bare word.
        choices: the program of each choice.
        reading: one of `READINGS`.
    """
    return Outcome(tuple(_verdict(situations, question, choice, reading) for choice in choices), reading)


def run_program(situations: Situations, program: Iterable[Any], resolve: bool = True) -> Any:
    """Run one program; returns what is left on top of the stack.

    Raises:
        ProgramFault: if it cannot be run.
    """
    functions = _functions(situations, resolve)
    stack: list[Any] = []
    for word in _words(program):
        if word not in functions:
            stack.append(word)
            continue
        count, function = functions[word]
        if len(stack) < count:
            raise ProgramFault(f"{word} needs {count} arguments and {len(stack)} are there")
        arguments = [stack.pop() for _ in range(count)][::-1]
        stack.append(function(*arguments))
    if not stack or stack[-1] is None:
        raise ProgramFault("the program leaves nothing")
    return stack[-1]


def program_values(program: Iterable[Any]) -> list[str]:
    """The classes that a program names: its values, in order."""
    known = _functions({}, True)
    return [word for word in _words(program) if word not in known]


def _verdict(situations: Situations, question: Sequence[Any], choice: Sequence[Any], reading: str) -> str:
    try:
        verdict = run_program(situations, [*question, *choice], reading == "classes")
    except ProgramFault:
        return ""
    return verdict if verdict in (CORRECT, WRONG) else ""


def _words(program: Iterable[Any]) -> list[str]:
    words: list[str] = []
    for step in program:
        if isinstance(step, Mapping):
            words += [str(value) for value in step.get("value_input") or []] + [str(step.get("function"))]
        else:
            words.append(str(step).strip())
    return words


def _functions(situations: Situations, resolve: bool) -> dict[str, tuple[int, Callable[..., Any]]]:
    """Every function of the official executor: how many arguments, and what it does."""
    return {
        "Situations": (0, lambda: situations),
        "Actions": (1, lambda found: _in_order(found, "actions")),
        "Objs": (1, lambda found: _in_order(found, "bbox_labels")),
        "Rels": (1, lambda found: _in_order(found, "rel_labels")),
        "Filter_Actions_with_Verb": (2, lambda actions, verb: _kept(actions, lambda action: _verb(action) == verb)),
        "Filter_Actions_with_Obj": (2, lambda actions, thing: _kept(actions, lambda action: _object(action) == thing)),
        "Filter_After_Actions": (2, lambda actions, now: _around(actions, now)[1]),
        "Filter_Before_Actions": (2, lambda actions, now: _around(actions, now)[0]),
        "Filter_Situations_with_Rel": (2, lambda found, rel: _having(found, "rel_labels", relation_name, rel, resolve)),
        "Filter_Situations_with_Obj": (2, lambda found, obj: _having(found, "bbox_labels", object_name, obj, resolve)),
        "Filter_Objs_by_Verb": (2, lambda objects, verb: _feasible(objects, verb) if resolve else None),
        "Unique": (1, _first),
        "Equal": (2, lambda one, other: _said(None not in (one, other) and one == other)),
        "Belong_to": (2, lambda group, one: _said(None not in (group, one) and one in _as_list(group))),
        "Union": (2, _union),
        "Except": (2, _except),
        "Query_Objs": (1, lambda actions: _each(actions, _object)),
        "Query_Verbs": (1, lambda actions: _each(actions, _verb)),
        "Query_Actions": (1, lambda actions: [None, None] if actions is None else _each(actions, _parts)),
        "Query_Earliest_Action": (1, _first),
        "Query_Latest_Action": (1, lambda actions: None if actions is None else _as_list(actions)[-1]),
    }


def _in_order(situations: Situations | None, field: str) -> list[str] | None:
    """What the frames have in a field, each once, in order of the frames; None if there is nothing."""
    if situations is None:
        return None
    frames = sorted(situations, key=_frame_number)
    return list(dict.fromkeys(label for frame in frames for label in situations[frame].get(field) or ())) or None


def _frame_number(frame: str) -> tuple[int, str]:
    return (int(frame) if frame.isdecimal() else 0, frame)


def _kept(actions: list[str] | None, keeps: Callable[[str], bool]) -> list[str] | None:
    return None if actions is None else [action for action in _as_list(actions) if keeps(action)] or None


def _around(actions: list[str] | None, now: str | None) -> tuple[list[str] | None, list[str] | None]:
    """What comes before an action and what after it."""
    if actions is None or now is None:
        return None, None
    if now not in actions:
        raise ProgramFault(f"{now} is none of the actions {actions}")
    place = actions.index(now)
    return actions[:place] or None, actions[place + 1 :] or None


def _having(
    situations: Situations | None, field: str, name: Callable[[str], str], wanted: str, resolve: bool
) -> Situations | None:
    """The frames that have a class; all of them if none has it."""
    if situations is None:
        return None
    having = {frame: graph for frame, graph in situations.items() if wanted in map(name, graph.get(field) or ())}
    return having if resolve and having else situations


def _feasible(objects: list[str] | None, verb: str) -> list[str] | None:
    if objects is None:
        return None
    return [name for name in map(object_name, _as_list(objects)) if (verb, name) in FEASIBLE] or None


def _first(actions: Any) -> Any:
    return None if actions is None else _as_list(actions)[0]


def _union(one: Any, other: Any) -> Any:
    """Two lists joined, or the one that is there; of two values, a list of both: how a choice names verb and object."""
    if isinstance(one, list) and isinstance(other, list):
        return one + other
    if isinstance(one, list) and other is None:
        return one
    if isinstance(other, list) and one is None:
        return other
    return None if one is None and other is None else [one, other]


def _except(group: list[Any] | None, without: Any) -> list[Any] | None:
    if group is None or without is None:
        return group
    return [one for one in group if one not in _as_list(without)] or None


def _each(actions: Any, read: Callable[[str], Any]) -> Any:
    if actions is None:
        return None
    return [read(action) for action in actions] if isinstance(actions, list) else read(actions)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _parts(action: str) -> list[str]:
    parts = action_parts(str(action))
    if parts is None:
        raise ProgramFault(f"{action} is no action class")
    return list(parts)


def _verb(action: str) -> str:
    return _parts(action)[0]


def _object(action: str) -> str:
    return _parts(action)[1]


def _said(is_so: bool) -> str:
    return CORRECT if is_so else WRONG
