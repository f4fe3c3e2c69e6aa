# A thin layer of verbs over Meson. `make demo` and `make test` work as first commands on a bare Debian 12: what is
# missing is installed with apt-get (scripts/deps.sh), nothing is asked.
#
#   make            the same as make build
#   make deps       installs what build and test need
#   make build      build/src/cli/dibs, and the unit tests
#   make demo       a sale from start to end, watched and audited      DEMO="--buyers 2000 --stock 10"
#   make test       every test there is; the last line counts them     TEST="unit house" for some of them
#   make sim        one simulated world                            SEED=7 TICKS=10000 SIM="--without crashes"
#   make sim-campaign  as many worlds as there is time for         SECONDS=60 SIM="--first 5000 --jobs 2"
#   make images     what a disk may hold when the power goes, recovered and checked    SECONDS=60 SEED=1
#   make planted    plants a bug after the other, and tells which test catches it   PLANTED="3 7" for some of them
#   make crash      kill -9 under load, many times over               KILLS=2000 SEED=1 CRASH="--dir /dev/shm"
#   make disks      file systems shut down, syncs that fail, no room  SHUTDOWNS=200 SYNCS=100 FULL=20 SEED=1
#   make faults     calls that fail, memory that runs out             FAULTS="--disk 300 --each 200" SEED=1
#   make lin        are concurrent histories linearizable?             HISTORIES=2000 SEED=1
#   make http-campaign  raw HTTP, slow clients, resets and schemathesis for longer      SECONDS=600
#   make prove      all that tries to break it, for as long as asked, and one page of it     HOURS=1 PROVE="sim lin"
#   make bench      what it measures, each against a reference         BENCH="--quick"
#   make coverage   which branches of the rules and of the recovery no test takes
#   make fmt        formats every C file as .clang-format says
#   make lint       format, clang-tidy, cppcheck, shellcheck
#   make fuzz       the fuzz targets, each for a while             SECONDS=60 FUZZ="http1 codec"
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
SECONDS ?= 60
SEED ?= 1
ONLY ?=
BENCH ?=
FUZZ ?=
TICKS ?= 10000
SIM ?=
PLANTED ?=
KILLS ?= 2000
SHUTDOWNS ?= 200
SYNCS ?= 100
FULL ?= 20
CRASH ?=
FAULTS ?= --disk 300 --each 200
HISTORIES ?= 2000
HOURS ?= 1
PROVE ?=

# Debian's own python3 has the test packages; another one on PATH would not.
PYTHON ?= /usr/bin/python3

# What a command says is shown when it fails.
quietly = out=$$(mktemp) && { $(1) >$$out 2>&1 || { cat $$out >&2; rm -f $$out; exit 1; }; rm -f $$out; }

.PHONY: all deps build demo test bench fuzz fmt lint san install clean configure sim sim-campaign images planted crash disks faults coverage lin prove http-campaign

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

# The long campaigns of what `make test` runs a slice of.
crash: build
	@$(PYTHON) tests/crash/crash.py --kills $(KILLS) --seed $(SEED) $(CRASH)

disks: build
	@scripts/deps.sh test
	@$(PYTHON) tests/crash/disks.py --shutdowns $(SHUTDOWNS) --syncs $(SYNCS) --full $(FULL) --seed $(SEED)

faults: build
	@$(PYTHON) tests/crash/faults.py --seed $(SEED) $(FAULTS)

# One page of what was run: build/proof/proof.md.
prove: build
	@scripts/deps.sh test fuzz
	@$(PYTHON) scripts/prove.py --hours $(HOURS) $(PROVE)

coverage:
	@scripts/deps.sh build coverage
	@$(PYTHON) scripts/coverage.py

# Four fifths of the time for tests/http/run.py, one for schemathesis.
http-campaign: configure
	@scripts/deps.sh build test
	@$(call quietly,ninja -C $(BUILD) src/cli/dibs)
	@DIBS_BIN=$(BUILD)/src/cli/dibs $(PYTHON) tests/http/run.py --seconds $$(($(SECONDS) * 4 / 5))
	@DIBS_BIN=$(BUILD)/src/cli/dibs $(PYTHON) tests/http/schema.py --examples 1000 --seconds $$(($(SECONDS) / 5))

san:
	@scripts/deps.sh build test
	@$(PYTHON) scripts/test.py unit-asan unit-tsan

sim: configure
	@$(call quietly,ninja -C $(BUILD) tests/sim/sim)
	@$(BUILD)/tests/sim/sim --seed $(SEED) --ticks $(TICKS) $(SIM)

sim-campaign: configure
	@$(call quietly,ninja -C $(BUILD) tests/sim/sim)
	@$(BUILD)/tests/sim/sim --seconds $(SECONDS) --ticks $(TICKS) $(SIM)

# ONLY: one image, as a failure names it.
images: configure
	@$(call quietly,ninja -C $(BUILD) tests/images/images)
	@$(BUILD)/tests/images/images --seconds $(SECONDS) --seed $(SEED) $(if $(ONLY),--only $(ONLY))

planted:
	@scripts/deps.sh build test
	@$(PYTHON) tests/planted/planted.py $(PLANTED)

lin: configure
	@scripts/deps.sh build test
	@$(call quietly,ninja -C $(BUILD) src/cli/dibs)
	@BUILD=$(BUILD) scripts/lin.sh -histories $(HISTORIES) -seed $(SEED)

bench: configure
	@scripts/deps.sh bench
	@$(call quietly,ninja -C $(BUILD))
	@$(PYTHON) bench/run.py --build $(BUILD) $(BENCH)

# Its build (clang, libFuzzer) is build-fuzz; FUZZ="--keep http1" also chooses anew the inputs of the tree.
fuzz:
	@scripts/deps.sh build fuzz
	@$(PYTHON) scripts/fuzz.py --seconds $(SECONDS) $(FUZZ)

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
	@rm -rf build build-asan build-tsan build-coverage build-fuzz
