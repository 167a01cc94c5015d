"""Pickles of plain values, and of nothing else: STAR ships its frame rates (and its items too) as pickles.

A pickle can call any function that it names, so a downloaded one is a program. Here it may name none.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from demitasse.errors import DataError


class _Plain(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        raise pickle.UnpicklingError(f"it holds {module_name}.{global_name}, not plain values alone")


def read_pickle(path: Path) -> Any:
    """The dictionaries, lists, texts and numbers in a pickle.

    Raises:
        DataError: if it cannot be read, or holds anything else.
    """
    try:
        with open(path, "rb") as file:
            return _Plain(file).load()
    except OSError as fault:
        raise DataError(f"{path} cannot be read: {fault.strerror or fault}") from fault
    except Exception as fault:  # a broken pickle raises nearly anything
        raise DataError(f"{path} is no pickle of plain values ({fault}); save it as JSON") from fault
