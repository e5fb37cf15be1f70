"""`--input NAME:DTYPE:SHAPE` becomes a tensor and names of dimensions, or one line that says what is wrong."""

from __future__ import annotations

import pytest
import torch

from ptgraph.errors import UsageError
from ptgraph.loading.input_spec import DEFAULT_SIZE, DTYPES, FORM, Input, parse_input, parse_inputs


def wrong(*texts: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse_inputs(texts)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x:float32:1x3x224x224", Input("x", torch.float32, (1, 3, 224, 224), {})),
        ("ids:int64:batch=2xsequence=16", Input("ids", torch.int64, (2, 16), {0: "batch", 1: "sequence"})),
        ("ids:int64:batch", Input("ids", torch.int64, (DEFAULT_SIZE,), {0: "batch"})),
        ("x:bfloat16:4xn=5x6", Input("x", torch.bfloat16, (4, 5, 6), {1: "n"})),
        ("x:float32:3×4", Input("x", torch.float32, (3, 4), {})),
        ("x:float32:0x4", Input("x", torch.float32, (0, 4), {})),
        ("t:float64:", Input("t", torch.float64, (), {})),
        ("x:int8:n=3xn=3", Input("x", torch.int8, (3, 3), {0: "n", 1: "n"})),
        ("x:int8:_n1=3", Input("x", torch.int8, (3,), {0: "_n1"})),
    ],
)
def test_a_form_that_is_understood(text, expected):
    assert parse_input(text) == expected


@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype_has_the_name_that_torch_gives_it(name):
    tensor = parse_input(f"x:{name}:2x3").tensor()
    assert (str(tensor.dtype), tensor.shape, tensor.device.type) == (f"torch.{name}", (2, 3), "meta")


def test_numbers_are_zeros_and_booleans_are_true():
    assert parse_input("x:float32:3").tensor("cpu").tolist() == [0, 0, 0]
    assert parse_input("mask:bool:3").tensor("cpu").tolist() == [True, True, True]


def test_inputs_keep_their_order_and_share_a_dimension_of_one_size():
    found = parse_inputs(["b:int64:n=4", "a:int64:n=4x2"])
    assert [(item.name, item.dynamic) for item in found] == [("b", {0: "n"}), ("a", {0: "n"})]


@pytest.mark.parametrize("text", ["", "x", "x:float32", "x:float32:3:4", ":float32:3", "x=float32=3"])
def test_another_form_is_refused_with_the_form(text):
    assert wrong(text) == f"--input {text!r} is not of the form {FORM}"


@pytest.mark.parametrize("dtype", ["float33", "", "Float32", "torch.float32", "float32 ", "dtype"])
def test_an_unknown_dtype_is_refused_with_the_choices(dtype):
    text = f"x:{dtype}:3"
    assert wrong(text) == f"--input {text!r}: unknown dtype {dtype!r}; there are: {', '.join(DTYPES)}"


@pytest.mark.parametrize(
    ("shape", "part"),
    [
        ("3y4", "3y4"),
        ("3,4", "3,4"),
        ("3X4", "3X4"),
        ("[3]", "[3]"),
        ("3x", ""),
        ("x3", ""),
        ("x", ""),
        ("-3x4", "-3"),
        ("1.5", "1.5"),
        ("3 x4", "3 "),
        ("n=", "n="),
        ("n=mx2", "n=m"),
        ("=4", "=4"),
        ("2n", "2n"),
        ("batch size=2", "batch size=2"),
    ],
)
def test_a_malformed_dimension_is_named(shape, part):
    text = f"x:float32:{shape}"
    assert wrong(text).startswith(f"--input {text!r}: {part!r} is no dimension; the form is NAME:DTYPE:SHAPE")


def test_a_dimension_whose_name_holds_an_x_is_explained():
    assert wrong("ids:int64:max=4").endswith("(every x separates, so no name can hold one)")


@pytest.mark.parametrize("size", [0, 1])
def test_a_dynamic_dimension_of_a_size_that_torch_takes_for_a_constant_is_refused(size):
    text = f"x:float32:batch={size}x4"
    assert wrong(text) == f"--input {text!r}: a dynamic dimension needs an example size of 2 or more"


def test_an_input_given_twice_is_refused():
    assert wrong("x:int64:2", "y:int64:2", "x:int64:2") == "--input x is given 2 times"


def test_a_dimension_of_two_sizes_is_refused():
    assert wrong("x:int64:n=3", "y:int64:n=4") == "--input y: dimension n has two example sizes, 3 and 4; give it one"
    assert wrong("x:int64:nxn=3").startswith(f"--input x: dimension n has two example sizes, {DEFAULT_SIZE} and 3")


@pytest.mark.parametrize("shape", ["9" * 30, "99999999999x99999999999x99999999999"])
def test_a_tensor_larger_than_torch_can_count_is_refused(shape):
    item = parse_input(f"x:float32:{shape}")
    with pytest.raises(UsageError, match=f"^--input x: no tensor is as large as {shape}$"):
        item.tensor()
