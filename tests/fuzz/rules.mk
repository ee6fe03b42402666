# libFuzzer targets, for this machine, with clang. Included by the top Makefile. Needs BUILD.
#
# make fuzz runs all of FUZZ_TARGETS, each from a fixed seed and for its share of FUZZ_SECONDS, so that a
# further target does not make `make check` longer; make fuzz-NAME runs one, for all of FUZZ_SECONDS. What
# they learn stays in build/fuzz/corpus/NAME. A failing input is written to build/fuzz/; run the target
# with that file to see it again. What NAME printed is in build/fuzz/NAME.log.
#
# A target NAME has its program in tests/fuzz/fuzz_NAME.c, what else it needs in FUZZ_SRC_NAME, and its
# longest input in FUZZ_BYTES_NAME.

FUZZ_CC ?= clang
FUZZ_SECONDS ?= 60
FUZZ_SEED ?= 1
FUZZ_DIR := $(BUILD)/fuzz
FUZZ_CFLAGS := $(COMMON) -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=all

FUZZ_TARGETS := sdei cper inject ghes virtqueue script pci control 9p net
FUZZ_SRC_sdei := $(SDEI_SRC) $(LIB_SRC)
FUZZ_BYTES_sdei := 2048
FUZZ_SRC_cper := $(wildcard ras/cper*.c) $(LIB_SRC)
FUZZ_BYTES_cper := 1024
FUZZ_SRC_inject := $(wildcard ras/*.c) $(LIB_SRC)
FUZZ_BYTES_inject := 600
FUZZ_SRC_ghes := ras/ghes.c ras/logpage.c ras/hest.c ras/einj_table.c $(LIB_SRC)
FUZZ_BYTES_ghes := 2048
# Not lib/guard.c: the target sees each access to guest memory.
FUZZ_SRC_virtqueue := $(wildcard virtio/queue*.c) lib/mem.c lib/err.c lib/state.c
FUZZ_BYTES_virtqueue := 1024
FUZZ_SRC_script := $(wildcard cli/script_parse.c cli/script_lex.c cli/script_text.c cli/script_run.c cli/script_console.c \
	arm64/status.c ras/*.c sdei/*.c) $(LIB_SRC)
FUZZ_BYTES_script := 1024
FUZZ_SRC_pci := $(wildcard arm64/dev/pci*.c) arm64/dev/bus.c lib/err.c lib/state.c
FUZZ_BYTES_pci := 2048
FUZZ_SRC_control := arm64/ctl.c arm64/ctl_reply.c arm64/ctl_request.c $(LIB_SRC)
FUZZ_BYTES_control := 9000
FUZZ_SRC_9p := $(wildcard virtio/p9_*.c) $(LIB_SRC)
FUZZ_BYTES_9p := 1024
FUZZ_SRC_net := $(wildcard virtio/net*.c virtio/vhost_net.c virtio/queue*.c) virtio/device.c $(LIB_SRC)
FUZZ_BYTES_net := 600

# The share of each if all were asked for, rounded up.
FUZZ_SHARE = $(shell echo $$((($(FUZZ_SECONDS) + $(words $(FUZZ_TARGETS)) - 1) / $(words $(FUZZ_TARGETS)))))

.PHONY: fuzz $(FUZZ_TARGETS:%=fuzz-%)
fuzz: FUZZ_TIME = $(FUZZ_SHARE)
fuzz: $(FUZZ_TARGETS:%=fuzz-%)

FUZZ_TIME = $(FUZZ_SECONDS)
$(FUZZ_TARGETS:%=fuzz-%): fuzz-%: $(FUZZ_DIR)/fuzz_%
	@mkdir -p $(FUZZ_DIR)/corpus/$*
	@printf '  %-7s %s\n' FUZZ $*
	$(Q)$(FUZZ_DIR)/fuzz_$* -max_total_time=$(FUZZ_TIME) -seed=$(FUZZ_SEED) \
		-max_len=$(FUZZ_BYTES_$*) -timeout=20 -print_final_stats=1 -verbosity=1 \
		-artifact_prefix=$(FUZZ_DIR)/$*- $(FUZZ_DIR)/corpus/$* >$(FUZZ_DIR)/$*.log 2>&1 || \
		{ status=$$?; tail -n 60 $(FUZZ_DIR)/$*.log; exit $$status; }
	@sed -n 's/^stat::number_of_executed_units: */  $* ran /p' $(FUZZ_DIR)/$*.log

fuzz_objects = $(patsubst %.c,$(FUZZ_DIR)/%.o,tests/fuzz/fuzz_$(1).c $(FUZZ_SRC_$(1)))
$(foreach target,$(FUZZ_TARGETS),$(eval $(FUZZ_DIR)/fuzz_$(target): $(call fuzz_objects,$(target))))

$(FUZZ_TARGETS:%=$(FUZZ_DIR)/fuzz_%):
	@printf '  %-7s %s\n' LD $@
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -o $@ $^ -lm -pthread

$(FUZZ_DIR)/%.o: %.c
	@printf '  %-7s %s\n' FUZZCC $<
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -c -o $@ $<

-include $(foreach target,$(FUZZ_TARGETS),$(patsubst %.o,%.d,$(call fuzz_objects,$(target))))
