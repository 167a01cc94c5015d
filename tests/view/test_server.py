"""The page's server: who is answered, what is served, and that nothing leads out of the media folder."""

import json
import os
import socket

import pytest

from demitasse.cli import main
from demitasse.errors import DemitasseError
from demitasse.view.folders import open_review
from demitasse.view.ranges import byte_range
from demitasse.view.server import HOST, SCRIPTS, ViewServer

pytestmark = pytest.mark.network

ODD_NAMES = (
    "a b.mp4",
    "x#1.mp4",
    "what?.mp4",
    "50%.mp4",
    "%41.mp4",
    'it\'s "q".mp4',
    "new\nline.mp4",
    "日本 é.mp4",
    "&amp;<b>.mp4",
    "\u202egnp.mp4",
    "b\\c.mp4",
    "sub/[x]*.mp4",
)


def test_the_printed_address_lets_in_and_its_secret_leaves_the_address_bar(dataset, serve):
    with serve(dataset) as client:
        status, headers, _ = client.ask(f"/?token={client.server.token}", Cookie=None)
        assert (status, headers["Location"]) == (303, "/")
        assert "HttpOnly" in headers["Set-Cookie"] and "SameSite=Strict" in headers["Set-Cookie"]
        assert client.ask("/")[0] == 200


@pytest.mark.parametrize("path", ["/", "/start.js", "/api/review", "/api/edits", "/api/medium/0", "/media/0"])
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Cookie": None}, id="without_the_secret"),
        pytest.param({"Cookie": "demitasse_view=wrong"}, id="with_a_wrong_secret"),
        pytest.param({"Cookie": 'a="; \x01'}, id="with_a_broken_cookie"),
        pytest.param({"Host": "evil.example"}, id="under_a_foreign_name"),
        pytest.param({"Host": "127.0.0.1.evil.example:80"}, id="under_a_name_that_begins_like_ours"),
        pytest.param({"Host": None}, id="without_a_name"),
    ],
)
def test_nothing_is_answered_to_strangers(dataset, serve, path, headers):
    with serve(dataset) as client:
        status, _, body = client.ask(path, **headers)
        assert status == 403 and b"wrench" not in body


def test_the_page_is_reached_through_a_forwarded_port(dataset, serve):
    with serve(dataset) as client:
        assert client.ask("/api/review", Host="localhost:9999")[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Origin": "https://evil.example"}, id="from_another_site"),
        pytest.param({"Origin": None}, id="from_nowhere"),
        pytest.param({"Origin": "null"}, id="from_a_sandboxed_frame"),
        pytest.param({"Origin": "http://127.0.0.1:1"}, id="from_another_port"),
        pytest.param({"Cookie": None}, id="without_the_secret"),
    ],
)
def test_another_website_cannot_decide(dataset, serve, headers):
    with serve(dataset) as client:
        row = client.json("/api/review")["items"][0]
        edit = {"item": row["item"], "of": row["of"], "decision": "accept"}
        assert client.decide(edit, **headers)[0] == 403
        assert client.json("/api/edits") == [] and (dataset / "edits.jsonl").read_bytes() == b""


def test_the_page_may_load_nothing_from_elsewhere(dataset, serve):
    with serve(dataset) as client:
        for path in ("/", "/start.js", "/api/review", "/media/0"):
            _, headers, _ = client.ask(path)
            assert headers["Content-Security-Policy"].startswith("default-src 'none'")
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_files_of_every_odd_name_are_served_whole(tmp_path, serve):
    items = []
    for name in ODD_NAMES:
        path = tmp_path / "videos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
        items.append({"video_id": name, "question": "Q", "answer": "A"})
    write(tmp_path, items)
    with serve(tmp_path) as client:
        shown = {medium["name"]: index for index, medium in enumerate(client.json("/api/review")["media"])}
        assert {name: client.ask(f"/media/{index}")[2].decode() for name, index in shown.items()} == {
            name: name for name in ODD_NAMES
        }


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("../secret.mp4", id="up"),
        pytest.param("sub/../../secret.mp4", id="down_and_up"),
        pytest.param("/etc/passwd", id="absolute"),
        pytest.param("notes.txt", id="no_video"),
        pytest.param("folder.mp4", id="a_folder"),
        pytest.param("gone.mp4", id="not_there"),
        pytest.param("nul\0.mp4", id="no_name_at_all"),
        pytest.param("x" * 300 + ".mp4", id="too_long"),
    ],
)
def test_no_name_in_the_data_leads_out_of_the_media_folder(tmp_path, serve, name):
    (tmp_path / "videos" / "folder.mp4").mkdir(parents=True)
    (tmp_path / "videos" / "notes.txt").write_text("x")
    (tmp_path / "secret.mp4").write_text("x")
    write(tmp_path, [{"video_id": name, "question": "Q", "answer": "A"}])
    with serve(tmp_path) as client:
        (medium,) = client.json("/api/review")["media"]
        assert "kind" not in medium and medium["fault"]
        assert client.ask("/media/0")[0] == 404


def test_a_pipe_is_not_opened(tmp_path, serve):
    (tmp_path / "videos").mkdir()
    os.mkfifo(tmp_path / "videos" / "pipe.mp4")
    write(tmp_path, [{"video_id": "pipe.mp4", "question": "Q", "answer": "A"}])
    with serve(tmp_path) as client:
        assert client.ask("/media/0")[0] == 404


@pytest.mark.parametrize(
    "path",
    ["/media/../set/mcq.json", "/media/99", "/media/-1", "/media/1e1", "/media/", "/media/0/..", "/page.html", "/x"],
)
def test_what_is_not_named_is_not_found(dataset, serve, path):
    with serve(dataset) as client:
        assert client.ask(path)[0] == 404


def test_another_media_folder_can_be_named(dataset, tmp_path, serve):
    (dataset / "videos").rename(tmp_path / "moved")
    with serve(dataset, media=tmp_path / "moved") as client:
        assert client.ask("/media/0")[0] == 200


SIZE = 100


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param("bytes=0-9", (0, 9), id="from_to"),
        pytest.param("bytes=90-", (90, 99), id="from_on"),
        pytest.param("bytes=-10", (90, 99), id="the_last_bytes"),
        pytest.param("bytes=-1000", (0, 99), id="more_than_there_are"),
        pytest.param("bytes=50-1000", (50, 99), id="beyond_the_end"),
        pytest.param("bytes=9-3", None, id="backwards_is_ignored"),
        pytest.param("bytes=-", None, id="empty_is_ignored"),
        pytest.param("bytes=0-1,5-6", None, id="several_are_ignored"),
        pytest.param("items=0-1", None, id="unknown_units_are_ignored"),
        pytest.param(None, None, id="none_asked_for"),
    ],
)
def test_a_byte_range_is_read_as_the_standard_says(header, expected):
    assert byte_range(header, SIZE) == expected


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_behind_the_end_cannot_be_satisfied(header):
    with pytest.raises(ValueError, match="100 bytes"):
        byte_range(header, SIZE)


def test_seeking_gets_just_the_bytes_asked_for(dataset, serve):
    content = (dataset / "videos" / "a.mp4").read_bytes()
    with serve(dataset) as client:
        status, headers, body = client.ask("/media/0", Range="bytes=10-19")
        assert (status, body, headers["Content-Range"]) == (206, content[10:20], f"bytes 10-19/{len(content)}")
        assert headers["Content-Type"] == "video/mp4" and headers["Accept-Ranges"] == "bytes"
        assert client.ask("/media/0")[2] == content
        status, headers, body = client.ask("/media/0", method="HEAD")
        assert (status, headers["Content-Length"], body) == (200, str(len(content)), b"")
        assert client.ask("/media/0", Range="bytes=99999-")[0] == 416
        assert client.ask("/media/0", Range="bytes=0-1", If_Range='"old"')[2] == content


def test_a_file_without_bytes_is_served_as_such(dataset, serve):
    (dataset / "videos" / "a.mp4").write_bytes(b"")
    with serve(dataset) as client:
        assert client.ask("/media/0")[::2] == (200, b"")


def test_model_text_reaches_the_page_as_json_and_never_as_markup(tmp_path, serve):
    evil = "<script>alert(1)</script></textarea>\"'\u202e\u2028"
    write(
        tmp_path, [{"video_id": evil, "question": evil, "answer": "lone \ud800", "quality": {evil: {"reason": evil}}}]
    )
    with serve(tmp_path) as client:
        status, headers, body = client.ask("/api/review")
        item = json.loads(body)["items"][0]
        assert (
            headers["Content-Type"] == "application/json"
            and item["question"] == evil
            and item["answer"] == "lone \ud800"
        )
        assert evil.encode() not in client.ask("/")[2]
        status, headers, body = client.ask("/media/%3Cscript%3E")
        assert status == 404 and headers["Content-Type"] == "application/json"


def test_the_page_builds_its_content_without_markup_from_text(dataset, serve):
    with serve(dataset) as client:
        script = "".join(client.ask(f"/{name}")[2].decode() for name in SCRIPTS)
    assert not [
        word for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(") if word in script
    ]


def test_a_taken_port_is_one_sentence(dataset):
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(DemitasseError, match=f"port {port} .* another --port"):
            ViewServer(open_review(dataset), port=port)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(["gone"], "gone is not there", id="no_folder"),
        pytest.param(["empty"], "holds no dataset file", id="nothing_in_it"),
        pytest.param(["set", "--static", "page.txt"], "ends in .html", id="a_page_of_another_name"),
        pytest.param(["set", "--port", "99999999"], "another --port", id="no_port"),
    ],
)
def test_what_cannot_be_shown_is_one_sentence_and_exit_2(dataset, monkeypatch, capsys, words, says):
    monkeypatch.chdir(dataset.parent)
    (dataset.parent / "empty").mkdir()
    assert main(["view", *words, "--no-open"]) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1


def write(folder, items):
    value = {"format": "tao-vl-reason-v1.0", "metadata": {"type": "annotation", "task": "open_qa", "license": ""}}
    (folder / "open_qa.json").write_text(json.dumps({**value, "media_root": "videos", "items": items}))
