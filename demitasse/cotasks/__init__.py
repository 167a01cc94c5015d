"""The four CoTasks of a question: key frames and things, where they are, how they stand, what they do in what order."""
