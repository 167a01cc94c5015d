"""`model.positions` reaches what is learnt, and the student's folder."""

from safetensors.torch import load_file

from demitasse.student.load import load_student
from demitasse.student.record import read_record


def test_a_student_learns_by_its_rule_and_remembers_it(train_it, tmp_path):
    folders = {
        rule: train_it(f"model.positions={rule}", f"output_dir={tmp_path / rule}") for rule in ("transformers", "qwen")
    }
    for rule, folder in folders.items():
        assert read_record(folder).positions == rule
        assert load_student(folder, device="cpu").encoder.family.positions == rule
    weights, others = (load_file(folder / "model.safetensors") for folder in folders.values())
    assert any(not weights[name].equal(others[name]) for name in weights), "its videos are long enough to differ"
