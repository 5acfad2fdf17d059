"""Puts a registered version in front of users and takes it back: a router, and the lanes behind it."""
