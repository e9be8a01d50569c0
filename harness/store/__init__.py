"""The store: predictions, restored pixels and results, kept by the content of all that they depend on."""
