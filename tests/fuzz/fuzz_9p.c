/*
 * A 9P share with any requests: each is answered by a reply that fits and says its own size, no file outside the
 * share is changed or read, and no descriptor is left when the session ends.
 *
 * The input is a list of requests. Each begins with a byte that picks one and tells how wrong it is; its fields
 * come from tables of what matters (few fids, names that exist, names that lead out), or are raw bytes. Beside
 * the share lies a file whose content never appears in a reply, and links in the share lead to it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/types.h"
#include "virtio/p9_fs.h"

#define CANARY     "canary-5b1c9e-outside"
#define PATH_BYTES 256
#define MAX_FIDS   24
#define DATA_BYTES 8192
#define REQUESTS   64 /* of one input */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char base[PATH_BYTES / 2], share[PATH_BYTES], canary[PATH_BYTES];
static struct p9_io io;
static uint8_t memory[DATA_BYTES];

static void violated(const char *rule)
{
	fprintf(stderr, "violated: %s\n", rule);
	abort();
}

static void must(bool done, const char *what)
{
	if (!done) {
		perror(what);
		abort();
	}
}

static const char *in_share(const char *name)
{
	static char path[2 * PATH_BYTES];

	snprintf(path, sizeof(path), "%s/%s", share, name);
	return path;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
	close(fd);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)type;
	if (ftw->level == 0)
		return 0;
	if (S_ISDIR(st->st_mode))
		chmod(path, 0700);
	return remove(path);
}

/* The same tree for each input, so that a failure can be had again. */
static void plant_tree(void)
{
	nftw(share, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	must(!mkdir(in_share("d"), 0755), "d");
	must(!mkdir(in_share("d/e"), 0755), "e");
	write_file(in_share("f"), "file");
	must(!symlink("../canary", in_share("l")), "l");
	must(!symlink("..", in_share("u")), "u");
	must(!symlink(canary, in_share("d/a")), "a");
	must(!mkfifo(in_share("p"), 0666), "p");
}

static void clean_up(void)
{
	nftw(base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	rmdir(base);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	snprintf(base, sizeof(base), "%s/rasvm fuzz 9p.XXXXXX",
		 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm"); /* memory is quick */
	must(mkdtemp(base) != NULL, base);
	snprintf(share, sizeof(share), "%s/share", base);
	snprintf(canary, sizeof(canary), "%s/canary", base);
	must(!mkdir(share, 0755), share);
	write_file(canary, CANARY);
	atexit(clean_up);
	return 0;
}

static void check_canary(const struct stat *before)
{
	char text[sizeof(CANARY) + 1] = "";
	struct stat now;
	unsigned names = 0;
	DIR *dir = opendir(base);
	int fd = open(canary, O_RDONLY | O_CLOEXEC);

	if (!dir || fd < 0 || read(fd, text, sizeof(text) - 1) < 0 || strcmp(text, CANARY) != 0)
		violated("the file outside stays as it is");
	if (fstat(fd, &now) || now.st_mode != before->st_mode || now.st_uid != before->st_uid ||
	    now.st_nlink != 1 || now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
	    now.st_mtim.tv_nsec != before->st_mtim.tv_nsec)
		violated("the attributes of the file outside stay as they are");
	close(fd);
	while (readdir(dir))
		names++;
	closedir(dir);
	if (names != 4)
		violated("nothing is made outside");
}

static unsigned open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	must(dir != NULL, "/proc/self/fd");
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void check_reply(void)
{
	struct p9_header h = p9_header(io.reply);

	if (h.size != io.reply_bytes + io.data_bytes || h.size > io.room ||
	    io.reply_bytes < P9_HEADER_BYTES)
		violated("a reply says its size and fits");
	if (h.type != P9_RLERROR && h.type != io.request[4] + 1)
		violated("a reply is an error or that of its request");
	if (memmem(io.reply, io.reply_bytes, CANARY, strlen(CANARY)) ||
	    memmem(memory, io.data_bytes, CANARY, strlen(CANARY)))
		violated("what is outside is not read");
}

/* ---- requests ---- */

struct source {
	const uint8_t *at;
	size_t left;
};

static uint8_t next(struct source *s)
{
	if (!s->left)
		return 0;
	s->left--;
	return *s->at++;
}

static const char *const names[] = {
	"d",
	"e",
	"f",
	"l",
	"u",
	"p",
	"a",
	"new",
	"x",
	"..",
	".",
	"",
	"../canary",
	"canary",
	"/",
	"d/e",
	"user.rasvm.stat",
	"user.x",
	"100644 0 0 0 0",
	"../x",
};

static const uint64_t numbers[] = {
	0777,    06777,   0010666,   0020666,    0100644,   0120777,    0140777,
	01000,   01002,   0203,      0x1ff,      0x200,     0x1000,     0xffff,
	0x10000, 0x10001, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX,
};

static uint64_t number(struct source *s)
{
	uint8_t byte = next(s);

	return byte < 32 ? byte : numbers[byte % ARRAY_SIZE(numbers)];
}

/* f: a fid, n: a name, w: a list of them, b h d q: a number of 8 to 64 bits, x: bytes up to the end. */
static const struct {
	uint8_t type;
	const char *fields;
} forms[] = {
	{ P9_TSTATFS, "f" },
	{ P9_TLOPEN, "fd" },
	{ P9_TLCREATE, "fnddd" },
	{ P9_TSYMLINK, "fnnd" },
	{ P9_TMKNOD, "fndddd" },
	{ P9_TRENAME, "ffn" },
	{ P9_TREADLINK, "f" },
	{ P9_TGETATTR, "fq" },
	{ P9_TSETATTR, "fddddqqqqq" },
	{ P9_TXATTRWALK, "ffn" },
	{ P9_TXATTRCREATE, "fnqd" },
	{ P9_TREADDIR, "fqd" },
	{ P9_TFSYNC, "fd" },
	{ P9_TLOCK, "fbdqqdn" },
	{ P9_TGETLOCK, "fbqqdn" },
	{ P9_TLINK, "ffn" },
	{ P9_TMKDIR, "fndd" },
	{ P9_TRENAMEAT, "fnfn" },
	{ P9_TUNLINKAT, "fnd" },
	{ P9_TVERSION, "dn" },
	{ P9_TAUTH, "fnnd" },
	{ P9_TATTACH, "ffnnd" },
	{ P9_TFLUSH, "h" },
	{ P9_TWALK, "ffw" },
	{ P9_TREAD, "fqd" },
	{ P9_TWRITE, "fqdx" },
	{ P9_TCLUNK, "f" },
	{ P9_TREMOVE, "f" },
	{ P9_TWALK, "ffw" },
	{ P9_TWALK, "ffw" },
	{ 0, "x" },
};

static void put_name(struct bytes *b, struct source *s)
{
	const char *name = names[next(s) % ARRAY_SIZE(names)];

	p9_put_text(b, name, strlen(name));
}

static void put_names(struct bytes *b, struct source *s)
{
	uint8_t n = next(s) % 8;

	bytes_u16(b, n == 7 ? 17 : n);
	for (unsigned i = 0; i < n; i++)
		put_name(b, s);
}

static void put_raw(struct bytes *b, struct source *s)
{
	for (uint8_t n = next(s); n; n--)
		bytes_u8(b, next(s));
}

static void put_field(struct bytes *b, char kind, struct source *s)
{
	uint8_t fid;

	switch (kind) {
	case 'f':
		fid = next(s) % 10;
		bytes_u32(b, fid == 9 ? P9_NO_ID : fid);
		break;
	case 'n':
		put_name(b, s);
		break;
	case 'w':
		put_names(b, s);
		break;
	case 'b':
		bytes_u8(b, next(s));
		break;
	case 'h':
		bytes_u16(b, (uint16_t)number(s));
		break;
	case 'd':
		bytes_u32(b, (uint32_t)number(s));
		break;
	case 'q':
		bytes_u64(b, number(s));
		break;
	default:
		put_raw(b, s);
	}
}

static void serve(struct p9_fs *fs, size_t n, size_t room)
{
	io.request_bytes = io.sent_bytes = n;
	io.nin = p9_iov_slice(&(struct iovec){ io.request, n }, 1, P9_WRITE_BYTES, n, io.in);
	io.room = P9_READ_BYTES + room;
	io.out[0] = (struct iovec){ memory, room };
	io.nout = 1;
	p9_fs_serve(fs, &io);
	check_reply();
}

/* One request from the input: now and then it ends early, lies about its size, or has a small reply buffer. */
static void serve_next(struct p9_fs *fs, struct source *s)
{
	struct bytes b = bytes_in(io.request, sizeof(io.request));
	uint8_t pick = next(s), wrong = next(s);
	size_t n;

	bytes_u32(&b, 0);
	bytes_u8(&b, forms[pick % ARRAY_SIZE(forms)].type);
	bytes_u16(&b, pick);
	for (const char *kind = forms[pick % ARRAY_SIZE(forms)].fields; *kind; kind++)
		put_field(&b, *kind, s);
	if (pick % ARRAY_SIZE(forms) == ARRAY_SIZE(forms) - 1)
		io.request[4] = next(s);
	n = b.used;
	if (wrong % 32 == 1)
		n -= next(s) % (n - P9_HEADER_BYTES + 1);
	bytes_set_u32(&b, 0, (uint32_t)(wrong % 32 == 2 ? number(s) : n));
	serve(fs, n, wrong % 32 == 3 ? next(s) : DATA_BYTES);
}

static void start_session(struct p9_fs *fs)
{
	struct bytes b = bytes_in(io.request, sizeof(io.request));

	bytes_u32(&b, 21);
	bytes_u8(&b, P9_TVERSION);
	bytes_u16(&b, 0);
	bytes_u32(&b, 8192);
	p9_put_text(&b, "9P2000.L", 8);
	serve(fs, b.used, DATA_BYTES);
	b = bytes_in(io.request, sizeof(io.request));
	bytes_u32(&b, 23);
	bytes_u8(&b, P9_TATTACH);
	bytes_u16(&b, 0);
	bytes_u32(&b, 0);
	bytes_u32(&b, P9_NO_ID);
	bytes_zero(&b, 4 + 4);
	serve(fs, b.used, DATA_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct p9_options o = { .tag = "t" };
	struct err err = { "" };
	struct stat before;
	struct p9_fs fs;
	unsigned descriptors = open_descriptors();
	struct source s = { data, size };
	uint8_t how = next(&s);
	int rc;

	if (memmem(data, size, CANARY, strlen(CANARY)))
		return 0; /* it would find what it wrote itself */

	plant_tree();
	must(!stat(canary, &before), canary);
	snprintf(o.dir, sizeof(o.dir), "%s", share);
	o.ids = how & 1 ? P9_IDS_MAPPED : P9_IDS_PASSTHROUGH;
	o.ro = how % 8 == 7;
	rc = p9_fs_open(&fs, &o, MAX_FIDS, &err);
	if (rc == -EOPNOTSUPP) { /* a file system without user attributes: tmpfs before Linux 6.6 */
		o.ids = P9_IDS_PASSTHROUGH;
		rc = p9_fs_open(&fs, &o, MAX_FIDS, &err);
	}
	if (rc)
		violated(err.text);
	start_session(&fs);
	for (unsigned i = 0; i < REQUESTS && s.left; i++)
		serve_next(&fs, &s);
	p9_fs_close(&fs);
	check_canary(&before);
	if (open_descriptors() != descriptors)
		violated("all descriptors are closed");
	return 0;
}
