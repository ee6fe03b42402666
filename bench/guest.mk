# The benchmark's payloads that are built on guest/lib, sdei_guest.flat and ras_guest.flat, into
# $(BUILD)/bench/guest. From the top: make -f bench/guest.mk BUILD=build
BUILD ?= build
Q := $(if $(filter 1,$(V)),,@)
GUEST_DIR := $(BUILD)/bench/guest

.PHONY: payloads
payloads: $(BUILD)/bench/guest/sdei_guest.flat $(BUILD)/bench/guest/ras_guest.flat

include guest/rules.mk

$(GUEST_DIR)/sdei_guest.elf: $(GUEST_DIR)/bench/sdei_guest.c.o $(GUEST_DIR)/bench/sdei_times.S.o
$(GUEST_DIR)/ras_guest.elf: $(GUEST_DIR)/bench/ras_guest.c.o $(GUEST_DIR)/bench/ras_handler.S.o
.SECONDARY:

$(GUEST_DIR)/bench/%.c.o: bench/%.c
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(GUEST_CFLAGS) -c -o $@ $<

$(GUEST_DIR)/bench/%.S.o: bench/%.S
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(GUEST_CFLAGS) -c -o $@ $<
