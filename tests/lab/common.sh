# shellcheck shell=sh disable=SC2034
# Shared by the lab's scripts (sourced): where things are, which machine is emulated, messages.
# Every variable here may be set from the environment.

LAB_SRC=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$LAB_SRC/../.." && pwd)
BUILD=${BUILD:-build}
case $BUILD in
/*) ;;
*) BUILD=$ROOT/$BUILD ;;
esac

LAB_DIR=${LAB_DIR:-$BUILD/lab}
LAB_CACHE=${LAB_CACHE:-$LAB_DIR/cache}       # downloaded packages, never fetched twice
LAB_IMAGES=$LAB_DIR/images                   # what images.sh makes of them
LAB_LOGS=$LAB_DIR/logs

LAB_CPU=${LAB_CPU:-max,pauth-impdef=on}      # -cpu of the emulated host
LAB_GIC=${LAB_GIC:-3}                        # its interrupt controller: 2 or 3
LAB_SMP=${LAB_SMP:-2}                        # its CPUs
LAB_MEM=${LAB_MEM:-4096}                     # its RAM, MiB
LAB_KERNEL=${LAB_KERNEL:-}                   # arm64 Image for host and guest instead of Debian's
LAB_MODULES=${LAB_MODULES:-}                 # a lib/modules/VERSION directory that goes with it
LAB_BUSYBOX=${LAB_BUSYBOX:-}                 # static arm64 busybox instead of Debian's

note() {
	printf 'lab: %s\n' "$*" >&2
}

die() {
	printf 'lab: error: %s\n' "$*" >&2
	exit 1
}

# True when the tests can run on this machine as it is: arm64 with a /dev/kvm that opens.
# LAB_EMULATE=1 asks for the emulated host all the same.
lab_is_direct() {
	[ "${LAB_EMULATE:-0}" != 1 ] && [ "$(uname -m)" = aarch64 ] &&
		[ -r /dev/kvm ] && [ -w /dev/kvm ]
}

# The emulated host, as arguments of qemu-system-aarch64 (no spaces within one).
lab_machine() {
	echo -M "virt,virtualization=on,gic-version=$LAB_GIC" -cpu "$LAB_CPU" -smp "$LAB_SMP" \
		-m "$LAB_MEM" -nodefaults -display none -no-reboot
}

# again COMMAND...: until it succeeds, four times with 20 s between them. A mirror or the lock of the package
# system may be away for a while.
again() {
	tries=4
	until "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		note "trying again in 20 s: $*"
		sleep 20
	done
}

# download PACKAGE...: the files into the current directory; apt-get skips what is there already.
download() {
	again apt-get download -qq -o APT::Sandbox::User="$(id -un)" "$@" >&2
}

# candidate PACKAGE: the version that apt would install.
candidate() {
	c_version=$(apt-cache policy "$1" | sed -n 's/^ *Candidate: *//p')
	case $c_version in
	'' | '(none)') die "no package $1 in the package lists; run tests/lab/images.sh first" ;;
	esac
	echo "$c_version"
}

# pack_cpio DIR FILE: everything below DIR as one initramfs archive, owned by root.
pack_cpio() {
	(cd "$1" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >"$2.tmp" &&
		mv "$2.tmp" "$2"
}
