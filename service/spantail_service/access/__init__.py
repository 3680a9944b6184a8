"""Who may do what, how often, from where."""
