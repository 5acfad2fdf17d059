"""Looking passages up for a question: documents cut into passages, found by their words and by their meaning."""
