"""What a run would ask, worked out from its configuration, its inputs and what is in its results folder already.

What is told of it here is made by planner.py; what only a pipeline knows of its records and steps is its `Outlook`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from demitasse.chat.model import Capability
from demitasse.chat.tokens import TokenRule
from demitasse.engine.journal import Row
from demitasse.engine.step import Fields, Record


@dataclass(frozen=True)
class Ask:
    """One call as a plan sees it.

    Attributes:
        endpoint: whose it is, by name.
        prompt: its key in the pack.
        text: tokens of what is said.
        media: tokens of what is shown to a model that takes this and counts like that.
        reply: tokens of the reply, as long as none was counted.
    """

    endpoint: str
    prompt: str
    text: float
    reply: float
    media: Callable[[Capability, TokenRule], float] | None = None


@dataclass
class StepForecast:
    """A step's calls over all records. The first of a pair is the least, the second the most that may be expected.

    Attributes:
        models: names of those that are asked.
        current: rows that are there, and stay.
        records: for which it would run.
        calls: if no record is rejected and no reply has to be asked for again.
        prompt, completion: tokens of them, estimated.
        dollars: of them; None if a price is not known.
    """

    models: set[str] = field(default_factory=set)
    current: int = 0
    records: int = 0
    calls: list[int] = field(default_factory=lambda: [0, 0])
    prompt: list[float] = field(default_factory=lambda: [0.0, 0.0])
    completion: list[float] = field(default_factory=lambda: [0.0, 0.0])
    dollars: list[float] | None = field(default_factory=lambda: [0.0, 0.0])


@dataclass
class Forecast:
    """What a run would do.

    Attributes:
        kind: of its records, "video" or "image".
        steps: by name; the parts of a step together.
        records: that would be worked on.
        left_out: what would not, by reason.
        alike: records with the content of another one, whose replies are shared.
        least: requests if what comes first left nothing to ask about for what comes after it.
        most: requests if every reply were cut short and sent back as often as is allowed. Requests that fail and are
            sent again are not counted.
        kept: replies that are paid for and that no row of these holds: as many requests may be spared.
        spent: dollars, by earlier runs in the folder.
        most_dollars: of one request for each call, with the longest reply that is allowed; None if not known.
    """

    kind: str
    steps: dict[str, StepForecast] = field(default_factory=dict)
    records: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    alike: int = 0
    least: int = 0
    most: int = 0
    kept: int = 0
    spent: float = 0.0
    most_dollars: float | None = 0.0

    @property
    def calls(self) -> tuple[int, int]:
        """The least and the most requests that are to be expected."""
        low, high = (sum(step.calls[end] for step in self.steps.values()) for end in (0, 1))
        return low, high


class Outlook(ABC):
    """What a pipeline can tell of its steps before they are run."""

    @abstractmethod
    async def measured(self, record: Record) -> Row:
        """What the step `media` would find.

        Raises:
            MediaError, Quarantine: if it cannot be used.
        """

    @abstractmethod
    def alike(self, fields: Fields) -> Hashable:
        """Records that are equal in this share their replies."""

    def left_out(self, fields: Fields, measuring: bool) -> str:
        """Why a record would not be worked on; `measuring` says whether the run looks at the file at all."""
        return ""

    def ended_by(self, name: str, row: Row) -> str:
        """Why no step comes after this row; "" if they do."""
        return ""

    @abstractmethod
    def asks(self, name: str, fields: Fields, waits: bool) -> tuple[Sequence[Ask], Sequence[Ask]]:
        """The fewest and the most calls that a step is to be expected to make about a record.

        `waits` says whether it comes after another step that would run, whose fields are not known.
        """

    def least(self, name: str, ahead: set[str], waits: bool, fewest: int) -> int:
        """Of a step's fewest calls those that are made whatever the steps before it say.

        `ahead` are the steps that would run. If no reply of theirs could be used, nothing came after them.
        """
        return 0 if waits else fewest
