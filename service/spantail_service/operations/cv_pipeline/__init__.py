"""The operation that tailors a CV to a posting: read, plan, write, check, repair."""
