"""How long ptgraph takes and how much memory, beside other tools: ``make bench`` writes docs/benchmarks.md."""
