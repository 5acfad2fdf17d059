"""Watches a served model: request log, windows, checks, alerts. Imports evaluation, never mlops."""
