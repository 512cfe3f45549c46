# The course in one word each. Every target makes .venv when it is missing.
#
#     make lab       open the course in JupyterLab
#     make app       serve the learning-rate lab alone, as a static page
#     make test      run every test and every notebook
#     make browsers  try the pages in Firefox and in WebKit, Safari's engine
#     make site      build the course as a site of static pages, build/site/
#     make versions  run every test with the lowest and the newest version of everything
#     make bench     print the benchmark table
#     make student   write build/student/, the course without its answers
#     make class     start a server for a class (as root; see site/class.md)
#     make class-test  hold a class of thirty on this machine (as root)
#     make refresh   run all notebooks again and store their outputs
#
# PYTHON=python3.12 chooses the Python that .venv is made with.
# OPTIONS="..." is handed on, for example  make lab OPTIONS="--no-browser --port=9000".

python := .venv/bin/python

# Jupyter refuses to run as root unless it is told that this is meant.
as_root := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: help lab app test browsers site versions bench student class class-test refresh setup-lab setup-class setup-test

help:
	@sed -n 's/^#     //p' Makefile

# tools/setup.sh knows by itself whether there is anything to do.
setup-lab setup-class setup-test:
	@sh tools/setup.sh $(@:setup-%=%)

lab: setup-lab
	@echo "JupyterLab opens in your browser. To end it, press Control-C twice here."
	@"$(python)" -m jupyterlab notebooks --Application.log_level=WARN $(as_root) $(OPTIONS)

app: setup-lab
	@"$(python)" tools/lab_page.py $(OPTIONS)

test: setup-test
	"$(python)" tools/test.py $(OPTIONS)

browsers: setup-test
	"$(python)" -m pytest tests/browser/engines.py $(OPTIONS)

site: setup-test
	"$(python)" tools/build_site.py $(OPTIONS)

versions: setup-test
	"$(python)" tools/versions.py lowest newest $(OPTIONS)

bench: setup-test
	"$(python)" -m benchmarks $(OPTIONS)

student: setup-test
	"$(python)" tools/student.py $(OPTIONS)

class: setup-class
	"$(python)" -m jupyterhub --config=class/jupyterhub_config.py $(OPTIONS)

class-test: setup-test
	"$(python)" tools/class_test.py $(OPTIONS)

refresh: setup-test
	"$(python)" tools/refresh.py $(OPTIONS)
