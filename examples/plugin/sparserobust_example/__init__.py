"""One plugin of every kind for sparserobust."""
