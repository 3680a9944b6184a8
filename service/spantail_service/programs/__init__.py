"""A user's program, started so that its spans come here."""
