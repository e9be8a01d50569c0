"""Loads the plugin and the fixtures of the evals for everything below."""

pytest_plugins = ["harness.plugin", "fixtures.evals", "pytester"]
