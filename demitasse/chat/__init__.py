"""Asking a model: one protocol, one file for each kind of endpoint."""
