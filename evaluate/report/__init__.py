"""The comparison as one static page, with Markdown and JSON beside it."""
