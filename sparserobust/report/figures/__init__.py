"""The figures: plotting functions on an axis, and their themed, self-contained SVG for the page."""
