"""What a function was compiled to, for code that is in no file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import CodeType

from sparserobust.source_code.files import digest_of


def code_facts(code: CodeType) -> str:
    """sha256 of instructions, names and constants, without places in files; the same in every process of one Python."""
    counts = [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags]
    names = [code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars]
    instructions = [code.co_code.hex(), code.co_exceptiontable.hex()]
    return digest_of([instructions, counts, names, [_constant(each) for each in code.co_consts]])


def global_names(code: CodeType) -> list[str]:
    """The names that the code and the functions inside it may take from their globals, sorted."""
    return sorted({name for each in _all_codes(code) for name in each.co_names})


def _all_codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _all_codes(each)


def _constant(value: object) -> object:
    if isinstance(value, CodeType):
        return code_facts(value)
    if isinstance(value, tuple):
        return [_constant(each) for each in value]
    if isinstance(value, frozenset):  # its order is another one in every process
        return sorted(json.dumps(_constant(each)) for each in value)
    return f"{type(value).__name__} {value!r}"
