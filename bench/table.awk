# The table of `make bench` out of the lines "bench: VMM MEASURE VALUE". Variables: csv date
# revision machine host cpus mem.
#
# A row of the plan: measure, text, unit, divisor of the values, then the targets, any of them
# empty: at most FACTOR times the value of VMM ("qemu*0.10") or of another row ("MEASURE*1.05"), at least
# that (">qemu*1.00"), at most an absolute number, or at most the row above ("MEASURE"); "/MEASURE" is no
# target, it only says how many times that row. Two targets are two columns of verdicts in one.

function add(measure, text, unit, divisor, targets) {
	order[++nrows] = measure
	row_text[measure] = text
	row_unit[measure] = unit
	row_div[measure] = divisor
	row_targets[measure] = targets
}

# From one CPU to another: an SDEI event beside an interrupt.
function add_between(where, text,    p) {
	for (p = 50; p <= 99; p += 49) {
		add("sgi_" where "_p" p, "GIC SGI to " text ", p" p, "us", 1000, "")
		add("signal_" where "_p" p, "SDEI SIGNAL to " text ", p" p, "us", 1000,
		    "/sgi_" where "_p" p)
	}
}

# A stage of an error's way to the guest.
function add_stage(stage, text, target,    p) {
	for (p = 50; p <= 99; p += 49)
		add("ras_" stage "_p" p, text ", p" p, "us", 1000, target)
}

function add_ras() {
	add("ras_model_followed", "injected errors that were followed", "", 1, "")
	add("ras_model_spoilt", "... left out: the next came too soon", "", 1, "")
	add_stage("model_policy", "injected error: policy, record", "")
	add_stage("model_kick", "... kick", "")
	add_stage("model_inject", "... injection", "")
	add_stage("model_own", "... all but the kick", "bare*25")
	add("ras_ao_followed", "host's AO that were followed", "", 1, "")
	add("ras_ao_spoilt", "... left out", "", 1, "")
	add_stage("ao_signal", "host's AO: signal", "")
	add_stage("ao_policy", "... policy, record", "")
	add_stage("ao_kick", "... kick", "")
	add_stage("ao_inject", "... injection", "")
	add_stage("ao_own", "... all but the kick", "bare*25")
	add("ras_ar_followed", "host's AR that were followed", "", 1, "")
	add_stage("ar_signal", "host's AR: signal, context read", "")
	add_stage("ar_policy", "... policy", "")
	add_stage("ar_inject", "... injection", "")
	add_stage("ar_own", "... all", "bare*25")
	add_stage("line", "one --trace line among these", "")
	add("ras_errors", "errors, one after the other", "", 1, "")
	add("ras_rss_begin", "memory less guest RAM before them", "KiB", 1, "")
	add("ras_growth_all", "... growth to the last", "KiB", 1, "")
	add("ras_growth", "... growth from a tenth to the last", "KiB", 1, "0")
	add("init_dt", "exec to guest init, device tree", "s", 1000000, "")
	add("init_acpi", "exec to guest init, ACPI", "s", 1000000, "init_dt*1.05")
}

function add_steps(kind, text) {
	add("steps_" kind "_no_sdei", "instructions, " text ", --no-sdei", "", 1, "")
	add("steps_" kind, "instructions, " text, "", 1, "steps_" kind "_no_sdei")
}

# A rate beside QEMU's, in two set-ups; see devices.sh for "_2".
function add_rate(measure, text, second, unit, divisor) {
	add(measure, text, unit, divisor, ">qemu*1.00")
	add(measure "_2", second, unit, divisor, ">qemu*1.00")
}

function add_disk(measure, text, rate, unit, divisor) {
	add_rate(measure "_" rate, text, "... QEMU: io_uring", unit, divisor)
	add(measure "_exits", "... exits a request", "", 100, "")
	add(measure "_exits_2", "... the same, QEMU: io_uring", "", 100, "")
}

function add_transport(t,    disks, n, kind, disk, depth) {
	n = split("cache disk tmpfs null", disks, " ")
	for (kind = 1; kind <= n; kind++) {
		disk = disks[kind]
		for (depth = 1; depth <= 32; depth += 31)
			add_disk(t "_" disk "_rand" depth, t " " disk ": 4k random read, depth " depth, "iops",
				 "1/s", 1)
		for (depth = 1; depth <= 32; depth += 31)
			add_disk(t "_" disk "_seq" depth, t " " disk ": 1M read in turn, depth " depth, "kbs",
				 "MB/s", 1000)
	}
	add_rate(t "_net_sent_kbs", t " tap: TCP from the guest", "... with vhost", "MB/s", 1000)
	add_rate(t "_net_taken_kbs", t " tap: TCP to the guest", "... with vhost", "MB/s", 1000)
	add_rate(t "_net_asked", t " tap: 64 bytes and reply", "... with vhost", "1/s", 1)
}

function add_devices() {
	add_transport("mmio")
	add_transport("pci")
	add("serial_us", "serial port, a KiB", "ms", 1000, "")
	add("serial_exits", "... exits", "", 100, "")
	add("serial_calls", "... system calls", "", 1, "")
	add("hvc_us", "virtio console, a KiB", "ms", 1000, "")
	add("hvc_exits", "... exits", "", 100, "")
	add("exec_bare", "exec to exit, nothing but power-off", "s", 1000000, "")
	add("exec_modules", "... that loads what exec's guest does", "s", 1000000, "")
	add("exec", "rasvm exec -- true, the same kernel", "s", 1000000, "exec_bare*1.10")
}

BEGIN {
	add("first", "exec to first guest instruction", "ms", 1000, "qemu*0.10 lkvm*0.40")
	add("first_cold", "the same, the first time in this host", "ms", 1000, "")
	add("init", "exec to guest init", "s", 1000000, "qemu*0.72 lkvm*1.00")
	add("exit", "exec to exit after power-off", "s", 1000000, "qemu*0.72 lkvm*1.00")
	add("init_memfd", "exec to guest init, RAM in a memfd", "s", 1000000, "")
	add("psci", "PSCI_VERSION round trip", "us", 1000, "bare*1.15")
	add("own_rss", "peak resident memory less guest RAM", "KiB", 1, "4096")
	add("linux_ram", "guest RAM resident, Linux", "KiB", 1, "")
	add("idle_ram_256m", "guest RAM resident, idle guest of 256M", "KiB", 1, "")
	add("idle_ram_1g", "guest RAM resident, idle guest of 1G", "KiB", 1, "idle_ram_256m")
	add("calls", "system calls, whole boot", "", 1, "")
	add("calls_before", "system calls before the first KVM_RUN", "", 1, "")
	add("ioctls", "ioctls", "", 1, "1649")
	add("kvm_run", "KVM_RUN", "", 1, "lkvm*1.00")
	add("writes", "writes, 1000 characters on the console", "", 1, "520")
	for (n = 1; n <= 16; n *= 2)
		add("cpus" n, "exec to first instruction, " n " vCPU" (n > 1 ? "s" : ""), "ms", 1000,
		    n == 16 ? "slope" : "")
	add("sdei_self", "SDEI SIGNAL to self, to its handler", "us", 1000, "bare*1.30")
	add("sdei_trip", "... and back from COMPLETE", "us", 1000, "bare*1.30")
	add("sdei_reads", "... registers read", "", 1, "21")
	add("sdei_writes", "... registers written", "", 1, "25")
	add_between("spin", "a spinning CPU")
	add_between("wfi", "a CPU in WFI")
	add_ras()
	add_devices()
	add("steps_signal", "instructions, SIGNAL to self", "", 1, "")
	add("steps_complete", "instructions, COMPLETE", "", 1, "")
	add_steps("psci", "PSCI_VERSION")
	add_steps("mmio_read", "an MMIO read")
	add_steps("mmio_write", "an MMIO write")
	nvmms = split("rasvm qemu lkvm bare", vmm_names, " ")
}

$1 == "bench:" && NF == 4 && $3 in row_text && $4 ~ /^-?[0-9.]+$/ {
	value[$2, $3, ++count[$2, $3]] = $4
}

function sort_values(vmm, measure, sorted,    n, i, j, v) {
	n = count[vmm, measure]
	for (i = 1; i <= n; i++) {
		v = value[vmm, measure, i] + 0
		for (j = i - 1; j >= 1 && sorted[j] > v; j--)
			sorted[j + 1] = sorted[j]
		sorted[j + 1] = v
	}
	return n
}

function median(vmm, measure,    sorted, n) {
	n = sort_values(vmm, measure, sorted)
	if (!n)
		return ""
	if (n % 2)
		return sorted[(n + 1) / 2]
	return (sorted[n / 2] + sorted[n / 2 + 1]) / 2
}

function least(vmm, measure,    sorted) {
	return sort_values(vmm, measure, sorted) ? sorted[1] : ""
}

function show(x, measure) {
	if (x == "")
		return "-"
	x /= row_div[measure]
	if (row_div[measure] == 1)
		return sprintf("%d", x)
	return sprintf(x < 10 ? "%.2f" : x < 100 ? "%.1f" : "%.0f", x)
}

function ratio(a, b) {
	return a == "" || b == "" || b == 0 ? "-" : sprintf("%.2f", a / b)
}

function verdict(text, met) {
	return text (met ? " met" : " MISSED")
}

# Is another vCPU no dearer at 16 than at 1? A tenth more is taken for noise.
function slope_verdict(    low, high) {
	if (least("rasvm", "cpus16") == "" || least("rasvm", "cpus4") == "")
		return ""
	low = (least("rasvm", "cpus4") - least("rasvm", "cpus1")) / 3
	high = (least("rasvm", "cpus16") - least("rasvm", "cpus4")) / 12
	if (low <= 0)
		return "lost in noise"
	return verdict(sprintf("a vCPU more: %.2f ms up to 4, %.2f ms up to 16:", low / 1000,
			       high / 1000), high <= low * 1.1)
}

function judge_one(measure, target,    mine, part, other, at_least) {
	mine = median("rasvm", measure)
	at_least = sub(/^>/, "", target)
	if (target == "slope")
		return slope_verdict()
	if (mine == "")
		return ""
	if (substr(target, 1, 1) == "/")
		return ratio(mine, median("rasvm", substr(target, 2))) " x the row above"
	if (target in row_text)
		return verdict("<= that of the row above:", mine <= median("rasvm", target) * 1.02)
	if (split(target, part, "*") == 1)
		return verdict("<= " target ":", mine <= target * row_div[measure])
	if (part[1] in row_text)
		other = median("rasvm", part[1])
	else
		other = median(part[1], measure)
	if (other == "")
		return ""
	return verdict(sprintf("%s %s x %s (%s):", at_least ? ">=" : "<=", part[2], part[1],
			       ratio(mine, other)),
		       at_least ? mine >= other * part[2] : mine <= other * part[2])
}

function judge(measure,    targets, n, i, text, one) {
	n = split(row_targets[measure], targets, " ")
	for (i = 1; i <= n; i++) {
		one = judge_one(measure, targets[i])
		if (one != "")
			text = text (text == "" ? "" : "; ") one
	}
	return text
}

function cell(vmm, measure,    m) {
	m = median(vmm, measure)
	if (m == "" || count[vmm, measure] == 1)
		return show(m, measure)
	return show(m, measure) " (" show(least(vmm, measure), measure) ")"
}

function csv_text(s) {
	gsub(/"/, "'", s)
	return "\"" s "\""
}

function csv_row(measure,    line, i, v) {
	line = date "," revision "," csv_text(machine) "," csv_text(host) "," cpus "," mem "," \
		measure "," row_unit[measure]
	for (i = 1; i <= nvmms; i++) {
		v = vmm_names[i]
		line = line "," (count[v, measure] + 0)
		line = line "," (count[v, measure] ? median(v, measure) / row_div[measure] : "")
		line = line "," (count[v, measure] ? least(v, measure) / row_div[measure] : "")
	}
	print line "," csv_text(judge(measure)) >>csv
}

function csv_head(    line, i, old) {
	if ((getline old <csv) > 0)
		return
	line = "date,revision,machine,host,cpus,mem_mib,measure,unit"
	for (i = 1; i <= nvmms; i++)
		line = line "," vmm_names[i] "_n," vmm_names[i] "_median," vmm_names[i] "_min"
	print line ",verdict" >>csv
}

function table_row(name, unit, a, b, c, d, r, text) {
	printf "| %-38s | %-4s | %-14s | %-14s | %-14s | %-12s | %-6s | %s |\n", name, unit, a, b, c, d,
		r, text
}

END {
	csv_head()
	table_row("median (least)", "unit", "rasvm", "QEMU", "lkvm", "bare loop", "/QEMU", "target")
	table_row("---", "---", "---", "---", "---", "---", "---", "---")
	for (i = 1; i <= nrows; i++) {
		m = order[i]
		if (!count["rasvm", m] && !count["qemu", m])
			continue
		seen++
		table_row(row_text[m], row_unit[m], cell("rasvm", m), cell("qemu", m), cell("lkvm", m),
			  cell("bare", m), ratio(median("rasvm", m), median("qemu", m)), judge(m))
		csv_row(m)
	}
	if (!seen) {
		print "bench: nothing was measured" >"/dev/stderr"
		exit 1
	}
}
