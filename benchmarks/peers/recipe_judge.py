"""Runs the Cosmos cookbook's judge script, with its waits written down and not waited for.

    python benchmarks/peers/recipe_judge.py WAITS avha_judge.py [the script's arguments]

What a wrong key costs it is calls and, between them, ten seconds each: here the calls are made, and `WAITS` gets a line
of seconds for each wait of each of its processes, which are forks of this one.
"""

from __future__ import annotations

import runpy
import sys
import time
from pathlib import Path


def main() -> None:
    waits, script = Path(sys.argv[1]), Path(sys.argv[2]).resolve()

    def write_down(seconds: float) -> None:
        with waits.open("a") as file:
            file.write(f"{seconds:g}\n")

    time.sleep = write_down  # type: ignore[assignment]
    sys.argv = sys.argv[2:]
    sys.path.insert(0, str(script.parent))
    runpy.run_path(str(script), run_name="__main__")


if __name__ == "__main__":
    main()
