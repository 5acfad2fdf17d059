"""Models that write: a prompt, a language model behind an endpoint, and passages that are looked up for it."""
