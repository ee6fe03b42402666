# libFuzzer targets, for this machine, with clang. Included by the top Makefile. Needs BUILD.
#
# make fuzz runs each for FUZZ_SECONDS from a fixed seed; what it learns stays in build/fuzz/corpus.
# A failing input is written to build/fuzz/; run the target with that file to see it again.

FUZZ_CC ?= clang
FUZZ_SECONDS ?= 60
FUZZ_SEED ?= 1
FUZZ_DIR := $(BUILD)/fuzz
FUZZ_CFLAGS := $(COMMON) -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=all
FUZZ_SDEI_SRC := tests/fuzz/fuzz_sdei.c $(SDEI_SRC) $(LIB_SRC)

.PHONY: fuzz
fuzz: $(FUZZ_DIR)/fuzz_sdei
	@mkdir -p $(FUZZ_DIR)/corpus/sdei
	$(FUZZ_DIR)/fuzz_sdei -max_total_time=$(FUZZ_SECONDS) -seed=$(FUZZ_SEED) -max_len=2048 \
		-timeout=20 -print_final_stats=1 -verbosity=1 -artifact_prefix=$(FUZZ_DIR)/ \
		$(FUZZ_DIR)/corpus/sdei

$(FUZZ_DIR)/fuzz_sdei: $(FUZZ_SDEI_SRC:%.c=$(FUZZ_DIR)/%.o)
	@printf '  %-7s %s\n' LD $@
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -o $@ $^ -lm -pthread

$(FUZZ_DIR)/%.o: %.c
	@printf '  %-7s %s\n' FUZZCC $<
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -c -o $@ $<

-include $(FUZZ_SDEI_SRC:%.c=$(FUZZ_DIR)/%.d)
