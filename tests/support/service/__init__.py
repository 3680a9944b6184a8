"""The service as users have it: a process, its workers, a viewer of its tail."""
