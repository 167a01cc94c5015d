"""The OpenAI chat-completions format, written and read in both directions.

`OpenAIChat` writes requests and reads completions; the stand-in server reads requests and writes completions.
Each file holds both directions, so that what one side writes is what the other reads.
"""
