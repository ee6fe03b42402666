# Payloads that run inside a machine: flat binaries without libc. Included by the top Makefile and,
# for the suite alone, by guest/Makefile. Needs BUILD; GUEST_TOP is the directory above guest/.

GUEST_TOP ?= .
GUEST_CROSS ?= $(if $(filter aarch64,$(shell uname -m)),,aarch64-linux-gnu-)
GUEST_CC ?= $(GUEST_CROSS)gcc
GUEST_OBJCOPY ?= $(GUEST_CROSS)objcopy
GUEST_DIR ?= $(BUILD)/guest

# No SIMD registers in C, no unaligned or exclusive accesses (the MMU may be off), no initialised
# writable data (guest/lib/image.ld says why).
GUEST_CFLAGS := -std=gnu11 -O2 -g -march=armv8-a -ffreestanding -fno-builtin -fpie \
	-fvisibility=hidden -mgeneral-regs-only -mstrict-align -mno-outline-atomics \
	-fno-stack-protector -fno-common -fno-asynchronous-unwind-tables \
	-fno-tree-loop-distribute-patterns -mbranch-protection=none -U_FORTIFY_SOURCE \
	-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wcast-qual -Wformat=2 \
	$(if $(CI),-Werror) -I$(GUEST_TOP) -MMD -MP
GUEST_LDFLAGS := -nostdlib -pie -Wl,--no-dynamic-linker -Wl,-z,norelro -Wl,-z,notext \
	-Wl,--build-id=none -Wl,--no-warn-rwx-segments -Wl,-T,$(GUEST_TOP)/guest/lib/image.ld

GUEST_LIB_SRC := $(notdir $(wildcard $(GUEST_TOP)/guest/lib/*.c $(GUEST_TOP)/guest/lib/*.S))
GUEST_LIB_OBJ := $(patsubst %,$(GUEST_DIR)/lib/%.o,$(GUEST_LIB_SRC))
GUEST_PSCI_SRC := $(notdir $(wildcard $(GUEST_TOP)/guest/psci/*.c))
GUEST_PSCI_OBJ := $(patsubst %,$(GUEST_DIR)/psci/%.o,$(GUEST_PSCI_SRC))
GUEST_SDEI_SRC := $(notdir $(wildcard $(GUEST_TOP)/guest/sdei/*.c $(GUEST_TOP)/guest/sdei/*.S))
GUEST_SDEI_OBJ := $(patsubst %,$(GUEST_DIR)/sdei/%.o,$(GUEST_SDEI_SRC))

GUEST_RAS_SRC := $(notdir $(wildcard $(GUEST_TOP)/guest/ras/*.c $(GUEST_TOP)/guest/ras/*.S))
GUEST_RAS_OBJ := $(patsubst %,$(GUEST_DIR)/ras/%.o,$(GUEST_RAS_SRC))

.PHONY: guest
guest: $(GUEST_DIR)/psci.flat $(GUEST_DIR)/step.flat $(GUEST_DIR)/sdei.flat $(GUEST_DIR)/ras.flat

$(GUEST_DIR)/psci.elf: $(GUEST_PSCI_OBJ)
$(GUEST_DIR)/sdei.elf: $(GUEST_SDEI_OBJ)
$(GUEST_DIR)/ras.elf: $(GUEST_RAS_OBJ)
$(GUEST_DIR)/%.elf: $(GUEST_LIB_OBJ) $(GUEST_TOP)/guest/lib/image.ld $(GUEST_TOP)/guest/rules.mk
	@printf '  %-7s %s\n' LD $@
	$(Q)$(GUEST_CC) $(GUEST_LDFLAGS) -o $@ $(filter %.o,$^)

$(GUEST_DIR)/step.elf: $(GUEST_DIR)/step/step.S.o
	@printf '  %-7s %s\n' LD $@
	$(Q)$(GUEST_CC) -nostdlib -static -Wl,--build-id=none -Wl,-Ttext=0 -Wl,-e,start -o $@ $^

# The runtime services of rasvm's UEFI tables: no payload, rasvm carries it (arm64/efi_runtime.h).
GUEST_RUNTIME_OBJ := $(GUEST_DIR)/runtime/entry.S.o $(GUEST_DIR)/runtime/time.c.o
$(GUEST_DIR)/runtime.elf: $(GUEST_RUNTIME_OBJ) $(GUEST_TOP)/guest/runtime/runtime.ld
	@printf '  %-7s %s\n' LD $@
	$(Q)$(GUEST_CC) -nostdlib -static -Wl,--build-id=none -Wl,--no-warn-rwx-segments \
		-Wl,-T,$(GUEST_TOP)/guest/runtime/runtime.ld -o $@ $(GUEST_RUNTIME_OBJ)
$(GUEST_DIR)/runtime.bin: $(GUEST_DIR)/runtime.elf
	$(Q)$(GUEST_OBJCOPY) -O binary $< $@

# The first process of a guest of `rasvm exec`: a Linux program that rasvm carries. Linked with musl where
# Debian's musl-dev for arm64 is there, else with the compiler's C library, which makes it several times
# larger.
GUEST_INIT_SRC := $(wildcard $(GUEST_TOP)/guest/init/*.c)
GUEST_MUSL := $(wildcard /usr/lib/aarch64-linux-musl/libc.a)
GUEST_MUSL_DIR := $(dir $(GUEST_MUSL))
GUEST_INIT_CFLAGS := -std=gnu11 -Os -D_GNU_SOURCE -mno-outline-atomics -fno-stack-protector \
	-fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections -static -s \
	-Wl,--gc-sections -Wl,--build-id=none \
	-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wcast-qual -Wformat=2 \
	$(if $(CI),-Werror) -I$(GUEST_TOP)
GUEST_MUSL_CFLAGS = -nostdinc -isystem /usr/include/aarch64-linux-musl \
	-isystem $(shell $(GUEST_CC) -print-file-name=include) -nostdlib
$(GUEST_DIR)/init: $(GUEST_INIT_SRC) $(GUEST_TOP)/guest/init/init.h $(GUEST_TOP)/guest/rules.mk
	@printf '  %-7s %s\n' GUESTCC $@
	@mkdir -p $(@D)
ifneq ($(GUEST_MUSL),)
	$(Q)$(GUEST_CC) $(GUEST_INIT_CFLAGS) $(GUEST_MUSL_CFLAGS) -o $@ $(addprefix $(GUEST_MUSL_DIR),crt1.o crti.o) \
		$(GUEST_INIT_SRC) $(GUEST_MUSL) -lgcc $(GUEST_MUSL_DIR)crtn.o
else
	$(Q)$(GUEST_CC) $(GUEST_INIT_CFLAGS) -o $@ $(GUEST_INIT_SRC)
endif

# .bss becomes part of the file: a loader that knows only its size must not reuse that memory.
$(GUEST_DIR)/%.flat: $(GUEST_DIR)/%.elf
	@printf '  %-7s %s\n' FLAT $@
	$(Q)$(GUEST_OBJCOPY) -O binary --set-section-flags .bss=alloc,load,contents $< $@

$(GUEST_DIR)/%.c.o: $(GUEST_TOP)/guest/%.c
	@printf '  %-7s %s\n' GUESTCC $<
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(GUEST_CFLAGS) -c -o $@ $<

$(GUEST_DIR)/%.S.o: $(GUEST_TOP)/guest/%.S
	@printf '  %-7s %s\n' GUESTAS $<
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(GUEST_CFLAGS) -c -o $@ $<

-include $(wildcard $(GUEST_DIR)/*/*.d)
