"""Whether texts are fit to judge a model by: duplicates, contamination, personal data, length and language."""
