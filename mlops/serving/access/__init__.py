"""Who may ask the server what, and how often: keys, tokens, scopes by route, limits."""
