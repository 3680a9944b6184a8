"""What keeps one caller from taking everything: bytes, time, tasks."""
