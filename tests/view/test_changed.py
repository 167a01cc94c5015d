"""A page is of the data as they lay when the server started, and says so once there is more."""

import http.client
import json
import re
import subprocess
import sys

import pytest

from demitasse.view.changed import stamp

pytestmark = pytest.mark.network


@pytest.fixture
def viewed(dataset):
    """`demitasse view` of the dataset, as a person starts it; asks it for a path, or gives it a decision."""
    words = ["view", str(dataset), "--no-open"]
    command = [sys.executable, "-c", f"from demitasse.cli import main; main({words!r})"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        told = process.stdout.readline() + process.stdout.readline()
        port, token = re.search(r"http://127.0.0.1:(\d+)/\?token=(\S+)", told).groups()

        def ask(path, body=None):
            connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=30)
            headers = {"Cookie": f"demitasse_view_{port}={token}", "Origin": f"http://127.0.0.1:{port}"}
            connection.request("POST" if body else "GET", path, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            assert answer.status == 200
            return json.loads(answer.read())

        yield ask
        process.terminate()


def test_whoever_loads_the_page_again_is_told_that_there_is_more(dataset, viewed):
    before = viewed("/api/review")
    item = before["items"][0]
    viewed("/api/edits", {"item": item["item"], "of": item["of"], "decision": "accept", "changes": {}})
    assert viewed("/api/review") == before and before["notes"] == []
    (dataset / "more.json").write_bytes((dataset / "mcq.json").read_bytes())
    after = viewed("/api/review")
    assert after["notes"] == [
        "The data have changed since they were read: end `demitasse view` and start it again to see what is new."
    ]
    assert after["items"] == before["items"], "numbers and texts of the pages that are open hold"


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        pytest.param("other.json", True, id="another_file"),
        pytest.param("step_1a_caption/captions.jsonl", True, id="a_journal_of_results"),
        pytest.param("mcq.json", True, id="a_file_that_was_there"),
        pytest.param("edits.jsonl", False, id="decisions"),
        pytest.param("REVIEW.LOCK.json", False, id="a_lock"),
        pytest.param("notes.txt", False, id="no_data"),
    ],
)
def test_what_counts_as_a_change(dataset, name, counts):
    before = stamp(dataset)
    (dataset / name).parent.mkdir(exist_ok=True)
    with (dataset / name).open("a") as file:
        file.write("\n")
    assert (stamp(dataset) != before) == counts


def test_of_one_file_its_neighbours_do_not_count(dataset):
    before = stamp(dataset / "mcq.json")
    (dataset / "other.json").write_text("{}")
    assert stamp(dataset / "mcq.json") == before
    (dataset / "mcq.json").unlink()
    assert stamp(dataset / "mcq.json") != before
