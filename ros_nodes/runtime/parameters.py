"""A table of settings as the parameters of a node: declared with descriptors, refused with words, applied at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from ros_nodes.runtime.settings import about, changed, names, range_of

S = TypeVar("S")
LARGEST = {int: 2**31 - 1, float: 1e12}  # a range needs an end, where the table has none


class InvalidParameters(ValueError):
    """What a node was started with cannot be; the message says which parameter, and what was expected."""


class Parameters(Generic[S]):
    """The parameters of a node as one frozen object: `now`, which any thread may read at any time.

    table: the defaults. check: what is wrong with a table as a whole that is about to be set, or None. applied: called
    with the table before and after a change.
    """

    def __init__(
        self,
        node: Node,
        table: S,
        *,
        check: Callable[[S], str | None] | None = None,
        applied: Callable[[S, S], None] | None = None,
    ) -> None:
        self._check = check
        self._applied = applied
        self._lock = threading.Lock()
        self._names = set(names(type(table)))
        for name in names(type(table)):
            node.declare_parameter(name, *_declared(table, name))
        try:
            self.now: S = self._changed(table, [node.get_parameter(name) for name in names(type(table))])
        except ValueError as error:
            raise InvalidParameters(str(error)) from error
        node.add_on_set_parameters_callback(self._judge)
        node.add_post_set_parameters_callback(self._apply)

    def _changed(self, table: S, parameters: list[Parameter]) -> S:
        table = changed(table, {each.name: each.value for each in parameters if each.name in self._names})
        if self._check is not None and (wrong := self._check(table)):
            raise ValueError(wrong)
        return table

    def _judge(self, parameters: list[Parameter]) -> SetParametersResult:
        try:
            self._changed(self.now, parameters)
        except Exception as error:  # whatever is wrong with it, it is not set, and whoever set it is told
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _apply(self, parameters: list[Parameter]) -> None:
        with self._lock:
            before = self.now
            self.now = after = self._changed(before, parameters)
        if self._applied is not None and after != before:
            self._applied(before, after)


def _declared(table: Any, name: str) -> tuple[Any, ParameterDescriptor]:
    """The default value of a parameter and what describes it."""
    said, default = about(type(table), name), getattr(table, name)
    unit = f" [{said.unit}]" if said.unit else ""
    descriptor = ParameterDescriptor(
        description=said.text + unit, read_only=said.fixed, additional_constraints=range_of(said)
    )
    # Floats may be written without a point, and an empty list has no type: `changed` checks both.
    descriptor.dynamic_typing = isinstance(default, float | tuple)
    if said.low is not None or said.high is not None:
        kind = type(default[0]) if isinstance(default, tuple) and default else type(default)
        if kind is int:
            low, high = said.low or 0, LARGEST[int] if said.high is None else said.high
            descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high))]
        elif kind is float and not isinstance(default, tuple):
            low = -LARGEST[float] if said.low is None else said.low
            high = LARGEST[float] if said.high is None else said.high
            descriptor.floating_point_range = [FloatingPointRange(from_value=float(low), to_value=float(high))]
    return (list(default) if isinstance(default, tuple) else default), descriptor
