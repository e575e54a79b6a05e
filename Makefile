# filed: a job queue whose interface is a mounted directory.
#
#   make                build filed, filed-launch and their man pages
#   make demo           install what is missing, build, and show a queue at work
#   make check          install what is missing, build, and run all tests
#   make test           the same, but install nothing
#   make install        into $(DESTDIR)$(PREFIX); make uninstall takes it away again
#   make bench          compare it with its peers
#   make torture        kill it again and again; minutes=10, or kills=1000, and seed=N to repeat
#   make fuzz           fuzz its parsers; runs=1000000 for longer
#   make check sanitize=thread only=unit      look for races
#   make valgrind       run the unit tests under valgrind, but for those that take hours, or need what
#                       it does not know: clone(2) with CLONE_VM, and Landlock
#   make dist           build/dist/filed-VERSION.tar.gz and an APKBUILD that has its checksum
#
# Variants live side by side under build/: debug=yes, static=yes, sanitize=address (with undefined),
# sanitize=thread; they may be combined. CXX, CXXFLAGS, CPPFLAGS, LDFLAGS, PREFIX and DESTDIR are
# honoured. init=openrc, systemd, "openrc systemd" or none chooses which service files are installed.
# only=mount/retries runs the tests whose names contain that; shells="dash busybox" runs them under these,
# and fuse=no leaves out those that need /dev/fuse.

version := $(shell sed -n 's/^pkgver=//p' APKBUILD)

debug    ?= no
static   ?= no
sanitize ?= no
only     ?=

PREFIX     ?= /usr/local
bindir     ?= $(PREFIX)/bin
mandir     ?= $(PREFIX)/share/man
sysconfdir ?= /etc
systemddir ?= /usr/lib
init       ?= $(if $(wildcard /sbin/openrc-run /usr/sbin/openrc-run),openrc) \
              $(if $(wildcard /run/systemd/system),systemd)

CXX        ?= c++
PKG_CONFIG ?= pkg-config
SCDOC      ?= scdoc
INSTALL    ?= install

variant-debug-yes       := -debug
flags-debug-no          := -Os
flags-debug-yes         := -O0 -g3
cppflags-debug-no       := -DNDEBUG
variant-static-yes      := -static
# libfuse refers to its CUSE half, and that to its high-level half; filed needs neither.
ldflags-static-yes      := -static -Wl,--defsym=cuse_lowlevel_init=0
pkgflags-static-yes     := --static
cppflags-static-yes     := -DFILED_STATIC
variant-sanitize-address := -asan
flags-sanitize-address  := -fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=undefined \
                           -fno-omit-frame-pointer -g
variant-sanitize-thread := -tsan
flags-sanitize-thread   := -fsanitize=thread -g

variant := release$(variant-debug-$(debug))$(variant-sanitize-$(sanitize))$(variant-static-$(static))
out     ?= build/$(variant)
# A static program is made of the same object files, but for the one that knows of it.
shared  := $(out:%-static=%)
objects_of = $(patsubst $(shared)/src/base/users.o,$(out)/src/base/users.o,$(patsubst %.cc,$(shared)/%.o,$(1)))

# pkg-config is asked when something is compiled, not before: make check may have to install it first.
CFLAGS   ?= -O2
CXXFLAGS ?= $(flags-debug-$(debug))
filed_cppflags = -Isrc -DFILED_VERSION='"$(version)"' -DFUSE_USE_VERSION=314 -D_FILE_OFFSET_BITS=64 -D_GNU_SOURCE \
                 $(cppflags-debug-$(debug)) $(shell $(PKG_CONFIG) --cflags fuse3 sqlite3 inih)
filed_cxxflags = -std=c++20 -Wall -Wextra -Wshadow -Wnon-virtual-dtor -fno-rtti -ffunction-sections \
                 -fdata-sections $(flags-sanitize-$(sanitize))
filed_ldflags  = -Wl,--gc-sections -Wl,--as-needed $(ldflags-static-$(static)) $(flags-sanitize-$(sanitize))
filed_libs     = $(shell $(PKG_CONFIG) $(pkgflags-static-$(static)) --libs fuse3 sqlite3 inih) -pthread

mains     := src/filed.cc src/filed-launch.cc
sources   := $(filter-out $(mains),$(wildcard src/*.cc src/*/*.cc))
tests     := $(wildcard tests/unit/*.cc)
helpers   := $(filter-out $(tests) tests/bench/% tests/fuzz/%,$(wildcard tests/*/*.c tests/*/*.cc))
objects   := $(call objects_of,$(sources))
launch_objects := $(call objects_of,$(wildcard src/base/*.cc src/config/*.cc src/sandbox/*.cc))
programs  := $(out)/filed $(out)/filed-launch
manpages  := $(patsubst man/%.scd,build/man/%,$(wildcard man/*.scd))

all: $(programs) man

$(out)/filed: $(shared)/src/filed.o $(objects)
	$(CXX) $(CXXFLAGS) $(LDFLAGS) $(filed_ldflags) -o $@ $^ $(filed_libs)

$(out)/filed-launch: $(shared)/src/filed-launch.o $(launch_objects)
	$(CXX) $(CXXFLAGS) $(LDFLAGS) $(filed_ldflags) -o $@ $^ $(filed_libs)

$(out)/unit: $(tests:%.cc=$(shared)/%.o) $(objects)
	$(CXX) $(CXXFLAGS) $(LDFLAGS) $(filed_ldflags) -o $@ $^ $(filed_libs) $(shell $(PKG_CONFIG) --libs catch2)

compile = mkdir -p $(@D) && $(CXX) $(CPPFLAGS) $(filed_cppflags) $(CXXFLAGS) $(filed_cxxflags) -MMD -MP -c -o $@ $<
$(shared)/%.o: %.cc Makefile
	$(compile)
$(out)/src/base/users.o: src/base/users.cc Makefile
	$(compile) $(cppflags-static-$(static))

# Catch's own main is large and wants RTTI on some versions; tests need no small binary.
$(shared)/tests/%.o: filed_cxxflags := -std=c++20 -Wall -Wextra $(flags-sanitize-$(sanitize))

# Programs that shell tests call: tests/mount/x.c becomes $(out)/tests/x.
vpath %.c  $(wildcard tests/*/)
vpath %.cc $(wildcard tests/*/)
$(out)/tests/%: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -D_GNU_SOURCE $(CFLAGS) -Wall -Wextra $(LDFLAGS) -o $@ $< -pthread
$(out)/tests/%: %.cc
	@mkdir -p $(@D)
	$(CXX) $(CPPFLAGS) -D_GNU_SOURCE $(CXXFLAGS) -std=c++20 -Wall -Wextra $(LDFLAGS) -o $@ $< -pthread

$(out)/tests/faults.so: tests/faults/preload/faults.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -D_GNU_SOURCE $(CFLAGS) -Wall -Wextra -fPIC -shared -o $@ $<

-include $(wildcard $(addsuffix /*/*.d,$(out) $(shared)) $(addsuffix /*/*/*.d,$(out) $(shared)))

man: $(manpages)
build/man/%: man/%.scd
	@mkdir -p $(@D)
	$(SCDOC) < $< > $@.tmp && mv $@.tmp $@

unit: $(out)/unit
helpers: $(addprefix $(out)/tests/,$(basename $(notdir $(helpers))) faults.so)

demo:
	@tests/setup build
	@$(MAKE) --no-print-directory $(programs)
	@out=$(out) tests/demo

check:
	@tests/setup test
	@$(MAKE) --no-print-directory test

test: all unit helpers
	@out=$(out) fuse=$(fuse) $(if $(shells),shells='$(shells)') tests/run $(only)

valgrind: unit
	FILED_TEST_OPERATIONS=5000 valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
		--child-silent-after-fork=yes $(out)/unit '~[launcher]~[sandbox]~[slow]'

# Compares filed with its peers and with what the machine allows; long=yes takes longer.
bench_programs := $(patsubst %,$(out)/bench/%,spawn submit stamp commits memfs)
bench:
	@tests/setup bench
	@$(MAKE) --no-print-directory $(programs) $(bench_programs) $(out)/unit $(out)/tests/call
	@out=$(out) long=$(long) rows="$(rows)" python3 tests/bench/bench.py
$(out)/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE $(CFLAGS) -Wall -Wextra $(LDFLAGS) -o $@ $< $(if $(filter commits,$*),$(filed_libs))
$(out)/bench/%: tests/bench/%.cc
	@mkdir -p $(@D)
	$(CXX) $(filed_cppflags) $(CXXFLAGS) -std=c++20 -Wall -Wextra $(LDFLAGS) -o $@ $< $(filed_libs)

# Kills filed while its queue is used, and checks what is left against what was promised.
torture:
	@tests/setup test
	@$(MAKE) --no-print-directory $(programs) $(out)/tests/torture-job
	@out=$(out) minutes=$(minutes) kills=$(kills) seed=$(seed) python3 tests/torture/torture.py

# Runs each fuzz target so often. What it learns stays in build/, what it finds too.
runs ?= 100000
fuzz_targets  := $(patsubst tests/fuzz/%_fuzz.cc,%,$(wildcard tests/fuzz/*_fuzz.cc))
fuzz_sources  := $(wildcard src/base/*.cc src/config/*.cc) src/launcher/protocol.cc
fuzz:
	@tests/setup fuzz
	@$(MAKE) --no-print-directory $(addprefix fuzz-,$(fuzz_targets))
fuzz-%: build/fuzz/%
	@mkdir -p build/fuzz/corpus/$*
	cd build/fuzz && ./$* -runs=$(runs) -max_len=4096 -print_final_stats=1 corpus/$* ../../tests/fuzz/corpus/$*
build/fuzz/%: tests/fuzz/%_fuzz.cc $(fuzz_sources)
	@mkdir -p $(@D)
	clang++ $(filed_cppflags) -O1 -g -std=c++20 -fsanitize=fuzzer,address,undefined -o $@ $^ $(shell $(PKG_CONFIG) --libs inih)
.PRECIOUS: build/fuzz/%

# Service files and configuration name /usr/bin and /etc; the copies name where things really go.
at_home = sed -e 's|/usr/bin/filed|$(bindir)/filed|g' -e 's|/etc/filed|$(sysconfdir)/filed|g'
etc     := $(DESTDIR)$(sysconfdir)
unitdir := $(DESTDIR)$(systemddir)/systemd/system
man_in  = $(DESTDIR)$(mandir)/man$(subst .,,$(suffix $(1)))/$(notdir $(1))

install: all $(addprefix install-,$(filter openrc systemd,$(init)))
	$(INSTALL) -d $(DESTDIR)$(bindir) $(etc)/filed
	$(INSTALL) -m 755 $(programs) $(DESTDIR)$(bindir)
	test -e $(etc)/filed/filed.conf || $(INSTALL) -m 644 openrc/filed.conf $(etc)/filed/filed.conf
	$(foreach page,$(manpages),$(INSTALL) -d $(dir $(call man_in,$(page))) && \
	$(INSTALL) -m 644 $(page) $(call man_in,$(page)) &&) true

install-openrc:
	$(INSTALL) -d $(etc)/init.d $(etc)/conf.d
	$(at_home) openrc/filed.initd > $(etc)/init.d/filed
	chmod 755 $(etc)/init.d/filed
	test -e $(etc)/conf.d/filed || $(INSTALL) -m 644 openrc/filed.confd $(etc)/conf.d/filed

install-systemd:
	$(INSTALL) -d $(addprefix $(DESTDIR)$(systemddir)/,systemd/system sysusers.d tmpfiles.d)
	for unit in filed.service filed@.service; do \
		$(at_home) systemd/$$unit > $(unitdir)/$$unit && chmod 644 $(unitdir)/$$unit || exit 1; done
	$(INSTALL) -m 644 systemd/filed.sysusers $(DESTDIR)$(systemddir)/sysusers.d/filed.conf
	$(INSTALL) -m 644 systemd/filed.tmpfiles $(DESTDIR)$(systemddir)/tmpfiles.d/filed.conf

# Configuration that was edited stays. Of a DESTDIR, folders go that are empty now.
uninstall:
	rm -f $(addprefix $(DESTDIR)$(bindir)/,filed filed-launch) $(foreach page,$(manpages),$(call man_in,$(page)))
	rm -f $(etc)/init.d/filed $(unitdir)/filed.service $(unitdir)/filed@.service
	rm -f $(addprefix $(DESTDIR)$(systemddir)/,sysusers.d/filed.conf tmpfiles.d/filed.conf)
	! cmp -s openrc/filed.confd $(etc)/conf.d/filed || rm $(etc)/conf.d/filed
	! cmp -s openrc/filed.conf $(etc)/filed/filed.conf || rm $(etc)/filed/filed.conf
	rmdir $(etc)/filed 2>/dev/null || true
	$(if $(DESTDIR),cd $(DESTDIR) && rmdir -p $(patsubst /%,%,$(bindir) $(addprefix $(systemddir)/,systemd/system \
	sysusers.d tmpfiles.d) $(addprefix $(sysconfdir)/,init.d conf.d filed) $(addprefix $(mandir)/,man1 man5 man8)) \
	2>/dev/null || true)

# The archive is the same, byte for byte, whenever and wherever it is made from the same commit.
commit ?= HEAD
tarball = build/dist/filed-$(version).tar.gz
dist:
	@mkdir -p build/dist
	git archive --prefix=filed-$(version)/ $(commit) | gzip -9n > $(tarball)
	cp APKBUILD filed.pre-install build/dist
	printf 'sha512sums="\n%s\n"\n' "$$(cd build/dist && sha512sum filed-$(version).tar.gz)" >> build/dist/APKBUILD

clean:
	rm -rf build

.PHONY: all man unit helpers demo check test valgrind bench torture fuzz install install-openrc install-systemd \
	uninstall dist clean
