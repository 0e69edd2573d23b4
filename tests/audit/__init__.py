"""Looks up the packages of the locks in the registries' lists of known vulnerabilities: `make audit`."""
