"""Where modules stand in viewers that nest by names."""

from __future__ import annotations

from dataclasses import replace

from ptgraph.formats.nested_names import namespaces
from ptgraph.graph.model import Call, ModelGraph
from tests.support.zoo import ZOO, graph_of


def test_a_module_stands_in_the_one_that_runs_it(tiny: ModelGraph) -> None:
    places = namespaces(tiny)
    assert places[""] == ()
    assert places["embedding"] == ("embedding",)
    assert places["layers.3.attention.q_proj"] == ("layers.3", "attention", "q_proj")


def test_no_two_runs_stand_at_one_place() -> None:
    for name in ZOO:
        graph = graph_of(name)
        places = namespaces(graph)
        assert list(places) == list(graph.calls)
        assert len(set(places.values())) == len(places), name
    assert namespaces(graph_of("hostile"))["we@1@"] == ("we (2nd call)",)


def test_a_name_like_that_of_a_run_is_no_trouble(tiny: ModelGraph) -> None:
    paths = ["a", "a (2nd call)", "a", "a", "b", "a (2nd call)"]
    calls = {"": Call("", None), **{str(k): Call(path, "") for k, path in enumerate(paths)}}
    names = [place[0] for place in list(namespaces(replace(tiny, calls=calls)).values())[1:]]
    assert names == ["a", "a (2nd call)", "a (3rd call)", "a (4th call)", "b", "a (2nd call) (2nd call)"]
