"""The operation that writes to a contact of a job; its text streams to whoever asked for it."""
