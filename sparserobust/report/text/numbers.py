"""Numbers as text: thin spaces between thousands, real minus signs, a dash for what is missing."""

from __future__ import annotations

import math

DASH = "—"
MINUS = "−"
THIN = "\u202f"  # a thin space at which a line never breaks
TIMES = "×"
NBSP = "\u00a0"  # a space at which a line never breaks
LEAST_SAVING = 1.005  # below this a reduction reads "no saving"


def fixed(value: float, digits: int = 1) -> str:
    """The value with so many decimals, thousands apart; never "-0.0"."""
    text = f"{abs(value):,.{digits}f}".replace(",", THIN)
    return f"{MINUS}{text}" if value < 0 and float(f"{value:.{digits}f}") != 0 else text


def signed(value: float, digits: int = 1) -> str:
    """As `fixed`, with a plus sign before what is positive after rounding."""
    text = fixed(value, digits)
    return f"+{text}" if value > 0 and float(f"{value:.{digits}f}") != 0 else text


def count(value: float) -> str:
    """A whole number: 1192960 is "1 192 960"."""
    return fixed(value, 0)


def percent(fraction: float, digits: int = 1) -> str:
    """A fraction in percent, without the sign: .975 is "97.5"."""
    return fixed(100 * fraction, digits)


def points(fraction: float, digits: int = 1) -> str:
    """A difference of two fractions in percentage points, signed."""
    return signed(100 * fraction, digits)


def bracket(low: float | None, high: float | None, digits: int = 1, *, scale: float = 1.0) -> str:
    """An interval "[95.7, 98.6]", "" where it has no bounds, an open end where one is missing."""
    if low is None and high is None:
        return ""
    ends = ["∞" if end is None or math.isinf(end) else fixed(scale * end, digits) for end in (low, high)]
    return f"[{ends[0]},{NBSP}{ends[1]}]"


def signed_bracket(low: float, high: float) -> str:
    """An interval of a difference in points, "[−0.3, +1.5]"."""
    return f"[{points(low)},{NBSP}{points(high)}]"


def significant(value: float, digits: int = 3) -> str:
    """So many significant digits, in full below a million and above one ten-thousandth."""
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if exponent < -4 or exponent > 12:
        mantissa = fixed(value / 10.0**exponent, digits - 1)
        return f"{mantissa}{TIMES}10{superscript(exponent)}"
    return fixed(value, max(0, digits - 1 - exponent))


def superscript(value: int) -> str:
    """A whole number in raised digits, for powers of ten."""
    return str(value).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def kib(size: float) -> str:
    """Bytes as KiB with three digits: 4812800 is "4 700"."""
    return significant(size / 1024)


def times(ratio: float) -> str:
    """A reduction: "10×", "1.3×"."""
    return f"{fixed(ratio, 0 if ratio >= 9.95 else 1)}{TIMES}"


def reduction(ratio: float) -> str:
    """A reduction, or "no saving" where nothing was saved."""
    return times(ratio) if ratio >= LEAST_SAVING else "no saving"


def realised(sparsity: float) -> str:
    """A realised sparsity with four digits, "0" where nothing is pruned."""
    return "0" if sparsity == 0 else f"{sparsity:.4f}"


def target(sparsity: float) -> str:
    """A target sparsity as the user wrote it: 0.95."""
    return f"{sparsity:g}"


def p_value(p: float) -> str:
    """A p value: "p = 0.012", "p < 0.001"."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def setting_text(value: object, unset: str = "none") -> str:
    """A recorded setting for a reader: "0.02 0.05" for a list, "(steps 7, seed 0)" for a table, `unset` for None."""
    if isinstance(value, dict):
        return f"({', '.join(f'{key} {setting_text(own, unset)}' for key, own in value.items())})"
    if isinstance(value, list | tuple):
        return " ".join(setting_text(own, unset) for own in value)
    if value is None or isinstance(value, bool):
        return {None: unset, True: "yes", False: "no"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def listed(words: list[str]) -> str:
    """Words as English puts them: "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def spelled(number: int) -> str:
    """A count as prose puts it: a word up to twelve."""
    words = [
        "no",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
    ]
    return words[number] if 0 <= number < len(words) else count(number)


def plural(number: int, noun: str, many: str = "") -> str:
    """ "1 seed", "3 seeds"."""
    return f"{count(number)} {noun if number == 1 else many or noun + 's'}"
