"""From settings to whoever captions or picks; what a student or an endpoint needs is loaded only for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from demitasse.errors import ConfigError
from demitasse.selector.asking import Asker, AskerSettings

if TYPE_CHECKING:
    from demitasse.media.cache import FrameCache
    from demitasse.media.sample import SamplingPolicy


def open_asker(settings: AskerSettings, policy: SamplingPolicy, cache: FrameCache, folder: Path) -> Asker:
    """Whoever the settings name. Replies of an endpoint are kept in `folder`, so that none is paid for twice.

    Raises:
        ConfigError: if there is no such student, or the endpoint's address or key cannot be used.
    """
    if settings.url:
        from demitasse.selector.endpoint import EndpointAsker

        return EndpointAsker(settings, policy, cache, folder)
    if not Path(settings.model).is_dir():
        raise ConfigError(f"{settings.model} is no folder of a student; a model behind an endpoint needs its address")
    from demitasse.selector.student_asker import StudentAsker

    return StudentAsker(settings, policy, cache)
