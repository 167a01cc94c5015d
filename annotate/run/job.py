"""What a run must be told of the pipeline that it is for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from annotate.endpoints import Endpoint
from annotate.run.spec import Experiment
from demitasse.engine.cluster import Cluster
from demitasse.engine.step import Record


class Workflow(Protocol):
    """Settings of what is done, of any pipeline."""

    @property
    def steps(self) -> list[str]:
        """The chosen ones, in their order."""
        ...

    @property
    def max_workers(self) -> int:
        """Requests in flight at each model."""
        ...


class Section(Protocol):
    """The section of a spec that a pipeline reads."""

    @property
    def workflow(self) -> Workflow:
        """What is done."""
        ...

    @property
    def budget_usd(self) -> float | None:
        """Never to be passed; None for no cap."""
        ...

    @property
    def prices(self) -> str:
        """A price table; "" for our own."""
        ...

    @property
    def executor(self) -> str:
        """local or ray."""
        ...

    @property
    def ray(self) -> Cluster:
        """Which cluster."""
        ...


def nothing(_: Record) -> Collection[str]:
    """The default of `Job.brought`."""
    return ()


@dataclass(frozen=True)
class Job:
    """One run's settings and steps.

    Attributes:
        kind: what is annotated, "video" or "image": the field of a row that holds a record's id, and the command's
            name where that is not `command`.
        spec: the whole configuration; it is saved beside the results.
        section: the part of it that is this pipeline's.
        endpoints: those that the chosen steps ask, by name.
        prompts: hashes of the prompts, by key: they decide the answers.
        files: each step's journal, relative to the results folder, in the order in which their fields are merged.
        needs: by step, those that it cannot do without.
        decodes: the module that the decode workers need; "" if nothing is decoded.
        apart: steps whose rows do not join a record's fields.
        brought: names of the steps whose fields a record brings along from elsewhere.
        again: steps whose questions are asked though they are answered.
        command: which `demitasse annotate` this is; "" for that of the kind.
    """

    kind: str
    spec: Experiment
    section: Section
    endpoints: Mapping[str, Endpoint]
    prompts: Mapping[str, str]
    files: Mapping[str, str]
    needs: Mapping[str, Sequence[str]]
    decodes: str
    apart: Collection[str] = ()
    brought: Callable[[Record], Collection[str]] = nothing
    again: Sequence[str] = ()
    command: str = ""

    @property
    def results_dir(self) -> Path:
        """Where everything goes."""
        return Path(self.spec.results_dir)

    @property
    def steps(self) -> list[str]:
        """The chosen ones."""
        return self.section.workflow.steps
