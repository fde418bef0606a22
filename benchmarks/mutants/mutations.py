"""The small changes that `make mutants` makes to a module, one at a time.

| what | changes |
|---|---|
| comparison | `<` to `>=`, and so on; `==` to `!=`; `is`, `in` to `is not`, `not in`; with a whole number `<` to `<=` |
| arithmetic, masks | `+` and `-`, `*` and `/`, `&` and `|`; `//` to `*`, `%` to `//`, `**` to `*`, `^` to `&` |
| number | 3 to 4, 0.5 to 0.75, 0.0 to 1.0; True to False |
| logic | `and` to `or`; `not x`, `-x`, `~x` to `x`; a condition to its opposite |
| function | min and max, minimum and maximum, argmin and argmax, any and all, floor and ceil |
| statement | `return x` to `return None`; a call or an assignment to an element left out; `break` to `continue` |

Measured numbers never meet a limit exactly, so `<` becomes `<=` only beside a whole number; the changed number shows
whether tests look at both sides of a limit. Text, annotations, imports, shapes in `reshape`, `strict=` and what raises
an error stay as they are.

The file is long because the table of changes and the walk over the code need each other.
"""

from __future__ import annotations

import ast
import copy
import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any, Final, NamedTuple

COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
BOUNDARIES: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
"""Of comparisons with a whole number."""
OPERATORS: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_PAIRS: Final = (("min", "max"), ("minimum", "maximum"), ("argmin", "argmax"), ("any", "all"), ("floor", "ceil"))
FUNCTIONS: Final[dict[str, str]] = {one: other for pair in _PAIRS for one, other in (pair, pair[::-1])}


_SHORT: Final = ast.Constant | ast.Name | ast.Attribute | ast.UnaryOp
"""What is shown in the expression around it."""


@dataclass(frozen=True)
class Mutation:
    """One change of a module."""

    name: str
    """The function or class, and the smallest expression that shows the change, before and after. It stays the same
    when lines are added elsewhere, and no other change of the module has it."""
    line: int
    """Where it is, from 1."""
    function_line: int | None
    """First line of the function that holds it, decorators included; None outside of functions..."""
    named: str | None
    """...where it may be of a value that has this name, as a parameter has."""
    digest: str
    """Of the code of the function or statement that holds it, without its docstrings and comments."""
    compile: Callable[[str], CodeType]
    """The changed module as code of the file of that name."""


class _Place(NamedTuple):
    """Where a syntax tree holds a node: `owner.field`, or `owner.field[index]`."""

    owner: ast.AST
    field: str
    index: int | None

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.owner, self.field, node)
        else:
            getattr(self.owner, self.field)[self.index] = node


class _Scope(NamedTuple):
    """What is around a node: functions and classes, and the name that its value is given outside of functions."""

    name: str
    function_line: int | None
    whole: ast.AST
    """The outermost function, or the statement outside of functions."""
    named: str | None = None


def find_mutations(source: str) -> list[Mutation]:
    """All changes of a module, in the order of its lines."""
    tree = ast.parse(source)
    seen: Counter[str] = Counter()
    digests: dict[ast.AST, str] = {}
    found = []
    for place, node, shown, scope in _walk(tree, None, _Scope("", None, tree)):
        for changed in _changes(node):
            name = f"{scope.name or 'module'}: {_show_change(place, node, changed, shown)}"
            seen[name] += 1
            if seen[name] > 1:
                name += f" #{seen[name]}"
            compiled = _Compiled(tree, place, node, changed)
            if scope.whole not in digests:
                digests[scope.whole] = _digest_of(scope.whole)
            line, digest = getattr(node, "lineno", 0), digests[scope.whole]
            found.append(Mutation(name, line, scope.function_line, scope.named, digest, compiled))
    return sorted(found, key=lambda mutation: mutation.line)


def find_readers(source: str) -> dict[str, set[int]]:
    """By name, the first lines of the functions of a module that read a value of that name.

    A function also reads what the module's constants and its own defaults are made of.
    """
    tree = ast.parse(source)
    readers: dict[str, set[int]] = defaultdict(set)
    for _, node, _, scope in _walk(tree, None, _Scope("", None, tree)):
        if isinstance(node, ast.FunctionDef) and scope.function_line is None:
            for name in _names_in([node.args, *node.body]):
                readers[name].add(_first_line(node))
    for node in reversed(tree.body):  # a constant is made of earlier ones
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            for name in _names_in([node.value]):
                readers[name] |= readers[node.target.id]
    return readers


def _names_in(nodes: list[Any]) -> set[str]:
    """The names of variables and attributes in parts of a syntax tree."""
    inside = [node for whole in nodes for node in ast.walk(whole)]
    return {node.id for node in inside if isinstance(node, ast.Name)} | {
        node.attr for node in inside if isinstance(node, ast.Attribute)
    }


@dataclass(frozen=True)
class _Compiled:
    """A tree with one node replaced, for as long as it is compiled."""

    tree: ast.Module
    place: _Place
    node: ast.AST
    changed: ast.AST

    def __call__(self, file: str) -> CodeType:
        ast.copy_location(self.changed, self.node)
        self.place.put(ast.fix_missing_locations(self.changed))
        try:
            return compile(self.tree, file, "exec", dont_inherit=True)
        finally:
            self.place.put(self.node)


def _show_change(place: _Place, node: ast.AST, changed: Any, shown: ast.AST | None) -> str:
    """The change in the expression around it: a number alone would not say which of them."""
    if isinstance(node, ast.If | ast.While):
        return f"if {ast.unparse(node.test)} -> {ast.unparse(changed.test)}"
    whole = shown if shown is not None and isinstance(node, _SHORT) else node
    before = ast.unparse(whole)
    place.put(changed)
    after = ast.unparse(changed if whole is node else whole)
    place.put(node)
    return f"{before} -> {after}"


def _walk(
    node: ast.AST, shown: ast.AST | None, scope: _Scope
) -> Iterator[tuple[_Place, ast.AST, ast.AST | None, _Scope]]:
    """Every node that may be changed: where it is, itself, the expression to show it in, and what is around it."""
    inside = scope
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        inside = _inside(node, scope)
    elif isinstance(node, ast.stmt) and scope.function_line is None:
        is_named = isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        inside = _Scope(scope.name, None, node, node.target.id if is_named else None)
    shown = node if _can_be_shown(node) else shown
    for field, value in ast.iter_fields(node):
        if field in {"annotation", "returns", "decorator_list", "type_comment"}:
            continue
        # Defaults are made where the function is.
        around = inside._replace(function_line=scope.function_line) if isinstance(value, ast.arguments) else inside
        if field == "args" and _is_reshape(node):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST) and not _is_left_alone(child):
                yield _Place(node, field, index), child, shown, around
                yield from _walk(child, shown, around)


def _inside(node: ast.FunctionDef | ast.ClassDef, scope: _Scope) -> _Scope:
    """The scope of what a function or class holds."""
    name = f"{scope.name}.{node.name}" if scope.name else node.name
    if isinstance(node, ast.ClassDef) or scope.function_line is not None:
        return scope._replace(name=name)
    return _Scope(name, _first_line(node), node)


def _first_line(function: ast.FunctionDef) -> int:
    return min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])


def _digest_of(whole: ast.AST) -> str:
    bare = copy.deepcopy(whole)
    for node in ast.walk(bare):
        if isinstance(body := getattr(node, "body", None), list):
            node.body = [child for child in body if not _is_text(child)]  # type: ignore[attr-defined]
    return hashlib.sha256(ast.dump(bare).encode()).hexdigest()[:16]


def _is_reshape(node: ast.AST) -> bool:
    """Whether a shape follows: it fails at once if it does not fit, and any negative number means what remains."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "reshape"


def _is_left_alone(node: ast.AST) -> bool:
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return True
    is_guard = isinstance(node, ast.keyword) and node.arg == "strict"  # of zip: an assertion
    return _is_text(node) or is_guard or isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom | ast.Raise)


def _is_text(node: ast.AST) -> bool:
    """Whether it is a docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _can_be_shown(node: ast.AST) -> bool:
    """Whether a node is long enough to be known again, and short enough to read."""
    small = ast.Constant | ast.Name | ast.UnaryOp | ast.Slice | ast.Tuple | ast.operator | ast.cmpop | ast.boolop
    simple = ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Return | ast.keyword | ast.arg
    return (isinstance(node, ast.expr) and not isinstance(node, small)) or isinstance(node, simple)


def _changes(node: ast.AST) -> Iterator[ast.AST]:  # noqa: PLR0912 - a table, a line or two for each kind of node
    """What a node may become."""
    match node:
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=float(value)):
            yield ast.Constant(round(1.5 * value, 12) if value else 1.0)
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            for index, operator in enumerate(ops):
                others = [COMPARISONS[type(operator)]]
                if type(operator) in BOUNDARIES and any(map(_is_whole, [left, *comparators])):
                    others.append(BOUNDARIES[type(operator)])
                for other in others:
                    yield ast.Compare(left, [*ops[:index], other(), *ops[index + 1 :]], comparators)
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATORS:
            yield ast.BinOp(left, OPERATORS[type(operator)](), right)
        case ast.AugAssign(target=target, op=operator, value=value) if type(operator) in OPERATORS:
            yield ast.AugAssign(target, OPERATORS[type(operator)](), value)
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert(), operand=operand):
            yield operand
        case ast.BoolOp(op=operator, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values)
        case ast.Name(id=name) if name in FUNCTIONS:
            yield ast.Name(FUNCTIONS[name], node.ctx)
        case ast.Attribute(value=value, attr=name) if name in FUNCTIONS:
            yield ast.Attribute(value, FUNCTIONS[name], node.ctx)
        case ast.If() | ast.While() | ast.IfExp():
            yield from _opposite(node)
        case ast.Return(value=ast.expr() as value) if not _is_constant(value):
            yield ast.Return(ast.Constant(None))
        case ast.Expr(value=ast.Call()) | ast.Assign(targets=[ast.Subscript()]):
            yield ast.Pass()
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()


def _opposite(node: Any) -> Iterator[ast.AST]:
    """The same with the opposite condition; a comparison or a `not` is turned by itself."""
    is_turned_itself = isinstance(node.test, ast.Compare) or (
        isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not)
    )
    if not is_turned_itself and not isinstance(node.test, ast.Constant):
        opposite = copy.copy(node)
        opposite.test = ast.UnaryOp(ast.Not(), node.test)
        yield opposite


def _is_whole(node: ast.expr) -> bool:
    """Whether a number is counted, not measured."""
    return isinstance(node, ast.Constant) and isinstance(node.value, int)


def _is_constant(node: ast.expr) -> bool:
    """Whether it is None already, or True or False, which are changed by themselves."""
    return isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, bool))
