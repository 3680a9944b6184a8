"""Why is my application not seen? Checks from its environment to the service, each with what to do."""
