"""One module for each benchmark of `python -m bench`; each has `run()`, which prints its figures."""
