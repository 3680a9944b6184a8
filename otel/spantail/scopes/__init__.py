"""The scopes of an application's work: named spans for `with`, `async with` and as decorators."""
