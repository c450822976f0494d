# Armchair's daily commands. `make run` and `make test` work on a fresh Debian 12 with git, make and python3-venv.
#
#   make run           the portal with JupyterLab, from this checkout; APT=1 also installs what graphical programs need
#   make test          everything: check, then all tests        make check   style, types, arrows, generated pages
#   make fix           format and repair what can be repaired   make docs    write the generated reference pages
#   make bench         the benchmarks                           make lock    renew uv.lock and the hashed requirements
#   make cluster       a real Slurm cluster on this machine     make cluster-down  takes it down (INSTANCE=0…9: several at once)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
SERVE ?=
PYTEST ?=
INSTANCE ?= 0

# what programs that need Debian packages need: the gateway's own HAProxy, X11 in the browser, a terminal that survives
RUN_PACKAGES := haproxy tmux xpra xterm xauth xvfb python3-lz4 python3-numpy python3-pil libjs-jquery \
  tigervnc-standalone-server openbox
# a real Slurm cluster on one machine; its daemons are started by the tests, never by these packages
CLUSTER_PACKAGES := slurmctld slurmd slurmdbd slurmrestd slurm-client slurm-wlm-basic-plugins slurm-wlm-mysql-plugin \
  slurm-wlm-jwt-plugin mariadb-server munge sudo iproute2 util-linux passwd gcc libc6-dev
# containers: three runtimes that need nothing but user namespaces, and what builds the images that they run
CONTAINER_PACKAGES := bubblewrap charliecloud-runtime squashfuse squashfs-tools debootstrap podman runc uidmap fuse3
# the graphical programs whose definitions come along, each started in the tests
GRAPHICAL_PACKAGES := imagej igv paraview qgis octave rkward kate r-cran-r2html firefox-esr
TEST_PACKAGES := $(RUN_PACKAGES) $(CLUSTER_PACKAGES) $(CONTAINER_PACKAGES) $(GRAPHICAL_PACKAGES) \
  chromium faketime libatomic1 wrk procps curl sudo libpam-oath oathtool \
  xfce4 dbus python3-gi-cairo xdotool x11-utils x11-apps x11-xserver-utils x11-xkb-utils xclip tigervnc-viewer openssh-server openssh-client \
  pulseaudio pulseaudio-utils gstreamer1.0-pulseaudio gstreamer1.0-plugins-base gstreamer1.0-plugins-good gir1.2-gst-plugins-base-1.0
MISSING = $(shell for p in $(1); do dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done)
SUDO := $(if $(filter 0,$(shell id -u)),,sudo -n)
UV := UV_DEFAULT_INDEX=https://pypi.org/simple .cache/uv/bin/uv --no-config

FRONTEND := $(shell find frontend -name node_modules -prune -o -type f -print 2>/dev/null)

.PHONY: run test check fix docs bench lock apt clean cluster cluster-down
.DEFAULT_GOAL := check

run: $(VENV)/.run $(if $(APT),apt)
	$(BIN)/armchair kit install jupyter
	$(BIN)/armchair serve $(SERVE)

test: $(VENV)/.dev apt-test check
	$(BIN)/python -m pytest $(PYTEST)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=src $(BIN)/lint-imports
	$(BIN)/python docs/reference/generate.py --check

fix: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.dev
	$(BIN)/python docs/reference/generate.py

bench: $(VENV)/.dev
	for file in benchmarks/[a-z]*.py; do echo "== $$file"; $(BIN)/python $$file; done

cluster: apt-cluster
	$(SUDO) $(PYTHON) tests/cluster/cluster.py up --instance $(INSTANCE)

cluster-down:
	$(SUDO) $(PYTHON) tests/cluster/cluster.py down --instance $(INSTANCE)

# Everything that is installed is pinned with its hash in uv.lock; the package itself is then built without isolation,
# by the pinned build requirements, so that nothing unpinned runs.
$(VENV)/.run: requirements.txt requirements-build.txt pyproject.toml hatch_build.py $(FRONTEND)
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --require-hashes -r requirements.txt -r requirements-build.txt
	$(PIP) install --quiet --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt
	$(PIP) install --quiet --require-hashes -r requirements-dev.txt
	touch $@

.PHONY: apt-test apt-cluster
apt: PACKAGES = $(RUN_PACKAGES)
apt-test: PACKAGES = $(TEST_PACKAGES)
apt-cluster: PACKAGES = $(CLUSTER_PACKAGES)
apt apt-test apt-cluster:
	@missing="$(call MISSING,$(PACKAGES))"; [ -z "$$missing" ] && exit 0; \
	command="sh tests/cluster/install.sh $$missing"; \
	if [ "$$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then \
	  echo "Debian packages are missing. Install them with:  sudo $$command" >&2; exit 1; fi; \
	echo "$$command"; \
	$(SUDO) $$command

lock:
	test -x .cache/uv/bin/uv || { $(PYTHON) -m venv .cache/uv && .cache/uv/bin/pip install --quiet uv; }
	$(UV) lock
	$(UV) export $(EXPORT) --no-default-groups -o requirements.txt
	$(UV) export $(EXPORT) --only-group build -o requirements-build.txt
	$(UV) export $(EXPORT) --no-default-groups --group dev -o requirements-dev.txt
EXPORT := --frozen --quiet --no-emit-project --no-annotate --no-header --format requirements.txt

clean:
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache dist
