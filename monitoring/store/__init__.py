"""The request log: every request and response, and the labels that come later."""
