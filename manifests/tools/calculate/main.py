"""Gives the value of an arithmetic expression: numbers, operators and comparisons, nothing else."""

import ast
import json
import operator
import sys
from collections.abc import Callable
from typing import Any

OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Lt: operator.lt,
    ast.Gt: operator.gt,
    ast.LtE: operator.le,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
}
LARGEST = 1e15


def value_of(node: ast.AST) -> float | bool:
    """The value of an expression; ValueError for anything but arithmetic."""
    match node:
        case ast.Expression(body=body):
            return value_of(body)
        case ast.Constant(value=int() | float() as value) if abs(value) <= LARGEST:
            return value
        case ast.UnaryOp(op=op, operand=operand) if type(op) in OPERATORS:
            return OPERATORS[type(op)](value_of(operand))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return bounded(OPERATORS[type(op)], value_of(left), value_of(right))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in OPERATORS:
            return OPERATORS[type(op)](value_of(left), value_of(right))
    message = f"only numbers and + - * / ** % ( ) < > are worked out, not {ast.unparse(node)}"
    raise ValueError(message)


def bounded(work: Callable[..., Any], left: float, right: float) -> float:
    """The result as a float, which can't grow without end."""
    result = work(float(left), float(right))
    if isinstance(result, complex) or abs(result) > LARGEST:
        message = "the result is too large, or no number"
        raise ValueError(message)
    return int(result) if result == int(result) else round(result, 6)


if __name__ == "__main__":
    try:
        tree = ast.parse(json.loads(sys.argv[1])["expression"].strip(), mode="eval")
        answer: dict[str, Any] = {"value": value_of(tree)}
    except OverflowError:
        answer = {"success": False, "error": "the result is too large"}
    except (ValueError, SyntaxError, ArithmeticError, RecursionError) as error:
        answer = {"success": False, "error": str(error)}
    json.dump(answer, sys.stdout)
