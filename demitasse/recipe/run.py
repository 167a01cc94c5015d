"""Runs a recipe's stages, in this process: a stage costs no second start of Python and torch.

It begins with a plan, leaves alone what is done, and writes `run.json` before and after every stage, so that a run that
was stopped, by whatever, goes on where it was.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain, takewhile
from pathlib import Path

from demitasse.engine.lock import lock_results
from demitasse.errors import ConfigError, DemitasseError, OtherRunError
from demitasse.recipe.aside import ASIDE, set_aside
from demitasse.recipe.held import held
from demitasse.recipe.machine import commit, made_with
from demitasse.recipe.needs import Needs, absent_lines, needs_of, refuse_absent
from demitasse.recipe.plan import Intent, begins_so, foresee, intend, plan_lines
from demitasse.recipe.read import Recipe, has_recipe, read_recipe
from demitasse.recipe.record import (
    ENDED,
    FINE,
    INTERRUPTED,
    RECORD,
    Stage,
    read_stages,
    record_bytes,
    stage_keys,
    summed,
    told,
    told_command,
    without_secrets,
    write_record,
)
from demitasse.recipe.results import cost_of, results_of
from demitasse.recipe.traces import Traces

REFUSED = 2  # the exit code of a stage that refused its arguments or its input
_ADVICE = (
    "start the recipe again with --anew, which moves that to {aside} and runs the stage from nothing, or with another "
    "run=DIR, which keeps both"
)
NEEDS_STUDENT = ("train", "predict")  # the first stage of these ends the making of data


def run_recipe(
    path: Path,
    overrides: list[str],
    until: str | None = None,
    again: str | None = None,
    plan_only: bool = False,
    gpus: Sequence[str] = (),
    anew: bool = False,
) -> int:
    """Show the plan of a recipe and run what is not done; returns the exit code of the worst stage.

    Args:
        path: the recipe's file.
        overrides: `name=value` for its values.
        until: the first stage that begins so is the last.
        again: stages that begin so are run though they are done.
        plan_only: show the plan and stop.
        gpus: options of `demitasse plan` for the training.
        anew: what a stage refuses to mix with is moved aside, and the stage begins with nothing.

    Raises:
        ConfigError: for a recipe that cannot be read, a value or stage that it does not have, a stage whose command
            would refuse it, or a first stage whose data or key are absent.
    """
    run = Run(read_recipe(path, overrides), again, anew)
    last = run.last(until)
    if again is not None:
        run.last(again)
    intents = foresee(run.traces, [intend(run.traces, place, again) for place in range(last)])
    run.read_needs(intents)
    print(f"{path} → {run.recipe.run}: {last} stages", flush=True)
    for line in chain(plan_lines(run.traces, intents, without_secrets, gpus), absent_lines(run.recipe, run.needs)):
        print(line, flush=True)
    if plan_only:
        return 0
    if all(intent.done for intent in intents):
        print(f"nothing to do: {run.account(last)}")
        return run.worst(last)
    refuse_absent(run.recipe, run.needs, next(place for place, intent in enumerate(intents) if not intent.done))
    with held(run.recipe.run):
        run.refuse_outdated()
        return run.go(last, intents)


class Run:
    """A recipe's stages and what is known of each.

    Args:
        recipe: to be run.
        again: see `run_recipe`.
        anew: see `run_recipe`.

    Raises:
        DemitasseError: for a stage that cannot be read, or a damaged record.
    """

    def __init__(self, recipe: Recipe, again: str | None = None, anew: bool = False) -> None:
        self.recipe, self.again, self.anew = recipe, again, anew
        self.needs: dict[int, Needs] = {}
        self._since = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        self.commands, self._keys = recipe.commands, stage_keys(recipe)
        self._read = record_bytes(recipe.run)
        known = read_stages(recipe.run)
        self.stages: list[Stage | None] = [known.pop(key, None) for key in self._keys]
        self._replaced = list(known.values())
        self.traces = Traces(recipe, self.stages)

    def last(self, until: str | None) -> int:
        """How many stages there are up to the first that begins so.

        Raises:
            ConfigError: if none does.
        """
        for number, command in enumerate(self.commands, 1):
            if until is not None and begins_so(command, until):
                return number
        if until is None:
            return len(self.commands)
        first_words = ", ".join(dict.fromkeys(command.split()[0] for command in self.commands))
        raise ConfigError(f"{self.recipe.path}: no stage is '{until} …'; there are {first_words}")

    def read_needs(self, intents: Sequence[Intent]) -> None:
        """Find out what the stages need that are not surely left alone.

        Raises:
            ConfigError: for the first whose command would refuse its arguments.
        """
        self.needs = {}
        for place, intent in enumerate(intents):
            if not intent.is_settled:
                before = list(self.needs.values())
                self.needs[place] = needs_of(self.recipe, self.traces.words[place], place, without_secrets, before)

    def refuse_outdated(self) -> None:
        """Refuse to go on by a plan that another process has run, or changed, while it was made.

        Raises:
            DemitasseError: if the record is not as it was read.
        """
        if record_bytes(self.recipe.run) != self._read:
            path = self.recipe.run / RECORD
            raise DemitasseError(f"{path} was written by another run since this plan was made; start the recipe again")

    def go(self, last: int, intents: Sequence[Intent]) -> int:
        """Run the first `last` stages, but for those that are done; returns the exit code of the worst."""
        for place in range(last):
            now = intend(self.traces, place, self.again)
            if now.done:
                if not intents[place].is_settled:  # the plan could not know
                    print(f"\n[{place + 1}/{last}] left alone: after all, nothing that it reads has changed")
                continue
            print(f"\n[{place + 1}/{last}] demitasse {without_secrets(self.commands[place])}", flush=True)
            try:
                code = self._run_anew(place) if self.anew else self._run_one(place)
            except OtherRunError as fault:
                print(f"demitasse: {fault}", file=sys.stderr, flush=True)
                print(f"stopped at stage {place + 1}: {_ADVICE.format(aside=self.recipe.run / ASIDE)}")
                return REFUSED
            if code not in FINE:
                todo = "" if code in INTERRUPTED else "mend what it says and "
                print(f"stopped at stage {place + 1}; {todo}start the recipe again: it goes on there")
                return code
        print(f"\n{self.account(last)}")
        return self.worst(last)

    def worst(self, last: int) -> int:
        """The highest exit code of the first `last` stages."""
        return max((stage.exit_code or 0 for stage in self.stages[:last] if stage), default=0)

    def account(self, last: int) -> str:
        """What the first `last` stages, which are done, took."""
        stages = [stage for stage in self.stages[:last] if stage]
        cost = summed([stage.cost for stage in stages])
        asked = ""
        if cost:
            dollars = "dollars that nobody knows" if cost["dollars"] is None else f"${cost['dollars']:,.2f}"
            asked = f" and {cost['requests']:,} requests for {dollars}"
        seconds = sum(stage.seconds for stage in stages)
        return f"{last} stages are done and took {seconds:,.0f} s{asked}; {self.recipe.run / RECORD} tells of each"

    def _run_anew(self, place: int) -> int:
        """Run a stage, with what lies where it writes moved first: if `again` names it, or once it refuses to mix."""
        if self.again is None or not begins_so(self.commands[place], self.again):
            try:
                return self._run_one(place)
            except OtherRunError as fault:
                print(f"demitasse: {fault}", file=sys.stderr, flush=True)
        stage = self.needs.get(place)
        moved = set_aside(self.recipe.run, self._since, stage.writes if stage else [])
        for path, target in moved.items():
            print(f"--anew: what was in {path} lies in {target} now", flush=True)
        if not moved:
            print("--anew: nothing that it alone writes is there, so nothing is moved", flush=True)
        return self._run_one(place)

    def _run_one(self, place: int) -> int:
        """Run a stage and record it; returns its exit code.

        Raises:
            OtherRunError: if it does not mix with what lies where it writes.
        """
        refusal = None
        before, stage = self.traces.snapshot(), self._begun(place)
        self.stages[place] = stage
        self._write()
        since = time.monotonic()
        try:
            stage.exit_code = dispatch(self.commands[place])
        except OtherRunError as fault:
            stage.exit_code, refusal = REFUSED, fault
        stage.seconds = round(stage.seconds + time.monotonic() - since, 1)
        after = self.traces.snapshot()
        stage.wrote = self.traces.wrote(place, before, after)
        stage.cost = summed([stage.cost, cost_of(self.recipe.run, before, after)])
        found = results_of(self.recipe.run, self.traces.words[place], stage.wrote)
        stage.results = json.loads(told(self.recipe, json.dumps(found)))  # a table may name its runs by their paths
        stage.state = ENDED
        self._write()
        if refusal is not None:
            raise refusal
        return stage.exit_code

    def _begun(self, place: int) -> Stage:
        """A stage at its beginning, with what is to be kept of what was known of it."""
        known = self.stages[place]
        return Stage(
            told_command(self.recipe, self.recipe.portable[place]),
            self._keys[place],
            begun=datetime.now(UTC).isoformat(timespec="seconds"),
            commit=commit(),
            settings=self.traces.settings(place),
            read=self.traces.reads(place, self.needs[place].writes if place in self.needs else ()),
            seconds=known.seconds if known else 0.0,
            wrote=known.wrote if known else {},
            cost=known.cost if known else {},
        )

    def _write(self) -> None:
        write_record(self.recipe, made_with(), [stage for stage in self.stages if stage], self._replaced)


def prepare(path: Path, files: list[str]) -> None:
    """Run a recipe's stages before the first that needs a student, if `files` of its own run are not there yet.

    Raises:
        DemitasseError: if a stage fails, or somebody is running the recipe.
    """
    if not has_recipe(path):
        return
    recipe = read_recipe(path, [])
    if all(Path(file).exists() or not Path(file).is_relative_to(recipe.run) for file in files):
        return
    print(f"{', '.join(files)}: not there yet, so the recipe's stages before training are run first")
    making = list(takewhile(lambda command: command.split()[0] not in NEEDS_STUDENT, recipe.commands))
    with lock_results(recipe.run):
        code = Run(recipe).go(len(making), [Intent(True, "")] * len(making))
    if code not in FINE:
        raise DemitasseError(f"{path}: the stages that make the training data did not finish")


def dispatch(command: str) -> int:
    """Run one command here, as the command line would; returns its exit code.

    Raises:
        OtherRunError: if it does not mix with what another run left where it writes.
    """
    from demitasse import cli  # not above: the command line imports the module that imports this one

    try:
        return cli.main(shlex.split(command), passed_on=(OtherRunError,))
    except SystemExit as end:  # of argparse, which has said why
        return end.code if isinstance(end.code, int) else 1
