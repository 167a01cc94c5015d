"""Which stages of a recipe are done and which are to be run, why, and what those will cost."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from demitasse.recipe.forecast import COSTLY, forecast
from demitasse.recipe.record import ENDED, INTERRUPTED, Stage
from demitasse.recipe.traces import Traces

INDENT = 31  # characters of a line before the command
SHORTEST = 20  # characters of a command that are shown on the narrowest terminal
DONE_MEANS = "done: it was finished with the same command, settings and input, and what it wrote is there as it left it"


@dataclass(frozen=True, slots=True)
class Intent:
    """What is to become of a stage.

    Attributes:
        done: it is left alone.
        why: it is not, or what is special about it; may be "".
        after: the places of earlier stages that are to run, if it is done only as long as they write the same again.
    """

    done: bool
    why: str
    after: tuple[int, ...] = ()

    @property
    def is_settled(self) -> bool:
        """Whether it is surely left alone."""
        return self.done and not self.after


def intend(traces: Traces, place: int, again: str | None = None) -> Intent:
    """Whether a stage is done, as things are now."""
    stage = traces.stages[place]
    if stage is None:
        return Intent(False, "")
    if again is not None and begins_so(traces.recipe.commands[place], again):
        return Intent(False, f"--again {again}")
    if stage.state != ENDED or stage.exit_code in INTERRUPTED:
        return Intent(False, "it began and has not ended")
    if not stage.is_finished:
        return Intent(False, f"it ended with exit code {stage.exit_code}")
    changed = traces.changed(place)
    if changed:
        return Intent(False, changed)
    left_out = (
        f"it left something out (exit code {stage.exit_code}); --again {traces.words[place].name} tries once more"
    )
    return Intent(True, left_out if stage.exit_code else "")


def foresee(traces: Traces, intents: Sequence[Intent]) -> list[Intent]:
    """The intents, with those that are done only as long as what an earlier stage writes comes out as it was."""
    found: list[Intent] = []
    for place, intent in enumerate(intents):
        after: set[int] = set()
        for earlier, one in enumerate(found):
            if intent.done and not one.is_settled and traces.feeds(earlier, place):
                after |= set(one.after) or {earlier}
        found.append(replace(intent, after=tuple(sorted(after))))
    return found


def begins_so(command: str, words: str) -> bool:
    """Whether a command begins with these words, whole."""
    return f"{command} ".startswith(f"{words} ")


def plan_lines(
    traces: Traces, intents: Sequence[Intent], shown: Callable[[str], str], gpus: Sequence[str] = ()
) -> Iterator[str]:
    """The plan, a line for each stage with what there is to say of it below; made as it is read.

    Args:
        traces: of the recipe.
        intents: of the stages that would be run.
        shown: a command as it may be printed.
        gpus: see `forecast`.
    """
    for place, intent in enumerate(intents):
        stage = traces.stages[place]
        state = "may run again" if intent.after else f"done {_when(stage)}" if intent.done and stage else "to run"
        yield f"{place + 1:4}  {state:23}  {_cut(shown(traces.recipe.commands[place]))}"
        for told in _told(traces, intents, place, gpus):
            yield f"{'':{INDENT}}{told}"
    if any(intent.is_settled for intent in intents):
        yield DONE_MEANS


def _told(traces: Traces, intents: Sequence[Intent], place: int, gpus: Sequence[str]) -> Iterator[str]:
    """What there is to say of a stage."""
    intent, costs = intents[place], traces.words[place].name in COSTLY
    if intent.why:
        yield intent.why if intent.done else f"because {intent.why}"
    if intent.after:
        cost = "; what it would cost is not known until then" if costs else ""
        comes = "come" if len(intent.after) > 1 else "comes"
        yield f"done, unless {_numbers(intent.after)} {comes} out otherwise{cost}"
    elif costs and not intent.done:
        told = _awaited(traces, intents, place) or forecast(traces.words[place], gpus)
        if told:
            yield told


def _numbers(places: Iterable[int]) -> str:
    *others, last = [str(place + 1) for place in places]
    return f"stages {', '.join(others)} or {last}" if others else f"stage {last}"


def _when(stage: Stage) -> str:
    return f"{stage.begun[:10]}, {stage.seconds:.1f} s"


def _cut(command: str) -> str:
    """A command in one line: whole, or what has room on a terminal."""
    text = " ".join(command.split())
    if not sys.stdout.isatty():
        return text
    room = max(shutil.get_terminal_size().columns - INDENT, SHORTEST)
    return text if len(text) <= room else text[: room - 1] + "…"


def _awaited(traces: Traces, intents: Sequence[Intent], place: int) -> str:
    """Which stage has to run before a later one's cost can be told; "" if none has.

    Of the stages that name a path the first has made it, and the others read it or add to it.
    """
    awaited = set()
    for path, stages in traces.before(place).items():
        ahead = [stage for stage in stages if not intents[stage].is_settled]
        if ahead and (ahead[0] == stages[0] or not path.exists()):
            awaited.add(ahead[0])
    return f"not known until stage {max(awaited) + 1} has run" if awaited else ""
