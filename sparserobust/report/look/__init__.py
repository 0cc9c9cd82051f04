"""Colours, marks, style sheet and the frame of the page."""
