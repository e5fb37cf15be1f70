"""A model → its nodes in order, without functions: each call of one is a run of a module, with nodes of its own.

A value has a name that no other has. The body of a branch or loop stands before the node that decides on it, as a
module of its own: it reads what the node gives it, and the node reads what it yields.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import onnx
from onnx import AttributeProto

from ptgraph.common.messages import listed
from ptgraph.common.toposort import in_order
from ptgraph.graph.model import UNKNOWN_CLASS
from ptgraph.onnx.metadata import HELPER_DOMAIN, MODEL, MODULE, metadata_of
from ptgraph.onnx.reading.control_flow import sliced
from ptgraph.onnx.reading.flat_graph import Contradiction, Flat, Node
from ptgraph.onnx.reading.module_scopes import Chain, Names, Step, chain_of_metadata, style_of, unstarred
from ptgraph.onnx.reading.tensor_types import domain_of, is_known, without

_FOLDED = "torch.nn.modules.batchnorm."  # a norm that is folded into the product before it leaves only that
_PRODUCTS = {"Conv", "ConvTranspose", "Gemm"}


@dataclass(frozen=True)
class _Scope:
    """Where nodes are read: what their names mean, the run that they are in, and the function that they are of."""

    names: dict[str, str]
    call: str
    number: int = 0
    chain: Chain = ()
    pattern: str | None = None  # what ptgraph calls a function that several modules share
    inside: tuple[tuple[str, str, str], ...] = ()  # functions around
    given: Mapping[str, AttributeProto] = field(default_factory=dict)
    label: str = ""


def flatten(model: onnx.ModelProto) -> Flat:
    """Return the nodes of *model*.

    Raises Contradiction where they read what nothing gives, or each other in a circle.
    """
    return _Flattener(model).flat


class _Flattener:
    def __init__(self, model: onnx.ModelProto) -> None:
        self.flat = Flat()
        self._functions = {(f.domain, f.name, f.overload): f for f in model.functions}
        graph = model.graph
        bodies = [node for function in model.functions for node in function.node]
        weights = [*(t.name for t in graph.initializer), *(s.values.name for s in graph.sparse_initializer)]
        self.flat.style = style_of([*graph.node, *bodies])
        self._names = Names(graph.node, weights) if self.flat.style == "names" else None
        self._fixed = {"", *weights}
        self._tree_is_told = MODEL in metadata_of(model)  # and what is in a branch is its module's
        self._tensors = {t.name: t.dims for t in graph.initializer}
        self._scopes = 0
        self._taken: Counter[str] = Counter()
        scope = _Scope({name: name for name in (*(v.name for v in graph.input), *weights)}, "")
        for info in (*graph.value_info, *graph.input, *graph.output):
            self.flat.types.setdefault(info.name, info.type)
        self._read(graph.node, scope)
        missing = [v.name for v in graph.output if v.name and v.name not in scope.names]
        if missing:
            raise Contradiction(f"the graph yields what nothing in it makes: {listed(missing)}")
        self.flat.outputs = [(v.name, scope.names[v.name]) for v in graph.output if v.name]

    def _read(self, nodes: Sequence[onnx.NodeProto], scope: _Scope) -> None:
        ordered = _ordered(list(nodes))
        chains = self._chains(ordered, scope)
        readers: dict[str, int] = {}
        for index in range(len(ordered) - 1, -1, -1):
            readers.update(dict.fromkeys(ordered[index].input, index))
        for node, chain in zip(ordered, chains, strict=True):
            beside: list[str] = []  # what no input changes is for the first that reads it, and runs with that
            if all(scope.names.get(name, "") in self._fixed for name in node.input if name):
                first = next((readers[name] for name in node.output if name in readers), None)
                if first is not None and chains[first] == chain:
                    beside = [scope.names[name] for name in ordered[first].input if name in scope.names]
            self._node(node, chain, scope, beside)

    def _chains(self, nodes: list[onnx.NodeProto], scope: _Scope) -> list[Chain]:
        """Return the modules around each node, below those around *scope*.

        A node that says nothing is where its reader is.
        """
        found: list[Chain | None] = [self._chain(node, scope) for node in nodes]
        if self.flat.style != "metadata":
            return [chain or () for chain in found]
        readers: dict[str, Chain] = {}
        for index in range(len(nodes) - 1, -1, -1):
            chain = found[index]
            if chain is None:
                chain = next((readers[name] for name in nodes[index].output if name in readers), ())
                found[index] = chain
            for name in nodes[index].input:
                readers[name] = chain
        return [chain or () for chain in found]

    def _chain(self, node: onnx.NodeProto, scope: _Scope) -> Chain | None:
        if self.flat.style == "names":
            assert self._names is not None
            return self._names.chain_of(node) if not scope.inside else ()
        if self.flat.style == "none":
            return ()
        found = chain_of_metadata(node)
        if found is None:
            return None
        root, chain = found
        if chain and chain[-1].type.startswith(_FOLDED) and node.op_type in _PRODUCTS:
            chain = (*chain[:-1], Step(node.input[1].rpartition(".")[0] or chain[-1].path, UNKNOWN_CLASS))
        self.flat.root = self.flat.root or root
        if scope.pattern is not None:
            own = scope.chain[-1].path
            depth = next((i for i, step in enumerate(chain, 1) if step.path == scope.pattern), None)
            if depth is None:
                return ()
            return tuple(Step(unstarred(step.path, scope.pattern, own), step.type) for step in chain[depth:])
        same = 0
        while same < min(len(chain), len(scope.chain)) and chain[same] == scope.chain[same]:
            same += 1
        return chain[same:]

    def _node(self, node: onnx.NodeProto, chain: Chain, scope: _Scope, beside: list[str]) -> None:
        read = [self._value(name, scope, node) for name in node.input]
        function = self._functions.get((node.domain, node.op_type, node.overload))
        if function is not None:
            self._call(node, function, chain, scope, read)
            return
        if (
            node.op_type == "Identity"
            and not domain_of(node)
            and read[0] in self._tensors
            and self.flat.style != "metadata"
        ):
            self._same(node.output[0], read[0], scope)
            return
        attributes = {a.name: a for attribute in node.attribute if (a := _filled(attribute, scope.given)) is not None}
        call = self.flat.runs.within(scope.call, chain, [v for v in (*read, *beside) if v])
        name = self._name(node, scope)
        yields: list[str] = []
        bodies = {a.name: a.g for a in attributes.values() if a.type == AttributeProto.GRAPH}
        if bodies:
            attributes = {key: a for key, a in attributes.items() if key not in bodies}
            around = self.flat.runs.calls[call].component
            steps = [Step(f"{around}.{name.rpartition('/')[2]}".lstrip("."), f"onnx.{node.op_type}")]
            call = call if self._tree_is_told else self.flat.runs.within(call, steps, [], new=True)
            within = (*scope.chain, *chain)
            for key, body in bodies.items():
                yields += self._body(node, key, body, replace(scope, call=call, chain=within, pattern=None), read, name)
        outputs = tuple(self._define(name, scope) if name else "" for name in node.output)
        reads = (*read, *yields)
        if all(value in self._fixed for value in reads if value):
            self._fixed.update(outputs)
        self.flat.runs.made(call, [v for v in reads if v], [v for v in outputs if v])
        self.flat.nodes.append(Node(node, name, call, reads, outputs, attributes))

    def _same(self, name: str, value: str, scope: _Scope) -> None:
        """Let *name* be the weight *value* too: a vector that is equal by chance, or a matrix that modules share."""
        if len(self._tensors[value]) > 1 or scope.number:
            scope.names[name] = value
        else:
            self.flat.copies[self._define(name, scope)] = value
            self._fixed.add(name)

    def _body(
        self, node: onnx.NodeProto, key: str, body: onnx.GraphProto, scope: _Scope, read: list[str], name: str
    ) -> list[str]:
        """Read the nodes of a branch or loop, and return the values that it yields."""
        around = self.flat.runs.calls[scope.call].component
        step = Step(f"{around}.{key}", f"onnx.{node.op_type}.{key}")
        call = scope.call if self._tree_is_told else self.flat.runs.within(scope.call, [step], [], new=True)
        self._scopes += 1
        inner = replace(scope, names=dict(scope.names), call=call, number=self._scopes, label=name)
        given = dict(enumerate(read)) if node.op_type in ("Loop", "Scan") else {}
        if node.op_type == "Loop":
            given.pop(0, None)  # how many turns: the body is given the number of each
        along = sliced(node, len(body.input))
        for index, info in enumerate(body.input):
            if given.get(index) and index not in along:
                inner.names[info.name] = given[index]
                continue
            value = self._define(info.name, inner)
            self.flat.types.setdefault(value, info.type)
            if given.get(index):
                self.flat.slices[value] = given[index]
                if not is_known(info.type) and given[index] in self.flat.types:
                    self.flat.types[value] = without(self.flat.types[given[index]], along[index])
        weights = {tensor.name: tensor for tensor in body.initializer}
        for own, tensor in {**weights, **{s.values.name: s for s in body.sparse_initializer}}.items():
            self.flat.constants[self._define(own, inner)] = tensor
            self._fixed.add(inner.names[own])
        for info in (*body.value_info, *body.output):
            self.flat.types.setdefault(self._id(info.name, inner), info.type)
        self._read(body.node, inner)
        return [inner.names[v.name] for v in body.output if v.name in inner.names]

    def _call(
        self, node: onnx.NodeProto, function: onnx.FunctionProto, chain: Chain, scope: _Scope, read: list[str]
    ) -> None:
        """Read the nodes of a function for one call of it."""
        key = (function.domain, function.name, function.overload)
        if key in scope.inside:
            raise Contradiction(f"the function {function.name} calls itself, which ONNX does not allow")
        pattern = metadata_of(function).get(MODULE)
        helper = function.domain.startswith(HELPER_DOMAIN)
        steps = chain
        if pattern is None and not helper:
            around = chain[-1].path if chain else self.flat.runs.calls[scope.call].component
            own = (node.name.rpartition("/")[2] or function.name).replace(".", "_")
            if not chain or self.flat.style != "names" or chain[-1].path.rpartition(".")[2] != own:
                steps = (*chain, Step(f"{around}.{own}".lstrip("."), f"{function.domain}.{function.name}"))
        call = self.flat.runs.within(scope.call, steps, [v for v in read if v], new=not helper)
        self._scopes += 1
        attributes = {a.name: a for a in function.attribute_proto}
        attributes |= {a.name: a for x in node.attribute if (a := _filled(x, scope.given)) is not None}
        inner = _Scope(
            {formal: actual for formal, actual in zip(function.input, read, strict=False) if actual},
            call,
            self._scopes,
            (*scope.chain, *steps),
            pattern,
            (*scope.inside, key),
            attributes,
            self._label(node, scope, steps),
        )
        self.flat.formals.update({(call, actual): formal for formal, actual in inner.names.items()})
        inner.names.update({formal: "" for formal in function.input if formal not in inner.names})
        for info in function.value_info:
            self.flat.types.setdefault(self._id(info.name, inner), info.type)
        self._read(function.node, inner)
        for formal, name in zip(function.output, node.output, strict=False):
            if name:
                scope.names[name] = inner.names.get(formal, "")
                if (known := self.flat.types.get(self._id(name, scope))) is not None:
                    self.flat.types.setdefault(scope.names[name], known)

    def _label(self, node: onnx.NodeProto, scope: _Scope, steps: Chain) -> str:
        return steps[-1].path if steps else (node.name or scope.label)

    def _id(self, name: str, scope: _Scope) -> str:
        return name if not scope.number else f"{scope.number}:{name}"

    def _define(self, name: str, scope: _Scope) -> str:
        scope.names[name] = self._id(name, scope)
        return scope.names[name]

    def _value(self, name: str, scope: _Scope, node: onnx.NodeProto) -> str:
        if not name:
            return ""
        if name not in scope.names:
            raise Contradiction(f"the node {node.name or node.op_type} reads {name!r}, which nothing gives")
        return scope.names[name]

    def _name(self, node: onnx.NodeProto, scope: _Scope) -> str:
        """Return a name for *node* that no other has: its own, within the run of its function."""
        own = node.name.strip("/").replace("→", "->")
        if scope.pattern is not None and scope.chain:
            own = own if own != scope.pattern else f"{own}/{node.op_type}"
            head, slash, tail = own.rpartition("/")
            own = unstarred(head or own, scope.pattern, scope.chain[-1].path) + slash + tail * bool(slash)
        elif scope.label and own:
            own = f"{scope.label}/{own}"
        name = own or f"{scope.label}/{node.op_type}".lstrip("/")
        self._taken[name] += 1
        while (count := self._taken[name]) > 1:
            name = f"{name}_{count - 1}"
            self._taken[name] += 1
        return name


def _filled(attribute: AttributeProto, given: Mapping[str, AttributeProto]) -> AttributeProto | None:
    """Return an attribute of a node in a function, with what the function was called with in its place."""
    if not attribute.ref_attr_name:
        return attribute
    actual = given.get(attribute.ref_attr_name)
    if actual is None:
        return None
    filled = AttributeProto()
    filled.CopyFrom(actual)
    filled.name = attribute.name
    return filled


def _reads(node: onnx.NodeProto) -> Iterable[str]:
    """Yield the names that *node* reads, in its bodies too where they are from outside."""
    yield from (name for name in node.input if name)
    for attribute in node.attribute:
        for body in [attribute.g] if attribute.type == AttributeProto.GRAPH else attribute.graphs:
            own = {v.name for v in body.input} | {t.name for t in body.initializer}
            own |= {name for inner in body.node for name in inner.output}
            own |= {s.values.name for s in body.sparse_initializer}
            for inner in body.node:
                yield from (name for name in _reads(inner) if name not in own)
            yield from (v.name for v in body.output if v.name not in own)


def _ordered(nodes: list[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """Return *nodes* in an order in which each follows what it reads: as they are, if that is one.

    Raises Contradiction where there is none.
    """
    maker = {name: index for index, node in enumerate(nodes) for name in node.output if name}
    needs = [{maker[name] for name in _reads(node) if name in maker} for node in nodes]
    order, circle = in_order(needs)
    if circle:
        stuck = [nodes[index].name or nodes[index].op_type for index in circle]
        raise Contradiction(f"nodes read each other's results in a circle: {listed(stuck)}")
    return [nodes[index] for index in order]


__all__ = ["flatten"]
