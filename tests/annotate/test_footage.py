"""Footage is read once, cut once and ahead of time, and never in the way of a request."""

import asyncio

import pytest

from annotate.kept import Kept
from annotate.video_reasoning import footage as footage_module
from annotate.video_reasoning.ahead import Cutting, Turns
from annotate.video_reasoning.reading import Sent, cut_windows, window_parts
from demitasse.chat.model import Capability, Image, Text, Video
from demitasse.engine.step import Skip
from demitasse.media.probe import probe
from demitasse.media.sample import SamplingPolicy
from tests.idle_clock import run_idle

SENT = Sent(Capability(), SamplingPolicy(2.0, 60, 4, frame_multiple=1), SamplingPolicy(0.5, 60, 4), long=60.0)
FRAMES = Sent(Capability(video=False), SENT.policy, SENT.long_policy, long=60.0)
TO_THE_WINDOWS = ("workflow.steps=[0, 1a, 1b]", "workflow.chunk_duration_options=[3]")


@pytest.fixture
def jobs(decode_pool, monkeypatch):
    """The decode workers' jobs, by the name of what they do."""
    done, run = [], decode_pool.run

    async def noted(function, *args):
        done.append(function.__name__)
        return await run(function, *args)

    monkeypatch.setattr(decode_pool, "run", noted)
    return done


def test_four_calls_that_show_the_whole_video_share_one_reading_of_it(desk, jobs):
    desk.put("a.mp4")
    teacher = desk.teacher()
    assert desk.annotate("workflow.steps=[0, 1a]", vlm=teacher).exit_code == 0
    shown = [part for request in teacher.asked for part in request.parts if isinstance(part, Video)]
    assert len(shown) == 4 and len({part.data for part in shown}) == 1
    assert jobs == ["measure_and_read"]


def test_windows_are_cut_in_one_job_before_they_are_asked_for_and_never_again(desk, jobs):
    desk.put("a.mp4")
    teacher = desk.teacher()
    assert desk.annotate(*TO_THE_WINDOWS, vlm=teacher).exit_code == 0
    assert jobs.count("cut_windows") == 1 and jobs.count("window_parts") == 1
    clips = [request.parts[0].data for request in teacher.asked if request.step == "normal_chunk_caption"]
    assert len(clips) == len(set(clips)) == 3
    assert jobs.index("cut_windows") < jobs.index("window_parts")


def test_what_was_cut_for_a_video_that_is_turned_down_is_removed_at_its_end(desk, monkeypatch):
    desk.put("a.mp4")
    left = []
    forget = footage_module.Footage.forget

    def noted(self, fields):
        forget(self, fields)
        left.extend(self.scratch.iterdir())

    monkeypatch.setattr(footage_module.Footage, "forget", noted)
    teacher = desk.teacher(video_filtering='{"usable": false, "reason": "Dark."}')
    assert desk.annotate(*TO_THE_WINDOWS, vlm=teacher).exit_code == 3
    assert left == [] and not (desk.out / ".clips").exists()


def test_nothing_is_cut_that_nobody_will_ask_for(desk, jobs):
    desk.put("a.mp4")
    desk.annotate("workflow.steps=[0, 1a]")
    desk.annotate("workflow.steps=[0, 1a]")
    assert "cut_windows" not in jobs and jobs.count("measure_and_read") == 1


def test_windows_for_an_endpoint_that_takes_frames_are_not_encoded_first(desk, jobs):
    desk.put("a.mp4")
    teacher = desk.teacher(video=False)
    assert desk.annotate(*TO_THE_WINDOWS, vlm=teacher).exit_code == 0
    assert "cut_windows" not in jobs
    windows = [request for request in teacher.asked if request.step == "normal_chunk_caption"]
    assert all(isinstance(part, (Image, Text)) for request in windows for part in request.parts)


def test_a_shorter_limit_skips_what_an_earlier_run_took(desk):
    desk.put("a.mp4")
    assert desk.annotate("workflow.steps=[0]").exit_code == 0
    later = desk.annotate("workflow.steps=[0]", "workflow.max_video_length_sec=3")
    assert later.summary.skipped.total() == 1 and later.summary.done == 0
    teacher = desk.teacher()
    assert desk.annotate("workflow.steps=[0]", "workflow.max_video_length_sec=null", vlm=teacher).exit_code == 0
    assert teacher.asked == [], "what was bought before is still good"


def test_windows_of_frames_are_labelled_from_their_own_start_and_show_their_own_frames(clips, tmp_path):
    whole = window_parts(str(clips / "normal.mp4"), [(0.0, 4.0)], tmp_path / "a", FRAMES)[0]
    later = window_parts(str(clips / "normal.mp4"), [(4.0, 8.0)], tmp_path / "b", FRAMES)[0]
    assert [part.text for part in later if isinstance(part, Text)] == [
        part.text for part in whole if isinstance(part, Text)
    ]
    assert {part.data for part in later if isinstance(part, Image)}.isdisjoint(
        part.data for part in whole if isinstance(part, Image)
    )


def test_a_window_has_its_length_and_what_is_there_already_is_not_cut_again(clips, tmp_path):
    spans, folder = [(0.0, 3.0), (3.0, 8.0)], tmp_path / "cut"
    folder.mkdir()
    cut_windows(str(clips / "normal.mp4"), spans, folder, SENT)
    assert [probe(path).duration for path in sorted(folder.iterdir())] == [3.0, 5.0]
    (first, second) = window_parts("no longer there.mp4", spans, folder, SENT)
    assert (first[0].duration, second[0].duration) == (3.0, 5.0)
    assert not folder.exists()


class Pool:
    """Does nothing, when it is let."""

    def __init__(self):
        self.ran, self.gate = [], asyncio.Event()

    async def run(self, function, *args):
        self.ran.append(function.__name__)
        await self.gate.wait()


def test_what_is_waited_for_goes_before_what_is_done_ahead(tmp_path):
    async def story():
        turns, pool = Turns(2), Pool()
        with turns:
            cutting = Cutting(pool, turns, "a.mp4", [(0.0, 1.0)], tmp_path, SENT)
            await asyncio.sleep(0.01)
            assert pool.ran == [], "somebody waits"
        await asyncio.sleep(0.01)
        assert pool.ran == ["cut_windows"]
        pool.gate.set()
        await cutting.end()

    run_idle(story())


def test_one_worker_is_left_to_what_is_waited_for(tmp_path):
    async def story():
        turns, pool = Turns(3), Pool()
        cuttings = [Cutting(pool, turns, f"{n}.mp4", [(0.0, 1.0)], tmp_path, SENT) for n in range(5)]
        await asyncio.sleep(0.01)
        assert len(pool.ran) == 2
        pool.gate.set()
        for cutting in cuttings:
            await cutting.end()

    run_idle(story())


def test_windows_that_are_asked_for_before_their_turn_do_not_wait_for_it(tmp_path):
    async def story():
        turns, pool = Turns(2), Pool()
        with turns:
            cutting = Cutting(pool, turns, "a.mp4", [(0.0, 1.0)], tmp_path, SENT)
            await asyncio.wait_for(cutting.end(), 1)
        assert pool.ran == []

    run_idle(story())


def clip(size):
    return (Video(bytes(size), "video/mp4", 1.0),)


def test_parts_are_made_once_and_kept_while_there_is_room():
    async def story():
        kept, made = Kept(100), []

        async def make(name):
            made.append(name)
            return clip(40)

        for name in ("a", "b", "a", "c", "a", "b"):
            await kept.get(name, lambda name=name: make(name))
        assert made == ["a", "b", "c", "b"], "b was used longest ago when c came"

    run_idle(story())


def test_what_fails_is_made_again_and_one_who_leaves_takes_nothing_from_the_others():
    async def story():
        kept, tries = Kept(100), []

        async def make():
            tries.append(1)
            await asyncio.sleep(0.01)
            if len(tries) == 1:
                raise Skip("not now")
            return clip(1)

        with pytest.raises(Skip):
            await kept.get("a", make)
        leaving = asyncio.create_task(kept.get("a", make))
        staying = asyncio.create_task(kept.get("a", make))
        await asyncio.sleep(0)
        leaving.cancel()
        assert await staying == clip(1) and len(tries) == 2

    run_idle(story())
