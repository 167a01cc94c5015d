"""VidOR's annotation as it is published, and as it goes wrong."""

import json
from collections import Counter

import pytest

from annotate.cotasks.vidor import Vidor, read_annotation, read_video_map
from demitasse.errors import DataError


def box(tid, sides=(10, 20, 29, 39), **more):
    return {"tid": tid, "bbox": dict(zip(("xmin", "ymin", "xmax", "ymax"), sides, strict=True))} | more


def annotation(**change):
    return {
        "version": "VERSION 1.0",
        "video_id": "7",
        "video_hash": "abc",
        "video_path": "0001/7.mp4",
        "frame_count": 3,
        "fps": 29.97,
        "width": 100,
        "height": 50,
        "subject/objects": [{"tid": tid, "category": name} for tid, name in ((4, "adult"), (0, "dog"), (9, "adult"))],
        "trajectories": [[box(4, generated=0, tracker="none")], [box(4, generated=1, tracker="kcf"), box(0)], []],
        "relation_instances": [
            {"subject_tid": 4, "object_tid": 0, "predicate": "in_front_of", "begin_fid": 1, "end_fid": 2},
            {"subject_tid": 0, "object_tid": 4, "predicate": "bite", "begin_fid": 0, "end_fid": 3},
        ],
    } | change  # fmt: skip


@pytest.fixture
def read(tmp_path):
    def of(**change):
        path = tmp_path / "7.json"
        path.write_text(json.dumps(annotation(**change)))
        return read_annotation(path)

    return of


def test_a_whole_file_is_read(read):
    got = read()
    assert (got.video, got.path, got.frame_count, got.fps) == ("7", "0001/7.mp4", 3, 29.97)
    assert got.names == {4: "adult 1", 0: "dog 1", 9: "adult 2"} and got.boxes == 3 and got.notes == {}
    assert [relation.is_spatial for relation in got.relations] == [True, False]
    assert (got.version, got.video_hash) == ("VERSION 1.0", "abc")


def test_the_last_pixel_belongs_to_the_box(read):
    """10 to 29 of 100 is twenty pixels wide: a fifth of the frame, and not 0.19."""
    assert read().track(0, 4).box == (0.1, 0.4, 0.3, 0.8)


def test_who_drew_a_box_is_known_and_gaps_are_gaps(read):
    got = read()
    assert got.track(0, 4).by_hand and not got.track(1, 4).by_hand and got.track(1, 0).by_hand
    assert got.track(2, 4) is None and got.track(0, 0) is None and got.track(99, 4) is None


def test_older_files_lack_the_hash(tmp_path):
    value = annotation()
    for key in ("video_hash", "version", "video_path"):
        del value[key]
    (tmp_path / "7.json").write_text(json.dumps(value))
    got = read_annotation(tmp_path / "7.json")
    assert (got.video_hash, got.path) == ("", "")


@pytest.mark.parametrize(
    ("change", "note"),
    [
        pytest.param({"trajectories": [[box(4, (-5, 0, 20, 20))], [], []]}, "box_cut_at_the_edge", id="over_the_edge"),
        pytest.param({"trajectories": [[box(4, (90, 0, 100, 49))], [], []]}, "box_cut_at_the_edge", id="a_pixel_over"),
        pytest.param({"trajectories": [[box(4, (120, 0, 130, 20))], [], []]}, "box_without_area", id="outside"),
        pytest.param({"trajectories": [[box(4, (30, 0, 20, 20))], [], []]}, "box_without_area", id="inverted"),
        pytest.param({"trajectories": [[box(4, (None, 0, 20, 20))], [], []]}, "box_without_numbers", id="no_numbers"),
        pytest.param({"trajectories": [[box(77)], [], []]}, "box_of_a_thing_not_listed", id="a_stranger"),
        pytest.param({"trajectories": [[box(4), box(4)], [], []]}, "two_boxes_of_one_thing", id="twice_in_a_frame"),
        pytest.param({"frame_count": 4}, "frames_listed_other_than_frame_count", id="fewer_frames_than_counted"),
        pytest.param(
            {"relation_instances": [annotation()["relation_instances"][0] | {"object_tid": 77}]},
            "relation_of_a_thing_not_listed",
            id="a_relation_to_a_stranger",
        ),
        pytest.param(
            {"relation_instances": [annotation()["relation_instances"][0] | {"end_fid": 1}]},
            "relation_without_length",
            id="a_relation_that_ends_where_it_begins",
        ),
    ],
)
def test_what_is_odd_is_noted_and_costs_no_more_than_itself(read, change, note):
    got = read(**change)
    assert got.notes == {note: 1}


def test_a_relation_ends_with_the_video(read):
    got = read(relation_instances=[annotation()["relation_instances"][1] | {"end_fid": 999}])
    assert got.relations[0].end == 3


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"frame_count": 0}, "'frame_count' is 0", id="no_frames"),
        pytest.param({"width": "wide"}, "'width'", id="a_width_that_is_no_number"),
        pytest.param({"fps": 0}, "'fps' is 0", id="no_rate"),
        pytest.param({"trajectories": None}, "is it a VidOR annotation", id="no_tracks"),
        pytest.param({"trajectories": [[{"tid": 4}]]}, "not a tid and a bbox", id="a_track_without_a_box"),
        pytest.param({"trajectories": [7]}, "a frame of 'trajectories' is 7", id="a_frame_that_is_no_list"),
        pytest.param({"subject/objects": [{"tid": "4"}]}, "not a tid and a category", id="a_thing_without_a_category"),
        pytest.param({"relation_instances": [{}]}, "not a whole relation", id="an_empty_relation"),
        pytest.param({"relation_instances": 3}, "not a whole relation", id="relations_that_are_no_list"),
    ],
)
def test_a_file_that_is_none_is_refused_by_its_field(read, change, says):
    with pytest.raises(DataError, match=says):
        read(**change)


@pytest.mark.parametrize(
    "place",
    [
        pytest.param("annotation/training/0001/7.json", id="as_the_release_unpacks"),
        pytest.param("validation/0001/7.json", id="a_split"),
        pytest.param("0001/7.json", id="numbered_folders"),
        pytest.param("7.json", id="flat"),
        pytest.param("some/where/else/7.json", id="anywhere"),
    ],
)
@pytest.mark.parametrize("video_map", [None, {"7": "0001/7"}])
def test_an_annotation_is_found_wherever_it_lies(tmp_path, place, video_map):
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    assert Vidor(tmp_path, video_map).path("7") == path and Vidor(tmp_path, video_map).path("8") is None


def test_one_file_will_do_as_a_folder(tmp_path):
    (tmp_path / "7.json").write_text("{}")
    assert Vidor(tmp_path / "7.json").path("7") == tmp_path / "7.json"


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match="is not there"):
        Vidor(tmp_path / "none")


def test_the_map_is_nextqas(tmp_path):
    (tmp_path / "map.json").write_text('{"7": "0001/7.mp4"}')
    assert read_video_map(tmp_path / "map.json") == {"7": "0001/7"}
    (tmp_path / "map.json").write_text('["7"]')
    with pytest.raises(DataError, match="map_vid_vidorID"):
        read_video_map(tmp_path / "map.json")


def test_the_real_file_counts_as_counting_by_hand_does(real):
    path = real("vidor/2793806282.json")
    raw, got = json.loads(path.read_text()), read_annotation(path)
    assert got.boxes == sum(map(len, raw["trajectories"])) == 5121
    assert len(got.relations) == len(raw["relation_instances"]) == 40 and got.notes == {}
    assert got.frame_count == len(got.tracks) == 1925 and (got.width, got.height) == (320, 240)
    assert list(got.names.values()) == ["adult 1", "dog 1", "dog 2", "dog 3", "adult 2", "adult 3"]
    assert got.track(0, 0).box == pytest.approx((65 / 320, 62 / 240, 123 / 320, 122 / 240), abs=1e-5)
    predicates = Counter(relation.predicate for relation in got.relations)
    assert predicates == {"in_front_of": 14, "watch": 10, "next_to": 5, "behind": 5, "away": 4, "pull": 2}
    assert sum(track.by_hand for frame in got.tracks for track in frame.values()) == 291
