"""`code_digest`: from classes and functions to all the code that decides what they do."""

from __future__ import annotations

import functools
import json
import sys
from types import BuiltinFunctionType, CellType, FunctionType, MethodType, ModuleType

from sparserobust.source_code.bytecode import code_facts, global_names
from sparserobust.source_code.files import digest_of
from sparserobust.source_code.modules import TORCH, module_of

PLAIN = (bool, int, float, complex, str, bytes, type(None))


def code_digest(*objects: object, libraries: bool = False) -> str:
    """sha256 of the code that decides what classes, functions or instances do; the same in every process.

    Of a class all its bases count; of code in a file of one's own, the file and those of all modules that it imports,
    over any number of steps; of a plugin (a distribution that depends on sparserobust or adds to it) all its files and
    its version; of another installed distribution its name, its version and its RECORD. Where there is no file, as
    in a notebook, what was compiled counts, with the globals that it uses. Python's own modules do not count.

    Args:
        objects: in any order; of an instance its class counts, of a partial or a method what it calls.
        libraries: whether the installed distributions that the code imports count too, PyTorch among them; else only
            those that the objects or their bases come from, and of those not PyTorch.
    """
    reach = _Reach()
    for each in objects:
        reach.add(each)
    return digest_of(sorted(reach.facts(libraries)))


class _Reach:
    """What is reached from some objects: modules by name, and code that is in no file."""

    def __init__(self) -> None:
        self.modules: dict[str, None] = {}
        self.texts: set[str] = set()
        self._met: dict[int, object] = {}

    def add(self, thing: object) -> None:
        """Takes in the code of an object."""
        if id(thing) in self._met:
            return
        self._met[id(thing)] = thing
        if isinstance(thing, functools.partial):
            for part in (thing.func, *thing.args, *thing.keywords.values()):
                if callable(part):
                    self.add(part)
        elif isinstance(thing, MethodType):
            self.add(thing.__func__)
            self.add(thing.__self__)
        elif isinstance(thing, type):
            for base in thing.__mro__:
                self._add_class(base)
        elif isinstance(thing, FunctionType):
            self._add_function(thing)
        elif isinstance(thing, ModuleType):
            self.modules[thing.__name__] = None
        elif isinstance(thing, BuiltinFunctionType):
            self.modules[str(thing.__module__)] = None
        else:
            if isinstance(wrapped := getattr(thing, "__wrapped__", None), FunctionType):
                self.add(wrapped)
            self.add(type(thing))

    def facts(self, libraries: bool) -> set[str]:
        """All that counts, as text."""
        named, seen, facts = list(self.modules), set(self.modules), set(self.texts)
        own = {name for name in named if libraries or name.split(".")[0] != TORCH}
        near: dict[str, str] = {}
        while named:
            name = named.pop()
            module = module_of(name, near.get(name, ""))
            if module.facts and (libraries or not module.library or name in own):
                facts.add(module.facts)
            for other in module.imports:
                if other not in seen:
                    seen.add(other)
                    named.append(other)
                    near[other] = module.root
        return facts

    def _add_class(self, kind: type) -> None:
        home = str(kind.__module__)
        self.modules[home] = None
        module = module_of(home)
        if module.standard:
            return
        compiled = module.file is None or not (module.library or _is_current(kind))
        for name, member in list(vars(kind).items()):
            own = [home, kind.__qualname__, name]
            if _is_plain(member) and not (module.library or name.startswith("__")):
                self.texts.add(json.dumps([*own, repr(member)]))
            for function in _functions(member):
                if compiled or _is_generated(function):
                    self._add_code(function)
                elif not _came_with(kind, function, library=module.library):
                    self.texts.add(json.dumps([*own, str(function.__module__), function.__qualname__]))
                    self.add(function)

    def _add_function(self, function: FunctionType) -> None:
        for name in (function.__module__, function.__globals__.get("__name__")):
            if isinstance(name, str):
                self.modules[name] = None
        if isinstance(wrapped := getattr(function, "__wrapped__", None), FunctionType):
            self.add(wrapped)
        module = module_of(str(function.__module__))
        filed = module.standard or module.library or (module.file is not None and _is_current(function))
        if not filed or _is_generated(function):
            self._add_code(function)

    def _add_code(self, function: FunctionType) -> None:
        """The code itself, and the globals that it uses."""
        own = [str(function.__module__), function.__qualname__, code_facts(function.__code__)]
        self.texts.add(json.dumps([*own, _plain_values(function)]))
        for name in global_names(function.__code__):
            value = function.__globals__.get(name)
            if _is_plain(value):
                self.texts.add(json.dumps([own[0], name, repr(value)]))
            elif isinstance(value, ModuleType) or callable(value):
                self.add(value)


def _functions(member: object) -> list[FunctionType]:
    """The functions of a class's member: a method, or those of a static method, a class method or a property."""
    parts = [member, *(getattr(member, name, None) for name in ("__func__", "fget", "fset"))]
    return [part for part in parts if isinstance(part, FunctionType)]


def _came_with(kind: type, function: FunctionType, *, library: bool) -> bool:
    """Whether a method was written in the code of its class; else it was put there from elsewhere."""
    if library:
        return str(function.__module__).split(".")[0] == str(kind.__module__).split(".")[0]
    return function.__module__ == kind.__module__ and function.__qualname__.startswith(
        f"{kind.__qualname__}."
    )


def _is_generated(function: FunctionType) -> bool:
    """Whether the code comes from text that is in no file."""
    return function.__code__.co_filename.startswith("<")


def _is_current(thing: type | FunctionType) -> bool:
    """Whether this is what its module has under its name now; what is made inside a function is not."""
    found: object = sys.modules.get(str(thing.__module__))
    parts = thing.__qualname__.split(".")
    if found is None or "<" in thing.__qualname__:  # made inside a function, whose values it may hold
        return False
    try:
        for part in parts:
            found = getattr(found, part, None)
    except Exception:  # whatever a module does when it is asked for a name
        return False
    return found is thing


def _plain_values(function: FunctionType) -> list[str]:
    """The defaults and the enclosed values that are plain."""
    cells = [_content(cell) for cell in function.__closure__ or ()]
    values = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).items(), *cells]
    return [repr(value) if _is_plain(value) else type(value).__name__ for value in values]


def _content(cell: CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # nothing in it yet
        return None


def _is_plain(value: object) -> bool:
    """Whether a value is one that `repr` tells all of, the same in every process."""
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, value.items()))
    return isinstance(value, PLAIN)
