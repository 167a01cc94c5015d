"""Step 1: a caption of each frame, paid for once, and a blocked frame that does not undo the others."""

import pytest

from demitasse.chat.model import Image, Outcome, Reply, Request

STEP_1 = "workflow.steps=[1]"
FILE = "step_1_captions/captions.jsonl"


def time_of(request: Request) -> float | None:
    (image,) = (part for part in request.parts if isinstance(part, Image))
    return image.time


def refuse_at(*times: float):
    """What refuses the frames at these times."""

    def reply(request: Request) -> Reply | None:
        hit = time_of(request) in times
        return Reply(Outcome.BLOCKED, error="filtered", finish_reason="content_filter") if hit else None

    return reply


def test_each_frame_is_asked_about_alone_and_keeps_its_number_and_time(bar):
    teacher = bar.teacher()
    bar.annotate(STEP_1, teacher=teacher)
    assert all(sum(isinstance(part, Image) for part in request.parts) == 1 for request in teacher.asked)
    media = bar.rows("media.jsonl")
    for video, row in bar.rows(FILE).items():
        assert [{"frame": one["frame"], "time": one["time"]} for one in row["frames"]] == media[video]["sampled"]
        assert all(one["caption"].startswith("[toy clip") for one in row["frames"]) and row["without_caption"] == []


def test_captions_stand_with_the_frames_they_are_of(bar):
    bar.annotate(STEP_1, teacher=bar.teacher(frame_caption=lambda request: f"seen at {time_of(request)}"))
    for row in bar.rows(FILE).values():
        assert [one["caption"] for one in row["frames"]] == [f"seen at {one['time']}" for one in row["frames"]]


def test_a_blocked_frame_stays_in_the_row_with_its_reason_and_out_of_what_follows(bar):
    done = bar.annotate(teacher=bar.teacher(frame_caption=refuse_at(3.5)))
    for row in bar.rows(FILE).values():
        assert [one["time"] for one in row["without_caption"]] == [3.5] and len(row["frames"]) == 7
        assert "filtered" in row["without_caption"][0]["reason"]
    groups = [place for row in bar.rows("step_2_groups/groups.jsonl").values() for place in row["kept"]]
    assert max(groups) <= 6
    assert done.exit_code == 3  # finished, and something is missing
    assert [what for what, why in done.assembled.unusable if "no caption" in why] == [
        f"0000{number}.mp4 at 3.50 s" for number in range(3)
    ]


def test_places_count_frames_that_have_captions_and_pictures_follow_them(bar):
    bar.annotate(teacher=bar.teacher(frame_caption=refuse_at(0.5, 1.5)))
    core = [one for item in bar.items("open_qa") for one in item["core_frames"]]
    assert core and min(one["time"] for one in core) == 2.5
    assert all(one["time"] == one["frame"] / 4 for one in core)


def test_a_video_of_which_every_frame_is_blocked_is_quarantined(bar):
    done = bar.annotate(STEP_1, teacher=bar.teacher(frame_caption=Reply(Outcome.BLOCKED, error="filtered")))
    assert (done.summary.done, done.summary.quarantined) == (0, 3)
    assert "no frame got a caption" in (bar.out / "quarantine.jsonl").read_text()


def test_a_failure_that_may_pass_leaves_no_row_and_the_rest_is_not_paid_for_again(bar):
    def fail(request: Request) -> Reply | None:
        return Reply(Outcome.ERROR, error="HTTP 400: no", status=400) if time_of(request) == 3.5 else None

    done = bar.annotate(STEP_1, teacher=bar.teacher(frame_caption=fail))
    assert done.summary.quarantined == 3 and not (bar.out / FILE).read_bytes()
    again = bar.teacher()
    assert bar.annotate(STEP_1, teacher=again).summary.done == 3
    assert [time_of(request) for request in again.asked] == [3.5] * 3


@pytest.mark.parametrize(
    "said", ["", "   ", "I'm sorry, but I can't help with that."], ids=["empty", "blank", "refusal"]
)
def test_what_is_no_caption_is_sent_back_and_never_kept(bar, said):
    teacher = bar.teacher(frame_caption=lambda request: None if request.turns else said or " ")
    done = bar.annotate(STEP_1, teacher=teacher)
    if done.summary.done:
        captions = [one["caption"] for row in bar.rows(FILE).values() for one in row["frames"]]
        assert len(teacher.asked) == 2 * len(captions) and said not in captions
    else:
        assert done.summary.quarantined == 3


def test_equal_videos_share_their_replies(bar):
    (bar.videos / "copy.mp4").write_bytes((bar.videos / "00000.mp4").read_bytes())
    teacher = bar.teacher()
    bar.annotate(STEP_1, teacher=teacher)
    assert len(teacher.asked) == 24 and len(bar.rows(FILE)) == 4
