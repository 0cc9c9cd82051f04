"""The two themes as CSS variables: light is the default and what is printed, dark follows the reader's setting."""

from __future__ import annotations

from sparserobust.report.look.marks import MARKS

LIGHT = {
    "paper": "#fdfcfa",
    "ink": "#1d1f23",
    "ink2": "#53575d",
    "ink3": "#6c7178",
    "rule": "#dddad3",
    "wash": "#f3f1ec",
    "band": "#efece5",
    "accent": "#9b2335",
}
DARK = {
    "paper": "#15171b",
    "ink": "#e9e6e0",
    "ink2": "#b3b6bb",
    "ink3": "#8d929a",
    "rule": "#31353c",
    "wash": "#1d2025",
    "band": "#22262c",
    "accent": "#f28b95",
}


def variables() -> str:
    """The CSS that defines every colour in both themes."""
    light = {**LIGHT}
    dark = {**DARK}
    for mark in MARKS:
        light |= {f"c-{mark.slot}": mark.colour, f"t-{mark.slot}": mark.text}
        dark |= {f"c-{mark.slot}": mark.dark_colour, f"t-{mark.slot}": mark.dark_text}
    return (
        f":root{{{_declared(light)}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{_declared(dark)}}}}}\n"
        + "".join(f".m-{mark.slot}{{--c:var(--c-{mark.slot});--t:var(--t-{mark.slot})}}\n" for mark in MARKS)
    )


def _declared(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in colours.items())


def figure_colours() -> dict[str, str]:
    """The CSS variable of each colour that a figure may use, by its light hex code."""
    colours = {value: f"var(--{name})" for name, value in LIGHT.items()}
    for mark in MARKS:
        colours.setdefault(mark.colour, f"var(--c-{mark.slot})")
        colours.setdefault(mark.text, f"var(--t-{mark.slot})")
    return colours
