"""The toy teacher held against annotation of the same clips, which speaks in its words: the agreement is what it is."""

import csv
import json

import pytest

from demitasse.cli import main
from demitasse.cotasks.accounts import agreement_report, read_accounts
from demitasse.toyworld.espresso_teacher import LIGHT_BOX
from demitasse.toyworld.world import toy_clip

FPS, FRAMES, SIZE = 4, 32, 128
CLIPS = 3


def annotation(number):
    """A toy clip as VidOR annotates a video."""
    clip = toy_clip(number)
    lit = (round(clip.light_on * FPS), round(clip.light_off * FPS))
    spans = [(0, lit[0]), (lit[1], FRAMES)] if clip.alarm else [(0, FRAMES)]
    acts = [(f"move_{clip.direction}", *span) for span in spans] + ([("freeze", *lit)] if clip.alarm else [])
    relations = [(0, name, 1, *span) for name, *span in acts]
    return {
        "video_id": f"{number:05d}",
        "frame_count": FRAMES,
        "fps": FPS,
        "width": SIZE,
        "height": SIZE,
        "subject/objects": [{"tid": 0, "category": clip.shape}, {"tid": 1, "category": "light"}],
        "trajectories": [_boxes(clip, fid, lit) for fid in range(FRAMES)],
        "relation_instances": [
            {"subject_tid": a, "predicate": name, "object_tid": b, "begin_fid": begin, "end_fid": end}
            for a, name, b, begin, end in [*relations, (0, "beneath", 1, *lit)]
        ],
    }


def _boxes(clip, fid, lit):
    there = [(0, clip.box(fid / FPS))] + ([(1, LIGHT_BOX)] if lit[0] <= fid < lit[1] else [])
    return [
        {"tid": tid, "bbox": dict(zip(("xmin", "ymin", "xmax", "ymax"), _pixels(box), strict=True)), "generated": 0}
        for tid, box in there
    ]


def _pixels(box):
    x1, y1, x2, y2 = (round(side * SIZE) for side in box)
    return x1, y1, x2 - 1, y2 - 1


@pytest.fixture
def annotated(desk):
    """CoTasks from annotation of the desk's clips."""
    folder = desk.out.parent / "vidor"
    folder.mkdir()
    for number in range(CLIPS):
        (folder / f"{number:05d}.json").write_text(json.dumps(annotation(number)))
    spans = {
        f"{number:05d}": {
            "duration": 8,
            "location": {"0": [[toy_clip(number).light_on, toy_clip(number).light_off - 0.01]]},
            "fps": FPS,
        }
        for number in range(CLIPS)
    }
    (desk.out.parent / "spans.json").write_text(json.dumps(spans))
    out = desk.out.parent / "annotated"
    words = [f"questions={desk.questions}", f"vidor={folder}", f"spans={desk.out.parent / 'spans.json'}"]
    words += ["source=nextqa", "frames=9", f"results_dir={out}"]
    assert main(["annotate", "cotasks", *words, "--quiet"]) == 0
    return out


def report(desk, annotated):
    return agreement_report(read_accounts(desk.out), read_accounts(annotated))["cotasks"]


def test_a_teacher_that_knows_the_truth_agrees_with_annotation(desk, annotated):
    desk.annotate()
    found = report(desk, annotated)
    assert found["1"]["precision"]["value"] == 1, "it names some of the moments in the span, and no others"
    assert found["1"]["entity_f1"]["value"] == 1
    assert found["2"]["recall_50"]["value"] == 1 and found["2"]["mean_iou"]["value"] > 0.9
    assert found["2"]["same_name"]["value"] == 1
    assert found["3"]["f1"]["value"] == 1


def test_a_teacher_that_sees_other_boxes_agrees_less(desk, annotated):
    teacher = desk.teacher()
    teacher._box_mistakes = 1.0
    desk.annotate(teacher=teacher)
    found = report(desk, annotated)
    assert found["2"]["mean_iou"]["value"] < 0.8
    assert found["3"]["f1"]["value"] == 1


def test_the_command_prints_it_by_question_type(desk, annotated, capsys):
    desk.annotate()
    assert main(["data", "agreement", str(desk.out), str(annotated)]) == 0
    told = capsys.readouterr().out
    assert told.startswith("3 questions in both, 0 only in A, 0 only in B") and "  TC " in told


def test_the_same_leak_report_reads_a_teachers_items(desk, capsys):
    desk.annotate()
    assert main(["data", "leaks", str(desk.out)]) == 0
    assert "3 questions" in capsys.readouterr().out


def test_questions_are_the_same_file_for_both_sources(desk, annotated):
    with open(desk.questions, newline="") as file:
        keys = [f"{row['video']}_{row['qid']}" for row in csv.DictReader(file)]
    desk.annotate()
    assert list(read_accounts(desk.out)) == list(read_accounts(annotated)) == keys
