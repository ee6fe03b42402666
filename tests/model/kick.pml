/*
 * The thread protocol around SDEI: how a shared event that any PE may take (RM_ANY) reaches a vCPU
 * thread that may be inside KVM_RUN, and what happens if that PE cannot take it any more.
 * Follows arm64/run.c (run_guest), arm64/vcpu.c (vcpu_kick), arm64/fw_sdei.c (fw_sdei) and the
 * routing of sdei/dispatch.c.
 *
 * Modelled: NPE vCPU threads and a thread that triggers the event NTRIGGERS times. The guest masks
 * and unmasks its PEs and turns them off and on, NCALLS times in all, whenever it likes; a handler
 * completes. Every access to req, in_guest and immediate_exit is a step of its own. A signal ends
 * KVM_RUN if it comes after the thread went into the kernel, also before immediate_exit is read
 * there; one that comes earlier is spent on an empty handler.
 * Not modelled: weak memory. All these accesses are sequentially consistent atomics in the C code,
 * so the interleavings here are all there are. Nor suspend, private events, priorities and routing
 * to one PE: those need no decision between threads, and the explorer has them with the real code.
 * The event is one; it is always registered and enabled.
 *
 * Judged: an event is entered only if it was triggered, once for each trigger that found none
 * pending (assertions); when nothing more can happen, no event waits that a PE could take (the
 * process `rest`); nobody is stuck (invalid end states); no event waits for ever while a PE could
 * take it, if all threads get to run (the formula `served`, under weak fairness).
 *
 * -DBUG_name puts a mistake in; each must be reported.
 */
#ifndef NPE
#define NPE 3
#endif
#ifndef NTRIGGERS
#define NTRIGGERS 2
#endif
#ifndef NCALLS
#define NCALLS 3
#endif
#define NONE NPE

/* Each thread's, seen by the others. */
bool req[NPE];            /* VCPU_REQ_SDEI */
bool in_guest[NPE];
bool immediate_exit[NPE];
bool in_kernel[NPE];      /* inside the ioctl: signals stick */
bool signalled[NPE];

/* Under the firmware lock. */
bool lock;
bool on[NPE], masked[NPE], in_handler[NPE];
bool pending, running;
byte asked = NONE;
byte owed;                /* triggers that found nothing pending, less the runs */
byte calls = NCALLS;

#define CAN_TAKE(p) (on[p] && !masked[p] && !in_handler[p])
#define SOME_PE     (CAN_TAKE(0) || CAN_TAKE(1) || CAN_TAKE(2))
#define WAITING     (pending && !running && SOME_PE)

inline take_lock()
{
	atomic { !lock -> lock = true }
}

inline drop_lock()
{
	lock = false
}

/* vcpu_kick() */
inline kick(p)
{
	req[p] = true;
	if
	:: in_guest[p] ->
#ifndef BUG_SIGNAL_ONLY
		immediate_exit[p] = true;
#endif
		atomic { if
		:: in_kernel[p] -> signalled[p] = true
		:: else
		fi }
	:: else
	fi
}

/* Whom to ask: who is asked already, the PE at hand, the first that can. */
inline choose(me, taker)
{
	if
	:: !pending || running -> taker = NONE
	:: else ->
		if
		:: asked != NONE && CAN_TAKE(asked) -> taker = asked
		:: else ->
			if
			:: CAN_TAKE(me) -> taker = me
			:: else ->
				if
				:: CAN_TAKE(0) -> taker = 0
				:: !CAN_TAKE(0) && CAN_TAKE(1) -> taker = 1
				:: !CAN_TAKE(0) && !CAN_TAKE(1) && CAN_TAKE(2) -> taker = 2
				:: else -> taker = NONE
				fi
			fi
		fi
	fi
}

/* sdei_reroute(): after every change, lock held. */
inline reroute(me, taker)
{
	d_step { choose(me, taker) }
	if
	:: taker == asked
	:: taker == NONE && asked != NONE -> asked = NONE
	:: taker != NONE && taker != asked -> asked = taker; kick(taker)
	fi;
	taker = NONE
}

inline after_change(me, taker)
{
#ifdef BUG_NO_HANDOVER
	skip
#else
	reroute(me, taker)
#endif
}

inline end_handler(me)
{
	if
	:: in_handler[me] -> in_handler[me] = false; running = false
	:: else
	fi
}

/* sdei_evaluate(): enter the event if it is still there. */
inline enter(me)
{
	if
	:: pending && !running && CAN_TAKE(me) ->
#ifdef BUG_NO_LOCK
		skip; /* another thread can come between the test and what follows */
#endif
		d_step {
			assert(!running);
			assert(owed == 1);
			owed--;
			pending = false;
			running = true;
			in_handler[me] = true;
			asked = NONE
		}
	:: else
	fi
}

/* fw_sdei(): is there something; if so the registers are read, then it is entered. */
inline look(me, taker)
{
#ifdef BUG_NO_LOCK
	enter(me);
	take_lock();
	reroute(me, taker);
	drop_lock()
#else
	take_lock();
	if
	:: pending && !running && CAN_TAKE(me) ->
		drop_lock();
		take_lock();
		enter(me);
		after_change(me, taker);
		drop_lock()
	:: else -> drop_lock()
	fi
#endif
}

/* A call of the guest, or the end of its handler. */
inline serve_exit(me, taker)
{
	take_lock();
	if
	:: in_handler[me] -> end_handler(me); reroute(me, taker)
	:: calls > 0 && !masked[me] -> calls--; masked[me] = true; after_change(me, taker)
	:: calls > 0 && masked[me] -> calls--; masked[me] = false; reroute(me, taker)
	:: calls > 0 -> calls--; end_handler(me); on[me] = false; masked[me] = true;
		after_change(me, taker)
	:: calls > 0 && !on[(me + 1) % NPE] -> calls--; power[(me + 1) % NPE] ! 1
	:: else
	fi;
	drop_lock()
}

/* The guest has a reason to leave. */
#define HAS_EXIT(me) (in_handler[me] || calls > 0)

chan power[NPE] = [1] of { bit }; /* CPU_ON to the thread of a PE */

inline kvm_run(me)
{
	in_kernel[me] = true;
	if
	:: immediate_exit[me]
	:: else ->
		/* A kick that comes from here on finds the thread in the kernel. */
end_in_guest:	if
		:: signalled[me]
		:: HAS_EXIT(me) -> exits = true
		fi
	fi;
	atomic { in_kernel[me] = false; signalled[me] = false }
}

proctype vcpu(byte me)
{
	byte taker = NONE;
	bool request, exits;

	do
	:: on[me] ->
#ifndef BUG_CLEAR_AFTER
		immediate_exit[me] = false;
#endif
#ifdef BUG_CHECK_FIRST
		request = req[me];
		in_guest[me] = true;
#else
		in_guest[me] = true;
		request = req[me];
#endif
#ifdef BUG_CLEAR_AFTER
		immediate_exit[me] = false;
#endif
		if
		:: request ->
			in_guest[me] = false;
#ifdef BUG_TAKE_LATE
			look(me, taker);
			req[me] = false
#else
			req[me] = false;
			look(me, taker)
#endif
		:: else ->
			exits = false;
			kvm_run(me);
			in_guest[me] = false;
			if
			:: exits -> serve_exit(me, taker)
			:: else
			fi
		fi;
		d_step { request = false; exits = false }
	:: !on[me] ->
end_off:	power[me] ? 1;
		take_lock();
		on[me] = true;
		reroute(me, taker);
		drop_lock()
	od
}

proctype trigger()
{
	byte taker = NONE;
	byte n = NTRIGGERS;

	do
	:: n > 0 ->
		n--;
		take_lock();
		d_step {
			owed = (pending -> owed : owed + 1);
			pending = true
		}
		reroute(0, taker);
		drop_lock()
	:: n == 0 -> break
	od
}

/* Nothing can move any more, or nothing ever has to. */
proctype rest()
{
end:	timeout -> assert(!WAITING)
}

init {
	byte i;

	atomic {
		for (i : 0 .. NPE - 1) {
			on[i] = true;
			if
			:: masked[i] = false
			:: masked[i] = true
			fi;
			run vcpu(i)
		}
		run trigger();
		run rest()
	}
}

ltl served { []<>!WAITING }
