"""What people read: neutral documents, and one renderer a format."""
