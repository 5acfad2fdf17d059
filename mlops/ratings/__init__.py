"""A page on which people score answers, served on this machine only."""
