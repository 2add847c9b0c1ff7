# interlock: the extension by PGXS, and the project's own commands (make help).
PG_CONFIG ?= pg_config
WERROR ?= -Werror

EXTENSION = extension/interlock
DATA = $(sort $(wildcard extension/interlock--*.sql))
MODULE_big = interlock
OBJS = $(patsubst %.cpp,%.o,$(sort $(wildcard extension/src/*.cpp)))
DEPENDENCIES = $(OBJS:.o=.d)

INTERLOCK_VERSION := $(shell sed -nE "s/^default_version = '(.*)'/\1/p" extension/interlock.control)

# A PostgreSQL ERROR is a longjmp: no exceptions, no RTTI, nothing with a destructor.
PG_CXXFLAGS = -std=c++20 -fno-exceptions -fno-rtti -fno-threadsafe-statics -fno-plt -fvisibility=hidden \
    -isystem $(SERVER_INCLUDES) -MMD -MP -DINTERLOCK_VERSION='"$(INTERLOCK_VERSION)"' \
    -Wall -Wextra $(WERROR) -Wno-register -Wshadow -Wnon-virtual-dtor
# For tests: PostgreSQL's assertions, and undefined behaviour traps (no run-time library is needed).
ifdef CHECKED
PG_CXXFLAGS += -DUSE_ASSERT_CHECKING -fsanitize=undefined -fsanitize-undefined-trap-on-error \
    -fno-sanitize=vptr
endif
# Bitcode would be compiled without PG_CXXFLAGS.
override with_llvm = no

# Tests run in alphabetical order, after those that must be first.
REGRESS_FIRST =
names = $(sort $(notdir $(basename $(wildcard $(1)))))
REGRESS := $(strip $(REGRESS_FIRST) $(filter-out $(REGRESS_FIRST),$(call names,sql/*.sql)))
ISOLATION := $(call names,specs/*.spec)
REGRESS_OPTS = --outputdir=build/regress
ISOLATION_OPTS = --outputdir=build/isolation --load-extension=interlock
EXTRA_CLEAN = $(DEPENDENCIES)

.DEFAULT_GOAL := all
.PHONY: help demo test bench matrix format format-check clean-build

help:
	@sed -n 's/^## //p' Makefile
## make               the extension            make demo    lost updates, and none under interlock
## make install       into PG_CONFIG's server  make test    every suite, on a private cluster
## make installcheck  on a running server      make bench   the benchmarks
## make clean         removes what was built   make matrix  every suite on other Debian releases
## make format        formats the C++ files    make format-check
## Options: PG_CONFIG=/path/to/pg_config, WERROR= (warnings are no errors),
## ARGS="..." for demo, test, bench and matrix, such as make test ARGS="--only regress".

demo test bench matrix:
	@scripts/$@ $(ARGS)
format:
	@scripts/format
format-check:
	@scripts/format --check
clean-build:
	@scripts/clean

PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
SERVER_INCLUDES := $(shell $(PG_CONFIG) --includedir-server 2>/dev/null)
ifneq ($(and $(wildcard $(PGXS)),$(wildcard $(SERVER_INCLUDES)/postgres.h)),)
include $(PGXS)
-include $(DEPENDENCIES)

clean: clean-build
all: build/symbols-checked
build/symbols-checked: $(shlib)
	@scripts/check-symbols $<
	@touch $@

# Objects built for one server, or with other flags, are no good for another.
$(OBJS): build/server
build_facts = { $(PG_CONFIG) --version --includedir-server; echo '$(INTERLOCK_VERSION) CHECKED=$(CHECKED)'; }
build/server: FORCE
	@mkdir -p build
	@$(build_facts) | cmp -s - $@ || $(build_facts) >$@
.PHONY: FORCE

installcheck: | build/regress build/isolation
build/regress build/isolation:
	@mkdir -p $@
else
clean: clean-build
	rm -f $(MODULE_big).so $(OBJS) $(DEPENDENCIES)
.DEFAULT all:
	@scripts/explain-server '$(PG_CONFIG)'
endif
