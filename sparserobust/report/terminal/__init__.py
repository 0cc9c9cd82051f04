"""The comparison as plain text for a terminal."""
