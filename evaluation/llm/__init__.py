"""Asking language models: OpenAI-compatible endpoints and an embedded one, with retries, cache and budget."""
