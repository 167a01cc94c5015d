"""What a stand-in server does wrong, on purpose and reproducibly."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from demitasse.errors import ConfigError


class Fault(StrEnum):
    """A way to answer badly other than a status code."""

    CUT = "cut"  # a whole HTTP message around half of the JSON
    RESET = "reset"  # the connection is reset before a byte of the answer


@dataclass(frozen=True, slots=True)
class Faults:
    """How the server behaves; without arguments it is fast and faultless. Rates are fractions of requests, 0–1.

    Attributes:
        latency: seconds that each answer takes.
        jitter: the latency is multiplied by a number drawn from 1 ± jitter.
        seed: of what is drawn, one draw a request in order of arrival.
        error_rates: status code to rate.
        cut_rate: rate of `Fault.CUT`.
        reset_rate: rate of `Fault.RESET`.
        limit_every: every n-th request is answered 429; 0 for none.
        capacity: a request that finds this many in flight is answered 429; None for no limit.
        retry_after: the header that a 429 carries, seconds or an HTTP date; "" for none.
    """

    latency: float = 0.0
    jitter: float = 0.0
    seed: int = 0
    error_rates: Mapping[int, float] = field(default_factory=dict)
    cut_rate: float = 0.0
    reset_rate: float = 0.0
    limit_every: int = 0
    capacity: int | None = None
    retry_after: str = "1"

    def __post_init__(self) -> None:
        rates = [*self.error_rates.values(), self.cut_rate, self.reset_rate]
        if not (min(rates) >= 0 and sum(rates) <= 1):
            raise ConfigError(f"the rates of faults must be at least 0 and add up to at most 1, not {sum(rates):g}")
        if not 0 <= self.jitter <= 1 or not 0 <= self.latency < math.inf:
            raise ConfigError(f"latency {self.latency:g} must be at least 0 and jitter {self.jitter:g} from 0 to 1")
        if self.limit_every < 0 or (self.capacity or 0) < 0:
            raise ConfigError(f"limit_every {self.limit_every} and capacity {self.capacity or 0} must be at least 0")
        for status in self.error_rates:
            if not 400 <= status <= 599:
                raise ConfigError(f"{status} is no status of an error: choose one from 400 to 599")

    def draw(self, number: int) -> tuple[float, int | Fault | None]:
        """The latency in seconds of the `number`-th request, and its status code or fault; None for a good answer."""
        dice = random.Random(f"{self.seed}/{number}")
        latency = self.latency * dice.uniform(1 - self.jitter, 1 + self.jitter)
        rates: list[tuple[int | Fault, float]] = [*self.error_rates.items()]
        rates += [(Fault.CUT, self.cut_rate), (Fault.RESET, self.reset_rate)]
        throw = dice.random()
        for fault, rate in rates:
            if throw < rate:
                return latency, fault
            throw -= rate
        return latency, None
