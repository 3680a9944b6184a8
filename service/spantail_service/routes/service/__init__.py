"""What the service says of itself: who it is, whether it can work, and its metrics."""
