#!/bin/sh
# Installs what building and testing rasvm needs and this machine lacks; silent when nothing is
# missing. Usage: deps.sh [build|lab|all]
#   build  compilers and libraries: for the program (arm64) and for the unit tests (this machine)
#   lab    the emulated arm64 host and its images
#   all    both, and the checkers `make check` uses (default)
# On Debian and its relatives packages are installed with apt (sudo if not root), adding the
# foreign architecture arm64 where needed. Elsewhere the missing tools are listed.
set -eu
. "$(dirname "$0")/common.sh"

machine=$(uname -m)
what=${1:-all}
case $what in
build | lab | all) ;;
*) die "unknown set '$what'; use build, lab or all" ;;
esac

# One need a line: package, the command that proves it is there ("-": look for the package; "fdt",
# "z", ...: try to link that library), what it is for.
needs_build() {
	echo 'make make build'
	echo 'gcc gcc compiler for the unit tests'
	echo 'libc6-dev - C library headers'
	echo 'zlib1g-dev - compression library, this machine'
	echo 'libcmocka-dev - unit test library, this machine'
	echo 'liburing-dev - io_uring library, this machine'
	echo 'device-tree-compiler dtc judges device trees'
	echo 'acpica-tools iasl judges ACPI tables'
	if [ "$machine" = aarch64 ]; then
		echo 'libfdt-dev - device tree library'
		echo 'musl-dev - small C library for what runs inside guests'
		return
	fi
	echo 'libfdt1 - device tree library, this machine'
	echo 'gcc-aarch64-linux-gnu aarch64-linux-gnu-gcc cross-compiler for arm64'
	echo 'libc6-dev-arm64-cross - C library for arm64'
	# The development package cannot be installed for two architectures; arm64 needs it.
	echo 'libfdt-dev:arm64 - device tree library (static) for arm64'
	echo 'zlib1g-dev:arm64 - compression library (static) for arm64'
	echo 'liburing-dev:arm64 - io_uring library (static) for arm64'
	echo 'musl-dev:arm64 - small C library for what runs inside guests'
}

needs_lab() {
	lab_is_direct || echo 'qemu-system-arm qemu-system-aarch64 emulator of the arm64 host (7.2 or newer)'
	echo 'cpio cpio packs the initramfs'
	echo 'kmod depmod kernel module dependencies'
	echo 'xz-utils xz unpacks kernel modules'
	echo 'mmdebstrap mmdebstrap makes the Debian disk'
	echo 'e2fsprogs mke2fs makes its file system'
	if [ "$machine" != aarch64 ]; then
		echo 'qemu-user-static qemu-aarch64-static runs the set-up programs of its packages'
		echo 'arch-test arch-test by which mmdebstrap sees that it can'
	fi
}

needs_checkers() {
	echo 'clang clang second compiler'
	echo 'libclang-rt-dev - run-time library of the fuzzers, this machine'
	echo 'spin spin model checker'
	echo 'clang-format clang-format layout of the sources'
	echo 'clang-tidy clang-tidy static checks'
	echo 'cppcheck cppcheck static checks'
	echo 'shellcheck shellcheck checks scripts'
	echo 'mandoc mandoc checks the manual page'
	echo 'git git lists the sources'
	echo 'patch patch puts the seeded bugs into the models'
	echo 'iproute2 ip sets up networks for the unit tests'
}

needs() {
	if [ "$what" != lab ]; then needs_build; fi
	if [ "$what" != build ]; then needs_lab; fi
	if [ "$what" = all ]; then needs_checkers; fi
}

# Without dpkg a library is there if a program links with it.
library_links() {
	compiler=gcc
	flags=
	case $1 in
	*:arm64 | *-arm64-cross)
		compiler=aarch64-linux-gnu-gcc
		flags=-static
		;;
	esac
	case $1 in
	libfdt*) flags="$flags -lfdt" ;;
	zlib1g*) flags="$flags -lz" ;;
	liburing*) flags="$flags -luring" ;;
	libcmocka*) flags="$flags -lcmocka" ;;
	esac
	# shellcheck disable=SC2086 # the flags are meant to be split
	echo 'int main(void) { return 0; }' | "$compiler" -x c - -o /dev/null $flags 2>/dev/null
}

# Installed packages, each as "name:arch" and, if it serves this machine, as "name".
installed_packages() {
	dpkg-query -W -f '${Package} ${Architecture} ${db:Status-Status}\n' |
		awk -v native="$(dpkg --print-architecture)" '$3 == "installed" {
			print $1 ":" $2
			if ($2 == native || $2 == "all") print $1
		}'
}

has_dpkg() {
	command -v dpkg-query >/dev/null 2>&1
}

# Lines of needs that are not met.
missing_needs() {
	installed=
	if has_dpkg; then installed=$(installed_packages); fi
	needs | while read -r package proof purpose; do
		if [ "$proof" != - ]; then
			command -v "$proof" >/dev/null 2>&1 && continue
		elif has_dpkg; then
			printf '%s\n' "$installed" | grep -qxF "$package" && continue
		else
			library_links "$package" && continue
		fi
		echo "$package $proof $purpose"
	done
}

missing=$(missing_needs)
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
	{
		echo "This machine has no apt; please install the following (names as in Debian):"
		echo "$missing" | while read -r package proof purpose; do
			if [ "$proof" = - ]; then proof=library; fi
			printf '  %-24s %-24s %s\n' "$package" "($proof)" "$purpose"
		done
		echo "Without Debian's packages, name the lab's pieces yourself: LAB_KERNEL=path to an"
		echo "arm64 Image (Linux 6.4 or newer, KVM built in), LAB_BUSYBOX=path to a static arm64 busybox."
	} >&2
	exit 1
fi

as_root=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null 2>&1 || {
		echo "To install what is missing, as root: apt-get install" \
			"$(echo "$missing" | awk '{ printf "%s ", $1 }')" >&2
		exit 1
	}
	as_root=sudo
fi

packages=$(echo "$missing" | awk '{ print $1 }')
note "installing:" "$(echo "$packages" | tr '\n' ' ')"
if [ "$machine" != aarch64 ] && ! dpkg --print-foreign-architectures | grep -qx arm64; then
	$as_root dpkg --add-architecture arm64
fi
# A list that could not be fetched is only missed when its packages are asked for: both again.
# shellcheck disable=SC2086 # one argument a package
install_packages() {
	$as_root apt-get update -q &&
		$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
			-o DPkg::Lock::Timeout=600 $packages
}
again install_packages
