# filed: a job queue whose interface is a mounted directory.
#
#   make                build filed and filed-launch
#   make demo           install what is missing, build, and show a queue at work
#   make check          install what is missing, build, and run all tests
#   make install        into $(DESTDIR)$(PREFIX)
#
# Variants live side by side under build/: debug=yes, static=yes, sanitize=address (with undefined),
# sanitize=thread; they may be combined. CXX, CXXFLAGS, CPPFLAGS, LDFLAGS, PREFIX and DESTDIR are
# honoured.

version := 0.1.0

debug    ?= no
static   ?= no
sanitize ?= no

PREFIX ?= /usr/local
bindir     ?= $(PREFIX)/bin
sbindir    ?= $(PREFIX)/sbin
mandir     ?= $(PREFIX)/share/man
sysconfdir ?= /etc

CXX        ?= c++
PKG_CONFIG ?= pkg-config
SCDOC      ?= scdoc

variant-debug-yes       := -debug
flags-debug-no          := -O2 -DNDEBUG
flags-debug-yes         := -O0 -g3
variant-static-yes      := -static
ldflags-static-yes      := -static
pkgflags-static-yes     := --static
variant-sanitize-address := -asan
flags-sanitize-address  := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g
variant-sanitize-thread := -tsan
flags-sanitize-thread   := -fsanitize=thread -g

variant := release$(variant-debug-$(debug))$(variant-static-$(static))$(variant-sanitize-$(sanitize))
out     ?= build/$(variant)

CXXFLAGS ?= $(flags-debug-$(debug))
filed_cppflags = -Isrc -DFILED_VERSION='"$(version)"' -DFUSE_USE_VERSION=314 -D_FILE_OFFSET_BITS=64 -D_GNU_SOURCE \
                 $(shell $(PKG_CONFIG) --cflags fuse3 sqlite3 inih)
filed_cxxflags = -std=c++20 -Wall -Wextra -Wshadow -Wnon-virtual-dtor -fno-rtti -ffunction-sections \
                 -fdata-sections $(flags-sanitize-$(sanitize))
filed_ldflags  = -Wl,--gc-sections -Wl,--as-needed $(ldflags-static-$(static)) $(flags-sanitize-$(sanitize))
filed_libs     = $(shell $(PKG_CONFIG) $(pkgflags-static-$(static)) --libs fuse3 sqlite3 inih) -pthread

mains     := src/filed.cc src/filed-launch.cc
sources   := $(filter-out $(mains),$(wildcard src/*.cc src/*/*.cc))
tests     := $(wildcard tests/unit/*.cc)
objects   := $(sources:%.cc=$(out)/%.o)
launch_objects := $(patsubst %.cc,$(out)/%.o,$(wildcard src/base/*.cc src/config/*.cc src/sandbox/*.cc))
manpages  := $(patsubst man/%.scd,build/man/%,$(wildcard man/*.scd))

all: $(out)/filed $(out)/filed-launch man

$(out)/filed: $(out)/src/filed.o $(objects)
	$(CXX) $(CXXFLAGS) $(LDFLAGS) $(filed_ldflags) -o $@ $^ $(filed_libs)

$(out)/filed-launch: $(out)/src/filed-launch.o $(launch_objects)
	$(CXX) $(CXXFLAGS) $(LDFLAGS) $(filed_ldflags) -o $@ $^ $(filed_libs)

$(out)/unit: $(tests:%.cc=$(out)/%.o) $(objects)
	$(CXX) $(CXXFLAGS) $(LDFLAGS) $(filed_ldflags) -o $@ $^ $(filed_libs)

$(out)/%.o: %.cc Makefile
	@mkdir -p $(@D)
	$(CXX) $(CPPFLAGS) $(filed_cppflags) $(CXXFLAGS) $(filed_cxxflags) -MMD -MP -c -o $@ $<

# Catch's own main is large and wants RTTI on some versions; tests need no small binary.
$(out)/tests/%.o: filed_cxxflags := -std=c++20 -Wall -Wextra $(flags-sanitize-$(sanitize))

-include $(wildcard $(out)/src/*.d $(out)/src/*/*.d $(out)/tests/*/*.d)

man: $(manpages)
build/man/%: man/%.scd
	@mkdir -p $(@D)
	$(SCDOC) < $< > $@.tmp && mv $@.tmp $@

unit: $(out)/unit

clean:
	rm -rf build

.PHONY: all man unit clean
