# SPDX-License-Identifier: GPL-2.0
# What kbuild reads is in Kbuild.

KDIR ?= /lib/modules/$(shell uname -r)/build
PREFIX ?= /usr/local
DESTDIR ?=
FUZZ_SECONDS ?= 60
export PREFIX DESTDIR

# Without headers of a kernel there is no module, and the rest is still of use
have_kdir := $(wildcard $(KDIR)/Makefile)
# not "make kernelrelease", which with Debian's headers is not what uname says
release = $(shell sed -n 's/^.define UTS_RELEASE "\(.*\)"/\1/p' \
	$(KDIR)/include/generated/utsrelease.h)

.PHONY: all module headers tools install install-module install-tools uninstall clean \
	test demo bench ci matrix arm64 build-all lint unit unit-big fuzz install-test dkms-test \
	probe-test less-test iproute2-test aws-test boot-test deb rpm package-test netlink-gen help

all: $(if $(have_kdir),module) tools
ifeq ($(have_kdir),)
	@echo "no module: no kernel headers in $(KDIR), set KDIR"
endif

module: headers
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

headers:
	@test -e $(KDIR)/Makefile || { echo "no kernel headers in $(KDIR)," \
		"so no module: install them, set KDIR, or make install-tools" \
		"for gwlbctl alone" >&2; exit 1; }

tools:
	$(MAKE) -C tools

install: install-module install-tools

install-tools: tools
	$(MAKE) -C tools install

# most machines have no key to sign with: say nothing about it
install-module: module
	$(MAKE) -C $(KDIR) M=$(CURDIR) INSTALL_MOD_PATH=$(DESTDIR) \
		CONFIG_MODULE_SIG_ALL= modules_install
ifeq ($(DESTDIR),)
	depmod $(release)
endif

uninstall:
	$(MAKE) -C tools uninstall
ifneq ($(have_kdir),)
	find $(DESTDIR)/lib/modules/$(release)/ -path '*/dkms' -prune -o \
		-name 'gwlb.ko*' -exec rm {} +
	$(if $(DESTDIR),,depmod $(release))
endif

clean:
	$(if $(have_kdir),$(MAKE) -C $(KDIR) M=$(CURDIR) clean)
	$(MAKE) -C tools clean
	$(MAKE) -C selftests clean
	$(if $(have_kdir),$(MAKE) -C $(KDIR) M=$(CURDIR)/selftests/bench clean)
	$(MAKE) -C selftests/unit clean
	rm -rf dist

test:
	@selftests/vm/ci test

ci:
	@selftests/vm/ci all

matrix:
	@selftests/vm/matrix

arm64:
	@selftests/vm/matrix "$$(selftests/vm/kernels | grep arm64)"

lint:
	@selftests/lint.sh

unit:
	$(MAKE) -C selftests/unit run

unit-big:
	$(MAKE) -C selftests/unit run-big

fuzz:
	$(MAKE) -C selftests/unit fuzz FUZZ_SECONDS=$(FUZZ_SECONDS)

install-test:
	@selftests/install.sh

probe-test:
	@selftests/probes.sh

less-test:
	@selftests/less.sh

iproute2-test:
	@selftests/iproute2.sh

dkms-test:
	@selftests/dkms.sh

aws-test:
	@bash -euc '. selftests/vm/lib.sh; need awscli; selftests/aws/commands.py'

boot-test:
	@selftests/vm/run -b -t 1800 -- selftests/boot/service.sh
	@selftests/boot/cloud.sh
	@selftests/vm/run -b -t 1800 -- selftests/boot/readme.sh

deb rpm:
	@packaging/$@/build

package-test:
	@selftests/packages.sh

build-all:
	@selftests/build-all.sh

# HOST=1: on this machine's own kernel
demo:
ifeq ($(HOST),1)
	$(MAKE) module tools
	grep -q '^gwlb ' /proc/modules || { \
		modprobe -a $$(modinfo -F depends gwlb.ko | tr , ' ') && \
		insmod gwlb.ko; }
	PATH="$(CURDIR)/tools:$$PATH" selftests/demo.sh
else
	@selftests/vm/run -- selftests/demo.sh
endif

# HOST=1: on this machine's own kernel; BENCH: by these of icount and uml
bench:
	@BENCH="$(if $(filter 1,$(HOST)),host,$(BENCH))" selftests/bench/run

netlink-gen:
	kmod/netlink-gen.sh "$$(selftests/vm/kernel-tools)/tools/net/ynl"

help:
	@echo 'all          module (if headers of KDIR are there) and tools'
	@echo 'install      module, gwlbctl, man pages, completion; DESTDIR, PREFIX, KDIR;'
	@echo '             without the module: install-tools'
	@echo 'uninstall    takes them away again, with the same DESTDIR, PREFIX, KDIR'
	@echo 'demo         shows the main job in a guest; HOST=1: on this kernel'
	@echo 'bench        measures against forwarding and NAT: BENCH="icount uml" in'
	@echo '             QEMU and User Mode Linux; HOST=1: on this kernel, as root'
	@echo 'test         unit tests, and the functional suite in a guest'
	@echo 'ci           lint, test, fuzz, further kernels, sanitizers, packages, boot'
	@echo 'matrix       the functional suite on every kernel; arm64: on that alone'
	@echo 'lint         static checks'
	@echo 'unit, fuzz   parser in user space; FUZZ_SECONDS=60'
	@echo 'unit-big     unit for a big-endian machine, under qemu-user'
	@echo 'deb, rpm     packages gwlb-dkms and gwlb-tools into dist/'
	@echo 'build-all    builds for every kernel, amd64, arm64 and i386'
	@echo 'install-test uninstall removes what install put; the same for'
	@echo 'dkms-test, package-test'
	@echo 'probe-test   headers of odd kernels; less-test: kernels without conntrack,'
	@echo '             nf_tables or IPv6; iproute2-test: the newest ip(8)'
	@echo 'boot-test    the link at boot, the cloud image, and the commands of README;'
	@echo '             aws-test: those of docs/aws'
	@echo 'netlink-gen  generates code from kmod/gwlb.yaml again'
	@echo 'module, tools, clean'
