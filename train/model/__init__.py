"""What learns: the student, its parts, adapters and layers, and how it attends and sees."""
