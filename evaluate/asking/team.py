"""The copies of one student in the processes of a training run, asked as if they were one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from demitasse.dataset import Item
from demitasse.errors import DataError, DemitasseError, MediaError
from demitasse.student.decode import Generated
from demitasse.student.encode import Encoded
from demitasse.student.generate import Answerer, generate

if TYPE_CHECKING:
    from accelerate import Accelerator

Result = TypeVar("Result")
Asked = tuple[Item, Path]


class Left(Exception):
    """The questions were left off because the run is to end."""


class Team:
    """A student whose questions are shared out: the main process asks, and each process answers its share of a batch.

    In every batch all processes make as many forward passes: where weights are sharded between them, each pass waits
    for all. A process without a question of its own answers the first one as well, and its reply is dropped.

    Args:
        answerer: this process's copy.
        learner: the module whose forward pass trains it.
        accelerator: of the run.
        stop: asked before each batch, in all processes at once, whether to leave off.
    """

    def __init__(self, answerer: Answerer, learner: Any, accelerator: Accelerator, stop: Callable[[], bool]) -> None:
        self._answerer, self._learner = answerer, learner
        self._place, self._size = accelerator.process_index, accelerator.num_processes
        self._precision = accelerator.autocast
        self._stop = stop

    def lead(self, ask: Callable[[], Result]) -> Result:
        """Call `ask` in the main process, which may ask this team; returns in all of them what it returned.

        Raises:
            DemitasseError: in all processes, if the main one did.
        """
        if self._size == 1:
            return ask()
        if self._place:
            return self._follow()
        try:
            result = ask()
        except DemitasseError as fault:
            _tell((None, fault))
            raise
        except BaseException as fault:
            # Told as one of ours: another's may not go through a pipe, and the others must not wait for ever.
            _tell((None, DemitasseError(f"validation ended in the main process: {fault!r}")))
            raise
        _tell((None, result))
        return result

    def answer(self, items: Sequence[Asked]) -> list[Generated]:
        """Replies in the order of the items; called in the main process.

        Raises:
            MediaError, DataError: if an item cannot be asked.
            Left: if the run is to end.
        """
        if self._size > 1:
            _tell((items, None))
        return self._share(items)

    def _follow(self) -> Any:
        """Answer shares of what the main process asks, until it says how it ended."""
        while True:
            items, outcome = _tell(None)
            if items is None:
                if isinstance(outcome, DemitasseError):
                    raise outcome
                return outcome
            try:
                self._share(items)
            except (MediaError, DataError, Left):
                continue  # the main process has seen the same, and says how to go on

    def _share(self, items: Sequence[Asked]) -> list[Generated]:
        if self._stop():
            raise Left
        # Reading may fail in one process only, so all of them learn of it before any begins to answer.
        prompts, fault = self._read(items[self._place :: self._size] or items[:1])
        if faults := [one for one in self._gathered([fault]) if one is not None]:
            raise faults[0]
        said = _within(self._learner, lambda: self._said(prompts))
        shares = self._gathered([said])
        replies: list[Generated] = [None] * len(items)  # type: ignore[list-item]
        for place, share in enumerate(shares[: len(items)]):
            replies[place :: self._size] = share
        return replies

    def _said(self, prompts: list[Encoded]) -> list[Generated]:
        """Replies, in the precision of training: only a training step's own forward pass turns it on by itself."""
        with self._precision():
            return generate(self._answerer.student, prompts, self._answerer.max_new_tokens, in_step=self._size > 1)

    def _read(self, items: Sequence[Asked]) -> tuple[list[Encoded], MediaError | DataError | None]:
        try:
            return self._answerer.prompts(items), None
        except (MediaError, DataError) as fault:
            return [], fault

    def _gathered(self, mine: list[Any]) -> list[Any]:
        """What each process has, in their order."""
        if self._size == 1:
            return mine
        from accelerate.utils import gather_object

        return gather_object(mine)


def _within(learner: Any, ask: Callable[[], Result]) -> Result:
    """What `ask` returns, called as the forward pass of a sharded module, and else just called.

    FSDP2 shards by layers, and what is in none (embeddings, the head, the patches' projection) is whole only during the
    forward pass of the outermost module; asking goes by a module inside it.
    """
    from torch.distributed.fsdp import FSDPModule

    if not isinstance(learner, FSDPModule):
        return ask()
    outermost: Any = learner
    usual = outermost.__dict__.get("forward")
    outermost.forward = ask
    try:
        result: Result = outermost()
    finally:
        del outermost.forward
        if usual is not None:
            outermost.forward = usual
        outermost.reshard()  # which else a backward pass would do
    return result


def _tell(what: Any) -> Any:
    """What the main process says; the others' `what` counts for nothing."""
    from accelerate.utils import broadcast_object_list

    return broadcast_object_list([what])[0]
