# The front door. Meson does the work; see `make help`.
.PHONY: all test soak mutants interop demo tidy fmt bench clean help

all: build/build.ninja
	@ninja -C build --quiet

build/build.ninja:
	@tools/install-deps build
	@meson setup build >/dev/null

test:
	@tools/install-deps build test
	@tools/run-tests

soak: all
	@tools/install-deps test
	@tools/soak $(or $(SOAK),10)

mutants:
	@tools/install-deps build
	@tools/run-mutants --keep

interop: all
	@tools/install-deps interop
	@tests/interop/build
	@tests/interop/run --count $(or $(COUNT),10000) --seed $(or $(SEED),1)

demo: all
	@tests/system/demo.sh

tidy: all
	@tools/install-deps tidy
	@tools/tidy

fmt:
	@clang-format -i $$(git ls-files '*.c' '*.h')

bench: all
	@tools/install-deps bench || echo "bench: going on without the peers that could not be installed"
	@bench/run
	@bench/catchup

clean:
	@rm -rf build build-asan build-clang build-mutants build-marks

help:
	@echo "make         build into build/ (installs what is missing)"
	@echo "make test    every check and test; the last line counts them"
	@echo "make soak    fresh seeds in the simulator, then real processes, for SOAK=10 minutes"
	@echo "make mutants plant known bugs, one at a time; each must be caught"
	@echo "make interop our consensus core beside etcd's: COUNT=10000 random scripts from SEED=1 on"
	@echo "make demo    a real three-node cluster, shown step by step"
	@echo "make tidy    the machine checks alone"
	@echo "make fmt     format the sources"
	@echo "make bench   figures beside their peers and the machine's limits"
