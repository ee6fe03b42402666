/* Nothing that a guest asks for leads out of its share: "..", links of all kinds, special files, and
 * directories that another process renames or swaps while the guest is on its way. Beside the share lies a
 * file that must not be reached or changed; each test looks at it at its end (client_close()). */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "p9_client.h"

#define ROUNDS     1000
#define DEADLINE_S 60 /* alarm(2): a test that hangs has opened what it must not */

static struct client c;

static void begin(void)
{
	alarm(DEADLINE_S);
	client_open(&c);
}

static void end(void)
{
	client_close(&c);
	alarm(0);
}

static uint64_t ino_of(const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		fail_msg("%s: %s", path, strerror(errno));
	return st.st_ino;
}

static void host_mkdir(const char *name)
{
	assert_int_equal(mkdir(host(&c, name), 0755), 0);
}

static void host_link(const char *to, const char *name)
{
	assert_int_equal(symlink(to, host(&c, name)), 0);
}

/* ---- .. ---- */

static void above_the_root_is_the_root(void **state)
{
	(void)state;
	begin();
	host_mkdir("d");
	ok(&c, P9_TWALK, "ddhsssss", ROOT, 1, 5, "..", "d", "..", "..", "..");
	assert_int_equal(p9_get_u16(&c.got), 5);
	assert_int_equal(getattr(&c, 1).qid.path, c.fs.root_ino);
	assert_int_equal(walk(&c, 1, 2, "secret"), -ENOENT);
	ok(&c, P9_TWALK, "ddhss", ROOT, 3, 2, "..", "secret");
	assert_int_equal(p9_get_u16(&c.got), 1);
	end();
}

static void dotdot_leads_back_one_directory(void **state)
{
	(void)state;
	begin();
	host_mkdir("d");
	host_mkdir("d/e f");
	ok(&c, P9_TWALK, "ddhsss", ROOT, 1, 3, "d", "e f", "..");
	assert_int_equal(getattr(&c, 1).qid.path, ino_of(host(&c, "d")));
	end();
}

static void dotdot_follows_a_directory_that_was_moved(void **state)
{
	(void)state;
	begin();
	host_mkdir("d");
	host_mkdir("d/e");
	host_mkdir("f");
	ok(&c, P9_TWALK, "ddhss", ROOT, 1, 2, "d", "e");
	assert_int_equal(rename(host(&c, "d/e"), host(&c, "f/e")), 0);
	assert_int_equal(walk(&c, 1, 2, ".."), 0);
	assert_int_equal(getattr(&c, 2).qid.path, ino_of(host(&c, "f")));
	end();
}

/* Somebody on the host moves a directory out of the share while the guest holds it. */
static void a_directory_that_left_the_share_has_no_parent(void **state)
{
	(void)state;
	begin();
	host_mkdir("d");
	host_mkdir("d/e");
	assert_int_equal(walk(&c, ROOT, 1, "d"), 0);
	ok(&c, P9_TWALK, "ddhss", ROOT, 2, 2, "d", "e");
	assert_int_equal(rename(host(&c, "d"), host(&c, "../outside")), 0);
	assert_int_equal(walk(&c, 1, 3, ".."), -ENOENT);
	assert_int_equal(walk(&c, 2, 3, ".."), -ENOENT);
	assert_int_equal(call(&c, P9_TREMOVE, "d", 2), -ENOENT);
	assert_int_equal(call(&c, P9_TRENAME, "dds", 1, ROOT, "back"), -ENOENT);
	assert_int_equal(access(host(&c, "../outside/e"), F_OK), 0);
	end();
}

/* A share whose directory's name begins like another's. */
static void a_sibling_with_a_longer_name_is_outside(void **state)
{
	(void)state;
	begin();
	host_mkdir("d");
	assert_int_equal(mkdir(host(&c, "../a shareholder"), 0755), 0);
	assert_int_equal(walk(&c, ROOT, 1, "d"), 0);
	assert_int_equal(rename(host(&c, "d"), host(&c, "../a shareholder/d")), 0);
	assert_int_equal(walk(&c, 1, 2, ".."), -ENOENT);
	end();
}

/* ---- symbolic links ---- */

static const char *const ways_out[] = { "../secret", "/etc/passwd", "..", "/",
					"../a share/../secret" };

static void links_are_not_followed_by_walk_and_open(void **state)
{
	(void)state;
	begin();
	for (size_t i = 0; i < ARRAY_SIZE(ways_out); i++) {
		host_link(ways_out[i], "link");
		assert_int_equal(walk(&c, ROOT, 1, "link"), 0);
		assert_true(S_ISLNK(getattr(&c, 1).mode));
		assert_int_equal(call(&c, P9_TLOPEN, "dd", 1, L_RDONLY), -ELOOP);
		assert_int_equal(call(&c, P9_TLOPEN, "dd", 1, L_RDWR | L_TRUNC), -ELOOP);
		assert_int_equal(walk(&c, 1, 2, "secret"), -ENOTDIR);
		assert_int_equal(walk(&c, 1, 2, ".."), -ENOTDIR);
		ok(&c, P9_TREADLINK, "d", 1);
		expect_text(&c, ways_out[i]);
		clunk(&c, 1);
		assert_int_equal(unlink(host(&c, "link")), 0);
	}
	end();
}

static void links_are_not_followed_by_what_changes(void **state)
{
	(void)state;
	begin();
	host_link("../secret", "link");
	assert_int_equal(walk(&c, ROOT, 1, "link"), 0);
	ok(&c, P9_TWALK, "ddh", ROOT, 2, 0);
	assert_int_equal(call(&c, P9_TLCREATE, "dsddd", 2, "link", L_RDWR | L_TRUNC, 0666, 0),
			 -ELOOP);
	assert_int_equal(call(&c, P9_TLCREATE, "dsddd", 2, "link", L_RDWR | L_EXCL, 0666, 0),
			 -EEXIST);
	assert_int_equal(setattr(&c, 1, P9_SETATTR_SIZE, 0, 0, 0, 0), -EINVAL);
	assert_int_equal(setattr(&c, 1, P9_SETATTR_MODE, 0777, 0, 0, 0), -EOPNOTSUPP);
	assert_int_equal(setattr(&c, 1, P9_SETATTR_MTIME | P9_SETATTR_MTIME_SET, 0, 0, 0, 0), 0);
	ok(&c, P9_TLINK, "dds", ROOT, 1, "hard");
	assert_int_equal(ino_of(host(&c, "hard")), ino_of(host(&c, "link")));
	ok(&c, P9_TREMOVE, "d", 1);
	end();
}

static void nothing_is_made_through_a_dangling_link(void **state)
{
	(void)state;
	begin();
	host_link("../new", "link");
	ok(&c, P9_TWALK, "ddh", ROOT, 1, 0);
	assert_int_equal(call(&c, P9_TLCREATE, "dsddd", 1, "link", L_RDWR, 0666, 0), -ELOOP);
	assert_int_equal(call(&c, P9_TMKDIR, "dsdd", ROOT, "link", 0755, 0), -EEXIST);
	assert_int_equal(call(&c, P9_TMKNOD, "dsdddd", ROOT, "link", S_IFREG | 0600, 0, 0, 0),
			 -EEXIST);
	assert_true(access(host(&c, "../new"), F_OK) < 0);
	end();
}

static void a_link_is_not_a_directory_to_work_in(void **state)
{
	(void)state;
	begin();
	host_write(host(&c, "f"), "");
	host_link("..", "up");
	assert_int_equal(walk(&c, ROOT, 1, "up"), 0);
	assert_int_equal(walk(&c, ROOT, 2, "f"), 0);
	assert_int_equal(call(&c, P9_TLCREATE, "dsddd", 1, "x", L_RDWR, 0666, 0), -ENOTDIR);
	assert_int_equal(call(&c, P9_TMKDIR, "dsdd", 1, "x", 0755, 0), -ENOTDIR);
	assert_int_equal(call(&c, P9_TSYMLINK, "dssd", 1, "x", "t", 0), -ENOTDIR);
	assert_int_equal(call(&c, P9_TLINK, "dds", 1, 2, "x"), -ENOTDIR);
	assert_int_equal(call(&c, P9_TRENAMEAT, "dsds", 1, "secret", ROOT, "x"), -ENOTDIR);
	assert_int_equal(call(&c, P9_TRENAMEAT, "dsds", ROOT, "f", 1, "x"), -ENOTDIR);
	assert_int_equal(call(&c, P9_TUNLINKAT, "dsd", 1, "secret", 0), -ENOTDIR);
	ok(&c, P9_TWALK, "ddhss", ROOT, 3, 2, "up", "secret");
	assert_int_equal(p9_get_u16(&c.got), 1);
	end();
}

/* ---- /proc, files, special files, deep trees ---- */

/* Links of /proc jump to a file whatever they say; here they are links like others. */
static void magic_links_are_not_jumped_through(void **state)
{
	static const char *const links[] = { "cwd", "root", "exe" };
	struct p9_options o = { .dir = "/proc/self", .ro = true };
	struct p9_fs proc, mine;
	struct err err = { "" };

	(void)state;
	begin();
	assert_int_equal(p9_fs_open(&proc, &o, 16, &err), 0);
	mine = c.fs;
	c.fs = proc;
	client_attach(&c);
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		assert_int_equal(walk(&c, ROOT, 1, links[i]), 0);
		assert_int_equal(call(&c, P9_TLOPEN, "dd", 1, L_RDONLY), -ELOOP);
		assert_int_equal(walk(&c, 1, 2, "etc"), -ENOTDIR);
		ok(&c, P9_TREADLINK, "d", 1);
		clunk(&c, 1);
	}
	p9_fs_close(&c.fs);
	c.fs = mine;
	end();
}

/* A process's memory is a regular file there, that of this one too. */
static void doors_to_the_kernel_are_not_opened(void **state)
{
	static const char *const doors[] = { "mem", "maps", "status" };
	struct p9_options o = { .dir = "/proc/self" };
	struct p9_fs proc, mine;
	struct err err = { "" };

	(void)state;
	begin();
	assert_int_equal(p9_fs_open(&proc, &o, 16, &err), 0);
	mine = c.fs;
	c.fs = proc;
	client_attach(&c);
	for (size_t i = 0; i < ARRAY_SIZE(doors); i++) {
		assert_int_equal(walk(&c, ROOT, 1, doors[i]), 0);
		assert_int_equal(call(&c, P9_TLOPEN, "dd", 1, L_RDONLY), -EACCES);
		clunk(&c, 1);
	}
	assert_int_equal(call(&c, P9_TLCREATE, "dsddd", ROOT, "mem", L_RDONLY, 0600, 0), -EACCES);
	p9_fs_close(&c.fs);
	c.fs = mine;
	end();
}

static void a_file_is_no_directory(void **state)
{
	(void)state;
	begin();
	host_write(host(&c, "f"), "");
	assert_int_equal(walk(&c, ROOT, 1, "f"), 0);
	assert_int_equal(walk(&c, 1, 2, "x"), -ENOTDIR);
	assert_int_equal(walk(&c, 1, 2, ".."), -ENOTDIR);
	ok(&c, P9_TWALK, "ddhss", ROOT, 2, 2, "f", "..");
	assert_int_equal(p9_get_u16(&c.got), 1);
	end();
}

static void make_socket(const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", host(&c, name));
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	close(fd);
}

static void check_not_opened(const char *name)
{
	static const uint32_t flags[] = { L_RDONLY, L_WRONLY, L_RDWR | L_TRUNC };

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		assert_int_equal(walk(&c, ROOT, 1, name), 0);
		assert_int_equal(call(&c, P9_TLOPEN, "dd", 1, flags[i]), -ENXIO);
		clunk(&c, 1);
		ok(&c, P9_TWALK, "ddh", ROOT, 1, 0);
		assert_int_equal(call(&c, P9_TLCREATE, "dsddd", 1, name, flags[i], 0666, 0),
				 -ENXIO);
		clunk(&c, 1);
	}
}

/* A FIFO without a writer would hold up whoever opens it. */
static void special_files_are_not_opened(void **state)
{
	(void)state;
	begin();
	assert_int_equal(mkfifo(host(&c, "fifo"), 0666), 0);
	check_not_opened("fifo");
	make_socket("socket");
	check_not_opened("socket");
	if (geteuid() == 0 && !mknod(host(&c, "zero"), S_IFCHR | 0666, 0x105))
		check_not_opened("zero");
	end();
}

/* Deeper than any path can say. */
static void trees_may_be_deep(void **state)
{
	enum { LEVELS = 30 };
	char name[201];

	(void)state;
	begin();
	memset(name, 'n', 200);
	name[200] = '\0';
	for (unsigned i = 0; i < LEVELS; i++) {
		ok(&c, P9_TMKDIR, "dsdd", i, name, 0755, getegid());
		assert_int_equal(walk(&c, i, i + 1, name), 0);
	}
	assert_int_equal(walk(&c, 5, 50, ".."), 0);
	assert_int_equal(getattr(&c, 50).qid.path, getattr(&c, 4).qid.path);
	assert_int_equal(walk(&c, LEVELS, 51, ".."), -ENAMETOOLONG);
	assert_int_equal(call(&c, P9_TRENAME, "dds", LEVELS, ROOT, "x"), -ENAMETOOLONG);
	ok(&c, P9_TRENAMEAT, "dsds", LEVELS - 1, name, ROOT, "up");
	assert_int_equal(walk(&c, LEVELS, 51, ".."), 0);
	assert_int_equal(getattr(&c, 51).qid.path, c.fs.root_ino);
	for (unsigned i = LEVELS - 1; i > 0; i--)
		ok(&c, P9_TUNLINKAT, "dsd", i - 1, name, P9_REMOVEDIR);
	end();
}

/* ---- a host that cannot keep a guest inside ---- */

/* From here on openat2 answers ENOSYS, as Linux 5.5 does. */
static bool forget_openat2(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { ARRAY_SIZE(code), code };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

enum { REFUSED = 10, NO_FILTER, WRONG };

static int open_without_openat2(void)
{
	struct p9_options o = { .ro = true };
	struct err err = { "" };
	struct p9_fs fs;

	snprintf(o.dir, sizeof(o.dir), "%s", c.dir);
	if (!forget_openat2())
		return NO_FILTER;
	if (p9_fs_open(&fs, &o, 16, &err) != -ENOSYS || !strstr(err.text, "Linux 5.6") ||
	    !strstr(err.text, c.dir))
		return WRONG;
	return REFUSED;
}

static void a_kernel_without_openat2_is_refused(void **state)
{
	int status = 0;
	pid_t child;

	(void)state;
	begin();
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(open_without_openat2());
	assert_int_equal(waitpid(child, &status, 0), child);
	end();
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NO_FILTER)
		skip(); /* no filters here */
	assert_int_equal(WEXITSTATUS(status), REFUSED);
}

/* ---- while another process is at work ---- */

static atomic_bool stop_moving;
static _Atomic unsigned moves;

struct move {
	const char *a, *b;
	unsigned flags; /* of renameat2(2) */
};

/* Forth and back, until told to stop. */
static void *keep_moving(void *arg)
{
	const struct move *m = arg;

	while (!atomic_load(&stop_moving)) {
		syscall(SYS_renameat2, AT_FDCWD, m->a, AT_FDCWD, m->b, m->flags);
		if (!m->flags)
			syscall(SYS_renameat2, AT_FDCWD, m->b, AT_FDCWD, m->a, 0);
		atomic_fetch_add(&moves, 1);
	}
	return NULL;
}

static pthread_t start_moving(struct move *m)
{
	pthread_t thread;

	atomic_store(&stop_moving, false);
	atomic_store(&moves, 0);
	assert_int_equal(pthread_create(&thread, NULL, keep_moving, m), 0);
	while (!atomic_load(&moves))
		sched_yield();
	return thread;
}

static void stop_mover(pthread_t thread)
{
	atomic_store(&stop_moving, true);
	pthread_join(thread, NULL);
}

/* The last qid of a walk that arrived, or 0. */
static uint64_t arrived_at(uint32_t fid, unsigned names)
{
	uint64_t path = 0;

	if (p9_get_u16(&c.got) != names)
		return 0;
	while (names--)
		path = get_qid(&c).path;
	clunk(&c, fid);
	return path;
}

/* "d" is a directory in one moment and a link to the directory above the share in the next. */
static void a_link_swapped_for_a_directory_is_not_followed(void **state)
{
	char a[2 * CLIENT_PATH], b[2 * CLIENT_PATH];
	struct move m = { a, b, 2 /* RENAME_EXCHANGE */ };
	uint64_t secret, own;
	unsigned found = 0;
	pthread_t mover;

	(void)state;
	begin();
	host_mkdir("d");
	host_write(host(&c, "d/secret"), "inside");
	host_link("..", "other");
	secret = ino_of(host(&c, "../secret"));
	own = ino_of(host(&c, "d/secret"));
	snprintf(a, sizeof(a), "%s", host(&c, "d"));
	snprintf(b, sizeof(b), "%s", host(&c, "other"));
	mover = start_moving(&m);
	/* The mover may be held up in the one moment of the two; alarm(2) ends what finds nothing at all. */
	for (unsigned i = 0; i < ROUNDS || !found; i++) {
		int r = call(&c, P9_TWALK, "ddhss", ROOT, 1, 2, "d", "secret");
		uint64_t at = r ? 0 : arrived_at(1, 2);

		assert_int_not_equal(at, secret);
		found += at == own;
		if (walk(&c, ROOT, 1, "d"))
			continue;
		if (!call(&c, P9_TLCREATE, "dsddd", 1, "made", L_RDWR | L_TRUNC, 0644, getegid()))
			assert_int_equal(write_fid(&c, 1, 0, "x"), 1);
		clunk(&c, 1);
	}
	stop_mover(mover);
	assert_true(access(host(&c, "../made"), F_OK) < 0);
	assert_true(found > 0);
	end();
}

/* "name" is a plain file in one moment and a link to the secret in the next: what creates without O_EXCL must
 * not cut the secret. */
static void a_file_swapped_for_a_link_is_not_opened(void **state)
{
	char a[2 * CLIENT_PATH], b[2 * CLIENT_PATH];
	struct move m = { a, b, 2 /* RENAME_EXCHANGE */ };
	unsigned opened = 0;
	pthread_t mover;

	(void)state;
	begin();
	host_write(host(&c, "name"), "plain");
	host_link("../secret", "other");
	snprintf(a, sizeof(a), "%s", host(&c, "name"));
	snprintf(b, sizeof(b), "%s", host(&c, "other"));
	mover = start_moving(&m);
	for (unsigned i = 0; i < ROUNDS || !opened; i++) {
		int r;

		ok(&c, P9_TWALK, "ddh", ROOT, 1, 0);
		r = call(&c, P9_TLCREATE, "dsddd", 1, "name", L_RDWR | L_TRUNC, 0644, getegid());
		if (!r)
			opened++;
		else if (r != -ELOOP)
			fail_msg("expected %d, found %d", -ELOOP, r);
		clunk(&c, 1);
		assert_int_equal(walk(&c, ROOT, 1, "name"), 0);
		r = call(&c, P9_TLOPEN, "dd", 1, L_RDWR | L_TRUNC);
		assert_true(!r || r == -ELOOP);
		clunk(&c, 1);
	}
	stop_mover(mover);
	assert_true(opened > 0);
	end();
}

/* A directory moves between two places of different depth, so that ".." counted too often would lead out. */
static void dotdot_in_a_directory_that_moves_stays_inside(void **state)
{
	char a[2 * CLIENT_PATH], b[2 * CLIENT_PATH];
	struct move m = { a, b, 0 };
	uint64_t secret;
	pthread_t mover;

	(void)state;
	begin();
	host_mkdir("1");
	host_mkdir("1/2");
	host_mkdir("1/2/3");
	host_mkdir("1/2/3/d");
	secret = ino_of(host(&c, "../secret"));
	ok(&c, P9_TWALK, "ddhssss", ROOT, 7, 4, "1", "2", "3", "d");
	snprintf(a, sizeof(a), "%s", host(&c, "1/2/3/d"));
	snprintf(b, sizeof(b), "%s", host(&c, "d"));
	mover = start_moving(&m);
	for (unsigned i = 0; i < ROUNDS; i++) {
		int r = call(&c, P9_TWALK, "ddhsssss", 7, 1, 5, "..", "..", "..", "..", "secret");

		if (!r)
			assert_int_not_equal(arrived_at(1, 5), secret);
		r = call(&c, P9_TWALK, "ddhss", 7, 1, 2, "..", "secret");
		if (!r)
			assert_int_not_equal(arrived_at(1, 2), secret);
	}
	stop_mover(mover);
	end();
}

/* The directory of a fid leaves the share and comes back, and again. */
static void a_directory_that_comes_and_goes_leads_nowhere(void **state)
{
	char a[2 * CLIENT_PATH], b[2 * CLIENT_PATH];
	struct move m = { a, b, 0 };
	uint64_t base, secret;
	pthread_t mover;

	(void)state;
	begin();
	host_mkdir("d");
	host_mkdir("d/e");
	host_mkdir("d/e/f");
	secret = ino_of(host(&c, "../secret"));
	base = ino_of(c.base);
	ok(&c, P9_TWALK, "ddhss", ROOT, 7, 2, "d", "e");
	assert_int_equal(walk(&c, 7, 8, "f"), 0);
	snprintf(a, sizeof(a), "%s", host(&c, "d/e"));
	snprintf(b, sizeof(b), "%s", host(&c, "../e"));
	mover = start_moving(&m);
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (!walk(&c, 7, 1, "..")) {
			p9_get_u16(&c.got);
			assert_int_not_equal(get_qid(&c).path, base);
			clunk(&c, 1);
		}
		if (!call(&c, P9_TWALK, "ddhsss", 8, 1, 3, "..", "..", "secret"))
			assert_int_not_equal(arrived_at(1, 3), secret);
		call(&c, P9_TRENAME, "dds", 8, 7, i % 2 ? "f" : "g");
	}
	stop_mover(mover);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(above_the_root_is_the_root),
		cmocka_unit_test(dotdot_leads_back_one_directory),
		cmocka_unit_test(dotdot_follows_a_directory_that_was_moved),
		cmocka_unit_test(a_directory_that_left_the_share_has_no_parent),
		cmocka_unit_test(a_sibling_with_a_longer_name_is_outside),
		cmocka_unit_test(links_are_not_followed_by_walk_and_open),
		cmocka_unit_test(links_are_not_followed_by_what_changes),
		cmocka_unit_test(nothing_is_made_through_a_dangling_link),
		cmocka_unit_test(a_link_is_not_a_directory_to_work_in),
		cmocka_unit_test(magic_links_are_not_jumped_through),
		cmocka_unit_test(doors_to_the_kernel_are_not_opened),
		cmocka_unit_test(a_file_is_no_directory),
		cmocka_unit_test(special_files_are_not_opened),
		cmocka_unit_test(trees_may_be_deep),
		cmocka_unit_test(a_kernel_without_openat2_is_refused),
		cmocka_unit_test(a_link_swapped_for_a_directory_is_not_followed),
		cmocka_unit_test(a_file_swapped_for_a_link_is_not_opened),
		cmocka_unit_test(dotdot_in_a_directory_that_moves_stays_inside),
		cmocka_unit_test(a_directory_that_comes_and_goes_leads_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
