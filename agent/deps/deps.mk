# The libraries and root certificates, for which architecture and where: the part of the Makefile that stands alone, so that an image's layer of built libraries
# stays until one of them changes (Dockerfile).
#   make -f agent/deps/deps.mk deps

# ARCH is amd64 or arm64, Docker's and Debian's words; another than this machine's is cross-built, in a build folder of its own.
THIS_ARCH := $(patsubst x86_64,amd64,$(patsubst aarch64,arm64,$(shell uname -m)))
ARCH := $(THIS_ARCH)
TRIPLE_amd64 := x86_64-linux-gnu
TRIPLE_arm64 := aarch64-linux-gnu
TRIPLE := $(or $(TRIPLE_$(ARCH)),$(error ARCH is amd64 or arm64, not '$(ARCH)'))
B := $(if $(filter $(THIS_ARCH),$(ARCH)),build,build/$(ARCH))
STAMP := $(B)/deps.stamp

# Debian's packages of the compiler for $(1) and of the kernel's headers.
compiler_for = $(if $(filter $(THIS_ARCH),$(1)),gcc libc6-dev linux-libc-dev,gcc-$(subst _,-,$(TRIPLE_$(1))) linux-libc-dev-$(1)-cross)
COMPILER := $(call compiler_for,$(ARCH))
ASSEMBLER_amd64 := nasm

.PHONY: deps
deps: $(STAMP) ## the libraries and root certificates alone
$(STAMP): agent/deps/SOURCES agent/deps/ROOTS agent/deps/fetch agent/deps/build agent/deps/ensure agent/deps/need
	@mkdir -p $(B)
	@agent/deps/need $(COMPILER) $(ASSEMBLER_$(ARCH)) make patch xz-utils python3-minimal debian-archive-keyring
	@agent/deps/ensure $(B) $(TRIPLE)
	@touch $@
