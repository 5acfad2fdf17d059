"""What a stretch of data looks like, and how far two stretches lie apart."""
