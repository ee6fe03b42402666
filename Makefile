# rasvm: GNU make, C only. `make help` lists the targets.
#
# Three sets of objects are built: build/arm64 (the program: native on arm64, else by
# cross-compiler), build/host (the parts without KVM and their tests, for this machine, with
# sanitizers if SAN= is given) and build/guest (freestanding payloads).

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:

VERSION := 0.1.0
PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build
SAN ?=
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
say = @printf '  %-7s %s\n' '$(1)' '$(2)'

HOST_ARCH := $(shell uname -m)
ifeq ($(HOST_ARCH),aarch64)
CROSS ?=
else
CROSS ?= aarch64-linux-gnu-
endif
# make has built-in values for CC and AR; only the environment or command line may override ours.
ifeq ($(origin CC),default)
CC := $(CROSS)gcc
endif
ifeq ($(origin AR),default)
AR := $(CROSS)ar
endif
STRIP ?= $(CROSS)strip
HOSTCC ?= gcc

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wcast-qual \
	-Wformat=2 -Wundef -Wpointer-arith -Wwrite-strings
ifneq ($(CI),)
WARN += -Werror
endif
PURE_WARN := -Wconversion -Wno-sign-conversion
COMMON := -std=gnu11 -D_GNU_SOURCE -DRASVM_VERSION='"$(VERSION)"' -I. -MMD -MP $(WARN)
CFLAGS ?= -O2 -g
HARDEN := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE -fno-common -ffunction-sections \
	-fdata-sections
# No unwind tables: nothing unwinds, and debuggers have their own.
ARM_CFLAGS = $(COMMON) $(HARDEN) -mbranch-protection=standard -fno-asynchronous-unwind-tables $(CFLAGS)
ARM_LDFLAGS = -static-pie -Wl,--gc-sections -Wl,-z,relro -Wl,-z,now
# Fences order what a guest sees, which the thread sanitizer does not look at and warns of.
HOST_CFLAGS = $(COMMON) -O1 -g -fno-omit-frame-pointer $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all) \
	$(if $(findstring thread,$(SAN)),-Wno-tsan)
HOST_LDFLAGS = $(if $(SAN),-fsanitize=$(SAN))
# libfdt-dev cannot be installed for two architectures at once; the headers are the same and the
# host's run-time library serves the tests.
HOST_FDT := $(firstword $(wildcard /usr/lib/$(HOST_ARCH)-linux-gnu/libfdt.so /usr/lib/$(HOST_ARCH)-linux-gnu/libfdt.so.1) -lfdt)

# io_uring serves disks where liburing is there, header and (for the program) static library; see virtio/blk_uring.c.
has_uring = $(shell test -f "$$($(1) -print-file-name=$(2) 2>/dev/null)" && $(1) -E -include liburing.h -x c /dev/null >/dev/null 2>&1 && echo y)
ifeq ($(call has_uring,$(CC),liburing.a),y)
ARM_CFLAGS += -DHAVE_LIBURING
ARM_URING := -luring
endif
ifeq ($(call has_uring,$(HOSTCC),liburing.so),y)
HOST_CFLAGS += -DHAVE_LIBURING
HOST_URING := -luring
endif

# The parts that build and run on any host; cli/, arm64/ and so on below are in this order of layers.
LIB_SRC := $(wildcard lib/*.c)
HYPERCALL_SRC := $(wildcard hypercall/*.c)
SDEI_SRC := $(wildcard sdei/*.c)
RAS_SRC := $(wildcard ras/*.c)
DEV_SRC := $(wildcard arm64/dev/*.c)
VIRTIO_SRC := $(wildcard virtio/*.c)
MACHINE_PURE_SRC := arm64/board.c arm64/fdt.c arm64/image.c arm64/status.c arm64/trace.c arm64/trace_tap.c \
	arm64/console.c arm64/console_in.c arm64/console_out.c \
	arm64/acpi.c arm64/aml.c arm64/dsdt.c arm64/efi.c arm64/walk.c arm64/hostpoison.c arm64/pagescan.c arm64/timeline.c \
	arm64/timeline_html.c arm64/timeline_read.c \
	arm64/backtrace.c arm64/ctl.c arm64/ctl_dir.c arm64/ctl_reply.c arm64/ctl_request.c
CLI_PURE_SRC := $(filter-out cli/cli.c cli/exec.c cli/exec_operator.c cli/run.c cli/run_operators.c cli/script_operator.c cli/doctor.c,$(wildcard cli/*.c))
PURE_SRC := $(wildcard $(LIB_SRC) $(HYPERCALL_SRC) $(SDEI_SRC) $(RAS_SRC) $(DEV_SRC) $(VIRTIO_SRC) $(MACHINE_PURE_SRC) $(CLI_PURE_SRC))
ARM_SRC := $(wildcard main.c cli/*.c arm64/*.c arm64/dev/*.c virtio/*.c hypercall/*.c sdei/*.c ras/*.c lib/*.c)

comma := ,
ARM_OBJ := $(ARM_SRC:%.c=$(BUILD)/arm64/%.o) $(BUILD)/arm64/efi_runtime_code.o $(BUILD)/arm64/guest_init.o
HOSTDIR := $(BUILD)/host$(if $(SAN),-$(subst $(comma),-,$(SAN)))
HOST_OBJ = $(PURE_SRC:%.c=$(HOSTDIR)/%.o)
UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_BIN = $(UNIT_SRC:tests/unit/%.c=$(HOSTDIR)/unit/%)

.PHONY: all
all: $(BUILD)/rasvm $(BUILD)/rasvm.1 $(BUILD)/rasvm.bash

.PHONY: help
help:
	@echo 'make              the program for arm64, its man page and completion, in $(BUILD)/'
	@echo 'make demo         hardware errors in front of a Debian guest; HTML=FILE writes the timeline'
	@echo 'make check        all tests but the long ones; T=name runs one (a unit test or a lab test)'
	@echo 'make check-fast   unit tests and static checks only, no emulated host'
	@echo 'make check-model  every reachable state of the real SDEI and PSCI code; the thread protocol'
	@echo 'make fuzz         libFuzzer on the firmware, FUZZ_SECONDS=60'
	@echo 'make check-mutations  deliberate bugs, each of which some test must find; LAB=1 for all'
	@echo 'make soak         the long forms of the stress tests'
	@echo 'make bench        speed and size against QEMU (and PEER_LKVM=path) in one lab boot'
	@echo 'make shell-lab    a shell in the emulated KVM host, with rasvm and a guest at hand'
	@echo 'make tidy         clang-tidy, cppcheck, shellcheck'
	@echo 'make format       clang-format; format-check only looks'
	@echo 'make install      program, man page, completion; DESTDIR= PREFIX=$(PREFIX)'
	@echo 'make clean        remove what was compiled; distclean removes all of $(BUILD)/'
	@echo
	@echo 'V=1 shows commands. SAN=address,undefined or SAN=thread builds the unit tests with it.'
	@echo 'LAB_CPU=max|neoverse-n1|cortex-a57, LAB_GIC=2, LAB_KERNEL=path choose the emulated host.'

ifneq ($(CROSS),)
$(ARM_OBJ): | cross-note
.PHONY: cross-note
cross-note:
	@command -v $(CC) >/dev/null || { echo "cross-compiler $(CC) not found; on Debian: sh tests/lab/deps.sh build"; exit 1; }
	@echo "  note    this machine is $(HOST_ARCH): cross-building for arm64 with $(CC)"
endif

$(BUILD)/rasvm: $(ARM_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(ARM_LDFLAGS) -o $@ $^ -lfdt -lz $(ARM_URING) -pthread

$(BUILD)/arm64/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ARM_CFLAGS) $(if $(filter lib/% hypercall/% sdei/% ras/% arm64/dev/%,$<),$(PURE_WARN)) -c -o $@ $<

$(HOSTDIR)/%.o: %.c
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(HOST_CFLAGS) $(if $(filter lib/% hypercall/% sdei/% ras/% arm64/dev/%,$<),$(PURE_WARN)) -c -o $@ $<

$(HOSTDIR)/unit/%: tests/unit/%.c $(HOSTDIR)/libpure.a
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(HOST_CFLAGS) -Itests/unit $(HOST_LDFLAGS) -o $@ $< $(HOSTDIR)/libpure.a $(HOST_FDT) -lcmocka -lz $(HOST_URING) -pthread

$(HOSTDIR)/libpure.a: $(HOST_OBJ)
	@rm -f $@
	$(Q)ar rcs $@ $^

# ---- what is made from the option tables ----

$(HOSTDIR)/gendoc: tools/gendoc.c $(HOSTDIR)/libpure.a
	$(call say,HOSTCC,$<)
	$(Q)$(HOSTCC) $(HOST_CFLAGS) $(HOST_LDFLAGS) -o $@ $< $(HOSTDIR)/libpure.a $(HOST_FDT) -lz $(HOST_URING) -pthread

$(BUILD)/rasvm.1: docs/rasvm.1.in $(HOSTDIR)/gendoc
	$(call say,GEN,$@)
	$(Q)$(HOSTDIR)/gendoc man docs/rasvm.1.in >$@

$(BUILD)/rasvm.bash: docs/completion.bash.in $(HOSTDIR)/gendoc
	$(call say,GEN,$@)
	$(Q)$(HOSTDIR)/gendoc completion docs/completion.bash.in >$@

.PHONY: install
install: all
	install -D -m 755 $(BUILD)/rasvm $(DESTDIR)$(PREFIX)/bin/rasvm
	$(STRIP) $(DESTDIR)$(PREFIX)/bin/rasvm
	install -D -m 644 $(BUILD)/rasvm.1 $(DESTDIR)$(PREFIX)/share/man/man1/rasvm.1
	install -D -m 644 $(BUILD)/rasvm.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/rasvm

# ---- guest payloads ----

-include guest/rules.mk

# The one that is part of the program, as bytes.
$(BUILD)/arm64/efi_runtime_code.c: $(GUEST_DIR)/runtime.bin
	$(call say,GEN,$@)
	@mkdir -p $(@D)
	$(Q){ echo '#include "arm64/efi_runtime.h"'; \
		echo 'const uint8_t efi_runtime_code[] = {'; \
		od -An -v -tx1 $< | sed 's/ \(..\)/ 0x\1,/g'; \
		echo '};'; \
		echo 'const size_t efi_runtime_code_bytes = sizeof(efi_runtime_code);'; } >$@

$(BUILD)/arm64/efi_runtime_code.o: $(BUILD)/arm64/efi_runtime_code.c
	$(call say,CC,$<)
	$(Q)$(CC) $(ARM_CFLAGS) -c -o $@ $<

# The init of `rasvm exec`'s guests, compressed.
$(BUILD)/arm64/guest_init.c: $(GUEST_DIR)/init
	$(call say,GEN,$@)
	@mkdir -p $(@D)
	$(Q){ echo '#include "cli/exec_initrd.h"'; \
		echo 'const unsigned char guest_init_gz[] = {'; \
		gzip -9nc $< | od -An -v -tx1 | sed 's/ \(..\)/ 0x\1,/g'; \
		echo '};'; \
		echo 'const size_t guest_init_gz_bytes = sizeof(guest_init_gz);'; \
		echo "const size_t guest_init_bytes = $$(wc -c <$<);"; } >$@

$(BUILD)/arm64/guest_init.o: $(BUILD)/arm64/guest_init.c
	$(call say,CC,$<)
	$(Q)$(CC) $(ARM_CFLAGS) -c -o $@ $<

# ---- tests ----

.PHONY: deps deps-build
deps-build:
	@sh tests/lab/deps.sh build
deps:
	@sh tests/lab/deps.sh all

.PHONY: check check-fast check-unit check-static check-lab soak demo shell-lab bench
check: deps
	@+SAN=$(SAN) tests/check.sh all $(T)

check-fast: deps-build
	@+SAN=$(SAN) tests/check.sh fast $(T)

.PHONY: check-mutations
check-mutations: deps
	@tests/mutations/run.sh

soak: deps
	@+SOAK=1 tests/check.sh all $(T)

demo: deps
	@+$(MAKE) --no-print-directory all guest
	@tests/lab/demo.sh $(if $(HTML),--html '$(HTML)')

shell-lab: deps
	@+$(MAKE) --no-print-directory all guest
	@tests/lab/shell.sh

bench: deps
	@+$(MAKE) --no-print-directory all guest
	@bench/run.sh

.PHONY: unit
unit: $(UNIT_BIN)

# ---- fuzzing, model checking ----

-include tests/fuzz/rules.mk
-include tests/model/rules.mk

check-model fuzz: deps

# ---- static checks ----

# Whoever owns the tree, as in a container.
GIT := git -c safe.directory='*'
C_FILES := $(shell $(GIT) ls-files '*.c' '*.h' 2>/dev/null)
SH_FILES := $(shell $(GIT) ls-files '*.sh' .ci/run tests/lab/host-init tests/lab/guest-init tests/lab/guest-devices 2>/dev/null)

.PHONY: format format-check tidy
format:
	$(Q)clang-format -i $(C_FILES)

format-check:
	$(call say,FORMAT,$(words $(C_FILES)) files)
	$(Q)clang-format --dry-run -Werror $(C_FILES)

TIDY_FLAGS := -std=gnu11 -D_GNU_SOURCE -DRASVM_VERSION='"$(VERSION)"' -I.
tidy: tidy-pure tidy-arm64 tidy-cppcheck tidy-shell
.PHONY: tidy-pure tidy-arm64 tidy-cppcheck tidy-shell
# One process a file: several in one make clang-tidy 14 take every second va_list for uninitialised.
tidy-pure:
	$(call say,TIDY,pure parts)
	$(Q)printf '%s\n' $(PURE_SRC) | xargs -P $(shell nproc) -I{} clang-tidy --quiet {} -- $(TIDY_FLAGS) 2>$(BUILD)/tidy.err
tidy-arm64:
	$(call say,TIDY,arm64)
	$(Q)printf '%s\n' $(filter-out $(PURE_SRC),$(ARM_SRC)) | xargs -P $(shell nproc) -I{} clang-tidy --quiet {} -- $(TIDY_FLAGS) --target=aarch64-linux-gnu -isystem /usr/aarch64-linux-gnu/include 2>$(BUILD)/tidy.err
tidy-cppcheck:
	$(call say,CPPCHK,$(words $(ARM_SRC)) files)
	$(Q)cppcheck -j $(shell nproc) --quiet --error-exitcode=1 --std=c11 --enable=warning,portability --inline-suppr -I. -D__aarch64__ --suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches $(ARM_SRC)
tidy-shell:
	$(call say,SHCHK,$(words $(SH_FILES)) files)
	$(Q)shellcheck $(SH_FILES)

.PHONY: clean distclean
clean:
	rm -rf $(BUILD)/arm64 $(BUILD)/host* $(BUILD)/guest $(BUILD)/rasvm $(BUILD)/rasvm.1 $(BUILD)/rasvm.bash
distclean:
	rm -rf $(BUILD)

-include $(ARM_OBJ:.o=.d) $(wildcard $(BUILD)/host*/*/*.d $(BUILD)/host*/*/*/*.d)
