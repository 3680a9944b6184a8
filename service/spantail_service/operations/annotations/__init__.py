"""The operation that annotates passages of a document."""
