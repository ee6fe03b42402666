/*
 * A virtio device, whatever transport it sits behind: status and features, configuration, queues; and what
 * each kind of device has to offer (struct virtio_ops).
 *
 * Threads. The driver's writes arrive on vCPU threads through a transport, under the transport's leaf lock.
 * What they change is handed to the I/O thread (iothread_call()), which alone serves queues; so functions of
 * struct virtio_ops run there, but for config access, which runs under the leaf lock.
 *
 * Source: virtio 1.2, 2 (basic facilities), 3 (general initialization). Legacy drivers are not served
 * (VIRTIO_F_VERSION_1 is required).
 */
#ifndef VIRTIO_DEVICE_H
#define VIRTIO_DEVICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/iothread.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/state.h"
#include "virtio/queue.h"

#define VIRTIO_MAX_QUEUES 64

/* 2.1 Device status field. */
#define VIRTIO_STATUS_ACKNOWLEDGE 1u
#define VIRTIO_STATUS_DRIVER      2u
#define VIRTIO_STATUS_DRIVER_OK   4u
#define VIRTIO_STATUS_FEATURES_OK 8u
#define VIRTIO_STATUS_NEEDS_RESET 64u
#define VIRTIO_STATUS_FAILED      128u

/* 4.1.4.5, 4.2.2: interrupt status. */
#define VIRTIO_ISR_QUEUE  1u
#define VIRTIO_ISR_CONFIG 2u

/* 6 Reserved feature bits that every device of ours offers: masks, and so not named as the numbers of bits in
 * <linux/virtio_config.h> are. */
#define VIRTIO_FEATURE_INDIRECT_DESC (UINT64_C(1) << 28)
#define VIRTIO_FEATURE_EVENT_IDX     (UINT64_C(1) << 29)
#define VIRTIO_FEATURE_VERSION_1     (UINT64_C(1) << 32)
#define VIRTIO_FEATURE_RING_PACKED   (UINT64_C(1) << 34)

enum virtio_id {
	VIRTIO_ID_NET = 1,
	VIRTIO_ID_BLOCK = 2,
	VIRTIO_ID_CONSOLE = 3,
	VIRTIO_ID_RNG = 4,
	VIRTIO_ID_9P = 9
};

struct virtio_device;

/* A kind of device. What is NULL does nothing. */
struct virtio_ops {
	const char *name; /* "blk" */
	enum virtio_id id;
	uint32_t config_bytes;
	/* offset + n lies inside config_bytes. Under the transport's leaf lock. */
	void (*read_config)(struct virtio_device *dev, uint32_t offset, void *to, uint32_t n);
	void (*write_config)(struct virtio_device *dev, uint32_t offset, const void *from,
			     uint32_t n);
	/* DRIVER_OK: queues that the driver enabled are started. Each is looked at by kick() right after. */
	void (*start)(struct virtio_device *dev);
	/* There may be requests in queue `n`. Serves what is there and interrupts. */
	void (*kick)(struct virtio_device *dev, unsigned n);
	/* Reset by the driver, or of the machine: when it returns nothing of this device uses guest memory any
	 * more; it waits for what is under way. State of the driver's life is forgotten. */
	void (*stop)(struct virtio_device *dev);
	/* Nothing is to change in guest memory until resume: requests under way are finished and given back,
	 * new ones stay in the queue (virtio_pop() gives none). Only between start and stop, and stop may come
	 * without a resume before it. After resume each queue is looked at by kick(). */
	void (*quiesce)(struct virtio_device *dev);
	void (*resume)(struct virtio_device *dev);
	const struct state_desc *state; /* what the kind has beyond struct virtio_state; or NULL */
};

/* Saved and loaded, with one struct virtq_state a queue. */
struct virtio_state {
	uint64_t driver_features;
	uint32_t features_select, driver_features_select; /* mmio, pci: which half is accessed */
	uint32_t queue_select;
	uint32_t config_generation; /* atomically */
	uint32_t isr;               /* atomically: VIRTIO_ISR_*; set and cleared by the transport */
	uint16_t config_vector;     /* MSI-X, VIRTIO_NO_VECTOR: none */
	uint8_t status;
	uint8_t features_beyond; /* the driver asked for a feature above bit 63 */
};

extern const struct state_desc virtio_state_desc;

/* How a transport is told; any thread, no lock taken, guest-visible at once. */
struct virtio_transport {
	void (*interrupt)(struct virtio_device *dev, unsigned queue);
	void (*config_interrupt)(struct virtio_device *dev);
	/* The eventfd that interrupts for queue `n` by itself, with nothing else to be done, from now until the
	 * device stops: for who serves the queue outside rasvm. -1, or NULL: interrupt() has to be called. I/O
	 * thread. */
	int (*irq_fd)(struct virtio_device *dev, unsigned n);
	/* Status reached DRIVER_OK, or left it: kicks are wanted (ioeventfd) or not; see virtio_kick_fd().
	 * Under the leaf lock. */
	void (*running)(struct virtio_device *dev, bool running);
};

/* The eventfd by which a queue is kicked: by KVM (ioeventfd) or by virtio_kick(). */
struct virtio_doorbell {
	struct virtio_device *dev;
	unsigned queue;
	int fd;       /* -1: the device is not attached to a transport */
	bool watched; /* in the I/O thread's loop: the queue is started. Changed by iothread_call() */
};

struct virtio_counts { /* --stats, stat; I/O thread writes, others read */
	_Atomic uint64_t kicks, requests, interrupts, errors;
};

struct virtio_device {
	const struct virtio_ops *ops;
	const struct virtio_transport *transport; /* virtio_attach() */
	void *transport_world;                    /* the transport's own */
	struct iothread *io;
	const struct mem *mem;
	struct virtio_state state; /* under the leaf lock, but for what says atomically */
	uint64_t features;         /* offered */
	struct virtq *queue;
	unsigned nqueues;
	bool started;         /* I/O thread: between ops->start and ops->stop */
	bool quiesced;        /* I/O thread */
	bool live;            /* I/O thread: started and not quiesced */
	uint64_t told_broken; /* I/O thread: queues of which driver and operator have been told */
	_Atomic bool driver_ok;
	_Atomic uint32_t needs_reset; /* the device found a queue broken */
	struct virtio_doorbell doorbell[VIRTIO_MAX_QUEUES];
	struct virtio_counts counts;
	struct log_limit log; /* I/O thread */
	struct log_limit
		driver_log; /* under the leaf lock: what the driver does wrong with registers */
	char label[32];     /* "blk0": messages, stat */
};

/* For the init function of a kind. `queues` are the kind's own, nqueues of them, each initialised with
 * virtq_init(). `features` beyond those of every device. The label is the kind's name; the caller writes a
 * better one afterwards. */
void virtio_init(struct virtio_device *dev, const struct virtio_ops *ops, struct iothread *io,
		 const struct mem *mem, struct virtq *queues, unsigned nqueues, uint64_t features);

/* Whether the driver accepted all of `features`. From FEATURES_OK on; any thread. */
static inline bool virtio_has(const struct virtio_device *dev, uint64_t features)
{
	return (dev->state.driver_features & features) == features;
}

/* For kinds, on the I/O thread: take the next request of queue `n`. False: none, or the queue is broken, and
 * then the driver has been told (DEVICE_NEEDS_RESET) and the operator, rate-limited. */
bool virtio_pop(struct virtio_device *dev, unsigned n, struct virtq_chain *chain);

/* For kinds, on the I/O thread: put back the request that was taken last; it is the next one again. Nothing may
 * have been given back since. */
void virtio_unpop(struct virtio_device *dev, unsigned n, const struct virtq_chain *chain);

/* For kinds, on the I/O thread: queue `n` was found empty; have the driver kick. True: look once more. */
bool virtio_rest(struct virtio_device *dev, unsigned n);

/* For kinds, on the I/O thread: kick() for queue `n` once more, after what else the thread has to do. False: that
 * cannot be; go on now. */
bool virtio_yield(struct virtio_device *dev, unsigned n);

/* For kinds, on the I/O thread, that serve queue `n` in turns: one is over, as the queue was `empty` or had its share.
 * True: have another now. A driver that adds requests as fast as they are served does not keep the thread from
 * others. */
bool virtio_end_turn(struct virtio_device *dev, unsigned n, bool empty);

/* For kinds: a batch was given back; interrupt if the driver wants it. I/O thread. */
void virtio_interrupt(struct virtio_device *dev, unsigned n);

/* For kinds: this request makes no sense: what is wrong is a static sentence. The device needs a reset. */
void virtio_break(struct virtio_device *dev, unsigned n, const char *why);

/* For kinds, on the I/O thread: something outside rasvm (the host's kernel) takes the kicks of queue `n` from
 * its doorbell, or no longer. The eventfd; -1: the queue has none, and kicks come by ops->kick(). */
int virtio_lend_doorbell(struct virtio_device *dev, unsigned n, bool lent);

/* For kinds: configuration changed by itself (a size, a link), after the change. Any thread. */
void virtio_config_changed(struct virtio_device *dev);

/* For the init function of a transport: make the doorbells. Main thread, before the guest runs. 0, or -errno
 * with `err`. */
int virtio_attach(struct virtio_device *dev, const struct virtio_transport *transport, void *world,
		  struct err *err) __attribute__((warn_unused_result));

/* Close the doorbells. The device is reset, or the I/O thread has ended. Safe on one never attached. */
void virtio_detach(struct virtio_device *dev);

/* For transports, on vCPU threads under the leaf lock. Status: what is out of order (3.1.1) is not taken, so
 * the driver reads it back as it was; 0 resets, and returns when the device has stopped. */
void virtio_set_status(struct virtio_device *dev, uint32_t status);
uint32_t virtio_status(struct virtio_device *dev);
void virtio_set_driver_features(struct virtio_device *dev, uint32_t half, uint32_t value);
uint32_t virtio_features(struct virtio_device *dev, uint32_t half);
void virtio_config_read(struct virtio_device *dev, uint32_t offset, void *to, uint32_t n);
void virtio_config_write(struct virtio_device *dev, uint32_t offset, const void *from, uint32_t n);
/* The queue chosen by queue_select, or NULL: there is none of that number. */
struct virtq *virtio_selected_queue(struct virtio_device *dev);
/* The same, if its size and addresses may be written now: it is not enabled, the driver not yet ready. */
struct virtq *virtio_queue_to_set_up(struct virtio_device *dev);
/* Enable the selected queue, before DRIVER_OK; or disable it: its requests are finished first, and the queue
 * forgotten. What makes no sense is ignored. */
void virtio_enable_queue(struct virtio_device *dev, bool on);
/* The eventfd that kicks queue `n` while the queue is served (from running(true) to running(false)); -1: it is
 * not served, or kicks have to come through virtio_kick(). */
int virtio_kick_fd(const struct virtio_device *dev, unsigned n);
/* A kick by a trapped write (no ioeventfd): hands it to the I/O thread. */
void virtio_kick(struct virtio_device *dev, unsigned n);

/* A kick on the I/O thread (the doorbell was read). */
void virtio_kicked(struct virtio_device *dev, unsigned n);

/* The machine: reset, quiesce, resume. Main thread; under the leaf lock. */
void virtio_reset(struct virtio_device *dev);
void virtio_quiesce(struct virtio_device *dev);
void virtio_resume(struct virtio_device *dev);

#endif
