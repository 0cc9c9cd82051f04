"""Presets: evaluators with the budgets of a published protocol, one TOML file each."""

from sparserobust.presets.preset import Preset, Row, list_presets, load_preset, preset_text, read_preset

__all__ = ["Preset", "Row", "list_presets", "load_preset", "preset_text", "read_preset"]
