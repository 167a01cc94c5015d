"""CoTasks of videos that nobody has annotated: a teacher that sees the frames is asked for each of the four."""
