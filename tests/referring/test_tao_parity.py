"""TAO's text files and ours are the same bytes for texts in good form, and where they differ it is meant.

referring_files.json holds what nvidia-tao-ds 7.3.0 wrote of texts written for this project
(benchmarks/referring_vs_tao.py --record).
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from annotate.referring.annotations import FILE
from annotate.referring.config import SECTION, Spec
from annotate.referring.pipeline import run_of
from annotate.referring.reading import sending_of, show
from demitasse.chat.model import Capability, Outcome, Reply

RECORDED = Path(__file__).parents[1] / "annotate" / "recorded"
CASES = yaml.safe_load((RECORDED / "referring_cases.yaml").read_text(encoding="utf-8"))
DIFFERENCES = yaml.safe_load((RECORDED / "referring_differences.yaml").read_text(encoding="utf-8"))
ORIGINAL = json.loads((RECORDED / "referring_files.json").read_text(encoding="utf-8"))
STEPS = {
    "0": "step_0_region_expr",
    "1": "step_1_image_caption",
    "2": "step_2_grounding_expr",
    "3": "step_3_double_check",
}
TEXT = Capability(json_schema=False, boxes="qwen_1000")


def named(cases):
    return [pytest.param(case, id=case["name"]) for case in cases]


def file_of(case):
    return case.get("file", f"{case['name']}.png")


class Teacher:
    """Says of each picture what its case says, in TAO's form."""

    name, capability = "teacher", TEXT

    def __init__(self):
        self.cases = {}

    async def reply(self, request):
        case = self.cases[hashlib.sha1(request.parts[0].data).hexdigest()]
        return Reply(Outcome.SUCCESS, case[request.step], model="teacher")

    async def close(self):
        pass


class Parity:
    """What our pipeline makes of all cases."""

    def __init__(self, folder, pool):
        self.out, teacher = folder / "out", Teacher()
        for name in ("images", "labels"):
            (folder / name).mkdir()
        for number, case in enumerate([*CASES, *DIFFERENCES]):
            path = draw(folder / "images" / file_of(case), case, number)
            teacher.cases[hashlib.sha1(show(str(path), sending_of(TEXT)).data).hexdigest()] = case
            if "label" in case:
                (folder / "labels" / f"{path.stem}.txt").write_text(case["label"], encoding="utf-8")
        data = {"image_dir": folder / "images", "kitti_label_dir": folder / "labels"}
        overrides = [f"{SECTION}.data.{name}={value}" for name, value in data.items()]
        overrides += [f"{SECTION}.workflow.output_format=both", f"{SECTION}.vlm.backend=scripted"]
        self.spec = Spec.read(None, [f"results_dir={self.out}", *overrides])
        self.annotated = run_of(self.spec).annotate({"vlm": teacher}, progress=False, pool=pool)
        self.rows = {row["image"]: row for row in lines(self.out / FILE)}
        self.seed = {row["image"]: row for row in lines(self.out / "seed_annotations.jsonl")}

    def made(self, case):
        """The seed's fields and the text files of a case, as they were recorded of TAO."""
        name, seed = file_of(case), self.seed[file_of(case)]
        fields = [seed[field] for field in ("image_id", "width", "height", "kitti_bboxes", "source")]
        paths = {
            step: self.out / folder / "labels" / f"{Path(name).stem}.txt.step{step}" for step, folder in STEPS.items()
        }
        texts = {step: path.read_bytes().decode() if path.exists() else None for step, path in paths.items()}
        return {"seed": fields, **texts}


def draw(path, case, number):
    width, height = case["size"]
    exif = Image.Exif()
    exif[0x0112] = case.get("orientation", 1)
    pixels = np.full((height, width, 3), number, np.uint8)
    Image.fromarray(pixels).save(path, **({"exif": exif} if "orientation" in case else {}))
    return path


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def parity(tmp_path_factory, decode_pool):
    return Parity(tmp_path_factory.mktemp("parity"), decode_pool)


@pytest.mark.parametrize("case", named(CASES))
def test_text_files_and_seed_are_the_originals_byte_for_byte(case, parity):
    assert parity.made(case) == ORIGINAL[case["name"]]


@pytest.mark.parametrize("case", named(DIFFERENCES))
def test_what_differs_from_the_original_is_meant_to(case, parity):
    made, original = parity.made(case), ORIGINAL[case["name"]]
    assert [where for where in original if made[where] != original[where]] == case["where"]
    ours = case.get("ours", {})
    assert {where: made[where] for where in case["where"] if where != "seed"} == {
        where: ours.get(where) for where in case["where"] if where != "seed"
    }


def test_every_difference_has_its_reason_and_every_case_its_recording():
    assert all(case["why"] for case in DIFFERENCES)
    assert {case["name"] for case in [*CASES, *DIFFERENCES]} == set(ORIGINAL)


def test_every_image_is_in_one_state_and_what_was_refused_keeps_what_it_has(parity):
    summary = parity.annotated.summary
    refused = [case for case in DIFFERENCES if "ours" not in case and case["where"] != ["seed"]]
    assert summary.done + summary.quarantined + summary.skipped.total() == len(CASES) + len(DIFFERENCES)
    assert summary.quarantined == len(refused) and parity.annotated.exit_code == 3
    assert set(parity.rows) == {file_of(case) for case in [*CASES, *DIFFERENCES]}
    for case in refused:
        assert parity.rows[file_of(case)]["caption"] == case["image_caption"].strip()


def test_a_row_names_just_the_steps_that_it_holds(parity):
    fields = {"step0_region_expr": "regions", "step1_image_caption": "caption", "step2_grounding_expr": "expressions"}
    for row in parity.rows.values():
        assert [step in row["pipeline_steps"] for step in fields] == [field in row for field in fields.values()]
    assert any(row["pipeline_steps"] == ["step1_image_caption"] for row in parity.rows.values())


def test_a_box_that_the_check_moves_keeps_its_own_id_whatever_else_it_removes(parity):
    row = parity.rows["the_check_moves_a_box.png"]
    first, second = row["expressions"][0]["instances"]
    assert first["bbox_id"].endswith("expr_00/box_00") and second["bbox_id"].endswith("expr_00/box_01")
    assert second["bbox_2d"] == [118, 58, 182, 161]
    assert row["expressions"][0]["check"]["moved"][0]["bbox_id"] == second["bbox_id"]
    alone = parity.rows["the_check_takes_one_box_of_a_group_out.png"]["expressions"][0]
    assert [one["bbox_id"] for one in alone["instances"]] == [
        first["bbox_id"].replace("moves_a_box", "takes_one_box_of_a_group_out")
    ]


def test_the_same_rows_make_the_same_bytes(parity, decode_pool):
    files = {path: path.read_bytes() for path in parity.out.rglob("*") if path.is_file() and path.suffix != ".log"}
    whole = (parity.out / FILE).read_bytes()
    teacher = Teacher()  # knows nothing: whatever is asked again fails
    run_of(parity.spec).annotate({"vlm": teacher}, progress=False, pool=decode_pool)
    kept = [path for path in files if "labels" in path.parts or path.name == "totals.json"]
    assert len(kept) > 80 and all(path.read_bytes() == files[path] for path in kept)
    assert (parity.out / FILE).read_bytes() == whole
