"""Choosing the few frames of a video that a question needs, before anybody is asked it.

VideoEspresso's way: a small captioner says what each sampled frame shows, and a small picker reads the captions and the
question and names frames. Beside it stand the ways that need neither: evenly spread, drawn at random, or by likeness.
"""
