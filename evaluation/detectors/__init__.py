"""What finds things in texts, wherever texts are looked at."""
