"""A student of ours as captioner or picker, shown items as it was trained on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from demitasse.errors import DataError, MediaError
from demitasse.media.cache import FrameCache
from demitasse.media.sample import SamplingPolicy
from demitasse.selector.asking import Ask, AskerSettings, Said
from demitasse.student.generate import Answerer
from demitasse.student.load import load_student
from demitasse.student.sight import Sight, SightSettings


class StudentAsker:
    """A student on this machine."""

    def __init__(self, settings: AskerSettings, policy: SamplingPolicy, cache: FrameCache) -> None:
        student = load_student(settings.model, device=settings.device, max_pixels=settings.max_pixels)
        sight = Sight(SightSettings(policy, settings.max_pixels), cache, student.encoder.vision)
        self._answerer = Answerer(student, sight, settings.max_new_tokens)
        self.at_once = settings.batch_size

    def ask(self, asks: Sequence[Ask], progress: Callable[[int], object]) -> list[Said]:
        """Replies, a batch at a time."""
        said: list[Said] = []
        for start in range(0, len(asks), self.at_once):
            batch = asks[start : start + self.at_once]
            said += self._batch(batch)
            progress(len(batch))
        return said

    def _batch(self, asks: Sequence[Ask]) -> Iterator[Said]:
        """A bad item is found by asking its batch one by one."""
        try:
            replies = self._answerer.answer(asks)
        except (MediaError, DataError) as fault:
            if len(asks) == 1:
                yield Said(finish="error", error=fault.reason if isinstance(fault, MediaError) else str(fault))
                return
            for one in asks:
                yield from self._batch([one])
            return
        for reply in replies:
            yield Said(reply.text, reply.finish)
