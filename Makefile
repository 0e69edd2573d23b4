# The commands of this project; `make help` lists them. All they need is Python 3.11 or newer: they make
# the environment .venv when it is missing or out of date (backend/live_inbox_site/bootstrap.py).

PORT ?= 8000
ARGS ?=
# Of `make release`: only from its command line, so that no variable of the same name in the environment counts.
VERSION =
SIGN = yes
DRY_RUN = no
# A site in production, as `check --deploy` wants it. Nothing connects, and the secrets are none.
PRODUCTION = ENVIRONMENT=production ALLOWED_HOSTS=inbox.example.com BEHIND_PROXY=true HSTS_INCLUDE_SUBDOMAINS=true HSTS_PRELOAD=true \
	DATABASE_URL=postgres://inbox@localhost/inbox REDIS_URL=redis://localhost METRICS_TOKEN=only-for-make-check \
	SECRET_KEY=only-for-make-check-0123456789-abcdefghijklmnopqrstuvwxyz JWT_SECRET=only-for-make-check-9876543210-zyxwvu
PYTHONS = python3 python3.14 python3.13 python3.12 python3.11 python

# Runs backend/live_inbox_site/bootstrap.py with the first Python that is new enough: with PYTHON, if that is given.
# `exec`, so that Ctrl-C reaches what runs, and nothing stands between.
define bootstrap
@found=; for python in $(or $(PYTHON),$(PYTHONS)); do \
	answer=`"$$python" -c 'import sys; print("%d.%d %s" % (sys.version_info[:2] + (sys.executable,)))' 2>/dev/null` || \
		{ ! command -v "$$python" >/dev/null || found="$$found $$python (does not run)"; continue; }; \
	case $$answer in 3.1[1-9]\ *|3.[2-9][0-9]\ *) exec "$${answer#* }" backend/live_inbox_site/bootstrap.py $(1) ;; esac; \
	found="$$found $$python ($${answer%% *})"; \
done; \
echo "Python 3.11 or newer is needed; found:$${found:- none}. Install one, or name it: PYTHON=/path/to/python3" >&2; \
exit 1
endef

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

run: ## serve the product on http://localhost:8000 (PORT=9000 for another port)
	$(call bootstrap,run "$(PORT)")

test: ## run all tests, on SQLite alone and on PostgreSQL with Redis (ARGS="-k word" for pytest)
	$(call bootstrap,test $(ARGS))

chaos: ## break everything that can break and prove that nothing is lost, 15 minutes (ARGS="--seed 7 --profile mixed")
	$(call bootstrap,chaos $(ARGS))

prove: ## plant bugs one by one and prove that the tests notice each within a minute (ARGS="--list")
	$(call bootstrap,prove $(ARGS))

siege: ## flood a server in every way and measure what another user notices, 12 minutes (ARGS="--attack silent --seconds 20")
	$(call bootstrap,siege $(ARGS))

bench: ## measure beside peers, an hour or more; writes docs/benchmarks.md (ARGS="--workloads fanout --peers product,nchan")
	$(call bootstrap,bench $(ARGS))

bench-quick: ## the same in a few minutes, with fewer peers and sockets
	$(call bootstrap,bench --quick $(ARGS))

check: check-style check-types check-imports check-django audit ## look for mistakes without running the product

format: .development ## bring the code into shape
	.venv/bin/python -m ruff format .
	.venv/bin/python -m ruff check --fix .

pictures: .development ## make the pictures of the README anew
	.venv/bin/python -m tests.pages.screenshots

lock: ## write the locks anew from pyproject.toml (ARGS=--upgrade for newer versions)
	$(call bootstrap,lock $(ARGS))

matrix: .development ## run a part of the tests with the lowest and the newest dependencies (ARGS="lowest newest-3.14")
	.venv/bin/python -m tests.versions $(ARGS)

audit: .development ## look for known vulnerabilities of the packages in the locks, as far as the registries tell
	.venv/bin/python -m tests.audit

release: .development ## make a release without publishing it: VERSION=0.2.0 (DRY_RUN=yes to try, SIGN=no without a key)
	@.venv/bin/python -m releasing make --sign "$(SIGN)" --dry-run "$(DRY_RUN)" -- "$(VERSION)"

clean: ## remove the environment and everything that tools have left; your data in var/ stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache var/hypothesis var/lock-tools var/audit-tools var/matrix var/release-* var/samples var/static backend/live_inbox/static/live_inbox/web frontend/node_modules benchmarks/peers/node/node_modules
	find backend benchmarks graphql_schema tests -name __pycache__ -prune -exec rm -rf {} +

check-style: .development
	.venv/bin/python -m ruff check .
	.venv/bin/python -m ruff format --check .

check-types: .development
	ENVIRONMENT=test .venv/bin/python -m mypy

check-imports: .development
	.venv/bin/lint-imports --no-cache

check-django: .development
	ENVIRONMENT=test .venv/bin/python manage.py check --fail-level WARNING
	env $(PRODUCTION) .venv/bin/python manage.py check --deploy --fail-level WARNING
	ENVIRONMENT=test .venv/bin/python manage.py makemigrations --check --dry-run
	ENVIRONMENT=test .venv/bin/python manage.py print_schema --check
	ENVIRONMENT=test .venv/bin/python manage.py print_client_types --check
	ENVIRONMENT=test .venv/bin/python manage.py print_client_documents --check
	ENVIRONMENT=test .venv/bin/python manage.py print_configuration --check

.development:
	$(call bootstrap,development)

.PHONY: help run test chaos prove siege bench bench-quick check format pictures lock matrix audit release clean check-style check-types check-imports check-django .development
