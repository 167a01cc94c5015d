"""From videos to questions that need several frames, each with its core frames, key items and evidence."""
