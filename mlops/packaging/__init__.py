"""A model as files: how it is saved, checked, loaded and put into an image."""
