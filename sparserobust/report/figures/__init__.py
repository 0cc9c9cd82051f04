"""Figures on a matplotlib axis, and panels of them as SVG."""
