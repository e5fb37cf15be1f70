"""A zoo of other people's models: each exported, verified and counted. Writes docs/zoo.md."""
