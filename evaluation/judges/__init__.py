"""Language models as judges: what they are asked, whether they can be believed, and what their scores are worth."""
