"""Who may come in: the names the service answers to, the page's own origin, token and session, and how often."""
