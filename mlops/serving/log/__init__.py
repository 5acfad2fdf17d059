"""The writer behind the request log: what it promises, what it keeps private, and how it gets to the table."""
