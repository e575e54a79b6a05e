# filed: a job queue with a mounted directory as its interface.
#
#   make             build filed, filed-launch and their man pages
#   make install     install into $(DESTDIR)$(PREFIX); make uninstall removes it
#   make dist        build/dist/filed-VERSION.tar.gz, and an APKBUILD that has its checksum
#   make clean       remove build/
#
# tests/tests.mk has the targets that try, test and measure: demo, check, test, lint, bench, torture,
# fuzz, valgrind.
#
# Variants live side by side under build/: debug=yes, static=yes, sanitize=address (with undefined),
# sanitize=thread; they may be combined. CXX, CXXFLAGS, CPPFLAGS, LDFLAGS, PREFIX and DESTDIR are
# honoured. init=openrc, systemd, "openrc systemd" or none chooses the service files to install.
# V=1 shows the commands. A new source file needs no line here.

version := $(shell sed -n 's/^pkgver=//p' APKBUILD)

debug    ?= no
static   ?= no
sanitize ?= no

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
# libfuse refers to its CUSE part, which refers to its high-level API. filed needs neither.
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
# A static program has the object files of its dynamic variant. Only users.o differs.
shared  := $(out:%-static=%)
objects_of = $(patsubst $(shared)/src/base/users.o,$(out)/src/base/users.o,$(1:%.cc=$(shared)/%.o))

# These are expanded when something is compiled, because make check may have to install pkg-config first.
CFLAGS   ?= -O2
CXXFLAGS ?= $(flags-debug-$(debug))
filed_cppflags = -Isrc -DFILED_VERSION='"$(version)"' -DFUSE_USE_VERSION=314 -D_FILE_OFFSET_BITS=64 \
                 -D_GNU_SOURCE $(cppflags-debug-$(debug)) $(shell $(PKG_CONFIG) --cflags fuse3 sqlite3 inih)
filed_cxxflags = -std=c++20 -Wall -Wextra -Wshadow -Wnon-virtual-dtor -fno-rtti -ffunction-sections \
                 -fdata-sections $(flags-sanitize-$(sanitize))
filed_ldflags  = -Wl,--gc-sections -Wl,--as-needed $(ldflags-static-$(static)) $(flags-sanitize-$(sanitize))
filed_libs     = $(shell $(PKG_CONFIG) $(pkgflags-static-$(static)) --libs fuse3 sqlite3 inih) -pthread

mains          := src/filed.cc src/filed-launch.cc
sources        := $(filter-out $(mains),$(wildcard src/*.cc src/*/*.cc))
objects        := $(call objects_of,$(sources))
launch_objects := $(call objects_of,$(wildcard src/base/*.cc src/config/*.cc src/sandbox/*.cc))
programs       := $(out)/filed $(out)/filed-launch
manpages       := $(patsubst man/%.scd,build/man/%,$(wildcard man/*.scd))

all: $(programs) man

# $(call show,CXX) before a command prints CXX and the target in place of the command.
silent = $(findstring s,$(filter-out --%,$(firstword -$(MAKEFLAGS))))
show   = $(if $(V),,@$(if $(silent),,printf '  %-5s %s\n' $(1) $@;))

link    = $(CXX) $(CXXFLAGS) $(LDFLAGS) $(filed_ldflags) -o $@ $(filter %.o,$^) $(filed_libs)
compile = mkdir -p $(@D) && $(CXX) $(CPPFLAGS) $(filed_cppflags) $(CXXFLAGS) $(filed_cxxflags) \
          -MMD -MP -c -o $@ $<

$(out)/filed: $(shared)/src/filed.o $(objects)
	$(call show,LD) $(link)
$(out)/filed-launch: $(shared)/src/filed-launch.o $(launch_objects)
	$(call show,LD) $(link)

$(shared)/%.o: %.cc Makefile
	$(call show,CXX) $(compile)
$(out)/src/base/users.o: src/base/users.cc Makefile
	$(call show,CXX) $(compile) $(cppflags-static-$(static))

-include $(wildcard $(addsuffix /*/*.d,$(out) $(shared)) $(addsuffix /*/*/*.d,$(out) $(shared)))

man: $(manpages)
build/man/%: man/%.scd
	$(call show,MAN) mkdir -p $(@D) && $(SCDOC) < $< > $@.tmp && mv $@.tmp $@

# Service files and configuration name /usr/bin and /etc; the installed copies name the real places.
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

# Keeps edited configuration. Of a DESTDIR, directories that are empty now are removed, too.
uninstall:
	rm -f $(addprefix $(DESTDIR)$(bindir)/,filed filed-launch)
	rm -f $(foreach page,$(manpages),$(call man_in,$(page)))
	rm -f $(etc)/init.d/filed $(unitdir)/filed.service $(unitdir)/filed@.service
	rm -f $(addprefix $(DESTDIR)$(systemddir)/,sysusers.d/filed.conf tmpfiles.d/filed.conf)
	! cmp -s openrc/filed.confd $(etc)/conf.d/filed || rm $(etc)/conf.d/filed
	! cmp -s openrc/filed.conf $(etc)/filed/filed.conf || rm $(etc)/filed/filed.conf
	rmdir $(etc)/filed 2>/dev/null || true
	$(if $(DESTDIR),cd $(DESTDIR) && rmdir -p $(patsubst /%,%,$(installed_dirs)) 2>/dev/null || true)
installed_dirs = $(bindir) $(addprefix $(mandir)/,man1 man5 man8) \
                 $(addprefix $(sysconfdir)/,init.d conf.d filed) \
                 $(addprefix $(systemddir)/,systemd/system sysusers.d tmpfiles.d)

# The same commit always gives the same archive, byte for byte.
commit ?= HEAD
tarball = build/dist/filed-$(version).tar.gz
dist:
	@mkdir -p build/dist
	git archive --prefix=filed-$(version)/ $(commit) | gzip -9n > $(tarball)
	cp APKBUILD filed.pre-install filed.pre-upgrade build/dist
	cd build/dist && printf 'sha512sums="\n%s\n"\n' "$$(sha512sum $(notdir $(tarball)))" >> APKBUILD

clean:
	rm -rf build

.PHONY: all man install install-openrc install-systemd uninstall dist clean

include tests/tests.mk
