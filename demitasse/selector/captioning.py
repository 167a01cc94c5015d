"""Having every sampled frame captioned; each video's captions are kept as soon as they are whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from demitasse.engine.journal import Journal
from demitasse.errors import ConfigError
from demitasse.selector.asking import Asker, Said
from demitasse.selector.captions import CAPTIONS, VideoCaptions, captions_at, read_captions
from demitasse.selector.wording import caption_item, one_line


@dataclass(frozen=True, slots=True)
class Sampled:
    """A video and the seconds of its sampled frames."""

    path: Path
    times: tuple[float, ...]


@dataclass
class Captioned:
    """What came of it: captions by video, why the others have none, and the captioner's seconds in this go."""

    found: dict[str, VideoCaptions]
    faults: dict[str, str]
    seconds: float = 0.0


def check_captioned(out: Path, videos: Iterable[str], given: Mapping[str, VideoCaptions]) -> None:
    """Refuse videos without captions where nobody writes them, before anything is kept in `out`.

    Raises:
        ConfigError: naming the first that has none, neither given nor in `out` from an earlier go.
    """
    earlier = read_captions(out / CAPTIONS) if (out / CAPTIONS).is_file() else {}
    missing = [video for video in videos if video not in given and video not in earlier]
    if missing:
        raise ConfigError(
            f"{len(missing)} videos have no captions, {missing[0]} the first; name a --captioner or give --captions"
        )


def caption_videos(
    out: Path,
    videos: Mapping[str, Sampled],
    captioner: Callable[[], Asker] | None,
    given: Mapping[str, VideoCaptions],
) -> Captioned:
    """Captions of all sampled frames: the given ones, those in `out` from an earlier go, and the captioner's.

    `captioner` may be None where `check_captioned` found nothing missing.
    """
    found = {video: captions_at(given[video], one.times) for video, one in videos.items() if video in given}
    with Journal(out / CAPTIONS, lambda row: str(row["video"])) as journal:
        found |= {video: one for video, one in read_captions(out / CAPTIONS).items() if video in videos}
        done = Captioned(found, {})
        missing = [video for video in videos if video not in found]
        if missing and captioner is not None:
            _ask(captioner(), {video: videos[video] for video in missing}, journal, done)
    return done


def _ask(captioner: Asker, videos: Mapping[str, Sampled], journal: Journal[str], done: Captioned) -> None:
    with tqdm(
        total=sum(len(one.times) for one in videos.values()), desc="caption", unit="frame", delay=2, disable=None
    ) as progress:
        for group in _groups(videos, captioner.at_once):
            began = time.monotonic()
            asks = [(caption_item(video, at), videos[video].path) for video in group for at in videos[video].times]
            said = iter(captioner.ask(asks, progress.update))
            done.seconds += time.monotonic() - began
            for video in group:
                _take(video, videos[video], [next(said) for _ in videos[video].times], journal, done)
            journal.sync()


def _take(video: str, sampled: Sampled, replies: Sequence[Said], journal: Journal[str], done: Captioned) -> None:
    """Keep a video's captions if all of its frames have one."""
    for reply in replies:
        if reply.finish != "stop":
            done.faults[video] = reply.error or "a caption was cut short; raise --max-new-tokens"
            return
    done.found[video] = VideoCaptions(video, sampled.times, tuple(one_line(reply.text) for reply in replies))
    journal.append(done.found[video].to_json())


def _groups(videos: Mapping[str, Sampled], at_once: int) -> Iterator[list[str]]:
    """Videos whose frames together fill a captioner's batch."""
    group: list[str] = []
    for video in videos:
        group.append(video)
        if sum(len(videos[one].times) for one in group) >= at_once:
            yield group
            group = []
    if group:
        yield group
