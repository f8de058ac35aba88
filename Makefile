# What a newcomer needs: `make demo` and `make test`. What a change needs: `make check`.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-aarch64 check bench fmt lint docs build wheel clean

# The first Python >= 3.11 that can make virtual environments; `make PYTHON=...` names another.
PYTHON ?= $(shell for python in python3 python3.15 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' \
		>/dev/null 2>&1 && echo $$python && break; done)

VENV := .venv
BIN := $(VENV)/bin
SOURCES := pyproject.toml Cargo.toml Cargo.lock $(shell find src -name '*.rs')
MATURIN := VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin
PYTHON_FILES := python tests benches examples

help:  ## Show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: $(VENV)/built  ## Train a small network on real images; pictures go to demo/
	$(BIN)/python examples/demo.py

test: $(VENV)/built-with-test  ## Run every test: Rust, Python, examples in the docs
	cargo test --locked
	$(BIN)/python -m pytest

test-aarch64:  ## Run the crate's tests for AArch64 under emulation (CONTRIBUTING.md: what it needs)
	CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
	CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER='qemu-aarch64 -L /usr/aarch64-linux-gnu' \
	cargo test --locked --lib --target aarch64-unknown-linux-gnu

check: lint test wheel  ## Do all that CI does

bench: $(VENV)/built  ## Measure the kernels and ten whole workloads
	cargo bench --locked
	$(BIN)/python benches/python/compare.py

fmt: $(VENV)/built-with-dev  ## Format Rust and Python
	cargo fmt
	$(BIN)/ruff check --fix $(PYTHON_FILES)
	$(BIN)/ruff format $(PYTHON_FILES)

lint: $(VENV)/built-with-dev  ## Check format, style, types, stubs and doc links
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	PYO3_PYTHON=$(CURDIR)/$(BIN)/python cargo clippy --locked --features python -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
	$(BIN)/ruff check $(PYTHON_FILES)
	$(BIN)/ruff format --check $(PYTHON_FILES)
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest lamina._core --mypy-config-file pyproject.toml

docs: $(VENV)/built  ## Build the documentation: a page for each Python module, and the Rust crate's
	$(BIN)/python docs/make_api.py
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
	@echo "open target/doc/lamina/index.html"

build: $(VENV)/maturin  ## Build the wheel into dist/
	$(MATURIN) build --locked --release --compression-level 9 --out dist

wheel: $(VENV)/built build  ## Build the wheel and check its size and what it needs
	$(BIN)/python tests/wheel.py dist

clean:  ## Remove everything that was built
	rm -rf $(VENV) target dist demo docs/api python/lamina/_core*.so

$(VENV)/maturin:
	@test -n "$(PYTHON)" || { echo "lamina needs Python >= 3.11 with venv and pip (Debian: apt install python3-venv)"; exit 1; }
	@command -v cargo >/dev/null || { echo "lamina needs a Rust toolchain (https://rustup.rs)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'maturin>=1.9,<2'
	@touch $@

# The package in place (editable), built in release; an extra of pyproject.toml may follow "-with-".
$(VENV)/built: $(VENV)/maturin $(SOURCES)
	$(MATURIN) develop --locked --release
	@touch $@

$(VENV)/built-with-%: $(VENV)/maturin $(SOURCES)
	$(MATURIN) develop --locked --release --extras $*
	@touch $@
