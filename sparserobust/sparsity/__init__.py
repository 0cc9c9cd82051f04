"""Which weights to keep: scores, allocation per layer, and exact-k selection, as pure functions."""
