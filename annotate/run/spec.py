"""What the specs of all pipelines share: TAO's top level, how a file is read, and what no run can do without."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from importlib import import_module
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

from annotate.endpoints import Endpoint, endpoint_problems, pair_problems
from annotate.sections import PIPELINES, refuse_other
from demitasse.config import read_config
from demitasse.config.setting import foreign, setting
from demitasse.config.source import read_file
from demitasse.engine.cluster import Cluster
from demitasse.errors import ConfigError


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
    def license(self) -> str:
        """Of the data that is written; "" where none was given."""
        ...

    @property
    def description_extra(self) -> str:
        """Added to the description in each task file."""
        ...

    @property
    def dialect(self) -> str:
        """How options and answers are written: tao or daft."""
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


@dataclass
class Experiment(ABC):
    """The top level of a TAO experiment spec. A pipeline declares its own section again, with its class.

    What is `foreign` means nothing to that pipeline: TAO's files carry it.
    """

    section_name: ClassVar[str]  # the name of the pipeline's own

    results_dir: str = setting("", "where everything goes that is made; a run that is started again goes on there")
    gpu_ids: Any = foreign()
    num_gpus: Any = foreign()
    batch_size: Any = foreign()
    num_workers: Any = foreign()
    encryption_key: Any = foreign()
    wandb: Any = foreign()
    mal: Any = foreign()
    grounding_dino: Any = foreign()
    image_grounding: Any = foreign()
    image_referring_expression: Any = foreign()
    video_reasoning_annotation: Any = foreign()
    video_espresso: Any = foreign()
    cotasks: Any = foreign()

    @classmethod
    def read(cls, path: Path | None, overrides: Sequence[str]) -> Self:
        """Read a TAO spec, or the `annotate:` section of a recipe, and hold its values to what can be done.

        Raises:
            ConfigError: as `read_config`, and for values that no run can begin with.
        """
        spec = cls.read_draft(path, overrides)
        spec.order_steps()
        for problem in spec._all_problems():
            raise ConfigError(problem)
        return spec

    @classmethod
    def read_endpoints(cls, path: Path | None, overrides: Sequence[str]) -> dict[str, Endpoint]:
        """The endpoints that a spec's steps ask, by name. What does not concern them may still be missing.

        Raises:
            ConfigError: as `read_config`.
        """
        spec = cls.read_draft(path, overrides)
        spec.order_steps()
        return spec.endpoints()

    @classmethod
    def read_draft(cls, path: Path | None, overrides: Sequence[str]) -> Self:
        """A spec as far as it goes: what a run needs may still be missing.

        Raises:
            ConfigError: as `read_config`, and for a spec that is plainly another pipeline's.
        """
        refuse_other(cls.section_name, path, overrides)
        section = "annotate" if path is not None and "annotate" in read_file(path).content else None
        return read_config(cls, path, overrides, section)

    @property
    @abstractmethod
    def section(self) -> Section:
        """The pipeline's own."""

    @abstractmethod
    def order_steps(self) -> None:
        """Put the chosen steps in their order, with those that they bring along and without those that cannot be."""

    @abstractmethod
    def endpoints(self) -> dict[str, Endpoint]:
        """The endpoints that the chosen steps ask, by name: no key is needed where none is asked."""

    @abstractmethod
    def problems(self) -> Iterator[str]:
        """What no run of this pipeline can begin with, in one sentence each."""

    def unused(self) -> list[str]:
        """The keys that were given and mean nothing here."""
        return given_in_vain(self)

    def _all_problems(self) -> Iterator[str]:
        if not self.results_dir:
            yield "results_dir is not set: say where the results go, results_dir=DIR"
        yield from self.problems()
        yield from _asking_problems(self.section_name, self.endpoints(), self.section.executor)


def spec_class(section: str) -> type[Experiment]:
    """Of the spec with a pipeline's section; imported now."""
    found: type[Experiment] = import_module(f"{PIPELINES[section].package}.config").Spec
    return found


def given_in_vain(config: Any) -> list[str]:
    """The foreign fields of a dataclass that hold something."""
    return [one.name for one in fields(config) if one.metadata.get("foreign") and getattr(config, one.name) is not None]


def list_problems(key: str, lists: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """What is wrong with lists of which a run needs at least one entry, in one sentence each; `key` is their place."""
    for name, chosen in lists.items():
        if not chosen:
            yield f"{key}.{name} is empty: name at least one"
        if len(set(chosen)) < len(chosen):
            yield f"{key}.{name} names one twice: {', '.join(chosen)}"


def _asking_problems(section: str, endpoints: Mapping[str, Endpoint], executor: str) -> Iterator[str]:
    """What is missing before the endpoints of a section can be asked by a run, in one sentence each."""
    for name, endpoint in endpoints.items():
        yield from endpoint_problems(f"{section}.{name}", endpoint)
    for pair in combinations(endpoints.items(), 2):
        yield from pair_problems(section, dict(pair))
    batched = [name for name, endpoint in endpoints.items() if endpoint.batch]
    if batched and executor == "ray":
        yield f"{section}.{batched[0]}.batch is true, and a batch job needs no cluster: set executor to local"
