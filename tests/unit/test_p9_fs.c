/* Each 9P request against a real directory of the host, in both ways to treat owners, and read-only; what is
 * wrong with a message, and what runs out. */
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "p9_client.h"
#include "virtio/p9_ids.h"

static struct client c;

static void begin(void)
{
	client_open(&c);
}

static void end(void)
{
	client_close(&c);
}

static struct stat host_stat(const char *name)
{
	struct stat st;

	if (lstat(host(&c, name), &st))
		fail_msg("%s: %s", name, strerror(errno));
	return st;
}

/* A new file that is opened under `fid`. */
static void create(uint32_t fid, const char *name, uint32_t mode)
{
	ok(&c, P9_TWALK, "ddh", ROOT, fid, 0);
	ok(&c, P9_TLCREATE, "dsddd", fid, name, L_RDWR, mode, getegid());
}

/* ---- session ---- */

static void version_agrees_on_the_smaller_size(void **state)
{
	static const struct {
		uint32_t asked, given;
	} sizes[] = { { P9_MSIZE_MIN, P9_MSIZE_MIN },
		      { 131096, 131096 },
		      { P9_MSIZE_MAX, P9_MSIZE_MAX },
		      { P9_MSIZE_MAX + 1, P9_MSIZE_MAX },
		      { UINT32_MAX, P9_MSIZE_MAX } };

	(void)state;
	begin();
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		ok(&c, P9_TVERSION, "ds", sizes[i].asked, "9P2000.L");
		assert_int_equal(p9_get_u32(&c.got), sizes[i].given);
		expect_text(&c, "9P2000.L");
	}
	assert_int_equal(call(&c, P9_TVERSION, "ds", P9_MSIZE_MIN - 1, "9P2000.L"), -EMSGSIZE);
	end();
}

static void other_versions_are_unknown(void **state)
{
	static const char *const versions[] = { "9P2000", "9P2000.u", "9P2000.L2", "" };

	(void)state;
	begin();
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		ok(&c, P9_TVERSION, "ds", CLIENT_MSIZE, versions[i]);
		p9_get_u32(&c.got);
		expect_text(&c, "unknown");
		assert_int_equal(call(&c, P9_TATTACH, "ddssd", 1, P9_NO_ID, "", "", 0), -EPROTO);
	}
	end();
}

static void a_new_version_drops_all_fids(void **state)
{
	(void)state;
	begin();
	create(1, "f", 0644);
	assert_int_equal(c.fs.fids.count, 2);
	ok(&c, P9_TVERSION, "ds", CLIENT_MSIZE, "9P2000.L");
	assert_int_equal(c.fs.fids.count, 0);
	assert_int_equal(call(&c, P9_TCLUNK, "d", ROOT), -EBADF);
	end();
}

static void requests_that_are_not_ours_are_not_supported(void **state)
{
	(void)state;
	begin();
	assert_int_equal(call(&c, P9_TAUTH, "dssd", 5, "", "", 0), -EOPNOTSUPP);
	for (unsigned type = 0; type < 256; type += 2) {
		int r = type == P9_TVERSION ? 0 : call(&c, (uint8_t)type, "");

		/* Known ones lack their fields. */
		if (r != -EINVAL && r != -EOPNOTSUPP && r != 0)
			fail_msg("type %u: error %d", type, -r);
	}
	end();
}

static void flush_is_answered(void **state)
{
	(void)state;
	begin();
	ok(&c, P9_TFLUSH, "h", 1);
	assert_int_equal(c.got.left, 0);
	end();
}

/* ---- names ---- */

static void walk_finds_files_and_says_what_they_are(void **state)
{
	(void)state;
	begin();
	assert_int_equal(mkdir(host(&c, "a dir"), 0755), 0);
	host_write(host(&c, "a dir/file"), "x");
	assert_int_equal(symlink("file", host(&c, "a dir/link")), 0);
	ok(&c, P9_TWALK, "ddhss", ROOT, 1, 2, "a dir", "file");
	assert_int_equal(p9_get_u16(&c.got), 2);
	assert_int_equal(get_qid(&c).type, P9_QID_DIR);
	assert_int_equal(get_qid(&c).path, host_stat("a dir/file").st_ino);
	ok(&c, P9_TWALK, "ddhss", ROOT, 2, 2, "a dir", "link");
	assert_int_equal(p9_get_u16(&c.got), 2);
	get_qid(&c);
	assert_int_equal(get_qid(&c).type, P9_QID_SYMLINK);
	end();
}

static void walk_goes_as_far_as_it_can(void **state)
{
	(void)state;
	begin();
	assert_int_equal(mkdir(host(&c, "d"), 0755), 0);
	ok(&c, P9_TWALK, "ddhss", ROOT, 1, 2, "d", "nothing");
	assert_int_equal(p9_get_u16(&c.got), 1);
	assert_int_equal(call(&c, P9_TCLUNK, "d", 1), -EBADF);
	assert_int_equal(walk(&c, ROOT, 1, "nothing"), -ENOENT);
	end();
}

static void walk_to_its_own_number_moves_the_fid(void **state)
{
	(void)state;
	begin();
	assert_int_equal(mkdir(host(&c, "d"), 0755), 0);
	ok(&c, P9_TWALK, "ddh", ROOT, 1, 0);
	assert_int_equal(walk(&c, 1, 1, "d"), 0);
	assert_int_equal(getattr(&c, 1).qid.path, host_stat("d").st_ino);
	assert_int_equal(walk(&c, 1, ROOT, "x"), -EINVAL);
	assert_int_equal(c.fs.fids.count, 2);
	end();
}

static void mkdir_symlink_link_and_readlink(void **state)
{
	(void)state;
	begin();
	ok(&c, P9_TMKDIR, "dsdd", ROOT, "new dir", 01775, getegid());
	assert_int_equal(get_qid(&c).type, P9_QID_DIR);
	assert_int_equal(host_stat("new dir").st_mode, S_IFDIR | 01775);
	assert_int_equal(call(&c, P9_TMKDIR, "dsdd", ROOT, "new dir", 0755, 0), -EEXIST);
	ok(&c, P9_TSYMLINK, "dssd", ROOT, "s", "../any where", getegid());
	assert_int_equal(get_qid(&c).type, P9_QID_SYMLINK);
	assert_int_equal(walk(&c, ROOT, 1, "s"), 0);
	ok(&c, P9_TREADLINK, "d", 1);
	expect_text(&c, "../any where");
	ok(&c, P9_TLINK, "dds", ROOT, 1, "hard link");
	assert_int_equal(host_stat("hard link").st_ino, host_stat("s").st_ino);
	assert_int_equal(call(&c, P9_TREADLINK, "d", ROOT), -EINVAL);
	end();
}

static void mknod_makes_fifos(void **state)
{
	(void)state;
	begin();
	ok(&c, P9_TMKNOD, "dsdddd", ROOT, "fifo", S_IFIFO | 0622, 0, 0, getegid());
	assert_int_equal(host_stat("fifo").st_mode, S_IFIFO | 0622);
	ok(&c, P9_TMKNOD, "dsdddd", ROOT, "plain", 0600, 0, 0, getegid());
	assert_int_equal(host_stat("plain").st_mode, S_IFREG | 0600);
	assert_int_equal(call(&c, P9_TMKNOD, "dsdddd", ROOT, "d", S_IFDIR | 0700, 0, 0, 0),
			 -EINVAL);
	end();
}

static void renames_and_removals(void **state)
{
	(void)state;
	begin();
	assert_int_equal(mkdir(host(&c, "d"), 0755), 0);
	host_write(host(&c, "f"), "content");
	assert_int_equal(walk(&c, ROOT, 1, "d"), 0);
	assert_int_equal(walk(&c, ROOT, 2, "f"), 0);
	ok(&c, P9_TRENAMEAT, "dsds", ROOT, "f", 1, "g");
	host_expect(host(&c, "d/g"), "content");
	/* The fid follows its file. */
	ok(&c, P9_TRENAME, "dds", 2, ROOT, "h i");
	host_expect(host(&c, "h i"), "content");
	assert_int_equal(call(&c, P9_TUNLINKAT, "dsd", ROOT, "d", 0), -EISDIR);
	assert_int_equal(call(&c, P9_TUNLINKAT, "dsd", ROOT, "h i", P9_REMOVEDIR), -ENOTDIR);
	assert_int_equal(call(&c, P9_TUNLINKAT, "dsd", ROOT, "h i", 1), -EINVAL);
	ok(&c, P9_TUNLINKAT, "dsd", ROOT, "d", P9_REMOVEDIR);
	ok(&c, P9_TREMOVE, "d", 2);
	assert_int_equal(call(&c, P9_TCLUNK, "d", 2), -EBADF);
	assert_int_equal(access(host(&c, "h i"), F_OK), -1);
	end();
}

static void remove_of_what_is_gone_is_an_error_and_clunks(void **state)
{
	(void)state;
	begin();
	host_write(host(&c, "f"), "");
	assert_int_equal(walk(&c, ROOT, 1, "f"), 0);
	assert_int_equal(unlink(host(&c, "f")), 0);
	/* Its old path in /proc has a note behind it: a file of that very name is another one. */
	host_write(host(&c, "f (deleted)"), "innocent");
	assert_int_equal(call(&c, P9_TREMOVE, "d", 1), -ENOENT);
	host_expect(host(&c, "f (deleted)"), "innocent");
	assert_int_equal(call(&c, P9_TCLUNK, "d", 1), -EBADF);
	assert_int_equal(call(&c, P9_TRENAME, "dds", ROOT, ROOT, "x"), -EBUSY);
	end();
}

static const struct {
	const char *name;
	int expected;
} bad_names[] = {
	{ "", -ENOENT },  { ".", -EINVAL },    { "..", -EINVAL },   { "a/b", -EINVAL },
	{ "/", -EINVAL }, { "../x", -EINVAL }, { "x/..", -EINVAL },
};

static void check_bad_name(const char *name, int expected)
{
	assert_int_equal(call(&c, P9_TLCREATE, "dsddd", 1, name, L_RDWR, 0644, 0), expected);
	assert_int_equal(call(&c, P9_TMKDIR, "dsdd", 1, name, 0755, 0), expected);
	assert_int_equal(call(&c, P9_TMKNOD, "dsdddd", 1, name, S_IFIFO, 0, 0, 0), expected);
	assert_int_equal(call(&c, P9_TSYMLINK, "dssd", 1, name, "t", 0), expected);
	assert_int_equal(call(&c, P9_TLINK, "dds", 1, 2, name), expected);
	assert_int_equal(call(&c, P9_TRENAMEAT, "dsds", 1, name, 1, "x"), expected);
	assert_int_equal(call(&c, P9_TRENAMEAT, "dsds", 1, "x", 1, name), expected);
	assert_int_equal(call(&c, P9_TRENAME, "dds", 2, 1, name), expected);
	assert_int_equal(call(&c, P9_TUNLINKAT, "dsd", 1, name, 0), expected);
	if (strcmp(name, "..") != 0)
		assert_int_equal(walk(&c, 1, 3, name), expected);
}

static void names_that_are_none_are_refused(void **state)
{
	char text[P9_DIR_BYTES];

	(void)state;
	begin();
	host_write(host(&c, "f"), "");
	ok(&c, P9_TWALK, "ddh", ROOT, 1, 0);
	assert_int_equal(walk(&c, ROOT, 2, "f"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad_names); i++)
		check_bad_name(bad_names[i].name, bad_names[i].expected);
	memset(text, 'n', sizeof(text));
	text[256] = '\0';
	check_bad_name(text, -ENAMETOOLONG);
	end();
}

static void a_name_with_a_zero_is_refused(void **state)
{
	static const uint8_t request[] = { 22, 0, 0, 0, P9_TWALK, 9, 0, 0, 0,   0,    0,
					   1,  0, 0, 0, 1,        0, 3, 0, 'f', '\0', 'x' };

	(void)state;
	begin();
	host_write(host(&c, "f"), "");
	memcpy(c.io->request, request, sizeof(request));
	assert_int_equal(client_send(&c, sizeof(request), 0), -EINVAL);
	end();
}

/* ---- data ---- */

static void what_is_written_is_read(void **state)
{
	(void)state;
	begin();
	create(1, "a file", 0640);
	assert_int_equal(host_stat("a file").st_mode, S_IFREG | 0640);
	assert_int_equal(write_fid(&c, 1, 0, "hello, world"), 12);
	assert_int_equal(write_fid(&c, 1, 7, "there"), 5);
	assert_int_equal(read_fid(&c, 1, 0, 100), 12);
	assert_memory_equal(c.data, "hello, there", 12);
	assert_int_equal(read_fid(&c, 1, 7, 3), 3);
	assert_memory_equal(c.data, "the", 3);
	assert_int_equal(read_fid(&c, 1, 12, 10), 0);
	ok(&c, P9_TFSYNC, "dd", 1, 0);
	ok(&c, P9_TFSYNC, "dd", 1, 1);
	clunk(&c, 1);
	host_expect(host(&c, "a file"), "hello, there");
	end();
}

/* Data that comes and goes in many parts, as a guest's pages do. */
static void data_lies_in_parts(void **state)
{
	char out[64];

	(void)state;
	begin();
	create(1, "f", 0644);
	assert_int_equal(write_fid(&c, 1, 0, "0123456789"), 10);
	call(&c, P9_TREAD, "dqd", 1, UINT64_C(0), 10);
	c.io->out[0] = (struct iovec){ out, 3 };
	c.io->out[1] = (struct iovec){ out + 10, 0 };
	c.io->out[2] = (struct iovec){ out + 20, 30 };
	c.io->nout = 3;
	p9_fs_serve(&c.fs, c.io);
	assert_int_equal(c.io->data_bytes, 10);
	assert_memory_equal(out, "012", 3);
	assert_memory_equal(out + 20, "3456789", 7);
	end();
}

static void reads_keep_to_the_agreed_size_and_to_the_buffer(void **state)
{
	(void)state;
	begin();
	create(1, "f", 0644);
	assert_int_equal(truncate(host(&c, "f"), MIB(1)), 0);
	c.room = CLIENT_DATA;
	assert_int_equal(read_fid(&c, 1, 0, CLIENT_MSIZE), CLIENT_MSIZE - P9_READ_BYTES);
	c.room = 4096;
	assert_int_equal(read_fid(&c, 1, 0, 4096 - P9_READ_BYTES), 4096 - P9_READ_BYTES);
	assert_int_equal(read_fid(&c, 1, 0, 4096 - P9_READ_BYTES + 1), -EMSGSIZE);
	assert_int_equal(read_fid(&c, 1, UINT64_MAX, 1), -EINVAL);
	end();
}

static void a_write_has_the_data_it_says(void **state)
{
	(void)state;
	begin();
	create(1, "f", 0644);
	memcpy(c.data, "abcd", 4);
	assert_int_equal(call_with_data(&c, 4, P9_TWRITE, "dqd", 1, UINT64_C(0), 5), -EINVAL);
	assert_int_equal(call(&c, P9_TWRITE, "dqd", 1, UINT64_C(0), UINT32_MAX), -EINVAL);
	ok(&c, P9_TWRITE, "dqd", 1, UINT64_C(0), 0);
	assert_int_equal(call_with_data(&c, 4, P9_TWRITE, "dqd", 1, UINT64_C(0), 2), 0);
	host_expect(host(&c, "f"), "ab");
	end();
}

/* Older Linux guests leave the data out of the size in the header. */
static void a_writes_own_size_is_not_relied_on(void **state)
{
	struct bytes b;

	(void)state;
	begin();
	create(1, "f", 0644);
	assert_int_equal(write_fid(&c, 1, 0, "abcd"), 4);
	b = bytes_in(c.io->request, 4);
	bytes_u32(&b, P9_WRITE_BYTES);
	memcpy(c.data, "efgh", 4);
	assert_int_equal(client_send(&c, P9_WRITE_BYTES, 4), 0);
	host_expect(host(&c, "f"), "efgh");
	end();
}

static void open_checks_what_it_opens(void **state)
{
	(void)state;
	begin();
	host_write(host(&c, "f"), "old");
	assert_int_equal(mkdir(host(&c, "d"), 0755), 0);
	assert_int_equal(walk(&c, ROOT, 1, "f"), 0);
	assert_int_equal(walk(&c, ROOT, 2, "d"), 0);
	assert_int_equal(call(&c, P9_TLOPEN, "dd", 1, L_DIRECTORY), -ENOTDIR);
	assert_int_equal(call(&c, P9_TLOPEN, "dd", 2, L_RDWR), -EISDIR);
	assert_int_equal(read_fid(&c, 1, 0, 1), -EBADF);
	ok(&c, P9_TLOPEN, "dd", 1, L_WRONLY | L_TRUNC);
	assert_int_equal(host_stat("f").st_size, 0);
	assert_int_equal(call(&c, P9_TLOPEN, "dd", 1, L_RDONLY), -EINVAL);
	assert_int_equal(read_fid(&c, 1, 0, 1), -EBADF);
	ok(&c, P9_TLOPEN, "dd", 2, L_RDONLY | L_DIRECTORY);
	assert_int_equal(read_fid(&c, 2, 0, 1), -EISDIR);
	end();
}

static void create_opens_what_exists_unless_told_not_to(void **state)
{
	(void)state;
	begin();
	host_write(host(&c, "f"), "old");
	ok(&c, P9_TWALK, "ddh", ROOT, 1, 0);
	assert_int_equal(call(&c, P9_TLCREATE, "dsddd", 1, "f", L_RDWR | L_EXCL, 0644, 0), -EEXIST);
	ok(&c, P9_TLCREATE, "dsddd", 1, "f", L_RDWR, 0600, 0);
	assert_int_equal(read_fid(&c, 1, 0, 10), 3);
	ok(&c, P9_TWALK, "ddh", ROOT, 2, 0);
	assert_int_equal(mkdir(host(&c, "d"), 0755), 0);
	assert_int_equal(call(&c, P9_TLCREATE, "dsddd", 2, "d", L_RDONLY, 0644, 0), -EISDIR);
	assert_int_equal(walk(&c, ROOT, 3, "f"), 0);
	assert_int_equal(call(&c, P9_TLCREATE, "dsddd", 3, "x", L_RDONLY, 0644, 0), -ENOTDIR);
	end();
}

static void locks_are_granted(void **state)
{
	(void)state;
	begin();
	create(1, "f", 0644);
	ok(&c, P9_TLOCK, "dbdqqds", 1, 1, 0, UINT64_C(0), UINT64_C(0), 77, "guest");
	assert_int_equal(p9_get_u8(&c.got), P9_LOCK_SUCCESS);
	ok(&c, P9_TGETLOCK, "dbqqds", 1, 0, UINT64_C(3), UINT64_C(4), 77, "guest");
	assert_int_equal(p9_get_u8(&c.got), P9_LOCK_UNLOCK);
	assert_int_equal(p9_get_u64(&c.got), 3);
	assert_int_equal(p9_get_u64(&c.got), 4);
	assert_int_equal(p9_get_u32(&c.got), 77);
	expect_text(&c, "guest");
	assert_int_equal(call(&c, P9_TLOCK, "dbdqqds", 1, 3, 0, UINT64_C(0), UINT64_C(0), 1, ""),
			 -EINVAL);
	assert_int_equal(call(&c, P9_TLOCK, "dbdqqds", ROOT, 1, 0, UINT64_C(0), UINT64_C(0), 1, ""),
			 -EBADF);
	end();
}

/* ---- attributes ---- */

static void getattr_is_what_stat_says(void **state)
{
	struct stat st;
	struct attr a;

	(void)state;
	begin();
	host_write(host(&c, "f"), "12345");
	assert_int_equal(walk(&c, ROOT, 1, "f"), 0);
	st = host_stat("f");
	a = getattr(&c, 1);
	assert_int_equal(a.mode, st.st_mode);
	assert_int_equal(a.uid, st.st_uid);
	assert_int_equal(a.gid, st.st_gid);
	assert_int_equal(a.nlink, 1);
	assert_int_equal(a.size, 5);
	assert_int_equal(a.mtime, st.st_mtim.tv_sec);
	assert_int_equal(a.qid.path, st.st_ino);
	assert_int_not_equal(a.qid.version, 0);
	end();
}

static void setattr_changes_what_is_valid(void **state)
{
	(void)state;
	begin();
	host_write(host(&c, "f"), "12345");
	assert_int_equal(walk(&c, ROOT, 1, "f"), 0);
	assert_int_equal(setattr(&c, 1, P9_SETATTR_MODE, 0604, 0, 0, 0), 0);
	assert_int_equal(host_stat("f").st_mode, S_IFREG | 0604);
	assert_int_equal(setattr(&c, 1, P9_SETATTR_SIZE, 0, 0, 0, 2), 0);
	host_expect(host(&c, "f"), "12");
	assert_int_equal(setattr(&c, 1, P9_SETATTR_MTIME | P9_SETATTR_MTIME_SET, 0, 0, 0, 0), 0);
	assert_int_equal(host_stat("f").st_mtim.tv_sec, 13);
	assert_int_equal(host_stat("f").st_mtim.tv_nsec, 14);
	assert_int_equal(setattr(&c, 1, P9_SETATTR_MTIME, 0, 0, 0, 0), 0);
	assert_true(host_stat("f").st_mtim.tv_sec > 13);
	assert_int_equal(setattr(&c, 1, P9_SETATTR_CTIME, 0, 0, 0, 0), 0);
	assert_int_equal(setattr(&c, 1, P9_SETATTR_SIZE, 0, 0, 0, UINT64_MAX), -EFBIG);
	assert_int_equal(setattr(&c, ROOT, P9_SETATTR_SIZE, 0, 0, 0, 1), -EISDIR);
	end();
}

/* A file can be cut through a fid that may write, whatever its mode has become. */
static void setattr_cuts_what_was_opened(void **state)
{
	(void)state;
	begin();
	create(1, "f", 0);
	assert_int_equal(write_fid(&c, 1, 0, "12345"), 5);
	assert_int_equal(setattr(&c, 1, P9_SETATTR_SIZE, 0, 0, 0, 1), 0);
	assert_int_equal(host_stat("f").st_size, 1);
	end();
}

static void links_change_themselves(void **state)
{
	(void)state;
	begin();
	host_write(host(&c, "f"), "12345");
	assert_int_equal(symlink("f", host(&c, "s")), 0);
	assert_int_equal(walk(&c, ROOT, 1, "s"), 0);
	assert_int_equal(setattr(&c, 1, P9_SETATTR_MODE, 0, 0, 0, 0), -EOPNOTSUPP);
	assert_int_equal(setattr(&c, 1, P9_SETATTR_SIZE, 0, 0, 0, 0), -EINVAL);
	assert_int_equal(setattr(&c, 1, P9_SETATTR_MTIME | P9_SETATTR_MTIME_SET, 0, 0, 0, 0), 0);
	assert_int_equal(host_stat("s").st_mtim.tv_sec, 13);
	assert_true(host_stat("f").st_mtim.tv_sec > 13);
	host_expect(host(&c, "f"), "12345");
	end();
}

static void root_gives_files_to_their_users(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip(); /* only root may */
	begin();
	ok(&c, P9_TATTACH, "ddssd", 9, P9_NO_ID, "", "", 1234);
	ok(&c, P9_TWALK, "ddh", 9, 1, 0);
	ok(&c, P9_TLCREATE, "dsddd", 1, "f", L_RDWR, 06755, 77);
	assert_int_equal(host_stat("f").st_uid, 1234);
	assert_int_equal(host_stat("f").st_gid, 77);
	assert_int_equal(host_stat("f").st_mode, S_IFREG | 06755);
	ok(&c, P9_TSYMLINK, "dssd", 9, "s", "t", 77);
	assert_int_equal(host_stat("s").st_uid, 1234);
	ok(&c, P9_TMKNOD, "dsdddd", 9, "null", S_IFCHR | 0666, 1, 3, 77);
	assert_int_equal(host_stat("null").st_rdev, makedev(1, 3));
	assert_int_equal(setattr(&c, 1, P9_SETATTR_UID | P9_SETATTR_GID, 0, 5, 6, 0), 0);
	assert_int_equal(host_stat("f").st_uid, 5);
	assert_int_equal(host_stat("f").st_gid, 6);
	end();
}

static void statfs_is_that_of_the_share(void **state)
{
	(void)state;
	begin();
	ok(&c, P9_TSTATFS, "d", ROOT);
	assert_int_equal(p9_get_u32(&c.got), 0x01021997);
	assert_true(p9_get_u32(&c.got) > 0);
	assert_true(p9_get_u64(&c.got) > 0);
	assert_int_equal(c.got.left, 60 - 16);
	end();
}

/* ---- directories ---- */

/* Read all of the directory under `fid`, `room` bytes at a time, and count names "n<number>". */
static unsigned read_names(uint32_t fid, uint32_t room, bool *seen, unsigned max)
{
	uint64_t offset = 0;
	unsigned names = 0, number;

	for (;;) {
		ok(&c, P9_TREADDIR, "dqd", fid, offset, room);
		if (!p9_get_u32(&c.got))
			return names;
		assert_true(c.got.left <= room);
		while (c.got.left) {
			struct p9_text name;
			char text[64];

			get_qid(&c);
			offset = p9_get_u64(&c.got);
			p9_get_u8(&c.got);
			name = p9_get_text(&c.got);
			assert_false(c.got.bad);
			names++;
			snprintf(text, sizeof(text), "%.*s", name.n, name.at);
			if (sscanf(text, "n%u", &number) != 1)
				continue;
			assert_true(number < max);
			assert_false(seen[number]);
			seen[number] = true;
		}
	}
}

static void readdir_gives_each_name_once(void **state)
{
	enum { FILES = 150 };
	char name[16];

	(void)state;
	begin();
	for (unsigned i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		host_write(host(&c, name), "");
	}
	ok(&c, P9_TWALK, "ddh", ROOT, 1, 0);
	ok(&c, P9_TLOPEN, "dd", 1, L_RDONLY);
	for (uint32_t room = 64; room <= CLIENT_MSIZE; room *= 5) {
		bool seen[FILES] = { false };

		assert_int_equal(read_names(1, room, seen, FILES), FILES + 2);
	}
	assert_int_equal(call(&c, P9_TREADDIR, "dqd", 1, UINT64_C(0), 10), -EINVAL);
	assert_int_equal(call(&c, P9_TREADDIR, "dqd", 1, UINT64_MAX, 1000), -EINVAL);
	assert_int_equal(call(&c, P9_TREADDIR, "dqd", ROOT, UINT64_C(0), 1000), -EBADF);
	end();
}

/* The directory above the share is not the guest's to know. */
static void the_roots_parent_is_the_root(void **state)
{
	(void)state;
	begin();
	ok(&c, P9_TWALK, "ddh", ROOT, 1, 0);
	ok(&c, P9_TLOPEN, "dd", 1, L_RDONLY);
	ok(&c, P9_TREADDIR, "dqd", 1, UINT64_C(0), 1000);
	assert_true(p9_get_u32(&c.got) > 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(get_qid(&c).path, c.fs.root_ino);
		p9_get_u64(&c.got);
		p9_get_u8(&c.got);
		p9_get_text(&c.got);
	}
	end();
}

/* ---- extended attributes ---- */

static int set_xattr(uint32_t fid, const char *name, const char *value, uint32_t flags)
{
	int r;

	ok(&c, P9_TWALK, "ddh", fid, 90, 0);
	r = call(&c, P9_TXATTRCREATE, "dsqd", 90, name, (uint64_t)strlen(value), flags);
	if (r) {
		clunk(&c, 90);
		return r;
	}
	if (*value)
		assert_int_equal(write_fid(&c, 90, 0, value), strlen(value));
	return call(&c, P9_TCLUNK, "d", 90);
}

/* Its size, with the bytes in c.got; or -errno. */
static int get_xattr(uint32_t fid, const char *name)
{
	int r = call(&c, P9_TXATTRWALK, "dds", fid, 91, name);
	uint64_t size;

	if (r)
		return r;
	size = p9_get_u64(&c.got);
	ok(&c, P9_TREAD, "dqd", 91, UINT64_C(0), 4096);
	assert_int_equal(p9_get_u32(&c.got), size);
	assert_int_equal(c.got.left, size);
	memcpy(c.data, c.got.at, size);
	clunk(&c, 91);
	return (int)size;
}

static void attributes_are_set_read_listed_and_removed(void **state)
{
	(void)state;
	begin();
	host_write(host(&c, "f"), "");
	if (setxattr(host(&c, "f"), "user.host", "yes", 3, 0)) {
		end();
		skip(); /* the file system for temporary files has none */
	}
	assert_int_equal(walk(&c, ROOT, 1, "f"), 0);
	assert_int_equal(get_xattr(1, "user.host"), 3);
	assert_memory_equal(c.data, "yes", 3);
	assert_int_equal(set_xattr(1, "user.guest", "a value", 0), 0);
	assert_int_equal(get_xattr(1, "user.guest"), 7);
	assert_int_equal(set_xattr(1, "user.guest", "b", XATTR_CREATE), -EEXIST);
	assert_int_equal(set_xattr(1, "user.none", "b", XATTR_REPLACE), -ENODATA);
	assert_true(get_xattr(1, "") >= 21);
	assert_int_equal(set_xattr(1, "user.guest", "", XATTR_REPLACE), 0);
	assert_int_equal(get_xattr(1, "user.guest"), -ENODATA);
	end();
}

static void attributes_are_whole_or_not_at_all(void **state)
{
	(void)state;
	begin();
	host_write(host(&c, "f"), "");
	assert_int_equal(walk(&c, ROOT, 1, "f"), 0);
	ok(&c, P9_TXATTRCREATE, "dsqd", 1, "user.x", UINT64_C(4), 0);
	assert_int_equal(write_fid(&c, 1, 0, "12345"), -ENOSPC);
	assert_int_equal(write_fid(&c, 1, UINT64_MAX, "1"), -ENOSPC);
	assert_int_equal(write_fid(&c, 1, 0, "12"), 2);
	assert_int_equal(read_fid(&c, 1, 0, 1), -EBADF);
	assert_int_equal(call(&c, P9_TGETATTR, "dq", 1, P9_GETATTR_BASIC), -EINVAL);
	assert_int_equal(call(&c, P9_TCLUNK, "d", 1), -EINVAL);
	assert_true(getxattr(host(&c, "f"), "user.x", NULL, 0) < 0);
	assert_int_equal(walk(&c, ROOT, 1, "f"), 0);
	assert_int_equal(call(&c, P9_TXATTRCREATE, "dsqd", 1, "user.x", UINT64_C(65537), 0),
			 -E2BIG);
	assert_int_equal(call(&c, P9_TXATTRCREATE, "dsqd", 1, "user.x", UINT64_MAX, 0), -E2BIG);
	assert_int_equal(call(&c, P9_TXATTRCREATE, "dsqd", 1, "user.x", UINT64_C(1), 8), -EINVAL);
	end();
}

static void attributes_under_way_are_bounded(void **state)
{
	struct client *big = &c;
	unsigned n = 0;
	int r = 0;

	(void)state;
	assert_int_equal(client_try(big, &(struct p9_options){ 0 }, 4096, NULL), 0);
	client_attach(big);
	host_write(host(&c, "f"), "");
	for (; !r && n < 1000; n++) {
		assert_int_equal(walk(&c, ROOT, n + 1, "f"), 0);
		r = call(&c, P9_TXATTRCREATE, "dsqd", n + 1, "user.x", UINT64_C(65536), 0);
	}
	assert_int_equal(r, -ENOMEM);
	assert_int_equal(n - 1, P9_MAX_XATTR_BYTES / 65536);
	clunk(&c, n); /* the one that got nothing */
	assert_int_equal(call(&c, P9_TCLUNK, "d", 1), -EINVAL);
	assert_int_equal(walk(&c, ROOT, 1, "f"), 0);
	ok(&c, P9_TXATTRCREATE, "dsqd", 1, "user.x", UINT64_C(65536), 0);
	end();
}

/* ---- mapped ids ---- */

static void mapped_owners_and_modes_live_in_an_attribute(void **state)
{
	struct attr a;

	(void)state;
	if (!client_open_mapped(&c))
		skip();
	ok(&c, P9_TATTACH, "ddssd", 9, P9_NO_ID, "", "", 1234);
	ok(&c, P9_TWALK, "ddh", 9, 1, 0);
	ok(&c, P9_TLCREATE, "dsddd", 1, "f", L_RDWR, 04755, 77);
	assert_int_equal(host_stat("f").st_mode, S_IFREG | 0600);
	assert_int_equal(host_stat("f").st_uid, geteuid());
	a = getattr(&c, 1);
	assert_int_equal(a.mode, S_IFREG | 04755);
	assert_int_equal(a.uid, 1234);
	assert_int_equal(a.gid, 77);
	assert_int_equal(setattr(&c, 1, P9_SETATTR_UID, 0, 0, 0, 0), 0);
	a = getattr(&c, 1);
	assert_int_equal(a.mode, S_IFREG | 0755);
	assert_int_equal(a.uid, 0);
	assert_int_equal(setattr(&c, 1, P9_SETATTR_MODE, 0, 0, 0, 0), 0);
	assert_int_equal(getattr(&c, 1).mode, S_IFREG);
	assert_int_equal(host_stat("f").st_mode, S_IFREG | 0600);
	ok(&c, P9_TMKDIR, "dsdd", 9, "d", 0, 77);
	assert_int_equal(host_stat("d").st_mode, S_IFDIR | 0700);
	assert_int_equal(walk(&c, 9, 2, "d"), 0);
	assert_int_equal(getattr(&c, 2).mode, S_IFDIR);
	end();
}

static void mapped_links_and_nodes_are_files(void **state)
{
	struct attr a;

	(void)state;
	if (!client_open_mapped(&c))
		skip();
	ok(&c, P9_TSYMLINK, "dssd", ROOT, "s", "/etc/passwd", 1);
	assert_int_equal(get_qid(&c).type, P9_QID_SYMLINK);
	host_expect(host(&c, "s"), "/etc/passwd");
	assert_int_equal(walk(&c, ROOT, 1, "s"), 0);
	ok(&c, P9_TREADLINK, "d", 1);
	expect_text(&c, "/etc/passwd");
	assert_int_equal(call(&c, P9_TLOPEN, "dd", 1, L_RDWR), -ELOOP);
	ok(&c, P9_TMKNOD, "dsdddd", ROOT, "sda", S_IFBLK | 0660, 8, 1, 6);
	assert_true(S_ISREG(host_stat("sda").st_mode));
	assert_int_equal(walk(&c, ROOT, 2, "sda"), 0);
	a = getattr(&c, 2);
	assert_int_equal(a.mode, S_IFBLK | 0660);
	assert_int_equal(a.rdev, makedev(8, 1));
	assert_int_equal(call(&c, P9_TLOPEN, "dd", 2, L_RDWR), -ENXIO);
	assert_int_equal(setattr(&c, 2, P9_SETATTR_MODE, S_IFREG | 0600, 0, 0, 0), 0);
	assert_int_equal(getattr(&c, 2).mode, S_IFBLK | 0600);
	end();
}

static void mapped_attributes_are_not_the_guests(void **state)
{
	(void)state;
	if (!client_open_mapped(&c))
		skip();
	create(1, "f", 0600);
	assert_int_equal(set_xattr(ROOT, "user.rasvm.stat", "100777 0 0 0 0", 0), -EOPNOTSUPP);
	assert_int_equal(set_xattr(ROOT, "trusted.x", "1", 0), -EOPNOTSUPP);
	assert_int_equal(get_xattr(1, "user.rasvm.stat"), -ENODATA);
	assert_int_equal(get_xattr(1, ""), 0);
	ok(&c, P9_TWALK, "ddhs", ROOT, 2, 1, "f");
	assert_int_equal(set_xattr(2, "user.mine", "1", 0), 0);
	assert_int_equal(get_xattr(1, ""), sizeof("user.mine"));
	end();
}

/* On the host anybody may have written it. */
static void mapped_nonsense_is_as_good_as_nothing(void **state)
{
	static const char *const texts[] = { "",
					     "x",
					     "100644 0 0 0",
					     "100644 0 0 0 0 0",
					     "40755 0 0 0 0",
					     "777777777 0 0 0 0",
					     "1 1 1 1 1" };

	(void)state;
	if (!client_open_mapped(&c))
		skip();
	create(1, "f", 0600);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(
			setxattr(host(&c, "f"), P9_IDS_XATTR, texts[i], strlen(texts[i]), 0), 0);
		assert_true(S_ISREG(getattr(&c, 1).mode));
	}
	end();
}

/* ---- read-only ---- */

static void a_read_only_share_stays_as_it_is(void **state)
{
	(void)state;
	client_open_as(&c, &(struct p9_options){ .ro = true });
	host_write(host(&c, "f"), "text");
	ok(&c, P9_TWALK, "ddh", ROOT, 1, 0);
	assert_int_equal(walk(&c, ROOT, 2, "f"), 0);
	assert_int_equal(call(&c, P9_TLCREATE, "dsddd", 1, "x", L_RDWR, 0644, 0), -EROFS);
	assert_int_equal(call(&c, P9_TMKDIR, "dsdd", 1, "x", 0755, 0), -EROFS);
	assert_int_equal(call(&c, P9_TMKNOD, "dsdddd", 1, "x", S_IFIFO, 0, 0, 0), -EROFS);
	assert_int_equal(call(&c, P9_TSYMLINK, "dssd", 1, "x", "t", 0), -EROFS);
	assert_int_equal(call(&c, P9_TLINK, "dds", 1, 2, "x"), -EROFS);
	assert_int_equal(call(&c, P9_TRENAMEAT, "dsds", 1, "f", 1, "x"), -EROFS);
	assert_int_equal(call(&c, P9_TRENAME, "dds", 2, 1, "x"), -EROFS);
	assert_int_equal(call(&c, P9_TUNLINKAT, "dsd", 1, "f", 0), -EROFS);
	assert_int_equal(call(&c, P9_TREMOVE, "d", 2), -EROFS);
	assert_int_equal(setattr(&c, 2, P9_SETATTR_MODE, 0, 0, 0, 0), -EROFS);
	assert_int_equal(call(&c, P9_TXATTRCREATE, "dsqd", 1, "user.x", UINT64_C(1), 0), -EROFS);
	assert_int_equal(call(&c, P9_TLOPEN, "dd", 2, L_RDWR), -EROFS);
	assert_int_equal(call(&c, P9_TLOPEN, "dd", 2, L_RDONLY | L_TRUNC), -EROFS);
	ok(&c, P9_TLOPEN, "dd", 2, L_RDONLY);
	assert_int_equal(write_fid(&c, 2, 0, "x"), -EROFS);
	assert_int_equal(read_fid(&c, 2, 0, 10), 4);
	end();
}

/* ---- limits, and messages that are wrong ---- */

static void fids_run_out_as_descriptors_do(void **state)
{
	uint32_t n = 1;
	int r;

	(void)state;
	begin();
	while (!(r = call(&c, P9_TWALK, "ddh", ROOT, n, 0)))
		n++;
	assert_int_equal(r, -EMFILE);
	assert_int_equal(n, 64);
	clunk(&c, 5);
	ok(&c, P9_TWALK, "ddh", ROOT, 5, 0);
	assert_int_equal(call(&c, P9_TWALK, "ddh", ROOT, 5, 0), -EINVAL);
	end();
}

static void many_numbers_are_told_apart(void **state)
{
	(void)state;
	begin();
	for (uint32_t i = 1; i < 60; i++)
		ok(&c, P9_TWALK, "ddh", ROOT, i * 0x1000000 + 64 * (i % 3), 0);
	for (uint32_t i = 1; i < 60; i += 2)
		clunk(&c, i * 0x1000000 + 64 * (i % 3));
	for (uint32_t i = 1; i < 60; i++)
		assert_int_equal(call(&c, P9_TCLUNK, "d", i * 0x1000000 + 64 * (i % 3)),
				 i % 2 ? -EBADF : 0);
	assert_int_equal(c.fs.fids.count, 1);
	end();
}

static void a_size_that_lies_is_refused(void **state)
{
	static const uint32_t sizes[] = { 0, 6, 19, UINT32_MAX };

	(void)state;
	begin();
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct bytes b = bytes_in(c.io->request, 4);

		call(&c, P9_TCLUNK, "d", 7777);
		bytes_u32(&b, sizes[i]);
		assert_int_equal(client_send(&c, 11, 0), -EINVAL);
	}
	end();
}

static void a_request_cut_anywhere_does_nothing(void **state)
{
	(void)state;
	begin();
	for (size_t n = P9_HEADER_BYTES; n < 28; n++) {
		struct bytes b = bytes_in(c.io->request, 4);

		call(&c, P9_TMKDIR, "dsdd", 4444, "name", 0755, 0); /* to have it written */
		memset(c.io->request + P9_HEADER_BYTES, 0, 4);
		bytes_u32(&b, (uint32_t)n);
		if (n < 25)
			assert_int_equal(client_send(&c, n, 0), -EINVAL);
	}
	assert_true(access(host(&c, "name"), F_OK) < 0);
	end();
}

static void a_reply_that_does_not_fit_is_an_error(void **state)
{
	(void)state;
	begin();
	host_write(host(&c, "f"), "");
	for (c.room = P9_ERROR_BYTES; c.room < 160; c.room++) {
		uint32_t count = c.fs.fids.count;

		assert_int_equal(call(&c, P9_TGETATTR, "dq", ROOT, P9_GETATTR_BASIC), -EMSGSIZE);
		if (c.room < P9_HEADER_BYTES + 2 + P9_QID_BYTES) {
			assert_int_equal(walk(&c, ROOT, 1, "f"), -EMSGSIZE);
			assert_int_equal(c.fs.fids.count, count);
		}
	}
	ok(&c, P9_TGETATTR, "dq", ROOT, P9_GETATTR_BASIC);
	end();
}

static void a_share_that_is_not_there_is_named(void **state)
{
	struct p9_options o = { .dir = "/no such/directory" };
	struct err err = { "" };
	struct p9_fs fs;

	(void)state;
	assert_int_equal(p9_fs_open(&fs, &o, 16, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/no such/directory"));
	p9_fs_close(&fs);
	strcpy(o.dir, "/proc/self/status");
	assert_int_equal(p9_fs_open(&fs, &o, 16, &err), -ENOTDIR);
	fs = (struct p9_fs){ 0 };
	p9_fs_close(&fs);
}

static void the_state_table_is_complete(void **state)
{
	const struct state_desc desc = { "9p", sizeof(struct p9_fs_state), 0, p9_fs_fields };

	(void)state;
	assert_int_equal(state_covered(&desc), desc.size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_agrees_on_the_smaller_size),
		cmocka_unit_test(other_versions_are_unknown),
		cmocka_unit_test(a_new_version_drops_all_fids),
		cmocka_unit_test(requests_that_are_not_ours_are_not_supported),
		cmocka_unit_test(flush_is_answered),
		cmocka_unit_test(walk_finds_files_and_says_what_they_are),
		cmocka_unit_test(walk_goes_as_far_as_it_can),
		cmocka_unit_test(walk_to_its_own_number_moves_the_fid),
		cmocka_unit_test(mkdir_symlink_link_and_readlink),
		cmocka_unit_test(mknod_makes_fifos),
		cmocka_unit_test(renames_and_removals),
		cmocka_unit_test(remove_of_what_is_gone_is_an_error_and_clunks),
		cmocka_unit_test(names_that_are_none_are_refused),
		cmocka_unit_test(a_name_with_a_zero_is_refused),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(data_lies_in_parts),
		cmocka_unit_test(reads_keep_to_the_agreed_size_and_to_the_buffer),
		cmocka_unit_test(a_write_has_the_data_it_says),
		cmocka_unit_test(a_writes_own_size_is_not_relied_on),
		cmocka_unit_test(open_checks_what_it_opens),
		cmocka_unit_test(create_opens_what_exists_unless_told_not_to),
		cmocka_unit_test(locks_are_granted),
		cmocka_unit_test(getattr_is_what_stat_says),
		cmocka_unit_test(setattr_changes_what_is_valid),
		cmocka_unit_test(setattr_cuts_what_was_opened),
		cmocka_unit_test(links_change_themselves),
		cmocka_unit_test(root_gives_files_to_their_users),
		cmocka_unit_test(statfs_is_that_of_the_share),
		cmocka_unit_test(readdir_gives_each_name_once),
		cmocka_unit_test(the_roots_parent_is_the_root),
		cmocka_unit_test(attributes_are_set_read_listed_and_removed),
		cmocka_unit_test(attributes_are_whole_or_not_at_all),
		cmocka_unit_test(attributes_under_way_are_bounded),
		cmocka_unit_test(mapped_owners_and_modes_live_in_an_attribute),
		cmocka_unit_test(mapped_links_and_nodes_are_files),
		cmocka_unit_test(mapped_attributes_are_not_the_guests),
		cmocka_unit_test(mapped_nonsense_is_as_good_as_nothing),
		cmocka_unit_test(a_read_only_share_stays_as_it_is),
		cmocka_unit_test(fids_run_out_as_descriptors_do),
		cmocka_unit_test(many_numbers_are_told_apart),
		cmocka_unit_test(a_size_that_lies_is_refused),
		cmocka_unit_test(a_request_cut_anywhere_does_nothing),
		cmocka_unit_test(a_reply_that_does_not_fit_is_an_error),
		cmocka_unit_test(a_share_that_is_not_there_is_named),
		cmocka_unit_test(the_state_table_is_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
