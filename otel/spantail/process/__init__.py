"""What concerns the process as a whole: its end, its signals, its logging."""
