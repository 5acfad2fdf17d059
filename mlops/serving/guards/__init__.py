"""What a request and an answer are held against, beyond their form."""
