"""Issue forms are what a forge can show: named, described, each field once, and short enough to be filled in."""

from pathlib import Path

import pytest
import yaml

FOLDER = Path(__file__).resolve().parents[2] / ".github" / "ISSUE_TEMPLATE"
FORMS = sorted(path for path in FOLDER.glob("*.yml") if path.stem != "config")


def test_there_is_one_for_a_bug_a_result_and_a_question():
    assert [path.stem for path in FORMS] == ["bug", "question", "recipe_result"]


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_has_a_name_a_description_and_fields_with_labels(path):
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert form["name"] and form["description"] and form["labels"]
    fields = form["body"]
    assert 2 <= len(fields) <= 6
    assert len({field["id"] for field in fields}) == len(fields)
    for field in fields:
        assert field["type"] in ("input", "textarea", "dropdown")
        assert field["attributes"]["label"]
    assert any(field.get("validations", {}).get("required") for field in fields)
