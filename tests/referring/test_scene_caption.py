"""Step 1: one text about the whole image, that says nothing of where in the world it is."""

from __future__ import annotations

from annotate.referring.scene_caption import SceneCaptioning


def test_a_caption_is_of_the_whole_image_and_is_asked_to_name_no_place(studio, make_fields):
    teacher = studio.teacher("A road with two cars.")
    row = studio.run(SceneCaptioning, make_fields(), teacher)
    assert list(row) == ["image", "image_id", "caption", "provenance"]
    assert row["caption"] == "A road with two cars."
    assert "Do not say or guess in which town, country, street" in " ".join(teacher.prompt.split())
    assert len(teacher.asked) == 1
