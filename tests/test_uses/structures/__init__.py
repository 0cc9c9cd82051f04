"""Networks of every kind of structure, with the numbers that follow from their definition by hand."""
