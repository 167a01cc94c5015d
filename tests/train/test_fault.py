"""Several processes, one fault: said once if all have it, and by the one that has it if not."""

import pytest

from train import fault


class Store(dict):
    """As much of torch's store as is used."""

    def set(self, key: str, value: str) -> None:
        self[key] = value.encode()

    def check(self, keys: list[str]) -> bool:
        return all(key in self for key in keys)

    def wait(self, keys: list[str], patience: object) -> None:
        if not self.check(keys):
            raise RuntimeError("wait timeout")

    def get(self, key: str) -> bytes:
        return self[key]


@pytest.fixture
def store(monkeypatch):
    shared = Store()
    monkeypatch.setattr(fault, "_store", lambda: shared)
    monkeypatch.setenv("WORLD_SIZE", "3")
    return shared


def test_a_fault_of_all_is_said_by_the_first(store, monkeypatch, capsys):
    for rank in "012":
        monkeypatch.setenv("RANK", rank)
        fault.tell("no such file")
    assert capsys.readouterr().err == "error: no such file\n"


def test_a_fault_of_one_is_said_by_that_one_with_its_number(store, monkeypatch, capsys):
    monkeypatch.setenv("RANK", "2")
    fault.tell("the disk is full")
    assert capsys.readouterr().err == "error: process 2 of 3: the disk is full\n"
    monkeypatch.setenv("RANK", "1")
    assert fault.told_by_others() == "stopped, because process 2 went wrong: the disk is full"


def test_faults_that_differ_are_all_said(store, monkeypatch, capsys):
    for rank in "01":
        monkeypatch.setenv("RANK", rank)
        fault.tell(f"file {rank} is broken")
    assert capsys.readouterr().err == "error: file 0 is broken\nerror: process 1 of 3: file 1 is broken\n"


def test_nobody_else_went_wrong(store, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    fault.leave("ValueError: mine")
    assert fault.told_by_others() == ""


@pytest.mark.parametrize(
    ("rank", "local", "said"),
    [
        pytest.param("0", "0", "error: bad key\n", id="the_first"),
        pytest.param("1", "1", "", id="another_of_the_same_machine"),
        pytest.param("8", "0", "error: process 8 of 16: bad key\n", id="the_first_of_the_next_machine"),
    ],
)
def test_before_processes_are_together_the_first_of_each_machine_speaks(monkeypatch, capsys, rank, local, said):
    for name, value in (("RANK", rank), ("LOCAL_RANK", local), ("WORLD_SIZE", "16")):
        monkeypatch.setenv(name, value)
    fault.tell("bad key")
    assert capsys.readouterr().err == said
