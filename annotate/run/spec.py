"""What the specs of all pipelines share: TAO's top level, how a file is read, and what no run can do without."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import combinations
from pathlib import Path
from typing import Any, TypeVar

from annotate.endpoints import Endpoint, endpoint_problems, pair_problems
from demitasse.config import read_config
from demitasse.config.setting import foreign, setting
from demitasse.config.source import read_file


@dataclass
class Experiment:
    """The top level of a TAO experiment spec. A pipeline declares its own section again, with its class.

    What is `foreign` means nothing to that pipeline: TAO's files carry it.
    """

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

    def unused(self) -> list[str]:
        """The keys that were given and mean nothing here."""
        return given_in_vain(self)


Spec = TypeVar("Spec", bound=Experiment)


def given_in_vain(config: Any) -> list[str]:
    """The foreign fields of a dataclass that hold something."""
    return [one.name for one in fields(config) if one.metadata.get("foreign") and getattr(config, one.name) is not None]


def read_draft(cls: type[Spec], path: Path | None, overrides: Sequence[str]) -> Spec:
    """A spec as far as it goes, from a TAO spec or the `annotate:` section of a recipe: much may still be missing.

    Raises:
        ConfigError: as `read_config`.
    """
    section = "annotate" if path is not None and "annotate" in read_file(path).content else None
    return read_config(cls, path, overrides, section)


def list_problems(key: str, lists: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """What is wrong with lists of which a run needs at least one entry, in one sentence each; `key` is their place."""
    for name, chosen in lists.items():
        if not chosen:
            yield f"{key}.{name} is empty: name at least one"
        if len(set(chosen)) < len(chosen):
            yield f"{key}.{name} names one twice: {', '.join(chosen)}"


def asking_problems(section: str, endpoints: Mapping[str, Endpoint], executor: str) -> Iterator[str]:
    """What is missing before the endpoints of a section can be asked by a run, in one sentence each."""
    for name, endpoint in endpoints.items():
        yield from endpoint_problems(f"{section}.{name}", endpoint)
    for pair in combinations(endpoints.items(), 2):
        yield from pair_problems(section, dict(pair))
    batched = [name for name, endpoint in endpoints.items() if endpoint.batch]
    if batched and executor == "ray":
        yield f"{section}.{batched[0]}.batch is true, and a batch job needs no cluster: set executor to local"
