"""The commands, a module each: options, help, and what is done.

What a command works with is imported when it runs, so that `spantail --help` answers at once.
"""
