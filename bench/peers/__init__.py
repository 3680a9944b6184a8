"""The same work through others' programs: tracing servers, job queues."""
