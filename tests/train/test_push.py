"""Pushing to the Hub, against a server of our own that speaks its protocol: token, retries, what is sent twice."""

from __future__ import annotations

import hashlib
import json
import threading
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from demitasse.cli import main
from demitasse.errors import ConfigError, DemitasseError
from train.after.push import push

SECRET = "hf_notForAnybodysEyes"


@dataclass
class Repo:
    """One repository: its files, whether it is private, and how often it was committed to."""

    private: bool = False
    files: dict[str, bytes] = field(default_factory=dict)
    commits: int = 0


@dataclass
class Hub:
    """The state of the server, what it was asked, and what it is to refuse: `refuse["commit"] = 500`."""

    url: str = ""
    repos: dict[str, Repo] = field(default_factory=dict)
    stored: dict[str, bytes] = field(default_factory=dict)
    refuse: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)


def git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def handler_of(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            kind = "tree" if "/tree/" in self.path else "info"
            if self._name() not in hub.repos:  # what the client asks about itself
                return self._send("nothing", {}, 404)
            repo = hub.repos[self._name()]
            if kind == "tree":
                rows = [
                    {"type": "file", "path": path, "size": len(content), "oid": git_hash(content)}
                    for path, content in repo.files.items()
                ]
                return self._send(kind, rows)
            return self._send(kind, {"id": self._name(), "private": repo.private, "sha": f"{repo.commits:040d}"})

        def do_PUT(self) -> None:
            content = self._body()
            if "upload" not in hub.refuse:
                hub.stored[self.path.rsplit("/", 1)[-1]] = content
            self._send("upload", {})

        def do_POST(self) -> None:
            for part, answer in (
                ("/api/repos/create", self._create),
                ("/api/validate-yaml", self._yaml),
                ("/preupload/", self._preupload),
                ("/info/lfs/objects/batch", self._batch),
                ("/commit/", self._commit),
            ):
                if part in self.path:
                    return answer()
            raise AssertionError(self.path)

        def _name(self) -> str:
            return "/".join(self.path.split("?")[0].removeprefix("/api/models/").split("/")[:2])

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") == "chunked":
                content = b""
                while size := int(self.rfile.readline(), 16):
                    content += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return content
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _create(self) -> None:
            asked = json.loads(self._body())
            name = f"{asked.get('organization') or 'me'}/{asked['name']}"
            known = name in hub.repos
            if not known and "create" not in hub.refuse:
                hub.repos[name] = Repo(private=bool(asked.get("private")) or asked.get("visibility") == "private")
            self._send("create", {"url": f"{hub.url}/{name}", "name": name}, 409 if known else 200)

        def _yaml(self) -> None:
            self._body()
            self._send("yaml", {"errors": [], "warnings": []})

        def _preupload(self) -> None:
            repo, files = hub.repos[self._name()], []
            for one in json.loads(self._body())["files"]:
                path, old = one["path"], repo.files.get(one["path"])
                large = path.endswith(".safetensors")
                oid = None if old is None else hashlib.sha256(old).hexdigest() if large else git_hash(old)
                mode = "lfs" if large else "regular"
                files.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
            self._send("preupload", {"files": files})

        def _batch(self) -> None:
            answers = []
            for one in json.loads(self._body())["objects"]:
                if one["oid"] not in hub.stored:
                    one["actions"] = {"upload": {"href": f"{hub.url}/storage/{one['oid']}"}}
                answers.append(one)
            self._send("batch", {"transfer": "basic", "objects": answers})

        def _commit(self) -> None:
            lines = [json.loads(line) for line in self._body().splitlines()]
            if "commit" not in hub.refuse:
                repo = hub.repos[self._name()]
                for line in lines:
                    value = line["value"]
                    if line["key"] == "file":
                        repo.files[value["path"]] = b64decode(value["content"])
                    elif line["key"] == "lfsFile":
                        repo.files[value["path"]] = hub.stored[value["oid"]]
                    elif line["key"] == "deletedFile":
                        del repo.files[value["path"]]
                repo.commits += 1
            self._send("commit", {"commitUrl": f"{hub.url}/{self._name()}/commit/1", "commitOid": "1" * 40})

        def _send(self, kind: str, answer: object, status: int = 200) -> None:
            hub.asked.append(kind)
            if kind != "upload":  # storage is another server, and is not told
                hub.tokens.add(self.headers.get("Authorization"))
            status = hub.refuse.get(kind, status)
            if status >= 400 and status != 409:
                answer = {"error": f"no {kind} for {self.headers.get('Authorization')}"}
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    state = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(state))
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", state.url)
    monkeypatch.setenv("HF_TOKEN", SECRET)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)  # the server is on this machine
    # As HF_HUB_DISABLE_XET=1 does: the server speaks LFS, which is the Hub's other way to take weights.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A folder like an export's; its weights are no weights, which a push never looks at."""
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "README.md").write_text("---\nlibrary_name: transformers\n---\n\n# a student\n")
    (folder / "config.json").write_text("{}\n")
    (folder / "model.safetensors").write_bytes(b"weights" * 1000)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_repository_becomes_what_the_folder_is_in_one_commit(hub: Hub, exported: Path) -> None:
    assert push(exported, "lab/student") == f"{hub.url}/lab/student"
    assert hub.repos["lab/student"].files == contents(exported)
    assert hub.repos["lab/student"].commits == 1
    assert not hub.repos["lab/student"].private


def test_the_token_is_the_environments_and_goes_to_the_endpoint_alone(hub: Hub, exported: Path) -> None:
    push(exported, "lab/student")
    assert hub.tokens == {f"Bearer {SECRET}"}
    assert not any(SECRET.encode() in content for content in hub.repos["lab/student"].files.values())


def test_pushed_twice_nothing_is_committed_or_sent_again(hub: Hub, exported: Path) -> None:
    push(exported, "lab/student")
    hub.asked.clear()
    push(exported, "lab/student")
    assert hub.repos["lab/student"].commits == 1
    assert "upload" not in hub.asked and "commit" not in hub.asked


def test_weights_of_an_earlier_push_do_not_stay_beside_the_new_ones(hub: Hub, exported: Path) -> None:
    old = {"model-00001-of-00002.safetensors": b"old", "model.safetensors.index.json": b"{}", "LICENSE": b"ours"}
    hub.repos["lab/student"] = Repo(files=dict(old))
    push(exported, "lab/student")
    assert hub.repos["lab/student"].files.keys() == {"LICENSE", *contents(exported)}


def test_a_private_repository_is_made_private(hub: Hub, exported: Path) -> None:
    push(exported, "lab/student", private=True)
    assert hub.repos["lab/student"].private


def test_a_public_repository_gets_nothing_that_was_to_be_private(hub: Hub, exported: Path) -> None:
    hub.repos["lab/student"] = Repo(private=False)
    with pytest.raises(ConfigError, match=r"lab/student.*public"):
        push(exported, "lab/student", private=True)
    assert hub.repos["lab/student"].files == {}


@pytest.mark.parametrize(
    ("refused", "status", "words"),
    [
        pytest.param("create", 401, "HF_TOKEN may not write", id="a_token_that_is_not_accepted"),
        pytest.param("batch", 403, "HF_TOKEN may not write", id="a_token_that_may_not_write"),
        pytest.param("upload", 400, "model.safetensors", id="weights_that_are_not_taken"),
        pytest.param("commit", 500, "500", id="a_commit_that_fails"),
    ],
)
def test_a_push_that_fails_half_way_says_what_to_do_and_the_next_one_finishes(
    hub: Hub, exported: Path, refused: str, status: int, words: str
) -> None:
    hub.refuse[refused] = status
    with pytest.raises(DemitasseError, match=words) as error:
        push(exported, "lab/student")
    said = str(error.value)
    assert "same command goes on" in said and str(exported) in said and "\n" not in said
    assert SECRET not in said
    assert error.value.__cause__ is None  # a traceback would show what the server said
    hub.refuse.clear()
    push(exported, "lab/student")
    assert hub.repos["lab/student"].files == contents(exported)


def test_weights_that_arrived_before_a_failure_are_not_sent_again(hub: Hub, exported: Path) -> None:
    hub.refuse["commit"] = 500
    with pytest.raises(DemitasseError):
        push(exported, "lab/student")
    hub.refuse.clear()
    hub.asked.clear()
    push(exported, "lab/student")
    assert "upload" not in hub.asked and "commit" in hub.asked


def test_a_name_that_is_none_is_refused_without_asking(hub: Hub, exported: Path) -> None:
    with pytest.raises(ConfigError, match="no name for a repository"):
        push(exported, "lab/stu dent")
    assert hub.asked == []


def test_a_hub_that_is_not_there_is_said_to_be_so(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_TOKEN", SECRET)
    with pytest.raises(DemitasseError, match="not finished") as error:
        push(exported, "lab/student")
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("token", [None, "", "  "])
def test_without_a_token_nothing_is_exported_or_pushed(
    token: str | None, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HF_TOKEN") if token is None else monkeypatch.setenv("HF_TOKEN", token)
    words = ["export", str(tmp_path), "--out", str(tmp_path / "out"), "--push", "lab/student"]
    assert main(words) == 2
    assert "HF_TOKEN" in capsys.readouterr().err
    assert hub.asked == [] and not (tmp_path / "out").exists()
