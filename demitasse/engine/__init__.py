"""Runs steps over records: journal, limits, retries, progress. Knows nothing of videos or prompts."""
