"""What is looked at in every pass, one file a check."""
