"""Expressions are read as written or refused with a column; nothing in them can run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beatwalk.expressions import FUNCTIONS, Call, ExpressionError, Name, Node, Number, Operation, parse, sources_in


def spelt(node: Node) -> str:
    """An expression with all its brackets."""
    if isinstance(node, Number):
        return f"{node.value:g}"
    if isinstance(node, Name):
        return node.name
    if isinstance(node, Operation):
        return (
            f"({f' {node.operator} '.join(map(spelt, node.operands))})"
            if len(node.operands) > 1
            else (f"({node.operator} {spelt(node.operands[0])})")
        )
    given_ = [*(f"{k}={spelt(v)}" for k, v in node.values.items()), *(f"{k}={v!r}" for k, v in node.texts.items())]
    return f"{node.function}({', '.join(given_)})"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2*3", "(1 + (2 * 3))"),
        ("(1+2)*3", "((1 + 2) * 3)"),
        ("1 - 2 - 3", "((1 - 2) - 3)"),
        ("2**3**2", "(2 ** (3 ** 2))"),
        ("-2**2", "(negative (2 ** 2))"),
        ("2**-1", "(2 ** (negative 1))"),
        ("a*-b", "(a * (negative b))"),
        ("energy > 0.6 and not bass < .5 or 1", "(((energy > 0.6) and (not (bass < 0.5))) or 1)"),
        ("midi:36 + drums.onset", "(midi.36 + drums.onset)"),
        ("1e3", "1000"),
        ("min(1, 2, energy)", "min(0=1, 1=2, 2=energy)"),
        ("clip(energy, high=0.5)", "clip(x=energy, high=0.5, low=0)"),
        ("lfo(bars=4)", "lfo(bars=4, phase=0, shape='sine')"),
        ("every(2)", "every(n=2, of='beat')"),
        ('section("B")', "section(label='B')"),
        ("lfo(phase=-0.5)", "lfo(phase=-0.5, shape='sine')"),
    ],
)
def test_what_binds_more_tightly(text: str, expected: str) -> None:
    """As in school, in Python, and in every other language."""
    assert spelt(parse(text)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "column 1: found the end, expected a number, a source or a function"),
        ("1 +", "column 4: found the end"),
        ("1 2", "column 3: found '2', expected the end or an operator"),
        ("(1", r"column 3: found the end, expected '\)'"),
        ("0.1 + enregy(2)", "column 7: no function 'enregy'"),
        ("smoth(energy)", "column 1: no function 'smoth'; did you mean 'smooth'"),
        ("lfo(bar=4)", "column 5: lfo has no 'bar'; did you mean 'bars'"),
        ("lfo(bars=4, beats=1)", "column 1: lfo takes one of bars, beats and seconds"),
        ("lfo(bars=energy)", "column 5: bars does not change over time"),
        ("lfo(bars=0)", "column 5: bars is 0, expected 0.01 to 1e"),
        ("lfo(shape='sin')", "column 5: lfo has no shape 'sin'; did you mean 'sine'"),
        ("lfo(shape=sine)", "column 11: found 'sine', expected a text"),
        ("clip()", "column 1: clip needs x"),
        ("min()", "column 1: min needs a value"),
        ("abs(1, 2)", "column 8: abs takes 1 values at most: x"),
        ("clip(1, x=2)", "column 9: clip has 'x' already"),
        ("every(0)", "column 7: n is 0, expected 1"),
        ("'B'", "column 1: found a text"),
        ("1 $ 2", r"column 3: '\$' means nothing here"),
        ("a.__class__.b()", "column 1: no function"),
        ("__import__('os')", "column 1: no function '__import__'"),
        ("a[0]", r"column 2: '\[' means nothing here"),
        ("lambda: 1", "column"),
        ("(" * 60 + "1" + ")" * 60, "more than 40 brackets"),
        ("-" * 60 + "1", "more than 40 brackets"),
        ("1" * 2000, "may have 1000 characters"),
    ],
)
def test_mistakes_have_a_column(text: str, message: str) -> None:
    """And the nearest name where one is known."""
    with pytest.raises(ExpressionError, match=message):
        parse(text)


@given(st.text(alphabet="()+-*/<>=,.'\" 0123456789abcefglmnoprsty:_", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing else comes out."""
    try:
        parse(text)
    except ExpressionError as error:
        assert str(error).startswith("column ")


def test_sources_are_found_wherever_they_stand() -> None:
    """In brackets, in functions, and in the text of since; moments that every song has are none."""
    node = parse("energy*smooth(bass, hz=2) + since('midi:36') + until('bar')")
    assert [(name.name, name.column) for name in sources_in(node)] == [("energy", 1), ("bass", 15), ("midi.36", 29)]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_an_example_that_is_right(name: str) -> None:
    """The documentation draws it."""
    calls = [node for node in [parse(FUNCTIONS[name].example)] if isinstance(node, Call | Operation)]
    assert calls
    assert f"{name}(" in FUNCTIONS[name].example
    assert set(FUNCTIONS[name].texts) | set(FUNCTIONS[name].constants) <= {
        *FUNCTIONS[name].required,
        *FUNCTIONS[name].optional,
    }
