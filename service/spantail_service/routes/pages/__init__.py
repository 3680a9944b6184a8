"""What a browser is shown: the page, the login, and the documents of the API."""
