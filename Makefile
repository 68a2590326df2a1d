# git-gate: build, test, install. One Makefile, not recursive; O= keeps builds apart (O=build/asan).
O       ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
# make itself has cc here
ifeq ($(origin CC),default)
CC      := gcc
endif
VERSION := 0.1.0

PKGS    := jansson libseccomp
# its SHA-256 and comparison in constant time
NETTLE  := $(shell pkg-config --libs nettle)
# neither of these has a .pc file
LIBEV   ?= -lev
LIBHTTP ?= -lhttp_parser
WARN    := -Wall -Wextra -Wconversion -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings
HARDEN  := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
DEFS     = -DGG_VERSION='"$(VERSION)"' -DGG_HOOK_PATH='"$(PREFIX)/libexec/git-gate/hooks"' \
	   -DGG_LIBEXEC='"$(PREFIX)/libexec/git-gate"'
# -fno-strict-aliasing: the macros of libev's header break the rule, and its manual says so
ALL_CF   = -std=gnu17 -D_GNU_SOURCE -I. -O2 -g $(WARN) $(HARDEN) -fno-strict-aliasing -ffunction-sections -fdata-sections $(DEFS) \
	   $(shell pkg-config --cflags $(PKGS)) $(CPPFLAGS) $(CFLAGS) $(SAN)
# what is started for each connection has nothing of base/ that it does not use; not for tests, which are known by their section alone
SMALL   := -Wl,--gc-sections
ALL_LD   = -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS) $(SAN)

# Debian packages: to build and run, and to test
DEPS      := gcc libc6-dev make pkg-config git libev-dev libsystemd-dev libjansson-dev libhttp-parser-dev \
	     libseccomp-dev libmicrohttpd-dev nettle-dev
INITS     := tini dumb-init catatonit s6 runit supervisor
PEERS     := lighttpd nginx-light fcgiwrap apache2-bin
TEST_DEPS := openssh-server openssh-client libcriterion-dev zlib1g-dev perl python3 iproute2 util-linux procps strace clang clang-tidy clang-format cppcheck git-secrets \
	     shellcheck valgrind libclang-rt-14-dev jgit-cli default-jre-headless python3-dulwich python3-pygit2 libgit2-dev \
	     systemd systemd-container debhelper lintian crun runc busybox-static libnss-extrausers mandoc zsh fish systemd-journal-remote haproxy openssl docker-compose \
	     python3-yaml $(PEERS) $(INITS)
# large, and only looked at from outside: their tests are skipped when these cannot be installed
WATCHERS  := prometheus chromium
# a scanner for tests of hook.scannerCommand; the last version that runs with the node of Debian 12
SECRETLINT := @secretlint/core@9.3.4 @secretlint/secretlint-rule-preset-recommend@9.3.4
# the types and schemas of Kubernetes' API, and what checks an object by them, for sidecar/examples
KUBERNETES := kubernetes-models@5.1.0 typescript@5.4.5
# what git-gate is measured beside
BENCH_DEPS := python3 $(PEERS) $(INITS)
# what the table of `make torture` is made with, beside git daemon
TORTURE_DEPS := openssh-server openssh-client python3 $(PEERS)

objects  = $(patsubst %.c,$(O)/%.o,$(wildcard $(1)))
# what is traced has no leaks that could be found
BASE    := $(call objects,base/*.c) $(if $(findstring address,$(SAN)),$(O)/tests/faults/traced.o)
GATE    := $(call objects,cli/*.c supervisor/*.c reaper/*.c) $(O)/daemon-wrap/argv.o $(O)/daemon-wrap/status.o \
	   $(addprefix $(O)/hooks/,pushconf.o deadline.o run.o subtree.o ssh.o scanner.o report.o stepname.o scratch.o scanrun.o objects.o gitcmd.o lines.o)
WRAP    := $(addprefix $(O)/daemon-wrap/,wrap.o repo.o refresh.o request.o status.o)
SESSION := $(addprefix $(O)/daemon-wrap/,git-session.o fetch.o repoconf.o) $(WRAP)
HTTP    := $(filter-out %/git-session.o %/fetch.o,$(call objects,daemon-wrap/*.c))
# its pure parts, for unit tests and fuzzers
HTTPP   := $(addprefix $(O)/daemon-wrap/,httpparse.o httproute.o httpenv.o httpreply.o httpauth.o httpadvert.o)
HOOK    := $(call objects,hooks/*.c)
ADMIN   := $(call objects,admin/*.c)
# without the server
ADMINP  := $(addprefix $(O)/admin/,html.o timeline.o page.o reply.o source.o)
# what unit tests link: all but main()
HOOKP   := $(filter-out $(O)/hooks/hook.o,$(HOOK))
TORTURE := $(call objects,tests/torture/*.c)
# what decides and does nothing: `make check-pure` looks at what these import
PURE    := $(addprefix $(O)/,reaper/classify.o reaper/envsearch.o reaper/cgrouppath.o reaper/reason.o reaper/policy.o reaper/escalate.o reaper/evidence.o base/eventrate.o reaper/tune.o reaper/account.o reaper/leftover.o reaper/tell.o \
	   daemon-wrap/request.o daemon-wrap/status.o base/text.o base/jsontext.o base/addr.o base/who.o base/cidr.o base/proxyhead.o base/upstream.o cli/format.o cli/charwidth.o cli/nearest.o cli/insteadof.o cli/addname.o cli/sshsays.o cli/machine.o supervisor/servicestate.o supervisor/metrics.o supervisor/rules.o supervisor/hookword.o \
	   daemon-wrap/httpparse.o daemon-wrap/httproute.o daemon-wrap/httpenv.o daemon-wrap/httpreply.o daemon-wrap/httpauth.o daemon-wrap/httpadvert.o hooks/sayfilter.o hooks/ssh.o hooks/pushreport.o \
	   hooks/refrule.o hooks/lines.o hooks/scanner.o hooks/stepname.o)
# all but main(), and what makes allocations fail in it
UNIT    := $(call objects,tests/unit/*.c) $(O)/tests/faults/alloc.o $(O)/tests/torture/seen.o \
	   $(sort $(BASE) $(PURE) $(filter-out $(O)/cli/main.o,$(GATE)) $(HTTPP) $(HOOKP) $(ADMINP))
MAN     := git-gate.1 git-gate.8 git-gate.conf.5 git-gate-events.7
# TOOLS: for whoever tests a gate; a package leaves them out
TOOLS   ?= git-gate-torture
HELPERS := git-gate-session git-gate-http git-gate-hook git-gate-admin
PROGS   := $(addprefix $(O)/,git-gate $(HELPERS) $(TOOLS))
# for tests only
BENCHERS := $(addprefix $(O)/bench-,kid load herd strangers)
TESTERS := $(O)/hook-scan $(O)/hook-forward $(O)/alloc-faults.so $(BENCHERS)
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz-*.c))

.PHONY: all man test check-asan check-static check-pure check-valgrind coverage fuzz bench bench-short faults soak torture run size deps test-deps bench-deps torture-deps install uninstall clean
.DELETE_ON_ERROR:

all: $(PROGS) $(O)/hooks/pre-receive $(O)/hooks/post-receive

# docs/man is committed: after a change of what it is made from (tables, cli/man*.c), or of VERSION
man: $(O)/git-gate
	@mkdir -p docs/man
	for page in $(MAN); do $(O)/git-gate --dump-man $$page >docs/man/$$page || exit 1; done

$(O)/git-gate: $(GATE) $(BASE)
	$(CC) $(ALL_LD) -o $@ $^ $(LIBEV) $(NETTLE) $(shell pkg-config --libs $(PKGS))
$(O)/git-gate-session: $(SESSION) $(BASE)
	$(CC) $(ALL_LD) $(SMALL) -o $@ $^
$(O)/git-gate-http: $(HTTP) $(BASE)
	$(CC) $(ALL_LD) $(SMALL) -o $@ $^ $(LIBHTTP) $(NETTLE)
$(O)/git-gate-hook: $(HOOK) $(BASE)
	$(CC) $(ALL_LD) $(SMALL) -o $@ $^ $(shell pkg-config --libs jansson)
$(O)/git-gate-admin: $(ADMIN) $(BASE)
	$(CC) $(ALL_LD) -o $@ $^ $(shell pkg-config --libs jansson libmicrohttpd)
# the forward without the gate, for tests/process
$(O)/hook-forward: $(O)/tests/hooks/hook-forward.o $(HOOKP) $(BASE)
	$(CC) $(ALL_LD) -o $@ $^ $(shell pkg-config --libs jansson)
$(O)/git-gate-torture: $(TORTURE) $(BASE) $(O)/reaper/sockdiag.o
	$(CC) $(ALL_LD) -o $@ $^ $(shell pkg-config --libs jansson)
$(O)/hook-scan: $(O)/tests/scan/hook-scan.o $(HOOKP) $(BASE)
	$(CC) $(ALL_LD) -o $@ $^ $(shell pkg-config --libs jansson)
$(O)/unit: $(UNIT)
	$(CC) $(ALL_LD) -o $@ $^ $(LIBEV) $(LIBHTTP) $(NETTLE) $(shell pkg-config --libs $(PKGS)) -lcriterion
# the directory that core.hooksPath points at when git-gate runs from the build tree
$(O)/hooks/pre-receive $(O)/hooks/post-receive: $(O)/git-gate-hook
	@mkdir -p $(@D)
	ln -sf ../git-gate-hook $@

# a change of PREFIX, or of a flag, builds anew
FLAGS := $(O)/flags
$(shell mkdir -p $(O); echo '$(CC) $(ALL_CF)' | cmp -s - $(FLAGS) || echo '$(CC) $(ALL_CF)' >$(FLAGS))
$(O)/%.o: %.c Makefile $(FLAGS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CF) -MMD -MP -c -o $@ $<
-include $(shell find $(O) -name '*.d' 2>/dev/null)

# makes allocations fail in whatever it is preloaded into
$(O)/alloc-faults.so: tests/faults/alloc.c tests/faults/alloc.h Makefile $(FLAGS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CF) -fPIC -DGG_ALLOC_PRELOAD $(LDFLAGS) -shared -o $@ $<

# --- tests -----------------------------------------------------------------------------------------------------------
# Criterion and the programs themselves count; tests/run adds their figures up. JOBS: process tests at once; most of the time they wait for a deadline
JOBS    ?= 3
LOGS    := $(O)/logs

test: test-deps
	@$(MAKE) --no-print-directory all $(O)/unit $(TESTERS)
	@mkdir -p $(LOGS)
	@tests/run $(LOGS) $(O) $(JOBS)

check-asan:
	$(MAKE) O=build/asan SAN='-fsanitize=address,undefined -fno-sanitize-recover=all -U_FORTIFY_SOURCE' test

# the pure parts; valgrind 3.19 does not know pidfd_open, so what starts processes has ASan and LeakSanitizer instead
check-valgrind: $(O)/unit
	valgrind -q --error-exitcode=9 --trace-children=yes --leak-check=full --errors-for-leak-kinds=definite,indirect \
		--show-leak-kinds=definite,indirect $(O)/unit -j1 --timeout 300 --filter \
		'@(text|addr|cidr|proxyhead|classify|policy|escalate|leftover|request|status|tell|argv|pstat|table|http*|hooksay)/*'

# each allocation fails in turn: an hour and more; CI has a sample. No tail calls: who asks for memory is told by the stack
.PHONY: faults-alloc faults-alloc-in
faults-alloc:
	@$(MAKE) --no-print-directory O=$(O)/alloc CFLAGS='$(CFLAGS) -fno-optimize-sibling-calls' faults-alloc-in
faults-alloc-in: all $(O)/alloc-faults.so $(O)/unit
	rm -rf $(O)/alloc-sites $(O)/unit-sites
	ALLOC_SITES=$(O)/unit-sites $(O)/unit --filter 'alloc*/*'
	BUILD=$(abspath $(O)) ALLOC=all tests/process/t0170-allocations.py
	BUILD=$(abspath $(O)) ALLOC=all tests/process/t0182-allocations-programs.py
	BUILD=$(abspath $(O)) ALLOC=all tests/process/t0183-allocations-hooks.py
	tests/faults/callers $(O)

# decisions import nothing that could look at the world
check-pure: $(PURE)
	@! nm -u $^ | grep -E ' U ' | grep -vE ' U (gg_|http_|nettle_|mem|str|__mem|__str|snprintf|vsnprintf|__s?n?printf|__v?snprintf|__stack_chk|__isoc|sscanf|__ctype|inet_pton|inet_ntop|if_|__errno|_GLOBAL|__ubsan|__asan|htons|ntohs|tolower|toupper)' \
		|| { echo 'check-pure: the functions above are not pure'; false; }

# the compiler's warnings of what is for tests alone; no object is made
.PHONY: check-syntax
check-syntax:
	@for f in $(wildcard tests/unit/*.c tests/faults/*.c tests/hooks/*.c tests/scan/*.c tests/bench/*.c); do echo $$f; done | \
		xargs -P$$(nproc) -n8 $(CC) $(ALL_CF) -fsyntax-only

check-static: check-pure
	tests/static $(O)

# which lines and branches the tests reach, and why not the others (tests/coverage/reasons.txt); ONLY=unit for the unit tests alone
coverage: test-deps
	@tests/coverage/run $(O)/coverage $(JOBS) $(patsubst $(O)/%,%,$(TESTERS))

fuzz:
	tests/fuzz/run $(O)/fuzz $(FUZZ_SECONDS) $(FUZZERS)

# one error of the machine at each system call of each program, FAULTS: options of tests/faults/sweep
faults: all
	tests/faults/sweep $(O) $(FAULTS)

# figures for docs/performance.md, in Markdown: 30 to 40 minutes on a quiet machine, a third of it for watching
bench: bench-deps
	@$(MAKE) --no-print-directory all $(BENCHERS)
	BUILD=$(abspath $(O)) tests/bench/run
	BUILD=$(abspath $(O)) tests/bench/transport
	BUILD=$(abspath $(O)) tests/bench/supervisors
	BUILD=$(abspath $(O)) tests/bench/watching
	BUILD=$(abspath $(O)) tests/load/run
# the same programs with small numbers: they fail for wrong results, never for how long anything took. tests/run runs them too
bench-short: bench-deps
	@$(MAKE) --no-print-directory all $(BENCHERS)
	@mkdir -p $(LOGS)
	@ONLY=t0176 tests/run $(LOGS) $(O) 1
	@ONLY=t0177 tests/run $(LOGS) $(O) 1
	@cat $(LOGS)/t0176-*.log $(LOGS)/t0177-*.log | grep -v '^ok'
# static, which neither sanitizers nor counters can be
$(O)/bench-kid $(O)/bench-strangers: override SAN :=
$(O)/bench-kid: $(O)/tests/bench/kid.o
	$(CC) -static -o $@ $^
$(O)/bench-load: $(O)/tests/bench/load.o
	$(CC) $(ALL_LD) -o $@ $^
$(O)/bench-herd: $(O)/tests/bench/herd.o
	$(CC) $(ALL_LD) -o $@ $^
$(O)/bench-strangers: $(O)/tests/bench/strangers.o
	$(CC) -static -o $@ $^

# who ends which client, after how long, and what is left: docs/conformance.md and the README's table; some three minutes
torture: torture-deps
	@$(MAKE) --no-print-directory all
	@tests/torture/conformance.py $(O)

# mixed traffic through one gate while its children are killed, from SEED: SOAK_SECONDS of it
SOAK_SECONDS ?= 3600
soak: test-deps
	@$(MAKE) --no-print-directory all
	BUILD=$(abspath $(O)) SOAK_SECONDS=$(SOAK_SECONDS) SEED=$(SEED) tests/load/soak

# --- running, installing ---------------------------------------------------------------------------------------------
run: deps
	@$(MAKE) --no-print-directory all
	@tools/sample $(O)

# only what is missing is installed; through sudo when not root
deps:
	@tools/packages $(DEPS)
test-deps:
	@tools/packages $(DEPS) $(TEST_DEPS)
	@command -v npm >/dev/null || tools/packages nodejs npm
	@[ -d $(O)/secretlint/node_modules ] || { mkdir -p $(O)/secretlint && \
		npm install --silent --no-audit --no-fund --prefix $(O)/secretlint $(SECRETLINT); } || { \
		rm -rf $(O)/secretlint; echo 'test-deps: npm cannot install secretlint; its tests are skipped' >&2; }
	@[ -d $(O)/kubernetes/node_modules ] || { mkdir -p $(O)/kubernetes && \
		npm install --silent --no-audit --no-fund --prefix $(O)/kubernetes $(KUBERNETES); } || { \
		rm -rf $(O)/kubernetes; echo 'test-deps: npm cannot install kubernetes-models; its test is skipped' >&2; }
	@tools/packages $(WATCHERS) || echo 'test-deps: cannot install $(WATCHERS); their tests are skipped' >&2
# what an image holds, by part; needs root. What the gate takes in one: tests/realm/r0007
size: $(PROGS)
	@rm -rf $(O)/rootfs
	@sidecar/rootfs.sh $(O)/rootfs
	@sidecar/size.sh $(O)/rootfs
bench-deps:
	@tools/packages $(DEPS) $(BENCH_DEPS)
torture-deps:
	@tools/packages $(DEPS) $(TORTURE_DEPS)

UNITDIR ?= $(PREFIX)/lib/systemd/system
# all from two sources, by systemd/unit
UNITS   := git-gate.service git-gate-git.socket git-gate-http.socket git-gate@.service git-gate-git@.socket git-gate-http@.socket
HOOKS   := pre-receive post-receive
SCANNER := $(notdir $(wildcard examples/scanners/*))
BASH    := share/bash-completion/completions/git-gate
FISH    := share/fish/vendor_completions.d/git-gate.fish
# where Debian's zsh looks: of packages, and of what was installed by hand
ZSH     := share/zsh/$(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)/_git-gate
CATALOG := lib/systemd/catalog/git-gate.catalog
# all that install puts there, for uninstall (t0153 compares them); OWN: directories that nobody else has
FILES   := bin/git-gate $(addprefix bin/,$(TOOLS)) $(addprefix libexec/git-gate/,$(HELPERS)) $(addprefix libexec/git-gate/hooks/,$(HOOKS)) \
	   $(addprefix share/git-gate/scanners/,$(SCANNER)) $(foreach page,$(MAN),share/man/man$(subst .,,$(suffix $(page)))/$(page)) \
	   lib/sysusers.d/git-gate.conf lib/tmpfiles.d/git-gate.conf $(CATALOG) $(BASH) $(ZSH) $(FISH)
OWN     := libexec/git-gate/hooks libexec/git-gate share/git-gate/scanners share/git-gate
TO      := $(DESTDIR)$(PREFIX)
MADE    := $(addprefix $(O)/units/,$(UNITS)) $(O)/git-gate.catalog $(addprefix $(O)/completion.,bash zsh fish)

$(O)/units/%: systemd/unit systemd/git-gate.service.in systemd/git-gate.socket.in $(FLAGS)
	@mkdir -p $(@D)
	systemd/unit $* $(PREFIX)/bin >$@
$(O)/git-gate.catalog: $(O)/git-gate
	$(O)/git-gate --dump-catalog >$@
$(O)/completion.%: $(O)/git-gate
	$(O)/git-gate completion $* >$@

# renamed into its place: git runs no hook at all when there is none, so a push that runs meanwhile has to find the old or the new one
put = install -Dm755 $(1) $(2).new && mv -f $(2).new $(2)

install: $(PROGS) $(MADE)
	for p in git-gate $(TOOLS); do $(call put,$(O)/$$p,$(TO)/bin/$$p) || exit 1; done
	for p in $(HELPERS); do $(call put,$(O)/$$p,$(TO)/libexec/git-gate/$$p) || exit 1; done
	install -d $(TO)/libexec/git-gate/hooks
	for p in $(HOOKS); do ln -sf ../git-gate-hook $(TO)/libexec/git-gate/hooks/$$p || exit 1; done
	for p in $(SCANNER); do install -Dm755 examples/scanners/$$p $(TO)/share/git-gate/scanners/$$p || exit 1; done
	for p in $(UNITS); do install -Dm644 $(O)/units/$$p $(DESTDIR)$(UNITDIR)/$$p || exit 1; done
	install -Dm644 systemd/git-gate.sysusers $(TO)/lib/sysusers.d/git-gate.conf
	install -Dm644 systemd/git-gate.tmpfiles $(TO)/lib/tmpfiles.d/git-gate.conf
	install -Dm644 $(O)/git-gate.catalog $(TO)/$(CATALOG)
	install -Dm644 $(O)/completion.bash $(TO)/$(BASH)
	install -Dm644 $(O)/completion.zsh $(TO)/$(ZSH)
	install -Dm644 $(O)/completion.fish $(TO)/$(FISH)
	for p in $(MAN); do install -Dm644 docs/man/$$p $(TO)/share/man/man$${p##*.}/$$p || exit 1; done

# settings, repositories and the user stay, and what somebody else put into a directory of ours
uninstall:
	rm -f $(addprefix $(TO)/,$(FILES)) $(addprefix $(DESTDIR)$(UNITDIR)/,$(UNITS))
	for d in $(addprefix $(TO)/,$(OWN)); do [ ! -d $$d ] || rmdir --ignore-fail-on-non-empty $$d; done

clean:
	rm -rf $(O)
