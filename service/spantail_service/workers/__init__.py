"""Several processes that serve as one: a supervisor with the port, and the workers that it keeps."""
