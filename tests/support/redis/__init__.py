"""Real Redis servers, alone and in clusters, and the ways in which they fail."""
