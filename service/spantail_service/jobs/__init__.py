"""Work that the service does for a caller."""
