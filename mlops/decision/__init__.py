"""The decision record: what was decided about a release, on which evidence, in a form that can be checked."""
