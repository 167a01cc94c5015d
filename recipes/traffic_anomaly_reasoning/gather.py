"""Makes TAR ready for the recipe: its task files with the videos found, and its test in a form that can be read.

    python recipes/traffic_anomaly_reasoning/gather.py data/tar

The data set's videos are fetched from eight places, one of them by hand, and some are gone by now: items of videos that
are not there are left out, and told by source. Its files count media from their own folder, where no video lies; its
test carries `metadata.answers_redacted`, a key that its format does not know. `data/tar/ready` has neither fault.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from pathlib import Path

from demitasse.dataset import TASKS, TaskFile, write
from demitasse.dataset.schema import load_object
from demitasse.errors import DataError, DemitasseError

LEFT_OUT = 3  # the exit code of what finished, and left something out


def main() -> int:
    """Write `ready/train/` and `ready/questions.json`; returns the exit code."""
    parser = argparse.ArgumentParser(description="Make TAR ready for the recipe.")
    parser.add_argument("tar", type=Path, help="the data set's folder, with train/, test/ and videos/")
    parser.add_argument("--videos", type=Path, help="where the training videos are (TAR/videos)")
    parser.add_argument("--test-videos", type=Path, help="where the test's are (TAR/test/videos)")
    args = parser.parse_args()
    videos, test_videos = args.videos or args.tar / "videos", args.test_videos or args.tar / "test" / "videos"
    ready = args.tar / "ready"
    try:
        absent = [gather(args.tar / f"train/{task}.json", videos, ready / f"train/{task}.json") for task in TASKS]
        if (args.tar / "test/test.json").is_file():
            absent.append(gather(args.tar / "test/test.json", test_videos, ready / "questions.json"))
        else:
            print(f"{args.tar / 'test/test.json'} is not there, so there is no test to ask", file=sys.stderr)
    except DemitasseError as fault:
        print(f"gather: {fault}", file=sys.stderr)
        return 2
    for source, count in sorted(sum(absent, Counter[str]()).items()):
        print(f"left out: {count} items of videos of {source} that are not there")
    return LEFT_OUT if any(absent) else 0


def gather(source: Path, videos: Path, target: Path) -> Counter[str]:
    """Write a task file whose items' videos are there; how many were left out, by the first folder of their ids.

    Raises:
        DataError: if the file cannot be read, or none of its videos is there.
    """
    content = load_object(source)
    if isinstance(content, dict) and isinstance(content.get("metadata"), dict):
        content["metadata"].pop("answers_redacted", None)
    file = TaskFile.from_json(content, source)
    there = {item.media_id for item in file.items if (videos / item.media_id).is_file()}
    if not there:
        raise DataError(f"{source}: none of the videos of its {len(file.items)} items is in {videos}")
    absent = Counter(item.media_id.split("/")[0] for item in file.items if item.media_id not in there)
    file.items = [item for item in file.items if item.media_id in there]
    file.media_root = os.path.relpath(videos.resolve(), target.parent.resolve())
    target.parent.mkdir(parents=True, exist_ok=True)
    write(target, file)
    print(f"{target}: {len(file.items)} items of {len(there)} videos")
    return absent


if __name__ == "__main__":
    sys.exit(main())
