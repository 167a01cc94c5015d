"""What one bad reply, video or mistake may cost: itself, and nothing else (tao_behaviour.md E1 to E3)."""

import json
from collections import Counter
from pathlib import Path

import orjson
import pytest

from annotate.video_reasoning.pipeline import run_of
from demitasse.chat.model import Image, Outcome, Reply, Text
from demitasse.chat.scripted import ScriptedModel
from demitasse.chat.server import ChatServer
from demitasse.cli import main
from demitasse.dataset import validate

SECTION = "video_reasoning_annotation"
FAILED = Reply(Outcome.ERROR, error="HTTP 400: content policy", status=400)
SHORT = ("workflow.steps=[0,1a,2,3,4]", "workflow.qa_types=[mcq]")


def rows(desk, file):
    path = desk.out / file
    return [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def quarantined(desk):
    return {row["video"]: row["reason"] for row in rows(desk, "quarantine.jsonl")}


def items(desk, task="mcq"):
    path = desk.out / "step_4_output" / f"{task}.json"
    return orjson.loads(path.read_bytes())["items"] if path.exists() else []


def fails_for_the_first(desk, step):
    """A teacher that fails for the first video asked about in a step, whichever that is."""
    asked = []

    def reply(request):
        asked.append(request)
        return FAILED if len(asked) == 1 else None

    return desk.teacher(**{step: reply})


@pytest.mark.parametrize(
    ("step", "modes"),
    [
        pytest.param("normal_description", ["normal", "anomaly", "anomaly"], id="a_description"),
        pytest.param("normal_chunk_caption", ["normal", "anomaly", "anomaly"], id="a_window"),
        pytest.param("highlight_timestamp_extraction", ["anomaly", "normal", "normal"], id="the_critical_moment"),
        pytest.param("highlight_chunk_caption", ["anomaly", "normal", "normal"], id="the_highlight"),
        pytest.param("normal_global_caption", ["normal", "anomaly", "anomaly"], id="a_caption"),
        pytest.param("video_filtering", ["normal", "anomaly", "anomaly"], id="the_filter"),
    ],
)
def test_a_call_that_always_fails_costs_its_own_video_and_the_data_set_is_made(desk, step, modes):
    names = ["a.mp4", "b.mp4", "c.mp4"]
    for name, mode in zip(names, modes, strict=True):
        desk.put(name, mode)
    run = desk.annotate(vlm=fails_for_the_first(desk, step))
    assert run.exit_code == 3 and run.summary.quarantined == 1
    ((bad, reason),) = quarantined(desk).items()
    assert "content policy" in reason
    assert {item["video_id"] for item in items(desk)} == set(names) - {bad}
    assert validate(desk.out / "step_4_output") == []


def test_a_question_without_a_description_is_not_bought(desk):
    desk.put("a.mp4")
    teacher = desk.teacher(normal_description=FAILED)
    desk.annotate(vlm=teacher)
    assert not any(step.endswith(("mcq", "bcq", "summary")) for step in teacher.steps())
    assert not rows(desk, "step_3_qa/qa_output.jsonl")


def test_a_window_that_comes_later_reaches_the_description_and_every_question(desk):
    desk.put("a.mp4")
    desk.annotate(vlm=desk.teacher(normal_chunk_caption=FAILED))
    assert not rows(desk, "step_2_description/descriptions.jsonl"), "nothing is made of half the captions"
    teacher = desk.teacher(normal_chunk_caption="THE WINDOW THAT CAME LATER")
    assert desk.annotate(vlm=teacher).exit_code == 0
    made_of_it = [request for request in teacher.asked if "THE WINDOW THAT CAME LATER" in request.text]
    assert {"normal_description", "normal_mcq"} <= {request.step for request in made_of_it}


class Endpoint:
    """The scripted model behind a real endpoint, for settings that only a real client has."""

    def __init__(self, desk, pool, server) -> None:
        self._desk, self._pool, self._server = desk, pool, server

    def run(self, *overrides) -> set[str]:
        """Annotate; returns the steps that were asked about."""
        before = Counter(self._server.counts.steps)
        named = [
            f"{name}.{key}"
            for name in ("vlm", "llm")
            for key in ("backend=openai", f"openai.base_url={self._server.base_url}", "openai.model_name=m")
        ]
        spec = self._desk.spec(*SHORT, "workflow.mode=normal", *named, *overrides)
        assert run_of(spec).annotate(progress=False, pool=self._pool).exit_code == 0
        return set(self._server.counts.steps - before)


@pytest.fixture
def endpoint(desk, decode_pool):
    with ChatServer(ScriptedModel()) as server:
        yield Endpoint(desk, decode_pool, server)


@pytest.mark.parametrize(
    ("override", "again"),
    [
        pytest.param("llm.openai.temperature=0.1", {"normal_description", "normal_mcq"}, id="temperature"),
        pytest.param("llm.openai.model_name=other", {"normal_description", "normal_mcq"}, id="model"),
        pytest.param(
            "vlm.openai.max_tokens=2000",
            {"video_filtering", "normal_global_caption", "normal_dense_caption"},
            id="room_whose_replies_are_the_same",
        ),
    ],
)
def test_a_changed_setting_asks_its_own_steps_again_and_nothing_old_is_exported(desk, endpoint, override, again):
    desk.put("a.mp4")
    endpoint.run()
    assert endpoint.run(override) == again
    assert endpoint.run(override) == set()
    (item,) = items(desk)
    latest = rows(desk, "step_3_qa/qa_output.jsonl")[-1]["provenance"]
    assert item["provenance"]["requests"] == latest["requests"]


def test_a_moment_that_cannot_be_read_is_no_moment_and_another_prompt_asks_for_it_again(desk, tmp_path):
    desk.put("a.mp4", "anomaly")
    steps = "workflow.steps=[0,1a,1b,1c]"
    assert desk.annotate(steps, vlm=desk.teacher(highlight_timestamp_extraction="Hard to say.")).exit_code == 3
    assert not rows(desk, "step_1c_highlight/highlight_captions.jsonl") and "a.mp4" in quarantined(desk)
    pack = tmp_path / "edited.yaml"
    line = "  highlight_timestamp_extraction: |\n"
    text = Path("prompts/general.yaml").read_text(encoding="utf-8")
    assert text.count(line) == 1
    pack.write_text(text.replace(line, f"{line}    Look closely.\n"), encoding="utf-8")
    teacher = desk.teacher(highlight_timestamp_extraction='{"seconds": 4}')
    assert desk.annotate(steps, f"prompts={pack}", vlm=teacher).exit_code == 0
    assert "highlight_timestamp_extraction" in teacher.steps()


def test_videos_of_one_stem_are_videos_of_their_own_and_keep_their_ids_when_the_root_moves(desk, tmp_path):
    names = {"a/cam1.mp4", "b/cam1.mp4", "b/cam1.MP4", "b/cam1.mov"}
    for name in sorted(names):
        desk.put(name)
    desk.annotate(*SHORT)
    assert {item["video_id"] for item in items(desk)} == names
    desk.videos.rename(tmp_path / "moved")
    desk.videos = tmp_path / "moved"
    teacher = desk.teacher()
    run = desk.annotate(*SHORT, vlm=teacher)
    assert (run.exit_code, run.summary.stale) == (0, 0)
    assert teacher.asked == [], "a root is no part of what decides an answer"
    assert {item["video_id"] for item in items(desk)} == names
    assert validate(desk.out / "step_4_output") == [], "and the media are found under the new root"


def test_a_root_spelled_differently_from_the_lists_leaves_no_machine_path(desk, tmp_path):
    desk.put("cam/a.mp4")
    other = tmp_path / "another name"
    other.symlink_to(desk.videos, target_is_directory=True)
    listed = tmp_path / "list.jsonl"
    paths = [desk.videos / "cam" / "a.mp4", other / "cam" / ".." / "cam" / "a.mp4"]
    listed.write_text("\n".join(json.dumps({"video": str(path)}) for path in paths), encoding="utf-8")
    for root in (other, desk.videos):
        run = desk.annotate(*SHORT, f"data.video_root={root}", f"data.input_jsonl_files=[{listed}]")
        assert run.exit_code == 0 and run.summary.done == 1
        assert [item["video_id"] for item in items(desk)] == ["cam/a.mp4"]


def test_frames_of_long_footage_say_when_they_are(desk):
    desk.put("a.mp4")
    teacher = desk.teacher()
    long = ("workflow.long_video_threshold_sec=5", "workflow.long_video_sample_fps=1")
    desk.annotate("workflow.steps=[0]", "workflow.mode=normal", *long, vlm=teacher)
    parts = teacher.asked[0].parts[:-1]
    labels = [part.text for part in parts if isinstance(part, Text)]
    assert labels == [f"t={part.time:.2f} s" for part in parts if isinstance(part, Image)] and len(labels) > 4


def test_an_empty_licence_is_said_before_the_data_leaves(desk):
    desk.put("a.mp4")
    assert any("license is empty" in note for note in desk.annotate(*SHORT).notes)
    assert not any("license" in note for note in desk.annotate(*SHORT, "license=CC0-1.0").notes)


def test_a_run_that_made_nothing_does_not_end_well(desk, capsys):
    desk.put("a.mp4")
    arguments = [f"results_dir={desk.out}", f"{SECTION}.data.video_root={desk.videos}"]
    arguments += [f"{SECTION}.{name}.backend=scripted" for name in ("vlm", "llm")]
    assert main(["annotate", "video", "--quiet", *arguments, f"{SECTION}.workflow.max_video_length_sec=1"]) == 3
    assert "0 done, 1 skipped" in capsys.readouterr().out


def test_what_a_teacher_cut_short_never_becomes_an_item(desk):
    desk.put("a.mp4")
    cut = Reply(Outcome.TRUNCATED, '{"question": "Which?", "options": {"A": "one"')
    teacher = desk.teacher(normal_mcq=cut)
    assert desk.annotate(*SHORT, vlm=teacher).exit_code == 3
    room = [request.sampling.max_tokens for request in teacher.asked if request.step == "normal_mcq"]
    assert room == [room[0], 2 * room[0]], "asked once more, with twice the room"
    assert "cut short" in quarantined(desk)["a.mp4"] and items(desk) == []
