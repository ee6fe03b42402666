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
ARM_CFLAGS = $(COMMON) $(HARDEN) -mbranch-protection=standard $(CFLAGS)
ARM_LDFLAGS = -static-pie -Wl,--gc-sections -Wl,-z,relro -Wl,-z,now
HOST_CFLAGS = $(COMMON) -O1 -g -fno-omit-frame-pointer $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all)
HOST_LDFLAGS = $(if $(SAN),-fsanitize=$(SAN))
# libfdt-dev cannot be installed for two architectures at once; the headers are the same and the
# host's run-time library serves the tests.
HOST_FDT := $(firstword $(wildcard /usr/lib/$(HOST_ARCH)-linux-gnu/libfdt.so /usr/lib/$(HOST_ARCH)-linux-gnu/libfdt.so.1) -lfdt)

# The parts that build and run on any host; cli/, arm64/ and so on below are in this order of layers.
LIB_SRC := $(wildcard lib/*.c)
HYPERCALL_SRC := $(wildcard hypercall/*.c)
DEV_SRC := $(wildcard arm64/dev/*.c)
MACHINE_PURE_SRC := arm64/board.c arm64/fdt.c arm64/image.c arm64/status.c
CLI_PURE_SRC := $(filter-out cli/run.c cli/main.c cli/doctor.c,$(wildcard cli/*.c))
PURE_SRC := $(wildcard $(LIB_SRC) $(HYPERCALL_SRC) $(DEV_SRC) $(MACHINE_PURE_SRC) $(CLI_PURE_SRC))
ARM_SRC := $(wildcard main.c cli/*.c arm64/*.c arm64/dev/*.c hypercall/*.c lib/*.c)

ARM_OBJ := $(ARM_SRC:%.c=$(BUILD)/arm64/%.o)
HOSTDIR := $(BUILD)/host$(if $(SAN),-$(subst $(comma),-,$(SAN)))
comma := ,
HOST_OBJ = $(PURE_SRC:%.c=$(HOSTDIR)/%.o)
UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_BIN = $(UNIT_SRC:tests/unit/%.c=$(HOSTDIR)/unit/%)

.PHONY: all
all: $(BUILD)/rasvm

ifneq ($(CROSS),)
$(ARM_OBJ): | cross-note
.PHONY: cross-note
cross-note:
	@command -v $(CC) >/dev/null || { echo "cross-compiler $(CC) not found; on Debian: sh tests/lab/deps.sh build"; exit 1; }
	@echo "  note    this machine is $(HOST_ARCH): cross-building for arm64 with $(CC)"
endif

$(BUILD)/rasvm: $(ARM_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(ARM_LDFLAGS) -o $@ $^ -lfdt -lz -pthread

$(BUILD)/arm64/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ARM_CFLAGS) $(if $(filter lib/% hypercall/% arm64/dev/%,$<),$(PURE_WARN)) -c -o $@ $<

$(HOSTDIR)/%.o: %.c
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(HOST_CFLAGS) $(if $(filter lib/% hypercall/% arm64/dev/%,$<),$(PURE_WARN)) -c -o $@ $<

$(HOSTDIR)/unit/%: tests/unit/%.c $(HOSTDIR)/libpure.a
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(HOST_CFLAGS) -Itests/unit $(HOST_LDFLAGS) -o $@ $< $(HOSTDIR)/libpure.a $(HOST_FDT) -lcmocka -lz -pthread

$(HOSTDIR)/libpure.a: $(HOST_OBJ)
	@rm -f $@
	$(Q)ar rcs $@ $^

-include $(ARM_OBJ:.o=.d) $(wildcard $(BUILD)/host*/*/*.d $(BUILD)/host*/*/*/*.d)
