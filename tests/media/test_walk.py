"""Finding video files: each real file once, nothing unreported (annotate.md traps 4, 5 and 10)."""

import os
import unicodedata

import pytest

from demitasse.errors import DataError
from demitasse.media.walk import IMAGE_SUFFIXES, find_files, find_videos


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode("utf-8", "surrogateescape"))


def listed(found, root):
    return [str(path.relative_to(root)) for path in found.files]


def reasons(found, root):
    return {str(path.relative_to(root)): reason for path, reason in found.skipped}


def test_videos_are_known_by_their_ending_in_any_case_and_sorted(tmp_path):
    touch(tmp_path, "b.MOV", "a.mp4", "c.Avi", "d.mkv", "notes.txt", "mp4", "e.mp4.txt", "sub/a.mp4")
    found = find_videos(tmp_path)
    assert listed(found, tmp_path) == ["a.mp4", "b.MOV", "c.Avi", "d.mkv", "sub/a.mp4"]
    assert found.skipped == []


def test_same_name_in_two_folders_is_two_videos(tmp_path):
    names = ["a/cam1.mp4", "b/cam1.MP4", "b/cam1.mov", "b/cam1.mp4"]
    touch(tmp_path, *names)
    assert listed(find_videos(tmp_path), tmp_path) == names


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("two words.mp4", id="space"),
        pytest.param("a#b?c%20.mp4", id="url_characters"),
        pytest.param('it\'s "quoted".mp4', id="quotes"),
        pytest.param(unicodedata.normalize("NFD", "é") + ".mp4", id="decomposed_accent"),
        pytest.param("映像🎥.mp4", id="non_ascii"),
        pytest.param("new\nline.mp4", id="newline"),
        pytest.param("concat:a|b.mp4", id="looks_like_a_protocol"),
        pytest.param(os.fsdecode(b"latin\xe9.mp4"), id="undecodable_bytes"),
        pytest.param("-y.mp4", id="looks_like_an_option"),
    ],
)
def test_odd_names_are_kept_as_they_are(tmp_path, name):
    touch(tmp_path, name)
    assert listed(find_videos(tmp_path), tmp_path) == [name]


def test_composed_and_decomposed_names_are_two_files(tmp_path):
    touch(tmp_path, unicodedata.normalize("NFC", "é.mp4"), unicodedata.normalize("NFD", "é.mp4"))
    assert len(find_videos(tmp_path).files) == len(list(tmp_path.iterdir()))


def test_link_loop_ends_and_is_reported(tmp_path):
    touch(tmp_path, "sub/a.mp4")
    (tmp_path / "sub/up").symlink_to(tmp_path)
    (tmp_path / "self.mp4").symlink_to("self.mp4")
    found = find_videos(tmp_path)
    assert listed(found, tmp_path) == ["sub/a.mp4"]
    assert reasons(found, tmp_path) == {"sub/up": "folder already listed (link)", "self.mp4": "broken link"}


def test_file_keeps_the_name_that_no_link_leads_to(tmp_path):
    touch(tmp_path, "z/real.mp4")
    (tmp_path / "a.mp4").symlink_to("z/real.mp4")
    (tmp_path / "b").symlink_to("z")
    found = find_videos(tmp_path)
    assert listed(found, tmp_path) == ["z/real.mp4"]
    assert reasons(found, tmp_path) == {
        "a.mp4": "same file as another (link)",
        "b": "folder already listed (link)",
    }


def test_hard_link_is_the_same_file(tmp_path):
    touch(tmp_path, "a.mp4")
    os.link(tmp_path / "a.mp4", tmp_path / "b.mp4")
    found = find_videos(tmp_path)
    assert listed(found, tmp_path) == ["a.mp4"]
    assert reasons(found, tmp_path) == {"b.mp4": "same file as another (link)"}


def test_links_out_of_the_root_are_followed_once(tmp_path):
    touch(tmp_path, "outside/film.mp4", "outside/deep/other.mkv", "root/own.mp4")
    root = tmp_path / "root"
    (root / "one").symlink_to(tmp_path / "outside")
    (root / "two").symlink_to(tmp_path / "outside")
    found = find_videos(root)
    assert listed(found, root) == ["one/deep/other.mkv", "one/film.mp4", "own.mp4"]
    assert reasons(found, root) == {"two": "folder already listed (link)"}


def test_what_is_no_regular_file_is_reported(tmp_path):
    (tmp_path / "gone.mp4").symlink_to("nowhere.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    touch(tmp_path, "._film.mp4", "film.mp4", "folder.mp4/inside.mp4")
    found = find_videos(tmp_path)
    assert listed(found, tmp_path) == ["film.mp4", "folder.mp4/inside.mp4"]
    assert reasons(found, tmp_path) == {
        "gone.mp4": "broken link",
        "pipe.mp4": "not a regular file",
        "._film.mp4": "macOS resource file",
    }


def test_folder_that_cannot_be_read_is_reported(tmp_path, monkeypatch):
    touch(tmp_path, "closed/a.mp4", "open/b.mp4")
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path.name != "closed" and allowed(path, mode))
    found = find_videos(tmp_path)
    assert listed(found, tmp_path) == ["open/b.mp4"]
    assert reasons(found, tmp_path) == {"closed": "folder not readable"}


def test_a_single_file_is_its_own_list(tmp_path):
    touch(tmp_path, "a.mp4", "a.txt")
    assert find_videos(tmp_path / "a.mp4").files == [tmp_path / "a.mp4"]
    with pytest.raises(DataError, match=r"a\.txt: not a video file"):
        find_videos(tmp_path / "a.txt")
    with pytest.raises(DataError, match="no such folder"):
        find_videos(tmp_path / "absent")


def test_images_are_known_by_their_endings_and_other_files_are_none(tmp_path):
    names = ["a.JPG", "b.jpeg", "c.PNG", "d.webp", "e.bmp", "f.tif", "g.TIFF", "deep/a.jpg"]
    touch(tmp_path, *names, "a.txt", "b.gif", "c.mp4")
    assert listed(find_files(tmp_path, IMAGE_SUFFIXES), tmp_path) == sorted(names)


def test_videos_and_pictures_of_endings_that_nobody_reads_are_counted(tmp_path):
    touch(tmp_path, "a.mp4", "b.GIF", "deep/c.gif", "d.webm", "e.heic", "f.jpg", "g.gif/h.mp4", "._i.gif", "notes.txt")
    found = find_videos(tmp_path)
    assert listed(found, tmp_path) == ["a.mp4", "g.gif/h.mp4"] and found.skipped == []
    assert found.notes() == ["passed over, for nothing reads files of these endings: 2 .gif, 1 .heic, 1 .webm"]
    (tmp_path / "link.webm").symlink_to("d.webm")
    assert find_files(tmp_path, IMAGE_SUFFIXES).passed_over == {".gif": 2, ".heic": 1, ".webm": 2}


def test_of_other_files_nothing_is_told(tmp_path):
    touch(tmp_path, "a.mp4", "a.json", "a.jpg", "a.vtt", "README")
    assert find_videos(tmp_path).notes() == []


def test_files_are_looked_for_in_folders_only(tmp_path):
    touch(tmp_path, "a.png")
    with pytest.raises(DataError, match="no such folder"):
        find_files(tmp_path / "a.png", IMAGE_SUFFIXES)
