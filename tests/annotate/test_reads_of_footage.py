"""How often a video is touched (tao_behaviour.md E24, E37): once for all that shows it whole, once for its windows."""

from collections import Counter

import pytest

from demitasse.media.pool import DecodePool


@pytest.fixture
def reads(monkeypatch) -> Counter:
    """What the decode workers were asked to do, by the function's name."""
    done = Counter()
    run = DecodePool.run

    async def counted(pool, function, *arguments, **named):
        done[function.__name__] += 1
        return await run(pool, function, *arguments, **named)

    monkeypatch.setattr(DecodePool, "run", counted)
    return done


@pytest.mark.parametrize("video", [True, False], ids=["as_a_file", "as_frames"])
@pytest.mark.parametrize("mode", ["normal", "anomaly"])
def test_a_video_is_read_once_for_every_way_in_which_it_is_shown(desk, reads, mode, video):
    desk.put("a.mp4", mode)
    teacher = desk.teacher(video=video)
    assert desk.annotate(vlm=teacher).exit_code == 0
    shown_whole = [step for step in teacher.steps() if step.startswith(("video_", f"{mode}_global", f"{mode}_dense"))]
    assert len(shown_whole) == 4
    assert (reads["measure_and_read"], reads["whole_parts"]) == (1, 0 if video else 1)
    assert reads["window_parts"] == 1 + (mode == "anomaly"), "all its windows in one pass, and the highlight"
    assert reads["cut_windows"] <= 1, "ahead of being asked for"
    assert reads.total() == sum(
        reads[name] for name in ("measure_and_read", "whole_parts", "window_parts", "cut_windows")
    )
