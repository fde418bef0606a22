# `make quickstart` and `make test` need only make, Python 3.10 to 3.13 and a package registry.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# Use MNIST from ../shared/mnist if it is there. Set EDGE_MNIST_DATA to an empty value to run without it.
ifeq ($(origin EDGE_MNIST_DATA),undefined)
ifneq ($(wildcard ../shared/mnist/train-images-idx3-ubyte*),)
export EDGE_MNIST_DATA := $(abspath ../shared/mnist)
endif
endif

# Let Python keep the bytecode of what it compiles, or each of the many test processes compiles all of it again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install quickstart test web-test page-models nightly lint types wheel frozen-test reference golden conformance
.PHONY: front front-run constraints docs clean mutants device-test archive-test

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# What drives Chromium in tests of the page. Without Chromium, or where npm fails, these tests are skipped.
WEB_TOOLS := build/web-test/node_modules/.installed
BROWSER_TESTS := tests/exporter/program/test_page_in_browser.py

install: $(INSTALLED) ## Make the virtual environment .venv and install everything
	-@if command -v chromium && command -v npm; then $(MAKE) --silent $(WEB_TOOLS); fi >/dev/null

$(WEB_TOOLS): tests/exporter/program/browser/package.json
	@mkdir -p build/web-test && cp $< build/web-test/
	npm install --prefix build/web-test --silent --ignore-scripts --no-package-lock
	@touch $@

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' || \
	    { echo "TensorFlow needs Python 3.10 to 3.13, this is $$($(PYTHON) -V): make PYTHON=python3.13" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@

quickstart: $(INSTALLED) ## Export the reference model, measure it, and classify sample pictures
	@mkdir -p quickstart  # in a folder without runs/, so that the reference model is exported
	cd quickstart && ../$(BIN)/edge-mnist export --int8 --output bundle
	cd quickstart && ../$(BIN)/edge-mnist bench bundle
	cd quickstart && ../$(BIN)/edge-mnist samples samples
	cd quickstart && ../$(BIN)/edge-mnist classify samples --model bundle
	@echo && echo "Files in quickstart:" && find quickstart -type f | sort | sed 's/^/  /'

# One process for each core, with one thread each. More threads would wait for each other and cost a third more.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1
# Each test file runs in one process, because its fixtures are slow. tests/conftest.py puts slow files first.
PYTEST := $(ONE_THREAD) $(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

test: install ## Run every test
	$(PYTEST)

web-test: $(INSTALLED) ## Test the page in headless Chromium, after installing what that needs; screenshots in build/web-test
	(command -v chromium && command -v npm) >/dev/null || { apt-get update -qq && apt-get install -y -qq chromium nodejs npm; }
	$(MAKE) $(WEB_TOOLS)
	mkdir -p build/web-test/screenshots
	SPEED=yes SCREENSHOTS=$(abspath build/web-test/screenshots) $(BIN)/python -m pytest $(BROWSER_TESTS)

# Ray and Spark take 1 GB, so they are in an environment of their own, on top of .venv.
ARCHIVE := build/archive-venv
SITE := import sysconfig; print(sysconfig.get_path("purelib"))

archive-test: $(INSTALLED) ## Test edge-mnist archive on Ray and Spark, after installing what that needs: 1 GB, and Java as root
	command -v java >/dev/null || { apt-get update -qq && apt-get install -y -qq default-jre-headless; }
	test -x $(ARCHIVE)/bin/ray || { $(BIN)/python -m venv $(ARCHIVE) && \
	    $(ARCHIVE)/bin/python -m pip install --quiet --constraint constraints.txt 'ray[data]>=2.51' 'pyspark>=3.5' 'pandas>=2.2,<3' && \
	    echo "import site; site.addsitedir('$$($(BIN)/python -c '$(SITE)')')" > "$$($(ARCHIVE)/bin/python -c '$(SITE)')/base.pth"; }
	$(ONE_THREAD) $(ARCHIVE)/bin/python -m pytest tests/runtime/archive/test_ray_archive.py \
	    tests/runtime/archive/test_spark_archive.py tests/runtime/archive/test_pipeline_adapters.py

NIGHTLY := build/nightly

nightly: $(INSTALLED) ## Run the tests in full size and the reliability benchmark, which take too long for every change
	$(PYTEST) --nightly
	$(BIN)/edge-mnist export edge --int8 -o $(NIGHTLY)/edge
	$(BIN)/python -m benchmarks.reliability --tflite $(NIGHTLY)/edge/edge_int8.tflite --page $(NIGHTLY)/reliability.md

# About an hour, no part of .ci/run. A second run goes on where the first one stopped.
mutants: $(INSTALLED) ## Change the rules one by one and count what tests notice; ONLY=FILE or FOLDER for a part
	$(ONE_THREAD) nice -n 10 $(BIN)/python -m benchmarks.mutants $(ONLY)

lint: $(INSTALLED) ## Check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED) ## Check types
	$(BIN)/mypy

wheel: $(INSTALLED) ## Build the wheel, with compiled models if ziglang is there, install it in a clean environment and test it there
	rm -rf dist .venv-wheel
	$(BIN)/python -m benchmarks.tools.bundled_libraries
	$(BIN)/python -m build --wheel --no-isolation
	$(PYTHON) -m venv .venv-wheel
	.venv-wheel/bin/python -m pip install --quiet --constraint constraints.txt dist/*-any.whl
	$(BIN)/python -m benchmarks.tools.musl_wheel dist
	.venv-wheel/bin/python tests/wheel_check.py

frozen-test: $(INSTALLED) ## Freeze the runtime with PyInstaller in a clean environment and test the application
	rm -rf build/frozen
	$(BIN)/python -m build --wheel --no-isolation --outdir build/frozen
	$(PYTHON) -m venv build/frozen/venv
	build/frozen/venv/bin/python -m pip install --quiet --constraint constraints.txt build/frozen/*.whl pyinstaller
	printf 'from edge_mnist_runtime.commands.app import main\n\nmain()\n' > build/frozen/digits.py
	cd build/frozen && venv/bin/pyinstaller --noconfirm --log-level WARN digits.py
	$(BIN)/python tests/frozen_check.py build/frozen/dist/digits/digits

REFERENCE := build/reference
TEACHERS := $(REFERENCE)/teacher-0 $(REFERENCE)/teacher-1
EDGE_SEED := 3  # of five seeds, the lowest loss on validation images distorted at strength 0.5
ROBUST_SEED := 1  # of three seeds: docs/reference-model.md

reference: $(INSTALLED) ## Train the reference models again on MNIST and put them into the packages
	for seed in 0 1; do \
	    $(BIN)/edge-mnist train --arch teacher --seed $$seed -o $(REFERENCE)/teacher-$$seed --force || exit; done
	$(BIN)/edge-mnist train --arch teacher-mnist -o $(REFERENCE)/teacher-mnist --force
	rm -rf $(REFERENCE)/strength-1 $(REFERENCE)/strength-0.5 $(REFERENCE)/set-nano
	rm -rf $(REFERENCE)/robust-strength-1 $(REFERENCE)/robust-strength-0.5
	$(BIN)/edge-mnist transfer-set $(TEACHERS) $(REFERENCE)/teacher-mnist --arch edge --views 16 \
	    -o $(REFERENCE)/strength-1
	$(BIN)/edge-mnist transfer-set $(TEACHERS) $(REFERENCE)/teacher-mnist --arch edge --views 4 --strength 0.5 \
	    --seed 9 -o $(REFERENCE)/strength-0.5
	$(BIN)/edge-mnist transfer-set $(TEACHERS) --arch edge --views 24 -o $(REFERENCE)/set-nano
	$(BIN)/edge-mnist train --arch edge --seed $(EDGE_SEED) --transfer-set $(REFERENCE)/strength-1 \
	    -o $(REFERENCE)/edge-strength-1 --force
	$(BIN)/edge-mnist train --arch edge --seed $(EDGE_SEED) --transfer-set $(REFERENCE)/strength-0.5 \
	    --start-from $(REFERENCE)/edge-strength-1 --epochs 4 --learning-rate 5e-4 -o $(REFERENCE)/edge --force
	$(BIN)/edge-mnist train --arch nano --transfer-set $(REFERENCE)/set-nano -o $(REFERENCE)/nano --force
	$(BIN)/edge-mnist transfer-set $(REFERENCE)/edge --arch robust --views 10 --seed 22 -o $(REFERENCE)/robust-strength-1
	$(BIN)/edge-mnist transfer-set $(REFERENCE)/edge --arch robust --views 4 --strength 0.5 --seed 21 \
	    -o $(REFERENCE)/robust-strength-0.5
	for name in robust micro; do \
	    $(BIN)/edge-mnist train --arch $$name --seed $(ROBUST_SEED) --epochs 50 --transfer-set $(REFERENCE)/robust-strength-1 \
	        -o $(REFERENCE)/$$name-strength-1 --force || exit; \
	    $(BIN)/edge-mnist train --arch $$name --seed $(ROBUST_SEED) --transfer-set $(REFERENCE)/robust-strength-0.5 \
	        --start-from $(REFERENCE)/$$name-strength-1 --epochs 4 --learning-rate 1e-3 \
	        -o $(REFERENCE)/$$name --force || exit; done
	for name in edge nano micro robust; do \
	    $(BIN)/edge-mnist export $(REFERENCE)/$$name --int8 --max-drop 0.1 -o $(REFERENCE)/$$name-bundle || exit; \
	    cp $(REFERENCE)/$$name/model.keras trainer/edge_mnist_trainer/models/$$name.keras; \
	    cp $(REFERENCE)/$$name/run.json trainer/edge_mnist_trainer/models/$$name.json; \
	    cp $(REFERENCE)/$$name-bundle/$${name}_int8.onnx runtime/edge_mnist_runtime/models/; \
	    cp $(REFERENCE)/$$name-bundle/$${name}_int8.tflite exporter/edge_mnist_exporter/models/; done
	$(MAKE) golden page-models

FRONT := build/front
FRONT_NAMES ?= pico tiny small

# The architecture decides how much `half` and `quarter` are distorted. A run of pico or small takes about 20 minutes on
# one core, one of tiny 35. A second `make front` continues what the first one began.
front: $(INSTALLED) ## Train the networks of docs/results/front.md with five seeds each, export and measure them
	test -e $(FRONT)/half || $(BIN)/edge-mnist transfer-set edge --arch small --views 8 --seed 8 -o $(FRONT)/half
	test -e $(FRONT)/quarter || $(BIN)/edge-mnist transfer-set edge --arch pico --views 8 --seed 7 -o $(FRONT)/quarter
	test -e $(FRONT)/plain || $(BIN)/edge-mnist transfer-set edge --arch pico --views 1 --strength 0 --seed 11 -o $(FRONT)/plain
	for seed in 0 1 2 3 4; do for name in $(FRONT_NAMES); do \
	    case $$name in small) first=half; last=quarter; rate=2e-3;; *) first=quarter; last=plain; rate=4e-3;; esac; \
	    run=$(FRONT)/seed-$$seed/$$name; \
	    $(MAKE) --silent front-run RUN=$$run-$$first SETTINGS="--arch $$name --seed $$seed" \
	        LESSONS="--transfer-set $(FRONT)/$$first" || exit; \
	    $(MAKE) --silent front-run RUN=$$run SETTINGS="--arch $$name --seed $$seed --epochs 6 --learning-rate $$rate" \
	        LESSONS="--transfer-set $(FRONT)/$$last --start-from $$run-$$first" || exit; \
	    test -e $$run-bundle || $(BIN)/edge-mnist export $$run --int8 -o $$run-bundle || exit; done; done
	$(BIN)/python -m benchmarks.front --runs $(FRONT) $(FRONT_NAMES)

front-run:
	if test -e $(RUN)/checkpoint.npz; then $(BIN)/edge-mnist train --resume $(RUN) $(LESSONS); \
	    elif ! test -e $(RUN)/report.html; then $(BIN)/edge-mnist train $(SETTINGS) $(LESSONS) -o $(RUN) --force; fi

golden: $(INSTALLED) ## Record the predictions of the bundled models for edge-mnist doctor
	$(BIN)/python -m benchmarks.tools.device_checks

page-models: $(INSTALLED) ## Compile the models inside the package for the page of edge-mnist demo; needs MNIST
	$(BIN)/python -m benchmarks.tools.page_models

device-test: $(INSTALLED) ## Run the C programs and libraries on emulated ARM processors: docs/devices.md
	$(BIN)/python -m benchmarks.devices

conformance: $(INSTALLED) ## Compare predictions of other programs and processors: docs/results/conformance.md
	$(BIN)/python -m benchmarks.conformance

DOCS := build/docs-venv

docs: ## Build the documentation as a static site in build/docs; a warning is an error
	test -x $(DOCS)/bin/mkdocs || { $(PYTHON) -m venv $(DOCS) && $(DOCS)/bin/python -m pip install --quiet 'mkdocs-material>=9.5'; }
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict --config-file docs/mkdocs.yml
	! grep -rlE '(src|href)="https?://' build/docs --include=*.html  # no resources from other hosts

constraints: ## Resolve every dependency again, for every supported Python
	$(PYTHON) -m pip install --quiet --target build/uv uv
	@echo "backports-strenum<1.3" > build/limits.txt  # 1.3 refuses Python 3.11 and newer, but uv ignores that
	@head -2 constraints.txt > build/constraints.txt
	build/uv/bin/uv pip compile pyproject.toml --extra dev --universal --python-version 3.10 --upgrade --quiet \
	    --constraint build/limits.txt --no-header --no-annotate --no-emit-index-url >> build/constraints.txt
	mv build/constraints.txt constraints.txt

clean: ## Remove built files; keep runs and bundles
	rm -rf $(VENV) .venv-wheel build dist quickstart .pytest_cache .mypy_cache .ruff_cache .hypothesis
