"""Formats on the wire, written and read.

OpenAI's chat-completions format in both directions: `OpenAIChat` writes requests and reads completions, the stand-in
server reads requests and writes completions, and what one side writes is what the other reads. Of Gemini's format the
server's side (gemini.py); the other is the real client's.
"""
