"""How it learns: processes, loss, step, schedule, guard, checkpoints, rounds of validation."""
