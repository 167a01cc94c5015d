"""Following a run: a line now and then, a row for each step in files of the run, and trackers where they are wanted."""

from train.track.names import learning_rates, lesson_names
from train.track.track import Track

__all__ = ["Track", "learning_rates", "lesson_names"]
