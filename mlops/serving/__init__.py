"""The server of one lane: FastAPI over a handler that knows no HTTP, with every answer in the request log."""
