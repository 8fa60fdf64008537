# GNU make 3.81 and later. Everything is installed into .venv here; nothing ever calls apt or sudo.

# A person's own Airflow, Python path or pip habits must not reach ours.
$(foreach name,$(filter AIRFLOW_% _AIRFLOW_% PYTHONPATH PYTHONHOME PIP_USER PIP_TARGET PIP_PREFIX PIP_CONSTRAINT PIP_REQUIRE_VIRTUALENV,$(.VARIABLES)),$(eval unexport $(name)))

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONUTF8 := 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-compat test-object-store test-dbt lint docs images benchmarks clean FORCE
.SUFFIXES:

comma := ,

# Stamps live in the environment they speak of; one whose Python no longer runs is made anew.
alive = $(shell if [ -e $(1)/bin/python ] && ! $(1)/bin/python -c '' 2>/dev/null; then echo FORCE; fi)

help:
	@echo 'make demo          a BigCommerce store on localhost, an Airflow, and the sync between them; Ctrl-C ends it'
	@echo 'make demo ONCE=1   the same, ends by itself; exit status 0 only if every check held'
	@echo 'make test          everything that is checked: ruff, mypy, import rules, tests, docs'
	@echo 'make test-compat   the subset that also runs on Airflow 3.1 and 3.2'
	@echo 'make test-object-store  copies on an S3 API on loopback, by the client that Airflow uses'
	@echo 'make test-dbt      the dbt project that we write, built by dbt over a copy of the sandbox'
	@echo 'make lint          ruff, mypy and import rules alone'
	@echo 'make docs          write the generated pages anew'
	@echo 'make images        take the pictures of the pages anew (needs Chromium)'
	@echo 'make benchmarks    measure speed and memory against the sandbox'
	@echo 'make clean         remove the environments and what tests left'
	@echo
	@echo 'PYTHON=/path/to/python chooses an interpreter; otherwise the newest of python3.14 ... python3.11 is used.'

# $(call make-venv,directory,candidates): an environment with pip, made by the first interpreter that can.
define make-venv
@chosen=; broken=; \
for candidate in "$(PYTHON)" $(2) python3; do \
  [ -n "$$candidate" ] || continue; \
  "$$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' >/dev/null 2>&1 || continue; \
  if "$$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1; then chosen=$$candidate; break; fi; \
  [ -n "$$broken" ] || broken=`"$$candidate" -c 'import sys; print("python%d.%d" % sys.version_info[:2])'`; \
done; \
if [ -z "$$chosen" ]; then \
  if [ -n "$$broken" ]; then \
    echo "$$broken is here, but its venv module is not. Install it and run make again:" >&2; \
    echo "  Debian, Ubuntu: apt-get install $$broken-venv" >&2; \
    echo "  Fedora, RHEL:   dnf install $$broken" >&2; \
  else \
    echo "No Python 3.11, 3.12, 3.13 or 3.14 found. Install one and run make again, or name it: make PYTHON=/path/to/python3.12 ..." >&2; \
    echo "  Debian, Ubuntu: apt-get install python3 python3-venv    macOS: brew install python@3.13" >&2; \
  fi; \
  exit 1; \
fi; \
echo "Making $(1) with `"$$chosen" -c 'import sys; print(sys.executable, sys.version.split()[0])'`"; \
"$$chosen" -m venv --clear $(1) && $(1)/bin/python -m pip --version >/dev/null
@touch $@
endef

# $(call pip-install,directory,constraints,extras)
define pip-install
@echo "Installing the project[$(3)] into $(1), pinned by $(2): the first time takes some minutes"
@$(1)/bin/python -m pip install -qq -c $(2) -e ".[$(3)]"
@touch $@
endef

.venv/.made: $(call alive,.venv)
	$(call make-venv,.venv,python3.14 python3.13 python3.12 python3.11)

.venv/.demo: .venv/.made pyproject.toml constraints.txt
	$(call pip-install,.venv,constraints.txt,parquet$(comma)demo)

.venv/.test: .venv/.made pyproject.toml constraints.txt
	$(call pip-install,.venv,constraints.txt,parquet$(comma)demo$(comma)test)
	@touch .venv/.demo

# Airflow 3.1 and 3.2 have no release for Python 3.14.
older := python3.13 python3.12 python3.11

.venv-3.1/.made: $(call alive,.venv-3.1)
	$(call make-venv,.venv-3.1,$(older))

.venv-3.2/.made: $(call alive,.venv-3.2)
	$(call make-venv,.venv-3.2,$(older))

.venv-3.1/.compat: .venv-3.1/.made pyproject.toml tests/constraints/airflow-3.1.txt
	$(call pip-install,.venv-3.1,tests/constraints/airflow-3.1.txt,parquet$(comma)compat)

.venv-3.2/.compat: .venv-3.2/.made pyproject.toml tests/constraints/airflow-3.2.txt
	$(call pip-install,.venv-3.2,tests/constraints/airflow-3.2.txt,parquet$(comma)compat)

# Amazon's provider and s3fs, which want an older python-dateutil than the rest: laid over .venv, whose packages it sees behind its own.
.venv-s3/.made: $(call alive,.venv-s3) .venv/.test tests/constraints/s3.txt
	@echo "Installing apache-airflow-providers-amazon[s3fs] into .venv-s3: the first time takes a minute"
	@.venv/bin/python -m venv --clear .venv-s3
	@.venv/bin/python -c 'import glob, sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"), file=open(glob.glob(".venv-s3/lib/python*/site-packages")[0] + "/beside.pth", "w"))'
	@.venv-s3/bin/python -m pip install -qq -r tests/constraints/s3.txt
	@touch $@

# dbt wants other versions of what Airflow pins, so it stands alone; the tests call its program.
.venv-dbt/.made: $(call alive,.venv-dbt) tests/constraints/dbt.txt
	$(call make-venv,.venv-dbt,$(older))
	@echo "Installing dbt-duckdb into .venv-dbt: the first time takes a minute"
	@.venv-dbt/bin/python -m pip install -qq -r tests/constraints/dbt.txt
	@touch $@

demo: .venv/.demo
	@ONCE="$(ONCE)" .venv/bin/python -m tests.demo

test: .venv/.test
	@.venv/bin/python -m tests.suite

lint: .venv/.test
	@.venv/bin/python -m tests.suite ruff mypy imports

test-compat: .venv-3.1/.compat .venv-3.2/.compat
	@.venv-3.1/bin/python -m tests.suite compat
	@.venv-3.2/bin/python -m tests.suite compat

test-object-store: .venv-s3/.made
	@.venv-s3/bin/python -m tests.suite s3

test-dbt: .venv/.test .venv-dbt/.made
	@.venv/bin/python -m tests.suite dbt

docs: .venv/.test
	@.venv/bin/python -m tests.tools.generate_resources_page
	@.venv/bin/python -m tests.tools.generate_writes_page
	@.venv/bin/python -m tests.tools.generate_resource_names
	@.venv/bin/python -m tests.tools.generate_arguments_page
	@.venv/bin/python -m tests.tools.generate_live_page
	@.venv/bin/python -m tests.tools.generate_pictures

# Three minutes: the demo from its beginning to its picture, the connection form's test, and tasks for the status page.
images: .venv/.test
	@ONCE=1 .venv/bin/python -m tests.demo --screenshot docs/images/dag-grid.png --question docs/images/approval.png
	@BIGCOMMERCE_SCREENSHOT="$(CURDIR)/docs/images/connection-form.png" .venv/bin/python -m pytest -q tests/browser/test_connection_form.py -k keeps_what_was_typed
	@.venv/bin/python -m tests.browser.status_picture docs/images/status-page.png

.venv/.benchmark: .venv/.test
	$(call pip-install,.venv,constraints.txt,parquet$(comma)demo$(comma)test$(comma)benchmark)

# About 20 minutes on a quiet machine; writes docs/benchmarks.md.
benchmarks: .venv/.benchmark
	@.venv/bin/python -m tests.benchmarks --write

clean:
	rm -rf .venv .venv-3.1 .venv-3.2 .venv-s3 .venv-dbt build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis demo-data
	find airflow_provider_bigcommerce dags tests -name __pycache__ -type d -prune -exec rm -rf {} +
