"""An endpoint's embeddings: asked once for each text, normalised, kept, and without a key in any message."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from demitasse.embedding import EmbeddingConfig, open_embedder
from demitasse.embedding import endpoint as endpoint_module
from demitasse.embedding.config import check_key, embedding_problems
from demitasse.errors import ConfigError, DataError

KEY = "sk-very-secret-key-123456"
pytestmark = pytest.mark.network


class Server:
    """Serves /v1/embeddings; each text's vector is its length and its number of words."""

    def __init__(self) -> None:
        self.asked: list[dict] = []
        self.keys: list[str | None] = []
        self.statuses: list[int] = []  # of the next replies; 200 when used up
        self.change = lambda body: body
        self.url = ""

    def answer(self, asked: dict) -> dict:
        data = [
            {"object": "embedding", "index": place, "embedding": [float(len(text)), float(len(text.split()))]}
            for place, text in enumerate(asked["input"])
        ]
        return self.change({"object": "list", "data": data, "model": asked["model"], "usage": {"prompt_tokens": 1}})

    @property
    def texts(self) -> list[str]:
        return [text for asked in self.asked for text in asked["input"]]


@pytest.fixture
def server():
    with serving() as found:
        yield found


@contextmanager
def serving():
    served = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            served.asked.append(asked)
            served.keys.append(self.headers.get("Authorization"))
            status = served.statuses.pop(0) if served.statuses else 200
            told = (
                served.answer(asked)
                if status == 200
                else {"error": {"message": f"no: {self.headers['Authorization']}"}}
            )
            body = json.dumps(told).encode()
            self.send_response(status if self.path == "/v1/embeddings" else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
    served.url = f"http://127.0.0.1:{http.server_port}/v1"
    try:
        yield served
    finally:
        http.shutdown()
        http.server_close()


def opened(server: Server, folder=None, **settings):
    config = EmbeddingConfig(backend="endpoint", model="bge-m3", base_url=server.url, **settings)
    return open_embedder(config, folder)


def test_rows_have_length_one_and_the_order_of_the_texts(server):
    rows = opened(server).embed(["one two three", "one"])
    wanted = np.array([[13, 3], [3, 1]], np.float64)
    np.testing.assert_allclose(rows, wanted / np.linalg.norm(wanted, axis=1, keepdims=True), rtol=1e-6)
    assert rows.dtype == np.float32


def test_a_reply_in_another_order_is_put_right(server):
    server.change = lambda body: body | {"data": body["data"][::-1]}
    rows = opened(server).embed(["one two three", "one"])
    assert rows[0, 0] / rows[0, 1] == pytest.approx(13 / 3)


def test_equal_texts_are_asked_for_once(server):
    rows = opened(server).embed(["same", "same", "other", "same"])
    assert sorted(server.texts) == ["other", "same"] and len(rows) == 4
    np.testing.assert_array_equal(rows[0], rows[3])


def test_texts_go_in_batches(server):
    opened(server, batch=2).embed(["a", "b", "c", "d", "e"])
    assert [len(asked["input"]) for asked in server.asked] == [2, 2, 1]


def test_what_was_paid_for_is_kept_on_the_disk_and_not_asked_for_again(server, tmp_path):
    first = opened(server, tmp_path).embed(["a caption", "another"])
    again = opened(server, tmp_path).embed(["another", "a caption", "a third"])
    assert server.texts == ["a caption", "another", "a third"]
    np.testing.assert_array_equal(first, again[[1, 0]])


def test_a_kept_file_that_was_torn_is_asked_for_again(server, tmp_path):
    opened(server, tmp_path).embed(["a caption"])
    (kept,) = tmp_path.rglob("*.npy")
    kept.write_bytes(kept.read_bytes()[:20])
    assert opened(server, tmp_path).embed(["a caption"]).shape == (1, 2)
    assert server.texts == ["a caption"] * 2


def test_settings_name_the_folder_before_the_caller_does(server, tmp_path):
    opened(server, tmp_path / "callers", cache=str(tmp_path / "own")).embed(["a"])
    assert list((tmp_path / "own").rglob("*.npy")) and not (tmp_path / "callers").exists()


def test_without_a_folder_they_are_kept_in_memory(server):
    embedder = opened(server)
    embedder.embed(["a"])
    embedder.embed(["a"])
    assert server.texts == ["a"]


@pytest.mark.parametrize("change", [{"model": "other"}, {"dimensions": 32}])
def test_what_decides_the_vectors_decides_what_is_kept(server, tmp_path, change):
    opened(server, tmp_path).embed(["a"])
    config = EmbeddingConfig(**({"backend": "endpoint", "model": "bge-m3", "base_url": server.url} | change))
    open_embedder(config, tmp_path).embed(["a"])
    assert server.texts == ["a", "a"]


def test_the_port_of_this_machine_is_no_part_of_the_name(server, tmp_path):
    opened(server, tmp_path).embed(["a"])
    with serving() as other:
        assert opened(other).name == opened(server).name == "endpoint:loopback/bge-m3"
        opened(other, tmp_path).embed(["a"])
        assert other.asked == []


def test_dimensions_are_asked_for_only_where_they_are_set(server):
    opened(server).embed(["a"])
    opened(server, dimensions=32).embed(["b"])
    assert "dimensions" not in server.asked[0] and server.asked[1]["dimensions"] == 32
    assert opened(server, dimensions=32).name.endswith(":32")


def test_an_empty_text_is_sent_as_something_and_has_a_row(server):
    assert opened(server).embed(["", "  "]).shape == (2, 2)
    assert all(text.strip() for text in server.texts)


def test_no_text_asks_nobody(server):
    assert opened(server).embed([]).shape[0] == 0
    assert server.asked == []


def test_a_busy_server_is_asked_again(server, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    server.statuses = [429, 503]
    assert opened(server).embed(["a"]).shape == (1, 2)
    assert len(server.asked) == 3


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_server_that_refuses_is_an_error_that_names_it_and_shows_no_key(server, monkeypatch, status):
    monkeypatch.setenv("MY_KEY", KEY)
    server.statuses = [status] * 20
    with pytest.raises(DataError, match="endpoint:loopback/bge-m3 made no embeddings") as fault:
        opened(server, api_key_env="MY_KEY").embed(["a"])
    assert KEY not in str(fault.value) and server.keys == [f"Bearer {KEY}"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda body: body | {"data": body["data"][:1]}, id="one_too_few"),
        pytest.param(lambda body: body | {"data": []}, id="none"),
        pytest.param(lambda body: {"error": "no"}, id="no_data_at_all"),
        pytest.param(lambda body: _with(body, [0.0, 0.0]), id="a_vector_of_zeros"),
        pytest.param(lambda body: _with(body, [float("nan"), 1.0]), id="a_vector_that_is_no_number"),
        pytest.param(lambda body: _with(body, [[1.0], [2.0]]), id="a_matrix"),
        pytest.param(lambda body: _with(body, ["far", "away"]), id="words"),
        pytest.param(lambda body: _with(body, None), id="null"),
    ],
)
def test_replies_that_are_no_vectors_are_errors_and_are_not_kept(server, tmp_path, change):
    server.change = change
    with pytest.raises(DataError, match="endpoint:loopback/bge-m3"):
        opened(server, tmp_path).embed(["a", "b"])
    server.change = lambda body: body
    assert opened(server, tmp_path).embed(["a", "b"]).shape == (2, 2)


def _with(body: dict, vector: object) -> dict:
    data = [dict(one) for one in body["data"]]
    data[-1]["embedding"] = vector
    return body | {"data": data}


def test_nobody_there_is_an_error_after_patience(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(endpoint_module, "RETRIES", 1)
    config = EmbeddingConfig(backend="endpoint", base_url="http://127.0.0.1:9/v1", timeout=1)
    with pytest.raises(DataError, match="made no embeddings"):
        open_embedder(config).embed(["a"])


def test_a_text_that_two_threads_need_is_paid_for_once(server):
    embedder = opened(server)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: embedder.embed(["a", "b"]), range(8)))
    assert sorted(server.texts) == ["a", "b"]


def test_a_missing_key_is_said_before_anything_is_asked_and_the_name_needs_none(monkeypatch):
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    config = EmbeddingConfig(backend="endpoint", base_url="https://api.example.com/v1", api_key_env="NO_SUCH_KEY")
    assert open_embedder(config).name == "endpoint:api.example.com/BAAI/bge-m3"
    with pytest.raises(ConfigError, match="NO_SUCH_KEY is not set"):
        check_key(config)
    with pytest.raises(ConfigError, match="NO_SUCH_KEY is not set"):
        open_embedder(config).embed(["a"])


def test_an_address_that_carries_a_key_is_refused_and_not_shown():
    config = EmbeddingConfig(backend="endpoint", base_url=f"https://api.example.com/v1?key={KEY}")
    with pytest.raises(ConfigError) as fault:
        open_embedder(config)
    assert KEY not in str(fault.value)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        pytest.param({"backend": "endpoint"}, "embedding.base_url is not set", id="an_endpoint_without_an_address"),
        pytest.param(
            {"backend": "endpoint", "base_url": "http://127.0.0.1/v1", "model": ""},
            "embedding.model is not set",
            id="an_endpoint_without_a_model",
        ),
        pytest.param(
            {"backend": "sentence", "model": ""}, "embedding.model is not set", id="sentences_without_a_model"
        ),
    ],
)
def test_what_is_missing_is_said_by_the_name_of_its_field(settings, told):
    config = EmbeddingConfig(**settings)
    assert any(told in problem for problem in embedding_problems("embedding", config))
    with pytest.raises(ConfigError, match=told):
        open_embedder(config)


def test_the_default_needs_nothing():
    assert list(embedding_problems("embedding", EmbeddingConfig())) == []
    assert open_embedder(EmbeddingConfig()).name == "lexical-1:1024"
