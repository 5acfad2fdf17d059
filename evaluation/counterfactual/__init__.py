"""What changes in an answer when only the gender or the origin of a person in the prompt does."""
