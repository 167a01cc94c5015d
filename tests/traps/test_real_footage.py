"""Real footage through the real client, real HTTP and a server that has never seen it.

The stand-in answers for unknown videos in the right form, so every step runs; what it says is no annotation.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from demitasse.chat.scripted import ScriptedModel
from demitasse.chat.server import ChatServer

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
FOOTAGE = sorted([*(DATA / "media").glob("*.mp4"), *(DATA / "avha").glob("*.mp4")])
needs_footage = pytest.mark.skipif(not FOOTAGE, reason="no real footage beside the checkout (../shared/data)")
TAO_DAFT = Path(sys.executable).with_name("tao-daft")


@pytest.mark.slow
@needs_footage
@pytest.mark.parametrize("mode", ["auto", "anomaly"])
def test_real_footage_goes_through_every_step_to_files_that_both_validators_accept(shop, mode):
    for path in FOOTAGE:
        (shop.videos / path.parent.name).mkdir(exist_ok=True)
        (shop.videos / path.parent.name / path.name).symlink_to(path)
    with ChatServer(ScriptedModel()) as server:
        ended = shop.run(shop.arguments(server.base_url, "license=CC0-1.0", f"workflow.mode={mode}"))
        asked, sent = server.counts.steps, server.counts.bytes
    assert ended.returncode == 0, ended.stderr
    assert f"{len(FOOTAGE)} done".encode() in ended.stdout.splitlines()[-1] and shop.outcomes() == {}
    assert sent > sum(path.stat().st_size for path in FOOTAGE), "the videos themselves, as base64"
    videos = {f"{path.parent.name}/{path.name}" for path in FOOTAGE}
    for task in ("mcq", "bcq_openended", "temporal_localization", "video_summarization"):
        assert {item["video_id"] for item in shop.items(task)} == videos
    assert len(list((shop.out / "step_4_output").glob("*.json"))) == 10
    assert {"video_filtering", "event_summary", "scene_description"} <= set(asked)
    assert ("highlight_chunk_caption" in asked) == (mode == "anomaly")
    for command in (
        [TAO_DAFT, "validate", "tao-vl-reason-v1.0", "--path", shop.out / "step_4_output"],
        [sys.executable, "-m", "demitasse.cli", "data", "validate", shop.out / "step_4_output"],
    ):
        assert subprocess.run(command, capture_output=True).returncode == 0
