"""What a model costs to store, and the file that stores it."""
