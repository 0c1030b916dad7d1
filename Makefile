# advfair: build, install and test through PGXS.
#
#   make                 the extension
#   make install         into the PostgreSQL that pg_config describes; both also from another folder: make -f /where/it/is/Makefile
#   make installcheck    regression tests against a running, installed server
#   make check-core      plain-C unit tests under sanitizers, no PostgreSQL needed
#   make check-valgrind  some of them under valgrind
#   make check-cross     some of them for other processors, emulated
#   make fuzz            coverage-guided fuzzing of all that reads what users give (test/fuzz/README.md)
#   make test            everything, in throw-away servers; installs what is missing (root)
#   make faults          processes killed at random, ROUNDS=100 times (half an hour)
#   make charts          the chart library of reports, from the npm registry; before make install
#   make demo            a first look, in a throw-away server; installs what is missing (root)
#   make paper           the paper's tables and figures again, on real data (hours; SCALE=small: minutes), into docs/paper
#   make data            the Adult and CIFAR-10 data sets, into data/
#   make bench           speed against PyTorch and the machine's limit, on real data (20 minutes; bench/README.md)
#   make bench-core      speed of kernels and of the core alone
#   make bench-growth    how time and memory grow (5 minutes)
#   make deps            the Debian packages that building and testing need
#
# Settings: FUZZ_SECONDS for each of FUZZ_TARGETS, PG_CONFIG (which PostgreSQL), OPTFLAGS (e.g. -march=native, for this machine only), WERROR=1.

# Where this file is. What is made lies under the same name in the folder that make runs in, which may be another.
this   := $(firstword $(MAKEFILE_LIST))
top    := $(dir $(this))
source  = $(patsubst $(top)%,%,$(sort $(wildcard $(addprefix $(top),$(1)))))

EXTENSION  = advfair
EXTVERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" $(top)advfair.control)
MODULE_big = $(EXTENSION)

# Not HEADERS, which PGXS would install.
CORE_SRC    = $(call source,src/core/*/*.c)
PG_SRC      = $(call source,src/pg/*.c src/pg/*/*.c)
OUR_HEADERS = $(wildcard $(top)include/*/*/*.h)
OBJS        = $(patsubst %.c,%.o,$(CORE_SRC) $(PG_SRC))

# What makes a new database, and what updates one, differ in the steps they begin with (sql/begin.sql).
scripts    = $(patsubst %,$(top)sql/%.sql,$(1))
SQL        = $(call scripts,advfair retraining jobs charts report)
DATA_built = $(patsubst %,sql/$(EXTENSION)--%.sql,$(EXTVERSION) $(addsuffix --$(EXTVERSION),1.0 1.1 1.2))
DATA       = report/advfair-report.css report/advfair-report.js $(call source,build/report/advfair-vega.js)

REGRESS      = $(sort $(patsubst test/sql/%.sql,%,$(wildcard test/sql/*.sql)))
REGRESS_OPTS = --inputdir=test --load-extension=$(EXTENSION)
EXTRA_CLEAN  = build results regression.diffs regression.out

# PostgreSQL's own flags ask for C90-style declarations; this code is C11. A function that is not declared, because its header is missing in
# some version of PostgreSQL, would be taken for one of int.
WARNINGS = -Werror=implicit-function-declaration -Wall -Wextra -Wvla -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers \
           -Wno-declaration-after-statement $(if $(filter 1,$(WERROR)),-Werror)
OPTFLAGS ?=

PG_CPPFLAGS = -I$(top)include
PG_CFLAGS   = -std=gnu11 $(WARNINGS) $(OPTFLAGS)
SHLIB_LINK += -ldl -lm

# Bitcode lets the server inline small functions into queries; ours are loops over whole layers.
override with_llvm = no

.DEFAULT_GOAL := all

ifndef PG_CONFIG
PG_CONFIG := $(or $(shell command -v pg_config),$(lastword $(sort $(wildcard /usr/lib/postgresql/*/bin/pg_config))))
endif
export PG_CONFIG

# On a bare machine there is no PGXS yet, or the client's package has brought it without headers: the targets that install what is missing
# must still work.
ask   = $(if $(PG_CONFIG),$(shell $(PG_CONFIG) --$(1) 2>/dev/null))
PGXS := $(and $(wildcard $(call ask,includedir-server)/postgres.h),$(wildcard $(call ask,pgxs)))
ifneq ($(PGXS),)
include $(PGXS)
else
all install installcheck:
	@echo "The PostgreSQL server headers are missing. Run 'make deps' (as root), or set PG_CONFIG." >&2; exit 1
clean:
	rm -rf $(OBJS) $(DATA_built) $(EXTRA_CLEAN)
endif

# Only sources are looked for elsewhere: PGXS would also take objects that were once made there for ours.
srcdir := $(top)
override VPATH :=
vpath %.c $(top)
vpath %.control $(top)
$(shell mkdir -p $(sort $(dir $(OBJS) $(DATA_built))))

# Distributions build with dependency tracking off, so every object depends on every header.
$(OBJS): $(OUR_HEADERS) $(this)

# The core is where the time goes. No -ffast-math: results must stay reproducible and NaN must stay visible.
$(CORE_SRC:.c=.o): override CFLAGS += -O3 -fno-math-errno -fno-trapping-math -ffp-contract=fast \
                                      -fvisibility=hidden $(OPTFLAGS)
# Intervals are the same on every processor: those with fused instructions must not use them here.
src/core/score/bootstrap.o src/core/score/statistic.o: override CFLAGS += -ffp-contract=off

sql/$(EXTENSION)--$(EXTVERSION).sql: $(call scripts,begin steps/1.0 steps/1.1 steps/1.2 steps/1.3) $(SQL) $(call scripts,end)
sql/$(EXTENSION)--1.0--$(EXTVERSION).sql: $(call scripts,begin steps/1.1 steps/1.2 steps/1.3) $(SQL) $(call scripts,end)
sql/$(EXTENSION)--1.1--$(EXTVERSION).sql: $(call scripts,begin steps/1.2 steps/1.3) $(SQL) $(call scripts,end)
sql/$(EXTENSION)--1.2--$(EXTVERSION).sql: $(call scripts,begin steps/1.3) $(SQL) $(call scripts,end)
$(DATA_built):
	cat $^ >$@

# Databases made by these let whoever had made a fitting operator before run code as others. Nobody is to make another one.
install: forget-old-scripts
forget-old-scripts:
	rm -f $(patsubst %,'$(DESTDIR)$(datadir)/$(datamoduledir)/$(EXTENSION)--%.sql',1.0 1.1 1.0--1.1)

# ---- the core on its own: test_*.c are programs, other files in test/core are linked into each ----

SANITIZE ?= -fsanitize=address,undefined -fno-sanitize-recover=undefined
PROVE    ?= prove

CORE_TESTS   = $(patsubst %.c,build/%,$(call source,test/core/test_*.c))
CORE_HELPERS = $(patsubst %.c,build/%.o,$(filter-out test/core/test_%,$(call source,test/core/*.c)))
CORE_OBJS    = $(patsubst %.c,build/%.o,$(CORE_SRC))
TEST_HEADERS = $(OUR_HEADERS) $(wildcard $(top)test/*/*.h)

build/%.o: %.c $(TEST_HEADERS) $(this)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O1 -g -fno-omit-frame-pointer $(SANITIZE) $(WARNINGS) -I$(top)include -c -o $@ $<

$(CORE_TESTS): %: %.o $(CORE_HELPERS) $(CORE_OBJS)
	$(CC) $(SANITIZE) -o $@ $^ -ldl -lm -lpthread

build/test/core/test_fuzz: $(patsubst %,build/test/fuzz/%.o,host model arch encoder)

check-core: $(CORE_TESTS)
	$(if $^,$(PROVE) $^,@echo "no tests in test/core")

# ---- the same tests under valgrind, which also sees what is read before it is written ----

# Where memory matters most: what reads bytes and texts, networks forward and backward, training. Attacks would take minutes.
VALGRIND_TESTS = $(patsubst %,build/valgrind/test_%,arch encoder fuzz layers model network optimizer train)
VALGRIND       = valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite

build/valgrind/%.o: %.c $(TEST_HEADERS) $(this)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O1 -g $(WARNINGS) -I$(top)include -c -o $@ $<

$(VALGRIND_TESTS): build/valgrind/%: build/valgrind/test/core/%.o $(CORE_HELPERS:build/%=build/valgrind/%) $(CORE_OBJS:build/%=build/valgrind/%)
	$(CC) -o $@ $^ -ldl -lm -lpthread

build/valgrind/test_fuzz: $(patsubst %,build/valgrind/test/fuzz/%.o,host model arch encoder)

check-valgrind: $(VALGRIND_TESTS)
	$(PROVE) --exec '$(VALGRIND)' $^

# ---- the same tests for other processors, compiled and emulated: NEON's vectors, and numbers with the big end first ----

# All but those whose work takes minutes in an emulator: trainings, attacks, and networks on s390x, which has to emulate vectors as well.
CROSS              = aarch64 s390x
CROSS_SLOW         = attack blas bounds certify checkpoint clip ibp luf methods robust schedule train
CROSS_SLOW_s390x   = network
cross_tests        = $(patsubst %,build/$(1)/%,$(filter-out $(patsubst %,test_%,$(CROSS_SLOW) $(CROSS_SLOW_$(1))),$(notdir $(CORE_TESTS))))

define CROSS_RULES
build/$(1)/%.o: %.c $$(TEST_HEADERS) $$(this)
	@mkdir -p $$(@D)
	$(1)-linux-gnu-gcc -std=gnu11 -O2 $$(WARNINGS) -I$$(top)include -c -o $$@ $$<

$$(call cross_tests,$(1)): build/$(1)/%: build/$(1)/test/core/%.o $$(CORE_HELPERS:build/%=build/$(1)/%) $$(CORE_OBJS:build/%=build/$(1)/%)
	$(1)-linux-gnu-gcc -o $$@ $$^ -ldl -lm -lpthread

build/$(1)/test_fuzz: $$(patsubst %,build/$(1)/test/fuzz/%.o,host model arch encoder)

endef
$(foreach arch,$(CROSS),$(eval $(call CROSS_RULES,$(arch))))

# The slowest first, so that nothing waits for it alone.
check-cross: build/aarch64/test_network $(foreach arch,$(CROSS),$(filter-out build/aarch64/test_network,$(call cross_tests,$(arch))))
	$(PROVE) --exec $(top)tools/emulate.sh $^

# ---- fuzzing: each target of the core is a program, those of the server share a module ----

FUZZ_CC      ?= clang
FUZZ_CORE    = model arch encoder
FUZZ_SERVER  = task job functions build state
FUZZ_TARGETS ?= $(FUZZ_CORE) $(FUZZ_SERVER)
FUZZ_SECONDS ?= 60
FUZZ_FLAGS   = -std=gnu11 -O1 -g -fno-omit-frame-pointer $(WARNINGS) -I$(top)include -fsanitize=fuzzer-no-link
FUZZ_LIBS    = -ldl -lm -lpthread
FUZZ_SHARED  = $(patsubst %,test/fuzz/%.c,host model arch encoder)
FUZZ_OBJS    = $(patsubst %.c,build/fuzz/core/%.o,$(CORE_SRC) $(FUZZ_SHARED))
FUZZ_PG_OBJS = $(patsubst %.c,build/fuzz/pg/%.o,$(CORE_SRC) $(FUZZ_SHARED) $(PG_SRC) test/fuzz/server.c)

build/fuzz/core/%.o: %.c $(TEST_HEADERS) $(this)
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_FLAGS) $(SANITIZE) -c -o $@ $<

# The server is not built with the address sanitizer, so its runtime cannot be there; undefined behaviour traps.
build/fuzz/pg/%.o: %.c $(TEST_HEADERS) $(this)
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=undefined -fsanitize-trap=undefined -fPIC -D_GNU_SOURCE -Wno-ignored-attributes \
		-isystem $(shell $(PG_CONFIG) --includedir-server) -c -o $@ $<

$(FUZZ_CORE:%=build/fuzz/fuzz-%): build/fuzz/fuzz-%: test/fuzz/main.c $(FUZZ_OBJS)
	$(FUZZ_CC) $(FUZZ_FLAGS) $(SANITIZE) -fsanitize=fuzzer -DFUZZ_TARGET=fuzz_$* -o $@ $^ $(FUZZ_LIBS)

build/fuzz/seeds: test/fuzz/seeds.c $(FUZZ_OBJS)
	$(FUZZ_CC) $(FUZZ_FLAGS) $(SANITIZE) -o $@ $^ $(FUZZ_LIBS)

build/fuzz/fuzz-server.so: $(FUZZ_PG_OBJS)
	$(FUZZ_CC) -shared -o $@ $^ $(shell $(FUZZ_CC) -print-file-name=libclang_rt.fuzzer_no_main-$(shell uname -m).a) -lstdc++ $(FUZZ_LIBS)

fuzz-build: $(FUZZ_CORE:%=build/fuzz/fuzz-%) build/fuzz/fuzz-server.so build/fuzz/seeds

# ---- the rest is in tools/ ----

fuzz:
	@tools/deps.sh build fuzz
	@$(MAKE) -s fuzz-build
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tools/fuzz.sh $(FUZZ_TARGETS)

deps:
	@tools/deps.sh build test data

test:
	@tools/deps.sh build test report browser paper cross
	@tools/charts.sh --try
	@tools/test.sh

faults:
	@tools/deps.sh build test
	@tools/with-server.sh -- perl test/faults.pl

charts:
	@tools/deps.sh report
	@tools/charts.sh

demo:
	@tools/demo.sh

paper:
	@tools/deps.sh build data report paper
	@tools/charts.sh --try
	@tools/paper.sh $(SCALE)

data:
	@tools/data.sh

# ---- speed: with the extension's own objects ----

BENCH = build/bench-core build/bench-kernels

$(BENCH): build/bench-%: bench/%.c $(CORE_SRC:.c=.o)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 $(WARNINGS) -I$(top)include -o $@ $(filter %.c %.o,$^) $(BENCH_LDFLAGS) -ldl -lm -lpthread

build/bench-core: bench/sections.c bench/sections.h
build/bench-core: BENCH_LDFLAGS = -Wl,--wrap=adv_team_barrier,--wrap=adv_team_claim

bench-core: $(BENCH)
	build/bench-kernels
	build/bench-core
	build/bench-core split

bench:
	@tools/deps.sh build data bench
	@tools/data.sh
	@$(MAKE) -s all $(BENCH)
	@tools/with-server.sh -- /usr/bin/python3 bench/run.py $(WORKS)

bench-growth:
	@tools/deps.sh build data bench
	@tools/data.sh cifar10
	@$(MAKE) -s all
	@tools/with-server.sh -- /usr/bin/python3 bench/growth.py >build/growth.csv
	@mv build/growth.csv bench/growth.csv
	@/usr/bin/python3 bench/growth.py draw bench/growth.csv bench/growth
	@cat bench/growth.csv

.PHONY: forget-old-scripts check-core check-valgrind check-cross fuzz fuzz-build deps test faults charts demo paper data bench bench-core bench-growth
.SECONDARY: $(CORE_TESTS:=.o)
