"""What several tests need: waiting, real servers, real tools, leak checks."""
