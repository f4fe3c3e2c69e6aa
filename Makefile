# A thin layer of verbs over Meson. `make demo` and `make test` work as first commands on a bare Debian 12: what is
# missing is installed with apt-get (scripts/deps.sh), nothing is asked.
#
#   make            the same as make build
#   make deps       installs what build and test need
#   make build      build/src/cli/dibs, and the unit tests
#   make demo       a sale from start to end, watched and audited      DEMO="--buyers 2000 --stock 10"
#   make test       every test there is; the last line counts them     TEST="unit house" for some of them
#   make http-campaign  raw HTTP, slow clients, resets and schemathesis for longer      SECONDS=600
#   make bench      what it measures, each against a reference         BENCH="--quick"
#   make fmt        formats every C file as .clang-format says
#   make lint       format, clang-tidy, cppcheck, shellcheck
#   make san        the unit tests under ASan+UBSan and under TSan
#   make install    PREFIX=/usr/local DESTDIR=
#   make clean      removes the build folders
#
# WERROR=false builds with a compiler newer than Debian 12's, whose warnings nobody has seen yet; MESON_FLAGS adds any
# option of Meson's, such as -Db_lto=true.

BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
WERROR ?= true
MESON_FLAGS ?=
DEMO ?=
TEST ?=
BENCH ?=
SECONDS ?= 600

# Debian's own python3 has the test packages; another one on PATH would not.
PYTHON ?= /usr/bin/python3

# What a command says is shown when it fails.
quietly = out=$$(mktemp) && { $(1) >$$out 2>&1 || { cat $$out >&2; rm -f $$out; exit 1; }; rm -f $$out; }

.PHONY: all deps build demo test http-campaign bench fmt lint san install clean configure

all: build

deps:
	@scripts/deps.sh build test

configure:
	@scripts/deps.sh build
	@[ -f $(BUILD)/build.ninja ] || { echo "configuring $(BUILD)"; \
		$(call quietly,meson setup $(BUILD) -Dwerror=$(WERROR) $(MESON_FLAGS)); }

build: configure
	@echo "building $(BUILD)/src/cli/dibs and the unit tests"
	@$(call quietly,ninja -C $(BUILD))

demo: configure
	@echo "building $(BUILD)/src/cli/dibs"
	@$(call quietly,ninja -C $(BUILD) src/cli/dibs)
	@$(BUILD)/src/cli/dibs demo $(DEMO)

test:
	@scripts/deps.sh build test
	@$(PYTHON) scripts/test.py $(TEST)

# Four fifths of the time for tests/http/run.py, one for schemathesis.
http-campaign: configure
	@scripts/deps.sh build test
	@$(call quietly,ninja -C $(BUILD) src/cli/dibs)
	@DIBS_BIN=$(BUILD)/src/cli/dibs $(PYTHON) tests/http/run.py --seconds $$(($(SECONDS) * 4 / 5))
	@DIBS_BIN=$(BUILD)/src/cli/dibs $(PYTHON) tests/http/schema.py --examples 1000 --seconds $$(($(SECONDS) / 5))

san:
	@scripts/deps.sh build test
	@$(PYTHON) scripts/test.py unit-asan unit-tsan

bench: configure
	@scripts/deps.sh bench
	@$(call quietly,ninja -C $(BUILD))
	@$(PYTHON) bench/run.py --build $(BUILD) $(BENCH)

fmt:
	@scripts/deps.sh lint
	@scripts/lint.sh fmt

lint: configure
	@scripts/deps.sh lint
	@scripts/lint.sh all $(BUILD)

# A PREFIX that changes is told to Meson first; the binary holds no path of it and is not built again.
install: configure
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@$(call quietly,ninja -C $(BUILD))
	@$(call quietly,DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild)
	@echo "installed under $(DESTDIR)$(PREFIX)"

clean:
	@rm -rf build build-asan build-tsan
