"""The operations that take jobs in: from sources, and by their ids."""
