"""Tables: the main one, and plain ones whose columns are functions of a row."""
