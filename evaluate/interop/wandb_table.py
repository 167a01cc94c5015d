"""A run as a run in Weights & Biases: a table of its items, and each task's mean.

Offline it is files, which `wandb sync` sends later.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from demitasse.errors import ConfigError
from evaluate.comparing.arm import Arm
from evaluate.comparing.table import by_task
from evaluate.records import Json, Scored

COLUMNS = ("item_id", "task", "video", "question", "reference", "reply", "score", "state", "fault", "reason")


def cells(rows: Sequence[Scored]) -> list[list[str | float | None]]:
    """The table, a row an item; no score for an item that has none."""
    return [
        [
            row.asked.item_id,
            row.asked.task,
            row.asked.video_id,
            row.asked.question,
            row.asked.reference,
            row.response,
            row.score,
            row.state.value,
            row.fault.value if row.fault else None,
            row.reason,
        ]
        for row in rows
    ]


def figures(rows: Sequence[Scored]) -> dict[str, float]:
    """Each task's mean, items and unscored items, by name."""
    found: dict[str, float] = {}
    for task, summary in by_task(rows).items():
        values = {"mean": summary["mean"], "items": summary["items"], "unscored": summary["unscored"]}
        found |= {f"{task}/{name}": float(value) for name, value in values.items() if value is not None}
    return found


def send(arm: Arm, rows: Sequence[Scored], project: str, out: Path) -> str:
    """Make the run; `WANDB_MODE` decides whether it is sent.

    Args:
        arm: the run, whose header becomes the configuration.
        rows: its scores.
        project: where the run belongs.
        out: folder that wandb writes into.

    Returns:
        The run's folder below `out`.

    Raises:
        ConfigError: if wandb is not installed, or cannot be started.
    """
    try:
        import wandb
    except ImportError:
        raise ConfigError("wandb is not installed; pip install -e '.[wandb]' in the checkout") from None
    config: Json = {name: arm.run[name] for name in ("student", "settings", "settings_sha256") if name in arm.run}
    out.mkdir(parents=True, exist_ok=True)
    try:
        run = wandb.init(
            project=project,
            name=arm.name,
            job_type="evaluate",
            dir=out,
            config=config,
            settings=wandb.Settings(quiet=True, console="off", save_code=False),
        )
        # wandb (0.31) cuts a table at these, 10,000 rows in a run's files and 200,000 of what is sent, with a log line.
        wandb.Table.MAX_ROWS = max(wandb.Table.MAX_ROWS, len(rows))
        wandb.Table.MAX_ARTIFACT_ROWS = max(wandb.Table.MAX_ARTIFACT_ROWS, len(rows))
        table = wandb.Table(columns=list(COLUMNS), data=cells(rows))  # plain texts: none is read as HTML or a path
        run.log({"items": table, **figures(rows)})
        folder = str(Path(run.dir).parent)
        run.finish()
    except Exception as fault:  # whatever wandb raises
        remedy = "log in with `wandb login`, or set WANDB_MODE=offline"
        raise ConfigError(f"wandb could not take the run ({type(fault).__name__}: {fault}); {remedy}") from fault
    return folder
