"""Programs that write committed files: docs, their pictures, and the recorded pipelines. `make` runs them."""
