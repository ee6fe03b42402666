# The stages of errors on their way to the guest, out of the host kernel's trace of one run of rasvm
# (host.sh: events signal_generate, kvm_userspace_exit, kvm_entry, and rasvm's own --trace lines as
# trace markers, all with one clock). Prints "NAME NANOSECONDS" for each stage of each error:
#   signal   the kernel raises SIGBUS -> rasvm has it (ras_signal); none if rasvm injected a model
#   policy   -> decided, the record written, the notification made (sdei_routed), or the abort is (ras_taken)
#   kick     -> the vCPU's thread has left KVM_RUN; none for an abort, of which that thread knows first
#   inject   -> the vCPU enters the guest, with the registers of the handler
#   own      all but the kick
#   line     one line of --trace: between two that nothing but their writing separates
# and how many errors were followed, and how many not (spoilt), since the next came before the guest was
# entered.
# Variable: series, which goes into the names. A line has its time from before it is formatted, in its t_ns;
# what that is on the kernel's clock is known by the line that was the quickest to be stamped.

function fresh() {
	raised = signalled = triggered = routed = left = entered = 0
}

function emit(stage, ns) {
	print "ras_" series "_" stage, sprintf("%.0f", ns)
}

# Times of rasvm's lines are kept as t_ns until the start is known.
function keep() {
	n++
	raised_at[n] = raised
	signalled_at[n] = signalled
	notified_at[n] = routed
	left_at[n] = left
	run_at[n] = stamp
	if (triggered && kicks)
		line_ns[n] = routed - triggered
	fresh()
}

function field(name,    at) {
	at = index($0, "\"" name "\":")
	return at ? substr($0, at + length(name) + 3) + 0 : 0
}

# One line of rasvm's.
function take_line(    t, event) {
	t = field("t_ns")
	if (!start_known || stamp - t < start) {
		start = stamp - t
		start_known = 1
	}
	event = $0
	sub(/.*"event":"/, "", event)
	sub(/".*/, "", event)
	if (event == "ras_signal") {
		if (signalled)
			spoilt++
		t_raised = raised
		fresh()
		raised = t_raised
		signalled = t
	} else if (!signalled) {
		return
	} else if (event == "sdei_triggered") {
		triggered = t
	} else if (event == "sdei_routed") {
		routed = t
	} else if (event == "sdei_entered") {
		entered = t
	} else if (event == "ras_taken") {
		routed = entered = t
	}
}

BEGIN {
	kicks = series != "ar"
	fresh()
}

/^#/ || !match($0, / [0-9]+\.[0-9]+: /) {
	next
}

{
	split(substr($0, RSTART + 1, RLENGTH - 3), part, ".")
	# With a digit in front: busybox takes what begins with 0 for octal.
	stamp = part[1] * 1000000000 + ("1" part[2]) * 1000 - 1000000000
	rest = substr($0, RSTART + RLENGTH)
}

rest ~ /^signal_generate: sig=7 / {
	raised = stamp
}

rest ~ /^tracing_mark_write: / {
	take_line()
}

rest ~ /^kvm_userspace_exit: / && routed && !left {
	left = stamp
}

rest ~ /^kvm_entry: / && entered {
	if (routed && (left || !kicks))
		keep()
	else
		spoilt++
	fresh()
}

END {
	for (i = 1; i <= n; i++) {
		signal = raised_at[i] ? signalled_at[i] + start - raised_at[i] : 0
		policy = notified_at[i] - signalled_at[i]
		kick = kicks ? left_at[i] - notified_at[i] - start : 0
		inject = run_at[i] - (kicks ? left_at[i] : notified_at[i] + start)
		if (raised_at[i])
			emit("signal", signal)
		emit("policy", policy)
		if (kicks)
			emit("kick", kick)
		emit("inject", inject)
		emit("own", signal + policy + inject)
		if (line_ns[i])
			emit("line", line_ns[i])
	}
	print "ras_followed", n + 0
	print "ras_spoilt", spoilt + 0
}
