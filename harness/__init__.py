"""Claims about emotion recognition, tested. Start at `harness.claims` and `harness.judging`."""
