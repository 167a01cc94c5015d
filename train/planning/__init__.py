"""What a run takes, before it takes it: tokens, memory, FLOPs and time."""
