"""What a span, an event and a run are, and how they are written: shared by all who send and by the service."""
