"""The routes, each a thin layer that turns HTTP into a call of the handler and back."""
