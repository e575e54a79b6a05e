# What tries, tests and measures filed; the Makefile includes this.
#
#   make demo        install what is missing, build, and show a queue at work
#   make check       install what is missing, build, run all tests and make lint
#   make test        build and run all tests; install nothing, need no tool of lint
#   make long-test   the tests that take longest, tests/long; make check leaves them out
#   make lint        look for mistakes without running anything; make lint-clang-tidy runs one tool
#   make bench       compare filed with its peers; long=yes takes longer
#   make torture     kill filed again and again; minutes=10 or kills=1000, seed=N to repeat
#   make late-effects   remove and move 10,000 jobs that run, and stop filed 1,000 times: nothing acts later
#   make fuzz        fuzz its parsers; runs=1000000 for longer
#   make valgrind    run unit tests under valgrind
#
# only=retries runs the tests with that in their names. shells="dash busybox" runs shell tests
# under these shells. fuse=no leaves out tests that need /dev/fuse. sanitize=thread only=unit looks for
# races.

only ?=

unit_tests := $(wildcard tests/unit/*.cc)
helpers    := $(filter-out $(unit_tests) tests/bench/% tests/fuzz/%,$(wildcard tests/*/*.c tests/*/*.cc))

# --- unit tests ------------------------------------------------------------------------------------
# They link all of src/ but the mains. Catch's header is large, so it is compiled once, ahead. Its copy
# stands in for it where a compiler does not take the compiled form.

$(out)/unit: $(unit_tests:%.cc=$(shared)/%.o) $(objects)
	$(call show,LD) $(link) $(shell $(PKG_CONFIG) --libs catch2)

catch := $(shared)/tests/unit/catch.h
$(catch).gch: tests/unit/catch.h Makefile tests/tests.mk
	$(call show,PCH) mkdir -p $(@D) && cp $< $(catch) && $(CXX) $(CPPFLAGS) $(filed_cppflags) $(CXXFLAGS) \
		$(filed_cxxflags) -w -x c++-header -o $@ $(catch)

# Catch's own main is large and wants RTTI on some versions; tests need no small binary.
$(shared)/tests/%: filed_cxxflags := -std=c++20 -Wall -Wextra $(flags-sanitize-$(sanitize))
# main.cc sets a macro before it includes Catch.
$(filter-out %/main.o,$(unit_tests:%.cc=$(shared)/%.o)): filed_cxxflags += -include $(catch)
$(filter-out %/main.o,$(unit_tests:%.cc=$(shared)/%.o)): $(catch).gch

unit: $(out)/unit

# --- programs that shell tests call: tests/lib/x.c becomes $(out)/tests/x ------------------------

vpath %.c  $(wildcard tests/*/)
vpath %.cc $(wildcard tests/*/)
$(out)/tests/%: %.c
	$(call show,CC) mkdir -p $(@D) && \
		$(CC) $(CPPFLAGS) -D_GNU_SOURCE $(CFLAGS) -Wall -Wextra $(LDFLAGS) -o $@ $< -pthread
$(out)/tests/%: %.cc
	$(call show,CXX) mkdir -p $(@D) && \
		$(CXX) $(CPPFLAGS) -D_GNU_SOURCE $(CXXFLAGS) -std=c++20 -Wall -Wextra $(LDFLAGS) -o $@ $< -pthread
$(out)/tests/faults.so: tests/faults/preload/faults.c
	$(call show,CC) mkdir -p $(@D) && \
		$(CC) $(CPPFLAGS) -D_GNU_SOURCE $(CFLAGS) -Wall -Wextra -fPIC -shared -o $@ $<

helpers: $(addprefix $(out)/tests/,$(basename $(notdir $(helpers))) faults.so)

# --- run them --------------------------------------------------------------------------------------

demo:
	@tests/setup build
	@$(MAKE) --no-print-directory $(programs)
	@out=$(out) tests/demo

check:
	@tests/setup check
	@$(MAKE) --no-print-directory test lint=yes

test: all unit helpers
	@out=$(out) fuse=$(fuse) lint=$(lint) $(if $(shells),shells='$(shells)') tests/run $(only)

long-test: all unit helpers
	@out=$(out) tests/run long/

# Leaves out tests that would take hours, and those of clone(2) with CLONE_VM and of Landlock, which
# valgrind does not know.
valgrind: unit
	FILED_TEST_OPERATIONS=5000 valgrind -q --error-exitcode=99 \
		--leak-check=full --errors-for-leak-kinds=definite --child-silent-after-fork=yes \
		$(out)/unit '~[launcher]~[sandbox]~[slow]'

# --- lint: each tool is one target, and all run even if one fails ----------------------------------

lints := $(addprefix lint-,musl text shell format cppcheck clang-tidy)
lint:
	@$(MAKE) --no-print-directory -k $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc)) $(lints)

lint-text:
	$(call show,LINT) tests/lint/text
lint-shell:
	$(call show,LINT) tests/lint/shell
lint-format:
	$(call show,LINT) clang-format --dry-run -Werror \
		$(shell find src tests -name '*.cc' -o -name '*.h' -o -name '*.c')

lint-musl: build/lint/musl.ok
build/lint/musl.ok: tests/lint/musl $(shell find src tests/unit -name '*.cc' -o -name '*.h')
	$(call show,LINT) tests/lint/musl

# legacyUninitvar takes a buffer for uninitialized that a call fills in the same expression.
lint-cppcheck:
	$(call show,LINT) mkdir -p build/lint/cppcheck && cppcheck -q --error-exitcode=1 --std=c++20 --language=c++ \
		--enable=warning,performance,portability --inline-suppr --suppress=legacyUninitvar \
		--cppcheck-build-dir=build/lint/cppcheck $(filter-out -I/%,$(filed_cppflags)) src

# A file is not looked at again if its stamp is newer than its source, its headers and .clang-tidy.
lint-clang-tidy: $(patsubst %,build/lint/%.tidy,$(sources) $(mains))
build/lint/%.tidy: % .clang-tidy
	$(call show,TIDY) mkdir -p $(@D) && \
		if clang-tidy --quiet $< -- $(filed_cppflags) -std=c++20 -fno-rtti >$@.out 2>&1; \
		then $(CXX) $(filed_cppflags) -std=c++20 -MM -MP -MT $@ -MF $(@:.tidy=.d) $< && mv $@.out $@; \
		else grep -v 'warnings\{0,1\} generated' $@.out; exit 1; fi
-include $(wildcard build/lint/src/*.d build/lint/src/*/*.d)

# --- measure ---------------------------------------------------------------------------------------

bench_programs := $(patsubst %,$(out)/bench/%,spawn submit stamp commits memfs)
bench:
	@tests/setup bench
	@$(MAKE) --no-print-directory $(programs) $(bench_programs) $(out)/unit $(out)/tests/call
	@out=$(out) long=$(long) rows="$(rows)" python3 tests/bench/bench.py
$(out)/bench/%: tests/bench/%.c
	$(call show,CC) mkdir -p $(@D) && $(CC) -D_GNU_SOURCE $(CFLAGS) -Wall -Wextra $(LDFLAGS) -o $@ $< \
		$(if $(filter commits,$*),$(filed_libs))
$(out)/bench/%: tests/bench/%.cc
	$(call show,CXX) mkdir -p $(@D) && \
		$(CXX) $(filed_cppflags) $(CXXFLAGS) -std=c++20 -Wall -Wextra $(LDFLAGS) -o $@ $< $(filed_libs)

# Kills filed while its queue is in use, then checks what is left against what was promised.
torture:
	@tests/setup test
	@$(MAKE) --no-print-directory $(programs) $(out)/tests/torture-job
	@out=$(out) minutes=$(minutes) kills=$(kills) seed=$(seed) python3 tests/torture/torture.py

# The long form of a test: six to eight removals and mvs a round, in three ways.
rounds ?= 500
stops ?= 334
late-effects: all helpers
	@out=$(out) rounds=$(rounds) stops=$(stops) sh tests/mount/attempt/nothing-acts-after-rm-or-mv-has-returned.sh

# Runs each fuzz target that many times. Inputs that it finds are kept in build/fuzz.
runs ?= 100000
fuzz_targets := $(patsubst tests/fuzz/%_fuzz.cc,%,$(wildcard tests/fuzz/*_fuzz.cc))
fuzz_sources := $(wildcard src/base/*.cc src/config/*.cc) src/launcher/protocol.cc
fuzz:
	@tests/setup fuzz
	@$(MAKE) --no-print-directory $(addprefix fuzz-,$(fuzz_targets))
fuzz-%: build/fuzz/%
	@mkdir -p build/fuzz/corpus/$*
	cd build/fuzz && ./$* -runs=$(runs) -max_len=4096 -print_final_stats=1 \
		corpus/$* ../../tests/fuzz/corpus/$*
build/fuzz/%: tests/fuzz/%_fuzz.cc $(fuzz_sources)
	$(call show,CXX) mkdir -p $(@D) && clang++ $(filed_cppflags) -O1 -g -std=c++20 \
		-fsanitize=fuzzer,address,undefined -o $@ $^ $(shell $(PKG_CONFIG) --libs inih)
.PRECIOUS: build/fuzz/%

.PHONY: unit helpers demo check test long-test lint $(lints) valgrind bench torture late-effects fuzz
