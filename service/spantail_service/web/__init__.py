"""HTTP: the outermost layer, headers, errors, large responses, the OpenAPI document."""
