"""A detector behind HTTP."""

import asyncio
import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from annotate.espresso import box_service
from annotate.espresso.box_service import ServiceDetector, read_boxes
from annotate.espresso.detectors import Detected
from annotate.espresso.settings import BoxSettings
from annotate.referring.pictures import Shown
from demitasse.chat.model import Image
from demitasse.engine.step import Quarantine, Unusable
from demitasse.errors import ConfigError

FRAME = Shown((Image(b"jpeg", "image/jpeg", 1.0),), (1000, 500))


class Service:
    """A detector on loopback that answers with what it is given, in order and the last for good."""

    def __init__(self, *replies: tuple[int, bytes]) -> None:
        self.replies, self.bodies, self.headers = list(replies), [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.headers.append(dict(self.headers))
                outer.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                status, body = outer.replies[min(len(outer.bodies), len(outer.replies)) - 1]
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def find(self, *names: str, **settings: object) -> list[list[Detected]]:
        url = f"http://127.0.0.1:{self.server.server_port}/find"
        detector = ServiceDetector(BoxSettings(service=url, service_name="dino-1", **settings))
        return asyncio.run(detector.find(FRAME, names)).boxes

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def serve(monkeypatch):
    monkeypatch.setattr(box_service, "PAUSE", 0.0)
    running: list[Service] = []

    def start(*replies):
        running.append(Service(*replies))
        return running[-1]

    yield start
    for service in running:
        service.close()


def found(*lists):
    return 200, json.dumps({"boxes": lists}).encode()


def test_a_service_is_sent_the_frame_and_the_names(serve):
    service = serve(found([], []))
    service.find("white bowl", "kettle")
    assert service.bodies == [{"image": base64.b64encode(b"jpeg").decode(), "names": ["white bowl", "kettle"]}]


def test_what_a_service_finds_comes_with_its_scores(serve):
    boxes = serve(found([{"box": [0.1, 0.2, 0.5, 0.6], "score": 0.7}], [{"box": [0, 0, 1, 1]}])).find("bowl", "kettle")
    assert boxes == [[Detected((0.1, 0.2, 0.5, 0.6), 0.7)], [Detected((0, 0, 1, 1), None)]]


def test_a_busy_service_is_tried_again(serve):
    service = serve((503, b""), found([]))
    assert service.find("bowl") == [[]]
    assert len(service.bodies) == 2


def test_a_service_that_stays_busy_leaves_the_video_for_another_run(serve):
    service = serve((500, b"out of memory"))
    with pytest.raises(Quarantine, match="failed 3 times: status 500") as raised:
        service.find("bowl")
    assert not isinstance(raised.value, Unusable)


def test_a_service_that_nobody_runs_is_told_in_a_sentence(monkeypatch):
    monkeypatch.setattr(box_service, "PAUSE", 0.0)
    settings = BoxSettings(service="http://127.0.0.1:9/find", service_name="dino-1")
    with pytest.raises(Quarantine, match="box service failed 3 times: ConnectError"):
        asyncio.run(ServiceDetector(settings).find(FRAME, ["bowl"]))


def test_a_refused_frame_is_not_sent_again(serve):
    service = serve((422, b'{"detail": "no such name"}'))
    with pytest.raises(Quarantine, match="status 422.*no such name"):
        service.find("bowl")
    assert len(service.bodies) == 1


def test_the_key_of_a_service_comes_from_its_variable_and_stands_in_no_message(serve, monkeypatch):
    monkeypatch.setenv("DINO_KEY", "secret-of-the-service")
    service = serve((400, b"wrong key secret-of-the-service"))
    with pytest.raises(Quarantine) as raised:
        service.find("bowl", service_key_env="DINO_KEY")
    assert service.headers[0]["Authorization"] == "Bearer secret-of-the-service"
    assert "secret-of-the-service" not in str(raised.value)


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        pytest.param({"service": "http://u:p@host/find", "service_name": "d"}, "user", id="a_password_in_the_address"),
        pytest.param({"service": "host/find", "service_name": "d"}, "http", id="no_address"),
        pytest.param({"service": "http://127.0.0.1/find"}, "service_name is not set", id="no_name"),
    ],
)
def test_a_service_that_cannot_be_used_is_refused_before_the_run(settings, fault):
    with pytest.raises(ConfigError, match=fault):
        ServiceDetector(BoxSettings(**settings))


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="a_list"),
        pytest.param(b'{"boxes": [[{"box": [1, 2, 3]}]]}', id="three_numbers"),
        pytest.param(b'{"boxes": [[{"box": ["left", 0, 1, 1]}]]}', id="words"),
        pytest.param(b'{"boxes": [[[0, 0, 1, 1]]]}', id="bare_boxes"),
        pytest.param(b'{"boxes": []}', id="too_few_lists"),
        pytest.param(b'{"boxes": [[], []]}', id="too_many_lists"),
    ],
)
def test_a_service_that_answers_otherwise_is_told(reply):
    with pytest.raises(Quarantine, match="box service"):
        read_boxes(reply, 1)
