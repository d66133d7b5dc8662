# train: one static binary. `make help` lists the targets.

VERSION := 0.1.0

# ARCH, B, and the libraries.
include agent/deps/deps.mk
.DEFAULT_GOAL := all

# All processors, unless somebody said otherwise; a make within make shares those of the outer one.
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell getconf _NPROCESSORS_ONLN)
endif
MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:

# A line a file; V=1 shows the commands.
Q := $(if $(V),,@)
.SUFFIXES:

SOURCES_C := $(sort $(wildcard agent/*.c agent/*/*.c))
GENERATED := $(B)/gen/version.c $(B)/gen/ca_bundle.c
HOOKED := $(shell grep -l TRAIN_TEST_HOOKS $(SOURCES_C) /dev/null)
TESTS := $(sort $(wildcard tests/unit/*/test_*.c))

STANDARD := -std=c11 -D_GNU_SOURCE -Iagent
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Wcast-qual -Wwrite-strings -Wundef -Wswitch-enum -Wnull-dereference -Wimplicit-fallthrough -Werror
DEPFILES = -MMD -MP

.PHONY: all
all: $(B)/train ## the release binary, build/train (the default)

# ---- release: musl, static-pie, every library from agent/deps ----

CC_RELEASE := $(B)/deps/bin/cc
CFLAGS_RELEASE = $(STANDARD) $(WARNINGS) $(OPTIMIZE) -g -fPIE -ffunction-sections -fdata-sections -fstack-protector-strong \
	-fno-unwind-tables -fno-asynchronous-unwind-tables
# Small, but where bytes flow: there fast.
OPTIMIZE := -Os
FLOWING := $(wildcard agent/base/hash*.c agent/base/mask.c agent/files/inflate.c agent/files/digest.c \
	$(patsubst %,agent/run/%.c,escape feed gate outlet queue relay))
$(FLOWING:%.c=$(B)/release/%.o): OPTIMIZE := -O2
LIBS_RELEASE := $(addprefix $(B)/deps/lib/,libcurl.a libarchive.a libz.a libzstd.a libisal.a libbearssl.a libc.a)
OBJECTS := $(SOURCES_C:%.c=$(B)/release/%.o) $(GENERATED:$(B)/%.c=$(B)/release/%.o)
HOOK_OBJECTS := $(HOOKED:%.c=$(B)/hooks/%.o)

$(B)/gen/ca_bundle.c: agent/deps/ca_bundle.py $(STAMP)
	@mkdir -p $(@D)
	python3 agent/deps/ca_bundle.py $(B)/roots $@

.PHONY: always
$(B)/gen/version.c: agent/deps/version always | $(STAMP)
	@mkdir -p $(@D)
	@agent/deps/version $@ $(VERSION) "$$(cat $(B)/build.id)" $(B)/deps.patches

$(B)/release/%.o: %.c $(STAMP)
	@mkdir -p $(@D)
	@echo "cc $<"
	$(Q)$(CC_RELEASE) $(CFLAGS_RELEASE) $(DEPFILES) -c $< -o $@

$(B)/release/gen/%.o: $(B)/gen/%.c $(STAMP)
	@mkdir -p $(@D)
	@echo "cc $<"
	$(Q)$(CC_RELEASE) $(CFLAGS_RELEASE) $(DEPFILES) -c $< -o $@

$(B)/hooks/%.o: %.c $(STAMP)
	@mkdir -p $(@D)
	@echo "cc $<"
	$(Q)$(CC_RELEASE) $(CFLAGS_RELEASE) -DTRAIN_TEST_HOOKS $(DEPFILES) -c $< -o $@

# gcc's own -static-pie names the host's libc; so its start files, in their order, by hand.
# Binutils 2.40 packs the many relative relocations for x86 only: 50 kB.
RELATIVE_amd64 := -z,pack-relative-relocs,
GCC_FILE = $(shell $(TRIPLE)-gcc -print-file-name=$(1))
define link_static_pie
@echo "ld $@"
$(Q)$(TRIPLE)-gcc -nostdlib -static-pie -Wl,--gc-sections,-z,relro,-z,now,-z,noexecstack,$(RELATIVE_$(ARCH))--build-id=none,-Map=$@.map -o $@.full \
	$(B)/deps/lib/rcrt1.o $(B)/deps/lib/crti.o $(call GCC_FILE,crtbeginS.o) $(1) \
	-Wl,--start-group $(2) $(call GCC_FILE,libgcc.a) $(call GCC_FILE,libgcc_eh.a) -Wl,--end-group \
	$(call GCC_FILE,crtendS.o) $(B)/deps/lib/crtn.o
$(Q)$(TRIPLE)-strip -s -R .comment -o $@ $@.full
endef

$(B)/train: $(OBJECTS)
	$(call link_static_pie,$^,$(LIBS_RELEASE))

$(B)/train-hooks: $(filter-out $(HOOKED:%.c=$(B)/release/%.o),$(OBJECTS)) $(HOOK_OBJECTS)
	$(call link_static_pie,$^,$(LIBS_RELEASE))

# ---- check: the host's libc and libraries, with sanitizers ----

CFLAGS_CHECK := $(STANDARD) -Itests $(WARNINGS) -DTRAIN_CHECK_BUILD -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined
LIBS_CHECK := -lcurl -larchive -lisal -lzstd -lz -lbearssl -lpthread
CHECK_OBJECTS := $(patsubst %.c,$(B)/check/%.o,$(filter-out agent/main.c,$(SOURCES_C))) $(GENERATED:$(B)/%.c=$(B)/check/%.o)
TEST_PROGRAMS := $(TESTS:%.c=$(B)/check/%)
CHECK_STAMP := $(B)/check.stamp

$(CHECK_STAMP): agent/deps/need | $(STAMP)
	@agent/deps/need libcurl4-openssl-dev libarchive-dev libzstd-dev libisal-dev zlib1g-dev libcmocka-dev libjsmn-dev libbearssl-dev
	@touch $@

$(B)/check/%.o: %.c $(CHECK_STAMP)
	@mkdir -p $(@D)
	@echo "cc $< (check)"
	$(Q)gcc $(CFLAGS_CHECK) $(DEPFILES) -c $< -o $@

$(B)/check/gen/%.o: $(B)/gen/%.c $(CHECK_STAMP)
	@mkdir -p $(@D)
	@echo "cc $< (check)"
	$(Q)gcc $(CFLAGS_CHECK) $(DEPFILES) -c $< -o $@

$(B)/check/libtrain.a: $(CHECK_OBJECTS)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(B)/check/train: $(B)/check/agent/main.o $(B)/check/libtrain.a
	$(Q)gcc -fsanitize=address,undefined $^ -o $@ $(LIBS_CHECK)

$(TEST_PROGRAMS): $(B)/check/%: $(B)/check/%.o $(B)/check/libtrain.a
	$(Q)gcc -fsanitize=address,undefined $^ -o $@ -lcmocka $(LIBS_CHECK)

.PHONY: check-build
check-build: $(B)/check/train $(TEST_PROGRAMS) ## everything against the host's libc, with ASan and UBSan

.PHONY: unit
unit: check-build ## the unit tests, under the sanitizers
	@tests/unit/all $(TEST_PROGRAMS)

# ---- arm64 without such a machine: the release's own objects and binary, run by qemu ----

EMULATED := $(B)/emulated
NOT_EMULATED := $(shell sed -n 's|^\([a-z].*\) [*] .*|tests/unit/\1.c|p' /dev/null $(wildcard tests/arm64/left-out))
EMULATED_PROGRAMS := $(patsubst %.c,$(EMULATED)/%,$(filter-out $(NOT_EMULATED),$(TESTS)))
# What has other code for a CPU with extensions, once more without them.
PLAIN_PROGRAMS := $(addprefix $(EMULATED)/plain/,base/test_hash files/test_inflate_memory)
EMULATED_LINK = $(CC_RELEASE) -static -Wl,--gc-sections,--wrap=_cmocka_run_group_tests $^ -o $@ -Wl,--start-group $(LIBS_RELEASE) -Wl,--end-group

$(EMULATED)/libcmocka.a: tests/arm64/cmocka tests/arm64/SOURCES $(STAMP)
	@tests/arm64/cmocka $(@D) $(CC_RELEASE) $(TRIPLE)-ar

$(EMULATED)/tests/%.o: tests/%.c $(EMULATED)/libcmocka.a
	@mkdir -p $(@D)
	@echo "cc $< ($(ARCH))"
	$(Q)$(CC_RELEASE) $(STANDARD) -Itests -isystem $(EMULATED) -DHAVE_UINTPTR_T $(WARNINGS) -O1 $(DEPFILES) -c $< -o $@

$(EMULATED)/libtrain.a: $(filter-out $(B)/release/agent/main.o,$(OBJECTS))
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)$(TRIPLE)-ar rcs $@ $^

$(EMULATED_PROGRAMS): %: %.o $(EMULATED)/tests/arm64/leave_out.o $(EMULATED)/libtrain.a $(EMULATED)/libcmocka.a
	$(Q)$(EMULATED_LINK)

$(PLAIN_PROGRAMS): $(EMULATED)/plain/%: $(EMULATED)/tests/unit/%.o $(EMULATED)/tests/arm64/leave_out.o $(EMULATED)/tests/arm64/plain.o \
	$(EMULATED)/libtrain.a $(EMULATED)/libcmocka.a
	@mkdir -p $(@D)
	$(Q)$(EMULATED_LINK) -Wl,--wrap=getauxval

.PHONY: check-emulated
check-emulated: $(B)/train $(B)/train-hooks $(EMULATED_PROGRAMS) $(PLAIN_PROGRAMS)
	@agent/deps/need qemu-user-static
	@tests/arm64/check $(B) $(NATIVE) $(EMULATED_PROGRAMS)

.PHONY: check-arm64
check-arm64: $(B)/train ## unit tests and a selection of end to end for arm64, run by qemu
	@$(MAKE) ARCH=arm64 B=$(B)/arm64 NATIVE=$(abspath $(B)/train) check-emulated

# ---- the same bytes, whoever builds ----

.PHONY: check-same
check-same: $(B)/train
	@agent/deps/need faketime locales
	@tests/reproducible/check $(B) $(ARCH)

.PHONY: check-reproducible
check-reproducible: $(B)/train ## all libraries and train built twice, by another user, elsewhere, at another time, give the same bytes
	@agent/deps/need faketime locales
	@tests/reproducible/check $(B) $(ARCH) libraries

# ---- tests of the release binary ----

.PHONY: e2e
e2e: $(B)/train $(B)/train-hooks ## the release binary against real servers; E2E="-k name" chooses
	@python=$$(tests/tools/setup) && TRAIN_BINARY=$(abspath $(B)/train) TRAIN_HOOKS_BINARY=$(abspath $(B)/train-hooks) \
		"$$python" -m pytest -q -r fEs -n 2 tests/e2e $(E2E)

.PHONY: demo
demo: $(B)/train ## builds, packs the example, runs it as SageMaker would, shows what came out
	@agent/deps/need python3
	@tests/demo/run $(B)/train

.PHONY: check
check: ## everything: lint, unit tests, size, the same bytes twice, arm64, end to end, images, demo
	@$(MAKE) lint
	@$(MAKE) unit
	@$(MAKE) size
	@$(MAKE) check-same
	@if agent/deps/need $(call compiler_for,arm64) qemu-user-static; then $(MAKE) check-arm64; \
		else [ "$$(id -u)" != 0 ] && echo "check: arm64 was NOT checked: its packages are not installed"; fi
	@$(MAKE) e2e
	@tests/containers/ready $(B)/train >/dev/null; case $$? in \
		0) $(MAKE) check-images ;; \
		3) echo "check: images were NOT checked: containers cannot be run here" ;; \
		*) exit 1 ;; \
	esac
	@$(MAKE) demo >$(B)/demo.log 2>&1 || { cat $(B)/demo.log; exit 1; }
	@echo "check: all is well"

# ---- images ----

.PHONY: image
image: ## an image with train in front: BASE=... TAG=..., or IMAGE=a folder of base-images; ARCHS="amd64 arm64" makes a list
	@IMAGE='$(IMAGE)' BASE='$(BASE)' TAG='$(TAG)' ARCHS='$(ARCHS)' ENGINE='$(ENGINE)' FLAGS='$(FLAGS)' base-images/build $(VERSION)

CASE := debian mkl
.PHONY: case-study
case-study: $(B)/train ## one archive on several images of base-images, as Markdown: which BLAS, how fast; CASE="debian mkl"
	@for image in $(CASE); do $(MAKE) image IMAGE=$$image TAG=train:$$image >/dev/null || exit 1; done
	@ENGINE='$(ENGINE)' base-images/case-study $(B)/train $(CASE:%=train:%)

# The tests' python with the store of container images that is the tests' own.
IN_CONTAINERS = folder=$$(tests/containers/ready $(B)/train) && python=$$(tests/tools/setup) && \
	CONTAINERS_CONF=$$folder/containers.conf CONTAINERS_STORAGE_CONF=$$folder/storage.conf TRAIN_BINARY=$(abspath $(B)/train) "$$python"

.PHONY: check-images
check-images: $(B)/train ## real containers, by podman as root; IMAGES="-k name" chooses
	@$(IN_CONTAINERS) -m pytest -q -r fEs -n 2 tests/containers $(IMAGES)

.PHONY: bench-start
bench-start: $(B)/train $(B)/bench/start $(B)/bench/first ## exec to the pipeline's first instruction, beside a bare exec
	@$(B)/bench/start $(B)/train $(B)/bench/first

.PHONY: bench-run
bench-run: $(B)/train $(B)/bench/run/pipeline $(B)/bench/run/outside ## start, memory, signals, log, orphans beside other supervisors, as Markdown; four minutes
	@python=$$(tests/tools/setup) && "$$python" tests/bench/run/bench.py $(B)

.PHONY: bench-images
bench-images: $(B)/train $(B)/bench/first ## what train adds to an image's size and to a container's start, as Markdown; a minute
	@$(IN_CONTAINERS) tests/bench/images/bench.py $(B)/bench/first

.PHONY: bench
bench: $(B)/train $(B)/bench/start $(B)/bench/first ## fetch, verify and unpack beside what people use, as Markdown; ten minutes; BENCH_SIZES=small chooses
	@python=$$(tests/tools/setup) && "$$python" tests/bench/fetch/bench.py $(B)

$(B)/bench/%: tests/bench/%.c $(STAMP)
	@mkdir -p $(@D)
	$(CC_RELEASE) $(STANDARD) $(WARNINGS) -O2 -static $< -o $@

# ---- the look of it ----

.PHONY: size
size: $(B)/train ## bytes by library; fails over 1.25 MiB
	@agent/deps/sizes $(B)/train

.PHONY: lint
lint: $(CHECK_STAMP) $(OBJECTS) ## layers, banned calls, sizes, globals, format, analyser; each rule proved by a bad example
	@python=$$(tests/tools/setup) && CFLAGS='$(STANDARD) $(WARNINGS)' "$$python" tests/lint/run $(B)

.PHONY: format
format: ## clang-format over all C files, as lint wants it
	@format=$$(tests/tools/setup clang-format) && \
		"$$format" -i $(SOURCES_C) $(wildcard agent/*/*.h tests/unit/*/*.[ch] tests/bench/*.c tests/bench/*/*.c tests/e2e/*/*.c)

# ---- what is published ----

# Another architecture than ARCH is built in a folder of its own, as everywhere.
DIST_ARCHS = $(or $(ARCHS),$(ARCH))
BUILD_OF = $(if $(filter $(ARCH),$(1)),$(B),$(B)/$(1))

.PHONY: dist
dist: ## what is published, in build/dist: binary, what is in it (SPDX), source, licences, SHA256SUMS; ARCHS="amd64 arm64" for both
	@$(foreach each,$(DIST_ARCHS),$(MAKE) ARCH=$(each) B=$(call BUILD_OF,$(each)) all &&) true
	@agent/deps/dist $(B)/dist $(VERSION) $(foreach each,$(DIST_ARCHS),$(call BUILD_OF,$(each)))

.PHONY: clean
clean: ## removes build/; the cache of built libraries stays
	rm -rf $(B)

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1|\2/p' Makefile agent/deps/deps.mk | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

-include $(OBJECTS:.o=.d) $(HOOK_OBJECTS:.o=.d) $(CHECK_OBJECTS:.o=.d) $(TEST_PROGRAMS:=.d) $(B)/check/agent/main.d $(EMULATED_PROGRAMS:=.d)
