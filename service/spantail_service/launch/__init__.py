"""`spantail run`: somebody's program, started so that its runs are seen."""
