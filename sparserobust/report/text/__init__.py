"""Findings in words: everything the report says in English that is no section's own."""
