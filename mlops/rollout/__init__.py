"""Puts a registered version in front of users and takes it back: a router, lanes behind it, and who may switch."""
