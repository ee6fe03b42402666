# Exhaustive search of the firmware's states and of the thread protocol; tests/model/README.md.
.PHONY: check-model
check-model:
	@BUILD=$(BUILD) HOSTCC="$(HOSTCC)" tests/model/run.sh $(T)
