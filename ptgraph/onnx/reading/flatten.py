"""An ONNX model → its nodes in order, without functions: each call of one is a module call with nodes of its own.

A value has a name that no other has. The body of a branch or loop stands before the node that decides on it, as a
module of its own: it reads what the node gives it, and the node reads what it yields.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import networkx as nx
import onnx
from onnx import AttributeProto

from ptgraph.common.messages import listed, quoted
from ptgraph.common.unique import unique
from ptgraph.graph.model import UNKNOWN_CLASS
from ptgraph.graph.module_paths import moved
from ptgraph.onnx.metadata import HELPER_DOMAIN, MODEL, MODULE, metadata_of
from ptgraph.onnx.reading.control_flow import sliced
from ptgraph.onnx.reading.flat_graph import Contradiction, Flat, Node
from ptgraph.onnx.reading.limits import check_limits
from ptgraph.onnx.reading.module_scopes import Chain, NamedPaths, Step, chain_of_metadata, placed_between, style_of
from ptgraph.onnx.reading.tensor_types import domain_of, is_known, not_negative, without

_FOLDED = "torch.nn.modules.batchnorm."  # a norm that is folded into the product before it leaves only that
_PRODUCTS = {"Conv", "ConvTranspose", "Gemm"}


@dataclass(frozen=True)
class _Context:
    """Where nodes are read: what their names mean, their module call, and their function."""

    names: dict[str, str]
    call: str
    number: int = 0
    chain: Chain = ()
    pattern: str | None = None  # what ptgraph calls a function that several modules share
    inside: bool = False  # a function
    given: Mapping[str, AttributeProto] = field(default_factory=dict)
    label: str = ""


def flatten(model: onnx.ModelProto) -> Flat:
    """Return the flat graph of *model*.

    Raises Contradiction where nodes read what nothing gives, or each other in a circle, and what `check_limits` does.
    """
    check_limits(model)
    graph = model.graph
    initializers = [*(t.name for t in graph.initializer), *(s.values.name for s in graph.sparse_initializer)]
    style = style_of([*graph.node, *(node for function in model.functions for node in function.node)])
    flattener = _Flattener(
        flat=Flat(style=style),
        functions={(f.domain, f.name, f.overload): f for f in model.functions},
        paths=NamedPaths(graph.node, initializers) if style == "names" else None,
        tensors={t.name: t.dims for t in graph.initializer},
        has_tree=MODEL in metadata_of(model),
        fixed={"", *initializers},
    )
    context = _Context({name: name for name in (*(v.name for v in graph.input), *initializers)}, "")
    for info in (*graph.value_info, *graph.input, *graph.output):
        flattener.flat.types.setdefault(info.name, not_negative(info.type))
    flattener.read(graph.node, context)
    missing = [v.name for v in graph.output if v.name and v.name not in context.names]
    if missing:
        raise Contradiction(f"the graph yields what nothing in it makes: {listed(missing)}")
    flattener.flat.outputs = [(v.name, context.names[v.name]) for v in graph.output if v.name]
    return flattener.flat


@dataclass
class _Flattener:
    """The flat graph as far as it is read.

    ``paths`` reads module paths from names of nodes, if the file has them there. ``has_tree`` is True if the file has
    its module tree, and so no module stands for a branch or loop. ``fixed`` are the values that no input changes.
    ``own_names`` are by module call those of the modules of branches and loops in it.
    """

    flat: Flat
    functions: Mapping[tuple[str, str, str], onnx.FunctionProto]
    paths: NamedPaths | None
    tensors: Mapping[str, Sequence[int]]
    has_tree: bool
    fixed: set[str]
    contexts: int = 0
    taken: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    own_names: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def read(self, nodes: Sequence[onnx.NodeProto], context: _Context) -> None:
        ordered = _ordered(list(nodes))
        chains = self._chains(ordered, context)
        readers: dict[str, int] = {}
        for index in range(len(ordered) - 1, -1, -1):
            readers.update(dict.fromkeys(ordered[index].input, index))
        for node, chain in zip(ordered, chains, strict=True):
            beside: list[str] = []  # what no input changes belongs to the first node that reads it
            if all(context.names.get(name, "") in self.fixed for name in node.input if name):
                first = next((readers[name] for name in node.output if name in readers), None)
                if first is not None and chains[first] == chain:
                    beside = [context.names[name] for name in ordered[first].input if name in context.names]
            self._node(node, chain, context, beside)

    def _chains(self, nodes: list[onnx.NodeProto], context: _Context) -> list[Chain]:
        """Return the modules around each node, below those around *context*.

        A node that says nothing is where its reader is; among nodes that have paths for names, it is between them.
        """
        found: list[Chain | None] = [self._chain(node, context) for node in nodes]
        if self.flat.style == "names":
            unchanged = {name for name, value in context.names.items() if value in self.fixed}
            return placed_between(nodes, found, unchanged)
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

    def _chain(self, node: onnx.NodeProto, context: _Context) -> Chain | None:
        if self.flat.style == "names":
            assert self.paths is not None
            return self.paths.chain_of(node) if not context.inside else ()
        if self.flat.style == "none":
            return ()
        found = chain_of_metadata(node)
        if found is None:
            return None
        root, chain = found
        if chain and chain[-1].type.startswith(_FOLDED) and node.op_type in _PRODUCTS:
            chain = (*chain[:-1], Step(node.input[1].rpartition(".")[0] or chain[-1].path, UNKNOWN_CLASS))
        self.flat.root = self.flat.root or root
        if context.pattern is not None:
            own = context.chain[-1].path
            depth = next((i for i, step in enumerate(chain, 1) if step.path == context.pattern), None)
            if depth is None:
                return ()
            return tuple(Step(moved(step.path, context.pattern, own), step.type) for step in chain[depth:])
        same = 0
        while same < min(len(chain), len(context.chain)) and chain[same] == context.chain[same]:
            same += 1
        return chain[same:]

    def _node(self, node: onnx.NodeProto, chain: Chain, context: _Context, beside: list[str]) -> None:
        read = [self._value(name, context, node) for name in node.input]
        function = self.functions.get((node.domain, node.op_type, node.overload))
        if function is not None:
            self._call(node, function, chain, context, read)
            return
        if (
            node.op_type == "Identity"
            and not domain_of(node)
            and read[0] in self.tensors
            and self.flat.style != "metadata"
        ):
            self._same(node.output[0], read[0], context)
            return
        attributes = {a.name: a for attribute in node.attribute if (a := _filled(attribute, context.given)) is not None}
        call = self.flat.module_calls.within(context.call, chain, [v for v in (*read, *beside) if v])
        name = self._name(node, context)
        yields: list[str] = []
        bodies = {a.name: a.g for a in attributes.values() if a.type == AttributeProto.GRAPH}
        if bodies:
            attributes = {key: a for key, a in attributes.items() if key not in bodies}
            around = self.flat.module_calls.calls[call].component
            own = self._own_name(node, call)
            steps = [Step(f"{around}.{own}".lstrip("."), f"onnx.{node.op_type}")]
            call = call if self.has_tree else self.flat.module_calls.within(call, steps, [], new=True)
            within = (*context.chain, *chain)
            for key, body in bodies.items():
                around_body = replace(context, call=call, chain=within, pattern=None)
                yields += self._body(node, key, body, around_body, read, name)
        outputs = tuple(self._define(name, context) if name else "" for name in node.output)
        reads = (*read, *yields)
        if all(value in self.fixed for value in reads if value):
            self.fixed.update(outputs)
        self.flat.module_calls.made(call, [v for v in reads if v], [v for v in outputs if v])
        self.flat.nodes.append(Node(node, name, call, reads, outputs, attributes))

    def _same(self, name: str, value: str, context: _Context) -> None:
        """Let *name* be the weight *value* too: a vector that is equal by chance, or a matrix that modules share."""
        if len(self.tensors[value]) > 1 or context.number:
            context.names[name] = value
        else:
            self.flat.copies[self._define(name, context)] = value
            self.fixed.add(name)

    def _body(
        self, node: onnx.NodeProto, key: str, body: onnx.GraphProto, context: _Context, read: list[str], name: str
    ) -> list[str]:
        """Read the nodes of a branch or loop, and return the values that it yields."""
        around = self.flat.module_calls.calls[context.call].component
        step = Step(f"{around}.{key}", f"onnx.{node.op_type}.{key}")
        call = context.call if self.has_tree else self.flat.module_calls.within(context.call, [step], [], new=True)
        self.contexts += 1
        inner = replace(context, names=dict(context.names), call=call, number=self.contexts, label=name)
        given = dict(enumerate(read)) if node.op_type in ("Loop", "Scan") else {}
        if node.op_type == "Loop":
            given.pop(0, None)  # how many turns: the body is given the number of each
        along = sliced(node, len(body.input))
        for index, info in enumerate(body.input):
            if given.get(index) and index not in along:
                inner.names[info.name] = given[index]
                continue
            value = self._define(info.name, inner)
            self.flat.types.setdefault(value, not_negative(info.type))
            if given.get(index):
                self.flat.slices[value], self.flat.slice_axes[value] = given[index], along[index]
                if not is_known(info.type) and given[index] in self.flat.types:
                    self.flat.types[value] = without(self.flat.types[given[index]], along[index])
        weights = {tensor.name: tensor for tensor in body.initializer}
        for own, tensor in {**weights, **{s.values.name: s for s in body.sparse_initializer}}.items():
            self.flat.constants[self._define(own, inner)] = tensor
            self.fixed.add(inner.names[own])
        for info in (*body.value_info, *body.output):
            self.flat.types.setdefault(self._id(info.name, inner), not_negative(info.type))
        self.read(body.node, inner)
        return [inner.names[v.name] for v in body.output if v.name in inner.names]

    def _call(
        self, node: onnx.NodeProto, function: onnx.FunctionProto, chain: Chain, context: _Context, read: list[str]
    ) -> None:
        """Read the nodes of a function for one call of it."""
        pattern = metadata_of(function).get(MODULE) if chain or context.chain else None
        helper = function.domain.startswith(HELPER_DOMAIN)
        steps = chain
        if pattern is None and not helper:
            around = chain[-1].path if chain else self.flat.module_calls.calls[context.call].component
            own = (node.name.rpartition("/")[2] or function.name).replace(".", "_")
            if not chain or self.flat.style != "names" or chain[-1].path.rpartition(".")[2] != own:
                steps = (*chain, Step(f"{around}.{own}".lstrip("."), f"{function.domain}.{function.name}"))
        call = self.flat.module_calls.within(context.call, steps, [v for v in read if v], new=not helper)
        self.contexts += 1
        attributes = {a.name: a for a in function.attribute_proto}
        attributes |= {a.name: a for x in node.attribute if (a := _filled(x, context.given)) is not None}
        inner = _Context(
            {formal: actual for formal, actual in zip(function.input, read, strict=False) if actual},
            call,
            self.contexts,
            (*context.chain, *steps),
            pattern,
            True,
            attributes,
            self._label(node, context, steps),
        )
        self.flat.formals.update({(call, actual): formal for formal, actual in inner.names.items()})
        inner.names.update({formal: "" for formal in function.input if formal not in inner.names})
        for info in function.value_info:
            self.flat.types.setdefault(self._id(info.name, inner), not_negative(info.type))
        self.read(function.node, inner)
        for formal, name in zip(function.output, node.output, strict=False):
            if name:
                context.names[name] = inner.names.get(formal, "")
                if (known := self.flat.types.get(self._id(name, context))) is not None:
                    self.flat.types.setdefault(context.names[name], known)

    def _label(self, node: onnx.NodeProto, context: _Context, steps: Chain) -> str:
        return steps[-1].path if steps else (node.name or context.label)

    def _id(self, name: str, context: _Context) -> str:
        return name if not context.number else f"{context.number}:{name}"

    def _define(self, name: str, context: _Context) -> str:
        context.names[name] = self._id(name, context)
        return context.names[name]

    def _value(self, name: str, context: _Context, node: onnx.NodeProto) -> str:
        if not name:
            return ""
        if name not in context.names:
            raise Contradiction(f"the node {node.name or node.op_type} reads {quoted(name)}, which nothing gives")
        return context.names[name]

    def _own_name(self, node: onnx.NodeProto, call: str) -> str:
        """Return the last part of the path of a node with bodies: the same in each *call* of the module around it."""
        taken = self.own_names[call]
        own = node.name.strip("/").rpartition("/")[2].replace("→", "->") or node.op_type
        own = unique(own, taken, first=1)
        taken.add(own)
        return own

    def _name(self, node: onnx.NodeProto, context: _Context) -> str:
        """Return a name for *node* that no other has: its own, below the module path of its function."""
        own = node.name.strip("/").replace("→", "->")
        if context.pattern is not None and context.chain:
            own = own if own != context.pattern else f"{own}/{node.op_type}"
            head, slash, tail = own.rpartition("/")
            within = moved(head or own, context.pattern, context.chain[-1].path)
            own = f"{within}/{tail}" if slash else within
        elif context.label and own:
            own = f"{context.label}/{own}"
        name = own or f"{context.label}/{node.op_type}".lstrip("/")
        self.counts[name] += 1
        name = unique(name, self.taken, first=self.counts[name] - 1)
        self.taken.add(name)
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


def _named(node: onnx.NodeProto) -> str:
    """Return the name of a node for a message; one without a name is called by its operator and its first result."""
    result = next((name for name in node.output if name), "")
    return node.name or f"{node.op_type} (which yields {result!r})"


def _ordered(nodes: list[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """Return *nodes* in an order in which each follows what it reads: as they are, if that is one.

    Raises Contradiction where there is none.
    """
    maker = {name: index for index, node in enumerate(nodes) for name in node.output if name}
    needs: nx.DiGraph[int] = nx.DiGraph()
    needs.add_nodes_from(range(len(nodes)))
    needs.add_edges_from((maker[v], index) for index, node in enumerate(nodes) for v in _reads(node) if v in maker)
    ordered: list[int] = []
    try:
        for index in nx.lexicographical_topological_sort(needs):
            ordered.append(index)
    except nx.NetworkXUnfeasible as error:
        circle = sorted(source for source, _ in nx.find_cycle(needs.subgraph({*needs}.difference(ordered))))
        names = [_named(nodes[index]) for index in circle]
        if len(names) == 1:
            raise Contradiction(f"the node {names[0]} reads its own result") from error
        raise Contradiction(f"nodes read each other's results in a circle: {listed(names)}") from error
    return [nodes[index] for index in ordered]


__all__ = ["flatten"]
