# Needs Python 3.11 or newer, and make; its tests need Node too. Everything else is installed into .venv and node_modules.
# `make demo` shows what ptgraph does; `make test` is what CI runs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python
CHROMIUM := /usr/bin/chromium
ARIAL := /usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf
TEXLIVE := texlive-latex-base texlive-pictures lmodern
NODE_MODULES := node_modules/.package-lock.json
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test lint check recorded exports bench curves screenshots gallery docs clean chromium fonts pdflatex

demo: $(VENV)/demo
	$(BIN)/ptgraph export tiny -o exports
	$(BIN)/ptgraph export medium -o exports
	@echo
	@echo "Open exports/tiny.html in a browser, exports/tiny.svg in anything that shows pictures,"
	@echo "and exports/tiny.onnx in Netron (https://netron.app, or: pip install netron && netron exports/tiny.onnx)."

test: $(VENV)/test chromium fonts pdflatex lint check

lint: $(VENV)/test $(NODE_MODULES)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/vulture
	npm run --silent lint

# One thread a worker: threads of torch that wait for a core take it from the other worker.
check: $(VENV)/test $(NODE_MODULES) chromium fonts pdflatex
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n 2 --dist worksteal

# The training steps that the page of a Pure Transformer shows; run it before `make exports` when models/training changed.
recorded: $(VENV)/test
	$(RUN) -m tools.record_pipelines

# What is committed under exports/: a test proves that it is what the code writes now.
exports: $(VENV)/demo
	$(BIN)/ptgraph export tiny -o exports

# An hour and a half; writes docs/benchmarks.md. `ONLY=onnx-export,depth` measures some of its scenarios, `RUNS=1` is quick.
bench: $(VENV)/bench chromium
	$(RUN) -m benchmarks --runs $(or $(RUNS),5) $(if $(ONLY),--only $(ONLY))

# Ten minutes; writes docs/training.md and its pictures from real training runs.
curves: $(VENV)/test
	rm -rf build/runs
	$(RUN) -m tools.curves

# Writes docs/page.md and its pictures.
screenshots: $(VENV)/bench chromium
	$(RUN) -m tools.screenshots

# A minute or two; writes docs/gallery.md and its figures.
gallery: $(VENV)/test fonts
	$(RUN) -m tools.gallery

# Writes the map of the packages and the list of modules; tests prove them current.
docs: $(VENV)/test
	$(RUN) -m tools.package_map
	$(RUN) -m tools.module_list

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ptgraph needs Python 3.11 or newer; this is " + sys.version.split()[0] + " (set PYTHON=…)")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo: $(VENV)/bin/python pyproject.toml constraints.txt
	$(RUN) -m pip install --quiet -c constraints.txt torch
	$(RUN) -m pip install --quiet -c constraints.txt -e .
	touch $@

$(VENV)/test: $(VENV)/demo
	$(RUN) -m pip install --quiet -c constraints.txt -e '.[hf,test,lint]'
	touch $@

$(VENV)/bench: $(VENV)/demo
	$(RUN) -m pip install --quiet -c constraints.txt -e '.[hf,bench]'
	touch $@

# What lints and tests the page, and opens files in tests: eslint, axe-core, cytoscape, mermaid.
$(NODE_MODULES): package.json package-lock.json
	@command -v npm >/dev/null && node -e 'process.exit(Number(parseFloat(process.versions.node) < 20.19))' || { \
	  echo "The page is checked with Node 20.19 or newer and npm, which are not here. Install them:"; \
	  echo "https://nodejs.org/en/download, or where the distribution has it: sudo apt-get install nodejs npm"; exit 1; }
	npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@

chromium:
	@test -x $(CHROMIUM) || { \
	  echo "The browser tests need Chromium at $(CHROMIUM); installing Debian's package."; \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } \
	  || { echo "That failed (it takes root and Debian's packages). Install it yourself: sudo apt-get install chromium"; exit 1; }; }

# Liberation Sans is as wide as Arial: figures are checked with it.
fonts:
	@test -f $(ARIAL) || { \
	  echo "The figures are checked with $(ARIAL); installing Debian's package."; \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq fonts-liberation >/dev/null; } \
	  || { echo "That failed (it takes root and Debian's packages). Install it yourself: sudo apt-get install fonts-liberation"; exit 1; }; }

# The least of TeX Live that compiles a TikZ figure: 74 MB to download, 264 MB on disk, 40 seconds.
pdflatex:
	@{ kpsewhich tikz.sty && kpsewhich lmodern.sty; } >/dev/null 2>&1 || { \
	  echo "The tests of TikZ need pdflatex; installing Debian's packages."; \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(TEXLIVE) >/dev/null; } \
	  || { echo "That failed (it takes root and Debian's packages). Install it yourself: sudo apt-get install $(TEXLIVE)"; exit 1; }; }

clean:
	rm -rf $(VENV) node_modules build dist *.egg-info
