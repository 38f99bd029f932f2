"""Formulas of effects that users write: what they may read, and whether they can be read.

A formula is one expression in Python's syntax over the words of READS, the functions of FUNCTIONS and the effect's own numbers.
It is data: its syntax is checked and translated word by word, so a scenario file of a stranger cannot do anything but reckon.
`sim.own_effects` makes rules of it.
"""

from __future__ import annotations

import ast
import difflib
import io
import tokenize
import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Read(NamedTuple):
    """A word that stands for something the engine knows when the formula is asked."""

    code: str
    """in the terms of a rule: member m in place i, chunk s, tables t, moment now, its month"""
    unit: str
    says: str


READS = {
    "aware": Read("m.aware", "0 or 1", "1 = the member knows the programme"),
    "responsiveness": Read("m.resp", "ratio", "of the member to benefits, 1 = an average buyer"),
    "tier": Read("m.tier", "number", "0 = the lowest; compares with a tier's name: tier >= 'gold'"),
    "segment": Read("m.segment", "number", "in the order of the scenario; compares with a name: segment == 'students'"),
    "price": Read("t.tiers[m.tier].price * 1e-4", "share of list price", "that the tier pays"),
    "balance": Read("m.balance", "points", "that can be spent"),
    "pending": Read("m.pending", "points", "that cannot be spent yet"),
    "reward_share": Read("to_next_reward(m, t)", "share", "of the way to the next reward's points; 0 beyond the dearest"),
    "days_to_lapse": Read("lapse_at(m, t) - now", "days", "until points lapse next; very large where none do"),
    "coupon": Read("(m.pull if now < m.pull_until else 0.0)", "log price cut", "of open coupons on a usual basket"),
    "spend_in_window": Read("m.spend_q * 0.01", "currency units", "that counts towards a tier now; 0 with one tier"),
    "points_in_window": Read("m.points_q", "points", "that count towards a tier now; 0 where no tier asks for points"),
    "purchases_in_window": Read("m.count_q", "purchases", "that count towards a tier now; 0 with one tier"),
    "purchases": Read("m.buys", "purchases", "in the run so far, returned ones too; those before a snapshot as well"),
    "redemptions": Read("m.redeemed", "redemptions", "in the run so far"),
    "messages": Read(
        "faded(m.sent, m.sent_at, now, t.b[0].messages_decay)", "messages", "of late, fading as effect messages says"
    ),
    "benefits": Read(
        "faded(m.benefit, m.benefit_at, now, t.b[0].retention_decay) * 0.01", "currency units",
        "of late that the member knew of, fading as effect retention says",
    ),
    "days_since_joining": Read("now - m.joined", "days", "since the member joined; of those there at the start, since the start"),
    "days_since_purchase": Read("now - m.last_buy", "days", "since the last purchase"),
    "days_since_redemption": Read("now - m.reward_at", "days", "since the last redemption; very large before the first"),
    "days_since_demotion": Read(
        "now - m.demoted_at", "days", "since the last downgrade that the member knew of; very large before"
    ),
    "rate": Read("m.rate", "purchases a day", "of the member without a programme, at season factor 1"),
    "usual_basket": Read("m.median * 0.01", "currency units", "median list value of the member's baskets"),
    "birthday_month": Read("(1 if month.number == m.birth_month else 0)", "0 or 1", "1 = the month of the member's birthday"),
    "month": Read("month.number", "number", "of the calendar month, 1 to 12"),
    "day_of_month": Read("int(now - month.start) + 1", "number", "1 to 31"),
    "weekday": Read("(int(now) + t.p[0].weekday) % 7", "number", "0 = Monday to 6 = Sunday"),
}  # fmt: skip
FUNCTIONS = {"exp": "exponential", "log": "logarithm", "sqrt": "root", "min": "lesser", "max": "greater", "abs": "size"}
"""What a formula may call, and the rule that it is; min and max of two."""
LONGEST = 1000
"""characters of a formula"""
DEEPEST = 60
"""how deep a formula may be nested; every further term of a sum is one deeper"""
_OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}
_COMPARISONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
_NAMED = ("tier", "segment")


def parsed(text: str) -> ast.expr:
    """The syntax of a formula; ValueError says in a sentence what cannot be read."""
    if len(text) > LONGEST:
        raise ValueError(f"is {len(text)} characters long; a formula has at most {LONGEST}")
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        where = f" at character {error.offset}" if isinstance(error, SyntaxError) and error.offset else ""
        raise ValueError(f"cannot be read as a formula{where}: {text!r}") from None
    except (RecursionError, MemoryError):
        raise ValueError(_DEEP) from None
    if _depth(tree) > DEEPEST:
        raise ValueError(_DEEP)
    tokens = tokenize.generate_tokens(io.StringIO(text.strip()).readline)
    noted = [token.string for token in tokens if token.type == tokenize.COMMENT]
    if noted:  # lines of a file are joined, so that all that follows would go with it
        raise ValueError(f"found the comment {noted[0]!r}; a formula has none, put it on a line above")
    return tree


_DEEP = f"is nested more than {DEEPEST} deep, or a sum or product of more terms; make two effects of it"


def _depth(tree: ast.expr) -> int:
    """Expressions within each other, without recursion."""
    depth, level = 0, [tree]
    while level:
        depth += 1
        level = [child for node in level for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    return depth


def words_of(text: str) -> set[str]:
    """Every word of a formula that can be read."""
    return {node.id for node in ast.walk(parsed(text)) if isinstance(node, ast.Name)}


def check(text: str, parameters: Sequence[str]) -> None:
    """ValueError where a formula reads or does what it may not, whatever the scenario; names of tiers and segments are checked by
    `translated`."""
    _Writer({name: name for name in parameters}, None).write(parsed(text))


def translated(text: str, parameters: Mapping[str, str], names: Mapping[str, Sequence[str]]) -> str:
    """The formula in the terms of a rule.

    parameters: code by parameter; names: what `tier` and `segment` may be compared with, in order. ValueError as by `check`.
    """
    return _Writer(parameters, names).write(parsed(text))


def compared(text: str) -> list[tuple[str, str]]:
    """(`tier` or `segment`, name that a formula compares it with), in no order; ValueError as by `parsed`."""
    comparisons = [(_subject(node), node) for node in ast.walk(parsed(text)) if isinstance(node, ast.Compare)]
    sides = [(subject, side) for subject, node in comparisons if subject is not None for side in (node.left, *node.comparators)]
    return [(subject, side.value) for subject, side in sides if isinstance(side, ast.Constant) and isinstance(side.value, str)]


def _subject(node: ast.Compare) -> str | None:
    """What the names in a comparison are names of."""
    return next((side.id for side in (node.left, *node.comparators) if isinstance(side, ast.Name) and side.id in _NAMED), None)


class _Writer:
    """Writes code, word by word, and refuses what it does not know."""

    def __init__(self, parameters: Mapping[str, str], names: Mapping[str, Sequence[str]] | None) -> None:
        self.parameters, self.names = parameters, names

    def write(self, node: ast.expr) -> str:
        if isinstance(node, ast.Constant):
            return self._number(node)
        if isinstance(node, ast.Name):
            return self._word(node.id)
        if isinstance(node, ast.BinOp):
            return self._reckoned(node)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
            inner = self.write(node.operand)
            return f"(-{inner})" if isinstance(node.op, ast.USub) else f"truth(not {inner})"
        if isinstance(node, ast.BoolOp):
            joint = " and " if isinstance(node.op, ast.And) else " or "
            return "truth(" + joint.join(f"bool({self.write(part)})" for part in node.values) + ")"
        if isinstance(node, ast.Compare):
            return self._compared(node)
        if isinstance(node, ast.IfExp):
            return f"({self.write(node.body)} if {self.write(node.test)} else {self.write(node.orelse)})"
        if isinstance(node, ast.Call):
            return self._called(node)
        raise ValueError(f"found {ast.unparse(node)!r}; a formula is made of numbers, words, + - * /, comparisons, and, or, not, "
                         f"... if ... else ... and {', '.join(FUNCTIONS)}")  # fmt: skip

    def _number(self, node: ast.Constant) -> str:
        value = node.value
        if isinstance(value, str):
            raise ValueError(f"found the name {value!r}; names stand only beside tier or segment: tier >= 'gold'")
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e300:
            raise ValueError(f"found {ast.unparse(node)!r}; a constant is a number below 1e300")
        return repr(float(value))

    def _word(self, word: str) -> str:
        if word in self.parameters:
            return self.parameters[word]
        if word in READS:
            return f"float({READS[word].code})"  # no whole numbers, which would run over
        known = [*self.parameters, *READS]
        near = difflib.get_close_matches(word, known, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"found {word!r}; allowed are the effect's parameters and {', '.join(READS)}{hint}")

    def _reckoned(self, node: ast.BinOp) -> str:
        left, right = self.write(node.left), self.write(node.right)
        if isinstance(node.op, ast.Div):
            return f"divided(s, {left}, {right})"
        if type(node.op) not in _OPERATORS:
            raise ValueError(f"found {ast.unparse(node)!r}; the operators are + - * /")
        return f"({left} {_OPERATORS[type(node.op)]} {right})"

    def _compared(self, node: ast.Compare) -> str:
        sides, subject = [node.left, *node.comparators], _subject(node)
        code = []
        for side in sides:
            named = isinstance(side, ast.Constant) and isinstance(side.value, str) and subject is not None
            code.append(self._name(subject, side.value) if named else self.write(side))  # type: ignore[arg-type,attr-defined]
        out = code[0]
        for op, right in zip(node.ops, code[1:], strict=True):
            if type(op) not in _COMPARISONS:
                raise ValueError(f"found {ast.unparse(node)!r}; the comparisons are {' '.join(_COMPARISONS.values())}")
            out += f" {_COMPARISONS[type(op)]} {right}"
        return f"truth({out})"

    def _name(self, subject: str, name: str) -> str:
        if self.names is None:
            return "0"
        known = list(self.names[subject])
        if name not in known:
            raise ValueError(f"found the {subject} {name!r}; the scenario has {', '.join(known) or 'none'}")
        return str(known.index(name))

    def _called(self, node: ast.Call) -> str:
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        takes = 2 if name in ("min", "max") else 1
        if name not in FUNCTIONS:
            raise ValueError(f"found a call of {name!r}; the functions are {', '.join(FUNCTIONS)}")
        if len(node.args) != takes or node.keywords:
            raise ValueError(f"found {ast.unparse(node)!r}; {name} takes {'two numbers' if takes == 2 else 'one number'}")
        return f"{FUNCTIONS[name]}(s, {', '.join(self.write(arg) for arg in node.args)})"
