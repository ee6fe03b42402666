/*
 * The thread protocol around SDEI: how a shared event that any PE may take (RM_ANY) reaches a vCPU
 * thread that may be inside KVM_RUN, and what happens if that PE cannot take it any more.
 * Follows arm64/run.c (run_guest), arm64/vcpu.c (vcpu_kick), arm64/fw_sdei.c (fw_sdei) and the
 * routing of sdei/dispatch.c.
 *
 * Modelled: NPE vCPU threads and a thread that triggers the event NTRIGGERS times. The guest masks
 * and unmasks its PEs and turns them off and on, NCALLS times in all, whenever it likes; a handler
 * completes. NOTHERS times a PE is kicked for another reason, and so looks without being asked. Every access to req, in_guest and immediate_exit is a step of its own. A signal ends
 * KVM_RUN if it comes after the thread went into the kernel, also before immediate_exit is read
 * there; one that comes earlier is spent on an empty handler.
 * What is done under the lock is one step up to the first access to one of these, since nobody else
 * can see it before.
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
#define NCALLS 2
#endif
#ifndef NOTHERS
#define NOTHERS 0
#endif
#define NONE NPE

/* Each thread's, seen by the others without a lock. */
bool req[NPE];            /* VCPU_REQ_SDEI */
bool in_guest[NPE];
bool immediate_exit[NPE];
bool in_kernel[NPE];      /* inside the ioctl: signals stick */
bool signalled[NPE];

/* Under the firmware lock. */
bool lock;
bool on[NPE], masked[NPE], in_handler[NPE];
bool turned_on[NPE];      /* CPU_ON was called, the thread is yet to see it */
bool pending, running;
byte asked = NONE;
byte owed;                /* triggers that found nothing pending, less the runs */
byte calls = NCALLS;

#define CAN_TAKE(p) (on[p] && !masked[p] && !in_handler[p])
#define SOME_PE     (CAN_TAKE(0) || CAN_TAKE(1) || CAN_TAKE(2))
#define WAITING     (pending && !running && SOME_PE)
#define NEXT(p)     ((p + 1) % NPE)

/* sdei_reroute(), up to the kick: who is asked already, else the PE at hand, else the first that can
 * take it. `taker` is whom to kick. */
inline route(me)
{
	taker = NONE;
	if
	:: !pending || running -> asked = NONE
	:: else ->
		if
		:: asked != NONE && CAN_TAKE(asked) -> taker = asked
		:: (asked == NONE || !CAN_TAKE(asked)) && CAN_TAKE(me) -> taker = me
		:: else ->
			if
			:: CAN_TAKE(0) -> taker = 0
			:: !CAN_TAKE(0) && CAN_TAKE(1) -> taker = 1
			:: !CAN_TAKE(0) && !CAN_TAKE(1) && CAN_TAKE(2) -> taker = 2
			:: else
			fi
		fi;
		if
		:: taker == asked -> taker = NONE
		:: else -> asked = taker
		fi
	fi;
	/* vcpu_kick() begins. */
	if
	:: taker != NONE -> req[taker] = true
	:: else
	fi
}

/* After a change that may take the event away from the PE that is asked. */
inline hand_over(me)
{
#ifdef BUG_NO_HANDOVER
	taker = NONE
#else
	route(me)
#endif
}

/* The rest of vcpu_kick(), and the end of the locked section. */
inline kick_and_unlock()
{
	if
	:: atomic { taker == NONE -> lock = false }
	:: atomic { taker != NONE && !in_guest[taker] -> taker = NONE; lock = false }
	:: atomic { taker != NONE && in_guest[taker] -> skip };
#ifndef BUG_SIGNAL_ONLY
		immediate_exit[taker] = true;
#endif
		atomic {
			signalled[taker] = signalled[taker] || in_kernel[taker];
			taker = NONE;
			lock = false
		}
	fi
}

inline end_handler(me)
{
	if
	:: in_handler[me] -> in_handler[me] = false; running = false
	:: else
	fi
}

inline enter(me)
{
	assert(!running);
	assert(owed == 1);
	owed--;
	pending = false;
	running = true;
	in_handler[me] = true;
	asked = NONE
}

#define ENTERABLE(me) (pending && !running && CAN_TAKE(me))

/* fw_sdei(): sdei_wants(); then the registers are read without the lock; then sdei_evaluate(). */
inline look(me)
{
	if
	:: atomic { !lock && !ENTERABLE(me) -> skip }
	:: atomic { !lock && ENTERABLE(me) -> skip };
		atomic {
			!lock -> lock = true;
			if
#ifdef BUG_NO_RECHECK
			:: true -> enter(me)
#else
			:: ENTERABLE(me) -> enter(me)
#endif
			:: else
			fi;
			hand_over(me)
		}
		kick_and_unlock()
	fi
}

/* A call of the guest, or the end of its handler. */
inline serve_exit(me)
{
	atomic {
		!lock -> lock = true;
		if
		:: in_handler[me] -> end_handler(me); route(me)
		:: calls > 0 && masked[me] -> calls--; masked[me] = false; route(me)
		:: calls > 0 && !masked[me] -> calls--; masked[me] = true; hand_over(me)
		:: calls > 0 -> calls--; end_handler(me); on[me] = false; masked[me] = true;
			hand_over(me)
		:: calls > 0 && !on[NEXT(me)] -> calls--; turned_on[NEXT(me)] = true
		:: else
		fi
	}
	kick_and_unlock()
}

/* The guest has a reason to leave KVM_RUN by itself. */
#define HAS_EXIT(me) (in_handler[me] || calls > 0)

proctype vcpu(byte me)
{
	byte taker = NONE;

	do
	:: on[me] ->
#ifndef BUG_CLEAR_LATE
		immediate_exit[me] = false;
#endif
#ifndef BUG_CHECK_FIRST
		in_guest[me] = true;
#endif
		if
		:: req[me] ->
			in_guest[me] = false;
#ifdef BUG_TAKE_LATE
			look(me);
			req[me] = false
#else
			req[me] = false;
			look(me)
#endif
		:: !req[me] ->
#ifdef BUG_CLEAR_LATE
			immediate_exit[me] = false;
#endif
#ifdef BUG_CHECK_FIRST
			in_guest[me] = true;
#endif
			/* KVM_RUN. */
			in_kernel[me] = true;
			if
			:: immediate_exit[me]
			:: !immediate_exit[me] ->
end_in_guest:			if
				:: signalled[me]
				:: HAS_EXIT(me)
				fi
			fi;
			atomic { in_kernel[me] = false; signalled[me] = false }
			in_guest[me] = false;
			if
			:: HAS_EXIT(me) -> serve_exit(me)
			:: true
			fi
		fi
	:: !on[me] ->
end_off:	atomic {
			turned_on[me] && !lock -> lock = true;
			turned_on[me] = false;
			on[me] = true;
			route(me)
		}
		kick_and_unlock()
	od
}

proctype trigger()
{
	byte taker = NONE;
	byte n = NTRIGGERS, others = NOTHERS;

	do
	:: others > 0 ->
		atomic {
			!lock -> lock = true;
			others--;
			if
			:: taker = 0
			:: taker = 1
			:: taker = 2
			fi;
			req[taker] = true
		}
		kick_and_unlock()
	:: n > 0 ->
		atomic {
			!lock -> lock = true;
			n--;
			owed = (pending -> owed : owed + 1);
			pending = true;
			route(0)
		}
		kick_and_unlock()
	:: n == 0 && others == 0 -> break
	od
}

/* Nothing can move any more. */
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
