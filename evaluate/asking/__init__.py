"""Asking a student: which items, as it was trained, by one process or several, and while it learns."""
