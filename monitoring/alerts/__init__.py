"""From findings to a message at somebody's desk."""
