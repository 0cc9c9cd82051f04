"""The sections below the main table: each builds frozen dataclasses of text and figures, or None without data."""
