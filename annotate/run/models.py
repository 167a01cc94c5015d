"""Who is asked in a run, how hard, and what that may cost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from annotate.endpoints import Endpoint, limits_of, name_of, open_teacher
from annotate.run.job import Job
from demitasse.chat.model import ChatModel
from demitasse.engine.batch_log import BatchLog
from demitasse.engine.budget import Ledger, open_purse
from demitasse.engine.limits import Limits
from demitasse.engine.shard import Shard
from demitasse.prices import Prices, load_prices

PRICES = Path(__file__).parent.parent / "prices.yaml"
RECORDS_PER_REQUEST = 2  # records in work for each request in flight: while one is decoded another is asked about


def open_models(endpoints: Mapping[str, Endpoint], folder: Path) -> dict[str, ChatModel]:
    """One model for each endpoint that is asked; equal endpoints share one, and so its limits.

    `folder` is where its batch jobs are remembered.
    """
    batches = BatchLog(folder)
    models: dict[str, ChatModel] = {}
    for name, endpoint in endpoints.items():
        alike = next((models[other] for other in models if endpoints[other] == endpoint), None)
        models[name] = alike or open_teacher(name, endpoint, batches)
    return models


def limits_by_model(job: Job, models: Mapping[str, ChatModel]) -> dict[str, Limits]:
    """How hard each model may be asked, by the models' names."""
    most = job.section.workflow.max_workers
    return {models[name].name: limits_of(endpoint, most) for name, endpoint in job.endpoints.items()}


def records_at_once(job: Job) -> int:
    """How many are in work at once. With batch jobs as many as a job holds: each waits in it with a request or more."""
    held = [endpoint.batch_requests for endpoint in job.endpoints.values() if endpoint.batch]
    return max(RECORDS_PER_REQUEST * job.section.workflow.max_workers, *held, 1)


def prices_of(path: str, endpoints: Mapping[str, Endpoint]) -> Prices:
    """The price table that a configuration names, at what batch jobs cost for those that are asked in them."""
    batched = [name_of(endpoint) for endpoint in endpoints.values() if endpoint.batch]
    return load_prices(Path(path) if path else PRICES, batched)


def purse_of(job: Job, models: Mapping[str, ChatModel], shard: Shard | None = None) -> Ledger | None:
    """The money; a shard's is an equal part of what runs of the whole folder have left of it.

    Raises:
        ConfigError: if there is a budget and a model without a price.
    """
    names = {models[name].name for name in job.endpoints}
    prices = prices_of(job.section.prices, job.endpoints)
    return open_purse(prices, job.section.budget_usd, job.results_dir, sorted(names), shard)
