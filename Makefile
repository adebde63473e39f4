# secctl: build, test, install. `make help` lists the targets.

PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/sbin
CTLDIR  ?= $(PREFIX)/bin
MANDIR  ?= $(PREFIX)/share/man
DATADIR ?= $(PREFIX)/share/secctl
BUILD   ?= build
CC      ?= cc
WERROR  ?= -Werror
FUZZ_SECONDS ?= 30

VERSION := 0.1.0
SHELL   := /bin/bash
PKGS     = libmnl libnftnl libnetfilter_queue libcrypto libcurl libcjson libidn2 libpsl libseccomp libcap-ng libpcap libssl libarchive

WARN = -std=c11 -Wall -Wextra -Wshadow -Wconversion -Wvla -Wformat=2 -Wstrict-prototypes \
       -Wmissing-prototypes $(WERROR)
CPPFLAGS_ALL = -D_GNU_SOURCE -I. -DSECCTL_VERSION='"$(VERSION)"' $(CPPFLAGS)
HARDEN  = -O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE $(if $(filter x86_64,$(MACHINE)),-fcf-protection)
SANFLAGS = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FUZZFLAGS = $(SANFLAGS) -fsanitize=fuzzer-no-link
LDHARDEN = -pie -Wl,-z,relro,-z,now

SYSTEM  ?= $(shell uname)
MACHINE := $(shell uname -m)
PARTS    = common fwd sni-filter ctl tests/support
PROGRAM_NAMES = fwd sni-filter secctl
ifneq ($(SYSTEM),Linux) # secctl alone: the gateway is built in a container
PARTS    = common ctl
PROGRAM_NAMES = secctl
LDHARDEN =
CPPFLAGS_ALL += $(shell pkg-config --cflags libcrypto libidn2 libpsl libcjson libcurl libssl libarchive 2>/dev/null)
endif

# Each program links only its own libraries.
LIBS_common = $(shell pkg-config --libs libcrypto libidn2 libpsl 2>/dev/null)
LIBS_fwd    = $(LIBS_common) $(shell pkg-config --libs libnftnl libmnl 2>/dev/null)
LIBS_filter = $(LIBS_common) $(shell pkg-config --libs libmnl libnftnl libnetfilter_queue libseccomp libcap-ng libpcap 2>/dev/null)
LIBS_ctl    = $(LIBS_common) $(shell pkg-config --libs libcjson libcurl libssl libarchive 2>/dev/null) -lpthread
LIBS_test   = $(sort $(LIBS_fwd) $(LIBS_filter) $(LIBS_ctl)) -lcmocka -lpthread

MODULES := $(filter-out %/main.c,$(wildcard $(PARTS:%=%/*.c)))
MAINS   := fwd/main.c sni-filter/main.c ctl/main.c
UNITS   := $(wildcard tests/unit/test_*.c)
FUZZERS := $(wildcard tests/fuzz/fuzz_*.c)
BENCHES := $(wildcard tests/bench/bench_*.c)
ALL_C   := $(MODULES) $(MAINS) $(UNITS) $(FUZZERS) $(BENCHES)
ALL_H   := $(wildcard common/*.h fwd/*.h sni-filter/*.h ctl/*.h tests/support/*.h)
SCRIPTS := $(wildcard tests/*.sh tests/*/*.sh compose/*.sh proxy-image/*.sh) tests/docker/prepare .ci/run

PROGRAMS = $(PROGRAM_NAMES:%=$(BUILD)/%)

.PHONY: all
all: $(PROGRAMS)
# for an image: what the gateway runs
.PHONY: programs
programs: $(BUILD)/fwd $(BUILD)/sni-filter

.PHONY: help
help:
	@sed -n 's/^## //p' Makefile

## make start        Claude Code behind the gateway: installs what is missing, builds, runs; CMD="..." runs that instead
## make              build/fwd, build/sni-filter, build/secctl
## make image-root   build/gateway-root.tar: the gateway's root file system, for an image without a shell
## make images       the images of the gateway and of the agent, for the Docker engine of this machine
## make base-image   debian:bookworm-slim by debootstrap, where no image registry can be reached
## make demo         see it work: a small internet in namespaces, allowed and denied names
## make test         everything below but fuzz and start-test
## make deps         install what building and testing need (Debian, Ubuntu)
## make unit         unit tests
## make check        unit tests under gcc and clang, with address and undefined-behaviour sanitizers
## make cli          the programs' command lines, good and bad input
## make e2e          real clients and servers through the gateway, in network namespaces
## make evasion      ways around the filter, by number, with a table at the end; a part of e2e
## make docker       the stack on Docker engines of their own
## make start-test   "make start" on a new Debian without compiler and Docker; minutes, and packages from the mirror
## make vm           a set of them on Debian's stock kernel, in qemu
## make bench        figures against plain forwarding
## make fuzz         every fuzz target for FUZZ_SECONDS
## make mutate       checks taken out one by one: do the unit tests notice? MUTATE="FILE..." for some files
## make soak         floods and faults for SOAK_SECONDS (3600): memory, descriptors, the log
## make lint         clang-tidy, cppcheck, shellcheck
## make format, format-check, install, uninstall, clean

# flavour: $(1) folder, $(2) compiler, $(3) flags, $(4) link flags
define flavour
$(BUILD)/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	@$$(if $$(V),,echo "  CC      $$@")
	$$(if $$(V),,@)$(2) $(WARN) $(CPPFLAGS_ALL) $(3) $$(CFLAGS) -MMD -MP -c -o $$@ $$<
$(BUILD)/$(1)/modules.a: $$(MODULES:%.c=$(BUILD)/$(1)/%.o)
	@rm -f $$@
	$$(if $$(V),,@)ar rcsP $$@ $$^
$(BUILD)/$(1)/test_%: $(BUILD)/$(1)/tests/unit/test_%.o $(BUILD)/$(1)/modules.a
	@$$(if $$(V),,echo "  LINK    $$@")
	$$(if $$(V),,@)$(2) $(3) $(4) -o $$@ $$^ $$(shell sed -n 's/^.*LINK: *//p' tests/unit/test_$$*.c) $$(LIBS_test)
-include $$(MODULES:%.c=$(BUILD)/$(1)/%.d) $$(UNITS:%.c=$(BUILD)/$(1)/%.d)
endef
$(eval $(call flavour,plain,$(CC),$(HARDEN),$(LDHARDEN) $(LDFLAGS)))
$(eval $(call flavour,gcc-san,gcc,$(SANFLAGS),$(SANFLAGS)))
$(eval $(call flavour,clang-san,clang,$(SANFLAGS),$(SANFLAGS)))
$(eval $(call flavour,fuzz,clang,$(FUZZFLAGS),$(FUZZFLAGS)))
-include $(MAINS:%.c=$(BUILD)/plain/%.d)

$(BUILD)/fwd: $(BUILD)/plain/fwd/main.o $(BUILD)/plain/modules.a
	@$(if $(V),,echo "  LINK    $@")
	$(if $(V),,@)$(CC) $(HARDEN) $(LDHARDEN) $(LDFLAGS) -o $@ $^ $(LIBS_fwd)
$(BUILD)/sni-filter: $(BUILD)/plain/sni-filter/main.o $(BUILD)/plain/modules.a
	@$(if $(V),,echo "  LINK    $@")
	$(if $(V),,@)$(CC) $(HARDEN) $(LDHARDEN) $(LDFLAGS) -o $@ $^ $(LIBS_filter)
$(BUILD)/secctl: $(BUILD)/plain/ctl/main.o $(BUILD)/plain/modules.a
	@$(if $(V),,echo "  LINK    $@")
	$(if $(V),,@)$(CC) $(HARDEN) $(LDHARDEN) $(LDFLAGS) -o $@ $^ $(LIBS_ctl)

$(BUILD)/gcc-san/secctl: $(BUILD)/gcc-san/ctl/main.o $(BUILD)/gcc-san/modules.a
	@$(if $(V),,echo "  LINK    $@")
	$(if $(V),,@)gcc $(SANFLAGS) -o $@ $^ $(LIBS_ctl)

.PHONY: image-root
image-root: all
	proxy-image/rootfs.sh $(BUILD) $(BUILD)/gateway-root.tar

.PHONY: start images base-image
# the command as it was typed
start: export START_CMD := $(value CMD)
start:
	@compose/start.sh
images: $(if $(filter Linux,$(SYSTEM)),image-root)
	BUILD=$(abspath $(BUILD)) compose/images.sh
base-image:
	compose/base-image.sh

# --- tests -------------------------------------------------------------------------------

# Tests against recorded bytes run when this names a folder that holds them.
export SECCTL_RECORDINGS ?= $(patsubst %/,%,$(dir $(firstword $(wildcard $(CURDIR)/../*/vectors.tsv))))

UNIT_RUN = set -e; for t in $(patsubst tests/unit/%.c,$(BUILD)/$(1)/%,$(UNITS)); do tests/unit/run $$t; done

.PHONY: unit check check-gcc check-clang cli e2e evasion docker start-test vm soak bench test demo deps
unit: $(UNITS:tests/unit/%.c=$(BUILD)/plain/%)
	@$(call UNIT_RUN,plain)
check-gcc: $(UNITS:tests/unit/%.c=$(BUILD)/gcc-san/%)
	@$(call UNIT_RUN,gcc-san)
check-clang: $(UNITS:tests/unit/%.c=$(BUILD)/clang-san/%)
	@$(call UNIT_RUN,clang-san)
check: check-gcc check-clang

cli: all
	tests/run.sh cli
e2e: all
	tests/run.sh e2e
evasion: all
	tests/run.sh e2e 41-evasion.sh
docker: all
	tests/run.sh docker
start-test:
	tests/start-test.sh
vm: all
	tests/run.sh vm
# ten minutes for what it does at its end, and for a slow machine
soak: SOAK_SECONDS ?= 3600
soak: all
	@tests/deps.sh
	@SOAK_SECONDS=$(SOAK_SECONDS) SECONDS_MAX=$$(($(SOAK_SECONDS) * 3 / 2 + 1200)) tests/run.sh soak
bench: all $(BENCHES:tests/bench/%.c=$(BUILD)/plain/%)
	tests/bench/run.sh
$(BUILD)/plain/bench_%: tests/bench/bench_%.c $(BUILD)/plain/modules.a
	$(CC) $(WARN) $(CPPFLAGS_ALL) $(HARDEN) $(LDHARDEN) -o $@ $^ $(LIBS_test)

# The two commands of the README install what is missing by themselves.
test:
	@tests/deps.sh
	@tests/run.sh all
demo:
	@tests/deps.sh
	@$(MAKE) --no-print-directory -j2 all
	@tests/demo.sh
deps:
	@tests/deps.sh

$(BUILD)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(BUILD)/fuzz/modules.a
	@$(if $(V),,echo "  LINK    $@")
	$(if $(V),,@)clang $(WARN) $(CPPFLAGS_ALL) $(FUZZFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS_test)
.PHONY: fuzz
fuzz: $(FUZZERS:tests/fuzz/%.c=$(BUILD)/fuzz/%)
	tests/fuzz/run.sh $(BUILD)/fuzz $(FUZZ_SECONDS)

MUTATE ?= sni-filter/cursor.h $(wildcard sni-filter/tls_*.c sni-filter/http_*.c) \
    $(patsubst %,sni-filter/dns_%.c,wire query answer) $(patsubst %,sni-filter/quic_%.c,frame packet initial crypto conn) \
    $(patsubst %,sni-filter/%.c,ip_packet stream flow) $(patsubst %,common/policy_%.c,decide table parse) \
    $(filter-out %/engine_setup.c,$(wildcard sni-filter/engine_*.c))
.PHONY: mutate
mutate: $(BUILD)/plain/modules.a $(BUILD)/gcc-san/modules.a \
    $(UNITS:%.c=$(BUILD)/plain/%.o) $(UNITS:%.c=$(BUILD)/gcc-san/%.o)
	@tests/mutate.py --objects $(BUILD)/plain --sanitized $(BUILD)/gcc-san --sanitize "$(SANFLAGS)" \
	    --libs "$(LIBS_test)" --units "$(UNITS)" --listed tests/mutate.listed $(MUTATE_FLAGS) $(MUTATE)

.PHONY: lint format format-check
lint: $(BUILD)/plain/modules.a
	tests/lint.sh $(MODULES) $(MAINS)
	shellcheck -x -P SCRIPTDIR $(SCRIPTS)
	@twice=$$(nm -g --defined-only $< | awk 'NF == 3 { print $$3 }' | sort | uniq -d); \
	    [ -z "$$twice" ] || { echo "lint: two modules define $$twice: the link order would choose" >&2; exit 1; }
format:
	@clang-format -i $(ALL_C) $(ALL_H)
format-check:
	@clang-format --dry-run -Werror $(ALL_C) $(ALL_H)

.PHONY: install uninstall clean
install: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(CTLDIR) $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man8 $(DESTDIR)$(DATADIR)/policy $(DESTDIR)$(DATADIR)/agent
	install -m 755 $(BUILD)/fwd $(BUILD)/sni-filter $(DESTDIR)$(BINDIR)
	install -m 755 $(BUILD)/secctl $(DESTDIR)$(CTLDIR)
	install -m 644 ctl/secctl.1 $(DESTDIR)$(MANDIR)/man1
	install -m 644 fwd/fwd.8 sni-filter/sni-filter.8 $(DESTDIR)$(MANDIR)/man8
	install -m 644 compose/policy/allowlist compose/policy/gateway.conf $(DESTDIR)$(DATADIR)/policy
	install -m 644 $(wildcard compose/agent/*) $(DESTDIR)$(DATADIR)/agent
	install -m 644 $(wildcard compose/*.yaml) compose/seccomp.json compose/.env.example $(DESTDIR)$(DATADIR)
	install -m 644 fwd/verdict-log.schema.json $(DESTDIR)$(DATADIR)
uninstall:
	rm -f $(DESTDIR)$(BINDIR)/fwd $(DESTDIR)$(BINDIR)/sni-filter $(DESTDIR)$(CTLDIR)/secctl
	rm -f $(DESTDIR)$(MANDIR)/man1/secctl.1 $(DESTDIR)$(MANDIR)/man8/fwd.8 $(DESTDIR)$(MANDIR)/man8/sni-filter.8
	rm -rf $(DESTDIR)$(DATADIR)
clean:
	rm -rf $(BUILD)

.SECONDARY:
.DELETE_ON_ERROR:
