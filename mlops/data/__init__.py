"""The tables of a project: reading them, knowing them again, and checking them before anything is trained."""
