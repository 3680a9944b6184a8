"""HTTP routes, one module per subject. A route parses, asks one function, and answers."""
