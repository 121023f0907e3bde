# bastion's build. No configure: `make` is all, and `make TARGET=aarch64-linux-gnu` builds for another machine with Debian's
# cross compiler of that name. SLIM=1: without the Docker client, where there is no engine. `make test` and `make run` see to
# their Debian packages first (`make deps`).

TARGET  ?=
SLIM    ?=
HOSTCC  ?= gcc
DESTDIR ?=
PREFIX  ?= /usr/local

# Where things go. What takes long to make, and never changes with our own code, is below build/download and */vendor:
# `make clean` leaves that. So are the Docker engines' images that tests/image makes, in build/engine*.
OUT  := build$(TARGET:%=/%)
OBJ  := $(OUT)/obj
V    := $(OUT)/vendor
DL   := build/download
HOST := build/host$(TARGET:%=/%)

# The shape of the programs (static, position-independent, RELRO …) comes with the compiler, see vendor/build.
CC     := $(V)/musl/root/bin/musl-gcc
# `system`: this machine's musl is taken, and none is built (vendor/README.md, For packagers).
MUSL   ?=
# Of the parts, behind their own flags, so that these win.
VENDOR_CFLAGS ?=
# What goes into build/*.debug. The programs are the same with it and without.
DEBUG  ?= -g
# What serves connections is to be fast, what people start small.
OPTIMIZE := -O2
# (No tables for unwinding the stack: nothing here does that, and they are a tenth of the programs.)
CFLAGS  = $(OPTIMIZE) -fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero \
          -fzero-call-used-regs=used-gpr -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables
LDFLAGS =
# Whatever the flags are.
SHAPE   = -fPIE -ffile-prefix-map=$(CURDIR)=.
# Warnings are errors for us: in a clone, and where the tests are run. Another compiler may know more of them.
WERROR ?= $(if $(wildcard .git)$(filter check test,$(MAKECMDGOALS)),-Werror)
WARN   := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wcast-qual \
          -Wwrite-strings -Wformat=2 -Wundef -Wvla $(WERROR)
OURS    = $(SLIM:%=-DBASTION_SLIM) -std=c11 -D_GNU_SOURCE -Isrc $(WARN) -MMD -MP

# The unit tests are built under the sanitizers, by this machine's compiler and C library, and by its other ones of 32 bits. For a
# machine that qemu emulates they are as its programs are: with musl, and without. There the library of the tests is built as well.
UNIT_CC    := $(HOSTCC)
UNIT       := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all
UNIT_PARTS := $(HOST)/bearssl
CHECK       = $$(pkg-config --$(1) check)
ifdef TARGET
CHECK       = $(if $(filter cflags,$(1)),-isystem $(HOST)/check/src,$(HOST)/check/libcheck.a -lm)
ifeq ($(TARGET),i686-linux-gnu)
UNIT_CC    := $(TARGET)-gcc
UNIT       += -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64
ld_so       = $(realpath $(shell $(UNIT_CC) -print-file-name=ld-linux.so.2))
UNIT_LINK   = -Wl,--dynamic-linker=$(ld_so),-rpath=$(dir $(ld_so))
else
UNIT_CC    := $(CC)
UNIT       := -O1 -g
UNIT_PARTS := $(V)/bearssl
endif
endif

# In this order they stand in the executable: what serves connections together, so that each process maps little of it.
SRC      := $(foreach room,src src/base src/wire src/core src/http src/ssh src/tls src/proxy init src/tool $(if $(SLIM),,src/docker),$(sort $(wildcard $(room)/*.c)))
UNIT_SRC := $(sort $(wildcard tests/unit/*.c src/*/*.c init/*.c))
BASTION  := $(SRC:%.c=$(OBJ)/%.o)
UNITS    := $(UNIT_SRC:%.c=$(HOST)/obj/%.o)

# Goals that look after their packages must do so before anything is fetched or built.
DEPS_FIRST := $(if $(filter deps check test test-image test-field test-processes test-packages lint bench fuzz coverage mutate run,$(MAKECMDGOALS)),deps)

all: $(OUT)/bastion $(OUT)/tinysshd $(OUT)/sh $(OUT)/licences.gz

# shipped FILE: what is shipped of it, by its name, and what a debugger wants to know beside it, in NAME.debug.
OBJCOPY := $(TARGET:%=%-)objcopy
define shipped
	@$(OBJCOPY) --only-keep-debug $(1) $@.debug
	@chmod 644 $@.debug
	@cd $(@D) && $(OBJCOPY) --strip-all --add-gnu-debuglink=$(@F).debug $(abspath $(1)) $(@F)
endef

# ---- Our own code ----

# Sorted, what is small among the variables stands together, and each process writes to fewer pages.
$(OUT)/bastion: $(BASTION) $(V)/bearssl/.done src/layout.ld
	@echo link $@
	@$(CC) $(SHAPE) $(CFLAGS) $(LDFLAGS) -Wl,--sort-section=alignment -Wl,-T,src/layout.ld -o $(OBJ)/bastion $(BASTION) $(V)/bearssl/build/libbearssl.a
	$(call shipped,$(OBJ)/bastion)
	chmod 711 $@

$(OBJ)/%.o: %.c $(OBJ)/flags $(V)/musl/.done $(V)/bearssl/.done
	@mkdir -p $(@D)
	@echo cc $<
	@$(CC) $(SHAPE) $(CFLAGS) $(DEBUG) $(OURS) -isystem $(V)/bearssl/inc -c -o $@ $<

$(OUT)/unit: $(UNITS) $(UNIT_PARTS)/.done
	@echo link $@
	@$(UNIT_CC) $(UNIT) $(UNIT_LINK) -o $@ $(UNITS) $(UNIT_PARTS)/build/libbearssl.a $(call CHECK,libs)

$(HOST)/obj/%.o: %.c $(OBJ)/flags $(UNIT_PARTS)/.done $(if $(TARGET),$(HOST)/check/.done)
	@mkdir -p $(@D)
	@echo hostcc $<
	@$(UNIT_CC) $(UNIT) $(OURS) -isystem $(UNIT_PARTS)/inc $(call CHECK,cflags) -c -o $@ $<

# Whether made here or given on make's command line, other flags mean other objects.
FLAGS := $(SHAPE) $(CFLAGS) $(LDFLAGS) $(DEBUG) $(OURS) $(UNIT) $(UNIT_CC)
ifneq ($(file <$(OBJ)/flags),$(FLAGS))
.PHONY: $(OBJ)/flags
endif
$(OBJ)/flags:
	@mkdir -p $(@D)
	@echo '$(FLAGS)' >$@

VERSION := $(shell sed -n 's/^\#define BASTION_VERSION "\(.*\)"/\1/p' src/base/version.h 2>/dev/null)

# What `bastion --version` names.
parts := $(shell sed -n 's/^\([a-z]*\)  *\([0-9.]*\) .*/\1 \2/p' vendor/pins | sed '$(MUSL:%=s/^musl .*/musl of the %/)' | \
           uniq | paste -sd , | sed 's/,/, /g')
$(OBJ)/src/main.o: OURS += -DBASTION_PARTS='"$(parts)"'
$(OBJ)/src/main.o: vendor/pins

$(OBJ)/src/docker/%.o $(OBJ)/src/tool/%.o $(OBJ)/src/http/%.o $(OBJ)/src/ssh/%.o $(OBJ)/src/tls/%.o $(OBJ)/src/core/%.o $(OBJ)/src/base/%.o $(OBJ)/init/%.o: OPTIMIZE := -Os
# Of wire/ what is read once for a connection, or less often.
once := authorized base64 date der docker_api field_list form form_push forwarded_for from json json_path json_push json_write openssh_key opening \
    proxy_protocol quote shell_words tinysshd token_file x509
$(once:%=$(OBJ)/src/wire/%.o): OPTIMIZE := -Os

-include $(BASTION:.o=.d) $(UNITS:.o=.d)

# ---- What is not ours: fetched and verified by vendor/fetch, mended and built by vendor/build ----

PARTS := musl bearssl tinyssh dash
part   = CC='$(1)' TARGET=$(2) HOSTCC='$(HOSTCC)' FLAGS='$(DEBUG) $(VENDOR_CFLAGS)' MUSL=$(MUSL) \
         vendor/build $* $(DL)/$*.tar $(@D) && touch $@

# All of them by one call: they share package lists. Whatever has such a name is verified: keep it when another fails.
.PRECIOUS: $(PARTS:%=$(DL)/%.tar)
$(PARTS:%=$(DL)/%.tar) &: vendor/pins vendor/fetch | $(DEPS_FIRST)
	vendor/fetch $(DL)

$(V)/musl/.done: $(V)/%/.done: $(if $(MUSL),,$(DL)/%.tar) vendor/build $(V)/flags
	$(call part,$(if $(TARGET),$(TARGET)-gcc,$(HOSTCC)),$(TARGET))

$(V)/bearssl/.done $(V)/tinyssh/.done $(V)/dash/.done: $(V)/%/.done: $(DL)/%.tar vendor/build $(V)/musl/.done
	$(call part,$(CURDIR)/$(CC),$(TARGET))

$(HOST)/bearssl/.done: $(HOST)/%/.done: $(DL)/%.tar vendor/build
	$(call part,$(UNIT_CC),$(TARGET))

# Nothing of it comes into what is handed on, and so it is none of the parts.
$(HOST)/check/.done: tests/unit/libcheck tests/unit/pins $(if $(filter $(CC),$(UNIT_CC)),$(V)/musl/.done)
	tests/unit/fetch $(DL)/tests
	CC=$(if $(filter $(CC),$(UNIT_CC)),$(CURDIR)/)$(UNIT_CC) AR=$(TARGET)-ar tests/unit/libcheck $(DL)/tests/check.tar $(@D) && touch $@

# Other flags, other parts.
PART_FLAGS := $(strip $(MUSL) $(DEBUG) $(VENDOR_CFLAGS))
ifneq ($(file <$(V)/flags),$(PART_FLAGS))
.PHONY: $(V)/flags
endif
$(V)/flags:
	@mkdir -p $(@D)
	@echo '$(PART_FLAGS)' >$@

$(V)/musl/.done: $(wildcard vendor/patches/musl/*.patch)
$(V)/tinyssh/.done: $(wildcard vendor/patches/tinyssh/*.patch)
$(V)/bearssl/.done $(HOST)/bearssl/.done: $(wildcard vendor/patches/bearssl/*.patch)

$(OUT)/tinysshd: $(V)/tinyssh/.done
	$(call shipped,$(V)/tinyssh/tinysshd)

$(OUT)/sh: $(V)/dash/.done
	$(call shipped,$(V)/dash/src/dash)

# The licences, as they came with the sources, of all that is installed, and of all that is in the image.
$(OUT)/licences: LINKED := musl bearssl tinyssh
$(OUT)/licences.gz: LINKED := musl bearssl tinyssh dash
$(OUT)/licences.gz: SHORT := --short
$(OUT)/licences $(OUT)/licences.gz: vendor/licences LICENSE $(PARTS:%=$(DL)/%.tar)
	@mkdir -p $(@D)
	vendor/licences $(SHORT) $(DL) $(LINKED) $(if $(filter %.gz,$@),| gzip -9n )>$@

vendor: $(OUT)/tinysshd $(OUT)/sh $(V)/bearssl/.done

# ---- What people type ----

unit: $(OUT)/unit

layers:
	tests/layers

# The analysers. BearSSL's headers are there once it is built.
lint: deps $(V)/bearssl/.done
	tests/lint

# With TARGET: the unit tests and the quick part of the end-to-end tests, by that machine's programs, which qemu runs; with QUICK=1
# only a choice of the latter.
check: deps all unit
	tests/run $(if $(TARGET),target $(TARGET),quick)

# Every machine that Debian has a cross compiler for, one after another, whatever one of them says.
TARGETS := i686-linux-gnu aarch64-linux-gnu arm-linux-gnueabihf arm-linux-gnueabi mips-linux-gnu mipsel-linux-gnu \
           mips64el-linux-gnuabi64 riscv64-linux-gnu powerpc-linux-gnu powerpc64le-linux-gnu s390x-linux-gnu
check-targets:
	@failed=; for target in $(TARGETS); do $(MAKE) TARGET=$$target check || failed="$$failed $$target"; done; \
	[ -z "$$failed" ] || { echo "failed:$$failed" >&2; exit 1; }

test: deps all unit
	tests/run

test-image: deps all
	tests/run image

# Clients that are too heavy for every run of the tests: Go, Node and Java, which it installs.
test-field: deps all
	vendor/deps field
	tests/run field

# What takes minutes: the release's tarball builds without a net and gives the same bytes, Debian's package, the machine's own musl.
test-packages: deps all build/licences
	vendor/deps packages
	tests/run packages

# Process 1 with 8,000 processes in a chain.
test-processes: deps all
	tests/run processes

# A whole router with little memory: curl and ssh through its net card. A quarter of an hour at most. With TARGET: a board with that
# processor, of those that Debian has a kernel for (tests/router/machine.py).
test-router: export TARGET := $(or $(TARGET),mipsel-linux-gnu)
test-router:
	$(MAKE) deps all
	vendor/deps router $(TARGET)
	timeout 900 tests/run router $(TARGET)

bench: deps all
	tests/bench/run
	tests/bench/broker
	[ "$$(id -u)" -ne 0 ] || tests/bench/docker
	tests/bench/tls
	tests/bench/curves
	[ "$$(id -u)" -ne 0 ] || tests/bench/ssh
	[ "$$(id -u)" -ne 0 ] || tests/bench/init
	[ "$$(id -u)" -ne 0 ] || tests/bench/budget
	[ "$$(id -u)" -ne 0 ] || tests/bench/hooks
	[ "$$(id -u)" -ne 0 ] || tests/bench/roles
	[ "$$(id -u)" -ne 0 ] || tests/bench/many

fuzz: deps all
	tests/fuzz/run 60

# The style of .clang-format, for what is ours in C.
format:
	clang-format -i $$(git ls-files '*.c' '*.h')

# What the unit and end-to-end tests reach of the whole, and the unit tests of the expressions' matcher.
coverage: deps all $(HOST)/bearssl/.done
	tests/coverage_matcher
	tests/coverage

# What the unit tests would notice of the expressions' matcher.
mutate: deps
	tests/mutate

run: deps all
	init/run

# IMAGE: its name. Where there is no bridge to the net for containers: make image BUILD_FLAGS='--network host'.
IMAGE       ?= bastion
DOCKER      ?= docker
BUILD_FLAGS ?=
image:
	$(DOCKER) build $(BUILD_FLAGS) -f Dockerfile.scratch -t $(IMAGE) .

deps:
	@vendor/deps $(if $(TARGET),target $(TARGET))

install: $(OUT)/bastion $(OUT)/tinysshd $(OUT)/licences
	init/packages/install $(OUT) $(DESTDIR)$(PREFIX)

# ---- What is handed on: see vendor/README.md, For packagers, and Releases ----

# The date of all that is packed: of the last change, which in a release's own tarball is that of its files.
ifndef SOURCE_DATE_EPOCH
SOURCE_DATE_EPOCH := $(or $(if $(wildcard .git),$(shell git log -1 --format=%ct 2>/dev/null)),$(shell stat -c %Y src/CHANGELOG.md 2>/dev/null))
endif
export SOURCE_DATE_EPOCH

RELEASE := build/release
SOURCE  := $(RELEASE)/bastion-$(VERSION).tar.gz
dist: $(PARTS:%=$(DL)/%.tar)
	@mkdir -p $(RELEASE)
	init/packages/dist $(SOURCE) $(VERSION)

# RELEASE_TARGETS: for which machines; KEY: what to sign with (init/packages/release); RELEASE_URL: where it will be had from.
HERE := $(shell $(HOSTCC) -dumpmachine 2>/dev/null)
RELEASE_TARGETS ?= x86_64-linux-gnu i686-linux-gnu aarch64-linux-gnu arm-linux-gnueabihf mipsel-linux-gnu riscv64-linux-gnu
export RELEASE_URL
release:
	rm -rf $(RELEASE)
	@foreign='$(filter-out $(HERE),$(RELEASE_TARGETS))'; [ -z "$$foreign" ] || vendor/deps target $$foreign
	@$(MAKE) packages
	@for target in $(filter-out $(HERE),$(RELEASE_TARGETS)); do $(MAKE) TARGET=$$target all build/$$target/licences || exit; done
	@[ -z '$(filter $(HERE),$(RELEASE_TARGETS))' ] || $(MAKE) all build/licences
	KEY='$(KEY)' init/packages/release $(RELEASE) $(VERSION) \
	    $(foreach target,$(RELEASE_TARGETS),$(target)=build$(if $(filter-out $(HERE),$(target)),/$(target)))

# The files of other systems' packages, with version and sums; and Debian's package itself.
packages: dist
	init/packages/fill $(SOURCE) $(VERSION) build/packages/bastion-$(VERSION)-packages
	init/packages/tarball $(RELEASE)/bastion-$(VERSION)-packages.tar.gz build/packages/bastion-$(VERSION)-packages

deb: dist
	init/packages/deb $(SOURCE) $(VERSION) build/deb

clean:
	rm -rf $(OBJ) $(foreach program,bastion tinysshd sh,$(OUT)/$(program) $(OUT)/$(program).debug) $(OUT)/licences $(OUT)/licences.gz $(HOST)/obj $(OUT)/unit build/fuzz build/run build/rootfs

distclean:
	rm -rf build

.PHONY: all vendor unit layers lint format check check-targets test test-image test-field test-processes test-router test-packages bench \
        fuzz coverage mutate run image deps install dist release packages deb clean distclean
.DELETE_ON_ERROR:
